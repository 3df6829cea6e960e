package wire

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Names holds the cookie names of one setup (WIRE.md section 3.1).
type Names struct {
	SessionToken, CSRFToken, CallbackURL, PKCECodeVerifier, State, Nonce, Challenge string
}

// CookieNames returns the names that Auth.js uses, with the prefixes __Secure-
// and __Host- if secure is set. next-auth 4 itself has no Challenge.
func (d Dialect) CookieNames(secure bool) Names {
	prefix := d.traits().cookiePrefix
	host := prefix
	if secure {
		prefix, host = "__Secure-"+prefix, "__Host-"+prefix
	}
	return Names{
		SessionToken:     prefix + "session-token",
		CSRFToken:        host + "csrf-token",
		CallbackURL:      prefix + "callback-url",
		PKCECodeVerifier: prefix + "pkce.code_verifier",
		State:            prefix + "state",
		Nonce:            prefix + "nonce",
		Challenge:        prefix + "challenge",
	}
}

// ValidCookieName reports whether name is a valid cookie name: a token (RFC 9110
// section 5.6.2) of at most 256 bytes.
func ValidCookieName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return name != "" && len(name) <= 256
}

// PlainCookieName returns name without the prefix __Secure- or __Host-. Browsers
// accept a cookie with such a prefix from https only (RFC 6265bis section 4.1.3).
func PlainCookieName(name string) string {
	for _, prefix := range []string{"__Secure-", "__Host-"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			return rest
		}
	}
	return name
}

// SetCookie is a cookie to set or to clear. It is always HttpOnly with Path=/. To
// clear a cookie, Domain, Secure and Partitioned must be those with which it was
// set.
type SetCookie struct {
	Name        string
	Value       string    // not encoded
	MaxAge      int       // in seconds; no Max-Age attribute if 0 or less
	Expires     time.Time // no Expires attribute if zero
	Clear       bool      // remove the cookie: empty value, Max-Age=0, no Expires
	Domain      string    // "" for the current host only
	Secure      bool
	Partitioned bool
	SameSite    string // "Strict", "None", or "" for Lax
}

// Append appends the value of the Set-Cookie header. The attributes are in the
// order of Auth.js; the value is encoded as by encodeURIComponent.
func (c SetCookie) Append(dst []byte) []byte {
	dst = append(dst, c.Name...)
	dst = append(dst, '=')
	if !c.Clear {
		dst = appendEscaped(dst, c.Value)
	}
	switch {
	case c.Clear:
		dst = append(dst, "; Max-Age=0"...)
	case c.MaxAge > 0:
		dst = append(dst, "; Max-Age="...)
		dst = strconv.AppendInt(dst, int64(c.MaxAge), 10)
	}
	if c.Domain != "" {
		dst = append(append(dst, "; Domain="...), c.Domain...)
	}
	dst = append(dst, "; Path=/"...)
	if !c.Clear && !c.Expires.IsZero() {
		dst = append(dst, "; Expires="...)
		dst = c.Expires.UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
	}
	dst = append(dst, "; HttpOnly"...)
	if c.Secure {
		dst = append(dst, "; Secure"...)
	}
	if c.Partitioned {
		dst = append(dst, "; Partitioned"...)
	}
	if c.SameSite == "" {
		return append(dst, "; SameSite=Lax"...)
	}
	return append(append(dst, "; SameSite="...), c.SameSite...)
}

// appendEscaped appends s, encoded as by encodeURIComponent (ECMA-262). Invalid
// UTF-8 becomes U+FFFD.
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for _, r := range s {
		if r < utf8.RuneSelf && unreserved(byte(r)) {
			dst = append(dst, byte(r))
			continue
		}
		var b [utf8.UTFMax]byte
		for _, c := range b[:utf8.EncodeRune(b[:], r)] {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0
}

// Cookie is a cookie of a request. Its value is still percent-encoded.
type Cookie struct{ Name, Value string }

// Limits of the Cookie headers. Anything beyond them is ignored.
const (
	maxCookieBytes = 64 << 10
	maxCookies     = 256
)

// ParseCookies appends the cookies in the Cookie headers to dst. It ignores
// anything that is not a cookie (no equals sign, no name, a control character),
// and everything beyond 64 KiB or 256 cookies. Quotes are part of the value.
// Cookies with the same name are all kept, in order.
func ParseCookies(dst []Cookie, headers []string) []Cookie {
	bytesLeft := maxCookieBytes
	limit := len(dst) + maxCookies
	for _, h := range headers {
		for h != "" {
			pair, rest, _ := strings.Cut(h, ";")
			h = rest
			if bytesLeft -= len(pair) + 1; bytesLeft < 0 || len(dst) == limit {
				return dst
			}
			name, value, ok := strings.Cut(pair, "=")
			name, value = trim(name), trim(value)
			if ok && name != "" && printable(name) && printable(value) {
				dst = append(dst, Cookie{Name: name, Value: value})
			}
		}
	}
	return dst
}

func trim(s string) string { return strings.Trim(s, " \t") }

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// CookieValue returns the percent-decoded value of the first cookie with the
// given name, and whether there is one. A value with a malformed percent sequence
// is returned undecoded.
func CookieValue(cookies []Cookie, name string) (string, bool) {
	for i := range cookies {
		if cookies[i].Name == name {
			return unescape(cookies[i].Value), true
		}
	}
	return "", false
}

// unescape decodes s as by decodeURIComponent. It returns s if that fails.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return s
		}
		high, low := unhex(s[i+1]), unhex(s[i+2])
		if high < 0 || low < 0 {
			return s
		}
		b = append(b, byte(high<<4|low))
		i += 2
	}
	if !utf8.Valid(b) {
		return s
	}
	return string(b)
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
