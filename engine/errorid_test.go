package engine_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// Whoever gets to the error page with Configuration can say which line of the
// log tells why, also after the redirect and on a page of the application.
func TestErrorPageNamesTheRequest(t *testing.T) {
	const uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
	for what, c := range map[string]struct {
		wire    engine.Dialect
		own     string // Pages.Error
		given   string // X-Request-Id
		carried bool
	}{
		"v5":                       {carried: true},
		"v4":                       {wire: engine.DialectV4, carried: true},
		"a page of one's own":      {own: "/oops?tenant=1", carried: true},
		"the same, v4":             {wire: engine.DialectV4, own: "/oops?tenant=1", carried: true},
		"an id of nginx":           {given: strings.Repeat("0a", 16), carried: true},
		"a UUID":                   {given: uuid, carried: true},
		"an id that is no such":    {given: "Root=1-67891233-abcdef012345678912345678"},
		"the same, of one's own":   {given: "req.42", own: "/oops"},
		"an id that cannot be one": {given: "<script>", carried: true}, // a new one is made
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, withStore, func(_ *site, cfg *engine.Config) { cfg.Dialect, cfg.Pages.Error = c.wire, c.own })
			b := s.browser()
			if c.given != "" {
				b.header.Set("X-Request-Id", c.given)
			}
			csrf := strings.TrimSuffix(strings.TrimPrefix(b.get("/csrf").body, `{"csrfToken":"`), `"}`)
			s.store.breaks(errors.New("down"))
			values := form("csrfToken", csrf, "token", "x", "email", "a@example.com")
			if c.wire == engine.DialectV4 { // most of whose failures lead to the sign-in page, with codes of their own
				values.Del("token")
			}
			r := b.send("/callback/email", values)
			line := s.problem(t)
			id := line.attrs["request_id"]
			if c.wire == engine.DialectV4 && c.own != "" { // there is a redirect in between
				u, _ := url.Parse(r.header.Get("Location"))
				r = b.get(strings.TrimPrefix(u.RequestURI(), base))
			}
			to := carried(t, r)
			if got := to.Get("requestId"); (got == id) != c.carried || !c.carried && to.Has("requestId") {
				t.Errorf("leads to %s, and the log has %q", r.header.Get("Location"), id)
			}
			if c.own == "" {
				u, _ := url.Parse(r.header.Get("Location"))
				page := b.copy()
				page.header.Del("X-Request-Id")
				if got := page.get(strings.TrimPrefix(u.RequestURI(), base)); strings.Contains(got.body, id) != c.carried || got.status != http.StatusInternalServerError {
					t.Errorf("the page is %d and shows the id: %v", got.status, strings.Contains(got.body, id))
				}
			}
		})
	}
}

// carried is the query of the URL that an answer leads to.
func carried(t *testing.T, r *reply) url.Values {
	t.Helper()
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil || r.status != http.StatusFound {
		t.Fatalf("%d to %q", r.status, r.header.Get("Location"))
	}
	return u.Query()
}

// A link to the error page cannot make it say something.
func TestErrorPageShowsNoOtherIDs(t *testing.T) {
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
	const good = "0123456789abcdef"
	if r := b.get("/error?error=Configuration&requestId=" + good); !strings.Contains(r.body, "<code>"+good+"</code>") {
		t.Errorf("a good id is not shown: %s", r.body)
	}
	for _, other := range []string{"AccessDenied", "Verification", "nope", ""} {
		if r := b.get("/error?error=" + other + "&requestId=" + good); strings.Contains(r.body, good) {
			t.Errorf("an id is shown with %q", other)
		}
	}
	s.quiet(t)
}

// Require's redirect names the request in which the session could not be read.
func TestRequireNamesTheRequest(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	s.store.breaks(errors.New("down"))
	s.forget()
	b.serve(s.eng.Require(http.NotFoundHandler()))
	r := b.request("GET", "/page", nil)
	r.Header.Set("Accept", "text/html")
	out := b.do(r)
	if id := s.problem(t).attrs["request_id"]; carried(t, out).Get("requestId") != id {
		t.Errorf("leads to %s, and the log has %q", out.header.Get("Location"), id)
	}
}
