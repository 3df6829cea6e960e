package engine_test

import (
	"context"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// A Profile callback may return the same map for everybody: what the profile of
// one person says must not be there for the next.
func TestProfileCallbackMayShareItsMap(t *testing.T) {
	shared := map[string]any{"plan": "free"}
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = &engine.Schema{User: []schema.Field{
			{Name: "plan", Client: schema.Read},
			{Name: "locale", Client: schema.Read, Profile: map[string]string{"oauth": "locale"}},
		}}
		c.Providers[1].(*engine.OAuth2).Profile = func(context.Context, engine.ProfileParams) (engine.User, error) {
			return engine.User{ID: "1", Extra: shared}, nil
		}
	})
	s.idp.userinfo = `{"id":1,"locale":"de"}`
	s.browser().oauth("oauth").wantTo(s.origin)
	if len(shared) != 1 {
		t.Errorf("the map of the Profile callback is now %v", shared)
	}
}
