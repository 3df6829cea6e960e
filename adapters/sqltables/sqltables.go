// Package sqltables is the adapter over the tables that an Auth.js app already
// has: those of @auth/drizzle-adapter, @auth/prisma-adapter,
// @auth/kysely-adapter, @auth/pg-adapter and @auth/typeorm-adapter, on
// PostgreSQL, MySQL, MariaDB and SQLite. The app goes on with its users,
// accounts and sessions; a Next.js front end and a Go server may use the tables
// at the same time.
//
//	adapter, err := sqltables.Open(ctx, os.Getenv("DATABASE_URL"), sqltables.DrizzlePostgres(), sqltables.Options{})
//	if err != nil { … }
//	defer adapter.Close()
//	eng, err := engine.New(engine.Config{Adapter: adapter, …})
//
// A [Layout] says what the tables are like. It is plain data: when tables or
// columns are called otherwise, take the layout that comes closest and change
// the names.
//
// The adapter never migrates. When it opens, it compares the layout with the
// catalogue of the database and says all that differs in one error
// ([MismatchError]), each with what to do about it. What a layout is known to
// lack, such as the unique keys of @auth/pg-adapter, is no error: one line of
// the log prints the statements that would make them. Until then the writes
// that depend on them wait for each other and look first.
//
// All of store.Adapter holds over these tables, but what a column cannot hold
// is store.ErrInvalid: a token of 300 characters in varchar(255), an expires_at
// beyond 32 bits in an integer. Text is compared byte for byte, whatever the
// collation; under one that ignores case or blanks at the end (MySQL's
// defaults) two keys that differ in nothing else cannot both be stored: the
// second is *store.ConflictError.
//
// MariaDB and PostgreSQL are tested. MySQL 8 is supported by construction: no
// statement is known to MariaDB only.
package sqltables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// Options are the choices of an adapter. The zero value is good.
type Options struct {
	// Schema declares extra fields. Each is a column of that name in the table
	// of users or of sessions; lists and objects are JSON text. nil declares
	// none.
	Schema *schema.Schema
	// Logger gets at most one line, when the adapter opens. nil:
	// slog.Default().
	Logger *slog.Logger
	// BusyTimeout is how long a call waits for other writers before it fails;
	// its context may end the wait earlier. On a server that is the wait for a
	// row (a server may count in seconds), and how long a call is made again
	// that lost a deadlock. 0 or less: 5 seconds.
	BusyTimeout time.Duration
}

// Adapter is a store.Adapter, Transactor, Purger, SessionLister and
// Inspector. For passkeys see [Adapter.WebAuthn].
type Adapter struct {
	rows
	layout Layout
	schema *schema.Schema
}

var (
	_ store.Adapter        = (*Adapter)(nil)
	_ store.Transactor     = (*Adapter)(nil)
	_ store.Purger         = (*Adapter)(nil)
	_ store.SessionLister  = (*Adapter)(nil)
	_ store.TraitsDeclarer = (*Adapter)(nil)
	_ store.Inspector      = (*Adapter)(nil)

	_ store.Adapter              = (*WebAuthnAdapter)(nil)
	_ store.AuthenticatorAdapter = (*WebAuthnAdapter)(nil)
	_ store.Transactor           = (*WebAuthnAdapter)(nil)
	_ store.Purger               = (*WebAuthnAdapter)(nil)
	_ store.SessionLister        = (*WebAuthnAdapter)(nil)
	_ store.TraitsDeclarer       = (*WebAuthnAdapter)(nil)
)

// New returns the adapter over an open database. The driver must be
//
//   - for SQLite github.com/mattn/go-sqlite3. The DSN must have _fk=1 and
//     should have _txlock=immediate and a short _busy_timeout, for SQLite waits
//     for locks without looking at the context.
//   - for MySQL and MariaDB github.com/go-sql-driver/mysql. The DSN must have
//     charset=utf8mb4, loc=UTC, a strict sql_mode and time_zone=%27%2B00:00%27
//     (no time_zone where SessionZone of the layout is [ServerZone]).
//   - for PostgreSQL github.com/jackc/pgx/v5/stdlib.
//
// What the DSN must have is checked on one connection, then the tables are
// compared with the layout: a *[MismatchError] says all that differs. Nothing
// is changed.
//
// The adapter owns db from here on and closes it; when New fails, db stays
// open.
func New(ctx context.Context, db *sql.DB, layout Layout, o Options) (*Adapter, error) {
	a, err := newAdapter(ctx, db, layout, o)
	if err != nil {
		return nil, fmt.Errorf("sqltables: %w", err)
	}
	return a, nil
}

func newAdapter(ctx context.Context, db *sql.DB, layout Layout, o Options) (*Adapter, error) {
	d, err := sqlstore.DialectOf(layout.Dialect)
	if err != nil {
		return nil, fmt.Errorf("layout %s: %w", layout.Name, err)
	}
	locks := d.Locks(sqlstore.Patience(o.BusyTimeout))
	c := checker{layout: &layout}
	var t *tables
	var hot *statements
	err = locks.Wait(ctx, func() (err error) {
		if err := d.Check(ctx, db); err != nil {
			return err
		}
		if layout.Dialect == dialect.MySQL {
			if err := sqlstore.CheckMySQLTime(ctx, db, layout.sessionZone()); err != nil {
				return err
			}
		}
		c = checker{layout: &layout}
		if t, err = c.check(ctx, db, o.Schema); err != nil {
			return err
		}
		hot, err = t.prepare(ctx, db, d)
		return err
	})
	if err != nil {
		return nil, d.Explain(err)
	}
	c.log(ctx, o.Logger)
	return &Adapter{layout: layout, schema: o.Schema, rows: rows{
		conn: &sqlstore.Conn{
			Dialect: d, Adapter: "sqltables", DB: db, Locks: locks,
			Pinned: len(c.missingKeys) > 0,
		},
		tables: t, hot: hot,
		traits: store.Traits{
			SharedWithAuthJS: layout.SharedWithAuthJS,
			AssignsIDs:       layout.User.Column("id").Fill == FromDatabase,
		},
	}}, nil
}

// log says in one line what the tables lack that a layout need not have.
func (c *checker) log(ctx context.Context, logger *slog.Logger) {
	if logger == nil {
		logger = slog.Default()
	}
	attrs := []slog.Attr{slog.String("layout", c.layout.Name)}
	level := slog.LevelInfo
	if len(c.missingKeys) > 0 {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("missing_unique_keys", "writes wait for each other until you run: "+strings.Join(c.missingKeys, "; ")))
	}
	if len(c.strictKeys) > 0 {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("strict_unique_keys", strings.Join(c.strictKeys, "; ")))
	}
	if len(c.folding) > 0 {
		attrs = append(attrs, slog.String("collations", "two keys that differ in nothing but letter case, accents or blanks at the end cannot both be stored (they are never mixed up); for every key give the columns "+
			strings.Join(c.folding, ", ")+" a binary collation without padding, such as utf8mb4_0900_bin on MySQL or utf8mb4_nopad_bin on MariaDB"))
	}
	if len(c.instants) > 0 {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("instants", strings.Join(c.instants, "; ")+
			": the app cannot compare the two; open the tables with the layout that writes what the app does (of Prisma: PrismaSQLite for integers, PrismaSQLiteText for text), or set Kind of the columns"))
	}
	if len(attrs) > 1 {
		logger.LogAttrs(ctx, level, "sqltables: the tables keep less than Sesame's own would", attrs...)
	}
}

// String names the layout and the dialect, for reports.
func (a *Adapter) String() string { return "layout " + a.layout.Name + " on " + a.layout.Dialect }

// Inspect implements store.Inspector: it compares the tables with the layout,
// as New did. A *[MismatchError] says all that differs. Nothing is changed.
func (a *Adapter) Inspect(ctx context.Context) error {
	c := checker{layout: &a.layout}
	if _, err := c.check(ctx, a.conn.DB, a.schema); err != nil {
		return fmt.Errorf("sqltables: %w", err)
	}
	return nil
}

// DB is the database, for the application's own queries.
func (a *Adapter) DB() *sql.DB { return a.conn.DB }

// Close closes the database. Every method fails afterwards.
func (a *Adapter) Close() error {
	return errors.Join(a.hot.close(), a.conn.DB.Close())
}

// Tx implements store.Transactor. fn must be short, and use the adapter it is
// given only, which is of no use after fn has returned.
//
// On SQLite a transaction has the write lock from its beginning to its end. A
// write through a waits for that end; within fn it fails after
// Options.BusyTimeout.
//
// On a server a transaction is READ COMMITTED and locks the rows it reads, but
// for those of GetSessionAndUser. One that loses a deadlock is tried again, and
// fn called again, as long as Options.BusyTimeout lasts: fn must have no
// effect but through the adapter.
func (a *Adapter) Tx(ctx context.Context, fn func(store.Adapter) error) error {
	return a.conn.InTx(ctx, func(c *sqlstore.Conn) error { return fn(a.in(c)) })
}

// WithTx returns the adapter in a transaction of the application's own, on the
// database of a. It has the optional interfaces that a has, but for
// store.Transactor and Close.
//
// On a server it locks the rows it reads as Tx does, so tx must not be
// read-only, and should be READ COMMITTED. When the database fails, or has
// undone the transaction because of a deadlock, tx is rolled back; what
// store.Adapter calls an answer, such as *store.ConflictError, leaves it usable.
//
// On MySQL a write that depends on a unique key which the table lacks fails:
// the end of tx is not known, so nothing can make others wait for it.
func (a *Adapter) WithTx(tx *sql.Tx) store.Adapter { return a.in(a.conn.In(tx)) }

// WebAuthnAdapter is an Adapter that is a store.AuthenticatorAdapter too.
type WebAuthnAdapter struct {
	*Adapter
	authenticators
}

// WebAuthn returns a with its table of authenticators, for passkeys: an
// store.AuthenticatorAdapter over the same database. It is an error when the
// layout has no such table.
func (a *Adapter) WebAuthn() (*WebAuthnAdapter, error) {
	if a.tables.authenticator == nil {
		return nil, errors.New("sqltables: the layout has no table of authenticators; make one as DrizzlePostgres().Authenticator describes it, and set Authenticator of the layout")
	}
	return &WebAuthnAdapter{a, authenticators{&a.rows}}, nil
}

// Tx is [Adapter.Tx]; fn gets a store.AuthenticatorAdapter.
func (a *WebAuthnAdapter) Tx(ctx context.Context, fn func(store.Adapter) error) error {
	return a.conn.InTx(ctx, func(c *sqlstore.Conn) error { return fn(full(a.in(c))) })
}

// WithTx is [Adapter.WithTx]; the adapter is a store.AuthenticatorAdapter.
func (a *WebAuthnAdapter) WithTx(tx *sql.Tx) store.Adapter { return full(a.in(a.conn.In(tx))) }
