package engine

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/sesame-auth/sesame/engine/internal/pages"
)

// failure describes a failed request to the dialect.
func (x *exchange) failure(e *Error) failure {
	f := failure{
		Error: e, action: x.action, providerID: x.providerID, endpoints: x.endpointURL(""),
		signInPage: x.pageURL(x.cfg.Pages.SignIn, "/signin"), errorPage: x.pageURL(x.cfg.Pages.Error, "/error"),
	}
	known, codes := false, x.codes[x.providerID]
	if f.codeV4, known = commonCodeV4(e, x.cfg.Parity.DangerousErrorMessages); codes != nil {
		var code string
		if code, f.unauthorized = codes.codeV4(x.action, x.queryValue("error") != "", e); !known {
			f.codeV4 = code
		}
	}
	f.passedOn = x.dialect.passesOn(f.codeV4)
	if e.Code == codeConfiguration && !x.cfg.Parity.CompatiblePages && generatedID(x.requestID()) {
		f.requestID = x.id
	}
	return f
}

// errorURL returns the URL of the page that shows e.
func (x *exchange) errorURL(e *Error) string { return x.dialect.errorURL(x.failure(e)) }

// failed reports e and sends the browser to the page that shows its code.
func (x *exchange) failed(e *Error) *reply {
	x.report(e)
	x.set = nil
	switch x.action {
	case "session": // the client would treat a redirect as broken JSON
		a := x.answerJSON(x.dialect.AppendSession(nil, nil))
		a.bare = !x.dialect.errorCookies
		if e.Code == codeMissingCSRF {
			a.status = http.StatusBadRequest
		}
		return a
	case "csrf", "providers":
		if x.r.Method == http.MethodGet {
			return x.answerMessage(http.StatusInternalServerError, x.dialect.misconfigured)
		}
	case "error": // a redirect would lead here again
		if x.r.Method == http.MethodGet {
			a := x.errorPageOf(http.StatusInternalServerError, e.Code)
			a.bare = true
			return a
		}
	}
	f := x.failure(e)
	wantsJSON := x.dialect.wantsJSON(x.r, x.form)
	limited, refused := errors.AsType[*tooMany](e)
	if refused && !wantsJSON && x.cfg.Pages.Error == "" {
		a := x.errorPageOf(http.StatusTooManyRequests, "TooManyRequests")
		a.bare, a.retryAfter = true, limited.seconds()
		return a
	}
	a := x.goTo(x.dialect.errorURL(f))
	a.bare = !x.dialect.errorCookies
	if wantsJSON {
		a.location = ""
		a.status = x.dialect.errorStatus(f)
		if refused {
			a.status, a.retryAfter = http.StatusTooManyRequests, limited.seconds()
		}
	}
	return a
}

// misconfigured answers a request for which the server is not configured
// (WIRE.md section 2.4).
func (x *exchange) misconfigured(e *Error) *reply {
	x.report(e)
	if !x.onPage() {
		return x.answerMessage(http.StatusInternalServerError, x.dialect.misconfigured)
	}
	if own := x.cfg.Pages.Error; own != "" {
		f := failure{Error: e}
		if !x.cfg.Parity.CompatiblePages && generatedID(x.requestID()) {
			f.requestID = x.id
		}
		return &reply{status: http.StatusFound, location: f.withID(withQuery(own, "error", codeConfiguration)), bare: true}
	}
	return x.errorPageOf(http.StatusInternalServerError, codeConfiguration)
}

func (x *exchange) badCallbackURL() *reply {
	x.report(refuse(codeConfiguration, "InvalidCallbackUrl", errCallbackURL, ""))
	if x.onPage() {
		a := x.errorPageOf(http.StatusBadRequest, "")
		a.bare = true
		return a
	}
	return x.answerMessage(http.StatusBadRequest, "json.callback-url")
}

// errorPageOf returns the built-in error page for a code.
func (x *exchange) errorPageOf(status int, code string) *reply {
	return x.answerPage(status, func(b *bytes.Buffer) error {
		return pages.WriteError(b, pages.Error{
			Code: code, RequestID: cmp.Or(x.id, x.carriedID(code)),
			SignInURL: cmp.Or(x.cfg.Pages.SignIn, x.path+"/signin"), Locale: x.locale(), Theme: pages.Theme(x.cfg.Theme),
		})
	})
}

// carriedID returns the request id in the URL of an error page.
func (x *exchange) carriedID(code string) string {
	if id := x.queryValue("requestId"); strings.EqualFold(code, codeConfiguration) && !x.cfg.Parity.CompatiblePages && generatedID(id) {
		return id
	}
	return ""
}

// generatedID reports whether an id has a form that servers generate: 16 or 32
// hex digits, or a UUID. Anybody can put an id into a URL, and the page must not
// show their message ("call 555-0100").
func generatedID(id string) bool {
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
