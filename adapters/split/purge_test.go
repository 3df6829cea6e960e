package split_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/adapters/split"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// Expiring rows are in the store of the sessions, so only that store is purged.
func TestPurge(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		what string
		hide func(*memory.Adapter) split.Sessions
		want int
	}{
		{"a Purger", func(a *memory.Adapter) split.Sessions { return a }, 2},
		{"a store that expires rows itself", func(a *memory.Adapter) split.Sessions {
			return struct {
				store.UserAdapter
				split.Sessions
			}{a, a}
		}, 0},
	} {
		users, sessions := memory.New(nil), memory.New(nil)
		a, err := split.New(users, c.hide(sessions))
		if err != nil {
			t.Fatal(err)
		}
		now := expires.Add(25 * time.Hour)
		eng, err := engine.New(engine.Config{Secrets: []string{strings.Repeat("secret ", 6)}, Adapter: a, Now: func() time.Time { return now }, Getenv: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		defer eng.Close()
		if _, err := a.CreateUser(ctx, store.User{ID: "u1"}); err != nil {
			t.Fatal(err)
		}
		for _, to := range []store.Adapter{a, users} { // users: from before the split
			if _, err := to.CreateSession(ctx, store.Session{SessionToken: "s1", UserID: "u1", Expires: expires}); err != nil {
				t.Fatal(err)
			}
			if _, err := to.CreateVerificationToken(ctx, store.VerificationToken{Identifier: "a", Token: "t1", Expires: expires}); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := eng.Purge(ctx); n != c.want || err != nil {
			t.Errorf("%s: removed %d, %v, want %d", c.what, n, err, c.want)
		}
		if _, err := users.GetSession(ctx, "s1"); err != nil {
			t.Errorf("%s: the store of the users: %v", c.what, err)
		}
		if n, err := users.PurgeExpired(ctx, now, 10); n != 2 || err != nil {
			t.Errorf("%s: purging the store of the users removes %d, %v", c.what, n, err)
		}
	}
}
