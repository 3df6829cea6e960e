package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

// A large cookie is reported once an hour, and one that is too large is not set.
func TestLargeSessionCookieIsReportedOrRefused(t *testing.T) {
	var pad int
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			if pad > 0 {
				p.Token.Extra = map[string]any{"permissions": strings.Repeat("x", pad), "small": true}
			}
			return nil
		}
	})
	b := s.browser()
	size := func() (n int) {
		for i, name := range append([]string{sessionCookie}, sessionCookie+".0", sessionCookie+".1", sessionCookie+".2", sessionCookie+".3", sessionCookie+".4") {
			if v := b.cookie(name); v != "" {
				if n += len(v); i == 0 {
					return n
				}
			}
		}
		return n
	}
	b.signIn()
	s.quiet(t)

	pad = 4000
	b.signIn()
	if line := s.problem(t); line.level != slog.LevelWarn || !strings.Contains(line.attrs["cause"], `the claim "permissions" alone has 4002`) || line.attrs["hint"] == "" || size() < 5000 {
		t.Errorf("a cookie of %d bytes: %v", size(), line)
	}
	s.resetLog()
	b.signIn() // reported once
	s.quiet(t)
	s.clock.add(time.Hour)
	b.signIn()
	s.problem(t)
	s.resetLog()

	// A read that would make the cookie too large keeps the old one.
	before := b.names()
	pad = 20_000
	r := b.get("/session")
	if !strings.Contains(r.body, "alice@example.com") || len(r.set) > 0 || !slices.Equal(b.names(), before) {
		t.Errorf("the session is %s, with %q", r.body, r.header["Set-Cookie"])
	}
	if line := s.problem(t); line.level != slog.LevelError || !strings.Contains(line.attrs["cause"], `the claim "permissions" alone has 20002`) || line.attrs["hint"] == "" {
		t.Errorf("a cookie that is too large: %v", line)
	}
	s.resetLog()
	// A sign-in is refused and sets no cookie.
	fresh := s.browser()
	r = fresh.post("/callback/credentials", "username", "alice", "password", password)
	r.wantError("Configuration")
	if fresh.has(sessionCookie) || fresh.has(sessionCookie+".0") {
		t.Errorf("the cookies are %v", fresh.names())
	}
	s.problem(t)
	s.resetLog()
	pad = 10
	if b.get("/session"); size() > 1000 {
		t.Errorf("%d bytes", size())
	}
	s.quiet(t)
}

// An update that fits no token is not stored, since its user could never sign in
// again.
func TestUpdateThatFitsNoTokenIsNotStored(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = &engine.Schema{User: []schema.Field{{Name: "bio", Client: schema.Write}}}
	}, withStrategy(engine.StrategyJWT))
	b := s.browser()
	b.signIn()
	before := b.session()
	s.resetLog()
	if r := b.update(map[string]any{"bio": strings.Repeat("x", 20_000)}); len(r.set) > 0 {
		t.Errorf("the answer is %s, with %q", r.body, r.header["Set-Cookie"])
	}
	if line := s.problem(t); !strings.Contains(line.attrs["cause"], `the claim "bio" alone has 20002`) || line.attrs["hint"] == "" {
		t.Errorf("log %v", line)
	}
	if writes := s.store.writes(); len(writes) > 0 {
		t.Errorf("the store was written to: %v", writes)
	}
	s.resetLog()
	if after := b.session(); after != before {
		t.Errorf("the session is %s, was %s", after, before)
	}
	b.update(map[string]any{"bio": "short"})
	if got := b.session(); !strings.Contains(got, `"bio":"short"`) {
		t.Errorf("the session is %s", got)
	}
	s.quiet(t)
}

// An update that fits no cookie is an error, and the session does not change.
func TestUpdateThatFitsNoCookieIsAnError(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = &engine.Schema{User: []schema.Field{{Name: "bio", Client: schema.Read}}}
	})
	b := s.browser()
	b.signIn()
	before := b.session()
	b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := s.eng.Update(w, r, map[string]any{"bio": strings.Repeat("x", 70000)})
		var known *engine.Error
		if session != nil || !errors.As(err, &known) || known.Code != "Configuration" || !strings.Contains(known.Hint, "keep less in the token") {
			t.Errorf("Update returned %v, %v", session, err)
		}
	}))
	s.resetLog()
	if r := b.get("./settings"); len(r.set) > 0 {
		t.Errorf("cookies are set: %q", r.header["Set-Cookie"])
	}
	s.problem(t)
	if after := b.session(); after != before {
		t.Errorf("the session is %s, was %s", after, before)
	}
}

// A generated session token that fits no cookie is an error.
func TestSessionTokenThatFitsNoCookieSignsNobodyIn(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
		c.GenerateSessionToken = func() (string, error) { return strings.Repeat("x", 70000), nil }
	})
	b := s.browser()
	b.csrf()
	s.resetLog()
	b.post("/callback/credentials", "password", password).wantTo(s.origin + base + "/error?error=Configuration")
	if entry := s.problem(t); !strings.Contains(entry.attrs["hint"], "too long") {
		t.Errorf("log line %v", entry)
	}
	b.signedOut()
}

func TestUnusedChunksAreCleared(t *testing.T) {
	size := 0
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			p.Token.Extra = map[string]any{"ballast": strings.Repeat("x", size)}
			return nil
		}
	})
	chunks := func(b *browser) (out []string) {
		for _, name := range b.names() {
			if strings.HasPrefix(name, sessionCookie) {
				out = append(out, strings.TrimPrefix(name, sessionCookie))
			}
		}
		return out
	}
	sizes := []int{0, 4000, 7500, 7500, 0, 7500, 4000, 7500, 0}
	counts := []int{1, 2, 3, 3, 1, 3, 2, 3, 1}
	b := s.browser()
	for i := range sizes {
		size = sizes[i]
		before := chunks(b)
		var r *reply
		if i == 0 {
			r = b.signIn()
		} else {
			r = b.get("/session")
		}
		want := []string{""}
		if counts[i] > 1 {
			want = nil
			for n := range counts[i] {
				want = append(want, fmt.Sprintf(".%d", n))
			}
		}
		if got := chunks(b); !slices.Equal(got, want) {
			t.Errorf("step %d: the browser holds %q, want %q", i, got, want)
		}
		for _, suffix := range before {
			if !slices.Contains(want, suffix) && !r.clears(sessionCookie+suffix) {
				t.Errorf("step %d: %s is not cleared: %.300q", i, sessionCookie+suffix, r.header["Set-Cookie"])
			}
		}
		for _, c := range r.set {
			if len(c.Name)+len(c.Value) > 4096 {
				t.Errorf("step %d: the cookie %s has %d bytes", i, c.Name, len(c.Value))
			}
		}
		if got := b.copy().user(); got != "alice@example.com" {
			t.Errorf("step %d: signed in as %q", i, got)
		}
	}
	size = 7500
	b.get("/session")
	b.post("/signout")
	if got := chunks(b); len(got) > 0 {
		t.Errorf("after sign-out the browser holds %q", got)
	}
	// Chunks of an invalid token are cleared.
	b.signIn()
	for _, c := range b.cookies {
		if c.Name == sessionCookie+".1" {
			c.Value = "x"
		}
	}
	b.signedOut()
	if got := chunks(b); len(got) > 0 {
		t.Errorf("chunks of an invalid token left: %q", got)
	}
	// So are incomplete chunks: the first one or one in between is missing.
	for _, suffixes := range [][]string{{".1"}, {".0", ".2"}, {".7", ".8"}, {".16"}} {
		for _, suffix := range suffixes {
			b.set(sessionCookie+suffix, "x")
		}
		b.signedOut()
		if got := chunks(b); len(got) > 0 {
			t.Errorf("of the chunks %q there are left %q", suffixes, got)
		}
	}
	// A token that is too large is an error and leaves no chunk.
	size = 70_000
	s.resetLog()
	b.post("/callback/credentials", "password", password).wantTo(s.origin + base + "/error?error=Configuration")
	if s.problem(t).attrs["hint"] == "" {
		t.Error("no hint")
	}
	if got := chunks(b); len(got) > 0 {
		t.Errorf("chunks of a token that is too large left: %q", got)
	}
}

// Each chunk fits into a cookie, whatever its name and Domain.
func TestChunksFitIntoCookies(t *testing.T) {
	for _, d := range []wire.Dialect{wire.V5, wire.V4} {
		for _, like := range []wire.SetCookie{
			{Name: "x"},
			{Name: "__Secure-authjs.session-token", Secure: true, Expires: startTime},
			{Name: strings.Repeat("n", 256), Domain: strings.Repeat("d", 253), Secure: true, Partitioned: true, SameSite: "None", Expires: startTime, MaxAge: 900},
		} {
			token := strings.Repeat("t", 12_000)
			set, err := d.SetSessionCookie(nil, nil, like, token)
			if err != nil {
				t.Fatal(err)
			}
			var back []wire.Cookie
			for _, c := range set {
				if line := c.Append(nil); len(line) > 4096 {
					t.Errorf("%v: a cookie of %d bytes", d, len(line))
				}
				back = append(back, wire.Cookie{Name: c.Name, Value: c.Value})
			}
			if wire.SessionCookie(back, like.Name) != token {
				t.Errorf("%v: the chunks do not join to the token", d)
			}
		}
	}
}
