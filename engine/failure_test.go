package engine_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// The error page of Configuration has the request ID of the log line with the
// cause, after a redirect and on a page of the application, too.
func TestErrorPageNamesTheRequest(t *testing.T) {
	const uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
	for what, c := range map[string]struct {
		wire    engine.Dialect
		own     string // Pages.Error
		given   string // X-Request-Id
		carried bool
	}{
		"v5":                        {carried: true},
		"v4":                        {wire: engine.DialectV4, carried: true},
		"a page of the application": {own: "/oops?tenant=1", carried: true},
		"the same, v4":              {wire: engine.DialectV4, own: "/oops?tenant=1", carried: true},
		"an id of nginx":            {given: strings.Repeat("0a", 16), carried: true},
		"a UUID":                    {given: uuid, carried: true},
		"an id of AWS":              {given: "Root=1-67891233-abcdef012345678912345678"},
		"the same, with a page":     {given: "req.42", own: "/oops"},
		"an invalid id":             {given: "<script>", carried: true}, // replaced by a generated one
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, withStore, func(_ *site, cfg *engine.Config) { cfg.Dialect, cfg.Pages.Error = c.wire, c.own })
			b := s.browser()
			if c.given != "" {
				b.header.Set("X-Request-Id", c.given)
			}
			csrf := strings.TrimSuffix(strings.TrimPrefix(b.get("/csrf").body, `{"csrfToken":"`), `"}`)
			s.store.failWith(errors.New("down"))
			values := form("csrfToken", csrf, "token", "x", "email", "a@example.com")
			if c.wire == engine.DialectV4 { // with a token most of its failures lead to the sign-in page
				values.Del("token")
			}
			r := b.send("/callback/email", values)
			line := s.problem(t)
			id := line.attrs["request_id"]
			if c.wire == engine.DialectV4 && c.own != "" { // by way of the built-in error page
				u, _ := url.Parse(r.header.Get("Location"))
				r = b.get(strings.TrimPrefix(u.RequestURI(), base))
			}
			to := redirectQuery(t, r)
			if got := to.Get("requestId"); (got == id) != c.carried || !c.carried && to.Has("requestId") {
				t.Errorf("redirects to %s, the logged ID is %q", r.header.Get("Location"), id)
			}
			if c.own == "" {
				u, _ := url.Parse(r.header.Get("Location"))
				page := b.copy()
				page.header.Del("X-Request-Id")
				if got := page.get(strings.TrimPrefix(u.RequestURI(), base)); strings.Contains(got.body, id) != c.carried || got.status != http.StatusInternalServerError {
					t.Errorf("the page has status %d, shows the ID: %v", got.status, strings.Contains(got.body, id))
				}
			}
		})
	}
}

// redirectQuery returns the query of the URL that an answer redirects to.
func redirectQuery(t *testing.T, r *reply) url.Values {
	t.Helper()
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil || r.status != http.StatusFound {
		t.Fatalf("%d to %q", r.status, r.header.Get("Location"))
	}
	return u.Query()
}

// The error page ignores a request ID that the engine did not generate.
func TestErrorPageShowsGeneratedIDsOnly(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for _, id := range []string{
		"call-555-0100-now", "CALL 5550100", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0", "<b>0123456789abcd", strings.Repeat("-", 36), strings.Repeat("-", 16),
		"0f8fad5b-d9cb-469f-a165_70867728950e", "0f8fad5bd-9cb-469f-a165-70867728950e", "https://evil.com", "0123456789abcdeg", "unknown", "\x000123456789abcd",
	} {
		if r := b.get("/error?error=Configuration&requestId=" + url.QueryEscape(id)); strings.Contains(r.body, "<dt>Request</dt>") || r.status != 500 {
			t.Errorf("%q is shown", id)
		}
	}
	const generated = "0123456789abcdef"
	if r := b.get("/error?error=Configuration&requestId=" + generated); !strings.Contains(r.body, "<code>"+generated+"</code>") {
		t.Errorf("a generated ID is not shown: %s", r.body)
	}
	for _, other := range []string{"AccessDenied", "Verification", "nope", ""} {
		if r := b.get("/error?error=" + other + "&requestId=" + generated); strings.Contains(r.body, generated) {
			t.Errorf("an ID is shown with the code %q", other)
		}
	}
	s.quiet(t)
}

// The error page does not redirect to itself.
func TestErrorPageNeverLeadsToItself(t *testing.T) {
	fault := errors.New("the callback is broken")
	for what, redirect := range map[string]func(context.Context, engine.RedirectParams) (string, error){
		"error":   func(context.Context, engine.RedirectParams) (string, error) { return "", fault },
		"panic":   func(context.Context, engine.RedirectParams) (string, error) { panic(fault) },
		"garbage": func(context.Context, engine.RedirectParams) (string, error) { return "javascript:alert(1)", nil },
		"empty":   func(context.Context, engine.RedirectParams) (string, error) { return "", nil },
	} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.Callbacks.Redirect = redirect })
		for _, path := range []string{"/error", "/error?error=AccessDenied", "/signin", "/signout", "/verify-request", "/csrf", "/providers", "/session", "/signin?callbackUrl=/x", "/error?callbackUrl=/x"} {
			b := s.browser()
			b.set(callbackCookie, "%2Fx")
			s.resetLog()
			r := b.get(path)
			s.problem(t)
			switch path {
			case "/session":
				if r.status != 200 || r.body != "null" {
					t.Errorf("%s: GET %s: %d %s", what, path, r.status, r.body)
				}
				continue
			case "/csrf", "/providers":
				if r.status != 500 || !strings.Contains(r.body, `{"message":`) || r.header.Get("Content-Type") != "application/json" {
					t.Errorf("%s: GET %s: %d %s", what, path, r.status, r.body)
				}
				continue
			}
			for hops := 0; r.status == http.StatusFound; hops++ {
				if hops == 3 {
					t.Fatalf("%s: GET %s redirects in a loop: %s", what, path, r.location())
				}
				r = b.get(strings.TrimPrefix(r.location(), s.origin+base))
			}
			if r.status != 500 || !strings.Contains(r.body, "<h1>") {
				t.Errorf("%s: GET %s ends with %d %.100s", what, path, r.status, r.body)
			}
		}
	}
	// Nor does it when the random source fails.
	s := newSite(t, func(_ *site, c *engine.Config) { c.Rand = brokenReader{} })
	for path, want := range map[string]int{"/error": 500, "/signin": 302, "/csrf": 500, "/providers": 500, "/session": 200} {
		s.resetLog()
		if r := s.browser().get(path); r.status != want || len(r.set) > 0 {
			t.Errorf("without random bytes, GET %s: %d %q", path, r.status, r.header["Set-Cookie"])
		}
		if lines := s.logs.problems(); len(lines) != 1 || lines[0].attrs["cause"] == "" {
			t.Errorf("without random bytes, GET %s logs %v", path, lines)
		}
	}
}
