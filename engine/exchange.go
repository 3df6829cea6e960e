package engine

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/wire"
)

// exchange is one request in the engine, from its cookies to the cookies of
// the answer. It is used by one goroutine.
type exchange struct {
	e   *Engine
	r   *http.Request
	ctx context.Context
	now time.Time

	action     string // "session", "signin", …; "" in a handler of the application
	providerID string
	id         string // request id, made when first needed

	origin  string // public scheme and host
	site    *site
	cookies []wire.Cookie
	query   url.Values     // nil until parsed
	form    map[string]any // body of a POST; nil: none
	trusted bool           // called by the application: no CSRF check

	csrfToken   string
	callbackURL string
	keptChecks  []wire.SetCookie // clears the check cookies of this attempt, whatever comes of it

	ambient []wire.SetCookie // csrf token, callback URL
	set     []wire.SetCookie // what the flow sets
}

// exchange reads what every request needs: the clock, the public URL and the
// cookies.
func (e *Engine) exchange(r *http.Request) (*exchange, error) {
	x := &exchange{e: e, r: r, ctx: r.Context(), now: e.cfg.Now()}
	origin, err := e.publicOrigin(r)
	if err != nil {
		return x, err
	}
	x.origin = origin
	secure := strings.HasPrefix(origin, "https:")
	if e.cfg.UseSecureCookies != nil {
		secure = *e.cfg.UseSecureCookies
	}
	x.site = e.sites[0]
	if secure {
		x.site = e.sites[1]
	}
	if headers := r.Header["Cookie"]; len(headers) > 0 {
		x.cookies = wire.ParseCookies(make([]wire.Cookie, 0, 8), headers)
	}
	return x, nil
}

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

func untrustedHost(err error, hint string) *Error {
	return fail(CodeConfiguration, "UntrustedHost", err, hint)
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
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
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

// cut keeps what a stranger sent from filling the log.
func cut(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

// requestID names the request in the log: the X-Request-Id that a proxy gave
// it, or a random one.
func (x *exchange) requestID() string {
	if x.id != "" {
		return x.id
	}
	id := x.r.Header.Get("X-Request-Id")
	plain := id != "" && len(id) <= 64
	for i := 0; plain && i < len(id); i++ {
		c := id[i]
		plain = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._:/+=", c) >= 0
	}
	if !plain {
		var b [8]byte
		if _, err := io.ReadFull(x.e.cfg.Rand, b[:]); err != nil {
			return "unknown"
		}
		id = hex.EncodeToString(b[:])
	}
	x.id = id
	return id
}

// ---- the request's parameters

// maxBody is the largest body that is read, in bytes.
const maxBody = 64 << 10

var (
	errTooLarge  = errors.New("the body is larger than 64 KiB")
	errMalformed = errors.New("the body is not valid JSON")
)

// readBody parses the body of a POST: a form, or a JSON object. Anything else
// counts as no body (WIRE.md section 2.1). Of repeated members the last counts.
func (x *exchange) readBody(w http.ResponseWriter) error {
	mediaType, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if mediaType != "application/json" && mediaType != "application/x-www-form-urlencoded" {
		return nil
	}
	if x.r.ContentLength > maxBody {
		return errTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, x.r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return errTooLarge
		}
		return err
	}
	if mediaType == "application/json" {
		if len(body) == 0 {
			return nil
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			return errMalformed
		}
		x.form, _ = v.(map[string]any)
		return nil
	}
	values, _ := url.ParseQuery(string(body)) // what parses counts
	x.form = make(map[string]any, len(values))
	for name, v := range values {
		x.form[name] = v[len(v)-1]
	}
	return nil
}

// field returns a text member of the body, "" when it is absent or not text.
func (x *exchange) field(name string) string {
	s, _ := x.form[name].(string)
	return s
}

// param returns a query parameter; of repeated ones the last counts.
func (x *exchange) param(name string) string {
	if x.query == nil {
		if x.r.URL.RawQuery == "" {
			return ""
		}
		x.query = x.r.URL.Query()
	}
	if v := x.query[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// params returns the query with the last of repeated parameters only.
func (x *exchange) params() url.Values {
	x.param("")
	out := make(url.Values, len(x.query))
	for name, v := range x.query {
		out[name] = v[len(v)-1:]
	}
	return out
}

// ---- ambient cookies (WIRE.md section 3.2)

// readCSRF takes the CSRF token from its cookie, or makes a new one.
func (x *exchange) readCSRF() error {
	if cookie, ok := wire.CookieValue(x.cookies, x.site.names.CSRFToken); ok {
		if token, ok := x.e.csrf.Token(cookie); ok {
			x.csrfToken = token
			return nil
		}
	}
	return x.renewCSRF()
}

func (x *exchange) renewCSRF() error {
	token, cookie, err := x.e.csrf.New(x.e.cfg.Rand)
	if err != nil {
		return fail(CodeConfiguration, "RandomError", err, "the source of randomness failed")
	}
	x.csrfToken = token
	name := x.site.names.CSRFToken
	for i := range x.ambient {
		if x.ambient[i].Name == name {
			x.ambient[i].Value = cookie
			return nil
		}
	}
	x.ambient = append(x.ambient, wire.SetCookie{Name: name, Value: cookie, Secure: x.site.secure})
	return nil
}

// checkCSRF refuses a POST that another site may have caused: it must carry
// the CSRF token of the cookie, and come from this site as far as the browser
// says.
func (x *exchange) checkCSRF() *Error {
	if x.trusted {
		return nil
	}
	if err := x.checkOrigin(); err != nil {
		return refuse(CodeMissingCSRF, "MissingCSRF", err,
			"is the public URL (AUTH_URL) the one in the browser's address bar?")
	}
	for i := range x.ambient { // a token made for this answer proves nothing
		if x.ambient[i].Name == x.site.names.CSRFToken {
			return refuse(CodeMissingCSRF, "MissingCSRF", errors.New("the CSRF cookie is missing or not valid"),
				"a form must be posted with the cookies of GET csrf")
		}
	}
	if !wire.SameToken(x.field("csrfToken"), x.csrfToken) {
		return refuse(CodeMissingCSRF, "MissingCSRF", errors.New("csrfToken in the body is missing or not the cookie's"),
			"a form needs a hidden csrfToken from GET csrf")
	}
	return nil
}

// checkOrigin looks at what the browser says of the page that sent a POST
// (Fetch Metadata, else RFC 6454 Origin). A request without either is no
// browser's.
func (x *exchange) checkOrigin() error {
	if x.e.cfg.DangerousForeignOrigin {
		return nil
	}
	if site := x.r.Header.Get("Sec-Fetch-Site"); site != "" {
		if site == "same-origin" || site == "none" {
			return nil
		}
		return fmt.Errorf("Sec-Fetch-Site is %q", cut(site))
	}
	if origin := x.r.Header.Get("Origin"); origin != "" && !strings.EqualFold(origin, x.origin) {
		return fmt.Errorf("the Origin %q is not %q", cut(origin), x.origin)
	}
	return nil
}

// maxCallbackURL is the longest callback URL, in bytes: its cookie has to fit.
const maxCallbackURL = 2048

var errCallbackURL = errors.New("callbackUrl is not a path or an http(s) URL of at most 2048 bytes")

// validCallbackURL reports whether u may be asked for at all: a path, or an
// http or https URL. Where it may lead is for the redirect callback.
func validCallbackURL(u string) bool {
	if len(u) > maxCallbackURL {
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

// readCallbackURL settles where the browser goes afterwards: the body's
// callbackUrl, else the query's, else the cookie's, through the redirect
// callback; and keeps it in the cookie. A cookie that is no URL is replaced.
func (x *exchange) readCallbackURL() error {
	cookie, _ := wire.CookieValue(x.cookies, x.site.names.CallbackURL)
	wanted := ""
	if v, ok := x.form["callbackUrl"]; ok && v != "" {
		s, ok := v.(string)
		if !ok || !validCallbackURL(s) {
			return fail(CodeConfiguration, "InvalidCallbackUrl", errCallbackURL, "")
		}
		wanted = s
	}
	if wanted == "" {
		if wanted = x.param("callbackUrl"); wanted != "" && !validCallbackURL(wanted) {
			return errCallbackURL
		}
	}
	if wanted == "" && cookie != "" && validCallbackURL(cookie) {
		wanted = cookie
	}
	x.callbackURL = x.origin
	if wanted != "" {
		u, err := x.redirect(wanted)
		if err != nil {
			return err
		}
		x.callbackURL = u
	}
	if x.callbackURL != cookie {
		x.ambient = append(x.ambient, wire.SetCookie{Name: x.site.names.CallbackURL, Value: x.callbackURL, Secure: x.site.secure})
	}
	return nil
}

// redirect runs a URL through the redirect callback. What comes out may stand
// in Location.
func (x *exchange) redirect(u string) (string, error) {
	if x.e.cfg.Callbacks.Redirect == nil {
		return x.ownURL(u), nil
	}
	out, err := x.e.cfg.Callbacks.Redirect(x.ctx, RedirectParams{URL: u, BaseURL: x.origin})
	if err != nil {
		return "", fail(CodeConfiguration, "CallbackRouteError", fmt.Errorf("the redirect callback: %w", err), "")
	}
	if strings.HasPrefix(out, "/") {
		return x.ownURL(out), nil
	}
	if !validCallbackURL(out) {
		return "", fail(CodeConfiguration, "CallbackRouteError", fmt.Errorf("the redirect callback returned %q", cut(out)),
			"it must return a path or an http(s) URL")
	}
	return out, nil
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

// ---- URLs of this site

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
