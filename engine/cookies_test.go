package engine_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/verify"
)

func TestCookiesAreHTTPOnlyAndLax(t *testing.T) {
	for _, origin := range []string{httpOrigin, httpsOrigin} {
		s := newSite(t, withStore, func(_ *site, c *engine.Config) {
			c.URL = origin
			c.SessionStrategy = engine.StrategyJWT
		})
		secure := ""
		if origin == httpsOrigin {
			secure = "; Secure"
		}
		const inMonth, inQuarter = "Sun, 01 Feb 2026 03:04:05 GMT", "Fri, 02 Jan 2026 03:19:05 GMT"
		want := map[string]string{
			sessionCookie:  "; Path=/; Expires=" + inMonth + "; HttpOnly" + secure + "; SameSite=Lax",
			csrfCookie:     "; Path=/; HttpOnly" + secure + "; SameSite=Lax",
			callbackCookie: "; Path=/; HttpOnly" + secure + "; SameSite=Lax",
			stateCookie:    "; Max-Age=900; Path=/; Expires=" + inQuarter + "; HttpOnly" + secure + "; SameSite=Lax",
			pkceCookie:     "; Max-Age=900; Path=/; Expires=" + inQuarter + "; HttpOnly" + secure + "; SameSite=Lax",
			nonceCookie:    "; Path=/; Expires=" + inQuarter + "; HttpOnly" + secure + "; SameSite=Lax",
		}
		got := map[string]string{}
		check := func(r *reply) {
			t.Helper()
			for name, attributes := range want {
				raw := r.raw(s.name(name))
				if raw == "" {
					continue
				}
				pair, rest, _ := strings.Cut(raw, ";")
				if value := strings.TrimPrefix(pair, s.name(name)+"="); value == "" {
					if clear := "; Max-Age=0; Path=/; HttpOnly" + secure + "; SameSite=Lax"; ";"+rest != clear {
						t.Errorf("%s is cleared with %q, want %q", s.name(name), ";"+rest, clear)
					}
					continue
				}
				if got[name] = ";" + rest; got[name] != attributes {
					t.Errorf("%s has %q, want %q", s.name(name), got[name], attributes)
				}
			}
		}
		b := s.browser()
		check(b.get("/csrf"))
		r := b.post("/signin/oidc", "callbackUrl", "/x")
		check(r)
		ofAttempt := "" // attributes of the callback URL of the attempt
		for _, name := range b.names() {
			if strings.HasPrefix(name, s.name(callbackCookie)+".") {
				_, rest, _ := strings.Cut(r.raw(name), ";")
				ofAttempt = ";" + rest
			}
		}
		if ofAttempt != want[stateCookie] {
			t.Errorf("the callback URL of an attempt has %q, want %q", ofAttempt, want[stateCookie])
		}
		back := b.finishOAuth("oidc", r.location())
		check(back)
		for _, name := range []string{stateCookie, pkceCookie, nonceCookie} {
			if !back.clears(s.name(name)) {
				t.Errorf("%s is not cleared", s.name(name))
			}
		}
		out := b.post("/signout")
		check(out)
		if !out.clears(s.name(sessionCookie)) {
			t.Errorf("%s is not cleared", s.name(sessionCookie))
		}
		if len(got) != len(want) {
			t.Errorf("%s: only these cookies were set: %v", origin, got)
		}
		for _, name := range b.names() {
			if prefixed := strings.HasPrefix(name, "__"); prefixed != (origin == httpsOrigin) {
				t.Errorf("%s: the cookie name %s", origin, name)
			}
		}

		// Cookies of database sessions and of Engine.SignIn have the same attributes.
		s = newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) { c.URL = origin })
		check(s.browser().signIn())
		b = s.browser()
		b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := s.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}}); err != nil {
				t.Error(err)
			}
		})
		check(b.get("./in"))
	}
}

func TestCookieOptionsSetTheAttributes(t *testing.T) {
	framed := engine.CookieOptions{SameSite: http.SameSiteNoneMode, Partitioned: true}
	cfg := engine.Config{
		AllowedHosts: []string{"app.example.com"},
		Cookies:      engine.Cookies{SessionToken: framed, CSRFToken: framed, CallbackURL: framed, PKCECodeVerifier: framed, State: framed, Nonce: framed},
	}
	j, _ := newJarBrowser(t, cfg)
	for _, origin := range []string{"https://app.example.com", "http://app.example.com"} {
		for _, path := range []string{"/callback/credentials", "/signout"} {
			res := j.post(origin, path)
			for _, line := range res.Header["Set-Cookie"] {
				want := "; Path=/; HttpOnly; SameSite=Lax"
				if strings.HasPrefix(origin, "https") {
					want = "; HttpOnly; Secure; Partitioned; SameSite=None"
				}
				if !strings.HasSuffix(line, want) && !(strings.Contains(line, "Expires=") && strings.HasSuffix(line, strings.TrimPrefix(want, "; Path=/"))) {
					t.Errorf("%s%s sets %s", origin, path, line)
				}
			}
			if len(res.Header["Set-Cookie"]) < 2 {
				t.Errorf("%s%s sets %q", origin, path, res.Header["Set-Cookie"])
			}
		}
	}
	cfg.Cookies = engine.Cookies{SessionToken: engine.CookieOptions{SameSite: http.SameSiteStrictMode}}
	j, _ = newJarBrowser(t, cfg)
	for _, line := range j.post("https://app.example.com", "/callback/credentials").Header["Set-Cookie"] {
		if strings.Contains(line, "SameSite=Strict") != strings.Contains(line, "session-token") {
			t.Error(line)
		}
	}
}

// Every flow uses the configured names. They are part of the keys.
func TestCookieNamesAreUsedEverywhere(t *testing.T) {
	own := engine.Cookies{
		SessionToken:     engine.CookieOptions{Name: "__Secure-shop.session"},
		CSRFToken:        engine.CookieOptions{Name: "__Host-shop.csrf"},
		CallbackURL:      engine.CookieOptions{Name: "__Secure-shop.back"},
		PKCECodeVerifier: engine.CookieOptions{Name: "shop.pkce"},
		State:            engine.CookieOptions{Name: "shop.state"},
		Nonce:            engine.CookieOptions{Name: "shop.nonce"},
	}
	for _, version := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		for _, origin := range []string{httpOrigin, httpsOrigin} {
			s := newSite(t, func(s *site, c *engine.Config) { c.URL, c.Cookies, c.Dialect = origin, own, version })
			session, plain := "__Secure-shop.session", "shop.session"
			csrf, back := "__Host-shop.csrf", "__Secure-shop.back"
			if origin == httpOrigin {
				session, csrf, back = plain, "shop.csrf", "shop.back"
			}
			b := s.browser()
			token := func() string {
				b.get("/csrf")
				v, _ := url.PathUnescape(b.cookie(csrf))
				return v[:64]
			}
			r := b.send("/signin/oidc", form("csrfToken", token()))
			for _, name := range []string{csrf, back, "shop.pkce", "shop.state", "shop.nonce"} {
				if !b.has(name) {
					t.Errorf("%v %s: no cookie %s but %v", version, origin, name, b.names())
				}
			}
			b.finishOAuth("oidc", r.location())
			got := slices.DeleteFunc(b.names(), func(name string) bool { return name == csrf || name == back })
			if !slices.Equal(got, []string{session}) {
				t.Errorf("%v %s: after the sign-in there are %v", version, origin, got)
			}
			if got := b.get("/session").body; !strings.Contains(got, "bob@example.com") {
				t.Errorf("%v %s: the session is %s", version, origin, got)
			}
			v, err := verify.New(verify.Config{Secrets: []string{testSecret}, CookieName: "__Secure-shop.session", UseSecureCookies: new(origin == httpsOrigin),
				Now: s.clock.Now, Getenv: env(), Logger: slog.New(&logs{})})
			if err != nil {
				t.Fatal(err)
			}
			req := b.request("GET", "/", nil)
			req.Header.Set("Cookie", session+"="+b.cookie(session))
			if got, err := v.Token(req); err != nil || *got.Email != "bob@example.com" {
				t.Errorf("%v %s: verify returned %v", version, origin, err)
			}
			keys := version.SessionKeys("authjs.session-token", testSecret)
			if _, _, err := keys.DecodeToken(b.cookie(session), nil, s.clock.Now()); (err == nil) != (version == engine.DialectV4) {
				t.Errorf("%v %s: under the default name the token is %v", version, origin, err)
			}
			b.send("/signout", form("csrfToken", token()))
			if b.has(session) {
				t.Errorf("%v %s: the session cookie is still there", version, origin)
			}
		}
	}
}

func TestHTTPSCookiesHaveAPrefixAndNoDomain(t *testing.T) {
	s := newSite(t, withStore, withHTTPS)
	b := s.browser()
	replies := []*reply{b.get("/csrf"), b.get("/signin"), b.post("/signin/oidc"), b.oauth("oidc"), b.get("/session"), b.post("/signout"), b.followMail("carol@example.com")}
	hosts := 0
	for _, r := range replies {
		for _, raw := range r.header["Set-Cookie"] {
			lower := strings.ToLower(raw)
			if strings.Contains(lower, "domain") {
				t.Errorf("a cookie has a Domain: %s", raw)
			}
			if strings.HasPrefix(lower, "__host-") {
				hosts++
			}
			if !strings.Contains(raw, "; Path=/;") || !strings.Contains(raw, "; Secure;") || !strings.HasPrefix(raw, "__Secure-") && !strings.HasPrefix(raw, "__Host-") {
				t.Errorf("a cookie without prefix, Path=/ or Secure: %s", raw)
			}
		}
	}
	if hosts == 0 {
		t.Error("no __Host- cookie was set")
	}
}

func TestOnlySecureNamesCountOnHTTPS(t *testing.T) {
	for _, origin := range []string{httpsOrigin, httpOrigin} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.URL = origin })
		other := newSite(t, func(_ *site, c *engine.Config) { c.URL = httpOrigin })
		if origin == httpOrigin {
			other = newSite(t, withHTTPS)
		}
		other.browser().csrf() // both sites have the same random source
		theirs := other.mint(&engine.Token{Subject: "m", Name: new("Mallory"), Email: new("mallory@example.com")}, testSecret)
		wrong := other.name(sessionCookie)
		b := s.browser()
		b.set(wrong, theirs)
		b.signedOut()
		b.set(wrong+".0", theirs)
		b.signedOut()
		b.drop(wrong + ".0")

		b.set(other.name(callbackCookie), "%2Fplanted")
		c := other.browser()
		token := c.csrf()
		b.set(other.name(csrfCookie), c.cookie(other.name(csrfCookie)))
		if got := b.csrf(); got == token {
			t.Error("the CSRF cookie of the other name is accepted")
		}
		b.signIn().wantTo(s.origin)
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("with both names, signed in as %q", got)
		}
		// The order does not matter.
		slices.Reverse(b.cookies)
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("with both names, signed in as %q", got)
		}
		b.set(s.name(sessionCookie), theirs) // sealed under the other name
		b.signedOut()
	}
	// The token of a database session does not depend on the cookie's name, so
	// the name is what is checked.
	s := newSite(t, withStrategy(engine.StrategyDatabase), withHTTPS)
	b := s.browser()
	b.signIn()
	planted := s.browser()
	planted.set(sessionCookie, b.cookie(s.name(sessionCookie)))
	planted.signedOut()
}

// New refuses options with which browsers would silently drop a cookie.
func TestInvalidCookieOptionsAreRefused(t *testing.T) {
	type o = engine.CookieOptions
	for _, c := range []struct {
		cfg  engine.Config
		want []string
	}{
		{engine.Config{Cookies: engine.Cookies{SessionToken: o{Name: "a b"}}}, []string{"Cookies.SessionToken.Name"}},
		{engine.Config{Cookies: engine.Cookies{State: o{Name: strings.Repeat("x", 257)}, Nonce: o{Name: strings.Repeat("x", 5000)}}}, []string{"Cookies.State.Name"}},
		{engine.Config{Cookies: engine.Cookies{State: o{Name: "x"}, Nonce: o{Name: "x"}}}, []string{"Cookies.State", "Cookies.Nonce"}},
		{engine.Config{Cookies: engine.Cookies{State: o{Name: "__Secure-x"}, Nonce: o{Name: "__Host-x"}}}, []string{"Cookies.State", "Cookies.Nonce"}},
		{engine.Config{Cookies: engine.Cookies{SessionToken: o{Name: "x"}, CSRFToken: o{Name: "x.0"}}}, []string{"Cookies.SessionToken", "Cookies.CSRFToken"}},
		{engine.Config{Cookies: engine.Cookies{SessionToken: o{Name: "__Secure-authjs"}}}, []string{"Cookies.SessionToken", "__Secure-authjs"}},
		{engine.Config{Cookies: engine.Cookies{CSRFToken: o{Domain: "example.com"}}}, []string{"Cookies.CSRFToken has a Domain", "__Host-"}},
		{engine.Config{Cookies: engine.Cookies{SessionToken: o{Domain: "com"}}}, []string{`Domain is "com"`}},
		{engine.Config{Cookies: engine.Cookies{SessionToken: o{Domain: "127.0.0.1"}}}, []string{"Domain is"}},
		{engine.Config{Cookies: engine.Cookies{SessionToken: o{Domain: "example.com; Secure"}}}, []string{"Domain is"}},
		{engine.Config{Cookies: engine.Cookies{SessionToken: o{Domain: "https://example.com"}}}, []string{"Domain is"}},
		{engine.Config{Cookies: engine.Cookies{SessionToken: o{Domain: "example.com:443"}}}, []string{"Domain is"}},
		{engine.Config{URL: "https://app.test", Cookies: engine.Cookies{SessionToken: o{Domain: "example.com"}}}, []string{"app.test", "Config.URL"}},
		{engine.Config{URL: "https://notexample.com", Cookies: engine.Cookies{SessionToken: o{Domain: "example.com"}}}, []string{"notexample.com"}},
		{engine.Config{AllowedHosts: []string{"notexample.com", "*.test"}, Cookies: engine.Cookies{SessionToken: o{Domain: "example.com"}}}, []string{"all AllowedHosts"}},
		{engine.Config{Cookies: engine.Cookies{State: o{SameSite: http.SameSiteStrictMode}}}, []string{"Cookies.State.SameSite is Strict"}},
		{engine.Config{Cookies: engine.Cookies{CallbackURL: o{SameSite: http.SameSiteStrictMode}}}, []string{"Cookies.CallbackURL.SameSite is Strict"}},
		{engine.Config{Cookies: engine.Cookies{PKCECodeVerifier: o{SameSite: http.SameSiteStrictMode}}}, []string{"Cookies.PKCECodeVerifier.SameSite is Strict"}},
		{engine.Config{Cookies: engine.Cookies{Nonce: o{SameSite: http.SameSiteStrictMode}}}, []string{"Cookies.Nonce.SameSite is Strict"}},
		{engine.Config{Cookies: engine.Cookies{State: o{SameSite: 9}}}, []string{"Cookies.State.SameSite is 9"}},
		{engine.Config{Cookies: engine.Cookies{SessionToken: o{Partitioned: true}}}, []string{"Cookies.SessionToken is Partitioned"}},
	} {
		c.cfg.Secrets, c.cfg.Getenv = []string{testSecret}, env()
		_, err := engine.New(c.cfg)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %s", c.cfg.Cookies, err, want)
			}
		}
	}
	for _, c := range []engine.Config{
		{URL: "https://example.com", Cookies: engine.Cookies{SessionToken: o{Domain: "example.com"}}},
		{URL: "http://localhost:3000", Cookies: engine.Cookies{SessionToken: o{Domain: ".example.com", SameSite: http.SameSiteDefaultMode}}},
		{URL: "https://app.example.com", Cookies: engine.Cookies{CSRFToken: o{Domain: "example.com", Name: "__Secure-csrf"}}},
	} {
		c.Secrets, c.Getenv = []string{testSecret}, env()
		if _, err := engine.New(c); err != nil {
			t.Errorf("%s %+v: %v", c.URL, c.Cookies, err)
		}
	}
}
