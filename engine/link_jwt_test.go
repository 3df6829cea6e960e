package engine_test

import (
	"context"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// A token of the identity provider that the jwt callback refreshes is good for
// one time.
func TestTheJWTCallbackIsAskedOnceAboutTheTokenThatCameIn(t *testing.T) {
	var asked int
	count := false
	s := newSite(t, withStrategy(engine.StrategyJWT), func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			if count && p.Trigger == "" {
				asked++
			}
			return nil
		}
	})
	s.putUser(engine.User{ID: "carol-id", Email: new("carol@example.com")}) // never verified
	b := s.browser()
	b.signIn()
	link := b.askMail("carol@example.com")
	count = true
	b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
	if asked != 1 {
		t.Errorf("the jwt callback was asked %d times", asked)
	}
}
