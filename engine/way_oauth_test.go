package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
)

func TestOIDCSignsInAtAnAuthtestIdP(t *testing.T) {
	for _, strategy := range strategies {
		for _, userInfo := range []bool{false, true} {
			for _, algorithm := range []string{"ES256", "RS256"} {
				if userInfo && algorithm == "RS256" {
					continue
				}
				clock := &clock{now: startTime}
				idp, err := authtest.NewIdP(authtest.IdPConfig{
					Issuer: "http://127.0.0.1:9999/idp", Algorithm: algorithm, Now: clock.Now, Rand: newDice(1),
					Clients: []authtest.Client{{ID: "the-app", Secret: clientSecret, RedirectURIs: []string{httpOrigin + base + "/callback/demo"}}},
					Users: []authtest.User{
						{Subject: "ann", Name: "Ann", Email: "ann@example.com", EmailVerified: true, Picture: "https://example.com/ann.png"},
						{Subject: "ben", Name: "Ben"},
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) {
					s.clock, c.Now = clock, clock.Now
					s.foreignHosts = append(s.foreignHosts, "127.0.0.1:9999")
					c.HTTPClient = &http.Client{Transport: handlerTransport{"127.0.0.1:9999": idp}}
					c.Providers = append(c.Providers, &engine.OIDC{ID: "demo", Name: "Demo", Issuer: idp.Issuer(), UserInfo: userInfo,
						OAuthConfig: engine.OAuthConfig{ClientID: "the-app", ClientSecret: clientSecret}})
				})
				for _, who := range []struct{ subject, want string }{{"ann", "ann@example.com"}, {"ben", "Ben"}, {"ann", "ann@example.com"}} {
					b := s.browser()
					back, err := idp.SignIn(b.startOAuth("demo", "callbackUrl", "/in"), who.subject)
					if err != nil {
						t.Fatal(err)
					}
					u, err := url.Parse(back)
					if err != nil {
						t.Fatal(err)
					}
					s.canary(u.Query().Get("code"), "the code")
					b.get(strings.TrimPrefix(u.Path, base) + "?" + u.RawQuery).wantTo(s.origin + "/in")
					if got := b.user(); got != who.want {
						t.Errorf("%s, userinfo %v, %s: signed in as %q, want %q", strategy, userInfo, algorithm, got, who.want)
					}
				}
				if n := s.store.count("CreateUser"); n != 2 {
					t.Errorf("%d users were created", n)
				}
				ann, err := s.store.inner.GetUserByAccount(t.Context(), "demo", "ann")
				if err != nil || ann.EmailVerified == nil || !ann.EmailVerified.Equal(startTime) || *ann.Image != "https://example.com/ann.png" || len(ann.ID) != 36 {
					t.Errorf("the stored user is %+v, %v", ann, err)
				}
				// The provider rotates its key.
				for range 2 {
					if err := idp.RotateKey(); err != nil {
						t.Fatal(err)
					}
					b := s.browser()
					back, err := idp.SignIn(b.startOAuth("demo"), "ann")
					if err != nil {
						t.Fatal(err)
					}
					u, _ := url.Parse(back)
					b.get(strings.TrimPrefix(u.Path, base) + "?" + u.RawQuery).wantTo(s.origin)
				}
				s.quiet(t)
			}
		}
	}
}

func TestOAuth2SignsInAndStoresTheAccount(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	s.idp.userinfo = `{"id":583231,"login":"octocat","name":null,"email":"Octo@Example.com","avatar":"x"}`
	s.idp.token = func(answer map[string]any) any { answer["session_state"] = "state-of-theirs"; return answer }
	b := s.browser()
	location := b.startOAuth("oauth", "callbackUrl", "/in")
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": s.origin + base + "/callback/oauth", "scope": "openid profile email", "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if q.Has("nonce") || len(q.Get("state")) != 43 || len(q.Get("code_challenge")) != 43 {
		t.Errorf("the request is %v", q)
	}
	script := s.browser()
	script.finishOAuth("oauth", script.postAsClient("/signin/oauth", "callbackUrl", "/in")).wantTo(s.origin + "/in")
	b.finishOAuth("oauth", location).wantTo(s.origin + "/in")
	if got, want := b.session(), `{"user":{"name":null,"email":"octo@example.com","image":null},"expires":"2026-02-01T03:04:05.678Z"}`; got != want {
		t.Errorf("the session is %s, want %s", got, want)
	}
	a, err := s.store.inner.GetAccount(t.Context(), "oauth", "583231") // stored by the first sign-in
	if err != nil {
		t.Fatal(err)
	}
	if a.Type != "oauth" || a.AccessToken == nil || !strings.HasPrefix(*a.AccessToken, "canary-access-token") || a.RefreshToken == nil || a.IDToken != nil ||
		a.TokenType == nil || *a.TokenType != "bearer" || a.ExpiresAt == nil || *a.ExpiresAt != startTime.Add(time.Hour).Unix() || a.Scope == nil || *a.Scope != "openid profile email" ||
		a.SessionState == nil || *a.SessionState != "state-of-theirs" {
		t.Errorf("the stored account is %+v", a)
	}
	// A profile callback and options.
	s = newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
		p := c.Providers[1].(*engine.OAuth2)
		p.Scopes = []string{"read:user", "user:email"}
		p.AuthorizationParams = map[string]string{"allow_signup": "false"}
		p.AuthorizationURL += "?tenant=x"
		p.Profile = func(_ context.Context, p engine.ProfileParams) (engine.User, error) {
			if p.Tokens.AccessToken == "" || p.Tokens.TokenType != "bearer" || p.Tokens.Raw["expires_in"] != json.Number("3600") {
				t.Errorf("the profile callback got %+v", p.Tokens)
			}
			login, _ := p.Profile["login"].(string)
			if login == "" {
				return engine.User{}, errors.New("no login")
			}
			return engine.User{ID: login, Name: &login, Email: new("UPPER@example.com")}, nil
		}
	})
	s.idp.userinfo = `{"login":"octocat"}`
	b = s.browser()
	location = b.startOAuth("oauth")
	u, _ = url.Parse(location)
	if q := u.Query(); q.Get("scope") != "read:user user:email" || q.Get("allow_signup") != "false" || q.Get("tenant") != "x" {
		t.Errorf("the request is %v", q)
	}
	b.finishOAuth("oauth", location).wantTo(s.origin)
	if got := b.user(); got != "upper@example.com" {
		t.Errorf("signed in as %q", got)
	}
	s.idp.userinfo = `{}`
	b = s.browser()
	location = b.startOAuth("oauth")
	s.resetLog()
	s.refusesCallback("a profile callback that fails", b, b.finishOAuth("oauth", location), "Configuration")
	// Client credentials that the provider refuses.
	s = newSite(t, func(_ *site, c *engine.Config) {
		c.Providers[1].(*engine.OAuth2).ClientSecret = "canary-wrong-client-secret"
	})
	s.canary("canary-wrong-client-secret", "the client secret")
	b = s.browser()
	location = b.startOAuth("oauth")
	s.resetLog()
	s.refusesCallback("a wrong client secret", b, b.finishOAuth("oauth", location), "Configuration")
	// The methods of client authentication.
	for _, way := range []string{"client_secret_basic", "client_secret_post"} {
		s := newSite(t, func(_ *site, c *engine.Config) {
			c.Providers[1].(*engine.OAuth2).ClientAuth = way
			c.Providers[0].(*engine.OIDC).ClientAuth = way
		})
		s.idp.user["id"] = "bob"
		s.browser().oauth("oauth").wantTo(s.origin)
		s.browser().oauth("oidc").wantTo(s.origin)
	}
}

// The callback may be a POST.
func TestCallbackMayBeAPOST(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	back := s.idp.approve(t, b.startOAuth("oidc"))
	b.do(b.request("POST", base+"/callback/oidc?"+back.Encode(), nil)).wantTo(s.origin)

	// v4 reads the parameters from the body (response_mode=form_post), v5 does not.
	for dialect, signedIn := range map[engine.Dialect]bool{engine.DialectV4: true, engine.DialectV5: false} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.Dialect = dialect })
		b := s.browser()
		r := b.request("POST", base+"/callback/oidc", strings.NewReader(s.idp.approve(t, b.startOAuth("oidc")).Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if to := b.do(r).location(); (to == s.origin) != signedIn || strings.Contains(to, "error") == signedIn {
			t.Errorf("%s: a callback in the body redirects to %q", dialect, to)
		}
	}
}

func TestAuthorizationRequestTakesAllowedParamsOnly(t *testing.T) {
	planted := url.Values{
		"client_id": {"evil"}, "redirect_uri": {"https://evil.example/"}, "response_type": {"token"}, "state": {"evil"}, "nonce": {"evil"},
		"code_challenge": {"evil"}, "code_challenge_method": {"plain"}, "scope": {"admin"}, "response_mode": {"fragment"}, "request": {"evil"},
		"request_uri": {"https://evil.example/"}, "client_secret": {"evil"}, "resource": {"evil"}, "audience": {"evil"}, "claims": {"{}"},
		"Redirect_uri": {"https://evil.example/"}, "anything": {"evil"}, "access_type": {"evil"},
		"prompt": {"select_account", "login"}, "login_hint": {"bob@example.com"}, "ui_locales": {"de"}, "hd": {"example.com"},
	}
	for _, provider := range []string{"oidc", "oauth"} {
		for _, https := range []bool{false, true} {
			s := newSite(t, withStore, func(_ *site, c *engine.Config) {
				if https {
					c.URL = httpsOrigin
				}
			})
			b := s.browser()
			plain, err := url.Parse(b.startOAuth(provider))
			if err != nil {
				t.Fatal(err)
			}
			b = s.browser()
			form := maps.Clone(planted)
			form.Set("csrfToken", b.csrf())
			r := b.send("/signin/"+provider+"?"+planted.Encode(), form)
			got, want := r.locationURL().Query(), plain.Query()
			for name, value := range map[string]string{"prompt": "login", "login_hint": "bob@example.com", "ui_locales": "de", "hd": "example.com"} {
				want.Set(name, value)
			}
			for _, fresh := range []string{"state", "nonce", "code_challenge"} {
				if want.Has(fresh) && (got.Get(fresh) == "" || got.Get(fresh) == "evil" || got.Get(fresh) == want.Get(fresh)) {
					t.Errorf("%s: %s is %q", provider, fresh, got.Get(fresh))
				}
				got.Del(fresh)
				want.Del(fresh)
			}
			if got.Encode() != want.Encode() {
				t.Errorf("%s: requested\n%v, want\n%v", provider, got, want)
			}
			if got.Get("redirect_uri") != s.origin+base+"/callback/"+provider || len(got["scope"]) != 1 || got.Get("client_id") != clientID || got.Get("response_type") != "code" {
				t.Errorf("%s: requested %v", provider, got)
			}
			if r.locationURL().Host == "evil.example" {
				t.Error("redirected to evil.example")
			}
		}
	}

	// With a configured URL the Host header is ignored.
	s := newSite(t, withStore, withHTTPS)
	b := s.browser()
	b.csrf()
	for name, value := range map[string]string{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example", "X-Forwarded-Uri": "/evil", "X-Original-URL": "/evil"} {
		b.header.Set(name, value)
	}
	b.origin = "http://evil.example"
	location := b.startOAuth("oidc")
	if u, _ := url.Parse(location); u.Query().Get("redirect_uri") != httpsOrigin+base+"/callback/oidc" {
		t.Errorf("the redirect URI is %q", u.Query().Get("redirect_uri"))
	}
	b.finishOAuth("oidc", location).wantTo(httpsOrigin)
	// Without a URL an untrusted Host is refused.
	s = newSite(t, withStore)
	b = s.browser()
	b.origin = "http://evil.example"
	if r := b.do(b.request("POST", base+"/signin/oidc", nil)); r.status != 500 || len(r.set) > 0 || strings.Contains(r.body, "evil") {
		t.Errorf("an untrusted Host: %d %q %s", r.status, r.header["Set-Cookie"], r.body)
	}

	// AllowedParams replaces the default list, and cannot have protocol parameters.
	s = newSite(t, func(_ *site, c *engine.Config) {
		c.Providers[0].(*engine.OIDC).AllowedParams = []string{"audience", "access_type"}
		c.Providers[0].(*engine.OIDC).AuthorizationParams = map[string]string{"access_type": "offline"}
	})
	b = s.browser()
	got := b.post("/signin/oidc?audience=api&resource=x").locationURL().Query()
	if got.Get("audience") != "api" || got.Has("resource") || got.Get("access_type") != "offline" {
		t.Errorf("with AllowedParams: %v", got)
	}
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "state", "nonce", "code_challenge", "code_challenge_method", "response_mode", "request", "request_uri", "client_secret"} {
		_, err := engine.New(engine.Config{Secrets: []string{testSecret}, Getenv: func(string) string { return "" }, Providers: []engine.Provider{
			&engine.OIDC{ID: "x", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: "x", AllowedParams: []string{name}}},
		}})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("AllowedParams with %s: %v", name, err)
		}
	}
	// With DangerousAuthorizationParams all parameters are taken, as in Auth.js.
	s = newSite(t, func(_ *site, c *engine.Config) { c.Parity.DangerousAuthorizationParams = true })
	if got := s.browser().post("/signin/oidc?scope=admin&x=y").locationURL().Query(); got.Get("scope") != "admin" || got.Get("x") != "y" {
		t.Errorf("with DangerousAuthorizationParams: %v", got)
	}
}

func TestErrorOfTheProviderIsNotShown(t *testing.T) {
	s := newSite(t, withStore)
	for _, code := range []string{"access_denied", "login_required", "<img src=x>", strings.Repeat("x", 3000)} {
		b := s.browser()
		location := b.startOAuth("oidc")
		s.resetLog()
		r := b.finishOAuth("oidc", location, "code", "", "error", code, "error_description", "<script>alert(1)</script>", "error_uri", "https://evil.example/")
		s.refusesCallback("error="+code[:min(20, len(code))], b, r, "OAuthCallbackError")
		if page := b.get("/signin?error=OAuthCallbackError"); strings.Contains(page.body, "alert(1)") || strings.Contains(page.body, "img src=x") || strings.Contains(page.body, "evil.example") {
			t.Error("the page has input of the provider")
		}
	}
	// Without the state of this browser it is not an answer of the provider.
	b := s.browser()
	s.resetLog()
	s.refusesCallback("error without checks", b, b.get("/callback/oidc?error=access_denied"), "Configuration")
}

func TestCodeIsNeverShown(t *testing.T) {
	for _, strategy := range strategies {
		for _, fails := range []bool{false, true} {
			s := newSite(t, withStrategy(strategy)) // whose cleanup searches the log for every code
			if fails {
				s.idp.token = func(answer map[string]any) any {
					return map[string]any{"error": "invalid_grant", "error_description": "the code canary is wrong"}
				}
			}
			b := s.browser()
			q := s.idp.approve(t, b.startOAuth("oidc"))
			r := b.get("/callback/oidc?" + q.Encode())
			if got := r.header.Get("Referrer-Policy"); got != "same-origin" {
				t.Errorf("Referrer-Policy is %q", got)
			}
			if !strings.Contains(r.header.Get("Cache-Control"), "no-store") {
				t.Errorf("Cache-Control is %q", r.header.Get("Cache-Control"))
			}
			everything := r.location() + r.body + strings.Join(r.header["Set-Cookie"], " ")
			for _, secret := range []string{q.Get("code"), q.Get("state"), "canary-access-token", "canary-refresh-token"} {
				if strings.Contains(everything, secret) {
					t.Errorf("the answer to the callback has %s", secret)
				}
			}
			if fails {
				r.wantError("Configuration")
				page := b.get(strings.TrimPrefix(r.location(), s.origin+base))
				if strings.Contains(page.body, q.Get("code")) || strings.Contains(page.body, "canary") {
					t.Error("the error page has input of the provider")
				}
			}
		}
	}
	// Nor is a code shown that is sent to another path.
	s := newSite(t, withStore)
	b := s.browser()
	s.canary("canary-stray-code-123456", "a stray code")
	for _, path := range []string{"/callback/nope", "/callback/credentials", "/callback", "/nope", "/signin/oidc", "/error", "/callback/email", "/callback/oidc/x"} {
		r := b.get(path + "?code=canary-stray-code-123456&state=x")
		if strings.Contains(r.location()+r.body, "canary") {
			t.Errorf("GET %s shows the code", path)
		}
	}
	if slices.Contains(b.names(), "code") {
		t.Error("the code is in a cookie")
	}
}
