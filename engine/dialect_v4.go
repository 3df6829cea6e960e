package engine

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// dialectV4 returns the dialect of next-auth 4.
func dialectV4() *dialect {
	return &dialect{
		Dialect:       DialectV4,
		json:          headerJSONCharset,
		misconfigured: "json.misconfigured.v4",
		oidcType:      "oauth",
		rawTokenType:  true,
		wantsJSON:     func(_ *http.Request, form map[string]any) bool { return form["json"] == "true" },
		looseRoutes:   true,
		logRoute:      true,
		foldsCodes:    true,
		bodyParams:    true,
		dottedDomain:  true,
		needsToken:    true,
		signInCodes: []string{
			"Signin", "OAuthSignin", "OAuthCallback", "OAuthCreateAccount", "EmailCreateAccount", "Callback",
			"OAuthAccountNotLinked", "EmailSignin", "CredentialsSignin", "SessionRequired",
		},
		errorURL:      errorURLV4,
		errorStatus:   errorStatusV4,
		errorCookies:  true,
		authorization: authorizationV4,
		unsupported: func(method string) ([]string, string) {
			return headerText, "Error: This action with HTTP " + method + " is not supported by NextAuth.js"
		},
	}
}

// errorURLV4 returns the URL of the error endpoint, which redirects to the page
// that shows the code.
func errorURLV4(f failure) string {
	if f.Code == codeMissingCSRF {
		page := "/signin"
		if f.action == "signout" {
			page = "/signout"
		}
		return f.endpoints + page + "?csrf=true"
	}
	u := f.endpoints + "/error?error=" + escapeComponent(f.codeV4)
	if f.Code == codeCredentialsSignin && f.detail == "" {
		u = withQuery(u, "provider", f.providerID)
	}
	if f.passedOn {
		return u
	}
	return f.withID(u)
}

func errorStatusV4(f failure) int {
	switch {
	case !f.unauthorized || f.Code == codeMissingCSRF:
		return http.StatusOK
	case f.Code == codeAccessDenied:
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

// commonCodeV4 returns the code of next-auth 4 for a failure, unless the code
// depends on the way to sign in; see way.codeV4.
func commonCodeV4(e *Error, messages bool) (code string, ok bool) {
	if e.message != "" && messages {
		return e.message, true
	}
	switch e.Code {
	case codeCredentialsSignin:
		return cmp.Or(e.detail, e.Code), true
	case codeAccessDenied, codeVerification, codeOAuthAccountNotLinked:
		return e.Code, true
	case codeOAuthCallbackError:
		return "Callback", true
	}
	return e.Code, false
}

// authorizationV4 orders the parameters like the library of v4, and encodes
// spaces as %20, which every provider understands.
func authorizationV4(u string) string {
	base, query, _ := strings.Cut(u, "?")
	rest := strings.Split(strings.ReplaceAll(query, "+", "%20"), "&")
	var leading []string
	for _, name := range []string{"client_id", "scope", "response_type", "redirect_uri"} {
		rest = slices.DeleteFunc(rest, func(p string) bool {
			found := strings.HasPrefix(p, name+"=")
			if found {
				leading = append(leading, p)
			}
			return found
		})
	}
	return base + "?" + strings.Join(append(leading, rest...), "&")
}

// escapeComponent is encodeURIComponent for text in a query.
func escapeComponent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
