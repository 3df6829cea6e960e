package engine_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

func anybody() *engine.Credentials {
	return &engine.Credentials{Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) { return alice(), nil }}
}

func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

// New names everything that is wrong, each with what to do, and no secret.
func TestNewNamesEveryProblem(t *testing.T) {
	_, err := engine.New(engine.Config{
		Secret:          "canary-short",
		OldSecrets:      []string{"x", ""},
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
			&engine.OIDC{ID: "three", Issuer: "http://idp.example", OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientSecret: "canary-client-secret-x"}},
			&engine.OAuth2{ID: "four", OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientSecret: "x", Checks: []engine.Check{engine.CheckNonce}}},
			&engine.Credentials{},
			&engine.Credentials{ID: "credentials"},
			&engine.Email{},
		},
	})
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for _, want := range []string{
		"secret has 12 characters", "openssl rand -base64 33", "OldSecrets[1]", `"app.example.com"`, `BasePath is "auth"`, `"cookie"`, "SessionMaxAge", "JWTMaxAge",
		"Session.sessionToken", "AUTH_TRUST_HOST", "Providers[0]", `"a/b"`, `"one"`, "AUTH_ONE_ISSUER", `"two"`, "AUTH_TWO_ID", "AUTH_TWO_SECRET", `"three"`, "127.0.0.1", `"four"`, `"nonce"`, "Authorize is nil", "taken", "Sender is nil", "Adapter",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the error does not say %s", want)
		}
	}
	if strings.Contains(text, "canary") {
		t.Errorf("the error shows a secret: %s", text)
	}
	if t.Failed() {
		t.Log(text)
	}
	if _, err := engine.New(engine.Config{Secret: testSecret, URL: "https://user:canary-password@app.example.com", Getenv: env()}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a URL with a password: %v", err)
	}
	if _, err := engine.New(engine.Config{Getenv: env()}); err == nil || !strings.Contains(err.Error(), "AUTH_SECRET") {
		t.Errorf("without a secret: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for what, c := range map[string]engine.Config{
		"database sessions without an adapter":             {SessionStrategy: engine.StrategyDatabase},
		"mail without an adapter":                          {Providers: []engine.Provider{&engine.Email{Sender: &mailbox{}}}},
		"a URL with a query":                               {URL: "https://app.example.com/?x=1"},
		"a URL with a fragment":                            {URL: "https://app.example.com/#x"},
		"a URL with a user":                                {URL: "https://u:p@app.example.com"},
		"an ftp URL":                                       {URL: "ftp://app.example.com"},
		"a URL without a host":                             {URL: "https://"},
		"a base path with a query":                         {BasePath: "/auth?x"},
		"a base path that is escaped":                      {BasePath: "/a%20b"},
		"a base path that browsers read as a host":         {BasePath: "//api/auth"},
		"a base path that they read as one too":            {BasePath: "/\\api/auth"},
		"a URL with a slash too many":                      {URL: "https://app.example.com//api/auth"},
		"a base path that is a slash":                      {BasePath: "/"},
		"a host in another alphabet":                       {URL: "https://bücher.example"},
		"a token that outlives the session":                {SessionMaxAge: time.Hour, JWTMaxAge: 2 * time.Hour},
		"an updateAge in Auth.js's numbers":                {SessionUpdateAge: 86400},
		"an updateAge that the token does not live to see": {SessionMaxAge: 10 * time.Hour, JWTMaxAge: time.Hour, SessionUpdateAge: 2 * time.Hour},
		"a mail link in Auth.js's numbers":                 {Adapter: memory.New(nil), Providers: []engine.Provider{&engine.Email{Sender: &mailbox{}, MaxAge: 86400}}},
		"a mail link that has expired":                     {Adapter: memory.New(nil), Providers: []engine.Provider{&engine.Email{Sender: &mailbox{}, MaxAge: -time.Hour}}},
		"a page that is no path":                           {Pages: engine.Pages{SignIn: "login"}},
		"a page without scheme":                            {Pages: engine.Pages{Error: "//evil.example"}},
		"a page that is a script":                          {Pages: engine.Pages{NewUser: "javascript:alert(1)"}},
		"a provider id in another alphabet":                {Providers: []engine.Provider{&engine.Credentials{ID: "Über", Authorize: anybody().Authorize}}},
		"CreateUsers with ids of the store":                {Adapter: assigning{memory.New(nil)}, Providers: []engine.Provider{&engine.Credentials{CreateUsers: true, Authorize: anybody().Authorize}}},
		"a session of half a second":                       {SessionMaxAge: time.Second / 2},
		"a negative session":                               {SessionMaxAge: -time.Hour},
		"a provider id with a space":                       {Providers: []engine.Provider{&engine.Credentials{ID: "a b", Authorize: anybody().Authorize}}},
		"an insecure issuer":                               {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: "http://idp.example", OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientSecret: "x"}}}},
		"an issuer that is no URL":                         {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: "idp.example", OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientSecret: "x"}}}},
		"an insecure token endpoint": {Providers: []engine.Provider{&engine.OAuth2{ID: "x", AuthorizationURL: "https://a.example", TokenURL: "http://a.example", UserInfoURL: "https://a.example",
			OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientSecret: "x"}}}},
		"OAuth 2.0 without endpoints": {Providers: []engine.Provider{&engine.OAuth2{ID: "x", OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientSecret: "x"}}}},
		"an unknown client auth":      {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientSecret: "x", ClientAuth: "magic"}}}},
		"no client secret":            {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: "x"}}}},
		"a nonce for OAuth 2.0": {Providers: []engine.Provider{&engine.OAuth2{ID: "x", AuthorizationURL: "https://a.example", TokenURL: "https://a.example", UserInfoURL: "https://a.example",
			OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientSecret: "x", Checks: []engine.Check{engine.CheckNonce}}}}},
		"an OIDC provider that is nil":       {Providers: []engine.Provider{(*engine.OIDC)(nil)}},
		"an OAuth 2.0 provider that is nil":  {Providers: []engine.Provider{(*engine.OAuth2)(nil)}},
		"a credentials provider that is nil": {Providers: []engine.Provider{(*engine.Credentials)(nil)}},
		"an e-mail provider that is nil":     {Providers: []engine.Provider{(*engine.Email)(nil)}},
		"two e-mail providers of the same secret, one by name": {Adapter: memory.New(nil), Providers: []engine.Provider{
			&engine.Email{Sender: &mailbox{}}, &engine.Email{ID: "email2", Sender: &mailbox{}, Secret: testSecret}}},
		"a schema that is wrong": {Schema: &engine.Schema{Session: []schema.Field{{Name: "user"}}}},
	} {
		c.Secret, c.Getenv = testSecret, env()
		func() {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("New panics at %s: %v", what, v)
				}
			}()
			if _, err := engine.New(c); err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("New at %s: %v", what, err)
			}
		}()
	}
	for what, c := range map[string]engine.Config{
		"nothing but a secret":       {},
		"an http issuer on loopback": {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: "http://127.0.0.1:9000", OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientSecret: "x"}}}},
		"an http issuer on purpose":  {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: "http://idp.internal", OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientSecret: "x", AllowInsecureHTTP: true}}}},
		"a public client":            {Providers: []engine.Provider{&engine.OIDC{ID: "x", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: "x", ClientAuth: "none"}}}},
		"a one second session":       {SessionMaxAge: time.Second},
	} {
		c.Secret, c.Getenv = testSecret, env()
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

// The public URL and the base path (WIRE.md section 10): from the
// configuration, the environment, or the request.
func TestPublicURL(t *testing.T) {
	trust, distrust := true, false
	type headers = map[string]string
	for _, c := range []struct {
		what    string
		cfg     engine.Config
		env     []string
		host    string
		tls     bool
		headers headers
		path    string // of the endpoint that is asked; default: /api/auth
		want    string // origin and base path; "" when the request is refused
	}{
		{what: "development", host: "localhost:3000", want: "http://localhost:3000/api/auth"},
		{what: "127.0.0.1", host: "127.0.0.1:8080", want: "http://127.0.0.1:8080/api/auth"},
		{what: "::1", host: "[::1]:8080", want: "http://[::1]:8080/api/auth"},
		{what: "::1 without a port", host: "[::1]", want: "http://[::1]/api/auth"},
		{what: "localhost in capitals", host: "LOCALHOST:3000", want: "http://localhost:3000/api/auth"},
		{what: "a name below localhost", host: "app.localhost:1", want: "http://app.localhost:1/api/auth"},
		{what: "development with TLS", host: "localhost", tls: true, want: "https://localhost/api/auth"},
		{what: "a host that is not trusted", host: "app.example.com"},
		{what: "an address that is not loopback", host: "192.168.0.5:3000"},
		{what: "no host", host: ""},
		{what: "a look-alike", host: "localhost.evil.example"},
		{what: "a look-alike of 127.0.0.1", host: "127.0.0.1.evil.example"},
		{what: "a development server in front", host: "localhost:4000", headers: headers{"X-Forwarded-Host": "localhost:3000"}, want: "http://localhost:3000/api/auth"},
		{what: "a forged forwarded host", host: "localhost:4000", headers: headers{"X-Forwarded-Host": "evil.example"}},
		{what: "a proxy that ends TLS", host: "127.0.0.1:8080", headers: headers{"X-Forwarded-Proto": "https"}},
		{what: "a proxy that names its client", host: "127.0.0.1:8080", headers: headers{"X-Forwarded-For": "203.0.113.7, 10.0.0.1"}},
		{what: "a development proxy that names its client", host: "localhost:4000", headers: headers{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http"}, want: "http://localhost:4000/api/auth"},
		{what: "a proxy, and a URL", cfg: engine.Config{URL: "https://app.example.com"}, host: "127.0.0.1:8080", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-For": "203.0.113.7"}, want: "https://app.example.com/api/auth"},

		{what: "trusted", cfg: engine.Config{TrustHost: &trust}, host: "app.test:3000", want: "http://app.test:3000/api/auth"},
		{what: "trusted, with TLS", cfg: engine.Config{TrustHost: &trust}, host: "app.test", tls: true, want: "https://app.test/api/auth"},
		{what: "forwarded host and proto", cfg: engine.Config{TrustHost: &trust}, host: "10.0.0.1", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "https"}, want: "https://app.example.com/api/auth"},
		{what: "a proto list", cfg: engine.Config{TrustHost: &trust}, host: "app.test", headers: headers{"X-Forwarded-Proto": "https,http"}, want: "https://app.test/api/auth"},
		{what: "a host list", cfg: engine.Config{TrustHost: &trust}, host: "app.test", headers: headers{"X-Forwarded-Host": " a.example.com , a.example.com", "X-Forwarded-Proto": "https"}, want: "https://a.example.com/api/auth"},
		{what: "a proto that is none", cfg: engine.Config{TrustHost: &trust}, host: "app.test", headers: headers{"X-Forwarded-Proto": "javascript"}},
		{what: "a host that is none", cfg: engine.Config{TrustHost: &trust}, host: "app.test", headers: headers{"X-Forwarded-Host": "evil.example/path?x#"}},
		{what: "a host with a user", cfg: engine.Config{TrustHost: &trust}, host: "app.test", headers: headers{"X-Forwarded-Host": "app.test@evil.example"}},
		{what: "a very long host", cfg: engine.Config{TrustHost: &trust}, host: "app.test", headers: headers{"X-Forwarded-Host": strings.Repeat("a", 300)}},
		{what: "by the environment", env: []string{"AUTH_TRUST_HOST", "true"}, host: "app.test", want: "http://app.test/api/auth"},
		{what: "by the environment, 1", env: []string{"AUTH_TRUST_HOST", "1"}, host: "app.test", want: "http://app.test/api/auth"},
		{what: "the environment says false", env: []string{"AUTH_TRUST_HOST", "false"}, host: "app.test"},
		{what: "the environment says 0", env: []string{"AUTH_TRUST_HOST", "0"}, host: "app.test"},
		{what: "the configuration wins over the environment", cfg: engine.Config{TrustHost: &distrust}, env: []string{"AUTH_TRUST_HOST", "true"}, host: "app.test"},

		{what: "a URL", cfg: engine.Config{URL: "https://app.example.com"}, host: "evil.test", headers: headers{"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "http"}, want: "https://app.example.com/api/auth"},
		{what: "a URL wins over trust", cfg: engine.Config{URL: "https://app.example.com", TrustHost: &trust}, host: "evil.test", headers: headers{"X-Forwarded-Host": "evil.test"}, want: "https://app.example.com/api/auth"},
		{what: "a URL with a slash", cfg: engine.Config{URL: "https://app.example.com/"}, host: "x", want: "https://app.example.com/api/auth"},
		{what: "a URL with a path", cfg: engine.Config{URL: "https://app.example.com/foo/"}, host: "x", path: "/foo", want: "https://app.example.com/foo"},
		{what: "a URL with port and path", cfg: engine.Config{URL: "http://app.example.com:8080/app/api/auth"}, host: "x", path: "/app/api/auth", want: "http://app.example.com:8080/app/api/auth"},
		{what: "a URL with the port of https", cfg: engine.Config{URL: "https://app.example.com:443"}, host: "x", want: "https://app.example.com/api/auth"},
		{what: "a URL with the port of http", env: []string{"AUTH_URL", "http://app.example.com:80/api/auth"}, host: "x", want: "http://app.example.com/api/auth"},
		{what: "a URL with another port", cfg: engine.Config{URL: "https://app.example.com:80"}, host: "x", want: "https://app.example.com:80/api/auth"},
		{what: "a URL in upper case", cfg: engine.Config{URL: "HTTPS://APP.example.com"}, host: "x", want: "https://app.example.com/api/auth"},
		{what: "AUTH_URL", env: []string{"AUTH_URL", "https://app.example.com/api/auth"}, host: "evil.test", headers: headers{"X-Forwarded-Host": "evil.test"}, want: "https://app.example.com/api/auth"},
		{what: "NEXTAUTH_URL", env: []string{"NEXTAUTH_URL", "https://app.example.com"}, host: "x", want: "https://app.example.com/api/auth"},
		{what: "AUTH_URL before NEXTAUTH_URL", env: []string{"AUTH_URL", "https://a.example", "NEXTAUTH_URL", "https://b.example"}, host: "x", want: "https://a.example/api/auth"},
		{what: "the configuration before AUTH_URL", cfg: engine.Config{URL: "https://c.example"}, env: []string{"AUTH_URL", "https://a.example"}, host: "x", want: "https://c.example/api/auth"},
		{what: "a base path", cfg: engine.Config{BasePath: "/auth"}, host: "localhost", path: "/auth", want: "http://localhost/auth"},
		{what: "a base path with a slash", cfg: engine.Config{BasePath: "/auth/"}, host: "localhost", path: "/auth", want: "http://localhost/auth"},
		{what: "a base path that differs from the URL's wins", cfg: engine.Config{BasePath: "/auth"}, env: []string{"AUTH_URL", "https://app.example.com/foo"}, host: "x", path: "/auth", want: "https://app.example.com/auth"},
	} {
		logs := &logs{}
		c.cfg.Secret, c.cfg.Getenv, c.cfg.Logger, c.cfg.Providers = testSecret, env(c.env...), slog.New(logs), []engine.Provider{anybody()}
		eng, err := engine.New(c.cfg)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		path := c.path
		if path == "" {
			path = base
		}
		ask := func(endpoint string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", path+endpoint, nil)
			r.Host = c.host
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for name, v := range c.headers {
				r.Header.Set(name, v)
			}
			w := httptest.NewRecorder()
			eng.ServeHTTP(w, r)
			return w
		}
		w := ask("/providers")
		if c.want == "" {
			if w.Code != 500 || !strings.HasPrefix(w.Body.String(), `{"message":`) || strings.Contains(w.Body.String(), "evil") {
				t.Errorf("%s: %d %s", c.what, w.Code, w.Body)
			}
			lines := logs.problems()
			if len(lines) != 1 || lines[0].attrs["hint"] == "" && !strings.Contains(c.what, "none") && !strings.Contains(c.what, "user") && !strings.Contains(c.what, "long") {
				t.Errorf("%s: the log is %v", c.what, lines)
			}
			if page := ask("/signin"); page.Code != 500 || !strings.HasPrefix(page.Header().Get("Content-Type"), "text/html") || len(page.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%s: the sign-in page is %d %v", c.what, page.Code, page.Header())
			}
			continue
		}
		var got map[string]struct{ SigninURL, CallbackURL string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got["credentials"].SigninURL != c.want+"/signin/credentials" || got["credentials"].CallbackURL != c.want+"/callback/credentials" {
			t.Errorf("%s: %d %s, want %s", c.what, w.Code, w.Body, c.want)
		}
		secure := strings.HasPrefix(ask("/csrf").Header().Get("Set-Cookie"), "__Host-")
		if secure != strings.HasPrefix(c.want, "https:") {
			t.Errorf("%s: secure cookies: %v", c.what, secure)
		}
		warned := false
		for _, entry := range logs.problems() {
			warned = warned || entry.attrs["code"] == "env-url-basepath-mismatch"
		}
		if warned != strings.Contains(c.what, "differs") {
			t.Errorf("%s: a warning about the paths: %v", c.what, warned)
		}
	}
	// Names of cookies by choice, behind a proxy that ends TLS without saying so.
	for _, secure := range []bool{true, false} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.UseSecureCookies = &secure })
		if got := strings.HasPrefix(s.browser().get("/csrf").header.Get("Set-Cookie"), "__Host-"); got != secure {
			t.Errorf("UseSecureCookies %v: %v", secure, got)
		}
	}
}

func TestEnvironment(t *testing.T) {
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
		{what: "the configuration wins", cfg: engine.Config{Secret: four}, env: []string{"AUTH_SECRET", one, "AUTH_SECRET_1", two}, accepted: []string{four}, refused: []string{one, two}},
		{what: "OldSecrets win over the numbered ones", cfg: engine.Config{OldSecrets: []string{three}}, env: []string{"AUTH_SECRET", one, "AUTH_SECRET_1", two}, accepted: []string{one, three}, refused: []string{two}},
	} {
		s := newSite(t, func(s *site, cfg *engine.Config) {
			cfg.Secret, cfg.OldSecrets, cfg.Getenv = c.cfg.Secret, c.cfg.OldSecrets, env(c.env...)
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
		// New cookies are made with the first.
		b := s.browser()
		b.signIn()
		only := newSite(t, func(_ *site, cfg *engine.Config) { cfg.Secret = c.accepted[0] })
		only.acceptsToken(c.what, b.cookie(sessionCookie), "alice@example.com")
	}

	// Providers.
	s := newSite(t, func(s *site, c *engine.Config) {
		c.Getenv = env("AUTH_MY_IDP_ID", clientID, "AUTH_MY_IDP_SECRET", clientSecret, "AUTH_MY_IDP_ISSUER", issuer, "AUTH_OIDC_ID", "not-used", "AUTH_PLAIN_ID", clientID, "AUTH_PLAIN_SECRET", clientSecret)
		c.Providers = append(c.Providers, &engine.OIDC{ID: "my-idp"}, &engine.OAuth2{ID: "plain", AuthorizationURL: "https://oauth.example/authorize", TokenURL: "https://oauth.example/token", UserInfoURL: "https://oauth.example/userinfo"})
	})
	s.idp.user["id"] = "bob"
	for _, id := range []string{"my-idp", "oidc", "plain"} {
		b := s.browser()
		location := b.leave(id)
		if u, _ := url.Parse(location); u.Query().Get("client_id") != clientID {
			t.Errorf("%s: client_id is %q", id, u.Query().Get("client_id"))
		}
		b.back(id, location).wantTo(s.origin)
	}
}

// The defaults of a Config need nothing passed in.
func TestDefaults(t *testing.T) {
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
	if !mapsEqual(got["credentials"], want) || len(got) != 1 {
		t.Errorf("providers are %v", got)
	}
}

// What is not named is named after its id, or after what it is.
func TestNamesOfProviders(t *testing.T) {
	for want, p := range map[engine.ProviderInfo]engine.Provider{
		{ID: "x", Name: "x", Type: "oidc"}:                            &engine.OIDC{ID: "x"},
		{ID: "x", Name: "X", Type: "oidc"}:                            &engine.OIDC{ID: "x", Name: "X"},
		{ID: "x", Name: "x", Type: "oauth"}:                           &engine.OAuth2{ID: "x"},
		{ID: "x", Name: "X", Type: "oauth"}:                           &engine.OAuth2{ID: "x", Name: "X"},
		{ID: "credentials", Name: "Credentials", Type: "credentials"}: &engine.Credentials{},
		{ID: "x", Name: "X", Type: "credentials"}:                     &engine.Credentials{ID: "x", Name: "X"},
		{ID: "email", Name: "Email", Type: "email"}:                   &engine.Email{},
		{ID: "x", Name: "X", Type: "email"}:                           &engine.Email{ID: "x", Name: "X"},
	} {
		if got := p.ProviderInfo(); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestProviders(t *testing.T) {
	s := newSite(t, withStore)
	r := s.browser().get("/providers")
	want := `{"oidc":{"id":"oidc","name":"The IdP","type":"oidc","signinUrl":"http://localhost:3000/api/auth/signin/oidc","callbackUrl":"http://localhost:3000/api/auth/callback/oidc"},` +
		`"oauth":{"id":"oauth","name":"The OAuth","type":"oauth","signinUrl":"http://localhost:3000/api/auth/signin/oauth","callbackUrl":"http://localhost:3000/api/auth/callback/oauth"},` +
		`"credentials":{"id":"credentials","name":"Credentials","type":"credentials","signinUrl":"http://localhost:3000/api/auth/signin/credentials","callbackUrl":"http://localhost:3000/api/auth/callback/credentials"},` +
		`"email":{"id":"email","name":"Email","type":"email","signinUrl":"http://localhost:3000/api/auth/signin/email","callbackUrl":"http://localhost:3000/api/auth/callback/email"}}`
	if r.body != want || r.status != 200 || len(r.set) > 0 || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("GET providers: %d %s", r.status, r.body)
	}
	page := s.browser().get("/signin?callbackUrl=/x&error=CredentialsSignin&email=me@example.com").body
	for _, part := range []string{
		`action="/api/auth/signin/oidc"`, `action="/api/auth/signin/oauth"`, `action="/api/auth/callback/credentials"`, `action="/api/auth/signin/email"`,
		`name="username"`, `type="password"`, `value="http://localhost:3000/x"`, `value="me@example.com"`, `name="csrfToken"`, `role="alert"`,
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the sign-in page lacks %s", part)
		}
	}
}

// At a host that is not trusted a page is the error page, the built-in or the
// application's, and all else is JSON (WIRE.md section 2.4).
func TestAnswersAtAHostThatIsNotTrusted(t *testing.T) {
	for _, own := range []string{"", "/oops"} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.Pages.Error, c.Pages.SignIn = own, "/login" })
		b := s.browser()
		b.csrf()
		b.at = "http://evil.example"
		for _, path := range []string{"/signin", "/signin/oidc", "/signout", "/error?error=AccessDenied", "/verify-request"} {
			r := b.get(path)
			switch {
			case own != "" && (r.status != http.StatusFound || r.location() != "/oops?error=Configuration"):
				t.Errorf("GET %s: %d %q", path, r.status, r.location())
			case own == "" && (r.status != http.StatusInternalServerError || !strings.Contains(r.body, "<h1>")):
				t.Errorf("GET %s: %d %s", path, r.status, r.body)
			}
			if len(r.set) > 0 {
				t.Errorf("GET %s sets %q", path, r.header["Set-Cookie"])
			}
		}
		for _, r := range []*reply{b.get("/session"), b.get("/csrf"), b.get("/providers"), b.get("/callback/oidc"), b.send("/signin/oidc", form()), b.send("/signout", form())} {
			if r.status != http.StatusInternalServerError || r.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(r.body, `{"message":`) || len(r.set) > 0 {
				t.Errorf("%d %q %s", r.status, r.header.Get("Content-Type"), r.body)
			}
		}
	}
}

// The inputs of the built-in form are those of the provider.
func TestCredentialInputs(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Providers[2].(*engine.Credentials).Inputs = []engine.CredentialInput{
			{Name: "tenant", Label: "Your company", Type: "search", Placeholder: "ACME", Autocomplete: "organization"}, {Name: "user"}, {Name: "secret", Type: "password"},
		}
	})
	page := s.browser().get("/signin").body
	for _, part := range []string{
		`type="search" name="tenant" placeholder="ACME" autocomplete="organization"`, `>Your company</label>`,
		`type="text" name="user" autocomplete="username"`, `>user</label>`, `type="password" name="secret" autocomplete="current-password"`,
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the sign-in page lacks %s:\n%s", part, page)
		}
	}
}

// Pages of the application, with and without a query of their own.
func TestPages(t *testing.T) {
	for _, c := range []struct{ page, sep string }{{"/own", "?"}, {"/own?tenant=x", "&"}, {"/own?tenant=x&y", "&"}} {
		p := c.page + c.sep
		abs := httpOrigin + p
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, cfg *engine.Config) {
			cfg.Pages = engine.Pages{SignIn: c.page, SignOut: c.page, Error: c.page, VerifyRequest: c.page, NewUser: c.page, VerifyEmail: c.page}
		})
		b := s.browser()
		b.get("/signin").wantTo(p + "callbackUrl=http%3A%2F%2Flocalhost%3A3000")
		b.get("/signin?callbackUrl=/x&error=SessionRequired").wantTo(p + "callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fx&error=SessionRequired")
		b.get("/signout").wantTo(c.page)
		b.get("/error").wantTo(c.page)
		b.get("/error?error=Verification").wantTo(p + "error=Verification")
		b.get("/verify-request?provider=email&type=email").wantTo(p + "provider=email&type=email")
		b.post("/callback/credentials", "password", "x").wantTo(abs + "error=CredentialsSignin&code=credentials")
		b.send("/signout", nil).wantTo(abs + "error=MissingCSRF")
		b.post("/callback/email", "token", "x", "email", "a@b").wantTo(abs + "error=Verification")
		b.get("/callback/nope").wantTo(abs + "error=Configuration")
		if got := b.asScript("/callback/credentials", "password", "x"); got != abs+"error=CredentialsSignin&code=credentials" {
			t.Errorf("as a script: %s", got)
		}
		link := b.askMail("carol@example.com")
		r := b.get("/callback/email?" + link.Encode())
		if want := fmt.Sprintf("%scallbackUrl=%s&token=%s&email=carol%%40example.com", p, url.QueryEscape(httpOrigin+"/x"), link.Get("token")); r.location() != want {
			t.Errorf("the page of a mail link is %q, want %q", r.location(), want)
		}
		if strings.Contains(r.header.Get("Referrer-Policy"), "unsafe") || r.header.Get("Referrer-Policy") == "" {
			t.Errorf("Referrer-Policy is %q", r.header.Get("Referrer-Policy"))
		}
		newcomer := s.browser()
		newcomer.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")).wantTo(p + "callbackUrl=" + url.QueryEscape(httpOrigin))
		if got := newcomer.user(); got != "carol@example.com" {
			t.Errorf("the session is of %q", got)
		}
	}
	// Where only some are replaced the others stay.
	s := newSite(t, func(_ *site, c *engine.Config) { c.Pages.SignIn = "https://login.example.com/start" })
	s.outside = append(s.outside, "login.example.com")
	b := s.browser()
	b.post("/callback/credentials", "password", "x").wantTo("https://login.example.com/start?error=CredentialsSignin&code=credentials")
	if page := b.get("/error?error=AccessDenied"); page.status != 403 || !strings.Contains(page.body, `href="https://login.example.com/start"`) {
		t.Errorf("the error page: %d", page.status)
	}
	// The statuses of the built-in error page.
	for code, want := range map[string]int{"Configuration": 500, "AccessDenied": 403, "Verification": 403, "": 200, "Nope": 200, "configuration": 200, "OAuthAccountNotLinked": 200, "constructor": 200} {
		if page := b.get("/error?error=" + code); page.status != want {
			t.Errorf("the error page of %q is %d, want %d", code, page.status, want)
		}
	}
}

// An adapter decides the default strategy.
func TestDefaultStrategy(t *testing.T) {
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
