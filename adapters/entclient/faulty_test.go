package entclient_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/internal/lab/adaptercalls"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
)

var errInjected = errors.New("the wire is cut")

// faultySQLite returns a connector for a new file; no statement fails yet. setUp
// prepares each connection; it may be nil.
func faultySQLite(t testing.TB, setUp func(n int, c *sqlite3.SQLiteConn) error) *faultdb.Connector {
	return faultdb.SQLite("file:"+filepath.Join(t.TempDir(), "auth.db")+"?_fk=1&_txlock=immediate&_busy_timeout=20&_journal_mode=WAL", setUp)
}

// openFaulty opens an adapter on f.
func openFaulty(t testing.TB, dialect string, f *faultdb.Connector, o entclient.Options) *entclient.Adapter {
	t.Helper()
	db := sql.OpenDB(f)
	a, err := entclient.New(t.Context(), dialect, db, o)
	if err != nil {
		db.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// populateFaulty opens an adapter on f and stores rows.
func populateFaulty(t testing.TB, dialect string, f *faultdb.Connector, o entclient.Options) *entclient.Adapter {
	t.Helper()
	a := openFaulty(t, dialect, f, o)
	if err := adaptercalls.Populate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return a
}

// faulty returns a populated adapter on a new SQLite file; no statement fails yet.
func faulty(t testing.TB) (*entclient.Adapter, *faultdb.Connector) {
	t.Helper()
	f := faultySQLite(t, nil)
	return populateFaulty(t, dialect.SQLite, f, entclient.Options{}), f
}

// faulty returns the same on a database of the server.
func (s server) faulty(t testing.TB, o entclient.Options) (*entclient.Adapter, *faultdb.Connector) {
	t.Helper()
	f := s.connector(t, s.database(t))
	return populateFaulty(t, s.dialect, f, o), f
}
