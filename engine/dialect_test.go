package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/internal/wire"
)

// The names of next-auth 4.
const (
	sessionCookieV4 = "next-auth.session-token"
	csrfCookieV4    = "next-auth.csrf-token"
)

func withV4(_ *site, c *engine.Config) { c.Dialect = engine.DialectV4 }

// client posts as the client of next-auth 4 does.
func (b *browser) client(path string, pairs ...string) (status int, to string) {
	b.s.t.Helper()
	r := b.post(path, append([]string{"json", "true"}, pairs...)...)
	var body struct{ URL string }
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || body.URL == "" {
		b.s.t.Fatalf("POST %s: %d %q", path, r.status, r.body)
	}
	if r.location() != "" || r.header.Get("Content-Type") != "application/json; charset=utf-8" {
		b.s.t.Errorf("POST %s: Location %q, Content-Type %q", path, r.location(), r.header.Get("Content-Type"))
	}
	return r.status, body.URL
}

// In, read, changed and out again, as the client of next-auth 4 does it, with
// the defaults of Sesame.
func TestWireV4(t *testing.T) {
	for _, strategy := range both {
		for _, secure := range []bool{false, true} {
			changes := []func(*site, *engine.Config){withV4, withStrategy(strategy)}
			if secure {
				changes = append(changes, withHTTPS)
			}
			s := newSite(t, changes...)
			b := s.browser()
			cookie := s.name(sessionCookieV4)
			if r := b.get("/session"); r.body != "{}" || r.status != 200 || r.header.Get("Content-Type") != "application/json; charset=utf-8" {
				t.Errorf("signed out: %d %s", r.status, r.body)
			}
			status, to := b.client("/callback/credentials", "username", "alice", "password", "wrong", "callbackUrl", "/in")
			if want := s.origin + base + "/error?error=CredentialsSignin&provider=credentials"; status != 401 || to != want || b.has(cookie) {
				t.Errorf("a wrong password: %d %s, want 401 %s", status, to, want)
			}
			// Without json=true it is always a redirect, and on to the sign-in page.
			r := b.post("/callback/credentials", "username", "alice", "password", "wrong")
			r.wantTo(to)
			b.get(strings.TrimPrefix(r.location(), s.origin+base)).wantTo(s.origin + base + "/signin?error=CredentialsSignin")

			if status, to := b.client("/callback/credentials", "username", "alice", "password", password); status != 200 || to != s.origin+"/in" || !b.has(cookie) {
				t.Fatalf("the right password: %d %s, cookies %q", status, to, b.names())
			}
			for _, name := range b.names() {
				if !strings.Contains(name, "next-auth.") {
					t.Errorf("the cookie %s is set", name)
				}
			}
			if got := b.get("/session").body; !strings.Contains(got, `"alice@example.com"`) {
				t.Errorf("signed in: %s", got)
			}
			if strategy == engine.StrategyJWT {
				v, err := verify.New(verify.Config{Secrets: []string{testSecret}, UseSecureCookies: &secure, Now: s.clock.Now})
				if err != nil {
					t.Fatal(err)
				}
				request := b.request("GET", "/api/orders", nil)
				request.Header.Set("Cookie", cookie+"="+b.cookie(cookie))
				if token, err := v.Token(request); err != nil || token.Subject != "alice-id" {
					t.Errorf("verify: %+v, %v", token, err)
				}
			}
			if r := b.json("/session", map[string]any{"csrfToken": "x"}); r.status != 400 || r.body != "{}" {
				t.Errorf("update without a CSRF token: %d %s", r.status, r.body)
			}
			if r := b.json("/session", map[string]any{"csrfToken": b.csrf()}); r.status != 200 || !strings.Contains(r.body, "alice") {
				t.Errorf("update: %d %s", r.status, r.body)
			}
			if status, to := b.client("/signout", "callbackUrl", "/bye"); status != 200 || to != s.origin+"/bye" || b.has(cookie) {
				t.Errorf("sign-out: %d %s, cookies %q", status, to, b.names())
			}
			if r := b.get("/session"); r.body != "{}" {
				t.Errorf("signed out: %s", r.body)
			}
			// The switch of v5 is none here, and the other way round.
			b.header.Set("X-Auth-Return-Redirect", "1")
			if r := b.post("/signout"); r.status != 302 {
				t.Errorf("X-Auth-Return-Redirect: %d", r.status)
			}
			for _, entry := range s.logs.problems() { // a wrong password, twice, and the update without a token
				if code := entry.attrs["code"]; code != "CredentialsSignin" && code != "MissingCSRF" {
					t.Errorf("the log line %v", entry)
				}
			}
		}
	}
	s := newSite(t)
	if r := s.browser().post("/signout", "json", "true"); r.status != 302 {
		t.Errorf("v5, json=true: %d", r.status)
	}
}

// A session of one version is nobody's at the other, also under its name.
func TestWiresAreApart(t *testing.T) {
	v5, v4 := newSite(t), newSite(t, withV4)
	a, b := v5.browser(), v4.browser()
	a.signIn()
	b.signIn()
	a.set(sessionCookieV4, b.cookie(sessionCookieV4))
	b.set(sessionCookie, a.cookie(sessionCookie))
	a.set(sessionCookie, b.cookie(sessionCookieV4))
	b.set(sessionCookieV4, b.cookie(sessionCookie))
	if got := a.get("/session").body; got != "null" {
		t.Errorf("v5 reads a token of v4: %s", got)
	}
	if got := b.get("/session").body; got != "{}" {
		t.Errorf("v4 reads a token of v5: %s", got)
	}
}

// A token is accepted at exp+14 s and refused at exp+15 s, whatever the zone of
// the clock.
func TestClockToleranceOfBothWires(t *testing.T) {
	for _, w := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("east", 14*3600), time.FixedZone("west", -12*3600)} {
			s := newSite(t, func(s *site, c *engine.Config) {
				c.Dialect = w
				c.Now = func() time.Time { return s.clock.Now().In(zone) }
			})
			name := w.CookieNames(false).SessionToken
			// The other side: any server with the secret.
			token, err := w.SessionKeys(name, testSecret).EncodeToken(&engine.Token{Subject: "x", Name: new("Somebody")}, s.clock.Now(), time.Hour, newDice(2))
			if err != nil {
				t.Fatal(err)
			}
			s.clock.add(time.Hour + 14*time.Second)
			b := s.browser()
			b.set(name, token)
			if got := b.copy().get("/session").body; !strings.Contains(got, "Somebody") {
				t.Errorf("%s, %s: at exp+14 s: %s", w, zone, got)
			}
			s.clock.add(time.Second)
			if r := b.get("/session"); strings.Contains(r.body, "Somebody") || !r.clears(name) {
				t.Errorf("%s, %s: at exp+15 s: %s", w, zone, r.body)
			}
		}
	}
}

// next-auth 4 has one secret; here older ones are tried as well.
func TestSecretRotationV4(t *testing.T) {
	const older = "canary-older-secret-0123456789-abcdefghijk"
	with := func(secret string, old ...string) *site {
		return newSite(t, withV4, func(_ *site, c *engine.Config) { c.Secret, c.OldSecrets = secret, old })
	}
	before, now, only := with(older), with(testSecret, older), with(testSecret)
	b := before.browser()
	b.signIn()
	old := b.copy()
	b.s, b.handler = now, now.eng
	if r := b.get("/session"); !strings.Contains(r.body, "alice@example.com") || r.sets(sessionCookieV4) == nil {
		t.Errorf("the old cookie: %s, %q", r.body, r.header["Set-Cookie"])
	}
	b.s, b.handler = only, only.eng
	if r := b.get("/session"); !strings.Contains(r.body, "alice@example.com") {
		t.Errorf("the cookie that was issued anew: %s", r.body)
	}
	old.s, old.handler = only, only.eng
	if r := old.get("/session"); r.body != "{}" || !r.clears(sessionCookieV4) {
		t.Errorf("a cookie of a removed secret: %s, %q", r.body, r.header["Set-Cookie"])
	}
}

// Where something fails in a sign-in, next-auth 4 has a code of its own.
func TestErrorsV4(t *testing.T) {
	down := errors.New("down")
	for _, c := range []struct {
		what   string
		change func(*site, *engine.Config)
		run    func(*site, *browser) *reply
		want   string // behind the base path
	}{
		{"csrf, sign-in", nil, func(s *site, b *browser) *reply { return b.send("/signin/oidc", form()) }, "/signin?csrf=true"},
		{"csrf, credentials", nil, func(s *site, b *browser) *reply { return b.send("/callback/credentials", form()) }, "/signin?csrf=true"},
		{"csrf, sign-out", nil, func(s *site, b *browser) *reply { return b.send("/signout", form()) }, "/signout?csrf=true"},
		{"no provider", nil, func(s *site, b *browser) *reply { return b.post("/signin") }, "/signin?csrf=true"},
		{"an unknown provider", nil, func(s *site, b *browser) *reply { return b.post("/signin/nope") }, "/signin?csrf=true"},
		{"credentials at sign-in", nil, func(s *site, b *browser) *reply { return b.post("/signin/credentials") }, "/signin"},
		{"the provider is down", func(s *site, c *engine.Config) {
			c.Providers[0] = &engine.OIDC{ID: "oidc", Issuer: "https://nowhere.example", OAuthOptions: engine.OAuthOptions{ClientID: clientID, ClientSecret: clientSecret}}
		}, func(s *site, b *browser) *reply { return b.post("/signin/oidc") }, "/error?error=OAuthSignin"},
		{"the provider refuses", nil, func(s *site, b *browser) *reply {
			return b.oauth("oidc", "error", "access_denied", "code", "")
		}, "/error?error=Callback"},
		{"the state is wrong", nil, func(s *site, b *browser) *reply { return b.oauth("oidc", "state", "x") }, "/error?error=OAuthCallback"},
		{"no code", nil, func(s *site, b *browser) *reply { return b.oauth("oidc", "code", "") }, "/error?error=OAuthCallback"},
		{"the profile callback fails", func(s *site, c *engine.Config) {
			c.Providers[0].(*engine.OIDC).Profile = func(context.Context, engine.Profile, *engine.Tokens) (engine.User, error) {
				return engine.User{}, down
			}
		}, func(s *site, b *browser) *reply { return b.oauth("oidc") }, "/error?error=OAuthCallback"},
		{"the signIn callback refuses", func(s *site, c *engine.Config) {
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) { return engine.Deny(), nil }
		}, func(s *site, b *browser) *reply { return b.oauth("oidc") }, "/error?error=AccessDenied"},
		{"the signIn callback fails", func(s *site, c *engine.Config) {
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) { return engine.Deny(), down }
		}, func(s *site, b *browser) *reply { return b.oauth("oidc") }, "/error?error=AccessDenied"},
		{"the address is somebody's", nil, func(s *site, b *browser) *reply {
			s.putUser(engine.User{ID: "bob-id", Email: new("bob@example.com")})
			return b.oauth("oidc")
		}, "/error?error=OAuthAccountNotLinked"},
		{"the user cannot be created", nil, func(s *site, b *browser) *reply {
			s.store.breaks(down, "CreateUser")
			return b.oauth("oidc")
		}, "/error?error=OAuthCreateAccount"},
		{"the account cannot be linked", nil, func(s *site, b *browser) *reply {
			s.store.breaks(down, "LinkAccount")
			return b.oauth("oidc")
		}, "/error?error=Callback"},
		{"the jwt callback revokes the new token", func(s *site, c *engine.Config) {
			c.SessionStrategy = engine.StrategyJWT
			c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error { p.Token = nil; return nil }
		}, func(s *site, b *browser) *reply { return b.oauth("oidc") }, "/error?error=Callback"},
		{"authorize fails", func(s *site, c *engine.Config) {
			c.Providers[2].(*engine.Credentials).Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) { return nil, down }
		}, func(s *site, b *browser) *reply { return b.post("/callback/credentials") }, "/error?error=Configuration"},
		{"authorize has a code", func(s *site, c *engine.Config) {
			c.Providers[2].(*engine.Credentials).Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return nil, &engine.CredentialsError{Code: "locked"}
			}
		}, func(s *site, b *browser) *reply { return b.post("/callback/credentials") }, "/error?error=locked"},
		{"no address", nil, func(s *site, b *browser) *reply { return b.post("/signin/email") }, "/error?error=EmailSignin"},
		{"an address without a dot", nil, func(s *site, b *browser) *reply { return b.post("/signin/email", "email", "x@localhost") }, "/error?error=EmailSignin"},
		{"the mail cannot be sent", nil, func(s *site, b *browser) *reply {
			s.mails.fail = down
			return b.post("/signin/email", "email", "x@example.com")
		}, "/error?error=EmailSignin"},
		{"the store is down, mail", nil, func(s *site, b *browser) *reply {
			s.store.breaks(down, "GetUserByEmail")
			return b.post("/signin/email", "email", "x@example.com")
		}, "/error?error=EmailSignin"},
		{"a mail link without a token", nil, func(s *site, b *browser) *reply { return b.get("/callback/email?email=x%40example.com") }, "/error?error=configuration"},
		{"a mail link that was used", nil, func(s *site, b *browser) *reply {
			return b.post("/callback/email", "token", "x", "email", "x@example.com")
		}, "/error?error=Verification"},
		{"the user of a mail cannot be created", nil, func(s *site, b *browser) *reply {
			b.post("/signin/email", "email", "x@example.com").wantTo(s.origin + base + "/verify-request?provider=email&type=email")
			s.store.breaks(down, "CreateUser")
			return b.post("/callback/email", "token", s.mails.last(t).Token, "email", "x@example.com")
		}, "/error?error=EmailCreateAccount"},
		{"the store is down, mail link", nil, func(s *site, b *browser) *reply {
			s.store.breaks(down, "UseVerificationToken")
			return b.post("/callback/email", "token", "x", "email", "x@example.com")
		}, "/error?error=Callback"},
	} {
		t.Run(c.what, func(t *testing.T) {
			changes := []func(*site, *engine.Config){withV4, withStrategy(engine.StrategyDatabase)}
			if c.change != nil {
				changes = append(changes, c.change)
			}
			s := newSite(t, changes...)
			b := s.browser()
			r := c.run(s, b)
			r.wantTo(s.origin + base + c.want)
			if b.has(sessionCookieV4) {
				t.Error("somebody is signed in")
			}
			if left := checkCookies(b); len(left) > 0 {
				t.Errorf("the check cookies %q are left", left)
			}
		})
	}
}

// What fails is 200 to the client of next-auth 4, but for credentials: 401, or
// 403 where the signIn callback is against it.
func TestStatusOfFailuresV4(t *testing.T) {
	down := errors.New("down")
	authorize := func(err error) func(*site, *engine.Config) {
		return func(_ *site, c *engine.Config) {
			c.Providers[2].(*engine.Credentials).Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) { return alice(), err }
		}
	}
	signIn := func(d engine.Decision, err error) func(*site, *engine.Config) {
		return func(_ *site, c *engine.Config) {
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) { return d, err }
		}
	}
	for _, c := range []struct {
		what   string
		change func(*site, *engine.Config)
		path   string
		pairs  []string
		status int
		to     string // behind the base path
	}{
		{"in", authorize(nil), "/callback/credentials", nil, 200, ""},
		{"refused", nil, "/callback/credentials", []string{"password", "x"}, 401, "/error?error=CredentialsSignin&provider=credentials"},
		{"authorize fails", authorize(down), "/callback/credentials", nil, 401, "/error?error=Configuration"},
		{"the signIn callback refuses", signIn(engine.Deny(), nil), "/callback/credentials", []string{"password", password}, 403, "/error?error=AccessDenied"},
		{"the signIn callback fails", signIn(engine.Allow(), down), "/callback/credentials", []string{"password", password}, 403, "/error?error=AccessDenied"},
		{"the signIn callback refuses a mail", signIn(engine.Deny(), nil), "/signin/email", []string{"email", "x@example.com"}, 200, "/error?error=AccessDenied"},
		{"an address that is none", nil, "/signin/email", []string{"email", "x"}, 200, "/error?error=EmailSignin"},
		{"no token", nil, "/callback/credentials", []string{"csrfToken", "x"}, 200, "/signin?csrf=true"},
		{"the store is down at sign-out", func(s *site, _ *engine.Config) { s.store.breaks(down, "DeleteSession") }, "/signout", nil, 200, "/error?error=Configuration"},
	} {
		changes := []func(*site, *engine.Config){withV4, withStrategy(engine.StrategyDatabase)}
		if c.change != nil {
			changes = append(changes, c.change)
		}
		s := newSite(t, changes...)
		b := s.browser()
		b.set(sessionCookieV4, "x")
		status, to := b.client(c.path, c.pairs...)
		if to = ids.ReplaceAllString(to, ""); status != c.status || to != s.origin+c.to && to != s.origin+base+c.to {
			t.Errorf("%s: %d %s, want %d %s", c.what, status, to, c.status, c.to)
		}
		if c.path == "/signout" && b.has(sessionCookieV4) {
			t.Errorf("%s: the session cookie is still there", c.what)
		}
	}
}

func TestRoutesV4(t *testing.T) {
	s := newSite(t, withV4, withStore)
	b := s.browser()
	text := func(method string) string {
		return "Error: This action with HTTP " + method + " is not supported by NextAuth.js"
	}
	for _, c := range []struct {
		method, path string
		status       int
		body         string // "" is not looked at
	}{
		{"PUT", "/session", 400, text("PUT")}, {"GET", "/nope", 400, text("GET")}, {"GET", "/callback", 400, text("GET")}, {"GET", "/callback/nope", 400, text("GET")},
		{"POST", "/providers", 400, text("POST")}, {"GET", "/_log", 400, text("GET")}, {"GET", "/webauthn-options", 400, text("GET")},
		{"GET", "/callback/credentials", 500, ""},
		{"GET", "/session/x", 200, "{}"}, {"GET", "/providers/x", 200, ""}, {"GET", "/signin/nope", 200, ""}, {"GET", "/signin/a/b", 200, ""}, {"GET", "/signin/oidc", 200, ""},
		{"GET", "/error?error=configuration", 500, ""}, {"GET", "/error?error=ACCESSDENIED", 403, ""}, {"GET", "/error/Verification", 403, ""}, {"GET", "/error?error=x", 200, ""},
	} {
		r := b.do(b.request(c.method, target(c.path), nil))
		if r.status != c.status || c.body != "" && r.body != c.body {
			t.Errorf("%s %s: %d %.100q, want %d %q", c.method, c.path, r.status, r.body, c.status, c.body)
		}
	}
	// Codes of a sign-in lead to the sign-in page, others to the page of the
	// application.
	s = newSite(t, withV4, func(_ *site, c *engine.Config) { c.Pages.Error, c.Pages.SignIn = "/oops", "/login" })
	b = s.browser()
	for _, code := range []string{
		"Signin", "OAuthSignin", "OAuthCallback", "OAuthCreateAccount", "EmailCreateAccount", "Callback", "OAuthAccountNotLinked", "EmailSignin", "CredentialsSignin", "SessionRequired",
	} {
		b.get("/error?error=" + code).wantTo(s.origin + base + "/signin?error=" + code)
	}
	b.get("/signin?error=OAuthCallback").wantTo("/login?callbackUrl=" + url.QueryEscape(s.origin) + "&error=OAuthCallback")
	b.get("/error?error=AccessDenied").wantTo("/oops?error=AccessDenied")
	b.get("/error?error=oauthcallback").wantTo("/oops?error=oauthcallback")
}

// The client of next-auth 4 sends its errors to the server: they are logged,
// and nothing that they hold gets out of bounds.
func TestClientLog(t *testing.T) {
	s := newSite(t, withV4)
	b := s.browser()
	if r := b.send("/_log", form("level", "error", "code", "CLIENT_FETCH_ERROR", "message", strings.Repeat("x", 10_000)+"\n\xff", "url", "/api/auth/session", "client", "true")); r.status != 200 || r.body != "" || len(r.set) > 0 {
		t.Errorf("%d %q, cookies %q", r.status, r.body, r.header["Set-Cookie"])
	}
	entry := s.problem(t)
	if entry.attrs["code"] != "CLIENT_FETCH_ERROR" || entry.attrs["url"] != "/api/auth/session" || entry.attrs["cause"] != strings.Repeat("x", 300)+"…" || entry.attrs["request_id"] == "" {
		t.Errorf("the line is %v", entry)
	}
	for _, body := range []string{`{"code":{"x":1},"level":null}`, `[]`, `{`, ``} {
		r := b.request("POST", target("/_log"), strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if out := b.do(r); out.status != 200 && out.status != 400 {
			t.Errorf("%s: %d", body, out.status)
		}
	}
	if r := newSite(t).browser().send("/_log", form()); r.status != 400 {
		t.Errorf("v5: %d", r.status)
	}
}

// Hashes made with what another server's list of secrets was, is or will be are
// accepted, and what is written is what Auth.js with the same configuration
// accepts.
func TestHashesOfBothSides(t *testing.T) {
	const now, old, older = testSecret, "canary-older-secret-0123456789-abcdefghijk", "canary-oldest-secret-0123456789-abcdefghijk"
	for _, c := range []struct {
		what              string
		change            func(*engine.Config)
		written           string   // what Auth.js hashes with
		accepted, refused []string // of other servers
	}{
		{"one secret", func(c *engine.Config) {}, now, []string{now}, []string{old, now + "," + old}},
		{"a list, as secret: [now, old] of Auth.js 5", func(c *engine.Config) { c.OldSecrets = []string{old, older} },
			now + "," + old + "," + older,
			[]string{now, old, older, now + "," + old, old + "," + older, old + "," + now + "," + older /* before now became the first */},
			[]string{old + "," + now, now + "," + older, older + "," + old + "," + now}},
		{"a list, beside next-auth 4, which has one secret", func(c *engine.Config) { c.Dialect, c.OldSecrets = engine.DialectV4, []string{old} },
			now, []string{old, now + "," + old}, []string{older}},
		{"AUTH_SECRET_1 and _2, beside next-auth 5, which does not look at them", func(c *engine.Config) {
			c.Secret, c.Getenv = "", env("AUTH_SECRET", now, "AUTH_SECRET_1", older, "AUTH_SECRET_2", old)
		}, now, []string{
			now, old, older,
			old + "," + older + "," + now, // @auth/core
			older + "," + now,             // and before AUTH_SECRET_2 was added
		}, []string{now + "," + older}},
	} {
		s := newSite(t, func(s *site, cfg *engine.Config) {
			withStore(s, cfg)
			c.change(cfg)
			s.canary(old, "a secret")
			s.canary(older, "a secret")
		})
		names := wire.V5.CookieNames(false)
		if s.browser().get("/csrf").sets(csrfCookieV4) != nil {
			names = wire.V4.CookieNames(false)
		}
		// What is written.
		b := s.browser()
		token := b.csrf()
		cookie, _ := url.PathUnescape(b.cookie(names.CSRFToken))
		if got, ok := wire.NewCSRF(c.written).Token(cookie); !ok || got != token {
			t.Errorf("%s: a CSRF cookie is not hashed with %d secrets", c.what, strings.Count(c.written, ",")+1)
		}
		b.post("/signin/email", "email", "carol@example.com")
		link := s.mails.last(t).Token
		if _, err := s.store.inner.UseVerificationToken(t.Context(), "carol@example.com", hash(link+c.written)); err != nil {
			t.Errorf("%s: a mail link is not hashed with %d secrets: %v", c.what, strings.Count(c.written, ",")+1, err)
		}
		// What is accepted.
		for i, other := range append(append([]string{c.written}, c.accepted...), c.refused...) {
			want := i <= len(c.accepted)
			b := s.browser()
			token, cookie, err := wire.NewCSRF(other).New(newDice(byte(i + 3)))
			if err != nil {
				t.Fatal(err)
			}
			b.set(names.CSRFToken, url.QueryEscape(cookie))
			r := b.send("/signout", form("csrfToken", token))
			if got := r.location() == s.origin; got != want {
				t.Errorf("%s: a CSRF token of another server (%d) is accepted: %v", c.what, i, got)
			}
			mail := fmt.Sprintf("link-of-another-server-%d", i)
			_, err = s.store.inner.CreateVerificationToken(t.Context(), store.VerificationToken{
				Identifier: "carol@example.com", Token: hash(mail + other), Expires: s.clock.Now().Add(time.Hour),
			})
			if err != nil {
				t.Fatal(err)
			}
			r = s.browser().post("/callback/email", "token", mail, "email", "carol@example.com")
			if got := r.location() == s.origin; got != want {
				t.Errorf("%s: a mail link of another server (%d) is accepted: %v (%s)", c.what, i, got, r.location())
			}
		}
	}
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestNewRefusesOtherWires(t *testing.T) {
	_, err := engine.New(engine.Config{Secret: testSecret, Dialect: engine.DialectV4 + 1, Providers: []engine.Provider{anybody()}, Getenv: env()})
	if err == nil || !strings.Contains(err.Error(), "DialectV4") {
		t.Errorf("got %v", err)
	}
}
