package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

func TestJWTCallbackChangesOrEndsTheSession(t *testing.T) {
	var jwt func(*engine.JWTParams) error
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			if jwt == nil {
				return nil
			}
			return jwt(p)
		}
	})
	// A token is reissued when a claim has changed, and only then.
	b := s.browser()
	b.signIn()
	n := 0
	jwt = func(p *engine.JWTParams) error {
		n++
		p.Token.Extra = map[string]any{"counter": float64(n / 2)}
		return nil
	}
	for i, want := range []bool{true, true, false, true, false} { // the claim is new at the first read
		if r := b.get("/session"); (r.sets(sessionCookie) != nil) != want {
			t.Errorf("read %d: a cookie is set: %v, want %v", i, !want, want)
		}
	}
	jwt = func(p *engine.JWTParams) error { p.Token.Name = new("Changed"); return nil }
	if r := b.get("/session"); r.sets(sessionCookie) == nil || !strings.Contains(r.body, "Changed") {
		t.Errorf("a changed name: %s", r.body)
	}
	if r := b.get("/session"); r.sets(sessionCookie) != nil {
		t.Error("an unchanged name is issued again")
	}
	// The callback may replace the token.
	jwt = func(p *engine.JWTParams) error {
		p.Token = &engine.Token{Subject: "x", Name: new("Replaced")}
		return nil
	}
	if r := b.get("/session"); !strings.Contains(r.body, "Replaced") || strings.Contains(r.body, "alice@") {
		t.Errorf("a replaced token: %s", r.body)
	}
	// A nil token ends the session.
	jwt = func(p *engine.JWTParams) error { p.Token = nil; return nil }
	r := b.get("/session")
	if r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("a nil token: %s, %q", r.body, r.header["Set-Cookie"])
	}
	s.quiet(t)
	// At sign-in the browser is redirected without a session.
	b = s.browser()
	b.post("/callback/credentials", "password", password).wantTo(s.origin)
	b.signedOut()
	// The previous user is signed out, too.
	jwt = nil
	b.oauth("oidc").wantTo(s.origin)
	jwt = func(p *engine.JWTParams) error { p.Token = nil; return nil }
	b.post("/callback/credentials", "password", password).wantTo(s.origin)
	jwt = nil
	b.signedOut()
	// An error ends the session.
	jwt = nil
	b.signIn()
	jwt = func(*engine.JWTParams) error { return errors.New("revoked") }
	s.resetLog()
	r = b.get("/session")
	if r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("an error: %s, %q", r.body, r.header["Set-Cookie"])
	}
	s.problem(t)
	s.resetLog()
	b.post("/callback/credentials", "password", password).wantTo(s.origin + base + "/error?error=Configuration")
	s.problem(t)
	b.signedOut()
}

// Changes of the jwt callback are never discarded: a callback that rotates a
// refresh token has invalidated the previous one.
func TestTokenOfTheJWTCallbackIsNeverLost(t *testing.T) {
	used := map[string]bool{}
	n := 0
	s := newSite(t, withStrategy(engine.StrategyJWT), func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			old, _ := p.Token.Extra["rotating"].(string)
			if used[old] {
				p.Token = nil // the provider accepts a refresh token once
				return nil
			}
			if old != "" {
				used[old] = true
			}
			n++
			p.Token.Extra = map[string]any{"rotating": fmt.Sprint("token-", n)}
			return nil
		}
	})
	s.browser().oauth("oidc").wantTo(s.origin) // bob
	b := s.browser()
	b.signIn()
	staysSignedIn := func(what string) {
		t.Helper()
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("after %s, signed in as %q", what, got)
		}
	}
	staysSignedIn("the sign-in")
	staysSignedIn("a read")
	b.update(map[string]any{"name": "x"}) // refused: there is no schema
	staysSignedIn("an update that is refused")
	b.update(nil)
	staysSignedIn("an update")
	b.finishOAuth("oidc", b.startOAuth("oidc")).wantTo(s.origin + base + "/signin?error=OAuthAccountNotLinked")
	staysSignedIn("a link that is refused")
	s.idp.user = map[string]any{"sub": "alice-sub"}
	b.oauth("oidc").wantTo(s.origin)
	staysSignedIn("a link")
	b.oauth("oidc").wantTo(s.origin)
	staysSignedIn("a sign-in with the linked account")
	s.idp.claims = func(c map[string]any) { c["aud"] = "x" }
	b.oauth("oidc").wantError("Configuration")
	staysSignedIn("a sign-in that fails")
	handler := b.handler
	b.handler = s.eng.Middleware(s.eng)
	staysSignedIn("a read through the middleware")
	b.handler = handler
}

// A callback that writes to the same store must not block on a transaction of the
// engine.
func TestJWTCallbackMayWriteToTheStore(t *testing.T) {
	for _, database := range []string{"memory", "SQLite"} {
		for _, f := range flows {
			var s *site
			wrote := false
			jwt := func(_ *site, c *engine.Config) {
				c.Callbacks.JWT = func(ctx context.Context, p *engine.JWTParams) error {
					if p.Trigger != "signUp" && p.Trigger != "signIn" {
						return nil
					}
					ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // fails instead of hanging on a deadlock
					defer cancel()
					_, err := s.store.inner.UpdateUser(ctx, store.UserUpdate{ID: p.Token.Subject, Image: store.SetTo("https://example.com/fresh.png")})
					wrote = wrote || err == nil
					return err
				}
			}
			store := withStrategy(engine.StrategyJWT)
			if database == "SQLite" {
				store, _, _ = withSQLite(t, engine.StrategyJWT)
			}
			changes := []func(*site, *engine.Config){nameWritable, store, jwt}
			if f.change != nil {
				changes = append(changes, f.change)
			}
			if f.name == "credentials that create a user" {
				continue // no user is stored with jwt sessions
			}
			s = newSite(t, changes...)
			b := s.browser()
			f.succeeds(s, b, f.start(s, b)(), database+", "+f.name)
			if !wrote && f.name != "a mail link is requested" {
				t.Errorf("%s, %s: the callback did not write", database, f.name)
			}
		}
	}
}
