package engine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/oauth"
	"github.com/sesame-auth/sesame/engine/wire"
)

// site is what depends on whether cookies are secure: their names, and the
// keys derived from the names.
type site struct {
	secure                               bool
	names                                wire.Names
	session, state, pkce, nonce, encoded *wire.Keys
}

func newSite(d *dialect, secure bool, secrets []string) *site {
	n := d.CookieNames(secure)
	return &site{
		secure:  secure,
		names:   n,
		session: d.SessionKeys(n.SessionToken, secrets...),
		state:   d.NewKeys(n.State, secrets...),
		pkce:    d.NewKeys(n.PKCECodeVerifier, secrets...),
		nonce:   d.NewKeys(n.Nonce, secrets...),
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
// collected, so that one run shows them all.
type settings struct {
	*Engine
	problems []error
}

func (s *settings) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Errorf(format, args...))
}

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
		c.HTTPClient = &http.Client{Timeout: 10 * time.Second}
		if shared, ok := http.DefaultTransport.(*http.Transport); ok {
			c.HTTPClient.Transport = shared.Clone() // Close ends its connections
			s.ownHTTP = true
		}
	}
	if !c.Wire.Valid() {
		s.problem("Wire is neither WireV5 nor WireV4")
		c.Wire = WireV5
	}
	s.dialect = dialectOf(c.Wire)
	s.adapter = c.Adapter
	if t, ok := c.Adapter.(TraitsDeclarer); ok {
		s.traits = t.Traits()
	}
	if err := c.Schema.Validate(); err != nil {
		s.problem("Schema: %w", err)
	}
	s.applySecrets()
	s.applyURL()
	s.applySession()
	s.applyProviders()
}

// minSecret is the shortest secret that is accepted. `openssl rand -base64 33`
// prints 44 characters.
const minSecret = 32

func (s *settings) applySecrets() {
	c := &s.cfg
	numbered := false // the old secrets are those of the environment
	if c.Secret == "" {
		if c.Secret = c.Getenv("AUTH_SECRET"); c.Secret == "" {
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
			s.problem("no secret: set AUTH_SECRET (or Config.Secret) to at least %d random characters, for instance from `openssl rand -base64 33`", minSecret)
			return
		case secret == "":
			s.problem("OldSecrets[%d] is empty", i-1)
			return
		case len(secret) < minSecret && i == 0:
			s.problem("the secret has %d characters, at least %d are needed: make one with `openssl rand -base64 33`", len(secret), minSecret)
		}
	}
	s.hashSecrets = s.hashed(secrets, numbered)
	s.csrf = wire.NewCSRF(s.hashSecrets...)
	s.sites[0] = newSite(s.dialect, false, secrets)
	s.sites[1] = newSite(s.dialect, true, secrets)
}

// hashed lists what tokens may be hashed with: what is written, as Auth.js with
// the same configuration writes it, and what is accepted. Of the numbered
// secrets of the environment next-auth takes none, and @auth/core puts all of
// them before AUTH_SECRET.
func (s *settings) hashed(secrets []string, numbered bool) []string {
	if numbered {
		return wire.HashSecrets(secrets[0], secrets, append(slices.Clone(secrets[1:]), secrets[0]))
	}
	if s.dialect.joinsSecrets {
		return wire.HashSecrets(strings.Join(secrets, ","), secrets)
	}
	return wire.HashSecrets(secrets[0], secrets)
}

func (s *settings) applyURL() {
	c := &s.cfg
	path := s.applyPublicURL()
	switch {
	case c.BasePath != "":
		s.base = strings.TrimRight(c.BasePath, "/")
		if !strings.HasPrefix(s.base, "/") || strings.ContainsAny(s.base, "?#% ") {
			s.problem("BasePath is %q: it begins with / and is a plain path such as /api/auth", c.BasePath)
		}
		if path != "" && path != s.base {
			c.Logger.Warn("auth: the path of the public URL differs from BasePath, which wins",
				"code", "env-url-basepath-mismatch", "path", path, "base_path", s.base)
		}
	case path != "":
		s.base = path
	default:
		s.base = "/api/auth"
	}
	if c.TrustHost != nil {
		s.trustHost = *c.TrustHost
		return
	}
	switch v := strings.ToLower(c.Getenv("AUTH_TRUST_HOST")); v {
	case "", "false", "0":
	case "true", "1":
		s.trustHost = true
	default:
		s.problem("AUTH_TRUST_HOST is %q: it is true or false", v)
	}
}

// applyPublicURL sets the origin from the public URL and returns its path.
func (s *settings) applyPublicURL() string {
	name, raw := "Config.URL", s.cfg.URL
	for _, env := range []string{"AUTH_URL", "NEXTAUTH_URL"} {
		if raw == "" {
			name, raw = env, s.cfg.Getenv(env)
		}
	}
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.User != nil: // not repeated: it may hold a password
		s.problem("%s is not a URL of a site such as https://app.example.com", name)
		return ""
	case (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		s.problem("%s is %q, which is not an http or https URL of a site such as https://app.example.com", name, raw)
		return ""
	}
	host := strings.ToLower(u.Host)
	if !validHost(host) {
		s.problem("%s has the host %q: write an international name in its ASCII form (xn--…)", name, u.Host)
		return ""
	}
	// Browsers leave the default port out.
	host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	s.origin = u.Scheme + "://" + host
	return strings.TrimRight(u.Path, "/")
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
		s.problem("SessionStrategy is %q: it is %q or %q", c.SessionStrategy, StrategyJWT, StrategyDatabase)
	}
	if s.strategy == StrategyDatabase && c.Adapter == nil {
		s.problem("SessionStrategy %q needs an Adapter", StrategyDatabase)
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
			s.problem("%s is %v: it is a whole number of seconds, at least one", d.name, d.Duration)
		}
	}
	if c.PurgeInterval == 0 {
		c.PurgeInterval = purgeInterval
	}
	switch {
	case c.JWTMaxAge > c.SessionMaxAge:
		s.problem("JWTMaxAge (%v) is longer than SessionMaxAge (%v): a token would outlive its session", c.JWTMaxAge, c.SessionMaxAge)
	case c.SessionUpdateAge == 0:
		c.SessionUpdateAge = min(24*time.Hour, c.SessionMaxAge/2, c.JWTMaxAge/2)
	case c.SessionUpdateAge > 0 && c.SessionUpdateAge < time.Second:
		s.problem("SessionUpdateAge is %v: it is at least a second, or negative for every read", c.SessionUpdateAge)
	case c.SessionUpdateAge >= c.JWTMaxAge && c.SessionUpdateAge < c.SessionMaxAge:
		s.problem("SessionUpdateAge (%v) is not shorter than JWTMaxAge (%v): a token would run out before it is issued anew", c.SessionUpdateAge, c.JWTMaxAge)
	}
	for _, page := range []struct{ name, url string }{
		{"SignIn", c.Pages.SignIn}, {"SignOut", c.Pages.SignOut}, {"Error", c.Pages.Error},
		{"VerifyRequest", c.Pages.VerifyRequest}, {"NewUser", c.Pages.NewUser}, {"VerifyEmail", c.Pages.VerifyEmail},
	} {
		if page.url != "" && (!validCallbackURL(page.url) || !safePath(page.url)) {
			s.problem("Pages.%s is %q: it is a path such as /login, or an http or https URL", page.name, page.url)
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
	s.byID = make(map[string]*provider, len(s.cfg.Providers))
	for i, configured := range s.cfg.Providers {
		if isNil(configured) {
			s.problem("Providers[%d] is nil", i)
			continue
		}
		p := &provider{ProviderInfo: configured.ProviderInfo()}
		if !validID(p.ID) {
			s.problem("Providers[%d]: the id %q is empty or cannot stand in a URL path: it has letters, digits, - _ . and ~ only", i, p.ID)
			continue
		}
		if s.byID[p.ID] != nil {
			s.problem("Providers[%d]: the id %q is taken by another provider", i, p.ID)
			continue
		}
		switch configured := configured.(type) {
		case *OIDC:
			issuer := or(configured.Issuer, s.env(p.ID, "ISSUER"))
			if issuer == "" {
				s.problem("provider %q: no issuer: set Issuer or %s", p.ID, envName(p.ID, "ISSUER"))
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
				s.problem("provider %q: Authorize is nil", p.ID)
			}
			if configured.CreateUsers && s.traits.AssignsIDs {
				s.problem("provider %q: CreateUsers needs an adapter that keeps the ids it is given; this one assigns its own", p.ID)
			}
		case *Email:
			p.email = configured
			p.secret = configured.Secret
			effective := or(p.secret, s.cfg.Secret)
			if d := configured.MaxAge; d != 0 && (d < time.Second || d%time.Second != 0) {
				s.problem("provider %q: MaxAge is %v: it is a whole number of seconds, at least one", p.ID, d)
			}
			if configured.Sender == nil {
				s.problem("provider %q: Sender is nil: nothing sends the mail", p.ID)
			}
			if s.cfg.Adapter == nil {
				s.problem("provider %q needs an Adapter to keep its tokens", p.ID)
			}
			for _, other := range s.providers {
				if other.email != nil && or(other.secret, s.cfg.Secret) == effective {
					s.problem("providers %q and %q: two e-mail providers need a Secret each, or a link of one would work at the other", other.ID, p.ID)
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
		s.problem("provider %q: no client id: set ClientID or %s", p.ID, envName(p.ID, "ID"))
	}
	if o.ClientSecret == "" && o.ClientAuth != "none" {
		s.problem("provider %q: no client secret: set ClientSecret or %s, or ClientAuth \"none\" for a public client", p.ID, envName(p.ID, "SECRET"))
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
			s.problem("provider %q: the check %q is not one of a provider of type %s", p.ID, check, p.Type)
		}
	}
	if !f.pkce && !f.state && !f.nonce {
		s.problem("provider %q: no checks: an answer of the provider could be forged", p.ID)
	}
	for _, name := range slices.Concat(harmlessParams, o.AllowedParams) {
		f.allowed[name] = true
	}
	for _, name := range o.AllowedParams {
		if oauth.IsProtocol(name) {
			s.problem("provider %q: AllowedParams names %q, which is part of the protocol", p.ID, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.AuthorizationParams)) {
		if oauth.IsProtocol(name) {
			s.problem("provider %q: AuthorizationParams names %q, which is part of the protocol", p.ID, name)
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
		s.problem("provider %q: %w", p.ID, err)
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
	return fmt.Errorf("engine: the configuration has problems:\n%w", errors.Join(s.problems...))
}
