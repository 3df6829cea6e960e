package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/ent/authruntime"
)

// Conn runs the calls of an adapter: on the database, each write in a separate
// transaction, or all in one transaction.
type Conn struct {
	*Dialect
	// Adapter is the prefix of errors.
	Adapter string
	DB      *sql.DB
	Locks   *authruntime.Locks // nil in a transaction, which has the locks
	// Pinned keeps a transaction's connection for [Conn.Exclusive] on MySQL.
	Pinned bool
	// Bare declares that a write outside of a transaction is one statement, which
	// needs no explicit transaction. On a server it gets one anyway: there a
	// statement may keep running after its context has ended, but has no effect
	// without its COMMIT.
	Bare bool

	tx   *sql.Tx               // nil outside of a transaction
	busy sync.Mutex            // held by a call in a transaction, because savepoints and rows of two calls would mix
	lost atomic.Pointer[error] // why the database has rolled back the transaction
	many bool                  // the transaction may consist of several calls
	held *[]string             // locks to release after a transaction of the adapter; nil in one of the application
}

// Querier is a database or a transaction.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Querier returns the transaction of c, or the database outside of one.
func (c *Conn) Querier() Querier {
	if c.tx != nil {
		return c.tx
	}
	return c.DB
}

// Stmt is a prepared statement. Every connection prepares it once.
type Stmt struct {
	text string
	stmt *sql.Stmt // nil: the driver prepares the text itself
}

// Prepare prepares a statement. Its error is that of the database.
func (d *Dialect) Prepare(ctx context.Context, db *sql.DB, text string) (*Stmt, error) {
	stmt, err := db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	if d.driverPrepares {
		return &Stmt{text: text}, stmt.Close()
	}
	return &Stmt{text: text, stmt: stmt}, nil
}

// Close closes the statement.
func (s *Stmt) Close() error {
	if s.stmt == nil {
		return nil
	}
	return s.stmt.Close()
}

// Query runs a statement on [Conn.Querier].
func (c *Conn) Query(ctx context.Context, s *Stmt, args ...any) (*sql.Rows, error) {
	switch {
	case s.stmt == nil:
		return c.Querier().QueryContext(ctx, s.text, args...)
	case c.tx != nil:
		return c.tx.StmtContext(ctx, s.stmt).QueryContext(ctx, args...)
	}
	return s.stmt.QueryContext(ctx, args...)
}

// Exec is like Query, for a statement that returns no rows.
func (c *Conn) Exec(ctx context.Context, s *Stmt, args ...any) (sql.Result, error) {
	switch {
	case s.stmt == nil:
		return c.Querier().ExecContext(ctx, s.text, args...)
	case c.tx != nil:
		return c.tx.StmtContext(ctx, s.stmt).ExecContext(ctx, args...)
	}
	return s.stmt.ExecContext(ctx, args...)
}

// LockRead returns the clause to append to a SELECT, so that rows read by a
// transaction of several calls cannot change before its end.
func (c *Conn) LockRead() string {
	if c.many {
		return c.LockRow
	}
	return ""
}

// In returns c in a transaction that the caller ends.
func (c *Conn) In(tx *sql.Tx) *Conn {
	return &Conn{Dialect: c.Dialect, Adapter: c.Adapter, DB: c.DB, tx: tx, many: true}
}

// transaction is a transaction of the adapter.
type transaction struct {
	*sql.Tx
	ctx  context.Context
	end  func()
	held []string
}

// begin begins a transaction. The caller must call its end.
func (c *Conn) begin(ctx context.Context) (t *transaction, err error) {
	t = &transaction{ctx: ctx}
	if !c.Server {
		t.end = func() {}
		t.Tx, err = c.DB.BeginTx(ctx, nil)
		return t, err
	}
	// READ COMMITTED locks rows and not the gaps between them, which makes
	// deadlocks far rarer. A transaction locks the rows it reads (LockRead).
	options := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	var conn *sql.Conn
	var end func()
	t.Tx, end, err = authruntime.BeginDetached(ctx, func(ctx context.Context) (tx *sql.Tx, err error) {
		if !c.Pinned {
			return c.DB.BeginTx(ctx, options)
		}
		conn, tx, err = c.pin(ctx, options)
		return tx, err
	})
	if err != nil {
		return t, err
	}
	t.end = func() {
		end()
		if conn != nil {
			releaseConn(conn, t.held)
		}
	}
	return t, nil
}

// pin begins a transaction on a connection that outlives it. A connection of the
// pool may be dead, which shows only when it is used.
func (c *Conn) pin(ctx context.Context, options *sql.TxOptions) (*sql.Conn, *sql.Tx, error) {
	for tries := 0; ; tries++ {
		conn, err := c.DB.Conn(ctx)
		if err != nil {
			return nil, nil, err
		}
		tx, err := conn.BeginTx(ctx, options)
		if err == nil {
			return conn, tx, nil
		}
		conn.Close()
		if !errors.Is(err, driver.ErrBadConn) || tries > c.DB.Stats().OpenConnections {
			return nil, nil, err
		}
	}
}

// commit commits unless the context has ended.
func (t *transaction) commit() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	return t.Commit()
}

// in returns c in a transaction of the adapter.
func (c *Conn) in(t *transaction, many bool) *Conn {
	d := c.In(t.Tx)
	d.many, d.held = many, &t.held
	return d
}

// InTx calls fn with c bound to a transaction. It commits if fn returns nil;
// otherwise it rolls back and returns the error of fn unchanged. On a server a
// transaction that a deadlock has rolled back is tried again.
func (c *Conn) InTx(ctx context.Context, fn func(*Conn) error) error {
	release, err := c.Locks.Acquire(ctx)
	if err != nil {
		return c.failure(ctx, "begin a transaction", err)
	}
	defer release()
	var op string
	var fnErr error
	try := func() error {
		op, fnErr = "begin a transaction", nil
		var t *transaction
		begin := func() (err error) {
			t, err = c.begin(ctx)
			return err
		}
		if c.Server {
			err = begin()
		} else {
			err = c.Locks.Wait(ctx, begin)
		}
		if err != nil {
			return err
		}
		defer t.end()
		defer t.Rollback() // does nothing after a commit
		d := c.in(t, true)
		if fnErr = fn(d); fnErr != nil {
			if lost := d.lost.Load(); lost != nil && c.Server {
				return *lost
			}
			return nil
		}
		op = "commit a transaction"
		return t.commit()
	}
	if c.Server {
		err = c.Locks.Wait(ctx, try)
	} else {
		err = try()
	}
	switch {
	case fnErr != nil:
		return fnErr
	case err != nil:
		return c.failure(ctx, op, err)
	}
	return nil
}

// Write is like [Read], for calls that write. The call must use the Conn passed to
// it, and has no effect unless it succeeds.
func Write[T any](ctx context.Context, c *Conn, op string, call func(*Conn) (T, error)) (T, error) {
	if c.tx != nil {
		return Read(ctx, c, op, func() (T, error) { return inSavepoint(ctx, c, call) })
	}
	release, err := c.Locks.Acquire(ctx)
	if err != nil {
		var none T
		return none, c.failure(ctx, op, err)
	}
	defer release()
	return Read(ctx, c, op, func() (T, error) {
		if c.Bare && !c.Server {
			return call(c)
		}
		return inNewTx(ctx, c, call)
	})
}

// Read makes a call, which is one statement or one whole transaction, and repeats
// it while the database rejects it. It returns an error of the contract (package
// store), or one that wraps its cause and begins with the adapter and op.
func Read[T any](ctx context.Context, c *Conn, op string, call func() (T, error)) (v T, err error) {
	if c.tx != nil {
		c.busy.Lock()
		defer c.busy.Unlock()
	}
	if err = ctx.Err(); err == nil {
		err = c.Locks.Wait(ctx, func() error {
			v, err = call()
			return err
		})
	}
	if err == nil {
		return v, nil
	}
	cause := err
	err = c.failure(ctx, op, err)
	if c.tx != nil && !authruntime.IsStoreError(err) {
		if c.retryable(cause) {
			c.lost.Store(&cause)
		}
		// After such an error SQLite may have ended the transaction, and later
		// writes would be outside of it. A server has aborted it anyway.
		_ = c.tx.Rollback()
	}
	var none T
	return none, err
}

// inNewTx makes one call in a new transaction.
func inNewTx[T any](ctx context.Context, c *Conn, call func(*Conn) (T, error)) (v T, err error) {
	t, err := c.begin(ctx)
	if err != nil {
		return v, err
	}
	defer t.end()
	defer t.Rollback() // does nothing after a commit
	if v, err = call(c.in(t, false)); err != nil {
		return v, err
	}
	return v, t.commit()
}

// inSavepoint makes one call. If it fails, the transaction stays usable and
// contains nothing of the call.
func inSavepoint[T any](ctx context.Context, c *Conn, call func(*Conn) (T, error)) (v T, err error) {
	if !c.savepoints {
		return call(c)
	}
	if _, err := c.tx.ExecContext(ctx, `SAVEPOINT sesame_write`); err != nil {
		return v, err
	}
	v, err = call(c)
	if err == nil {
		_, err = c.tx.ExecContext(ctx, `RELEASE SAVEPOINT sesame_write`)
		return v, err
	}
	if _, lost := c.tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT sesame_write`); lost != nil {
		return v, fmt.Errorf("%w (after: %v)", lost, err)
	}
	return v, err
}

// ErrForeignTx is returned by [Conn.Exclusive] in a transaction that the
// application ends, because the lock would have to be released after that.
var ErrForeignTx = errors.New("cannot take a named lock in a transaction of the application")

// Exclusive takes the lock called name, waiting for other transactions that hold
// it. The lock is released after the transaction.
func (c *Conn) Exclusive(ctx context.Context, name string) error {
	return c.exclusive(ctx, c, name)
}

// releaseTimeout limits how long releasing locks takes.
const releaseTimeout = 5 * time.Second

// releaseConn releases the locks of a connection after its transaction, and
// returns the connection to the pool.
func releaseConn(conn *sql.Conn, held []string) {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	for _, name := range held {
		if _, err := conn.ExecContext(ctx, "DO RELEASE_LOCK("+mysqlLockName+")", name); err != nil {
			// A connection with a lock must not go back to the pool.
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
			break
		}
	}
	_ = conn.Close()
}

// failure turns err into an error that the contract allows.
func (c *Conn) failure(ctx context.Context, op string, err error) error {
	switch cause := ctx.Err(); {
	case cause != nil && errors.Is(err, cause):
		return fmt.Errorf("%s: %s: %w", c.Adapter, op, err)
	case cause != nil:
		return fmt.Errorf("%s: %s: %w (%v)", c.Adapter, op, cause, err)
	case err == store.ErrNotFound, errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	case authruntime.IsStoreError(err):
		return fmt.Errorf("%s: %s: %w", c.Adapter, op, err)
	}
	return fmt.Errorf("%s: %s: %w", c.Adapter, op, c.explain(err))
}
