package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// told notes the events of a site, "createUser alice-id" say.
func told(list *[]string) func(*site, *engine.Config) {
	return func(_ *site, c *engine.Config) {
		note := func(what string, u *engine.User) { *list = append(*list, what+" "+u.ID) }
		c.Events.CreateUser = func(_ context.Context, e *engine.UserEvent) error { note("createUser", e.User); return nil }
		c.Events.UpdateUser = func(_ context.Context, e *engine.UserEvent) error { note("updateUser", e.User); return nil }
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

// The table "Account linking decisions" (WIRE.md section 7), with both
// strategies.
func TestLinking(t *testing.T) {
	for _, strategy := range both {
		var events []string
		setUp := func(change ...func(*site, *engine.Config)) *site {
			events = nil
			s := newSite(t, append([]func(*site, *engine.Config){withStrategy(strategy), told(&events)}, change...)...)
			s.putUser(engine.User{ID: "bob-id", Email: new("bob@example.com"), EmailVerified: &start, Name: new("Bob as stored")})
			return s
		}
		link := func(s *site, user, sub string) {
			t.Helper()
			if _, err := s.store.inner.LinkAccount(t.Context(), engine.Account{UserID: user, Type: "oidc", Provider: "oidc", ProviderAccountID: sub}); err != nil {
				t.Fatal(err)
			}
		}
		wants := func(row string, want ...string) {
			t.Helper()
			if !slices.Equal(events, want) {
				t.Errorf("%s, row %s: the events are %q, want %q", strategy, row, events, want)
			}
			events = nil
		}
		is := func(row string, b *browser, want string) {
			t.Helper()
			if got := b.user(); got != want {
				t.Errorf("%s, row %s: the session is of %q, want %q", strategy, row, got, want)
			}
		}
		profile := func(sub, email string) map[string]any {
			p := map[string]any{"sub": sub, "name": "The name at the provider", "email_verified": true}
			if email != "" {
				p["email"] = email
			}
			return p
		}

		// 1. Nobody knows the account or the address.
		s := setUp()
		s.idp.user = profile("new-sub", "new@example.com")
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		is("1", b, "new@example.com")
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "new-sub")
		if err != nil {
			t.Fatal(err)
		}
		wants("1", "createUser "+u.ID, "linkAccount "+u.ID+" oidc new-sub", "signIn "+u.ID+" new=true")
		if len(u.ID) != 36 || u.ID == "new-sub" {
			t.Errorf("%s, row 1: the id is %q", strategy, u.ID)
		}
		b = s.browser()
		b.oauth("oidc").wantTo(s.origin)
		wants("2 after 1", "signIn "+u.ID+" new=false")

		// 2. The account is known; what the provider says now changes nothing.
		s = setUp()
		link(s, "bob-id", "bob-sub")
		s.idp.user = profile("bob-sub", "renamed@example.com")
		b = s.browser()
		b.oauth("oidc").wantTo(s.origin)
		is("2", b, "bob@example.com")
		wants("2", "signIn bob-id new=false")
		if _, err := s.store.inner.GetUserByEmail(t.Context(), "renamed@example.com"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s, row 2: the provider's address is stored: %v", strategy, err)
		}

		// 3. Another user has the address.
		s = setUp()
		b = s.browser()
		location := b.leave("oidc")
		s.forget()
		s.refusesCallback("row 3", b, b.back("oidc", location), engine.CodeOAuthAccountNotLinked)
		wants("3")

		// 4. The same, and the provider's configuration allows it. No user is
		// created, so no event says so.
		s = setUp(func(_ *site, c *engine.Config) {
			c.Providers[0].(*engine.OIDC).AllowDangerousEmailAccountLinking = true
		})
		b = s.browser()
		b.oauth("oidc").wantTo(s.origin)
		is("4", b, "bob@example.com")
		wants("4", "linkAccount bob-id oidc bob-sub", "signIn bob-id new=false")
		if stored, _ := s.store.inner.GetUser(t.Context(), "bob-id"); *stored.Name != "Bob as stored" {
			t.Errorf("%s, row 4: the user is now %q", strategy, *stored.Name)
		}

		// 5. The provider says no address.
		s = setUp()
		s.idp.user = profile("no-mail", "")
		b = s.browser()
		b.oauth("oidc").wantTo(s.origin)
		is("5", b, "The name at the provider")
		u, err = s.store.inner.GetUserByAccount(t.Context(), "oidc", "no-mail")
		if err != nil || u.Email != nil || u.EmailVerified != nil {
			t.Errorf("%s, row 5: the user is %+v, %v", strategy, u, err)
		}
		other := s.browser()
		s.idp.user = profile("no-mail-2", "")
		other.oauth("oidc").wantTo(s.origin)
		if v, _ := s.store.inner.GetUserByAccount(t.Context(), "oidc", "no-mail-2"); v.ID == u.ID {
			t.Errorf("%s, row 5: two accounts without an address are one user", strategy)
		}

		// 6. Signed in, the account is new: it is linked to who is signed in,
		// whoever has its address.
		for _, address := range []string{"alice@example.com", "bob@example.com", "new@example.com", ""} {
			s = setUp()
			b = s.browser()
			b.signIn()
			events = nil
			cookie := b.cookie(sessionCookie)
			s.idp.user = profile("extra-sub", address)
			b.oauth("oidc").wantTo(s.origin)
			is("6", b, "alice@example.com")
			wants("6", "linkAccount alice-id oidc extra-sub", "signIn alice-id new=false")
			if stored, _ := s.store.inner.GetUser(t.Context(), "alice-id"); *stored.Name != "Alice" || *stored.Email != "alice@example.com" || stored.EmailVerified != nil {
				t.Errorf("%s, row 6: the user is now %+v", strategy, stored)
			}
			if strategy == engine.StrategyDatabase && (b.cookie(sessionCookie) != cookie || s.store.count("CreateSession") != 1) {
				t.Errorf("%s, row 6: there is a new session", strategy)
			}
			s.forget()
			again := s.browser()
			again.oauth("oidc").wantTo(s.origin)
			is("2 after 6", again, "alice@example.com")
		}

		// 7. Signed in, and the account is this user's.
		s = setUp()
		link(s, "alice-id", "bob-sub")
		b = s.browser()
		b.signIn()
		events = nil
		b.oauth("oidc").wantTo(s.origin)
		is("7", b, "alice@example.com")
		wants("7", "signIn alice-id new=false")

		// 8. Signed in, and the account is another user's.
		s = setUp()
		link(s, "bob-id", "bob-sub")
		b = s.browser()
		b.signIn()
		location = b.leave("oidc")
		s.forget()
		events = nil
		b.back("oidc", location).wantTo(s.origin + base + "/signin?error=OAuthAccountNotLinked")
		is("8", b, "alice@example.com")
		wants("8")
		if writes := s.store.writes(); len(writes) > 0 {
			t.Errorf("%s, row 8: written was %v", strategy, writes)
		}

		// 9. The session is unreadable, or its user is gone: signed out.
		s = setUp()
		link(s, "bob-id", "bob-sub")
		b = s.browser()
		b.set(sessionCookie, "garbage")
		b.oauth("oidc").wantTo(s.origin)
		is("9", b, "bob@example.com")
		b = s.browser()
		b.signIn()
		if err := s.store.inner.DeleteUser(t.Context(), "alice-id"); err != nil {
			t.Fatal(err)
		}
		b.oauth("oidc").wantTo(s.origin)
		is("9, user gone", b, "bob@example.com")
		s.quiet(t)
		s.putUser(*alice())
		b = s.browser()
		b.signIn()
		s.clock.add(2 * month)
		b.oauth("oidc").wantTo(s.origin)
		is("9, session expired", b, "bob@example.com")
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

// Two first sign-ins at the same moment make one user.
// An account that is linked to a session does not make it longer.
func TestLinkingKeepsTheEndOfTheSession(t *testing.T) {
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

func TestConcurrentSignUp(t *testing.T) {
	for _, strategy := range both {
		for _, tx := range []string{"transactions", "sign-up", "neither"} {
			s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) {
				switch tx {
				case "sign-up":
					c.Adapter = s.store.signUp()
				case "neither":
					c.Adapter = s.store.plain()
				}
			})
			const tabs = 8
			browsers := make([]*browser, tabs)
			replies := make([]*reply, tabs)
			var wg sync.WaitGroup
			if tx != "neither" { // user and account in one step
				targets := make([]string, tabs)
				for i := range browsers {
					browsers[i] = s.browser()
					targets[i] = "/callback/oidc?" + s.idp.approve(t, browsers[i].leave("oidc")).Encode()
				}
				for i := range browsers {
					wg.Go(func() { replies[i] = browsers[i].get(targets[i]) })
				}
				wg.Wait()
				for i, r := range replies {
					r.wantTo(s.origin)
					if got := browsers[i].user(); got != "bob@example.com" {
						t.Errorf("%s: the session is of %q", strategy, got)
					}
				}
				if n := len(s.accountsOf("bob@example.com")); n != 1 {
					t.Errorf("%s: %d accounts", strategy, n)
				}
				s.quiet(t)
			}

			// The same with mail links of one new address.
			forms := make([]url.Values, tabs)
			for i := range browsers {
				link := s.browser().askMail("carol@example.com")
				browsers[i] = s.browser()
				forms[i] = form("csrfToken", browsers[i].csrf(), "token", link.Get("token"), "email", link.Get("email"))
			}
			for i := range browsers {
				wg.Go(func() { replies[i] = browsers[i].send("/callback/email", forms[i]) })
			}
			wg.Wait()
			for i, r := range replies {
				r.wantTo(s.origin)
				if got := browsers[i].user(); got != "carol@example.com" {
					t.Errorf("%s, %s, mail: the session is of %q", strategy, tx, got)
				}
			}
		}
	}
}

// Somebody is quicker: between the look for a user and its creation the same
// user is created in another tab.
func TestQuickerSignUp(t *testing.T) {
	for _, strategy := range both {
		for _, tx := range []bool{true, false} {
			for _, way := range []string{"oidc", "mail"} {
				s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) {
					if !tx {
						c.Adapter = s.store.plain()
					}
				})
				enter := func(b *browser) func() *reply {
					if way == "oidc" {
						location := b.leave("oidc")
						return func() *reply { return b.back("oidc", location) }
					}
					link := b.askMail("bob@example.com")
					return func() *reply {
						return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
					}
				}
				slow, quick := s.browser(), s.browser()
				slowly, quickly := enter(slow), enter(quick)
				slow.csrf()
				moment := "Tx"
				if !tx {
					moment = "CreateUser"
				}
				first := true
				s.store.fail = func(method string) error {
					if method == moment && first {
						first = false
						quickly().wantTo(s.origin)
					}
					return nil
				}
				slowly().wantTo(s.origin)
				if first || slow.user() != "bob@example.com" || quick.user() != "bob@example.com" {
					t.Errorf("%s, transactions %v, %s: the sessions are of %q and %q; log %v", strategy, tx, way, slow.user(), quick.user(), s.logs.problems())
				}
				s.quiet(t)
			}
		}
	}
}

// A user and its account are created in one step where the adapter has it, and
// told in the usual order.
func TestSignUpInOneStep(t *testing.T) {
	for _, strategy := range both {
		var events []string
		s := newSite(t, withStrategy(strategy), told(&events), func(s *site, c *engine.Config) { c.Adapter = s.store.signUp() })
		s.store.reset()
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		if writes := s.store.writes(); writes[0] != "CreateUserWithAccount" || slices.Contains(writes, "LinkAccount") {
			t.Errorf("%s: the writes are %q", strategy, writes)
		}
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "bob-sub")
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"createUser " + u.ID, "linkAccount " + u.ID + " oidc bob-sub", "signIn " + u.ID + " new=true"}; !slices.Equal(events, want) {
			t.Errorf("%s: the events are %q, want %q", strategy, events, want)
		}
		// One that fails leaves nobody, and the next one finds nobody in its way.
		s.forget()
		s.store.breaks(errors.New("the store is away"), "CreateUserWithAccount")
		s.idp.user = map[string]any{"sub": "eve-sub", "email": "eve@example.com"}
		eve := s.browser()
		eve.oauth("oidc").wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
		s.store.repair()
		eve.oauth("oidc").wantTo(s.origin)
		if got := eve.user(); got != "eve@example.com" {
			t.Errorf("%s: after a failure the session is of %q", strategy, got)
		}
	}
}

// A transaction may be run again: nothing of the first run is left, and what
// it told is told once.
func TestTransactionThatIsTriedAgain(t *testing.T) {
	for _, strategy := range both {
		var events []string
		s := newSite(t, withStrategy(strategy), told(&events), func(s *site, c *engine.Config) { c.Adapter = &retrying{Adapter: c.Adapter} })
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin) // the browser of these tests looks for a cookie set twice
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "bob-sub")
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"createUser " + u.ID, "linkAccount " + u.ID + " oidc bob-sub", "signIn " + u.ID + " new=true"}; !slices.Equal(events, want) {
			t.Errorf("%s: the events are %q, want %q", strategy, events, want)
		}
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: the session is of %q", strategy, got)
		}
		b = s.browser()
		b.followMail("carol@example.com").wantTo(s.origin)
		if got := b.user(); got != "carol@example.com" {
			t.Errorf("%s: by mail the session is of %q", strategy, got)
		}
		s.quiet(t)
	}
}

// retrying runs every transaction twice, as after a serialization failure.
type retrying struct{ engine.Adapter }

func (r *retrying) Tx(ctx context.Context, fn func(engine.Adapter) error) error {
	again := errors.New("serialization failure")
	tx := r.Adapter.(store.Transactor)
	err := tx.Tx(ctx, func(a engine.Adapter) error {
		if err := fn(a); err != nil {
			return err
		}
		return again
	})
	if !errors.Is(err, again) {
		return err
	}
	return tx.Tx(ctx, fn)
}

// Somebody who goes away in the middle of signing up leaves no user behind who
// has no way in.
func TestSignUpThatIsGivenUp(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) { c.Adapter = s.store.plain() })
		b := s.browser()
		target := base + "/callback/oidc?" + s.idp.approve(t, b.leave("oidc")).Encode()
		ctx, cancel := context.WithCancel(t.Context())
		s.store.fail = func(method string) error {
			if method == "LinkAccount" {
				cancel()
				return ctx.Err()
			}
			return nil
		}
		b.do(b.request("GET", target, nil).WithContext(ctx)).wantTo(s.origin + base + "/error?error=Configuration")
		s.store.repair()
		if _, err := s.store.inner.GetUserByEmail(t.Context(), "bob@example.com"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: a user without a way in is left: %v", strategy, err)
		}
		b.oauth("oidc").wantTo(s.origin)
	}
}

// A token that the jwt callback has revoked is nobody's: an account is not
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
				if revoked && p.Trigger == engine.TriggerRead && p.Token.Subject == "alice-id" {
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
			t.Errorf("%s: linked are %v", what, accounts)
		}
		if got := b.user(); got == "alice@example.com" {
			t.Errorf("%s: the session is of %q", what, got)
		}
		if what == "nil" {
			if got := b.user(); got != "bob@example.com" {
				t.Errorf("%s: the session is of %q", what, got)
			}
		}
	}
}

// A mail link of a known address ends the database session of another user in
// the same browser; one of a new address leaves it alone (WIRE.md section 6).
func TestMailLinkInAnotherSession(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	s.browser().followMail("carol@example.com")
	for address, ends := range map[string]bool{"carol@example.com": true, "alice@example.com": false, "new@example.com": false} {
		b := s.browser()
		b.signIn()
		old := b.copy()
		b.followMail(address).wantTo(s.origin)
		if got := b.user(); got != address {
			t.Errorf("%s: the session is of %q", address, got)
		}
		if ended := old.user() == ""; ended != ends {
			t.Errorf("%s: the session before ended: %v, want %v", address, ended, ends)
		}
	}
}

// Where unverified addresses count, the signIn callback decides on the stored
// user, as it is the one who will be signed in; else on a new one.
func TestMailLinkAsksAboutWhoSignsIn(t *testing.T) {
	for _, dangerous := range []bool{false, true} {
		var asked []string
		s := newSite(t, withStrategy(engine.StrategyJWT), func(_ *site, c *engine.Config) {
			c.Parity.DangerousUnverifiedEmail = dangerous
			c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
				if !p.VerificationRequest {
					asked = append(asked, p.User.ID)
				}
				return engine.Allow(), nil
			}
		})
		s.browser().followMail("alice@example.com").wantTo(s.origin)
		u, err := s.store.inner.GetUserByEmail(t.Context(), "alice@example.com")
		if err != nil || (u.ID == "alice-id") != dangerous || len(asked) != 1 || asked[0] != u.ID {
			t.Errorf("DangerousUnverifiedEmail %v: asked about %q, signed in is %q, %v", dangerous, asked, u.ID, err)
		}
	}
}

// The signIn callback is asked about the stored user, once there is one.
func TestSignInCallbackSeesTheStoredUser(t *testing.T) {
	for _, strategy := range both {
		var asked []string
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
				asked = append(asked, p.User.ID)
				return engine.Allow(), nil
			}
		})
		for range 2 {
			s.browser().oauth("oidc").wantTo(s.origin)
		}
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "bob-sub")
		if err != nil || len(asked) != 2 || asked[1] != u.ID {
			t.Errorf("%s: asked about %q, stored is %q, %v", strategy, asked, u.ID, err)
		}
	}
}

func TestErrConflict(t *testing.T) {
	cause := errors.New("unique violation")
	err := fmt.Errorf("creating: %w", &store.ConflictError{Field: "email", Err: cause})
	if !errors.Is(err, store.ErrConflict) || !errors.Is(err, &store.ConflictError{Field: "email"}) || !errors.Is(err, cause) {
		t.Errorf("%v is not what it is", err)
	}
	if errors.Is(err, &store.ConflictError{Field: "id"}) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v is something else", err)
	}
}

// A commit that fails because somebody was quicker is tried again, and leaves
// no cookie of the first time.
func TestCommitThatConflicts(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	location := b.leave("oidc")
	commits := 0
	s.store.mu.Lock()
	s.store.fail = func(method string) error {
		if method == "Commit" {
			if commits++; commits == 1 {
				return &store.ConflictError{Field: "providerAccountId"}
			}
		}
		return nil
	}
	s.store.mu.Unlock()
	r := b.back("oidc", location)
	r.wantTo(s.origin)
	set := 0
	for _, c := range r.set {
		if c.Name == sessionCookie {
			set++
		}
	}
	if got := b.user(); got != "bob@example.com" || set != 1 || commits != 2 {
		t.Errorf("the session is of %q, %d cookies, %d commits", got, set, commits)
	}
}

// An adapter whose store makes the ids.
func TestStoreAssignsIDs(t *testing.T) {
	for _, strategy := range both {
		told := 0
		s := newSite(t, withStore, func(s *site, c *engine.Config) {
			c.SessionStrategy = strategy
			c.Adapter = assigning{s.store.plain()}
			c.Events.SignIn = func(_ context.Context, e *engine.SignInEvent) error {
				told++
				if e.User.ID != "assigned-"+*e.User.Email || e.Account.Type == "email" && e.Account.UserID != e.User.ID {
					t.Errorf("%s: %+v signs in by the account %+v", strategy, e.User, e.Account)
				}
				return nil
			}
		})
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: the session is of %q", strategy, got)
		}
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "bob-sub")
		if err != nil || u.ID != "assigned-bob@example.com" {
			t.Errorf("%s: the stored user is %+v, %v", strategy, u, err)
		}
		b = s.browser()
		b.followMail("carol@example.com").wantTo(s.origin)
		if got := b.user(); got != "carol@example.com" {
			t.Errorf("%s: by mail the session is of %q", strategy, got)
		}
		if told != 2 {
			t.Errorf("%s: %d sign-ins were told", strategy, told)
		}
	}
}

// assigning makes the ids of users itself.
type assigning struct{ engine.Adapter }

func (assigning) Traits() store.Traits { return store.Traits{AssignsIDs: true} }

func (a assigning) CreateUser(ctx context.Context, u engine.User) (engine.User, error) {
	u.ID = "assigned-" + *u.Email
	return a.Adapter.CreateUser(ctx, u)
}

// Tables that an Auth.js app reads hold the session token itself.
func TestSharedTables(t *testing.T) {
	for _, isShared := range []bool{true, false} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(s *site, c *engine.Config) {
			if isShared {
				c.Adapter = shared{c.Adapter}
			}
		})
		b := s.browser()
		b.signIn()
		cookie := b.cookie(sessionCookie)
		_, err := s.store.inner.GetSession(t.Context(), cookie)
		if found := err == nil; found != isShared {
			t.Errorf("shared %v: the token itself is stored: %v (%v)", isShared, found, err)
		}
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("shared %v: the session is of %q", isShared, got)
		}
		b.post("/signout")
		if _, err := s.store.inner.GetSession(t.Context(), cookie); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("shared %v: the row is still there", isShared)
		}
	}
}

type shared struct{ engine.Adapter }

func (shared) Traits() store.Traits { return store.Traits{SharedWithAuthJS: true} }
