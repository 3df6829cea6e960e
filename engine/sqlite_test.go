package engine_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine"
)

const sqliteParams = "_fk=1&_txlock=immediate&_busy_timeout=5"

// sqlite opens a database file whose statements are counted.
func openSQLite(t testing.TB, path, params string) (*entclient.Adapter, *counter) {
	t.Helper()
	c := &counter{dsn: "file:" + path + "?" + params}
	db := sql.OpenDB(c)
	a, err := entclient.New(t.Context(), dialect.SQLite, db, entclient.Options{BusyTimeout: 20 * time.Millisecond})
	if err != nil {
		db.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, c
}

// withSQLite is withStrategy over a database file.
func withSQLite(t testing.TB, strategy engine.Strategy) (func(*site, *engine.Config), string, *counter) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "auth.db")
	a, count := openSQLite(t, path, sqliteParams+"&_journal_mode=WAL")
	return func(s *site, c *engine.Config) {
		s.store = newStore(a)
		c.Adapter = s.store.adapter()
		c.SessionStrategy = strategy
		c.Providers = append(c.Providers, &engine.Email{Sender: s.mails})
		s.putUser(*alice())
	}, path, count
}

// counter is the SQLite driver, with a list of the statements that were run.
type counter struct {
	dsn string

	mu         sync.Mutex
	statements []string
}

func (c *counter) note(statement string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements = append(c.statements, statement)
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements = nil
}

func (c *counter) ran() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.statements
}

func (c *counter) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

func (c *counter) Connect(context.Context) (driver.Conn, error) {
	conn, err := (&sqlite3.SQLiteDriver{}).Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &countedConn{conn.(*sqlite3.SQLiteConn), c}, nil
}

type countedConn struct {
	*sqlite3.SQLiteConn
	c *counter
}

func (n *countedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := n.SQLiteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &countedStmt{s.(*sqlite3.SQLiteStmt), query, n.c}, nil
}

func (n *countedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	n.c.note(query)
	return n.SQLiteConn.ExecContext(ctx, query, args)
}

func (n *countedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	n.c.note(query)
	return n.SQLiteConn.QueryContext(ctx, query, args)
}

func (n *countedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	n.c.note("BEGIN")
	return n.SQLiteConn.BeginTx(ctx, o)
}

type countedStmt struct {
	*sqlite3.SQLiteStmt
	query string
	c     *counter
}

func (s *countedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.c.note(s.query)
	return s.SQLiteStmt.ExecContext(ctx, args)
}

func (s *countedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.c.note(s.query)
	return s.SQLiteStmt.QueryContext(ctx, args)
}

// One statement for GET session with no update due, after warm-up, with the
// database strategy; none with the jwt strategy.
func TestSessionIsOneStatement(t *testing.T) {
	for strategy, most := range map[engine.Strategy]int{engine.StrategyDatabase: 1, engine.StrategyJWT: 0} {
		change, _, count := withSQLite(t, strategy)
		s := newSite(t, change)
		b := s.browser()
		b.signIn()
		b.session()
		for range 3 {
			count.reset()
			if got := b.user(); got != "alice@example.com" {
				t.Errorf("%s: the session is of %q", strategy, got)
			}
			if ran := count.ran(); len(ran) != most {
				t.Errorf("%s: GET session runs %d statements: %q", strategy, len(ran), ran)
			}
		}
		// With an update due there is one write more.
		s.clock.add(25 * time.Hour)
		count.reset()
		b.session()
		writes := 0
		for _, statement := range count.ran() {
			if !strings.HasPrefix(strings.TrimSpace(statement), "SELECT") && statement != "BEGIN" {
				writes++
			}
		}
		if writes != most {
			t.Errorf("%s: GET session with an update due runs %q", strategy, count.ran())
		}
	}
}

func TestReadOnlyDatabase(t *testing.T) {
	for _, strategy := range both {
		change, path, _ := withSQLite(t, strategy)
		s := newSite(t, change)
		b := s.browser()
		b.signIn()
		link := s.browser().askMail("carol@example.com")
		readOnly, _ := openSQLite(t, path, sqliteParams+"&mode=ro")
		ro := newSite(t, func(r *site, c *engine.Config) {
			r.store = newStore(readOnly)
			r.mails = s.mails
			c.Adapter = r.store.adapter()
			c.SessionStrategy = strategy
			c.Providers = append(c.Providers, &engine.Email{Sender: r.mails})
		})
		reader := ro.browser()
		reader.cookies = b.cookies
		if got := reader.user(); got != "alice@example.com" {
			t.Errorf("%s: a session read from a read-only file is of %q", strategy, got)
		}
		ro.quiet(t)
		for what, run := range map[string]func(*browser) *reply{
			"oidc": func(b *browser) *reply { return b.oauth("oidc") },
			"mail": func(b *browser) *reply { return b.post("/signin/email", "email", "dora@example.com") },
			"a mail link": func(b *browser) *reply {
				return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
			},
			"credentials": func(b *browser) *reply { return b.post("/callback/credentials", "password", password) },
			"sign-out": func(b *browser) *reply {
				b.cookies = slices.Clone(reader.cookies)
				return b.post("/signout")
			},
		} {
			b := ro.browser()
			b.csrf()
			ro.forget()
			r := run(b)
			if strategy == engine.StrategyJWT && (what == "credentials" || what == "sign-out") {
				r.wantTo(ro.origin) // nothing to write
				continue
			}
			flow{}.fails(ro, b, r, strategyOf(strategy, what), "readonly")
			b.signedOut()
		}
	}
}

func strategyOf(s engine.Strategy, what string) string { return string(s) + ", " + what }

func TestLockedDatabase(t *testing.T) {
	for _, strategy := range both {
		change, path, _ := withSQLite(t, strategy)
		s := newSite(t, change)
		b := s.browser()
		b.signIn()
		link := s.browser().askMail("carol@example.com")

		other, err := sql.Open("sqlite3", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		conn, err := other.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: while another process writes, the session is of %q", strategy, got)
		}
		kept := slices.Clone(b.cookies)
		for what, run := range map[string]func(*browser) *reply{
			"oidc": func(b *browser) *reply { return b.oauth("oidc") },
			"mail": func(b *browser) *reply { return b.post("/signin/email", "email", "dora@example.com") },
			"a mail link": func(b *browser) *reply {
				return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
			},
			"credentials": func(b *browser) *reply { return b.post("/callback/credentials", "password", password) },
			"sign-out": func(b *browser) *reply {
				b.cookies = slices.Clone(kept)
				return b.post("/signout")
			},
		} {
			b := s.browser()
			b.csrf()
			s.forget()
			r := run(b)
			if strategy == engine.StrategyJWT && (what == "credentials" || what == "sign-out") {
				r.wantTo(s.origin) // nothing to write
				continue
			}
			flow{}.fails(s, b, r, strategyOf(strategy, what), "locked")
			b.signedOut()
		}
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		s.forget()
		// The lock is gone: everything works, and nothing was half done.
		c := s.browser()
		c.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")).wantTo(s.origin)
		c = s.browser()
		c.oauth("oidc").wantTo(s.origin)
		if got := c.user(); got != "bob@example.com" {
			t.Errorf("%s: after the lock the session is of %q", strategy, got)
		}
		s.quiet(t)
	}
}

// A file that is taken away while the server runs.
func TestDatabaseGone(t *testing.T) {
	change, path, _ := withSQLite(t, engine.StrategyDatabase)
	s := newSite(t, change)
	b := s.browser()
	b.signIn()
	if err := os.Rename(filepath.Dir(path), filepath.Dir(path)+"-gone"); err != nil {
		t.Fatal(err)
	}
	s.store.inner.(io.Closer).Close()
	s.forget()
	r := b.get("/session")
	flow{json: true}.fails(s, b, r, "GET session", "")
	if !b.has(sessionCookie) {
		t.Error("the cookie is gone although the session may be good")
	}
}
