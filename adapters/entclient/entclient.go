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
// their SHA-256 (see engine.Traits), instants as UNIX milliseconds. Keys compare
// byte for byte; on MySQL one longer than 512 bytes is engine.ErrInvalid, on
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
	"sync/atomic"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/ent"
	"github.com/sesame-auth/sesame/ent/authruntime"
)

// Options are the choices of an adapter. The zero value is good.
type Options struct {
	// Schema is checked, so that a field without a column is found when the
	// program starts: the stock client has no columns for extra fields. nil
	// declares none.
	Schema *engine.Schema
	// BusyTimeout is how long a call waits for other writers before it fails;
	// its context may end the wait earlier. On a server that is the wait for a
	// row (a server may count in seconds), and how long a call is made again
	// that lost a deadlock. 0 or less: 5 seconds.
	BusyTimeout time.Duration
}

func (o Options) busyTimeout() time.Duration {
	if o.BusyTimeout <= 0 {
		return 5 * time.Second
	}
	return o.BusyTimeout
}

// Adapter is an engine.Adapter, and an AuthenticatorAdapter, Transactor,
// Purger and SessionLister.
type Adapter struct {
	store
	client *ent.Client
}

var (
	_ engine.Adapter              = (*Adapter)(nil)
	_ engine.AuthenticatorAdapter = (*Adapter)(nil)
	_ engine.Transactor           = (*Adapter)(nil)
	_ engine.Purger               = (*Adapter)(nil)
	_ engine.SessionLister        = (*Adapter)(nil)
)

// store holds the methods of the contract, on the database or, with tx, in a
// transaction.
type store struct {
	backend *backend
	db      *sql.DB
	rows    *ent.AuthAdapter // by the builders of the client
	hot     *statements
	locks   *authruntime.Locks // nil in a transaction, which has the locks

	tx   *sql.Tx               // nil outside of a transaction
	lost atomic.Pointer[error] // why the database has undone the transaction
}

// in returns the store in a transaction.
func (s *store) in(tx *sql.Tx, lockRead string) *store {
	d := bound{entsql.NewDriver(s.backend.dialect, entsql.Conn{ExecQuerier: tx}), s.backend, lockRead}
	return &store{backend: s.backend, db: s.db, rows: ent.NewAuthAdapter(ent.NewClient(ent.Driver(d))), hot: s.hot, tx: tx}
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
	err = newLocks(b, openingPatience).Wait(ctx, func() (err error) {
		if err := b.setUp(ctx, db); err != nil {
			return err
		}
		hot, err = prepare(ctx, db, b.hot)
		return err
	})
	if err != nil {
		return nil, b.explain(err)
	}
	driver := entsql.OpenDB(name, db)
	return &Adapter{
		store{
			backend: b, db: db, hot: hot,
			rows:  ent.NewAuthAdapter(ent.NewClient(ent.Driver(managed{driver}))),
			locks: newLocks(b, o.busyTimeout()),
		},
		ent.NewClient(ent.Driver(driver)),
	}, nil
}

// newLocks returns locks for a database.
func newLocks(b *backend, patience time.Duration) *authruntime.Locks {
	return authruntime.NewLocks(patience, !b.server, b.again, b.turnedAway)
}

// checkSchema refuses extra fields, which would be lost.
func checkSchema(s *engine.Schema) error {
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

// Close closes the database. Every method fails afterwards.
func (a *Adapter) Close() error {
	return errors.Join(a.hot.close(), a.db.Close())
}

// Tx implements engine.Transactor. fn must be short, and use the adapter it is
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
func (a *Adapter) Tx(ctx context.Context, fn func(engine.Adapter) error) error {
	release, err := a.locks.Acquire(ctx)
	if err != nil {
		return a.backend.failure(ctx, "begin a transaction", err)
	}
	defer release()
	var doing string
	var answer error // of fn
	try := func() error {
		doing, answer = "begin a transaction", nil
		t, err := a.begin(ctx)
		if err != nil {
			return err
		}
		defer t.end()
		defer t.Rollback() // does nothing after a commit
		s := a.in(t.Tx, a.backend.lockRead)
		if answer = fn(s); answer != nil {
			if lost := s.lost.Load(); lost != nil {
				return *lost
			}
			return nil
		}
		doing = "commit a transaction"
		return t.commit()
	}
	if a.backend.server {
		err = a.locks.Wait(ctx, try)
	} else {
		err = try()
	}
	switch {
	case answer != nil:
		return answer
	case err != nil:
		return a.backend.failure(ctx, doing, err)
	}
	return nil
}

// WithTx returns the adapter in a transaction of the application's own, on the
// database of a. It has the optional interfaces that a has, but for
// engine.Transactor and Close.
//
// On a server it locks the rows it reads as Tx does, so tx must not be
// read-only. When the database fails, or has undone the transaction because of
// a deadlock, tx is rolled back; what engine.Adapter calls an answer, such as
// engine.ErrConflict, leaves it usable.
func (a *Adapter) WithTx(tx *sql.Tx) engine.Adapter { return a.in(tx, a.backend.lockRead) }

// write is do for calls that write. The call uses the store it is given.
func write[T any](ctx context.Context, s *store, doing string, call func(*store) (T, error)) (T, error) {
	if s.tx == nil && s.backend.server {
		return do(ctx, s, doing, func() (T, error) { return alone(ctx, s, call) })
	}
	if s.tx != nil && s.backend.savepoints {
		return do(ctx, s, doing, func() (T, error) { return saved(ctx, s, call) })
	}
	release, err := s.locks.Acquire(ctx)
	if err != nil {
		var none T
		return none, s.backend.failure(ctx, doing, err)
	}
	defer release()
	return do(ctx, s, doing, func() (T, error) { return call(s) })
}

// do makes a call, one statement or one whole transaction, again while the
// database turns it away. Its error is one of the contract.
func do[T any](ctx context.Context, s *store, doing string, call func() (T, error)) (v T, err error) {
	if err = ctx.Err(); err == nil {
		err = s.locks.Wait(ctx, func() error {
			v, err = call()
			return err
		})
	}
	if err == nil {
		return v, nil
	}
	cause := err
	err = s.backend.failure(ctx, doing, err)
	if s.tx != nil && !ofContract(err) {
		if s.backend.again(cause) {
			s.lost.Store(&cause)
		}
		// After such an error SQLite may have ended the transaction, and what
		// follows would be written outside of it. A server's is lost anyway.
		_ = s.tx.Rollback()
	}
	var none T
	return none, err
}

// ofContract reports whether the database did what it was asked and err is its
// answer.
func ofContract(err error) bool {
	return errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrInvalid) ||
		errors.Is(err, engine.ErrStaleCounter) || errors.Is(err, engine.ErrConflict{})
}

// failure gives err the identity that the contract demands.
func (b *backend) failure(ctx context.Context, doing string, err error) error {
	switch cause := ctx.Err(); {
	case cause != nil && errors.Is(err, cause):
		return fmt.Errorf("entclient: %s: %w", doing, err)
	case cause != nil:
		return fmt.Errorf("entclient: %s: %w (%v)", doing, cause, err)
	case err == engine.ErrNotFound, ent.IsNotFound(err), errors.Is(err, sql.ErrNoRows):
		return engine.ErrNotFound
	}
	return fmt.Errorf("entclient: %s: %w", doing, b.explain(err))
}
