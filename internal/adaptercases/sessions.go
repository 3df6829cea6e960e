package adaptercases

import (
	"fmt"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

var sessions = []testCase{
	{"session/roundtrip", func(t *T) {
		u := t.user("u1")
		want := engine.AdapterSession{SessionToken: "s1", UserID: "u1", Expires: now}
		created := ok(t.a.CreateSession(t.ctx, want))(t)
		t.equal(created, want)
		t.utc(created.Expires)
		t.wantSession(want)
		got, owner, err := t.a.GetSessionAndUser(t.ctx, "s1")
		t.ok(err)
		t.equal(got, want)
		t.equal(owner, u)
		t.utc(got.Expires)
		t.utc(*owner.EmailVerified)
	}},
	{"session/right-user", func(t *T) {
		for i := range 20 {
			id := fmt.Sprint("u", i)
			t.user(id)
			t.session("s-"+id, id)
		}
		for i := range 20 {
			id := fmt.Sprint("u", i)
			s, u, err := t.a.GetSessionAndUser(t.ctx, "s-"+id)
			t.ok(err)
			t.equal(s.UserID, id)
			t.equal(u, fullUser(id))
		}
	}},
	{"session/bare-user", func(t *T) {
		ok(t.a.CreateUser(t.ctx, engine.User{ID: "u1"}))(t)
		t.session("s1", "u1")
		_, u, err := t.a.GetSessionAndUser(t.ctx, "s1")
		t.ok(err)
		t.equal(u, engine.User{ID: "u1"})
	}},
	{"session/dup-token", func(t *T) {
		t.user("u1")
		t.user("u2")
		first := t.session("s1", "u1")
		_, err := t.a.CreateSession(t.ctx, engine.AdapterSession{SessionToken: "s1", UserID: "u2", Expires: now.AddDate(1, 0, 0)})
		t.conflict(err, "sessionToken")
		t.wantSession(first)
	}},
	{"session/unknown-user", func(t *T) {
		_, err := t.a.CreateSession(t.ctx, engine.AdapterSession{SessionToken: "s1", UserID: "u1", Expires: now})
		t.is(err, engine.ErrNotFound)
		t.user("u1")
		_, err = t.a.GetSession(t.ctx, "s1")
		t.is(err, engine.ErrNotFound)
	}},
	{"session/not-found", func(t *T) {
		t.user("u1")
		t.session("s1", "u1")
		_, err := t.a.GetSession(t.ctx, "s2")
		t.is(err, engine.ErrNotFound)
		_, _, err = t.a.GetSessionAndUser(t.ctx, "s2")
		t.is(err, engine.ErrNotFound)
	}},
	{"session/get-is-pure", func(t *T) {
		t.user("u1")
		want := engine.AdapterSession{SessionToken: "s1", UserID: "u1", Expires: now.AddDate(-1, 0, 0)}
		ok(t.a.CreateSession(t.ctx, want))(t)
		for range 2 {
			s, _, err := t.a.GetSessionAndUser(t.ctx, "s1")
			t.ok(err)
			t.equal(s, want)
			t.wantSession(want)
		}
	}},
	{"session/update-partial", func(t *T) {
		t.user("u1")
		want := t.session("s1", "u1")
		want.Expires = now.Add(48 * time.Hour)
		t.equal(ok(t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: "s1", Expires: &want.Expires}))(t), want)
		t.wantSession(want)
		t.equal(ok(t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: "s1"}))(t), want)
		t.wantSession(want)
	}},
	{"session/update-same-values", func(t *T) {
		t.user("u1")
		want := t.session("s1", "u1")
		for range 2 {
			t.equal(ok(t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: "s1", Expires: &want.Expires}))(t), want)
		}
	}},
	{"session/update-unknown", func(t *T) {
		t.user("u1")
		_, err := t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: "s1", Expires: &now})
		t.is(err, engine.ErrNotFound)
		_, err = t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: "s1"})
		t.is(err, engine.ErrNotFound)
		t.session("s1", "u1")
	}},
	{"session/update-shorten", func(t *T) {
		t.user("u1")
		want := t.session("s1", "u1")
		want.Expires = now.Add(-time.Hour)
		ok(t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: "s1", Expires: &want.Expires}))(t)
		t.wantSession(want)
	}},
	{"session/delete-scope", func(t *T) {
		t.user("u1")
		t.session("s1", "u1")
		t.session("s2", "u1")
		t.ok(t.a.DeleteSession(t.ctx, "s1"))
		_, err := t.a.GetSession(t.ctx, "s1")
		t.is(err, engine.ErrNotFound)
		ok(t.a.GetSession(t.ctx, "s2"))(t)
	}},
	{"session/delete-by-user", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.session("s1", "u1")
		t.session("s2", "u1")
		t.session("s3", "u2")
		t.ok(t.a.DeleteSessionsByUserID(t.ctx, "u1"))
		lister := optional[engine.SessionLister](t)
		t.equal(len(ok(lister.ListSessionsByUserID(t.ctx, "u1"))(t)), 0)
		t.equal(len(ok(lister.ListSessionsByUserID(t.ctx, "u2"))(t)), 1)
		t.ok(t.a.DeleteSessionsByUserID(t.ctx, "u1"))
		t.ok(t.a.DeleteSessionsByUserID(t.ctx, "u3"))
	}},
	{"session/list", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.session("s1", "u1")
		expired := ok(t.a.CreateSession(t.ctx, engine.AdapterSession{SessionToken: "s2", UserID: "u1", Expires: now.AddDate(-9, 0, 0)}))(t)
		t.session("s3", "u2")
		lister := optional[engine.SessionLister](t)
		got := ok(lister.ListSessionsByUserID(t.ctx, "u1"))(t)
		t.equal(sortedTokens(got), []string{"s1", "s2"})
		for _, s := range got {
			if s.SessionToken == "s2" {
				t.equal(s, expired)
			}
		}
		t.equal(len(ok(lister.ListSessionsByUserID(t.ctx, "u3"))(t)), 0)
	}},
	{"session/delete-unknown", func(t *T) {
		t.user("u1")
		t.session("s1", "u1")
		for range 2 {
			t.ok(t.a.DeleteSession(t.ctx, "s1"))
		}
	}},
	{"session/token-case", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.session("Token", "u1")
		_, err := t.a.GetSession(t.ctx, "token")
		t.is(err, engine.ErrNotFound)
		t.session("token", "u2")
		t.ok(t.a.DeleteSession(t.ctx, "TOKEN"))
		t.equal(ok(t.a.GetSession(t.ctx, "Token"))(t).UserID, "u1")
		t.equal(ok(t.a.GetSession(t.ctx, "token"))(t).UserID, "u2")
	}},
	{"session/token-tail", func(t *T) {
		t.user("u1")
		long := strings.Repeat("x", 250)
		for _, token := range []string{long, long + " ", long + "a", long + "b"} {
			_, err := t.a.GetSession(t.ctx, token)
			t.is(err, engine.ErrNotFound)
			t.session(token, "u1")
		}
	}},
	{"session/orphan", func(t *T) {
		t.user("u1")
		t.session("s1", "u1")
		t.ok(t.a.DeleteUser(t.ctx, "u1"))
		s, u, err := t.a.GetSessionAndUser(t.ctx, "s1")
		t.is(err, engine.ErrNotFound)
		t.equal(s, engine.AdapterSession{})
		t.equal(u, engine.User{})
	}},
	{"purge/boundary", func(t *T) {
		t.user("u1")
		for token, expires := range map[string]time.Time{
			"before": now.Add(-time.Millisecond), "at": now, "after": now.Add(time.Millisecond), "long ago": now.AddDate(-50, 0, 0),
		} {
			ok(t.a.CreateSession(t.ctx, engine.AdapterSession{SessionToken: token, UserID: "u1", Expires: expires}))(t)
			ok(t.a.CreateVerificationToken(t.ctx, engine.VerificationToken{Identifier: "a", Token: token, Expires: expires}))(t)
		}
		purger := optional[engine.Purger](t)
		t.equal(ok(purger.PurgeExpired(t.ctx, now.In(time.FixedZone("", -18000)), 100))(t), 4)
		t.equal(ok(purger.PurgeExpired(t.ctx, now, 100))(t), 0)
		t.equal(sortedTokens(ok(optional[engine.SessionLister](t).ListSessionsByUserID(t.ctx, "u1"))(t)), []string{"after", "at"})
		for _, token := range []string{"at", "after"} {
			ok(t.a.UseVerificationToken(t.ctx, "a", token))(t)
		}
		for _, token := range []string{"before", "long ago"} {
			_, err := t.a.UseVerificationToken(t.ctx, "a", token)
			t.is(err, engine.ErrNotFound)
		}
	}},
	{"purge/limit", func(t *T) {
		t.user("u1")
		purger := optional[engine.Purger](t)
		for i := range 3 {
			ok(t.a.CreateSession(t.ctx, engine.AdapterSession{SessionToken: fmt.Sprint(i), UserID: "u1", Expires: now}))(t)
			ok(t.a.CreateVerificationToken(t.ctx, engine.VerificationToken{Identifier: "a", Token: fmt.Sprint(i), Expires: now}))(t)
		}
		later := now.Add(time.Second)
		for _, step := range []struct{ limit, want int }{{0, 0}, {-1, 0}, {2, 2}, {2, 2}, {100, 2}, {100, 0}} {
			t.equal(ok(purger.PurgeExpired(t.ctx, later, step.limit))(t), step.want)
		}
	}},
}
