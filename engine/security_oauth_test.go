package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// refusesCallback checks that a callback ended on the error page with code: no
// session, nothing stored, the checks of the attempt gone, one line in the log.
func (s *site) refusesCallback(what string, b *browser, r *reply, code engine.Code) line {
	t := s.t
	t.Helper()
	page := "/error?error="
	if code == engine.CodeOAuthAccountNotLinked || code == engine.CodeOAuthCallbackError {
		page = "/signin?error="
	}
	if want := s.origin + base + page + string(code); r.status != http.StatusFound || r.location() != want {
		t.Errorf("%s: %d %q, want 302 to %q; log %v", what, r.status, r.location(), want, s.logs.problems())
	}
	for _, c := range r.set {
		if c.MaxAge >= 0 {
			t.Errorf("%s: the cookie %s is set", what, c.Name)
		}
	}
	for _, name := range []string{sessionCookie, stateCookie, pkceCookie, nonceCookie} {
		if b.has(s.name(name)) {
			t.Errorf("%s: the browser still has %s", what, s.name(name))
		}
	}
	if s.store != nil {
		if writes := s.store.writes(); len(writes) > 0 {
			t.Errorf("%s: the adapter was written to: %v", what, writes)
		}
	}
	var entry line
	if lines := s.logs.problems(); len(lines) != 1 {
		t.Errorf("%s: %d lines at warn or error in the log, want one: %v", what, len(lines), lines)
	} else {
		entry = lines[0]
		if entry.attrs["code"] != string(code) || entry.attrs["request_id"] == "" || entry.attrs["cause"] == "" || entry.attrs["provider"] == "" {
			t.Errorf("%s: the log line is %v", what, entry)
		}
	}
	b.signedOut()
	s.forget()
	return entry
}

func TestSecurity46_State(t *testing.T) {
	for _, provider := range []string{"oidc", "oauth"} {
		s := newSite(t, withStore)
		start := func() (*browser, string) {
			b := s.browser()
			location := b.leave(provider)
			s.forget()
			return b, location
		}
		other, _ := start()
		foreign := s.idp.approve(t, other.leave(provider)).Get("state")
		for what, change := range map[string][]string{
			"no state":                 {"state", ""},
			"state of another browser": {"state", foreign},
			"garbage":                  {"state", "x"},
			"a long state":             {"state", strings.Repeat("x", 10_000)},
		} {
			b, location := start()
			entry := s.refusesCallback(what, b, b.back(provider, location, change...), engine.CodeConfiguration)
			if entry.attrs["hint"] == "" {
				t.Errorf("%s: no hint", what)
			}
			if s.idp.redeemed() {
				t.Errorf("%s: the code was redeemed", what)
			}
		}
		b, location := start()
		q := s.idp.approve(t, location)
		s.refusesCallback("an empty state", b, b.get("/callback/"+provider+"?code="+q.Get("code")+"&state="), engine.CodeConfiguration)

		b, location = start()
		b.drop(stateCookie)
		s.refusesCallback("no state cookie", b, b.back(provider, location), engine.CodeConfiguration)

		b, location = start()
		b.cookies = nil
		s.refusesCallback("another browser", b, b.back(provider, location), engine.CodeConfiguration)

		b, location = start()
		q = s.idp.approve(t, location)
		kept := b.copy()
		b.get("/callback/" + provider + "?" + q.Encode()).wantTo(s.origin)
		s.forget()
		r := b.get("/callback/" + provider + "?" + q.Encode())
		if r.location() != s.origin+base+"/error?error=Configuration" {
			t.Errorf("%s: the same answer twice: %d %q", provider, r.status, r.location())
		}
		s.problem(t)
		s.forget()
		// Whoever copied the cookies fails at the provider, which takes a code once.
		s.refusesCallback("the same answer from a copied browser", kept, kept.get("/callback/"+provider+"?"+q.Encode()), engine.CodeConfiguration)

		b, location = start()
		q = s.idp.approve(t, location)
		s.clock.add(15*time.Minute + 15*time.Second)
		s.refusesCallback("15 minutes and the tolerance later", b, b.get("/callback/"+provider+"?"+q.Encode()), engine.CodeConfiguration)
		b, location = start()
		q = s.idp.approve(t, location)
		s.clock.add(14*time.Minute + 59*time.Second)
		b.get("/callback/" + provider + "?" + q.Encode()).wantTo(s.origin)
	}
}

func TestSecurity47_PKCE(t *testing.T) {
	for _, provider := range []string{"oidc", "oauth"} {
		s := newSite(t, withStore)
		b := s.browser()
		location := b.leave(provider)
		s.forget()
		asked, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		challenge := asked.Query().Get("code_challenge")
		if asked.Query().Get("code_challenge_method") != "S256" || len(challenge) != 43 {
			t.Errorf("%s: challenge %q with the method %q", provider, challenge, asked.Query().Get("code_challenge_method"))
		}
		back := s.idp.approve(t, location)
		without := b.copy()
		without.drop(pkceCookie)
		s.refusesCallback(provider+" without the verifier's cookie", without, without.get("/callback/"+provider+"?"+back.Encode()), engine.CodeConfiguration)
		if s.idp.redeemed() {
			t.Error("the code was redeemed without a verifier")
		}
		garbled := b.copy()
		garbled.set(pkceCookie, "x")
		s.refusesCallback(provider+" with another verifier's cookie", garbled, garbled.get("/callback/"+provider+"?"+back.Encode()), engine.CodeConfiguration)
		other := s.browser()
		other.leave(provider)
		s.forget()
		mixed := b.copy()
		mixed.set(pkceCookie, other.cookie(pkceCookie))
		s.refusesCallback(provider+" with the verifier of another attempt", mixed, mixed.get("/callback/"+provider+"?"+back.Encode()), engine.CodeConfiguration)
		b.get("/callback/" + provider + "?" + back.Encode()).wantTo(s.origin)
	}
	// It is on by default, and plain is not among what can be asked for.
	_, err := engine.New(engine.Config{Secret: testSecret, Getenv: func(string) string { return "" }, Providers: []engine.Provider{
		&engine.OIDC{ID: "x", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: "x", Checks: []engine.Check{"plain"}}},
	}})
	if err == nil || !strings.Contains(err.Error(), `"plain"`) {
		t.Errorf("the check plain: %v", err)
	}
	_, err = engine.New(engine.Config{Secret: testSecret, Getenv: func(string) string { return "" }, Providers: []engine.Provider{
		&engine.OIDC{ID: "x", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: "x", Checks: []engine.Check{}}},
	}})
	if err == nil || !strings.Contains(err.Error(), "no checks") {
		t.Errorf("a flow without checks: %v", err)
	}
	// Nor can the configuration's own parameters turn it off.
	for _, name := range []string{"code_challenge_method", "code_challenge", "state", "nonce"} {
		_, err = engine.New(engine.Config{Secret: testSecret, Getenv: func(string) string { return "" }, Providers: []engine.Provider{
			&engine.OIDC{ID: "x", Issuer: issuer, OAuthOptions: engine.OAuthOptions{
				ClientID: "x", ClientSecret: "x", AuthorizationParams: map[string]string{name: "plain"},
			}},
		}})
		if err == nil || !strings.Contains(err.Error(), strconv.Quote(name)) {
			t.Errorf("AuthorizationParams with %s: %v", name, err)
		}
	}
}

func TestSecurity48_Nonce(t *testing.T) {
	s := newSite(t, withStore)
	start := func() (*browser, string) {
		b := s.browser()
		location := b.leave("oidc")
		s.forget()
		return b, location
	}
	b, location := start()
	b.drop(nonceCookie)
	s.refusesCallback("no nonce cookie", b, b.back("oidc", location), engine.CodeConfiguration)

	other, _ := start()
	b, location = start()
	b.set(nonceCookie, other.cookie(nonceCookie))
	s.refusesCallback("the nonce of another attempt", b, b.back("oidc", location), engine.CodeConfiguration)

	for what, nonce := range map[string]any{"another": "x", "empty": "", "no": nil, "a number as": 1} {
		s.idp.claims = func(c map[string]any) {
			c["nonce"] = nonce
			if nonce == nil {
				delete(c, "nonce")
			}
		}
		b, location = start()
		s.refusesCallback(what+" nonce in the ID token", b, b.back("oidc", location), engine.CodeConfiguration)
	}
	s.idp.claims = nil

	replayed := ""
	s.idp.sign = func(c map[string]any) string {
		if replayed == "" {
			replayed = s.idp.signed(c)
		}
		return replayed
	}
	b, location = start()
	b.back("oidc", location).wantTo(s.origin)
	s.forget()
	b, location = start()
	s.refusesCallback("the ID token of an earlier sign-in", b, b.back("oidc", location), engine.CodeConfiguration)
}

func TestSecurity49_ChecksOfAnotherProvider(t *testing.T) {
	second := func(_ *site, c *engine.Config) {
		c.Providers = append(c.Providers, &engine.OIDC{ID: "oidc2", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: clientID, ClientSecret: clientSecret}})
	}
	for _, single := range []bool{false, true} {
		s := newSite(t, withStore, second, func(_ *site, c *engine.Config) { c.Parity.SingleCheckCookies = single })
		for _, pair := range [][2]string{{"oidc", "oidc2"}, {"oidc2", "oidc"}, {"oidc", "oauth"}, {"oauth", "oidc"}} {
			b := s.browser()
			location := b.leave(pair[0])
			s.forget()
			s.refusesCallback("started at "+pair[0]+", finished at "+pair[1], b, b.back(pair[1], location), engine.CodeConfiguration)
			if s.idp.redeemed() {
				t.Errorf("%v: the code was redeemed", pair)
			}
		}
		// Two attempts side by side: the answers crossed.
		b := s.browser()
		one, two := b.leave("oidc"), b.leave("oidc2")
		crossed := b.copy()
		s.forget()
		if r := crossed.back("oidc2", one); r.location() != s.origin+base+"/error?error=Configuration" {
			t.Errorf("crossed: %d %q", r.status, r.location())
		}
		s.problem(t)
		if single {
			continue
		}
		b.back("oidc2", two).wantTo(s.origin)
		b.back("oidc", one)
	}
}

func TestSecurity50_ErrorOfTheProvider(t *testing.T) {
	s := newSite(t, withStore)
	for _, code := range []string{"access_denied", "login_required", "<img src=x>", strings.Repeat("x", 3000)} {
		b := s.browser()
		location := b.leave("oidc")
		s.forget()
		r := b.back("oidc", location, "code", "", "error", code, "error_description", "<script>alert(1)</script>", "error_uri", "https://evil.example/")
		s.refusesCallback("error="+code[:min(20, len(code))], b, r, engine.CodeOAuthCallbackError)
		if page := b.get("/signin?error=OAuthCallbackError"); strings.Contains(page.body, "alert(1)") || strings.Contains(page.body, "img src=x") || strings.Contains(page.body, "evil.example") {
			t.Error("what the provider sent is on the page")
		}
	}
	// Without the state of this browser it is no answer of the provider.
	b := s.browser()
	s.forget()
	s.refusesCallback("error without checks", b, b.get("/callback/oidc?error=access_denied"), engine.CodeConfiguration)
}

func TestSecurity57_ProfileWithoutID(t *testing.T) {
	s := newSite(t, withStore)
	for _, profile := range []string{
		`{"name":"Bob","email":"bob@example.com"}`, `{"id":"","email":"bob@example.com"}`, `{"id":null,"sub":null}`, `{"id":false}`, `{"id":{}}`,
		`{"id":[1]}`, `{"sub":""}`, `{}`, `[]`, `null`, `"bob"`, `1`,
	} {
		s.idp.userinfo = profile
		b := s.browser()
		location := b.leave("oauth")
		s.forget()
		entry := s.refusesCallback("userinfo "+profile, b, b.back("oauth", location), engine.CodeConfiguration)
		if strings.HasPrefix(profile, "{") && (entry.attrs["hint"] == "" || entry.msg != "auth: OAuthProfileParseError") {
			t.Errorf("%s: no hint, or of another kind: %v", profile, entry)
		}
	}
	// The same for a profile callback of the application.
	empty := newSite(t, withStore, func(_ *site, c *engine.Config) {
		c.Providers[0].(*engine.OIDC).Profile = func(context.Context, engine.Profile, *engine.Tokens) (engine.User, error) {
			return engine.User{Name: new("Nobody")}, nil
		}
	})
	b := empty.browser()
	location := b.leave("oidc")
	empty.forget()
	empty.refusesCallback("a profile callback without id", b, b.back("oidc", location), engine.CodeConfiguration)

	bare := newSite(t)
	bare.idp.userinfo = `{"name":"Bob"}`
	b = bare.browser()
	location = b.leave("oauth")
	bare.forget()
	bare.refusesCallback("no adapter", b, b.back("oauth", location), engine.CodeConfiguration)
}

func TestSecurity58_NumericIDs(t *testing.T) {
	var seen []any
	s := newSite(t, withStore, func(_ *site, c *engine.Config) {
		c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
			seen = append(seen, p.Profile["id"])
			return engine.Allow(), nil
		}
	})
	ids := []string{"1", "0", "9007199254740992", "9007199254740993", "9007199254740994", "18446744073709551616", "123456789012345678901234567890", "-5"}
	users := map[string]string{}
	for i, id := range ids {
		s.idp.userinfo = fmt.Sprintf(`{"id":%s,"name":"User %d","email":"user%d@example.com"}`, id, i, i)
		b := s.browser()
		b.oauth("oauth").wantTo(s.origin)
		account, err := s.store.inner.GetAccount(context.Background(), "oauth", id)
		if err != nil {
			t.Errorf("there is no account with the id %s: %v", id, err)
			continue
		}
		if other, taken := users[account.UserID]; taken {
			t.Errorf("the ids %s and %s are one user", id, other)
		}
		users[account.UserID] = id
		if seen[len(seen)-1] != json.Number(id) {
			t.Errorf("the callback saw %T %v for the id %s", seen[len(seen)-1], seen[len(seen)-1], id)
		}
		if got := b.user(); got != fmt.Sprintf("user%d@example.com", i) {
			t.Errorf("with the id %s the session is of %q", id, got)
		}
	}
	// A second time it is the same user, and a text of the same digits is too.
	s.idp.userinfo = `{"id":"9007199254740993","name":"x"}`
	b := s.browser()
	b.oauth("oauth").wantTo(s.origin)
	if got := b.user(); got != "user3@example.com" {
		t.Errorf("the second time the session is of %q", got)
	}
}

func TestSecurity59_AuthorizationRequest(t *testing.T) {
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
			plain, err := url.Parse(b.leave(provider))
			if err != nil {
				t.Fatal(err)
			}
			b = s.browser()
			form := maps.Clone(planted)
			form.Set("csrfToken", b.csrf())
			r := b.send("/signin/"+provider+"?"+planted.Encode(), form)
			got, want := r.to().Query(), plain.Query()
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
				t.Errorf("%s: asked for\n%v, want\n%v", provider, got, want)
			}
			if got.Get("redirect_uri") != s.origin+base+"/callback/"+provider || len(got["scope"]) != 1 || got.Get("client_id") != clientID || got.Get("response_type") != "code" {
				t.Errorf("%s: asked for %v", provider, got)
			}
			if r.to().Host == "evil.example" {
				t.Error("sent to evil.example")
			}
		}
	}

	// The Host header does not count when the URL is configured.
	s := newSite(t, withStore, withHTTPS)
	b := s.browser()
	b.csrf()
	for name, value := range map[string]string{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example", "X-Forwarded-Uri": "/evil", "X-Original-URL": "/evil"} {
		b.header.Set(name, value)
	}
	b.at = "http://evil.example"
	location := b.leave("oidc")
	if u, _ := url.Parse(location); u.Query().Get("redirect_uri") != httpsOrigin+base+"/callback/oidc" {
		t.Errorf("the redirect URI is %q", u.Query().Get("redirect_uri"))
	}
	b.back("oidc", location).wantTo(httpsOrigin)
	// Without a URL a foreign Host is refused rather than believed.
	s = newSite(t, withStore)
	b = s.browser()
	b.at = "http://evil.example"
	if r := b.do(b.request("POST", base+"/signin/oidc", nil)); r.status != 500 || len(r.set) > 0 || strings.Contains(r.body, "evil") {
		t.Errorf("a foreign Host: %d %q %s", r.status, r.header["Set-Cookie"], r.body)
	}

	// A provider's own list, and what cannot be in it.
	s = newSite(t, func(_ *site, c *engine.Config) {
		c.Providers[0].(*engine.OIDC).AllowedParams = []string{"audience", "access_type"}
		c.Providers[0].(*engine.OIDC).AuthorizationParams = map[string]string{"access_type": "offline"}
	})
	b = s.browser()
	got := b.post("/signin/oidc?audience=api&resource=x").to().Query()
	if got.Get("audience") != "api" || got.Has("resource") || got.Get("access_type") != "offline" {
		t.Errorf("with AllowedParams: %v", got)
	}
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "state", "nonce", "code_challenge", "code_challenge_method", "response_mode", "request", "request_uri", "client_secret"} {
		_, err := engine.New(engine.Config{Secret: testSecret, Getenv: func(string) string { return "" }, Providers: []engine.Provider{
			&engine.OIDC{ID: "x", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: "x", AllowedParams: []string{name}}},
		}})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("AllowedParams with %s: %v", name, err)
		}
	}
	// The switch does what Auth.js does.
	s = newSite(t, func(_ *site, c *engine.Config) { c.Parity.DangerousAuthorizationParams = true })
	if got := s.browser().post("/signin/oidc?scope=admin&x=y").to().Query(); got.Get("scope") != "admin" || got.Get("x") != "y" {
		t.Errorf("with DangerousAuthorizationParams: %v", got)
	}
}

func TestSecurity60_CodeIsNeverShown(t *testing.T) {
	for _, strategy := range both {
		for _, fails := range []bool{false, true} {
			s := newSite(t, withStrategy(strategy)) // the log is searched for every code at the end
			if fails {
				s.idp.token = func(answer map[string]any) any {
					return map[string]any{"error": "invalid_grant", "error_description": "the code canary is wrong"}
				}
			}
			b := s.browser()
			q := s.idp.approve(t, b.leave("oidc"))
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
				r.wantError(engine.CodeConfiguration)
				page := b.get(strings.TrimPrefix(r.location(), s.origin+base))
				if strings.Contains(page.body, q.Get("code")) || strings.Contains(page.body, "canary") {
					t.Error("the error page shows what the provider said")
				}
			}
		}
	}
	// Nor on any other path that a code may be sent to by mistake.
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
