package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// A change in the store reaches a jwt session after UserRefreshAge, and the user is
// not read more often.
func TestUserIsRefreshedAfterUserRefreshAge(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		want time.Duration // 0 means never
	}{{0, 24 * time.Hour}, {time.Minute, time.Minute}, {-1, 0}} {
		s, b := updateSite(t, engine.StrategyJWT, func(_ *site, cfg *engine.Config) { cfg.UserRefreshAge = c.age })
		s.setExtra("plan", "free")
		s.setExtra("internalID", "hidden-new")
		if _, err := s.store.inner.UpdateUser(t.Context(), store.UserUpdate{ID: "alice-id", Name: store.SetTo("Alison"), Image: store.Clear[string]()}); err != nil {
			t.Fatal(err)
		}
		s.store.reset()
		wantUser := func(when, plan, name string, reads int) {
			t.Helper()
			got := decode(t, b.session())
			user := got["user"].(map[string]any)
			if user["plan"] != plan || user["name"] != name || s.store.count("GetUser") != reads {
				t.Errorf("UserRefreshAge %v, %s: %v, %d reads of the user", c.age, when, user, s.store.count("GetUser"))
			}
			s.store.reset()
		}
		if token, _, err := wire.V5.NewKeys(sessionCookie, testSecret).DecodeToken(b.cookie(sessionCookie), nil, s.clock.Now()); err != nil || (token.Extra["sesame:userReadAt"] != nil) != (c.want > 0) {
			t.Errorf("UserRefreshAge %v: the token is %+v, %v", c.age, token, err)
		}
		wantUser("at once", "pro", "Alice", 0)
		// Use of the session, which extends it, does not refresh the user.
		for range 8 {
			s.clock.add(cmp.Or(c.want, 48*time.Hour)/8 - time.Second)
			wantUser("before", "pro", "Alice", 0)
		}
		s.clock.add(8 * time.Second)
		if c.want == 0 {
			wantUser("later", "pro", "Alice", 0)
			continue
		}
		wantUser("after", "free", "Alison", 1)
		wantUser("then", "free", "Alison", 0)
		if text := b.session(); strings.Contains(text, "hidden") || strings.Contains(text, "userReadAt") {
			t.Errorf("the body is %s", text)
		}
		token, _, err := wire.V5.NewKeys(sessionCookie, testSecret).DecodeToken(b.cookie(sessionCookie), shop(), s.clock.Now())
		if err != nil || token.Extra["internalID"] != "hidden-new" || token.Picture != nil || token.Extra["theme"] != "light" {
			t.Errorf("the token is %+v, %v", token, err)
		}
		s.quiet(t)
	}
}

func TestUserRefreshEndsOnlySessionsOfMissingUsers(t *testing.T) {
	var plans []any
	s, b := updateSite(t, engine.StrategyJWT, func(_ *site, c *engine.Config) {
		c.UserRefreshAge = time.Minute
		c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
			plans = append(plans, p.Token.Extra["plan"])
			return nil
		}
	})
	// The callback sees the refreshed user, and update() in the same request is
	// not lost.
	s.setExtra("plan", "free")
	s.clock.add(time.Hour)
	if r := b.update(map[string]any{"theme": "dark", "nick": "ali"}); !strings.Contains(r.body, `"plan":"free"`) || !strings.Contains(r.body, `"theme":"dark"`) || !strings.Contains(r.body, `"nick":"ali"`) {
		t.Errorf("update() answered %s", r.body)
	}
	if want := []any{"pro", "free"}; !reflect.DeepEqual(plans, want) {
		t.Errorf("the jwt callback saw %v, want %v", plans, want)
	}
	// While the store fails the session is null, and the cookie stays.
	s.clock.add(time.Hour)
	s.store.failWith(errors.New("down"), "GetUser")
	if r := b.get("/session"); r.body != "null" || len(r.set) > 0 {
		t.Errorf("the store is down: %s, %v", r.body, r.set)
	}
	s.resetLog()
	s.store.repair()
	if body := b.session(); !strings.Contains(body, `"plan":"free"`) {
		t.Errorf("the store has recovered: %s", body)
	}
	// Require refreshes the user, too.
	s.setExtra("plan", "pro")
	s.clock.add(time.Hour)
	handler := b.handler
	b.handler = s.eng.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := engine.SessionFrom(r.Context())
		fmt.Fprint(w, session.User.Extra["plan"])
	}))
	if r := b.ask("GET", "/app"); r.body != "pro" || len(r.set) == 0 {
		t.Errorf("the handler has the plan %s, cookies %v", r.body, r.set)
	}
	b.handler = handler
	// A deleted user is signed out.
	if err := s.store.inner.DeleteUser(t.Context(), "alice-id"); err != nil {
		t.Fatal(err)
	}
	if body := b.session(); body == "null" {
		t.Error("signed out too early")
	}
	s.clock.add(time.Hour)
	if r := b.get("/session"); r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("the user was deleted: %s", r.body)
	}
	// So is a user whose ID the store refuses. A session without a user stays.
	s, b = updateSite(t, engine.StrategyJWT)
	s.clock.add(25 * time.Hour)
	s.store.failWith(store.ErrInvalid, "GetUser")
	if r := b.get("/session"); r.body != "null" || !r.clears(sessionCookie) {
		t.Errorf("an id that the store refuses: %s", r.body)
	}
	s.store.repair()
	b.set(sessionCookie, s.mint(&engine.Token{Name: new("Nobody")}, testSecret))
	s.store.reset()
	if got := b.user(); got != "Nobody" || len(s.store.called()) > 0 {
		t.Errorf("a session without a user: %q, adapter calls %v", got, s.store.called())
	}
	// When the token holds no field of the user, nothing is refreshed by default.
	s = newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = &engine.Schema{User: []schema.Field{{Name: "name", Client: schema.Write}, {Name: "notes"}}}
	}, withStrategy(engine.StrategyJWT))
	b = s.browser()
	b.signIn()
	s.store.reset()
	s.clock.add(25 * time.Hour)
	if got := b.user(); got != "alice@example.com" || len(s.store.called()) > 0 {
		t.Errorf("nothing to refresh: %q, adapter calls %v", got, s.store.called())
	}
	if _, err := engine.New(engine.Config{Secrets: []string{testSecret}, UserRefreshAge: time.Millisecond, Getenv: func(string) string { return "" }}); err == nil || !strings.Contains(err.Error(), "UserRefreshAge") {
		t.Errorf("UserRefreshAge of a millisecond: %v", err)
	}
}
