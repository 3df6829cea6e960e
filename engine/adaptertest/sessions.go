package adaptertest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

func sessionRoundtrip(t *caseT) {
	u := t.user("u1")
	want := store.Session{SessionToken: "s1", UserID: t.id("u1"), Expires: t.base}
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
}

func sessionRightUser(t *caseT) {
	for i := range 20 {
		name := fmt.Sprint("u", i)
		t.user(name)
		t.session("s-"+name, t.id(name))
	}
	for i := range 20 {
		name := fmt.Sprint("u", i)
		s, u, err := t.a.GetSessionAndUser(t.ctx, "s-"+name)
		t.ok(err)
		t.equal(s.UserID, t.id(name))
		t.equal(u, t.fullUser(name))
	}
}

func sessionBareUser(t *caseT) {
	want := t.create(store.User{ID: t.id("u1"), Email: ptr(email("u1"))})
	t.session("s1", want.ID)
	_, u, err := t.a.GetSessionAndUser(t.ctx, "s1")
	t.ok(err)
	t.equal(u, want)
}

func sessionDupToken(t *caseT) {
	t.user("u1")
	t.user("u2")
	first := t.session("s1", t.id("u1"))
	_, err := t.a.CreateSession(t.ctx, store.Session{SessionToken: "s1", UserID: t.id("u2"), Expires: t.base.AddDate(1, 0, 0)})
	t.conflict(err, "sessionToken")
	t.wantSession(first)
}

func sessionUnknownUser(t *caseT) {
	nobody := t.nobody()
	_, err := t.a.CreateSession(t.ctx, store.Session{SessionToken: "s1", UserID: nobody, Expires: t.base})
	t.notFound(err)
	_, err = t.a.GetSession(t.ctx, "s1")
	t.notFound(err)
	t.user("u1")
	t.session("s1", t.id("u1")) // the token is free
}

func sessionNotFound(t *caseT) {
	t.user("u1")
	t.session("s1", t.id("u1"))
	_, err := t.a.GetSession(t.ctx, "s2")
	t.notFound(err)
	_, _, err = t.a.GetSessionAndUser(t.ctx, "s2")
	t.notFound(err)
}

func sessionGetIsPure(t *caseT) {
	t.user("u1")
	for token, expires := range map[string]time.Time{"expired": t.base.AddDate(-2, 0, 0), "live": t.base} {
		want := store.Session{SessionToken: token, UserID: t.id("u1"), Expires: expires}
		if _, err := t.a.CreateSession(t.ctx, want); !t.expired(err) {
			continue
		}
		for range 2 {
			s, _, err := t.a.GetSessionAndUser(t.ctx, token)
			if !t.expired(err) {
				break
			}
			t.equal(s, want)
			if s, err = t.a.GetSession(t.ctx, token); !t.expired(err) {
				break
			}
			t.equal(s, want)
		}
	}
}

func sessionUpdatePartial(t *caseT) {
	t.user("u1")
	want := t.session("s1", t.id("u1"))
	want.Expires = t.base.Add(48 * time.Hour)
	t.equal(ok(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1", Expires: &want.Expires}))(t), want)
	t.wantSession(want)
	t.equal(ok(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1"}))(t), want)
	t.wantSession(want)
}

func sessionUpdateSameValues(t *caseT) {
	t.user("u1")
	want := t.session("s1", t.id("u1"))
	for range 2 {
		t.equal(ok(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1", Expires: &want.Expires}))(t), want)
	}
}

func sessionUpdateUnknown(t *caseT) {
	t.user("u1")
	_, err := t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1", Expires: &t.base})
	t.notFound(err)
	_, err = t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1"})
	t.notFound(err)
	t.session("s1", t.id("u1"))
}

func sessionUpdateShorten(t *caseT) {
	t.user("u1")
	want := t.session("s1", t.id("u1"))
	want.Expires = want.Expires.Add(-30 * time.Minute)
	t.equal(ok(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1", Expires: &want.Expires}))(t), want)
	t.wantSession(want)
	want.Expires = t.base.AddDate(-1, 0, 0)
	if _, err := t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1", Expires: &want.Expires}); t.expired(err) {
		if got, err := t.a.GetSession(t.ctx, "s1"); t.expired(err) {
			t.equal(got, want)
		}
	}
}

func sessionDeleteScope(t *caseT) {
	t.user("u1")
	t.session("s1", t.id("u1"))
	t.session("s2", t.id("u1"))
	t.ok(t.a.DeleteSession(t.ctx, "s1"))
	_, err := t.a.GetSession(t.ctx, "s1")
	t.notFound(err)
	ok(t.a.GetSession(t.ctx, "s2"))(t)
}

func sessionDeleteByUser(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.session("s1", t.id("u1"))
	t.session("s2", t.id("u1"))
	t.session("s3", t.id("u2"))
	t.ok(t.a.DeleteSessionsByUserID(t.ctx, t.id("u1")))
	for _, token := range []string{"s1", "s2"} {
		_, err := t.a.GetSession(t.ctx, token)
		t.notFound(err)
	}
	ok(t.a.GetSession(t.ctx, "s3"))(t)
	t.ok(t.a.DeleteSessionsByUserID(t.ctx, t.id("u1")))
	t.ok(t.a.DeleteSessionsByUserID(t.ctx, t.nobody()))
}

func sessionList(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.session("s1", t.id("u1"))
	t.session("s3", t.id("u2"))
	want := []string{"s1"}
	if _, err := t.a.CreateSession(t.ctx, store.Session{SessionToken: "s2", UserID: t.id("u1"), Expires: t.base.AddDate(-9, 0, 0)}); t.expired(err) && !t.suite.nativeTTL {
		want = append(want, "s2")
	}
	got := tokensOf(ok(t.a.ListSessionsByUserID(t.ctx, t.id("u1")))(t))
	if t.suite.nativeTTL {
		got = slices.DeleteFunc(got, func(s string) bool { return s == "s2" })
	}
	t.equal(got, want)
	t.equal(len(ok(t.a.ListSessionsByUserID(t.ctx, t.nobody()))(t)), 0)
}

func sessionDeleteUnknown(t *caseT) {
	t.user("u1")
	t.session("s1", t.id("u1"))
	for range 2 {
		t.ok(t.a.DeleteSession(t.ctx, "s1"))
	}
}

func sessionTokenCase(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.session("Token", t.id("u1"))
	_, err := t.a.GetSession(t.ctx, "token")
	t.notFound(err)
	t.session("token", t.id("u2"))
	t.ok(t.a.DeleteSession(t.ctx, "TOKEN"))
	t.equal(ok(t.a.GetSession(t.ctx, "Token"))(t).UserID, t.id("u1"))
	t.equal(ok(t.a.GetSession(t.ctx, "token"))(t).UserID, t.id("u2"))
}

func sessionTokenTail(t *caseT) {
	t.user("u1")
	long := strings.Repeat("x", t.limit("session.sessionToken", 251)-1)
	for _, token := range []string{long, long + " ", long + "a", long + "b"} {
		_, err := t.a.GetSession(t.ctx, token)
		t.notFound(err)
		t.session(token, t.id("u1"))
	}
}

func sessionOrphan(t *caseT) {
	t.user("u1")
	t.session("s1", t.id("u1"))
	t.ok(t.a.DeleteUser(t.ctx, t.id("u1")))
	s, u, err := t.a.GetSessionAndUser(t.ctx, "s1")
	t.notFound(err)
	t.equal(s, store.Session{})
	t.equal(u, store.User{})
}

func purgeBoundary(t *caseT) {
	t.user("u1")
	for token, expires := range map[string]time.Time{
		"before": t.base.Add(-t.suite.precision), "at": t.base, "after": t.base.Add(t.suite.precision), "long ago": t.base.AddDate(-50, 0, 0),
	} {
		ok(t.a.CreateSession(t.ctx, store.Session{SessionToken: token, UserID: t.id("u1"), Expires: expires}))(t)
		ok(t.a.CreateVerificationToken(t.ctx, store.VerificationToken{Identifier: "a", Token: token, Expires: expires}))(t)
	}
	boundary := t.base.Truncate(t.suite.precision)
	t.equal(ok(t.a.PurgeExpired(t.ctx, boundary.In(time.FixedZone("", -18000)), 100))(t), 4)
	t.equal(ok(t.a.PurgeExpired(t.ctx, boundary, 100))(t), 0)
	for _, token := range []string{"at", "after"} {
		ok(t.a.GetSession(t.ctx, token))(t)
		t.take("a", token)
	}
	for _, token := range []string{"before", "long ago"} {
		_, err := t.a.GetSession(t.ctx, token)
		t.notFound(err)
		t.miss("a", token)
	}
}

func purgeLimit(t *caseT) {
	t.user("u1")
	purger := t.a
	for i := range 3 {
		ok(t.a.CreateSession(t.ctx, store.Session{SessionToken: fmt.Sprint(i), UserID: t.id("u1"), Expires: t.base}))(t)
		ok(t.a.CreateVerificationToken(t.ctx, store.VerificationToken{Identifier: "a", Token: fmt.Sprint(i), Expires: t.base}))(t)
	}
	later := t.base.Add(time.Second)
	for _, step := range []struct{ limit, want int }{{0, 0}, {-1, 0}, {2, 2}, {2, 2}, {100, 2}, {100, 0}} {
		t.equal(ok(purger.PurgeExpired(t.ctx, later, step.limit))(t), step.want)
	}
}

func sessionUpdatePersists(t *caseT) {
	t.user("u1")
	want := t.session("s1", t.id("u1"))
	second := t.a
	if t.suite.reopen != nil {
		second = t.another().(*recorder)
		t.equal(ok(second.GetSession(t.ctx, "s1"))(t), want)
	}
	for range 2 {
		want.Expires = want.Expires.Add(48 * time.Hour)
		t.equal(ok(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1", Expires: &want.Expires}))(t), want)
		t.equal(ok(second.GetSession(t.ctx, "s1"))(t), want)
		s, _, err := second.GetSessionAndUser(t.ctx, "s1")
		t.ok(err)
		t.equal(s, want)
	}
}
