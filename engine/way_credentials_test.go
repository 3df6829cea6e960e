package engine_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

func TestCredentialsSignInAndOut(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signedOut()
		b.signIn("callbackUrl", "/home?x=1").wantTo(s.origin + "/home?x=1")
		want := `{"user":{"name":"Alice","email":"alice@example.com","image":"https://example.com/alice.png"},"expires":"2026-02-01T03:04:05.678Z"}`
		if strategy == engine.StrategyJWT { // exp has no fraction
			want = strings.Replace(want, ".678Z", ".000Z", 1)
		}
		if got := b.session(); got != want {
			t.Errorf("%s: the session is %s, want %s", strategy, got, want)
		}
		b.post("/signout", "callbackUrl", "/bye").wantTo(s.origin + "/bye")
		b.signedOut()

		// As the client posts it.
		if got := b.postAsClient("/callback/credentials", "password", password, "callbackUrl", "/home"); got != s.origin+"/home" {
			t.Errorf("%s: signing in by the client redirects to %q", strategy, got)
		}
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: signed in as %q", strategy, got)
		}
		if got := b.postAsClient("/signout", "callbackUrl", "/bye"); got != s.origin+"/bye" {
			t.Errorf("%s: signing out by the client redirects to %q", strategy, got)
		}
		b.signedOut()
		s.quiet(t)

		// A wrong password.
		s.resetLog()
		r := b.post("/callback/credentials", "password", "x")
		r.wantTo(s.origin + base + "/signin?error=CredentialsSignin&code=credentials")
		if len(r.set) > 0 {
			t.Errorf("%s: wrong credentials set %q", strategy, r.header["Set-Cookie"])
		}
		if entry := s.problem(t); entry.level.String() != "WARN" {
			t.Errorf("%s: wrong credentials are logged at %v", strategy, entry)
		}
		if got := b.postAsClient("/callback/credentials", "password", "x"); got != s.origin+base+"/signin?error=CredentialsSignin&code=credentials" {
			t.Errorf("%s: wrong credentials by the client redirect to %q", strategy, got)
		}
		b.signedOut()
		// A failed second sign-in keeps the session.
		b.signIn()
		b.post("/callback/credentials", "password", "x")
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: after a failed second sign-in, signed in as %q", strategy, got)
		}
	}
}

func TestAuthorizeDecidesTheAnswer(t *testing.T) {
	var answer func() (*engine.User, error)
	var values map[string]string
	var header http.Header
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Providers[2].(*engine.Credentials).Authorize = func(_ context.Context, v map[string]string, r *http.Request) (*engine.User, error) {
			values, header = v, r.Header
			return answer()
		}
	})
	const page = httpOrigin + base + "/signin?error=CredentialsSignin&code="
	for want, err := range map[string]error{
		page + "credentials": &engine.CredentialsError{},
		page + "locked":      &engine.CredentialsError{Code: "locked", Err: errors.New("five attempts")},
		page + "two_factor":  errors.Join(errors.New("x"), &engine.CredentialsError{Code: "two_factor"}),
		page + "a%26b%3D%3C": &engine.CredentialsError{Code: "a&b=<"},
		httpOrigin + base + "/error?error=Configuration": errors.New("the user database is down"),
	} {
		answer = func() (*engine.User, error) { return nil, err }
		b := s.browser()
		b.csrf()
		s.resetLog()
		b.post("/callback/credentials", "password", password).wantTo(want)
		s.problem(t)
		b.signedOut()
	}
	answer = func() (*engine.User, error) { return &engine.User{Name: new("Somebody")}, nil }
	b := s.browser()
	b.header.Set("X-Real-IP", "192.0.2.1")
	b.post("/callback/credentials", "username", "u", "password", password, "callbackUrl", "/x", "empty", "")
	if want := map[string]string{"username": "u", "password": password, "empty": ""}; !maps.Equal(values, want) {
		t.Errorf("Authorize got %v, want %v", values, want)
	}
	if header.Get("X-Real-IP") != "192.0.2.1" {
		t.Error("Authorize did not get the request")
	}
	// Without an address or an image these fields are absent. The generated ID is
	// not shown.
	if got, want := b.session(), `{"user":{"name":"Somebody"},"expires":"2026-02-01T03:04:05.000Z"}`; got != want {
		t.Errorf("the session is %s, want %s", got, want)
	}
	b.json("/callback/credentials", map[string]any{"csrfToken": b.csrf(), "text": "x", "number": 12.5, "big": 12345678, "yes": true, "null": nil, "list": []int{1}, "object": map[string]int{"a": 1}})
	if want := map[string]string{"text": "x", "number": "12.5", "big": "12345678", "yes": "true"}; !maps.Equal(values, want) {
		t.Errorf("with a JSON body Authorize got %v, want %v", values, want)
	}
}

// The engine does not modify the user that Authorize returns.
func TestUserOfAuthorizeIsNotModified(t *testing.T) {
	user := alice()
	user.Extra = map[string]any{"plan": "pro", "credits": 7} // int is not canonical
	s := newSite(t, withShop, func(_ *site, c *engine.Config) {
		c.Providers[2].(*engine.Credentials).Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) { return user, nil }
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
	if user.Extra["credits"] != 7 || user.Extra["plan"] != "pro" || user.ID != "alice-id" {
		t.Errorf("the user of Authorize is now %+v", user)
	}
}

func TestDatabaseSessionNeedsAStoredUser(t *testing.T) {
	// A user who is not stored is refused, with a hint.
	s := newSite(t, withStore)
	b := s.browser()
	b.csrf()
	s.resetLog()
	b.post("/callback/credentials", "password", password).wantTo(s.origin + base + "/error?error=Configuration")
	hint := s.problem(t).attrs["hint"]
	for _, word := range []string{"CreateUsers", "Authorize", "StrategyJWT"} {
		if !strings.Contains(hint, word) {
			t.Errorf("the hint %q does not name %s", hint, word)
		}
	}
	if writes := s.store.writes(); len(writes) > 0 {
		t.Errorf("the adapter was written to: %v", writes)
	}
	b.signedOut()

	// The session is that of the stored user, not of the result of Authorize.
	s = newSite(t, withStore)
	stored := *alice()
	stored.Name = new("Alice as stored")
	s.putUser(stored)
	b = s.browser()
	b.signIn()
	if got := b.session(); !strings.Contains(got, "Alice as stored") {
		t.Errorf("the session is %s", got)
	}
	if rows := s.store.count("CreateSession"); rows != 1 {
		t.Errorf("%d sessions were created", rows)
	}
	if value := b.cookie(sessionCookie); len(value) != 36 {
		t.Errorf("the cookie of a database session is %q", value)
	}
}

func TestCreateUsersStoresTheUserOfAuthorize(t *testing.T) {
	var created []string
	allow := true
	user := alice()
	s := newSite(t, withStore, func(_ *site, c *engine.Config) {
		p := c.Providers[2].(*engine.Credentials)
		p.CreateUsers = true
		p.Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) { return user, nil }
		c.Events.CreateUser = func(_ context.Context, u *engine.User) error {
			created = append(created, u.ID)
			return nil
		}
		c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
			if p.User.Email == nil || *p.User.Email != "alice@example.com" || p.User.ID == "" {
				t.Errorf("the signIn callback got %+v", p.User)
			}
			if allow {
				return engine.Allow(), nil
			}
			return engine.Deny(), nil
		}
	})
	// A refusal creates no user.
	allow = false
	b := s.browser()
	b.post("/callback/credentials").wantTo(s.origin + base + "/error?error=AccessDenied")
	if writes := s.store.writes(); len(writes) > 0 || len(created) > 0 {
		t.Errorf("a refused sign-in wrote %v", writes)
	}
	allow = true
	for range 2 {
		b := s.browser()
		b.post("/callback/credentials").wantTo(s.origin)
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("signed in as %q", got)
		}
	}
	if !slices.Equal(created, []string{"alice-id"}) {
		t.Errorf("created %q", created)
	}
	// Without an ID each sign-in would create another user.
	user = &engine.User{Email: new("zoe@example.com")}
	s.resetLog()
	b = s.browser()
	b.post("/callback/credentials").wantTo(s.origin + base + "/error?error=Configuration")
	if entry := s.problem(t); !strings.Contains(entry.attrs["hint"], "same ID") || len(s.store.writes()) > 0 {
		t.Errorf("without an ID: log %v, wrote %v", entry, s.store.writes())
	}
	// The address of another user.
	user = &engine.User{ID: "zoe-id", Email: new("alice@example.com")}
	s.resetLog()
	b.post("/callback/credentials").wantTo(s.origin + base + "/error?error=Configuration")
	if entry := s.problem(t); !strings.Contains(entry.attrs["hint"], "email") {
		t.Errorf("log line %v", entry)
	}
}

// Of two first sign-ins at the same time the slower one finds the user stored when
// it creates it.
func TestConcurrentCredentialsCreateOneUser(t *testing.T) {
	for _, moment := range []string{"Tx", "CreateUser"} {
		var newcomers []bool
		s := newSite(t, withStore, func(s *site, c *engine.Config) {
			if moment == "CreateUser" {
				c.Adapter = s.store.plain()
			}
			c.Providers[2].(*engine.Credentials).CreateUsers = true
			c.Events.SignIn = func(_ context.Context, e *engine.SignInEvent) error {
				newcomers = append(newcomers, e.IsNewUser)
				return nil
			}
		})
		slow, quick := s.browser(), s.browser()
		slow.csrf()
		pending := true
		s.store.fail = func(method string) error {
			if method == moment && pending {
				pending = false
				quick.post("/callback/credentials", "password", password).wantTo(s.origin)
			}
			return nil
		}
		slow.post("/callback/credentials", "password", password).wantTo(s.origin)
		if slow.user() != "alice@example.com" || quick.user() != "alice@example.com" {
			t.Errorf("%s: signed in as %q and %q", moment, slow.user(), quick.user())
		}
		if !slices.Equal(newcomers, []bool{true, false}) {
			t.Errorf("%s: new users: %v", moment, newcomers)
		}
		s.quiet(t)
	}
}

// Extra fields of the user of Authorize are checked before the adapter is called.
func TestExtraFieldsOfAuthorizeAreCheckedFirst(t *testing.T) {
	for _, strategy := range strategies {
		for _, extra := range []map[string]any{{"undeclared": "x"}, {"credits": "seven"}} {
			s := newSite(t, withShop, withStore, func(_ *site, c *engine.Config) {
				c.SessionStrategy = strategy
				p := c.Providers[2].(*engine.Credentials)
				p.CreateUsers = strategy == engine.StrategyDatabase
				p.Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
					return &engine.User{ID: "zoe-id", Extra: extra}, nil
				}
			})
			b := s.browser()
			b.post("/callback/credentials").wantTo(s.origin + base + "/error?error=Configuration")
			if entry := s.problem(t); entry.msg != "auth: SchemaError" {
				t.Errorf("%s, %v: log line %v", strategy, extra, entry)
			}
			if calls := s.store.called(); len(calls) > 0 {
				t.Errorf("%s, %v: adapter calls %v", strategy, extra, calls)
			}
			b.signedOut()
		}
	}
}

// The built-in form has the inputs of the provider.
func TestSignInFormHasTheInputsOfTheProvider(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Providers[2].(*engine.Credentials).Inputs = []engine.Input{
			{Name: "tenant", Label: "Your company", Type: "search", Placeholder: "ACME", Autocomplete: "organization"}, {Name: "user"}, {Name: "secret", Type: "password"},
		}
	})
	page := s.browser().get("/signin").body
	for _, part := range []string{
		`type="search" name="tenant" placeholder="ACME" autocomplete="organization"`, `>Your company</label>`,
		`type="text" name="user" autocomplete="username"`, `>user</label>`, `type="password" name="secret" autocomplete="current-password"`,
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the sign-in page lacks %s:\n%s", part, page)
		}
	}
}
