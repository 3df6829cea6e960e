package engine

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/sesame-auth/sesame/internal/wire"
)

// Cookies changes names and attributes of cookies, as the option cookies of
// Auth.js does. An Auth.js server beside this one needs the same.
type Cookies struct {
	SessionToken, CallbackURL, CSRFToken, PKCECodeVerifier, State, Nonce CookieOptions
}

// CookieOptions are the name and the attributes of a cookie. The zero value is
// the default: the name of Config.Dialect, of one host, SameSite=Lax. HttpOnly,
// Path=/ and (on https) Secure are always there.
type CookieOptions struct {
	// Name is used as it is, on https and on http; but browsers take a name that
	// begins with __Secure- or __Host- from https only, so on http these are
	// left out. Whoever reads the session needs the same name: with DialectV5 it is
	// part of the key.
	Name string
	// Domain lets the hosts below it have the cookie too: with "example.com"
	// somebody who signs in at app.example.com is signed in at
	// api.example.com. Whoever runs one of those hosts can read and replace it.
	// A name that begins with __Host- cannot have one, and the default name of
	// CSRFToken does. In answers to a host elsewhere (localhost in development)
	// it is left out.
	Domain string
	// SameSite is 0 or http.SameSiteLaxMode, http.SameSiteStrictMode, or
	// http.SameSiteNoneMode, which frames of other sites need; on http that is
	// Lax. With Strict somebody who comes by a link of another site is signed
	// out on the first page.
	SameSite http.SameSite
	// Partitioned gives each site that has this one in a frame a cookie of its
	// own. It needs SameSite None, and is left out on http.
	Partitioned bool
}

// cookieSet is what the cookies of a site are like: everything but their
// values and times.
type cookieSet struct {
	session, callbackURL, csrf, pkce, state, nonce wire.SetCookie
}

// checks are the cookies of a sign-in under way, in the order of their clearing.
func (c *cookieSet) checks() [3]*wire.SetCookie {
	return [3]*wire.SetCookie{&c.state, &c.pkce, &c.nonce}
}

func newCookieSet(d *dialect, c *Cookies, secure bool) cookieSet {
	n := d.CookieNames(secure)
	like := func(name string, o *CookieOptions) wire.SetCookie {
		if wire.ValidCookieName(o.Name) { // another one is a problem of its own
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

// cookieDomain is a Domain as it is written: the dot that some put before it
// has meant nothing since RFC 6265.
func cookieDomain(domain string) string { return strings.ToLower(strings.TrimPrefix(domain, ".")) }

// within reports whether a host, with or without a port, may set cookies of a
// domain.
func within(host, domain string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// applyCookies checks Config.Cookies. The names of http and https are checked
// both, because a request decides.
func (s *settings) applyCookies() {
	c := &s.cfg.Cookies
	named := []struct {
		field   string
		options *CookieOptions
		lax     bool // it has to come along from other sites
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
			problem("it must have letters, digits and - _ . only", "Cookies.%s.Name is %q", n.field, o.Name)
		}
		s.checkDomain(n.field, o.Domain, problem)
		switch {
		case o.SameSite < 0 || o.SameSite > http.SameSiteNoneMode:
			problem("it must be 0 or http.SameSiteLaxMode, SameSiteStrictMode or SameSiteNoneMode", "Cookies.%s.SameSite is %d", n.field, o.SameSite)
		case o.SameSite == http.SameSiteStrictMode && n.lax:
			problem("leave it out, or use http.SameSiteLaxMode", "Cookies.%s.SameSite is Strict, so no sign-in comes back from a provider: browsers do not send the cookie along with its answer", n.field)
		case o.Partitioned && o.SameSite != http.SameSiteNoneMode:
			problem("set SameSite to http.SameSiteNoneMode", "Cookies.%s is Partitioned and not SameSite None, so no frame of another site gets it", n.field)
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
				problem("leave the Domain out, so that each host has its own, or set a Name that begins with __Secure-",
					"Cookies.%s has a Domain, and browsers refuse one for the name %s", named[i].field, a.Name)
			}
			for j, b := range all {
				if i < j && a.Name == b.Name || i != j && strings.HasPrefix(b.Name, a.Name+".") {
					problem("give each cookie a name that does not begin with that of another one",
						"Cookies.%s and Cookies.%s have the names %s and %s", named[i].field, named[j].field, a.Name, b.Name)
				}
			}
		}
		if !ok {
			return // once is enough
		}
	}
}

// checkDomain checks the Domain of a cookie by itself and against the hosts
// that are known.
func (s *settings) checkDomain(field, text string, problem func(fix, format string, args ...any)) {
	if text == "" {
		return
	}
	domain := cookieDomain(text)
	if !validHost(domain) || !strings.Contains(domain, ".") || strings.ContainsAny(domain, ":[]") || net.ParseIP(domain) != nil || strings.HasPrefix(domain, ".") {
		problem("it must be the name above all hosts that share the cookie, such as example.com", "Cookies.%s.Domain is %q", field, text)
		return
	}
	fix := "use the name that this host and those beside it end with, or leave it out"
	if at := host(s.origin); s.origin != "" && !within(at, domain) && !isLoopback(at) {
		problem(fix, "Cookies.%s.Domain is %q, and browsers refuse that from %s (%s)", field, text, at, s.urlFrom)
	}
	inside := func(a allowedHost) bool { return within(strings.TrimPrefix(a.host, "."), domain) }
	if s.origin == "" && len(s.hosts) > 0 && !slices.ContainsFunc(s.hosts, inside) {
		problem(fix, "Cookies.%s.Domain is %q, and browsers refuse that from each of AllowedHosts", field, text)
	}
}

// writeCookies adds cookies to an answer.
func (x *exchange) writeCookies(h http.Header, cookies []wire.SetCookie) {
	if len(cookies) == 0 {
		return
	}
	values := h["Set-Cookie"]
	for _, c := range cookies {
		switch {
		case c.Domain == "":
		case !within(host(x.origin), c.Domain):
			if at := host(x.origin); !isLoopback(at) && x.e.first("domain "+c.Domain) {
				x.e.cfg.Logger.WarnContext(x.ctx, "auth: a cookie is of this host alone, because browsers refuse its Domain from here",
					"request_id", x.requestID(), "code", "cookie-domain-elsewhere", "cookie", c.Name, "domain", c.Domain, "host", cut(at))
			}
			c.Domain = ""
		case x.hasCookie(c.Name):
			// It may be one of this host alone, of before the Domain was set. Of
			// two cookies of a name the older one is sent first, and counts.
			old := c
			old.Domain, old.Clear = "", true
			values = append(values, string(old.Append(nil)))
		}
		values = append(values, string(c.Append(make([]byte, 0, 160+len(c.Value)))))
	}
	h["Set-Cookie"] = values
}

// ---- size

const (
	// largeCookie is how many bytes of a session cookie, all chunks together,
	// are worth a line in the log.
	largeCookie = 4096
	// maxSessionCookie is the largest session cookie that is written, in bytes.
	// It comes back with every request, and Node.js, which Next.js runs on,
	// refuses requests whose headers have more than 16 KiB; common proxies stop
	// at 8.
	maxSessionCookie = 15 << 10
	// largeCookieEvery is how often the log says so, in seconds.
	largeCookieEvery = 3600
)

// checkSize refuses a session cookie that would lock its browser out, and says
// in the log what is large in one that is on its way there.
func (x *exchange) checkSize(t *Token, value string) error {
	if len(value) <= largeCookie {
		return nil
	}
	claim, size := largestClaim(t)
	if len(value) > maxSessionCookie {
		return fmt.Errorf("the session cookie would have %d bytes, more than the %d that servers and proxies take; the claim %q alone has %d",
			len(value), maxSessionCookie, cut(claim), size)
	}
	now, last := x.now.Unix(), x.e.saidLarge.Load()
	if (last == 0 || now-last >= largeCookieEvery) && x.e.saidLarge.CompareAndSwap(last, now) {
		x.e.cfg.Logger.WarnContext(x.ctx, "auth: a session cookie is large", "request_id", x.requestID(), "code", "session-cookie-large",
			"cause", fmt.Sprintf("it has %d bytes; the claim %q alone has %d", len(value), cut(claim), size),
			"hint", fmt.Sprintf("it comes with every request, common proxies refuse 8 KB of cookies, and above %d bytes none is written: keep less in the token", maxSessionCookie))
	}
	return nil
}

// largestClaim is the claim of a token that takes the most room, in bytes of
// JSON.
func largestClaim(t *Token) (name string, size int) {
	consider := func(claim string, n int) {
		if n > size || n == size && claim < name {
			name, size = claim, n
		}
	}
	for claim, s := range map[string]*string{"name": t.Name, "email": t.Email, "picture": t.Picture, "sub": &t.Subject} {
		if s != nil {
			consider(claim, len(*s))
		}
	}
	for claim, v := range t.Extra {
		if text, err := json.Marshal(v); err == nil {
			consider(claim, len(text))
		}
	}
	return name, size
}
