// Package entclient provides the adapter for the stock ent client (package ent of
// this module): users, accounts, sessions, verification tokens and
// authenticators in SQLite, MySQL, MariaDB or PostgreSQL.
//
//	adapter, err := entclient.OpenSQLite(ctx, "auth.db", entclient.Options{})
//	if err != nil { … }
//	defer adapter.Close()
//	eng, err := engine.New(engine.Config{Adapter: adapter, …})
//
// Opening creates and migrates the tables. Session tokens are stored as their
// SHA-256 (see store.Traits), instants as UNIX milliseconds. Keys are compared
// byte for byte. A key that is too long is refused with store.ErrInvalid: above
// 512 bytes on MySQL and MariaDB, and above the limit of an index (2.7 kB) on
// PostgreSQL.
//
// MariaDB and PostgreSQL are tested. MySQL 8 should work too: no statement is
// specific to MariaDB.
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
	"github.com/sesame-auth/sesame/ent/authruntime"
	"github.com/sesame-auth/sesame/ent/migrate"
)

// Options are optional settings of an adapter. The zero value is right for most
// applications.
type Options struct {
	// Schema must be the schema of the engine. The stock client has no columns
	// for extra fields, so opening fails if the schema declares one. nil
	// declares none.
	Schema *schema.Schema
	// BusyTimeout is how long a call waits for other writers before it fails;
	// its context may end the wait earlier. On a server it limits the wait for a
	// row lock (in whole seconds on MySQL) and the time during which a call is
	// repeated after a deadlock. 0 or less means 5 seconds.
	BusyTimeout time.Duration
}

// Adapter is a store.Adapter that also implements store.AuthenticatorAdapter,
// store.Transactor, store.Purger, store.SessionLister and store.Inspector.
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

	_ authruntime.Managed = managed{}
	_ authruntime.Managed = bound{}
)

// contract holds the methods of the contract, on the database or in a
// transaction.
type contract struct {
	conn    *sqlstore.Conn
	backend *backend
	rows    *ent.AuthAdapter // uses the builders of the client
	hot     *statements
}

// in returns the contract on another Conn, which is in a transaction.
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

// Managed implements authruntime.Managed: this package makes calls of the client
// atomic and repeats them.
func (managed) Managed() {}

// New returns an adapter that uses an open database, whose tables it brings up to
// date. The dialect is dialect.SQLite, dialect.MySQL or dialect.Postgres of
// entgo.io/ent/dialect, and the driver must be
//
//   - for SQLite github.com/mattn/go-sqlite3. The DSN must have _fk=1 and
//     should have _txlock=immediate and a short _busy_timeout, because SQLite
//     ignores the context while it waits for locks.
//   - for MySQL and MariaDB github.com/go-sql-driver/mysql. The DSN must have
//     clientFoundRows=true, charset=utf8mb4 and a strict sql_mode.
//   - for PostgreSQL github.com/jackc/pgx/v5/stdlib.
//
// New checks the required settings on one connection.
//
// The adapter takes ownership of db, and Close closes it. If New fails, db stays
// open.
func New(ctx context.Context, dialect string, db *sql.DB, o Options) (*Adapter, error) {
	a, err := newAdapter(ctx, dialect, db, o)
	if err != nil {
		return nil, fmt.Errorf("entclient: %w", err)
	}
	return a, nil
}

// openingPatience exceeds the default BusyTimeout, because processes that start
// together wait for each other's migration.
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
		return nil, b.openError(err)
	}
	driver := entsql.OpenDB(name, db)
	return &Adapter{
		contract{
			// On SQLite a write is one statement, except PurgeExpired, which may
			// stop halfway.
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
			"generate the adapter into your own ent package (ent/authent, see examples/own-ent), "+
			"or add the columns from the SQL that typegen generates and open the tables with adapters/sqltables", table, field)
	}
	for _, f := range s.User {
		if !slices.Contains([]string{"id", "name", "email", "image"}, f.Name) {
			return refuse("user", f.Name)
		}
	}
	for _, f := range s.Session {
		return fmt.Errorf("%w (with jwt sessions the fields are claims and need no columns: leave Session out of Options.Schema)", refuse("session", f.Name))
	}
	return nil
}

// Client returns an ent client on the same database, for queries of the
// application. Outside of a transaction its calls do not wait for other writers
// of a SQLite database: they fail with SQLITE_BUSY.
func (a *Adapter) Client() *ent.Client { return a.client }

// String describes the adapter for reports: "ent on sqlite3".
func (a *Adapter) String() string { return "ent on " + a.conn.Name }

// Inspect implements store.Inspector. It queries every column of every table, by
// qualified names: SQLite treats an unknown quoted name without a table as text.
func (a *Adapter) Inspect(ctx context.Context) error {
	var missing []error
	for _, table := range migrate.Tables {
		t := entsql.Dialect(a.conn.Name).Table(table.Name)
		columns := make([]string, len(table.Columns))
		for i, c := range table.Columns {
			columns[i] = t.C(c.Name)
		}
		query, args := entsql.Dialect(a.conn.Name).Select(columns...).From(t).Where(entsql.False()).Query()
		_, err := read(ctx, &a.contract, "inspect the table "+table.Name, func() (none struct{}, err error) {
			rows, err := a.conn.DB.QueryContext(ctx, query, args...)
			if err != nil {
				return none, err
			}
			rows.Next() // until then SQLite does not check the columns
			return none, errors.Join(rows.Err(), rows.Close())
		})
		missing = append(missing, err)
	}
	return errors.Join(missing...)
}

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
// On a server it locks the rows it reads as Tx does, so tx must not be read-only.
// If the database fails, or has rolled back the transaction because of a
// deadlock, tx is rolled back. Errors of package store, such as
// *store.ConflictError, leave it usable.
func (a *Adapter) WithTx(tx *sql.Tx) store.Adapter { return a.in(a.conn.In(tx)) }

// read makes a call that only reads. It returns errors as sqlstore.Read does.
func read[T any](ctx context.Context, s *contract, op string, call func() (T, error)) (T, error) {
	return sqlstore.Read(ctx, s.conn, op, func() (T, error) {
		v, err := call()
		return v, s.backend.storeError(err)
	})
}

// write is like read, for calls that write. The call must use the contract passed
// to it.
func write[T any](ctx context.Context, s *contract, op string, call func(*contract) (T, error)) (T, error) {
	return sqlstore.Write(ctx, s.conn, op, func(c *sqlstore.Conn) (T, error) {
		v, err := call(s.in(c))
		return v, s.backend.storeError(err)
	})
}
