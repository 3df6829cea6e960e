package engine

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/sesame-auth/sesame/internal/wire"
)

// applyCookies checks Config.Cookies, with the names of both http and https,
// because the request may decide.
func (s *settings) applyCookies() {
	c := &s.cfg.Cookies
	named := []struct {
		field   string
		options *CookieOptions
		lax     bool // needed in requests from other sites
	}{
		{"SessionToken", &c.SessionToken, false}, {"CallbackURL", &c.CallbackURL, true}, {"CSRFToken", &c.CSRFToken, false},
		{"PKCECodeVerifier", &c.PKCECodeVerifier, true}, {"State", &c.State, true}, {"Nonce", &c.Nonce, true},
	}
	ok := true
	problem := func(fix, format string, args ...any) {
		ok = false
		s.problem(aboutCookies, fix, format, args...)
	}
	for _, n := range named {
		o := n.options
		if o.Name != "" && !wire.ValidCookieName(o.Name) {
			problem("use only letters, digits, - _ and .", "Cookies.%s.Name is %q", n.field, o.Name)
		}
		s.checkDomain(n.field, o.Domain, problem)
		switch {
		case o.SameSite < 0 || o.SameSite > http.SameSiteNoneMode:
			problem("use 0 or http.SameSiteLaxMode, SameSiteStrictMode or SameSiteNoneMode", "Cookies.%s.SameSite is %d", n.field, o.SameSite)
		case o.SameSite == http.SameSiteStrictMode && n.lax:
			problem("omit it, or use http.SameSiteLaxMode", "Cookies.%s.SameSite is Strict, which breaks sign-in with a provider: browsers do not send the cookie with its answer", n.field)
		case o.Partitioned && o.SameSite != http.SameSiteNoneMode:
			problem("set SameSite to http.SameSiteNoneMode", "Cookies.%s is Partitioned but not SameSite None, so frames of other sites do not get it", n.field)
		}
	}
	if !ok {
		return
	}
	for _, secure := range []bool{true, false} {
		set := newCookieSet(s.dialect, c, secure)
		all := []*wire.SetCookie{&set.session, &set.callbackURL, &set.csrf, &set.pkce, &set.state, &set.nonce}
		for i, a := range all {
			if a.Domain != "" && strings.HasPrefix(a.Name, "__Host-") {
				problem("omit the Domain, so that each host has its own cookie, or set a Name that begins with __Secure-",
					"Cookies.%s has a Domain, which browsers refuse for the name %s", named[i].field, a.Name)
			}
			for j, b := range all {
				if i < j && a.Name == b.Name || i != j && strings.HasPrefix(b.Name, a.Name+".") {
					problem("choose names of which none is a prefix of another",
						"Cookies.%s and Cookies.%s have the names %s and %s", named[i].field, named[j].field, a.Name, b.Name)
				}
			}
		}
		if !ok {
			return // avoid duplicates
		}
	}
}

// checkDomain checks the Domain of a cookie, also against the configured hosts.
func (s *settings) checkDomain(field, text string, problem func(fix, format string, args ...any)) {
	if text == "" {
		return
	}
	domain := cookieDomain(text)
	if !validHost(domain) || !strings.Contains(domain, ".") || strings.ContainsAny(domain, ":[]") || net.ParseIP(domain) != nil || strings.HasPrefix(domain, ".") {
		problem("use the common parent of the hosts that share the cookie, such as example.com", "Cookies.%s.Domain is %q", field, text)
		return
	}
	fix := "use the common parent of the hosts that share the cookie, or omit it"
	if at := hostOf(s.origin); s.origin != "" && !within(at, domain) && !isLoopback(at) {
		problem(fix, "Cookies.%s.Domain is %q, which browsers refuse from %s (%s)", field, text, at, s.urlFrom)
	}
	inside := func(a allowedHost) bool { return within(strings.TrimPrefix(a.host, "."), domain) }
	if s.origin == "" && len(s.hosts) > 0 && !slices.ContainsFunc(s.hosts, inside) {
		problem(fix, "Cookies.%s.Domain is %q, which browsers refuse from all AllowedHosts", field, text)
	}
}
