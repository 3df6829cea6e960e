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

// Errors of reading a request or a token. They may be wrapped with details; use
// errors.Is to match them.
var (
	// ErrNoSession means that the request has no session token.
	ErrNoSession = errors.New("verify: no session")
	// ErrInvalid means that none of the secrets opens the token, or that it is
	// not a session token.
	ErrInvalid = errors.New("verify: invalid session token")
	// ErrExpired means that the token expired at least 15 seconds ago.
	ErrExpired = errors.New("verify: the session has expired")
	// ErrNotYet means that the token is not valid before more than 15 seconds
	// from now.
	ErrNotYet = errors.New("verify: the session is not valid yet")
)

// Errors with details. They are allocated once, so that a flood of invalid tokens
// is cheap.
var (
	errDatabase = fmt.Errorf("%w: it looks like the token of a database session, which only the server that stores the sessions can look up; this package supports the jwt strategy", ErrInvalid)
	errForeign  = fmt.Errorf("%w: none of the secrets opens it; it was made with another secret, or for another cookie name", ErrInvalid)
	errPlain    = fmt.Errorf("%w: the request has the session cookie of an http site, but that of an https site is expected; for http set UseSecureCookies to false, or AUTH_URL to the http URL", ErrNoSession)
	errSecure   = fmt.Errorf("%w: the request has the session cookie of an https site, but that of an http site is expected; set UseSecureCookies to true, or AUTH_URL to the https URL", ErrNoSession)
)

// Dialect is a major version of Auth.js on the wire: cookie names and session
// tokens. The zero value is [DialectV5].
type Dialect = wire.Dialect

const (
	DialectV5 = wire.V5 // next-auth 5 and @auth/core
	DialectV4 = wire.V4 // next-auth 4
)

// Config configures a [Verifier]. All fields have a default.
type Config struct {
	// Secrets are those of the servers at which users sign in: the current
	// secret and older ones that are still in use. Default: the values of the
	// environment variables AUTH_SECRET, AUTH_SECRET_3, AUTH_SECRET_2,
	// AUTH_SECRET_1 and NEXTAUTH_SECRET that are set.
	Secrets []string
	// Dialects are the versions of Auth.js whose tokens are read: DialectV5,
	// DialectV4. Default: both. A sign-out clears the cookie of one version: once
	// nobody signs in with the other any more, leave that out.
	Dialects []Dialect
	// CookieName is the name of the session cookie if the server does not use
	// that of next-auth (cookies.sessionToken.name, or Config.Cookies of the
	// engine). With DialectV5 it is part of the key. If UseSecureCookies is false, a
	// prefix __Secure- or __Host- is removed, as by the engine. Default: the
	// names of next-auth.
	CookieName string
	// UseSecureCookies selects the cookie names of https sites, which begin with
	// __Secure-, or those of http sites. If it is nil, the site is https unless
	// AUTH_URL, or else NEXTAUTH_URL, is an http URL.
	UseSecureCookies *bool
	// Schema describes the claims besides the built-in ones. It should be that of
	// the server that issues the tokens. Token.Extra then holds canonical values.
	// If it is nil, Token.Extra holds all claims as decoded from JSON.
	Schema *schema.Schema
	// Refused responds to a request that [Verifier.Require] rejects; err is the
	// error of [Verifier.Token]. Default: status 401 and JSON {"message": …}.
	Refused func(w http.ResponseWriter, r *http.Request, err error)

	// Logger receives one warning for each kind of probable configuration
	// mistake. Default: slog.Default().
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

// cookie is a cookie that may contain a session.
type cookie struct {
	name  string
	keys  *wire.Keys
	other string // name of the cookie at a site with the other scheme; may be the same
}

// New returns a Verifier with the keys derived from cfg. The error lists all
// problems of cfg.
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
		c.Dialects = []Dialect{DialectV5, DialectV4}
	}
	c.Secrets = secrets(c.Secrets, c.Getenv)
	switch {
	case len(c.Secrets) == 0:
		problem("no secret: set AUTH_SECRET, or Secrets, to the secret of the server at which users sign in")
	case slices.Contains(c.Secrets, ""):
		problem("Secrets[%d] is empty", slices.Index(c.Secrets, ""))
	}
	for i, d := range c.Dialects {
		if !d.Valid() {
			problem("Dialects[%d] is neither DialectV5 nor DialectV4", i)
		}
	}
	if c.CookieName != "" && !wire.ValidCookieName(c.CookieName) {
		problem("CookieName is %q, which is not a valid cookie name", c.CookieName)
	}
	if err := c.Schema.Validate(); err != nil {
		problem("Schema: %w", err)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("verify: invalid configuration:\n%w", errors.Join(problems...))
	}
	v.derive()
	return v, nil
}

// derive derives the keys for each cookie.
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

// cookieName returns CookieName for an https or http site.
func (c *Config) cookieName(secure bool) string {
	if secure {
		return c.CookieName
	}
	return wire.PlainCookieName(c.CookieName)
}

// secrets returns the configured secrets, or those of the environment.
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

// Token returns the claims of the request's session token. It reads the session
// cookie, which may be in chunks, or, if there is none, an Authorization header
// with the scheme Bearer. If there are cookies of several dialects, it returns the
// first valid token. The error is [ErrNoSession], [ErrExpired], [ErrInvalid] or
// [ErrNotYet].
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

// Decode returns the claims of a session token that was received in another way.
// The errors are those of [Verifier.Token].
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

// misnamed returns an error if there is a session cookie of a site with the other
// scheme, which is a common configuration mistake.
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

// warn logs a probable configuration mistake, once for each kind.
func (v *Verifier) warn(kind int, err error) {
	v.warned[kind].Do(func() { v.cfg.Logger.Warn("auth: a request is treated as signed out", "cause", err.Error()) })
}

// bearer returns the token of an Authorization header (RFC 6750 section 2.1).
// getToken of next-auth expects it to be percent-encoded, which does not change the
// characters of a token.
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
