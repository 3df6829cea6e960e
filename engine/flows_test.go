package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/engine/store"
)

// asScript posts as the client of Auth.js does, and returns the url of the
// answer.
func (b *browser) asScript(path string, pairs ...string) string {
	b.s.t.Helper()
	token := b.csrf()
	b.header.Set("X-Auth-Return-Redirect", "1")
	defer b.header.Del("X-Auth-Return-Redirect")
	r := b.send(path, form(append([]string{"csrfToken", token}, pairs...)...))
	var body struct{ URL string }
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != 200 || r.header.Get("Content-Type") != "application/json" {
		b.s.t.Fatalf("POST %s as a script: %d %s: %v", path, r.status, r.body, err)
	}
	if u, err := url.Parse(body.URL); err != nil || u.Host == "" {
		b.s.t.Errorf("POST %s as a script: the url %q is not absolute", path, body.URL)
	}
	return body.URL
}

func TestCredentials(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signedOut()
		b.signIn("callbackUrl", "/home?x=1").wantTo(s.origin + "/home?x=1")
		want := `{"user":{"name":"Alice","email":"alice@example.com","image":"https://example.com/alice.png"},"expires":"2026-02-01T03:04:05.678Z"}`
		if strategy == engine.StrategyJWT { // exp has no fractions
			want = strings.Replace(want, ".678Z", ".000Z", 1)
		}
		if got := b.session(); got != want {
			t.Errorf("%s: the session is %s, want %s", strategy, got, want)
		}
		b.post("/signout", "callbackUrl", "/bye").wantTo(s.origin + "/bye")
		b.signedOut()

		// As the client does it.
		if got := b.asScript("/callback/credentials", "password", password, "callbackUrl", "/home"); got != s.origin+"/home" {
			t.Errorf("%s: signing in as a script leads to %q", strategy, got)
		}
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: the session is of %q", strategy, got)
		}
		if got := b.asScript("/signout", "callbackUrl", "/bye"); got != s.origin+"/bye" {
			t.Errorf("%s: signing out as a script leads to %q", strategy, got)
		}
		b.signedOut()
		s.quiet(t)

		// Wrong.
		s.forget()
		r := b.post("/callback/credentials", "password", "x")
		r.wantTo(s.origin + base + "/signin?error=CredentialsSignin&code=credentials")
		if len(r.set) > 0 {
			t.Errorf("%s: wrong credentials set %q", strategy, r.header["Set-Cookie"])
		}
		if entry := s.problem(t); entry.level.String() != "WARN" {
			t.Errorf("%s: wrong credentials are logged at %v", strategy, entry)
		}
		if got := b.asScript("/callback/credentials", "password", "x"); got != s.origin+base+"/signin?error=CredentialsSignin&code=credentials" {
			t.Errorf("%s: wrong credentials as a script lead to %q", strategy, got)
		}
		b.signedOut()
		// Somebody stays signed in when a second sign-in fails.
		b.signIn()
		b.post("/callback/credentials", "password", "x")
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: after a failed second sign-in the session is of %q", strategy, got)
		}
	}
}

func TestCredentialsAnswers(t *testing.T) {
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
		s.forget()
		b.post("/callback/credentials", "password", password).wantTo(want)
		s.problem(t)
		b.signedOut()
	}
	answer = func() (*engine.User, error) { return &engine.User{Name: new("Somebody")}, nil }
	b := s.browser()
	b.header.Set("X-Real-IP", "192.0.2.1")
	b.post("/callback/credentials", "username", "u", "password", password, "callbackUrl", "/x", "empty", "")
	if want := map[string]string{"username": "u", "password": password, "empty": ""}; !mapsEqual(values, want) {
		t.Errorf("Authorize got %v, want %v", values, want)
	}
	if header.Get("X-Real-IP") != "192.0.2.1" {
		t.Error("Authorize does not see the request")
	}
	// A user without an address or an image: the members are absent; an id is
	// made, and not shown.
	if got, want := b.session(), `{"user":{"name":"Somebody"},"expires":"2026-02-01T03:04:05.000Z"}`; got != want {
		t.Errorf("the session is %s, want %s", got, want)
	}
	b.json("/callback/credentials", map[string]any{"csrfToken": b.csrf(), "text": "x", "number": 12.5, "big": 12345678, "yes": true, "null": nil, "list": []int{1}, "object": map[string]int{"a": 1}})
	if want := map[string]string{"text": "x", "number": "12.5", "big": "12345678", "yes": "true"}; !mapsEqual(values, want) {
		t.Errorf("of a JSON body Authorize got %v, want %v", values, want)
	}
}

func mapsEqual(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || w != v {
			return false
		}
	}
	return true
}

func TestCredentialsWithDatabaseSessions(t *testing.T) {
	// A user that the adapter does not know is refused, with a line that says
	// what to do.
	s := newSite(t, withStore)
	b := s.browser()
	b.csrf()
	s.forget()
	b.post("/callback/credentials", "password", password).wantTo(s.origin + base + "/error?error=Configuration")
	hint := s.problem(t).attrs["hint"]
	for _, word := range []string{"CreateUsers", "Authorize", "jwt"} {
		if !strings.Contains(hint, word) {
			t.Errorf("the hint %q does not name %s", hint, word)
		}
	}
	if writes := s.store.writes(); len(writes) > 0 {
		t.Errorf("the adapter was written to: %v", writes)
	}
	b.signedOut()

	// The stored user counts, not what Authorize says about it.
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

// Two first sign-ins with a password at the same moment, in two tabs: the slower
// one finds the user there when it comes to creating it.
func TestQuickerCredentials(t *testing.T) {
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
		first := true
		s.store.fail = func(method string) error {
			if method == moment && first {
				first = false
				quick.post("/callback/credentials", "password", password).wantTo(s.origin)
			}
			return nil
		}
		slow.post("/callback/credentials", "password", password).wantTo(s.origin)
		if slow.user() != "alice@example.com" || quick.user() != "alice@example.com" {
			t.Errorf("%s: the sessions are of %q and %q", moment, slow.user(), quick.user())
		}
		if !slices.Equal(newcomers, []bool{true, false}) {
			t.Errorf("%s: new users: %v", moment, newcomers)
		}
		s.quiet(t)
	}
}

func TestCredentialsCreateUsers(t *testing.T) {
	var created []string
	allow := true
	user := alice()
	s := newSite(t, withStore, func(_ *site, c *engine.Config) {
		p := c.Providers[2].(*engine.Credentials)
		p.CreateUsers = true
		p.Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) { return user, nil }
		c.Events.CreateUser = func(_ context.Context, e *engine.UserEvent) error {
			created = append(created, e.User.ID)
			return nil
		}
		c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
			if p.User.Email == nil || *p.User.Email != "alice@example.com" || p.User.ID == "" {
				t.Errorf("the signIn callback sees %+v", p.User)
			}
			if allow {
				return engine.Allow(), nil
			}
			return engine.Deny(), nil
		}
	})
	// A refusal creates nobody.
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
			t.Errorf("the session is of %q", got)
		}
	}
	if !slices.Equal(created, []string{"alice-id"}) {
		t.Errorf("created were %q", created)
	}
	// Without an id somebody would be another user at each sign-in.
	user = &engine.User{Email: new("zoe@example.com")}
	s.forget()
	b = s.browser()
	b.post("/callback/credentials").wantTo(s.origin + base + "/error?error=Configuration")
	if entry := s.problem(t); !strings.Contains(entry.attrs["hint"], "same ID") || len(s.store.writes()) > 0 {
		t.Errorf("without an id: %v, written %v", entry, s.store.writes())
	}
	// The address of somebody else.
	user = &engine.User{ID: "zoe-id", Email: new("alice@example.com")}
	s.forget()
	b.post("/callback/credentials").wantTo(s.origin + base + "/error?error=Configuration")
	if entry := s.problem(t); !strings.Contains(entry.attrs["hint"], "email") {
		t.Errorf("the log line is %v", entry)
	}
}

// A callback that uses the same store must not wait for the engine's own
// transaction.
func TestJWTCallbackMayWriteToTheStore(t *testing.T) {
	for _, database := range []string{"memory", "SQLite"} {
		for _, f := range flows {
			var s *site
			wrote := false
			jwt := func(_ *site, c *engine.Config) {
				c.Callbacks.JWT = func(ctx context.Context, p *engine.JWTParams) error {
					if p.Trigger != engine.TriggerSignUp && p.Trigger != engine.TriggerSignIn {
						return nil
					}
					ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // a deadlock, instead of a hanging test
					defer cancel()
					_, err := s.store.inner.UpdateUser(ctx, store.UserUpdate{ID: p.Token.Subject, Image: store.SetTo("https://example.com/fresh.png")})
					wrote = wrote || err == nil
					return err
				}
			}
			store := withStrategy(engine.StrategyJWT)
			if database == "SQLite" {
				store, _, _ = withSQLite(t, engine.StrategyJWT)
			}
			changes := []func(*site, *engine.Config){nameWritable, store, jwt}
			if f.change != nil {
				changes = append(changes, f.change)
			}
			if f.name == "credentials that create a user" {
				continue // nobody is stored with jwt sessions
			}
			s = newSite(t, changes...)
			b := s.browser()
			f.succeeds(s, b, f.start(s, b)(), database+", "+f.name)
			if !wrote && f.name != "a mail is asked for" {
				t.Errorf("%s, %s: the callback did not write", database, f.name)
			}
		}
	}
}

// through answers requests to a host with a handler, without a network.
type through map[string]http.Handler

func (m through) RoundTrip(r *http.Request) (*http.Response, error) {
	h, ok := m[r.URL.Host]
	if !ok {
		return nil, errors.New("no such host: " + r.URL.Host)
	}
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	in.Host = r.URL.Host
	in.RemoteAddr = "127.0.0.1:1234"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	h.ServeHTTP(w, in)
	res := w.Result()
	res.Request = r
	return res, nil
}

func TestOIDCWithAProvider(t *testing.T) {
	for _, strategy := range both {
		for _, userInfo := range []bool{false, true} {
			for _, algorithm := range []string{"ES256", "RS256"} {
				if userInfo && algorithm == "RS256" {
					continue
				}
				clock := &clock{now: start}
				idp, err := authtest.NewIdP(authtest.IdPConfig{
					Issuer: "http://127.0.0.1:9999/idp", Algorithm: algorithm, Now: clock.Now, Rand: newDice(1),
					Clients: []authtest.Client{{ID: "the-app", Secret: clientSecret, RedirectURIs: []string{httpOrigin + base + "/callback/demo"}}},
					Users: []authtest.User{
						{Subject: "ann", Name: "Ann", Email: "ann@example.com", EmailVerified: true, Picture: "https://example.com/ann.png"},
						{Subject: "ben", Name: "Ben"},
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) {
					s.clock, c.Now = clock, clock.Now
					s.outside = append(s.outside, "127.0.0.1:9999")
					c.HTTPClient = &http.Client{Transport: through{"127.0.0.1:9999": idp}}
					c.Providers = append(c.Providers, &engine.OIDC{ID: "demo", Name: "Demo", Issuer: idp.Issuer(), UserInfo: userInfo,
						OAuthOptions: engine.OAuthOptions{ClientID: "the-app", ClientSecret: clientSecret}})
				})
				for _, who := range []struct{ subject, want string }{{"ann", "ann@example.com"}, {"ben", "Ben"}, {"ann", "ann@example.com"}} {
					b := s.browser()
					back, err := idp.SignIn(b.leave("demo", "callbackUrl", "/in"), who.subject)
					if err != nil {
						t.Fatal(err)
					}
					u, err := url.Parse(back)
					if err != nil {
						t.Fatal(err)
					}
					s.canary(u.Query().Get("code"), "the code")
					b.get(strings.TrimPrefix(u.Path, base) + "?" + u.RawQuery).wantTo(s.origin + "/in")
					if got := b.user(); got != who.want {
						t.Errorf("%s, userinfo %v, %s: the session is of %q, want %q", strategy, userInfo, algorithm, got, who.want)
					}
				}
				if n := s.store.count("CreateUser"); n != 2 {
					t.Errorf("%d users were created", n)
				}
				ann, err := s.store.inner.GetUserByAccount(t.Context(), "demo", "ann")
				if err != nil || ann.EmailVerified == nil || !ann.EmailVerified.Equal(start) || *ann.Image != "https://example.com/ann.png" || len(ann.ID) != 36 {
					t.Errorf("the stored user is %+v, %v", ann, err)
				}
				// New keys at the provider.
				for range 2 {
					if err := idp.RotateKey(); err != nil {
						t.Fatal(err)
					}
					b := s.browser()
					back, err := idp.SignIn(b.leave("demo"), "ann")
					if err != nil {
						t.Fatal(err)
					}
					u, _ := url.Parse(back)
					b.get(strings.TrimPrefix(u.Path, base) + "?" + u.RawQuery).wantTo(s.origin)
				}
				s.quiet(t)
			}
		}
	}
}

func TestOAuth2(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	s.idp.userinfo = `{"id":583231,"login":"octocat","name":null,"email":"Octo@Example.com","avatar":"x"}`
	s.idp.token = func(answer map[string]any) any { answer["session_state"] = "state-of-theirs"; return answer }
	b := s.browser()
	location := b.leave("oauth", "callbackUrl", "/in")
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": s.origin + base + "/callback/oauth", "scope": "openid profile email", "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if q.Has("nonce") || len(q.Get("state")) != 43 || len(q.Get("code_challenge")) != 43 {
		t.Errorf("the request is %v", q)
	}
	script := s.browser()
	script.back("oauth", script.asScript("/signin/oauth", "callbackUrl", "/in")).wantTo(s.origin + "/in")
	b.back("oauth", location).wantTo(s.origin + "/in")
	if got, want := b.session(), `{"user":{"name":null,"email":"octo@example.com","image":null},"expires":"2026-02-01T03:04:05.678Z"}`; got != want {
		t.Errorf("the session is %s, want %s", got, want)
	}
	a, err := s.store.inner.GetAccount(t.Context(), "oauth", "583231") // as of the first sign-in
	if err != nil {
		t.Fatal(err)
	}
	if a.Type != "oauth" || a.AccessToken == nil || !strings.HasPrefix(*a.AccessToken, "canary-access-token") || a.RefreshToken == nil || a.IDToken != nil ||
		a.TokenType == nil || *a.TokenType != "bearer" || a.ExpiresAt == nil || *a.ExpiresAt != start.Add(time.Hour).Unix() || a.Scope == nil || *a.Scope != "openid profile email" ||
		a.SessionState == nil || *a.SessionState != "state-of-theirs" {
		t.Errorf("the stored account is %+v", a)
	}
	// The application's own mapping and options.
	s = newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
		p := c.Providers[1].(*engine.OAuth2)
		p.Scopes = []string{"read:user", "user:email"}
		p.AuthorizationParams = map[string]string{"allow_signup": "false"}
		p.AuthorizationURL += "?tenant=x"
		p.Profile = func(_ context.Context, p engine.Profile, tokens *engine.Tokens) (engine.User, error) {
			if tokens.AccessToken == "" || tokens.TokenType != "bearer" || tokens.Raw["expires_in"] != json.Number("3600") {
				t.Errorf("the profile callback gets %+v", tokens)
			}
			login, _ := p["login"].(string)
			if login == "" {
				return engine.User{}, errors.New("no login")
			}
			return engine.User{ID: login, Name: &login, Email: new("UPPER@example.com")}, nil
		}
	})
	s.idp.userinfo = `{"login":"octocat"}`
	b = s.browser()
	location = b.leave("oauth")
	u, _ = url.Parse(location)
	if q := u.Query(); q.Get("scope") != "read:user user:email" || q.Get("allow_signup") != "false" || q.Get("tenant") != "x" {
		t.Errorf("the request is %v", q)
	}
	b.back("oauth", location).wantTo(s.origin)
	if got := b.user(); got != "upper@example.com" {
		t.Errorf("the session is of %q", got)
	}
	s.idp.userinfo = `{}`
	b = s.browser()
	location = b.leave("oauth")
	s.forget()
	s.refusesCallback("a profile callback that fails", b, b.back("oauth", location), engine.CodeConfiguration)
	// Wrong client credentials are the provider's refusal.
	s = newSite(t, func(_ *site, c *engine.Config) {
		c.Providers[1].(*engine.OAuth2).ClientSecret = "canary-wrong-client-secret"
	})
	s.canary("canary-wrong-client-secret", "the client secret")
	b = s.browser()
	location = b.leave("oauth")
	s.forget()
	s.refusesCallback("a wrong client secret", b, b.back("oauth", location), engine.CodeConfiguration)
	// The other ways to authenticate the client.
	for _, way := range []string{"client_secret_basic", "client_secret_post"} {
		s := newSite(t, func(_ *site, c *engine.Config) {
			c.Providers[1].(*engine.OAuth2).ClientAuth = way
			c.Providers[0].(*engine.OIDC).ClientAuth = way
		})
		s.idp.user["id"] = "bob"
		s.browser().oauth("oauth").wantTo(s.origin)
		s.browser().oauth("oidc").wantTo(s.origin)
	}
}

// Each provider uses the checks of its configuration, and no others.
func TestChecksByConfiguration(t *testing.T) {
	for _, checks := range [][]engine.Check{
		{engine.CheckPKCE}, {engine.CheckState}, {engine.CheckNonce}, {engine.CheckPKCE, engine.CheckState}, {engine.CheckState, engine.CheckNonce},
		{engine.CheckPKCE, engine.CheckNonce}, {engine.CheckNonce, engine.CheckState, engine.CheckPKCE},
	} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.Providers[0].(*engine.OIDC).Checks = checks })
		b := s.browser()
		location := b.leave("oidc", "callbackUrl", "/in")
		u, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		for check, name := range map[engine.Check][2]string{
			engine.CheckPKCE: {pkceCookie, "code_challenge"}, engine.CheckState: {stateCookie, "state"}, engine.CheckNonce: {nonceCookie, "nonce"},
		} {
			want := slices.Contains(checks, check)
			if b.has(name[0]) != want || u.Query().Has(name[1]) != want {
				t.Errorf("%q: cookie %s: %v, parameter %s: %v", checks, name[0], b.has(name[0]), name[1], u.Query().Has(name[1]))
			}
			if !want {
				continue
			}
			broken := b.copy()
			broken.drop(name[0])
			if r := broken.back("oidc", location); r.location() != s.origin+base+"/error?error=Configuration" {
				t.Errorf("%q without the cookie %s: %q", checks, name[0], r.location())
			}
		}
		b.back("oidc", location).wantTo(s.origin + "/in")
		if left := checkCookies(b); len(left) > 0 {
			t.Errorf("%q: left are %q", checks, left)
		}
	}
}

// The parameters may come with a POST as well.
func TestCallbackByPOST(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	back := s.idp.approve(t, b.leave("oidc"))
	b.do(b.request("POST", base+"/callback/oidc?"+back.Encode(), nil)).wantTo(s.origin)

	// With v4 in the body (response_mode=form_post), which v5 does not look at.
	for dialect, signedIn := range map[engine.Dialect]bool{engine.DialectV4: true, engine.DialectV5: false} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.Dialect = dialect })
		b := s.browser()
		r := b.request("POST", base+"/callback/oidc", strings.NewReader(s.idp.approve(t, b.leave("oidc")).Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if to := b.do(r).location(); (to == s.origin) != signedIn || strings.Contains(to, "error") == signedIn {
			t.Errorf("%s: a callback in the body leads to %q", dialect, to)
		}
	}
}

// The first of these claims that is there is the name.
func TestNameOfAProfile(t *testing.T) {
	s := newSite(t)
	for profile, want := range map[string]string{
		`{"id":1,"name":"N","nickname":"K","preferred_username":"P"}`:  "N",
		`{"id":1,"name":null,"nickname":"K","preferred_username":"P"}`: "K",
		`{"id":1,"preferred_username":"P"}`:                            "P",
	} {
		s.idp.userinfo = profile
		b := s.browser()
		b.oauth("oauth").wantTo(s.origin)
		if got := b.user(); got != want {
			t.Errorf("%s: the name is %q", profile, got)
		}
	}
}

func TestMailLink(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		asker := s.browser()
		asker.post("/signin/email", "email", "Carol@Example.com", "callbackUrl", "/in?x=1").wantTo(s.origin + base + "/verify-request?provider=email&type=email")
		if page := asker.get("/verify-request?provider=email&type=email"); page.status != 200 || !strings.Contains(page.body, "localhost:3000") {
			t.Errorf("verify-request: %d", page.status)
		}
		asker.signedOut()
		mail := s.mails.last(t)
		link, _ := url.Parse(mail.URL)
		// In the browser of the mail program.
		b := s.browser()
		page := b.get(strings.TrimPrefix(mail.URL, s.origin+base))
		for _, member := range []string{mail.Token, "carol@example.com", s.origin + "/in?x=1", b.csrf(), `action="` + base + `/callback/email"`} {
			if !strings.Contains(page.body, member) && !strings.Contains(page.body, strings.ReplaceAll(member, "+", "&#43;")) {
				t.Errorf("the confirm page lacks %q", member)
			}
		}
		b.signedOut()
		q := link.Query()
		b.post("/callback/email", "token", q.Get("token"), "email", q.Get("email"), "callbackUrl", q.Get("callbackUrl")).wantTo(s.origin + "/in?x=1")
		if got := b.user(); got != "carol@example.com" {
			t.Errorf("%s: the session is of %q", strategy, got)
		}
		u, err := s.store.inner.GetUserByEmail(t.Context(), "carol@example.com")
		if err != nil || u.EmailVerified == nil || !u.EmailVerified.Equal(start) {
			t.Errorf("%s: the stored user is %+v, %v", strategy, u, err)
		}
		if accounts := s.accountsOf("carol@example.com"); len(accounts) > 0 {
			t.Errorf("%s: accounts %v", strategy, accounts)
		}
		// A known address: the same user, verified anew.
		s.clock.add(time.Hour)
		c := s.browser()
		c.followMail("carol@example.com").wantTo(s.origin)
		again, err := s.store.inner.GetUserByEmail(t.Context(), "carol@example.com")
		if err != nil || again.ID != u.ID || !again.EmailVerified.Equal(start.Add(time.Hour)) {
			t.Errorf("%s: the stored user is %+v, %v", strategy, again, err)
		}
		s.quiet(t)
		if got := asker.asScript("/signin/email", "email", "carol@example.com"); got != s.origin+base+"/verify-request?provider=email&type=email" {
			t.Errorf("asked by a script: %q", got)
		}
	}
}

func TestMailOptions(t *testing.T) {
	s := newSite(t, withStore, func(s *site, c *engine.Config) {
		c.SessionStrategy = engine.StrategyJWT
		n := 0
		c.Providers[3] = &engine.Email{
			ID: "code", Name: "A code", Sender: s.mails, MaxAge: 10 * time.Minute,
			GenerateVerificationToken: func() (string, error) {
				n++
				if n > 2 {
					return "", errors.New("no more codes")
				}
				return "canary-code-1234567" + string(rune('0'+n)), nil
			},
			NormalizeIdentifier: func(a string) (string, error) {
				if a == "refuse" {
					return "", errors.New("not here")
				}
				return strings.ToUpper(a), nil
			},
		}
		c.Theme = engine.Theme{BrandColor: "#123456"}
	})
	s.canary("canary-code-12345671", "the code")
	s.canary("canary-code-12345672", "the code")
	b := s.browser()
	b.post("/signin/code", "email", "carol@example.com").wantTo(s.origin + base + "/verify-request?provider=code&type=email")
	mail := s.mails.last(t)
	if mail.Identifier != "CAROL@EXAMPLE.COM" || mail.Token != "canary-code-12345671" || !mail.Expires.Equal(start.Add(10*time.Minute)) || mail.Theme.BrandColor != "#123456" || mail.Provider != "code" {
		t.Errorf("the mail is %+v", mail)
	}
	b.post("/callback/code", "token", mail.Token, "email", mail.Identifier).wantTo(s.origin)
	if got := b.user(); got != "CAROL@EXAMPLE.COM" {
		t.Errorf("the session is of %q", got)
	}
	b.post("/signin/code", "email", "carol@example.com")
	s.clock.add(10 * time.Minute)
	s.forget()
	b.post("/callback/code", "token", "canary-code-12345672", "email", "CAROL@EXAMPLE.COM").wantTo(s.origin + base + "/error?error=Verification")
	s.problem(t)
	for _, address := range []string{"refuse", "no more", ""} {
		s.forget()
		b.post("/signin/code", "email", address).wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
	}
}

// What is an address is for NormalizeIdentifier to say; without one v4 wants a
// domain with a dot.
func TestAddressesOfV4(t *testing.T) {
	own := func(a string) (string, error) { return a, nil }
	for _, c := range []struct {
		wire      engine.Dialect
		normalize func(string) (string, error)
		address   string
		fine      bool
	}{
		{engine.DialectV4, nil, "carol@example.com", true}, {engine.DialectV4, nil, "carol@localhost", false}, {engine.DialectV5, nil, "carol@localhost", true},
		{engine.DialectV4, own, "carol@localhost", true}, {engine.DialectV4, own, "carol", true},
	} {
		s := newSite(t, withStore, func(s *site, cfg *engine.Config) {
			cfg.Dialect = c.wire
			cfg.Providers[3] = &engine.Email{Sender: s.mails, NormalizeIdentifier: c.normalize}
		})
		if to := s.browser().post("/signin/email", "email", c.address).location(); strings.Contains(to, "/verify-request") != c.fine {
			t.Errorf("%s, own %v, %s: %q", c.wire, c.normalize != nil, c.address, to)
		}
	}
}

// Extra fields that Authorize returns are checked before anything is written.
func TestCredentialsExtraFields(t *testing.T) {
	for _, strategy := range both {
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
				t.Errorf("%s, %v: the log line is %v", strategy, extra, entry)
			}
			if asked := s.store.called(); len(asked) > 0 {
				t.Errorf("%s, %v: the adapter was asked %v", strategy, extra, asked)
			}
			b.signedOut()
		}
	}
}

// Whoever signed up with an address that is not theirs loses it to its owner.
func TestVerifyingAnAddressDropsWhatCameUnverified(t *testing.T) {
	for _, dangerous := range []bool{false, true} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) { c.Parity.DangerousUnverifiedEmail = dangerous })
		s.idp.user = map[string]any{"sub": "mallory", "email": "victim@example.com", "email_verified": false}
		attacker := s.browser()
		attacker.oauth("oidc").wantTo(s.origin)
		if got := attacker.user(); got != "victim@example.com" {
			t.Fatalf("the attacker is %q", got)
		}
		s.forget()
		owner := s.browser()
		owner.followMail("victim@example.com").wantTo(s.origin)
		if got := owner.user(); got != "victim@example.com" {
			t.Errorf("the owner is %q", got)
		}
		if dangerous {
			if got := attacker.user(); got != "victim@example.com" || len(s.accountsOf("victim@example.com")) != 1 {
				t.Errorf("with DangerousUnverifiedEmail the account is gone, session of %q", got)
			}
			continue
		}
		attacker.signedOut()
		if accounts := s.accountsOf("victim@example.com"); len(accounts) > 0 {
			t.Errorf("the attacker's account is still linked: %v", accounts)
		}
		lines := s.logs.problems()
		if len(lines) != 1 || lines[0].msg != "auth: AccountUnlinked" || lines[0].attrs["hint"] == "" || strings.Contains(lines[0].String(), "victim@") {
			t.Errorf("the log says %v", lines)
		}
		b := s.browser()
		location := b.leave("oidc")
		s.forget()
		s.refusesCallback("the attacker comes back", b, b.back("oidc", location), engine.CodeOAuthAccountNotLinked)

		// An account that came with the address verified stays.
		s.idp.user = map[string]any{"sub": "honest", "email": "honest@example.com", "email_verified": true}
		honest := s.browser()
		honest.oauth("oidc").wantTo(s.origin)
		s.browser().followMail("honest@example.com").wantTo(s.origin)
		if got := honest.user(); got != "honest@example.com" || len(s.accountsOf("honest@example.com")) != 1 {
			t.Errorf("a verified account was dropped; session of %q", got)
		}
		// So does what somebody linked who proves the address in that session.
		s.idp.user = map[string]any{"sub": "late", "email": "late@example.com"}
		late := s.browser()
		late.oauth("oidc").wantTo(s.origin)
		late.followMail("late@example.com").wantTo(s.origin)
		if len(s.accountsOf("late@example.com")) != 1 {
			t.Error("the account of who proved the address in the same session was dropped")
		}
	}
}
