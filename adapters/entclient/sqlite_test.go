package entclient_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/adaptercalls"
)

// allConns returns every connection of the pool.
func allConns(t testing.TB, db *sql.DB) []*sql.Conn {
	t.Helper()
	var conns []*sql.Conn
	for range db.Stats().MaxOpenConnections {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conns = append(conns, conn)
	}
	if len(conns) < 2 {
		t.Fatalf("the pool has %d connections", len(conns))
	}
	return conns
}

func TestEveryConnection(t *testing.T) {
	for i, conn := range allConns(t, open(t).DB()) {
		for pragma, want := range map[string]string{
			"foreign_keys": "1", "journal_mode": "wal", "synchronous": "2",
		} {
			var got string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("connection %d: %s is %s (%v), want %s", i, pragma, got, err, want)
			}
		}
	}
}

// sql/pool-cascade
func TestCascadeOnEveryConnection(t *testing.T) {
	a := open(t)
	conns := allConns(t, a.DB())
	for i, conn := range conns {
		conn.Close() // the only connection that the adapter can use
		if err := adaptercalls.Populate(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if err := a.DeleteUser(t.Context(), "u1"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.UseVerificationToken(t.Context(), "a", "t1"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.GetSession(t.Context(), "s1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("connection %d: the session outlives its user: %v", i, err)
		}
		if _, err := a.LinkAccount(t.Context(), store.Account{UserID: "u1"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("connection %d: the account outlives its user: %v", i, err)
		}
		again, err := a.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
	}
}

func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	a := openAt(t, path)
	if _, err := a.CreateUser(t.Context(), store.User{ID: "u1"}); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path+suffix, info.Mode())
		}
	}
}

// fault/reopen
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	a := openAt(t, path)
	if err := adaptercalls.Populate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if _, err := a.CreateVerificationToken(t.Context(), store.VerificationToken{Identifier: "a", Token: "t2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.UseVerificationToken(t.Context(), "a", "t1"); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = openAt(t, path)
	if after := snapshot(t, a); after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
	if _, err := a.UseVerificationToken(t.Context(), "a", "t1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the used token: %v", err)
	}
	if _, err := a.UseVerificationToken(t.Context(), "a", "t2"); err != nil {
		t.Errorf("the unused token: %v", err)
	}
}

// sql/second-handle: two handles enforce uniqueness, as two processes do, and each
// sees the writes of the other.
func TestSecondHandle(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "auth.db")
	handles := []*entclient.Adapter{openAt(t, path), openAt(t, path)}
	if _, err := handles[0].CreateUser(ctx, store.User{ID: "owner"}); err != nil {
		t.Fatal(err)
	}
	email := "a@example.com"
	for name, c := range map[string]struct {
		lost error
		do   func(a *entclient.Adapter, i int) error
	}{
		"email": {&store.ConflictError{Field: "email"}, func(a *entclient.Adapter, i int) error {
			_, err := a.CreateUser(ctx, store.User{ID: fmt.Sprint("u", i), Email: &email})
			return err
		}},
		"account": {&store.ConflictError{Field: "providerAccountId"}, func(a *entclient.Adapter, i int) error {
			_, err := a.LinkAccount(ctx, store.Account{UserID: "owner", Provider: "github", ProviderAccountID: "1"})
			return err
		}},
		"session": {&store.ConflictError{Field: "sessionToken"}, func(a *entclient.Adapter, i int) error {
			_, err := a.CreateSession(ctx, store.Session{SessionToken: "s", UserID: "owner"})
			return err
		}},
		"token": {store.ErrNotFound, func(a *entclient.Adapter, i int) error {
			_, err := a.UseVerificationToken(ctx, "a", "t")
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "token" {
				if _, err := handles[0].CreateVerificationToken(ctx, store.VerificationToken{Identifier: "a", Token: "t"}); err != nil {
					t.Fatal(err)
				}
			}
			start, errs := make(chan struct{}), make([]error, 64)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { <-start; errs[i] = c.do(handles[i%2], i) })
			}
			close(start)
			wg.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else if !errors.Is(err, c.lost) {
					t.Errorf("got %v, want %v", err, c.lost)
				}
			}
			if won != 1 {
				t.Errorf("%d of 64 succeeded, want 1", won)
			}
		})
	}
	later := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := handles[0].UpdateSession(ctx, store.SessionUpdate{SessionToken: "s", Expires: &later}); err != nil {
		t.Fatal(err)
	}
	if s, err := handles[1].GetSession(ctx, "s"); err != nil || !s.Expires.Equal(later) {
		t.Errorf("the other handle sees %v, %v", s, err)
	}
}

// Transactions of two handles, as of two processes, that increment a counter: no
// increment is lost, and no transaction is rejected.
func TestTxOnTwoHandles(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "auth.db")
	handles := []*entclient.Adapter{openAt(t, path), openAt(t, path)}
	if err := adaptercalls.Populate(ctx, handles[0]); err != nil {
		t.Fatal(err)
	}
	const n = 32
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := countOn(ctx, handles[i%2]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c, err := handles[0].GetAuthenticator(ctx, "c1"); err != nil || c.Counter != n {
		t.Errorf("%d transactions counted to %d (%v)", n, c.Counter, err)
	}
}

// countOn increments the counter of c1 in a transaction that reads it first.
func countOn(ctx context.Context, a *entclient.Adapter) error {
	return a.Tx(ctx, func(tx store.Adapter) error {
		a := tx.(store.AuthenticatorAdapter)
		c, err := a.GetAuthenticator(ctx, "c1")
		if err != nil {
			return err
		}
		_, err = a.UpdateAuthenticatorCounter(ctx, "c1", c.Counter+1)
		return err
	})
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{"plain.db", "with space & ?mode=memory#x%41.db", "ünï.db", ":memory", "./:memory:", "/" + dir + "/slashes.db"} {
		a := openAt(t, path)
		if _, err := a.CreateUser(t.Context(), store.User{ID: "u1"}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() == 0 {
			t.Errorf("%q is not the database: %v", path, err)
		}
		// A connection opened after a change of the working directory uses the
		// same file.
		t.Chdir(t.TempDir())
		for _, conn := range allConns(t, a.DB()) {
			var n int
			if err := conn.QueryRowContext(t.Context(), `SELECT count(*) FROM "user"`).Scan(&n); err != nil || n != 1 {
				t.Errorf("%q: %d users, %v", path, n, err)
			}
		}
		t.Chdir(dir)
	}
}

func TestSchemaWithColumnsIsRefused(t *testing.T) {
	for name, s := range map[string]*schema.Schema{
		"user":    {User: []schema.Field{{Name: "name", Client: schema.Write}, {Name: "plan"}}},
		"session": {Session: []schema.Field{{Name: "device"}}},
	} {
		path := filepath.Join(t.TempDir(), "auth.db")
		_, err := entclient.OpenSQLite(t.Context(), path, entclient.Options{Schema: s})
		if err == nil {
			t.Fatalf("%s: opening succeeded", name)
		}
		for _, want := range []string{name + " field", "adapters/sqltables", "your own ent package"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not contain %q", name, err, want)
			}
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: the refusal left a file behind", name)
		}
	}
	fine := &schema.Schema{
		User:  []schema.Field{{Name: "id", Client: schema.Read}, {Name: "name"}, {Name: "email"}, {Name: "image"}},
		Token: []schema.Field{{Name: "role"}},
	}
	a, err := entclient.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "auth.db"), entclient.Options{Schema: fine})
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct{ dialect, params, want string }{
		"no foreign keys": {dialect.SQLite, "_fk=0", "add _fk=1"},
		"another dialect": {dialect.Gremlin, "_fk=1", "unsupported dialect"},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "auth.db")+"?"+c.params)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := entclient.New(t.Context(), c.dialect, db, entclient.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that contains %q", err, c.want)
			}
			if err := db.Ping(); err != nil {
				t.Errorf("the database was closed: %v", err)
			}
		})
	}
}

func TestClient(t *testing.T) {
	a := open(t)
	if err := adaptercalls.Populate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	owner, err := a.Client().Account.Query().QueryUser().Only(t.Context())
	if err != nil || owner.ID != "u1" {
		t.Errorf("got %v, %v", owner, err)
	}
}
