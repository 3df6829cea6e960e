// Package entclient is the adapter over the stock ent client (package ent of
// this module): users, accounts, sessions, verification tokens and
// authenticators in a SQL database, today SQLite.
//
//	adapter, err := entclient.OpenSQLite(ctx, "auth.db", entclient.Options{})
//	if err != nil { … }
//	defer adapter.Close()
//	eng, err := engine.New(engine.Config{Adapter: adapter, …})
//
// The tables are created and migrated by opening. Session tokens are stored as
// their SHA-256 (see engine.Traits), instants as UNIX milliseconds.
package entclient

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/ent"
)

// Options are the choices of an adapter. The zero value is good.
type Options struct {
	// Schema is checked, so that a field without a column is found when the
	// program starts: the stock client has no columns for extra fields. nil
	// declares none.
	Schema *engine.Schema
	// BusyTimeout is how long a call waits for other writers of a SQLite
	// database before it fails; its context may end the wait earlier. 0 or
	// less: 5 seconds.
	BusyTimeout time.Duration
}

// Adapter is an engine.Adapter, and an AuthenticatorAdapter, Transactor,
// Purger and SessionLister.
type Adapter struct {
	store
	db      *sql.DB
	dialect string
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
	client *ent.Client
	hot    *statements
	tx     *sql.Tx // nil outside of a transaction
	locks  *locks  // nil in a transaction, which has the lock
}

// New returns the adapter over an open database and brings its tables up to
// date. The dialect is dialect.SQLite of entgo.io/ent/dialect; no other is
// known yet. The DSN of github.com/mattn/go-sqlite3 must have _fk=1 and should
// have _txlock=immediate and a short _busy_timeout, for SQLite waits for locks
// without looking at the context.
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

func newAdapter(ctx context.Context, name string, db *sql.DB, o Options) (*Adapter, error) {
	if name != dialect.SQLite {
		return nil, fmt.Errorf("no support for dialect %q yet; want %q", name, dialect.SQLite)
	}
	if err := checkSchema(o.Schema); err != nil {
		return nil, err
	}
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 5 * time.Second
	}
	var hot *statements
	err := openingLocks().wait(ctx, func() (err error) {
		if err := checkForeignKeys(ctx, db); err != nil {
			return err
		}
		if err := migrateSQLite(ctx, db); err != nil {
			return err
		}
		hot, err = prepare(ctx, db)
		return err
	})
	if err != nil {
		return nil, explain(err)
	}
	client := ent.NewClient(ent.Driver(entsql.OpenDB(name, db)))
	return &Adapter{db: db, dialect: name, store: store{client: client, hot: hot, locks: newLocks(o.BusyTimeout)}}, nil
}

// checkSchema refuses extra fields, which would be lost.
func checkSchema(s *engine.Schema) error {
	if s == nil {
		return nil
	}
	refuse := func(table, field string) error {
		return fmt.Errorf("the schema declares the %s field %q, but the stock ent client has no column for it; "+
			"use adapters/memory, or generate a client of your own with that column", table, field)
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

// Tx implements engine.Transactor. A transaction has SQLite's write lock from
// its beginning to its end: fn must be short, and use the adapter it is given
// only, which is of no use after fn has returned. A write through a waits for
// the end of the transaction; within fn it fails after Options.BusyTimeout.
func (a *Adapter) Tx(ctx context.Context, fn func(engine.Adapter) error) error {
	release, err := a.locks.acquire(ctx)
	if err != nil {
		return failure(ctx, "begin a transaction", err)
	}
	defer release()
	var tx *sql.Tx
	err = a.locks.wait(ctx, func() (err error) {
		tx, err = a.db.BeginTx(ctx, nil)
		return err
	})
	if err != nil {
		return failure(ctx, "begin a transaction", err)
	}
	defer tx.Rollback() // does nothing after a commit
	client := ent.NewClient(ent.Driver(bound{entsql.NewDriver(a.dialect, entsql.Conn{ExecQuerier: tx}), a.dialect}))
	if err := fn(&store{client: client, hot: a.hot, tx: tx}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return failure(ctx, "commit a transaction", err)
	}
	return nil
}

// bound is the driver of a client inside a transaction: what ent would wrap in
// a transaction of its own runs in this one.
type bound struct {
	dialect.ExecQuerier
	name string
}

func (b bound) Dialect() string                        { return b.name }
func (b bound) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(b), nil }
func (b bound) Close() error                           { return nil }

// write is do for calls that write.
func write[T any](ctx context.Context, s *store, doing string, call func() (T, error)) (T, error) {
	release, err := s.locks.acquire(ctx)
	if err != nil {
		var none T
		return none, failure(ctx, doing, err)
	}
	defer release()
	return do(ctx, s, doing, call)
}

// do makes a call, one statement or one whole transaction, again while a lock
// turns it away. Its error is one of the contract.
func do[T any](ctx context.Context, s *store, doing string, call func() (T, error)) (v T, err error) {
	if err = ctx.Err(); err == nil {
		err = s.locks.wait(ctx, func() error {
			v, err = call()
			return err
		})
	}
	if err == nil {
		return v, nil
	}
	err = failure(ctx, doing, err)
	if s.tx != nil && !ofContract(err) {
		// After such an error SQLite may have ended the transaction, and what
		// follows would be written outside of it. PostgreSQL's is lost anyway.
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
func failure(ctx context.Context, doing string, err error) error {
	switch cause := ctx.Err(); {
	case cause != nil && errors.Is(err, cause):
		return fmt.Errorf("entclient: %s: %w", doing, err)
	case cause != nil:
		return fmt.Errorf("entclient: %s: %w (%v)", doing, cause, err)
	case err == engine.ErrNotFound, ent.IsNotFound(err), errors.Is(err, sql.ErrNoRows):
		return engine.ErrNotFound
	}
	return fmt.Errorf("entclient: %s: %w", doing, explain(err))
}
