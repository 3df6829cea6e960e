package engine_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// A cookie of an older secret is accepted and reissued with the new one. A cookie
// of a removed secret is invalid.
func TestOlderSecretsAreAcceptedUntilRemoved(t *testing.T) {
	const older = "canary-older-secret-0123456789-abcdefghijk"
	const oldest = "canary-oldest-secret-0123456789-abcdefghijk"
	with := func(secrets ...string) *site {
		return newSite(t, func(s *site, c *engine.Config) {
			c.Secrets = secrets
			s.canary(older, "an old secret")
			s.canary(oldest, "an old secret")
		})
	}
	before := with(oldest)
	b := before.browser()
	b.signIn("callbackUrl", "/x")
	location := b.startOAuth("oidc")

	now := with(testSecret, older, oldest)
	b.s, b.handler = now, now.eng
	csrf := b.cookie(csrfCookie)
	r := b.get("/session")
	if !strings.Contains(r.body, "alice@example.com") || r.sets(sessionCookie) == nil {
		t.Errorf("the old cookie: %s, %q", r.body, r.header["Set-Cookie"])
	}
	if r.sets(csrfCookie) != nil || b.cookie(csrfCookie) != csrf {
		t.Error("the CSRF cookie of the old secret was replaced")
	}
	if r := b.get("/session"); r.sets(sessionCookie) != nil {
		t.Error("the new cookie was issued twice")
	}
	// A sign-in in progress continues.
	now.idp.requests = before.idp.requests
	back := before.idp.approve(t, location)
	b.get("/callback/oidc?" + back.Encode()).wantTo(now.origin + "/x")
	b.post("/signout").wantTo(now.origin + "/x")

	b.signIn()
	only := with(testSecret)
	b.s, b.handler = only, only.eng
	if got := b.user(); got != "alice@example.com" {
		t.Errorf("without the old secrets, signed in as %q", got)
	}
	c := before.browser()
	c.signIn()
	c.s, c.handler = only, only.eng
	if r := c.get("/session"); r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("a cookie of a removed secret: %s, %q", r.body, r.header["Set-Cookie"])
	}

	// Mail links stay valid when the list of secrets changes.
	store := newSite(t, withStore, func(_ *site, c *engine.Config) { c.Secrets = []string{oldest} })
	for i, secrets := range [][]string{{testSecret, oldest}, {testSecret, older, oldest}, {older, oldest}} {
		link := store.browser().askMail("carol@example.com")
		next := newSite(t, func(s *site, c *engine.Config) {
			s.store, s.mails = store.store, store.mails
			c.Adapter, c.Secrets = store.store.adapter(), secrets
			c.Rand = newDice(byte(i + 2)) // keeps session tokens distinct within the store
			c.Providers = append(c.Providers, &engine.Email{SendVerificationRequest: s.mails.SendVerificationRequest})
		})
		b := next.browser()
		if r := b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")); r.location() != next.origin {
			t.Errorf("%d: a link of the old secret redirects to %q: %v", i, r.location(), next.logs.problems())
		}
	}
	// Database sessions do not depend on secrets.
	one := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) { c.Secrets = []string{oldest} })
	d := one.browser()
	d.signIn()
	two := newSite(t, func(s *site, c *engine.Config) { s.store, c.Adapter = one.store, one.store.adapter() })
	d.s, d.handler = two, two.eng
	if got := d.user(); got != "alice@example.com" {
		t.Errorf("after a change of secrets, signed in as %q", got)
	}
}

// DialectV4 accepts older secrets, though next-auth 4 has only one.
func TestOlderSecretsAreAcceptedInV4(t *testing.T) {
	const older = "canary-older-secret-0123456789-abcdefghijk"
	with := func(secrets ...string) *site {
		return newSite(t, withV4, func(_ *site, c *engine.Config) { c.Secrets = secrets })
	}
	before, now, only := with(older), with(testSecret, older), with(testSecret)
	b := before.browser()
	b.signIn()
	old := b.copy()
	b.s, b.handler = now, now.eng
	if r := b.get("/session"); !strings.Contains(r.body, "alice@example.com") || r.sets(sessionCookieV4) == nil {
		t.Errorf("the old cookie: %s, %q", r.body, r.header["Set-Cookie"])
	}
	b.s, b.handler = only, only.eng
	if r := b.get("/session"); !strings.Contains(r.body, "alice@example.com") {
		t.Errorf("the reissued cookie: %s", r.body)
	}
	old.s, old.handler = only, only.eng
	if r := old.get("/session"); r.body != "{}" || !r.clears(sessionCookieV4) {
		t.Errorf("a cookie of a removed secret: %s, %q", r.body, r.header["Set-Cookie"])
	}
}

// During the two rollouts of docs/deployment.md a session of any replica is valid
// on the replicas of the next and the previous configuration.
func TestSecretRolloutKeepsSessions(t *testing.T) {
	const older = "canary-older-secret-0123456789-abcdefghijk"
	var replicas []*site
	for _, secrets := range [][]string{{older}, {older, testSecret}, {testSecret, older}} {
		replicas = append(replicas, newSite(t, func(s *site, c *engine.Config) {
			c.Secrets = secrets
			s.canary(older, "an old secret")
		}))
	}
	for i := range len(replicas) - 1 {
		for _, way := range [][]*site{{replicas[i], replicas[i+1]}, {replicas[i+1], replicas[i]}} {
			b := way[0].browser()
			b.signIn()
			for _, to := range []*site{way[1], way[0], way[1]} {
				b.s, b.handler = to, to.eng
				if got := b.user(); got != "alice@example.com" {
					t.Errorf("rollout %d: signed in as %q", i, got)
				}
			}
		}
	}
}

// Hashes of servers whose list of secrets is older or newer are accepted, and
// hashes are written as Auth.js accepts them with the same configuration.
func TestHashesOfOtherSecretListsAreAccepted(t *testing.T) {
	const now, old, older = testSecret, "canary-older-secret-0123456789-abcdefghijk", "canary-oldest-secret-0123456789-abcdefghijk"
	for _, c := range []struct {
		what              string
		change            func(*engine.Config)
		written           string   // what Auth.js hashes with
		accepted, refused []string // of other servers
	}{
		{"one secret", func(c *engine.Config) {}, now, []string{now}, []string{old, now + "," + old}},
		{"a list, as secret: [now, old] of Auth.js 5", func(c *engine.Config) { c.Secrets = []string{now, old, older} },
			now + "," + old + "," + older,
			[]string{now, old, older, now + "," + old, old + "," + older, old + "," + now + "," + older /* before now became the first */},
			[]string{old + "," + now, now + "," + older, older + "," + old + "," + now}},
		{"a list, beside next-auth 4, which has one secret", func(c *engine.Config) { c.Dialect, c.Secrets = engine.DialectV4, []string{now, old} },
			now, []string{old, now + "," + old}, []string{older}},
		{"AUTH_SECRET_1 and _2, beside next-auth 5, which ignores them", func(c *engine.Config) {
			c.Secrets, c.Getenv = nil, env("AUTH_SECRET", now, "AUTH_SECRET_1", older, "AUTH_SECRET_2", old)
		}, now, []string{
			now, old, older,
			old + "," + older + "," + now, // @auth/core
			older + "," + now,             // and before AUTH_SECRET_2 was added
		}, []string{now + "," + older}},
	} {
		s := newSite(t, func(s *site, cfg *engine.Config) {
			withStore(s, cfg)
			c.change(cfg)
			s.canary(old, "a secret")
			s.canary(older, "a secret")
		})
		names := wire.V5.CookieNames(false)
		if s.browser().get("/csrf").sets(csrfCookieV4) != nil {
			names = wire.V4.CookieNames(false)
		}
		// Written hashes.
		b := s.browser()
		token := b.csrf()
		cookie, _ := url.PathUnescape(b.cookie(names.CSRFToken))
		if got, ok := wire.NewCSRF(c.written).Token(cookie); !ok || got != token {
			t.Errorf("%s: a CSRF cookie is not hashed with %d secrets", c.what, strings.Count(c.written, ",")+1)
		}
		b.post("/signin/email", "email", "carol@example.com")
		link := s.mails.last(t).Token
		if _, err := s.store.inner.UseVerificationToken(t.Context(), "carol@example.com", sha256Hex(link+c.written)); err != nil {
			t.Errorf("%s: a mail link is not hashed with %d secrets: %v", c.what, strings.Count(c.written, ",")+1, err)
		}
		// Accepted hashes.
		for i, other := range append(append([]string{c.written}, c.accepted...), c.refused...) {
			want := i <= len(c.accepted)
			b := s.browser()
			token, cookie, err := wire.NewCSRF(other).New(newDice(byte(i + 3)))
			if err != nil {
				t.Fatal(err)
			}
			b.set(names.CSRFToken, url.QueryEscape(cookie))
			r := b.send("/signout", form("csrfToken", token))
			if got := r.location() == s.origin; got != want {
				t.Errorf("%s: a CSRF token of another server (%d) is accepted: %v", c.what, i, got)
			}
			mail := fmt.Sprintf("link-of-another-server-%d", i)
			_, err = s.store.inner.CreateVerificationToken(t.Context(), store.VerificationToken{
				Identifier: "carol@example.com", Token: sha256Hex(mail + other), Expires: s.clock.Now().Add(time.Hour),
			})
			if err != nil {
				t.Fatal(err)
			}
			r = s.browser().post("/callback/email", "token", mail, "email", "carol@example.com")
			if got := r.location() == s.origin; got != want {
				t.Errorf("%s: a mail link of another server (%d) is accepted: %v (%s)", c.what, i, got, r.location())
			}
		}
	}
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
