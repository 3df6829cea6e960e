package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// callLog records every callback and event.
type callLog struct {
	lines []string
	// The latest parameters of the callbacks.
	signIn  *engine.SignInParams
	jwt     *engine.JWTParams
	session *engine.SessionParams
}

func (d *callLog) record(format string, args ...any) error {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
	return nil
}

func (d *callLog) take() []string {
	lines := d.lines
	d.lines = nil
	return lines
}

func (d *callLog) set(_ *site, c *engine.Config) {
	c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
		d.signIn = p
		return engine.Allow(), d.record("cb signIn")
	}
	c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
		copied := *p
		d.jwt = &copied
		return d.record("cb jwt %s", p.Trigger)
	}
	c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
		copied := *p
		d.session = &copied
		return d.record("cb session %s", p.Trigger)
	}
	c.Events.SignIn = func(_ context.Context, e *engine.SignInEvent) error { return d.record("ev signIn new=%v", e.IsNewUser) }
	c.Events.SignOut = func(_ context.Context, e *engine.SignOutEvent) error {
		return d.record("ev signOut token=%v session=%v", e.Token != nil, e.Session != nil)
	}
	c.Events.CreateUser = func(_ context.Context, u *engine.User) error { return d.record("ev createUser") }
	c.Events.UpdateUser = func(_ context.Context, u *engine.User) error { return d.record("ev updateUser") }
	c.Events.LinkAccount = func(_ context.Context, e *engine.LinkAccountEvent) error { return d.record("ev linkAccount") }
	c.Events.Session = func(_ context.Context, s *engine.Session) error { return d.record("ev session") }
}

// Callbacks and events run in the order of WIRE.md section 6, with these
// parameters.
func TestCallbacksAndEventsRunInOrder(t *testing.T) {
	for _, strategy := range strategies {
		d := &callLog{}
		s := newSite(t, nameWritable, withStrategy(strategy), d.set)
		wants := func(what string, want ...string) {
			t.Helper()
			if strategy == engine.StrategyDatabase {
				want = slices.DeleteFunc(want, func(l string) bool { return strings.HasPrefix(l, "cb jwt") })
			}
			if got := d.take(); !slices.Equal(got, want) {
				t.Errorf("%s, %s:\n got %q\nwant %q", strategy, what, got, want)
			}
		}
		jwt := strategy == engine.StrategyJWT

		b := s.browser()
		b.post("/callback/credentials", "username", "alice", "password", password)
		wants("credentials", "cb signIn", "cb jwt signIn", "ev signIn new=false")
		if p := d.signIn; p.User.ID != "alice-id" || p.Account.Type != "credentials" || p.Account.Provider != "credentials" || p.Account.ProviderAccountID != "alice-id" ||
			p.Credentials["username"] != "alice" || p.Profile != nil || p.Tokens != nil || p.VerificationRequest {
			t.Errorf("%s, credentials: the signIn callback gets %+v", strategy, p)
		}
		if jwt {
			if p := d.jwt; p.User == nil || p.User.ID != "alice-id" || p.Account == nil || p.Account.Provider != "credentials" || p.IsNewUser || p.Update != nil ||
				p.Token.Subject != "alice-id" || *p.Token.Name != "Alice" || *p.Token.Email != "alice@example.com" || *p.Token.Picture != "https://example.com/alice.png" {
				t.Errorf("credentials: the jwt callback gets %+v", p)
			}
		}

		b.session()
		wants("session", "cb jwt ", "cb session ", "ev session")
		if p := d.session; p.Session.User.ID != "alice-id" || p.Session.Strategy != strategy || (p.Session.Token != nil) != jwt || p.Update != nil {
			t.Errorf("%s, session: the session callback gets %+v", strategy, p.Session)
		}
		if jwt {
			if p := d.jwt; p.User != nil || p.Account != nil || p.Token.Subject != "alice-id" || p.Update != nil {
				t.Errorf("session: the jwt callback gets %+v", p)
			}
		}

		b.update(map[string]any{"name": "Alison"})
		wants("update", "ev updateUser", "cb jwt update", "cb session update", "ev session")
		if want := map[string]any{"name": "Alison"}; !reflect.DeepEqual(d.session.Update, want) || jwt && !reflect.DeepEqual(d.jwt.Update, want) {
			t.Errorf("%s, update: the callbacks get %v", strategy, d.session.Update)
		}
		b.update(nil)
		wants("update without data", "cb jwt update", "cb session update", "ev session")
		if d.session.Update != nil || jwt && d.jwt.Update != nil {
			t.Errorf("%s, update without data: the callbacks get %v", strategy, d.session.Update)
		}
		app := b.copy().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := s.eng.Update(w, r, map[string]any{}); err != nil {
				t.Error(err)
			}
		}))
		app.get("./settings")
		wants("Update without data", "cb jwt update", "cb session update", "ev session")
		if d.session.Update != nil || jwt && d.jwt.Update != nil {
			t.Errorf("%s, Update without data: the callbacks get %v", strategy, d.session.Update)
		}

		b.post("/signout")
		wants("sign-out", fmt.Sprintf("ev signOut token=%v session=%v", jwt, !jwt))
		b.post("/signout")
		wants("sign-out when signed out")

		b = s.browser()
		b.oauth("oidc")
		wants("oidc, new", "cb signIn", "ev createUser", "ev linkAccount", "cb jwt signUp", "ev signIn new=true")
		if p := d.signIn; p.User.ID == "" || *p.User.Email != "bob@example.com" || p.Account.ProviderAccountID != "bob-sub" || p.Account.Type != "oidc" ||
			p.Profile["sub"] != "bob-sub" || p.Tokens == nil || !strings.HasPrefix(p.Tokens.AccessToken, "canary-access-token") || p.Tokens.IDToken == "" || p.Credentials != nil {
			t.Errorf("%s, oidc: the signIn callback gets %+v", strategy, p)
		}
		if jwt {
			if p := d.jwt; !p.IsNewUser || p.Profile["email"] != "bob@example.com" || p.Tokens == nil || p.Account.UserID != p.User.ID && p.Account.UserID != "" || p.Token.Subject != p.User.ID {
				t.Errorf("oidc: the jwt callback gets %+v", p)
			}
		}
		b = s.browser()
		b.oauth("oidc")
		wants("oidc, known", "cb signIn", "cb jwt signIn", "ev signIn new=false")
		if p := d.signIn; p.User.EmailVerified == nil {
			t.Errorf("%s, oidc, known: the signIn callback does not get the stored user: %+v", strategy, p.User)
		}
		s.idp.user = map[string]any{"sub": "second"}
		b.oauth("oidc")
		wants("oidc, linked to who is signed in", "cb signIn", "cb jwt ", "ev linkAccount", "cb jwt signIn", "ev signIn new=false")

		b = s.browser()
		link := b.askMail("carol@example.com")
		wants("a mail link is requested", "cb signIn")
		if p := d.signIn; !p.VerificationRequest || *p.User.Email != "carol@example.com" || p.User.ID == "" || p.Account.Type != "email" || p.Account.ProviderAccountID != "carol@example.com" || p.Account.Provider != "email" {
			t.Errorf("%s, mail: the signIn callback gets %+v", strategy, p)
		}
		b.get("/callback/email?" + link.Encode())
		wants("a mail link is opened")
		b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
		wants("mail, new", "cb signIn", "ev createUser", "cb jwt signUp", "ev signIn new=true")
		if d.signIn.VerificationRequest {
			t.Error("VerificationRequest is true at the confirmation")
		}
		b = s.browser()
		b.followMail("carol@example.com")
		wants("mail, known", "cb signIn", "cb signIn", "ev updateUser", "cb jwt signIn", "ev signIn new=false")
		s.quiet(t)
	}
}

func TestRefusalOfTheSignInCallbackEndsTheSignIn(t *testing.T) {
	for what, decide := range map[string]func() (engine.Decision, error){
		"refuses":                func() (engine.Decision, error) { return engine.Deny(), nil },
		"returns the zero value": func() (engine.Decision, error) { return engine.Decision{}, nil },
		"fails":                  func() (engine.Decision, error) { return engine.Allow(), errors.New("the policy service is down") },
		"fails with a redirect":  func() (engine.Decision, error) { return engine.RedirectTo("/x"), errors.New("x") },
	} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) { return decide() }
		})
		for _, way := range ways {
			b := s.browser()
			b.csrf()
			s.resetLog()
			r := way.start(b)
			r.wantTo(s.origin + base + "/error?error=AccessDenied")
			if writes := s.store.writes(); len(writes) > 0 || len(s.mails.sent) > 0 {
				t.Errorf("%s, %s: %v, %d mails", what, way.name, writes, len(s.mails.sent))
			}
			if entry := s.problem(t); entry.attrs["code"] != "AccessDenied" {
				t.Errorf("%s, %s: log line %v", what, way.name, entry)
			}
			b.signedOut()
			if page := b.get("/error?error=AccessDenied"); page.status != 403 {
				t.Errorf("the page is %d", page.status)
			}
		}
	}
}

func TestRedirectOfTheSignInCallbackSignsNobodyIn(t *testing.T) {
	for redirect, want := range map[string]string{
		"/why?x=1#y":              httpOrigin + "/why?x=1#y",
		httpOrigin + "/why":       httpOrigin + "/why",
		"https://evil.example/":   httpOrigin,
		"//evil.example":          httpOrigin,
		"http://localhost:3001/x": httpOrigin,
		"javascript:alert(1)":     httpOrigin,
	} {
		var seen []string
		decide := func(context.Context, *engine.SignInParams) (engine.Decision, error) {
			return engine.RedirectTo(redirect), nil
		}
		s := newSite(t, withStrategy(engine.StrategyJWT), func(_ *site, c *engine.Config) { c.Callbacks.SignIn = decide })
		for _, way := range ways {
			s.resetLog()
			b := s.browser()
			way.start(b).wantTo(want)
			b.signedOut()
			if writes := s.store.writes(); len(writes) > 0 {
				t.Errorf("%s: the adapter was written to: %v", way.name, writes)
			}
			s.quiet(t)
		}
		// The redirect callback of the application decides about the URL.
		s = newSite(t, func(_ *site, c *engine.Config) {
			c.Callbacks.SignIn = decide
			c.Callbacks.Redirect = func(_ context.Context, p engine.RedirectParams) (string, error) {
				seen = append(seen, p.URL)
				return "/elsewhere", nil
			}
		})
		b := s.browser()
		b.post("/callback/credentials", "password", password).wantTo(s.origin + "/elsewhere")
		if len(seen) == 0 || seen[len(seen)-1] != redirect {
			t.Errorf("the redirect callback saw %q, want %q last", seen, redirect)
		}
	}
}

// The signIn callback gets the stored user once there is one.
func TestSignInCallbackSeesTheStoredUser(t *testing.T) {
	for _, strategy := range strategies {
		var users []string
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
				users = append(users, p.User.ID)
				return engine.Allow(), nil
			}
		})
		for range 2 {
			s.browser().oauth("oidc").wantTo(s.origin)
		}
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "bob-sub")
		if err != nil || len(users) != 2 || users[1] != u.ID {
			t.Errorf("%s: the callback got %q, the stored user is %q, %v", strategy, users, u.ID, err)
		}
	}
}

// The signIn callback gets the user who will be signed in: with
// DangerousUnverifiedEmail the stored one, otherwise a new one.
func TestSignInCallbackSeesTheUserOfAMailLink(t *testing.T) {
	for _, dangerous := range []bool{false, true} {
		var users []string
		s := newSite(t, withStrategy(engine.StrategyJWT), func(_ *site, c *engine.Config) {
			c.Parity.DangerousUnverifiedEmail = dangerous
			c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
				if !p.VerificationRequest {
					users = append(users, p.User.ID)
				}
				return engine.Allow(), nil
			}
		})
		s.browser().followMail("alice@example.com").wantTo(s.origin)
		u, err := s.store.inner.GetUserByEmail(t.Context(), "alice@example.com")
		if err != nil || (u.ID == "alice-id") != dangerous || len(users) != 1 || users[0] != u.ID {
			t.Errorf("DangerousUnverifiedEmail %v: the callback got %q, the stored user is %q, %v", dangerous, users, u.ID, err)
		}
	}
}

func TestSessionCallbackDecidesWhatIsShown(t *testing.T) {
	for _, strategy := range strategies {
		fails := false
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
				if fails {
					return errors.New("no")
				}
				p.Session.User.Name = new("Doctor " + *p.Session.User.Name)
				p.Session.User.Extra = map[string]any{"secret": "hidden"}
				p.Session.Extra = map[string]any{"hidden": true}
				p.Session.Expires = p.Session.Expires.Add(-time.Hour)
				return nil
			}
		})
		b := s.browser()
		b.signIn()
		got := b.session()
		if !strings.Contains(got, "Doctor Alice") || strings.Contains(got, "hidden") || strings.Contains(got, "secret") || strings.Contains(got, "alice-id") {
			t.Errorf("%s: the session is %s", strategy, got)
		}
		if again := b.session(); again != got {
			t.Errorf("%s: the next session is %s", strategy, again)
		}
		cookie := b.cookie(sessionCookie)
		fails = true
		s.resetLog()
		r := b.get("/session")
		if cleared := r.clears(sessionCookie); r.body != "null" || cleared != (strategy == engine.StrategyJWT) {
			t.Errorf("%s: when it fails: %s, %q", strategy, r.body, r.header["Set-Cookie"])
		}
		s.problem(t)
		fails = false
		if strategy == engine.StrategyDatabase {
			if got := b.user(); got != "alice@example.com" || b.cookie(sessionCookie) != cookie {
				t.Errorf("then signed in as %q", got)
			}
		}
	}
}

// Changes of a session callback hold for one answer only.
func TestSessionCallbackChangesNothingStored(t *testing.T) {
	for _, strategy := range strategies {
		var change func(*engine.SessionParams)
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error { change(p); return nil }
			c.SessionUpdateAge = -1 // a cookie on every read
		})
		b := s.browser()
		b.signIn()
		change = func(p *engine.SessionParams) {
			*p.Session.User.Email = "***"
			p.Session.User.Name = new("Masked")
			if p.Session.Token != nil {
				p.Session.Token.Subject = "mallory"
				p.Session.Token.Name = new("Masked")
			}
		}
		s.clock.add(time.Second)
		if got := b.session(); !strings.Contains(got, "***") || !strings.Contains(got, "Masked") {
			t.Errorf("%s: the session is %s", strategy, got)
		}
		change = func(p *engine.SessionParams) { p.Session.Token = nil }
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: then signed in as %q", strategy, got)
		}
		change = func(p *engine.SessionParams) {
			p.Session = &engine.Session{User: engine.User{Name: new("Replaced")}, Expires: p.Session.Expires, Strategy: p.Session.Strategy}
		}
		if got := b.session(); !strings.Contains(got, "Replaced") || strings.Contains(got, "alice@") {
			t.Errorf("%s: a replaced session is %s", strategy, got)
		}
		change = func(p *engine.SessionParams) { p.Session = nil }
		s.resetLog()
		if got := b.session(); got != "null" {
			t.Errorf("%s: a nil session is %s", strategy, got)
		}
		s.quiet(t)
	}
}
