package engine

import (
	"net/http"
	"slices"

	"github.com/sesame-auth/sesame/internal/wire"
)

// dialect holds the differences between the versions of Auth.js above package
// wire, as data (WIRE.md sections 2, 4.2 and 9). The flows are the same.
type dialect struct {
	wire.Dialect

	json          []string // Content-Type of JSON
	misconfigured string   // key of the message of a 500
	oidcType      string   // type of an OpenID Connect provider and its accounts
	joinsSecrets  bool     // hashes are made with all secrets, joined by commas
	sealedState   bool     // with SingleCheckCookies, the state is a token instead of 32 random bytes
	rawTokenType  bool     // accounts keep token_type as the provider writes it

	wantsJSON    func(r *http.Request, form map[string]any) bool // whether the client wants JSON instead of a redirect (section 2.3)
	jsonLocation bool                                            // that JSON comes with a Location as well
	actions      []string                                        // further actions of Auth.js with a provider, which a SignInMethod may have
	looseRoutes  bool                                            // excess segments, and unknown providers of signin, are ignored
	logRoute     bool                                            // POST _log accepts log lines of the client
	foldsCodes   bool                                            // the error page ignores the case of codes
	bodyParams   bool                                            // a provider may POST its answer to the callback
	dottedDomain bool                                            // a mail address needs a dot in its domain
	needsToken   bool                                            // a jwt callback that returns no token fails the sign-in
	verifyQuery  bool                                            // Pages.VerifyRequest gets provider and type
	signInCodes  []string                                        // codes that the error page redirects to the sign-in page

	// errorURL returns the URL that shows a failure, and errorStatus the status of
	// its JSON. With errorCookies, error answers set the ambient cookies.
	errorURL     func(failure) string
	errorStatus  func(failure) int
	errorCookies bool
	// authorization rewrites the URL of an authorization request; it may be nil.
	authorization func(string) string
	// unsupported returns the answer to an unknown action or method.
	unsupported func(method string) (contentType []string, body string)
}

// failureCodes returns the codes of next-auth 4 that depend on the way to sign
// in; v5 has common ones.
type failureCodes interface {
	// codeV4 returns the code of an action for a failure that commonCodeV4 does
	// not cover, and whether a JSON answer of next-auth 4 has the status 401 or
	// 403. providerError means that the provider has answered with an error.
	codeV4(action string, providerError bool, e *Error) (code string, unauthorized bool)
}

// failure describes a failed request to the dialects.
type failure struct {
	*Error
	action, providerID string

	codeV4       string // the code of next-auth 4, see way.codeV4
	passedOn     bool   // the error page redirects codeV4 to the sign-in page
	unauthorized bool   // a JSON answer of next-auth 4 has the status 401 or 403

	endpoints             string // the URL of the auth endpoints
	signInPage, errorPage string // the URLs of the pages, the application's or the built-in ones
	requestID             string // for the URL; may be ""
}

// withID adds the request id to the URL of an error page, so that the log line
// can be found.
func (f *failure) withID(u string) string {
	if f.requestID == "" {
		return u
	}
	return withQuery(u, "requestId", f.requestID)
}

// passesOn reports whether the error page redirects a code to the sign-in page.
func (d *dialect) passesOn(code string) bool { return slices.Contains(d.signInCodes, code) }
