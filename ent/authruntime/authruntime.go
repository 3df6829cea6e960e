// Package authruntime is what generated adapters share: how a call is made, and
// what an error of a database means. Package authent generates those adapters
// into an application's ent package; applications import that package, not
// this one.
//
// It knows no database driver: it looks at the SQLSTATE of PostgreSQL and at
// the texts of MySQL and SQLite, as package sqlgraph of ent does.
package authruntime

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
)

// patience is how long a call is made again that lost a deadlock, or that waits
// for SQLite's write lock.
const patience = 5 * time.Second

// ReadCommitted is the isolation of transactions on a server.
const ReadCommitted = sql.LevelReadCommitted

// Store makes the calls of a generated adapter. C is the client of its ent
// package.
type Store[C any] struct {
	client  C
	driver  dialect.Driver
	pkg     Package
	begin   func(context.Context) (Tx[C], error) // nil in a transaction
	abort   func() error                         // ends the transaction that the store is in; nil outside
	managed bool
	busy    sync.Mutex            // held by a call in a transaction: one at a time, or savepoints and rows of two would mix
	locks   *Locks                // nil in a transaction, and when managed
	lost    atomic.Pointer[error] // why the database has undone the transaction
	checked atomic.Bool           // the session is as it must be
}

// Package is what a Store knows of the ent package of its client.
type Package struct {
	NotFound, Validation func(error) bool // the kinds of errors
	UserID               string           // the column of the id of users
	// Check looks at the session before the first write; see [CheckSession].
	Check func(ctx context.Context, d dialect.ExecQuerier, name string) error
}

// Tx is a transaction.
type Tx[C any] struct {
	Client           C
	Driver           dialect.Driver // of Client
	Commit, Rollback func() error
}

// Managed is implemented by the driver of a client whose calls somebody else
// makes whole and makes again, and whose errors they explain.
type Managed interface{ Managed() }

// NewStore returns the store over a client that is in no transaction.
func NewStore[C any](client C, driver dialect.Driver, pkg Package, begin func(context.Context) (Tx[C], error)) *Store[C] {
	_, managed := driver.(Managed)
	name := driver.Dialect()
	s := &Store[C]{client: client, driver: driver, pkg: pkg, begin: begin, managed: managed}
	if !managed {
		s.locks = NewLocks(patience, name == dialect.SQLite, func(err error) bool { return again(name, err) }, "other transactions have been in the way")
	}
	return s
}

// InTx returns the store over the client of a transaction. abort rolls it back.
func InTx[C any](client C, driver dialect.Driver, pkg Package, abort func() error) *Store[C] {
	return &Store[C]{client: client, driver: driver, pkg: pkg, abort: abort}
}

// Read makes a call that only reads. Its error is one of the contract.
func Read[C, T any](ctx context.Context, s *Store[C], doing string, call func(C) (T, error)) (v T, err error) {
	if s.abort != nil {
		s.busy.Lock()
		defer s.busy.Unlock()
	}
	if err = ctx.Err(); err == nil {
		err = s.locks.Wait(ctx, func() (err error) { v, err = call(s.client); return err })
	}
	return answer(ctx, s, doing, "", v, err)
}

// Write makes a call that writes, in a transaction: one of its own, or that of
// the store. What the call does, and what hooks do through the client of the
// mutation, is stored whole or not at all. Its error is one of the contract.
//
// unique is what a violated unique key is called in the contract: the name of
// the one such field, or [OfUser]. With the name of a field a violated foreign
// key means that there is no such user.
func Write[C, T any](ctx context.Context, s *Store[C], doing, unique string, call func(C) (T, error)) (v T, err error) {
	if s.abort != nil {
		s.busy.Lock()
		defer s.busy.Unlock()
	}
	err = ctx.Err()
	switch {
	case err != nil:
	case s.managed:
		v, err = call(s.client)
	case s.abort != nil:
		err = s.part(ctx, func() (err error) { v, err = call(s.client); return err })
	default:
		err = s.queued(ctx, func() error {
			return s.alone(ctx, func(t Tx[C]) (err error) { v, err = call(t.Client); return err })
		})
	}
	return answer(ctx, s, doing, unique, v, err)
}

// Transact calls fn with a store in a transaction, and again when the database
// has undone it because of others.
func (s *Store[C]) Transact(ctx context.Context, fn func(*Store[C]) error) error {
	if s.abort != nil {
		return errors.New("ent adapter: the adapter is in a transaction already")
	}
	var ofFn error
	err := s.queued(ctx, func() error {
		ofFn = nil
		return s.alone(ctx, func(t Tx[C]) error {
			in := InTx(t.Client, t.Driver, s.pkg, t.Rollback)
			if ofFn = fn(in); ofFn == nil {
				return nil
			}
			if lost := in.lost.Load(); lost != nil {
				return *lost
			}
			return errRolledBack // fn's own error is not looked at
		})
	})
	switch {
	case ofFn != nil:
		return ofFn
	case err != nil:
		return s.failure(ctx, "make a transaction", "", err)
	}
	return nil
}

var errRolledBack = errors.New("rolled back")

// queued makes a whole transaction in the order of the writers of this process.
func (s *Store[C]) queued(ctx context.Context, transaction func() error) error {
	release, err := s.locks.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	return s.locks.Wait(ctx, transaction)
}

// alone runs call in a transaction of its own.
func (s *Store[C]) alone(ctx context.Context, call func(Tx[C]) error) error {
	var t Tx[C]
	var err error
	if s.driver.Dialect() == dialect.SQLite {
		t, err = s.begin(ctx)
	} else {
		var end func()
		if t, end, err = Lasting(ctx, s.begin); err == nil {
			defer end()
		}
	}
	if err != nil {
		return err
	}
	t.Rollback = sync.OnceValue(t.Rollback)
	committing := false
	defer func() {
		if !committing {
			_ = t.Rollback()
		}
	}()
	if !s.checked.Load() {
		if err := s.pkg.Check(ctx, t.Driver, t.Driver.Dialect()); err != nil {
			return err
		}
		s.checked.Store(true)
	}
	if err := call(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	committing = true
	return t.Commit()
}

// part makes one call in the transaction of the store, from a savepoint: nothing
// stays of a call that fails, whatever hooks have written before, and PostgreSQL
// goes on after a failed statement.
func (s *Store[C]) part(ctx context.Context, call func() error) error {
	exec := func(statement string) error { return s.driver.Exec(ctx, statement, []any{}, nil) }
	if err := exec(`SAVEPOINT sesame_write`); err != nil {
		return err
	}
	err := call()
	if err == nil {
		return exec(`RELEASE SAVEPOINT sesame_write`)
	}
	if again(s.driver.Dialect(), err) {
		return err // the transaction is lost, and its savepoints
	}
	if lost := exec(`ROLLBACK TO SAVEPOINT sesame_write`); lost != nil {
		return fmt.Errorf("%w (after: %v)", lost, quiet(s.driver.Dialect(), err))
	}
	return err
}

// answer is the result of a call. What is no answer of the contract ends the
// transaction that the store is in: SQLite may have ended it already, and what
// follows would be written outside of it; a server's is lost anyway.
func answer[C, T any](ctx context.Context, s *Store[C], doing, unique string, v T, err error) (T, error) {
	if err == nil {
		return v, nil
	}
	var none T
	cause := err
	if err = s.failure(ctx, doing, unique, err); s.abort != nil && !OfContract(err) {
		if again(s.driver.Dialect(), cause) {
			s.lost.Store(&cause)
		}
		_ = s.abort()
	}
	return none, err
}
