package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/sesame-auth/sesame/engine/store"
)

// Code is a public error code of Auth.js: what the error and sign-in pages get
// as error (WIRE.md section 9).
type Code string

// The codes.
const (
	// Configuration: the server or a provider failed; the log says how.
	CodeConfiguration Code = "Configuration"
	// AccessDenied: Callbacks.SignIn refused.
	CodeAccessDenied Code = "AccessDenied"
	// Verification: a mail link is unknown, used or expired.
	CodeVerification Code = "Verification"
	// CredentialsSignin: the credentials are wrong.
	CodeCredentialsSignin Code = "CredentialsSignin"
	// OAuthAccountNotLinked: another user has the account or its address.
	CodeOAuthAccountNotLinked Code = "OAuthAccountNotLinked"
	// OAuthCallbackError: the provider answered with an error.
	CodeOAuthCallbackError Code = "OAuthCallbackError"
	// MissingCSRF: the CSRF token is missing or wrong, or the request comes
	// from another site.
	CodeMissingCSRF Code = "MissingCSRF"
)

// Error is a failed request. The browser sees Code only; the log gets the
// rest.
type Error struct {
	Code Code
	// Type is the name of the error in Auth.js, such as "CallbackRouteError".
	Type string
	// Hint says what to do about it; "" when there is nothing to say.
	Hint string
	// Err is the cause. It holds no secrets.
	Err error

	detail  string // of CredentialsSignin: the code in the URL
	benign  bool   // a user's mistake, not the server's
	stack   string // of a panic
	message string // of the application's own error

	stage string // of the sign-in; "" when nothing depends on it
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
	case CodeCredentialsSignin, CodeOAuthAccountNotLinked, CodeOAuthCallbackError, CodeMissingCSRF:
		return true
	}
	return false
}

// CredentialsError refuses credentials with a code that the sign-in page and
// signIn() of the client get beside CredentialsSignin. Auth.js: a subclass of
// CredentialsSignin.
type CredentialsError struct {
	Code string // letters, digits, - and _; "" is "credentials"
	Err  error  // for the log; may be nil
}

func (e *CredentialsError) Error() string {
	if e.Err != nil {
		return "credentials refused: " + or(e.Code, "credentials") + ": " + e.Err.Error()
	}
	return "credentials refused: " + or(e.Code, "credentials")
}

// Unwrap returns Err.
func (e *CredentialsError) Unwrap() error { return e.Err }

func fail(code Code, typ string, err error, hint string) *Error {
	return &Error{Code: code, Type: typ, Err: err, Hint: hint}
}

// refuse is fail for what a user or a stranger did wrong.
func refuse(code Code, typ string, err error, hint string) *Error {
	return &Error{Code: code, Type: typ, Err: err, Hint: hint, benign: true}
}

func adapterError(doing string, err error) *Error {
	hint := "the adapter failed; is its database reachable and writable?"
	var conflict *store.ConflictError
	switch {
	case errors.As(err, &conflict):
		hint = "another row has the same " + conflict.Field
	case errors.Is(err, context.Canceled):
		hint = "the browser went away before the answer was ready"
	case errors.Is(err, context.DeadlineExceeded):
		hint = "the adapter did not answer in time"
	case errors.Is(err, store.ErrInvalid):
		hint = "the adapter cannot store the value"
	}
	e := fail(CodeConfiguration, "AdapterError", fmt.Errorf("%s: %w", doing, err), hint)
	e.benign = errors.Is(err, context.Canceled)
	return e
}

// asError makes any error an *Error; what is not one becomes Configuration.
func asError(err error, typ string) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return fail(CodeConfiguration, typ, err, "")
}

// report writes the one line of a failed request to the log.
func (x *exchange) report(e *Error) {
	level := slog.LevelError
	if e.benign {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("request_id", x.requestID())}
	if e.Code != "" {
		attrs = append(attrs, slog.String("code", string(e.Code)))
	}
	if x.action != "" {
		attrs = append(attrs, slog.String("action", x.action))
	}
	if x.providerID != "" {
		attrs = append(attrs, slog.String("provider", cut(x.providerID)))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("cause", e.Err.Error()))
	}
	if e.Hint != "" {
		attrs = append(attrs, slog.String("hint", e.Hint))
	}
	if e.stack != "" {
		attrs = append(attrs, slog.String("stack", e.stack))
	}
	x.e.cfg.Logger.LogAttrs(x.ctx, level, "auth: "+e.Type, attrs...)
}

// guard runs fn, and makes a panic of a callback, an event or an adapter in it
// an error.
func guard(fn func() error) (err error) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			panic(v)
		} else if v != nil {
			e := fail(CodeConfiguration, "CallbackRouteError", fmt.Errorf("panic: %v", v), "a callback, an event or the adapter panicked")
			e.stack = string(debug.Stack())
			err = e
		}
	}()
	return fn()
}
