package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// validSetup is a configuration without a mistake, with what a test may break.
type validSetup struct {
	engine.Config
	t    *testing.T
	env  map[string]string
	idp  *idp
	date time.Time // the provider's clock; zero means startTime
	age  string    // the provider's Age header
	oidc *engine.OIDC
	path string // of the database
}

func (w *validSetup) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.idp.RoundTrip(r)
	if err == nil {
		date := w.date
		if date.IsZero() {
			date = startTime
		}
		res.Header.Set("Date", date.UTC().Format(http.TimeFormat))
		if w.age != "" {
			res.Header.Set("Age", w.age)
		}
	}
	return res, err
}

func newValidSetup(t *testing.T) *validSetup {
	w := &validSetup{t: t, env: map[string]string{"AUTH_SECRET": testSecret, "AUTH_URL": "https://app.example.com"}}
	w.idp = newIDP(&site{t: t, clock: &clock{now: startTime}})
	w.oidc = &engine.OIDC{ID: "idp", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}}
	w.path = filepath.Join(t.TempDir(), "auth.db")
	w.Config = engine.Config{
		Getenv:     func(name string) string { return w.env[name] },
		Now:        func() time.Time { return startTime },
		HTTPClient: &http.Client{Transport: w},
		Adapter:    memory.New(nil),
		Providers:  []engine.Provider{w.oidc, anybody(), &engine.Email{SendVerificationRequest: (&mailbox{}).SendVerificationRequest}},
		Logger:     slog.New(slog.DiscardHandler),
	}
	return w
}

// sqlite replaces the adapter by one on a database file, and returns a second
// connection to it.
func (w *validSetup) sqlite(params string) *sql.DB {
	w.t.Helper()
	if params != "" { // create the tables first
		a, err := entclient.OpenSQLite(w.t.Context(), w.path, entclient.Options{})
		if err != nil {
			w.t.Fatal(err)
		}
		a.Close()
	}
	w.Adapter, _ = openSQLite(w.t, w.path, sqliteParams+params)
	db, err := sql.Open("sqlite3", w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { db.Close() })
	return db
}

func (w *validSetup) exec(db *sql.DB, statement string) {
	w.t.Helper()
	if _, err := db.ExecContext(w.t.Context(), statement); err != nil {
		w.t.Fatal(err)
	}
}

func (w *validSetup) plain() *engine.OAuth2 {
	return &engine.OAuth2{ID: "plain", AuthorizationURL: "https://oauth.example/authorize", TokenURL: "https://oauth.example/token", UserInfoURL: "https://oauth.example/userinfo",
		OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}}
}

// answers replaces the answer of an endpoint of the provider.
func (w *validSetup) answers(path string, status int, kind, body string) {
	w.idp.raw = func(r *http.Request) (int, string, string) {
		if r.URL.Path == path {
			return status, kind, body
		}
		return 0, "", ""
	}
}

// hangingAdapter is an adapter whose database never answers and ignores the
// context.
type hangingAdapter struct{ engine.Adapter }

func (hangingAdapter) GetUser(context.Context, string) (engine.User, error) { select {} }

// namedAdapter hides the optional interfaces of an adapter except its name.
type namedAdapter struct{ engine.Adapter }

func (n namedAdapter) String() string { return n.Adapter.(fmt.Stringer).String() }

// Diagnose names the cause and the fix of each of these mistakes, and nothing
// else.
func TestDiagnoseNamesTheCause(t *testing.T) {
	const fail, warn = slog.LevelError, slog.LevelWarn
	const discovery = "/.well-known/openid-configuration"
	for _, c := range []struct {
		what    string
		breaks  func(*validSetup)
		level   slog.Level
		subject string
		text    string
		fix     string
		within  time.Duration
	}{
		// The secret.
		{what: "no secret", breaks: func(w *validSetup) { w.env["AUTH_SECRET"] = "" }, level: fail, subject: "secret", text: "no secret", fix: "AUTH_SECRET"},
		{what: "a short secret", breaks: func(w *validSetup) { w.env["AUTH_SECRET"] = "changeme" }, level: fail, subject: "secret", text: "8 characters", fix: "openssl rand"},
		{what: "a secret that is empty", breaks: func(w *validSetup) { w.Secrets = []string{""} }, level: fail, subject: "secret", text: "Secrets[0] is empty", fix: "set AUTH_SECRET"},
		{what: "an older secret that is empty", breaks: func(w *validSetup) { w.Secrets = []string{testSecret, ""} }, level: fail, subject: "secret", text: "Secrets[1] is empty", fix: "remove it"},
		{what: "an empty list of secrets", breaks: func(w *validSetup) { w.Secrets = []string{} }, level: fail, subject: "secret", text: "no secret", fix: "AUTH_SECRET"},
		{what: "a secret in quotes", breaks: func(w *validSetup) { w.env["AUTH_SECRET"] = `"` + testSecret + `"` }, level: warn, subject: "secret", text: "quote", fix: "without quotes"},
		{what: "a secret that can be guessed", breaks: func(w *validSetup) { w.env["AUTH_SECRET"] = strings.Repeat("secret", 8) }, level: warn, subject: "secret", text: "only 5 different", fix: "openssl rand"},
		{what: "two secrets", breaks: func(w *validSetup) { w.env["NEXTAUTH_SECRET"] = "another-secret-0123456789-abcdefghijklm" }, level: warn, subject: "secret", text: "NEXTAUTH_SECRET differs from AUTH_SECRET", fix: "unset"},

		// The public URL.
		{what: "a URL without a scheme", breaks: func(w *validSetup) { w.env["AUTH_URL"] = "app.example.com" }, level: fail, subject: "public URL", text: `AUTH_URL is "app.example.com"`, fix: "https://app.example.com"},
		{what: "a wrong scheme", breaks: func(w *validSetup) { w.env["AUTH_URL"] = "http://app.example.com" }, level: warn, subject: "public URL", text: "AUTH_URL is http", fix: "set AUTH_URL to https://app.example.com"},
		{what: "a scheme of something else", breaks: func(w *validSetup) { w.env["AUTH_URL"] = "postgres://app.example.com" }, level: fail, subject: "public URL", text: "postgres://", fix: "http or https URL"},
		{what: "a query in the URL", breaks: func(w *validSetup) { w.env["AUTH_URL"] = "https://app.example.com?x=1" }, level: fail, subject: "public URL", text: "?x=1", fix: "URL of a site"},
		{what: "a URL that cannot be read", breaks: func(w *validSetup) { w.env["AUTH_URL"] = "https://user:canary@app.example.com:x" }, level: fail, subject: "public URL", text: "AUTH_URL is not the URL of a site", fix: "https://app.example.com"},
		{what: "two URLs", breaks: func(w *validSetup) { w.env["NEXTAUTH_URL"] = "https://old.example.com" }, level: warn, subject: "public URL", text: "NEXTAUTH_URL differs from AUTH_URL", fix: "unset NEXTAUTH_URL"},
		{what: "no URL", breaks: func(w *validSetup) { w.env["AUTH_URL"] = "" }, level: warn, subject: "public URL", text: "only requests to localhost", fix: "set AUTH_URL"},
		{what: "no URL on Vercel", breaks: func(w *validSetup) { w.env["AUTH_URL"], w.env["VERCEL"] = "", "1" }, level: warn, subject: "public URL", text: "Vercel", fix: "set AUTH_URL"},
		{what: "trust in everybody", breaks: func(w *validSetup) { w.env["AUTH_URL"], w.env["AUTH_TRUST_HOST"] = "", "true" }, level: warn, subject: "public URL", text: "AUTH_TRUST_HOST", fix: "TrustedProxies"},
		{what: "trust that is no boolean", breaks: func(w *validSetup) { w.env["AUTH_TRUST_HOST"] = "yes" }, level: fail, subject: "public URL", text: `AUTH_TRUST_HOST is "yes"`, fix: "true or false"},
		{what: "a proxy that is no network", breaks: func(w *validSetup) { w.env["AUTH_URL"] = ""; w.TrustedProxies = []string{"nginx"} }, level: fail, subject: "public URL", text: "TrustedProxies[0]", fix: "10.0.0.0/8"},
		{what: "a host that is a URL", breaks: func(w *validSetup) { w.env["AUTH_URL"] = ""; w.AllowedHosts = []string{"https://app.example.com/"} }, level: fail, subject: "public URL", text: "AllowedHosts[0]", fix: "app.example.com"},
		{what: "hosts beside a URL", breaks: func(w *validSetup) { w.AllowedHosts = []string{"app.example.com"} }, level: warn, subject: "public URL", text: "are ignored", fix: "remove AUTH_URL"},
		{what: "a redirect proxy", breaks: func(w *validSetup) { w.env["AUTH_REDIRECT_PROXY_URL"] = "https://x.example" }, level: warn, subject: "public URL", text: "AUTH_REDIRECT_PROXY_URL", fix: "unset"},
		{what: "paths that differ", breaks: func(w *validSetup) { w.env["AUTH_URL"], w.BasePath = "https://app.example.com/login", "/api/auth" }, level: warn, subject: "base path", text: `"/login" of AUTH_URL differs from BasePath "/api/auth"`, fix: "make them equal"},
		{what: "a base path without a slash", breaks: func(w *validSetup) { w.BasePath = "api/auth" }, level: fail, subject: "base path", text: `"api/auth"`, fix: "begins with /"},

		// Cookies and sessions.
		{what: "secure cookies over http", breaks: func(w *validSetup) { w.env["AUTH_URL"] = "http://app.example.com"; w.UseSecureCookies = new(true) }, level: warn, subject: "cookies", text: "browsers refuse its secure cookies", fix: "https URL"},
		{what: "plain cookies over https", breaks: func(w *validSetup) { w.UseSecureCookies = new(false) }, level: warn, subject: "cookies", text: "UseSecureCookies is false", fix: "omit UseSecureCookies"},
		{what: "the domain of another site", breaks: func(w *validSetup) { w.Cookies.SessionToken.Domain = "example.org" }, level: fail, subject: "cookies", text: "browsers refuse from app.example.com", fix: "omit it"},
		{what: "a domain for a __Host- cookie", breaks: func(w *validSetup) { w.Cookies.CSRFToken.Domain = "example.com" }, level: fail, subject: "cookies", text: "__Host-", fix: "omit the Domain"},
		{what: "a strict state", breaks: func(w *validSetup) { w.Cookies.State.SameSite = http.SameSiteStrictMode }, level: fail, subject: "cookies", text: "breaks sign-in with a provider", fix: "Lax"},
		{what: "database sessions without an adapter", breaks: func(w *validSetup) {
			w.Adapter, w.SessionStrategy, w.Providers = nil, engine.StrategyDatabase, w.Providers[:2]
		}, level: fail, subject: "sessions", text: "needs an Adapter", fix: "Config.Adapter"},
		{what: "an updateAge in Auth.js's numbers", breaks: func(w *validSetup) { w.SessionUpdateAge = 86400 }, level: fail, subject: "sessions", text: "SessionUpdateAge is 86.4µs", fix: "at least a second"},
		{what: "a page that is not a path", breaks: func(w *validSetup) { w.Pages.SignIn = "login" }, level: fail, subject: "pages", text: `"login"`, fix: "/login"},

		// Adapter.
		{what: "a table is missing", breaks: func(w *validSetup) { w.exec(w.sqlite(""), `DROP TABLE "session"`) }, level: fail, subject: "adapter", text: "no such table: session", fix: "run the migrations"},
		{what: "a column has another name", breaks: func(w *validSetup) {
			w.exec(w.sqlite(""), `ALTER TABLE "verificationtoken" RENAME COLUMN "identifier" TO "email"`)
		}, level: fail, subject: "adapter", text: "identifier", fix: "layout"},
		{what: "a read-only database", breaks: func(w *validSetup) { w.sqlite("&mode=ro") }, level: fail, subject: "adapter", text: "readonly database", fix: "user that may write"},
		{what: "a database that is closed", breaks: func(w *validSetup) { w.sqlite(""); w.Adapter.(*entclient.Adapter).Close() }, level: fail, subject: "adapter", text: "cannot be used", fix: "address"},
		{what: "a database that hangs", breaks: func(w *validSetup) { w.Adapter = hangingAdapter{w.Adapter}; w.Providers = w.Providers[1:] }, level: fail, subject: "adapter", text: "does not answer", fix: "locks", within: 50 * time.Millisecond},

		// Providers.
		{what: "no provider", breaks: func(w *validSetup) { w.Providers = nil }, level: warn, subject: "providers", text: "nobody can sign in", fix: "Providers"},
		{what: "mail without an adapter", breaks: func(w *validSetup) { w.Adapter = nil }, level: fail, subject: `provider "email"`, text: "needs an Adapter", fix: "Config.Adapter"},
		{what: "mail without a sender", breaks: func(w *validSetup) { w.Providers[2] = &engine.Email{} }, level: fail, subject: `provider "email"`, text: "SendVerificationRequest is nil", fix: "set SendVerificationRequest"},
		{what: "an id twice", breaks: func(w *validSetup) { w.Providers = append(w.Providers, anybody()) }, level: fail, subject: "providers", text: "already taken", fix: "change one of the ids"},
		{what: "no issuer", breaks: func(w *validSetup) { w.oidc.Issuer = "" }, level: fail, subject: `provider "idp"`, text: "no issuer", fix: "AUTH_IDP_ISSUER"},
		{what: "no client id", breaks: func(w *validSetup) { w.oidc.ClientID = "" }, level: fail, subject: `provider "idp"`, text: "no client id", fix: "AUTH_IDP_ID"},
		{what: "no client secret", breaks: func(w *validSetup) { w.oidc.ClientSecret = "" }, level: fail, subject: `provider "idp"`, text: "no client secret", fix: "AUTH_IDP_SECRET"},
		{what: "an http issuer", breaks: func(w *validSetup) { w.oidc.Issuer = "http://idp.example" }, level: fail, subject: `provider "idp"`, text: "is http", fix: "correct"},
		{what: "an unreachable provider", breaks: func(w *validSetup) {
			w.idp.down = func(*http.Request) error { return errors.New("dial tcp: lookup idp.example: no such host") }
		}, level: fail, subject: `provider "idp"`, text: "no such host", fix: "can reach https://idp.example/.well-known"},
		{what: "a slash at the end of the issuer", breaks: func(w *validSetup) { w.oidc.Issuer += "/" }, level: fail, subject: `provider "idp"`, text: `issuer "https://idp.example", not of "https://idp.example/"`, fix: "slash at the end"},
		{what: "an issuer that is a web page", breaks: func(w *validSetup) { w.answers(discovery, 200, "text/html", "<h1>hello</h1>") }, level: fail, subject: `provider "idp"`, text: "not the metadata", fix: "check the issuer"},
		{what: "an issuer without metadata", breaks: func(w *validSetup) { w.answers(discovery, 404, "text/html", "") }, level: fail, subject: `provider "idp"`, text: "404", fix: "check the issuer"},
		{what: "missing keys", breaks: func(w *validSetup) { w.answers("/jwks", 404, "text/html", "") }, level: fail, subject: `provider "idp"`, text: "/jwks does not answer with keys (404", fix: "keys"},
		{what: "a wrong client secret", breaks: func(w *validSetup) { w.answers("/token", 401, "application/json", `{"error":"invalid_client"}`) }, level: fail, subject: `provider "idp"`, text: "invalid_client", fix: "check the client id and secret"},
		{what: "a wrong token endpoint", breaks: func(w *validSetup) {
			w.Providers[0] = w.plain()
			w.answers("/token", 404, "text/html", "<h1>not found</h1>")
		}, level: fail, subject: `provider "plain"`, text: "404", fix: "URL of the token endpoint"},
		{what: "a clock two minutes slow", breaks: func(w *validSetup) { w.date = startTime.Add(2 * time.Minute) }, level: fail, subject: "clock", text: `1m59s behind that of provider "idp"`, fix: "NTP"},
		{what: "a clock two minutes fast", breaks: func(w *validSetup) { w.date = startTime.Add(-2 * time.Minute) }, level: fail, subject: "clock", text: "2m1s ahead of", fix: "NTP"},
		{what: "a clock half a minute slow", breaks: func(w *validSetup) { w.date = startTime.Add(30 * time.Second) }, level: warn, subject: "clock", text: "behind", fix: "NTP"},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newValidSetup(t)
			c.breaks(w)
			ctx := t.Context()
			if c.within > 0 {
				short, cancel := context.WithTimeout(ctx, c.within)
				defer cancel()
				ctx = short
			}
			report := engine.Diagnose(ctx, w.Config)
			found := 0
			for _, f := range report.Findings {
				switch {
				case f.Level == slog.LevelInfo && f.Fix == "" && f.Text != "":
				case f.Level == c.level && f.Subject == c.subject && strings.Contains(f.Text, c.text) && strings.Contains(f.Fix, c.fix):
					found++
				default:
					t.Errorf("unexpected finding: %+v", f)
				}
			}
			if found != 1 || report.OK() != (c.level < fail) {
				t.Errorf("the cause is named %d times, OK is %v", found, report.OK())
			}
			// New refuses nothing that Diagnose does not report.
			eng, err := engine.New(w.Config)
			if err == nil {
				eng.Close()
			} else if report.OK() {
				t.Errorf("New refuses what Diagnose accepts: %v", err)
			}
			text := report.String()
			if strings.Contains(text, "canary") || strings.Contains(text, w.env["AUTH_SECRET"]) && w.env["AUTH_SECRET"] != "" {
				t.Error("the report shows a secret")
			}
			if t.Failed() {
				t.Logf("\n%s\nNew: %v", text, err)
			}
		})
	}
}

// For a valid configuration the report has everything that was derived, and from
// what.
func TestDiagnoseReportsWhatItDerives(t *testing.T) {
	w := newValidSetup(t)
	w.sqlite("")
	w.env["AUTH_SECRET_1"] = "an-older-secret-0123456789-abcdefghijklm"
	w.Cookies.SessionToken.Domain = "example.com"
	w.age, w.date = "600", startTime.Add(-10*time.Minute) // from a cache
	mails := new(mailbox)
	w.Providers[2].(*engine.Email).SendVerificationRequest = mails.SendVerificationRequest
	report := engine.Diagnose(t.Context(), w.Config)
	text := report.String()
	for _, want := range []string{
		fmt.Sprintf("%d characters, from AUTH_SECRET; 1 older secret", len(testSecret)),
		"v5, for clients and servers of next-auth 5",
		"https://app.example.com, from AUTH_URL",
		"/api/auth, the default: mount the engine at /api/auth/",
		"secure, because the public URL is https://app.example.com: __Secure-authjs.session-token, __Host-authjs.csrf-token",
		"all hosts below example.com",
		"strategy database, from the default with an Adapter; they live for 720h0m0s, and are extended every 24h0m0s",
		"*entclient.Adapter (ent on sqlite3): it reads and writes",
		`provider "idp"`, "oidc; register the redirect URI https://app.example.com/api/auth/callback/idp", "it answers, and knows the client",
		"credentials, checked by the application", "links by mail, sent by the application",
		"0 problems, 0 warnings",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if !report.OK() || len(mails.sent) > 0 || strings.Contains(text, "canary") {
		t.Errorf("OK is %v, %d mails were sent", report.OK(), len(mails.sent))
	}
	if t.Failed() {
		t.Logf("\n%s", text)
	}

	// The rest of the configuration.
	for want, change := range map[string]func(*validSetup){
		"that of each request, for https://app.example.com, *.shop.example (AllowedHosts); X-Forwarded-Host and -Proto are trusted from [10.0.0.0/8]": func(w *validSetup) {
			w.env["AUTH_URL"] = ""
			w.AllowedHosts, w.TrustedProxies = []string{"https://app.example.com", "*.shop.example"}, []string{"10.0.0.0/8"}
		},
		"that of each request, because AUTH_TRUST_HOST is true":  func(w *validSetup) { w.env["AUTH_URL"], w.env["AUTH_TRUST_HOST"] = "", "true" },
		"that of each request, because Config.TrustHost is true": func(w *validSetup) { w.env["AUTH_URL"] = ""; w.TrustHost = new(true) },
		"warn  public URL":                    func(w *validSetup) { w.env["AUTH_URL"] = "" },
		"that of each request to localhost\n": func(w *validSetup) { w.env["AUTH_URL"] = "" },
		"that of each request from TrustedProxies, or to localhost; X-Forwarded-Host": func(w *validSetup) { w.env["AUTH_URL"] = ""; w.TrustedProxies = []string{"10.0.0.1"} },
		"register the redirect URI https://a.example/api/auth/callback/idp": func(w *validSetup) {
			w.env["AUTH_URL"] = ""
			w.AllowedHosts = []string{"*.shop.example", "a.example", "https://b.example"}
		},
		"not secure, because UseSecureCookies is false": func(w *validSetup) { w.UseSecureCookies = new(false) },
		"not secure, because no public URL is set": func(w *validSetup) {
			w.env["AUTH_URL"] = ""
			w.AllowedHosts = []string{"https://a.example", "b.example"}
		},
		"and are extended on every read": func(w *validSetup) { w.SessionUpdateAge = -1 },
		"(ent on sqlite3): it reads and writes": func(w *validSetup) { // jwt sessions need no such table, and the layout is hidden
			w.exec(w.sqlite(""), `DROP TABLE "session"`)
			w.Adapter, w.SessionStrategy = namedAdapter{w.Adapter}, engine.StrategyJWT
		},
		"https://app.example.com, from NEXTAUTH_URL": func(w *validSetup) { w.env["NEXTAUTH_URL"], w.env["AUTH_URL"] = w.env["AUTH_URL"], "" },
		"/auth, from BasePath":                       func(w *validSetup) { w.BasePath = "/auth" },
		"/api/auth, from BasePath; browsers see /shop/api/auth, a proxy strips the prefix": func(w *validSetup) {
			w.BasePath, w.env["AUTH_URL"] = "/api/auth", "https://app.example.com/shop/api/auth"
		},
		"register the redirect URI https://app.example.com/shop/auth/callback/idp":         func(w *validSetup) { w.env["AUTH_URL"] = "https://app.example.com/shop/auth" },
		"v4, for clients and servers of next-auth 4":                                       func(w *validSetup) { w.Dialect = engine.DialectV4 },
		"not secure, because the public URL is http://localhost:3000: authjs.":             func(w *validSetup) { w.env["AUTH_URL"] = "http://localhost:3000" },
		"secure, because all AllowedHosts are https":                                       func(w *validSetup) { w.env["AUTH_URL"] = ""; w.AllowedHosts = []string{"https://a.example"} },
		"none: nothing is stored":                                                          func(w *validSetup) { w.Adapter, w.Providers = nil, w.Providers[:1] },
		"strategy jwt, from SessionStrategy":                                               func(w *validSetup) { w.SessionStrategy = engine.StrategyJWT },
		"oauth; register the redirect URI https://app.example.com/api/auth/callback/plain": func(w *validSetup) { w.Providers[0] = w.plain() },
		`*memory.Adapter: it reads and writes`:                                             func(*validSetup) {},
		"register the redirect URI <public URL>/api/auth/callback":                         func(w *validSetup) { w.env["AUTH_URL"] = ""; w.TrustedProxies = []string{"10.0.0.1"} },
	} {
		w := newValidSetup(t)
		change(w)
		if report := engine.Diagnose(t.Context(), w.Config); !report.OK() || !strings.Contains(report.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, report)
		} else if text := report.String(); strings.Contains(text, "all hosts below") || strings.Contains(text, "Vercel") {
			t.Errorf("the report guesses:\n%s", text)
		}
	}
	// There is no advice to set hosts or proxies when they are set.
	for what, change := range map[string]func(*validSetup){
		"hosts":             func(w *validSetup) { w.AllowedHosts = []string{"https://app.example.com"} },
		"proxies":           func(w *validSetup) { w.TrustedProxies = []string{"10.0.0.1"} },
		"hosts and trust":   func(w *validSetup) { w.AllowedHosts, w.TrustHost = []string{"https://app.example.com"}, new(true) },
		"proxies and trust": func(w *validSetup) { w.TrustedProxies, w.TrustHost = []string{"10.0.0.1"}, new(true) },
	} {
		w := newValidSetup(t)
		w.env["AUTH_URL"] = ""
		change(w)
		if report := engine.Diagnose(t.Context(), w.Config); !strings.Contains(report.String(), "0 problems, 0 warnings") {
			t.Errorf("%s:\n%s", what, report)
		}
	}
	// The zero Config has a report, too.
	if report := engine.Diagnose(t.Context(), engine.Config{Getenv: env()}); report.OK() || !strings.Contains(report.String(), "1 problem, 2 warnings") {
		t.Errorf("the zero Config:\n%s", report)
	}
}

// stuckAdapter is an adapter whose database does not answer before until is closed.
type stuckAdapter struct {
	engine.Adapter
	until chan struct{}
}

func (a stuckAdapter) GetUser(context.Context, string) (engine.User, error) {
	<-a.until
	return engine.User{}, store.ErrNotFound
}

// Diagnose waits 15 seconds for an adapter that does not answer.
func TestDiagnoseGivesUpAfter15Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newValidSetup(t)
		a := stuckAdapter{w.Adapter, make(chan struct{})}
		w.Adapter = a
		defer close(a.until)
		begin := time.Now()
		report := engine.Diagnose(context.Background(), w.Config)
		if took := time.Since(begin); took != 15*time.Second || report.OK() {
			t.Errorf("after %v: %s", took, report)
		}
	})
}

// Diagnose does not change what is stored.
func TestDiagnoseLeavesTheStoreAlone(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	link := b.askMail("carol@example.com")
	w := newValidSetup(t)
	w.Adapter = s.store.adapter()
	if report := engine.Diagnose(t.Context(), w.Config); !report.OK() {
		t.Fatal(report)
	}
	if b.user() != "alice@example.com" {
		t.Error("the session was deleted")
	}
	b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
	if b.user() != "carol@example.com" {
		t.Error("the mail link was used up")
	}
}
