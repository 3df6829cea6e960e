package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// goroutines counts the goroutines of the synctest bubble of its caller.
func goroutines(t *testing.T) int {
	t.Helper()
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)] // the caller's stack is first
	ours := bubble.Find(stacks)
	if ours == nil {
		t.Fatal("the stack does not name the bubble")
	}
	n := 0
	for _, found := range bubble.FindAll(stacks, -1) {
		if bytes.Equal(found, ours) {
			n++
		}
	}
	return n
}

var bubble = regexp.MustCompile(`synctest bubble \d+\b`)

// New uses neither the network nor the adapter, and starts no goroutine.
func TestNewTouchesNoNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutines(t)
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
			c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				t.Errorf("%s %s", r.Method, r.URL)
				return nil, errors.New("no network")
			})}
			for i := range 3 {
				c.Providers = append(c.Providers, &engine.OIDC{ID: fmt.Sprintf("oidc-%d", i), Issuer: fmt.Sprintf("https://idp-%d.example", i),
					UserInfo: true, OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}})
			}
		})
		synctest.Wait()
		if after := goroutines(t); after != before {
			t.Errorf("New started %d goroutines", after-before)
		}
		if calls := s.store.called(); len(calls) > 0 {
			t.Errorf("New called the adapter: %v", calls)
		}
		b := s.browser()
		for _, path := range []string{"/session", "/csrf", "/providers", "/signin", "/signout", "/error", "/verify-request"} {
			b.get(path)
		}
		s.quiet(t)
	})
}

// Close ends the purge in progress. The engine still serves requests.
func TestCloseEndsThePurge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutines(t)
		p := &purger{run: func(ctx context.Context, _ time.Time, _ int) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		s := newSite(t, withPurger(p, engine.StrategyDatabase))
		s.clock.add(time.Hour)
		b := s.browser()
		b.signIn()
		synctest.Wait()
		if p.inProgress() != 1 {
			t.Fatal("no batch is in progress")
		}
		var closing sync.WaitGroup
		for range 3 {
			closing.Go(func() {
				if err := s.eng.Close(); err != nil {
					t.Error(err)
				}
				if p.inProgress() != 0 {
					t.Error("a batch is in progress after Close")
				}
			})
		}
		closing.Wait()
		synctest.Wait()
		if after := goroutines(t); after != before {
			t.Errorf("%d goroutines, %d before", after, before)
		}
		s.quiet(t) // an interruption is not a failure
		p.count()
		s.clock.add(3 * time.Hour)
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("after Close, signed in as %q", got)
		}
		s.browser().signIn()
		synctest.Wait()
		if n := p.count(); n != 0 {
			t.Errorf("%d batches after Close", n)
		}
		p.run = nil
		if _, err := s.eng.Purge(t.Context()); err != nil || p.count() == 0 {
			t.Errorf("Purge after Close: %v", err)
		}
		s.quiet(t)
	})
}

// Close cancels a download that outlives the request that started it.
func TestCloseCancelsDownloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutines(t)
		requests := 0
		s := newSite(t, func(_ *site, c *engine.Config) {
			c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				requests++
				<-r.Context().Done()
				return nil, context.Cause(r.Context())
			})}
		})
		b := s.browser()
		b.csrf()
		ctx, cancel := context.WithCancel(t.Context())
		r := b.request("POST", base+"/signin/oidc", strings.NewReader(form("csrfToken", b.csrf()).Encode())).WithContext(ctx)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		var answered sync.WaitGroup
		answered.Go(func() { b.do(r).wantError("Configuration") })
		synctest.Wait()
		cancel()
		answered.Wait()
		if requests != 1 || goroutines(t) == before {
			t.Fatal("nothing runs in the background")
		}
		s.eng.Close()
		synctest.Wait()
		if after := goroutines(t); after != before {
			t.Errorf("%d goroutines, %d before", after, before)
		}
		s.resetLog()
		b.post("/signin/oidc").wantError("Configuration")
		if entry := s.problem(t); !strings.Contains(entry.attrs["cause"], "the engine is closed") || requests != 1 {
			t.Errorf("after Close: %v; %d requests", entry, requests)
		}
	})
}

// The default HTTP client keeps no connection after Close.
func TestCloseClosesConnections(t *testing.T) {
	closed := make(chan struct{}, 10)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.HTTPClient = nil
		c.Providers[0].(*engine.OIDC).Issuer = server.URL
	})
	s.browser().post("/signin/oidc").wantError("Configuration")
	if len(closed) != 0 {
		t.Fatal("the connection was not kept")
	}
	s.eng.Close()
	<-closed
}
