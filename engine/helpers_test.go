package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// serve makes b talk to a handler of the application, and to the engine below
// its base path.
func (b *browser) serve(h http.Handler) *browser {
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle(base+"/", b.s.eng)
	b.handler = mux
	return b
}

func TestSessionHelper(t *testing.T) {
	for _, strategy := range both {
		var calls int
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { calls++; return nil }
		})
		var got *engine.Session
		b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, ok := engine.SessionFrom(r.Context()); ok {
				t.Error("SessionFrom knows a session before it was read")
			}
			first, err := s.eng.Session(w, r)
			if err != nil {
				t.Error(err)
			}
			for range 3 {
				if again, err := s.eng.Session(w, r); again != first || err != nil {
					t.Errorf("a second call gives %p, %v, the first %p", again, err, first)
				}
			}
			if from, ok := engine.SessionFrom(r.Context()); ok != (first != nil) || from != first {
				t.Errorf("SessionFrom gives %p, %v, want %p", from, ok, first)
			}
			// Nor does a request that is made of this one.
			if again, _ := s.eng.Session(w, r.WithContext(context.WithValue(r.Context(), calledTwice{}, 1))); again != first {
				t.Error("a derived request reads the session again")
			}
			got = first
		}))
		b.get("./page")
		if got != nil || calls != 0 {
			t.Errorf("%s: signed out, the session is %+v", strategy, got)
		}
		b.signIn()
		s.forget()
		r := b.get("./page")
		if got == nil || got.User.ID != "alice-id" || *got.User.Email != "alice@example.com" || got.Strategy != strategy || (got.Token != nil) != (strategy == engine.StrategyJWT) {
			t.Fatalf("%s: the session is %+v", strategy, got)
		}
		if calls != 1 || len(r.set) > 0 {
			t.Errorf("%s: the callback ran %d times, cookies %q", strategy, calls, r.header["Set-Cookie"])
		}
		want := []string{"GetSessionAndUser"}
		if strategy == engine.StrategyJWT {
			want = nil
		}
		if asked := s.store.called(); !reflect.DeepEqual(asked, want) {
			t.Errorf("%s: the adapter was asked %v, want %v", strategy, asked, want)
		}
		// Extended: one cookie.
		s.clock.add(25 * time.Hour)
		if r := b.get("./page"); len(r.set) != 1 || r.sets(sessionCookie) == nil {
			t.Errorf("%s: extended, cookies %q", strategy, r.header["Set-Cookie"])
		}
		if r := b.get("./page"); len(r.set) > 0 {
			t.Errorf("%s: extended twice: %q", strategy, r.header["Set-Cookie"])
		}
		// A cookie that is none is cleared, and nobody is signed in.
		b.set(sessionCookie, "garbage")
		if r := b.get("./page"); got != nil || !r.clears(sessionCookie) {
			t.Errorf("%s: of garbage the session is %+v, cookies %q", strategy, got, r.header["Set-Cookie"])
		}
		s.quiet(t)
	}
}

type calledTwice struct{}

// Changing what Session returned changes nothing elsewhere.
func TestSessionIsACopy(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, err := s.eng.Session(w, r)
			if err != nil || session == nil {
				t.Fatal(session, err)
			}
			if *session.User.Name != "Alice" {
				t.Errorf("%s: the name is %q", strategy, *session.User.Name)
			}
			*session.User.Name = "Mallory"
			session.User.ID = "mallory"
			if session.Token != nil {
				session.Token.Subject = "mallory"
			}
		}))
		b.signIn()
		b.get("./page")
		b.get("./page")
		if got := b.session(); !strings.Contains(got, "Alice") {
			t.Errorf("%s: the session is %s", strategy, got)
		}
	}
}

// A session that cannot be read is an error, and never somebody's.
func TestSessionHelperFails(t *testing.T) {
	down := errors.New("down")
	for what, c := range map[string]struct {
		change func(*site, *engine.Config)
		breaks func(*site)
		host   string
	}{
		"store down": {breaks: func(s *site) { s.store.breaks(down) }},
		"the session callback fails": {change: func(_ *site, c *engine.Config) {
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { return down }
		}},
		"the session callback panics": {change: func(_ *site, c *engine.Config) {
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { panic("down") }
		}},
		"a host that is not trusted": {host: "http://evil.example"},
	} {
		changes := []func(*site, *engine.Config){withStrategy(engine.StrategyDatabase)}
		if c.change != nil {
			changes = append(changes, c.change)
		}
		s := newSite(t, changes...)
		b := s.browser()
		b.signIn()
		kept := b.cookie(sessionCookie)
		if c.breaks != nil {
			c.breaks(s)
		}
		if c.host != "" {
			b.at = c.host
		}
		s.forget()
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for range 2 {
				session, err := s.eng.Session(w, r)
				var known *engine.Error
				if session != nil || !errors.As(err, &known) || known.Code != engine.CodeConfiguration {
					t.Errorf("%s: Session gives %v, %v", what, session, err)
				}
			}
			if _, ok := engine.SessionFrom(r.Context()); ok {
				t.Errorf("%s: SessionFrom knows somebody", what)
			}
		})
		b.serve(handler)
		b.get("./page")
		s.problem(t)
		s.forget()
		b.serve(s.eng.Middleware(handler))
		b.get("./page")
		s.problem(t)
		if b.cookie(sessionCookie) != kept {
			t.Errorf("%s: the cookie is gone", what)
		}
		// Require lets nobody through.
		b.serve(s.eng.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s: Require lets the request through", what) })))
		s.forget()
		r := b.request("GET", "/page", nil)
		r.Header.Set("Accept", "text/html")
		out := b.do(r)
		if c.host != "" {
			if out.status != http.StatusInternalServerError || !strings.Contains(out.body, "<h1>") || out.location() != "" {
				t.Errorf("%s: a page gets %d %q", what, out.status, out.location())
			}
		} else {
			out.wantTo(s.origin + base + "/error?error=Configuration")
		}
		if out := b.get("./api"); out.status != http.StatusUnauthorized || out.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: an API gets %d", what, out.status)
		}
		protect, err := s.eng.Protect("/page")
		if err != nil {
			t.Fatal(err)
		}
		b.serve(protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s: Protect lets the request through", what) })))
		if out := b.get("./page"); out.status != http.StatusUnauthorized {
			t.Errorf("%s: behind Protect an API gets %d", what, out.status)
		}
	}
}

func TestMiddleware(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		other := newSite(t, withStrategy(strategy))
		var seen *engine.Session
		b := s.browser().serve(s.eng.Middleware(s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen, _ = engine.SessionFrom(r.Context())
			if again, err := s.eng.Session(w, r); again != seen || err != nil {
				t.Errorf("%s: Session gives %p, %v, SessionFrom %p", strategy, again, err, seen)
			}
			// Another engine has sessions of its own.
			if theirs, err := other.eng.Session(w, r); theirs != nil && strategy == engine.StrategyDatabase || err != nil {
				t.Errorf("%s: of another engine the session is %+v, %v", strategy, theirs, err)
			}
		}))))
		b.get("./page")
		if seen != nil {
			t.Errorf("%s: signed out: %+v", strategy, seen)
		}
		b.signIn()
		s.forget()
		r := b.request("GET", "/page", nil)
		b.do(r)
		if seen == nil || seen.User.ID != "alice-id" {
			t.Errorf("%s: the session is %+v", strategy, seen)
		}
		if n := len(s.store.called()); n > 1 {
			t.Errorf("%s: the adapter was asked %v", strategy, s.store.called())
		}
		b.serve(s.eng.Middleware(other.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if theirs, ok := engine.SessionFrom(r.Context()); ok && strategy == engine.StrategyDatabase {
				t.Errorf("%s: behind another engine's middleware the session is %+v", strategy, theirs)
			}
		}))))
		b.get("./page")
		if _, ok := engine.SessionFrom(context.Background()); ok {
			t.Error("an empty context has a session")
		}
	}
}

// A handler that streams does so also when a cookie is set on the way.
func TestFlushGoesThrough(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn()
	s.clock.add(25 * time.Hour) // the cookie is due
	r := b.request("GET", "/stream", nil)
	for _, c := range b.cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	w := httptest.NewRecorder()
	s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public")
		w.(http.Flusher).Flush()
	})).ServeHTTP(w, r)
	if h := w.Result().Header; !w.Flushed || h.Get("Set-Cookie") == "" || h.Get("Cache-Control") != "private, no-cache, no-store" {
		t.Errorf("flushed %v, %v", w.Flushed, h)
	}
}

// What one engine does in a request is nothing to another one's session.
func TestTwoEnginesInOneRequest(t *testing.T) {
	for _, strategy := range both {
		s, other := newSite(t, withStrategy(strategy)), newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signIn()
		b.serve(s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := other.eng.SignOut(w, r); err != nil {
				t.Error(err)
			}
			if session, err := s.eng.Session(w, r); err != nil || session == nil {
				t.Errorf("%s: after another engine's SignOut the session is %v, %v", strategy, session, err)
			}
		})))
		b.get("./page")
	}
}

// Without a host that is trusted nothing begins, ends or changes.
func TestHelpersAtAHostThatIsNotTrusted(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	for what, call := range map[string]func(http.ResponseWriter, *http.Request) error{
		"SignIn": func(w http.ResponseWriter, r *http.Request) error {
			_, err := s.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}})
			return err
		},
		"SignOut": s.eng.SignOut,
		"Update": func(w http.ResponseWriter, r *http.Request) error {
			_, err := s.eng.Update(w, r, nil)
			return err
		},
	} {
		s.forget()
		evil := b.copy()
		evil.at = "http://evil.example"
		evil.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var known *engine.Error
			if err := call(w, r); !errors.As(err, &known) || known.Type != "UntrustedHost" {
				t.Errorf("%s: %v", what, err)
			}
		})
		if r := evil.get("./page"); len(r.set) > 0 || len(s.store.called()) > 0 {
			t.Errorf("%s: cookies %q, the adapter was asked %v", what, r.header["Set-Cookie"], s.store.called())
		}
	}
	if got := b.user(); got != "alice@example.com" {
		t.Errorf("the session is of %q", got)
	}
}

// A redirect that the redirect callback fails on leads to the error page.
func TestAuthorizedRedirectThatFails(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.Authorized = func(context.Context, *engine.AuthorizedParams) (engine.Decision, error) {
			return engine.RedirectTo("/upgrade"), nil
		}
		c.Callbacks.Redirect = func(context.Context, engine.RedirectParams) (string, error) { return "", errors.New("no redirects") }
	})
	b := s.browser().serve(s.eng.Require(http.NotFoundHandler()))
	b.ask("GET", "/app", page...).wantTo(s.origin + base + "/error?error=Configuration")
	if entry := s.problem(t); !strings.Contains(entry.attrs["cause"], "no redirects") {
		t.Errorf("the log line is %v", entry)
	}
}

// ask sends a request as a browser that opens a page, or as a script.
func (b *browser) ask(method, target string, header ...string) *reply {
	b.s.t.Helper()
	r := b.request(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return b.do(r)
}

var page = []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}

func TestRequire(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		reached := 0
		b := s.browser().serve(s.eng.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reached++
			if session, ok := engine.SessionFrom(r.Context()); !ok || session.User.ID != "alice-id" {
				t.Errorf("the session is %+v", session)
			}
			w.Write([]byte("welcome"))
		})))
		signInPage := func(path string) string {
			return s.origin + base + "/signin?callbackUrl=" + url.QueryEscape(s.origin+path)
		}
		for _, header := range [][]string{page, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Mode", "navigate", "Accept", "*/*"}} {
			for _, method := range []string{"GET", "HEAD"} {
				r := b.ask(method, "/app/x?y=1&z=a%20b&callbackUrl=/other", header...)
				r.wantTo(signInPage("/app/x?y=1&z=a%20b&callbackUrl=/other"))
				if !strings.Contains(r.header.Get("Cache-Control"), "no-store") || !strings.Contains(strings.Join(r.header.Values("Vary"), ","), "Cookie") {
					t.Errorf("the redirect is cacheable: %v", r.header)
				}
			}
		}
		for _, c := range []struct {
			method string
			header []string
		}{
			{"GET", nil}, {"GET", []string{"Accept", "application/json"}}, {"GET", []string{"Accept", "*/*"}}, {"POST", page}, {"DELETE", page}, {"OPTIONS", nil},
			{"GET", []string{"Accept", "text/html", "Sec-Fetch-Mode", "cors"}}, {"GET", []string{"Accept", "text/html", "Sec-Fetch-Mode", "no-cors"}}, {"POST", []string{"Sec-Fetch-Mode", "navigate"}},
		} {
			r := b.ask(c.method, "/app/x", c.header...)
			var body struct{ Message string }
			if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != http.StatusUnauthorized || body.Message == "" || r.header.Get("Content-Type") != "application/json" || r.location() != "" ||
				!strings.Contains(r.header.Get("Cache-Control"), "no-store") {
				t.Errorf("%s %v: %d %q %s", c.method, c.header, r.status, r.header.Get("Content-Type"), r.body)
			}
		}
		if reached > 0 {
			t.Errorf("%s: the handler was reached %d times", strategy, reached)
		}
		// The whole way: to the sign-in page, in, and back to where it was.
		r := b.ask("GET", "/app/x?y=1&z=a%20b", page...)
		b.get(strings.TrimPrefix(r.location(), s.origin+base))
		b.signIn().wantTo(s.origin + "/app/x?y=1&z=a%20b")
		if r := b.ask("GET", "/app/x?y=1&z=a%20b", page...); r.body != "welcome" || reached != 1 {
			t.Errorf("%s: signed in: %d %s", strategy, r.status, r.body)
		}
		if r := b.ask("POST", "/app/x"); r.body != "welcome" {
			t.Errorf("%s: signed in: %d %s", strategy, r.status, r.body)
		}
		// A garbage cookie is cleared on the way.
		b.set(sessionCookie, "garbage")
		if r := b.ask("GET", "/app/x", page...); r.status != 302 || !r.clears(sessionCookie) {
			t.Errorf("%s: garbage: %d %q", strategy, r.status, r.header["Set-Cookie"])
		}
		s.quiet(t)
		// A long address still leads to a sign-in page that works.
		out := s.browser().serve(b.handler)
		for _, long := range []string{"/app/?q=" + strings.Repeat("x", 3000), "/app/" + strings.Repeat("%20", 1000), "//evil.example/x", "/\\evil.example"} {
			raw := out.request("GET", "/app", nil)
			raw.RequestURI = long
			if u, err := url.ParseRequestURI(long); err == nil {
				raw.URL = u
			}
			raw.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			s.eng.Require(http.NotFoundHandler()).ServeHTTP(w, raw)
			location := w.Header().Get("Location")
			if r := out.get(strings.TrimPrefix(location, s.origin+base)); r.status != 200 {
				t.Errorf("%s: %.40q leads to %.100q, which is %d", strategy, long, location, r.status)
			}
			out.signIn()
			out.post("/signout")
		}
	}
}

// Behind a router that cuts the path off, callbackUrl is what the browser
// asked for; the sign-in page may be the application's own.
func TestRequireBehindStripPrefix(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) { c.Pages.SignIn = "/login?tenant=x" })
	b := s.browser().serve(http.StripPrefix("/shop", s.eng.Require(http.NotFoundHandler())))
	b.ask("GET", "/shop/cart?id=1", page...).wantTo(s.origin + "/login?tenant=x&callbackUrl=" + url.QueryEscape(s.origin+"/shop/cart?id=1"))
	secure := newSite(t, withHTTPS)
	b = secure.browser().serve(secure.eng.Require(http.NotFoundHandler()))
	b.at = "http://10.0.0.1:8080" // behind a proxy
	b.ask("GET", "/cart?id=1", page...).wantTo(httpsOrigin + base + "/signin?callbackUrl=" + url.QueryEscape(httpsOrigin+"/cart?id=1"))

	// The page whose path is what is cut off, in here and in front.
	below := newSite(t, func(_ *site, c *engine.Config) { c.URL, c.BasePath = httpsOrigin+"/shop"+base, base })
	guarded := below.eng.Require(http.NotFoundHandler())
	for want, handler := range map[string]http.Handler{"/shop?id=1": http.StripPrefix("/shop", guarded), "/shop/shop?id=1": guarded} {
		b := below.browser().serve(handler)
		b.at = "http://10.0.0.1:8080"
		b.ask("GET", "/shop?id=1", page...).wantTo(httpsOrigin + "/shop" + base + "/signin?callbackUrl=" + url.QueryEscape(httpsOrigin+want))
	}
}

func TestAuthorized(t *testing.T) {
	for _, strategy := range both {
		var decide func(*engine.AuthorizedParams) (engine.Decision, error)
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.Authorized = func(_ context.Context, p *engine.AuthorizedParams) (engine.Decision, error) { return decide(p) }
		})
		b := s.browser().serve(s.eng.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("welcome")) })))
		in := s.browser().serve(b.handler)
		in.signIn()
		signIn := s.origin + base + "/signin?callbackUrl=" + url.QueryEscape(s.origin+"/app")
		denied := s.origin + base + "/error?error=AccessDenied"
		for _, c := range []struct {
			what         string
			decide       func(*engine.AuthorizedParams) (engine.Decision, error)
			pageOut      string // Location; "" is let through
			pageIn       string
			apiOut, api  int
			problemsEach int
		}{
			{"allow", func(*engine.AuthorizedParams) (engine.Decision, error) { return engine.Allow(), nil }, "", "", 200, 200, 0},
			{"deny", func(*engine.AuthorizedParams) (engine.Decision, error) { return engine.Deny(), nil }, signIn, denied, 401, 403, 0},
			{"by session", func(p *engine.AuthorizedParams) (engine.Decision, error) {
				if p.Session != nil && *p.Session.User.Email == "alice@example.com" && p.Request.URL.Path == "/app" {
					return engine.Allow(), nil
				}
				return engine.Deny(), nil
			}, signIn, "", 401, 200, 0},
			{"redirect", func(*engine.AuthorizedParams) (engine.Decision, error) { return engine.RedirectTo("/upgrade?x=1"), nil }, s.origin + "/upgrade?x=1", s.origin + "/upgrade?x=1", 401, 403, 0},
			{"redirect out", func(*engine.AuthorizedParams) (engine.Decision, error) {
				return engine.RedirectTo("https://evil.example/"), nil
			}, s.origin, s.origin, 401, 403, 0},
			{"error", func(*engine.AuthorizedParams) (engine.Decision, error) {
				return engine.Allow(), errors.New("the policy service is down")
			}, signIn, denied, 401, 403, 1},
			{"panic", func(*engine.AuthorizedParams) (engine.Decision, error) { panic("boom") }, signIn, denied, 401, 403, 1},
		} {
			decide = c.decide
			check := func(who string, b *browser, location string, status int) {
				t.Helper()
				s.forget()
				r := b.ask("GET", "/app", page...)
				if location == "" && r.body != "welcome" || location != "" && (r.status != 302 || r.location() != location) {
					t.Errorf("%s, %s, a page %s: %d %q, want %q", strategy, c.what, who, r.status, r.location(), location)
				}
				if r := b.ask("GET", "/app"); r.status != status || (status == 200) != (r.body == "welcome") {
					t.Errorf("%s, %s, an API %s: %d, want %d", strategy, c.what, who, r.status, status)
				}
				lines := s.logs.problems()
				if len(lines) != 2*c.problemsEach {
					t.Errorf("%s, %s, %s: the log is %v", strategy, c.what, who, lines)
				}
				for _, entry := range lines {
					if entry.attrs["code"] == "" || entry.attrs["request_id"] == "" || entry.attrs["cause"] == "" {
						t.Errorf("%s, %s: the log line is %v", strategy, c.what, entry)
					}
				}
			}
			check("signed out", b, c.pageOut, c.apiOut)
			check("signed in", in, c.pageIn, c.api)
		}
	}
}

func TestProtect(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyJWT))
	protect, err := s.eng.Protect("/app/", "GET /api/orders/{id}", "POST /api/orders", "/exact", "/files/{path...}", "/{$}")
	if err != nil {
		t.Fatal(err)
	}
	// The next handler takes any path as it comes, as routers other than
	// ServeMux do.
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := engine.SessionFrom(r.Context()); ok {
			w.Write([]byte("known "))
		}
		w.Write([]byte("reached"))
	}))
	in := s.browser()
	in.signIn()
	for _, c := range []struct {
		method, target string
		protected      bool
	}{
		{"GET", "/app/", true}, {"GET", "/app/x", true}, {"GET", "/app/x/y?z", true}, {"POST", "/app/x", true}, {"GET", "/app", true}, {"OPTIONS", "/app/x", true},
		{"GET", "/api/orders/1", true}, {"HEAD", "/api/orders/1", true}, {"POST", "/api/orders", true}, {"GET", "/exact", true}, {"GET", "/files/a/b", true}, {"GET", "/", true},
		{"POST", "/api/orders/1", false}, {"GET", "/api/orders", false}, {"GET", "/exact/x", false}, {"GET", "/public", false}, {"GET", "/application", false}, {"GET", "/apple", false},
		// spelled in other ways
		{"GET", "//app/x", true}, {"GET", "/app//x", true}, {"GET", "/./app/x", true}, {"GET", "/public/../app/x", true}, {"GET", "/%61pp/x", true}, {"GET", "/app%2Fx", true},
		{"GET", "/public/%2e%2e/app/x", true}, {"GET", "/app/../public", true}, {"GET", "/app/../api/auth/x", true}, {"GET", "/app/%2e%2e/api/auth/x", true},
		{"GET", "/api/auth/../../app/x", true}, {"GET", "/api/auth/%2e%2e/%2e%2e/app/x", true}, {"GET", "/exact?x=/public", true}, {"GET", "/exact/", true}, {"GET", "/exact%2f", true}, {"GET", "/api/orders/a%2Fb/", true}, {"POST", "/api/orders/", true}, {"GET", "/api/orders/", false}, {"GET", "///app///x", true},
		{"CONNECT", "/app/x", true}, {"CONNECT", "//app/x", true}, {"CONNECT", "/public/../app/x", true}, {"CONNECT", "/public/%2e%2e/app/x", true}, {"CONNECT", "//app/../public", true}, {"CONNECT", "//public", false},
		// the engine's own
		{"GET", "/api/auth/session", false}, {"GET", "/api/auth/signin", false}, {"POST", "/api/auth/callback/credentials", false}, {"GET", "/api/authx", false},
	} {
		for _, b := range []*browser{s.browser(), in} {
			signedIn := b == in
			r := b.request("GET", "/", nil)
			r.Method = c.method
			u, err := url.ParseRequestURI(c.target)
			if err != nil {
				t.Fatal(err)
			}
			r.URL, r.RequestURI = u, c.target
			if signedIn {
				r.Header.Set("Cookie", sessionCookie+"="+in.cookie(sessionCookie))
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			got := strings.Contains(w.Body.String(), "reached")
			if want := signedIn || !c.protected; got != want {
				t.Errorf("%s %s, signed in %v: reached %v, want %v (%d)", c.method, c.target, signedIn, got, want, w.Code)
			}
			if known := strings.Contains(w.Body.String(), "known"); known != (signedIn && c.protected) {
				t.Errorf("%s %s, signed in %v: the handler knows the session: %v", c.method, c.target, signedIn, known)
			}
		}
	}
	for _, bad := range [][]string{{"app"}, {"GET"}, {"/a/{x}/{x}"}, {"/{"}, {""}, {"/a", "/a"}, {"/ok", "GET  x"}, {"app.example.com/app/"}, {"GET app.example.com/app/"}} {
		if _, err := s.eng.Protect(bad...); err == nil {
			t.Errorf("Protect(%q) is no error", bad)
		}
	}
	everything, err := s.eng.Protect("/")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(base+"/", s.eng)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("reached")) })
	b := s.browser()
	b.handler = everything(mux)
	if r := b.get("./x"); r.status != 401 {
		t.Errorf("behind Protect(/): %d", r.status)
	}
	b.signIn() // the way in is open
	if r := b.get("./x"); r.body != "reached" {
		t.Errorf("behind Protect(/), signed in: %d", r.status)
	}
}

// A request line may be one that no browser sends.
func TestProtectInFrontOfFiles(t *testing.T) {
	s := newSite(t)
	protect, err := s.eng.Protect("/app/", "/{$}")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"index.html": {Data: []byte("hidden")}, "app/x": {Data: []byte("hidden")}, "public": {Data: []byte("shown")}}
	server := httptest.NewServer(protect(http.FileServerFS(files)))
	defer server.Close()
	for _, method := range []string{"GET", "POST", "CONNECT", "BREW"} {
		for _, target := range []string{"/", "//", "/app/x", "//app/x", "/app//x", "/./app/x", "/public/../app/x", "/public/%2e%2e/app/x", "/app%2Fx", "localhost:80", "http://localhost/app/x", "http://localhost//app/x", "http://localhost", "/public"} {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, target)
			answer, err := io.ReadAll(conn)
			if conn.Close(); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 ") || strings.Contains(string(answer), "hidden") {
				t.Errorf("%s %s: %s, %v", method, target, answer, err)
			}
			if shown := strings.Contains(string(answer), "shown"); shown != (target == "/public") {
				t.Errorf("%s %s: %s", method, target, answer)
			}
		}
	}
}

func TestSignInByTheApplication(t *testing.T) {
	for _, strategy := range both {
		var seen map[string]string
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			inner := c.Providers[2].(*engine.Credentials).Authorize
			c.Providers[2].(*engine.Credentials).Authorize = func(ctx context.Context, v map[string]string, r *http.Request) (*engine.User, error) {
				seen = v
				return inner(ctx, v, r)
			}
		})
		var provider string
		var o engine.SignInOptions
		var to string
		var failure error
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			before, _ := s.eng.Session(w, r)
			to, failure = s.eng.SignIn(w, r, provider, o)
			after, err := s.eng.Session(w, r)
			if failure == nil && provider == "credentials" && (after != nil || err == nil) {
				t.Errorf("%s: after SignIn the same request has the session %+v, %v", strategy, after, err)
			}
			if failure != nil && after != before {
				t.Errorf("%s: after a failed SignIn the request has another session", strategy)
			}
		})
		call := func(b *browser, p string, options engine.SignInOptions) *reply {
			provider, o = p, options
			return b.get("./enter")
		}
		b := s.browser().serve(handler)
		r := call(b, "credentials", engine.SignInOptions{RedirectTo: "/in", Credentials: map[string]string{"username": "alice", "password": password}})
		if failure != nil || to != s.origin+"/in" || r.sets(sessionCookie) == nil {
			t.Fatalf("%s: SignIn gives %q, %v, cookies %q", strategy, to, failure, r.header["Set-Cookie"])
		}
		if want := map[string]string{"username": "alice", "password": password}; !mapsEqual(seen, want) {
			t.Errorf("%s: Authorize got %v", strategy, seen)
		}
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: the session is of %q", strategy, got)
		}
		s.quiet(t)

		b = s.browser().serve(handler)
		call(b, "oidc", engine.SignInOptions{RedirectTo: "/in", Params: map[string]string{"prompt": "login", "client_id": "evil", "redirect_uri": "https://evil.example"}})
		u, err := url.Parse(to)
		if failure != nil || err != nil || u.Host != "idp.example" || u.Query().Get("prompt") != "login" || u.Query().Get("client_id") != clientID || strings.Contains(to, "evil") {
			t.Errorf("%s: SignIn gives %q, %v", strategy, to, failure)
		}
		b.back("oidc", to).wantTo(s.origin + "/in")
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: the session is of %q", strategy, got)
		}

		call(s.browser().serve(handler), "email", engine.SignInOptions{Email: "carol@example.com", RedirectTo: "/in"})
		if want := s.origin + base + "/verify-request?provider=email&type=email"; failure != nil || to != want {
			t.Errorf("%s: SignIn gives %q, %v, want %q", strategy, to, failure, want)
		}
		if mail := s.mails.last(t); !strings.Contains(mail.URL, url.QueryEscape(s.origin+"/in")) || mail.Identifier != "carol@example.com" {
			t.Errorf("%s: the mail is %+v", strategy, mail)
		}
		s.canary(s.mails.last(t).Token, "the token of a mail link")

		for _, c := range []struct {
			provider string
			o        engine.SignInOptions
			code     engine.Code
		}{
			{"credentials", engine.SignInOptions{Credentials: map[string]string{"password": "x"}}, engine.CodeCredentialsSignin},
			{"nope", engine.SignInOptions{}, engine.CodeConfiguration},
			{"", engine.SignInOptions{}, engine.CodeConfiguration},
			{"email", engine.SignInOptions{}, engine.CodeConfiguration},
			{"oidc", engine.SignInOptions{RedirectTo: "javascript:alert(1)"}, engine.CodeConfiguration},
		} {
			b := s.browser().serve(handler)
			s.forget()
			r := call(b, c.provider, c.o)
			var known *engine.Error
			if !errors.As(failure, &known) || known.Code != c.code || to != "" || len(r.set) > 0 {
				t.Errorf("%s: SignIn(%q, %+v) gives %q, %v, cookies %q", strategy, c.provider, c.o, to, failure, r.header["Set-Cookie"])
			}
			b.signedOut()
		}
		// What a form sends is no option of the sign-in.
		call(s.browser().serve(handler), "credentials", engine.SignInOptions{RedirectTo: "/in", Credentials: map[string]string{"password": password, "callbackUrl": "/elsewhere", "csrfToken": "x"}})
		if failure != nil || to != s.origin+"/in" {
			t.Errorf("%s: SignIn with a callbackUrl among the credentials gives %q, %v", strategy, to, failure)
		}
		for _, out := range []string{"https://evil.example", "//evil.example"} {
			call(s.browser().serve(handler), "credentials", engine.SignInOptions{RedirectTo: out, Credentials: map[string]string{"password": password}})
			if failure != nil || to != s.origin {
				t.Errorf("%s: SignIn with RedirectTo %s gives %q, %v", strategy, out, to, failure)
			}
		}
	}
}

// Where the signIn callback sends the browser elsewhere nobody has signed in.
func TestSignInByTheApplicationThatIsSentElsewhere(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signIn()
		sends := newSite(t, withStrategy(strategy), func(own *site, c *engine.Config) {
			own.store, c.Adapter = s.store, s.store.adapter()
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) {
				return engine.RedirectTo("/terms"), nil
			}
		})
		b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			to, err := sends.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}})
			if to != s.origin+"/terms" || err != nil {
				t.Errorf("%s: SignIn gives %q, %v", strategy, to, err)
			}
			if session, err := sends.eng.Session(w, r); err != nil || session == nil || session.User.ID != "alice-id" {
				t.Errorf("%s: afterwards the session is %+v, %v", strategy, session, err)
			}
		}))
		if r := b.get("./enter"); r.sets(sessionCookie) != nil {
			t.Errorf("%s: cookies %q", strategy, r.header["Set-Cookie"])
		}
	}
}

func TestSignOutByTheApplication(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := s.eng.Session(w, r); err != nil {
				t.Error(err)
			}
			if err := s.eng.SignOut(w, r); err != nil {
				t.Error(err)
			}
			if after, err := s.eng.Session(w, r); after != nil || err != nil {
				t.Errorf("%s: after SignOut the request has the session %+v, %v", strategy, after, err)
			}
		}))
		b.signIn()
		token := b.csrf()
		s.clock.add(25 * time.Hour) // due to be extended: the cookie is set, and then cleared
		b.get("./bye")
		if b.has(sessionCookie) {
			t.Errorf("%s: the cookie is still there", strategy)
		}
		b.signedOut()
		if b.csrf() == token {
			t.Errorf("%s: the CSRF token is the same", strategy)
		}
		b.get("./bye") // signed out already
		s.quiet(t)
	}
}

// What the same request has set before does not outlive SignOut.
func TestSignOutAfterAnotherCookie(t *testing.T) {
	for _, strategy := range both {
		pad := 0
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
				p.Token.Extra = map[string]any{"pad": strings.Repeat("x", pad)}
				return nil
			}
		})
		// In, and out again: the handler has found that something is missing.
		b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := s.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}}); err != nil {
				t.Fatal(err)
			}
			if err := s.eng.SignOut(w, r); err != nil {
				t.Error(err)
			}
		}))
		b.get("./in-and-out")
		b.signedOut()
		b.signIn()
		b.get("./in-and-out")
		b.signedOut()
		// A session that has grown beyond one cookie.
		b = s.browser().serve(s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := s.eng.SignOut(w, r); err != nil {
				t.Error(err)
			}
		})))
		b.signIn()
		pad = 4000
		b.get("./bye")
		b.signedOut()
		for _, name := range b.names() {
			if strings.HasPrefix(name, sessionCookie) {
				t.Errorf("%s: the cookie %s is still there", strategy, name)
			}
		}
	}
}
