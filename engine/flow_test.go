package engine_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// flow is a request of a user, with what precedes it.
type flow struct {
	name string
	// start does what precedes the request, and returns a function that sends it.
	start func(s *site, b *browser) func() *reply
	// want is the address of the user who is signed in afterwards; "" for nobody.
	want string
	// json is whether the answer is that of GET or POST session, not a redirect.
	json bool
	// survives are the methods whose failure is only logged.
	survives []string
	// change modifies the configuration; may be nil.
	change func(s *site, c *engine.Config)
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
		location := b.startOAuth("oidc")
		return func() *reply { return b.finishOAuth("oidc", location) }
	}},
	{name: "oidc, a known account", want: "bob@example.com", start: func(s *site, b *browser) func() *reply {
		s.browser().oauth("oidc").wantTo(s.origin)
		location := b.startOAuth("oidc")
		return func() *reply { return b.finishOAuth("oidc", location) }
	}},
	{name: "oidc, linked by address", want: "bob@example.com", start: func(s *site, b *browser) func() *reply {
		if _, err := s.store.inner.GetUserByEmail(context.Background(), "bob@example.com"); err != nil {
			s.putUser(engine.User{ID: "bob-id", Email: new("bob@example.com"), EmailVerified: &startTime})
		}
		location := b.startOAuth("oidc")
		return func() *reply { return b.finishOAuth("oidc", location) }
	}, change: func(_ *site, c *engine.Config) {
		c.Providers[0].(*engine.OIDC).AllowDangerousEmailAccountLinking = true
	}},
	{name: "oidc, linked to who is signed in", want: "alice@example.com", start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		location := b.startOAuth("oidc")
		return func() *reply { return b.finishOAuth("oidc", location) }
	}},
	{name: "a mail link is requested", want: "", start: func(_ *site, b *browser) func() *reply {
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

// flowSite returns a site for a flow, whose adapter has transactions if tx is set.
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

// succeeds checks that a flow succeeded.
func (f flow) succeeds(s *site, b *browser, r *reply, what string) {
	t := s.t
	t.Helper()
	if f.json && r.status != 200 || !f.json && (r.status != 302 || strings.Contains(r.location(), "error=")) {
		t.Errorf("%s: %d %q %.100s; log %v", what, r.status, r.location(), r.body, s.logs.problems())
	}
	if got := b.user(); got != f.want {
		t.Errorf("%s: signed in as %q, want %q", what, got, f.want)
	}
}

// fails checks that a flow failed cleanly: with the error page or null, without a
// session, and with one log line.
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

// failures returns the lines without those about unverified addresses.
func failures(lines []logLine) (out []logLine) {
	for _, entry := range lines {
		if entry.msg != "auth: AccountUnlinked" && entry.msg != "auth: EmailTaken" {
			out = append(out, entry)
		}
	}
	return out
}

// logged checks that the log has one line, with the cause.
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
		t.Errorf("%s: log line %v", what, entry)
	}
}

// refusesCallback checks that a callback failed with code: without a session or
// a write, with the checks of the attempt cleared and one log line, which it
// returns.
func (s *site) refusesCallback(what string, b *browser, r *reply, code string) logLine {
	t := s.t
	t.Helper()
	page := "/error?error="
	if code == "OAuthAccountNotLinked" || code == "OAuthCallbackError" {
		page = "/signin?error="
	}
	if want := s.origin + base + page + string(code); r.status != http.StatusFound || r.location() != want {
		t.Errorf("%s: %d %q, want 302 to %q; log %v", what, r.status, r.location(), want, s.logs.problems())
	}
	for _, c := range r.set {
		if c.MaxAge >= 0 {
			t.Errorf("%s: the cookie %s is set", what, c.Name)
		}
	}
	for _, name := range []string{sessionCookie, stateCookie, pkceCookie, nonceCookie} {
		if b.has(s.name(name)) {
			t.Errorf("%s: the browser still has %s", what, s.name(name))
		}
	}
	if s.store != nil {
		if writes := s.store.writes(); len(writes) > 0 {
			t.Errorf("%s: the adapter was written to: %v", what, writes)
		}
	}
	var entry logLine
	if lines := s.logs.problems(); len(lines) != 1 {
		t.Errorf("%s: %d lines at warn or error in the log, want one: %v", what, len(lines), lines)
	} else {
		entry = lines[0]
		if entry.attrs["code"] != string(code) || entry.attrs["request_id"] == "" || entry.attrs["cause"] == "" || entry.attrs["provider"] == "" {
			t.Errorf("%s: log line %v", what, entry)
		}
	}
	b.signedOut()
	s.resetLog()
	return entry
}

// ways are the ways to sign in, up to the signIn callback. By mail that is the
// request for a link.
var ways = []struct {
	name  string
	start func(*browser) *reply
}{
	{"credentials", func(b *browser) *reply { return b.post("/callback/credentials", "password", password) }},
	{"oidc", func(b *browser) *reply { return b.oauth("oidc") }},
	{"oauth", func(b *browser) *reply { return b.oauth("oauth") }},
	{"mail", func(b *browser) *reply { return b.post("/signin/email", "email", "carol@example.com") }},
}
