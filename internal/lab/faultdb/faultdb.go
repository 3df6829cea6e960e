// Package faultdb wraps database/sql drivers for tests, to count the statements
// that are sent to a database and to make chosen ones fail. For databases without
// such a driver there is [Faults] alone. The tests of adapters use it:
//
//	go test ./adapters/entclient ./engine/adaptertest
package faultdb

import (
	"context"
	"database/sql/driver"
	"sync/atomic"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/mattn/go-sqlite3"
)

// Faults counts what is sent to a database and makes it fail. The zero value
// counts and lets nothing fail. It is safe for concurrent use.
type Faults struct {
	ask   atomic.Pointer[func(statement string) error]
	count atomic.Int64
}

// Fail has before called with every statement from now on; the statement is not
// sent when it returns an error, and fails with that. Statements come from any
// goroutine.
func (f *Faults) Fail(before func(statement string) error) { f.ask.Store(&before) }

// FailAt makes the n-th statement from now on fail with err, from 1, and no
// other. heal ends that and reports whether it came so far.
func (f *Faults) FailAt(n int, err error) (heal func() bool) {
	var seen atomic.Int64
	f.Fail(func(string) error {
		if seen.Add(1) == int64(n) {
			return err
		}
		return nil
	})
	return func() bool { f.Heal(); return seen.Load() >= int64(n) }
}

// Heal ends what Fail and FailAt began.
func (f *Faults) Heal() { f.ask.Store(nil) }

// Statements returns how many statements were sent, or failed, so far.
func (f *Faults) Statements() int { return int(f.count.Load()) }

// Before is called by the driver before it sends a statement, which it must not
// when there is an error.
func (f *Faults) Before(statement string) error {
	f.count.Add(1)
	if ask := f.ask.Load(); ask != nil {
		return (*ask)(statement)
	}
	return nil
}

// Connector wraps the connector of a driver with Faults: every statement, BEGIN
// and COMMIT.
type Connector struct {
	driver.Connector
	Faults
}

// Open returns a Connector for a DSN of the driver of what ent calls the dialect:
// github.com/mattn/go-sqlite3, github.com/go-sql-driver/mysql or
// github.com/jackc/pgx/v5.
func Open(name, dsn string) (*Connector, error) {
	switch name {
	case dialect.SQLite:
		return SQLite(dsn, nil), nil
	case dialect.MySQL:
		cfg, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, err
		}
		c, err := mysql.NewConnector(cfg)
		return &Connector{Connector: c}, err
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	return &Connector{Connector: stdlib.GetConnector(*cfg)}, nil
}

// SQLite returns a Connector for a DSN of github.com/mattn/go-sqlite3. setUp
// prepares the n-th connection, from 1; it may be nil.
func SQLite(dsn string, setUp func(n int, c *sqlite3.SQLiteConn) error) *Connector {
	return &Connector{Connector: &sqliteConnector{dsn: dsn, setUp: setUp}}
}

// Connect implements driver.Connector.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{inner.(driverConn), c}, nil
}

// driverConn is what the connections of every driver used here can do.
type driverConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnBeginTx
}

type conn struct {
	driverConn
	to *Connector
}

// ResetSession implements driver.SessionResetter.
func (c *conn) ResetSession(ctx context.Context) error {
	if r, ok := c.driverConn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// IsValid implements driver.Validator.
func (c *conn) IsValid() bool {
	v, ok := c.driverConn.(driver.Validator)
	return !ok || v.IsValid()
}

// CheckNamedValue implements driver.NamedValueChecker.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if k, ok := c.driverConn.(driver.NamedValueChecker); ok {
		return k.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.driverConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &stmt{s.(driverStmt), query, c.to}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.prepares(args) {
		return nil, driver.ErrSkip
	}
	if err := c.to.Before(query); err != nil {
		return nil, err
	}
	return c.driverConn.ExecContext(ctx, query, args)
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.prepares(args) {
		return nil, driver.ErrSkip
	}
	if err := c.to.Before(query); err != nil {
		return nil, err
	}
	return c.driverConn.QueryContext(ctx, query, args)
}

// prepares reports whether the driver may want a statement with arguments
// prepared first, as github.com/go-sql-driver/mysql does. It would be asked
// about twice.
func (c *conn) prepares(args []driver.NamedValue) bool {
	_, mysql := c.driverConn.(driver.Validator)
	return mysql && len(args) > 0
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.to.Before("BEGIN"); err != nil {
		return nil, err
	}
	t, err := c.driverConn.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &tx{t, c.to}, nil
}

type driverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type stmt struct {
	driverStmt
	query string
	to    *Connector
}

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.to.Before(s.query); err != nil {
		return nil, err
	}
	return s.driverStmt.ExecContext(ctx, args)
}

// QueryContext implements driver.StmtQueryContext.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.to.Before(s.query); err != nil {
		return nil, err
	}
	return s.driverStmt.QueryContext(ctx, args)
}

type tx struct {
	driver.Tx
	to *Connector
}

// Commit implements driver.Tx. One that is made to fail is rolled back.
func (t *tx) Commit() error {
	if err := t.to.Before("COMMIT"); err != nil {
		_ = t.Rollback()
		return err
	}
	return t.Tx.Commit()
}

type sqliteConnector struct {
	dsn   string
	setUp func(n int, c *sqlite3.SQLiteConn) error
	conns atomic.Int64
}

func (c *sqliteConnector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func (c *sqliteConnector) Connect(context.Context) (driver.Conn, error) {
	inner, err := c.Driver().Open(c.dsn)
	if err != nil {
		return nil, err
	}
	n := c.conns.Add(1)
	if c.setUp == nil {
		return inner, nil
	}
	if err := c.setUp(int(n), inner.(*sqlite3.SQLiteConn)); err != nil {
		inner.Close()
		return nil, err
	}
	return inner, nil
}
