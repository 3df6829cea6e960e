package engine

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/internal/messages"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

// setUp applies defaults to the configuration and derives the engine from it.
func (e *Engine) setUp() *settings {
	s := &settings{core: e.core, mailSecrets: make(map[string]string)}
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
	if c.Observe != nil {
		c.Observe = observer(c.Observe).guarded(c.Logger)
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{}
		if shared, ok := http.DefaultTransport.(*http.Transport); ok {
			c.HTTPClient.Transport = shared.Clone() // Close ends its connections
			e.ownHTTP = true
		}
	}
	if !c.Dialect.Valid() {
		s.problem(aboutDialect, "set it to one of these", "Dialect is neither DialectV5 nor DialectV4")
		c.Dialect = DialectV5
	}
	s.dialect = dialectOf(c.Dialect)
	s.adapter = capabilitiesOf(c.Adapter, c.Observe)
	if err := c.Schema.Validate(); err != nil {
		s.problem(aboutSchema, "correct this field", "Schema: %w", err)
	}
	var err error
	if s.texts, err = messages.New(c.Messages); err != nil {
		s.problem(aboutPages, "correct these texts", "Messages: %w", err)
	}
	s.applyURL()
	s.applyCookies()
	s.applySecrets()
	s.applySession()
	e.setUpProviders(s)
	return s
}

// minSecret is the length of the shortest accepted secret. `openssl rand -base64
// 33` prints 44 characters.
const minSecret = 32

func (s *settings) applySecrets() {
	c := &s.cfg
	fix := fmt.Sprintf("set AUTH_SECRET (or Config.Secrets) to at least %d random characters, for instance from `openssl rand -base64 33`", minSecret)
	s.secretFrom = "Secrets[0]"
	numbered := false // whether the older secrets come from the environment
	if c.Secrets == nil {
		if v := c.Getenv("AUTH_SECRET"); v != "" {
			s.secretFrom = "AUTH_SECRET"
			c.Secrets = []string{v}
			for _, name := range []string{"AUTH_SECRET_3", "AUTH_SECRET_2", "AUTH_SECRET_1"} {
				if v := c.Getenv(name); v != "" {
					c.Secrets = append(c.Secrets, v)
					numbered = true
				}
			}
		} else if v := c.Getenv("NEXTAUTH_SECRET"); v != "" {
			s.secretFrom = "NEXTAUTH_SECRET"
			c.Secrets = []string{v}
		}
	}
	if len(c.Secrets) == 0 {
		s.problem(aboutSecret, fix, "no secret")
		return
	}
	s.secret = c.Secrets[0]
	for i, secret := range c.Secrets {
		switch {
		case secret == "" && i == 0:
			s.problem(aboutSecret, fix, "Secrets[0] is empty")
			return
		case secret == "":
			s.problem(aboutSecret, "remove it", "Secrets[%d] is empty", i)
			return
		case len(secret) < minSecret && i == 0:
			s.problem(aboutSecret, "make one with `openssl rand -base64 33`", "%s has %d characters, but needs at least %d", s.secretFrom, len(secret), minSecret)
		}
	}
	s.adviseSecret()
	s.hashSecrets = s.hashed(c.Secrets, numbered)
	s.csrf = wire.NewCSRF(s.hashSecrets...)
	for i, secure := range []bool{false, true} {
		s.sites[i] = newSiteKeys(s.dialect, newCookieSet(s.dialect, &c.Cookies, secure), c.Secrets)
	}
}

// adviseSecret warns about questionable secrets.
func (s *settings) adviseSecret() {
	c := &s.cfg
	if trimmed := strings.Trim(s.secret, " \t\r\n\"'"); trimmed != s.secret {
		s.warn("secret-quoted", aboutSecret, "write it without quotes and spaces, as other programs read it (docker --env-file keeps quotes, Next.js removes them)",
			"the secret begins or ends with a quote or a space, which is part of it")
	}
	seen := make(map[rune]bool)
	for _, r := range s.secret {
		seen[r] = true
	}
	if len(s.secret) >= minSecret && len(seen) < 10 {
		s.advise(aboutSecret, "make one with `openssl rand -base64 33`", "the secret has only %d different characters, so it can be guessed", len(seen))
	}
	if other := c.Getenv("NEXTAUTH_SECRET"); other != "" && !slices.Contains(c.Secrets, other) {
		s.advise(aboutSecret, "unset NEXTAUTH_SECRET, or add it to Secrets to keep its sessions valid",
			"NEXTAUTH_SECRET differs from %s, and is ignored", s.secretFrom)
	}
}

// hashed returns the secrets with which tokens may be hashed. The first one is
// for new tokens, as in Auth.js with the same configuration; all are accepted.
// next-auth ignores the numbered secrets of the environment, and @auth/core puts
// them before AUTH_SECRET. To rotate secrets, a new one is added in second place,
// and moved to the first once all replicas have it.
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
		s.problem(aboutSessions, fmt.Sprintf("use %q or %q", StrategyJWT, StrategyDatabase), "SessionStrategy is %q", c.SessionStrategy)
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
			s.problem(aboutSessions, "use a whole number of seconds, at least one", "%s is %v", d.name, d.Duration)
		}
	}
	if c.PurgeInterval == 0 {
		c.PurgeInterval = purgeInterval
	}
	switch {
	case c.JWTMaxAge > c.SessionMaxAge:
		s.problem(aboutSessions, "shorten it; a token would outlive its session", "JWTMaxAge (%v) is longer than SessionMaxAge (%v)", c.JWTMaxAge, c.SessionMaxAge)
	case c.SessionUpdateAge == 0:
		c.SessionUpdateAge = min(24*time.Hour, c.SessionMaxAge/2, c.JWTMaxAge/2)
	case c.SessionUpdateAge > 0 && c.SessionUpdateAge < time.Second:
		s.problem(aboutSessions, "use at least a second, or a negative value for every read", "SessionUpdateAge is %v", c.SessionUpdateAge)
	case c.SessionUpdateAge >= c.JWTMaxAge && c.SessionUpdateAge < c.SessionMaxAge:
		s.problem(aboutSessions, "shorten it; a token would expire before it is reissued", "SessionUpdateAge (%v) is not shorter than JWTMaxAge (%v)", c.SessionUpdateAge, c.JWTMaxAge)
	}
	if c.UserRefreshAge == 0 {
		c.UserRefreshAge = -1
		if c.Schema != nil && slices.ContainsFunc(c.Schema.User, func(f schema.Field) bool { return !schema.Builtin(f.Name) && f.InToken() }) {
			c.UserRefreshAge = 24 * time.Hour
		}
	}
	if c.UserRefreshAge > 0 && c.UserRefreshAge < time.Second {
		s.problem(aboutSessions, "use at least a second, or a negative value for never", "UserRefreshAge is %v", c.UserRefreshAge)
	}
	for _, page := range []struct{ name, url string }{
		{"SignIn", c.Pages.SignIn}, {"SignOut", c.Pages.SignOut}, {"Error", c.Pages.Error},
		{"VerifyRequest", c.Pages.VerifyRequest}, {"NewUser", c.Pages.NewUser}, {"VerifyEmail", c.Pages.VerifyEmail},
	} {
		if page.url != "" && (!validCallbackURL(page.url) || !safePath(page.url)) {
			s.problem(aboutPages, "use a path such as /login, or an http or https URL", "Pages.%s is %q", page.name, page.url)
		}
	}
}

// setUpProviders sets up the ways to sign in.
func (e *Engine) setUpProviders(s *settings) {
	if len(s.cfg.Providers) == 0 {
		s.advise(aboutProviders, "set Config.Providers", "no providers, so nobody can sign in")
	}
	e.byID = make(map[string]way, len(s.cfg.Providers))
	e.codes = make(map[string]failureCodes)
	e.actions = map[string]bool{"signin": true, "callback": true}
	for _, action := range s.dialect.actions {
		e.actions[action] = true
	}
	taken := make(map[string]bool)
	for i, configured := range s.cfg.Providers {
		if isNil(configured) {
			s.problem(aboutProviders, "remove it", "Providers[%d] is nil", i)
			continue
		}
		info := configured.ProviderInfo()
		if !validID(info.ID) {
			s.problem(aboutProviders, "use only letters, digits, - _ . and ~", "Providers[%d]: the id %q is empty or not valid in a URL path", i, info.ID)
			continue
		}
		if taken[info.ID] {
			s.problem(aboutProviders, "change one of the ids", "Providers[%d]: the id %q is already taken", i, info.ID)
			continue
		}
		taken[info.ID] = true
		var w way
		switch configured := configured.(type) {
		case builtin:
			w = configured.setUp(s, info)
		case SignInMethod:
			m := setUpMethod(s, configured, info)
			for key := range m.actions {
				e.actions[key.action] = true
			}
			w = m
		default:
			s.problem(aboutProviders, "use *OIDC, *OAuth2, *Credentials, *Email, or a SignInMethod", "Providers[%d] is a %T", i, configured)
		}
		if w == nil {
			continue
		}
		e.providers = append(e.providers, w)
		e.byID[info.ID], e.codes[info.ID] = w, w
	}
}

// isNil reports whether p is nil or holds a nil pointer.
func isNil(p Provider) bool {
	v := reflect.ValueOf(p)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// New checks cfg, applies defaults and returns an engine. It makes no network
// requests and starts no background work. The error lists all problems of cfg.
// Call Close when done.
func New(cfg Config) (*Engine, error) {
	e := newEngine(cfg)
	s := e.setUp()
	if err := s.err(); err != nil {
		return nil, err
	}
	for _, w := range s.warnings {
		if w.code != "" {
			e.cfg.Logger.Warn("auth: "+w.err.Error(), "code", w.code, "hint", w.fix)
		}
	}
	e.purging.start = e.cfg.Now()
	return e, nil
}

func dialectOf(d Dialect) *dialect {
	if d == DialectV4 {
		return dialectV4()
	}
	return dialectV5()
}
