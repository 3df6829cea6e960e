package oauth

import "errors"

// Kind is the kind of an [Error].
type Kind string

// The kinds of errors.
const (
	Discovery Kind = "discovery" // the provider's metadata is unavailable or invalid
	Check     Kind = "check"     // state, PKCE, nonce or iss is missing or wrong, or the callback has no code
	Provider  Kind = "provider"  // the provider responded to the authorization request with an error
	Token     Kind = "token"     // the token endpoint responded with an error or an invalid response
	IDToken   Kind = "id_token"  // the ID token is missing or invalid
	UserInfo  Kind = "userinfo"  // the userinfo endpoint failed or contradicts the ID token
)

// Error is the error of a failed flow.
type Error struct {
	Kind Kind
	// Code is the error code that the provider sent, if any, for example
	// "access_denied". It is printable ASCII of at most 64 bytes.
	Code string
	Hint string // how to solve the problem; may be empty
	// Err is the cause. It never contains a code, a token or a secret. It matches
	// context.Canceled or context.DeadlineExceeded if that was the reason.
	Err error
}

func (e *Error) Error() string { return "oauth: " + string(e.Kind) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func fail(kind Kind, hint, text string) *Error {
	return &Error{Kind: kind, Hint: hint, Err: errors.New(text)}
}

// failCause is fail for a failed request, with its cause.
func failCause(kind Kind, hint, text string, err error) *Error {
	return &Error{Kind: kind, Hint: hint, Err: &withCause{text + ": " + err.Error(), err}}
}

type withCause struct {
	text string
	err  error
}

func (e *withCause) Error() string { return e.text }
func (e *withCause) Unwrap() error { return e.err }

// hintFor returns the hint for an error code of the provider.
func hintFor(code, clientAuth, redirectURI string) string {
	switch code {
	case "redirect_uri_mismatch", "invalid_redirect_uri":
		return "register exactly " + redirectURI + " as a redirect URI at the provider"
	case "invalid_client", "unauthorized_client", "incorrect_client_credentials":
		return "check the client id and secret, and that the provider supports " + clientAuth + " (ClientAuth)"
	case "invalid_grant", "bad_verification_code":
		return "the code was already used, has expired, or was issued for a redirect URI other than " + redirectURI + " or another code verifier"
	case "invalid_scope":
		return "check Scopes: the provider does not support one of them, or does not allow it for this client"
	}
	return ""
}
