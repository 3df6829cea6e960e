// Package entclient is the adapter over the stock ent client (package ent of
// this module): users, accounts, sessions, verification tokens and
// authenticators in SQLite, MySQL, MariaDB or PostgreSQL.
//
//	adapter, err := entclient.OpenSQLite(ctx, "auth.db", entclient.Options{})
//	if err != nil { … }
//	defer adapter.Close()
//	eng, err := engine.New(engine.Config{Adapter: adapter, …})
//
// The tables are created and migrated by opening. Session tokens are stored as
// their SHA-256 (see store.Traits), instants as UNIX milliseconds. Keys compare
// byte for byte; on MySQL one longer than 512 bytes is store.ErrInvalid, on
// PostgreSQL one that an index has no room for (2.7 kB).
//
// MariaDB and PostgreSQL are tested. MySQL 8 is supported by construction: no
// statement is known to MariaDB only.
package entclient

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/ent"
	"github.com/sesame-auth/sesame/ent/migrate"
)

// Options are the choices of an adapter. The zero value is good.
type Options struct {
	// Schema is checked, so that a field without a column is found when the
	// program starts: the stock client has no columns for extra fields. nil
	// declares none.
	Schema *schema.Schema
	// BusyTimeout is how long a call waits for other writers before it fails;
	// its context may end the wait earlier. On a server that is the wait for a
	// row (a server may count in seconds), and how long a call is made again
	// that lost a deadlock. 0 or less: 5 seconds.
	BusyTimeout time.Duration
}

// Adapter is a store.Adapter, and an AuthenticatorAdapter, Transactor,
// Purger, SessionLister and Inspector.
type Adapter struct {
	contract
	client *ent.Client
}

var (
	_ store.Adapter              = (*Adapter)(nil)
	_ store.AuthenticatorAdapter = (*Adapter)(nil)
	_ store.Transactor           = (*Adapter)(nil)
	_ store.Purger               = (*Adapter)(nil)
	_ store.SessionLister        = (*Adapter)(nil)
	_ store.Inspector            = (*Adapter)(nil)
)

// contract holds the methods of the contract, on the database or in a
// transaction.
type contract struct {
	conn    *sqlstore.Conn
	backend *backend
	rows    *ent.AuthAdapter // by the builders of the client
	hot     *statements
}

// in returns the store on another Conn, which is in a transaction.
func (s *contract) in(c *sqlstore.Conn) *contract {
	if c == s.conn {
		return s
	}
	d := bound{entsql.NewDriver(c.Name, entsql.Conn{ExecQuerier: c.Querier()}), s.backend, c.LockRead()}
	return &contract{conn: c, backend: s.backend, rows: ent.NewAuthAdapter(ent.NewClient(ent.Driver(d))), hot: s.hot}
}

// managed is the driver of a client outside of a transaction, for calls that
// are one statement.
type managed struct{ *entsql.Driver }

// Managed says that the calls of the client are made whole and made again here.
func (managed) Managed() {}

// New returns the adapter over an open database and brings its tables up to
// date. The dialect is dialect.SQLite, dialect.MySQL or dialect.Postgres of
// entgo.io/ent/dialect, and the driver must be
//
//   - for SQLite github.com/mattn/go-sqlite3. The DSN must have _fk=1 and
//     should have _txlock=immediate and a short _busy_timeout, for SQLite waits
//     for locks without looking at the context.
//   - for MySQL and MariaDB github.com/go-sql-driver/mysql. The DSN must have
//     clientFoundRows=true, charset=utf8mb4 and a strict sql_mode.
//   - for PostgreSQL github.com/jackc/pgx/v5/stdlib.
//
// What the DSN must have is checked on one connection.
//
// The adapter owns db from here on and closes it; when New fails, db stays
// open.
func New(ctx context.Context, dialect string, db *sql.DB, o Options) (*Adapter, error) {
	a, err := newAdapter(ctx, dialect, db, o)
	if err != nil {
		return nil, fmt.Errorf("entclient: %w", err)
	}
	return a, nil
}

// openingPatience is more than BusyTimeout: processes that start together queue
// up for the migration.
const openingPatience = 15 * time.Second

func newAdapter(ctx context.Context, name string, db *sql.DB, o Options) (*Adapter, error) {
	b, err := backendOf(name)
	if err != nil {
		return nil, err
	}
	if err := checkSchema(o.Schema); err != nil {
		return nil, err
	}
	var hot *statements
	err = b.Locks(openingPatience).Wait(ctx, func() (err error) {
		hot, err = b.setUp(ctx, db)
		return err
	})
	if err != nil {
		return nil, b.opening(err)
	}
	driver := entsql.OpenDB(name, db)
	return &Adapter{
		contract{
			// On SQLite a write is one statement, but for PurgeExpired, which may
			// stop half-way.
			conn:    &sqlstore.Conn{Dialect: b.Dialect, Adapter: "entclient", DB: db, Locks: b.Locks(sqlstore.Patience(o.BusyTimeout)), Bare: true},
			backend: b,
			rows:    ent.NewAuthAdapter(ent.NewClient(ent.Driver(managed{driver}))),
			hot:     hot,
		},
		ent.NewClient(ent.Driver(driver)),
	}, nil
}

// checkSchema refuses extra fields, which would be lost.
func checkSchema(s *schema.Schema) error {
	if s == nil {
		return nil
	}
	refuse := func(table, field string) error {
		return fmt.Errorf("the schema declares the %s field %q, but the stock ent client has no column for it; "+
			"generate the adapter into an ent package of your own (ent/authent, see examples/own-ent), "+
			"or add the columns that typegen prints as SQL and open the tables with adapters/sqltables", table, field)
	}
	for _, f := range s.User {
		if !slices.Contains([]string{"id", "name", "email", "image"}, f.Name) {
			return refuse("user", f.Name)
		}
	}
	for _, f := range s.Session {
		return fmt.Errorf("%w (with jwt sessions, whose fields are claims and need no column, leave Session out of the schema given here)", refuse("session", f.Name))
	}
	return nil
}

// Client is the ent client of the same database, for the application's own
// queries. Outside of a transaction its calls do not wait for other writers of
// a SQLite database: they fail with SQLITE_BUSY.
func (a *Adapter) Client() *ent.Client { return a.client }

// String says what the adapter is, for reports: "ent on sqlite3".
func (a *Adapter) String() string { return "ent on " + a.conn.Name }

// Inspect implements store.Inspector: every table with every column is asked
// for, by names that cannot be taken for text (SQLite takes an unknown name in
// quotes for that).
func (a *Adapter) Inspect(ctx context.Context) error {
	var missing []error
	for _, table := range migrate.Tables {
		t := entsql.Dialect(a.conn.Name).Table(table.Name)
		columns := make([]string, len(table.Columns))
		for i, c := range table.Columns {
			columns[i] = t.C(c.Name)
		}
		query, args := entsql.Dialect(a.conn.Name).Select(columns...).From(t).Where(entsql.False()).Query()
		_, err := read(ctx, &a.contract, "look at the table "+table.Name, func() (none struct{}, err error) {
			rows, err := a.conn.DB.QueryContext(ctx, query, args...)
			if err != nil {
				return none, err
			}
			rows.Next() // SQLite looks at the tables no sooner
			return none, errors.Join(rows.Err(), rows.Close())
		})
		missing = append(missing, err)
	}
	return errors.Join(missing...)
}

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
// read-only. When the database fails, or has undone the transaction because of
// a deadlock, tx is rolled back; what store.Adapter calls an answer, such as
// *store.ConflictError, leaves it usable.
func (a *Adapter) WithTx(tx *sql.Tx) store.Adapter { return a.in(a.conn.In(tx)) }

// read makes a call that only reads. Its error is one of the contract.
func read[T any](ctx context.Context, s *contract, doing string, call func() (T, error)) (T, error) {
	return sqlstore.Read(ctx, s.conn, doing, func() (T, error) {
		v, err := call()
		return v, s.backend.answer(err)
	})
}

// write is read for calls that write. The call uses the store it is given.
func write[T any](ctx context.Context, s *contract, doing string, call func(*contract) (T, error)) (T, error) {
	return sqlstore.Write(ctx, s.conn, doing, func(c *sqlstore.Conn) (T, error) {
		v, err := call(s.in(c))
		return v, s.backend.answer(err)
	})
}
