package engine_test

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// The error of New names every problem and its fix, and no secret.
func TestNewNamesEveryProblem(t *testing.T) {
	_, err := engine.New(engine.Config{
		Secrets:         []string{"canary-short", "x", ""},
		URL:             "app.example.com",
		BasePath:        "auth",
		SessionStrategy: "cookie",
		SessionMaxAge:   1500 * time.Millisecond,
		JWTMaxAge:       -time.Second,
		Schema:          &engine.Schema{Session: []schema.Field{{Name: "sessionToken"}}},
		Getenv:          env("AUTH_TRUST_HOST", "yes"),
		Providers: []engine.Provider{
			nil,
			&engine.OIDC{ID: "a/b"},
			&engine.OIDC{ID: "one"},
			&engine.OIDC{ID: "two", Issuer: issuer},
			&engine.OIDC{ID: "three", Issuer: "http://idp.example", OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientSecret: "canary-client-secret-x"}},
			&engine.OAuth2{ID: "four", OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientSecret: "x", Checks: []string{"nonce"}}},
			&engine.Credentials{},
			&engine.Credentials{ID: "credentials"},
			&engine.Email{},
		},
	})
	if err == nil {
		t.Fatal("New returned no error")
	}
	text := err.Error()
	for _, want := range []string{
		"Secrets[0] has 12 characters", "openssl rand -base64 33", "Secrets[2]", `"app.example.com"`, `BasePath is "auth"`, `"cookie"`, "SessionMaxAge", "JWTMaxAge",
		"Session.sessionToken", "AUTH_TRUST_HOST", "Providers[0]", `"a/b"`, `"one"`, "AUTH_ONE_ISSUER", `"two"`, "AUTH_TWO_ID", "AUTH_TWO_SECRET", `"three"`, "127.0.0.1", `"four"`, `"nonce"`, "Authorize is nil", "taken", "SendVerificationRequest is nil", "Adapter",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the error lacks %s", want)
		}
	}
	if strings.Contains(text, "canary") {
		t.Errorf("the error shows a secret: %s", text)
	}
	if t.Failed() {
		t.Log(text)
	}
	if _, err := engine.New(engine.Config{Secrets: []string{testSecret}, URL: "https://user:canary-password@app.example.com", Getenv: env()}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a URL with a password: %v", err)
	}
	if _, err := engine.New(engine.Config{Getenv: env()}); err == nil || !strings.Contains(err.Error(), "AUTH_SECRET") {
		t.Errorf("without a secret: %v", err)
	}
}

func TestNewRefusesInvalidConfigurations(t *testing.T) {
	for what, c := range map[string]engine.Config{
		"database sessions without an adapter":             {SessionStrategy: engine.StrategyDatabase},
		"mail without an adapter":                          {Providers: []engine.Provider{&engine.Email{SendVerificationRequest: (&mailbox{}).SendVerificationRequest}}},
		"a URL with a query":                               {URL: "https://app.example.com/?x=1"},
		"a URL with a fragment":                            {URL: "https://app.example.com/#x"},
		"a URL with a user":                                {URL: "https://u:p@app.example.com"},
		"an ftp URL":                                       {URL: "ftp://app.example.com"},
		"a URL without a host":                             {URL: "https://"},
		"a base path with a query":                         {BasePath: "/auth?x"},
		"a base path that is escaped":                      {BasePath: "/a%20b"},
		"a base path that browsers read as a host":         {BasePath: "//api/auth"},
		"a base path with a backslash":                     {BasePath: "/\\api/auth"},
		"a URL with two slashes":                           {URL: "https://app.example.com//api/auth"},
		"a base path that is a slash":                      {BasePath: "/"},
		"a host in another alphabet":                       {URL: "https://bücher.example"},
		"a token that outlives the session":                {SessionMaxAge: time.Hour, JWTMaxAge: 2 * time.Hour},
		"an updateAge in Auth.js's numbers":                {SessionUpdateAge: 86400},
		"an updateAge that the token does not live to see": {SessionMaxAge: 10 * time.Hour, JWTMaxAge: time.Hour, SessionUpdateAge: 2 * time.Hour},
		"a mail link in Auth.js's numbers":                 {Adapter: memory.New(nil), Providers: []engine.Provider{&engine.Email{SendVerificationRequest: (&mailbox{}).SendVerificationRequest, MaxAge: 86400}}},
		"a mail link that has expired":                     {Adapter: memory.New(nil), Providers: []engine.Provider{&engine.Email{SendVerificationRequest: (&mailbox{}).SendVerificationRequest, MaxAge: -time.Hour}}},
		"a page that is not a path":                        {Pages: engine.Pages{SignIn: "login"}},
		"a page without scheme":                            {Pages: engine.Pages{Error: "//evil.example"}},
		"a page that is a script":                          {Pages: engine.Pages{NewUser: "javascript:alert(1)"}},
		"a provider id in another alphabet":                {Providers: []engine.Provider{&engine.Credentials{ID: "Über", Authorize: anybody().Authorize}}},
		"CreateUsers with IDs of the store":                {Adapter: assigningAdapter{memory.New(nil)}, Providers: []engine.Provider{&engine.Credentials{CreateUsers: true, Authorize: anybody().Authorize}}},
		"a session of half a second":                       {SessionMaxAge: time.Second / 2},
		"a negative session":                               {SessionMaxAge: -time.Hour},
		"a provider id with a space":                       {Providers: []engine.Provider{&engine.Credentials{ID: "a b", Authorize: anybody().Authorize}}},
		"an insecure issuer":                               {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: "http://idp.example", OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientSecret: "x"}}}},
		"an issuer that is not a URL":                      {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: "idp.example", OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientSecret: "x"}}}},
		"an insecure token endpoint": {Providers: []engine.Provider{&engine.OAuth2{ID: "x", AuthorizationURL: "https://a.example", TokenURL: "http://a.example", UserInfoURL: "https://a.example",
			OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientSecret: "x"}}}},
		"OAuth 2.0 without endpoints": {Providers: []engine.Provider{&engine.OAuth2{ID: "x", OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientSecret: "x"}}}},
		"an unknown client auth":      {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientSecret: "x", ClientAuth: "magic"}}}},
		"no client secret":            {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: "x"}}}},
		"a nonce for OAuth 2.0": {Providers: []engine.Provider{&engine.OAuth2{ID: "x", AuthorizationURL: "https://a.example", TokenURL: "https://a.example", UserInfoURL: "https://a.example",
			OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientSecret: "x", Checks: []string{"nonce"}}}}},
		"an OIDC provider that is nil":       {Providers: []engine.Provider{(*engine.OIDC)(nil)}},
		"an OAuth 2.0 provider that is nil":  {Providers: []engine.Provider{(*engine.OAuth2)(nil)}},
		"a credentials provider that is nil": {Providers: []engine.Provider{(*engine.Credentials)(nil)}},
		"an e-mail provider that is nil":     {Providers: []engine.Provider{(*engine.Email)(nil)}},
		"two e-mail providers of the same secret, one by name": {Adapter: memory.New(nil), Providers: []engine.Provider{
			&engine.Email{SendVerificationRequest: (&mailbox{}).SendVerificationRequest}, &engine.Email{ID: "email2", SendVerificationRequest: (&mailbox{}).SendVerificationRequest, Secret: testSecret}}},
		"a schema that is wrong": {Schema: &engine.Schema{Session: []schema.Field{{Name: "user"}}}},
	} {
		c.Secrets, c.Getenv = []string{testSecret}, env()
		func() {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("%s: New panicked: %v", what, v)
				}
			}()
			if _, err := engine.New(c); err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: New returned %v", what, err)
			}
		}()
	}
	for what, c := range map[string]engine.Config{
		"nothing but a secret":       {},
		"an http issuer on loopback": {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: "http://127.0.0.1:9000", OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientSecret: "x"}}}},
		"an http issuer on purpose":  {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: "http://idp.internal", OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientSecret: "x", AllowInsecureHTTP: true}}}},
		"a public client":            {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: "x", ClientAuth: "none"}}}},
		"a one second session":       {SessionMaxAge: time.Second},
	} {
		c.Secrets, c.Getenv = []string{testSecret}, env()
		eng, err := engine.New(c)
		if err != nil {
			t.Errorf("New refuses %s: %v", what, err)
			continue
		}
		if err := eng.Close(); err != nil {
			t.Errorf("%s: Close: %v", what, err)
		}
	}
}

func TestNewRefusesUnknownDialects(t *testing.T) {
	_, err := engine.New(engine.Config{Secrets: []string{testSecret}, Dialect: engine.DialectV4 + 1, Providers: []engine.Provider{anybody()}, Getenv: env()})
	if err == nil || !strings.Contains(err.Error(), "DialectV4") {
		t.Errorf("got %v", err)
	}
}

func TestSecretsAndProvidersComeFromTheEnvironment(t *testing.T) {
	const one, two, three, four = "canary-one-0123456789-abcdefghijklmnopq", "canary-two-0123456789-abcdefghijklmnopq", "canary-three-0123456789-abcdefghijklmno", "canary-four-0123456789-abcdefghijklmnop"
	for _, c := range []struct {
		what     string
		env      []string
		cfg      engine.Config
		accepted []string
		refused  []string
	}{
		{what: "AUTH_SECRET", env: []string{"AUTH_SECRET", one, "NEXTAUTH_SECRET", two}, accepted: []string{one}, refused: []string{two}},
		{what: "NEXTAUTH_SECRET", env: []string{"NEXTAUTH_SECRET", two, "AUTH_SECRET_1", one}, accepted: []string{two}, refused: []string{one}},
		{what: "numbered secrets", env: []string{"AUTH_SECRET", one, "AUTH_SECRET_1", two, "AUTH_SECRET_2", three, "AUTH_SECRET_3", four}, accepted: []string{one, two, three, four}},
		{what: "the configuration wins", cfg: engine.Config{Secrets: []string{four}}, env: []string{"AUTH_SECRET", one, "AUTH_SECRET_1", two}, accepted: []string{four}, refused: []string{one, two}},
		{what: "a list in the configuration wins", cfg: engine.Config{Secrets: []string{four, three}}, env: []string{"AUTH_SECRET", one, "AUTH_SECRET_1", two}, accepted: []string{four, three}, refused: []string{one, two}},
	} {
		s := newSite(t, func(s *site, cfg *engine.Config) {
			cfg.Secrets, cfg.Getenv = c.cfg.Secrets, env(c.env...)
			for _, secret := range []string{one, two, three, four} {
				s.canary(secret, "a secret")
			}
		})
		for _, secret := range append(c.accepted, c.refused...) {
			b := s.browser()
			b.set(sessionCookie, s.mint(&engine.Token{Subject: "x", Name: new("Somebody")}, secret))
			got := b.user() == "Somebody"
			want := false
			for _, a := range c.accepted {
				want = want || a == secret
			}
			if got != want {
				t.Errorf("%s: a cookie of %s is accepted: %v", c.what, secret, got)
			}
		}
		// The first secret seals new cookies.
		b := s.browser()
		b.signIn()
		only := newSite(t, func(_ *site, cfg *engine.Config) { cfg.Secrets = c.accepted[:1] })
		only.acceptsToken(c.what, b.cookie(sessionCookie), "alice@example.com")
	}

	// Providers read their credentials from the environment.
	s := newSite(t, func(s *site, c *engine.Config) {
		c.Getenv = env("AUTH_MY_IDP_ID", clientID, "AUTH_MY_IDP_SECRET", clientSecret, "AUTH_MY_IDP_ISSUER", issuer, "AUTH_OIDC_ID", "not-used", "AUTH_PLAIN_ID", clientID, "AUTH_PLAIN_SECRET", clientSecret)
		c.Providers = append(c.Providers, &engine.OIDC{ID: "my-idp"}, &engine.OAuth2{ID: "plain", AuthorizationURL: "https://oauth.example/authorize", TokenURL: "https://oauth.example/token", UserInfoURL: "https://oauth.example/userinfo"})
	})
	s.idp.user["id"] = "bob"
	for _, id := range []string{"my-idp", "oidc", "plain"} {
		b := s.browser()
		location := b.startOAuth(id)
		if u, _ := url.Parse(location); u.Query().Get("client_id") != clientID {
			t.Errorf("%s: client_id is %q", id, u.Query().Get("client_id"))
		}
		b.finishOAuth(id, location).wantTo(s.origin)
	}
}

// A Config needs only providers when the environment has a secret.
func TestSecretInTheEnvironmentIsEnough(t *testing.T) {
	t.Setenv("AUTH_SECRET", testSecret)
	t.Setenv("AUTH_URL", "")
	t.Setenv("NEXTAUTH_URL", "")
	t.Setenv("AUTH_TRUST_HOST", "")
	eng, err := engine.New(engine.Config{Providers: []engine.Provider{anybody()}, Adapter: nil})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(eng)
	defer server.Close()
	res, err := server.Client().Get(server.URL + base + "/providers")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got map[string]map[string]string
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || res.StatusCode != 200 {
		t.Fatal(res.Status, err)
	}
	want := map[string]string{"id": "credentials", "name": "Credentials", "type": "credentials", "signinUrl": server.URL + base + "/signin/credentials", "callbackUrl": server.URL + base + "/callback/credentials"}
	if !maps.Equal(got["credentials"], want) || len(got) != 1 {
		t.Errorf("providers are %v", got)
	}
}

// The default strategy is database with an adapter, jwt without one.
func TestAdapterDecidesTheDefaultStrategy(t *testing.T) {
	for _, c := range []struct {
		adapter  engine.Adapter
		strategy engine.Strategy
		want     engine.Strategy
	}{
		{nil, "", engine.StrategyJWT}, {memory.New(nil), "", engine.StrategyDatabase}, {memory.New(nil), engine.StrategyJWT, engine.StrategyJWT},
	} {
		s := newSite(t, func(s *site, cfg *engine.Config) {
			cfg.Adapter, cfg.SessionStrategy = c.adapter, c.strategy
			cfg.Providers[2].(*engine.Credentials).CreateUsers = true
		})
		b := s.browser()
		b.signIn()
		got := engine.StrategyDatabase
		if strings.Count(b.cookie(sessionCookie), ".") == 4 {
			got = engine.StrategyJWT
		}
		if got != c.want {
			t.Errorf("with the adapter %T and %q sessions are %s", c.adapter, c.strategy, got)
		}
	}
}
