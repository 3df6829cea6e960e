package engine_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

func TestAddressOfAnExistingUserIsNotLinked(t *testing.T) {
	var answers, pages []string
	for _, strategy := range strategies {
		for _, existing := range []string{"password", "mail", "other provider"} {
			s := newSite(t, withStrategy(strategy))
			address := "carol@example.com"
			owner := s.browser()
			switch existing {
			case "password":
				address = "alice@example.com"
			case "mail":
				owner.followMail(address).wantTo(s.origin)
			case "other provider":
				s.idp.userinfo = `{"id":"carol","email":"carol@example.com"}`
				owner.oauth("oauth").wantTo(s.origin)
			}
			before := len(s.accountsOf(address))
			for _, spelling := range []string{address, strings.ToUpper(address)} {
				s.idp.user = map[string]any{"sub": "mallory", "name": "Mallory", "email": spelling, "email_verified": true}
				b := s.browser()
				location := b.startOAuth("oidc")
				s.resetLog()
				r := b.finishOAuth("oidc", location)
				s.refusesCallback(existing, b, r, "OAuthAccountNotLinked")
				answers = append(answers, fmt.Sprint(r.status, r.location(), r.body))
				page := b.get(strings.TrimPrefix(r.location(), s.origin+base)).body
				pages = append(pages, regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(page, ""))
			}
			if got := len(s.accountsOf(address)); got != before {
				t.Errorf("%s: %d accounts, %d before", existing, got, before)
			}
		}
	}
	for i := range answers {
		if answers[i] != answers[0] || pages[i] != pages[0] {
			t.Errorf("the answers differ:\n%s\n%s", answers[i], answers[0])
		}
	}
	if strings.Contains(pages[0], "alice@") || strings.Contains(pages[0], "carol@") {
		t.Error("the page names the address")
	}
}

func TestLinkingByAddressNeedsItVerified(t *testing.T) {
	allowed := func(s *site, c *engine.Config) {
		c.Providers[0].(*engine.OIDC).AllowDangerousEmailAccountLinking = true
		c.Providers[1].(*engine.OAuth2).AllowDangerousEmailAccountLinking = true
	}
	verified := startTime.Add(-time.Hour)
	type missing struct{}
	for _, provider := range []string{"oidc", "oauth"} {
		for _, c := range []struct {
			claim    any // email_verified
			verified bool
			links    bool
		}{
			{true, true, true}, {"true", true, true},
			{missing{}, true, false}, {false, true, false}, {"false", true, false}, {nil, true, false}, {"", true, false},
			{0, true, false}, {1, true, false}, {"1", true, false}, {"TRUE ", true, false}, {[]bool{true}, true, false}, {map[string]bool{"true": true}, true, false},
			{true, false, false}, {"true", false, false}, {missing{}, false, false},
		} {
			s := newSite(t, withStore, allowed)
			user := engine.User{ID: "carol-id", Email: new("carol@example.com"), Name: new("Carol")}
			if c.verified {
				user.EmailVerified = &verified
			}
			s.putUser(user)
			s.idp.user = map[string]any{"sub": "c", "id": "c", "name": "Somebody", "email": "Carol@Example.com", "email_verified": c.claim}
			if _, ok := c.claim.(missing); ok {
				delete(s.idp.user, "email_verified")
			}
			b := s.browser()
			location := b.startOAuth(provider)
			s.resetLog()
			r := b.finishOAuth(provider, location)
			what := fmt.Sprintf("%s: email_verified %v, stored as verified: %v", provider, c.claim, c.verified)
			if !c.links {
				s.refusesCallback(what, b, r, "OAuthAccountNotLinked")
				if n := len(s.accountsOf("carol@example.com")); n != 0 {
					t.Errorf("%s: %d accounts", what, n)
				}
				continue
			}
			r.wantTo(s.origin)
			if n := len(s.accountsOf("carol@example.com")); n != 1 || b.user() != "carol@example.com" {
				t.Errorf("%s: %d accounts, signed in as %q", what, n, b.user())
			}
		}
	}
	// email_verified is about the email claim, not about another address that a
	// profile callback returns. The callback may set EmailVerified.
	for _, c := range []struct {
		claims   map[string]any
		email    string
		sets     bool
		verified bool
	}{
		{map[string]any{"sub": "c", "email": "evil@example.com", "email_verified": true, "upn": "carol@example.com"}, "carol@example.com", false, false},
		{map[string]any{"sub": "c", "email_verified": true, "upn": "carol@example.com"}, "carol@example.com", false, false},
		{map[string]any{"sub": "c", "email": "Carol@Example.com", "email_verified": true}, "carol@example.com", false, true},
		{map[string]any{"sub": "c", "email": "carol@example.com"}, "carol@example.com", false, false},
		{map[string]any{"sub": "c"}, "carol@example.com", true, true},
		{map[string]any{"sub": "c", "email": "evil@example.com", "email_verified": false}, "carol@example.com", true, true},
	} {
		profile := func(_ *site, cfg *engine.Config) {
			cfg.Providers[0].(*engine.OIDC).Profile = func(_ context.Context, p engine.ProfileParams) (engine.User, error) {
				u := engine.User{ID: p.Profile["sub"].(string), Email: &c.email}
				if c.sets {
					u.EmailVerified = &verified
				}
				return u, nil
			}
		}
		s := newSite(t, withStore, profile)
		s.idp.user = c.claims
		s.browser().oauth("oidc").wantTo(s.origin)
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "c")
		if err != nil || *u.Email != "carol@example.com" || (u.EmailVerified != nil) != c.verified {
			t.Errorf("%v, EmailVerified set: %v: stored %+v, %v", c.claims, c.sets, u, err)
		}
		// Linking follows the same rule.
		s = newSite(t, withStore, allowed, profile)
		s.putUser(engine.User{ID: "carol-id", Email: new("carol@example.com"), EmailVerified: &verified})
		s.idp.user = c.claims
		b := s.browser()
		if linked := b.oauth("oidc").location() == s.origin; linked != c.verified || (b.user() != "") != linked {
			t.Errorf("%v, EmailVerified set: %v: linked %v", c.claims, c.sets, linked)
		}
	}
	// With DangerousUnverifiedEmail the claim is not needed, as in Auth.js.
	s := newSite(t, withStore, allowed, func(_ *site, c *engine.Config) { c.Parity.DangerousUnverifiedEmail = true })
	s.putUser(engine.User{ID: "carol-id", Email: new("carol@example.com")})
	s.idp.user = map[string]any{"sub": "c", "email": "carol@example.com"}
	s.browser().oauth("oidc").wantTo(s.origin)
	if n := len(s.accountsOf("carol@example.com")); n != 1 {
		t.Errorf("with DangerousUnverifiedEmail: %d accounts", n)
	}
}

// A user who signed up with an unverified address loses it to who verifies it.
func TestVerifyingAnAddressDropsUnverifiedAccounts(t *testing.T) {
	for _, dangerous := range []bool{false, true} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) { c.Parity.DangerousUnverifiedEmail = dangerous })
		s.idp.user = map[string]any{"sub": "mallory", "email": "victim@example.com", "email_verified": false}
		attacker := s.browser()
		attacker.oauth("oidc").wantTo(s.origin)
		if got := attacker.user(); got != "victim@example.com" {
			t.Fatalf("the attacker is signed in as %q", got)
		}
		s.resetLog()
		owner := s.browser()
		owner.followMail("victim@example.com").wantTo(s.origin)
		if got := owner.user(); got != "victim@example.com" {
			t.Errorf("the owner is signed in as %q", got)
		}
		if dangerous {
			if got := attacker.user(); got != "victim@example.com" || len(s.accountsOf("victim@example.com")) != 1 {
				t.Errorf("with DangerousUnverifiedEmail the account was dropped; signed in as %q", got)
			}
			continue
		}
		attacker.signedOut()
		if accounts := s.accountsOf("victim@example.com"); len(accounts) > 0 {
			t.Errorf("the attacker's account is still linked: %v", accounts)
		}
		lines := s.logs.problems()
		if len(lines) != 1 || lines[0].msg != "auth: AccountUnlinked" || lines[0].attrs["hint"] == "" || strings.Contains(lines[0].String(), "victim@") {
			t.Errorf("log %v", lines)
		}
		b := s.browser()
		location := b.startOAuth("oidc")
		s.resetLog()
		s.refusesCallback("the attacker signs in again", b, b.finishOAuth("oidc", location), "OAuthAccountNotLinked")

		// An account whose provider verified the address stays.
		s.idp.user = map[string]any{"sub": "honest", "email": "honest@example.com", "email_verified": true}
		honest := s.browser()
		honest.oauth("oidc").wantTo(s.origin)
		s.browser().followMail("honest@example.com").wantTo(s.origin)
		if got := honest.user(); got != "honest@example.com" || len(s.accountsOf("honest@example.com")) != 1 {
			t.Errorf("a verified account was dropped; signed in as %q", got)
		}
		// So does an account of the user who verifies the address while signed in.
		s.idp.user = map[string]any{"sub": "late", "email": "late@example.com"}
		late := s.browser()
		late.oauth("oidc").wantTo(s.origin)
		late.followMail("late@example.com").wantTo(s.origin)
		if len(s.accountsOf("late@example.com")) != 1 {
			t.Error("the account of the user who verified the address was dropped")
		}
	}
}

// The token of a user who signed up with an unverified address cannot be revoked.
// So with the jwt strategy the owner of the address becomes a new user.
func TestVerifyingAnAddressTakesItFromAToken(t *testing.T) {
	var events []string
	s := newSite(t, withStrategy(engine.StrategyJWT), recordEvents(&events))
	s.idp.user = map[string]any{"sub": "mallory", "email": "victim@example.com", "email_verified": false}
	attacker := s.browser()
	attacker.oauth("oidc").wantTo(s.origin)
	old, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "mallory")
	if err != nil {
		t.Fatal(err)
	}
	owner := s.browser()
	link := owner.askMail("victim@example.com")
	events = nil
	s.resetLog()
	owner.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")).wantTo(s.origin)
	fresh, err := s.store.inner.GetUserByEmail(t.Context(), "victim@example.com")
	if err != nil || fresh.ID == old.ID || fresh.EmailVerified == nil {
		t.Fatalf("the owner of the address is %+v (the attacker %s): %v", fresh, old.ID, err)
	}
	if want := []string{"createUser " + fresh.ID, "signIn " + fresh.ID + " new=true"}; !slices.Equal(events, want) {
		t.Errorf("events %q, want %q", events, want)
	}
	if lines := s.logs.problems(); len(lines) != 1 || lines[0].msg != "auth: EmailTaken" || lines[0].level.String() != "WARN" || strings.Contains(lines[0].String(), "victim@") {
		t.Errorf("log %v", lines)
	}
	if attackerUser, err := s.store.inner.GetUser(t.Context(), old.ID); err != nil || attackerUser.Email != nil {
		t.Errorf("the attacker's user is %+v, %v", attackerUser, err)
	}
	// The attacker's token stays that of the other user.
	for range 3 {
		s.clock.add(25 * time.Hour)
		attacker.session()
	}
	s.idp.user = map[string]any{"sub": "mallory-2"}
	attacker.oauth("oidc").wantTo(s.origin)
	if accounts := s.accountsOf("victim@example.com"); len(accounts) > 0 {
		t.Errorf("linked to the owner: %v", accounts)
	}
	s.idp.user = map[string]any{"sub": "mallory", "email": "victim@example.com"}
	back := s.browser()
	back.oauth("oidc").wantTo(s.origin)
	if got := back.user(); got == "victim@example.com" {
		t.Errorf("the attacker signs in again as %q", got)
	}

	// The same holds for a user whom the application created, since someone may
	// have a token for it, by a password for example.
	s.putUser(engine.User{ID: "zoe-id", Email: new("zoe@example.com")})
	s.browser().followMail("zoe@example.com").wantTo(s.origin)
	if u, err := s.store.inner.GetUserByEmail(t.Context(), "zoe@example.com"); err != nil || u.ID == "zoe-id" {
		t.Errorf("the user is %+v, %v", u, err)
	}
	// A user who verifies the address while signed in keeps everything.
	s.idp.user = map[string]any{"sub": "late", "email": "late@example.com"}
	late := s.browser()
	late.oauth("oidc").wantTo(s.origin)
	late.followMail("late@example.com").wantTo(s.origin)
	if len(s.accountsOf("late@example.com")) != 1 {
		t.Error("the account of the user who verified the address was dropped")
	}
}
