package engine_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// Callbacks, events and sessions get canonical values of extra fields, whatever
// the store returns: here a json.Number becomes an int64, and a value that no
// longer fits the schema becomes the default.
func TestStoredValuesAreCanonical(t *testing.T) {
	for _, strategy := range strategies {
		seen := map[string]int{}
		look := func(where string, u *engine.User) error {
			if u == nil || u.Extra == nil {
				return nil // a user of the provider or of Authorize
			}
			seen[where]++
			if u.Extra["credits"] != int64(7) || u.Extra["plan"] != "free" {
				t.Errorf("%s: %s got %#v", strategy, where, u.Extra)
			}
			return nil
		}
		user := func(where string) func(context.Context, *engine.User) error {
			return func(_ context.Context, u *engine.User) error { return look(where, u) }
		}
		s := newSite(t, withShop, withStrategy(strategy), func(s *site, c *engine.Config) {
			c.Adapter = looseAdapter{s.store.plain()}
			c.UserRefreshAge = time.Minute
			c.Providers[0].(*engine.OIDC).AllowDangerousEmailAccountLinking = true
			c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
				return engine.Allow(), look("the signIn callback", p.User)
			}
			c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error { return look("the jwt callback", p.User) }
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
				if p.Session.User.Email != nil && *p.Session.User.Email == "alice@example.com" && strategy == engine.StrategyJWT && s.store.count("GetUser") == 0 {
					return nil // a user of Authorize
				}
				return look("the session callback", &p.Session.User)
			}
			c.Events.SignIn = func(_ context.Context, e *engine.SignInEvent) error { return look("signIn", e.User) }
			c.Events.LinkAccount = func(_ context.Context, e *engine.LinkAccountEvent) error { return look("linkAccount", e.User) }
			c.Events.CreateUser, c.Events.UpdateUser = user("createUser"), user("updateUser")
		})
		verified := startTime
		s.putUser(engine.User{ID: "dora-id", Email: new("dora@example.com"), EmailVerified: &verified})
		b := s.browser()
		b.signIn()
		s.clock.add(2 * time.Minute)
		b.session()
		b.update(map[string]any{"name": "Alison"})
		b.oauth("oidc").wantTo(s.origin)                                                             // linked to alice
		s.browser().oauth("oidc").wantTo(s.origin)                                                   // known
		s.idp.user = map[string]any{"sub": "d", "email": "dora@example.com", "email_verified": true} // linked by address
		s.browser().oauth("oidc").wantTo(s.origin)                                                   //
		s.idp.user = map[string]any{"sub": "e", "email": "emma@example.com", "email_verified": true} // new
		s.browser().oauth("oidc").wantTo(s.origin)                                                   //
		s.browser().followMail("frida@example.com").wantTo(s.origin)                                 // new
		s.browser().followMail("dora@example.com").wantTo(s.origin)                                  // known
		want := []string{"the signIn callback", "the session callback", "signIn", "linkAccount", "createUser", "updateUser"}
		if strategy == engine.StrategyJWT {
			want = append(want, "the jwt callback")
		}
		for _, where := range want {
			if seen[where] == 0 {
				t.Errorf("%s: %s got no stored user", strategy, where)
			}
		}
		misfits := 0
		for _, entry := range s.logs.problems() {
			if entry.attrs["field"] == "plan" && !strings.Contains(entry.String(), "gold") {
				misfits++
			}
		}
		if misfits == 0 {
			t.Errorf("%s: the value that does not fit is not logged", strategy)
		}
	}
}

// looseAdapter returns extra fields of users as decoded from JSON, among them a
// value that has been removed from its enum.
type looseAdapter struct{ engine.Adapter }

func loosen(u engine.User, err error) (engine.User, error) {
	u.Extra = map[string]any{"credits": json.Number("7"), "plan": "gold"}
	return u, err
}

func (r looseAdapter) CreateUser(ctx context.Context, u engine.User) (engine.User, error) {
	return loosen(r.Adapter.CreateUser(ctx, u))
}

func (r looseAdapter) GetUser(ctx context.Context, id string) (engine.User, error) {
	return loosen(r.Adapter.GetUser(ctx, id))
}

func (r looseAdapter) GetUserByEmail(ctx context.Context, email string) (engine.User, error) {
	return loosen(r.Adapter.GetUserByEmail(ctx, email))
}

func (r looseAdapter) UpdateUser(ctx context.Context, u store.UserUpdate) (engine.User, error) {
	return loosen(r.Adapter.UpdateUser(ctx, u))
}

func (r looseAdapter) GetUserByAccount(ctx context.Context, provider, id string) (engine.User, error) {
	return loosen(r.Adapter.GetUserByAccount(ctx, provider, id))
}

func (r looseAdapter) GetSessionAndUser(ctx context.Context, token string) (engine.AdapterSession, engine.User, error) {
	row, u, err := r.Adapter.GetSessionAndUser(ctx, token)
	u, err = loosen(u, err)
	return row, u, err
}
