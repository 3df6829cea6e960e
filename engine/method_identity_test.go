package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// withIdentity adds a Method that signs in whoever *id is.
func withIdentity(id *engine.Identity) func(*site, *engine.Config) {
	return withToy(map[string]handle{"POST callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
		return a.SignIn(*id), nil
	}})
}

// bobAt is what a Method says of somebody of whom the identity provider of these
// tests says the same.
func bobAt(sub string) engine.Identity {
	return engine.Identity{
		Account: &engine.Account{ProviderAccountID: sub},
		User:    engine.User{Name: new("Bob"), Email: new("bob@example.com"), EmailVerified: new(startTime.Truncate(time.Millisecond)), Image: new("https://idp.example/bob.png")},
		Profile: engine.Profile{"sub": sub},
	}
}

// A sign-in of a Method is what the same sign-in of a built-in way is: the same
// questions to the store, callbacks and events, in the same order, and the same
// person in the end.
func TestMethodsAreLikeBuiltInWays(t *testing.T) {
	type way struct {
		name    string
		id      engine.Identity
		builtin func(b *browser) *reply // forgets what was before the end
	}
	oidc := func(b *browser) *reply {
		location := b.startOAuth("oidc")
		b.s.resetLog()
		return b.finishOAuth("oidc", location)
	}
	mail := func(address string) func(b *browser) *reply {
		return func(b *browser) *reply {
			link := b.askMail(address)
			b.s.resetLog()
			return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
		}
	}
	byPassword := func(b *browser) *reply {
		return b.post("/callback/credentials", "password", password)
	}
	ways := []way{
		{"account", bobAt("bob-sub"), oidc},
		{"address", engine.Identity{Email: "Bob@Example.com "}, mail("bob@example.com")},
		{"id", engine.Identity{User: *alice()}, byPassword},
	}
	link := func(s *site, user, provider, sub string) {
		t.Helper()
		if _, err := s.store.inner.LinkAccount(t.Context(), engine.Account{UserID: user, Type: "x", Provider: provider, ProviderAccountID: sub}); err != nil {
			t.Fatal(err)
		}
	}
	bob := func(s *site, verified *time.Time) {
		t.Helper()
		s.putUser(engine.User{ID: "bob-id", Name: new("Bob as stored"), Email: new("bob@example.com"), EmailVerified: verified})
	}
	for _, situation := range []struct {
		name   string
		before func(s *site)
		inAs   bool // alice is signed in
	}{
		{"nobody is known", func(*site) {}, false},
		{"alice is signed in", func(*site) {}, true},
		{"the address is known", func(s *site) { bob(s, new(startTime)) }, false},
		{"the address is known and alice is signed in", func(s *site) { bob(s, new(startTime)) }, true},
		{"the address is known, unproven", func(s *site) { bob(s, nil); link(s, "bob-id", "oauth", "squatter") }, false},
		{"the account is known", func(s *site) {
			bob(s, new(startTime))
			link(s, "bob-id", "oidc", "bob-sub")
			link(s, "bob-id", "toy", "bob-sub")
		}, false},
		{"the account is another one's", func(s *site) {
			bob(s, new(startTime))
			link(s, "bob-id", "oidc", "bob-sub")
			link(s, "bob-id", "toy", "bob-sub")
		}, true},
		{"the account is alice's", func(s *site) {
			link(s, "alice-id", "oidc", "bob-sub")
			link(s, "alice-id", "toy", "bob-sub")
		}, true},
	} {
		for _, decision := range []string{"allow", "deny", "redirect", "fail"} {
			for _, strategy := range strategies {
				for _, way := range ways {
					what := fmt.Sprintf("%s, %s, %s, %s", strategy, way.name, situation.name, decision)
					type outcome struct {
						Calls, Lines []string
						To, User     string
						SignIn       *engine.SignInParams
					}
					run := func(builtin bool) (o outcome) {
						d := &callLog{}
						arrived := false // at the sign-in that is compared
						answer := map[string]engine.Decision{"allow": engine.Allow(), "redirect": engine.RedirectTo("/terms")}
						s := newSite(t, withStrategy(strategy), d.set, withIdentity(&way.id), func(_ *site, c *engine.Config) {
							inner := c.Callbacks.SignIn
							c.Callbacks.SignIn = func(ctx context.Context, p *engine.SignInParams) (engine.Decision, error) {
								inner(ctx, p)
								switch {
								case !arrived || p.VerificationRequest:
									return engine.Allow(), nil
								case decision == "fail":
									return engine.Allow(), errors.New("cannot decide")
								}
								return answer[decision], nil
							}
						})
						situation.before(s)
						b := s.browser()
						if situation.inAs {
							b.signIn()
						}
						d.take()
						s.resetLog()
						arrived = true
						end := func(b *browser) *reply { return b.post("/callback/toy") }
						if builtin {
							end = way.builtin
						}
						r := end(b)
						o.Calls = slices.DeleteFunc(s.store.called(), func(c string) bool { return c == "UseVerificationToken" })
						o.Lines = slices.DeleteFunc(d.take(), func(l string) bool { return strings.HasPrefix(l, "cb session") || l == "ev session" })
						if o.Lines[0] == "cb signIn" && builtin && way.name == "address" {
							o.Lines = o.Lines[1:] // the one that was asked about the mail
						}
						o.To = r.location()
						o.User = b.user()
						o.SignIn = d.signIn
						return o
					}
					want, got := run(true), run(false)
					if !slices.Equal(got.Calls, want.Calls) {
						t.Errorf("%s: the adapter is asked\n%v, and by the built-in way\n%v", what, got.Calls, want.Calls)
					}
					if !slices.Equal(got.Lines, want.Lines) {
						t.Errorf("%s: callbacks and events are\n%q, and of the built-in way\n%q", what, got.Lines, want.Lines)
					}
					if got.To != want.To || got.User != want.User {
						t.Errorf("%s: the browser is at %q as %q, and by the built-in way at %q as %q", what, got.To, got.User, want.To, want.User)
					}
					if u, w := got.SignIn.User, want.SignIn.User; (u.Email == nil) != (w.Email == nil) || u.Email != nil && *u.Email != *w.Email || (u.ID == w.ID) != strings.HasSuffix(u.ID, "-id") {
						t.Errorf("%s: the signIn callback is asked about %+v, and by the built-in way about %+v", what, u, w)
					}
					if a := got.SignIn.Account; a == nil || a.Type != "toy" || a.Provider != "toy" || a.ProviderAccountID != want.SignIn.Account.ProviderAccountID {
						t.Errorf("%s: the signIn callback gets the account %+v, and by the built-in way %+v", what, a, want.SignIn.Account)
					}
				}
			}
		}
	}
}

// What the engine sets of an Account is not the method's to choose.
func TestAccountOfAMethod(t *testing.T) {
	for _, strategy := range strategies {
		id := bobAt("sub-1")
		id.Account.Type, id.Account.Provider, id.Account.UserID = "oidc", "oidc", "alice-id"
		id.Account.AccessToken = new("at-0123")
		before := *id.Account
		s := newSite(t, withStrategy(strategy), withIdentity(&id))
		b := s.browser()
		b.post("/callback/toy").wantTo(s.origin)
		account, err := s.store.inner.GetAccount(t.Context(), "toy", "sub-1")
		if err != nil || account.Type != "toy" || account.UserID == "alice-id" || *account.AccessToken != "at-0123" {
			t.Errorf("%s: the account is %+v, %v", strategy, account, err)
		}
		if _, err := s.store.inner.GetAccount(t.Context(), "oidc", "sub-1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: there is an account of another provider: %v", strategy, err)
		}
		if !reflect.DeepEqual(*id.Account, before) {
			t.Errorf("%s: the identity of the method was changed to %+v", strategy, *id.Account)
		}
		user, err := s.store.inner.GetUser(t.Context(), account.UserID)
		if err != nil || len(user.ID) != 36 || *user.Email != "bob@example.com" || user.EmailVerified == nil {
			t.Errorf("%s: the user is %+v, %v", strategy, user, err)
		}
		// The id of the user is the method's, where it says one.
		id = bobAt("sub-2")
		id.User.ID, id.User.Email = "chosen", nil
		s.browser().post("/callback/toy").wantTo(s.origin)
		if u, err := s.store.inner.GetUserByAccount(t.Context(), "toy", "sub-2"); err != nil || u.ID != "chosen" {
			t.Errorf("%s: the user is %+v, %v", strategy, u, err)
		}
		s.quiet(t)
	}
}

// The address of an Account's user is stored as every other: normalised, and
// verified only if it was so before that.
func TestAddressOfAnAccountOfAMethod(t *testing.T) {
	for typed, want := range map[string]string{
		" Carol@Example.COM ": "carol@example.com true", "carol@ｅxample.com": "carol@example.com false", "": " false", "no address": " false", "a@b@c": " false",
	} {
		id := bobAt("sub")
		id.User.Email = &typed
		s := newSite(t, withStrategy(engine.StrategyDatabase), withIdentity(&id))
		s.browser().post("/callback/toy").wantTo(s.origin)
		u, err := s.store.inner.GetUserByAccount(t.Context(), "toy", "sub")
		if err != nil {
			t.Errorf("%q: %v; the log is %v", typed, err, s.logs.problems())
			continue
		}
		got := fmt.Sprint(" ", u.EmailVerified != nil)
		if u.Email != nil {
			got = *u.Email + got
		}
		if got != want {
			t.Errorf("%q is stored as %q, want %q", typed, got, want)
		}
	}
}

// Without an Adapter the same account is the same user at every sign-in, and of
// another provider another one.
func TestMethodWithoutAdapter(t *testing.T) {
	subject := func(s *site, b *browser) string {
		t.Helper()
		id := ""
		b.copy().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if session, err := s.eng.Session(w, r); err == nil && session != nil {
				id = session.User.ID
			}
		})).get("./page")
		return id
	}
	id := bobAt("bob-sub")
	s := newSite(t, withIdentity(&id), func(_ *site, c *engine.Config) {
		other := newToy(map[string]handle{"POST callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) { return a.SignIn(id), nil }})
		other.info.ID = "other"
		c.Providers = append(c.Providers, other)
	})
	in := func(path string) string {
		b := s.browser()
		b.post(path).wantTo(s.origin)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("the session is of %q", got)
		}
		return subject(s, b)
	}
	first, again, other := in("/callback/toy"), in("/callback/toy"), in("/callback/other")
	if first == "" || first != again || first == other || first == "bob-sub" {
		t.Errorf("the ids are %q, %q, and at another provider %q", first, again, other)
	}
	id = bobAt("else")
	if got := in("/callback/toy"); got == first || got == "" {
		t.Errorf("another account has the id %q", got)
	}
	id.User.ID = "chosen"
	if got := in("/callback/toy"); got != "chosen" {
		t.Errorf("an id of the method becomes %q", got)
	}
	// By id: as credentials.
	id = engine.Identity{User: *alice()}
	b := s.browser()
	b.post("/callback/toy").wantTo(s.origin)
	if got := subject(s, b); got != "alice-id" || b.user() != "alice@example.com" {
		t.Errorf("by id, it is %q", got)
	}
	s.quiet(t)
	// By address: whose it is nobody can say.
	id = engine.Identity{Email: "bob@example.com"}
	b = s.browser()
	b.post("/callback/toy").wantTo(s.origin + base + "/error?error=Configuration")
	if line := s.problem(t); strings.Contains(line.String(), "panic") || !strings.Contains(line.String(), "Adapter") {
		t.Errorf("an address without an adapter: %v", line)
	}
	b.signedOut()
}

// Identities that are nobody's are refused, before anything is stored.
func TestIdentitiesThatAreRefused(t *testing.T) {
	for _, strategy := range strategies {
		for what, id := range map[string]engine.Identity{
			"an account without an id": {Account: &engine.Account{}, User: engine.User{Name: new("Anybody")}},
			"no address":               {Email: "not an address"},
			"two addresses":            {Email: "a@example.com, b@example.com"},
			"a field that is unknown":  {Account: &engine.Account{ProviderAccountID: "x"}, User: engine.User{Extra: map[string]any{"role": "admin"}}},
			"an unknown field, by id":  {User: engine.User{ID: "alice-id", Extra: map[string]any{"role": "admin"}}},
		} {
			s := newSite(t, withStrategy(strategy), withIdentity(&id))
			b := s.browser()
			b.post("/callback/toy").wantTo(s.origin + base + "/error?error=Configuration")
			if line := s.problem(t); strings.Contains(line.String(), "panic") {
				t.Errorf("%s, %s: %v", strategy, what, line)
			}
			if len(s.store.called()) > 0 {
				t.Errorf("%s, %s: the adapter was asked %v", strategy, what, s.store.called())
			}
			b.signedOut()
		}
		// Of database sessions the user is stored; an identity that is empty is
		// nobody's.
		for what, c := range map[string]struct {
			id  engine.Identity
			jwt bool // signs in without a row
		}{
			"an unknown id":                    {engine.Identity{User: engine.User{ID: "nobody"}}, true},
			"nothing":                          {engine.Identity{}, false},
			"CreateUser without an id":         {engine.Identity{CreateUser: true, User: engine.User{Name: new("X")}}, false},
			"CreateUser, not in the store yet": {engine.Identity{CreateUser: true, User: engine.User{ID: "new", Name: new("X")}}, true},
		} {
			s := newSite(t, withStrategy(strategy), withIdentity(&c.id))
			b := s.browser()
			r := b.post("/callback/toy")
			creates := strings.HasPrefix(what, "CreateUser, ")
			if want := strategy == engine.StrategyJWT && c.jwt || creates; want != (r.location() == s.origin) {
				t.Errorf("%s, %s: %d %q", strategy, what, r.status, r.location())
			}
			if _, err := s.store.inner.GetUser(t.Context(), "new"); (err == nil) != (creates && strategy == engine.StrategyDatabase) {
				t.Errorf("%s, %s: the user is stored: %v", strategy, what, err)
			}
		}
	}
}

// A store that assigns ids does not find the user again whom CreateUser has made:
// as for credentials, that is refused. An account is found by its own id.
func TestMethodOnAStoreThatAssignsIDs(t *testing.T) {
	for _, strategy := range strategies {
		id := engine.Identity{CreateUser: true, User: engine.User{ID: "mine", Email: new("erin@example.com")}}
		s := newSite(t, withStrategy(strategy), withIdentity(&id), func(_ *site, c *engine.Config) { c.Adapter = assigningAdapter{c.Adapter} })
		s.browser().post("/callback/toy").wantTo(s.origin + base + "/error?error=Configuration")
		if line := s.problem(t); !strings.Contains(line.attrs["cause"], "assigns its own") || len(s.store.called()) > 0 {
			t.Errorf("%s: the log says %v; the adapter was asked %v", strategy, line, s.store.called())
		}
		id = bobAt("bob-sub")
		for range 2 {
			b := s.browser()
			b.post("/callback/toy").wantTo(s.origin)
			if got := b.user(); got != "bob@example.com" {
				t.Errorf("%s: the session is of %q", strategy, got)
			}
		}
		if u, err := s.store.inner.GetUserByAccount(t.Context(), "toy", "bob-sub"); err != nil || u.ID != "assigned-bob@example.com" {
			t.Errorf("%s: the user is %+v, %v", strategy, u, err)
		}
	}
}

// Diagnose reports a Method like any other provider.
func TestDiagnoseMethod(t *testing.T) {
	id := engine.Identity{}
	cfg := engine.Config{Secrets: []string{testSecret}, Getenv: env()}
	withIdentity(&id)(nil, &cfg)
	report := engine.Diagnose(t.Context(), cfg).String()
	if !strings.Contains(report, `provider "toy"`) || !strings.Contains(report, "*engine_test.toy") {
		t.Errorf("the report is %s", report)
	}
	cfg.Providers = []engine.Provider{&toy{info: engine.ProviderInfo{ID: "toy"}}, (*toy)(nil), stranger{}}
	if report := engine.Diagnose(t.Context(), cfg).String(); !strings.Contains(report, "Actions is empty") || !strings.Contains(report, "is nil") || !strings.Contains(report, "stranger") {
		t.Errorf("the report is %s", report)
	}
}

// A user who is named by an id alone is the stored one, with both strategies:
// the callbacks see, and the token has, what is stored.
func TestUserByIDAlone(t *testing.T) {
	for _, strategy := range strategies {
		id := engine.Identity{User: engine.User{ID: "alice-id"}}
		var asked *engine.User
		s := newSite(t, withStrategy(strategy), withIdentity(&id), func(_ *site, c *engine.Config) {
			c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
				asked = p.User
				return engine.Allow(), nil
			}
		})
		b := s.browser()
		b.post("/callback/toy").wantTo(s.origin)
		if got := b.user(); got != "alice@example.com" || asked.Email == nil || *asked.Email != "alice@example.com" {
			t.Errorf("%s: the session is of %q, the signIn callback was asked about %+v", strategy, got, asked)
		}
	}
}

// Where the browser goes afterwards, and the page for new users.
func TestWhereAMethodLeads(t *testing.T) {
	for _, strategy := range strategies {
		id := bobAt("bob-sub")
		s := newSite(t, withStrategy(strategy), withIdentity(&id), func(_ *site, c *engine.Config) { c.Pages.NewUser = "/welcome" })
		s.browser().post("/callback/toy", "callbackUrl", "/deep").wantTo("/welcome?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fdeep")
		b := s.browser()
		token := b.csrf()
		b.post("/callback/toy", "callbackUrl", "/deep").wantTo(s.origin + "/deep")
		if b.csrf() == token {
			t.Errorf("%s: the CSRF token is the same after the sign-in", strategy)
		}
		s.browser().post("/callback/toy", "callbackUrl", "https://evil.example/").wantTo(s.origin)
		s.browser().post("/callback/toy", "callbackUrl", "//evil.example/").wantTo(s.origin)
		if r := s.browser().post("/callback/toy", "callbackUrl", "javascript:alert(1)"); !strings.Contains(r.location(), "error=Configuration") {
			t.Errorf("%s: to a script: %d %q", strategy, r.status, r.location())
		}
	}
}

// Engine.SignIn runs the action of the form, with the values that it is given,
// whatever the request is.
func TestMethodSignInByTheApplication(t *testing.T) {
	for _, strategy := range strategies {
		var result func(a *engine.Attempt) (engine.Result, error)
		var seen []string
		s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) {
			m := newToy(map[string]handle{"POST step": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				seen = []string{a.Value("name"), a.Value("q"), fmt.Sprint(a.Values()["name"])}
				return result(a)
			}, "POST callback": func(context.Context, *engine.Attempt) (engine.Result, error) {
				t.Error("another action runs")
				return engine.Result{}, nil
			}})
			m.form.Action = "step"
			c.Providers = append(c.Providers, m)
			s.foreignHosts = append(s.foreignHosts, "next.example")
		})
		for _, method := range []string{"GET", "POST"} {
			var to string
			var failure error
			call := func(credentials map[string]string, f func(a *engine.Attempt) (engine.Result, error)) (*browser, *reply) {
				t.Helper()
				s.resetLog()
				result = f
				b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					to, failure = s.eng.SignIn(w, r, "toy", engine.SignInOptions{RedirectTo: "/in", Credentials: credentials})
				}))
				r := b.do(b.request(method, "/enter?q=query&name=query", nil))
				return b, r
			}
			b, r := call(map[string]string{"name": "n"}, func(a *engine.Attempt) (engine.Result, error) {
				return a.SignIn(engine.Identity{User: *alice()}), nil
			})
			if failure != nil || to != s.origin+"/in" || r.sets(sessionCookie) == nil || b.user() != "alice@example.com" {
				t.Errorf("%s, %s: SignIn gives %q, %v", strategy, method, to, failure)
			}
			if want := []string{"n", "", "n"}; !slices.Equal(seen, want) {
				t.Errorf("%s, %s: the action gets %q, want %q", strategy, method, seen, want)
			}
			_, r = call(nil, func(a *engine.Attempt) (engine.Result, error) {
				return a.Redirect("https://next.example/"), a.Seal("v", "x")
			})
			if failure != nil || to != "https://next.example/" || r.sets("authjs.v") == nil {
				t.Errorf("%s, %s: a redirect gives %q, %v, cookies %q", strategy, method, to, failure, r.header["Set-Cookie"])
			}
			for what, c := range map[string]struct {
				f    func(a *engine.Attempt) (engine.Result, error)
				code string
			}{
				"a refusal": {func(*engine.Attempt) (engine.Result, error) {
					return engine.Result{}, &engine.CredentialsError{Code: "locked"}
				}, "CredentialsSignin"},
				"an error": {func(*engine.Attempt) (engine.Result, error) { return engine.Result{}, errors.New("down") }, "Configuration"},
				"a panic":  {func(*engine.Attempt) (engine.Result, error) { panic("boom") }, "Configuration"},
				// What SignIn cannot hand on.
				"a page": {func(a *engine.Attempt) (engine.Result, error) { return a.Page(engine.Form{}), a.Seal("v", "x") }, "Configuration"},
				"JSON":   {func(a *engine.Attempt) (engine.Result, error) { return a.JSON(200, "x"), a.Seal("v", "x") }, "Configuration"},
				"one more step": {func(a *engine.Attempt) (engine.Result, error) {
					return a.OneMoreStep(engine.Identity{User: *alice()}, engine.Form{Action: "step"}), nil
				}, "Configuration"},
			} {
				_, r := call(nil, c.f)
				var known *engine.Error
				if !errors.As(failure, &known) || known.Code != c.code || to != "" || len(r.set) > 0 {
					t.Errorf("%s, %s: with %s SignIn gives %q, %v, cookies %q", strategy, method, what, to, failure, r.header["Set-Cookie"])
				}
				s.problem(t)
			}
			var refused *engine.CredentialsError
			call(nil, func(*engine.Attempt) (engine.Result, error) {
				return engine.Result{}, &engine.CredentialsError{Code: "locked"}
			})
			if !errors.As(failure, &refused) || refused.Code != "locked" {
				t.Errorf("%s: the error is %v", strategy, failure)
			}
			// The engine's own members cannot be given.
			call(map[string]string{"callbackUrl": "https://evil.example", "csrfToken": "x", "attempt": "chosen"}, func(a *engine.Attempt) (engine.Result, error) {
				return a.SignIn(engine.Identity{User: *alice()}), nil
			})
			if failure != nil || to != s.origin+"/in" {
				t.Errorf("%s: with a callbackUrl among the values SignIn gives %q, %v", strategy, to, failure)
			}
		}
	}
}
