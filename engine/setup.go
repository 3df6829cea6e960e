package engine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/internal/oauth"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// site is what depends on whether cookies are secure: their names, and the
// keys derived from the names.
type site struct {
	cookies                              cookieSet
	session, state, pkce, nonce, encoded *wire.Keys
}

func newSite(d *dialect, cookies cookieSet, secrets []string) *site {
	return &site{
		cookies: cookies,
		session: d.SessionKeys(cookies.session.Name, secrets...),
		state:   d.NewKeys(cookies.state.Name, secrets...),
		pkce:    d.NewKeys(cookies.pkce.Name, secrets...),
		nonce:   d.NewKeys(cookies.nonce.Name, secrets...),
		encoded: d.NewKeys(wire.StateSalt, secrets...),
	}
}

// provider is a configured Provider with what was derived from it. Exactly one
// of flow, credentials and email is set.
type provider struct {
	ProviderInfo
	flow        *flow
	credentials *Credentials
	email       *Email
	secret      string // of the e-mail tokens
}

// flow is an OIDC or OAuth 2.0 provider.
type flow struct {
	OAuthOptions
	client             *oauth.Client
	pkce, state, nonce bool
	allowed            map[string]bool // parameters of the sign-in request that are passed on
}

// settings are defaults and environment applied to a Config. All problems are
// collected, so that one run shows them all: New as an error, Diagnose as a
// report.
type settings struct {
	*Engine
	problems []error    // each a *problem
	warnings []*problem // what works, and may be meant otherwise

	secretFrom, urlFrom, trustFrom string // where they come from
}

// problem is a mistake of the configuration.
type problem struct {
	code    string // of a warning in the log of New; "": it is not there
	subject string
	err     error
	fix     string // what to do; "" when err says so
}

func (p *problem) Error() string {
	if p.fix == "" {
		return p.err.Error()
	}
	return p.err.Error() + ": " + p.fix
}

func (p *problem) Unwrap() error { return p.err }

func (s *settings) problem(subject, fix, format string, args ...any) {
	s.problems = append(s.problems, &problem{subject: subject, err: fmt.Errorf(format, args...), fix: fix})
}

// advise is a warning that only Diagnose gives.
func (s *settings) advise(subject, fix, format string, args ...any) {
	s.warn("", subject, fix, format, args...)
}

func (s *settings) warn(code, subject, fix, format string, args ...any) {
	s.warnings = append(s.warnings, &problem{code, subject, fmt.Errorf(format, args...), fix})
}

// providerProblem is a problem of the provider with the id.
func (s *settings) providerProblem(id, fix, format string, args ...any) {
	subject := about(id)
	s.problem(subject, fix, "%s: %w", subject, fmt.Errorf(format, args...))
}

// The subjects of problems.
const (
	aboutSecret    = "secret"
	aboutURL       = "public URL"
	aboutBasePath  = "base path"
	aboutCookies   = "cookies"
	aboutSessions  = "sessions"
	aboutSchema    = "schema"
	aboutPages     = "pages"
	aboutProviders = "providers"
	aboutAdapter   = "adapter"
	aboutDialect   = "dialect"
)

func (s *settings) apply() {
	c := &s.cfg
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{}
		if shared, ok := http.DefaultTransport.(*http.Transport); ok {
			c.HTTPClient.Transport = shared.Clone() // Close ends its connections
			s.ownHTTP = true
		}
	}
	if !c.Dialect.Valid() {
		s.problem(aboutDialect, "set it to one of the two", "Dialect is neither DialectV5 nor DialectV4")
		c.Dialect = DialectV5
	}
	s.dialect = dialectOf(c.Dialect)
	s.adapter = c.Adapter
	if t, ok := c.Adapter.(store.TraitsDeclarer); ok {
		s.traits = t.Traits()
	}
	if err := c.Schema.Validate(); err != nil {
		s.problem(aboutSchema, "correct the field that is named", "Schema: %w", err)
	}
	s.applyURL()
	s.applyCookies()
	s.applySecrets()
	s.applySession()
	s.applyProviders()
}

// minSecret is the shortest secret that is accepted. `openssl rand -base64 33`
// prints 44 characters.
const minSecret = 32

func (s *settings) applySecrets() {
	c := &s.cfg
	s.secretFrom = "Config.Secret"
	numbered := false // the old secrets are those of the environment
	if c.Secret == "" {
		s.secretFrom = "AUTH_SECRET"
		if c.Secret = c.Getenv("AUTH_SECRET"); c.Secret == "" {
			s.secretFrom = "NEXTAUTH_SECRET"
			c.Secret = c.Getenv("NEXTAUTH_SECRET")
		} else if c.OldSecrets == nil {
			for _, name := range []string{"AUTH_SECRET_3", "AUTH_SECRET_2", "AUTH_SECRET_1"} {
				if v := c.Getenv(name); v != "" {
					c.OldSecrets = append(c.OldSecrets, v)
					numbered = true
				}
			}
		}
	}
	secrets := append([]string{c.Secret}, c.OldSecrets...)
	for i, secret := range secrets {
		switch {
		case secret == "" && i == 0:
			s.problem(aboutSecret, fmt.Sprintf("set AUTH_SECRET (or Config.Secret) to at least %d random characters, for instance from `openssl rand -base64 33`", minSecret), "no secret")
			return
		case secret == "":
			s.problem(aboutSecret, "leave it out", "OldSecrets[%d] is empty", i-1)
			return
		case len(secret) < minSecret && i == 0:
			s.problem(aboutSecret, "make one with `openssl rand -base64 33`", "the secret has %d characters, at least %d are needed", len(secret), minSecret)
		}
	}
	s.adviseSecret()
	s.hashSecrets = s.hashed(secrets, numbered)
	s.csrf = wire.NewCSRF(s.hashSecrets...)
	for i, secure := range []bool{false, true} {
		s.sites[i] = newSite(s.dialect, newCookieSet(s.dialect, &c.Cookies, secure), secrets)
	}
}

// adviseSecret looks for what a secret should not be.
func (s *settings) adviseSecret() {
	c := &s.cfg
	if quoted := strings.Trim(c.Secret, " \t\r\n\"'"); quoted != c.Secret {
		s.warn("secret-quoted", aboutSecret, "write it without quotes and spaces, as its other readers see it (docker --env-file keeps quotes, Next.js takes them off)",
			"the secret begins or ends with a quote or a space, which count as part of it")
	}
	seen := make(map[rune]bool)
	for _, r := range c.Secret {
		seen[r] = true
	}
	if len(c.Secret) >= minSecret && len(seen) < 10 {
		s.advise(aboutSecret, "make one with `openssl rand -base64 33`", "the secret has only %d different characters, so it can be guessed", len(seen))
	}
	if other := c.Getenv("NEXTAUTH_SECRET"); other != "" && other != c.Secret && !slices.Contains(c.OldSecrets, other) {
		s.advise(aboutSecret, "unset NEXTAUTH_SECRET, or name it in OldSecrets if its sessions are still to count",
			"NEXTAUTH_SECRET is set to another secret than %s, and is not looked at", s.secretFrom)
	}
}

// hashed lists what tokens may be hashed with: what is written, as Auth.js with
// the same configuration writes it, and what is accepted. Of the numbered
// secrets of the environment next-auth takes none, and @auth/core puts all of
// them before AUTH_SECRET. A list may be on its way to another: a secret that is
// added stands second at first, and becomes the first one when all replicas
// know it.
func (s *settings) hashed(secrets []string, numbered bool) []string {
	if numbered {
		return wire.HashSecrets(secrets[0], secrets, append(slices.Clone(secrets[1:]), secrets[0]))
	}
	if s.dialect.joinsSecrets {
		accepted := wire.HashSecrets(strings.Join(secrets, ","), secrets)
		if len(secrets) > 1 {
			accepted = append(accepted, strings.Join(append([]string{secrets[1], secrets[0]}, secrets[2:]...), ","))
		}
		return accepted
	}
	return wire.HashSecrets(secrets[0], secrets)
}

func (s *settings) applySession() {
	c := &s.cfg
	switch c.SessionStrategy {
	case "":
		s.strategy = StrategyJWT
		if c.Adapter != nil {
			s.strategy = StrategyDatabase
		}
	case StrategyJWT, StrategyDatabase:
		s.strategy = c.SessionStrategy
	default:
		s.problem(aboutSessions, fmt.Sprintf("it must be %q or %q", StrategyJWT, StrategyDatabase), "SessionStrategy is %q", c.SessionStrategy)
	}
	if s.strategy == StrategyDatabase && c.Adapter == nil {
		s.problem(aboutSessions, "set Config.Adapter, or SessionStrategy to StrategyJWT", "SessionStrategy %q needs an Adapter", StrategyDatabase)
	}
	if c.SessionMaxAge == 0 {
		c.SessionMaxAge = 30 * 24 * time.Hour
	}
	if c.JWTMaxAge == 0 {
		c.JWTMaxAge = c.SessionMaxAge
	}
	for _, d := range []struct {
		name string
		time.Duration
	}{{"SessionMaxAge", c.SessionMaxAge}, {"JWTMaxAge", c.JWTMaxAge}} {
		if d.Duration < time.Second || d.Duration%time.Second != 0 {
			s.problem(aboutSessions, "it must be a whole number of seconds, at least one", "%s is %v", d.name, d.Duration)
		}
	}
	if c.PurgeInterval == 0 {
		c.PurgeInterval = purgeInterval
	}
	switch {
	case c.JWTMaxAge > c.SessionMaxAge:
		s.problem(aboutSessions, "a token would outlive its session; make it shorter", "JWTMaxAge (%v) is longer than SessionMaxAge (%v)", c.JWTMaxAge, c.SessionMaxAge)
	case c.SessionUpdateAge == 0:
		c.SessionUpdateAge = min(24*time.Hour, c.SessionMaxAge/2, c.JWTMaxAge/2)
	case c.SessionUpdateAge > 0 && c.SessionUpdateAge < time.Second:
		s.problem(aboutSessions, "it must be at least a second, or negative for every read", "SessionUpdateAge is %v", c.SessionUpdateAge)
	case c.SessionUpdateAge >= c.JWTMaxAge && c.SessionUpdateAge < c.SessionMaxAge:
		s.problem(aboutSessions, "a token would run out before it is issued anew; make it shorter", "SessionUpdateAge (%v) is not shorter than JWTMaxAge (%v)", c.SessionUpdateAge, c.JWTMaxAge)
	}
	if c.UserRefreshAge == 0 {
		c.UserRefreshAge = -1
		if c.Schema != nil && slices.ContainsFunc(c.Schema.User, func(f schema.Field) bool { return !schema.Builtin(f.Name) && f.InToken() }) {
			c.UserRefreshAge = 24 * time.Hour
		}
	}
	if c.UserRefreshAge > 0 && c.UserRefreshAge < time.Second {
		s.problem(aboutSessions, "it must be at least a second, or negative for never", "UserRefreshAge is %v", c.UserRefreshAge)
	}
	for _, page := range []struct{ name, url string }{
		{"SignIn", c.Pages.SignIn}, {"SignOut", c.Pages.SignOut}, {"Error", c.Pages.Error},
		{"VerifyRequest", c.Pages.VerifyRequest}, {"NewUser", c.Pages.NewUser}, {"VerifyEmail", c.Pages.VerifyEmail},
	} {
		if page.url != "" && (!validCallbackURL(page.url) || !safePath(page.url)) {
			s.problem(aboutPages, "it must be a path such as /login, or an http or https URL", "Pages.%s is %q", page.name, page.url)
		}
	}
}

// harmlessParams are authorization parameters that say how to ask the user,
// not who asks or where the answer goes (OpenID Connect Core 3.1.2.1 and what
// large providers add).
var harmlessParams = []string{
	"acr_values", "claims_locales", "display", "hd", "login_hint", "max_age", "prompt", "screen_hint", "ui_locales",
}

func (s *settings) applyProviders() {
	if len(s.cfg.Providers) == 0 {
		s.advise(aboutProviders, "set Config.Providers", "there is no way to sign in")
	}
	s.byID = make(map[string]*provider, len(s.cfg.Providers))
	for i, configured := range s.cfg.Providers {
		if isNil(configured) {
			s.problem(aboutProviders, "leave it out", "Providers[%d] is nil", i)
			continue
		}
		p := &provider{ProviderInfo: configured.ProviderInfo()}
		if !validID(p.ID) {
			s.problem(aboutProviders, "it must have letters, digits, - _ . and ~ only", "Providers[%d]: the id %q is empty or cannot stand in a URL path", i, p.ID)
			continue
		}
		if s.byID[p.ID] != nil {
			s.problem(aboutProviders, "give one of the two another ID", "Providers[%d]: the id %q is taken by another provider", i, p.ID)
			continue
		}
		switch configured := configured.(type) {
		case *OIDC:
			issuer := or(configured.Issuer, s.env(p.ID, "ISSUER"))
			if issuer == "" {
				s.providerProblem(p.ID, "set Issuer or "+envName(p.ID, "ISSUER"), "no issuer")
			} else {
				s.applyFlow(p, configured.OAuthOptions, oauth.Config{Issuer: issuer, UserInfo: configured.UserInfo})
			}
		case *OAuth2:
			s.applyFlow(p, configured.OAuthOptions, oauth.Config{
				AuthorizationURL: configured.AuthorizationURL,
				TokenURL:         configured.TokenURL,
				UserInfoURL:      configured.UserInfoURL,
			})
		case *Credentials:
			p.credentials = configured
			if configured.Authorize == nil {
				s.providerProblem(p.ID, "set Authorize, which checks what was typed", "Authorize is nil")
			}
			if configured.CreateUsers && s.traits.AssignsIDs {
				s.providerProblem(p.ID, "leave CreateUsers out, and create the user in Authorize", "CreateUsers needs an adapter that keeps the ids it is given; this one assigns its own")
			}
		case *Email:
			p.email = configured
			p.secret = configured.Secret
			effective := or(p.secret, s.cfg.Secret)
			if d := configured.MaxAge; d != 0 && (d < time.Second || d%time.Second != 0) {
				s.providerProblem(p.ID, "it must be a whole number of seconds, at least one", "MaxAge is %v", d)
			}
			if configured.Sender == nil {
				s.providerProblem(p.ID, "set Sender, which sends the mail", "Sender is nil")
			}
			if s.cfg.Adapter == nil {
				s.providerProblem(p.ID, "set Config.Adapter", "it needs an Adapter to keep its tokens")
			}
			for _, other := range s.providers {
				if other.email != nil && or(other.secret, s.cfg.Secret) == effective {
					s.problem(aboutProviders, "give each a Secret of its own, or a link of one would work at the other", "providers %q and %q: two e-mail providers with the same secret", other.ID, p.ID)
				}
			}
		}
		if p.Type == "oidc" {
			p.Type = s.dialect.oidcType
		}
		s.providers = append(s.providers, p)
		s.byID[p.ID] = p
	}
}

// isNil reports whether there is no provider, also inside the interface.
func isNil(p Provider) bool {
	switch p := p.(type) {
	case *OIDC:
		return p == nil
	case *OAuth2:
		return p == nil
	case *Credentials:
		return p == nil
	case *Email:
		return p == nil
	}
	return true
}

func (s *settings) applyFlow(p *provider, o OAuthOptions, c oauth.Config) {
	o.ClientID = or(o.ClientID, s.env(p.ID, "ID"))
	o.ClientSecret = or(o.ClientSecret, s.env(p.ID, "SECRET"))
	if o.ClientID == "" {
		s.providerProblem(p.ID, "set ClientID or "+envName(p.ID, "ID"), "no client id")
	}
	if o.ClientSecret == "" && o.ClientAuth != "none" {
		s.providerProblem(p.ID, "set ClientSecret or "+envName(p.ID, "SECRET")+", or ClientAuth \"none\" for a public client", "no client secret")
	}
	if o.Checks == nil {
		o.Checks = []Check{CheckPKCE, CheckState}
		if p.Type == "oidc" {
			o.Checks = append(o.Checks, CheckNonce)
		}
	}
	f := &flow{OAuthOptions: o, allowed: make(map[string]bool)}
	for _, check := range o.Checks {
		switch {
		case check == CheckPKCE:
			f.pkce = true
		case check == CheckState:
			f.state = true
		case check == CheckNonce && p.Type == "oidc":
			f.nonce = true
		default:
			s.providerProblem(p.ID, "use CheckPKCE, CheckState or (OpenID Connect) CheckNonce", "the check %q is not one of a provider of type %s", check, p.Type)
		}
	}
	if !f.pkce && !f.state && !f.nonce {
		s.providerProblem(p.ID, "leave Checks out for the default", "no checks: an answer of the provider could be forged")
	}
	for _, name := range slices.Concat(harmlessParams, o.AllowedParams) {
		f.allowed[name] = true
	}
	for _, name := range o.AllowedParams {
		if oauth.IsProtocol(name) {
			s.providerProblem(p.ID, "leave it out", "AllowedParams names %q, which is part of the protocol", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.AuthorizationParams)) {
		if oauth.IsProtocol(name) {
			s.providerProblem(p.ID, "leave it out", "AuthorizationParams names %q, which is part of the protocol", name)
		}
	}
	c.ClientID, c.ClientSecret, c.ClientAuth = o.ClientID, o.ClientSecret, o.ClientAuth
	c.Scopes, c.Params, c.AllowInsecureHTTP = o.Scopes, o.AuthorizationParams, o.AllowInsecureHTTP
	c.HTTPClient, c.Now = s.cfg.HTTPClient, s.cfg.Now
	if o.ClientID == "" {
		return // said above
	}
	client, err := oauth.New(c)
	if err != nil {
		s.providerProblem(p.ID, "correct the fields that are named", "%w", err)
		return
	}
	f.client = client
	p.flow = f
}

func validID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0) {
			return false
		}
	}
	return id != "" && id != "." && id != ".."
}

func envName(id, suffix string) string {
	return "AUTH_" + strings.ToUpper(strings.ReplaceAll(id, "-", "_")) + "_" + suffix
}

func (s *settings) env(id, suffix string) string { return s.cfg.Getenv(envName(id, suffix)) }

func (s *settings) err() error {
	if len(s.problems) == 0 {
		return nil
	}
	return fmt.Errorf("engine: the configuration has problems (Diagnose says more):\n%w", errors.Join(s.problems...))
}
