package engine_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/verify"
)

// The client of next-auth 4 signs in, reads and updates the session, and signs
// out.
func TestClientOfV4SignsInAndOut(t *testing.T) {
	for _, strategy := range strategies {
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
			status, to := b.postAsClientV4("/callback/credentials", "username", "alice", "password", "wrong", "callbackUrl", "/in")
			if want := s.origin + base + "/error?error=CredentialsSignin&provider=credentials"; status != 401 || to != want || b.has(cookie) {
				t.Errorf("a wrong password: %d %s, want 401 %s", status, to, want)
			}
			// Without json=true the answer is a redirect, which ends at the sign-in page.
			r := b.post("/callback/credentials", "username", "alice", "password", "wrong")
			r.wantTo(to)
			b.get(strings.TrimPrefix(r.location(), s.origin+base)).wantTo(s.origin + base + "/signin?error=CredentialsSignin")

			if status, to := b.postAsClientV4("/callback/credentials", "username", "alice", "password", password); status != 200 || to != s.origin+"/in" || !b.has(cookie) {
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
			if status, to := b.postAsClientV4("/signout", "callbackUrl", "/bye"); status != 200 || to != s.origin+"/bye" || b.has(cookie) {
				t.Errorf("sign-out: %d %s, cookies %q", status, to, b.names())
			}
			if r := b.get("/session"); r.body != "{}" {
				t.Errorf("signed out: %s", r.body)
			}
			// X-Auth-Return-Redirect is of v5 only, as json=true is of v4 only.
			b.header.Set("X-Auth-Return-Redirect", "1")
			if r := b.post("/signout"); r.status != 302 {
				t.Errorf("X-Auth-Return-Redirect: %d", r.status)
			}
			for _, entry := range s.logs.problems() { // two wrong passwords and an update without a token
				if code := entry.attrs["code"]; code != "CredentialsSignin" && code != "MissingCSRF" {
					t.Errorf("log line %v", entry)
				}
			}
		}
	}
	s := newSite(t)
	if r := s.browser().post("/signout", "json", "true"); r.status != 302 {
		t.Errorf("v5, json=true: %d", r.status)
	}
}

// Failures of a sign-in have their own codes in next-auth 4.
func TestSignInErrorsHaveTheirCodesInV4(t *testing.T) {
	down := errors.New("down")
	for _, c := range []struct {
		what   string
		change func(*site, *engine.Config)
		run    func(*site, *browser) *reply
		want   string // below the base path
	}{
		{"csrf, sign-in", nil, func(s *site, b *browser) *reply { return b.send("/signin/oidc", form()) }, "/signin?csrf=true"},
		{"csrf, credentials", nil, func(s *site, b *browser) *reply { return b.send("/callback/credentials", form()) }, "/signin?csrf=true"},
		{"csrf, sign-out", nil, func(s *site, b *browser) *reply { return b.send("/signout", form()) }, "/signout?csrf=true"},
		{"no provider", nil, func(s *site, b *browser) *reply { return b.post("/signin") }, "/signin?csrf=true"},
		{"an unknown provider", nil, func(s *site, b *browser) *reply { return b.post("/signin/nope") }, "/signin?csrf=true"},
		{"credentials at sign-in", nil, func(s *site, b *browser) *reply { return b.post("/signin/credentials") }, "/signin"},
		{"the provider is down", func(s *site, c *engine.Config) {
			c.Providers[0] = &engine.OIDC{ID: "oidc", Issuer: "https://nowhere.example", OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}}
		}, func(s *site, b *browser) *reply { return b.post("/signin/oidc") }, "/error?error=OAuthSignin"},
		{"the provider refuses", nil, func(s *site, b *browser) *reply {
			return b.oauth("oidc", "error", "access_denied", "code", "")
		}, "/error?error=Callback"},
		{"the state is wrong", nil, func(s *site, b *browser) *reply { return b.oauth("oidc", "state", "x") }, "/error?error=OAuthCallback"},
		{"no code", nil, func(s *site, b *browser) *reply { return b.oauth("oidc", "code", "") }, "/error?error=OAuthCallback"},
		{"the profile callback fails", func(s *site, c *engine.Config) {
			c.Providers[0].(*engine.OIDC).Profile = func(context.Context, engine.ProfileParams) (engine.User, error) {
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
			s.store.failWith(down, "CreateUser")
			return b.oauth("oidc")
		}, "/error?error=OAuthCreateAccount"},
		{"the account cannot be linked", nil, func(s *site, b *browser) *reply {
			s.store.failWith(down, "LinkAccount")
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
			s.store.failWith(down, "GetUserByEmail")
			return b.post("/signin/email", "email", "x@example.com")
		}, "/error?error=EmailSignin"},
		{"a mail link without a token", nil, func(s *site, b *browser) *reply { return b.get("/callback/email?email=x%40example.com") }, "/error?error=configuration"},
		{"a mail link that was used", nil, func(s *site, b *browser) *reply {
			return b.post("/callback/email", "token", "x", "email", "x@example.com")
		}, "/error?error=Verification"},
		{"the user of a mail cannot be created", nil, func(s *site, b *browser) *reply {
			b.post("/signin/email", "email", "x@example.com").wantTo(s.origin + base + "/verify-request?provider=email&type=email")
			s.store.failWith(down, "CreateUser")
			return b.post("/callback/email", "token", s.mails.last(t).Token, "email", "x@example.com")
		}, "/error?error=EmailCreateAccount"},
		{"the store is down, mail link", nil, func(s *site, b *browser) *reply {
			s.store.failWith(down, "UseVerificationToken")
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
				t.Error("a session cookie is set")
			}
			if left := checkCookies(b); len(left) > 0 {
				t.Errorf("check cookies left: %q", left)
			}
		})
	}
}

// The client of next-auth 4 gets failures with status 200, except for
// credentials: 401, or 403 if the signIn callback refuses.
func TestOnlyFailedCredentialsAre401Or403InV4(t *testing.T) {
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
		to     string // below the base path
	}{
		{"in", authorize(nil), "/callback/credentials", nil, 200, ""},
		{"refused", nil, "/callback/credentials", []string{"password", "x"}, 401, "/error?error=CredentialsSignin&provider=credentials"},
		{"authorize fails", authorize(down), "/callback/credentials", nil, 401, "/error?error=Configuration"},
		{"the signIn callback refuses", signIn(engine.Deny(), nil), "/callback/credentials", []string{"password", password}, 403, "/error?error=AccessDenied"},
		{"the signIn callback fails", signIn(engine.Allow(), down), "/callback/credentials", []string{"password", password}, 403, "/error?error=AccessDenied"},
		{"the signIn callback refuses a mail", signIn(engine.Deny(), nil), "/signin/email", []string{"email", "x@example.com"}, 200, "/error?error=AccessDenied"},
		{"an invalid address", nil, "/signin/email", []string{"email", "x"}, 200, "/error?error=EmailSignin"},
		{"no token", nil, "/callback/credentials", []string{"csrfToken", "x"}, 200, "/signin?csrf=true"},
		{"the store is down at sign-out", func(s *site, _ *engine.Config) { s.store.failWith(down, "DeleteSession") }, "/signout", nil, 200, "/error?error=Configuration"},
	} {
		changes := []func(*site, *engine.Config){withV4, withStrategy(engine.StrategyDatabase)}
		if c.change != nil {
			changes = append(changes, c.change)
		}
		s := newSite(t, changes...)
		b := s.browser()
		b.set(sessionCookieV4, "x")
		status, to := b.postAsClientV4(c.path, c.pairs...)
		if to = requestIDParam.ReplaceAllString(to, ""); status != c.status || to != s.origin+c.to && to != s.origin+base+c.to {
			t.Errorf("%s: %d %s, want %d %s", c.what, status, to, c.status, c.to)
		}
		if c.path == "/signout" && b.has(sessionCookieV4) {
			t.Errorf("%s: the session cookie is still there", c.what)
		}
	}
}

func TestRoutesAreThoseOfV4(t *testing.T) {
	s := newSite(t, withV4, withStore)
	b := s.browser()
	text := func(method string) string {
		return "Error: This action with HTTP " + method + " is not supported by NextAuth.js"
	}
	for _, c := range []struct {
		method, path string
		status       int
		body         string // "" means any
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
	// Codes of a sign-in redirect to the sign-in page, others to the error page of
	// the application.
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

// The client of next-auth 4 posts its errors, which are logged in bounded length.
func TestClientErrorsAreLoggedAndTruncated(t *testing.T) {
	s := newSite(t, withV4)
	b := s.browser()
	if r := b.send("/_log", form("level", "error", "code", "CLIENT_FETCH_ERROR", "message", strings.Repeat("x", 10_000)+"\n\xff", "url", "/api/auth/session", "client", "true")); r.status != 200 || r.body != "" || len(r.set) > 0 {
		t.Errorf("%d %q, cookies %q", r.status, r.body, r.header["Set-Cookie"])
	}
	entry := s.problem(t)
	if entry.attrs["code"] != "CLIENT_FETCH_ERROR" || entry.attrs["url"] != "/api/auth/session" || entry.attrs["cause"] != strings.Repeat("x", 300)+"…" || entry.attrs["request_id"] == "" {
		t.Errorf("log line %v", entry)
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
