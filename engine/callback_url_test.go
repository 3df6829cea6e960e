package engine_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// refusesCallbackURL passes a callback URL everywhere one is taken, and checks
// that the browser is redirected to the site itself.
func refusesCallbackURL(t *testing.T, callbackURL string) {
	query := "?callbackUrl=" + url.QueryEscape(callbackURL)
	fresh := func() (*site, *browser) {
		s := newSite(t, withStrategy(engine.StrategyDatabase))
		return s, s.browser()
	}
	wantCookie := func(where string, b *browser) {
		t.Helper()
		if got := b.cookie(callbackCookie); got != url.QueryEscape(httpOrigin) {
			t.Errorf("%s: the callback-url cookie is %q", where, got)
		}
	}

	s, b := fresh()
	b.signIn("callbackUrl", callbackURL).wantTo(s.origin)
	wantCookie("POST callback/credentials", b)
	b.post("/signout", "callbackUrl", callbackURL).wantTo(s.origin)
	wantCookie("POST signout", b)

	_, b = fresh()
	b.post("/callback/credentials"+query, "password", password).wantTo(s.origin)
	b.post("/signout" + query).wantTo(s.origin)
	b.post("/signin" + query).wantTo(s.origin + base + "/signin")
	wantCookie("POST signin", b)

	for _, page := range []string{"/signin", "/signout", "/error", "/verify-request", "/csrf", "/session"} {
		s, b := fresh()
		r := b.get(page + query)
		wantCookie("GET "+page, b)
		if strings.Contains(r.body, "evil") {
			t.Errorf("GET %s has the URL in its body", page)
		}
		b.signIn().wantTo(s.origin)
	}

	s, b = fresh()
	b.oauth("oidc").wantTo(s.origin)
	s, b = fresh()
	b.finishOAuth("oidc", b.startOAuth("oidc", "callbackUrl", callbackURL)).wantTo(s.origin)
	s, b = fresh()
	b.finishOAuth("oidc", b.startOAuth("oidc"), "callbackUrl", callbackURL).wantTo(s.origin)

	s, b = fresh()
	b.post("/signin/email", "email", "carol@example.com", "callbackUrl", callbackURL)
	link, err := url.Parse(s.mails.last(t).URL)
	if err != nil || link.Query().Get("callbackUrl") != s.origin {
		t.Errorf("the mail link is %v, %v", link, err)
	}
	q := link.Query()
	q.Set("callbackUrl", callbackURL)
	if r := b.get("/callback/email?" + q.Encode()); strings.Contains(r.body, "evil") {
		t.Error("the confirm page shows the URL")
	}
	b.post("/callback/email", "token", q.Get("token"), "email", q.Get("email"), "callbackUrl", callbackURL).wantTo(s.origin)

	_, b = fresh()
	r := b.request("POST", base+"/signout", strings.NewReader(form("csrfToken", b.csrf(), "callbackUrl", callbackURL).Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Auth-Return-Redirect", "1")
	if out := b.do(r); out.status != 200 || out.body != `{"url":"`+s.origin+`"}` {
		t.Errorf("as JSON: %d %s", out.status, out.body)
	}

	s = newSite(t, func(_ *site, c *engine.Config) { c.Pages.SignIn = "/login" })
	s.browser().get("/signin" + query).wantTo("/login?callbackUrl=" + url.QueryEscape(s.origin))

	ownCallback := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
		c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) {
			return engine.RedirectTo(callbackURL), nil
		}
	})
	b = ownCallback.browser()
	b.post("/callback/credentials", "password", password).wantTo(s.origin)
	b.oauth("oidc").wantTo(s.origin)
	b.post("/signin/email", "email", "carol@example.com").wantTo(s.origin)
}

func TestCallbackURLOfAnotherSiteIsRefused(t *testing.T) {
	refusesCallbackURL(t, "https://evil.example/")
	refusesCallbackURL(t, "http://evil.example/?back="+httpOrigin)
	refusesCallbackURL(t, "HTTPS://EVIL.EXAMPLE")
}

func TestCallbackURLWithoutSchemeIsRefused(t *testing.T) {
	for _, callbackURL := range []string{"//", `/\`, "//evil.example", "///evil.example", `/\evil.example`, `/\/evil.example`, "////evil.example/x",
		"http://localhost:3000//evil.example", "http://localhost:3000/\\evil.example",
		"HTTP://localhost:3000//evil.example", "http://LOCALHOST:3000/\\evil.example"} {
		refusesCallbackURL(t, callbackURL)
	}
}

func TestCallbackURLOfASimilarHostIsRefused(t *testing.T) {
	for _, callbackURL := range []string{
		"http://localhost.evil.example", "http://evillocalhost:3000/", "http://localhost.evil.example:3000/",
		"http://localhost:3000@evil.example/", "http://localhost%3A3000@evil.example/", "http://evil.localhost:3000/",
		"http://evil@localhost:3000/", "http://evil:evil@localhost:3000/evil",
	} {
		refusesCallbackURL(t, callbackURL)
	}
}

func TestCallbackURLOfAnotherPortOrSchemeIsRefused(t *testing.T) {
	for _, callbackURL := range []string{"http://localhost:3001/evil", "http://localhost/evil", "https://localhost:3000/evil", "http://localhost:30000/evil"} {
		refusesCallbackURL(t, callbackURL)
	}
	s := newSite(t, withHTTPS)
	for _, callbackURL := range []string{"http://app.example.com/", "https://app.example.com:8443/", "https://app.example.com.evil.example/", "https://xapp.example.com/"} {
		s.browser().signIn("callbackUrl", callbackURL).wantTo(httpsOrigin)
	}
}

func TestInvalidCallbackURLIsRefused(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	for _, callbackURL := range []string{
		"%", "/%zz", "http://[", "http://", "javascript:alert(1)", "data:text/html,x", "ftp://localhost:3000/", "page", "\\\\evil.example",
		"/a\r\nSet-Cookie: x=1", "/\x00", "http://local host/", "http://localhost:x/", "http://localhost:3000.evil.example/",
		"/" + strings.Repeat("a", 10<<10), "https:evil.example",
	} {
		query := "?callbackUrl=" + url.QueryEscape(callbackURL)
		for _, request := range []string{
			"GET /session", "GET /csrf", "GET /providers", "GET /signin", "GET /signout", "GET /error", "GET /verify-request",
			"GET /callback/oidc", "GET /callback/email", "POST /signin", "POST /signin/oidc", "POST /signout", "POST /session", "POST /callback/credentials",
		} {
			s.resetLog()
			b := s.browser()
			method, path, _ := strings.Cut(request, " ")
			r := b.do(b.request(method, base+path+query, nil))
			if r.status != http.StatusBadRequest || len(r.set) > 0 || r.location() != "" {
				t.Errorf("%s with callbackUrl %.40q: status %d, Location %q, cookies %q", request, callbackURL, r.status, r.location(), r.header["Set-Cookie"])
			}
			s.problem(t)
			if got := s.store.called(); len(got) > 0 {
				t.Errorf("%s: adapter calls %v", request, got)
			}
		}
		b := s.browser()
		b.csrf()
		for _, path := range []string{"/signin", "/signin/oidc", "/signin/email", "/signout", "/callback/credentials", "/callback/email"} {
			s.resetLog()
			r := b.post(path, "callbackUrl", callbackURL, "password", password, "email", "carol@example.com")
			r.wantTo(s.origin + base + "/error?error=Configuration")
			if len(r.set) > 0 {
				t.Errorf("POST %s: cookies %q", path, r.header["Set-Cookie"])
			}
			if line := s.problem(t); line.level != slog.LevelWarn { // anyone can send it
				t.Errorf("POST %s: log %v", path, line)
			}
			if got := s.store.called(); len(got) > 0 {
				t.Errorf("POST %s: adapter calls %v", path, got)
			}
		}
		b.set(callbackCookie, url.PathEscape(callbackURL))
		b.signIn().wantTo(s.origin)
	}
	b := s.browser()
	for _, callbackURL := range []any{1, true, []string{"/"}, map[string]string{"url": "/"}} {
		b.json("/signout", map[string]any{"csrfToken": b.csrf(), "callbackUrl": callbackURL}).wantTo(s.origin + base + "/error?error=Configuration")
	}
}

func TestCallbackURLKeepsQueryAndFragment(t *testing.T) {
	s := newSite(t)
	for callbackURL, want := range map[string]string{
		"/":                                  "http://localhost:3000/",
		"/a/b?x=1&y=%2F%20#part":             "http://localhost:3000/a/b?x=1&y=%2F%20#part",
		"/?next=//evil.example":              "http://localhost:3000/?next=//evil.example",
		"http://localhost:3000/a?x=1#part":   "http://localhost:3000/a?x=1#part",
		"http://localhost:3000":              "http://localhost:3000",
		"http://localhost:3000?x=1":          "http://localhost:3000?x=1",
		"http://localhost:3000?/x":           "http://localhost:3000?/x",
		"http://localhost:3000#/x":           "http://localhost:3000#/x",
		"/ü?ü=ü":                             "http://localhost:3000/ü?ü=ü",
		"/a%2Fb":                             "http://localhost:3000/a%2Fb",
		"/" + strings.Repeat("a", 1000) + "": "http://localhost:3000/" + strings.Repeat("a", 1000),
	} {
		b := s.browser()
		b.signIn("callbackUrl", callbackURL).wantTo(want)
		b.post("/signout").wantTo(want) // from the cookie

		b = s.browser()
		b.get("/signin?callbackUrl=" + url.QueryEscape(callbackURL))
		b.signIn().wantTo(want)
		b.finishOAuth("oidc", b.startOAuth("oidc")).wantTo(want)
	}
}

// A callback URL has at most 2048 bytes, and 3800 as escaped in its cookie.
func TestCallbackURLFitsItsCookie(t *testing.T) {
	b := newSite(t).browser()
	accepted := func(u string) bool { return b.get("/csrf?callbackUrl="+url.QueryEscape(u)).status == http.StatusOK }
	for _, c := range "azAZ09-_.!~*'()" {
		if u := "/" + strings.Repeat(string(c), 2047); !accepted(u) || accepted(u+string(c)) {
			t.Errorf("%c: 2048 bytes are not the limit", c)
		}
	}
	for _, c := range "@[`{/:=+,;" {
		if u := "/" + strings.Repeat(string(c), 1265); !accepted(u) || accepted(u+string(c)) {
			t.Errorf("%c: 3800 bytes when escaped are not the limit", c)
		}
	}
}

func TestCallbackURLCookieIsNotTrusted(t *testing.T) {
	s := newSite(t)
	for _, planted := range []string{
		"https://evil.example/", "//evil.example", `/\evil.example`, "http://localhost:3001/", "http://localhost:3000@evil.example",
		"javascript:alert(1)", "%", "http://[", "", "x", "/" + strings.Repeat("a", 3000),
	} {
		b := s.browser()
		b.csrf()
		b.set(callbackCookie, url.PathEscape(planted))
		if r := b.get("/session"); r.status != 200 || r.body != "null" {
			t.Errorf("GET session with the cookie %.40q: %d %s", planted, r.status, r.body)
		}
		if got := b.cookie(callbackCookie); got != url.QueryEscape(s.origin) {
			t.Errorf("the cookie %.40q was replaced by %q", planted, got)
		}
		b.set(callbackCookie, url.PathEscape(planted))
		b.signIn().wantTo(s.origin)
		b.set(callbackCookie, url.PathEscape(planted))
		b.oauth("oidc").wantTo(s.origin)
		b.set(callbackCookie, url.PathEscape(planted))
		b.post("/signout").wantTo(s.origin)
	}
	s.quiet(t)
	// Nor is the cookie trusted in which an attempt keeps its callback URL.
	for _, planted := range []string{"https://evil.example/", "//evil.example", "javascript:alert(1)", "%", "x", ""} {
		b := s.browser()
		location := b.startOAuth("oidc", "callbackUrl", "/x")
		replaced := 0
		for _, name := range b.names() {
			if strings.HasPrefix(name, callbackCookie) {
				b.set(name, url.PathEscape(planted))
				replaced++
			}
		}
		if r := b.finishOAuth("oidc", location); replaced != 2 || r.location() != s.origin {
			t.Errorf("with %d cookies set to %q the callback redirects to %q", replaced, planted, r.location())
		}
	}
	s.quiet(t)
	b := s.browser()
	b.set(callbackCookie, url.PathEscape("/inside?x=1"))
	b.signIn().wantTo(s.origin + "/inside?x=1")
}

func TestRedirectCallbackDecidesTheRedirect(t *testing.T) {
	answer := ""
	s := newSite(t, func(s *site, c *engine.Config) {
		c.Callbacks.Redirect = func(_ context.Context, p engine.RedirectParams) (string, error) {
			if p.BaseURL != httpOrigin {
				t.Errorf("BaseURL is %q", p.BaseURL)
			}
			if answer == "" {
				return p.URL, nil
			}
			return answer, nil
		}
		s.foreignHosts = append(s.foreignHosts, "partner.example")
	})
	for _, allowed := range []string{"https://partner.example/path?x=1", "http://partner.example:8080/"} {
		answer = allowed
		if allowed == "http://partner.example:8080/" {
			s.foreignHosts = append(s.foreignHosts, "partner.example:8080")
		}
		b := s.browser()
		b.signIn("callbackUrl", "/here").wantTo(allowed)
		b.finishOAuth("oidc", b.startOAuth("oidc", "callbackUrl", "/here")).wantTo(allowed)
		b.post("/signout", "callbackUrl", "/here").wantTo(allowed)
	}
	answer = "/there"
	s.browser().signIn("callbackUrl", "/here").wantTo(s.origin + "/there")
	answer = "//evil.example"
	s.browser().signIn("callbackUrl", "/here").wantTo(s.origin)
	for _, refused := range []string{"javascript:alert(1)", "data:text/html,x", "ftp://partner.example/", "partner", "http://", "https://partner.example/\r\nX: y"} {
		answer = ""
		b := s.browser()
		b.csrf()
		answer = refused
		s.resetLog()
		b.post("/callback/credentials", "password", password, "callbackUrl", "/here").wantTo(s.origin + base + "/error?error=Configuration")
		if hint := s.problem(t).attrs["hint"]; hint == "" {
			t.Errorf("no hint for %q", refused)
		}
		answer = ""
		b.signedOut()
	}
	// A callback that returns any URL that it gets makes the application an open
	// redirector. The default does not.
	answer = ""
	s.foreignHosts = append(s.foreignHosts, "evil.example")
	s.browser().signIn("callbackUrl", "https://evil.example/").wantTo("https://evil.example/")
	newSite(t).browser().signIn("callbackUrl", "https://evil.example/").wantTo(httpOrigin)
}
