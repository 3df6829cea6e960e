package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// purger is an adapter whose PurgeExpired a test can replace.
type purger struct {
	engine.Adapter
	// run replaces PurgeExpired; nil means that of the adapter.
	run func(ctx context.Context, before time.Time, limit int) (int, error)

	mu    sync.Mutex
	calls []purgeCall
	now   int // calls in progress
	most  int // maximum of now
}

type purgeCall struct {
	before time.Time
	limit  int
}

func (p *purger) PurgeExpired(ctx context.Context, before time.Time, limit int) (int, error) {
	p.mu.Lock()
	p.calls = append(p.calls, purgeCall{before, limit})
	p.now++
	p.most = max(p.most, p.now)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.now--
		p.mu.Unlock()
	}()
	if p.run != nil {
		return p.run(ctx, before, limit)
	}
	return p.Adapter.(store.Purger).PurgeExpired(ctx, before, limit)
}

// count returns the number of calls since the last count.
func (p *purger) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.calls)
	p.calls = nil
	return n
}

// inProgress returns the number of calls in progress.
func (p *purger) inProgress() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// withPurger is withStrategy with p around the memory adapter.
func withPurger(p *purger, strategy engine.Strategy) func(*site, *engine.Config) {
	return func(s *site, c *engine.Config) {
		inner := memory.New(c.Schema)
		s.store = newStoreSpy(inner)
		p.Adapter = inner
		c.Adapter = p
		c.Providers = append(c.Providers, &engine.Email{SendVerificationRequest: s.mails.SendVerificationRequest})
		c.SessionStrategy = strategy
		s.putUser(*alice())
	}
}

// fill stores n sessions of alice and n verification tokens that expired ago.
func (s *site) fill(n int, ago time.Duration) {
	s.t.Helper()
	for i := range n {
		name := fmt.Sprintf("%v-%d", ago, i)
		expires := s.clock.Now().Add(-ago)
		if _, err := s.store.inner.CreateSession(s.t.Context(), engine.AdapterSession{SessionToken: name, UserID: "alice-id", Expires: expires}); err != nil {
			s.t.Fatal(err)
		}
		if _, err := s.store.inner.CreateVerificationToken(s.t.Context(), store.VerificationToken{Identifier: "a@b.c", Token: name, Expires: expires}); err != nil {
			s.t.Fatal(err)
		}
	}
}

const day = 24 * time.Hour

func TestPurgeRemovesWhatExpiredADayAgo(t *testing.T) {
	p := &purger{}
	s := newSite(t, withPurger(p, engine.StrategyDatabase))
	s.fill(1250, 2*day)
	s.fill(1, day+time.Millisecond)
	for _, ago := range []time.Duration{day, day - time.Millisecond, time.Hour, 0, -time.Hour} { // kept
		s.fill(1, ago)
	}
	removed, err := s.eng.Purge(t.Context())
	if err != nil || removed != 2502 {
		t.Errorf("removed %d, %v, want 2502", removed, err)
	}
	want := slices.Repeat([]purgeCall{{startTime.Add(-day), 1000}}, 4)
	if !slices.Equal(p.calls, want) {
		t.Errorf("the adapter is called with %v, want %v", p.calls, want)
	}
	for _, ago := range []time.Duration{day, day - time.Millisecond, time.Hour, 0, -time.Hour} {
		if _, err := s.store.inner.GetSession(t.Context(), fmt.Sprintf("%v-0", ago)); err != nil {
			t.Errorf("the session that expired %v ago: %v", ago, err)
		}
	}
	if removed, err := s.eng.Purge(t.Context()); removed != 0 || err != nil {
		t.Errorf("second Purge: removed %d, %v", removed, err)
	}
	s.quiet(t)
}

// A link that expired recently is distinguished from an unknown one.
func TestPurgeKeepsLinksThatExpiredRecently(t *testing.T) {
	for _, strategy := range strategies {
		p := &purger{}
		s := newSite(t, withPurger(p, strategy))
		for _, c := range []struct {
			age   time.Duration // a link is valid for a day
			cause string
		}{
			{day + day - time.Second, "the mail link has expired"},
			{day + day + time.Second, "the mail link is unknown or already used"},
		} {
			b := s.browser()
			link := b.askMail("carol@example.com")
			s.clock.add(c.age)
			if _, err := s.eng.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.resetLog()
			b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")).wantError("Verification")
			if entry := s.problem(t); entry.attrs["cause"] != c.cause {
				t.Errorf("after %v: %v", c.age, entry)
			}
		}
	}
}

func TestPurgeWithoutAPurgerDoesNothing(t *testing.T) {
	for what, change := range map[string]func(*site, *engine.Config){
		"no adapter": func(*site, *engine.Config) {},
		"an adapter that is not a Purger": func(s *site, c *engine.Config) {
			withStore(s, c) // hides the Purger
		},
	} {
		s := newSite(t, change)
		if removed, err := s.eng.Purge(t.Context()); removed != 0 || err != nil {
			t.Errorf("%s: removed %d, %v", what, removed, err)
		}
		s.clock.add(time.Hour)
		s.browser().oauth("oidc") // nothing is purged
		if err := s.eng.Close(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestFailedPurgeReturnsItsCount(t *testing.T) {
	down := errors.New("the disk is gone")
	for what, c := range map[string]struct {
		run     func(context.CancelFunc) (int, error)
		is      error
		removed int
		hint    string
	}{
		"the store fails":               {run: func(context.CancelFunc) (int, error) { return 7, down }, is: down, removed: 1007, hint: "reachable"},
		"it panics":                     {run: func(context.CancelFunc) (int, error) { panic("boom") }, removed: 1000, hint: "panicked"},
		"it counts wrong":               {run: func(context.CancelFunc) (int, error) { return -5, down }, is: down, removed: 1000, hint: "reachable"},
		"the context ends":              {run: func(end context.CancelFunc) (int, error) { end(); return 3, context.Canceled }, is: context.Canceled, removed: 1003, hint: "next time"},
		"the context ends between them": {run: func(end context.CancelFunc) (int, error) { end(); return 3, nil }, is: context.Canceled, removed: 1003, hint: "next time"},
	} {
		ctx, end := context.WithCancel(t.Context())
		firstBatch := true
		p := &purger{run: func(context.Context, time.Time, int) (int, error) {
			if firstBatch {
				firstBatch = false
				return 1000, nil
			}
			return c.run(end)
		}}
		s := newSite(t, withPurger(p, engine.StrategyDatabase))
		removed, err := s.eng.Purge(ctx)
		var known *engine.Error
		if removed != c.removed || !errors.As(err, &known) || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(known.Hint, c.hint) || known.Type != "PurgeError" {
			t.Errorf("%s: removed %d, %v", what, removed, err)
		}
		s.quiet(t) // the caller has the error
		end()
	}
}

// A sign-in purges one batch when about an hour has passed since the last purge.
func TestSignInPurgesNowAndThen(t *testing.T) {
	ways := map[string]func(b *browser){
		"credentials":              func(b *browser) { b.signIn() },
		"oidc":                     func(b *browser) { b.oauth("oidc").wantTo(httpOrigin) },
		"a mail link is requested": func(b *browser) { b.askMail("carol@example.com") },
		"Engine.SignIn": func(b *browser) {
			b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := b.s.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}}); err != nil {
					b.s.t.Error(err)
				}
			})).get("./login")
		},
	}
	for way, signIn := range ways {
		for _, strategy := range strategies {
			t.Run(way+"/"+string(strategy), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := &purger{}
					s := newSite(t, withPurger(p, strategy))
					defer s.eng.Close()
					expect := func(what string, want int) {
						t.Helper()
						synctest.Wait()
						if got := p.count(); got != want {
							t.Errorf("%s: %d batches, want %d", what, got, want)
						}
					}
					s.clock.add(time.Hour)
					s.fill(1, 3*day)
					b := s.browser()
					b.get("/session")
					b.get("/csrf")
					b.post("/callback/credentials", "password", "wrong")
					expect("nobody signed in", 0)
					s.resetLog()
					signIn(s.browser())
					expect("an hour after the start", 1)
					if n, _ := s.eng.Purge(t.Context()); n != 0 {
						t.Errorf("%d expired rows are left", n)
					}
					expect("Purge", 1)
					s.clock.add(29 * time.Minute)
					signIn(s.browser())
					expect("less than half an hour later", 0)
					s.clock.add(62 * time.Minute)
					signIn(s.browser())
					expect("more than an hour and a half later", 1)
					s.quiet(t)
				})
			})
		}
	}
}

// The first purge is at a random time in the first interval, so that programs that
// run only for minutes purge, too.
func TestPurgeTimesAreRandom(t *testing.T) {
	times := map[time.Duration]bool{}
	for seed := range byte(20) {
		synctest.Test(t, func(t *testing.T) {
			p := &purger{}
			s := newSite(t, withPurger(p, engine.StrategyJWT), func(_ *site, c *engine.Config) {
				c.Rand = newDice(seed)
				c.PurgeInterval = 10 * time.Minute
			})
			defer s.eng.Close()
			var at []time.Duration
			for minute := range 40 {
				s.browser().signIn()
				synctest.Wait()
				if p.count() > 0 {
					at = append(at, time.Duration(minute)*time.Minute)
				}
				s.clock.add(time.Minute)
			}
			if len(at) < 2 || at[0] > 10*time.Minute {
				t.Fatalf("purged after %v", at)
			}
			for i, d := range at[1:] {
				if apart := d - at[i]; apart < 5*time.Minute || apart > 15*time.Minute {
					t.Errorf("purged after %v", at)
				}
			}
			times[at[0]] = true
		})
	}
	if len(times) < 5 {
		t.Errorf("first times of 20 engines: %v", times)
	}
}

func TestPurgeContinuesWhileRowsRemain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &purger{}
		s := newSite(t, withPurger(p, engine.StrategyDatabase))
		defer s.eng.Close()
		s.clock.add(time.Hour)
		s.fill(1100, 3*day) // 2200 rows
		for i, want := range []int{1, 1, 1, 0, 0} {
			s.browser().signIn()
			synctest.Wait()
			if got := p.count(); got != want {
				t.Errorf("sign-in %d: %d batches, want %d", i, got, want)
			}
		}
		if n, err := s.eng.Purge(t.Context()); n != 0 || err != nil {
			t.Errorf("%d rows are left, %v", n, err)
		}
	})
}

func TestNegativePurgeIntervalDisablesPurging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &purger{}
		s := newSite(t, withPurger(p, engine.StrategyDatabase), func(_ *site, c *engine.Config) { c.PurgeInterval = -1 })
		defer s.eng.Close()
		for range 3 {
			s.clock.add(100 * day)
			s.browser().signIn()
			synctest.Wait()
		}
		if n := p.count(); n != 0 {
			t.Errorf("%d batches", n)
		}
		if n, err := s.eng.Purge(t.Context()); n != 2 || err != nil {
			t.Errorf("Purge removed %d, %v, want the sessions of 200 and 100 days ago", n, err)
		}
	})
}

// A store that hangs delays no sign-in. It has one purge at a time, which is
// cancelled after 30 seconds.
func TestHangingPurgeBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &purger{run: func(ctx context.Context, _ time.Time, _ int) (int, error) {
			<-ctx.Done()
			return 0, fmt.Errorf("store: %w", ctx.Err())
		}}
		s := newSite(t, withPurger(p, engine.StrategyDatabase))
		defer s.eng.Close()
		s.clock.add(time.Hour)
		began := time.Now() // time of the bubble, which passes only while all its goroutines wait
		for range 3 {
			s.browser().signIn()
			s.clock.add(2 * time.Hour)
		}
		if time.Since(began) != 0 {
			t.Errorf("signing in waited for %v", time.Since(began))
		}
		synctest.Wait()
		if got := p.inProgress(); got != 1 || p.most != 1 {
			t.Errorf("%d batches in progress, %d at most, want one", got, p.most)
		}
		s.quiet(t)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if p.inProgress() != 0 {
			t.Error("the batch is still in progress after 30 seconds")
		}
		lines := s.logs.problems()
		if len(lines) != 1 || lines[0].msg != "auth: PurgeError" || !strings.Contains(lines[0].attrs["cause"], "deadline exceeded") || lines[0].attrs["hint"] == "" {
			t.Errorf("log %v", lines)
		}
	})
}

func TestFailedBackgroundPurgeIsLogged(t *testing.T) {
	for what, run := range map[string]func() (int, error){
		"it fails":  func() (int, error) { return 0, errors.New("the disk is gone") },
		"it panics": func() (int, error) { panic("the disk is gone") },
	} {
		hasStack := strings.HasSuffix(what, "panics")
		synctest.Test(t, func(t *testing.T) {
			p := &purger{run: func(context.Context, time.Time, int) (int, error) { return run() }}
			s := newSite(t, withPurger(p, engine.StrategyDatabase))
			defer s.eng.Close()
			s.clock.add(time.Hour)
			for range 2 { // retried only after the interval
				b := s.browser()
				b.signIn()
				synctest.Wait()
				if got := b.user(); got != "alice@example.com" {
					t.Errorf("%s: signed in as %q", what, got)
				}
			}
			lines := s.logs.problems()
			if len(lines) != 1 || lines[0].level != slog.LevelError || lines[0].msg != "auth: PurgeError" ||
				!strings.Contains(lines[0].attrs["cause"], "the disk is gone") || lines[0].attrs["hint"] == "" ||
				strings.Contains(lines[0].attrs["stack"], "purge_test.go") != hasStack {
				t.Errorf("%s: log %v", what, lines)
			}
		})
	}
}
