package engine_test

import (
	"database/sql"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
)

const sqliteParams = "_fk=1&_txlock=immediate&_busy_timeout=5"

// openSQLite opens a database file whose statements are counted.
func openSQLite(t testing.TB, path, params string) (*entclient.Adapter, *counter) {
	t.Helper()
	connector, c := faultdb.SQLite("file:"+path+"?"+params, nil), new(counter)
	connector.Fail(c.note) // which never makes it fail
	db := sql.OpenDB(connector)
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
		s.store = newStoreSpy(a)
		c.Adapter = s.store.adapter()
		c.SessionStrategy = strategy
		c.Providers = append(c.Providers, &engine.Email{Sender: s.mails})
		s.putUser(*alice())
	}, path, count
}

// counter is a list of the statements that were run.
type counter struct {
	mu         sync.Mutex
	statements []string
}

func (c *counter) note(statement string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements = append(c.statements, statement)
	return nil
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
			if !strings.HasPrefix(strings.TrimSpace(statement), "SELECT") && statement != "BEGIN" && statement != "COMMIT" {
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
			r.store = newStoreSpy(readOnly)
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
		for what, run := range writes(link, reader.cookies) {
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

// writes are the requests that store something: a new sign-in of each kind, the
// link of a mail, and the sign-out of whoever has the cookies.
func writes(link url.Values, signedIn []*http.Cookie) map[string]func(*browser) *reply {
	return map[string]func(*browser) *reply{
		"oidc": func(b *browser) *reply { return b.oauth("oidc") },
		"mail": func(b *browser) *reply { return b.post("/signin/email", "email", "dora@example.com") },
		"a mail link": func(b *browser) *reply {
			return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
		},
		"credentials": func(b *browser) *reply { return b.post("/callback/credentials", "password", password) },
		"sign-out": func(b *browser) *reply {
			b.cookies = slices.Clone(signedIn)
			return b.post("/signout")
		},
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
		for what, run := range writes(link, kept) {
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
