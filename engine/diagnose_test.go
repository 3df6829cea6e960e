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

// wellKept is a set-up without a mistake, and what a test may break of it.
type wellKept struct {
	engine.Config
	t    *testing.T
	env  map[string]string
	idp  *idp
	date time.Time // the provider's clock; zero: the machine's
	age  string
	oidc *engine.OIDC
	path string // of the database
}

func (w *wellKept) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.idp.RoundTrip(r)
	if err == nil {
		date := w.date
		if date.IsZero() {
			date = start
		}
		res.Header.Set("Date", date.UTC().Format(http.TimeFormat))
		if w.age != "" {
			res.Header.Set("Age", w.age)
		}
	}
	return res, err
}

func newWellKept(t *testing.T) *wellKept {
	w := &wellKept{t: t, env: map[string]string{"AUTH_SECRET": testSecret, "AUTH_URL": "https://app.example.com"}}
	w.idp = newIDP(&site{t: t, clock: &clock{now: start}})
	w.oidc = &engine.OIDC{ID: "idp", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: clientID, ClientSecret: clientSecret}}
	w.path = filepath.Join(t.TempDir(), "auth.db")
	w.Config = engine.Config{
		Getenv:     func(name string) string { return w.env[name] },
		Now:        func() time.Time { return start },
		HTTPClient: &http.Client{Transport: w},
		Adapter:    memory.New(nil),
		Providers:  []engine.Provider{w.oidc, anybody(), &engine.Email{Sender: &mailbox{}}},
		Logger:     slog.New(slog.DiscardHandler),
	}
	return w
}

// sqlite puts a database file under it, and returns a second connection.
func (w *wellKept) sqlite(params string) *sql.DB {
	w.t.Helper()
	if params != "" { // the tables are made first
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

func (w *wellKept) exec(db *sql.DB, statement string) {
	w.t.Helper()
	if _, err := db.ExecContext(w.t.Context(), statement); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wellKept) plain() *engine.OAuth2 {
	return &engine.OAuth2{ID: "plain", AuthorizationURL: "https://oauth.example/authorize", TokenURL: "https://oauth.example/token", UserInfoURL: "https://oauth.example/userinfo",
		OAuthOptions: engine.OAuthOptions{ClientID: clientID, ClientSecret: clientSecret}}
}

// answers makes an endpoint of the provider answer something else.
func (w *wellKept) answers(path string, status int, kind, body string) {
	w.idp.raw = func(r *http.Request) (int, string, string) {
		if r.URL.Path == path {
			return status, kind, body
		}
		return 0, "", ""
	}
}

// hanging is an adapter whose database does not answer, not even to the end of
// the context.
type hanging struct{ engine.Adapter }

func (hanging) GetUser(context.Context, string) (engine.User, error) { select {} }

// named is an adapter without the optional interfaces but its name.
type named struct{ engine.Adapter }

func (n named) String() string { return n.Adapter.(fmt.Stringer).String() }

// Diagnose names the cause of each of these broken set-ups, and the fix, and
// finds nothing else wrong.
func TestDiagnoseNamesTheCause(t *testing.T) {
	const fail, warn = slog.LevelError, slog.LevelWarn
	const discovery = "/.well-known/openid-configuration"
	for _, c := range []struct {
		what    string
		breaks  func(*wellKept)
		level   slog.Level
		subject string
		says    string // the text
		fix     string
		within  time.Duration
	}{
		// The secret.
		{what: "no secret", breaks: func(w *wellKept) { w.env["AUTH_SECRET"] = "" }, level: fail, subject: "secret", says: "no secret", fix: "AUTH_SECRET"},
		{what: "a short secret", breaks: func(w *wellKept) { w.env["AUTH_SECRET"] = "changeme" }, level: fail, subject: "secret", says: "8 characters", fix: "openssl rand"},
		{what: "an old secret that is empty", breaks: func(w *wellKept) { w.OldSecrets = []string{""} }, level: fail, subject: "secret", says: "OldSecrets[0]", fix: "leave it out"},
		{what: "a secret in quotes", breaks: func(w *wellKept) { w.env["AUTH_SECRET"] = `"` + testSecret + `"` }, level: warn, subject: "secret", says: "quote", fix: "without quotes"},
		{what: "a secret that can be guessed", breaks: func(w *wellKept) { w.env["AUTH_SECRET"] = strings.Repeat("secret", 8) }, level: warn, subject: "secret", says: "only 5 different", fix: "openssl rand"},
		{what: "two secrets", breaks: func(w *wellKept) { w.env["NEXTAUTH_SECRET"] = "another-secret-0123456789-abcdefghijklm" }, level: warn, subject: "secret", says: "NEXTAUTH_SECRET is set to another", fix: "unset"},

		// The public URL.
		{what: "a URL without a scheme", breaks: func(w *wellKept) { w.env["AUTH_URL"] = "app.example.com" }, level: fail, subject: "public URL", says: `AUTH_URL is "app.example.com"`, fix: "https://app.example.com"},
		{what: "a wrong scheme", breaks: func(w *wellKept) { w.env["AUTH_URL"] = "http://app.example.com" }, level: warn, subject: "public URL", says: "AUTH_URL is http", fix: "set AUTH_URL to https://app.example.com"},
		{what: "a scheme of something else", breaks: func(w *wellKept) { w.env["AUTH_URL"] = "postgres://app.example.com" }, level: fail, subject: "public URL", says: "postgres://", fix: "http or https URL"},
		{what: "a query in the URL", breaks: func(w *wellKept) { w.env["AUTH_URL"] = "https://app.example.com?x=1" }, level: fail, subject: "public URL", says: "?x=1", fix: "URL of a site"},
		{what: "a URL that cannot be read", breaks: func(w *wellKept) { w.env["AUTH_URL"] = "https://user:canary@app.example.com:x" }, level: fail, subject: "public URL", says: "AUTH_URL is not a URL of a site", fix: "https://app.example.com"},
		{what: "two URLs", breaks: func(w *wellKept) { w.env["NEXTAUTH_URL"] = "https://old.example.com" }, level: warn, subject: "public URL", says: "NEXTAUTH_URL is another", fix: "unset NEXTAUTH_URL"},
		{what: "no URL", breaks: func(w *wellKept) { w.env["AUTH_URL"] = "" }, level: warn, subject: "public URL", says: "only requests to localhost", fix: "set AUTH_URL"},
		{what: "no URL on Vercel", breaks: func(w *wellKept) { w.env["AUTH_URL"], w.env["VERCEL"] = "", "1" }, level: warn, subject: "public URL", says: "Vercel", fix: "set AUTH_URL"},
		{what: "trust in everybody", breaks: func(w *wellKept) { w.env["AUTH_URL"], w.env["AUTH_TRUST_HOST"] = "", "true" }, level: warn, subject: "public URL", says: "AUTH_TRUST_HOST", fix: "TrustedProxies"},
		{what: "trust that is no boolean", breaks: func(w *wellKept) { w.env["AUTH_TRUST_HOST"] = "yes" }, level: fail, subject: "public URL", says: `AUTH_TRUST_HOST is "yes"`, fix: "true or false"},
		{what: "a proxy that is no network", breaks: func(w *wellKept) { w.env["AUTH_URL"] = ""; w.TrustedProxies = []string{"nginx"} }, level: fail, subject: "public URL", says: "TrustedProxies[0]", fix: "10.0.0.0/8"},
		{what: "a host that is a URL", breaks: func(w *wellKept) { w.env["AUTH_URL"] = ""; w.AllowedHosts = []string{"https://app.example.com/"} }, level: fail, subject: "public URL", says: "AllowedHosts[0]", fix: "app.example.com"},
		{what: "hosts beside a URL", breaks: func(w *wellKept) { w.AllowedHosts = []string{"app.example.com"} }, level: warn, subject: "public URL", says: "not looked at", fix: "leave out AUTH_URL"},
		{what: "a redirect proxy", breaks: func(w *wellKept) { w.env["AUTH_REDIRECT_PROXY_URL"] = "https://x.example" }, level: warn, subject: "public URL", says: "AUTH_REDIRECT_PROXY_URL", fix: "unset"},
		{what: "paths that differ", breaks: func(w *wellKept) { w.env["AUTH_URL"], w.BasePath = "https://app.example.com/login", "/api/auth" }, level: warn, subject: "base path", says: `"/login" of AUTH_URL differs from BasePath "/api/auth"`, fix: "let one of them"},
		{what: "a base path without a slash", breaks: func(w *wellKept) { w.BasePath = "api/auth" }, level: fail, subject: "base path", says: `"api/auth"`, fix: "must begin with /"},

		// Cookies and sessions.
		{what: "secure cookies over http", breaks: func(w *wellKept) { w.env["AUTH_URL"] = "http://app.example.com"; w.UseSecureCookies = new(true) }, level: warn, subject: "cookies", says: "browsers take no secure cookie", fix: "https URL"},
		{what: "plain cookies over https", breaks: func(w *wellKept) { w.UseSecureCookies = new(false) }, level: warn, subject: "cookies", says: "UseSecureCookies is false", fix: "leave UseSecureCookies out"},
		{what: "the domain of another site", breaks: func(w *wellKept) { w.Cookies.SessionToken.Domain = "example.org" }, level: fail, subject: "cookies", says: "browsers refuse that from app.example.com", fix: "leave it out"},
		{what: "a domain for a __Host- cookie", breaks: func(w *wellKept) { w.Cookies.CSRFToken.Domain = "example.com" }, level: fail, subject: "cookies", says: "__Host-", fix: "leave the Domain out"},
		{what: "a strict state", breaks: func(w *wellKept) { w.Cookies.State.SameSite = http.SameSiteStrictMode }, level: fail, subject: "cookies", says: "no sign-in comes back", fix: "Lax"},
		{what: "database sessions without an adapter", breaks: func(w *wellKept) {
			w.Adapter, w.SessionStrategy, w.Providers = nil, engine.StrategyDatabase, w.Providers[:2]
		}, level: fail, subject: "sessions", says: "needs an Adapter", fix: "Config.Adapter"},
		{what: "an updateAge in Auth.js's numbers", breaks: func(w *wellKept) { w.SessionUpdateAge = 86400 }, level: fail, subject: "sessions", says: "SessionUpdateAge is 86.4µs", fix: "at least a second"},
		{what: "a page that is no path", breaks: func(w *wellKept) { w.Pages.SignIn = "login" }, level: fail, subject: "pages", says: `"login"`, fix: "/login"},

		// The adapter.
		{what: "a table is missing", breaks: func(w *wellKept) { w.exec(w.sqlite(""), `DROP TABLE "session"`) }, level: fail, subject: "adapter", says: "no such table: session", fix: "run the migrations"},
		{what: "a column has another name", breaks: func(w *wellKept) {
			w.exec(w.sqlite(""), `ALTER TABLE "verificationtoken" RENAME COLUMN "identifier" TO "email"`)
		}, level: fail, subject: "adapter", says: "identifier", fix: "layout"},
		{what: "a read-only database", breaks: func(w *wellKept) { w.sqlite("&mode=ro") }, level: fail, subject: "adapter", says: "readonly database", fix: "user that may write"},
		{what: "a database that is closed", breaks: func(w *wellKept) { w.sqlite(""); w.Adapter.(*entclient.Adapter).Close() }, level: fail, subject: "adapter", says: "cannot be used", fix: "address"},
		{what: "a database that hangs", breaks: func(w *wellKept) { w.Adapter = hanging{w.Adapter}; w.Providers = w.Providers[1:] }, level: fail, subject: "adapter", says: "does not answer", fix: "locks", within: 50 * time.Millisecond},

		// Providers.
		{what: "no provider", breaks: func(w *wellKept) { w.Providers = nil }, level: warn, subject: "providers", says: "no way to sign in", fix: "Providers"},
		{what: "mail without an adapter", breaks: func(w *wellKept) { w.Adapter = nil }, level: fail, subject: `provider "email"`, says: "needs an Adapter", fix: "Config.Adapter"},
		{what: "mail without a sender", breaks: func(w *wellKept) { w.Providers[2] = &engine.Email{} }, level: fail, subject: `provider "email"`, says: "Sender is nil", fix: "set Sender"},
		{what: "an id twice", breaks: func(w *wellKept) { w.Providers = append(w.Providers, anybody()) }, level: fail, subject: "providers", says: "taken", fix: "another ID"},
		{what: "no issuer", breaks: func(w *wellKept) { w.oidc.Issuer = "" }, level: fail, subject: `provider "idp"`, says: "no issuer", fix: "AUTH_IDP_ISSUER"},
		{what: "no client id", breaks: func(w *wellKept) { w.oidc.ClientID = "" }, level: fail, subject: `provider "idp"`, says: "no client id", fix: "AUTH_IDP_ID"},
		{what: "no client secret", breaks: func(w *wellKept) { w.oidc.ClientSecret = "" }, level: fail, subject: `provider "idp"`, says: "no client secret", fix: "AUTH_IDP_SECRET"},
		{what: "an http issuer", breaks: func(w *wellKept) { w.oidc.Issuer = "http://idp.example" }, level: fail, subject: `provider "idp"`, says: "is http", fix: "correct"},
		{what: "an unreachable provider", breaks: func(w *wellKept) {
			w.idp.down = func(*http.Request) error { return errors.New("dial tcp: lookup idp.example: no such host") }
		}, level: fail, subject: `provider "idp"`, says: "no such host", fix: "can reach https://idp.example/.well-known"},
		{what: "a slash at the end of the issuer", breaks: func(w *wellKept) { w.oidc.Issuer += "/" }, level: fail, subject: `provider "idp"`, says: `issuer "https://idp.example", not of "https://idp.example/"`, fix: "slash at the end"},
		{what: "an issuer that is a web page", breaks: func(w *wellKept) { w.answers(discovery, 200, "text/html", "<h1>hello</h1>") }, level: fail, subject: `provider "idp"`, says: "not the metadata", fix: "check the issuer"},
		{what: "an issuer without metadata", breaks: func(w *wellKept) { w.answers(discovery, 404, "text/html", "") }, level: fail, subject: `provider "idp"`, says: "404", fix: "check the issuer"},
		{what: "keys that are not there", breaks: func(w *wellKept) { w.answers("/jwks", 404, "text/html", "") }, level: fail, subject: `provider "idp"`, says: "/jwks does not answer with keys (404", fix: "keys"},
		{what: "a wrong client secret", breaks: func(w *wellKept) { w.answers("/token", 401, "application/json", `{"error":"invalid_client"}`) }, level: fail, subject: `provider "idp"`, says: "invalid_client", fix: "check the client id and secret"},
		{what: "a wrong token endpoint", breaks: func(w *wellKept) {
			w.Providers[0] = w.plain()
			w.answers("/token", 404, "text/html", "<h1>not found</h1>")
		}, level: fail, subject: `provider "plain"`, says: "404", fix: "URL of the token endpoint"},
		{what: "a clock two minutes slow", breaks: func(w *wellKept) { w.date = start.Add(2 * time.Minute) }, level: fail, subject: "clock", says: `1m59s behind that of provider "idp"`, fix: "NTP"},
		{what: "a clock two minutes fast", breaks: func(w *wellKept) { w.date = start.Add(-2 * time.Minute) }, level: fail, subject: "clock", says: "2m1s ahead of", fix: "NTP"},
		{what: "a clock half a minute slow", breaks: func(w *wellKept) { w.date = start.Add(30 * time.Second) }, level: warn, subject: "clock", says: "behind", fix: "NTP"},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWellKept(t)
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
				case f.Level == c.level && f.Subject == c.subject && strings.Contains(f.Text, c.says) && strings.Contains(f.Fix, c.fix):
					found++
				default:
					t.Errorf("beside the cause: %+v", f)
				}
			}
			if found != 1 || report.OK() != (c.level < fail) {
				t.Errorf("the cause is named %d times, OK is %v", found, report.OK())
			}
			// One list: New refuses what does not need a network to be seen.
			eng, err := engine.New(w.Config)
			if err == nil {
				eng.Close()
			} else if report.OK() {
				t.Errorf("New refuses what Diagnose finds well: %v", err)
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

// What Diagnose says of a set-up that is well kept: all that was derived, and
// from what.
func TestDiagnose(t *testing.T) {
	w := newWellKept(t)
	w.sqlite("")
	w.env["AUTH_SECRET_1"] = "an-older-secret-0123456789-abcdefghijklm"
	w.Cookies.SessionToken.Domain = "example.com"
	w.age, w.date = "600", start.Add(-10*time.Minute) // out of a cache
	mails := w.Providers[2].(*engine.Email).Sender.(*mailbox)
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
		`provider "idp"`, "oidc; register https://app.example.com/api/auth/callback/idp as its redirect URI", "it answers, and knows the client",
		"credentials, checked by the application", "sent by *engine_test.mailbox",
		"0 problems, 0 warnings",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if !report.OK() || len(mails.sent) > 0 || strings.Contains(text, "canary") {
		t.Errorf("OK is %v, %d mails were sent", report.OK(), len(mails.sent))
	}
	if t.Failed() {
		t.Logf("\n%s", text)
	}

	// What comes of the rest of the configuration.
	for want, change := range map[string]func(*wellKept){
		"that of each request, for https://app.example.com, *.shop.example (AllowedHosts); X-Forwarded-Host and -Proto count from [10.0.0.0/8]": func(w *wellKept) {
			w.env["AUTH_URL"] = ""
			w.AllowedHosts, w.TrustedProxies = []string{"https://app.example.com", "*.shop.example"}, []string{"10.0.0.0/8"}
		},
		"that of each request, because AUTH_TRUST_HOST is true":  func(w *wellKept) { w.env["AUTH_URL"], w.env["AUTH_TRUST_HOST"] = "", "true" },
		"that of each request, because Config.TrustHost is true": func(w *wellKept) { w.env["AUTH_URL"] = ""; w.TrustHost = new(true) },
		"warn  public URL":                    func(w *wellKept) { w.env["AUTH_URL"] = "" },
		"that of each request to localhost\n": func(w *wellKept) { w.env["AUTH_URL"] = "" },
		"that of each request that comes from TrustedProxies, or goes to localhost; X-Forwarded-Host": func(w *wellKept) { w.env["AUTH_URL"] = ""; w.TrustedProxies = []string{"10.0.0.1"} },
		"register https://a.example/api/auth/callback/idp as": func(w *wellKept) {
			w.env["AUTH_URL"] = ""
			w.AllowedHosts = []string{"*.shop.example", "a.example", "https://b.example"}
		},
		"not secure, because UseSecureCookies says so": func(w *wellKept) { w.UseSecureCookies = new(false) },
		"not secure, because no public URL is set":     func(w *wellKept) { w.env["AUTH_URL"] = ""; w.AllowedHosts = []string{"https://a.example", "b.example"} },
		"and are extended on every read":               func(w *wellKept) { w.SessionUpdateAge = -1 },
		"(ent on sqlite3): it reads and writes": func(w *wellKept) { // a table that tokens do without; the layout is not looked at here
			w.exec(w.sqlite(""), `DROP TABLE "session"`)
			w.Adapter, w.SessionStrategy = named{w.Adapter}, engine.StrategyJWT
		},
		"https://app.example.com, from NEXTAUTH_URL": func(w *wellKept) { w.env["NEXTAUTH_URL"], w.env["AUTH_URL"] = w.env["AUTH_URL"], "" },
		"/auth, from BasePath":                       func(w *wellKept) { w.BasePath = "/auth" },
		"/api/auth, from BasePath; browsers see /shop/api/auth, a proxy takes the beginning off": func(w *wellKept) {
			w.BasePath, w.env["AUTH_URL"] = "/api/auth", "https://app.example.com/shop/api/auth"
		},
		"register https://app.example.com/shop/auth/callback/idp as":              func(w *wellKept) { w.env["AUTH_URL"] = "https://app.example.com/shop/auth" },
		"v4, for clients and servers of next-auth 4":                              func(w *wellKept) { w.Dialect = engine.DialectV4 },
		"not secure, because the public URL is http://localhost:3000: authjs.":    func(w *wellKept) { w.env["AUTH_URL"] = "http://localhost:3000" },
		"secure, because each of AllowedHosts is https":                           func(w *wellKept) { w.env["AUTH_URL"] = ""; w.AllowedHosts = []string{"https://a.example"} },
		"none: nothing is stored":                                                 func(w *wellKept) { w.Adapter, w.Providers = nil, w.Providers[:1] },
		"strategy jwt, from SessionStrategy":                                      func(w *wellKept) { w.SessionStrategy = engine.StrategyJWT },
		"oauth; register https://app.example.com/api/auth/callback/plain as":      func(w *wellKept) { w.Providers[0] = w.plain() },
		`*memory.Adapter: it reads and writes`:                                    func(*wellKept) {},
		"redirect URI, to be registered there, is <public URL>/api/auth/callback": func(w *wellKept) { w.env["AUTH_URL"] = ""; w.TrustedProxies = []string{"10.0.0.1"} },
	} {
		w := newWellKept(t)
		change(w)
		if report := engine.Diagnose(t.Context(), w.Config); !report.OK() || !strings.Contains(report.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, report)
		} else if text := report.String(); strings.Contains(text, "all hosts below") || strings.Contains(text, "Vercel") {
			t.Errorf("the report says more than it knows:\n%s", text)
		}
	}
	// Who names hosts or proxies is not told to.
	for what, change := range map[string]func(*wellKept){
		"hosts":             func(w *wellKept) { w.AllowedHosts = []string{"https://app.example.com"} },
		"proxies":           func(w *wellKept) { w.TrustedProxies = []string{"10.0.0.1"} },
		"hosts and trust":   func(w *wellKept) { w.AllowedHosts, w.TrustHost = []string{"https://app.example.com"}, new(true) },
		"proxies and trust": func(w *wellKept) { w.TrustedProxies, w.TrustHost = []string{"10.0.0.1"}, new(true) },
	} {
		w := newWellKept(t)
		w.env["AUTH_URL"] = ""
		change(w)
		if report := engine.Diagnose(t.Context(), w.Config); !strings.Contains(report.String(), "0 problems, 0 warnings") {
			t.Errorf("%s:\n%s", what, report)
		}
	}
	// Nothing at all is a report as well.
	if report := engine.Diagnose(t.Context(), engine.Config{Getenv: env()}); report.OK() || !strings.Contains(report.String(), "1 problem, 2 warnings") {
		t.Errorf("of nothing:\n%s", report)
	}
}

// stuck is an adapter whose database does not answer until it is told to.
type stuck struct {
	engine.Adapter
	until chan struct{}
}

func (a stuck) GetUser(context.Context, string) (engine.User, error) {
	<-a.until
	return engine.User{}, store.ErrNotFound
}

// What does not answer is waited for 15 seconds, not longer.
func TestDiagnoseHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWellKept(t)
		a := stuck{w.Adapter, make(chan struct{})}
		w.Adapter = a
		defer close(a.until)
		begin := time.Now()
		report := engine.Diagnose(context.Background(), w.Config)
		if took := time.Since(begin); took != 15*time.Second || report.OK() {
			t.Errorf("after %v: %s", took, report)
		}
	})
}

// Looking changes nothing.
func TestDiagnoseLeavesTheStoreAlone(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	link := b.askMail("carol@example.com")
	asked := newWellKept(t)
	asked.Adapter = s.store.adapter()
	if report := engine.Diagnose(t.Context(), asked.Config); !report.OK() {
		t.Fatal(report)
	}
	if b.user() != "alice@example.com" {
		t.Error("the session is gone")
	}
	b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
	if b.user() != "carol@example.com" {
		t.Error("the mail link is gone")
	}
}
