package entclient_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"testing"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/internal/adaptercalls"
)

// faultyServer is a server with something that is asked before every statement,
// BEGIN and COMMIT, and may make it fail. It must be safe for concurrent use.
type faultyServer struct {
	driver.Connector
	before atomic.Pointer[func(statement string) error]
	asked  atomic.Int32
}

func (s server) faulty(t testing.TB, o entclient.Options) (*entclient.Adapter, *faultyServer) {
	t.Helper()
	f := &faultyServer{Connector: s.connector(t, s.database(t))}
	db := sql.OpenDB(f)
	a, err := entclient.New(t.Context(), s.dialect, db, o)
	if err != nil {
		db.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if err := adaptercalls.Populate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return a, f
}

func (f *faultyServer) fail(before func(statement string) error) { f.before.Store(&before) }
func (f *faultyServer) heal()                                    { f.before.Store(nil) }

func (f *faultyServer) ask(statement string) error {
	f.asked.Add(1)
	if before := f.before.Load(); before != nil {
		return (*before)(statement)
	}
	return nil
}

func (f *faultyServer) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := f.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyServerConn{c.(serverConn), f}, nil
}

// serverConn is what both drivers' connections can do.
type serverConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.NamedValueChecker
}

type faultyServerConn struct {
	serverConn
	f *faultyServer
}

func (c *faultyServerConn) IsValid() bool {
	v, ok := c.serverConn.(driver.Validator)
	return !ok || v.IsValid()
}

func (c *faultyServerConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.serverConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultyServerStmt{s.(serverStmt), query, c.f}, nil
}

func (c *faultyServerConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 && c.prepares() {
		return nil, driver.ErrSkip
	}
	if err := c.f.ask(query); err != nil {
		return nil, err
	}
	return c.serverConn.ExecContext(ctx, query, args)
}

func (c *faultyServerConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) > 0 && c.prepares() {
		return nil, driver.ErrSkip
	}
	if err := c.f.ask(query); err != nil {
		return nil, err
	}
	return c.serverConn.QueryContext(ctx, query, args)
}

// prepares reports whether the driver has every statement with arguments
// prepared first, and would be asked for twice here.
func (c *faultyServerConn) prepares() bool {
	_, validates := c.serverConn.(driver.Validator) // github.com/go-sql-driver/mysql
	return validates
}

func (c *faultyServerConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.f.ask("BEGIN"); err != nil {
		return nil, err
	}
	tx, err := c.serverConn.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &faultyServerTx{tx, c.f}, nil
}

type serverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type faultyServerStmt struct {
	serverStmt
	query string
	f     *faultyServer
}

func (s *faultyServerStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.f.ask(s.query); err != nil {
		return nil, err
	}
	return s.serverStmt.ExecContext(ctx, args)
}

func (s *faultyServerStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.f.ask(s.query); err != nil {
		return nil, err
	}
	return s.serverStmt.QueryContext(ctx, args)
}

type faultyServerTx struct {
	driver.Tx
	f *faultyServer
}

func (t *faultyServerTx) Commit() error {
	if err := t.f.ask("COMMIT"); err != nil {
		_ = t.Rollback()
		return err
	}
	return t.Tx.Commit()
}
