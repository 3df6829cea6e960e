package engine_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// Not even the answer to a failure ends in a panic.
func TestPanicOfLocaleIsCaught(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Locale = func(*http.Request) string { panic("no locale today") }
		c.Messages = map[string]map[string]string{"de": {"signin.title": "Anmelden"}}
	})
	b := s.browser()
	for _, page := range []string{"/signin", "/error?error=Configuration", "/verify-request"} {
		if r := b.ask("GET", target(page), acceptHTML...); !strings.Contains(r.body, `lang="en"`) {
			t.Errorf("GET %s: %d %.200s", page, r.status, r.body)
		}
	}
	b.get("/signin?callbackUrl=javascript:0") // an answer outside of any flow
	protected := s.browser().serve(s.eng.Require(http.NotFoundHandler()))
	if r := protected.get("./api"); r.status != http.StatusUnauthorized {
		t.Errorf("a protected path: %d", r.status)
	}
	if len(s.logs.problems()) == 0 {
		t.Error("nothing is in the log")
	}
}

func TestPanicOfTheRedirectCallbackIsCaughtBehindRequire(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.Authorized = func(context.Context, *engine.AuthorizedParams) (engine.Decision, error) {
			return engine.RedirectTo("/elsewhere"), nil
		}
		c.Callbacks.Redirect = func(context.Context, engine.RedirectParams) (string, error) { panic("no way") }
	})
	b := s.browser().serve(s.eng.Require(http.NotFoundHandler()))
	b.ask("GET", "/page", acceptHTML...).wantError("Configuration")
	s.logged("Redirect panics", "no way")
}

// An observer looks on. Whatever it does, nothing is left half done.
func TestPanicOfAnObserverChangesNothing(t *testing.T) {
	for _, atEnd := range []bool{false, true} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(s *site, c *engine.Config) {
			c.Adapter = s.store.plain()
			c.Observe = func(ctx context.Context, _ engine.Operation) (context.Context, func(error)) {
				if !atEnd {
					panic("lost sight")
				}
				return ctx, func(error) { panic("lost sight") }
			}
		})
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("at the end %v: the session is of %q", atEnd, got)
		}
		b.post("/signout").wantTo(s.origin)
		if len(s.logs.problems()) == 0 {
			t.Errorf("at the end %v: nothing is in the log", atEnd)
		}
	}
}

// Somebody who signs out leaves a computer that may not be theirs.
func TestPanicOfTheStoreAtSignOutClearsTheCookie(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	s.store.mu.Lock()
	s.store.fail = func(method string) error {
		if method == "DeleteSession" {
			panic("out of order")
		}
		return nil
	}
	s.store.mu.Unlock()
	r := b.post("/signout")
	s.store.repair()
	if !r.clears(sessionCookie) {
		t.Errorf("%d, cookies %q", r.status, r.header["Set-Cookie"])
	}
}

func TestPanicOfTheStoreLeavesNoUserWithoutAnAccount(t *testing.T) {
	for _, broken := range []string{"", "LinkAccount"} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(s *site, c *engine.Config) { c.Adapter = s.store.plain() })
		s.store.mu.Lock()
		s.store.fail = func(method string) error {
			if method == broken {
				panic("out of order")
			}
			return nil
		}
		s.store.mu.Unlock()
		b := s.browser()
		b.oauth("oidc")
		s.store.repair()
		_, err := s.store.inner.GetUserByEmail(context.Background(), "bob@example.com")
		if want := broken == ""; (err == nil) != want {
			t.Errorf("%q panics: looking up the user: %v", broken, err)
		}
	}
}
