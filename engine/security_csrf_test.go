package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// forged is a site on which alice is signed in, and a request that must change
// nothing there.
type forged struct {
	*site
	b          *browser
	authorized int // calls of Authorize
}

func newForged(t *testing.T, strategy engine.Strategy) *forged {
	f := &forged{}
	f.site = newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
		inner := c.Providers[2].(*engine.Credentials)
		authorize := inner.Authorize
		inner.Authorize = func(ctx context.Context, v map[string]string, r *http.Request) (*engine.User, error) {
			f.authorized++
			return authorize(ctx, v, r)
		}
	})
	f.b = f.browser()
	f.b.signIn()
	f.authorized = 0
	f.forget()
	return f
}

// posts are the requests that need a CSRF token.
var posts = []string{"/signin", "/signin/oidc", "/signin/oauth", "/signin/email", "/signin/credentials", "/signout", "/session", "/callback/credentials", "/callback/email"}

// refused sends every POST as change makes it and checks that nothing happens.
func (f *forged) refused(what string, change func(r *http.Request, form url.Values)) {
	t := f.t
	t.Helper()
	for _, path := range posts {
		f.forget()
		before := f.b.copy()
		form := form("csrfToken", f.b.csrf(), "username", "alice", "password", password, "email", "carol@example.com", "token", "x", "callbackUrl", "/x", "data", "{}")
		r := f.b.request("POST", base+path, nil)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		change(r, form)
		text := form.Encode()
		r.Body = http.NoBody
		if text != "" {
			r = f.b.request("POST", base+path, strings.NewReader(text)).WithContext(r.Context())
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			change(r, form)
		}
		out := f.b.do(r)
		switch path {
		case "/session":
			if out.status != http.StatusBadRequest || out.body != "null" {
				t.Errorf("%s: POST session: %d %s, want 400 null", what, out.status, out.body)
			}
		default:
			if want := f.origin + base + "/signin?error=MissingCSRF"; out.status != http.StatusFound || out.location() != want {
				t.Errorf("%s: POST %s: %d %q, want 302 to %q", what, path, out.status, out.location(), want)
			}
		}
		if len(out.set) > 0 {
			t.Errorf("%s: POST %s sets %q", what, path, out.header["Set-Cookie"])
		}
		if called := f.store.called(); len(called) > 0 || f.authorized > 0 || len(f.mails.sent) > 0 || len(f.idp.paths) > 0 {
			t.Errorf("%s: POST %s had effects: adapter %v, authorize %d, mails %d, provider %v", what, path, called, f.authorized, len(f.mails.sent), f.idp.paths)
		}
		entry := f.problem(t)
		if entry.attrs["code"] != "MissingCSRF" || entry.attrs["hint"] == "" {
			t.Errorf("%s: POST %s logs %v", what, path, entry)
		}
		if got := before.user(); got != "alice@example.com" {
			t.Errorf("%s: after POST %s the session is of %q", what, path, got)
		}
	}
}

func TestSecurity11_CSRFToken(t *testing.T) {
	for _, strategy := range both {
		f := newForged(t, strategy)
		other := f.browser()
		token := other.csrf()
		f.refused("no token", func(_ *http.Request, v url.Values) { v.Del("csrfToken") })
		f.refused("empty token", func(_ *http.Request, v url.Values) { v.Set("csrfToken", "") })
		f.refused("wrong token", func(_ *http.Request, v url.Values) { v.Set("csrfToken", strings.Repeat("0", 64)) })
		f.refused("token of another cookie", func(_ *http.Request, v url.Values) { v.Set("csrfToken", token) })
		f.refused("token in upper case", func(_ *http.Request, v url.Values) { v.Set("csrfToken", strings.ToUpper(v.Get("csrfToken"))) })
		f.refused("token with its hash", func(_ *http.Request, v url.Values) {
			cookie, _ := url.PathUnescape(f.b.cookie(csrfCookie))
			v.Set("csrfToken", cookie)
		})
		f.refused("token in a header and the query", func(r *http.Request, v url.Values) {
			r.Header.Set("X-CSRF-Token", v.Get("csrfToken"))
			r.URL.RawQuery = "csrfToken=" + v.Get("csrfToken")
			v.Del("csrfToken")
		})
		f.refused("no body", func(_ *http.Request, v url.Values) { clear(v) })
		f.refused("no CSRF cookie", func(r *http.Request, _ url.Values) {
			r.Header.Set("Cookie", sessionCookie+"="+f.b.cookie(sessionCookie))
		})
		f.refused("a text body", func(r *http.Request, _ url.Values) { r.Header.Set("Content-Type", "text/plain") })
		f.refused("a multipart body", func(r *http.Request, _ url.Values) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") })
		f.refused("a body without type", func(r *http.Request, _ url.Values) { r.Header.Del("Content-Type") })
	}
}

func TestSecurity12_ForeignOrigin(t *testing.T) {
	f := newForged(t, engine.StrategyDatabase)
	for _, origin := range []string{
		"https://evil.example", "null", "http://localhost:3001", "https://localhost:3000", "http://localhost:3000.evil.example",
		"http://evil.localhost:3000", "http://localhost", "file://", "x",
	} {
		f.refused("Origin "+origin, func(r *http.Request, _ url.Values) { r.Header.Set("Origin", origin) })
	}
	for _, own := range []string{httpOrigin, "HTTP://LOCALHOST:3000", ""} {
		b := f.browser()
		if own != "" {
			b.header.Set("Origin", own)
		}
		b.signIn()
	}
	// The switch does what Auth.js does.
	s := newSite(t, func(_ *site, c *engine.Config) { c.Parity.DangerousForeignOrigin = true })
	b := s.browser()
	b.header.Set("Origin", "https://evil.example")
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.signIn()
}

func TestSecurity13_FetchMetadata(t *testing.T) {
	f := newForged(t, engine.StrategyDatabase)
	for _, site := range []string{"cross-site", "same-site", "x"} {
		f.refused("Sec-Fetch-Site "+site, func(r *http.Request, _ url.Values) { r.Header.Set("Sec-Fetch-Site", site) })
		f.refused("Sec-Fetch-Site "+site+" with the right Origin", func(r *http.Request, _ url.Values) {
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Origin", httpOrigin)
		})
	}
	for _, site := range []string{"same-origin", "none"} {
		b := f.browser()
		b.header.Set("Sec-Fetch-Site", site)
		b.signIn()
		b.post("/signout").wantTo(f.origin)
	}
	s := newSite(t)
	// A browser that is elsewhere than at the public URL, as at 127.0.0.1 instead
	// of localhost, says so: the log does, once.
	for _, origin := range []string{httpOrigin, "null", "http://127.0.0.1:3000", "http://127.0.0.1:3001"} {
		b := s.browser()
		b.header.Set("Sec-Fetch-Site", "same-origin")
		b.header.Set("Origin", origin)
		b.signIn()
		if origin == "null" {
			s.quiet(t)
		}
	}
	if lines := s.logs.problems(); len(lines) != 1 || lines[0].attrs["code"] != "public-url-differs" ||
		!strings.Contains(lines[0].msg, `"http://127.0.0.1:3000"`) || !strings.Contains(lines[0].attrs["hint"], httpOrigin) {
		t.Errorf("the log: %v", lines)
	}
	// What a provider posts is cross-site, and guarded by its checks instead.
	b := f.browser()
	back := f.idp.approve(t, b.leave("oidc"))
	r := b.request("POST", base+"/callback/oidc?"+back.Encode(), nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "https://idp.example")
	b.do(r).wantTo(f.origin)
}

func TestSecurity14_CSRFCookie(t *testing.T) {
	f := newForged(t, engine.StrategyDatabase)
	session := f.b.cookie(sessionCookie)
	token := f.b.csrf()
	valid, _ := url.PathUnescape(f.b.cookie(csrfCookie))
	hash := valid[65:]
	flipped := func(s string, at int) string {
		c := byte('0')
		if s[at] == '0' {
			c = '1'
		}
		return s[:at] + string(c) + s[at+1:]
	}
	empty := sha256.Sum256([]byte(testSecret))
	unsigned := sha256.Sum256([]byte(token))
	for what, cookie := range map[string]string{
		"first digit of the hash flipped": token + "|" + flipped(hash, 0),
		"last digit of the hash flipped":  token + "|" + flipped(hash, 63),
		"digit of the token flipped":      flipped(token, 5) + "|" + hash,
		"no pipe":                         token + hash,
		"only the token":                  token,
		"token and pipe":                  token + "|",
		"two pipes":                       token + "|" + hash + "|",
		"two pipes with more":             token + "|" + hash + "|" + hash,
		"a pipe before":                   "|" + token + "|" + hash,
		"empty":                           "",
		"a pipe":                          "|",
		"an empty token with its hash":    "|" + hex.EncodeToString(empty[:]),
		"hashed without the secret":       token + "|" + hex.EncodeToString(unsigned[:]),
		"upper case":                      strings.ToUpper(valid),
		"spaces":                          " " + valid + " ",
	} {
		f.b.set(csrfCookie, url.QueryEscape(cookie))
		if strings.Contains(cookie, " ") {
			f.b.set(csrfCookie, url.PathEscape(cookie))
		}
		for _, given := range []string{token, "", strings.ToUpper(token), cookie} {
			f.forget()
			r := f.b.send("/signout", form("csrfToken", given))
			r.wantTo(f.origin + base + "/signin?error=MissingCSRF")
			if f.b.cookie(sessionCookie) != session || len(f.store.called()) > 0 {
				t.Errorf("%s: signed out", what)
			}
		}
		r := f.b.get("/csrf")
		if c := r.sets(csrfCookie); c == nil || strings.Contains(r.body, token) {
			t.Errorf("%s: GET csrf does not replace the cookie: %s", what, r.body)
		}
	}
	// The cookie as a browser holds it, and with the pipe unescaped.
	f.b.set(csrfCookie, valid)
	f.b.send("/signout", form("csrfToken", token)).wantTo(f.origin)
}

func TestSecurity15_GETSignOutChangesNothing(t *testing.T) {
	for _, strategy := range both {
		f := newForged(t, strategy)
		for _, query := range []string{"", "?csrfToken=" + f.b.csrf(), "?callbackUrl=/x&csrfToken=" + f.b.csrf()} {
			r := f.b.get("/signout" + query)
			if r.status != 200 || !strings.Contains(r.body, "<form") || !strings.Contains(r.body, f.b.csrf()) || r.sets(sessionCookie) != nil {
				t.Errorf("GET signout: %d %q", r.status, r.header["Set-Cookie"])
			}
		}
		if called := f.store.called(); len(called) > 0 {
			t.Errorf("GET signout asked the adapter: %v", called)
		}
		if got := f.b.user(); got != "alice@example.com" {
			t.Errorf("after GET signout the session is of %q", got)
		}
		own := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) { c.Pages.SignOut = "/bye?x=1" })
		b := own.browser()
		b.signIn()
		b.get("/signout").wantTo("/bye?x=1")
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("after GET signout with a page of the application the session is of %q", got)
		}
	}
}

func TestSecurity16_CSRFTokenIsFreshAfterSignInAndOut(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		enter := map[string]func(*browser){
			"credentials": func(b *browser) { b.signIn() },
			"oidc": func(b *browser) {
				s.idp.user = map[string]any{"sub": "bob", "email": "bob@example.com"}
				b.oauth("oidc").wantTo(s.origin)
			},
			"oauth": func(b *browser) {
				s.idp.user = map[string]any{"id": "dora", "email": "dora@example.com"}
				b.oauth("oauth").wantTo(s.origin)
			},
			"mail": func(b *browser) { b.followMail("carol@example.com").wantTo(s.origin) },
		}
		for way, signIn := range enter {
			b := s.browser()
			before := b.csrf()
			signIn(b)
			during := b.csrf()
			if during == before {
				t.Errorf("%s, %s: the CSRF token is the same after sign-in", strategy, way)
			}
			if c := b.cookie(csrfCookie); !strings.HasPrefix(c, during) {
				t.Errorf("%s, %s: the cookie %q is not that of the token %q", strategy, way, c, during)
			}
			b.post("/signout").wantTo(s.origin)
			if b.csrf() == during || b.csrf() == before {
				t.Errorf("%s, %s: the CSRF token is the same after sign-out", strategy, way)
			}
		}
		kept := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) { c.Parity.KeepCSRFToken = true })
		b := kept.browser()
		before := b.csrf()
		b.signIn()
		b.post("/signout")
		if b.csrf() != before {
			t.Error("KeepCSRFToken does not keep the token")
		}
	}
}

// followMail asks for a mail link, opens it and presses the button.
func (b *browser) followMail(address string) *reply {
	b.s.t.Helper()
	link := b.askMail(address)
	b.get("/callback/email?" + link.Encode())
	return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"), "callbackUrl", link.Get("callbackUrl"))
}

// askMail asks for a mail link and returns the parameters of the link.
func (b *browser) askMail(address string) url.Values {
	b.s.t.Helper()
	b.post("/signin/email", "email", address).wantTo(b.s.origin + base + "/verify-request?provider=email&type=email")
	mail := b.s.mails.last(b.s.t)
	b.s.canary(mail.Token, "the token of a mail link")
	u, err := url.Parse(mail.URL)
	if err != nil || !strings.HasPrefix(mail.URL, b.s.origin+base+"/callback/email?") {
		b.s.t.Fatalf("the mail link is %q: %v", mail.URL, err)
	}
	return u.Query()
}

func TestSecurity17_PagesCannotBeFramed(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	link := b.askMail("carol@example.com")
	for _, page := range []string{
		"/signin", "/signin?error=OAuthAccountNotLinked", "/signout", "/error", "/error?error=Configuration", "/error?error=AccessDenied",
		"/verify-request", "/callback/email?" + link.Encode(), "/signin?callbackUrl=%25",
	} {
		r := b.get(page)
		h := r.header
		if h.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("GET %s is %s", page, h.Get("Content-Type"))
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") ||
			strings.Contains(policy, "form-action") || strings.Contains(policy, "script-src") {
			t.Errorf("GET %s: Content-Security-Policy %q", page, policy)
		}
		for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("GET %s: %s %q", page, name, h.Get(name))
			}
		}
		if strings.Contains(strings.ToLower(r.body), "<script") {
			t.Errorf("GET %s has a script", page)
		}
	}
	for _, other := range []string{"/session", "/csrf", "/providers", "/callback/oidc", "/nope"} {
		h := b.get(other).header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || !strings.Contains(h.Get("Cache-Control"), "no-store") {
			t.Errorf("GET %s: %v", other, h)
		}
	}
	// What a stranger can put into a page is text.
	for _, page := range []string{"/signin?error=%3Cimg%20src=x%3E&email=%22%3E%3Cimg%20src=x%3E&callbackUrl=/%22%3E%3Cimg%20src=x%3E", "/error?error=%3Cimg%20src=x%3E"} {
		if r := b.get(page); strings.Contains(r.body, "<img src=x") {
			t.Errorf("GET %s: what was sent is in the page as HTML", page)
		}
	}
	for _, member := range []string{"csrfToken", "theme", "providers"} {
		if r := b.get("/signin?" + member + "=planted"); strings.Contains(r.body, "planted") {
			t.Errorf("the query member %s is in the sign-in page", member)
		}
	}
}
