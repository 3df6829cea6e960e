package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// GET session without an update runs one statement with the database strategy, and
// none with the jwt strategy.
func TestSessionIsReadByOneStatement(t *testing.T) {
	for strategy, most := range map[engine.Strategy]int{engine.StrategyDatabase: 1, engine.StrategyJWT: 0} {
		change, _, count := withSQLite(t, strategy)
		s := newSite(t, change)
		b := s.browser()
		b.signIn()
		b.session()
		for range 3 {
			count.reset()
			if got := b.user(); got != "alice@example.com" {
				t.Errorf("%s: signed in as %q", strategy, got)
			}
			if ran := count.ran(); len(ran) != most {
				t.Errorf("%s: GET session ran %d statements: %q", strategy, len(ran), ran)
			}
		}
		// An update adds one write.
		s.clock.add(25 * time.Hour)
		count.reset()
		b.session()
		writes := 0
		for _, statement := range count.ran() {
			if !strings.HasPrefix(strings.TrimSpace(statement), "SELECT") && statement != "BEGIN" && statement != "COMMIT" {
				writes++
			}
		}
		if writes != most {
			t.Errorf("%s: GET session with an update ran %q", strategy, count.ran())
		}
	}
}

func TestDeletingTheUserEndsTheSessions(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	laptop, phone, bob := s.browser(), s.browser(), s.browser()
	laptop.signIn()
	phone.signIn()
	bob.oauth("oidc").wantTo(s.origin)
	if err := s.store.inner.DeleteUser(context.Background(), "alice-id"); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*browser{laptop, phone} {
		r := b.get("/session")
		if r.body != "null" || !r.clears(sessionCookie) {
			t.Errorf("after the user is deleted: %s, %q", r.body, r.header["Set-Cookie"])
		}
	}
	if got := bob.user(); got != "bob@example.com" {
		t.Errorf("the other user is signed in as %q", got)
	}
}

func TestExpiredSessionIsDeleted(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	cookie := b.cookie(sessionCookie)
	row, err := s.rowOf(cookie)
	if err != nil || !row.Expires.Equal(startTime.Add(month)) {
		t.Fatalf("the stored session is %+v, %v", row, err)
	}
	s.clock.add(month - time.Millisecond)
	last := b.copy()
	s.store.failWith(store.ErrNotFound, "UpdateSession") // prevents the extension
	if got := last.user(); got != "alice@example.com" {
		t.Errorf("a millisecond before the end, signed in as %q", got)
	}
	s.store.repair()
	s.clock.add(time.Millisecond)
	s.resetLog()
	r := b.get("/session")
	if r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("an expired session: %s, %q", r.body, r.header["Set-Cookie"])
	}
	if _, err := s.rowOf(cookie); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the expired row was not deleted: %v", err)
	}
	s.quiet(t)
}

// A session token that the store refuses as invalid signs nobody in.
func TestSessionTokenThatTheStoreRefusesSignsNobodyIn(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	s.store.failWith(store.ErrInvalid, "GetSession", "GetSessionAndUser")
	b := s.browser()
	b.set(sessionCookie, strings.Repeat("x", 3000))
	if r := b.get("/session"); r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("GET session: %s, %q", r.body, r.header["Set-Cookie"])
	}
	b.set(sessionCookie, strings.Repeat("x", 3000))
	b.oauth("oidc").wantTo(s.origin)
	b.set(sessionCookie, strings.Repeat("x", 3000))
	b.post("/signout").wantTo(s.origin)
	s.quiet(t)
}

// Tables shared with Auth.js hold the session token itself, others its hash.
func TestSharedTablesHoldTheTokenItself(t *testing.T) {
	for _, withAuthJS := range []bool{true, false} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(s *site, c *engine.Config) {
			if withAuthJS {
				c.Adapter = sharedAdapter{c.Adapter}
			}
		})
		b := s.browser()
		b.signIn()
		cookie := b.cookie(sessionCookie)
		_, err := s.store.inner.GetSession(t.Context(), cookie)
		if found := err == nil; found != withAuthJS {
			t.Errorf("shared %v: the token itself is stored: %v (%v)", withAuthJS, found, err)
		}
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("shared %v: signed in as %q", withAuthJS, got)
		}
		b.post("/signout")
		if _, err := s.store.inner.GetSession(t.Context(), cookie); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("shared %v: the row was not deleted", withAuthJS)
		}
	}
}

type sharedAdapter struct{ engine.Adapter }

func (sharedAdapter) Traits() store.Traits { return store.Traits{SharedWithAuthJS: true} }
