package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// trace is a Config.Observe: it notes each operation below the one whose context
// it was given, and its end.
type trace struct {
	mu    sync.Mutex
	lines []string // "request signin oidc", "  provider GET idp.example oidc", …
	ends  []string // of those that ended with an error: the line and the error
	open  int
}

type depthKey struct{}

func (o *trace) Observe(ctx context.Context, op engine.Operation) (context.Context, func(error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	depth, _ := ctx.Value(depthKey{}).(int)
	line := strings.Repeat("  ", depth) + strings.TrimRight(op.Kind+" "+op.Name+" "+op.Provider, " ")
	o.lines = append(o.lines, line)
	o.open++
	return context.WithValue(ctx, depthKey{}, depth+1), func(err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.open--
		if err != nil {
			o.ends = append(o.ends, strings.TrimSpace(line)+": "+err.Error())
		}
	}
}

func (o *trace) take() (lines, ends []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines, ends = o.lines, o.ends
	o.lines, o.ends = nil, nil
	return lines, ends
}

func (o *trace) set(_ *site, c *engine.Config) { c.Observe = o.Observe }

// wants compares what was observed since the last time.
func (o *trace) wants(t *testing.T, what string, want ...string) {
	t.Helper()
	if got, _ := o.take(); !slices.Equal(got, want) {
		t.Errorf("%s: observed\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if o.open != 0 {
		t.Errorf("%s: %d operations have not ended", what, o.open)
	}
}

// Requests, the adapter's calls in them, those in a transaction, and requests to
// a provider are observed, each with the context of the one around it.
func TestObserve(t *testing.T) {
	o := &trace{}
	s := newSite(t, withStrategy(engine.StrategyDatabase), o.set, withToy(map[string]handle{
		"POST callback": func(ctx context.Context, a *engine.Attempt) (engine.Result, error) {
			user, err := a.Store().GetUserByEmail(ctx, "alice@example.com")
			return a.SignIn(engine.Identity{User: user}), err
		},
		"GET look": func(ctx context.Context, a *engine.Attempt) (engine.Result, error) {
			list, err := a.Authenticators().ListAuthenticatorsByUserID(ctx, "alice-id")
			return a.JSON(200, len(list)), err
		},
	}), func(s *site, c *engine.Config) { c.Adapter = s.store.inner })
	b := s.browser()
	b.csrf()
	o.wants(t, "csrf", "request csrf")
	location := b.startOAuth("oidc")
	o.wants(t, "leaving", "request signin oidc", "  provider GET idp.example oidc")
	b.finishOAuth("oidc", location)
	o.wants(t, "coming back", "request callback oidc",
		"  provider POST idp.example oidc", "provider GET idp.example oidc", // keys are fetched for all requests at once
		"  adapter GetUserByAccount", "  adapter GetUserByAccount", "  adapter GetUserByEmail",
		"  adapter Tx", "  adapter CreateUser", "  adapter LinkAccount", "  adapter CreateSession")
	b.session()
	o.wants(t, "session", "request session", "  adapter GetSessionAndUser")
	b.post("/callback/toy")
	// The Adapter that an Attempt hands out is the application's own.
	o.wants(t, "a SignInMethod", "request callback toy", "  adapter GetUser", "  adapter CreateSession")
	b.get("/look/toy")
	o.wants(t, "a GET of a Method", "request look toy", "  adapter ListAuthenticatorsByUserID")
	b.get("/providers")
	b.get("/nothing")
	b.get("/callback/nobody")
	b.do(b.request("PUT", base+"/session", nil))
	b.do(b.request("GET", "/elsewhere", nil))
	o.wants(t, "others", "request providers", "request", "request callback", "request", "request")
	b.get("/callback/" + strings.Repeat("x", 1000))
	o.wants(t, "a long name", "request callback")
	b.post("/signout")
	o.wants(t, "signing out", "request signout", "  adapter DeleteSession")

	// Handlers of the application.
	app := s.browser()
	var handler http.HandlerFunc
	app.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(w, r) }))
	handler = func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}}); err != nil {
			t.Error(err)
		}
	}
	app.get("./in")
	o.wants(t, "SignIn", "request signin credentials", "  adapter GetUser", "  adapter CreateSession")
	handler = func(w http.ResponseWriter, r *http.Request) { s.eng.Session(w, r) }
	app.get("./session")
	o.wants(t, "Session", "request session", "  adapter GetSessionAndUser")
	handler = func(w http.ResponseWriter, r *http.Request) { s.eng.Update(w, r, map[string]any{"name": "Alison"}) }
	app.get("./update")
	o.wants(t, "Update", "request session", "  adapter GetSessionAndUser", "  adapter Tx", "  adapter UpdateUser")
	handler = func(w http.ResponseWriter, r *http.Request) { s.eng.Require(noop).ServeHTTP(w, r) }
	app.get("./app")
	o.wants(t, "Require", "request session", "  adapter GetSessionAndUser")
	handler = func(w http.ResponseWriter, r *http.Request) { s.eng.SignOut(w, r) }
	app.get("./out")
	o.wants(t, "SignOut", "request signout", "  adapter DeleteSession")
	if _, err := s.eng.Purge(context.WithValue(t.Context(), depthKey{}, 1)); err != nil {
		t.Error(err)
	}
	o.wants(t, "Purge", "  adapter PurgeExpired")
}

// The errors of operations are those that happened.
func TestObserveErrors(t *testing.T) {
	o := &trace{}
	s := newSite(t, withStrategy(engine.StrategyDatabase), o.set, withToy(map[string]handle{
		"POST callback": func(context.Context, *engine.Attempt) (engine.Result, error) { panic("boom") },
	}))
	ends := func(what string, want ...string) {
		t.Helper()
		_, got := o.take()
		ok := len(got) == len(want)
		for i := range want {
			ok = ok && strings.HasPrefix(got[i], want[i])
		}
		if !ok || o.open != 0 {
			t.Errorf("%s: the errors are\n%s\nwant\n%s\n(%d are open)", what, strings.Join(got, "\n"), strings.Join(want, "\n"), o.open)
		}
	}
	b := s.browser()
	b.signIn()
	ends("all is well")
	s.store.failWith(errors.New("disk full"), "GetSessionAndUser")
	b.session()
	ends("a read", "adapter GetSessionAndUser: disk full", "request session: auth: AdapterError: reading a session: disk full")
	s.store.failWith(errors.New("disk full"), "LinkAccount")
	s.browser().oauth("oidc")
	ends("a transaction", "adapter GetUserByAccount: store: not found", "adapter GetUserByAccount", "adapter GetUserByEmail", "adapter LinkAccount: disk full",
		"adapter Tx: auth: AdapterError: linking an account: disk full", "request callback oidc: auth: AdapterError: linking an account: disk full")
	s.store.failWith(errors.New("disk full"), "Tx")
	s.browser().oauth("oidc")
	ends("a transaction that does not begin", "adapter GetUserByAccount", "adapter GetUserByAccount", "adapter GetUserByEmail", "adapter Tx: disk full", "request callback oidc: auth: AdapterError: committing: disk full")
	s.store.repair()
	s.idp.down = func(r *http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/token") {
			return errors.New("no route to host")
		}
		return nil
	}
	s.browser().oauth("oidc")
	ends("a provider", "provider POST idp.example oidc: no route to host", "request callback oidc: auth: CallbackRouteError")
	b.post("/callback/toy")
	ends("a panic", "request callback toy: auth: CallbackRouteError: panic: boom")
	b.send("/callback/toy", nil)
	ends("no token", "request callback toy: auth: MissingCSRF")
	b.get("/nothing")
	ends("no endpoint", "request: auth: UnknownAction")
	r := b.request("GET", base+"/session", nil)
	r.Host = "evil.example"
	b.do(r)
	ends("another host", "request session: auth: UntrustedHost")
}

// An operation that does not come back ends as well.
func TestObservePanics(t *testing.T) {
	o := &trace{}
	s := newSite(t, withStrategy(engine.StrategyDatabase), o.set)
	b := s.browser()
	b.signIn()
	o.take()
	s.store.fail = func(string) error { panic("boom") }
	b.session()
	if o.open != 0 {
		t.Errorf("after an adapter that panics, %d operations have not ended", o.open)
	}
	o.open = 0
	s.store.fail = func(string) error { panic(http.ErrAbortHandler) }
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler {
				t.Errorf("the panic is %v", v)
			}
		}()
		b.session()
	}()
	if o.open != 0 {
		t.Errorf("after a request that is given up, %d operations have not ended", o.open)
	}
}

// An observer may return no context, or no function.
func TestObserverThatReturnsNothing(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Observe = func(context.Context, engine.Operation) (context.Context, func(error)) { return nil, nil }
		})
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: the session is of %q", strategy, got)
		}
		b.post("/signout").wantTo(s.origin)
		s.quiet(t)
	}
}

// The context that an observer returns is what the operation runs with, and
// nothing after it.
func TestObserverContext(t *testing.T) {
	type key struct{}
	var seen []string
	see := func(what string, ctx context.Context) {
		v, _ := ctx.Value(key{}).(string)
		seen = append(seen, what+": "+v)
	}
	s := newSite(t, withStrategy(engine.StrategyDatabase), withToy(map[string]handle{
		"POST callback": func(ctx context.Context, a *engine.Attempt) (engine.Result, error) {
			see("Handle", ctx)
			return a.SignIn(engine.Identity{User: *alice()}), nil
		},
	}), func(s *site, c *engine.Config) {
		c.Observe = func(ctx context.Context, op engine.Operation) (context.Context, func(error)) {
			outer, _ := ctx.Value(key{}).(string)
			return context.WithValue(ctx, key{}, outer+"/"+op.Name), func(error) {}
		}
		c.Callbacks.SignIn = func(ctx context.Context, _ *engine.SignInParams) (engine.Decision, error) {
			see("signIn", ctx)
			return engine.Allow(), nil
		}
		c.Limit = func(ctx context.Context, _ engine.LimitParams) (time.Duration, error) {
			see("Limit", ctx)
			return 0, nil
		}
		c.Events.SignIn = func(ctx context.Context, _ *engine.SignInEvent) error { see("event", ctx); return nil }
		c.Adapter = contextSpy{c.Adapter, func(ctx context.Context) { see("CreateSession", ctx) }}
	})
	s.browser().post("/callback/toy")
	want := []string{"Limit: /callback", "Handle: /callback", "signIn: /callback", "CreateSession: /callback/CreateSession", "event: /callback"}
	if !slices.Equal(seen, want) {
		t.Errorf("the contexts are %q, want %q", seen, want)
	}
	s.quiet(t)
}

type contextSpy struct {
	engine.Adapter
	see func(context.Context)
}

func (c contextSpy) CreateSession(ctx context.Context, n engine.AdapterSession) (engine.AdapterSession, error) {
	c.see(ctx)
	return c.Adapter.CreateSession(ctx, n)
}

// With an observer the store of an Attempt claims no interface that the adapter
// lacks; its authenticators are there either way.
func TestObservedAdapterClaimsNothing(t *testing.T) {
	whole := memory.New(nil)
	plain := struct{ engine.Adapter }{whole}
	can := func(a any) (out []string) {
		for name, ok := range map[string]bool{
			"Transactor": is[store.Transactor](a), "SignUpAdapter": is[store.SignUpAdapter](a), "Purger": is[store.Purger](a),
			"SessionLister": is[store.SessionLister](a), "TraitsDeclarer": is[store.TraitsDeclarer](a), "Inspector": is[store.Inspector](a),
			"AuthenticatorAdapter": is[store.AuthenticatorAdapter](a),
		} {
			if ok {
				out = append(out, name)
			}
		}
		return out
	}
	for what, c := range map[string]struct {
		adapter        engine.Adapter
		authenticators bool
	}{
		"all": {whole, true}, "none": {plain, false}, "sign-up": {signUpSpy{&spy{storeSpy: newStoreSpy(whole), to: whole}}, false}, "traits": {assigningAdapter{whole}, false},
		"authenticators": {struct {
			engine.Adapter
			store.AuthenticatorAdapter
		}{plain, whole}, true},
	} {
		for _, observe := range []func(context.Context, engine.Operation) (context.Context, func(error)){nil, (&trace{}).Observe} {
			s := newSite(t, func(_ *site, cfg *engine.Config) { cfg.Adapter, cfg.Observe = c.adapter, observe }, withToy(map[string]handle{
				"POST callback": func(ctx context.Context, a *engine.Attempt) (engine.Result, error) {
					got, have := can(a.Store()), can(c.adapter)
					if slices.ContainsFunc(got, func(name string) bool { return !slices.Contains(have, name) }) || observe == nil && len(got) != len(have) {
						t.Errorf("%s, observed %v: the store of an Attempt is %q, the adapter %q", what, observe != nil, got, have)
					}
					if (a.Authenticators() != nil) != c.authenticators {
						t.Errorf("%s, observed %v: authenticators %v", what, observe != nil, a.Authenticators())
					}
					return a.JSON(200, nil), nil
				},
			}))
			s.browser().post("/callback/toy")
		}
	}
}

func is[T any](a any) bool {
	_, ok := a.(T)
	return ok
}

// Each method of an adapter is observed by its name, and hands on what it is
// given and what it gets.
func TestObserveEveryAdapterMethod(t *testing.T) {
	o := &trace{}
	var observed engine.Adapter
	var authenticators store.AuthenticatorAdapter
	s := newSite(t, func(_ *site, c *engine.Config) { c.Adapter = memory.New(nil) }, o.set, func(_ *site, c *engine.Config) { observed = engine.ObservedAdapter(c.Adapter, c.Observe) }, withToy(map[string]handle{
		"POST callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			authenticators = a.Authenticators()
			return a.JSON(200, nil), nil
		},
	}))
	s.browser().post("/callback/toy")
	o.take()
	methods := func(of reflect.Type) (out []string) {
		for i := range of.NumMethod() {
			out = append(out, of.Method(i).Name)
		}
		return out
	}
	check := func(names []string, on any) {
		t.Helper()
		for _, name := range names {
			m := reflect.ValueOf(on).MethodByName(name)
			var args []reflect.Value
			for i := range m.Type().NumIn() {
				if i == 0 {
					args = append(args, reflect.ValueOf(context.WithValue(t.Context(), depthKey{}, 3)))
					continue
				}
				v := reflect.New(m.Type().In(i)).Elem()
				switch v.Kind() {
				case reflect.String:
					v.SetString(fmt.Sprintf("argument %d", i))
				case reflect.Struct:
					if f := v.FieldByName("UserID"); f.IsValid() {
						f.SetString("argument of " + name)
					} else if f := v.FieldByName("ID"); f.IsValid() {
						f.SetString("argument of " + name)
					}
				case reflect.Uint32:
					v.SetUint(7)
				}
				args = append(args, v)
			}
			results := m.Call(args)
			want := reflect.ValueOf(memory.New(nil)).MethodByName(name).Call(args)
			if fmt.Sprint(results) != fmt.Sprint(want) {
				t.Errorf("%s returns %v, want %v", name, results, want)
			}
			lines, ends := o.take()
			if want := []string{"      adapter " + name}; !slices.Equal(lines, want) {
				t.Errorf("%s is observed as %q", name, lines)
			}
			err, _ := results[len(results)-1].Interface().(error)
			if err != nil != (len(ends) == 1) || err != nil && !strings.HasSuffix(ends[0], err.Error()) {
				t.Errorf("%s: the error is %v, and ends with %q", name, err, ends)
			}
		}
	}
	check(methods(reflect.TypeFor[store.Adapter]()), observed)
	check(methods(reflect.TypeFor[store.AuthenticatorAdapter]()), authenticators)
	if got := methods(reflect.TypeFor[store.Adapter]()); !slices.Equal(slices.Sorted(slices.Values(adapterMethods)), got) {
		t.Errorf("the methods are %q", got)
	}
}

// Transactions, sign-ups in one step and purges are still used under an
// observer.
func TestObservedAdapterIsUsedAsItIs(t *testing.T) {
	for what, c := range map[string]struct {
		adapter func(*site) engine.Adapter
		want    []string
	}{
		"transactions": {func(s *site) engine.Adapter { return s.store.adapter() }, []string{"Tx", "CreateUser", "LinkAccount", "CreateSession", "Commit"}},
		"sign-up":      {func(s *site) engine.Adapter { return s.store.signUp() }, []string{"CreateUserWithAccount", "CreateSession"}},
		"plain":        {func(s *site) engine.Adapter { return s.store.plain() }, []string{"CreateUser", "LinkAccount", "CreateSession"}},
	} {
		s := newSite(t, withStrategy(engine.StrategyDatabase), (&trace{}).set, func(s *site, cfg *engine.Config) { cfg.Adapter = c.adapter(s) })
		s.browser().oauth("oidc")
		if got := s.store.writes(); !slices.Equal(got, c.want) {
			t.Errorf("%s: the writes are %q, want %q", what, got, c.want)
		}
		s.quiet(t)
	}
	// A store that assigns ids, or shares its tables, still does.
	s := newSite(t, withStrategy(engine.StrategyDatabase), (&trace{}).set, func(s *site, c *engine.Config) { c.Adapter = sharedAdapter{s.store.inner} })
	b := s.browser()
	b.signIn()
	if _, err := s.store.inner.GetSession(t.Context(), b.cookie(sessionCookie)); err != nil {
		t.Errorf("with shared tables, the session is stored under another token: %v", err)
	}
	// Diagnose looks at the layout of a store that is observed.
	var inspected bool
	o := &trace{}
	engine.Diagnose(t.Context(), engine.Config{Secrets: []string{testSecret}, Getenv: env(), Observe: o.Observe, Adapter: inspecting{memory.New(nil), &inspected}})
	if !inspected {
		t.Error("the adapter is not inspected")
	}
}

type inspecting struct {
	engine.Adapter
	inspected *bool
}

func (i inspecting) Inspect(context.Context) error { *i.inspected = true; return nil }

// The client of a Profile function is the engine's: observed, and without
// credentials of its own.
func TestProfileClient(t *testing.T) {
	o := &trace{}
	var header http.Header
	s := newSite(t, o.set, func(s *site, c *engine.Config) {
		c.Providers[1].(*engine.OAuth2).Profile = func(ctx context.Context, p engine.ProfileParams) (engine.User, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://oauth.example/emails", nil)
			if err != nil {
				return engine.User{}, err
			}
			r.Header.Set("Authorization", "Bearer "+p.Tokens.AccessToken)
			answer, err := p.Client.Do(r)
			if err != nil {
				return engine.User{}, err
			}
			defer answer.Body.Close()
			var body bytes.Buffer
			if _, err := body.ReadFrom(answer.Body); err != nil {
				return engine.User{}, err
			}
			header = r.Header
			return engine.User{ID: "1", Email: new(strings.TrimSpace(body.String())), EmailVerified: new(startTime)}, nil
		}
		s.idp.raw = func(r *http.Request) (int, string, string) {
			if r.URL.Path != "/emails" {
				return 0, "", ""
			}
			if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer canary-access-token-") || len(r.Header) != 1 {
				t.Errorf("the request has the headers %v", r.Header)
			}
			return 200, "text/plain", "carol@example.com\n"
		}
	})
	b := s.browser()
	location := b.startOAuth("oauth")
	o.take()
	b.finishOAuth("oauth", location).wantTo(s.origin)
	o.wants(t, "a Profile function", "request callback oauth", "  provider POST oauth.example oauth", "  provider GET oauth.example oauth", "  provider GET oauth.example oauth")
	if got := b.user(); got != "carol@example.com" || header == nil {
		t.Errorf("the session is of %q", got)
	}
	s.quiet(t)

	// Without an observer there is a client as well, with Config.HTTPClient's
	// timeout and transport.
	var client *http.Client
	s = newSite(t, func(_ *site, c *engine.Config) {
		c.HTTPClient = &http.Client{Transport: c.HTTPClient.Transport, Timeout: 7 * time.Second}
		c.Providers[1].(*engine.OAuth2).Profile = func(_ context.Context, p engine.ProfileParams) (engine.User, error) {
			client = p.Client
			return engine.User{ID: "1", Name: new("x")}, nil
		}
	})
	s.browser().oauth("oauth").wantTo(s.origin)
	if client == nil || client.Timeout != 7*time.Second || client.Jar != nil || client.Transport == nil {
		t.Errorf("the client is %+v", client)
	}
	// One without a timeout, as the default, gets the one of the other requests.
	s = newSite(t, func(_ *site, c *engine.Config) {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.HTTPClient = &http.Client{Transport: c.HTTPClient.Transport, Jar: jar}
		c.Providers[1].(*engine.OAuth2).Profile = func(_ context.Context, p engine.ProfileParams) (engine.User, error) {
			client = p.Client
			return engine.User{ID: "1", Name: new("x")}, nil
		}
	})
	s.browser().oauth("oauth").wantTo(s.origin)
	if client.Timeout != 10*time.Second || client.Jar != nil {
		t.Errorf("without a timeout, the client has %v, and the jar %v", client.Timeout, client.Jar)
	}
}

// Reading a session costs the same with Observe nil as before there was one
// (TestSessionAllocations), and an observer costs no more than its calls.
func TestObserverAllocations(t *testing.T) {
	for _, strategy := range strategies {
		cost := func(observe func(context.Context, engine.Operation) (context.Context, func(error))) float64 {
			s := newSite(t, withStrategy(strategy), func(s *site, c *engine.Config) {
				c.Adapter, c.Observe, c.Now = s.store.inner, observe, time.Now
			})
			b := s.browser()
			b.signIn()
			b.get("/csrf")
			r := b.request("GET", base+"/session", nil)
			for _, c := range b.cookies {
				r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
			}
			w := newSink()
			return testing.AllocsPerRun(100, func() {
				w.reset()
				s.eng.ServeHTTP(w, r)
			})
		}
		end := func(error) {}
		without := cost(nil)
		with := cost(func(ctx context.Context, _ engine.Operation) (context.Context, func(error)) { return ctx, end })
		if with > without+8 {
			t.Errorf("%s: %.0f allocations without an observer, %.0f with one", strategy, without, with)
		}
		t.Logf("%s: %.0f allocations without an observer, %.0f with one", strategy, without, with)
	}
}
