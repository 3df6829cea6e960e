package engine_test

import (
	"context"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// An identity that names nobody must not sign in whoever comes, and an address
// that is proven is not the one that Unicode makes of it.
func TestIdentityOfAMethodNamesSomebody(t *testing.T) {
	var id engine.Identity
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Providers = append(c.Providers, method{provider: "badge", handle: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				return a.SignIn(id), nil
			}})
		})
		for what, given := range map[string]engine.Identity{
			"nobody":                {},
			"nobody, as of Pending": {CreateUser: true},
			"an account without id": {Account: &engine.Account{}, User: engine.User{ID: "first"}},
			"another address":       {Email: "ali\uff43e@example.com"}, // a fullwidth c
		} {
			id = given
			b := s.browser()
			b.post("/callback/badge").wantError("Configuration")
			if b.has(sessionCookie) {
				t.Errorf("%s: %s signs in %q", strategy, what, b.session())
			}
		}
		id = engine.Identity{Email: " Alice@Example.com"}
		b := s.browser()
		b.post("/callback/badge").wantTo(s.origin)
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: the session is of %q", strategy, got)
		}
	}
}
