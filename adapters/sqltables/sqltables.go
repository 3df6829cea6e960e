// Package sqltables provides the adapter for the existing tables of an Auth.js
// app: those of @auth/drizzle-adapter, @auth/prisma-adapter,
// @auth/kysely-adapter, @auth/pg-adapter and @auth/typeorm-adapter, on
// PostgreSQL, MySQL, MariaDB and SQLite. Users, accounts and sessions are kept; a
// Next.js front end and a Go server may use the tables at the same time.
//
//	adapter, err := sqltables.Open(ctx, os.Getenv("DATABASE_URL"), sqltables.DrizzlePostgres(), sqltables.Options{})
//	if err != nil { … }
//	defer adapter.Close()
//	eng, err := engine.New(engine.Config{Adapter: adapter, …})
//
// A [Layout] describes the tables. It is plain data: if tables or columns have
// other names, take the closest layout and change the names.
//
// The adapter never migrates. Opening compares the layout with the catalog of the
// database and reports all differences in one error ([MismatchError]), each with
// a fix. A unique key that a layout is known to lack, as that of @auth/pg-adapter
// does, is not an error: one line of the log has the statements that create it.
// Until they are run, writes that depend on the key wait for each other and check
// for duplicates.
//
// All rules of store.Adapter hold for these tables. A value that a column cannot
// hold is refused with store.ErrInvalid: a token of 300 characters in
// varchar(255), an expires_at beyond 32 bits in an integer. Text is compared byte
// for byte, whatever the collation. Under a collation that ignores case or
// trailing spaces (MySQL's defaults) two keys that differ only in these cannot
// both be stored: the second is a *store.ConflictError.
//
// MariaDB and PostgreSQL are tested. MySQL 8 should work too: no statement is
// specific to MariaDB.
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

// Options are optional settings of an adapter. The zero value is right for most
// applications.
type Options struct {
	// Schema declares extra fields. Each is a column with the name of the field
	// in the table of users or of sessions; lists and objects are JSON text. nil
	// declares none.
	Schema *schema.Schema
	// Logger receives at most one line, when the adapter opens. nil means
	// slog.Default().
	Logger *slog.Logger
	// BusyTimeout is how long a call waits for other writers before it fails;
	// its context may end the wait earlier. On a server it limits the wait for a
	// row lock (in whole seconds on MySQL) and the time during which a call is
	// repeated after a deadlock. 0 or less means 5 seconds.
	BusyTimeout time.Duration
}

// Adapter is a store.Adapter that also implements store.Transactor, store.Purger,
// store.SessionLister and store.Inspector. For passkeys see [Adapter.WebAuthn].
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

// New returns an adapter that uses an open database. The driver must be
//
//   - for SQLite github.com/mattn/go-sqlite3. The DSN must have _fk=1 and
//     should have _txlock=immediate and a short _busy_timeout, because SQLite
//     ignores the context while it waits for locks.
//   - for MySQL and MariaDB github.com/go-sql-driver/mysql. The DSN must have
//     charset=utf8mb4, loc=UTC, a strict sql_mode and time_zone=%27%2B00:00%27
//     (but no time_zone if SessionZone of the layout is [ServerZone]).
//   - for PostgreSQL github.com/jackc/pgx/v5/stdlib.
//
// New checks the required settings on one connection and compares the tables with
// the layout. It reports all differences in a *[MismatchError] and changes
// nothing.
//
// The adapter takes ownership of db, and Close closes it. If New fails, db stays
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

// log logs in one line which guarantees the tables lack that a layout may lack.
func (c *checker) log(ctx context.Context, logger *slog.Logger) {
	if logger == nil {
		logger = slog.Default()
	}
	attrs := []slog.Attr{slog.String("layout", c.layout.Name)}
	level := slog.LevelInfo
	if len(c.missingKeys) > 0 {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("missing_unique_keys", "writes wait for each other until these exist; run: "+strings.Join(c.missingKeys, "; ")))
	}
	if len(c.strictKeys) > 0 {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("strict_unique_keys", strings.Join(c.strictKeys, "; ")))
	}
	if len(c.folding) > 0 {
		attrs = append(attrs, slog.String("collations", "two keys that differ only in letter case, accents or trailing spaces cannot both be stored (lookups still distinguish them); to allow both, give the columns "+
			strings.Join(c.folding, ", ")+" a binary collation without padding, such as utf8mb4_0900_bin on MySQL or utf8mb4_nopad_bin on MariaDB"))
	}
	if len(c.instants) > 0 {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("instants", strings.Join(c.instants, "; ")+
			": the app cannot compare the two; open the tables with the layout that writes instants as the app does (for Prisma: PrismaSQLite for integers, PrismaSQLiteText for text), or set Kind of the columns"))
	}
	if len(attrs) > 1 {
		logger.LogAttrs(ctx, level, "sqltables: the tables lack guarantees that Sesame's own tables have", attrs...)
	}
}

// String describes the adapter for reports: "layout PG on postgres".
func (a *Adapter) String() string { return "layout " + a.layout.Name + " on " + a.layout.Dialect }

// Inspect implements store.Inspector. It compares the tables with the layout as
// [New] does, and reports all differences in a *[MismatchError].
func (a *Adapter) Inspect(ctx context.Context) error {
	c := checker{layout: &a.layout}
	if _, err := c.check(ctx, a.conn.DB, a.schema); err != nil {
		return fmt.Errorf("sqltables: %w", err)
	}
	return nil
}

// DB returns the database, for queries of the application.
func (a *Adapter) DB() *sql.DB { return a.conn.DB }

// Close closes the database. Every later call of another method fails.
func (a *Adapter) Close() error {
	return errors.Join(a.hot.close(), a.conn.DB.Close())
}

// Tx implements store.Transactor. fn must be short and use only the adapter passed
// to it, whose calls fail after fn has returned.
//
// On SQLite a transaction holds the write lock from beginning to end. A write
// through a waits for that end; inside fn it fails after Options.BusyTimeout.
//
// On a server a transaction is READ COMMITTED and locks the rows it reads, except
// those of GetSessionAndUser. After a deadlock the transaction is repeated, until
// Options.BusyTimeout is over: fn may be called several times and must have no
// effect except through the adapter.
func (a *Adapter) Tx(ctx context.Context, fn func(store.Adapter) error) error {
	return a.conn.InTx(ctx, func(c *sqlstore.Conn) error { return fn(a.in(c)) })
}

// WithTx returns the adapter in a transaction of the application, which must be on
// the database of a. It has the optional interfaces of a, except store.Transactor
// and Close.
//
// On a server it locks the rows it reads as Tx does, so tx must not be read-only
// and should be READ COMMITTED. If the database fails, or has rolled back the
// transaction because of a deadlock, tx is rolled back. Errors of package store,
// such as *store.ConflictError, leave it usable.
//
// On MySQL a write fails if it depends on a unique key that the table lacks: the
// adapter cannot make other writers wait for the end of tx.
func (a *Adapter) WithTx(tx *sql.Tx) store.Adapter { return a.in(a.conn.In(tx)) }

// WebAuthnAdapter is an Adapter that also implements store.AuthenticatorAdapter.
type WebAuthnAdapter struct {
	*Adapter
	authenticators
}

// WebAuthn returns an adapter on the same database that also implements
// store.AuthenticatorAdapter, for passkeys. It returns an error if the layout has no
// table of authenticators.
func (a *Adapter) WebAuthn() (*WebAuthnAdapter, error) {
	if a.tables.authenticator == nil {
		return nil, errors.New("sqltables: the layout has no table of authenticators; create one like that of DrizzlePostgres().Authenticator, and set Authenticator of the layout")
	}
	return &WebAuthnAdapter{a, authenticators{&a.rows}}, nil
}

// Tx is like [Adapter.Tx]; the adapter passed to fn is a store.AuthenticatorAdapter
// too.
func (a *WebAuthnAdapter) Tx(ctx context.Context, fn func(store.Adapter) error) error {
	return a.conn.InTx(ctx, func(c *sqlstore.Conn) error { return fn(full(a.in(c))) })
}

// WithTx is like [Adapter.WithTx]; the returned adapter is a
// store.AuthenticatorAdapter too.
func (a *WebAuthnAdapter) WithTx(tx *sql.Tx) store.Adapter { return full(a.in(a.conn.In(tx))) }
