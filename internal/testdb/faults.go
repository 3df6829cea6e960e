package testdb

import (
	"context"
	"database/sql/driver"
	"slices"
	"strings"
	"sync/atomic"
)

// Faults is a connector of a database driver (SQLite, MySQL or PostgreSQL) with
// something that is asked before every statement, BEGIN and COMMIT, and may
// make it fail.
type Faults struct {
	driver.Connector
	before atomic.Pointer[func(statement string) error]
	asked  atomic.Int64
}

// Fail asks before from now on. It must be safe for concurrent use.
func (f *Faults) Fail(before func(statement string) error) { f.before.Store(&before) }

// FailNth makes the n-th statement from now on fail, and no other; those that
// begin like one of spared do not count. heal ends that and reports whether it
// came so far.
func (f *Faults) FailNth(n int, err error, spared ...string) (heal func() bool) {
	var seen atomic.Int64
	f.Fail(func(statement string) error {
		if slices.ContainsFunc(spared, func(prefix string) bool { return strings.HasPrefix(statement, prefix) }) {
			return nil
		}
		if seen.Add(1) == int64(n) {
			return err
		}
		return nil
	})
	return func() bool { f.Heal(); return seen.Load() >= int64(n) }
}

// Heal lets statements pass again.
func (f *Faults) Heal() { f.before.Store(nil) }

// Statements returns how many statements there have been.
func (f *Faults) Statements() int { return int(f.asked.Load()) }

func (f *Faults) ask(statement string) error {
	f.asked.Add(1)
	if before := f.before.Load(); before != nil {
		return (*before)(statement)
	}
	return nil
}

// Connect implements driver.Connector.
func (f *Faults) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := f.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{c.(conn), f}, nil
}

// Opener is the connector of a driver that has none.
func Opener(d driver.Driver, dsn string) driver.Connector { return opener{d, dsn} }

type opener struct {
	driver driver.Driver
	dsn    string
}

func (o opener) Connect(context.Context) (driver.Conn, error) { return o.driver.Open(o.dsn) }
func (o opener) Driver() driver.Driver                        { return o.driver }

// conn is what the connections of all three drivers can do.
type conn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnBeginTx
}

type faultyConn struct {
	conn
	f *Faults
}

func (c *faultyConn) IsValid() bool {
	v, ok := c.conn.(driver.Validator)
	return !ok || v.IsValid()
}

func (c *faultyConn) ResetSession(ctx context.Context) error {
	if r, ok := c.conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{s.(stmt), query, c.f}, nil
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 && c.prepares() {
		return nil, driver.ErrSkip
	}
	if err := c.f.ask(query); err != nil {
		return nil, err
	}
	return c.conn.ExecContext(ctx, query, args)
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) > 0 && c.prepares() {
		return nil, driver.ErrSkip
	}
	if err := c.f.ask(query); err != nil {
		return nil, err
	}
	return c.conn.QueryContext(ctx, query, args)
}

// prepares reports whether the driver may have statements with arguments
// prepared first, and would be asked for twice here.
func (c *faultyConn) prepares() bool {
	_, validates := c.conn.(driver.Validator) // github.com/go-sql-driver/mysql
	return validates
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.f.ask("BEGIN"); err != nil {
		return nil, err
	}
	tx, err := c.conn.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &faultyTx{tx, c.f}, nil
}

type stmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type faultyStmt struct {
	stmt
	query string
	f     *Faults
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.f.ask(s.query); err != nil {
		return nil, err
	}
	return s.stmt.ExecContext(ctx, args)
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.f.ask(s.query); err != nil {
		return nil, err
	}
	return s.stmt.QueryContext(ctx, args)
}

type faultyTx struct {
	driver.Tx
	f *Faults
}

func (t *faultyTx) Commit() error {
	if err := t.f.ask("COMMIT"); err != nil {
		_ = t.Rollback()
		return err
	}
	return t.Tx.Commit()
}
