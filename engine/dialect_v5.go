package engine

import (
	"cmp"
	"net/http"
)

// dialectV5 returns the dialect of next-auth 5.
func dialectV5() *dialect {
	return &dialect{
		Dialect:       DialectV5,
		json:          headerJSON,
		misconfigured: "json.misconfigured.v5",
		oidcType:      "oidc",
		joinsSecrets:  true,
		sealedState:   true,
		wantsJSON: func(r *http.Request, _ map[string]any) bool {
			_, ok := r.Header["X-Auth-Return-Redirect"]
			return ok
		},
		jsonLocation: true,
		actions:      []string{"webauthn-options"},
		verifyQuery:  true,
		errorURL:     errorURLV5,
		errorStatus:  func(failure) int { return http.StatusOK },
		unsupported:  func(string) ([]string, string) { return headerJSON, `"Bad request."` },
	}
}

// errorURLV5 returns the URL of the page that shows the code.
func errorURLV5(f failure) string {
	u := f.errorPage
	if f.onSignInPage() {
		u = f.signInPage
	}
	u = withQuery(u, "error", f.Code)
	if f.Code == codeCredentialsSignin {
		u = withQuery(u, "code", cmp.Or(f.detail, "credentials"))
	}
	return f.withID(u)
}
