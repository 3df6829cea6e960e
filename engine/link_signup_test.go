package engine_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// Sign-ups with one account or address at the same time make one user.
func TestConcurrentSignUpsMakeOneUser(t *testing.T) {
	for _, strategy := range strategies {
		for _, tx := range []string{"transactions", "sign-up", "neither"} {
			s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) {
				switch tx {
				case "sign-up":
					c.Adapter = s.store.signUp()
				case "neither":
					c.Adapter = s.store.plain()
				}
			})
			const tabs = 8
			browsers := make([]*browser, tabs)
			replies := make([]*reply, tabs)
			var wg sync.WaitGroup
			if tx != "neither" { // user and account are stored together
				targets := make([]string, tabs)
				for i := range browsers {
					browsers[i] = s.browser()
					targets[i] = "/callback/oidc?" + s.idp.approve(t, browsers[i].startOAuth("oidc")).Encode()
				}
				for i := range browsers {
					wg.Go(func() { replies[i] = browsers[i].get(targets[i]) })
				}
				wg.Wait()
				for i, r := range replies {
					r.wantTo(s.origin)
					if got := browsers[i].user(); got != "bob@example.com" {
						t.Errorf("%s: signed in as %q", strategy, got)
					}
				}
				if n := len(s.accountsOf("bob@example.com")); n != 1 {
					t.Errorf("%s: %d accounts", strategy, n)
				}
				s.quiet(t)
			}

			// Concurrent confirmations of mail links for one new address.
			forms := make([]url.Values, tabs)
			for i := range browsers {
				link := s.browser().askMail("carol@example.com")
				browsers[i] = s.browser()
				forms[i] = form("csrfToken", browsers[i].csrf(), "token", link.Get("token"), "email", link.Get("email"))
			}
			for i := range browsers {
				wg.Go(func() { replies[i] = browsers[i].send("/callback/email", forms[i]) })
			}
			wg.Wait()
			for i, r := range replies {
				r.wantTo(s.origin)
				if got := browsers[i].user(); got != "carol@example.com" {
					t.Errorf("%s, %s, mail: signed in as %q", strategy, tx, got)
				}
			}
		}
	}
}

// A sign-up in another tab creates the user after this one has looked for it.
func TestSignUpThatLosesARaceSignsIn(t *testing.T) {
	for _, strategy := range strategies {
		for _, tx := range []bool{true, false} {
			for _, way := range []string{"oidc", "mail"} {
				s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) {
					if !tx {
						c.Adapter = s.store.plain()
					}
				})
				enter := func(b *browser) func() *reply {
					if way == "oidc" {
						location := b.startOAuth("oidc")
						return func() *reply { return b.finishOAuth("oidc", location) }
					}
					link := b.askMail("bob@example.com")
					return func() *reply {
						return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
					}
				}
				slow, quick := s.browser(), s.browser()
				runSlow, runQuick := enter(slow), enter(quick)
				slow.csrf()
				moment := "Tx"
				if !tx {
					moment = "CreateUser"
				}
				pending := true
				s.store.fail = func(method string) error {
					if method == moment && pending {
						pending = false
						runQuick().wantTo(s.origin)
					}
					return nil
				}
				runSlow().wantTo(s.origin)
				if pending || slow.user() != "bob@example.com" || quick.user() != "bob@example.com" {
					t.Errorf("%s, transactions %v, %s: signed in as %q and %q; log %v", strategy, tx, way, slow.user(), quick.user(), s.logs.problems())
				}
				s.quiet(t)
			}
		}
	}
}

// A sign-up that is cancelled leaves no user without an account.
func TestCancelledSignUpLeavesNoUser(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) { c.Adapter = s.store.plain() })
		b := s.browser()
		target := base + "/callback/oidc?" + s.idp.approve(t, b.startOAuth("oidc")).Encode()
		ctx, cancel := context.WithCancel(t.Context())
		s.store.fail = func(method string) error {
			if method == "LinkAccount" {
				cancel()
				return ctx.Err()
			}
			return nil
		}
		b.do(b.request("GET", target, nil).WithContext(ctx)).wantTo(s.origin + base + "/error?error=Configuration")
		s.store.repair()
		if _, err := s.store.inner.GetUserByEmail(t.Context(), "bob@example.com"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: a user without an account is left: %v", strategy, err)
		}
		b.oauth("oidc").wantTo(s.origin)
	}
}
