package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// The cookie names on http sites. Those on https sites have a prefix; see
// site.name.
const (
	sessionCookie  = "authjs.session-token"
	csrfCookie     = "authjs.csrf-token"
	callbackCookie = "authjs.callback-url"
	stateCookie    = "authjs.state"
	pkceCookie     = "authjs.pkce.code_verifier"
	nonceCookie    = "authjs.nonce"
)

// Cookie names of next-auth 4.
const (
	sessionCookieV4 = "next-auth.session-token"
	csrfCookieV4    = "next-auth.csrf-token"
)

const (
	httpOrigin  = "http://localhost:3000"
	httpsOrigin = "https://app.example.com"

	testSecret = "canary-secret-0123456789-abcdefghijklmnop"
	password   = "canary-password-correct-horse"
)

var (
	startTime  = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	strategies = []engine.Strategy{engine.StrategyJWT, engine.StrategyDatabase}
)

// site is an engine with the fakes around it.
type site struct {
	t      testing.TB
	origin string
	eng    *engine.Engine
	store  *storeSpy // nil without an adapter
	clock  *clock
	logs   *logs
	mails  *mailbox
	idp    *idp
	// foreignHosts are the other hosts that Location may have.
	foreignHosts []string

	mu       sync.Mutex
	canaries map[string]string // values that must never be logged, with a description
	history  []logLine         // of the log before resetLog
}

// alice returns the user that the credentials provider returns for password.
func alice() *engine.User {
	return &engine.User{ID: "alice-id", Name: new("Alice"), Email: new("alice@example.com"), Image: new("https://example.com/alice.png")}
}

// anybody returns a credentials provider that signs in alice without a password.
func anybody() *engine.Credentials {
	return &engine.Credentials{Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) { return alice(), nil }}
}

// env returns a Getenv of pairs of names and values.
func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

// newSite returns a site with an OIDC, an OAuth 2.0 and a credentials provider.
// Each of change modifies the configuration; withStore adds a store and an e-mail
// provider.
func newSite(t testing.TB, change ...func(*site, *engine.Config)) *site {
	t.Helper()
	s := &site{
		t: t, origin: httpOrigin, clock: &clock{now: startTime}, logs: &logs{}, mails: &mailbox{},
		canaries: map[string]string{testSecret: "the secret", password: "the password", clientSecret: "the client secret"},
	}
	s.idp = newIDP(s)
	s.foreignHosts = []string{"idp.example", "other.example", "oauth.example"}
	cfg := engine.Config{
		Secrets:    []string{testSecret},
		Now:        s.clock.Now,
		Rand:       newDice(1),
		Logger:     slog.New(s.logs),
		HTTPClient: &http.Client{Transport: s.idp},
		Getenv:     func(string) string { return "" },
		Providers: []engine.Provider{
			&engine.OIDC{ID: "oidc", Name: "The IdP", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}},
			&engine.OAuth2{ID: "oauth", Name: "The OAuth", AuthorizationURL: "https://oauth.example/authorize", TokenURL: "https://oauth.example/token",
				UserInfoURL: "https://oauth.example/userinfo", OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}},
			&engine.Credentials{
				Inputs: []engine.Input{{Name: "username"}, {Name: "password", Type: "password"}},
				Authorize: func(_ context.Context, v map[string]string, _ *http.Request) (*engine.User, error) {
					if v["password"] != password {
						return nil, nil
					}
					return alice(), nil
				},
			},
		},
	}
	for _, f := range change {
		f(s, &cfg)
	}
	if cfg.URL != "" {
		s.origin = cfg.URL
	}
	eng, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.eng = eng
	t.Cleanup(s.checkLogs)
	return s
}

// withStore adds a memory adapter for the current schema of c, and an e-mail
// provider.
func withStore(s *site, c *engine.Config) {
	s.store = newStoreSpy(memory.New(c.Schema))
	c.Adapter = s.store.adapter()
	c.Providers = append(c.Providers, &engine.Email{SendVerificationRequest: s.mails.SendVerificationRequest})
}

// withStrategy is withStore with a session strategy and with alice in the store.
func withStrategy(strategy engine.Strategy) func(*site, *engine.Config) {
	return func(s *site, c *engine.Config) {
		withStore(s, c)
		c.SessionStrategy = strategy
		s.putUser(*alice())
	}
}

func withHTTPS(_ *site, c *engine.Config) { c.URL = httpsOrigin }

func withV4(_ *site, c *engine.Config) { c.Dialect = engine.DialectV4 }

func nameWritable(_ *site, c *engine.Config) {
	c.Schema = &engine.Schema{User: []schema.Field{{Name: "name", Client: schema.Write}}}
}

// name returns the name of a cookie on this site.
func (s *site) name(plain string) string {
	switch {
	case !strings.HasPrefix(s.origin, "https:"):
		return plain
	case plain == csrfCookie:
		return "__Host-" + plain
	}
	return "__Secure-" + plain
}

// putUser stores a user without the engine.
func (s *site) putUser(u engine.User) engine.User {
	s.t.Helper()
	u, err := s.store.inner.CreateUser(context.Background(), u)
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// setExtra stores an extra field of alice.
func (s *site) setExtra(name string, v any) {
	s.t.Helper()
	if _, err := s.store.inner.UpdateUser(context.Background(), store.UserUpdate{ID: "alice-id", Extra: map[string]any{name: v}}); err != nil {
		s.t.Fatal(err)
	}
}

// accountsOf returns the accounts of the user with the address.
func (s *site) accountsOf(address string) []engine.Account {
	s.t.Helper()
	u, err := s.store.inner.GetUserByEmail(context.Background(), address)
	if err != nil {
		s.t.Fatal(err)
	}
	accounts, err := s.store.inner.ListAccountsByUserID(context.Background(), u.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return accounts
}

// rowOf returns the stored session of a cookie.
func (s *site) rowOf(cookie string) (engine.AdapterSession, error) {
	sum := sha256.Sum256([]byte(cookie))
	return s.store.inner.GetSession(context.Background(), hex.EncodeToString(sum[:]))
}

const month = 30 * 24 * time.Hour
