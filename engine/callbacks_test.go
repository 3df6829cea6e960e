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

// diary notes every callback and event.
type diary struct {
	lines []string
	// what the callbacks were given last
	signIn  *engine.SignInParams
	jwt     *engine.JWTParams
	session *engine.SessionParams
}

func (d *diary) note(format string, args ...any) error {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
	return nil
}

func (d *diary) take() []string {
	lines := d.lines
	d.lines = nil
	return lines
}

func (d *diary) set(_ *site, c *engine.Config) {
	c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
		d.signIn = p
		return engine.Allow(), d.note("cb signIn")
	}
	c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
		copied := *p
		d.jwt = &copied
		return d.note("cb jwt %s", p.Trigger)
	}
	c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
		copied := *p
		d.session = &copied
		return d.note("cb session %s", p.Trigger)
	}
	c.Events.SignIn = func(_ context.Context, e *engine.SignInEvent) error { return d.note("ev signIn new=%v", e.IsNewUser) }
	c.Events.SignOut = func(_ context.Context, e *engine.SignOutEvent) error {
		return d.note("ev signOut token=%v session=%v", e.Token != nil, e.Session != nil)
	}
	c.Events.CreateUser = func(_ context.Context, e *engine.UserEvent) error { return d.note("ev createUser") }
	c.Events.UpdateUser = func(_ context.Context, e *engine.UserEvent) error { return d.note("ev updateUser") }
	c.Events.LinkAccount = func(_ context.Context, e *engine.LinkAccountEvent) error { return d.note("ev linkAccount") }
	c.Events.Session = func(_ context.Context, e *engine.SessionEvent) error { return d.note("ev session") }
}

// The order of calls (WIRE.md section 6) and what they are given.
func TestCallbacksAndEvents(t *testing.T) {
	for _, strategy := range both {
		d := &diary{}
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
		wants("a mail is asked for", "cb signIn")
		if p := d.signIn; !p.VerificationRequest || *p.User.Email != "carol@example.com" || p.User.ID == "" || p.Account.Type != "email" || p.Account.ProviderAccountID != "carol@example.com" || p.Account.Provider != "email" {
			t.Errorf("%s, mail: the signIn callback gets %+v", strategy, p)
		}
		b.get("/callback/email?" + link.Encode())
		wants("a mail link is looked at")
		b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
		wants("mail, new", "cb signIn", "ev createUser", "cb jwt signUp", "ev signIn new=true")
		if d.signIn.VerificationRequest {
			t.Error("VerificationRequest is true when the link is followed")
		}
		b = s.browser()
		b.followMail("carol@example.com")
		wants("mail, known", "cb signIn", "cb signIn", "ev updateUser", "cb jwt signIn", "ev signIn new=false")
		s.quiet(t)
	}
}

func TestSignInCallbackRefuses(t *testing.T) {
	for what, decide := range map[string]func() (engine.Decision, error){
		"refuses":               func() (engine.Decision, error) { return engine.Deny(), nil },
		"refuses by the zero":   func() (engine.Decision, error) { return engine.Decision{}, nil },
		"fails":                 func() (engine.Decision, error) { return engine.Allow(), errors.New("the policy service is down") },
		"fails with a redirect": func() (engine.Decision, error) { return engine.RedirectTo("/x"), errors.New("x") },
	} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) { return decide() }
		})
		for _, way := range ways {
			b := s.browser()
			b.csrf()
			s.forget()
			r := way.start(b)
			r.wantTo(s.origin + base + "/error?error=AccessDenied")
			if writes := s.store.writes(); len(writes) > 0 || len(s.mails.sent) > 0 {
				t.Errorf("%s, %s: %v, %d mails", what, way.name, writes, len(s.mails.sent))
			}
			if entry := s.problem(t); entry.attrs["code"] != "AccessDenied" {
				t.Errorf("%s, %s: the log line is %v", what, way.name, entry)
			}
			b.signedOut()
			if page := b.get("/error?error=AccessDenied"); page.status != 403 {
				t.Errorf("the page is %d", page.status)
			}
		}
	}
}

func TestJWTCallback(t *testing.T) {
	var jwt func(*engine.JWTParams) error
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			if jwt == nil {
				return nil
			}
			return jwt(p)
		}
	})
	// A claim that changes is issued at once, one that does not is not.
	b := s.browser()
	b.signIn()
	n := 0
	jwt = func(p *engine.JWTParams) error {
		n++
		p.Token.Extra = map[string]any{"counter": float64(n / 2)}
		return nil
	}
	for i, want := range []bool{true, true, false, true, false} { // the first time there is a claim at all
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
	// It may replace the token.
	jwt = func(p *engine.JWTParams) error {
		p.Token = &engine.Token{Subject: "x", Name: new("Replaced")}
		return nil
	}
	if r := b.get("/session"); !strings.Contains(r.body, "Replaced") || strings.Contains(r.body, "alice@") {
		t.Errorf("a replaced token: %s", r.body)
	}
	// nil ends the session.
	jwt = func(p *engine.JWTParams) error { p.Token = nil; return nil }
	r := b.get("/session")
	if r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("a nil token: %s, %q", r.body, r.header["Set-Cookie"])
	}
	s.quiet(t)
	// At sign-in: a redirect without a session.
	b = s.browser()
	b.post("/callback/credentials", "password", password).wantTo(s.origin)
	b.signedOut()
	// Nor does whoever was signed in before stay so.
	jwt = nil
	b.oauth("oidc").wantTo(s.origin)
	jwt = func(p *engine.JWTParams) error { p.Token = nil; return nil }
	b.post("/callback/credentials", "password", password).wantTo(s.origin)
	jwt = nil
	b.signedOut()
	// An error ends the session as well.
	jwt = nil
	b.signIn()
	jwt = func(*engine.JWTParams) error { return errors.New("revoked") }
	s.forget()
	r = b.get("/session")
	if r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("an error: %s, %q", r.body, r.header["Set-Cookie"])
	}
	s.problem(t)
	s.forget()
	b.post("/callback/credentials", "password", password).wantTo(s.origin + base + "/error?error=Configuration")
	s.problem(t)
	b.signedOut()
}

func TestSessionCallback(t *testing.T) {
	for _, strategy := range both {
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
		// The raw token and its hash never reach a callback's session.
		cookie := b.cookie(sessionCookie)
		fails = true
		s.forget()
		r := b.get("/session")
		if cleared := r.clears(sessionCookie); r.body != "null" || cleared != (strategy == engine.StrategyJWT) {
			t.Errorf("%s: when it fails: %s, %q", strategy, r.body, r.header["Set-Cookie"])
		}
		s.problem(t)
		fails = false
		if strategy == engine.StrategyDatabase {
			if got := b.user(); got != "alice@example.com" || b.cookie(sessionCookie) != cookie {
				t.Errorf("afterwards the session is of %q", got)
			}
		}
	}
}

// Events that fail are logged and change nothing.
func TestFailingEvents(t *testing.T) {
	fault := errors.New("the audit log is down")
	for _, strategy := range both {
		s := newSite(t, nameWritable, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Events = engine.Events{
				SignIn:      func(context.Context, *engine.SignInEvent) error { return fault },
				SignOut:     func(context.Context, *engine.SignOutEvent) error { return fault },
				CreateUser:  func(context.Context, *engine.UserEvent) error { return fault },
				UpdateUser:  func(context.Context, *engine.UserEvent) error { return fault },
				LinkAccount: func(context.Context, *engine.LinkAccountEvent) error { return fault },
				Session:     func(context.Context, *engine.SessionEvent) error { return fault },
			}
		})
		logged := func(what string, n int) {
			t.Helper()
			lines := s.logs.problems()
			for _, entry := range lines {
				if entry.attrs["request_id"] == "" || !strings.Contains(entry.attrs["cause"], fault.Error()) {
					t.Errorf("%s, %s: the log line is %v", strategy, what, entry)
				}
			}
			if len(lines) != n {
				t.Errorf("%s, %s: %d lines, want %d: %v", strategy, what, len(lines), n, lines)
			}
			s.forget()
		}
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		logged("sign-up", 3)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: the session is of %q", strategy, got)
		}
		logged("session", 1)
		if r := b.update(map[string]any{"name": "Robert"}); !strings.Contains(r.body, "Robert") {
			t.Errorf("%s: update answers %s", strategy, r.body)
		}
		logged("update", 2)
		b.post("/signout").wantTo(s.origin)
		logged("sign-out", 1)
		b.signedOut()
	}
}
