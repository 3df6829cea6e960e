package engine_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// What has changed whatever comes of a sign-in or an update reaches the browser
// from a handler, too.
func TestAFailedCallOfTheApplicationSetsWhatMustBeSet(t *testing.T) {
	s := newSite(t, nameWritable, withStrategy(engine.StrategyJWT), func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			if p.Trigger == "update" {
				return errors.New("revoked")
			}
			return nil
		}
	})
	var failure error
	b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, failure = s.eng.Update(w, r, map[string]any{"name": "Ada"})
		if now, err := s.eng.Session(w, r); now != nil || err != nil {
			t.Errorf("after the jwt callback ended the session it is %+v, %v", now, err)
		}
	}))
	b.signIn()
	if r := b.get("./change"); failure == nil || !r.clears(sessionCookie) {
		t.Errorf("Update gives %v, cookies %q", failure, r.header["Set-Cookie"])
	}
	b.signedOut()

	// The jwt callback rotates the token while the sign-in asks who is here.
	methods := method{provider: "badge", handle: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
		return a.SignIn(engine.Identity{User: engine.User{ID: "badge-owner"}, Account: &engine.Account{ProviderAccountID: "4711"}}), nil
	}}
	turn := 0
	s = newSite(t, withStrategy(engine.StrategyJWT), func(_ *site, c *engine.Config) {
		c.Providers = append(c.Providers, methods)
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			turn++
			if p.Token.Extra == nil {
				p.Token.Extra = map[string]any{}
			}
			p.Token.Extra["turn"] = float64(turn)
			return nil
		}
	})
	other := s.browser()
	other.post("/callback/badge").wantTo(s.origin) // somebody else has the account
	b = s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, failure = s.eng.SignIn(w, r, "badge", engine.SignInOptions{})
	}))
	b.signIn()
	before := b.cookie(sessionCookie)
	r := b.get("./link")
	var known *engine.Error
	if !errors.As(failure, &known) || known.Code != "OAuthAccountNotLinked" {
		t.Fatalf("SignIn gives %v", failure)
	}
	if r.sets(sessionCookie) == nil || b.cookie(sessionCookie) == before {
		t.Errorf("the token that the jwt callback rotated is lost, cookies %q", r.header["Set-Cookie"])
	}
	if slices.ContainsFunc(r.set, func(c *http.Cookie) bool { return c.Name != sessionCookie }) {
		t.Errorf("a failed sign-in sets %q", r.header["Set-Cookie"])
	}
}

// method is a SignInMethod with one action, callback.
type method struct {
	provider string
	handle   func(context.Context, *engine.Attempt) (engine.Result, error)
}

func (m method) ProviderInfo() engine.ProviderInfo {
	return engine.ProviderInfo{ID: m.provider, Name: m.provider, Type: "badge"}
}

func (m method) Form() engine.Form { return engine.Form{} }

func (m method) Actions() []engine.SignInAction {
	return []engine.SignInAction{{Name: "callback", Method: http.MethodPost, Handle: m.handle}}
}
