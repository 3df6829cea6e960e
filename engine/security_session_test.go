package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

const month = 30 * 24 * time.Hour

// mint makes a session cookie of a token.
func (s *site) mint(t *engine.Token, secret string) string {
	s.t.Helper()
	value, err := wire.V5.NewKeys(s.name(sessionCookie), secret).EncodeToken(t, s.clock.Now(), month, newDice(1))
	if err != nil {
		s.t.Fatal(err)
	}
	return value
}

// rowOf is the stored session of a cookie.
func (s *site) rowOf(cookie string) (engine.AdapterSession, error) {
	sum := sha256.Sum256([]byte(cookie))
	return s.store.inner.GetSession(context.Background(), hex.EncodeToString(sum[:]))
}

func TestSecurity18_SessionFixation(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		attacker := s.browser()
		s.idp.user = map[string]any{"sub": "mallory", "email": "mallory@example.com"}
		attacker.oauth("oidc").wantTo(s.origin)
		planted := attacker.cookie(sessionCookie)

		victim := s.browser()
		victim.set(sessionCookie, planted)
		victim.signIn()
		if victim.cookie(sessionCookie) == planted {
			t.Errorf("%s: the session id is the planted one", strategy)
		}
		if got := victim.user(); got != "alice@example.com" {
			t.Errorf("%s: the victim is %q", strategy, got)
		}
		if got := attacker.user(); got != "mallory@example.com" {
			t.Errorf("%s: the planted session is now of %q", strategy, got)
		}

		victim = s.browser()
		victim.set(sessionCookie, planted)
		victim.followMail("carol@example.com").wantTo(s.origin)
		if victim.cookie(sessionCookie) == planted {
			t.Errorf("%s: the session id after a mail link is the planted one", strategy)
		}
		if got := victim.user(); got != "carol@example.com" {
			t.Errorf("%s: the victim is %q", strategy, got)
		}
		if got := attacker.user(); got == "carol@example.com" {
			t.Errorf("%s: the planted session is now of %q", strategy, got)
		}

		// No two sessions have the same id, even of one user.
		seen := map[string]bool{}
		b := s.browser()
		for range 20 {
			b.signIn()
			id := b.cookie(sessionCookie)
			if seen[id] {
				t.Errorf("%s: the session id %q came twice", strategy, id)
			}
			seen[id] = true
		}
	}
}

func TestSecurity19_PlantedCookieIsNotAdopted(t *testing.T) {
	for _, strategy := range both {
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

func TestSecurity20_SignOutEndsTheSession(t *testing.T) {
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
		t.Errorf("the cookie is not cleared: %q", r.header["Set-Cookie"])
	}
	if _, err := s.rowOf(old.cookie(sessionCookie)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the session is still stored: %v", err)
	}
	old.signedOut()
	b.signedOut()
	s.quiet(t)

	// Also with a listener, which needs the row, when that is gone or its token
	// can be none: the cookie goes and nobody is told.
	for _, gone := range []error{store.ErrNotFound, store.ErrInvalid} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
			c.Events.SignOut = func(context.Context, *engine.SignOutEvent) error {
				t.Error("a session that is gone has ended")
				return nil
			}
		})
		b := s.browser()
		b.signIn()
		s.store.breaks(gone, "GetSession")
		r := b.post("/signout")
		r.wantTo(s.origin)
		if !r.clears(sessionCookie) {
			t.Errorf("%v: the cookie is not cleared", gone)
		}
		s.quiet(t)
	}

	// By the application, both strategies: the cookie goes as well.
	for _, strategy := range both {
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
			t.Errorf("%s: SignOut does not clear the cookie: %q", strategy, r.header["Set-Cookie"])
		}
		if strategy == engine.StrategyDatabase {
			old.signedOut()
		}
	}
}

func TestSecurity21_SignOutWithTheStoreDown(t *testing.T) {
	down := errors.New("connection refused")
	for _, listens := range []bool{false, true} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
			if listens {
				c.Events.SignOut = func(context.Context, *engine.SignOutEvent) error { return nil }
			}
		})
		b := s.browser()
		b.signIn()
		b.set(sessionCookie+".0", "a")
		b.csrf()
		s.store.breaks(down)
		s.forget()
		r := b.post("/signout")
		r.wantTo(s.origin + base + "/error?error=Configuration")
		if !r.clears(sessionCookie) || !r.clears(sessionCookie+".0") {
			t.Errorf("the cookies are not cleared: %q", r.header["Set-Cookie"])
		}
		entry := s.problem(t)
		if !strings.Contains(entry.attrs["cause"], down.Error()) || entry.attrs["hint"] == "" || entry.attrs["action"] != "signout" {
			t.Errorf("the log says %v", entry)
		}
		b.signedOut()

		s.store.repair()
		b.signIn()
		b.csrf()
		s.store.breaks(down)
		s.forget()
		req := b.request("POST", base+"/signout", strings.NewReader(form("csrfToken", b.csrf()).Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Auth-Return-Redirect", "1")
		r = b.do(req)
		if r.status != 200 || ids.ReplaceAllString(strings.TrimSuffix(r.body, `"}`), "") != `{"url":"`+s.origin+base+`/error?error=Configuration` || !r.clears(sessionCookie) {
			t.Errorf("as JSON: %d %s %q", r.status, r.body, r.header["Set-Cookie"])
		}
		s.problem(t)

		s.store.repair()
		b.signIn()
		s.store.breaks(down)
		s.forget()
		b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var known *engine.Error
			if err := s.eng.SignOut(w, r); !errors.As(err, &known) || !errors.Is(err, down) || known.Code != engine.CodeConfiguration {
				t.Errorf("SignOut returns %v", err)
			}
		})
		if r := b.get("./bye"); !r.clears(sessionCookie) {
			t.Errorf("SignOut does not clear the cookie: %q", r.header["Set-Cookie"])
		}
		s.problem(t)
	}
}

func TestSecurity22_DeletingTheUserEndsTheSessions(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	first, second, bob := s.browser(), s.browser(), s.browser()
	first.signIn()
	second.signIn()
	bob.oauth("oidc").wantTo(s.origin)
	if err := s.store.inner.DeleteUser(context.Background(), "alice-id"); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*browser{first, second} {
		r := b.get("/session")
		if r.body != "null" || !r.clears(sessionCookie) {
			t.Errorf("after the user is deleted: %s, %q", r.body, r.header["Set-Cookie"])
		}
	}
	if got := bob.user(); got != "bob@example.com" {
		t.Errorf("the other user is %q", got)
	}
}

func TestSecurity23_ExpiredSession(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	cookie := b.cookie(sessionCookie)
	row, err := s.rowOf(cookie)
	if err != nil || !row.Expires.Equal(start.Add(month)) {
		t.Fatalf("the stored session is %+v, %v", row, err)
	}
	s.clock.add(month - time.Millisecond)
	last := b.copy()
	s.store.breaks(store.ErrNotFound, "UpdateSession") // not extended
	if got := last.user(); got != "alice@example.com" {
		t.Errorf("a millisecond before the end the session is of %q", got)
	}
	s.store.repair()
	s.clock.add(time.Millisecond)
	s.forget()
	r := b.get("/session")
	if r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("an expired session: %s, %q", r.body, r.header["Set-Cookie"])
	}
	if _, err := s.rowOf(cookie); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the expired row is still there: %v", err)
	}
	s.quiet(t)
}

func TestSecurity24_ExpiredToken(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{month - time.Second, "alice@example.com"},
		{month + 14*time.Second, "alice@example.com"},
		{month + 15*time.Second, ""},
		{month + 16*time.Second, ""},
		{365 * 24 * time.Hour, ""},
	} {
		s := newSite(t)
		s.clock.now = start.Truncate(time.Second)
		b := s.browser()
		b.signIn()
		s.clock.add(c.after)
		if got := b.copy().user(); got != c.want {
			t.Errorf("%v after sign-in the session is of %q, want %q", c.after, got, c.want)
		}
		r := b.get("/session")
		if c.want == "" && !r.clears(sessionCookie) {
			t.Errorf("%v after sign-in the cookie stays: %q", c.after, r.header["Set-Cookie"])
		}
		s.quiet(t)
	}
}

func TestSecurity26_CookieAttributes(t *testing.T) {
	for _, origin := range []string{httpOrigin, httpsOrigin} {
		s := newSite(t, withStore, func(_ *site, c *engine.Config) {
			c.URL = origin
			c.SessionStrategy = engine.StrategyJWT
		})
		secure := ""
		if origin == httpsOrigin {
			secure = "; Secure"
		}
		const inMonth, inQuarter = "Sun, 01 Feb 2026 03:04:05 GMT", "Fri, 02 Jan 2026 03:19:05 GMT"
		want := map[string]string{
			sessionCookie:  "; Path=/; Expires=" + inMonth + "; HttpOnly" + secure + "; SameSite=Lax",
			csrfCookie:     "; Path=/; HttpOnly" + secure + "; SameSite=Lax",
			callbackCookie: "; Path=/; HttpOnly" + secure + "; SameSite=Lax",
			stateCookie:    "; Max-Age=900; Path=/; Expires=" + inQuarter + "; HttpOnly" + secure + "; SameSite=Lax",
			pkceCookie:     "; Max-Age=900; Path=/; Expires=" + inQuarter + "; HttpOnly" + secure + "; SameSite=Lax",
			nonceCookie:    "; Path=/; Expires=" + inQuarter + "; HttpOnly" + secure + "; SameSite=Lax",
		}
		got := map[string]string{}
		keep := func(r *reply) {
			t.Helper()
			for name, attributes := range want {
				raw := r.raw(s.name(name))
				if raw == "" {
					continue
				}
				pair, rest, _ := strings.Cut(raw, ";")
				if value := strings.TrimPrefix(pair, s.name(name)+"="); value == "" {
					if clear := "; Max-Age=0; Path=/; HttpOnly" + secure + "; SameSite=Lax"; ";"+rest != clear {
						t.Errorf("%s is cleared with %q, want %q", s.name(name), ";"+rest, clear)
					}
					continue
				}
				if got[name] = ";" + rest; got[name] != attributes {
					t.Errorf("%s has %q, want %q", s.name(name), got[name], attributes)
				}
			}
		}
		b := s.browser()
		keep(b.get("/csrf"))
		r := b.post("/signin/oidc", "callbackUrl", "/x")
		keep(r)
		ofAttempt := "" // the callback URL that it keeps
		for _, name := range b.names() {
			if strings.HasPrefix(name, s.name(callbackCookie)+".") {
				_, rest, _ := strings.Cut(r.raw(name), ";")
				ofAttempt = ";" + rest
			}
		}
		if ofAttempt != want[stateCookie] {
			t.Errorf("the callback URL of an attempt has %q, want %q", ofAttempt, want[stateCookie])
		}
		back := b.back("oidc", r.location())
		keep(back)
		for _, name := range []string{stateCookie, pkceCookie, nonceCookie} {
			if !back.clears(s.name(name)) {
				t.Errorf("%s is not cleared", s.name(name))
			}
		}
		out := b.post("/signout")
		keep(out)
		if !out.clears(s.name(sessionCookie)) {
			t.Errorf("%s is not cleared", s.name(sessionCookie))
		}
		if len(got) != len(want) {
			t.Errorf("%s: only these cookies were set: %v", origin, got)
		}
		for _, name := range b.names() {
			if prefixed := strings.HasPrefix(name, "__"); prefixed != (origin == httpsOrigin) {
				t.Errorf("%s: the cookie name %s", origin, name)
			}
		}

		// Database sessions and those that the application starts look alike.
		s = newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) { c.URL = origin })
		keep(s.browser().signIn())
		b = s.browser()
		b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := s.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}}); err != nil {
				t.Error(err)
			}
		})
		keep(b.get("./in"))
	}
}

func TestSecurity27_HostPrefixWithoutDomain(t *testing.T) {
	s := newSite(t, withStore, withHTTPS)
	b := s.browser()
	replies := []*reply{b.get("/csrf"), b.get("/signin"), b.post("/signin/oidc"), b.oauth("oidc"), b.get("/session"), b.post("/signout"), b.followMail("carol@example.com")}
	hosts := 0
	for _, r := range replies {
		for _, raw := range r.header["Set-Cookie"] {
			lower := strings.ToLower(raw)
			if strings.Contains(lower, "domain") {
				t.Errorf("a cookie has a Domain: %s", raw)
			}
			if strings.HasPrefix(lower, "__host-") {
				hosts++
			}
			if !strings.Contains(raw, "; Path=/;") || !strings.Contains(raw, "; Secure;") || !strings.HasPrefix(raw, "__Secure-") && !strings.HasPrefix(raw, "__Host-") {
				t.Errorf("a cookie without prefix, Path=/ or Secure: %s", raw)
			}
		}
	}
	if hosts == 0 {
		t.Error("no __Host- cookie was set")
	}
}

func TestSecurity28_OnlySecureNamesCountOnHTTPS(t *testing.T) {
	for _, origin := range []string{httpsOrigin, httpOrigin} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.URL = origin })
		other := newSite(t, func(_ *site, c *engine.Config) { c.URL = httpOrigin })
		if origin == httpOrigin {
			other = newSite(t, withHTTPS)
		}
		other.browser().csrf() // the randomness is the same on both sites
		theirs := other.mint(&engine.Token{Subject: "m", Name: new("Mallory"), Email: new("mallory@example.com")}, testSecret)
		wrong := other.name(sessionCookie)
		b := s.browser()
		b.set(wrong, theirs)
		b.signedOut()
		b.set(wrong+".0", theirs)
		b.signedOut()
		b.drop(wrong + ".0")

		b.set(other.name(callbackCookie), "%2Fplanted")
		c := other.browser()
		token := c.csrf()
		b.set(other.name(csrfCookie), c.cookie(other.name(csrfCookie)))
		if got := b.csrf(); got == token {
			t.Error("the CSRF cookie of the other name counts")
		}
		b.signIn().wantTo(s.origin)
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("with both names the session is of %q", got)
		}
		// in the other order, too
		slices.Reverse(b.cookies)
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("with both names the session is of %q", got)
		}
		b.set(s.name(sessionCookie), theirs) // sealed under the other name
		b.signedOut()
	}
	// A database session is found by its token whatever the name, so the name
	// itself must decide.
	s := newSite(t, withStrategy(engine.StrategyDatabase), withHTTPS)
	b := s.browser()
	b.signIn()
	planted := s.browser()
	planted.set(sessionCookie, b.cookie(s.name(sessionCookie)))
	planted.signedOut()
}

func TestSecurity29_ChunksShrink(t *testing.T) {
	size := 0
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			p.Token.Extra = map[string]any{"ballast": strings.Repeat("x", size)}
			return nil
		}
	})
	held := func(b *browser) (out []string) {
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
		before := held(b)
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
		if got := held(b); !slices.Equal(got, want) {
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
			t.Errorf("step %d: the session is of %q", i, got)
		}
	}
	size = 7500
	b.get("/session")
	b.post("/signout")
	if got := held(b); len(got) > 0 {
		t.Errorf("after sign-out the browser holds %q", got)
	}
	// Chunks of a token that is gone are cleared as well, and so is a chunk
	// that was left behind beside a plain cookie.
	b.signIn()
	for _, c := range b.cookies {
		if c.Name == sessionCookie+".1" {
			c.Value = "x"
		}
	}
	b.signedOut()
	if got := held(b); len(got) > 0 {
		t.Errorf("broken chunks stay: %q", got)
	}
	// So are chunks that make no token, because the first is missing or there
	// is a gap.
	for _, suffixes := range [][]string{{".1"}, {".0", ".2"}, {".7", ".8"}, {".16"}} {
		for _, suffix := range suffixes {
			b.set(sessionCookie+suffix, "x")
		}
		b.signedOut()
		if got := held(b); len(got) > 0 {
			t.Errorf("of the chunks %q stay %q", suffixes, got)
		}
	}
	// More than fits into the cookies is an error, not half a session.
	size = 70_000
	s.forget()
	b.post("/callback/credentials", "password", password).wantTo(s.origin + base + "/error?error=Configuration")
	if s.problem(t).attrs["hint"] == "" {
		t.Error("no hint about a token that is too large")
	}
	if got := held(b); len(got) > 0 {
		t.Errorf("a token that is too large left %q", got)
	}
}

func TestSecurity32_SessionIsNotCached(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		check := func(what string) {
			t.Helper()
			r := b.request("GET", base+"/session", nil)
			r.Header.Set("Origin", "https://evil.example")
			h := b.do(r).header
			if h.Get("Cache-Control") != "private, no-cache, no-store" || h.Get("Pragma") != "no-cache" || h.Get("Expires") != "0" {
				t.Errorf("%s: %q %q %q", what, h.Get("Cache-Control"), h.Get("Pragma"), h.Get("Expires"))
			}
			if !slices.Contains(h.Values("Vary"), "Cookie") {
				t.Errorf("%s: Vary %q", what, h.Values("Vary"))
			}
			for name := range h {
				if strings.HasPrefix(name, "Access-Control") {
					t.Errorf("%s: %s: %q", what, name, h[name])
				}
			}
		}
		check("signed out")
		b.signIn()
		check("signed in")
		s.clock.add(25 * time.Hour)
		check("extended")
		if strategy == engine.StrategyDatabase {
			s.store.breaks(errors.New("down"))
			check("store down")
		}
		r := b.request("OPTIONS", base+"/session", nil)
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Access-Control-Request-Method", "GET")
		if out := b.do(r); out.status != http.StatusBadRequest {
			t.Errorf("a preflight is answered with %d", out.status)
		}
	}
}

// A session is read from its cookie alone (WIRE.md section 5).
func TestAuthorizationHeaderIsNoSession(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signIn()
		token := b.cookie(sessionCookie)
		for _, scheme := range []string{"Bearer ", "bearer ", "Basic ", ""} {
			if r := s.browser().ask("GET", base+"/session", "Authorization", scheme+token); r.status != 200 || r.body != "null" {
				t.Errorf("%s: with the token after %q: %d %s", strategy, scheme, r.status, r.body)
			}
		}
	}
}

func TestSecurity33_NoCookieOnCacheableAnswers(t *testing.T) {
	s := newSite(t, withStore)
	// Every answer of the engine is looked at by the browser of these tests;
	// here are those of the application, on whose answers the engine sets
	// cookies.
	for _, planned := range []string{"", "public, max-age=3600", "max-age=3600", "s-maxage=60", "private", "no-cache"} {
		for what, serve := range map[string]func(http.ResponseWriter, *http.Request){
			"Session": func(w http.ResponseWriter, r *http.Request) { s.eng.Session(w, r) },
			"SignOut": func(w http.ResponseWriter, r *http.Request) { s.eng.SignOut(w, r) },
			"SignIn": func(w http.ResponseWriter, r *http.Request) {
				s.eng.SignIn(w, r, "oidc", engine.SignInOptions{})
			},
		} {
			b := s.browser()
			b.followMail("carol@example.com")
			s.clock.add(25 * time.Hour)
			r := b.request("GET", "/page", nil)
			r.Header.Set("Cookie", sessionCookie+"="+b.cookie(sessionCookie))
			w := httptest.NewRecorder()
			if planned != "" {
				w.Header().Set("Cache-Control", planned)
			}
			serve(w, r)
			h := w.Header()
			if len(h["Set-Cookie"]) == 0 {
				t.Fatalf("%s set no cookie", what)
			}
			if got := h.Get("Cache-Control"); !strings.Contains(got, "no-store") && !strings.Contains(got, "private") {
				t.Errorf("%s sets a cookie on an answer with Cache-Control %q, which was %q before", what, got, planned)
			}
			if !slices.Contains(h.Values("Vary"), "Cookie") {
				t.Errorf("%s: Vary is %q", what, h.Values("Vary"))
			}
		}
	}
	// An answer that may depend on the session says so, cookie or not.
	for before, want := range map[string]string{
		"Accept-Encoding": "Accept-Encoding, Cookie", "X-Cookie-Consent": "X-Cookie-Consent, Cookie",
		"Accept, cookie": "Accept, cookie", "Cookie": "Cookie",
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Vary", before)
		s.eng.Session(w, s.browser().request("GET", "/page", nil))
		if got := strings.Join(w.Header().Values("Vary"), ", "); got != want {
			t.Errorf("Vary is %q, want %q", got, want)
		}
	}
}

func TestSecurity34_ConcurrentReadsWriteOnce(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	for round := 1; round <= 3; round++ {
		s.clock.add(24 * time.Hour)
		s.forget()
		const readers = 32
		var wg sync.WaitGroup
		// Every reader has read the row before the first one may write.
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
		if want := start.Add(month + time.Duration(round)*24*time.Hour); err != nil || !row.Expires.Equal(want) {
			t.Errorf("round %d: the session ends %v, want %v (%v)", round, row.Expires, want, err)
		}
	}
	// A write that fails is tried again by the next reader.
	s.clock.add(24 * time.Hour)
	s.store.breaks(errors.New("down"), "UpdateSession")
	b.session()
	s.store.repair()
	s.forget()
	if got := b.user(); got != "alice@example.com" || s.store.count("UpdateSession") != 1 {
		t.Errorf("after a failed write: %q, %v", got, s.store.called())
	}
}
