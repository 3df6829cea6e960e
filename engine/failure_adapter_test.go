package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// adapterMethods are the methods of engine.Adapter.
var adapterMethods = []string{
	"CreateUser", "GetUser", "GetUserByEmail", "UpdateUser", "DeleteUser",
	"LinkAccount", "UnlinkAccount", "GetAccount", "GetUserByAccount", "ListAccountsByUserID",
	"CreateSession", "GetSession", "GetSessionAndUser", "UpdateSession", "DeleteSession", "DeleteSessionsByUserID",
	"CreateVerificationToken", "UseVerificationToken",
}

func TestFailureOfAnyAdapterMethodIsClean(t *testing.T) {
	down := errors.New("the connection is lost")
	broken := map[string]bool{}
	for _, strategy := range strategies {
		for _, tx := range []bool{true, false} {
			for _, f := range flows {
				// The calls of the flow when nothing fails.
				s := flowSite(t, f, strategy, tx)
				b := s.browser()
				run := f.start(s, b)
				s.resetLog()
				f.succeeds(s, b, run(), f.name)
				s.resetLog()
				s = flowSite(t, f, strategy, tx)
				b = s.browser()
				run = f.start(s, b)
				s.resetLog()
				run()
				called := s.store.called()
				slices.Sort(called)
				if strategy == engine.StrategyDatabase && len(called) == 0 {
					t.Errorf("%s: the adapter is not called", f.name)
				}
				for _, method := range slices.Compact(called) {
					broken[method] = true
					what := fmt.Sprintf("%s, %s, transactions %v, %s fails", f.name, strategy, tx, method)
					s := flowSite(t, f, strategy, tx)
					b := s.browser()
					run := f.start(s, b)
					before := b.cookie(sessionCookie)
					s.resetLog()
					s.store.failWith(down, method)
					r := run()
					s.store.repair()
					if slices.Contains(f.survives, method) {
						s.logged(what, down.Error())
						if r.status != 200 || !strings.Contains(r.body, f.want) {
							t.Errorf("%s: %d %s", what, r.status, r.body)
						}
						continue
					}
					f.fails(s, b, r, what, down.Error())
					if f.json && f.want != "" && b.cookie(sessionCookie) != before {
						t.Errorf("%s: the session cookie was cleared", what)
					}
					s.resetLog()
					if got := b.user(); got != f.want && got != "" && before == "" {
						t.Errorf("%s: signed in as %q", what, got)
					}
					// Nothing is left that would make a second attempt fail.
					again := s.browser()
					run = f.start(s, again)
					f.succeeds(s, again, run(), "again after: "+what)
				}
			}
		}
	}
	for _, method := range append(adapterMethods, "Tx", "Commit") {
		// The engine does not call GetAccount, and calls DeleteUser only to
		// clean up after another failure.
		if unused := method == "GetAccount" || method == "DeleteUser"; broken[method] == unused {
			t.Errorf("%s failed in a flow: %v", method, broken[method])
		}
	}
}

// A flow fails as cleanly when a single call of the adapter fails.
func TestFailureOfAnyAdapterCallIsClean(t *testing.T) {
	down := errors.New("the connection is lost")
	for _, strategy := range strategies {
		for _, tx := range []bool{true, false} {
			for _, f := range flows {
				for nth := 1; ; nth++ {
					s := flowSite(t, f, strategy, tx)
					b := s.browser()
					run := f.start(s, b)
					before := b.cookie(sessionCookie)
					s.resetLog()
					failed := s.store.failNth(down, nth)
					r := run()
					s.store.repair()
					if *failed == "" {
						break // no more calls
					}
					what := fmt.Sprintf("%s, %s, transactions %v, call %d (%s) fails", f.name, strategy, tx, nth, *failed)
					if slices.Contains(f.survives, *failed) {
						s.logged(what, down.Error())
						continue
					}
					f.fails(s, b, r, what, down.Error())
					s.resetLog()
					if got := b.user(); got != f.want && got != "" && before == "" {
						t.Errorf("%s: signed in as %q", what, got)
					}
				}
			}
		}
	}
}

// Every write fails because the disk is full.
func TestFullDiskFailsCleanly(t *testing.T) {
	full := fmt.Errorf("write auth.db: %w", syscall.ENOSPC)
	writes := []string{"CreateUser", "UpdateUser", "DeleteUser", "LinkAccount", "UnlinkAccount", "CreateSession", "UpdateSession", "DeleteSession", "DeleteSessionsByUserID", "CreateVerificationToken", "UseVerificationToken"}
	for _, strategy := range strategies {
		for _, tx := range []bool{true, false} {
			for _, f := range flows {
				what := fmt.Sprintf("%s, %s, transactions %v", f.name, strategy, tx)
				s := flowSite(t, f, strategy, tx)
				b := s.browser()
				run := f.start(s, b)
				s.resetLog()
				s.store.failWith(full, writes...)
				r := run()
				wrote := s.store.writes()
				s.store.repair()
				tried := slices.ContainsFunc(wrote, func(method string) bool { return slices.Contains(writes, method) })
				if !tried {
					f.succeeds(s, b, r, what)
					s.quiet(t)
					continue
				}
				if slices.Equal(wrote, f.survives) {
					s.logged(what, "no space left on device")
					f.succeeds(s, b, r, what)
					continue
				}
				// Without transactions a user whose account could not be stored
				// cannot be removed either, which is a second log line.
				if lines := s.logs.problems(); !tx && len(lines) == 2 && strings.Contains(lines[0].attrs["cause"], "removing a user") {
					s.logs.lines = slices.DeleteFunc(s.logs.lines, func(l logLine) bool { return strings.Contains(l.attrs["cause"], "removing a user") })
				}
				f.fails(s, b, r, what, "no space left on device")
				again := s.browser()
				run = f.start(s, again)
				f.succeeds(s, again, run(), "again after: "+what)
			}
		}
	}
}

// A cancelled request signs nobody out, and leaves nothing that would make the
// next one fail.
func TestCancelledRequestKeepsTheSession(t *testing.T) {
	for _, strategy := range strategies {
		for _, f := range flows {
			s := flowSite(t, f, strategy, true)
			b := s.browser()
			run := f.start(s, b)
			s.resetLog()
			inner := b.handler
			b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancel(r.Context())
				cancel()
				inner.ServeHTTP(w, r.WithContext(ctx))
			})
			r := run()
			b.handler = inner
			if r.status >= 500 {
				t.Errorf("%s, %s: %d", strategy, f.name, r.status)
			}
			if c := r.sets(sessionCookie); f.json && f.want != "" && c != nil && c.MaxAge < 0 {
				t.Errorf("%s, %s: a cancelled read clears the cookie", strategy, f.name)
			}
			again := s.browser()
			run = f.start(s, again)
			f.succeeds(s, again, run(), fmt.Sprintf("again after %s, %s was cancelled", strategy, f.name))
		}
	}
}

func TestReadOnlyDatabaseServesReads(t *testing.T) {
	for _, strategy := range strategies {
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
			c.Providers = append(c.Providers, &engine.Email{SendVerificationRequest: r.mails.SendVerificationRequest})
		})
		reader := ro.browser()
		reader.cookies = b.cookies
		if got := reader.user(); got != "alice@example.com" {
			t.Errorf("%s: from a read-only file, signed in as %q", strategy, got)
		}
		ro.quiet(t)
		for what, run := range writingRequests(link, reader.cookies) {
			b := ro.browser()
			b.csrf()
			ro.resetLog()
			r := run(b)
			if strategy == engine.StrategyJWT && (what == "credentials" || what == "sign-out") {
				r.wantTo(ro.origin) // writes nothing
				continue
			}
			flow{}.fails(ro, b, r, string(strategy)+", "+what, "readonly")
			b.signedOut()
		}
	}
}

// writingRequests are requests that write to the store: sign-ins of each kind, the
// confirmation of a mail link, and the sign-out of the browser with the cookies.
func writingRequests(link url.Values, signedIn []*http.Cookie) map[string]func(*browser) *reply {
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

func TestLockedDatabaseServesReads(t *testing.T) {
	for _, strategy := range strategies {
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
			t.Errorf("%s: while another process writes, signed in as %q", strategy, got)
		}
		signedIn := slices.Clone(b.cookies)
		for what, run := range writingRequests(link, signedIn) {
			b := s.browser()
			b.csrf()
			s.resetLog()
			r := run(b)
			if strategy == engine.StrategyJWT && (what == "credentials" || what == "sign-out") {
				r.wantTo(s.origin) // writes nothing
				continue
			}
			flow{}.fails(s, b, r, string(strategy)+", "+what, "locked")
			b.signedOut()
		}
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		s.resetLog()
		// Without the lock everything works.
		c := s.browser()
		c.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")).wantTo(s.origin)
		c = s.browser()
		c.oauth("oidc").wantTo(s.origin)
		if got := c.user(); got != "bob@example.com" {
			t.Errorf("%s: after the lock, signed in as %q", strategy, got)
		}
		s.quiet(t)
	}
}

// The database file is moved away while the server runs.
func TestMissingDatabaseKeepsTheCookie(t *testing.T) {
	change, path, _ := withSQLite(t, engine.StrategyDatabase)
	s := newSite(t, change)
	b := s.browser()
	b.signIn()
	if err := os.Rename(filepath.Dir(path), filepath.Dir(path)+"-gone"); err != nil {
		t.Fatal(err)
	}
	s.store.inner.(io.Closer).Close()
	s.resetLog()
	r := b.get("/session")
	flow{json: true}.fails(s, b, r, "GET session", "")
	if !b.has(sessionCookie) {
		t.Error("the session cookie was cleared although the session may be valid")
	}
}
