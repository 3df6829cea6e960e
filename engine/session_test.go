package engine_test

import (
	"net/http"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// A session is read only from its cookie (WIRE.md section 5).
func TestAuthorizationHeaderIsIgnored(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signIn()
		token := b.cookie(sessionCookie)
		for _, scheme := range []string{"Bearer ", "bearer ", "Basic ", ""} {
			if r := s.browser().ask("GET", base+"/session", "Authorization", scheme+token); r.status != 200 || r.body != "null" {
				t.Errorf("%s: with the token after %q: %d %s", strategy, scheme, r.status, r.body)
			}
		}
	}
}

// A session in the context is for handlers. It signs nobody in.
func TestWithSessionSignsNobodyIn(t *testing.T) {
	ctx := engine.WithSession(t.Context(), &engine.Session{User: engine.User{ID: "ann"}})
	if s, ok := engine.SessionFrom(ctx); !ok || s.User.ID != "ann" {
		t.Errorf("the session is %+v, %t", s, ok)
	}
	if s, ok := engine.SessionFrom(engine.WithSession(ctx, nil)); ok || s != nil {
		t.Errorf("the session is %+v, %t", s, ok)
	}
	s := newSite(t)
	b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.eng.Require(http.NotFoundHandler()).ServeHTTP(w, r.WithContext(ctx))
	}))
	if r := b.ask("GET", "/app"); r.status != http.StatusUnauthorized {
		t.Errorf("Require allows a request without a cookie: %d", r.status)
	}
}
