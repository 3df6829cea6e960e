package engine

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// publicOrigin is the scheme and host under which browsers see this server
// (WIRE.md section 10).
func (e *Engine) publicOrigin(r *http.Request) (string, error) {
	if e.origin != "" {
		return e.origin, nil
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	host := r.Host
	forwarded := firstOfList(r.Header.Get("X-Forwarded-Host"))
	switch {
	case e.trustHost:
		host = or(forwarded, host)
		switch proto := firstOfList(r.Header.Get("X-Forwarded-Proto")); proto {
		case "":
		case "http", "https":
			scheme = proto
		default:
			return "", untrustedHost(fmt.Errorf("X-Forwarded-Proto is %q", cut(proto)), "the proxy in front must send http or https")
		}
	case isLoopback(host) && throughProxy(r.Header):
		return "", untrustedHost(errors.New("the request came through a proxy, but the host it was sent on to is this machine's"),
			"set AUTH_URL to the public URL of the site (or, if the proxy sets X-Forwarded-Host and X-Forwarded-Proto, AUTH_TRUST_HOST=true)")
	case !isLoopback(host):
		return "", untrustedHost(fmt.Errorf("the host %q is not trusted", cut(host)),
			"set AUTH_URL to the public URL of the site (or, behind a proxy that sets X-Forwarded-Host, AUTH_TRUST_HOST=true)")
	case isLoopback(forwarded):
		host = forwarded // a development server that passes requests on
	}
	if !validHost(host) {
		return "", untrustedHost(fmt.Errorf("the host %q is not a host name", cut(host)), "")
	}
	return scheme + "://" + host, nil
}

// throughProxy reports whether a proxy has left a trace that leads off this
// machine: then the loopback host of the request is not what browsers see, and
// taking it for a developer's would make every link wrong. The proxy of a
// development server names a loopback host itself.
func throughProxy(h http.Header) bool {
	if host := firstOfList(h.Get("X-Forwarded-Host")); host != "" && !isLoopback(host) {
		return true
	}
	if strings.EqualFold(firstOfList(h.Get("X-Forwarded-Proto")), "https") {
		return true
	}
	client := net.ParseIP(firstOfList(h.Get("X-Forwarded-For")))
	return client != nil && !client.IsLoopback()
}

func untrustedHost(err error, hint string) *Error {
	return refuse(CodeConfiguration, "UntrustedHost", err, hint) // anybody can send a Host
}

// firstOfList is the first element of a comma-separated header: the one the
// outermost proxy wrote.
func firstOfList(s string) string {
	s, _, _ = strings.Cut(s, ",")
	return strings.TrimSpace(s)
}

func isLoopback(host string) bool {
	if host == "" {
		return false
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// validHost reports whether host is a name or an address with an optional
// port, and nothing else that could stand in a URL.
func validHost(host string) bool {
	if host == "" || len(host) > 255 {
		return false
	}
	for i := range len(host) {
		c := host[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			continue
		}
		if strings.IndexByte("-._:[]", c) < 0 {
			return false
		}
	}
	return true
}

// maxCallbackURL is the longest callback URL, in bytes; escaped in its cookie
// it has at most maxEscapedURL, because browsers drop cookies above 4096.
const (
	maxCallbackURL = 2048
	maxEscapedURL  = 3800
)

// escapedLen is how long a value is in its cookie.
func escapedLen(s string) int {
	n := len(s)
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0) {
			n += 2
		}
	}
	return n
}

var errCallbackURL = errors.New("callbackUrl is not a path or an http(s) URL of at most 2048 bytes")

// validCallbackURL reports whether u may be asked for at all: a path, or an
// http or https URL. Where it may lead is for the redirect callback.
func validCallbackURL(u string) bool {
	if len(u) > maxCallbackURL || escapedLen(u) > maxEscapedURL {
		return false
	}
	for i := range len(u) {
		if u[i] < ' ' || u[i] == 0x7f {
			return false
		}
	}
	parsed, err := url.Parse(u)
	if err != nil {
		return false
	}
	return strings.HasPrefix(u, "/") || (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != ""
}

// ownURL is u when it is an absolute URL of this site, the site's URL of a
// path, and the site itself for everything else.
func (x *exchange) ownURL(u string) string {
	if rest, ok := strings.CutPrefix(u, x.origin); ok && (rest == "" || rest[0] == '/' || rest[0] == '?' || rest[0] == '#') {
		if safePath(rest) {
			return u
		}
		return x.origin
	}
	if strings.HasPrefix(u, "/") {
		if safePath(u) {
			return x.origin + u
		}
		return x.origin
	}
	if parsed, err := url.Parse(u); err == nil && strings.EqualFold(parsed.Scheme+"://"+parsed.Host, x.origin) && parsed.User == nil {
		return u
	}
	return x.origin
}

// safePath refuses what a browser may read as another host when the origin is
// cut off: //host and /\host.
func safePath(p string) bool {
	return len(p) < 2 || p[0] != '/' || (p[1] != '/' && p[1] != '\\')
}

// at is the absolute URL of one of the engine's endpoints.
func (x *exchange) at(path string) string { return x.origin + x.e.base + path }

// page is the absolute URL of a page of the application, or of the built-in
// one when there is none.
func (x *exchange) page(own, builtin string) string {
	switch {
	case own == "":
		return x.at(builtin)
	case strings.HasPrefix(own, "/"):
		return x.origin + own
	}
	return own
}

// withQuery adds parameters to a URL that may have some.
func withQuery(u string, pairs ...string) string {
	u, fragment, hasFragment := strings.Cut(u, "#")
	var b strings.Builder
	b.WriteString(u)
	sep := byte('?')
	if strings.Contains(u, "?") {
		sep = '&'
	}
	for i := 0; i < len(pairs); i += 2 {
		b.WriteByte(sep)
		b.WriteString(pairs[i])
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(pairs[i+1]))
		sep = '&'
	}
	if hasFragment {
		b.WriteByte('#')
		b.WriteString(fragment)
	}
	return b.String()
}

// requestedURL is the public URL of the request, whatever a router has done to
// r.URL since. One that is too long to come back to loses its query.
func (x *exchange) requestedURL() string {
	path := x.r.RequestURI
	if !strings.HasPrefix(path, "/") {
		path = x.r.URL.RequestURI()
	}
	if u := x.origin + path; validCallbackURL(u) {
		return u
	}
	path, _, _ = strings.Cut(path, "?")
	if u := x.origin + path; validCallbackURL(u) {
		return u
	}
	return x.origin
}
