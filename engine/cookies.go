package engine

import (
	"net"
	"net/http"
	"strings"

	"github.com/sesame-auth/sesame/internal/wire"
)

// Cookies changes names and attributes of cookies, like the option cookies of
// Auth.js. An Auth.js server alongside this one needs the same settings.
type Cookies struct {
	SessionToken, CallbackURL, CSRFToken, PKCECodeVerifier, State, Nonce CookieOptions
}

// CookieOptions are the name and the attributes of a cookie. The zero value is
// the default: the name of Config.Dialect, no Domain, SameSite=Lax. HttpOnly,
// Path=/ and (on https) Secure are always set.
type CookieOptions struct {
	// Name is the name on https and on http. Browsers accept the prefixes
	// __Secure- and __Host- from https only, so on http they are omitted. All
	// readers of the session need the same name: with DialectV5 it is part of the
	// key.
	Name string
	// Domain shares the cookie with all hosts below it: with "example.com", a
	// user who signs in at app.example.com is signed in at api.example.com. Each
	// of those hosts can read and replace the cookie. A name that begins with
	// __Host-, such as the default one of CSRFToken, cannot have a Domain. In
	// answers to other hosts (localhost in development) it is omitted.
	Domain string
	// SameSite is 0 or http.SameSiteLaxMode, http.SameSiteStrictMode, or
	// http.SameSiteNoneMode, which frames of other sites need; on http, None
	// becomes Lax. With Strict, a user who follows a link from another site is
	// signed out on the first page.
	SameSite http.SameSite
	// Partitioned gives each site that embeds this one a separate cookie. It
	// needs SameSite None, and is omitted on http.
	Partitioned bool
}

// cookieSet holds the cookies of a site, without values and times.
type cookieSet struct {
	session, callbackURL, csrf, pkce, state, nonce wire.SetCookie
}

// checkCookies returns the cookies of a sign-in in progress, in the order of
// their clearing.
func (c *cookieSet) checkCookies() []*wire.SetCookie {
	return []*wire.SetCookie{&c.state, &c.pkce, &c.nonce}
}

func newCookieSet(d *dialect, c *Cookies, secure bool) cookieSet {
	n := d.CookieNames(secure)
	like := func(name string, o *CookieOptions) wire.SetCookie {
		if wire.ValidCookieName(o.Name) { // an invalid one is reported elsewhere
			name = o.Name
			if !secure {
				name = wire.PlainCookieName(name)
			}
		}
		s := wire.SetCookie{Name: name, Domain: cookieDomain(o.Domain), Secure: secure}
		switch {
		case o.SameSite == http.SameSiteStrictMode:
			s.SameSite = "Strict"
		case o.SameSite == http.SameSiteNoneMode && secure:
			s.SameSite, s.Partitioned = "None", o.Partitioned
		}
		return s
	}
	return cookieSet{
		session:     like(n.SessionToken, &c.SessionToken),
		callbackURL: like(n.CallbackURL, &c.CallbackURL),
		csrf:        like(n.CSRFToken, &c.CSRFToken),
		pkce:        like(n.PKCECodeVerifier, &c.PKCECodeVerifier),
		state:       like(n.State, &c.State),
		nonce:       like(n.Nonce, &c.Nonce),
	}
}

// cookieDomain returns a Domain without the leading dot, which RFC 6265 ignores.
func cookieDomain(domain string) string { return strings.ToLower(strings.TrimPrefix(domain, ".")) }

// within reports whether a host, with or without a port, may set cookies of a
// domain.
func within(host, domain string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == domain || strings.HasSuffix(host, "."+domain)
}
