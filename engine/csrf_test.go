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

// csrfSite is a site on which alice is signed in.
type csrfSite struct {
	*site
	b          *browser
	authorized int // calls of Authorize
}

func newCSRFSite(t *testing.T, strategy engine.Strategy) *csrfSite {
	f := &csrfSite{}
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
	f.resetLog()
	return f
}

// protectedPaths are the endpoints whose POST needs a CSRF token.
var protectedPaths = []string{"/signin", "/signin/oidc", "/signin/oauth", "/signin/email", "/signin/credentials", "/signout", "/session", "/callback/credentials", "/callback/email"}

// refused posts to each of protectedPaths, with the request and form modified by
// change, and checks that the request is refused and has no effect.
func (f *csrfSite) refused(what string, change func(r *http.Request, form url.Values)) {
	t := f.t
	t.Helper()
	for _, path := range protectedPaths {
		f.resetLog()
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
			t.Errorf("%s: after POST %s, signed in as %q", what, path, got)
		}
	}
}

func TestPOSTWithoutTheCSRFTokenIsRefused(t *testing.T) {
	for _, strategy := range strategies {
		f := newCSRFSite(t, strategy)
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

func TestPOSTOfAForeignOriginIsRefused(t *testing.T) {
	f := newCSRFSite(t, engine.StrategyDatabase)
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
	// With DangerousForeignOrigin it is accepted, as in Auth.js.
	s := newSite(t, func(_ *site, c *engine.Config) { c.Parity.DangerousForeignOrigin = true })
	b := s.browser()
	b.header.Set("Origin", "https://evil.example")
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.signIn()
}

func TestPOSTOfAnotherSiteIsRefused(t *testing.T) {
	f := newCSRFSite(t, engine.StrategyDatabase)
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
	// A same-origin request of another origin means that the public URL is wrong,
	// such as localhost for 127.0.0.1. It is logged once.
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
		t.Errorf("log %v", lines)
	}
	// The POST of a provider is cross-site. Its checks protect it.
	b := f.browser()
	back := f.idp.approve(t, b.startOAuth("oidc"))
	r := b.request("POST", base+"/callback/oidc?"+back.Encode(), nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "https://idp.example")
	b.do(r).wantTo(f.origin)
}

func TestInvalidCSRFCookieIsReplaced(t *testing.T) {
	f := newCSRFSite(t, engine.StrategyDatabase)
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
			f.resetLog()
			r := f.b.send("/signout", form("csrfToken", given))
			r.wantTo(f.origin + base + "/signin?error=MissingCSRF")
			if f.b.cookie(sessionCookie) != session || len(f.store.called()) > 0 {
				t.Errorf("%s: signed out", what)
			}
		}
		r := f.b.get("/csrf")
		if c := r.sets(csrfCookie); c == nil || strings.Contains(r.body, token) {
			t.Errorf("%s: GET csrf did not replace the cookie: %s", what, r.body)
		}
	}
	// The pipe need not be escaped.
	f.b.set(csrfCookie, valid)
	f.b.send("/signout", form("csrfToken", token)).wantTo(f.origin)
}

func TestCSRFTokenIsFreshAfterSignInAndOut(t *testing.T) {
	for _, strategy := range strategies {
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
