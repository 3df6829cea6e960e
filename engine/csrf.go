package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sesame-auth/sesame/internal/wire"
)

// readCSRF reads the CSRF token from its cookie, or makes a new one.
func (x *exchange) readCSRF() error {
	if cookie, ok := wire.CookieValue(x.cookies, x.site.cookies.csrf.Name); ok {
		if token, ok := x.csrf.Token(cookie); ok {
			x.csrfToken = token
			return nil
		}
	}
	return x.renewCSRF()
}

func (x *exchange) renewCSRF() error {
	token, cookie, err := x.csrf.New(x.cfg.Rand)
	if err != nil {
		return fail(codeConfiguration, "RandomError", err, "Config.Rand failed")
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

// checkCSRF refuses a POST that another site may have caused: it must have the
// CSRF token of the cookie, and its headers must name this site.
func (x *exchange) checkCSRF() error {
	if err := x.checkOrigin(); err != nil {
		return refuse(codeMissingCSRF, "MissingCSRF", err,
			"check that the public URL (AUTH_URL) is the one in the browser's address bar")
	}
	for i := range x.ambient { // a token made for this answer proves nothing
		if x.ambient[i].Name == x.site.cookies.csrf.Name {
			return refuse(codeMissingCSRF, "MissingCSRF", errors.New("the CSRF cookie is missing or invalid"),
				"a form must be posted with the cookies of GET csrf")
		}
	}
	if !wire.SameToken(x.formValue("csrfToken"), x.csrfToken) {
		return refuse(codeMissingCSRF, "MissingCSRF", errors.New("csrfToken in the body is missing or differs from the cookie"),
			"a form needs a hidden csrfToken from GET csrf")
	}
	return nil
}

// checkOrigin checks the headers in which a browser reports the origin of a POST
// (Fetch Metadata, else Origin, RFC 6454). Browsers send at least one.
func (x *exchange) checkOrigin() error {
	if x.cfg.Parity.DangerousForeignOrigin {
		return nil
	}
	origin := x.r.Header.Get("Origin")
	other := origin != "" && !strings.EqualFold(origin, x.origin)
	if site := x.r.Header.Get("Sec-Fetch-Site"); site != "" {
		if site != "same-origin" && site != "none" {
			return fmt.Errorf("Sec-Fetch-Site is %q", truncate(site))
		}
		if other && origin != "null" {
			x.noteOrigin(origin)
		}
		return nil
	}
	if other {
		return fmt.Errorf("the Origin %q is not %q", truncate(origin), x.origin)
	}
	return nil
}

// noteOrigin logs once that a browser is not at the public URL: its cookies are
// for another host than that of redirects.
func (x *exchange) noteOrigin(origin string) {
	if x.once("public URL differs") {
		x.cfg.Logger.WarnContext(x.ctx, fmt.Sprintf("auth: a browser is at %q, but the public URL is %s: redirects lead there, without the cookies", truncate(origin), x.origin),
			"code", "public-url-differs", "hint", "open the site at "+x.origin+", or set AUTH_URL to the URL in the browser's address bar")
	}
}
