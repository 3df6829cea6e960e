package engine_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// A session in use is extended when SessionUpdateAge has passed since the last
// extension.
func TestSessionIsExtendedAfterUpdateAge(t *testing.T) {
	const never = -1
	for _, c := range []struct {
		what              string
		maxAge, updateAge time.Duration
		every             bool            // ReissueOnEveryRead
		reads             []time.Duration // after sign-in
		extended          []bool          // one per read
	}{
		{what: "defaults", reads: []time.Duration{0, time.Hour, 24*time.Hour - time.Second, 24 * time.Hour, 25 * time.Hour, 48 * time.Hour},
			extended: []bool{false, false, false, true, false, true}},
		{what: "an updateAge", maxAge: 10 * time.Hour, updateAge: time.Hour, reads: []time.Duration{59 * time.Minute, time.Hour, 2*time.Hour - time.Second, 2 * time.Hour, 9 * time.Hour},
			extended: []bool{false, true, false, true, true}},
		{what: "half of a short maxAge", maxAge: time.Hour, reads: []time.Duration{29 * time.Minute, 30 * time.Minute, 59 * time.Minute, time.Hour},
			extended: []bool{false, true, false, true}},
		{what: "on every read", maxAge: time.Hour, updateAge: never, reads: []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 59 * time.Minute},
			extended: []bool{true, true, true, true}},
		{what: "updateAge as long as maxAge", maxAge: time.Hour, updateAge: time.Hour, reads: []time.Duration{0, 30 * time.Minute, 59 * time.Minute},
			extended: []bool{false, false, false}},
		{what: "updateAge longer than maxAge", maxAge: time.Hour, updateAge: 2 * time.Hour, reads: []time.Duration{0, 59 * time.Minute},
			extended: []bool{false, false}},
		{what: "a cookie on every read", every: true, reads: []time.Duration{0, time.Hour, 24 * time.Hour, 24*time.Hour + time.Second},
			extended: []bool{false, false, true, false}},
	} {
		for _, strategy := range strategies {
			s := newSite(t, withStrategy(strategy), func(_ *site, cfg *engine.Config) {
				cfg.SessionMaxAge, cfg.SessionUpdateAge, cfg.Parity.ReissueOnEveryRead = c.maxAge, c.updateAge, c.every
			})
			s.clock.now = startTime.Truncate(time.Second)
			maxAge := c.maxAge
			if maxAge == 0 {
				maxAge = month
			}
			b := s.browser()
			b.signIn()
			token := b.cookie(sessionCookie)
			ends := s.clock.Now().Add(maxAge)
			begin := s.clock.Now()
			for i, after := range c.reads {
				s.clock.mu.Lock()
				s.clock.now = begin.Add(after)
				s.clock.mu.Unlock()
				what := fmt.Sprintf("%s, %s, read %d after %v", c.what, strategy, i, after)
				s.resetLog()
				r := b.get("/session")
				if strings.Contains(r.body, "null") {
					t.Errorf("%s: signed out", what)
					break
				}
				cookie := r.sets(sessionCookie)
				extended := c.extended[i]
				sent := extended || c.every
				if (cookie != nil) != sent {
					t.Errorf("%s: a cookie is sent: %v, want %v", what, cookie != nil, sent)
				}
				shown := ends // in the body: of the row as it was read
				if extended || c.every && strategy == engine.StrategyJWT {
					ends = s.clock.Now().Add(maxAge)
					if strategy == engine.StrategyJWT {
						shown = ends
					}
				}
				if cookie != nil && !cookie.Expires.Equal(s.clock.Now().Add(maxAge)) {
					t.Errorf("%s: the cookie ends %v, want %v", what, cookie.Expires, s.clock.Now().Add(maxAge))
				}
				if cookie != nil && strategy == engine.StrategyDatabase && cookie.Value != token {
					t.Errorf("%s: the token of a database session changed", what)
				}
				if want := `"expires":"` + shown.Format("2006-01-02T15:04:05.000Z") + `"`; !strings.Contains(r.body, want) {
					t.Errorf("%s: the body is %s, want %s", what, r.body, want)
				}
				if strategy == engine.StrategyDatabase {
					row, err := s.rowOf(token)
					if err != nil || !row.Expires.Equal(ends) {
						t.Errorf("%s: the row ends %v, want %v (%v)", what, row.Expires, ends, err)
					}
					want := 0
					if extended {
						want = 1
					}
					if n := s.store.count("UpdateSession"); n != want {
						t.Errorf("%s: %d writes, want %d", what, n, want)
					}
				}
			}
		}
	}
}

// A server component cannot pass a cookie on to the browser, so its read does not
// extend the session. The next read of the browser does.
func TestReadOnlyReadExtendsNothing(t *testing.T) {
	for _, strategy := range strategies {
		for _, every := range []bool{false, true} {
			s := newSite(t, withStrategy(strategy), func(_ *site, cfg *engine.Config) { cfg.Parity.ReissueOnEveryRead = every })
			b := s.browser()
			b.signIn()
			s.clock.add(24 * time.Hour)
			s.resetLog()
			what := fmt.Sprintf("%s, every read %v", strategy, every)
			for _, header := range []string{"1", "0", ""} {
				r := b.ask(http.MethodGet, "/api/auth/session", "X-Auth-Read-Only", header)
				if strings.Contains(r.body, "null") {
					t.Errorf("%s, X-Auth-Read-Only %q: signed out", what, header)
				}
				sent, writes := r.sets(sessionCookie) != nil, s.store.count("UpdateSession")
				if header == "1" && (sent || writes != 0) {
					t.Errorf("%s: a read-only read set a cookie: %v, and wrote %d times", what, sent, writes)
				}
				if header == "0" && (!sent || strategy == engine.StrategyDatabase && writes != 1) {
					t.Errorf("%s: the read after it set a cookie: %v, and wrote %d times", what, sent, writes)
				}
			}
			// An update sets a cookie anyway.
			s.clock.add(24 * time.Hour)
			b.header.Set("X-Auth-Read-Only", "1")
			if r := b.update(nil); r.sets(sessionCookie) == nil {
				t.Errorf("%s: an update set no cookie: %d %s", what, r.status, r.body)
			}
		}
	}
}

// JWTMaxAge is the lifetime of the token, SessionMaxAge that of the cookie. The
// session ends with the shorter one.
func TestSessionEndsWithItsTokenOrCookie(t *testing.T) {
	for _, c := range []struct{ session, jwt, ends time.Duration }{
		{2 * time.Hour, 0, 2 * time.Hour}, {2 * time.Hour, time.Hour, time.Hour},
	} {
		s := newSite(t, func(_ *site, cfg *engine.Config) { cfg.SessionMaxAge, cfg.JWTMaxAge = c.session, c.jwt })
		s.clock.now = startTime.Truncate(time.Second)
		b := s.browser()
		r := b.signIn()
		if got := r.sets(sessionCookie).Expires; !got.Equal(s.clock.Now().Add(c.session)) {
			t.Errorf("%+v: the cookie ends %v", c, got)
		}
		if got, want := b.session(), s.clock.Now().Add(c.ends).Format("2006-01-02T15:04:05.000Z"); !strings.Contains(got, want) {
			t.Errorf("%+v: the session is %s, want the end %s", c, got, want)
		}
	}
}

// A token of another server may outlive the cookie of this one, and may have no
// iat.
func TestSessionOfALongerTokenEndsWithItsCookie(t *testing.T) {
	for _, c := range []struct {
		claims string // of a token that ends in 60 days
		age    time.Duration
		ends   time.Duration
	}{
		{`"iat":%d`, 0, month}, {`"x":%d`, month, 60 * 24 * time.Hour},
	} {
		s := newSite(t, func(_ *site, cfg *engine.Config) { cfg.SessionUpdateAge = c.age })
		s.clock.now = startTime.Truncate(time.Second)
		now := s.clock.Now()
		token, err := wire.V5.NewKeys(sessionCookie, testSecret).Seal(fmt.Appendf(nil, `{"sub":"1","name":"Ada","exp":%d,`+c.claims+`}`, now.Add(60*24*time.Hour).Unix(), now.Unix()), newDice(1))
		if err != nil {
			t.Fatal(err)
		}
		b := s.browser()
		b.set(sessionCookie, token)
		if got, want := b.session(), now.Add(c.ends).Format("2006-01-02T15:04:05.000Z"); !strings.Contains(got, want) {
			t.Errorf("%s: the session is %s, want the end %s", c.claims, got, want)
		}
	}
}

// The default of SessionUpdateAge is shorter than JWTMaxAge.
func TestDefaultUpdateAgeIsShorterThanJWTMaxAge(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) { c.SessionMaxAge, c.JWTMaxAge = 2*time.Hour, time.Hour })
	b := s.browser()
	b.signIn()
	for _, want := range []bool{false, true} {
		s.clock.add(20 * time.Minute)
		if r := b.get("/session"); (r.sets(sessionCookie) != nil) != want {
			t.Errorf("a cookie is sent: %v, want %v", !want, want)
		}
	}
}

// A lost write, on a replica for example, is repeated after a minute.
func TestLostExtensionIsRepeated(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	row, err := s.rowOf(b.cookie(sessionCookie))
	if err != nil {
		t.Fatal(err)
	}
	s.clock.add(25 * time.Hour)
	for _, want := range []int{1, 0, 1} {
		s.resetLog()
		b.session()
		if n := s.store.count("UpdateSession"); n != want {
			t.Errorf("%d writes, want %d", n, want)
		}
		if _, err := s.store.inner.UpdateSession(t.Context(), store.SessionUpdate{SessionToken: row.SessionToken, Expires: &row.Expires}); err != nil {
			t.Fatal(err)
		}
		s.clock.add(31 * time.Second)
	}
}

func TestConcurrentReadsWriteOnce(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	for round := 1; round <= 3; round++ {
		s.clock.add(24 * time.Hour)
		s.resetLog()
		const readers = 32
		var wg sync.WaitGroup
		// All readers have read the row before the first one writes.
		var reading sync.WaitGroup
		reading.Add(readers)
		s.store.mu.Lock()
		s.store.after = func(string) {
			reading.Done()
			reading.Wait()
		}
		s.store.mu.Unlock()
		cookie := sessionCookie + "=" + b.cookie(sessionCookie)
		for range readers {
			wg.Go(func() {
				r := httptest.NewRequest("GET", httpOrigin+base+"/session", nil)
				r.Header.Set("Cookie", cookie)
				w := httptest.NewRecorder()
				s.eng.ServeHTTP(w, r)
				if !strings.Contains(w.Body.String(), "alice@example.com") {
					t.Errorf("a reader got %s", w.Body)
				}
			})
		}
		wg.Wait()
		s.store.mu.Lock()
		s.store.after = nil
		s.store.mu.Unlock()
		if n := s.store.count("UpdateSession"); n != 1 {
			t.Errorf("round %d: %d readers wrote %d times", round, readers, n)
		}
		row, err := s.rowOf(b.cookie(sessionCookie))
		if want := startTime.Add(month + time.Duration(round)*24*time.Hour); err != nil || !row.Expires.Equal(want) {
			t.Errorf("round %d: the session ends %v, want %v (%v)", round, row.Expires, want, err)
		}
	}
	// The next reader repeats a write that failed.
	s.clock.add(24 * time.Hour)
	s.store.failWith(errors.New("down"), "UpdateSession")
	b.session()
	s.store.repair()
	s.resetLog()
	if got := b.user(); got != "alice@example.com" || s.store.count("UpdateSession") != 1 {
		t.Errorf("after a failed write: %q, %v", got, s.store.called())
	}
}
