package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

func TestRequireLeadsToTheSignInPageAndBack(t *testing.T) {
	for _, strategy := range strategies {
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
		for _, header := range [][]string{acceptHTML, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Mode", "navigate", "Accept", "*/*"}} {
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
			{"GET", nil}, {"GET", []string{"Accept", "application/json"}}, {"GET", []string{"Accept", "*/*"}}, {"POST", acceptHTML}, {"DELETE", acceptHTML}, {"OPTIONS", nil},
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
		// To the sign-in page, and back after the sign-in.
		r := b.ask("GET", "/app/x?y=1&z=a%20b", acceptHTML...)
		b.get(strings.TrimPrefix(r.location(), s.origin+base))
		b.signIn().wantTo(s.origin + "/app/x?y=1&z=a%20b")
		if r := b.ask("GET", "/app/x?y=1&z=a%20b", acceptHTML...); r.body != "welcome" || reached != 1 {
			t.Errorf("%s: signed in: %d %s", strategy, r.status, r.body)
		}
		if r := b.ask("POST", "/app/x"); r.body != "welcome" {
			t.Errorf("%s: signed in: %d %s", strategy, r.status, r.body)
		}
		// An invalid cookie is cleared.
		b.set(sessionCookie, "garbage")
		if r := b.ask("GET", "/app/x", acceptHTML...); r.status != 302 || !r.clears(sessionCookie) {
			t.Errorf("%s: an invalid cookie: %d %q", strategy, r.status, r.header["Set-Cookie"])
		}
		s.quiet(t)
		// With an odd URL the sign-in page still works.
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
				t.Errorf("%s: %.40q redirects to %.100q, whose status is %d", strategy, long, location, r.status)
			}
			out.signIn()
			out.post("/signout")
		}
	}
}

// callbackUrl is the URL that the browser requested, also behind a router or a
// proxy that strips a prefix, and with a sign-in page of the application.
func TestRequireReturnsToTheURLBeforeStripPrefix(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) { c.Pages.SignIn = "/login?tenant=x" })
	b := s.browser().serve(http.StripPrefix("/shop", s.eng.Require(http.NotFoundHandler())))
	b.ask("GET", "/shop/cart?id=1", acceptHTML...).wantTo(s.origin + "/login?tenant=x&callbackUrl=" + url.QueryEscape(s.origin+"/shop/cart?id=1"))
	secure := newSite(t, withHTTPS)
	b = secure.browser().serve(secure.eng.Require(http.NotFoundHandler()))
	b.origin = "http://10.0.0.1:8080" // behind a proxy
	b.ask("GET", "/cart?id=1", acceptHTML...).wantTo(httpsOrigin + base + "/signin?callbackUrl=" + url.QueryEscape(httpsOrigin+"/cart?id=1"))

	// The path is the prefix itself, stripped in this process or by a proxy.
	below := newSite(t, func(_ *site, c *engine.Config) { c.URL, c.BasePath = httpsOrigin+"/shop"+base, base })
	guarded := below.eng.Require(http.NotFoundHandler())
	for want, handler := range map[string]http.Handler{"/shop?id=1": http.StripPrefix("/shop", guarded), "/shop/shop?id=1": guarded} {
		b := below.browser().serve(handler)
		b.origin = "http://10.0.0.1:8080"
		b.ask("GET", "/shop?id=1", acceptHTML...).wantTo(httpsOrigin + "/shop" + base + "/signin?callbackUrl=" + url.QueryEscape(httpsOrigin+want))
	}
}

func TestAuthorizedDecidesWhoIsLetThrough(t *testing.T) {
	for _, strategy := range strategies {
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
			pageOut      string // Location; "" means allowed
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
				s.resetLog()
				r := b.ask("GET", "/app", acceptHTML...)
				if location == "" && r.body != "welcome" || location != "" && (r.status != 302 || r.location() != location) {
					t.Errorf("%s, %s, a page %s: %d %q, want %q", strategy, c.what, who, r.status, r.location(), location)
				}
				if r := b.ask("GET", "/app"); r.status != status || (status == 200) != (r.body == "welcome") {
					t.Errorf("%s, %s, an API %s: %d, want %d", strategy, c.what, who, r.status, status)
				}
				lines := s.logs.problems()
				if len(lines) != 2*c.problemsEach {
					t.Errorf("%s, %s, %s: log %v", strategy, c.what, who, lines)
				}
				for _, entry := range lines {
					if entry.attrs["code"] == "" || entry.attrs["request_id"] == "" || entry.attrs["cause"] == "" {
						t.Errorf("%s, %s: log line %v", strategy, c.what, entry)
					}
				}
			}
			check("signed out", b, c.pageOut, c.apiOut)
			check("signed in", in, c.pageIn, c.api)
		}
	}
}

// When the redirect callback fails, a redirect of the authorized callback leads to
// the error page.
func TestFailedRedirectOfAuthorizedLeadsToTheErrorPage(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.Authorized = func(context.Context, *engine.AuthorizedParams) (engine.Decision, error) {
			return engine.RedirectTo("/upgrade"), nil
		}
		c.Callbacks.Redirect = func(context.Context, engine.RedirectParams) (string, error) { return "", errors.New("no redirects") }
	})
	b := s.browser().serve(s.eng.Require(http.NotFoundHandler()))
	b.ask("GET", "/app", acceptHTML...).wantTo(s.origin + base + "/error?error=Configuration")
	if entry := s.problem(t); !strings.Contains(entry.attrs["cause"], "no redirects") {
		t.Errorf("log line %v", entry)
	}
}

// RequireIf calls its function after Callbacks.Authorized, and only for requests
// that the callback allows.
func TestRequireIfAsksAfterAuthorized(t *testing.T) {
	for _, strategy := range strategies {
		authorized := engine.Allow()
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.Authorized = func(context.Context, *engine.AuthorizedParams) (engine.Decision, error) { return authorized, nil }
		})
		calls := 0
		var decide func(*engine.AuthorizedParams) (engine.Decision, error)
		b := s.browser().serve(s.eng.RequireIf(func(_ context.Context, p *engine.AuthorizedParams) (engine.Decision, error) {
			calls++
			return decide(p)
		}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("welcome")) })))
		b.signIn()
		for _, c := range []struct {
			what       string
			authorized engine.Decision
			decide     func(*engine.AuthorizedParams) (engine.Decision, error)
			calls      int
			status     int
		}{
			{"both allow", engine.Allow(), func(p *engine.AuthorizedParams) (engine.Decision, error) {
				if p.Session == nil || p.Session.User.ID != "alice-id" || p.Request.URL.Path != "/app" {
					t.Errorf("%s: called with %+v", strategy, p)
				}
				return engine.Allow(), nil
			}, 1, 200},
			{"it denies", engine.Allow(), func(*engine.AuthorizedParams) (engine.Decision, error) { return engine.Deny(), nil }, 1, 403},
			{"it fails", engine.Allow(), func(*engine.AuthorizedParams) (engine.Decision, error) {
				return engine.Allow(), errors.New("down")
			}, 1, 403},
			{"it panics", engine.Allow(), func(*engine.AuthorizedParams) (engine.Decision, error) { panic("boom") }, 1, 403},
			{"the callback denies", engine.Deny(), func(*engine.AuthorizedParams) (engine.Decision, error) { return engine.Allow(), nil }, 0, 403},
		} {
			calls, authorized, decide = 0, c.authorized, c.decide
			if r := b.ask("GET", "/app"); r.status != c.status || (r.body == "welcome") != (c.status == 200) || calls != c.calls {
				t.Errorf("%s, %s: %d %s, called %d times", strategy, c.what, r.status, r.body, calls)
			}
		}
	}
	// Without the callback a request without a session is refused first.
	s := newSite(t)
	called := false
	b := s.browser().serve(s.eng.RequireIf(func(context.Context, *engine.AuthorizedParams) (engine.Decision, error) {
		called = true
		return engine.Allow(), nil
	}, http.NotFoundHandler()))
	if r := b.ask("GET", "/app"); r.status != http.StatusUnauthorized || called {
		t.Errorf("signed out: %d, called: %t", r.status, called)
	}
}

// An expired session redirects to the sign-in page even if it cannot be deleted.
func TestExpiredSessionThatCannotBeDeletedIsExpired(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser().serve(s.eng.Require(http.NotFoundHandler()))
	b.signIn()
	s.clock.add(2 * month)
	s.store.failWith(errors.New("down"), "DeleteSession")
	s.resetLog()
	b.ask("GET", "/app", acceptHTML...).wantTo(s.origin + base + "/signin?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fapp")
	s.problem(t)
}

// When the session cannot be read, the redirect of Require has the request ID of
// the log line.
func TestRequireNamesTheRequest(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	s.store.failWith(errors.New("down"))
	s.resetLog()
	b.serve(s.eng.Require(http.NotFoundHandler()))
	r := b.request("GET", "/page", nil)
	r.Header.Set("Accept", "text/html")
	out := b.do(r)
	if id := s.problem(t).attrs["request_id"]; redirectQuery(t, out).Get("requestId") != id {
		t.Errorf("redirects to %s, the logged ID is %q", out.header.Get("Location"), id)
	}
}
