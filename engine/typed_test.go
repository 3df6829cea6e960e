package engine_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// RequireIf asks its own question after that of Callbacks.Authorized, and only
// about requests that this lets through.
func TestRequireIf(t *testing.T) {
	for _, strategy := range both {
		authorized := engine.Allow()
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.Authorized = func(context.Context, *engine.AuthorizedParams) (engine.Decision, error) { return authorized, nil }
		})
		asked := 0
		var decide func(*engine.AuthorizedParams) (engine.Decision, error)
		b := s.browser().serve(s.eng.RequireIf(func(_ context.Context, p *engine.AuthorizedParams) (engine.Decision, error) {
			asked++
			return decide(p)
		}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("welcome")) })))
		b.signIn()
		for _, c := range []struct {
			what       string
			authorized engine.Decision
			decide     func(*engine.AuthorizedParams) (engine.Decision, error)
			asked      int
			status     int
		}{
			{"both allow", engine.Allow(), func(p *engine.AuthorizedParams) (engine.Decision, error) {
				if p.Session == nil || p.Session.User.ID != "alice-id" || p.Request.URL.Path != "/app" {
					t.Errorf("%s: asked about %+v", strategy, p)
				}
				return engine.Allow(), nil
			}, 1, 200},
			{"it denies", engine.Allow(), func(*engine.AuthorizedParams) (engine.Decision, error) { return engine.Deny(), nil }, 1, 403},
			{"it fails", engine.Allow(), func(*engine.AuthorizedParams) (engine.Decision, error) {
				return engine.Allow(), errors.New("down")
			}, 1, 403},
			{"it panics", engine.Allow(), func(*engine.AuthorizedParams) (engine.Decision, error) { panic("boom") }, 1, 403},
			{"the callback denies", engine.Deny(), func(*engine.AuthorizedParams) (engine.Decision, error) { return engine.Allow(), nil }, 0, 403},
		} {
			asked, authorized, decide = 0, c.authorized, c.decide
			if r := b.ask("GET", "/app"); r.status != c.status || (r.body == "welcome") != (c.status == 200) || asked != c.asked {
				t.Errorf("%s, %s: %d %s, asked %d times", strategy, c.what, r.status, r.body, asked)
			}
		}
	}
	// Without the callback nobody is asked about who is signed out.
	s := newSite(t)
	asked := false
	b := s.browser().serve(s.eng.RequireIf(func(context.Context, *engine.AuthorizedParams) (engine.Decision, error) {
		asked = true
		return engine.Allow(), nil
	}, http.NotFoundHandler()))
	if r := b.ask("GET", "/app"); r.status != http.StatusUnauthorized || asked {
		t.Errorf("signed out: %d, asked: %t", r.status, asked)
	}
}

// A session that was put into the context is for handlers; it signs nobody in.
func TestWithSession(t *testing.T) {
	ctx := engine.WithSession(t.Context(), &engine.Session{User: engine.User{ID: "ann"}})
	if s, ok := engine.SessionFrom(ctx); !ok || s.User.ID != "ann" {
		t.Errorf("the session is %+v, %t", s, ok)
	}
	if s, ok := engine.SessionFrom(engine.WithSession(ctx, nil)); ok || s != nil {
		t.Errorf("the session is %+v, %t", s, ok)
	}
	s := newSite(t)
	b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.eng.Require(http.NotFoundHandler()).ServeHTTP(w, r.WithContext(ctx))
	}))
	if r := b.ask("GET", "/app"); r.status != http.StatusUnauthorized {
		t.Errorf("Require lets in who has no cookie: %d", r.status)
	}
}

// What GET session answers is read back; nothing but that is a session.
func TestDecodeSession(t *testing.T) {
	for _, strategy := range both {
		_, b := updateSite(t, strategy, func(_ *site, c *engine.Config) {
			c.Schema.Computed = []schema.Field{{Name: "seats", Type: schema.Type{Kind: schema.Int}, Client: schema.Read}}
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
				p.Session.Extra["seats"] = int64(3)
				return nil
			}
		})
		c := shop()
		c.Computed = []schema.Field{{Name: "seats", Type: schema.Type{Kind: schema.Int}, Client: schema.Read}}
		got, err := engine.DecodeSession(c, []byte(b.session()))
		if err != nil {
			t.Fatal(err)
		}
		if got.Expires.IsZero() || *got.User.Name != "Alice" || *got.User.Email != "alice@example.com" || got.User.ID != "" {
			t.Errorf("%s: %+v", strategy, got)
		}
		if want := map[string]any{"plan": "pro", "nick": "al", "credits": int64(7)}; !reflect.DeepEqual(got.User.Extra, want) {
			t.Errorf("%s: the user has %v, want %v", strategy, got.User.Extra, want)
		}
		if want := map[string]any{"theme": "light", "factor": "", "seats": int64(3)}; !reflect.DeepEqual(got.Extra, want) {
			t.Errorf("%s: the session has %v, want %v", strategy, got.Extra, want)
		}
	}
	if s, err := engine.DecodeSession(shop(), []byte(" null ")); s != nil || err != nil {
		t.Errorf("null: %v, %v", s, err)
	}
	const head = `{"expires":"2026-12-31T00:00:00.000Z","user":{`
	// What the browser is not shown is not taken from what looks like a body.
	s, err := engine.DecodeSession(shop(), []byte(head+`"id":"x","image":null,"notes":"n","internalID":"i","x":1},"impersonator":"root","y":[1]}`))
	if err != nil || s.User.Extra != nil || s.Extra != nil || s.User.ID != "x" || !s.Expires.Equal(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := engine.DecodeSession(nil, []byte(head+`"plan":1}}`)); err != nil || s.User.Extra != nil {
		t.Errorf("without a schema: %+v, %v", s, err)
	}
	for body, want := range map[string]string{
		``: "JSON", `{`: "JSON", `1`: "needs user", `{}`: "needs user", `[]`: "needs user", `{"user":[],"expires":"2026-12-31T00:00:00.000Z"}`: "needs user",
		`{"user":{},"expires":"soon"}`: "needs user", `{"user":{}}`: "needs user", head + `"name":1}}`: "user.name is no string", head + `"plan":"gold"}}`: "plan: got another string",
		head + `},"theme":4}`: "theme: got", head + `"a":1,"a":2}}`: "two members",
	} {
		if s, err := engine.DecodeSession(shop(), []byte(body)); err == nil || s != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", body, s, err)
		}
	}
}

func FuzzDecodeSession(f *testing.F) {
	f.Add([]byte(`{"user":{"name":"Ann","plan":"pro","nick":null,"credits":9},"expires":"2026-12-31T00:00:00.000Z","theme":"dark"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := engine.DecodeSession(shop(), body)
		if err != nil && s != nil {
			t.Error("a session and an error")
		}
		if s == nil {
			return
		}
		c := shop()
		for name, v := range s.User.Extra {
			f, ok := c.UserField(name)
			canon, err := f.Canon(v)
			if !ok || !f.Shown() || err != nil || !reflect.DeepEqual(canon, v) {
				t.Errorf("user.%s is %v", name, v)
			}
		}
		for name := range s.Extra {
			if f, ok := c.SessionField(name); !ok || !f.Shown() {
				t.Errorf("%s is there", name)
			}
		}
	})
}
