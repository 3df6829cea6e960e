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
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// jarBrowser is a browser with a net/http/cookiejar, which implements domains. It
// sends requests for any host to one engine.
type jarBrowser struct {
	t   *testing.T
	eng *engine.Engine
	*http.Client
	jar *cookiejar.Jar
}

func newJarBrowser(t *testing.T, cfg engine.Config) (*jarBrowser, *logs) {
	t.Helper()
	log := &logs{}
	cfg.Secrets, cfg.Getenv, cfg.Logger = []string{testSecret}, env(), slog.New(log)
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
	j := &jarBrowser{t: t, eng: eng, jar: jar}
	j.Client = &http.Client{Jar: jar, Transport: j, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return j, log
}

func (j *jarBrowser) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Host = r.URL.Host
	if r.URL.Scheme == "https" {
		r.TLS = &tls.ConnectionState{}
	}
	w := httptest.NewRecorder()
	j.eng.ServeHTTP(w, r)
	return w.Result(), nil
}

func (j *jarBrowser) ask(r *http.Request, err error) (*http.Response, string) {
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

func (j *jarBrowser) get(u string) (*http.Response, string) {
	j.t.Helper()
	return j.ask(http.NewRequest("GET", u, nil))
}

func (j *jarBrowser) post(origin, path string) *http.Response {
	j.t.Helper()
	_, body := j.get(origin + base + "/csrf")
	token := strings.TrimSuffix(strings.TrimPrefix(body, `{"csrfToken":"`), `"}`)
	r, err := http.NewRequest("POST", origin+base+path, strings.NewReader(url.Values{"csrfToken": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, _ := j.ask(r, err)
	return res
}

func (j *jarBrowser) signedIn(origin string) bool {
	j.t.Helper()
	_, body := j.get(origin + base + "/session")
	return strings.Contains(body, "alice@example.com")
}

var subdomainConfig = engine.Config{
	AllowedHosts: []string{"https://example.com", "https://*.example.com", "localhost:3000", "other.test"},
	Cookies:      engine.Cookies{SessionToken: engine.CookieOptions{Domain: ".example.com"}},
}

// A cookie with a Domain is the session of all hosts below that domain.
func TestCookieDomainSharesTheSession(t *testing.T) {
	const app, api = "https://app.example.com", "https://api.example.com"
	for _, trigger := range []string{"sign-in", "move"} {
		j, log := newJarBrowser(t, subdomainConfig)
		if trigger == "move" {
			// A cookie of one host, set before the Domain was configured.
			before, _ := newJarBrowser(t, engine.Config{AllowedHosts: subdomainConfig.AllowedHosts})
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

	// For a host outside the domain the cookie has no Domain, since browsers
	// would refuse it.
	for _, origin := range []string{"http://localhost:3000", "http://other.test"} {
		j, log := newJarBrowser(t, subdomainConfig)
		j.post(origin, "/callback/credentials")
		j.post(origin, "/callback/credentials")
		if !j.signedIn(origin) || j.signedIn(app) {
			t.Errorf("%s: signed in %v, at app %v", origin, j.signedIn(origin), j.signedIn(app))
		}
		lines := log.problems()
		if want := strings.Contains(origin, "other"); len(lines) != 0 != want || want && (len(lines) != 1 || lines[0].attrs["domain"] != "example.com") {
			t.Errorf("%s: log %v", origin, lines)
		}
	}
}

// The chunks of a session move to the domain, and sign-out clears all of them.
func TestChunkedSessionMovesToTheDomain(t *testing.T) {
	const app = "https://app.example.com"
	pad := func(c engine.Config) engine.Config {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			p.Token.Extra = map[string]any{"pad": strings.Repeat("x", 6000)}
			return nil
		}
		return c
	}
	j, _ := newJarBrowser(t, pad(subdomainConfig))
	before, _ := newJarBrowser(t, pad(engine.Config{AllowedHosts: subdomainConfig.AllowedHosts}))
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
