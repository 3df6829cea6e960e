package engine

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sesame-auth/sesame/internal/wire"
)

// Dialect is a major version of Auth.js on the wire: cookie names, session
// tokens, answers and error codes. The zero value is [DialectV5].
type Dialect = wire.Dialect

const (
	DialectV5 = wire.V5 // next-auth 5 and @auth/core
	DialectV4 = wire.V4 // next-auth 4
)

// dialect is what differs between the versions of Auth.js above package wire
// (WIRE.md sections 2, 4.2 and 9). The flows are the same.
type dialect struct {
	wire.Dialect

	json          []string // Content-Type of JSON
	misconfigured string   // message of a 500
	oidcType      string   // type of an OpenID Connect provider and its accounts
	joinsSecrets  bool     // hashes are made with all secrets, joined by commas
	sealedState   bool     // with SingleCheckCookies: the state is a token, not 32 random bytes
	rawTokenType  bool     // accounts keep token_type as the provider writes it

	asksJSON     func(*exchange) bool // for JSON in the place of a redirect (section 2.3)
	jsonLocation bool                 // which has a Location as well
	looseRoutes  bool                 // segments too many, and unknown providers of signin, do not count
	logRoute     bool                 // POST _log takes what the client logs
	foldsCodes   bool                 // the error page reads codes in any case
	bodyParams   bool                 // a provider may POST its answer to the callback
	dottedDomain bool                 // a mail address needs a dot in its domain
	needsToken   bool                 // a jwt callback that returns no token at sign-in fails it
	verifyQuery  bool                 // Pages.VerifyRequest gets provider and type
	signInCodes  []string             // codes with which the error page passes on to the sign-in page

	// Of failures: the URL that shows the error, the status of an answer in
	// JSON, and whether cookies are set that were due before it.
	errorURL     func(*exchange, *Error) string
	errorStatus  func(*exchange, *Error) int
	errorCookies bool
	// authorization rewrites the URL of an authorization request; nil: as it is.
	authorization func(string) string
	// unsupported is the answer to what no action and method are for.
	unsupported func(method string) (contentType []string, body string)
}

func dialectOf(w Dialect) *dialect {
	if w == DialectV4 {
		return &dialect{
			Dialect:       w,
			json:          headerJSONCharset,
			misconfigured: "There is a problem with the server configuration. Check the server logs for more information.",
			oidcType:      "oauth",
			rawTokenType:  true,
			asksJSON:      func(x *exchange) bool { return x.field("json") == "true" },
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
			errorURL:      (*exchange).errorURLv4,
			errorStatus:   (*exchange).errorStatusV4,
			errorCookies:  true,
			authorization: authorizationV4,
			unsupported: func(method string) ([]string, string) {
				return headerText, "Error: This action with HTTP " + method + " is not supported by NextAuth.js"
			},
		}
	}
	return &dialect{
		Dialect:       w,
		json:          headerJSON,
		misconfigured: "There was a problem with the server configuration. Check the server logs for more information.",
		oidcType:      "oidc",
		joinsSecrets:  true,
		sealedState:   true,
		asksJSON: func(x *exchange) bool {
			_, asked := x.r.Header["X-Auth-Return-Redirect"]
			return asked
		},
		jsonLocation: true,
		verifyQuery:  true,
		errorURL:     (*exchange).errorURLv5,
		errorStatus:  func(*exchange, *Error) int { return http.StatusOK },
		unsupported:  func(string) ([]string, string) { return headerJSON, `"Bad request."` },
	}
}

// errorURLv5 is the page of the application that shows the code of e, or the
// built-in one.
func (x *exchange) errorURLv5(e *Error) string {
	u := x.page(x.e.cfg.Pages.Error, "/error")
	if e.onSignInPage() {
		u = x.page(x.e.cfg.Pages.SignIn, "/signin")
	}
	u = withQuery(u, "error", string(e.Code))
	if e.Code == CodeCredentialsSignin {
		u = withQuery(u, "code", or(e.detail, "credentials"))
	}
	return x.withID(u, e.Code)
}

// errorURLv4 is the error endpoint, from which it goes on to the page that
// shows the code.
func (x *exchange) errorURLv4(e *Error) string {
	if e.Code == CodeMissingCSRF {
		page := "/signin"
		if x.action == "signout" {
			page = "/signout"
		}
		return x.at(page + "?csrf=true")
	}
	code := x.codeV4(e)
	u := x.at("/error") + "?error=" + escapeComponent(code)
	if e.Code == CodeCredentialsSignin && e.detail == "" {
		u = withQuery(u, "provider", x.providerID)
	}
	if x.e.dialect.passesOn(code) {
		return u
	}
	return x.withID(u, e.Code)
}

// codeV4 is the code of next-auth 4 for e: it says where in a sign-in something
// failed, where v5 has one code for all of that.
func (x *exchange) codeV4(e *Error) string {
	if e.message != "" && x.e.cfg.Parity.DangerousErrorMessages {
		return e.message
	}
	switch e.Code {
	case CodeCredentialsSignin:
		return or(e.detail, string(e.Code))
	case CodeAccessDenied, CodeVerification, CodeOAuthAccountNotLinked:
		return string(e.Code)
	case CodeOAuthCallbackError:
		return "Callback"
	}
	p := x.e.byID[x.providerID]
	switch {
	case p == nil || p.credentials != nil:
	case e.stage == stageMailLink:
		return "configuration"
	case x.action == "signin" && p.email != nil:
		return "EmailSignin"
	case x.action == "signin":
		return "OAuthSignin"
	case x.action != "callback":
	case e.stage == stageCreateUser && p.email != nil:
		return "EmailCreateAccount"
	case e.stage == stageCreateUser:
		return "OAuthCreateAccount"
	case e.stage == stageFlow && x.param("error") == "":
		return "OAuthCallback"
	default:
		return "Callback"
	}
	return string(e.Code)
}

func (x *exchange) errorStatusV4(e *Error) int {
	p := x.e.byID[x.providerID]
	switch {
	case x.action != "callback" || p == nil || p.credentials == nil || e.Code == CodeMissingCSRF:
		return http.StatusOK
	case e.Code == CodeAccessDenied:
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

// authorizationV4 puts the parameters into the order of the library of v4, and
// writes spaces as %20, which every provider reads.
func authorizationV4(u string) string {
	base, query, _ := strings.Cut(u, "?")
	rest := strings.Split(strings.ReplaceAll(query, "+", "%20"), "&")
	var first []string
	for _, name := range []string{"client_id", "scope", "response_type", "redirect_uri"} {
		rest = slices.DeleteFunc(rest, func(p string) bool {
			found := strings.HasPrefix(p, name+"=")
			if found {
				first = append(first, p)
			}
			return found
		})
	}
	return base + "?" + strings.Join(append(first, rest...), "&")
}

// escapeComponent is encodeURIComponent for what stands in a query.
func escapeComponent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// passesOn reports whether the error page leads on to the sign-in page.
func (d *dialect) passesOn(code string) bool { return slices.Contains(d.signInCodes, code) }

// Stages of a sign-in that have a code of their own in v4.
const (
	stageFlow       = "flow" // between the provider's answer and the profile
	stageCreateUser = "createUser"
	stageMailLink   = "mailLink" // a mail link that is cut short
)

// at stage marks e.
func (e *Error) at(stage string) *Error {
	e.stage = stage
	return e
}

// maxClientLog is the longest text of a client's log line that is logged.
const maxClientLog = 300

// postLog answers POST _log, where the client of next-auth 4 sends its own
// error lines. Anybody may send anything, so a line is short and says that it
// is the browser's.
func (x *exchange) postLog() *answer {
	line := func(name string) string {
		s := strings.ToValidUTF8(x.field(name), "\uFFFD")
		if len(s) > maxClientLog {
			s = strings.ToValidUTF8(s[:maxClientLog], "") + "…"
		}
		return s
	}
	x.e.cfg.Logger.WarnContext(x.ctx, "auth: the browser reports an error", "request_id", x.requestID(),
		"code", line("code"), "level", line("level"), "cause", line("message"), "url", line("url"))
	return &answer{status: http.StatusOK, bare: true}
}
