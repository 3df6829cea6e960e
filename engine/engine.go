package engine

import (
	"context"
	"errors"
	"net/http"
)

// Engine answers the Auth.js endpoints and reads sessions. It is safe for
// concurrent use.
type Engine struct{ cfg Config }

// New checks cfg, fills in its defaults and returns an engine. It touches no
// network. The error names every problem of cfg.
func New(cfg Config) (*Engine, error) { return nil, errors.New("stub") }

// Close ends what the engine does in the background. It does not close the
// Adapter.
func (e *Engine) Close() error { return nil }

// ServeHTTP answers the endpoints below the base path:
//
//	mux.Handle("/api/auth/", eng)
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

// Session returns the session of the request, or nil when nobody is signed in.
// An error means that the answer is not known (the store failed): treat it as
// signed out. A second call in one request costs nothing; the cookie of a
// session that is extended is set on w at most once.
func (e *Engine) Session(w http.ResponseWriter, r *http.Request) (*Session, error) { return nil, nil }

// SessionFrom returns the session that Middleware, Require or Protect put into
// the context; false when nobody is signed in.
func SessionFrom(ctx context.Context) (*Session, bool) { return nil, false }

// Middleware reads the session of each request and puts it into the context.
func (e *Engine) Middleware(next http.Handler) http.Handler { return next }

// Require lets only authorized requests through to next (Callbacks.Authorized).
// Others are sent to the sign-in page with a callbackUrl that leads back, or
// get 401 with a JSON body when they come from a script.
func (e *Engine) Require(next http.Handler) http.Handler { return next }

// Protect returns a middleware that does what Require does for the requests
// that match one of the patterns, as of [http.ServeMux] ("/app/", "GET
// /api/orders/{id}"), and what Middleware does for the others. A pattern that
// cannot be parsed is an error.
func (e *Engine) Protect(patterns ...string) (func(http.Handler) http.Handler, error) {
	return nil, nil
}

// SignInOptions are the options of [Engine.SignIn].
type SignInOptions struct {
	RedirectTo  string            // where the browser goes afterwards; "" is the site's root
	Params      map[string]string // authorization parameters (OIDC, OAuth2)
	Email       string            // address (Email)
	Credentials map[string]string // values (Credentials)
}

// SignIn starts or completes a sign-in from a handler: it sets the cookies on w
// and returns where to send the browser (the identity provider, the page after
// the sign-in, "check your mail"). The caller vouches that the user meant it:
// there is no CSRF check.
func (e *Engine) SignIn(w http.ResponseWriter, r *http.Request, provider string, o SignInOptions) (string, error) {
	return "", nil
}

// SignOut ends the session of the request and clears its cookies on w.
func (e *Engine) SignOut(w http.ResponseWriter, r *http.Request) error { return nil }

// Update changes fields of the session as update() of the client does, but may
// change every declared field. It returns the changed session, or nil when
// nobody is signed in.
func (e *Engine) Update(w http.ResponseWriter, r *http.Request, data map[string]any) (*Session, error) {
	return nil, nil
}
