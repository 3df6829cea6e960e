package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/sesame-auth/sesame/engine/store"
)

// The public error codes of Auth.js, passed to the error and sign-in pages in
// the query parameter error (WIRE.md section 9).
const (
	codeConfiguration         = "Configuration"
	codeAccessDenied          = "AccessDenied"
	codeVerification          = "Verification"
	codeCredentialsSignin     = "CredentialsSignin"
	codeOAuthAccountNotLinked = "OAuthAccountNotLinked"
	codeOAuthCallbackError    = "OAuthCallbackError"
	codeMissingCSRF           = "MissingCSRF"
)

// Error is a failed request. The browser sees Code only; the log gets the
// rest.
type Error struct {
	// Code is the public code of Auth.js (WIRE.md section 9):
	//
	//   - "Configuration": the server or a provider failed; the cause is logged
	//   - "AccessDenied": Callbacks.SignIn refused
	//   - "Verification": a mail link is unknown, used or expired
	//   - "CredentialsSignin": the credentials are wrong
	//   - "OAuthAccountNotLinked": another user has the account or its address
	//   - "OAuthCallbackError": the provider answered with an error
	//   - "MissingCSRF": the CSRF token is missing or wrong, or the request comes
	//     from another site
	Code string
	// Type is the name of the error in Auth.js, such as "CallbackRouteError".
	Type string
	// Hint suggests what to do about it; it may be "".
	Hint string
	// Err is the cause. It holds no secrets.
	Err error

	detail  string // of CredentialsSignin: the code in the URL
	benign  bool   // a user's mistake, not the server's
	stack   string // of a panic
	message string // of the application's own error

	stage stage // of the sign-in
}

// stage is the part of a sign-in that failed. next-auth 4 has codes for it; see
// way.codeV4.
type stage uint8

const (
	stageOther      stage = iota
	stageFlow             // between the provider's answer and the profile
	stageCreateUser       // storing a new user
	stageMailLink         // a truncated mail link
)

// during returns e with its stage set.
func (e *Error) during(s stage) *Error {
	e.stage = s
	return e
}

func (e *Error) Error() string {
	s := "auth: " + e.Type
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// onSignInPage reports whether the code is shown on the sign-in page rather
// than on the error page.
func (e *Error) onSignInPage() bool {
	switch e.Code {
	case codeCredentialsSignin, codeOAuthAccountNotLinked, codeOAuthCallbackError, codeMissingCSRF:
		return true
	}
	return false
}

func fail(code string, typ string, err error, hint string) *Error {
	return &Error{Code: code, Type: typ, Err: err, Hint: hint}
}

// refuse is fail for mistakes of the client rather than the server.
func refuse(code string, typ string, err error, hint string) *Error {
	return &Error{Code: code, Type: typ, Err: err, Hint: hint, benign: true}
}

func adapterError(doing string, err error) *Error {
	hint := "the adapter failed; check that its database is reachable and writable"
	var conflict *store.ConflictError
	switch {
	case errors.As(err, &conflict):
		hint = "another row has the same " + conflict.Field
	case errors.Is(err, context.Canceled):
		hint = "the client closed the connection before the answer was ready"
	case errors.Is(err, context.DeadlineExceeded):
		hint = "the adapter did not answer in time"
	case errors.Is(err, store.ErrInvalid):
		hint = "the adapter cannot store the value"
	}
	e := fail(codeConfiguration, "AdapterError", fmt.Errorf("%s: %w", doing, err), hint)
	e.benign = errors.Is(err, context.Canceled)
	return e
}

// asError returns err as an *Error, wrapping any other as Configuration.
func asError(err error, typ string) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return fail(codeConfiguration, typ, err, "")
}

// guard runs fn, and turns a panic of a callback, an event or an adapter into an
// error.
func guard(fn func() error) (err error) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			panic(v)
		} else if v != nil {
			e := fail(codeConfiguration, "CallbackRouteError", fmt.Errorf("panic: %v", v), "a callback, an event or the adapter panicked")
			e.stack = string(debug.Stack())
			err = e
		}
	}()
	return fn()
}
