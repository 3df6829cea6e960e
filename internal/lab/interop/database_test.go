//go:build unix

package interop_test

import (
	"database/sql"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// database is one that the app and the engine share: the tables of
// @auth/drizzle-adapter, and three columns that the app has added.
type database struct {
	url    string // as Drizzle takes it
	dsn    string // as sqltables does
	layout sqltables.Layout
	db     *sql.DB
	at     func(time.Time) any // as a column holds an instant
}

// databases makes each kind of database.
var databases = map[string]func(*testing.T) database{
	"sqlite": func(t *testing.T) database {
		file := filepath.Join(t.TempDir(), "auth.db")
		d := database{url: "file:" + file, dsn: file, layout: sqltables.DrizzleSQLite(),
			at: func(at time.Time) any { return at.UnixMilli() }}
		return d.create(t, "sqlite3", "file:"+file+"?_busy_timeout=5000", "drizzle-sqlite.sql")
	},
	"postgres": func(t *testing.T) database {
		dsn := testdb.Postgres(t)
		d := database{url: nodeURL(t, dsn), dsn: dsn, layout: sqltables.DrizzlePostgres(),
			at: func(at time.Time) any { return at.UTC() }}
		return d.create(t, "pgx", dsn, "drizzle-postgres.sql")
	},
}

// nodeURL is a DSN as node-postgres takes it.
func nodeURL(t *testing.T, dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		t.Fatalf("SESAME_POSTGRES_DSN has to be a URL for this test (%v)", err)
	}
	q := u.Query()
	q.Del("synchronous_commit")
	u.RawQuery = q.Encode()
	return u.String()
}

func (d database) create(t *testing.T, driver, dsn, file string) database {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	d.db = db
	tables, err := os.ReadFile(filepath.Join("../../../adapters/sqltables/testdata/ddl", file))
	if err != nil {
		t.Fatal(err)
	}
	d.exec(t, string(tables))
	for column, otherwise := range map[string]string{"role": "guest", "theme": "light", "note": ""} {
		d.exec(t, `ALTER TABLE "user" ADD COLUMN "`+column+`" text NOT NULL DEFAULT '`+otherwise+`'`)
	}
	return d
}

func (d database) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := d.db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%v\n%s", err, statement)
	}
}

// count counts the rows of a table.
func (d database) count(t *testing.T, table string) (n int) {
	t.Helper()
	if err := d.db.QueryRowContext(t.Context(), `SELECT count(*) FROM "`+table+`"`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDatabase(t *testing.T) {
	for kind, open := range databases {
		for _, app := range versions {
			t.Run(kind+"/"+app, func(t *testing.T) { databaseStories(t, app, open(t)) })
		}
	}
}

// newDatabaseSite is a site with sessions in d, where people sign in by mail and
// with an identity provider.
func newDatabaseSite(t *testing.T, app string, d database, updateAge int) (*site, *authtest.IdP) {
	t.Helper()
	adapter, err := sqltables.Open(t.Context(), d.dsn, d.layout, sqltables.Options{Schema: fields})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { adapter.Close() })
	picture := "https://example.com/grace.png"
	idp, err := authtest.StartIdP(authtest.IdPConfig{Users: []authtest.User{
		{Subject: "grace", Name: "Grace", Email: "grace@example.com", EmailVerified: true, Picture: picture},
		{Subject: "heidi", Name: "Heidi", Email: "heidi@example.com", EmailVerified: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { idp.Close() })
	s := newSite(t, app, plan{database: d.url, issuer: idp.Issuer(), updateAge: updateAge, engine: func(s *site, c *engine.Config) {
		c.Adapter, c.Callbacks = adapter, engine.Callbacks{}
		c.Providers = []engine.Provider{
			&engine.OIDC{ID: "idp", Issuer: idp.Issuer(), OAuthConfig: engine.OAuthConfig{ClientID: "interop", ClientSecret: "interop-secret"}},
			&engine.Email{SendVerificationRequest: s.mail.SendVerificationRequest},
		}
	}})
	if err := idp.AddClient(authtest.Client{ID: "interop", Secret: "interop-secret", RedirectURIs: []string{s.url + "/api/auth/callback/idp"}}); err != nil {
		t.Fatal(err)
	}
	return s, idp
}

func databaseStories(t *testing.T, app string, d database) {
	s, idp := newDatabaseSite(t, app, d, 0)
	for _, asked := range sides {
		for _, followed := range sides {
			address := string(asked) + "-" + string(followed) + "@example.com"
			t.Run("mail asked for at "+string(asked)+", followed at "+string(followed), func(t *testing.T) {
				b := s.newBrowser(t)
				b.mustSeeNobody()
				first := b.signInByMail(asked, followed, address)
				b.mustSeeSession(first)
				b.mustSeeNoToken()
				// The next time, the other way round: the same user.
				again := s.newBrowser(t)
				if diff := cmp.Diff(first, again.signInByMail(followed, asked, address)); diff != "" {
					t.Errorf("the second sign-in (-first +second):\n%s", diff)
				}
				again.mustSeeSession(first)
				b.mustSeeSession(first) // which goes on
			})
		}
	}
	for i, at := range sides {
		subject := []string{"grace", "heidi"}[i]
		t.Run("account made at "+string(at), func(t *testing.T) {
			b := s.newBrowser(t)
			first := b.signInByIdP(at, at, idp, subject)
			b.mustSeeSession(first)
			users, accounts := d.count(t, "user"), d.count(t, "account")
			again := s.newBrowser(t)
			if diff := cmp.Diff(first, again.signInByIdP(at.other(), at.other(), idp, subject)); diff != "" {
				t.Errorf("the sign-in at %s (-first +second):\n%s", at.other(), diff)
			}
			again.mustSeeSession(first)
			if u, a := d.count(t, "user"), d.count(t, "account"); u != users || a != accounts {
				t.Errorf("%d users and %d accounts, before the second sign-in %d and %d", u, a, users, accounts)
			}
		})
	}
	for _, at := range sides {
		t.Run("at "+string(at), func(t *testing.T) {
			t.Run("provider answers at the other side", func(t *testing.T) {
				b := s.newBrowser(t)
				b.mustSeeSession(b.signInByIdP(at, at.other(), idp, "grace"))
			})
			t.Run("update", func(t *testing.T) {
				b := s.newBrowser(t)
				session := b.signInByMail(at.other(), at.other(), "update@example.com")
				user := session.(map[string]any)["user"].(map[string]any)
				user["name"], user["theme"] = "Updated at "+string(at), "of "+string(at)
				got := b.update(at, map[string]any{"name": user["name"], "theme": user["theme"]})
				if diff := cmp.Diff(session, without(got, "expires")); diff != "" {
					t.Errorf("the answer to update() (-want +got):\n%s", diff)
				}
				b.mustSeeSession(session)
			})
			t.Run("sign out", func(t *testing.T) {
				b := s.newBrowser(t)
				b.signInByMail(at.other(), at.other(), "leaves@example.com")
				before := d.count(t, "session")
				b.signOut(at)
				b.mustSeeNobody()
				if n := d.count(t, "session"); n != before-1 {
					t.Errorf("%d sessions, want %d", n, before-1)
				}
			})
			t.Run("signed out elsewhere", func(t *testing.T) {
				b, other := s.newBrowser(t), s.newBrowser(t)
				b.signInByMail(at, at, "copy@example.com")
				other.setCookies(b.cookies())
				b.signOut(at.other())
				other.mustSeeNobody()
			})
			t.Run("extended", func(t *testing.T) {
				b := s.newBrowser(t)
				b.signInByMail(at.other(), at.other(), "extended@example.com")
				token := b.cookies()[s.wire.CookieNames(false).SessionToken]
				was := time.Now().Add(28*24*time.Hour + 123*time.Millisecond).Truncate(time.Millisecond)
				d.exec(t, `UPDATE "session" SET "expires" = $1 WHERE "sessionToken" = $2`, d.at(was), token)
				b.session(at)
				ends := make(map[string]bool)
				for _, by := range sides {
					m, _ := b.session(by).(map[string]any)
					end, _ := m["expires"].(string)
					ends[end] = true
					at, err := time.Parse(schema.TimeLayout, end)
					if err != nil || at.Sub(was) < 24*time.Hour {
						t.Errorf("at %s the session ends %q (%v), before it was read %v", by, end, err, was)
					}
				}
				if len(ends) != 1 {
					t.Errorf("the session has two ends: %v", ends)
				}
			})
			t.Run("expired", func(t *testing.T) {
				b := s.newBrowser(t)
				b.signInByMail(at, at, "expired@example.com")
				token := b.cookies()[s.wire.CookieNames(false).SessionToken]
				before := d.count(t, "session")
				d.exec(t, `UPDATE "session" SET "expires" = $1 WHERE "sessionToken" = $2`, d.at(time.Now().Add(-time.Second)), token)
				s.serve("/api/auth/", at)
				if got := b.value("/api/auth/session", nil); got != nil {
					t.Errorf("GET session at %s: %v", at, got)
				}
				b.setCookies(map[string]string{s.wire.CookieNames(false).SessionToken: token})
				b.mustSeeNobody()
				if n := d.count(t, "session"); n != before-1 {
					t.Errorf("%d sessions, want %d", n, before-1)
				}
			})
			t.Run("a route moves", func(t *testing.T) {
				defer s.unserve("/api/auth/session")
				b := s.newBrowser(t)
				session := b.signInByMail(at, at, "moves@example.com")
				s.serve("/api/auth/session", at)
				s.serve("/api/auth/", at.other())
				for call, path := range s.calls() {
					if diff := cmp.Diff(session, without(b.value(path, nil), "expires")); diff != "" {
						t.Errorf("%s (-want +got):\n%s", call, diff)
					}
				}
				b.signOut(at.other())
				if got := b.value("/api/auth/session", nil); got != nil {
					t.Errorf("after the sign-out: %v", got)
				}
			})
		})
	}
}

// TestExtendingIsLeftToTheBrowser: a server component cannot hand a cookie on.
// What the guide says to do about that keeps rows and cookie together: an
// updateAge as long as maxAge in next-auth, X-Auth-Read-Only at the engine.
func TestExtendingIsLeftToTheBrowser(t *testing.T) {
	const month = 30 * 24 * time.Hour
	for _, app := range versions {
		t.Run(app, func(t *testing.T) {
			d := databases["sqlite"](t)
			s, _ := newDatabaseSite(t, app, d, int(month/time.Second))
			b := s.newBrowser(t)
			session := b.signInByMail(sesame, sesame, "reader@example.com")
			token := b.cookies()[s.wire.CookieNames(false).SessionToken]
			due := time.Now().Add(month - 25*time.Hour).Truncate(time.Millisecond)
			d.exec(t, `UPDATE "session" SET "expires" = $1 WHERE "sessionToken" = $2`, d.at(due), token)
			end := func() time.Time {
				t.Helper()
				var millis int64
				if err := d.db.QueryRowContext(t.Context(), `SELECT "expires" FROM "session" WHERE "sessionToken" = $1`, token).Scan(&millis); err != nil {
					t.Fatal(err)
				}
				return time.UnixMilli(millis)
			}
			for call, path := range s.calls() {
				if strings.HasPrefix(call, "engine.") || strings.HasPrefix(call, "getSession(") {
					continue // a browser asks the engine; getSession does on its behalf
				}
				if diff := cmp.Diff(session, without(b.value(path, nil), "expires")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", call, diff)
				}
				if got := end(); !got.Equal(due) {
					t.Fatalf("%s has moved the end of the session from %v to %v", call, due, got)
				}
			}
			r := httptest.NewRequest(http.MethodGet, s.url+"/api/auth/session", nil)
			r.AddCookie(&http.Cookie{Name: s.wire.CookieNames(false).SessionToken, Value: token})
			r.Header.Set("X-Auth-Read-Only", "1")
			w := httptest.NewRecorder()
			s.engine.ServeHTTP(w, r)
			if got := end(); !got.Equal(due) || !strings.Contains(w.Body.String(), "reader@example.com") {
				t.Errorf("X-Auth-Read-Only: the session ends %v, was to end %v; %s", got, due, w.Body)
			}
			b.session(sesame)
			if got := end(); got.Sub(due) < 24*time.Hour {
				t.Errorf("after the browser's own read the session ends %v, before %v", got, due)
			}
		})
	}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// signInByMail asks for a mail link at one side and follows it at one, and
// returns the session without its end.
func (b *browser) signInByMail(asked, followed side, address string) any {
	b.t.Helper()
	b.site.mail.Clear()
	if to := b.post(asked, "signin/email", url.Values{"email": {address}}); !strings.Contains(to, "verify-request") {
		b.t.Fatalf("asking for a link at %s leads to %q", asked, to)
	}
	m, ok := b.site.mail.Last(address)
	if !ok {
		b.t.Fatalf("%s sent no mail", asked)
	}
	b.site.serve("/api/auth/", followed)
	a := b.do(m.URL, nil)
	if hidden := hidden.FindAllStringSubmatch(a.body, -1); a.status == http.StatusOK && len(hidden) > 0 { // a page whose button signs in
		form := url.Values{}
		for _, input := range hidden {
			form.Set(input[1], html.UnescapeString(input[2]))
		}
		a = b.do("/api/auth/callback/email", form)
	}
	if a.status/100 > 3 || strings.Contains(a.location+a.body, "error=") {
		b.t.Fatalf("the link of %s followed at %s: %d to %q\n%.1000s", asked, followed, a.status, a.location, a.body)
	}
	return b.signedIn(followed, address)
}

// signInByIdP signs in at an identity provider, to which one side sends and which
// answers at one, and returns the session without its end.
func (b *browser) signInByIdP(asked, at side, idp *authtest.IdP, subject string) any {
	b.t.Helper()
	return b.backFromIdP(at, idp, subject, b.post(asked, "signin/idp", url.Values{}))
}

// backFromIdP signs in at an identity provider, where the browser was sent to.
func (b *browser) backFromIdP(at side, idp *authtest.IdP, subject, to string) any {
	b.t.Helper()
	b.site.serve("/api/auth/", at)
	back, err := idp.SignIn(to, subject)
	if err != nil {
		b.t.Fatalf("%v (%s)", err, to)
	}
	if a := b.do(back, nil); a.status != http.StatusFound || a.location != b.site.url+"/" {
		b.t.Fatalf("the callback at %s: %d to %q", at, a.status, a.location)
	}
	return b.signedIn(at, subject+"@example.com")
}

// signedIn returns the session without its end, which must be that of an
// address.
func (b *browser) signedIn(at side, address string) any {
	b.t.Helper()
	session := without(b.session(at), "expires")
	m, _ := session.(map[string]any)
	user, _ := m["user"].(map[string]any)
	if id, _ := user["id"].(string); user["email"] != address || id == "" {
		b.t.Fatalf("the session at %s is %v, want that of %s", at, session, address)
	}
	return session
}
