package engine_test

import (
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
)

type headers = map[string]string

// arrival is how a request arrives, with the public origin. Each is tried at every
// mount.
type arrival struct {
	what    string
	url     string // origin of Config.URL; "" for none
	cfg     engine.Config
	from    string // RemoteAddr; "" means 192.0.2.1:1234
	host    string
	tls     bool
	headers headers
	want    string // origin; "" means refused
	hint    string // of the refusal
	warned  bool   // about the missing X-Forwarded-Proto
}

var (
	proxyAddr       = "10.1.2.3:4711"
	proxyConfig     = engine.Config{TrustedProxies: []string{"10.0.0.0/8", "::1", "fd00::/8"}}
	hostConfig      = engine.Config{AllowedHosts: []string{"app.example.com", "*.shop.example", "localhost:3000"}}
	httpsHostConfig = engine.Config{AllowedHosts: []string{"https://app.example.com", "https://*.shop.example"}, TrustedProxies: []string{"10.0.0.0/8"}}
	nextHeaders     = headers{"X-Forwarded-Host": "app.example.com"} // sent by rewrites of Next.js 16
)

var arrivals = []arrival{
	// A configured URL: nothing else counts.
	{what: "URL", url: "https://app.example.com", host: "10.0.0.1:8080", want: "https://app.example.com"},
	{what: "URL, forged", url: "https://app.example.com", host: "evil.example", headers: headers{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}, want: "https://app.example.com"},
	{what: "URL over TLS", url: "http://app.example.com", host: "x", tls: true, want: "http://app.example.com"},
	{what: "URL, rewrites", url: "https://app.example.com", host: "127.0.0.1:8080", headers: nextHeaders, want: "https://app.example.com"},
	{what: "URL and trust", url: "https://app.example.com", cfg: engine.Config{TrustHost: new(true)}, host: "x", headers: headers{"X-Forwarded-Host": "evil.example"}, want: "https://app.example.com"},

	// No configuration: development.
	{what: "development", host: "localhost:3000", want: "http://localhost:3000"},
	{what: "development over TLS", host: "localhost:3000", tls: true, want: "https://localhost:3000"},
	{what: "rewrites in development", host: "127.0.0.1:8080", headers: headers{"X-Forwarded-Host": "localhost:3000"}, want: "http://localhost:3000"},
	{what: "rewrites, nothing set", host: "127.0.0.1:8080", headers: nextHeaders, hint: "https://app.example.com"},
	{what: "rewrites to a container, nothing set", host: "go:8080", headers: nextHeaders, hint: "https://app.example.com"},
	{what: "nothing set", host: "app.example.com", hint: "AUTH_URL"},

	// TrustHost.
	{what: "trust", cfg: engine.Config{TrustHost: new(true)}, host: "App.Example.com:80", want: "http://app.example.com"},
	{what: "trust over TLS", cfg: engine.Config{TrustHost: new(true)}, host: "app.example.com:443", tls: true, want: "https://app.example.com"},
	{what: "trust, proxy", cfg: engine.Config{TrustHost: new(true)}, host: "10.0.0.1", headers: headers{"X-Forwarded-Host": "app.example.com, APP.example.com", "X-Forwarded-Proto": "https, http"}, want: "https://app.example.com"},
	{what: "trust, a proxy that adds to the header", cfg: engine.Config{TrustHost: new(true)}, host: "10.0.0.1", headers: headers{"X-Forwarded-Host": "evil.example, app.example.com"}, hint: "AllowedHosts"},
	{what: "trust, rewrites", cfg: engine.Config{TrustHost: new(true)}, host: "127.0.0.1:8080", headers: nextHeaders, want: "http://app.example.com", warned: true},
	{what: "trust, rewrites over TLS", cfg: engine.Config{TrustHost: new(true)}, host: "127.0.0.1:8080", tls: true, headers: nextHeaders, want: "https://app.example.com"},
	{what: "trust, rewrites behind TLS", cfg: engine.Config{TrustHost: new(true)}, host: "127.0.0.1:8080", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "https"}, want: "https://app.example.com"},
	{what: "no trust", cfg: engine.Config{TrustHost: new(false)}, host: "app.example.com", hint: "AUTH_URL"},

	// TrustedProxies.
	{what: "proxy", cfg: proxyConfig, from: proxyAddr, host: "go:8080", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "https"}, want: "https://app.example.com"},
	{what: "proxy that keeps Host", cfg: proxyConfig, from: proxyAddr, host: "app.example.com", headers: headers{"X-Forwarded-Proto": "https"}, want: "https://app.example.com"},
	{what: "proxy, IPv6", cfg: proxyConfig, from: "[fd00::7]:1", host: "go", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "https"}, want: "https://app.example.com"},
	{what: "proxy, IPv4 in IPv6", cfg: proxyConfig, from: "[::ffff:10.9.9.9]:1", host: "go", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "https"}, want: "https://app.example.com"},
	{what: "proxy that adds to the header", cfg: proxyConfig, from: proxyAddr, host: "go:8080", headers: headers{"X-Forwarded-Host": "evil.example, app.example.com", "X-Forwarded-Proto": "https"}, hint: "AllowedHosts"},
	{what: "proxy that adds to nothing", cfg: proxyConfig, from: proxyAddr, host: "go:8080", headers: headers{"X-Forwarded-Host": ",app.example.com", "X-Forwarded-Proto": "https"}, hint: "AllowedHosts"},
	{what: "proxy without a scheme", cfg: proxyConfig, from: proxyAddr, host: "go:8080", headers: nextHeaders, want: "http://app.example.com", warned: true},
	{what: "proxy with a bad scheme", cfg: proxyConfig, from: proxyAddr, host: "go:8080", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "gopher"}, hint: "http or https"},
	{what: "a stranger", cfg: proxyConfig, host: "app.example.com", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "https"}, hint: "TrustedProxies"},
	{what: "a stranger as localhost", cfg: proxyConfig, host: "localhost", headers: headers{"X-Forwarded-Host": "evil.example"}, hint: "TrustedProxies"},
	{what: "a developer beside the proxies", cfg: proxyConfig, from: "127.0.0.1:1", host: "localhost:3000", want: "http://localhost:3000"},
	{what: "no address", cfg: proxyConfig, from: "@", host: "app.example.com", hint: "TrustedProxies"},
	{what: "trust and networks, a stranger's headers", cfg: engine.Config{TrustHost: new(true), TrustedProxies: []string{"10.0.0.0/8"}}, host: "app.example.com", headers: headers{"X-Forwarded-Host": "evil.example"}, want: "http://app.example.com"},

	// AllowedHosts.
	{what: "allowed", cfg: hostConfig, host: "app.example.com", want: "http://app.example.com"},
	{what: "allowed, over TLS, with its port", cfg: hostConfig, host: "APP.example.com:443", tls: true, want: "https://app.example.com"},
	{what: "allowed below", cfg: hostConfig, host: "a.b.shop.example", want: "http://a.b.shop.example"},
	{what: "allowed in development", cfg: hostConfig, host: "localhost:3000", want: "http://localhost:3000"},
	{what: "allowed by http", cfg: engine.Config{AllowedHosts: []string{"http://app.example.com"}}, host: "app.example.com", want: "http://app.example.com"},
	{what: "allowed below localhost", cfg: engine.Config{AllowedHosts: []string{"*.localhost:3000"}}, host: "a.localhost:3000", want: "http://a.localhost:3000"},
	{what: "another port", cfg: hostConfig, host: "app.example.com:8443", hint: "AllowedHosts"},
	{what: "the name above", cfg: hostConfig, host: "shop.example", hint: "AllowedHosts"},
	{what: "the name above, with its dot", cfg: hostConfig, host: ".shop.example", hint: "AllowedHosts"},
	{what: "a look-alike", cfg: hostConfig, host: "evilshop.example", hint: "AllowedHosts"},
	{what: "an invalid port", cfg: hostConfig, host: "evil.example:80.shop.example"},
	{what: "a loopback host with an invalid port", host: "localhost:.evil.example"},
	{what: "brackets around a name", cfg: hostConfig, host: "[evil.example].shop.example"},
	{what: "an unclosed bracket", cfg: engine.Config{TrustHost: new(true)}, host: "[::1:80"},
	{what: "a port that is too large", cfg: engine.Config{TrustHost: new(true)}, host: "app.example.com:65536"},
	{what: "IPv6", cfg: engine.Config{TrustHost: new(true)}, host: "[2001:db8::1]:8080", want: "http://[2001:db8::1]:8080"},
	{what: "another loopback", cfg: hostConfig, host: "localhost:4000", hint: "AllowedHosts"},
	{what: "a stranger's headers", cfg: hostConfig, host: "app.example.com", headers: headers{"X-Forwarded-Host": "a.shop.example", "X-Forwarded-Proto": "https"}, want: "http://app.example.com"},
	{what: "a proxy that is not trusted", cfg: hostConfig, from: proxyAddr, host: "go:8080", headers: nextHeaders, hint: "add it to TrustedProxies"},
	{what: "allowed and trusted", cfg: engine.Config{AllowedHosts: hostConfig.AllowedHosts, TrustHost: new(true)}, host: "go", headers: headers{"X-Forwarded-Host": "a.shop.example", "X-Forwarded-Proto": "https"}, want: "https://a.shop.example"},
	{what: "trusted and not allowed", cfg: engine.Config{AllowedHosts: hostConfig.AllowedHosts, TrustHost: new(true)}, host: "go", headers: headers{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}, hint: "AllowedHosts"},
	{what: "rewrites to an https host", cfg: httpsHostConfig, from: proxyAddr, host: "go:8080", headers: nextHeaders, want: "https://app.example.com"},
	{what: "rewrites to an https host below", cfg: httpsHostConfig, from: proxyAddr, host: "go:8080", headers: headers{"X-Forwarded-Host": "x.shop.example:443"}, want: "https://x.shop.example"},
	{what: "https whatever a proxy says", cfg: httpsHostConfig, from: proxyAddr, host: "go:8080", headers: headers{"X-Forwarded-Host": "app.example.com", "X-Forwarded-Proto": "http"}, want: "https://app.example.com"},
	{what: "proxies in a row", cfg: httpsHostConfig, from: proxyAddr, host: "go:8080", headers: headers{"X-Forwarded-Host": "app.example.com, inner:8080"}, want: "https://app.example.com"},
	{what: "rewrites of a foreign host", cfg: httpsHostConfig, from: proxyAddr, host: "go:8080", headers: headers{"X-Forwarded-Host": "evil.example"}, hint: "AllowedHosts"},
}

// mount is where the engine is mounted, and the path that browsers see.
type mount struct {
	what    string
	base    string // Config.BasePath
	urlPath string // path of Config.URL; tried only with a URL
	at      string // path of the requests
	public  string // the path in links
	strip   string // stripped in this process
}

var mounts = []mount{
	{what: "default", at: "/api/auth", public: "/api/auth"},
	{what: "BasePath", base: "/auth/", at: "/auth", public: "/auth"},
	{what: "path of the URL", urlPath: "/shop/auth/", at: "/shop/auth", public: "/shop/auth"},
	{what: "a proxy strips /shop", base: "/api/auth", urlPath: "/shop/api/auth", at: "/api/auth", public: "/shop/api/auth"},
	{what: "StripPrefix strips /shop", base: "/api/auth", urlPath: "/shop/api/auth", at: "/shop/api/auth", public: "/shop/api/auth", strip: "/shop"},
	{what: "another path in the URL", base: "/api/auth", urlPath: "/login", at: "/api/auth", public: "/api/auth"},
}

// Every URL that the engine hands out has the public origin and path, for all
// mounts, configurations, forwarded headers and TLS (WIRE.md section 10).
func TestEveryURLIsPublic(t *testing.T) {
	for _, m := range mounts {
		for _, a := range arrivals {
			if m.urlPath != "" && a.url == "" {
				continue // the path is that of a URL
			}
			t.Run(m.what+"/"+a.what, func(t *testing.T) { testArrival(t, m, a) })
		}
	}
}

func testArrival(t *testing.T, m mount, a arrival) {
	mails, log := &mailbox{}, &logs{}
	cfg := a.cfg
	cfg.Secrets, cfg.Getenv, cfg.Logger, cfg.BasePath = []string{testSecret}, env(), slog.New(log), m.base
	cfg.Adapter = memory.New(nil)
	cfg.Providers = []engine.Provider{anybody(), &engine.Email{SendVerificationRequest: mails.SendVerificationRequest},
		&engine.OAuth2{ID: "plain", AuthorizationURL: "https://oauth.example/authorize", TokenURL: "https://oauth.example/token", UserInfoURL: "https://oauth.example/userinfo",
			OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}}}
	if a.url != "" {
		cfg.URL = a.url + m.urlPath
	}
	eng, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	log.reset() // of New's warning about the paths
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/page") {
			eng.Require(http.NotFoundHandler()).ServeHTTP(w, r)
			return
		}
		eng.ServeHTTP(w, r)
	})
	prefix := strings.TrimSuffix(m.public, strings.TrimRight(m.base, "/"))
	if m.strip != "" {
		handler = http.StripPrefix(m.strip, handler)
	}
	ask := func(r *http.Request) *httptest.ResponseRecorder {
		t.Helper()
		r.Host, r.RemoteAddr = a.host, a.from
		if a.from == "" {
			r.RemoteAddr = "192.0.2.1:1234"
		}
		if a.tls {
			r.TLS = &tls.ConnectionState{}
		}
		for name, v := range a.headers {
			r.Header.Set(name, v)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	providers := ask(httptest.NewRequest("GET", m.at+"/providers", nil))
	if a.want == "" {
		if providers.Code != http.StatusInternalServerError || strings.Contains(providers.Body.String(), "evil") {
			t.Errorf("%d %s", providers.Code, providers.Body)
		}
		if lines := log.problems(); len(lines) != 1 || lines[0].msg != "auth: UntrustedHost" || !strings.Contains(lines[0].attrs["hint"], a.hint) {
			t.Errorf("log %v, want the hint %q", lines, a.hint)
		}
		return
	}
	public := a.want + m.public
	var got map[string]struct{ SigninURL, CallbackURL string }
	if err := json.Unmarshal(providers.Body.Bytes(), &got); err != nil || got["plain"].SigninURL != public+"/signin/plain" || got["plain"].CallbackURL != public+"/callback/plain" {
		t.Errorf("providers: %d %s, want %s", providers.Code, providers.Body, public)
	}
	page := ask(httptest.NewRequest("GET", m.at+"/signin", nil))
	if !strings.Contains(page.Body.String(), `action="`+m.public+`/signin/plain"`) {
		t.Errorf("the forms of the sign-in page: %s", page.Body)
	}
	if failed := ask(httptest.NewRequest("GET", m.at+"/error?error=Verification", nil)); !strings.Contains(failed.Body.String(), `href="`+m.public+`/signin"`) {
		t.Errorf("the link of the error page: %s", failed.Body)
	}
	cookies := page.Result().Cookies()
	csrf := ""
	for _, c := range cookies {
		if strings.HasSuffix(c.Name, csrfCookie) {
			csrf, _, _ = strings.Cut(strings.ReplaceAll(c.Value, "%7C", "|"), "|")
			if https := strings.HasPrefix(a.want, "https:"); c.Secure != https || strings.HasPrefix(c.Name, "__Host-") != https {
				t.Errorf("the CSRF cookie of %s is %v", a.want, c)
			}
		}
	}
	post := func(path string, form url.Values) string {
		form.Set("csrfToken", csrf)
		r := httptest.NewRequest("POST", m.at+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", a.want) // as a browser sends it
		for _, c := range cookies {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
		return ask(r).Header().Get("Location")
	}
	to, err := url.Parse(post("/signin/plain", url.Values{}))
	if err != nil || to.Query().Get("redirect_uri") != public+"/callback/plain" {
		t.Errorf("the authorization URL is %s", to)
	}
	if got := post("/signin/email", url.Values{"email": {"a@example.com"}, "callbackUrl": {"/after"}}); got != public+"/verify-request?provider=email&type=email" {
		t.Errorf("after the request for a mail link: %s", got)
	}
	if link := mails.last(t).URL; !strings.HasPrefix(link, public+"/callback/email?callbackUrl="+url.QueryEscape(a.want+"/after")+"&") {
		t.Errorf("the mail link is %s", link)
	}
	// The token must not be posted to another path.
	if page := ask(httptest.NewRequest("GET", m.at+"/callback/email?token=x&email=a@example.com", nil)); !strings.Contains(page.Body.String(), `action="`+m.public+`/callback/email"`) {
		t.Errorf("the form of the page that confirms a mail link: %s", page.Body)
	}
	if got := post("/callback/credentials", url.Values{}); !strings.HasPrefix(got, public+"/error?") { // the store has no such user
		t.Errorf("a failure redirects to %s", got)
	}
	r := httptest.NewRequest("GET", m.strip+"/page?x=1", nil)
	r.Header.Set("Accept", "text/html")
	if got, want := ask(r).Header().Get("Location"), public+"/signin?callbackUrl="+url.QueryEscape(a.want+strings.TrimSuffix(prefix, m.public)+"/page?x=1"); got != want {
		t.Errorf("Require redirects to %s, want %s", got, want)
	}
	warned := false
	for _, line := range log.problems() {
		if line.attrs["code"] == "forwarded-proto-missing" {
			if warned || !strings.Contains(line.attrs["hint"], "AUTH_URL to https://app.example.com") {
				t.Errorf("a second warning, or one without a fix: %v", line)
			}
			warned = true
		}
	}
	if warned != a.warned {
		t.Errorf("a warning about the scheme: %v", log.problems())
	}
}
