package engine_test

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// A provider uses exactly the checks of its configuration.
func TestProviderUsesItsConfiguredChecksOnly(t *testing.T) {
	for _, checks := range [][]string{
		{"pkce"}, {"state"}, {"nonce"}, {"pkce", "state"}, {"state", "nonce"},
		{"pkce", "nonce"}, {"nonce", "state", "pkce"},
	} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.Providers[0].(*engine.OIDC).Checks = checks })
		b := s.browser()
		location := b.startOAuth("oidc", "callbackUrl", "/in")
		u, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		for check, name := range map[string][2]string{
			"pkce": {pkceCookie, "code_challenge"}, "state": {stateCookie, "state"}, "nonce": {nonceCookie, "nonce"},
		} {
			want := slices.Contains(checks, check)
			if b.has(name[0]) != want || u.Query().Has(name[1]) != want {
				t.Errorf("%q: cookie %s: %v, parameter %s: %v", checks, name[0], b.has(name[0]), name[1], u.Query().Has(name[1]))
			}
			if !want {
				continue
			}
			broken := b.copy()
			broken.drop(name[0])
			if r := broken.finishOAuth("oidc", location); r.location() != s.origin+base+"/error?error=Configuration" {
				t.Errorf("%q without the cookie %s: %q", checks, name[0], r.location())
			}
		}
		b.finishOAuth("oidc", location).wantTo(s.origin + "/in")
		if left := checkCookies(b); len(left) > 0 {
			t.Errorf("%q: cookies left: %q", checks, left)
		}
	}
}

func TestStateOfAnotherAttemptIsRefused(t *testing.T) {
	for _, provider := range []string{"oidc", "oauth"} {
		s := newSite(t, withStore)
		begin := func() (*browser, string) {
			b := s.browser()
			location := b.startOAuth(provider)
			s.resetLog()
			return b, location
		}
		other, _ := begin()
		foreign := s.idp.approve(t, other.startOAuth(provider)).Get("state")
		for what, change := range map[string][]string{
			"no state":                 {"state", ""},
			"state of another browser": {"state", foreign},
			"garbage":                  {"state", "x"},
			"a long state":             {"state", strings.Repeat("x", 10_000)},
		} {
			b, location := begin()
			entry := s.refusesCallback(what, b, b.finishOAuth(provider, location, change...), "Configuration")
			if entry.attrs["hint"] == "" {
				t.Errorf("%s: no hint", what)
			}
			if s.idp.redeemed() {
				t.Errorf("%s: the code was redeemed", what)
			}
		}
		b, location := begin()
		q := s.idp.approve(t, location)
		s.refusesCallback("an empty state", b, b.get("/callback/"+provider+"?code="+q.Get("code")+"&state="), "Configuration")

		b, location = begin()
		b.drop(stateCookie)
		s.refusesCallback("no state cookie", b, b.finishOAuth(provider, location), "Configuration")

		b, location = begin()
		b.cookies = nil
		s.refusesCallback("another browser", b, b.finishOAuth(provider, location), "Configuration")

		b, location = begin()
		q = s.idp.approve(t, location)
		copied := b.copy()
		b.get("/callback/" + provider + "?" + q.Encode()).wantTo(s.origin)
		s.resetLog()
		r := b.get("/callback/" + provider + "?" + q.Encode())
		if r.location() != s.origin+base+"/error?error=Configuration" {
			t.Errorf("%s: the same answer twice: %d %q", provider, r.status, r.location())
		}
		s.problem(t)
		s.resetLog()
		// A copy of the cookies is of no use: the provider accepts a code once.
		s.refusesCallback("the same answer from a copied browser", copied, copied.get("/callback/"+provider+"?"+q.Encode()), "Configuration")

		b, location = begin()
		q = s.idp.approve(t, location)
		s.clock.add(15*time.Minute + 15*time.Second)
		s.refusesCallback("15 minutes and the tolerance later", b, b.get("/callback/"+provider+"?"+q.Encode()), "Configuration")
		b, location = begin()
		q = s.idp.approve(t, location)
		s.clock.add(14*time.Minute + 59*time.Second)
		b.get("/callback/" + provider + "?" + q.Encode()).wantTo(s.origin)
	}
}

func TestVerifierOfAnotherAttemptIsRefused(t *testing.T) {
	for _, provider := range []string{"oidc", "oauth"} {
		s := newSite(t, withStore)
		b := s.browser()
		location := b.startOAuth(provider)
		s.resetLog()
		authorization, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		challenge := authorization.Query().Get("code_challenge")
		if authorization.Query().Get("code_challenge_method") != "S256" || len(challenge) != 43 {
			t.Errorf("%s: challenge %q with the method %q", provider, challenge, authorization.Query().Get("code_challenge_method"))
		}
		back := s.idp.approve(t, location)
		without := b.copy()
		without.drop(pkceCookie)
		s.refusesCallback(provider+" without the verifier's cookie", without, without.get("/callback/"+provider+"?"+back.Encode()), "Configuration")
		if s.idp.redeemed() {
			t.Error("the code was redeemed without a verifier")
		}
		garbled := b.copy()
		garbled.set(pkceCookie, "x")
		s.refusesCallback(provider+" with another verifier's cookie", garbled, garbled.get("/callback/"+provider+"?"+back.Encode()), "Configuration")
		other := s.browser()
		other.startOAuth(provider)
		s.resetLog()
		mixed := b.copy()
		mixed.set(pkceCookie, other.cookie(pkceCookie))
		s.refusesCallback(provider+" with the verifier of another attempt", mixed, mixed.get("/callback/"+provider+"?"+back.Encode()), "Configuration")
		b.get("/callback/" + provider + "?" + back.Encode()).wantTo(s.origin)
	}
	// S256 is the only method that can be configured.
	_, err := engine.New(engine.Config{Secrets: []string{testSecret}, Getenv: func(string) string { return "" }, Providers: []engine.Provider{
		&engine.OIDC{ID: "x", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: "x", Checks: []string{"plain"}}},
	}})
	if err == nil || !strings.Contains(err.Error(), `"plain"`) {
		t.Errorf("the check \"plain\": %v", err)
	}
	_, err = engine.New(engine.Config{Secrets: []string{testSecret}, Getenv: func(string) string { return "" }, Providers: []engine.Provider{
		&engine.OIDC{ID: "x", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: "x", Checks: []string{}}},
	}})
	if err == nil || !strings.Contains(err.Error(), "no checks") {
		t.Errorf("no checks: %v", err)
	}
	// AuthorizationParams cannot override it.
	for _, name := range []string{"code_challenge_method", "code_challenge", "state", "nonce"} {
		_, err = engine.New(engine.Config{Secrets: []string{testSecret}, Getenv: func(string) string { return "" }, Providers: []engine.Provider{
			&engine.OIDC{ID: "x", Issuer: issuer, OAuthConfig: engine.OAuthConfig{
				ClientID: "x", ClientSecret: "x", AuthorizationParams: map[string]string{name: "plain"},
			}},
		}})
		if err == nil || !strings.Contains(err.Error(), strconv.Quote(name)) {
			t.Errorf("AuthorizationParams with %s: %v", name, err)
		}
	}
}

func TestNonceOfAnotherAttemptIsRefused(t *testing.T) {
	s := newSite(t, withStore)
	begin := func() (*browser, string) {
		b := s.browser()
		location := b.startOAuth("oidc")
		s.resetLog()
		return b, location
	}
	b, location := begin()
	b.drop(nonceCookie)
	s.refusesCallback("no nonce cookie", b, b.finishOAuth("oidc", location), "Configuration")

	other, _ := begin()
	b, location = begin()
	b.set(nonceCookie, other.cookie(nonceCookie))
	s.refusesCallback("the nonce of another attempt", b, b.finishOAuth("oidc", location), "Configuration")

	for what, nonce := range map[string]any{"another": "x", "empty": "", "no": nil, "a number as": 1} {
		s.idp.claims = func(c map[string]any) {
			c["nonce"] = nonce
			if nonce == nil {
				delete(c, "nonce")
			}
		}
		b, location = begin()
		s.refusesCallback(what+" nonce in the ID token", b, b.finishOAuth("oidc", location), "Configuration")
	}
	s.idp.claims = nil

	replayed := ""
	s.idp.sign = func(c map[string]any) string {
		if replayed == "" {
			replayed = s.idp.signed(c)
		}
		return replayed
	}
	b, location = begin()
	b.finishOAuth("oidc", location).wantTo(s.origin)
	s.resetLog()
	b, location = begin()
	s.refusesCallback("the ID token of an earlier sign-in", b, b.finishOAuth("oidc", location), "Configuration")
}

func TestChecksOfAnotherProviderAreRefused(t *testing.T) {
	second := func(_ *site, c *engine.Config) {
		c.Providers = append(c.Providers, &engine.OIDC{ID: "oidc2", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}})
	}
	for _, single := range []bool{false, true} {
		s := newSite(t, withStore, second, func(_ *site, c *engine.Config) { c.Parity.SingleCheckCookies = single })
		for _, pair := range [][2]string{{"oidc", "oidc2"}, {"oidc2", "oidc"}, {"oidc", "oauth"}, {"oauth", "oidc"}} {
			b := s.browser()
			location := b.startOAuth(pair[0])
			s.resetLog()
			s.refusesCallback("started at "+pair[0]+", finished at "+pair[1], b, b.finishOAuth(pair[1], location), "Configuration")
			if s.idp.redeemed() {
				t.Errorf("%v: the code was redeemed", pair)
			}
		}
		// Two attempts in progress whose callbacks are swapped.
		b := s.browser()
		one, two := b.startOAuth("oidc"), b.startOAuth("oidc2")
		swapped := b.copy()
		s.resetLog()
		if r := swapped.finishOAuth("oidc2", one); r.location() != s.origin+base+"/error?error=Configuration" {
			t.Errorf("swapped callbacks: %d %q", r.status, r.location())
		}
		s.problem(t)
		if single {
			continue
		}
		b.finishOAuth("oidc2", two).wantTo(s.origin)
		b.finishOAuth("oidc", one)
	}
}

func TestCheckCookiesAreNotInterchangeable(t *testing.T) {
	s := newSite(t, withStore, func(_ *site, c *engine.Config) { c.SessionStrategy = engine.StrategyJWT })
	sealed := func() (*browser, string) {
		b := s.browser()
		location := b.startOAuth("oidc")
		return b, location
	}
	checks := []string{stateCookie, pkceCookie, nonceCookie}
	for _, to := range checks {
		for _, from := range checks {
			b, location := sealed()
			b.set(to, b.cookie(from))
			r := b.finishOAuth("oidc", location)
			if from == to {
				r.wantTo(s.origin)
				continue
			}
			r.wantError("Configuration")
			b.signedOut()
		}
		// A check cookie is not a session cookie, nor the other way round.
		b, location := sealed()
		s.refusesToken(to, b.cookie(to))
		other := s.browser()
		other.oauth("oidc").wantTo(s.origin)
		b.set(to, other.cookie(sessionCookie))
		b.finishOAuth("oidc", location).wantError("Configuration")
		b.signedOut()
	}
	// The state parameter is not the value of any cookie.
	b, location := sealed()
	state := s.idp.approve(t, location).Get("state")
	s.refusesToken("the state parameter", state)
	b.set(stateCookie, state)
	b.finishOAuth("oidc", location).wantError("Configuration")

	// The check cookies of an https site are invalid on an http site.
	secure := newSite(t, withStore, withHTTPS, func(_ *site, c *engine.Config) { c.SessionStrategy = engine.StrategyJWT })
	sb := secure.browser()
	sb.startOAuth("oidc")
	for _, name := range checks {
		b, location := sealed()
		b.set(name, sb.cookie(secure.name(name)))
		b.finishOAuth("oidc", location).wantError("Configuration")
	}
}

// The cookies of an attempt are cleared when it fails, unless
// DangerousKeepChecks is set.
func TestChecksAreClearedOnFailure(t *testing.T) {
	for _, keep := range []bool{false, true} {
		s := newSite(t, withStore, func(_ *site, c *engine.Config) {
			c.Parity.DangerousKeepChecks, c.Parity.SingleCheckCookies = keep, keep
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) { return engine.Deny(), nil }
		})
		for what, fail := range map[string]func(b *browser, location string) *reply{
			"refused by the callback": func(b *browser, location string) *reply { return b.finishOAuth("oidc", location) },
			"refused at the provider": func(b *browser, location string) *reply {
				return b.finishOAuth("oidc", location, "code", "", "error", "access_denied")
			},
			"a wrong code": func(b *browser, location string) *reply { return b.finishOAuth("oidc", location, "code", "x") },
			"no code":      func(b *browser, location string) *reply { return b.finishOAuth("oidc", location, "code", "") },
		} {
			b := s.browser()
			location := b.startOAuth("oidc")
			before := checkCookies(b)
			r := fail(b, location)
			if !strings.Contains(r.location(), "error=") {
				t.Errorf("%s: %q", what, r.location())
			}
			left := checkCookies(b)
			if keep && !slices.Equal(left, before) || !keep && len(left) > 0 {
				t.Errorf("keep %v, %s: cookies left: %q", keep, what, left)
			}
		}
	}
}

// With DangerousKeepChecks the checks of a provider are cleared once they have
// passed: in v5 only if the sign-in succeeds, in v4 also if it is refused later.
func TestChecksAreClearedWhenTheyPass(t *testing.T) {
	for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		for _, allow := range []bool{true, false} {
			s := newSite(t, func(_ *site, c *engine.Config) {
				c.Dialect, c.Parity.DangerousKeepChecks, c.Parity.SingleCheckCookies = dialect, true, true
				c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) {
					if allow {
						return engine.Allow(), nil
					}
					return engine.Deny(), nil
				}
			})
			b := s.browser()
			location := b.startOAuth("oauth") // uses no nonce
			prefix := "authjs."
			if dialect == engine.DialectV4 {
				prefix = "next-auth."
			}
			b.set(prefix+"nonce", "of another attempt")
			b.finishOAuth("oauth", location)
			cleared := !b.has(prefix+"state") && !b.has(prefix+"pkce.code_verifier")
			if want := allow || dialect == engine.DialectV4; cleared != want || !b.has(prefix+"nonce") {
				t.Errorf("%s, allowed %v: cookies left: %q", dialect, allow, b.names())
			}
		}
	}
}
