//go:build unix

package interop_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
)

// moves are the applications that move: the version of next-auth, and where
// sessions live.
var moves = []struct{ app, sessions string }{
	{"v5", "jwt"}, {"v4", "jwt"}, {"v5", "sqlite"}, {"v4", "sqlite"},
}

// server is the Go program at SESAME_URL. It has an engine for each host that
// browsers see.
type server struct {
	url   string
	hosts sync.Map // http.Handler, by X-Forwarded-Host
	asked atomic.Int64
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := new(server)
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		handler, ok := s.hosts.Load(r.Header.Get("X-Forwarded-Host"))
		if !ok {
			t.Errorf("X-Forwarded-Host is %q", r.Header.Get("X-Forwarded-Host"))
			http.NotFound(w, r)
			return
		}
		handler.(http.Handler).ServeHTTP(w, r)
	}))
	// The address is part of what is built: that of an earlier run will do, unless
	// another one has it.
	h.Listener.Close()
	var err error
	for port := 14300; port < 14400; port++ {
		if h.Listener, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	h.Start()
	t.Cleanup(h.Close)
	s.url = h.URL
	return s
}

// TestMove is steps 4 and 5 of the guide and the way back, with its
// next.config.mjs: whoever is signed in stays so.
func TestMove(t *testing.T) {
	before := apps(t)
	server := newServer(t)
	files := sources(t)
	moved := built(t, files, server.url)
	all := len(files)
	maps.DeleteFunc(files, func(name string, _ []byte) bool { return strings.Contains(name, "/[...nextauth]") })
	if n := all - len(files); n != len(versions) {
		t.Fatalf("%d files of [...nextauth]", n)
	}
	deleted := built(t, files, server.url)

	for _, m := range moves {
		t.Run(m.app+"/"+m.sessions, func(t *testing.T) {
			a := &moving{server: server, before: before, moved: moved, deleted: deleted}
			if m.sessions == "jwt" {
				a.site = newSite(t, m.app, plan{})
				a.people = [][]string{{"ada", "large"}, {"bob"}, {"ada"}}
				a.signIn = func(b *browser, who string) any {
					b.signIn(next, who)
					b.mustSeeToken(people[who])
					return sessionOf(people[who])
				}
				a.actions = func(t *testing.T) { serverActions(t, a.site) }
			} else {
				var idp *authtest.IdP
				a.site, idp = newDatabaseSite(t, m.app, databases[m.sessions](t), 0)
				a.people = [][]string{{"grace", "first"}, {"heidi", "second"}, {"third"}}
				a.signIn = func(b *browser, who string) any {
					if who == "grace" || who == "heidi" {
						return b.signInByIdP(next, next, idp, who)
					}
					return b.signInByMail(next, next, who+"@example.com")
				}
				a.actions = func(t *testing.T) {
					b := a.site.newBrowser(t)
					to, _ := b.value("/server/signin", map[string]any{"provider": "idp", "redirectTo": "/"}).(string)
					b.mustSeeSession(b.backFromIdP(next, idp, "heidi", to))
					b.value("/server/signout", map[string]any{})
					b.mustSeeNobody()
				}
			}
			server.hosts.Store(a.site.host(), a.site.engine)
			a.move(t)
		})
	}
}

// moving is an application on its way.
type moving struct {
	site                   *site
	server                 *server
	before, moved, deleted string // its builds

	people  [][]string                       // who signs in at each time, in every way that there is
	signIn  func(b *browser, who string) any // returns the session
	actions func(t *testing.T)               // of next-auth 5 on the server
	signed  []*member                        // who is signed in
}

// member is a browser that stays while what is behind the site changes, and the
// session that it has.
type member struct {
	*browser
	session any
}

// enter signs somebody in, whoever answers at the site.
func (a *moving) enter(t *testing.T, who string) *member {
	t.Helper()
	b := a.site.newBrowser(t)
	m := &member{b, a.signIn(b, who)}
	m.mustSeeSession(m.session)
	return m
}

func (a *moving) enterAll(t *testing.T, people []string) {
	t.Helper()
	for _, who := range people {
		a.signed = append(a.signed, a.enter(t, who))
	}
}

// leave signs somebody out.
func (a *moving) leave(t *testing.T, m *member) {
	t.Helper()
	m.t = t
	m.signOut(next)
	m.mustSeeNobody()
}

// update checks that everybody is still signed in, and lets them change
// something.
func (a *moving) update(t *testing.T, theme string) {
	t.Helper()
	for _, m := range a.signed {
		m.t = t
		m.mustSeeSession(m.session)
		m.session.(map[string]any)["user"].(map[string]any)["theme"] = theme
		if diff := cmp.Diff(m.session, without(m.update(next, map[string]any{"theme": theme}), "expires")); diff != "" {
			t.Errorf("the answer to update() (-want +got):\n%s", diff)
		}
		m.mustSeeSession(m.session)
	}
}

// step runs a build, and checks that its endpoints are answered by Sesame, or
// all by Next.js.
func (a *moving) step(t *testing.T, name, build string, story func(*testing.T)) {
	a.site.start(build)
	t.Run(name, func(t *testing.T) {
		a.site.asked.Store(0)
		a.server.asked.Store(0)
		story(t)
		asked, want := a.site.asked.Load(), a.site.asked.Load()
		if build == a.before {
			want = 0
		}
		if got := a.server.asked.Load(); got != want || asked == 0 {
			t.Errorf("of %d requests Sesame has answered %d, want %d", asked, got, want)
		}
	})
}

func (a *moving) move(t *testing.T) {
	var leaver *member
	a.step(t, "before", a.before, func(t *testing.T) {
		a.enterAll(t, a.people[0])
		a.update(t, "before")
		leaver = a.enter(t, a.people[2][0])
	})
	a.step(t, "moved", a.moved, func(t *testing.T) {
		a.leave(t, leaver)
		a.update(t, "moved")
		a.enterAll(t, a.people[1])
		leaver = a.enter(t, a.people[2][0])
		rewritten(t, a.site, a.server)
	})
	a.step(t, "taken back", a.before, func(t *testing.T) {
		a.leave(t, leaver)
		a.update(t, "taken back")
		leaver = a.enter(t, a.people[2][0])
	})
	a.step(t, "deleted", a.deleted, func(t *testing.T) {
		a.leave(t, leaver)
		a.update(t, "deleted")
		a.enterAll(t, a.people[2])
		if a.site.app == "v5" {
			a.actions(t)
		} else {
			newClient(t, a.site, a.server, a.signed[0])
		}
		for _, m := range a.signed {
			a.leave(t, m)
		}
	})
}

// newClient checks what becomes of a session of next-auth 4 when Config.Dialect
// changes to DialectV5: it goes on where the cookie can keep its name, for it is in
// the database.
func newClient(t *testing.T, s *site, server *server, m *member) {
	defer server.hosts.Store(s.host(), s.engine)
	for name, stays := range map[string]bool{"": false, "__Secure-next-auth.session-token": s.database} {
		cfg := s.config
		cfg.Dialect, cfg.Cookies.SessionToken.Name = engine.DialectV5, name
		eng, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer eng.Close()
		server.hosts.Store(s.host(), eng)
		b := s.newBrowser(t)
		b.setCookies(m.cookies())
		var want any
		if stays {
			want = m.session
		}
		if diff := cmp.Diff(want, without(b.session(next), "expires")); diff != "" {
			t.Errorf("GET session with DialectV5 and the cookie name %q (-want +got):\n%s", name, diff)
		}
	}
}

// rewritten checks what rewrites of Next.js say of a site: its Host, and its scheme
// only where a proxy in front of Next.js has said it.
func rewritten(t *testing.T, s *site, server *server) {
	const host = "app.example.com"
	for _, c := range []struct {
		what   string
		cfg    engine.Config
		proto  string // of a proxy in front of Next.js
		status int
		cookie string // the beginning of its name
		log    string
	}{
		{what: "nothing is set", status: http.StatusInternalServerError, log: "set AUTH_URL"},
		{what: "AUTH_TRUST_HOST", cfg: engine.Config{TrustHost: new(true)}, status: http.StatusOK, log: "set AUTH_URL to https://" + host},
		{what: "AUTH_TRUST_HOST and X-Forwarded-Proto", cfg: engine.Config{TrustHost: new(true)}, proto: "https", status: http.StatusOK, cookie: "__Host-"},
		{what: "AUTH_URL", cfg: engine.Config{URL: "https://" + host}, status: http.StatusOK, cookie: "__Host-"},
	} {
		var log bytes.Buffer
		c.cfg.Dialect, c.cfg.Secrets, c.cfg.Providers = s.wire, secrets[:1], []engine.Provider{&engine.Credentials{Authorize: authorize}}
		c.cfg.Logger, c.cfg.Getenv = slog.New(slog.NewTextHandler(&log, nil)), func(string) string { return "" }
		eng, err := engine.New(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer eng.Close()
		server.hosts.Store(host, eng)
		defer server.hosts.Delete(host)

		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.next+"/api/auth/csrf", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set("X-Forwarded-Host", "proxy.example") // Host counts
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		s.asked.Add(1)
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		w.Body.Close()
		var names []string
		for _, cookie := range w.Cookies() {
			if strings.Contains(cookie.Name, "csrf-token") {
				names = append(names, cookie.Name)
			}
		}
		want := []string{c.cookie + s.wire.CookieNames(false).CSRFToken}
		if c.status != http.StatusOK {
			want = nil
		}
		if w.StatusCode != c.status || !slices.Equal(names, want) || !strings.Contains(log.String(), c.log) || (c.log == "") != (log.Len() == 0) {
			t.Errorf("%s: status %d, cookies %q, log %q", c.what, w.StatusCode, names, log.String())
		}
	}
}
