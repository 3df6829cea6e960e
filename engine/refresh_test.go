package engine_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

func (s *site) setExtra(name string, v any) {
	s.t.Helper()
	if _, err := s.store.inner.UpdateUser(context.Background(), store.UserUpdate{ID: "alice-id", Extra: map[string]any{name: v}}); err != nil {
		s.t.Fatal(err)
	}
}

// What changes in the store reaches a jwt session no later than UserRefreshAge,
// and the store is asked no more often.
func TestUserRefresh(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		want time.Duration // 0: never
	}{{0, 24 * time.Hour}, {time.Minute, time.Minute}, {-1, 0}} {
		s, b := updateSite(t, engine.StrategyJWT, func(_ *site, cfg *engine.Config) { cfg.UserRefreshAge = c.age })
		s.setExtra("plan", "free")
		s.setExtra("internalID", "hidden-new")
		if _, err := s.store.inner.UpdateUser(t.Context(), store.UserUpdate{ID: "alice-id", Name: store.SetTo("Alison"), Image: store.Clear[string]()}); err != nil {
			t.Fatal(err)
		}
		s.store.reset()
		is := func(when, plan, name string, asked int) {
			t.Helper()
			got := decode(t, b.session())
			user := got["user"].(map[string]any)
			if user["plan"] != plan || user["name"] != name || s.store.count("GetUser") != asked {
				t.Errorf("UserRefreshAge %v, %s: %v, asked %d times", c.age, when, user, s.store.count("GetUser"))
			}
			s.store.reset()
		}
		if token, _, err := wire.V5.NewKeys(sessionCookie, testSecret).DecodeToken(b.cookie(sessionCookie), nil, s.clock.Now()); err != nil || (token.Extra["sesame:userReadAt"] != nil) != (c.want > 0) {
			t.Errorf("UserRefreshAge %v: the token is %+v, %v", c.age, token, err)
		}
		is("at once", "pro", "Alice", 0)
		// Using the session, so that it is extended all the time, changes nothing.
		for range 8 {
			s.clock.add(cmp.Or(c.want, 48*time.Hour)/8 - time.Second)
			is("before", "pro", "Alice", 0)
		}
		s.clock.add(8 * time.Second)
		if c.want == 0 {
			is("later", "pro", "Alice", 0)
			continue
		}
		is("after", "free", "Alison", 1)
		is("then", "free", "Alison", 0)
		if text := b.session(); strings.Contains(text, "hidden") || strings.Contains(text, "userReadAt") {
			t.Errorf("the browser sees %s", text)
		}
		token, _, err := wire.V5.NewKeys(sessionCookie, testSecret).DecodeToken(b.cookie(sessionCookie), shop(), s.clock.Now())
		if err != nil || token.Extra["internalID"] != "hidden-new" || token.Picture != nil || token.Extra["theme"] != "light" {
			t.Errorf("the token is %+v, %v", token, err)
		}
		s.quiet(t)
	}
}

func TestUserRefreshAtItsEdges(t *testing.T) {
	var asked []any
	s, b := updateSite(t, engine.StrategyJWT, func(_ *site, c *engine.Config) {
		c.UserRefreshAge = time.Minute
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			asked = append(asked, p.Token.Extra["plan"])
			return nil
		}
	})
	// The callback sees what is new; update() in the same request is not lost.
	s.setExtra("plan", "free")
	s.clock.add(time.Hour)
	if r := b.update(map[string]any{"theme": "dark", "nick": "ali"}); !strings.Contains(r.body, `"plan":"free"`) || !strings.Contains(r.body, `"theme":"dark"`) || !strings.Contains(r.body, `"nick":"ali"`) {
		t.Errorf("update() answers %s", r.body)
	}
	if want := []any{"pro", "free"}; !reflect.DeepEqual(asked, want) {
		t.Errorf("the jwt callback saw %v, want %v", asked, want)
	}
	// While the store fails nothing is known, and the cookie stays.
	s.clock.add(time.Hour)
	s.store.breaks(errors.New("down"), "GetUser")
	if r := b.get("/session"); r.body != "null" || len(r.set) > 0 {
		t.Errorf("the store is down: %s, %v", r.body, r.set)
	}
	s.forget()
	s.store.repair()
	if body := b.session(); !strings.Contains(body, `"plan":"free"`) {
		t.Errorf("it is back: %s", body)
	}
	// A handler's cookie is renewed as well.
	s.setExtra("plan", "pro")
	s.clock.add(time.Hour)
	handler := b.handler
	b.handler = s.eng.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := engine.SessionFrom(r.Context())
		fmt.Fprint(w, session.User.Extra["plan"])
	}))
	if r := b.ask("GET", "/app"); r.body != "pro" || len(r.set) == 0 {
		t.Errorf("a handler sees %s, %v", r.body, r.set)
	}
	b.handler = handler
	// Who is gone is signed out.
	if err := s.store.inner.DeleteUser(t.Context(), "alice-id"); err != nil {
		t.Fatal(err)
	}
	if body := b.session(); body == "null" {
		t.Error("signed out too early")
	}
	s.clock.add(time.Hour)
	if r := b.get("/session"); r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("the user is gone: %s", r.body)
	}
	// So is who cannot be a user of this store; a session without a user stays.
	s, b = updateSite(t, engine.StrategyJWT)
	s.clock.add(25 * time.Hour)
	s.store.breaks(store.ErrInvalid, "GetUser")
	if r := b.get("/session"); r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("an id that the store refuses: %s", r.body)
	}
	s.store.repair()
	b.set(sessionCookie, s.mint(&engine.Token{Name: new("Nobody")}, testSecret))
	s.store.reset()
	if got := b.user(); got != "Nobody" || len(s.store.called()) > 0 {
		t.Errorf("a session without a user: %q, asked %v", got, s.store.called())
	}
	// Nothing of the user is in the token, so by default nothing is refreshed.
	s = newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = &engine.Schema{User: []schema.Field{{Name: "name", Client: schema.Write}, {Name: "notes"}}}
	}, withStrategy(engine.StrategyJWT))
	b = s.browser()
	b.signIn()
	s.store.reset()
	s.clock.add(25 * time.Hour)
	if got := b.user(); got != "alice@example.com" || len(s.store.called()) > 0 {
		t.Errorf("nothing to refresh: %q, asked %v", got, s.store.called())
	}
	if _, err := engine.New(engine.Config{Secret: testSecret, UserRefreshAge: time.Millisecond, Getenv: func(string) string { return "" }}); err == nil || !strings.Contains(err.Error(), "UserRefreshAge") {
		t.Errorf("a millisecond: %v", err)
	}
}

// Whatever a store makes of extra fields, callbacks, events and sessions get
// canonical values: of a number its JSON here, and of a value that does not fit
// any more the default.
func TestStoredValuesAreCanonical(t *testing.T) {
	for _, strategy := range both {
		seen := map[string]int{}
		look := func(where string, u *engine.User) error {
			if u == nil || u.Extra == nil {
				return nil // as the provider has it, or as Authorize has
			}
			seen[where]++
			if u.Extra["credits"] != int64(7) || u.Extra["plan"] != "free" {
				t.Errorf("%s: %s sees %#v", strategy, where, u.Extra)
			}
			return nil
		}
		user := func(where string) func(context.Context, *engine.UserEvent) error {
			return func(_ context.Context, e *engine.UserEvent) error { return look(where, e.User) }
		}
		s := newSite(t, withShop, withStrategy(strategy), func(s *site, c *engine.Config) {
			c.Adapter = rough{s.store.plain()}
			c.UserRefreshAge = time.Minute
			c.Providers[0].(*engine.OIDC).AllowDangerousEmailAccountLinking = true
			c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
				return engine.Allow(), look("the signIn callback", p.User)
			}
			c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error { return look("the jwt callback", p.User) }
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
				if p.Session.User.Email != nil && *p.Session.User.Email == "alice@example.com" && strategy == engine.StrategyJWT && s.store.count("GetUser") == 0 {
					return nil // as Authorize has it
				}
				return look("the session callback", &p.Session.User)
			}
			c.Events.SignIn = func(_ context.Context, e *engine.SignInEvent) error { return look("signIn", e.User) }
			c.Events.LinkAccount = func(_ context.Context, e *engine.LinkAccountEvent) error { return look("linkAccount", e.User) }
			c.Events.CreateUser, c.Events.UpdateUser = user("createUser"), user("updateUser")
		})
		verified := start
		s.putUser(engine.User{ID: "dora-id", Email: new("dora@example.com"), EmailVerified: &verified})
		b := s.browser()
		b.signIn()
		s.clock.add(2 * time.Minute)
		b.session()
		b.update(map[string]any{"name": "Alison"})
		b.oauth("oidc").wantTo(s.origin)                                                             // linked to alice
		s.browser().oauth("oidc").wantTo(s.origin)                                                   // known
		s.idp.user = map[string]any{"sub": "d", "email": "dora@example.com", "email_verified": true} // linked by address
		s.browser().oauth("oidc").wantTo(s.origin)                                                   //
		s.idp.user = map[string]any{"sub": "e", "email": "emma@example.com", "email_verified": true} // new
		s.browser().oauth("oidc").wantTo(s.origin)                                                   //
		s.browser().followMail("frida@example.com").wantTo(s.origin)                                 // new
		s.browser().followMail("dora@example.com").wantTo(s.origin)                                  // known
		want := []string{"the signIn callback", "the session callback", "signIn", "linkAccount", "createUser", "updateUser"}
		if strategy == engine.StrategyJWT {
			want = append(want, "the jwt callback")
		}
		for _, where := range want {
			if seen[where] == 0 {
				t.Errorf("%s: %s has seen no stored user", strategy, where)
			}
		}
		misfits := 0
		for _, entry := range s.logs.problems() {
			if entry.attrs["field"] == "plan" && !strings.Contains(entry.String(), "gold") {
				misfits++
			}
		}
		if misfits == 0 {
			t.Errorf("%s: the log says nothing of the value that does not fit", strategy)
		}
	}
}

// rough is a store that returns extra fields of users as JSON has them, and a
// plan that there is no more.
type rough struct{ engine.Adapter }

func roughen(u engine.User, err error) (engine.User, error) {
	u.Extra = map[string]any{"credits": json.Number("7"), "plan": "gold"}
	return u, err
}

func (r rough) CreateUser(ctx context.Context, u engine.User) (engine.User, error) {
	return roughen(r.Adapter.CreateUser(ctx, u))
}

func (r rough) GetUser(ctx context.Context, id string) (engine.User, error) {
	return roughen(r.Adapter.GetUser(ctx, id))
}

func (r rough) GetUserByEmail(ctx context.Context, email string) (engine.User, error) {
	return roughen(r.Adapter.GetUserByEmail(ctx, email))
}

func (r rough) UpdateUser(ctx context.Context, u store.UserUpdate) (engine.User, error) {
	return roughen(r.Adapter.UpdateUser(ctx, u))
}

func (r rough) GetUserByAccount(ctx context.Context, provider, id string) (engine.User, error) {
	return roughen(r.Adapter.GetUserByAccount(ctx, provider, id))
}

func (r rough) GetSessionAndUser(ctx context.Context, token string) (engine.AdapterSession, engine.User, error) {
	row, u, err := r.Adapter.GetSessionAndUser(ctx, token)
	u, err = roughen(u, err)
	return row, u, err
}

// Sessions issued under another schema are read under this one, whatever has
// changed, with one log line for each field; nobody is signed out.
func TestSessionsOfOlderSchemas(t *testing.T) {
	role := func(values ...string) schema.Type {
		return schema.Type{Kind: schema.Enum, Name: "Role", Enum: values}
	}
	now := func(f schema.Field) *engine.Schema {
		f.Client = schema.Read
		return &engine.Schema{User: []schema.Field{f}}
	}
	for _, c := range []struct {
		change string
		claims map[string]any // of the old token
		schema *engine.Schema
		want   string // in the body
		level  string // of the log line; "": none
		says   string
	}{
		{"nothing", map[string]any{"f": "x"}, now(schema.Field{Name: "f"}), `"f":"x"`, "", ""},
		{"added", nil, now(schema.Field{Name: "f", Default: "d"}), `"f":"d"`, "INFO", "is missing"},
		{"added, nullable", nil, now(schema.Field{Name: "f", Type: schema.Type{Nullable: true}}), `"f":null`, "INFO", "is missing"},
		{"removed", map[string]any{"gone": "x"}, &engine.Schema{}, `"user":{"name":"Alice"}`, "", ""},
		{"hidden", map[string]any{"f": "x"}, &engine.Schema{User: []schema.Field{{Name: "f"}}}, `"user":{"name":"Alice"}`, "", ""},
		{"renamed", map[string]any{"org": "acme"}, now(schema.Field{Name: "f", Was: []string{"org"}}), `"f":"acme"`, "INFO", "earlier name"},
		{"renamed and of another type", map[string]any{"org": 7.0}, now(schema.Field{Name: "f", Default: "d", Was: []string{"org"}}), `"f":"d"`, "WARN", "does not fit"},
		{"another type", map[string]any{"f": "x"}, now(schema.Field{Name: "f", Type: schema.Type{Kind: schema.Int}}), `"f":0`, "WARN", "does not fit"},
		{"no longer nullable", map[string]any{"f": nil}, now(schema.Field{Name: "f", Default: "d"}), `"f":"d"`, "WARN", "does not fit"},
		{"nullable now", map[string]any{"f": "x"}, now(schema.Field{Name: "f", Type: schema.Type{Nullable: true}}), `"f":"x"`, "", ""},
		{"a list now", map[string]any{"f": "x"}, now(schema.Field{Name: "f", Type: schema.Type{List: true}}), `"f":[]`, "WARN", "does not fit"},
		{"a list no longer", map[string]any{"f": []any{"x"}}, now(schema.Field{Name: "f"}), `"f":""`, "WARN", "does not fit"},
		{"an enum value removed", map[string]any{"f": "owner"}, now(schema.Field{Name: "f", Type: role("admin", "member"), Default: "member"}), `"f":"member"`, "WARN", "does not fit"},
		{"an enum value added", map[string]any{"f": "admin"}, now(schema.Field{Name: "f", Type: role("admin", "member", "guest"), Default: "guest"}), `"f":"admin"`, "", ""},
		{"shorter", map[string]any{"f": "xxxx"}, now(schema.Field{Name: "f", Max: 3}), `"f":""`, "WARN", "does not fit"},
		{"a member added", map[string]any{"f": map[string]any{"a": "x"}}, now(schema.Field{Name: "f", Type: schema.Type{Kind: schema.Object, Name: "O", Fields: []schema.Field{{Name: "a"}, {Name: "b", Default: "d"}}}}), `"f":{"a":"x","b":"d"}`, "", ""},
		{"a member removed", map[string]any{"f": map[string]any{"a": "x", "z": 1.0}}, now(schema.Field{Name: "f", Type: schema.Type{Kind: schema.Object, Name: "O", Fields: []schema.Field{{Name: "a"}}}}), `"f":{"a":"x"}`, "", ""},
		{"moved to the session", map[string]any{"f": "x"}, &engine.Schema{Session: []schema.Field{{Name: "f", Client: schema.Read}}}, `"f":"x"`, "", ""},
		{"computed now", map[string]any{"f": "x"}, &engine.Schema{Computed: []schema.Field{{Name: "f", Client: schema.Read}}}, `"user":{"name":"Alice"}`, "", ""},
		{"a secret of the token now", map[string]any{"f": "x"}, &engine.Schema{Token: []schema.Field{{Name: "f"}}}, `"user":{"name":"Alice"}`, "", ""},
	} {
		s := newSite(t, func(_ *site, cfg *engine.Config) { cfg.Schema = c.schema })
		cookie, err := wire.V5.NewKeys(sessionCookie, testSecret).EncodeToken(&engine.Token{Name: new("Alice"), Subject: "alice-id", Extra: c.claims}, s.clock.Now(), time.Hour, newDice(9))
		if err != nil {
			t.Fatal(err)
		}
		b := s.browser()
		b.set(sessionCookie, cookie)
		for range 3 {
			if body := b.session(); !strings.Contains(body, c.want) || strings.Contains(body, "gone") {
				t.Errorf("%s: the session is %s, want %s", c.change, body, c.want)
			}
		}
		var lines []string
		for _, entry := range s.logs.lines {
			if strings.Contains(entry.msg, "another schema") {
				lines = append(lines, entry.level.String()+" "+entry.msg)
				if entry.attrs["field"] != "f" || strings.Contains(fmt.Sprint(entry.attrs), "owner") {
					t.Errorf("%s: the line has %v", c.change, entry.attrs)
				}
			}
		}
		if (len(lines) == 1) != (c.level != "") || len(lines) > 1 || c.level != "" && (!strings.HasPrefix(lines[0], c.level) || !strings.Contains(lines[0], c.says)) {
			t.Errorf("%s: the log says %q, want %s %q", c.change, lines, c.level, c.says)
		}
		s.forget()
	}
}

// Over random schemas and values a browser never sees a field that is not shown
// to it, and sees every other: neither a name nor a value.
func TestOnlyWhatIsShown(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := 0
	secret := func() string { n++; return fmt.Sprintf("hidden%dsecret", n) }
	var typ func(depth int) schema.Type
	typ = func(depth int) schema.Type {
		t := schema.Type{Kind: schema.Kind(r.IntN(int(schema.Object) + 1))}
		if depth > 2 && t.Kind == schema.Object {
			t.Kind = schema.String
		}
		switch r.IntN(3) {
		case 0:
			t.List = true
		case 1:
			t.Nullable = true
		}
		switch t.Kind {
		case schema.Enum:
			t.Name, t.Enum = "E", []string{"aenum", "benum"}
		case schema.Object:
			t.Name = "O"
			for i := range 1 + r.IntN(3) {
				m := schema.Field{Name: fmt.Sprintf("m%d", i), Type: typ(depth + 1)}
				m.Default = fallback(m.Type)
				t.Fields = append(t.Fields, m)
			}
		}
		return t
	}
	var value func(t schema.Type, hidden bool) any
	value = func(t schema.Type, hidden bool) any {
		if t.List {
			one := t
			one.List = false
			out := []any{}
			for range r.IntN(3) {
				out = append(out, value(one, hidden))
			}
			return out
		}
		if t.Nullable && r.IntN(4) == 0 {
			return nil
		}
		switch t.Kind {
		case schema.Bool:
			return r.IntN(2) == 0
		case schema.Int:
			if hidden {
				return int64(987_654_000) + int64(r.IntN(1000))
			}
			return int64(r.IntN(100))
		case schema.Float:
			if hidden {
				return 987654.125 + float64(r.IntN(10))
			}
			return 0.5
		case schema.Time:
			if hidden {
				return time.Date(1987, 6, 5, r.IntN(24), 0, 0, 0, time.UTC)
			}
			return start
		case schema.Enum:
			return t.Enum[r.IntN(2)]
		case schema.Object:
			m := map[string]any{}
			for _, f := range t.Fields {
				m[f.Name] = value(f.Type, hidden)
			}
			return m
		}
		if hidden {
			return secret()
		}
		return "open"
	}
	for i := range 60 {
		c := &engine.Schema{}
		user, session, token := map[string]any{}, map[string]any{}, map[string]any{}
		shown := map[string]bool{}
		for k := range 1 + r.IntN(8) {
			for section, fields := range map[string]*[]schema.Field{"user": &c.User, "session": &c.Session, "token": &c.Token} {
				f := schema.Field{Name: fmt.Sprintf("%sField%d", section, k), Type: typ(0)}
				f.Default = fallback(f.Type)
				if section != "token" {
					f.Client = schema.Access(r.IntN(4))
				}
				f.Token = section == "user" && r.IntN(2) == 0
				shown[f.Name] = f.Shown()
				v := value(f.Type, !f.Shown())
				map[string]map[string]any{"user": user, "session": session, "token": token}[section][f.Name] = v
				*fields = append(*fields, f)
			}
		}
		strategy := both[i%2]
		s := newSite(t, func(s *site, cfg *engine.Config) {
			cfg.Schema, cfg.SessionStrategy = c, strategy
			withStore(s, cfg)
			u := *alice()
			u.Extra = user
			s.putUser(u)
			cfg.Providers[2].(*engine.Credentials).Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) { return &u, nil }
			cfg.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
				for name, v := range token {
					p.Token.Extra[name] = v
				}
				for name, v := range session {
					p.Token.Extra[name] = v
				}
				return nil
			}
			cfg.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
				for _, m := range []*map[string]any{&p.Session.Extra, &p.Session.User.Extra} {
					if *m == nil {
						*m = map[string]any{}
					}
				}
				for name, v := range session {
					p.Session.Extra[name] = v
				}
				for name, v := range token { // an application that mixes things up
					p.Session.Extra[name] = v
					p.Session.User.Extra[name] = v
				}
				return nil
			}
		})
		b := s.browser()
		b.signIn()
		body := b.session()
		for _, mark := range []string{"hidden", "987654", "1987-06-05"} {
			if strings.Contains(body, mark) {
				t.Fatalf("%s, schema %+v:\na hidden value is in %s", strategy, c, body)
			}
		}
		if body == "null" {
			t.Fatalf("%s: signed out; the log: %v", strategy, s.logs.lines)
		}
		got := decode(t, body)
		var names []string
		for name := range got["user"].(map[string]any) {
			names = append(names, name)
		}
		for name := range got {
			names = append(names, name)
		}
		for name, visible := range shown {
			if slices.Contains(names, name) != visible {
				t.Fatalf("%s: %s is visible: %t; the body is %s", strategy, name, !visible, body)
			}
		}
		s.forget()
	}
}

// fallback is the default that an enum needs.
func fallback(t schema.Type) any {
	if t.Kind == schema.Enum && !t.List && !t.Nullable {
		return "aenum"
	}
	return nil
}
