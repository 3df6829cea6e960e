package engine_test

import (
	"context"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// A user who is deleted while a mail link is followed does not come back, with a
// role and an id of before.
func TestADeletedUserDoesNotComeBackByMail(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, func(_ *site, c *engine.Config) {
			c.Schema = &engine.Schema{User: []schema.Field{{Name: "role", Client: schema.Read}}}
		}, withStrategy(strategy), func(s *site, c *engine.Config) {
			c.Callbacks.SignIn = func(ctx context.Context, p *engine.SignInParams) (engine.Decision, error) {
				if !p.VerificationRequest {
					return engine.Allow(), s.store.inner.DeleteUser(ctx, p.User.ID)
				}
				return engine.Allow(), nil
			}
		})
		s.putUser(engine.User{ID: "carol-id", Email: new("carol@example.com"), EmailVerified: &startTime, Extra: map[string]any{"role": "admin"}})
		b := s.browser()
		b.followMail("carol@example.com").wantTo(s.origin)
		u, err := s.store.inner.GetUserByEmail(context.Background(), "carol@example.com")
		if err != nil || u.ID == "carol-id" || u.Extra["role"] == "admin" {
			t.Errorf("%s: the user is %+v, %v", strategy, u, err)
		}
	}
}
