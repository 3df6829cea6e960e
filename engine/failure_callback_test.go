package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

func TestPanicInACallbackIsAnError(t *testing.T) {
	const boom = "boom"
	type C = engine.Config
	var armed bool
	maybePanic := func() {
		if armed {
			panic(boom)
		}
	}
	for _, c := range []struct {
		what    string
		change  func(*C)
		isEvent bool // a panic is only logged
	}{
		{what: "signIn", change: func(c *C) {
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) {
				maybePanic()
				return engine.Allow(), nil
			}
		}},
		{what: "redirect", change: func(c *C) {
			c.Callbacks.Redirect = func(_ context.Context, p engine.RedirectParams) (string, error) { maybePanic(); return p.BaseURL, nil }
		}},
		{what: "jwt", change: func(c *C) {
			c.Callbacks.JWT = func(context.Context, *engine.JWTParams) error { maybePanic(); return nil }
		}},
		{what: "session", change: func(c *C) {
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { maybePanic(); return nil }
		}},
		{what: "signIn event", isEvent: true, change: func(c *C) {
			c.Events.SignIn = func(context.Context, *engine.SignInEvent) error { maybePanic(); return nil }
		}},
		{what: "signOut event", isEvent: true, change: func(c *C) {
			c.Events.SignOut = func(context.Context, *engine.SignOutEvent) error { maybePanic(); return nil }
		}},
		{what: "createUser event", isEvent: true, change: func(c *C) {
			c.Events.CreateUser = func(context.Context, *engine.User) error { maybePanic(); return nil }
		}},
		{what: "updateUser event", isEvent: true, change: func(c *C) {
			c.Events.UpdateUser = func(context.Context, *engine.User) error { maybePanic(); return nil }
		}},
		{what: "linkAccount event", isEvent: true, change: func(c *C) {
			c.Events.LinkAccount = func(context.Context, *engine.LinkAccountEvent) error { maybePanic(); return nil }
		}},
		{what: "session event", isEvent: true, change: func(c *C) {
			c.Events.Session = func(context.Context, *engine.Session) error { maybePanic(); return nil }
		}},
		{what: "authorize", change: func(c *C) {
			inner := c.Providers[2].(*engine.Credentials).Authorize
			c.Providers[2].(*engine.Credentials).Authorize = func(ctx context.Context, v map[string]string, r *http.Request) (*engine.User, error) {
				maybePanic()
				return inner(ctx, v, r)
			}
		}},
		{what: "profile", change: func(c *C) {
			c.Providers[0].(*engine.OIDC).Profile = func(_ context.Context, p engine.ProfileParams) (engine.User, error) {
				maybePanic()
				email, _ := p.Profile["email"].(string)
				return engine.User{ID: p.Profile["sub"].(string), Email: &email}, nil
			}
		}},
		{what: "mail sender", change: func(c *C) {
			p := c.Providers[3].(*engine.Email)
			inner := p.SendVerificationRequest
			p.SendVerificationRequest = func(ctx context.Context, m engine.VerificationRequest) error {
				maybePanic()
				return inner(ctx, m)
			}
		}},
		{what: "generateVerificationToken", change: func(c *C) {
			dice := newDice(1)
			c.Providers[3].(*engine.Email).GenerateVerificationToken = func() (string, error) {
				maybePanic()
				b := make([]byte, 32)
				dice.Read(b)
				return fmt.Sprintf("%x", b), nil
			}
		}},
		{what: "normalizeIdentifier", change: func(c *C) {
			c.Providers[3].(*engine.Email).NormalizeIdentifier = func(a string) (string, error) { maybePanic(); return a, nil }
		}},
		{what: "generateSessionToken", change: func(c *C) {
			dice := newDice(1)
			c.GenerateSessionToken = func() (string, error) {
				maybePanic()
				b := make([]byte, 32)
				dice.Read(b)
				return fmt.Sprintf("%x", b), nil
			}
		}},
		{what: "adapter", change: func(c *C) {}},
	} {
		for _, strategy := range strategies {
			panics := 0
			for _, f := range flows {
				armed = false
				s := newSite(t, nameWritable, withStrategy(strategy), func(s *site, cfg *engine.Config) {
					if f.change != nil {
						f.change(s, cfg)
					}
					c.change(cfg)
				})
				if c.what == "adapter" {
					s.store.fail = func(string) error { maybePanic(); return nil }
				}
				what := fmt.Sprintf("%s panics, %s, %s", c.what, strategy, f.name)
				b := s.browser()
				run := f.start(s, b)
				s.resetLog()
				armed = true
				r := run()
				armed = false
				lines := failures(s.logs.problems())
				switch {
				case len(lines) == 0: // not called in this flow
					f.succeeds(s, b, r, what)
					continue
				case c.isEvent:
					if len(lines) != 1 || !strings.Contains(lines[0].attrs["cause"], boom) || lines[0].attrs["request_id"] == "" {
						t.Errorf("%s: log %v", what, lines)
					}
					f.succeeds(s, b, r, what)
				default:
					f.fails(s, b, r, what, boom)
				}
				panics++
				if len(lines) == 0 || !strings.Contains(lines[0].attrs["stack"], "failure_callback_test.go") {
					t.Errorf("%s: the log has no stack of the panic: %v", what, lines)
				}
				// Nothing is left locked or incomplete.
				again := s.browser()
				run = f.start(s, again)
				f.succeeds(s, again, run(), "again after: "+what)
			}
			skipped := strategy == engine.StrategyDatabase && c.what == "jwt" || strategy == engine.StrategyJWT && c.what == "generateSessionToken"
			if (panics == 0) != skipped {
				t.Errorf("%s, %s: panicked in %d flows", c.what, strategy, panics)
			}
		}
	}
}

// A panic with http.ErrAbortHandler is left to net/http.
func TestErrAbortHandlerIsNotRecovered(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { panic(http.ErrAbortHandler) }
	})
	b := s.browser()
	b.signIn()
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	r := b.request("GET", base+"/session", nil)
	r.Header.Set("Cookie", sessionCookie+"="+b.cookie(sessionCookie))
	s.eng.ServeHTTP(httptest.NewRecorder(), r)
	t.Error("the panic was recovered")
}
