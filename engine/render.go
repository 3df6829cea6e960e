package engine

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/sesame-auth/sesame/engine/internal/pages"
	"github.com/sesame-auth/sesame/internal/wire"
)

// getProviders answers GET providers.
func (e *Engine) getProviders(x *exchange) *reply {
	list := make([]wire.ProviderBody, len(e.providers))
	for i, w := range e.providers {
		p := w.describe()
		list[i] = wire.ProviderBody{ID: p.ID, Name: p.Name, Type: p.Type,
			SignInURL: x.endpointURL("/signin/" + p.ID), CallbackURL: x.endpointURL("/callback/" + p.ID)}
	}
	a := x.answerJSON(wire.AppendProviders(nil, list))
	a.bare = true
	return a
}

// getCSRF answers GET csrf.
func getCSRF(x *exchange) *reply { return x.answerJSON(wire.AppendCSRF(nil, x.csrfToken)) }

// errorParam returns the code that a page should show. With loose routes it may
// also be the segment after the action.
func (x *exchange) errorParam() string {
	if code := x.queryValue("error"); code != "" || !x.dialect.looseRoutes {
		return code
	}
	return x.providerID
}

// formBase returns the base of the targets of forms. It is a path, so that a
// wrong public URL cannot send passwords elsewhere.
func (x *exchange) formBase() string {
	if x.cfg.Parity.CompatiblePages {
		return x.endpointURL("")
	}
	return x.path
}

// getSignIn answers GET signin.
func (e *Engine) getSignIn(x *exchange) *reply {
	if own := x.cfg.Pages.SignIn; own != "" {
		u := withQuery(own, "callbackUrl", x.callbackURL)
		if code := x.errorParam(); code != "" {
			u = withQuery(u, "error", code)
		}
		return x.goTo(u)
	}
	d := pages.SignIn{
		BasePath: x.formBase(), CSRFToken: x.csrfToken, CallbackURL: x.callbackURL, PlainForms: x.cfg.Parity.CompatiblePages,
		Email: x.queryValue("email"), Error: x.errorParam(), Locale: x.locale(), Theme: pages.Theme(x.cfg.Theme),
	}
	if raw, ok := x.queryValues()["callbackUrl"]; ok && x.cfg.Parity.CompatiblePages {
		d.CallbackURL = raw[0]
	}
	for _, p := range e.providers {
		d.Providers = append(d.Providers, p.form())
	}
	return x.answerPage(http.StatusOK, func(b *bytes.Buffer) error { return pages.WriteSignIn(b, d) })
}

// getSignOut answers GET signout.
func getSignOut(x *exchange) *reply {
	if own := x.cfg.Pages.SignOut; own != "" {
		return x.goTo(own)
	}
	return x.answerPage(http.StatusOK, func(b *bytes.Buffer) error {
		return pages.WriteSignOut(b, pages.SignOut{BasePath: x.formBase(), CSRFToken: x.csrfToken, Locale: x.locale(), Theme: pages.Theme(x.cfg.Theme)})
	})
}

// getError answers GET error.
func getError(x *exchange) *reply {
	code := x.errorParam()
	if x.dialect.passesOn(code) {
		return x.goTo(withQuery(x.endpointURL("/signin"), "error", code))
	}
	if own := x.cfg.Pages.Error; own != "" {
		if code == "" && x.cfg.Parity.CompatiblePages {
			code = "undefined"
		}
		if code == "" {
			return x.goTo(own)
		}
		own = withQuery(own, "error", code)
		if id := x.carriedID(code); id != "" {
			own = withQuery(own, "requestId", id)
		}
		return x.goTo(own)
	}
	if x.dialect.foldsCodes {
		for _, known := range []string{codeConfiguration, codeAccessDenied, codeVerification} {
			if strings.EqualFold(code, known) {
				code = known
			}
		}
	}
	status := http.StatusOK
	switch code {
	case codeConfiguration:
		status = http.StatusInternalServerError
	case codeAccessDenied, codeVerification:
		status = http.StatusForbidden
	}
	return x.errorPageOf(status, code)
}

// getVerifyRequest answers GET verify-request, "check your mail".
func getVerifyRequest(x *exchange) *reply {
	if own := x.cfg.Pages.VerifyRequest; own != "" {
		if provider := x.queryValue("provider"); provider != "" && x.dialect.verifyQuery {
			own = withQuery(own, "provider", provider, "type", x.queryValue("type"))
		}
		return x.goTo(own)
	}
	return x.answerPage(http.StatusOK, func(b *bytes.Buffer) error {
		return pages.WriteVerifyRequest(b, pages.VerifyRequest{Host: hostOf(x.origin), URL: x.origin, Locale: x.locale(), Theme: pages.Theme(x.cfg.Theme)})
	})
}
