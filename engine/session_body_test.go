package engine_test

import (
	"context"
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
)

// The body has exactly the fields that the schema shows to clients.
func TestBodyFollowsTheSchema(t *testing.T) {
	for _, strategy := range strategies {
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
		// id is shown only if declared, built-in fields unless hidden.
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
		// Undeclared and hidden fields of a session callback are not shown.
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

// A computed field has only values of the session callback. It is not stored, and
// clients cannot update it.
func TestComputedFieldsComeFromTheSessionCallback(t *testing.T) {
	for _, strategy := range strategies {
		seats := any(int64(3))
		_, b := updateSite(t, strategy, func(_ *site, c *engine.Config) {
			c.Schema.Computed = []schema.Field{
				{Name: "seats", Type: schema.Type{Kind: schema.Int}, Client: schema.Read},
				{Name: "badge", Client: schema.Read}, // never computed
			}
			c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
				p.Token.Extra["badge"] = "of the token"
				return nil
			}
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
				if _, there := p.Session.Extra["seats"]; there {
					t.Error("a computed value is kept until the next read")
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

// For random schemas and values the body has the names and values of all shown
// fields, and of no other.
func TestBodyHoldsExactlyTheShownFields(t *testing.T) {
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
				m.Default = defaultOf(m.Type)
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
			return startTime
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
				f.Default = defaultOf(f.Type)
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
		strategy := strategies[i%2]
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
				for name, v := range token { // misplaced by the application
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
			t.Fatalf("%s: signed out; log %v", strategy, s.logs.lines)
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
				t.Fatalf("%s: %s is shown: %t; the body is %s", strategy, name, !visible, body)
			}
		}
		s.resetLog()
	}
}

// defaultOf returns the default that an enum needs.
func defaultOf(t schema.Type) any {
	if t.Kind == schema.Enum && !t.List && !t.Nullable {
		return "aenum"
	}
	return nil
}

// Each key that the body does not show is reported once.
func TestUndeclaredKeysAreReportedOnce(t *testing.T) {
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
			t.Errorf("log line %v", entry)
		}
	}
	slices.Sort(fields)
	if want := []string{"accessToken", "user.role"}; !slices.Equal(fields, want) {
		t.Errorf("reported %q, want %q", fields, want)
	}
}
