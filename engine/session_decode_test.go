package engine_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// DecodeSession reads bodies of GET session, and refuses everything else.
func TestDecodeSessionReadsTheBodyOfGETSession(t *testing.T) {
	for _, strategy := range strategies {
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
	// Fields that clients are not shown are ignored.
	s, err := engine.DecodeSession(shop(), []byte(head+`"id":"x","image":null,"notes":"n","internalID":"i","x":1},"impersonator":"root","y":[1]}`))
	if err != nil || s.User.Extra != nil || s.Extra != nil || s.User.ID != "x" || !s.Expires.Equal(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := engine.DecodeSession(nil, []byte(head+`"plan":1}}`)); err != nil || s.User.Extra != nil {
		t.Errorf("without a schema: %+v, %v", s, err)
	}
	for body, want := range map[string]string{
		``: "JSON", `{`: "JSON", `1`: "needs user", `{}`: "needs user", `[]`: "needs user", `{"user":[],"expires":"2026-12-31T00:00:00.000Z"}`: "needs user",
		`{"user":{},"expires":"soon"}`: "needs user", `{"user":{}}`: "needs user", head + `"name":1}}`: "user.name is not a string", head + `"plan":"gold"}}`: "plan: got another string",
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
				t.Errorf("%s is not shown but was decoded", name)
			}
		}
	})
}
