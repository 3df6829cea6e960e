package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// A failing event is logged and changes nothing.
func TestFailingEventsChangeNothing(t *testing.T) {
	fault := errors.New("the audit log is down")
	for _, strategy := range strategies {
		s := newSite(t, nameWritable, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Events = engine.Events{
				SignIn:      func(context.Context, *engine.SignInEvent) error { return fault },
				SignOut:     func(context.Context, *engine.SignOutEvent) error { return fault },
				CreateUser:  func(context.Context, *engine.User) error { return fault },
				UpdateUser:  func(context.Context, *engine.User) error { return fault },
				LinkAccount: func(context.Context, *engine.LinkAccountEvent) error { return fault },
				Session:     func(context.Context, *engine.Session) error { return fault },
			}
		})
		logged := func(what string, n int) {
			t.Helper()
			lines := s.logs.problems()
			for _, entry := range lines {
				if entry.attrs["request_id"] == "" || !strings.Contains(entry.attrs["cause"], fault.Error()) {
					t.Errorf("%s, %s: log line %v", strategy, what, entry)
				}
			}
			if len(lines) != n {
				t.Errorf("%s, %s: %d lines, want %d: %v", strategy, what, len(lines), n, lines)
			}
			s.resetLog()
		}
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		logged("sign-up", 3)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: signed in as %q", strategy, got)
		}
		logged("session", 1)
		if r := b.update(map[string]any{"name": "Robert"}); !strings.Contains(r.body, "Robert") {
			t.Errorf("%s: update answered %s", strategy, r.body)
		}
		logged("update", 2)
		b.post("/signout").wantTo(s.origin)
		logged("sign-out", 1)
		b.signedOut()
	}
}
