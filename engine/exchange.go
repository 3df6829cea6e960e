package engine

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/internal/wire"
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
	wrote   bool           // somebody signed in or was sent a mail: the store has new rows

	csrfToken   string
	callbackURL string
	always      []wire.SetCookie // set whatever comes of the request, before set

	ambient []wire.SetCookie // csrf token, callback URL
	set     []wire.SetCookie // what the flow sets
}

// exchange reads what every request needs: the clock, the public URL and the
// cookies.
func (e *Engine) exchange(r *http.Request) (*exchange, error) {
	x := &exchange{e: e, r: r, ctx: r.Context(), now: e.cfg.Now()}
	origin, silent, err := e.publicOrigin(r)
	if err != nil {
		return x, err
	}
	if silent && e.first("no X-Forwarded-Proto") {
		e.cfg.Logger.WarnContext(x.ctx, "auth: the proxy in front says X-Forwarded-Host but no X-Forwarded-Proto, as rewrites of Next.js do; "+
			"this site is taken for "+origin+", and its cookies are those of http",
			"code", "forwarded-proto-missing", "hint", "if browsers use https, set AUTH_URL to https"+strings.TrimPrefix(origin, "http"))
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

// first reports whether this engine is about to say something for the first
// time.
func (e *Engine) first(what string) bool {
	_, said := e.said.LoadOrStore(what, true)
	return !said
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

// withID adds to the URL of an error page which line of the log says more.
func (x *exchange) withID(u string, code Code) string {
	if code != CodeConfiguration || x.e.cfg.Parity.CompatiblePages || !plainID(x.requestID()) {
		return u
	}
	return withQuery(u, "requestId", x.id)
}

// carriedID is the request id in the URL of an error page.
func (x *exchange) carriedID(code string) string {
	if id := x.param("requestId"); strings.EqualFold(code, string(CodeConfiguration)) && !x.e.cfg.Parity.CompatiblePages && plainID(id) {
		return id
	}
	return ""
}

// plainID reports whether an id is of a form that servers make by themselves:
// 16 or 32 hex digits, or a UUID. Anybody can put an id into a URL, and the
// page that shows it must not say what they want ("call 555-0100").
func plainID(id string) bool {
	uuid := len(id) == 36
	if !uuid && len(id) != 16 && len(id) != 32 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if dash := uuid && (i == 8 || i == 13 || i == 18 || i == 23); dash != (c == '-') || !dash && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
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
	if cookie, ok := wire.CookieValue(x.cookies, x.site.cookies.csrf.Name); ok {
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
	c := x.site.cookies.csrf
	c.Value = cookie
	for i := range x.ambient {
		if x.ambient[i].Name == c.Name {
			x.ambient[i] = c
			return nil
		}
	}
	x.ambient = append(x.ambient, c)
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
		if x.ambient[i].Name == x.site.cookies.csrf.Name {
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
	if x.e.cfg.Parity.DangerousForeignOrigin {
		return nil
	}
	origin := x.r.Header.Get("Origin")
	other := origin != "" && !strings.EqualFold(origin, x.origin)
	if site := x.r.Header.Get("Sec-Fetch-Site"); site != "" {
		if site != "same-origin" && site != "none" {
			return fmt.Errorf("Sec-Fetch-Site is %q", cut(site))
		}
		if other && origin != "null" {
			x.noteOrigin(origin)
		}
		return nil
	}
	if other {
		return fmt.Errorf("the Origin %q is not %q", cut(origin), x.origin)
	}
	return nil
}

// noteOrigin says once that browsers are elsewhere than at the public URL. The
// cookies they get stay there, and redirects lead away from them.
func (x *exchange) noteOrigin(origin string) {
	if x.e.first("public URL differs") {
		x.e.cfg.Logger.WarnContext(x.ctx, fmt.Sprintf("auth: a browser is at %q, and the public URL is %s: redirects lead there, and cookies stay behind", cut(origin), x.origin),
			"code", "public-url-differs", "hint", "open the site at "+x.origin+", or set AUTH_URL to what browsers have in the address bar")
	}
}

// readCallbackURL settles where the browser goes afterwards: the body's
// callbackUrl, else the query's, else the cookie's, through the redirect
// callback; and keeps it in the cookie. A cookie that is no URL is replaced.
func (x *exchange) readCallbackURL() error {
	cookie, _ := wire.CookieValue(x.cookies, x.site.cookies.callbackURL.Name)
	wanted := ""
	if v, ok := x.form["callbackUrl"]; ok && v != "" {
		s, ok := v.(string)
		if !ok || !validCallbackURL(s) {
			return refuse(CodeConfiguration, "InvalidCallbackUrl", errCallbackURL, "")
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
		c := x.site.cookies.callbackURL
		c.Value = x.callbackURL
		x.ambient = append(x.ambient, c)
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
