// Package authruntime holds the code that generated adapters share: how they make
// a call, and what an error of a database means. Package authent generates those
// adapters into the ent package of an application; applications import that
// package, not this one.
//
// It imports no database driver: it recognizes errors by the SQLSTATE of
// PostgreSQL and by the texts of MySQL and SQLite, as package sqlgraph of ent
// does.
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

// patience is how long a call is repeated after a deadlock, or waits for SQLite's
// write lock.
const patience = 5 * time.Second

// ReadCommitted is the isolation level of transactions on a server.
const ReadCommitted = sql.LevelReadCommitted

// Store makes the calls of a generated adapter. C is the client of its ent
// package.
type Store[C any] struct {
	client  C
	driver  dialect.Driver
	pkg     Package
	begin   func(context.Context) (Tx[C], error) // nil in a transaction
	abort   func() error                         // rolls back the transaction of the store; nil outside
	managed bool
	busy    sync.Mutex            // held by a call in a transaction, because savepoints and rows of two calls would mix
	locks   *Locks                // nil in a transaction, and if managed
	lost    atomic.Pointer[error] // why the database has rolled back the transaction
	checked atomic.Bool           // Check has succeeded
}

// Package describes the ent package of a client.
type Package struct {
	NotFound, Validation func(error) bool // report the kinds of its errors
	UserID               string           // the column of the id of users
	// Check checks the session before the first write; see [CheckSession].
	Check func(ctx context.Context, d dialect.ExecQuerier, name string) error
}

// Tx is a transaction.
type Tx[C any] struct {
	Client           C
	Driver           dialect.Driver // of Client
	Commit, Rollback func() error
}

// Managed is implemented by the driver of a client if the caller of the store
// makes calls atomic, repeats them and explains their errors.
type Managed interface{ Managed() }

// NewStore returns a store for a client outside of a transaction.
func NewStore[C any](client C, driver dialect.Driver, pkg Package, begin func(context.Context) (Tx[C], error)) *Store[C] {
	_, managed := driver.(Managed)
	name := driver.Dialect()
	s := &Store[C]{client: client, driver: driver, pkg: pkg, begin: begin, managed: managed}
	if !managed {
		s.locks = NewLocks(patience, name == dialect.SQLite, func(err error) bool { return retryable(name, err) }, "conflicts with other transactions")
	}
	return s
}

// InTx returns a store for the client of a transaction, which abort rolls back.
func InTx[C any](client C, driver dialect.Driver, pkg Package, abort func() error) *Store[C] {
	return &Store[C]{client: client, driver: driver, pkg: pkg, abort: abort}
}

// Read makes a call that only reads. It returns an error of the contract (package
// store), or one that wraps its cause and begins with op.
func Read[C, T any](ctx context.Context, s *Store[C], op string, call func(C) (T, error)) (v T, err error) {
	if s.abort != nil {
		s.busy.Lock()
		defer s.busy.Unlock()
	}
	if err = ctx.Err(); err == nil {
		err = s.locks.Wait(ctx, func() (err error) { v, err = call(s.client); return err })
	}
	return finish(ctx, s, op, "", v, err)
}

// Write makes a call that writes, in the transaction of the store or in a new one.
// The writes of the call, and those of hooks through the client of the mutation,
// are stored all or nothing. Write returns errors as [Read] does.
//
// unique is the field of a violated unique key in the contract: the name of the
// only such field, or [UserKeys]. With a field name, a violated foreign key means
// that the user does not exist.
func Write[C, T any](ctx context.Context, s *Store[C], op, unique string, call func(C) (T, error)) (v T, err error) {
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
		err = s.inSavepoint(ctx, func() (err error) { v, err = call(s.client); return err })
	default:
		err = s.queued(ctx, func() error {
			return s.inNewTx(ctx, func(t Tx[C]) (err error) { v, err = call(t.Client); return err })
		})
	}
	return finish(ctx, s, op, unique, v, err)
}

// Transact calls fn with a store in a transaction, and again if the database has
// rolled the transaction back because of others. It returns the error of fn
// unchanged.
func (s *Store[C]) Transact(ctx context.Context, fn func(*Store[C]) error) error {
	if s.abort != nil {
		return errors.New("ent adapter: Tx: the adapter is already in a transaction")
	}
	var fnErr error
	err := s.queued(ctx, func() error {
		fnErr = nil
		return s.inNewTx(ctx, func(t Tx[C]) error {
			in := InTx(t.Client, t.Driver, s.pkg, t.Rollback)
			if fnErr = fn(in); fnErr == nil {
				return nil
			}
			if lost := in.lost.Load(); lost != nil {
				return *lost
			}
			return errRolledBack // Wait must not interpret the error of fn
		})
	})
	switch {
	case fnErr != nil:
		return fnErr
	case err != nil:
		return s.failure(ctx, "run a transaction", "", err)
	}
	return nil
}

var errRolledBack = errors.New("rolled back")

// queued runs a whole transaction when it is its turn among the writers of this
// process.
func (s *Store[C]) queued(ctx context.Context, transaction func() error) error {
	release, err := s.locks.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	return s.locks.Wait(ctx, transaction)
}

// inNewTx runs call in a new transaction.
func (s *Store[C]) inNewTx(ctx context.Context, call func(Tx[C]) error) error {
	var t Tx[C]
	var err error
	if s.driver.Dialect() == dialect.SQLite {
		t, err = s.begin(ctx)
	} else {
		var end func()
		if t, end, err = BeginDetached(ctx, s.begin); err == nil {
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

// inSavepoint makes one call in the transaction of the store. If it fails,
// everything it wrote is rolled back, including writes of hooks, and the
// transaction stays usable on PostgreSQL too.
func (s *Store[C]) inSavepoint(ctx context.Context, call func() error) error {
	exec := func(statement string) error { return s.driver.Exec(ctx, statement, []any{}, nil) }
	if err := exec(`SAVEPOINT sesame_write`); err != nil {
		return err
	}
	err := call()
	if err == nil {
		return exec(`RELEASE SAVEPOINT sesame_write`)
	}
	if retryable(s.driver.Dialect(), err) {
		return err // the database has rolled back the transaction with its savepoints
	}
	if lost := exec(`ROLLBACK TO SAVEPOINT sesame_write`); lost != nil {
		return fmt.Errorf("%w (after: %v)", lost, quiet(s.driver.Dialect(), err))
	}
	return err
}

// finish returns the result of a call. An error outside of the contract rolls back
// the transaction of the store: SQLite may have ended it already, and later writes
// would be outside of it; a server has aborted it anyway.
func finish[C, T any](ctx context.Context, s *Store[C], op, unique string, v T, err error) (T, error) {
	if err == nil {
		return v, nil
	}
	var none T
	cause := err
	if err = s.failure(ctx, op, unique, err); s.abort != nil && !IsStoreError(err) {
		if retryable(s.driver.Dialect(), cause) {
			s.lost.Store(&cause)
		}
		_ = s.abort()
	}
	return none, err
}
