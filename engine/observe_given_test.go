package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// What Attempt.Store returns is the Adapter, observed or not.
func TestStoreOfAnAttemptHasTheInterfacesOfTheAdapter(t *testing.T) {
	for _, observed := range []bool{false, true} {
		var signUp, purger, lister bool
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(s *site, c *engine.Config) {
			c.Adapter = listing{c.Adapter}
			if observed {
				c.Observe = func(ctx context.Context, _ engine.Operation) (context.Context, func(error)) { return ctx, nil }
			}
			c.Providers = append(c.Providers, method{provider: "badge", handle: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				_, signUp = a.Store().(store.SignUpAdapter)
				_, purger = a.Store().(store.Purger)
				_, lister = a.Store().(store.SessionLister)
				return a.Redirect("/done"), nil
			}})
		})
		s.browser().post("/callback/badge")
		if signUp || purger || !lister {
			t.Errorf("observed %v: SignUpAdapter %v, Purger %v, SessionLister %v; want the last one only", observed, signUp, purger, lister)
		}
	}
}

// listing is an adapter that can list sessions.
type listing struct{ engine.Adapter }

func (listing) ListSessionsByUserID(context.Context, string) ([]engine.AdapterSession, error) {
	return nil, nil
}

// Anybody can write any id into a path; metrics must not grow by it.
func TestObserverGetsTheIDsOfProvidersOnly(t *testing.T) {
	var seen []string
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Observe = func(ctx context.Context, o engine.Operation) (context.Context, func(error)) {
			if o.Kind == "request" {
				seen = append(seen, o.Provider)
			}
			return ctx, nil
		}
	})
	b := s.browser()
	b.get("/callback/made-up")
	b.get("/callback/oidc")
	if got := strings.Join(seen, " "); got != " oidc" {
		t.Errorf("the providers are %q", seen)
	}
}

// GET session answers "signed out" when the store fails; the observer knows.
func TestObserverSeesASessionThatCannotBeRead(t *testing.T) {
	down := errors.New("the connection is lost")
	var seen error
	s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
		c.Observe = func(ctx context.Context, o engine.Operation) (context.Context, func(error)) {
			return ctx, func(err error) {
				if o.Kind == "request" {
					seen = err
				}
			}
		}
	})
	b := s.browser()
	b.signIn()
	s.store.failWith(down, "GetSessionAndUser")
	b.signedOut()
	if !errors.Is(seen, down) {
		t.Errorf("GET session: the observer sees %v", seen)
	}
	b.update(map[string]any{})
	if !errors.Is(seen, down) {
		t.Errorf("POST session: the observer sees %v", seen)
	}
}
