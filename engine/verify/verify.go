package verify

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

// Errors of reading a request or a token. What they are wrapped in says more;
// match them with errors.Is.
var (
	// ErrNoSession: the request has no session token.
	ErrNoSession = errors.New("verify: no session")
	// ErrInvalid: there is a token, and none of the secrets opens it, or it is
	// not the token of a session.
	ErrInvalid = errors.New("verify: not a valid session token")
	// ErrExpired: the token ended 15 seconds ago or earlier.
	ErrExpired = errors.New("verify: the session has expired")
	// ErrNotYet: the token begins more than 15 seconds ahead.
	ErrNotYet = errors.New("verify: the session is not valid yet")
)

// What there is to say beyond the four errors. They are made once, so that a
// flood of bad tokens costs nothing.
var (
	errDatabase = fmt.Errorf("%w: it looks like the token of a database session, which only the server that keeps the sessions can look up; this package reads the jwt strategy", ErrInvalid)
	errForeign  = fmt.Errorf("%w: no secret opens it; it was made with another secret, or under another cookie name", ErrInvalid)
	errPlain    = fmt.Errorf("%w: there is a session cookie of a site with plain http, and that of https is looked for; for http set UseSecureCookies to false, or AUTH_URL to the http URL", ErrNoSession)
	errSecure   = fmt.Errorf("%w: there is a session cookie of a site with https, and that of plain http is looked for; set UseSecureCookies to true, or AUTH_URL to the https URL", ErrNoSession)
)

// Config configures a [Verifier]. The zero value of every field has a default.
type Config struct {
	// Secrets open tokens: those of the servers that people sign in at, the
	// current one and any older ones that are still in use. Default: those that
	// are set of AUTH_SECRET, AUTH_SECRET_3, AUTH_SECRET_2, AUTH_SECRET_1 and
	// NEXTAUTH_SECRET.
	Secrets []string
	// Dialects are the versions of Auth.js whose tokens are read: wire.V5,
	// wire.V4. Default: both. A sign-out clears the cookie of one version: once
	// nobody signs in with the other any more, leave that out.
	Dialects []wire.Dialect
	// CookieName is the name of the session cookie where the server has one of
	// its own (cookies.sessionToken.name, Config.Cookies of the engine); with V5
	// it is part of the key. A prefix __Secure- or __Host- is left out where
	// UseSecureCookies is false, as the engine does. Default: the names of
	// next-auth.
	CookieName string
	// UseSecureCookies looks for the names of https, which begin with
	// __Secure-, or for those of http. nil: those of https, unless AUTH_URL, or
	// else NEXTAUTH_URL, is an http URL.
	UseSecureCookies *bool
	// Schema describes the claims beside the built-in ones, as at the server
	// that writes them. They stand in Token.Extra as canonical values. nil: all
	// claims are there as JSON gives them.
	Schema *schema.Schema
	// Refused answers a request that [Verifier.Require] refuses; err is that of
	// [Verifier.Token]. Default: 401 and JSON {"message": …}.
	Refused func(w http.ResponseWriter, r *http.Request, err error)

	// Logger gets one warning for each kind of mistake that looks like one of
	// the set-up. Default: slog.Default().
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Getenv reads environment variables. Default: os.Getenv.
	Getenv func(string) string
}

// Verifier reads session tokens. It is safe for concurrent use.
type Verifier struct {
	cfg     Config
	cookies []cookie
	all     *wire.Keys // of all cookies, for a token without one
	warned  [3]sync.Once
}

// cookie is a place where a session may be.
type cookie struct {
	name  string
	keys  *wire.Keys
	other string // its name at a site with http in the place of https, or the other way round; it may be the same
}

// New checks cfg, fills in its defaults and derives the keys. The error names
// every problem of cfg.
func New(cfg Config) (*Verifier, error) {
	v := &Verifier{cfg: cfg}
	c := &v.cfg
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Refused == nil {
		c.Refused = refused
	}
	if len(c.Dialects) == 0 {
		c.Dialects = []wire.Dialect{wire.V5, wire.V4}
	}
	c.Secrets = secrets(c.Secrets, c.Getenv)
	switch {
	case len(c.Secrets) == 0:
		problem("no secret: set AUTH_SECRET, or Secrets, to that of the server that people sign in at")
	case slices.Contains(c.Secrets, ""):
		problem("Secrets[%d] is empty", slices.Index(c.Secrets, ""))
	}
	for i, d := range c.Dialects {
		if !d.Valid() {
			problem("Dialects[%d] is neither wire.V5 nor wire.V4", i)
		}
	}
	if c.CookieName != "" && !wire.ValidCookieName(c.CookieName) {
		problem("CookieName is %q, which cannot be the name of a cookie", c.CookieName)
	}
	if err := c.Schema.Validate(); err != nil {
		problem("Schema: %w", err)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("verify: the configuration has problems:\n%w", errors.Join(problems...))
	}
	v.derive()
	return v, nil
}

// derive makes the keys of each cookie.
func (v *Verifier) derive() {
	c := &v.cfg
	secure := c.secure()
	var all, custom []*wire.Keys
	for _, d := range c.Dialects {
		if c.CookieName != "" {
			custom = append(custom, d.SessionKeys(c.cookieName(secure), c.Secrets...))
			continue
		}
		name, other := d.CookieNames(secure).SessionToken, d.CookieNames(!secure).SessionToken
		keys := d.SessionKeys(name, c.Secrets...)
		v.cookies = append(v.cookies, cookie{name, keys, other})
		all = append(all, keys)
	}
	if c.CookieName != "" {
		all = custom
		v.cookies = []cookie{{c.cookieName(secure), wire.JoinKeys(custom...), c.cookieName(!secure)}}
	}
	v.all = wire.JoinKeys(all...)
}

// cookieName is CookieName as it is at a site with https, or with http.
func (c *Config) cookieName(secure bool) string {
	if secure {
		return c.CookieName
	}
	return wire.PlainCookieName(c.CookieName)
}

// secrets are the configured ones, or those of the environment.
func secrets(configured []string, getenv func(string) string) []string {
	if configured != nil {
		return slices.Clone(configured)
	}
	var out []string
	for _, name := range []string{"AUTH_SECRET", "AUTH_SECRET_3", "AUTH_SECRET_2", "AUTH_SECRET_1", "NEXTAUTH_SECRET"} {
		if secret := getenv(name); secret != "" && !slices.Contains(out, secret) {
			out = append(out, secret)
		}
	}
	return out
}

// secure reports whether the cookies are those of an https site.
func (c *Config) secure() bool {
	if c.UseSecureCookies != nil {
		return *c.UseSecureCookies
	}
	for _, name := range []string{"AUTH_URL", "NEXTAUTH_URL"} {
		if u := c.Getenv(name); u != "" {
			return !strings.HasPrefix(strings.ToLower(u), "http:")
		}
	}
	return true
}

// Token returns the claims of the request's session token: from the session
// cookie, also when it is in chunks, or without a cookie from an Authorization
// header of type Bearer. Where cookies of two dialects are there, the first
// that is valid counts. The error is [ErrNoSession], [ErrExpired], [ErrInvalid]
// or [ErrNotYet].
func (v *Verifier) Token(r *http.Request) (*schema.Token, error) {
	var failed error
	if headers := r.Header["Cookie"]; len(headers) > 0 {
		cookies := wire.ParseCookies(make([]wire.Cookie, 0, 16), headers)
		for i := range v.cookies {
			c := &v.cookies[i]
			text := wire.SessionCookie(cookies, c.name)
			if text == "" {
				continue
			}
			t, err := v.decode(c.keys, text)
			if err == nil {
				return t, nil
			}
			if failed == nil {
				failed = err
			}
		}
		if failed == nil {
			failed = v.misnamed(cookies)
		}
	}
	if failed == nil || errors.Is(failed, ErrNoSession) {
		if text, ok := bearer(r.Header); ok {
			return v.Decode(text)
		}
	}
	if failed == nil {
		failed = ErrNoSession
	}
	return nil, failed
}

// Decode returns the claims of a session token that came some other way. The
// error is as of [Verifier.Token].
func (v *Verifier) Decode(token string) (*schema.Token, error) {
	if token == "" {
		return nil, ErrNoSession
	}
	return v.decode(v.all, token)
}

func (v *Verifier) decode(keys *wire.Keys, text string) (*schema.Token, error) {
	t, _, err := keys.DecodeToken(text, v.cfg.Schema, v.cfg.Now())
	switch err {
	case nil:
		return t, nil
	case wire.ErrExpired:
		return nil, ErrExpired
	case wire.ErrNotYet:
		return nil, ErrNotYet
	}
	if strings.Count(text, ".") != 4 {
		if len(text) == len("00000000-0000-4000-8000-000000000000") && strings.Count(text, "-") == 4 {
			v.warn(0, errDatabase)
			return nil, errDatabase
		}
		return nil, ErrInvalid
	}
	v.warn(1, errForeign)
	return nil, errForeign
}

// misnamed finds a session of the site with another scheme, which is a common
// mistake of a set-up; nil when there is none.
func (v *Verifier) misnamed(cookies []wire.Cookie) error {
	for i := range v.cookies {
		c := &v.cookies[i]
		if wire.SessionCookie(cookies, c.other) == "" {
			continue
		}
		err := errPlain
		if !v.cfg.secure() {
			err = errSecure
		}
		v.warn(2, err)
		return err
	}
	return nil
}

// warn says once of each kind what may be wrong with the set-up.
func (v *Verifier) warn(kind int, err error) {
	v.warned[kind].Do(func() { v.cfg.Logger.Warn("auth: a request is taken as signed out", "cause", err.Error()) })
}

// bearer returns the token of an Authorization header (RFC 6750 section 2.1),
// which getToken of next-auth expects percent-encoded. The characters of a
// token are the same in both ways of writing it.
func bearer(h http.Header) (string, bool) {
	values := h["Authorization"]
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	token = strings.Trim(token, " ")
	return token, token != ""
}
