package engine_test

import (
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// The public URL and the base path are those of the configuration, the
// environment or the request (WIRE.md section 10).
func TestPublicURLIsConfiguredOrOfATrustedHost(t *testing.T) {
	trust, distrust := true, false
	type headers = map[string]string
	for _, c := range []struct {
		what    string
		cfg     engine.Config
		env     []string
		host    string
		tls     bool
		headers headers
		path    string // of the engine; "" means /api/auth
		want    string // origin and base path; "" means refused
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
		{what: "a proxy that terminates TLS", host: "127.0.0.1:8080", headers: headers{"X-Forwarded-Proto": "https"}},
		{what: "a proxy that names its client", host: "127.0.0.1:8080", headers: headers{"X-Forwarded-For": "203.0.113.7, 10.0.0.1"}},
		{what: "a development proxy that names its client", host: "localhost:4000", headers: headers{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http"}, want: "http://localhost:4000/api/auth"},
		{what: "a proxy, and a URL", cfg: engine.Config{URL: "https://app.example.com"}, host: "127.0.0.1:8080", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-For": "203.0.113.7"}, want: "https://app.example.com/api/auth"},

		{what: "trusted", cfg: engine.Config{TrustHost: &trust}, host: "app.test:3000", want: "http://app.test:3000/api/auth"},
		{what: "trusted, with TLS", cfg: engine.Config{TrustHost: &trust}, host: "app.test", tls: true, want: "https://app.test/api/auth"},
		{what: "forwarded host and proto", cfg: engine.Config{TrustHost: &trust}, host: "10.0.0.1", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "https"}, want: "https://app.example.com/api/auth"},
		{what: "a proto list", cfg: engine.Config{TrustHost: &trust}, host: "app.test", headers: headers{"X-Forwarded-Proto": "https,http"}, want: "https://app.test/api/auth"},
		{what: "a host list", cfg: engine.Config{TrustHost: &trust}, host: "app.test", headers: headers{"X-Forwarded-Host": " a.example.com , a.example.com", "X-Forwarded-Proto": "https"}, want: "https://a.example.com/api/auth"},
		{what: "an invalid proto", cfg: engine.Config{TrustHost: &trust}, host: "app.test", headers: headers{"X-Forwarded-Proto": "javascript"}},
		{what: "an invalid host", cfg: engine.Config{TrustHost: &trust}, host: "app.test", headers: headers{"X-Forwarded-Host": "evil.example/path?x#"}},
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
		c.cfg.Secrets, c.cfg.Getenv, c.cfg.Logger, c.cfg.Providers = []string{testSecret}, env(c.env...), slog.New(logs), []engine.Provider{anybody()}
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
			if len(lines) != 1 || lines[0].attrs["hint"] == "" && !strings.Contains(c.what, "invalid") && !strings.Contains(c.what, "user") && !strings.Contains(c.what, "long") {
				t.Errorf("%s: log %v", c.what, lines)
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
	// UseSecureCookies is for a proxy that terminates TLS without X-Forwarded-Proto.
	for _, secure := range []bool{true, false} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.UseSecureCookies = &secure })
		if got := strings.HasPrefix(s.browser().get("/csrf").header.Get("Set-Cookie"), "__Host-"); got != secure {
			t.Errorf("UseSecureCookies %v: %v", secure, got)
		}
	}
}

// For an untrusted host a page is the error page, built-in or of the application,
// and every other answer is JSON (WIRE.md section 2.4).
func TestUntrustedHostGetsAnErrorPageOrJSON(t *testing.T) {
	for _, own := range []string{"", "/oops"} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.Pages.Error, c.Pages.SignIn = own, "/login" })
		b := s.browser()
		b.csrf()
		b.origin = "http://evil.example"
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

// New refuses invalid AllowedHosts and TrustedProxies.
func TestInvalidHostsAndProxiesAreRefused(t *testing.T) {
	for _, c := range []struct {
		cfg  engine.Config
		want string
	}{
		{engine.Config{AllowedHosts: []string{"app.example.com", ""}}, "AllowedHosts[1]"},
		{engine.Config{AllowedHosts: []string{"https://app.example.com/"}}, "AllowedHosts[0]"},
		{engine.Config{AllowedHosts: []string{"ftp://app.example.com"}}, "AllowedHosts[0]"},
		{engine.Config{AllowedHosts: []string{"*"}}, "AllowedHosts[0]"},
		{engine.Config{AllowedHosts: []string{"*.com"}}, "AllowedHosts[0]"},
		{engine.Config{AllowedHosts: []string{"a.*.example.com"}}, "AllowedHosts[0]"},
		{engine.Config{AllowedHosts: []string{"bücher.example"}}, "AllowedHosts[0]"},
		{engine.Config{TrustedProxies: []string{"10.0.0.0/8", "10.0.0.0/33"}}, "TrustedProxies[1]"},
		{engine.Config{TrustedProxies: []string{"proxy.internal"}}, "TrustedProxies[0]"},
		{engine.Config{TrustedProxies: []string{""}}, "TrustedProxies[0]"},
	} {
		c.cfg.Secrets, c.cfg.Getenv = []string{testSecret}, env()
		if _, err := engine.New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %v: %v", c.cfg.AllowedHosts, c.cfg.TrustedProxies, err)
		}
	}
	log := &logs{}
	cfg := hostConfig
	cfg.Secrets, cfg.Getenv, cfg.Logger = []string{testSecret}, env("AUTH_URL", "https://app.example.com"), slog.New(log)
	if _, err := engine.New(cfg); err != nil {
		t.Fatal(err)
	}
	if lines := log.problems(); len(lines) != 1 || !strings.Contains(lines[0].msg, "AUTH_URL") || !strings.Contains(lines[0].msg, "AllowedHosts") {
		t.Errorf("a URL beside AllowedHosts: %v", lines)
	}
}
