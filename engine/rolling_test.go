package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// A session in use is extended when updateAge has passed since the last time.
func TestRolling(t *testing.T) {
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
		for _, strategy := range both {
			s := newSite(t, withStrategy(strategy), func(_ *site, cfg *engine.Config) {
				cfg.SessionMaxAge, cfg.SessionUpdateAge, cfg.Parity.ReissueOnEveryRead = c.maxAge, c.updateAge, c.every
			})
			s.clock.now = start.Truncate(time.Second)
			maxAge := c.maxAge
			if maxAge == 0 {
				maxAge = month
			}
			b := s.browser()
			b.signIn()
			first := b.cookie(sessionCookie)
			ends := s.clock.Now().Add(maxAge)
			begin := s.clock.Now()
			for i, after := range c.reads {
				s.clock.mu.Lock()
				s.clock.now = begin.Add(after)
				s.clock.mu.Unlock()
				what := fmt.Sprintf("%s, %s, read %d after %v", c.what, strategy, i, after)
				s.forget()
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
				shown := ends // by the body: the database row as it was read
				if extended || c.every && strategy == engine.StrategyJWT {
					ends = s.clock.Now().Add(maxAge)
					if strategy == engine.StrategyJWT {
						shown = ends
					}
				}
				if cookie != nil && !cookie.Expires.Equal(s.clock.Now().Add(maxAge)) {
					t.Errorf("%s: the cookie ends %v, want %v", what, cookie.Expires, s.clock.Now().Add(maxAge))
				}
				if cookie != nil && strategy == engine.StrategyDatabase && cookie.Value != first {
					t.Errorf("%s: the token of a database session changed", what)
				}
				if want := `"expires":"` + shown.Format("2006-01-02T15:04:05.000Z") + `"`; !strings.Contains(r.body, want) {
					t.Errorf("%s: the body is %s, want %s", what, r.body, want)
				}
				if strategy == engine.StrategyDatabase {
					row, err := s.rowOf(first)
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

// A server component cannot hand a cookie on to the browser. It reads the
// session as it is, and the browser's next read extends it.
func TestReadOnly(t *testing.T) {
	for _, strategy := range both {
		for _, every := range []bool{false, true} {
			s := newSite(t, withStrategy(strategy), func(_ *site, cfg *engine.Config) { cfg.Parity.ReissueOnEveryRead = every })
			b := s.browser()
			b.signIn()
			s.clock.add(24 * time.Hour)
			s.forget()
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
			// An update is no read.
			s.clock.add(24 * time.Hour)
			b.header.Set("X-Auth-Read-Only", "1")
			if r := b.update(nil); r.sets(sessionCookie) == nil {
				t.Errorf("%s: an update set no cookie: %d %s", what, r.status, r.body)
			}
		}
	}
}

// JWTMaxAge is the lifetime in the token; the cookie's is SessionMaxAge. The
// session ends with whichever ends first.
func TestJWTMaxAge(t *testing.T) {
	for _, c := range []struct{ session, jwt, ends time.Duration }{
		{2 * time.Hour, 0, 2 * time.Hour}, {2 * time.Hour, time.Hour, time.Hour},
	} {
		s := newSite(t, func(_ *site, cfg *engine.Config) { cfg.SessionMaxAge, cfg.JWTMaxAge = c.session, c.jwt })
		s.clock.now = start.Truncate(time.Second)
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

// A token of another server may live longer than a cookie of this one, and may
// not say when it was issued.
func TestSessionOfALongerToken(t *testing.T) {
	for _, c := range []struct {
		claims string // of a token that ends in 60 days
		age    time.Duration
		ends   time.Duration
	}{
		{`"iat":%d`, 0, month}, {`"x":%d`, month, 60 * 24 * time.Hour},
	} {
		s := newSite(t, func(_ *site, cfg *engine.Config) { cfg.SessionUpdateAge = c.age })
		s.clock.now = start.Truncate(time.Second)
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

// The default of SessionUpdateAge fits into the life of a token.
func TestDefaultUpdateAgeOfAShortToken(t *testing.T) {
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

// A write that was lost, on a replica say, is made again a minute later.
func TestExtensionThatWasLost(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	row, err := s.rowOf(b.cookie(sessionCookie))
	if err != nil {
		t.Fatal(err)
	}
	s.clock.add(25 * time.Hour)
	for _, want := range []int{1, 0, 1} {
		s.forget()
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

// A cookie of an older secret is accepted and issued anew under the new one; a
// cookie of a secret that was removed is nobody's.
func TestSecretRotation(t *testing.T) {
	const older = "canary-older-secret-0123456789-abcdefghijk"
	const oldest = "canary-oldest-secret-0123456789-abcdefghijk"
	with := func(secret string, old ...string) *site {
		return newSite(t, func(s *site, c *engine.Config) {
			c.Secret, c.OldSecrets = secret, old
			s.canary(older, "an old secret")
			s.canary(oldest, "an old secret")
		})
	}
	before := with(oldest)
	b := before.browser()
	b.signIn("callbackUrl", "/x")
	location := b.leave("oidc")

	now := with(testSecret, older, oldest)
	b.s, b.handler = now, now.eng
	csrf := b.cookie(csrfCookie)
	r := b.get("/session")
	if !strings.Contains(r.body, "alice@example.com") || r.sets(sessionCookie) == nil {
		t.Errorf("the old cookie: %s, %q", r.body, r.header["Set-Cookie"])
	}
	if r.sets(csrfCookie) != nil || b.cookie(csrfCookie) != csrf {
		t.Error("the CSRF cookie of the old secret is replaced")
	}
	if r := b.get("/session"); r.sets(sessionCookie) != nil {
		t.Error("the new cookie is issued twice")
	}
	// A sign-in that was under way goes on.
	now.idp.requests = before.idp.requests
	back := before.idp.approve(t, location)
	b.get("/callback/oidc?" + back.Encode()).wantTo(now.origin + "/x")
	b.post("/signout").wantTo(now.origin + "/x")

	b.signIn()
	only := with(testSecret)
	b.s, b.handler = only, only.eng
	if got := b.user(); got != "alice@example.com" {
		t.Errorf("without the old secrets the re-issued session is of %q", got)
	}
	c := before.browser()
	c.signIn()
	c.s, c.handler = only, only.eng
	if r := c.get("/session"); r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("a cookie of a removed secret: %s, %q", r.body, r.header["Set-Cookie"])
	}

	// Mail links outlive a change of secrets, and of the list of old ones.
	store := newSite(t, withStore, func(_ *site, c *engine.Config) { c.Secret = oldest })
	for i, secrets := range [][]string{{testSecret, oldest}, {testSecret, older, oldest}, {older, oldest}} {
		link := store.browser().askMail("carol@example.com")
		next := newSite(t, func(s *site, c *engine.Config) {
			s.store, s.mails = store.store, store.mails
			c.Adapter, c.Secret, c.OldSecrets = store.store.adapter(), secrets[0], secrets[1:]
			c.Rand = newDice(byte(i + 2)) // no session token twice in one store
			c.Providers = append(c.Providers, &engine.Email{Sender: s.mails})
		})
		b := next.browser()
		if r := b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")); r.location() != next.origin {
			t.Errorf("%d: a link of the old secret leads to %q: %v", i, r.location(), next.logs.problems())
		}
	}
	// Database sessions do not depend on secrets at all.
	one := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) { c.Secret = oldest })
	d := one.browser()
	d.signIn()
	two := newSite(t, func(s *site, c *engine.Config) { s.store, c.Adapter = one.store, one.store.adapter() })
	d.s, d.handler = two, two.eng
	if got := d.user(); got != "alice@example.com" {
		t.Errorf("a database session after a change of secrets is of %q", got)
	}
}

// A new secret in two rollouts, as docs/deployment.md has it: a session of any
// replica is read by its neighbours in time, and stays.
func TestSecretRollout(t *testing.T) {
	const older = "canary-older-secret-0123456789-abcdefghijk"
	var replicas []*site
	for _, secrets := range [][]string{{older}, {older, testSecret}, {testSecret, older}} {
		replicas = append(replicas, newSite(t, func(s *site, c *engine.Config) {
			c.Secret, c.OldSecrets = secrets[0], secrets[1:]
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
					t.Errorf("rollout %d: the session is of %q", i, got)
				}
			}
		}
	}
}

// Several sign-ins side by side all arrive.
func TestParallelAttempts(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		s := newSite(t, func(_ *site, c *engine.Config) {
			c.Providers = append(c.Providers, &engine.OIDC{ID: "second", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: clientID, ClientSecret: clientSecret}})
		})
		b := s.browser()
		providers := []string{"oidc", "second", "oauth"}
		s.idp.user["id"] = "bob"
		var locations []string
		for i, p := range providers {
			locations = append(locations, b.leave(p, "callbackUrl", fmt.Sprintf("/tab/%d", i)))
		}
		for _, i := range order { // each tab comes back to its own page
			b.back(providers[i], locations[i]).wantTo(fmt.Sprintf("%s/tab/%d", s.origin, i))
			if got := b.user(); got != "bob@example.com" {
				t.Errorf("the session is of %q", got)
			}
		}
		if left := checkCookies(b); len(left) > 0 {
			t.Errorf("order %v: the cookies %q are left", order, left)
		}
		s.quiet(t)
	}
	// Twice at the same provider.
	s := newSite(t)
	b := s.browser()
	one, two := b.leave("oidc"), b.leave("oidc")
	b.back("oidc", one).wantTo(s.origin)
	b.back("oidc", two).wantTo(s.origin)
	// The first one uses the names of Auth.js, so that its server could answer.
	c := s.browser()
	c.leave("oidc")
	for _, name := range []string{stateCookie, pkceCookie, nonceCookie} {
		if !c.has(name) {
			t.Errorf("the first attempt has no cookie %s: %q", name, c.names())
		}
	}
	// One that fails does not take the other with it.
	b = s.browser()
	one, two = b.leave("oidc"), b.leave("oidc")
	s.forget()
	b.back("oidc", one, "code", "", "error", "access_denied").wantTo(s.origin + base + "/signin?error=OAuthCallbackError")
	b.back("oidc", two).wantTo(s.origin)
	b = s.browser()
	one, two = b.leave("oidc"), b.leave("oidc")
	b.back("oidc", two, "code", "", "error", "access_denied").wantTo(s.origin + base + "/signin?error=OAuthCallbackError")
	b.back("oidc", one).wantTo(s.origin)
	// A callback URL that is long has only the cookie that all tabs share.
	for _, c := range []struct {
		length, cookies int
	}{{700, 2}, {1500, 1}} {
		b := s.browser()
		asked := "/" + strings.Repeat("x", c.length)
		location := b.leave("oidc", "callbackUrl", asked)
		n := 0
		for _, name := range b.names() {
			if strings.HasPrefix(name, callbackCookie) {
				n++
			}
		}
		if n != c.cookies {
			t.Errorf("a callback URL of %d characters is in %d cookies", c.length, n)
		}
		b.back("oidc", location).wantTo(s.origin + asked)
	}
	// As Auth.js does it, the second breaks the first.
	s = newSite(t, func(_ *site, c *engine.Config) { c.Parity.SingleCheckCookies = true })
	b = s.browser()
	one, two = b.leave("oidc"), b.leave("oidc")
	if u, err := url.Parse(one); err != nil || strings.Count(u.Query().Get("state"), ".") != 4 {
		t.Errorf("with SingleCheckCookies the state is %q, %v", u.Query().Get("state"), err)
	}
	if n := len(checkCookies(b)); n != 3 {
		t.Errorf("with SingleCheckCookies there are %q", b.names())
	}
	early := b.copy()
	early.back("oidc", one).wantError(engine.CodeConfiguration)
	b.back("oidc", two).wantTo(s.origin)
}

// checkCookies are the cookies of attempts that are under way.
func checkCookies(b *browser) (out []string) {
	for _, name := range b.names() {
		for _, prefix := range []string{stateCookie, pkceCookie, nonceCookie, callbackCookie + "."} {
			if strings.HasPrefix(name, prefix) {
				out = append(out, name)
			}
		}
	}
	return out
}

// A browser has three attempts at most, however often somebody clicks.
func TestAttemptsAreCapped(t *testing.T) {
	for _, origin := range []string{httpOrigin, httpsOrigin} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.URL = origin })
		b := s.browser()
		var locations []string
		for range 20 {
			locations = append(locations, b.leave("oidc"))
			n := 0
			for _, name := range b.names() {
				if strings.HasPrefix(name, s.name(stateCookie)) {
					n++
				}
			}
			if n > 3 {
				t.Fatalf("%d attempts are under way: %q", n, b.names())
			}
		}
		size := 0
		for _, c := range b.cookies {
			size += len(c.Name) + len(c.Value) + 3
		}
		if size > 8<<10 {
			t.Errorf("the cookies take %d bytes", size)
		}
		// Answers that belong to no attempt do not pile up cookies either.
		c := s.browser()
		for range 30 {
			c.leave("oidc", "callbackUrl", "/"+strings.Repeat("x", 900))
			c.get("/callback/oidc?error=access_denied")
			urls := slices.DeleteFunc(c.names(), func(name string) bool { return !strings.HasPrefix(name, s.name(callbackCookie)+".") })
			if left := checkCookies(c); len(left) > 12 || len(urls) > 3 {
				t.Fatalf("left are %q, %q", left, urls)
			}
		}
		s.forget()
		// The newest ones work; the third place is that of the first.
		for _, location := range locations[18:] {
			b.back("oidc", location).wantTo(s.origin)
		}
		// One that was dropped is an error, and leaves the session alone.
		s.forget()
		b.back("oidc", locations[3]).wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("the session is of %q", got)
		}
	}
}

// An attempt keeps a callback URL of at most 1024 bytes, as escaped in its
// cookie (WIRE.md section 4.2).
func TestCallbackURLOfAnAttempt(t *testing.T) {
	room := 1024 - len(url.QueryEscape(httpOrigin+"/"))
	for path, kept := range map[string]bool{
		"/" + strings.Repeat("x", room): true, "/" + strings.Repeat("x", room+1): false,
		"/" + strings.Repeat("~", room): true, "/" + strings.Repeat("x/", room/4): true, "/" + strings.Repeat("x/", room/4+1): false,
	} {
		s := newSite(t)
		b := s.browser()
		b.leave("oidc", "callbackUrl", path)
		got := slices.ContainsFunc(b.names(), func(name string) bool { return strings.HasPrefix(name, callbackCookie+".") })
		if got != kept {
			t.Errorf("of %d bytes, %.10s…: kept %v, want %v", len(path), path, got, kept)
		}
	}
}

// The callback URLs of attempts go with them.
func TestCallbackURLsOfAttemptsAreCapped(t *testing.T) {
	for _, first := range []string{"/first", "/" + strings.Repeat("x", 1500)} { // a long one is not kept
		s := newSite(t)
		b := s.browser()
		location := b.leave("oidc", "callbackUrl", first)
		kept := 0 // the first has the plain names, so the suffix of its URL is no other cookie's
		if len(first) < 1000 {
			kept = 1
		}
		for i := range 6 {
			b.leave("oidc", "callbackUrl", fmt.Sprint("/", i))
			urls, attempts := 0, 0
			for _, name := range b.names() {
				if suffix, ok := strings.CutPrefix(name, callbackCookie+"."); ok {
					if urls++; b.has(stateCookie + "." + suffix) {
						attempts++
					}
				}
			}
			if urls > 3 || urls-attempts != kept {
				t.Errorf("%.10s, then %d: %d callback URLs for %d attempts: %q", first, i+1, urls, attempts, b.names())
			}
		}
		if kept > 0 {
			b.back("oidc", location).wantTo(s.origin + first)
		}
	}
}

// The cookies of an attempt go whatever comes of it, unless parity is asked
// for.
func TestChecksAreClearedOnFailure(t *testing.T) {
	for _, keep := range []bool{false, true} {
		s := newSite(t, withStore, func(_ *site, c *engine.Config) {
			c.Parity.DangerousKeepChecks, c.Parity.SingleCheckCookies = keep, keep
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) { return engine.Deny(), nil }
		})
		for what, fail := range map[string]func(b *browser, location string) *reply{
			"refused by the callback": func(b *browser, location string) *reply { return b.back("oidc", location) },
			"refused at the provider": func(b *browser, location string) *reply {
				return b.back("oidc", location, "code", "", "error", "access_denied")
			},
			"a wrong code": func(b *browser, location string) *reply { return b.back("oidc", location, "code", "x") },
			"no code":      func(b *browser, location string) *reply { return b.back("oidc", location, "code", "") },
		} {
			b := s.browser()
			location := b.leave("oidc")
			held := checkCookies(b)
			r := fail(b, location)
			if !strings.Contains(r.location(), "error=") {
				t.Errorf("%s: %q", what, r.location())
			}
			left := checkCookies(b)
			if keep && !slices.Equal(left, held) || !keep && len(left) > 0 {
				t.Errorf("keep %v, %s: left are %q", keep, what, left)
			}
		}
	}
}

// With parity the checks that the provider uses go when they have passed: with
// v5 only when the sign-in succeeds, with v4 also when it is refused later.
func TestChecksAreClearedWhenTheyPass(t *testing.T) {
	for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		for _, allow := range []bool{true, false} {
			s := newSite(t, func(_ *site, c *engine.Config) {
				c.Dialect, c.Parity.DangerousKeepChecks, c.Parity.SingleCheckCookies = dialect, true, true
				c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) {
					if allow {
						return engine.Allow(), nil
					}
					return engine.Deny(), nil
				}
			})
			b := s.browser()
			location := b.leave("oauth") // uses no nonce
			prefix := "authjs."
			if dialect == engine.DialectV4 {
				prefix = "next-auth."
			}
			b.set(prefix+"nonce", "of another attempt")
			b.back("oauth", location)
			cleared := !b.has(prefix+"state") && !b.has(prefix+"pkce.code_verifier")
			if want := allow || dialect == engine.DialectV4; cleared != want || !b.has(prefix+"nonce") {
				t.Errorf("%s, allowed %v: left are %q", dialect, allow, b.names())
			}
		}
	}
}
