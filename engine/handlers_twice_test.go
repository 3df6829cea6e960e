package engine_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// byPassword are the options of a sign-in with the credentials provider.
func byPassword() engine.SignInOptions {
	return engine.SignInOptions{Credentials: map[string]string{"username": "alice", "password": password}}
}

func TestSignOutEndsASessionThatBeganInTheSameRequest(t *testing.T) {
	var told int
	s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
		c.Events.SignOut = func(context.Context, *engine.SignOutEvent) error { told++; return nil }
	})
	var began string
	b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.eng.SignIn(w, r, "credentials", byPassword()); err != nil {
			t.Error(err)
		}
		for _, set := range w.Header()["Set-Cookie"] {
			if rest, ok := strings.CutPrefix(set, sessionCookie+"="); ok {
				began, _, _ = strings.Cut(rest, ";")
			}
		}
		if err := s.eng.SignOut(w, r); err != nil {
			t.Error(err)
		}
	}))
	b.signIn()
	before := b.cookie(sessionCookie)
	r := b.get("./both")
	if began == "" || !r.clears(sessionCookie) {
		t.Fatalf("the answer sets %q", r.header["Set-Cookie"])
	}
	for what, cookie := range map[string]string{"the session of the request": before, "the session that began": began} {
		if _, err := s.rowOf(cookie); err == nil {
			t.Errorf("%s has not ended", what)
		}
	}
	if told != 2 {
		t.Errorf("the signOut event was called %d times, want 2", told)
	}
}

// Large tokens take several cookies, small ones another one.
func TestOfTwoSignInsOfARequestTheSecondCounts(t *testing.T) {
	long := strings.Repeat("x", 6000)
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			if p.User != nil && p.User.ID == "large-id" {
				p.Token.Name = &long
			}
			return nil
		}
		c.Providers = append(c.Providers, &engine.Credentials{ID: "large", Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
			return &engine.User{ID: "large-id", Email: new("large@example.com")}, nil
		}})
	})
	b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, provider := range []string{"large", "credentials"} {
			if _, err := s.eng.SignIn(w, r, provider, byPassword()); err != nil {
				t.Error(err)
			}
		}
	}))
	b.get("./both")
	if got := b.user(); got != "alice@example.com" {
		t.Errorf("the session is of %q, cookies %q", got, b.names())
	}
}
