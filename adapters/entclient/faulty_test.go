package entclient_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"sync/atomic"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/adapters/entclient"
)

// faulty is SQLite with something that is asked before every statement, BEGIN
// and COMMIT, and may make it fail. It must be safe for concurrent use.
type faulty struct {
	dsn    string
	setUp  func(*sqlite3.SQLiteConn) error // may be nil
	before atomic.Pointer[func(statement string) error]

	statements atomic.Int64 // so far
}

// openFaulty opens an adapter over f, in which nothing fails yet.
func openFaulty(t testing.TB, f *faulty, o entclient.Options) *entclient.Adapter {
	t.Helper()
	if f.dsn == "" {
		f.dsn = "file:" + filepath.Join(t.TempDir(), "auth.db") + "?_fk=1&_txlock=immediate&_busy_timeout=20&_journal_mode=WAL"
	}
	db := sql.OpenDB(f)
	a, err := entclient.New(t.Context(), dialect.SQLite, db, o)
	if err != nil {
		db.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func (f *faulty) fail(before func(statement string) error) { f.before.Store(&before) }
func (f *faulty) heal()                                    { f.before.Store(nil) }

func (f *faulty) ask(statement string) error {
	f.statements.Add(1)
	if before := f.before.Load(); before != nil {
		return (*before)(statement)
	}
	return nil
}

func (f *faulty) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func (f *faulty) Connect(context.Context) (driver.Conn, error) {
	c, err := (&sqlite3.SQLiteDriver{ConnectHook: f.setUp}).Open(f.dsn)
	if err != nil {
		return nil, err
	}
	return &faultyConn{c.(*sqlite3.SQLiteConn), f}, nil
}

type faultyConn struct {
	*sqlite3.SQLiteConn
	f *faulty
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.SQLiteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{s.(*sqlite3.SQLiteStmt), query, c.f}, nil
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.f.ask(query); err != nil {
		return nil, err
	}
	return c.SQLiteConn.ExecContext(ctx, query, args)
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.f.ask(query); err != nil {
		return nil, err
	}
	return c.SQLiteConn.QueryContext(ctx, query, args)
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.f.ask("BEGIN"); err != nil {
		return nil, err
	}
	tx, err := c.SQLiteConn.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &faultyTx{tx, c.f}, nil
}

type faultyStmt struct {
	*sqlite3.SQLiteStmt
	query string
	f     *faulty
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.f.ask(s.query); err != nil {
		return nil, err
	}
	return s.SQLiteStmt.ExecContext(ctx, args)
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.f.ask(s.query); err != nil {
		return nil, err
	}
	return s.SQLiteStmt.QueryContext(ctx, args)
}

type faultyTx struct {
	driver.Tx
	f *faulty
}

func (t *faultyTx) Commit() error {
	if err := t.f.ask("COMMIT"); err != nil {
		_ = t.Rollback()
		return err
	}
	return t.Tx.Commit()
}
