package engine_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

func TestSignOutEndsTheSession(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn("callbackUrl", "/x")
	old := b.copy()
	if _, err := s.rowOf(b.cookie(sessionCookie)); err != nil {
		t.Fatalf("the session is not stored: %v", err)
	}
	r := b.post("/signout")
	r.wantTo(s.origin + "/x")
	if !r.clears(sessionCookie) {
		t.Errorf("the cookie was not cleared: %q", r.header["Set-Cookie"])
	}
	if _, err := s.rowOf(old.cookie(sessionCookie)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the session is still stored: %v", err)
	}
	old.signedOut()
	b.signedOut()
	s.quiet(t)

	// When the row is missing or the token is invalid, the cookie is cleared and the
	// signOut event, which needs the row, is not emitted.
	for _, gone := range []error{store.ErrNotFound, store.ErrInvalid} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
			c.Events.SignOut = func(context.Context, *engine.SignOutEvent) error {
				t.Error("signOut was emitted for a missing session")
				return nil
			}
		})
		b := s.browser()
		b.signIn()
		s.store.failWith(gone, "GetSession")
		r := b.post("/signout")
		r.wantTo(s.origin)
		if !r.clears(sessionCookie) {
			t.Errorf("%v: the cookie was not cleared", gone)
		}
		s.quiet(t)
	}

	// Engine.SignOut clears the cookie, too.
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signIn()
		old := b.copy()
		b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := s.eng.SignOut(w, r); err != nil {
				t.Error(err)
			}
		})
		if r := b.get("./bye"); !r.clears(sessionCookie) {
			t.Errorf("%s: SignOut did not clear the cookie: %q", strategy, r.header["Set-Cookie"])
		}
		if strategy == engine.StrategyDatabase {
			old.signedOut()
		}
	}
}

func TestFailedSignOutClearsTheCookie(t *testing.T) {
	down := errors.New("connection refused")
	for _, listener := range []bool{false, true} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
			if listener {
				c.Events.SignOut = func(context.Context, *engine.SignOutEvent) error { return nil }
			}
		})
		b := s.browser()
		b.signIn()
		b.set(sessionCookie+".0", "a")
		b.csrf()
		s.store.failWith(down)
		s.resetLog()
		r := b.post("/signout")
		r.wantTo(s.origin + base + "/error?error=Configuration")
		if !r.clears(sessionCookie) || !r.clears(sessionCookie+".0") {
			t.Errorf("the cookies were not cleared: %q", r.header["Set-Cookie"])
		}
		entry := s.problem(t)
		if !strings.Contains(entry.attrs["cause"], down.Error()) || entry.attrs["hint"] == "" || entry.attrs["action"] != "signout" {
			t.Errorf("log %v", entry)
		}
		b.signedOut()

		s.store.repair()
		b.signIn()
		b.csrf()
		s.store.failWith(down)
		s.resetLog()
		req := b.request("POST", base+"/signout", strings.NewReader(form("csrfToken", b.csrf()).Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Auth-Return-Redirect", "1")
		r = b.do(req)
		if r.status != 200 || requestIDParam.ReplaceAllString(strings.TrimSuffix(r.body, `"}`), "") != `{"url":"`+s.origin+base+`/error?error=Configuration` || !r.clears(sessionCookie) {
			t.Errorf("as JSON: %d %s %q", r.status, r.body, r.header["Set-Cookie"])
		}
		s.problem(t)

		s.store.repair()
		b.signIn()
		s.store.failWith(down)
		s.resetLog()
		b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var known *engine.Error
			if err := s.eng.SignOut(w, r); !errors.As(err, &known) || !errors.Is(err, down) || known.Code != "Configuration" {
				t.Errorf("SignOut returned %v", err)
			}
		})
		if r := b.get("./bye"); !r.clears(sessionCookie) {
			t.Errorf("SignOut did not clear the cookie: %q", r.header["Set-Cookie"])
		}
		s.problem(t)
	}
}

func TestGETSignOutChangesNothing(t *testing.T) {
	for _, strategy := range strategies {
		f := newCSRFSite(t, strategy)
		for _, query := range []string{"", "?csrfToken=" + f.b.csrf(), "?callbackUrl=/x&csrfToken=" + f.b.csrf()} {
			r := f.b.get("/signout" + query)
			if r.status != 200 || !strings.Contains(r.body, "<form") || !strings.Contains(r.body, f.b.csrf()) || r.sets(sessionCookie) != nil {
				t.Errorf("GET signout: %d %q", r.status, r.header["Set-Cookie"])
			}
		}
		if called := f.store.called(); len(called) > 0 {
			t.Errorf("GET signout: adapter calls %v", called)
		}
		if got := f.b.user(); got != "alice@example.com" {
			t.Errorf("after GET signout, signed in as %q", got)
		}
		own := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) { c.Pages.SignOut = "/bye?x=1" })
		b := own.browser()
		b.signIn()
		b.get("/signout").wantTo("/bye?x=1")
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("after GET signout with a page of the application, signed in as %q", got)
		}
	}
}
