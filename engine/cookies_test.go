package engine_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/internal/wire"
)

// jarred is a browser with a real cookie jar, which knows of domains, that
// talks to one engine under any host.
type jarred struct {
	t   *testing.T
	eng *engine.Engine
	*http.Client
	jar *cookiejar.Jar
}

func newJarred(t *testing.T, cfg engine.Config) (*jarred, *logs) {
	t.Helper()
	log := &logs{}
	cfg.Secret, cfg.Getenv, cfg.Logger = testSecret, env(), slog.New(log)
	if cfg.Providers == nil {
		cfg.Providers = []engine.Provider{anybody()}
	}
	eng, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	j := &jarred{t: t, eng: eng, jar: jar}
	j.Client = &http.Client{Jar: jar, Transport: j, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return j, log
}

func (j *jarred) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Host = r.URL.Host
	if r.URL.Scheme == "https" {
		r.TLS = &tls.ConnectionState{}
	}
	w := httptest.NewRecorder()
	j.eng.ServeHTTP(w, r)
	return w.Result(), nil
}

func (j *jarred) ask(r *http.Request, err error) (*http.Response, string) {
	j.t.Helper()
	if err != nil {
		j.t.Fatal(err)
	}
	res, err := j.Do(r)
	if err != nil {
		j.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		j.t.Fatal(err)
	}
	return res, string(body)
}

func (j *jarred) get(u string) (*http.Response, string) {
	j.t.Helper()
	return j.ask(http.NewRequest("GET", u, nil))
}

func (j *jarred) post(origin, path string) *http.Response {
	j.t.Helper()
	_, body := j.get(origin + base + "/csrf")
	token := strings.TrimSuffix(strings.TrimPrefix(body, `{"csrfToken":"`), `"}`)
	r, err := http.NewRequest("POST", origin+base+path, strings.NewReader(url.Values{"csrfToken": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, _ := j.ask(r, err)
	return res
}

func (j *jarred) signedIn(origin string) bool {
	j.t.Helper()
	_, body := j.get(origin + base + "/session")
	return strings.Contains(body, "alice@example.com")
}

var subdomains = engine.Config{
	AllowedHosts: []string{"https://example.com", "https://*.example.com", "localhost:3000", "other.test"},
	Cookies:      engine.Cookies{SessionToken: engine.CookieOptions{Domain: ".example.com"}},
}

// One session for the hosts below a domain.
func TestCookieDomain(t *testing.T) {
	const app, api = "https://app.example.com", "https://api.example.com"
	for _, trigger := range []string{"sign-in", "move"} {
		j, log := newJarred(t, subdomains)
		if trigger == "move" {
			// Of before the Domain was set: the cookie of one host.
			before, _ := newJarred(t, engine.Config{AllowedHosts: subdomains.AllowedHosts})
			before.Client.Jar = j.jar
			before.post(app, "/callback/credentials")
			if !j.signedIn(app) || j.signedIn(api) {
				t.Error("the cookie of one host is not read, or read elsewhere")
			}
		}
		res := j.post(app, "/callback/credentials")
		domains := 0
		for _, c := range res.Cookies() {
			if c.Domain != "" {
				domains++
			}
			if (c.Domain == "example.com") != (c.Name == "__Secure-authjs.session-token" && c.MaxAge == 0) {
				t.Errorf("%s: the cookie %v", trigger, c)
			}
		}
		if domains != 1 || !j.signedIn(app) || !j.signedIn(api) {
			t.Errorf("%s: %d cookies of the domain; signed in at app %v, at api %v", trigger, domains, j.signedIn(app), j.signedIn(api))
		}
		j.post(api, "/signout")
		if j.signedIn(app) || j.signedIn(api) {
			t.Errorf("%s: still signed in", trigger)
		}
		if lines := log.problems(); len(lines) > 0 {
			t.Errorf("%s: %v", trigger, lines)
		}
	}

	// From a host that is not below it, it is of that host alone: browsers would
	// refuse it.
	for _, origin := range []string{"http://localhost:3000", "http://other.test"} {
		j, log := newJarred(t, subdomains)
		j.post(origin, "/callback/credentials")
		j.post(origin, "/callback/credentials")
		if !j.signedIn(origin) || j.signedIn(app) {
			t.Errorf("%s: signed in %v, at app %v", origin, j.signedIn(origin), j.signedIn(app))
		}
		lines := log.problems()
		if want := strings.Contains(origin, "other"); len(lines) != 0 != want || want && (len(lines) != 1 || lines[0].attrs["domain"] != "example.com") {
			t.Errorf("%s: the log is %v", origin, lines)
		}
	}
}

// A session in chunks moves to the domain and goes away whole.
func TestCookieDomainInChunks(t *testing.T) {
	const app = "https://app.example.com"
	pad := func(c engine.Config) engine.Config {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			p.Token.Extra = map[string]any{"pad": strings.Repeat("x", 6000)}
			return nil
		}
		return c
	}
	j, _ := newJarred(t, pad(subdomains))
	before, _ := newJarred(t, pad(engine.Config{AllowedHosts: subdomains.AllowedHosts}))
	before.Client.Jar = j.jar
	before.post(app, "/callback/credentials")
	j.post(app, "/callback/credentials")
	at, _ := url.Parse(app)
	chunks := func() (n int) {
		for _, c := range j.jar.Cookies(at) {
			if strings.HasPrefix(c.Name, "__Secure-authjs.session-token") {
				n++
			}
		}
		return n
	}
	if n := chunks(); n != 3 || !j.signedIn(app) {
		t.Errorf("%d chunks", n)
	}
	if j.post(app, "/signout"); chunks() != 0 {
		t.Errorf("%d chunks are left", chunks())
	}
}

func TestCookieAttributes(t *testing.T) {
	framed := engine.CookieOptions{SameSite: http.SameSiteNoneMode, Partitioned: true}
	cfg := engine.Config{
		AllowedHosts: []string{"app.example.com"},
		Cookies:      engine.Cookies{SessionToken: framed, CSRFToken: framed, CallbackURL: framed, PKCECodeVerifier: framed, State: framed, Nonce: framed},
	}
	j, _ := newJarred(t, cfg)
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
	j, _ = newJarred(t, cfg)
	for _, line := range j.post("https://app.example.com", "/callback/credentials").Header["Set-Cookie"] {
		if strings.Contains(line, "SameSite=Strict") != strings.Contains(line, "session-token") {
			t.Error(line)
		}
	}
}

// Names of one's own: they are part of the keys, and every flow uses them.
func TestCookieNames(t *testing.T) {
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
			b.back("oidc", r.location())
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
				t.Errorf("%v %s: the verifier says %v", version, origin, err)
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

// Mistakes that browsers would punish silently are found by New.
func TestCookieOptionsThatAreNone(t *testing.T) {
	type o = engine.CookieOptions
	for _, c := range []struct {
		cfg  engine.Config
		says []string
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
		{engine.Config{AllowedHosts: []string{"notexample.com", "*.test"}, Cookies: engine.Cookies{SessionToken: o{Domain: "example.com"}}}, []string{"each of AllowedHosts"}},
		{engine.Config{Cookies: engine.Cookies{State: o{SameSite: http.SameSiteStrictMode}}}, []string{"Cookies.State.SameSite is Strict"}},
		{engine.Config{Cookies: engine.Cookies{CallbackURL: o{SameSite: http.SameSiteStrictMode}}}, []string{"Cookies.CallbackURL.SameSite is Strict"}},
		{engine.Config{Cookies: engine.Cookies{PKCECodeVerifier: o{SameSite: http.SameSiteStrictMode}}}, []string{"Cookies.PKCECodeVerifier.SameSite is Strict"}},
		{engine.Config{Cookies: engine.Cookies{Nonce: o{SameSite: http.SameSiteStrictMode}}}, []string{"Cookies.Nonce.SameSite is Strict"}},
		{engine.Config{Cookies: engine.Cookies{State: o{SameSite: 9}}}, []string{"Cookies.State.SameSite is 9"}},
		{engine.Config{Cookies: engine.Cookies{SessionToken: o{Partitioned: true}}}, []string{"Cookies.SessionToken is Partitioned"}},
	} {
		c.cfg.Secret, c.cfg.Getenv = testSecret, env()
		_, err := engine.New(c.cfg)
		for _, want := range c.says {
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
		c.Secret, c.Getenv = testSecret, env()
		if _, err := engine.New(c); err != nil {
			t.Errorf("%s %+v: %v", c.URL, c.Cookies, err)
		}
	}
}

// What is large is said, and what is too large is not written.
func TestSessionCookieSize(t *testing.T) {
	var pad int
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			if pad > 0 {
				p.Token.Extra = map[string]any{"permissions": strings.Repeat("x", pad), "small": true}
			}
			return nil
		}
	})
	b := s.browser()
	size := func() (n int) {
		for i, name := range append([]string{sessionCookie}, sessionCookie+".0", sessionCookie+".1", sessionCookie+".2", sessionCookie+".3", sessionCookie+".4") {
			if v := b.cookie(name); v != "" {
				if n += len(v); i == 0 {
					return n
				}
			}
		}
		return n
	}
	b.signIn()
	s.quiet(t)

	pad = 4000
	b.signIn()
	if line := s.problem(t); line.level != slog.LevelWarn || !strings.Contains(line.attrs["cause"], `the claim "permissions" alone has 4002`) || line.attrs["hint"] == "" || size() < 5000 {
		t.Errorf("a cookie of %d bytes: %v", size(), line)
	}
	s.forget()
	b.signIn() // not again
	s.quiet(t)
	s.clock.add(time.Hour)
	b.signIn()
	s.problem(t)
	s.forget()

	// A read that would make it too large: the old cookie stays, and works.
	before := b.names()
	pad = 20_000
	r := b.get("/session")
	if !strings.Contains(r.body, "alice@example.com") || len(r.set) > 0 || !slices.Equal(b.names(), before) {
		t.Errorf("the session is %s, with %q", r.body, r.header["Set-Cookie"])
	}
	if line := s.problem(t); line.level != slog.LevelError || !strings.Contains(line.attrs["cause"], `the claim "permissions" alone has 20002`) || line.attrs["hint"] == "" {
		t.Errorf("a cookie that is too large: %v", line)
	}
	s.forget()
	// A sign-in is refused, and writes nothing.
	fresh := s.browser()
	r = fresh.post("/callback/credentials", "username", "alice", "password", password)
	r.wantError(engine.CodeConfiguration)
	if fresh.has(sessionCookie) || fresh.has(sessionCookie+".0") {
		t.Errorf("the cookies are %v", fresh.names())
	}
	s.problem(t)
	s.forget()
	pad = 10
	if b.get("/session"); size() > 1000 {
		t.Errorf("%d bytes", size())
	}
	s.quiet(t)
}

// What update() could store and no token could carry would keep its user from
// ever signing in again.
func TestUpdateThatNoTokenCarries(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = &engine.Schema{User: []schema.Field{{Name: "bio", Client: schema.Write}}}
	}, withStrategy(engine.StrategyJWT))
	b := s.browser()
	b.signIn()
	before := b.session()
	s.forget()
	if r := b.update(map[string]any{"bio": strings.Repeat("x", 20_000)}); len(r.set) > 0 {
		t.Errorf("the answer is %s, with %q", r.body, r.header["Set-Cookie"])
	}
	if line := s.problem(t); !strings.Contains(line.attrs["cause"], `the claim "bio" alone has 20002`) || line.attrs["hint"] == "" {
		t.Errorf("the log says %v", line)
	}
	if writes := s.store.writes(); len(writes) > 0 {
		t.Errorf("the store was written to: %v", writes)
	}
	s.forget()
	if after := b.session(); after != before {
		t.Errorf("the session is %s, was %s", after, before)
	}
	b.update(map[string]any{"bio": "short"})
	if got := b.session(); !strings.Contains(got, `"bio":"short"`) {
		t.Errorf("the session is %s", got)
	}
	s.quiet(t)
}

// Whatever the name and the Domain, every cookie fits.
func TestChunksFit(t *testing.T) {
	for _, d := range []wire.Dialect{wire.V5, wire.V4} {
		for _, like := range []wire.SetCookie{
			{Name: "x"},
			{Name: "__Secure-authjs.session-token", Secure: true, Expires: start},
			{Name: strings.Repeat("n", 256), Domain: strings.Repeat("d", 253), Secure: true, Partitioned: true, SameSite: "None", Expires: start, MaxAge: 900},
		} {
			token := strings.Repeat("t", 12_000)
			set, err := d.SetSessionCookie(nil, nil, like, token)
			if err != nil {
				t.Fatal(err)
			}
			var back []wire.Cookie
			for _, c := range set {
				if line := c.Append(nil); len(line) > 4096 {
					t.Errorf("%v: a cookie of %d bytes", d, len(line))
				}
				back = append(back, wire.Cookie{Name: c.Name, Value: c.Value})
			}
			if wire.SessionCookie(back, like.Name) != token {
				t.Errorf("%v: the token does not come back", d)
			}
		}
	}
}
