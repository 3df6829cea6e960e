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
)

func TestUpdateChangesWritableFieldsOnly(t *testing.T) {
	for _, strategy := range strategies {
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
		s.resetLog()
		r := b.update(map[string]any{"name": "Alison", "nick": nil, "credits": 8, "theme": "dark"})
		if r.status != 200 || !strings.Contains(r.body, "Alison") || !strings.Contains(r.body, `"theme":"dark"`) || r.sets(sessionCookie) == nil && strategy == engine.StrategyJWT {
			t.Errorf("%s: update answered %d %s", strategy, r.status, r.body)
		}
		visible(map[string]any{"name": "Alison", "nick": nil, "credits": 8.0, "plan": "pro", "email": "alice@example.com"}, "dark")
		stored, err := s.store.inner.GetUser(t.Context(), "alice-id")
		if err != nil || *stored.Name != "Alison" || stored.Extra["nick"] != nil || stored.Extra["credits"] != int64(8) || stored.Extra["plan"] != "pro" || stored.Extra["notes"] != "hidden-note" {
			t.Errorf("%s: stored %+v, %v", strategy, stored, err)
		}
		s.quiet(t)
		// The image and the name can be cleared.
		b.update(map[string]any{"image": "https://example.com/new.png"})
		visible(map[string]any{"image": "https://example.com/new.png", "name": "Alison"}, "dark")
		if r := b.update(map[string]any{"image": nil, "name": nil}); !strings.Contains(r.body, `"name":null`) || !strings.Contains(r.body, `"image":null`) {
			t.Errorf("%s: a cleared name is shown as %s", strategy, r.body)
		}
		visible(map[string]any{"image": nil, "name": nil, "credits": 8.0}, "dark")
		if stored, _ := s.store.inner.GetUser(t.Context(), "alice-id"); stored.Image != nil || stored.Name != nil {
			t.Errorf("%s: stored %+v", strategy, stored)
		}
		// Fields of the session are not shared with another session of the user.
		other := s.browser()
		other.signIn()
		if got := decode(t, other.session()); got["theme"] != "light" {
			t.Errorf("%s: another session has the theme %v", strategy, got["theme"])
		}

		// An update without data, and without a session.
		for _, data := range []any{nil, map[string]any{}} {
			if r := b.update(data); r.status != 200 || !strings.Contains(r.body, `"credits":8`) {
				t.Errorf("%s: update(%v) answered %d %s", strategy, data, r.status, r.body)
			}
		}
		out := s.browser()
		if r := out.update(map[string]any{"name": "Nobody"}); r.status != 200 || r.body != "null" {
			t.Errorf("%s: update when signed out answered %d %s", strategy, r.status, r.body)
		}
		s.quiet(t)

		// A refusal has status 400, names the key and changes nothing.
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
			s.resetLog()
			r := b.update(data)
			var body struct{ Message string }
			if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != http.StatusBadRequest || !strings.Contains(body.Message, `"`+key+`"`) && !strings.Contains(body.Message, key) || len(r.set) > 0 {
				t.Errorf("%s: update of %q answered %d %s %q", strategy, key, r.status, r.body, r.header["Set-Cookie"])
			}
			if writes := s.store.writes(); len(writes) > 0 {
				t.Errorf("%s: update of %q wrote %v", strategy, key, writes)
			}
			if entry := s.problem(t); entry.attrs["hint"] == "" {
				t.Errorf("%s: log line %v", strategy, entry)
			}
		}
		for _, data := range []any{"x", 1, true, []string{"name"}} {
			if r := b.update(data); r.status != http.StatusBadRequest || len(r.set) > 0 {
				t.Errorf("%s: update(%v) answered %d %s", strategy, data, r.status, r.body)
			}
		}
		if after := b.session(); after != before {
			t.Errorf("%s: after refused updates the session is %s, was %s", strategy, after, before)
		}
	}
}

// update() stores both user and session, or neither.
func TestUpdateIsAtomic(t *testing.T) {
	s, b := updateSite(t, engine.StrategyDatabase)
	s.store.failWith(errors.New("down"), "UpdateSession")
	s.resetLog()
	b.update(map[string]any{"name": "Alison", "theme": "dark"})
	s.problem(t)
	s.store.repair()
	u, err := s.store.inner.GetUser(t.Context(), "alice-id")
	if err != nil || *u.Name != "Alice" {
		t.Errorf("half of the update was stored: %v, %v", *u.Name, err)
	}
	if got := b.session(); !strings.Contains(got, "Alice") || !strings.Contains(got, `"theme":"light"`) {
		t.Errorf("the session is %s", got)
	}
}

// An update does not put a field into the token that tokens do not carry.
func TestUpdateKeepsFieldsOutOfTheToken(t *testing.T) {
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
		t.Errorf("stored %v", u.Extra)
	}
	// Without a store such an update is an error.
	bare := newSite(t, withShop)
	c := bare.browser()
	c.signIn()
	c.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := bare.eng.Update(w, r, map[string]any{"notes": "lost"}); err == nil {
			t.Error("an update that cannot be stored returned no error")
		}
	})
	c.get("./settings")
}

// Without a schema every key of an update is refused.
func TestUpdateWithoutASchemaIsRefused(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signIn()
		for _, key := range []string{"name", "image", "email", "anything"} {
			if r := b.update(map[string]any{key: "x"}); r.status != http.StatusBadRequest || !strings.Contains(r.body, key) {
				t.Errorf("%s: update of %s answered %d %s", strategy, key, r.status, r.body)
			}
		}
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("signed in as %q", got)
		}
	}
}

// With DangerousUpdateData the callbacks get all data, and the engine stores none.
func TestDangerousUpdateDataGoesToTheCallbacks(t *testing.T) {
	for _, strategy := range strategies {
		var got any
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Parity.DangerousUpdateData = true
			c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
				if m, ok := p.Update.(map[string]any); ok && p.Trigger == "update" {
					got = p.Update
					p.Token.Name = new(m["name"].(string))
				}
				return nil
			}
			c.Callbacks.Session = func(_ context.Context, p *engine.SessionParams) error {
				if p.Trigger == "update" {
					got = p.Update
				}
				return nil
			}
		})
		b := s.browser()
		b.signIn()
		s.resetLog()
		r := b.update(map[string]any{"name": "Changed", "list": []any{1, "x"}})
		if r.status != 200 || !reflect.DeepEqual(got, map[string]any{"name": "Changed", "list": []any{1.0, "x"}}) {
			t.Errorf("%s: %d, the callback got %v", strategy, r.status, got)
		}
		if want := strategy == engine.StrategyJWT; strings.Contains(b.session(), "Changed") != want {
			t.Errorf("%s: the session is %s", strategy, b.session())
		}
		if writes := s.store.writes(); len(writes) > 0 {
			t.Errorf("%s: wrote %v", strategy, writes)
		}
	}
}

// Engine.Update may change every declared field.
func TestApplicationUpdatesAnyDeclaredField(t *testing.T) {
	for _, strategy := range strategies {
		s, b := updateSite(t, strategy)
		var data map[string]any
		var session *engine.Session
		var updateErr error
		app := b.copy()
		app.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, updateErr = s.eng.Update(w, r, data)
			if again, err := s.eng.Session(w, r); updateErr == nil && (err != nil || (again == nil) != (session == nil) || again != nil && !reflect.DeepEqual(again.User, session.User)) {
				t.Errorf("%s: Session after Update is %v, %v", strategy, again, err)
			}
		})
		change := func(m map[string]any) {
			t.Helper()
			data, session, updateErr = m, nil, nil
			app.get("./settings")
		}
		change(map[string]any{"plan": "free", "notes": "a new note", "internalID": "i", "impersonator": "root", "name": "Alison"})
		if updateErr != nil || session == nil || *session.User.Name != "Alison" || session.User.Extra["plan"] != "free" || session.Extra["impersonator"] != "root" {
			t.Fatalf("%s: Update returned %+v, %v", strategy, session, updateErr)
		}
		b.cookies = app.cookies
		got := b.session()
		if !strings.Contains(got, `"plan":"free"`) || !strings.Contains(got, "Alison") || strings.Contains(got, "root") || strings.Contains(got, "a new note") {
			t.Errorf("%s: the session is %s", strategy, got)
		}
		stored, _ := s.store.inner.GetUser(t.Context(), "alice-id")
		if stored.Extra["plan"] != "free" || stored.Extra["notes"] != "a new note" || stored.Extra["internalID"] != "i" || *stored.Name != "Alison" {
			t.Errorf("%s: stored %+v", strategy, stored.Extra)
		}
		for _, wrong := range []map[string]any{{"plan": "gold"}, {"email": "x@example.com"}, {"id": "x"}, {"nothing": 1}, {"nothing": "x"}, {"credits": 1.5}} {
			change(wrong)
			if updateErr == nil || session != nil {
				t.Errorf("%s: Update(%v) returned %v, %v", strategy, wrong, session, updateErr)
			}
		}
		app.cookies = nil
		change(map[string]any{"name": "x"})
		if updateErr != nil || session != nil {
			t.Errorf("%s: Update when signed out returned %v, %v", strategy, session, updateErr)
		}
		down := errors.New("down")
		app.cookies = b.cookies
		s.store.failWith(down)
		change(map[string]any{"name": "x"})
		var known *engine.Error
		if !errors.As(updateErr, &known) || !errors.Is(updateErr, down) || session != nil {
			t.Errorf("%s: Update with the store down returned %v, %v", strategy, session, updateErr)
		}
	}
}
