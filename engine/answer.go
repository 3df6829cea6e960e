package engine

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sesame-auth/sesame/engine/internal/pages"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

// reply is the answer of a flow to the browser.
type reply struct {
	status     int
	header     []string // Content-Type; may be nil
	body       []byte
	location   string
	policy     string // Content-Security-Policy of a page
	bare       bool   // without ambient cookies and those that the flow set
	retryAfter int32  // Retry-After, in seconds; 0 for none
}

// These header values are shared between answers, which is safe because nothing
// writes into a header's values.
var (
	headerNoStore   = []string{"private, no-cache, no-store"}
	headerNoCache   = []string{"no-cache"}
	headerExpires   = []string{"0"}
	headerVary      = []string{"Cookie"}
	headerReferrer  = []string{"same-origin"}
	headerNoSniff   = []string{"nosniff"}
	headerFrameDeny = []string{"DENY"}
	headerJSON      = []string{"application/json"}
	headerHTML      = []string{"text/html; charset=utf-8"}
	headerText      = []string{"text/plain; charset=utf-8"}

	headerJSONCharset = []string{"application/json; charset=utf-8"}
)

// write sends the answer with all of its cookies.
func (x *exchange) write(w http.ResponseWriter, a *reply) {
	h := w.Header()
	commonHeaders(h)
	if a.policy != "" {
		h["Content-Security-Policy"] = []string{a.policy}
		h["X-Frame-Options"] = headerFrameDeny
	}
	if !a.bare {
		x.writeCookies(h, x.ambient)
	}
	x.writeCookies(h, x.always)
	if !a.bare {
		x.writeCookies(h, x.set)
	}
	if a.location != "" {
		h["Location"] = []string{a.location}
	}
	if a.retryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(int(a.retryAfter))}
	}
	if a.header != nil {
		h["Content-Type"] = a.header
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// commonHeaders forbids caching, content sniffing and Referer headers to other
// sites for every answer (ASVS 5.0 V3.4, V14).
func commonHeaders(h http.Header) {
	h["Cache-Control"] = headerNoStore
	h["Pragma"] = headerNoCache
	h["Expires"] = headerExpires
	h["Vary"] = headerVary
	h["Referrer-Policy"] = headerReferrer
	h["X-Content-Type-Options"] = headerNoSniff
}

// addCookies sets the cookies of x on an answer of the application.
func (x *exchange) addCookies(w http.ResponseWriter) {
	h := w.Header()
	if !slices.ContainsFunc(h["Vary"], func(v string) bool { return headerHas(v, "Cookie") }) {
		h.Add("Vary", "Cookie")
	}
	if len(x.ambient)+len(x.always)+len(x.set) == 0 {
		return
	}
	keepPrivate(h)
	for _, cookies := range [][]wire.SetCookie{x.ambient, x.always, x.set} {
		for _, c := range cookies {
			// Replace a cookie that was set earlier in this request.
			h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(v string) bool { return strings.HasPrefix(v, c.Name+"=") })
		}
		x.writeCookies(h, cookies)
	}
	x.setCookies = setCookies{}
}

// headerHas reports whether a comma-separated header has an element.
func headerHas(list, element string) bool {
	for v := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(v), element) {
			return true
		}
	}
	return false
}

// keepPrivate keeps shared caches from storing an answer with a cookie.
func keepPrivate(h http.Header) {
	if c := strings.ToLower(h.Get("Cache-Control")); !strings.Contains(c, "no-store") && !strings.Contains(c, "private") {
		h["Cache-Control"] = headerNoStore
	}
}

func (x *exchange) answerJSON(body []byte) *reply {
	return &reply{status: http.StatusOK, header: x.dialect.json, body: body}
}

// answerMessage answers with JSON {"message": …}; key is one of package messages.
func (x *exchange) answerMessage(status int, key string, args ...string) *reply {
	body := schema.AppendJSON([]byte(`{"message":`), x.locale().Text(key, args...))
	return &reply{status: status, header: x.dialect.json, body: append(body, '}'), bare: true}
}

// goTo sends the browser to a URL, or returns the URL to a script that wants
// JSON (WIRE.md section 2.3).
func (x *exchange) goTo(u string) *reply {
	if !x.dialect.wantsJSON(x.r, x.form) {
		return &reply{status: http.StatusFound, location: u}
	}
	a := x.answerJSON(wire.AppendURL(nil, u))
	if x.dialect.jsonLocation {
		a.location = u
	}
	return a
}

// answerPage answers with a page.
func (x *exchange) answerPage(status int, render func(*bytes.Buffer) error) *reply {
	var b bytes.Buffer
	if err := render(&b); err != nil {
		x.report(fail(codeConfiguration, "PageError", err, ""))
		return x.answerMessage(http.StatusInternalServerError, x.dialect.misconfigured)
	}
	return &reply{status: status, header: headerHTML, body: b.Bytes(), policy: pages.Policy(pages.Theme(x.cfg.Theme))}
}

// unsupported answers a request that Auth.js does not support.
func (x *exchange) unsupported() *reply {
	contentType, body := x.dialect.unsupported(truncate(x.r.Method))
	return &reply{status: http.StatusBadRequest, header: contentType, body: []byte(body), bare: true}
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
		case !within(hostOf(x.origin), c.Domain):
			if at := hostOf(x.origin); !isLoopback(at) && x.once("domain "+c.Domain) {
				x.cfg.Logger.WarnContext(x.ctx, "auth: a cookie is set without its Domain, which browsers refuse from this host",
					"request_id", x.requestID(), "code", "cookie-domain-elsewhere", "cookie", c.Name, "domain", c.Domain, "host", truncate(at))
			}
			c.Domain = ""
		case x.hasCookie(c.Name), len(x.r.CookiesNamed(c.Name)) > 0: // an overlay may hide it
			// The browser may have a cookie without the Domain, set before it was
			// configured. Of two cookies with the same name the older one is sent
			// first, and wins.
			old := c
			old.Domain, old.Clear = "", true
			values = append(values, string(old.Append(nil)))
		}
		values = append(values, string(c.Append(make([]byte, 0, 160+len(c.Value)))))
	}
	h["Set-Cookie"] = values
}
