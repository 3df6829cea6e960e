package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// shop is a schema with something of everything.
func shop() *engine.Schema {
	return &engine.Schema{
		User: []schema.Field{
			{Name: "name", Client: schema.Write},
			{Name: "image", Client: schema.Write},
			{Name: "plan", Type: schema.Type{Kind: schema.Enum, Name: "Plan", Enum: []string{"free", "pro"}}, Client: schema.Read, Default: "free"},
			{Name: "nick", Type: schema.Type{Nullable: true}, Client: schema.Write, Max: 10},
			{Name: "credits", Type: schema.Type{Kind: schema.Int}, Client: schema.Write},
			{Name: "notes"}, // stays on the server
			{Name: "internalID", Token: true},
		},
		Session: []schema.Field{
			{Name: "theme", Client: schema.Write, Default: "light"},
			{Name: "impersonator", Type: schema.Type{Nullable: true}},
			{Name: "factor", Client: schema.Read},
		},
		Token: []schema.Field{{Name: "stamp", Type: schema.Type{Kind: schema.Int}}},
	}
}

func withShop(_ *site, c *engine.Config) { c.Schema = shop() }

// updateSite has alice, with her extra fields.
func updateSite(t *testing.T, strategy engine.Strategy, change ...func(*site, *engine.Config)) (*site, *browser) {
	t.Helper()
	s := newSite(t, append([]func(*site, *engine.Config){withShop, withStore, func(s *site, c *engine.Config) {
		c.SessionStrategy = strategy
		u := *alice()
		u.Extra = map[string]any{"plan": "pro", "nick": "al", "credits": int64(7), "notes": "hidden-note", "internalID": "hidden-id"}
		s.putUser(u)
		inner := c.Providers[2].(*engine.Credentials)
		inner.Authorize = func(_ context.Context, v map[string]string, _ *http.Request) (*engine.User, error) {
			if v["password"] != password {
				return nil, nil
			}
			return &u, nil
		}
	}}, change...)...)
	b := s.browser()
	b.signIn()
	return s, b
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}

// The browser sees what the schema allows, and nothing else.
func TestClientBody(t *testing.T) {
	for _, strategy := range both {
		_, b := updateSite(t, strategy)
		got := decode(t, b.session())
		delete(got, "expires")
		want := map[string]any{
			"user":  map[string]any{"name": "Alice", "email": "alice@example.com", "image": "https://example.com/alice.png", "plan": "pro", "nick": "al", "credits": 7.0},
			"theme": "light", "factor": "",
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the session is\n%v, want\n%v", strategy, got, want)
		}
		// id only where it is asked for, built-in members not where they are
		// taken away.
		s := newSite(t, func(_ *site, c *engine.Config) {
			c.Schema = &engine.Schema{User: []schema.Field{{Name: "id", Client: schema.Read}, {Name: "email", Client: schema.None}, {Name: "image", Client: schema.None}}}
		}, withStrategy(strategy))
		b = s.browser()
		b.signIn()
		got = decode(t, b.session())
		delete(got, "expires")
		if want := map[string]any{"user": map[string]any{"id": "alice-id", "name": "Alice"}}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the session is %v, want %v", strategy, got, want)
		}
		// What a session callback adds is not declared, and stays.
		_, b = updateSite(t, strategy, func(_ *site, c *engine.Config) {
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
				p.Session.User.Extra["notes"] = "hidden-note"
				p.Session.User.Extra["undeclared"] = "hidden"
				p.Session.Extra["impersonator"] = "hidden-admin"
				p.Session.Extra["theme"] = 12 // does not fit
				p.Session.Extra["factor"] = "otp"
				return nil
			}
		})
		text := b.session()
		if strings.Contains(text, "hidden") || !strings.Contains(text, `"theme":"light"`) || !strings.Contains(text, `"factor":"otp"`) {
			t.Errorf("%s: the session is %s", strategy, text)
		}
	}
}

// A computed member is what the session callback says: nothing else reaches
// it, it is not stored, and the browser cannot change it.
func TestComputed(t *testing.T) {
	for _, strategy := range both {
		seats := any(int64(3))
		_, b := updateSite(t, strategy, func(_ *site, c *engine.Config) {
			c.Schema.Computed = []schema.Field{
				{Name: "seats", Type: schema.Type{Kind: schema.Int}, Client: schema.Read},
				{Name: "badge", Client: schema.Read}, // nobody computes it
			}
			c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
				p.Token.Extra["badge"] = "of the token"
				return nil
			}
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
				if _, there := p.Session.Extra["seats"]; there {
					t.Error("what was computed for one read is there at the next")
				}
				p.Session.Extra["seats"] = seats
				return nil
			}
		})
		got := decode(t, b.session())
		if _, there := got["badge"]; got["seats"] != 3.0 || there {
			t.Errorf("%s: the session is %v", strategy, got)
		}
		seats = "many" // does not fit
		if text := b.session(); strings.Contains(text, "seats") || !strings.Contains(text, "theme") {
			t.Errorf("%s: the session is %s", strategy, text)
		}
		seats = int64(4)
		if r := b.update(map[string]any{"seats": 9}); r.status != http.StatusBadRequest || !strings.Contains(r.body, "seats") {
			t.Errorf("%s: update of a computed field: %d %s", strategy, r.status, r.body)
		}
		if got := decode(t, b.session()); got["seats"] != 4.0 {
			t.Errorf("%s: the session is %v", strategy, got)
		}
	}
}

func TestUpdate(t *testing.T) {
	for _, strategy := range both {
		s, b := updateSite(t, strategy)
		visible := func(want map[string]any, theme string) {
			t.Helper()
			got := decode(t, b.session())
			user := got["user"].(map[string]any)
			for name, v := range want {
				if !reflect.DeepEqual(user[name], v) {
					t.Errorf("%s: %s is %v, want %v", strategy, name, user[name], v)
				}
			}
			if got["theme"] != theme {
				t.Errorf("%s: theme is %v, want %q", strategy, got["theme"], theme)
			}
		}
		s.forget()
		r := b.update(map[string]any{"name": "Alison", "nick": nil, "credits": 8, "theme": "dark"})
		if r.status != 200 || !strings.Contains(r.body, "Alison") || !strings.Contains(r.body, `"theme":"dark"`) || r.sets(sessionCookie) == nil && strategy == engine.StrategyJWT {
			t.Errorf("%s: update answers %d %s", strategy, r.status, r.body)
		}
		visible(map[string]any{"name": "Alison", "nick": nil, "credits": 8.0, "plan": "pro", "email": "alice@example.com"}, "dark")
		stored, err := s.store.inner.GetUser(t.Context(), "alice-id")
		if err != nil || *stored.Name != "Alison" || stored.Extra["nick"] != nil || stored.Extra["credits"] != int64(8) || stored.Extra["plan"] != "pro" || stored.Extra["notes"] != "hidden-note" {
			t.Errorf("%s: stored is %+v, %v", strategy, stored, err)
		}
		s.quiet(t)
		// The image, and clearing it.
		b.update(map[string]any{"image": "https://example.com/new.png"})
		visible(map[string]any{"image": "https://example.com/new.png", "name": "Alison"}, "dark")
		if r := b.update(map[string]any{"image": nil, "name": nil}); !strings.Contains(r.body, `"name":null`) || !strings.Contains(r.body, `"image":null`) {
			t.Errorf("%s: a cleared name is shown as %s", strategy, r.body)
		}
		visible(map[string]any{"image": nil, "name": nil, "credits": 8.0}, "dark")
		if stored, _ := s.store.inner.GetUser(t.Context(), "alice-id"); stored.Image != nil || stored.Name != nil {
			t.Errorf("%s: stored is %+v", strategy, stored)
		}
		// Of who signs in elsewhere the session's own fields are their own.
		other := s.browser()
		other.signIn()
		if got := decode(t, other.session()); got["theme"] != "light" {
			t.Errorf("%s: another session has the theme %v", strategy, got["theme"])
		}

		// Nothing to change, and nobody signed in.
		for _, data := range []any{nil, map[string]any{}} {
			if r := b.update(data); r.status != 200 || !strings.Contains(r.body, `"credits":8`) {
				t.Errorf("%s: update(%v) answers %d %s", strategy, data, r.status, r.body)
			}
		}
		out := s.browser()
		if r := out.update(map[string]any{"name": "Nobody"}); r.status != 200 || r.body != "null" {
			t.Errorf("%s: update when signed out answers %d %s", strategy, r.status, r.body)
		}
		s.quiet(t)

		// Refused: a 400 that names the key, and nothing is changed.
		before := b.session()
		for key, data := range map[string]any{
			"email":         map[string]any{"email": "evil@example.com"},
			"id":            map[string]any{"id": "bob-id"},
			"plan":          map[string]any{"plan": "free"},
			"notes":         map[string]any{"notes": "x"},
			"internalID":    map[string]any{"internalID": "x"},
			"impersonator":  map[string]any{"impersonator": "x"},
			"factor":        map[string]any{"factor": "otp"},
			"stamp":         map[string]any{"stamp": 1},
			"emailVerified": map[string]any{"emailVerified": "2026-01-01T00:00:00.000Z"},
			"sub":           map[string]any{"sub": "bob-id"},
			"exp":           map[string]any{"exp": 99999999999},
			"picture":       map[string]any{"picture": "x"},
			"user":          map[string]any{"user": map[string]any{"name": "x"}},
			"expires":       map[string]any{"expires": "2099-01-01T00:00:00.000Z"},
			"__proto__":     json.RawMessage(`{"__proto__":{"name":"x"}}`),
			"credits":       map[string]any{"credits": "8"},
			"credit":        map[string]any{"credit": 1},
			"nick":          map[string]any{"nick": strings.Repeat("x", 11)},
			"name":          map[string]any{"name": 1},
			"image":         map[string]any{"image": strings.Repeat("x", 5000)},
			"theme":         map[string]any{"theme": nil},
			"theme ":        map[string]any{"name": "ok", "theme ": "dark"},
			"Name":          map[string]any{"Name": "x"},
		} {
			s.forget()
			r := b.update(data)
			var body struct{ Message string }
			if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != http.StatusBadRequest || !strings.Contains(body.Message, `"`+key+`"`) && !strings.Contains(body.Message, key) || len(r.set) > 0 {
				t.Errorf("%s: update of %q answers %d %s %q", strategy, key, r.status, r.body, r.header["Set-Cookie"])
			}
			if writes := s.store.writes(); len(writes) > 0 {
				t.Errorf("%s: update of %q wrote %v", strategy, key, writes)
			}
			if entry := s.problem(t); entry.attrs["hint"] == "" {
				t.Errorf("%s: the log line is %v", strategy, entry)
			}
		}
		for _, data := range []any{"x", 1, true, []string{"name"}} {
			if r := b.update(data); r.status != http.StatusBadRequest || len(r.set) > 0 {
				t.Errorf("%s: update(%v) answers %d %s", strategy, data, r.status, r.body)
			}
		}
		if after := b.session(); after != before {
			t.Errorf("%s: after refused updates the session is %s, was %s", strategy, after, before)
		}
	}
}

// Without a schema every key is refused.
func TestUpdateWithoutSchema(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signIn()
		for _, key := range []string{"name", "image", "email", "anything"} {
			if r := b.update(map[string]any{key: "x"}); r.status != http.StatusBadRequest || !strings.Contains(r.body, key) {
				t.Errorf("%s: update of %s answers %d %s", strategy, key, r.status, r.body)
			}
		}
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("the session is of %q", got)
		}
	}
}

// The switch hands everything to the callback, and changes nothing itself.
func TestDangerousUpdateData(t *testing.T) {
	for _, strategy := range both {
		var got any
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Parity.DangerousUpdateData = true
			c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
				if m, ok := p.Update.(map[string]any); ok && p.Trigger == engine.TriggerUpdate {
					got = p.Update
					p.Token.Name = new(m["name"].(string))
				}
				return nil
			}
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
				if p.Trigger == engine.TriggerUpdate {
					got = p.Update
				}
				return nil
			}
		})
		b := s.browser()
		b.signIn()
		s.forget()
		r := b.update(map[string]any{"name": "Changed", "list": []any{1, "x"}})
		if r.status != 200 || !reflect.DeepEqual(got, map[string]any{"name": "Changed", "list": []any{1.0, "x"}}) {
			t.Errorf("%s: %d, the callback got %v", strategy, r.status, got)
		}
		if want := strategy == engine.StrategyJWT; strings.Contains(b.session(), "Changed") != want {
			t.Errorf("%s: the session is %s", strategy, b.session())
		}
		if writes := s.store.writes(); len(writes) > 0 {
			t.Errorf("%s: written was %v", strategy, writes)
		}
	}
}

// The application may change every declared field.
func TestUpdateByTheApplication(t *testing.T) {
	for _, strategy := range both {
		s, b := updateSite(t, strategy)
		var data map[string]any
		var session *engine.Session
		var failure error
		app := b.copy()
		app.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, failure = s.eng.Update(w, r, data)
			if again, err := s.eng.Session(w, r); failure == nil && (err != nil || again != session) {
				t.Errorf("%s: Session after Update is %v, %v", strategy, again, err)
			}
		})
		change := func(m map[string]any) {
			t.Helper()
			data, session, failure = m, nil, nil
			app.get("./settings")
		}
		change(map[string]any{"plan": "free", "notes": "a new note", "internalID": "i", "impersonator": "root", "name": "Alison"})
		if failure != nil || session == nil || *session.User.Name != "Alison" || session.User.Extra["plan"] != "free" || session.Extra["impersonator"] != "root" {
			t.Fatalf("%s: Update returns %+v, %v", strategy, session, failure)
		}
		b.cookies = app.cookies
		got := b.session()
		if !strings.Contains(got, `"plan":"free"`) || !strings.Contains(got, "Alison") || strings.Contains(got, "root") || strings.Contains(got, "a new note") {
			t.Errorf("%s: the session is %s", strategy, got)
		}
		stored, _ := s.store.inner.GetUser(t.Context(), "alice-id")
		if stored.Extra["plan"] != "free" || stored.Extra["notes"] != "a new note" || stored.Extra["internalID"] != "i" || *stored.Name != "Alison" {
			t.Errorf("%s: stored is %+v", strategy, stored.Extra)
		}
		for _, wrong := range []map[string]any{{"plan": "gold"}, {"email": "x@example.com"}, {"id": "x"}, {"nothing": 1}, {"nothing": "x"}, {"credits": 1.5}} {
			change(wrong)
			if failure == nil || session != nil {
				t.Errorf("%s: Update(%v) returns %v, %v", strategy, wrong, session, failure)
			}
		}
		app.cookies = nil
		change(map[string]any{"name": "x"})
		if failure != nil || session != nil {
			t.Errorf("%s: Update when signed out returns %v, %v", strategy, session, failure)
		}
		down := errors.New("down")
		app.cookies = b.cookies
		s.store.breaks(down)
		change(map[string]any{"name": "x"})
		var known *engine.Error
		if !errors.As(failure, &known) || !errors.Is(failure, down) || session != nil {
			t.Errorf("%s: Update with the store down returns %v, %v", strategy, session, failure)
		}
	}
}

// What no cookie can hold is an error, and the session stays as it was.
func TestUpdateThatIsTooLarge(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = &engine.Schema{User: []schema.Field{{Name: "bio", Client: schema.Read}}}
	})
	b := s.browser()
	b.signIn()
	before := b.session()
	b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := s.eng.Update(w, r, map[string]any{"bio": strings.Repeat("x", 70000)})
		var known *engine.Error
		if session != nil || !errors.As(err, &known) || known.Code != engine.CodeConfiguration || !strings.Contains(known.Hint, "keep less in the token") {
			t.Errorf("Update returns %v, %v", session, err)
		}
	}))
	s.forget()
	if r := b.get("./settings"); len(r.set) > 0 {
		t.Errorf("cookies are set: %q", r.header["Set-Cookie"])
	}
	s.problem(t)
	if after := b.session(); after != before {
		t.Errorf("the session is %s, was %s", after, before)
	}
}

// What a provider says reaches the declared fields only, by the declared
// claims.
func TestProfileFields(t *testing.T) {
	for _, strategy := range both {
		s := newSite(t, func(_ *site, c *engine.Config) {
			c.Schema = &engine.Schema{User: []schema.Field{
				{Name: "locale", Client: schema.Read, Profile: map[string]string{"oidc": "locale"}},
				{Name: "level", Type: schema.Type{Kind: schema.Int}, Client: schema.Read, Default: int64(1), Profile: map[string]string{"oidc": "lvl"}},
				{Name: "role", Client: schema.Read, Default: "user"},
			}}
		}, withStore, func(_ *site, c *engine.Config) { c.SessionStrategy = strategy })
		s.idp.user = map[string]any{"sub": "b", "email": "bob@example.com", "locale": "de", "lvl": 3, "role": "admin", "plan": "pro"}
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		if got := b.session(); !strings.Contains(got, `"locale":"de","level":3,"role":"user"`) {
			t.Errorf("%s: the session is %s", strategy, got)
		}
		// A claim that does not fit is the default, with a line in the log.
		s.idp.user = map[string]any{"sub": "c", "email": "c@example.com", "lvl": "high"}
		b = s.browser()
		s.forget()
		b.oauth("oidc").wantTo(s.origin)
		if got := b.session(); !strings.Contains(got, `"locale":"","level":1,"role":"user"`) {
			t.Errorf("%s: the session is %s", strategy, got)
		}
		if lines := s.logs.problems(); len(lines) != 1 || lines[0].attrs["field"] != "level" || strings.Contains(lines[0].String(), "c@example.com") {
			t.Errorf("%s: the log is %v", strategy, lines)
		}
		// A profile callback cannot set what is not declared.
		s = newSite(t, func(_ *site, c *engine.Config) {
			c.Providers[0].(*engine.OIDC).Profile = func(context.Context, engine.Profile, *engine.Tokens) (engine.User, error) {
				return engine.User{ID: "x", Extra: map[string]any{"undeclared": "x"}}, nil
			}
		}, withStore)
		b = s.browser()
		location := b.leave("oidc")
		s.forget()
		s.refusesCallback("an undeclared field", b, b.back("oidc", location), engine.CodeConfiguration)
		if asked := s.store.called(); len(asked) > 0 {
			t.Errorf("an undeclared field: the adapter was asked %v", asked)
		}
	}
}
