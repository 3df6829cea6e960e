package engine

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// hostOf returns the host of an origin, with its port.
func hostOf(origin string) string {
	if u, err := url.Parse(origin); err == nil {
		return u.Host
	}
	return origin
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

// validHost reports whether host is a name or an address with an optional port.
func validHost(host string) bool {
	if len(host) > 255 {
		return false
	}
	name := host
	if at := strings.LastIndexByte(host, ':'); at > strings.IndexByte(host, ']') {
		if _, err := strconv.ParseUint(host[at+1:], 10, 16); err != nil {
			return false
		}
		name = host[:at]
	}
	if v6, ok := strings.CutPrefix(name, "["); ok {
		v6, closed := strings.CutSuffix(v6, "]")
		addr, err := netip.ParseAddr(v6)
		return closed && err == nil && addr.Is6() && addr.Zone() == ""
	}
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			continue
		}
		if strings.IndexByte("-._", c) < 0 {
			return false
		}
	}
	return name != ""
}

// maxCallbackURL is the longest callback URL, and maxEscapedURL the longest when
// escaped in its cookie, both in bytes. Browsers drop cookies above 4096.
const (
	maxCallbackURL = 2048
	maxEscapedURL  = 3800
)

// escapedLen returns the length of a value in its cookie.
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

// validCallbackURL reports whether u is a path, or an http or https URL. The
// redirect callback decides whether its target is allowed.
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

// safePath reports whether p cannot be read as another host by a browser, as
// //host and /\host can.
func safePath(p string) bool {
	return len(p) < 2 || p[0] != '/' || (p[1] != '/' && p[1] != '\\')
}

// withQuery adds parameters to a URL, which may already have some.
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

func validID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0) {
			return false
		}
	}
	return id != "" && id != "." && id != ".."
}
