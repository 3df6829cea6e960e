package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// flow is something that a user does with a store behind it.
type flow struct {
	name string
	// start does what comes before, and returns the request to look at.
	start func(s *site, b *browser) func() *reply
	// want is whose session there is afterwards; "" for nobody's.
	want string
	// json: the answer is GET or POST session's, and not a redirect.
	json bool
	// survives are the methods that may fail and change nothing but the log.
	survives []string
	// change changes the configuration; nil changes nothing.
	change func(s *site, c *engine.Config)
}

func nameWritable(_ *site, c *engine.Config) {
	c.Schema = &engine.Schema{User: []schema.Field{{Name: "name", Client: schema.Write}}}
}

var flows = []flow{
	{name: "credentials", want: "alice@example.com", start: func(_ *site, b *browser) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/callback/credentials", "password", password) }
	}},
	{name: "credentials that create a user", want: "zoe@example.com", start: func(_ *site, b *browser) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/callback/credentials", "password", password) }
	}, change: func(_ *site, c *engine.Config) {
		p := c.Providers[2].(*engine.Credentials)
		p.CreateUsers = true
		p.Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
			return &engine.User{ID: "zoe-id", Email: new("zoe@example.com")}, nil
		}
	}},
	{name: "oidc, a new user", want: "bob@example.com", start: func(_ *site, b *browser) func() *reply {
		location := b.leave("oidc")
		return func() *reply { return b.back("oidc", location) }
	}},
	{name: "oidc, a known account", want: "bob@example.com", start: func(s *site, b *browser) func() *reply {
		s.browser().oauth("oidc").wantTo(s.origin)
		location := b.leave("oidc")
		return func() *reply { return b.back("oidc", location) }
	}},
	{name: "oidc, linked by address", want: "bob@example.com", start: func(s *site, b *browser) func() *reply {
		if _, err := s.store.inner.GetUserByEmail(context.Background(), "bob@example.com"); err != nil {
			s.putUser(engine.User{ID: "bob-id", Email: new("bob@example.com"), EmailVerified: &start})
		}
		location := b.leave("oidc")
		return func() *reply { return b.back("oidc", location) }
	}, change: func(_ *site, c *engine.Config) {
		c.Providers[0].(*engine.OIDC).AllowDangerousEmailAccountLinking = true
	}},
	{name: "oidc, linked to who is signed in", want: "alice@example.com", start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		location := b.leave("oidc")
		return func() *reply { return b.back("oidc", location) }
	}},
	{name: "a mail is asked for", want: "", start: func(_ *site, b *browser) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/signin/email", "email", "carol@example.com") }
	}},
	{name: "mail, a new user", want: "carol@example.com", start: func(_ *site, b *browser) func() *reply {
		link := b.askMail("carol@example.com")
		return func() *reply {
			return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
		}
	}},
	{name: "mail, a user who never verified the address, from another session", want: "bob@example.com", start: func(s *site, b *browser) func() *reply {
		s.idp.user["email_verified"] = false
		s.browser().oauth("oidc")
		b.signIn()
		link := b.askMail("bob@example.com")
		return func() *reply {
			return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
		}
	}},
	{name: "a session is read", want: "alice@example.com", json: true, start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		return func() *reply { return b.get("/session") }
	}},
	{name: "a session is extended", want: "alice@example.com", json: true, survives: []string{"UpdateSession"}, start: func(s *site, b *browser) func() *reply {
		b.signIn()
		s.clock.add(25 * time.Hour)
		return func() *reply { return b.get("/session") }
	}},
	{name: "an expired session is read", want: "", json: true, start: func(s *site, b *browser) func() *reply {
		b.signIn()
		s.clock.add(month + time.Hour)
		return func() *reply { return b.get("/session") }
	}},
	{name: "update()", want: "alice@example.com", json: true, start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		b.csrf()
		return func() *reply { return b.update(map[string]any{"name": "Alison"}) }
	}},
	{name: "sign-out", want: "", start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		b.csrf()
		return func() *reply { return b.post("/signout") }
	}},
	{name: "sign-out with a listener", want: "", start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		b.csrf()
		return func() *reply { return b.post("/signout") }
	}, change: func(_ *site, c *engine.Config) {
		c.Events.SignOut = func(context.Context, *engine.SignOutEvent) error { return nil }
	}},
}

// flowSite is a site for a flow, with or without transactions.
func flowSite(t testing.TB, f flow, strategy engine.Strategy, tx bool) *site {
	t.Helper()
	changes := []func(*site, *engine.Config){nameWritable, withStrategy(strategy)}
	if !tx {
		changes = append(changes, func(s *site, c *engine.Config) { c.Adapter = s.store.plain() })
	}
	if f.change != nil {
		changes = append(changes, f.change)
	}
	return newSite(t, changes...)
}

// succeeds checks that a flow ends as it should.
func (f flow) succeeds(s *site, b *browser, r *reply, what string) {
	t := s.t
	t.Helper()
	if f.json && r.status != 200 || !f.json && (r.status != 302 || strings.Contains(r.location(), "error=")) {
		t.Errorf("%s: %d %q %.100s; log %v", what, r.status, r.location(), r.body, s.logs.problems())
	}
	if got := b.user(); got != f.want {
		t.Errorf("%s: the session is of %q, want %q", what, got, f.want)
	}
}

// failures are the lines but those about what an address that was never
// verified has lost.
func failures(lines []line) (out []line) {
	for _, entry := range lines {
		if entry.msg != "auth: AccountUnlinked" && entry.msg != "auth: EmailTaken" {
			out = append(out, entry)
		}
	}
	return out
}

// fails checks that a flow failed cleanly: the error page or null, no session,
// one line in the log.
func (f flow) fails(s *site, b *browser, r *reply, what, cause string) {
	t := s.t
	t.Helper()
	if f.json {
		if r.status != 200 || r.body != "null" {
			t.Errorf("%s: %d %s, want 200 null", what, r.status, r.body)
		}
	} else if want := s.origin + base + "/error?error=Configuration"; r.status != 302 || r.location() != want {
		t.Errorf("%s: %d %q, want 302 to %q", what, r.status, r.location(), want)
	}
	for _, c := range r.set {
		if c.MaxAge >= 0 {
			t.Errorf("%s: the cookie %s is set", what, c.Name)
		}
	}
	s.logged(what, cause)
}

// logged checks that the log has one line, about the cause.
func (s *site) logged(what, cause string) {
	t := s.t
	t.Helper()
	lines := failures(s.logs.problems())
	if len(lines) != 1 {
		t.Errorf("%s: %d lines in the log, want one: %v", what, len(lines), lines)
		return
	}
	entry := lines[0]
	if entry.attrs["code"] != "Configuration" || entry.attrs["request_id"] == "" || entry.attrs["hint"] == "" || !strings.Contains(entry.attrs["cause"], cause) || entry.level != slog.LevelError {
		t.Errorf("%s: the log line is %v", what, entry)
	}
}

func TestAdapterFailsAtEveryMethod(t *testing.T) {
	down := errors.New("the connection is lost")
	broken := map[string]bool{}
	for _, strategy := range both {
		for _, tx := range []bool{true, false} {
			for _, f := range flows {
				// What does the flow ask when all is well?
				s := flowSite(t, f, strategy, tx)
				b := s.browser()
				run := f.start(s, b)
				s.forget()
				f.succeeds(s, b, run(), f.name)
				s.forget()
				s = flowSite(t, f, strategy, tx)
				b = s.browser()
				run = f.start(s, b)
				s.forget()
				run()
				asked := s.store.called()
				slices.Sort(asked)
				if strategy == engine.StrategyDatabase && len(asked) == 0 {
					t.Errorf("%s: the adapter is not asked", f.name)
				}
				for _, method := range slices.Compact(asked) {
					broken[method] = true
					what := fmt.Sprintf("%s, %s, transactions %v, %s fails", f.name, strategy, tx, method)
					s := flowSite(t, f, strategy, tx)
					b := s.browser()
					run := f.start(s, b)
					before := b.cookie(sessionCookie)
					s.forget()
					s.store.breaks(down, method)
					r := run()
					s.store.repair()
					if slices.Contains(f.survives, method) {
						s.logged(what, down.Error())
						if r.status != 200 || !strings.Contains(r.body, f.want) {
							t.Errorf("%s: %d %s", what, r.status, r.body)
						}
						continue
					}
					f.fails(s, b, r, what, down.Error())
					if f.json && f.want != "" && b.cookie(sessionCookie) != before {
						t.Errorf("%s: the session cookie is gone", what)
					}
					s.forget()
					if got := b.user(); got != f.want && got != "" && before == "" {
						t.Errorf("%s: the session is of %q", what, got)
					}
					// Nothing is left behind that is in the way: the same again works.
					again := s.browser()
					run = f.start(s, again)
					f.succeeds(s, again, run(), "again after: "+what)
				}
			}
		}
	}
	for _, method := range append(adapterMethods, "Tx", "Commit") {
		// The engine itself has no use for GetAccount, and removes a user only
		// to clean up after another failure.
		if unused := method == "GetAccount" || method == "DeleteUser"; broken[method] == unused {
			t.Errorf("%s was made to fail: %v", method, broken[method])
		}
	}
}

// A store that fails once, at any of its calls, fails the flow as cleanly.
func TestAdapterFailsAtEveryCall(t *testing.T) {
	down := errors.New("the connection is lost")
	for _, strategy := range both {
		for _, tx := range []bool{true, false} {
			for _, f := range flows {
				for nth := 1; ; nth++ {
					s := flowSite(t, f, strategy, tx)
					b := s.browser()
					run := f.start(s, b)
					before := b.cookie(sessionCookie)
					s.forget()
					failed := s.store.breaksOnce(down, nth)
					r := run()
					s.store.repair()
					if *failed == "" {
						break // there are no more calls
					}
					what := fmt.Sprintf("%s, %s, transactions %v, call %d (%s) fails", f.name, strategy, tx, nth, *failed)
					if slices.Contains(f.survives, *failed) {
						s.logged(what, down.Error())
						continue
					}
					f.fails(s, b, r, what, down.Error())
					s.forget()
					if got := b.user(); got != f.want && got != "" && before == "" {
						t.Errorf("%s: the session is of %q", what, got)
					}
				}
			}
		}
	}
}

// Whatever is written, the disk is full.
func TestDiskFull(t *testing.T) {
	full := fmt.Errorf("write auth.db: %w", syscall.ENOSPC)
	writes := []string{"CreateUser", "UpdateUser", "DeleteUser", "LinkAccount", "UnlinkAccount", "CreateSession", "UpdateSession", "DeleteSession", "DeleteSessionsByUserID", "CreateVerificationToken", "UseVerificationToken"}
	for _, strategy := range both {
		for _, tx := range []bool{true, false} {
			for _, f := range flows {
				what := fmt.Sprintf("%s, %s, transactions %v", f.name, strategy, tx)
				s := flowSite(t, f, strategy, tx)
				b := s.browser()
				run := f.start(s, b)
				s.forget()
				s.store.breaks(full, writes...)
				r := run()
				wrote := s.store.writes()
				s.store.repair()
				tried := slices.ContainsFunc(wrote, func(method string) bool { return slices.Contains(writes, method) })
				if !tried {
					f.succeeds(s, b, r, what)
					s.quiet(t)
					continue
				}
				if slices.Equal(wrote, f.survives) {
					s.logged(what, "no space left on device")
					f.succeeds(s, b, r, what)
					continue
				}
				// A user whose account could not be stored cannot be removed
				// either: that is a second line.
				if lines := s.logs.problems(); !tx && len(lines) == 2 && strings.Contains(lines[0].attrs["cause"], "removing a user") {
					s.logs.lines = slices.DeleteFunc(s.logs.lines, func(l line) bool { return strings.Contains(l.attrs["cause"], "removing a user") })
				}
				f.fails(s, b, r, what, "no space left on device")
				again := s.browser()
				run = f.start(s, again)
				f.succeeds(s, again, run(), "again after: "+what)
			}
		}
	}
}

func TestPanickingCallbacks(t *testing.T) {
	const boom = "boom"
	type C = engine.Config
	var on bool
	blow := func() {
		if on {
			panic(boom)
		}
	}
	for _, c := range []struct {
		what   string
		change func(*C)
		goesOn bool // an event
		only   string
	}{
		{what: "signIn", change: func(c *C) {
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) {
				blow()
				return engine.Allow(), nil
			}
		}},
		{what: "redirect", change: func(c *C) {
			c.Callbacks.Redirect = func(_ context.Context, p engine.RedirectParams) (string, error) { blow(); return p.BaseURL, nil }
		}},
		{what: "jwt", change: func(c *C) {
			c.Callbacks.JWT = func(context.Context, *engine.JWTParams) error { blow(); return nil }
		}},
		{what: "session", change: func(c *C) {
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { blow(); return nil }
		}},
		{what: "signIn event", goesOn: true, change: func(c *C) {
			c.Events.SignIn = func(context.Context, *engine.SignInEvent) error { blow(); return nil }
		}},
		{what: "signOut event", goesOn: true, change: func(c *C) {
			c.Events.SignOut = func(context.Context, *engine.SignOutEvent) error { blow(); return nil }
		}},
		{what: "createUser event", goesOn: true, change: func(c *C) {
			c.Events.CreateUser = func(context.Context, *engine.UserEvent) error { blow(); return nil }
		}},
		{what: "updateUser event", goesOn: true, change: func(c *C) {
			c.Events.UpdateUser = func(context.Context, *engine.UserEvent) error { blow(); return nil }
		}},
		{what: "linkAccount event", goesOn: true, change: func(c *C) {
			c.Events.LinkAccount = func(context.Context, *engine.LinkAccountEvent) error { blow(); return nil }
		}},
		{what: "session event", goesOn: true, change: func(c *C) {
			c.Events.Session = func(context.Context, *engine.SessionEvent) error { blow(); return nil }
		}},
		{what: "authorize", change: func(c *C) {
			inner := c.Providers[2].(*engine.Credentials).Authorize
			c.Providers[2].(*engine.Credentials).Authorize = func(ctx context.Context, v map[string]string, r *http.Request) (*engine.User, error) {
				blow()
				return inner(ctx, v, r)
			}
		}},
		{what: "profile", change: func(c *C) {
			c.Providers[0].(*engine.OIDC).Profile = func(_ context.Context, p engine.Profile, _ *engine.Tokens) (engine.User, error) {
				blow()
				email, _ := p["email"].(string)
				return engine.User{ID: p["sub"].(string), Email: &email}, nil
			}
		}},
		{what: "mail sender", change: func(c *C) {
			p := c.Providers[3].(*engine.Email)
			inner := p.Sender
			p.Sender = engine.MailSenderFunc(func(ctx context.Context, m engine.VerificationRequest) error {
				blow()
				return inner.SendVerificationRequest(ctx, m)
			})
		}},
		{what: "generateVerificationToken", change: func(c *C) {
			dice := newDice(1)
			c.Providers[3].(*engine.Email).GenerateVerificationToken = func() (string, error) {
				blow()
				b := make([]byte, 32)
				dice.Read(b)
				return fmt.Sprintf("%x", b), nil
			}
		}},
		{what: "normalizeIdentifier", change: func(c *C) {
			c.Providers[3].(*engine.Email).NormalizeIdentifier = func(a string) (string, error) { blow(); return a, nil }
		}},
		{what: "generateSessionToken", change: func(c *C) {
			dice := newDice(1)
			c.GenerateSessionToken = func() (string, error) {
				blow()
				b := make([]byte, 32)
				dice.Read(b)
				return fmt.Sprintf("%x", b), nil
			}
		}},
		{what: "adapter", change: func(c *C) {}},
	} {
		for _, strategy := range both {
			blew := 0
			for _, f := range flows {
				on = false
				s := newSite(t, nameWritable, withStrategy(strategy), func(s *site, cfg *engine.Config) {
					if f.change != nil {
						f.change(s, cfg)
					}
					c.change(cfg)
				})
				if c.what == "adapter" {
					s.store.fail = func(string) error { blow(); return nil }
				}
				what := fmt.Sprintf("%s panics, %s, %s", c.what, strategy, f.name)
				b := s.browser()
				run := f.start(s, b)
				s.forget()
				on = true
				r := run()
				on = false
				lines := failures(s.logs.problems())
				switch {
				case len(lines) == 0: // not called in this flow
					f.succeeds(s, b, r, what)
					continue
				case c.goesOn:
					if len(lines) != 1 || !strings.Contains(lines[0].attrs["cause"], boom) || lines[0].attrs["request_id"] == "" {
						t.Errorf("%s: the log is %v", what, lines)
					}
					f.succeeds(s, b, r, what)
				default:
					f.fails(s, b, r, what, boom)
				}
				blew++
				if len(lines) == 0 || !strings.Contains(lines[0].attrs["stack"], "faults_test.go") {
					t.Errorf("%s: the log does not say where: %v", what, lines)
				}
				// It did not leave anything locked or half done.
				again := s.browser()
				run = f.start(s, again)
				f.succeeds(s, again, run(), "again after: "+what)
			}
			skipped := strategy == engine.StrategyDatabase && c.what == "jwt" || strategy == engine.StrategyJWT && c.what == "generateSessionToken"
			if (blew == 0) != skipped {
				t.Errorf("%s, %s: it panicked in %d flows", c.what, strategy, blew)
			}
		}
	}
}

// A page about an error never leads to itself.
func TestErrorPageDoesNotLoop(t *testing.T) {
	fault := errors.New("the callback is broken")
	for what, redirect := range map[string]func(context.Context, engine.RedirectParams) (string, error){
		"error":   func(context.Context, engine.RedirectParams) (string, error) { return "", fault },
		"panic":   func(context.Context, engine.RedirectParams) (string, error) { panic(fault) },
		"garbage": func(context.Context, engine.RedirectParams) (string, error) { return "javascript:alert(1)", nil },
		"empty":   func(context.Context, engine.RedirectParams) (string, error) { return "", nil },
	} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.Callbacks.Redirect = redirect })
		for _, path := range []string{"/error", "/error?error=AccessDenied", "/signin", "/signout", "/verify-request", "/csrf", "/providers", "/session", "/signin?callbackUrl=/x", "/error?callbackUrl=/x"} {
			b := s.browser()
			b.set(callbackCookie, "%2Fx")
			s.forget()
			r := b.get(path)
			s.problem(t)
			switch path {
			case "/session":
				if r.status != 200 || r.body != "null" {
					t.Errorf("%s: GET %s: %d %s", what, path, r.status, r.body)
				}
				continue
			case "/csrf", "/providers":
				if r.status != 500 || !strings.Contains(r.body, `{"message":`) || r.header.Get("Content-Type") != "application/json" {
					t.Errorf("%s: GET %s: %d %s", what, path, r.status, r.body)
				}
				continue
			}
			for hops := 0; r.status == http.StatusFound; hops++ {
				if hops == 3 {
					t.Fatalf("%s: GET %s leads round in circles: %s", what, path, r.location())
				}
				r = b.get(strings.TrimPrefix(r.location(), s.origin+base))
			}
			if r.status != 500 || !strings.Contains(r.body, "<h1>") {
				t.Errorf("%s: GET %s ends with %d %.100s", what, path, r.status, r.body)
			}
		}
	}
	// The same when the randomness is gone.
	s := newSite(t, func(_ *site, c *engine.Config) { c.Rand = brokenReader{} })
	for path, want := range map[string]int{"/error": 500, "/signin": 302, "/csrf": 500, "/providers": 500, "/session": 200} {
		s.forget()
		if r := s.browser().get(path); r.status != want || len(r.set) > 0 {
			t.Errorf("without randomness GET %s: %d %q", path, r.status, r.header["Set-Cookie"])
		}
		if lines := s.logs.problems(); len(lines) != 1 || lines[0].attrs["cause"] == "" {
			t.Errorf("without randomness GET %s logs %v", path, lines)
		}
	}
}

// A request that its sender gives up is no reason to be signed out, and leaves
// nothing half done.
func TestCancelledRequest(t *testing.T) {
	for _, strategy := range both {
		for _, f := range flows {
			s := flowSite(t, f, strategy, true)
			b := s.browser()
			run := f.start(s, b)
			s.forget()
			inner := b.handler
			b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancel(r.Context())
				cancel()
				inner.ServeHTTP(w, r.WithContext(ctx))
			})
			r := run()
			b.handler = inner
			if r.status >= 500 {
				t.Errorf("%s, %s: %d", strategy, f.name, r.status)
			}
			if c := r.sets(sessionCookie); f.json && f.want != "" && c != nil && c.MaxAge < 0 {
				t.Errorf("%s, %s: a cancelled read clears the cookie", strategy, f.name)
			}
			again := s.browser()
			run = f.start(s, again)
			f.succeeds(s, again, run(), fmt.Sprintf("again after %s, %s was cancelled", strategy, f.name))
		}
	}
}

// http.ErrAbortHandler is net/http's own and goes through.
func TestAbortHandlerGoesThrough(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { panic(http.ErrAbortHandler) }
	})
	b := s.browser()
	b.signIn()
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	r := b.request("GET", base+"/session", nil)
	r.Header.Set("Cookie", sessionCookie+"="+b.cookie(sessionCookie))
	s.eng.ServeHTTP(httptest.NewRecorder(), r)
	t.Error("it was swallowed")
}
