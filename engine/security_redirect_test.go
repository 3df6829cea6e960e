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

// leadsHome asks for a callback URL in every place that takes one, and checks
// that the browser ends at the site itself.
func leadsHome(t *testing.T, asked string) {
	query := "?callbackUrl=" + url.QueryEscape(asked)
	fresh := func() (*site, *browser) {
		s := newSite(t, withStrategy(engine.StrategyDatabase))
		return s, s.browser()
	}
	kept := func(where string, b *browser) {
		t.Helper()
		if got := b.cookie(callbackCookie); got != url.QueryEscape(httpOrigin) {
			t.Errorf("%s: the callback-url cookie is %q", where, got)
		}
	}

	s, b := fresh()
	b.signIn("callbackUrl", asked).wantTo(s.origin)
	kept("POST callback/credentials", b)
	b.post("/signout", "callbackUrl", asked).wantTo(s.origin)
	kept("POST signout", b)

	_, b = fresh()
	b.post("/callback/credentials"+query, "password", password).wantTo(s.origin)
	b.post("/signout" + query).wantTo(s.origin)
	b.post("/signin" + query).wantTo(s.origin + base + "/signin")
	kept("POST signin", b)

	for _, page := range []string{"/signin", "/signout", "/error", "/verify-request", "/csrf", "/session"} {
		s, b := fresh()
		r := b.get(page + query)
		kept("GET "+page, b)
		if strings.Contains(r.body, "evil") {
			t.Errorf("GET %s shows the URL", page)
		}
		b.signIn().wantTo(s.origin)
	}

	s, b = fresh()
	b.oauth("oidc").wantTo(s.origin)
	s, b = fresh()
	b.back("oidc", b.leave("oidc", "callbackUrl", asked)).wantTo(s.origin)
	s, b = fresh()
	b.back("oidc", b.leave("oidc"), "callbackUrl", asked).wantTo(s.origin)

	s, b = fresh()
	b.post("/signin/email", "email", "carol@example.com", "callbackUrl", asked)
	link, err := url.Parse(s.mails.last(t).URL)
	if err != nil || link.Query().Get("callbackUrl") != s.origin {
		t.Errorf("the mail link is %v, %v", link, err)
	}
	q := link.Query()
	q.Set("callbackUrl", asked)
	if r := b.get("/callback/email?" + q.Encode()); strings.Contains(r.body, "evil") {
		t.Error("the confirm page shows the URL")
	}
	b.post("/callback/email", "token", q.Get("token"), "email", q.Get("email"), "callbackUrl", asked).wantTo(s.origin)

	_, b = fresh()
	r := b.request("POST", base+"/signout", strings.NewReader(form("csrfToken", b.csrf(), "callbackUrl", asked).Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Auth-Return-Redirect", "1")
	if out := b.do(r); out.status != 200 || out.body != `{"url":"`+s.origin+`"}` {
		t.Errorf("as JSON: %d %s", out.status, out.body)
	}

	s = newSite(t, func(_ *site, c *engine.Config) { c.Pages.SignIn = "/login" })
	s.browser().get("/signin" + query).wantTo("/login?callbackUrl=" + url.QueryEscape(s.origin))

	ownCallback := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
		c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) {
			return engine.RedirectTo(asked), nil
		}
	})
	b = ownCallback.browser()
	b.post("/callback/credentials", "password", password).wantTo(s.origin)
	b.oauth("oidc").wantTo(s.origin)
	b.post("/signin/email", "email", "carol@example.com").wantTo(s.origin)
}

func TestSecurity01_CallbackURLOfAnotherSite(t *testing.T) {
	leadsHome(t, "https://evil.example/")
	leadsHome(t, "http://evil.example/?back="+httpOrigin)
	leadsHome(t, "HTTPS://EVIL.EXAMPLE")
}

func TestSecurity02_CallbackURLWithoutScheme(t *testing.T) {
	for _, asked := range []string{"//", `/\`, "//evil.example", "///evil.example", `/\evil.example`, `/\/evil.example`, "////evil.example/x",
		"http://localhost:3000//evil.example", "http://localhost:3000/\\evil.example",
		"HTTP://localhost:3000//evil.example", "http://LOCALHOST:3000/\\evil.example"} {
		leadsHome(t, asked)
	}
}

func TestSecurity03_CallbackURLOfASimilarHost(t *testing.T) {
	for _, asked := range []string{
		"http://localhost.evil.example", "http://evillocalhost:3000/", "http://localhost.evil.example:3000/",
		"http://localhost:3000@evil.example/", "http://localhost%3A3000@evil.example/", "http://evil.localhost:3000/",
		"http://evil@localhost:3000/", "http://evil:evil@localhost:3000/evil",
	} {
		leadsHome(t, asked)
	}
}

func TestSecurity04_CallbackURLOfAnotherPortOrScheme(t *testing.T) {
	for _, asked := range []string{"http://localhost:3001/evil", "http://localhost/evil", "https://localhost:3000/evil", "http://localhost:30000/evil"} {
		leadsHome(t, asked)
	}
	s := newSite(t, withHTTPS)
	for _, asked := range []string{"http://app.example.com/", "https://app.example.com:8443/", "https://app.example.com.evil.example/", "https://xapp.example.com/"} {
		s.browser().signIn("callbackUrl", asked).wantTo(httpsOrigin)
	}
}

func TestSecurity05_CallbackURLThatIsNone(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	for _, asked := range []string{
		"%", "/%zz", "http://[", "http://", "javascript:alert(1)", "data:text/html,x", "ftp://localhost:3000/", "page", "\\\\evil.example",
		"/a\r\nSet-Cookie: x=1", "/\x00", "http://local host/", "http://localhost:x/", "http://localhost:3000.evil.example/",
		"/" + strings.Repeat("a", 10<<10), "https:evil.example",
	} {
		query := "?callbackUrl=" + url.QueryEscape(asked)
		for _, request := range []string{
			"GET /session", "GET /csrf", "GET /providers", "GET /signin", "GET /signout", "GET /error", "GET /verify-request",
			"GET /callback/oidc", "GET /callback/email", "POST /signin", "POST /signin/oidc", "POST /signout", "POST /session", "POST /callback/credentials",
		} {
			s.forget()
			b := s.browser()
			method, path, _ := strings.Cut(request, " ")
			r := b.do(b.request(method, base+path+query, nil))
			if r.status != http.StatusBadRequest || len(r.set) > 0 || r.location() != "" {
				t.Errorf("%s with callbackUrl %.40q: status %d, Location %q, cookies %q", request, asked, r.status, r.location(), r.header["Set-Cookie"])
			}
			s.problem(t)
			if got := s.store.called(); len(got) > 0 {
				t.Errorf("%s: the adapter was asked: %v", request, got)
			}
		}
		b := s.browser()
		b.csrf()
		for _, path := range []string{"/signin", "/signin/oidc", "/signin/email", "/signout", "/callback/credentials", "/callback/email"} {
			s.forget()
			r := b.post(path, "callbackUrl", asked, "password", password, "email", "carol@example.com")
			r.wantTo(s.origin + base + "/error?error=Configuration")
			if len(r.set) > 0 {
				t.Errorf("POST %s: cookies %q", path, r.header["Set-Cookie"])
			}
			if line := s.problem(t); line.level != slog.LevelWarn { // anybody can send it
				t.Errorf("POST %s: the log says %v", path, line)
			}
			if got := s.store.called(); len(got) > 0 {
				t.Errorf("POST %s: the adapter was asked: %v", path, got)
			}
		}
		b.set(callbackCookie, url.PathEscape(asked))
		b.signIn().wantTo(s.origin)
	}
	b := s.browser()
	for _, asked := range []any{1, true, []string{"/"}, map[string]string{"url": "/"}} {
		b.json("/signout", map[string]any{"csrfToken": b.csrf(), "callbackUrl": asked}).wantTo(s.origin + base + "/error?error=Configuration")
	}
}

func TestSecurity06_CallbackURLKeepsQueryAndFragment(t *testing.T) {
	s := newSite(t)
	for asked, want := range map[string]string{
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
		b.signIn("callbackUrl", asked).wantTo(want)
		b.post("/signout").wantTo(want) // from the cookie

		b = s.browser()
		b.get("/signin?callbackUrl=" + url.QueryEscape(asked))
		b.signIn().wantTo(want)
		b.back("oidc", b.leave("oidc")).wantTo(want)
	}
}

// A callback URL fits into its cookie, escaped as that is: 2048 bytes, 3800
// when it is escaped.
func TestCallbackURLSize(t *testing.T) {
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

func TestSecurity07_RedirectCallback(t *testing.T) {
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
		s.outside = append(s.outside, "partner.example")
	})
	for _, obeyed := range []string{"https://partner.example/path?x=1", "http://partner.example:8080/"} {
		answer = obeyed
		if obeyed == "http://partner.example:8080/" {
			s.outside = append(s.outside, "partner.example:8080")
		}
		b := s.browser()
		b.signIn("callbackUrl", "/here").wantTo(obeyed)
		b.back("oidc", b.leave("oidc", "callbackUrl", "/here")).wantTo(obeyed)
		b.post("/signout", "callbackUrl", "/here").wantTo(obeyed)
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
		s.forget()
		b.post("/callback/credentials", "password", password, "callbackUrl", "/here").wantTo(s.origin + base + "/error?error=Configuration")
		if hint := s.problem(t).attrs["hint"]; hint == "" {
			t.Errorf("no hint for the answer %q", refused)
		}
		answer = ""
		b.signedOut()
	}
	// A callback that hands on what it was asked is an open redirect of the
	// application's own making; the default is not.
	answer = ""
	s.outside = append(s.outside, "evil.example")
	s.browser().signIn("callbackUrl", "https://evil.example/").wantTo("https://evil.example/")
	newSite(t).browser().signIn("callbackUrl", "https://evil.example/").wantTo(httpOrigin)
}

func TestSecurity08_NewUserPageWithQuery(t *testing.T) {
	for page, want := range map[string]string{
		"/welcome":                 "/welcome?callbackUrl=" + url.QueryEscape(httpOrigin+"/x?y=1"),
		"/welcome?from=auth":       "/welcome?from=auth&callbackUrl=" + url.QueryEscape(httpOrigin+"/x?y=1"),
		"/welcome?from=auth#top":   "/welcome?from=auth&callbackUrl=" + url.QueryEscape(httpOrigin+"/x?y=1") + "#top",
		httpOrigin + "/welcome?a=": httpOrigin + "/welcome?a=&callbackUrl=" + url.QueryEscape(httpOrigin+"/x?y=1"),
	} {
		s := newSite(t, withStore, func(_ *site, c *engine.Config) { c.Pages.NewUser = page })
		b := s.browser()
		b.back("oidc", b.leave("oidc", "callbackUrl", "/x?y=1")).wantTo(want)
		b.back("oidc", b.leave("oidc", "callbackUrl", "/x?y=1")).wantTo(s.origin + "/x?y=1")
		s = newSite(t, withStore, func(_ *site, c *engine.Config) { c.Pages.NewUser = page })
		b = s.browser()
		b.back("oidc", b.leave("oidc", "callbackUrl", "https://evil.example")).wantTo(
			strings.Replace(want, url.QueryEscape(httpOrigin+"/x?y=1"), url.QueryEscape(httpOrigin), 1))
	}
}

func TestSecurity09_CallbackURLCookie(t *testing.T) {
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
	// The cookie that an attempt keeps its own one in, too.
	for _, planted := range []string{"https://evil.example/", "//evil.example", "javascript:alert(1)", "%", "x", ""} {
		b := s.browser()
		location := b.leave("oidc", "callbackUrl", "/x")
		replaced := 0
		for _, name := range b.names() {
			if strings.HasPrefix(name, callbackCookie) {
				b.set(name, url.PathEscape(planted))
				replaced++
			}
		}
		if r := b.back("oidc", location); replaced != 2 || r.location() != s.origin {
			t.Errorf("%d cookies set to %q lead to %q", replaced, planted, r.location())
		}
	}
	s.quiet(t)
	b := s.browser()
	b.set(callbackCookie, url.PathEscape("/inside?x=1"))
	b.signIn().wantTo(s.origin + "/inside?x=1")
}

func TestSecurity10_SignInCallbackRedirects(t *testing.T) {
	for asked, want := range map[string]string{
		"/why?x=1#y":              httpOrigin + "/why?x=1#y",
		httpOrigin + "/why":       httpOrigin + "/why",
		"https://evil.example/":   httpOrigin,
		"//evil.example":          httpOrigin,
		"http://localhost:3001/x": httpOrigin,
		"javascript:alert(1)":     httpOrigin,
	} {
		var seen []string
		decide := func(context.Context, *engine.SignInParams) (engine.Decision, error) {
			return engine.RedirectTo(asked), nil
		}
		s := newSite(t, withStrategy(engine.StrategyJWT), func(_ *site, c *engine.Config) { c.Callbacks.SignIn = decide })
		for _, way := range ways {
			s.forget()
			b := s.browser()
			way.start(b).wantTo(want)
			b.signedOut()
			if writes := s.store.writes(); len(writes) > 0 {
				t.Errorf("%s: the adapter was written to: %v", way.name, writes)
			}
			s.quiet(t)
		}
		// It goes through a redirect callback of the application's own.
		s = newSite(t, func(_ *site, c *engine.Config) {
			c.Callbacks.SignIn = decide
			c.Callbacks.Redirect = func(_ context.Context, p engine.RedirectParams) (string, error) {
				seen = append(seen, p.URL)
				return "/elsewhere", nil
			}
		})
		b := s.browser()
		b.post("/callback/credentials", "password", password).wantTo(s.origin + "/elsewhere")
		if len(seen) == 0 || seen[len(seen)-1] != asked {
			t.Errorf("the redirect callback saw %q, want %q last", seen, asked)
		}
	}
}

// ways are the ways to sign in, to the point where callbacks are asked. The
// mail way ends at the request for a link.
var ways = []struct {
	name  string
	start func(*browser) *reply
}{
	{"credentials", func(b *browser) *reply { return b.post("/callback/credentials", "password", password) }},
	{"oidc", func(b *browser) *reply { return b.oauth("oidc") }},
	{"oauth", func(b *browser) *reply { return b.oauth("oauth") }},
	{"mail", func(b *browser) *reply { return b.post("/signin/email", "email", "carol@example.com") }},
}
