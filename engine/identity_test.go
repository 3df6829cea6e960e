package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// With the jwt strategy a token of whoever signed up with an address that is
// not theirs cannot be called back. So its owner gets a user of their own.
func TestProvingAnAddressTakesItFromAToken(t *testing.T) {
	var events []string
	s := newSite(t, withStrategy(engine.StrategyJWT), told(&events))
	s.idp.user = map[string]any{"sub": "mallory", "email": "victim@example.com", "email_verified": false}
	attacker := s.browser()
	attacker.oauth("oidc").wantTo(s.origin)
	old, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "mallory")
	if err != nil {
		t.Fatal(err)
	}
	owner := s.browser()
	link := owner.askMail("victim@example.com")
	events = nil
	s.forget()
	owner.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")).wantTo(s.origin)
	fresh, err := s.store.inner.GetUserByEmail(t.Context(), "victim@example.com")
	if err != nil || fresh.ID == old.ID || fresh.EmailVerified == nil {
		t.Fatalf("the owner of the address is %+v (the attacker %s): %v", fresh, old.ID, err)
	}
	if want := []string{"createUser " + fresh.ID, "signIn " + fresh.ID + " new=true"}; !slices.Equal(events, want) {
		t.Errorf("the events are %q, want %q", events, want)
	}
	if lines := s.logs.problems(); len(lines) != 1 || lines[0].msg != "auth: EmailTaken" || lines[0].level.String() != "WARN" || strings.Contains(lines[0].String(), "victim@") {
		t.Errorf("the log is %v", lines)
	}
	if left, err := s.store.inner.GetUser(t.Context(), old.ID); err != nil || left.Email != nil {
		t.Errorf("the attacker's user is %+v, %v", left, err)
	}
	// The attacker's token is that of another user, now and later.
	for range 3 {
		s.clock.add(25 * time.Hour)
		attacker.session()
	}
	s.idp.user = map[string]any{"sub": "mallory-2"}
	attacker.oauth("oidc").wantTo(s.origin)
	if accounts := s.accountsOf("victim@example.com"); len(accounts) > 0 {
		t.Errorf("linked to the owner are %v", accounts)
	}
	s.idp.user = map[string]any{"sub": "mallory", "email": "victim@example.com"}
	back := s.browser()
	back.oauth("oidc").wantTo(s.origin)
	if got := back.user(); got == "victim@example.com" {
		t.Errorf("the attacker comes back as %q", got)
	}

	// A user that the application made counts as well: with a password, say,
	// somebody may have a token of it.
	s.putUser(engine.User{ID: "zoe-id", Email: new("zoe@example.com")})
	s.browser().followMail("zoe@example.com").wantTo(s.origin)
	if u, err := s.store.inner.GetUserByEmail(t.Context(), "zoe@example.com"); err != nil || u.ID == "zoe-id" {
		t.Errorf("the user is %+v, %v", u, err)
	}
	// Who is signed in while proving it keeps everything.
	s.idp.user = map[string]any{"sub": "late", "email": "late@example.com"}
	late := s.browser()
	late.oauth("oidc").wantTo(s.origin)
	late.followMail("late@example.com").wantTo(s.origin)
	if len(s.accountsOf("late@example.com")) != 1 {
		t.Error("the account of who proved the address in the same session is gone")
	}
}

// Addresses of providers are normalised as those of mail links are; what is
// none is left out.
func TestAddressOfAProfile(t *testing.T) {
	for raw, want := range map[string]string{
		" Ann@Example.COM ": "ann@example.com", "ａnn@example.com": "ann@example.com", "ann@example.com": "ann@example.com",
		"ann@example.com,evil@example.com": "", "\"ann\"@example.com": "", "ann": "", "a@b@c": "", "ann@example.com\r\nBcc: x": "", "": "",
	} {
		s := newSite(t, withStore)
		s.idp.user = map[string]any{"sub": "ann", "name": "Ann", "email": raw, "email_verified": true}
		b := s.browser()
		s.forget()
		b.oauth("oidc").wantTo(s.origin)
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "ann")
		got := ""
		if u.Email != nil {
			got = *u.Email
		}
		// What the provider verified is the address as it wrote it.
		verified := want != "" && strings.EqualFold(strings.TrimSpace(raw), want)
		if err != nil || got != want || (u.EmailVerified != nil) != verified {
			t.Errorf("the address %q is stored as %q, verified %v: %v", raw, got, u.EmailVerified, err)
		}
		lines := s.logs.problems()
		if warned := len(lines) == 1 && lines[0].attrs["cause"] != ""; warned != (want == "" && raw != "") || len(lines) > 1 {
			t.Errorf("the address %q: the log is %v", raw, lines)
		}
	}
}

// Without an adapter a person at a provider has one id, and no two have the
// same.
func TestIDWithoutAnAdapter(t *testing.T) {
	ids := map[string]string{}
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = &engine.Schema{User: []schema.Field{{Name: "id", Client: schema.Read}}}
		c.Providers = append(c.Providers, &engine.OIDC{ID: "second", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: clientID, ClientSecret: clientSecret}})
	})
	for range 2 {
		for _, provider := range []string{"oidc", "second"} {
			for _, sub := range []string{"bob", "ann"} {
				s.idp.user = map[string]any{"sub": sub}
				b := s.browser()
				b.oauth(provider).wantTo(s.origin)
				id, _ := decode(t, b.session())["user"].(map[string]any)["id"].(string)
				who := provider + " " + sub
				if known, ok := ids[who]; id == "" || ok && known != id {
					t.Errorf("%s has the id %q, before %q", who, id, known)
				}
				for other, known := range ids {
					if other != who && known == id {
						t.Errorf("%s and %s have one id", who, other)
					}
				}
				ids[who] = id
			}
		}
	}
}

// Authorize may return a user that it keeps: nothing is written into it.
func TestAuthorizeKeepsItsUser(t *testing.T) {
	kept := alice()
	kept.Extra = map[string]any{"plan": "pro", "credits": 7} // int is not canonical
	s := newSite(t, withShop, func(_ *site, c *engine.Config) {
		c.Providers[2].(*engine.Credentials).Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) { return kept, nil }
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			if p.User != nil {
				p.User.Extra["plan"] = "free"
			}
			return nil
		}
	})
	var wg sync.WaitGroup
	for range 8 {
		b := s.browser()
		b.csrf()
		wg.Go(func() { b.signIn() })
	}
	wg.Wait()
	if kept.Extra["credits"] != 7 || kept.Extra["plan"] != "pro" || kept.ID != "alice-id" {
		t.Errorf("the user of Authorize is now %+v", kept)
	}
}

// What a session callback makes of its session is for this answer only.
func TestSessionCallbackChangesNothingStored(t *testing.T) {
	for _, strategy := range both {
		var change func(*engine.SessionParams)
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error { change(p); return nil }
			c.SessionUpdateAge = -1 // a cookie at every read
		})
		b := s.browser()
		b.signIn()
		change = func(p *engine.SessionParams) {
			*p.Session.User.Email = "***"
			p.Session.User.Name = new("Masked")
			if p.Session.Token != nil {
				p.Session.Token.Subject = "mallory"
				p.Session.Token.Name = new("Masked")
			}
		}
		s.clock.add(time.Second)
		if got := b.session(); !strings.Contains(got, "***") || !strings.Contains(got, "Masked") {
			t.Errorf("%s: the session is %s", strategy, got)
		}
		change = func(p *engine.SessionParams) { p.Session.Token = nil }
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: afterwards the session is of %q", strategy, got)
		}
		change = func(p *engine.SessionParams) {
			p.Session = &engine.Session{User: engine.User{Name: new("Replaced")}, Expires: p.Session.Expires, Strategy: p.Session.Strategy}
		}
		if got := b.session(); !strings.Contains(got, "Replaced") || strings.Contains(got, "alice@") {
			t.Errorf("%s: a replaced session is %s", strategy, got)
		}
		change = func(p *engine.SessionParams) { p.Session = nil }
		s.forget()
		if got := b.session(); got != "null" {
			t.Errorf("%s: a nil session is %s", strategy, got)
		}
		s.quiet(t)
	}
}

// What the browser will not get is said once of each key.
func TestUndeclaredKeysAreSaid(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
			p.Session.User.Extra = map[string]any{"role": "admin"}
			p.Session.Extra = map[string]any{"accessToken": "x"}
			return nil
		}
	})
	b := s.browser()
	b.signIn()
	for range 3 {
		b.session()
	}
	var fields []string
	for _, entry := range s.logs.problems() {
		fields = append(fields, entry.attrs["field"])
		if entry.level.String() != "WARN" || !strings.Contains(entry.attrs["hint"], "Schema") {
			t.Errorf("the log line is %v", entry)
		}
	}
	slices.Sort(fields)
	if want := []string{"accessToken", "user.role"}; !slices.Equal(fields, want) {
		t.Errorf("said was %q, want %q", fields, want)
	}
}

// A cookie that the store cannot even look up is nobody's.
func TestSessionTokenTheStoreRefuses(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	s.store.breaks(store.ErrInvalid, "GetSession", "GetSessionAndUser")
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

// A request whose sender went away is nobody's fault.
func TestCancelledRequestIsAWarning(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	s.store.breaks(fmt.Errorf("query: %w", context.Canceled))
	s.forget()
	b.session()
	if entry := s.problem(t); entry.level.String() != "WARN" {
		t.Errorf("the log line is %v", entry)
	}
	s.forget()
	b.at = "http://evil.example" // anybody can send a Host
	b.do(b.request("GET", base+"/session", nil))
	if entry := s.problem(t); entry.level.String() != "WARN" {
		t.Errorf("the log line is %v", entry)
	}
}

// An expired session that cannot be removed leads to the sign-in page like any
// other.
func TestExpiredSessionThatStays(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser().serve(s.eng.Require(http.NotFoundHandler()))
	b.signIn()
	s.clock.add(2 * month)
	s.store.breaks(errors.New("down"), "DeleteSession")
	s.forget()
	b.ask("GET", "/app", page...).wantTo(s.origin + base + "/signin?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fapp")
	s.problem(t)
}

// Tokens that the application makes must be some.
func TestGeneratedTokensMustBeSome(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
		c.GenerateSessionToken = func() (string, error) { return "", nil }
		c.Providers[3].(*engine.Email).GenerateVerificationToken = func() (string, error) { return "", nil }
	})
	for path, pairs := range map[string][]string{"/callback/credentials": {"password", password}, "/signin/email": {"email", "carol@example.com"}} {
		b := s.browser()
		b.csrf()
		s.forget()
		b.post(path, pairs...).wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
		if writes := s.store.writes(); len(writes) > 0 || len(s.mails.sent) > 0 {
			t.Errorf("POST %s wrote %v and sent %d mails", path, writes, len(s.mails.sent))
		}
	}
}

// update() is one step: user and session, or neither.
func TestUpdateIsOneStep(t *testing.T) {
	s, b := updateSite(t, engine.StrategyDatabase)
	s.store.breaks(errors.New("down"), "UpdateSession")
	s.forget()
	b.update(map[string]any{"name": "Alison", "theme": "dark"})
	s.problem(t)
	s.store.repair()
	u, err := s.store.inner.GetUser(t.Context(), "alice-id")
	if err != nil || *u.Name != "Alice" {
		t.Errorf("half of the update is stored: %v, %v", *u.Name, err)
	}
	if got := b.session(); !strings.Contains(got, "Alice") || !strings.Contains(got, `"theme":"light"`) {
		t.Errorf("the session is %s", got)
	}
}

// A field that is not carried in tokens does not get there by an update.
func TestUpdateOfAFieldOutsideTheToken(t *testing.T) {
	s, b := updateSite(t, engine.StrategyJWT)
	app := b.copy()
	app.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := s.eng.Update(w, r, map[string]any{"notes": "a new note"})
		if err != nil || session == nil {
			t.Fatalf("Update: %v, %v", session, err)
		}
		if _, there := session.Token.Extra["notes"]; there {
			t.Error("the note is in the token")
		}
	})
	app.get("./settings")
	if u, _ := s.store.inner.GetUser(t.Context(), "alice-id"); u.Extra["notes"] != "a new note" {
		t.Errorf("stored is %v", u.Extra)
	}
	// Without a store there is no place for it.
	bare := newSite(t, withShop)
	c := bare.browser()
	c.signIn()
	c.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := bare.eng.Update(w, r, map[string]any{"notes": "lost"}); err == nil {
			t.Error("an update that is lost is no error")
		}
	})
	c.get("./settings")
}

// Middleware around everything reads the session of an endpoint's request
// once, as the endpoint does.
func TestMiddlewareAroundTheEngine(t *testing.T) {
	for _, strategy := range both {
		calls := 0
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Parity.ReissueOnEveryRead = true
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { calls++; return nil }
		})
		b := s.browser()
		b.signIn()
		b.handler = s.eng.Middleware(s.eng)
		calls = 0
		s.forget()
		b.session() // the browser of these tests looks for a cookie set twice
		if calls != 1 || len(s.store.called()) > 1 {
			t.Errorf("%s: the session was read %d times, adapter %v", strategy, calls, s.store.called())
		}
	}
}

// A handler that calls its answer public does not make the session cookie so.
func TestMiddlewareKeepsCookiesPrivate(t *testing.T) {
	for what, answer := range map[string]http.HandlerFunc{
		"WriteHeader": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) },
		"Write":       func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("x")) },
		"Flush":       func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"controller":  func(w http.ResponseWriter, _ *http.Request) { http.NewResponseController(w).Flush() },
		"nothing":     func(http.ResponseWriter, *http.Request) {},
	} {
		s := newSite(t)
		protect, err := s.eng.Protect("/")
		if err != nil {
			t.Fatal(err)
		}
		for name, wrap := range map[string]func(http.Handler) http.Handler{"Middleware": s.eng.Middleware, "Require": s.eng.Require, "Protect": protect} {
			b := s.browser()
			b.signIn()
			s.clock.add(25 * time.Hour)
			r := b.request("GET", "/page", nil)
			r.Header.Set("Cookie", sessionCookie+"="+b.cookie(sessionCookie))
			server := httptest.NewServer(wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Cache-Control", "public, max-age=3600")
				answer(w, r)
			})))
			r.URL.Scheme, r.URL.Host, r.RequestURI = "http", strings.TrimPrefix(server.URL, "http://"), ""
			res, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			server.Close()
			if c := res.Header.Get("Cache-Control"); len(res.Header["Set-Cookie"]) != 1 || !strings.Contains(c, "no-store") && !strings.Contains(c, "private") {
				t.Errorf("%s, %s: Cache-Control %q with %d cookies", name, what, c, len(res.Header["Set-Cookie"]))
			}
		}
	}
}

// What the jwt callback does to a token is never thrown away: one that rotates
// a refresh token uses it up.
func TestRotatingJWTCallback(t *testing.T) {
	used := map[string]bool{}
	n := 0
	s := newSite(t, withStrategy(engine.StrategyJWT), func(_ *site, c *engine.Config) {
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			old, _ := p.Token.Extra["rotating"].(string)
			if used[old] {
				p.Token = nil // the provider takes a refresh token once
				return nil
			}
			if old != "" {
				used[old] = true
			}
			n++
			p.Token.Extra = map[string]any{"rotating": fmt.Sprint("token-", n)}
			return nil
		}
	})
	s.browser().oauth("oidc").wantTo(s.origin) // bob
	b := s.browser()
	b.signIn()
	still := func(what string) {
		t.Helper()
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("after %s the session is of %q", what, got)
		}
	}
	still("the sign-in")
	still("a read")
	b.update(map[string]any{"name": "x"}) // refused: there is no schema
	still("an update that is refused")
	b.update(nil)
	still("an update")
	b.back("oidc", b.leave("oidc")).wantTo(s.origin + base + "/signin?error=OAuthAccountNotLinked")
	still("a link that is refused")
	s.idp.user = map[string]any{"sub": "alice-sub"}
	b.oauth("oidc").wantTo(s.origin)
	still("a link")
	b.oauth("oidc").wantTo(s.origin)
	still("a sign-in with the linked account")
	s.idp.claims = func(c map[string]any) { c["aud"] = "x" }
	b.oauth("oidc").wantError(engine.CodeConfiguration)
	still("a sign-in that fails")
	handler := b.handler
	b.handler = s.eng.Middleware(s.eng)
	still("a read through the middleware")
	b.handler = handler
}

// Nothing but the declared fields that belong there is in the cookie.
func TestFieldsInTheToken(t *testing.T) {
	s, b := updateSite(t, engine.StrategyJWT)
	token, _, err := wire.V5.NewKeys(sessionCookie, testSecret).DecodeToken(b.cookie(sessionCookie), shop(), s.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"plan": "pro", "nick": "al", "credits": int64(7), "internalID": "hidden-id", "theme": "light", "impersonator": nil, "factor": "", "stamp": int64(0),
		"sesame:userReadAt": float64(s.clock.Now().Unix())} // see Config.UserRefreshAge
	if !reflect.DeepEqual(token.Extra, want) {
		t.Errorf("the token has\n%v, want\n%v", token.Extra, want)
	}
	// A user whom the store does not know any more: the token is what is left.
	if err := s.store.inner.DeleteUser(t.Context(), "alice-id"); err != nil {
		t.Fatal(err)
	}
	if r := b.update(map[string]any{"name": "Alison"}); r.status != 200 || !strings.Contains(r.body, "Alison") {
		t.Errorf("update answers %d %s", r.status, r.body)
	}
	s.quiet(t)
}

// An empty address is none: two users may have it.
func TestUsersWithoutAnAddress(t *testing.T) {
	s := newSite(t, withStore)
	for _, sub := range []string{"a", "b"} {
		s.idp.user = map[string]any{"sub": sub, "name": "User " + sub, "email": ""}
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		if got := b.user(); got != "User "+sub {
			t.Errorf("the session is of %q", got)
		}
	}
	s.quiet(t)
}
