package engine_test

import (
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

func TestSignInStartsANewSession(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		attacker := s.browser()
		s.idp.user = map[string]any{"sub": "mallory", "email": "mallory@example.com"}
		attacker.oauth("oidc").wantTo(s.origin)
		planted := attacker.cookie(sessionCookie)

		victim := s.browser()
		victim.set(sessionCookie, planted)
		victim.signIn()
		if victim.cookie(sessionCookie) == planted {
			t.Errorf("%s: the session token is the planted one", strategy)
		}
		if got := victim.user(); got != "alice@example.com" {
			t.Errorf("%s: the victim is signed in as %q", strategy, got)
		}
		if got := attacker.user(); got != "mallory@example.com" {
			t.Errorf("%s: the planted session is now signed in as %q", strategy, got)
		}

		victim = s.browser()
		victim.set(sessionCookie, planted)
		victim.followMail("carol@example.com").wantTo(s.origin)
		if victim.cookie(sessionCookie) == planted {
			t.Errorf("%s: the session token after a mail link is the planted one", strategy)
		}
		if got := victim.user(); got != "carol@example.com" {
			t.Errorf("%s: the victim is signed in as %q", strategy, got)
		}
		if got := attacker.user(); got == "carol@example.com" {
			t.Errorf("%s: the planted session is now signed in as %q", strategy, got)
		}

		// Two sessions never have the same token, even of one user.
		seen := map[string]bool{}
		b := s.browser()
		for range 20 {
			b.signIn()
			id := b.cookie(sessionCookie)
			if seen[id] {
				t.Errorf("%s: the session token %q was issued twice", strategy, id)
			}
			seen[id] = true
		}
	}
}

func TestPlantedCookieIsNotAdopted(t *testing.T) {
	for _, strategy := range strategies {
		for _, planted := range []string{
			"planted", "11111111-2222-4333-8444-555555555555", strings.Repeat("a", 64), "a.b.c.d.e", "%", "x,y", strings.Repeat("x", 4000),
		} {
			s := newSite(t, withStrategy(strategy))
			enter := map[string]func(*browser) *reply{
				"credentials": func(b *browser) *reply { return b.signIn() },
				"oidc":        func(b *browser) *reply { return b.oauth("oidc") },
				"mail":        func(b *browser) *reply { return b.followMail("carol@example.com") },
			}
			for way, signIn := range enter {
				b, attacker := s.browser(), s.browser()
				for _, name := range []string{sessionCookie, stateCookie, pkceCookie, nonceCookie} {
					b.set(name, planted)
				}
				b.csrf()
				attacker.set(sessionCookie, planted)
				signIn(b).wantTo(s.origin)
				if got := b.cookie(sessionCookie); got == planted || got == "" {
					t.Errorf("%s, %s: the session cookie after sign-in is %.20q", strategy, way, got)
				}
				if b.user() == "" {
					t.Errorf("%s, %s: not signed in", strategy, way)
				}
				attacker.signedOut()
			}
		}
	}
}

// Empty tokens of the application's generators are errors.
func TestEmptyGeneratedTokensAreRefused(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
		c.GenerateSessionToken = func() (string, error) { return "", nil }
		c.Providers[3].(*engine.Email).GenerateVerificationToken = func() (string, error) { return "", nil }
	})
	for path, pairs := range map[string][]string{"/callback/credentials": {"password", password}, "/signin/email": {"email", "carol@example.com"}} {
		b := s.browser()
		b.csrf()
		s.resetLog()
		b.post(path, pairs...).wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
		if writes := s.store.writes(); len(writes) > 0 || len(s.mails.sent) > 0 {
			t.Errorf("POST %s wrote %v and sent %d mails", path, writes, len(s.mails.sent))
		}
	}
}
