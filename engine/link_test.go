package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// recordEvents appends the events of a site to list, such as "createUser alice-id".
func recordEvents(list *[]string) func(*site, *engine.Config) {
	return func(_ *site, c *engine.Config) {
		add := func(what string, u *engine.User) { *list = append(*list, what+" "+u.ID) }
		c.Events.CreateUser = func(_ context.Context, u *engine.User) error { add("createUser", u); return nil }
		c.Events.UpdateUser = func(_ context.Context, u *engine.User) error { add("updateUser", u); return nil }
		c.Events.LinkAccount = func(_ context.Context, e *engine.LinkAccountEvent) error {
			*list = append(*list, fmt.Sprintf("linkAccount %s %s %s", e.User.ID, e.Account.Provider, e.Account.ProviderAccountID))
			return nil
		}
		c.Events.SignIn = func(_ context.Context, e *engine.SignInEvent) error {
			*list = append(*list, fmt.Sprintf("signIn %s new=%v", e.User.ID, e.IsNewUser))
			return nil
		}
	}
}

// The rows of the table "Account linking decisions" (WIRE.md section 7), with both
// strategies.
func TestLinkingFollowsTheTableOfDecisions(t *testing.T) {
	for _, strategy := range strategies {
		var events []string
		setUp := func(change ...func(*site, *engine.Config)) *site {
			events = nil
			s := newSite(t, append([]func(*site, *engine.Config){withStrategy(strategy), recordEvents(&events)}, change...)...)
			s.putUser(engine.User{ID: "bob-id", Email: new("bob@example.com"), EmailVerified: &startTime, Name: new("Bob as stored")})
			return s
		}
		link := func(s *site, user, sub string) {
			t.Helper()
			if _, err := s.store.inner.LinkAccount(t.Context(), engine.Account{UserID: user, Type: "oidc", Provider: "oidc", ProviderAccountID: sub}); err != nil {
				t.Fatal(err)
			}
		}
		wantEvents := func(row string, want ...string) {
			t.Helper()
			if !slices.Equal(events, want) {
				t.Errorf("%s, row %s: events %q, want %q", strategy, row, events, want)
			}
			events = nil
		}
		wantUser := func(row string, b *browser, want string) {
			t.Helper()
			if got := b.user(); got != want {
				t.Errorf("%s, row %s: signed in as %q, want %q", strategy, row, got, want)
			}
		}
		profile := func(sub, email string) map[string]any {
			p := map[string]any{"sub": sub, "name": "The name at the provider", "email_verified": true}
			if email != "" {
				p["email"] = email
			}
			return p
		}

		// 1. The account and the address are new.
		s := setUp()
		s.idp.user = profile("new-sub", "new@example.com")
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		wantUser("1", b, "new@example.com")
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "new-sub")
		if err != nil {
			t.Fatal(err)
		}
		wantEvents("1", "createUser "+u.ID, "linkAccount "+u.ID+" oidc new-sub", "signIn "+u.ID+" new=true")
		if len(u.ID) != 36 || u.ID == "new-sub" {
			t.Errorf("%s, row 1: the id is %q", strategy, u.ID)
		}
		b = s.browser()
		b.oauth("oidc").wantTo(s.origin)
		wantEvents("2 after 1", "signIn "+u.ID+" new=false")

		// 2. The account is known. Its new profile changes nothing.
		s = setUp()
		link(s, "bob-id", "bob-sub")
		s.idp.user = profile("bob-sub", "renamed@example.com")
		b = s.browser()
		b.oauth("oidc").wantTo(s.origin)
		wantUser("2", b, "bob@example.com")
		wantEvents("2", "signIn bob-id new=false")
		if _, err := s.store.inner.GetUserByEmail(t.Context(), "renamed@example.com"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s, row 2: the provider's address is stored: %v", strategy, err)
		}

		// 3. Another user has the address.
		s = setUp()
		b = s.browser()
		location := b.startOAuth("oidc")
		s.resetLog()
		s.refusesCallback("row 3", b, b.finishOAuth("oidc", location), "OAuthAccountNotLinked")
		wantEvents("3")

		// 4. The same, and the provider's configuration allows linking. No user
		// is created, so there is no such event.
		s = setUp(func(_ *site, c *engine.Config) {
			c.Providers[0].(*engine.OIDC).AllowDangerousEmailAccountLinking = true
		})
		b = s.browser()
		b.oauth("oidc").wantTo(s.origin)
		wantUser("4", b, "bob@example.com")
		wantEvents("4", "linkAccount bob-id oidc bob-sub", "signIn bob-id new=false")
		if stored, _ := s.store.inner.GetUser(t.Context(), "bob-id"); *stored.Name != "Bob as stored" {
			t.Errorf("%s, row 4: the user is now %q", strategy, *stored.Name)
		}

		// 5. The profile has no address.
		s = setUp()
		s.idp.user = profile("no-mail", "")
		b = s.browser()
		b.oauth("oidc").wantTo(s.origin)
		wantUser("5", b, "The name at the provider")
		u, err = s.store.inner.GetUserByAccount(t.Context(), "oidc", "no-mail")
		if err != nil || u.Email != nil || u.EmailVerified != nil {
			t.Errorf("%s, row 5: the user is %+v, %v", strategy, u, err)
		}
		other := s.browser()
		s.idp.user = profile("no-mail-2", "")
		other.oauth("oidc").wantTo(s.origin)
		if v, _ := s.store.inner.GetUserByAccount(t.Context(), "oidc", "no-mail-2"); v.ID == u.ID {
			t.Errorf("%s, row 5: two accounts without an address have the same user", strategy)
		}

		// 6. Signed in, and the account is new. It is linked to the user who is
		// signed in, whatever its address.
		for _, address := range []string{"alice@example.com", "bob@example.com", "new@example.com", ""} {
			s = setUp()
			b = s.browser()
			b.signIn()
			events = nil
			cookie := b.cookie(sessionCookie)
			s.idp.user = profile("extra-sub", address)
			b.oauth("oidc").wantTo(s.origin)
			wantUser("6", b, "alice@example.com")
			wantEvents("6", "linkAccount alice-id oidc extra-sub", "signIn alice-id new=false")
			if stored, _ := s.store.inner.GetUser(t.Context(), "alice-id"); *stored.Name != "Alice" || *stored.Email != "alice@example.com" || stored.EmailVerified != nil {
				t.Errorf("%s, row 6: the user is now %+v", strategy, stored)
			}
			if strategy == engine.StrategyDatabase && (b.cookie(sessionCookie) != cookie || s.store.count("CreateSession") != 1) {
				t.Errorf("%s, row 6: there is a new session", strategy)
			}
			s.resetLog()
			again := s.browser()
			again.oauth("oidc").wantTo(s.origin)
			wantUser("2 after 6", again, "alice@example.com")
		}

		// 7. Signed in, and the account is this user's.
		s = setUp()
		link(s, "alice-id", "bob-sub")
		b = s.browser()
		b.signIn()
		events = nil
		b.oauth("oidc").wantTo(s.origin)
		wantUser("7", b, "alice@example.com")
		wantEvents("7", "signIn alice-id new=false")

		// 8. Signed in, and the account is another user's.
		s = setUp()
		link(s, "bob-id", "bob-sub")
		b = s.browser()
		b.signIn()
		location = b.startOAuth("oidc")
		s.resetLog()
		events = nil
		b.finishOAuth("oidc", location).wantTo(s.origin + base + "/signin?error=OAuthAccountNotLinked")
		wantUser("8", b, "alice@example.com")
		wantEvents("8")
		if writes := s.store.writes(); len(writes) > 0 {
			t.Errorf("%s, row 8: wrote %v", strategy, writes)
		}

		// 9. The session is unreadable or expired, or its user was deleted: as if
		// signed out.
		s = setUp()
		link(s, "bob-id", "bob-sub")
		b = s.browser()
		b.set(sessionCookie, "garbage")
		b.oauth("oidc").wantTo(s.origin)
		wantUser("9", b, "bob@example.com")
		b = s.browser()
		b.signIn()
		if err := s.store.inner.DeleteUser(t.Context(), "alice-id"); err != nil {
			t.Fatal(err)
		}
		b.oauth("oidc").wantTo(s.origin)
		wantUser("9, user gone", b, "bob@example.com")
		s.quiet(t)
		s.putUser(*alice())
		b = s.browser()
		b.signIn()
		s.clock.add(2 * month)
		b.oauth("oidc").wantTo(s.origin)
		wantUser("9, session expired", b, "bob@example.com")
	}

	// 10. Without an adapter the profile is the user.
	s := newSite(t)
	b := s.browser()
	b.oauth("oidc").wantTo(s.origin)
	if got := b.session(); got != `{"user":{"name":"Bob","email":"bob@example.com","image":"https://idp.example/bob.png"},"expires":"2026-02-01T03:04:05.000Z"}` {
		t.Errorf("row 10: the session is %s", got)
	}
	s.idp.user = map[string]any{"sub": "other", "email": "bob@example.com"}
	b.oauth("oidc").wantTo(s.origin)
}

// Linking an account does not extend the session.
func TestLinkingDoesNotExtendTheSession(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	token := b.cookie(sessionCookie)
	row, err := s.rowOf(token)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.add(time.Hour)
	for _, what := range []string{"linked", "linked already"} {
		c := b.oauth("oidc").sets(sessionCookie)
		if c == nil || c.Value != token || !c.Expires.Equal(row.Expires.Truncate(time.Second)) {
			t.Errorf("%s: the cookie is %v, want the one that ends %v", what, c, row.Expires)
		}
		if after, err := s.rowOf(token); err != nil || !after.Expires.Equal(row.Expires) {
			t.Errorf("%s: the row ends %v, %v, want %v", what, after.Expires, err, row.Expires)
		}
	}
}

// A token that the jwt callback revokes signs nobody in, so that no account is
// linked to the user of a stolen cookie.
func TestRevokedTokenLinksNothing(t *testing.T) {
	for what, revoke := range map[string]func(*engine.JWTParams) error{
		"nil":             func(p *engine.JWTParams) error { p.Token = nil; return nil },
		"another subject": func(p *engine.JWTParams) error { p.Token.Subject = "zoe-id"; return nil },
		"error":           func(*engine.JWTParams) error { return errors.New("revoked") },
		"panic":           func(*engine.JWTParams) error { panic("revoked") },
	} {
		revoked := false
		s := newSite(t, withStrategy(engine.StrategyJWT), func(_ *site, c *engine.Config) {
			c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
				if revoked && p.Trigger == "" && p.Token.Subject == "alice-id" {
					return revoke(p)
				}
				return nil
			}
		})
		s.putUser(engine.User{ID: "zoe-id", Email: new("zoe@example.com")})
		b := s.browser()
		b.signIn()
		revoked = true
		b.oauth("oidc")
		if accounts := slices.Concat(s.accountsOf("alice@example.com"), s.accountsOf("zoe@example.com")); len(accounts) > 0 {
			t.Errorf("%s: linked %v", what, accounts)
		}
		if got := b.user(); got == "alice@example.com" {
			t.Errorf("%s: signed in as %q", what, got)
		}
		if what == "nil" {
			if got := b.user(); got != "bob@example.com" {
				t.Errorf("%s: signed in as %q", what, got)
			}
		}
	}
}

// A mail link for a known address ends the database session of another user in the
// same browser, one for a new address does not (WIRE.md section 6).
func TestMailLinkEndsTheSessionOfAnotherUser(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	s.browser().followMail("carol@example.com")
	for address, ends := range map[string]bool{"carol@example.com": true, "alice@example.com": false, "new@example.com": false} {
		b := s.browser()
		b.signIn()
		old := b.copy()
		b.followMail(address).wantTo(s.origin)
		if got := b.user(); got != address {
			t.Errorf("%s: signed in as %q", address, got)
		}
		if ended := old.user() == ""; ended != ends {
			t.Errorf("%s: the previous session ended: %v, want %v", address, ended, ends)
		}
	}
}

// An empty address does not identify a user.
func TestUsersWithoutAnAddressAreNotLinked(t *testing.T) {
	s := newSite(t, withStore)
	for _, sub := range []string{"a", "b"} {
		s.idp.user = map[string]any{"sub": sub, "name": "User " + sub, "email": ""}
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		if got := b.user(); got != "User "+sub {
			t.Errorf("signed in as %q", got)
		}
	}
	s.quiet(t)
}
