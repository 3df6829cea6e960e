package verify

import (
	"context"
	"io"
	"net/http"

	"github.com/sesame-auth/sesame/engine/schema"
)

type tokenKey struct{}

// TokenFrom returns the claims that [Verifier.Middleware] or [Verifier.Require]
// put into the context; false when nobody is signed in. The claims are shared
// by all who ask: do not change them.
func TokenFrom(ctx context.Context) (*schema.Token, bool) {
	t, _ := ctx.Value(tokenKey{}).(*schema.Token)
	return t, t != nil
}

// Middleware puts the claims of each request that has a valid session token
// into its context, and lets every request through.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		vary(w.Header())
		t, _ := v.Token(r)
		next.ServeHTTP(w, with(r, t))
	})
}

// Require lets only requests with a valid session token through to next, with
// the claims in their context. Others get 401 and JSON {"message": …}, or what
// Config.Refused answers.
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

// with returns r with the claims in its context. Nobody is put there only
// where somebody was before: another verifier may stand in front.
func with(r *http.Request, t *schema.Token) *http.Request {
	ctx := r.Context()
	if t == nil {
		if _, before := TokenFrom(ctx); !before {
			return r
		}
	}
	return r.WithContext(context.WithValue(ctx, tokenKey{}, t))
}

// Header values that are the same in every answer. They are shared between
// answers; whoever appends to one gets a copy.
var (
	headerVary    = []string{"Cookie, Authorization"}
	headerJSON    = []string{"application/json"}
	headerNoStore = []string{"private, no-cache, no-store"}
	headerBearer  = []string{"Bearer"}
)

// vary keeps caches from handing the answer on to somebody else.
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
