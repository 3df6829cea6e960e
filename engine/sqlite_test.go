package engine_test

import (
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
)

const sqliteParams = "_fk=1&_txlock=immediate&_busy_timeout=5"

// openSQLite opens a database file whose statements are recorded.
func openSQLite(t testing.TB, path, params string) (*entclient.Adapter, *statementLog) {
	t.Helper()
	connector, c := faultdb.SQLite("file:"+path+"?"+params, nil), new(statementLog)
	connector.Fail(c.note) // records and never fails
	db := sql.OpenDB(connector)
	a, err := entclient.New(t.Context(), dialect.SQLite, db, entclient.Options{BusyTimeout: 20 * time.Millisecond})
	if err != nil {
		db.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, c
}

// withSQLite is withStrategy on a database file.
func withSQLite(t testing.TB, strategy engine.Strategy) (func(*site, *engine.Config), string, *statementLog) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "auth.db")
	a, count := openSQLite(t, path, sqliteParams+"&_journal_mode=WAL")
	return func(s *site, c *engine.Config) {
		s.store = newStoreSpy(a)
		c.Adapter = s.store.adapter()
		c.SessionStrategy = strategy
		c.Providers = append(c.Providers, &engine.Email{SendVerificationRequest: s.mails.SendVerificationRequest})
		s.putUser(*alice())
	}, path, count
}

// statementLog records the statements that were run.
type statementLog struct {
	mu         sync.Mutex
	statements []string
}

func (c *statementLog) note(statement string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements = append(c.statements, statement)
	return nil
}

func (c *statementLog) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements = nil
}

func (c *statementLog) ran() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.statements
}
