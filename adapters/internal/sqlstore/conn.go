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

// Conn is where the calls of an adapter run: on the database, each in a
// transaction of its own if it writes, or all in one transaction.
type Conn struct {
	*Dialect
	// Adapter is what its errors begin with.
	Adapter string
	DB      *sql.DB
	Locks   *authruntime.Locks // nil in a transaction, which has the locks
	// Pinned keeps a transaction's connection for [Conn.Exclusive] on MySQL.
	Pinned bool
	// Bare: outside of a transaction a call that writes is one statement, which
	// is a transaction by itself. A server's gets one all the same: there a
	// statement may go on after its caller has left, and is nothing without its
	// COMMIT.
	Bare bool

	tx   *sql.Tx               // nil outside of a transaction
	busy sync.Mutex            // held by a call in a transaction: one at a time, or savepoints and rows of two would mix
	lost atomic.Pointer[error] // why the database has undone the transaction
	many bool                  // the transaction may hold several calls
	held *[]string             // locks to be given back after a transaction of ours; nil in one that is not
}

// Querier is the database or a transaction.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Querier is where statements go.
func (c *Conn) Querier() Querier {
	if c.tx != nil {
		return c.tx
	}
	return c.DB
}

// Stmt is a statement that runs often. Every connection prepares it once.
type Stmt struct {
	text string
	stmt *sql.Stmt // nil: the driver prepares what it is given
}

// Prepare makes a statement. Its error says what the database finds wrong.
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

// Close ends the statement.
func (s *Stmt) Close() error {
	if s.stmt == nil {
		return nil
	}
	return s.stmt.Close()
}

// Query runs a statement where statements go.
func (c *Conn) Query(ctx context.Context, s *Stmt, args ...any) (*sql.Rows, error) {
	switch {
	case s.stmt == nil:
		return c.Querier().QueryContext(ctx, s.text, args...)
	case c.tx != nil:
		return c.tx.StmtContext(ctx, s.stmt).QueryContext(ctx, args...)
	}
	return s.stmt.QueryContext(ctx, args...)
}

// Exec is Query for what has no rows.
func (c *Conn) Exec(ctx context.Context, s *Stmt, args ...any) (sql.Result, error) {
	switch {
	case s.stmt == nil:
		return c.Querier().ExecContext(ctx, s.text, args...)
	case c.tx != nil:
		return c.tx.StmtContext(ctx, s.stmt).ExecContext(ctx, args...)
	}
	return s.stmt.ExecContext(ctx, args...)
}

// LockRead is what a SELECT ends with, so that what a transaction of several
// calls has read stays so until its end.
func (c *Conn) LockRead() string {
	if c.many {
		return c.LockRow
	}
	return ""
}

// In returns c in a transaction that somebody else ends.
func (c *Conn) In(tx *sql.Tx) *Conn {
	return &Conn{Dialect: c.Dialect, Adapter: c.Adapter, DB: c.DB, tx: tx, many: true}
}

// transaction is one of the adapter's own.
type transaction struct {
	*sql.Tx
	ctx  context.Context
	end  func()
	held []string
}

// begin begins a transaction. Its end must be called.
func (c *Conn) begin(ctx context.Context) (t *transaction, err error) {
	t = &transaction{ctx: ctx}
	if !c.Server {
		t.end = func() {}
		t.Tx, err = c.DB.BeginTx(ctx, nil)
		return t, err
	}
	// Rows are locked by key, not the gaps between them, which makes for far
	// fewer deadlocks; what a transaction reads it locks (LockRead).
	options := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	var conn *sql.Conn
	var end func()
	t.Tx, end, err = authruntime.Lasting(ctx, func(ctx context.Context) (tx *sql.Tx, err error) {
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
			giveBack(conn, t.held)
		}
	}
	return t, nil
}

// pin begins a transaction on a connection that outlives it. A connection of
// the pool may be dead; the pool does not say so before it is used.
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

// in returns c in a transaction of its own.
func (c *Conn) in(t *transaction, many bool) *Conn {
	d := c.In(t.Tx)
	d.many, d.held = many, &t.held
	return d
}

// InTx calls fn with c bound to a transaction, commits when fn returns nil and
// rolls back otherwise. The error of fn is returned unchanged. On a server one
// that loses a deadlock is tried again.
func (c *Conn) InTx(ctx context.Context, fn func(*Conn) error) error {
	release, err := c.Locks.Acquire(ctx)
	if err != nil {
		return c.failure(ctx, "begin a transaction", err)
	}
	defer release()
	var doing string
	var answer error // of fn
	try := func() error {
		doing, answer = "begin a transaction", nil
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
		if answer = fn(d); answer != nil {
			if lost := d.lost.Load(); lost != nil && c.Server {
				return *lost
			}
			return nil
		}
		doing = "commit a transaction"
		return t.commit()
	}
	if c.Server {
		err = c.Locks.Wait(ctx, try)
	} else {
		err = try()
	}
	switch {
	case answer != nil:
		return answer
	case err != nil:
		return c.failure(ctx, doing, err)
	}
	return nil
}

// Write is Read for calls that write. The call uses the Conn it is given, and
// has no effect unless it succeeds.
func Write[T any](ctx context.Context, c *Conn, doing string, call func(*Conn) (T, error)) (T, error) {
	if c.tx != nil {
		return Read(ctx, c, doing, func() (T, error) { return saved(ctx, c, call) })
	}
	release, err := c.Locks.Acquire(ctx)
	if err != nil {
		var none T
		return none, c.failure(ctx, doing, err)
	}
	defer release()
	return Read(ctx, c, doing, func() (T, error) {
		if c.Bare && !c.Server {
			return call(c)
		}
		return alone(ctx, c, call)
	})
}

// Read makes a call, one statement or one whole transaction, again while the
// database turns it away. Its error is one of the contract.
func Read[T any](ctx context.Context, c *Conn, doing string, call func() (T, error)) (v T, err error) {
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
	err = c.failure(ctx, doing, err)
	if c.tx != nil && !authruntime.OfContract(err) {
		if c.again(cause) {
			c.lost.Store(&cause)
		}
		// After such an error SQLite may have ended the transaction, and what
		// follows would be written outside of it. A server's is lost anyway.
		_ = c.tx.Rollback()
	}
	var none T
	return none, err
}

// alone makes one call in a transaction of its own.
func alone[T any](ctx context.Context, c *Conn, call func(*Conn) (T, error)) (v T, err error) {
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

// saved makes one call that may fail and leave the transaction usable, and
// nothing of the call in it.
func saved[T any](ctx context.Context, c *Conn, call func(*Conn) (T, error)) (v T, err error) {
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

// ErrForeignTx: [Conn.Exclusive] cannot be had in a transaction of somebody
// else, whose end is not known.
var ErrForeignTx = errors.New("no lock can be had in a transaction of the application's own")

// Exclusive waits, in a transaction, until no other one is in that has asked
// for the same; it ends with the transaction.
func (c *Conn) Exclusive(ctx context.Context, what string) error {
	return c.exclusive(ctx, c, what)
}

// givingBack is how long giving back locks may take.
const givingBack = 5 * time.Second

// giveBack gives the locks of a connection back after its transaction, and the
// connection to the pool.
func giveBack(conn *sql.Conn, held []string) {
	ctx, cancel := context.WithTimeout(context.Background(), givingBack)
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

// failure gives err the identity that the contract demands.
func (c *Conn) failure(ctx context.Context, doing string, err error) error {
	switch cause := ctx.Err(); {
	case cause != nil && errors.Is(err, cause):
		return fmt.Errorf("%s: %s: %w", c.Adapter, doing, err)
	case cause != nil:
		return fmt.Errorf("%s: %s: %w (%v)", c.Adapter, doing, cause, err)
	case err == store.ErrNotFound, errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	case authruntime.OfContract(err):
		return fmt.Errorf("%s: %s: %w", c.Adapter, doing, err)
	}
	return fmt.Errorf("%s: %s: %w", c.Adapter, doing, c.explain(err))
}
