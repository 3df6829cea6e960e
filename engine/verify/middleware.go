package verify

import (
	"context"
	"io"
	"net/http"

	"github.com/sesame-auth/sesame/engine/schema"
)

type tokenKey struct{}

// TokenFrom returns the claims that [Verifier.Middleware] or [Verifier.Require] has
// put into the context, and whether there are any. All callers share the claims
// and must not modify them.
func TokenFrom(ctx context.Context) (*schema.Token, bool) {
	t, _ := ctx.Value(tokenKey{}).(*schema.Token)
	return t, t != nil
}

// Middleware adds the claims of the session token to the context of each request
// that has a valid one. It passes all requests on to next.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		vary(w.Header())
		t, _ := v.Token(r)
		next.ServeHTTP(w, with(r, t))
	})
}

// Require passes only requests with a valid session token on to next, with the
// claims in their context. It responds to others with status 401 and JSON
// {"message": …}, or by Config.Refused.
func (v *Verifier) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		vary(w.Header())
		t, err := v.Token(r)
		if err != nil {
			v.cfg.Refused(w, r, err)
			return
		}
		next.ServeHTTP(w, with(r, t))
	})
}

// with returns r with the claims in its context. If t is nil, it replaces claims
// that another verifier has put there.
func with(r *http.Request, t *schema.Token) *http.Request {
	ctx := r.Context()
	if t == nil {
		if _, ok := TokenFrom(ctx); !ok {
			return r
		}
	}
	return r.WithContext(context.WithValue(ctx, tokenKey{}, t))
}

// Header values that all responses share. Appending to one makes a copy, because
// they have no spare capacity.
var (
	headerVary    = []string{"Cookie, Authorization"}
	headerJSON    = []string{"application/json"}
	headerNoStore = []string{"private, no-cache, no-store"}
	headerBearer  = []string{"Bearer"}
)

// vary prevents caches from serving the response to other users.
func vary(h http.Header) {
	if len(h["Vary"]) == 0 {
		h["Vary"] = headerVary
		return
	}
	h.Add("Vary", headerVary[0])
}

func refused(w http.ResponseWriter, _ *http.Request, _ error) {
	h := w.Header()
	h["Cache-Control"] = headerNoStore
	h["Content-Type"] = headerJSON
	h["Www-Authenticate"] = headerBearer
	w.WriteHeader(http.StatusUnauthorized)
	io.WriteString(w, `{"message":"Sign in first."}`)
}
