package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// A store without transactions goes away between the user and the account. The
// sign-up goes on when it is back, and locks nobody out; but a user who was
// taken over by mail meanwhile is not that account's any more.
func TestSignUpThatStopped(t *testing.T) {
	down := errors.New("the connection is lost")
	for _, strategy := range both {
		for _, meanwhile := range []string{"", "it stops again", "the address is proven by mail"} {
			created := 0
			s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) {
				c.Adapter = s.store.plain()
				c.Events.CreateUser = func(context.Context, *engine.UserEvent) error { created++; return nil }
			})
			s.forget()
			s.store.breaks(down, "LinkAccount", "DeleteUser")
			s.browser().oauth("oidc").wantError(engine.CodeConfiguration)
			if entry := s.problem(t); strings.Count(entry.attrs["cause"], down.Error()) != 2 || !strings.Contains(entry.attrs["cause"], "removing a user") {
				t.Errorf("%s, %q: the log: %v", strategy, meanwhile, entry)
			}
			user, err := s.store.inner.GetUserByEmail(t.Context(), "bob@example.com")
			if err != nil {
				t.Fatal(err)
			}
			b := s.browser()
			switch meanwhile {
			case "it stops again":
				for _, method := range []string{"ListAccountsByUserID", "GetUser", "LinkAccount"} {
					s.store.breaks(down, method)
					s.browser().oauth("oidc").wantError(engine.CodeConfiguration)
				}
			case "the address is proven by mail":
				s.store.repair()
				link := b.askMail("bob@example.com")
				s.clock.add(time.Second)
				b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")).wantTo(s.origin)
				if _, err := s.store.inner.GetUserByEmail(t.Context(), "bob@example.com"); err != nil {
					t.Fatal(err)
				}
				s.browser().oauth("oidc").wantError(engine.CodeOAuthAccountNotLinked)
				continue
			}
			s.store.repair()
			b.oauth("oidc").wantTo(s.origin)
			if got := b.user(); got != "bob@example.com" {
				t.Errorf("%s, %q: the session is of %q", strategy, meanwhile, got)
			}
			owner, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "bob-sub")
			if err == nil && owner.ID != user.ID {
				t.Errorf("%s, %q: the account is linked to %q, the user is %q", strategy, meanwhile, owner.ID, user.ID)
			} else if err != nil {
				t.Errorf("%s, %q: %v", strategy, meanwhile, err)
			}
			if created != 1 {
				t.Errorf("%s, %q: %d users were created", strategy, meanwhile, created)
			}
		}
	}
}
