package redis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/engine/store"
)

// Redis reports when each key will expire, so that the test does not have to wait.

func TestRowsEndWithTheirExpires(t *testing.T) {
	ctx := t.Context()
	a, c, prefix := fresh(t, redis.Options{})
	ends := func(key string) time.Time {
		t.Helper()
		ms, err := c.Do(ctx, "pexpiretime", "{"+prefix+"}:"+key).Int64()
		if err != nil || ms < 0 {
			t.Fatalf("%s expires at %d, %v", key, ms, err)
		}
		return time.UnixMilli(ms).UTC()
	}
	user(t, a, "u1")
	soon := time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
	later := soon.Add(24*time.Hour + 7*time.Millisecond)

	session(t, a, "s1", "u1", soon)
	equal(t, ends("session:s1"), soon, nil)
	equal(t, ends("sessions:u1"), soon, nil)
	session(t, a, "s2", "u1", later)
	session(t, a, "s3", "u1", soon)
	equal(t, ends("sessions:u1"), later, nil)

	must(a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s1", Expires: ptr(later.Add(time.Second))}))
	equal(t, ends("session:s1"), later.Add(time.Second), nil)
	equal(t, ends("sessions:u1"), later.Add(time.Second), nil)
	must(a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s1"}))
	equal(t, ends("session:s1"), later.Add(time.Second), nil)
	must(a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s1", Expires: &soon}))
	equal(t, ends("session:s1"), soon, nil)
	equal(t, ends("sessions:u1"), later, nil)

	must(a.CreateVerificationToken(ctx, store.VerificationToken{Identifier: "a", Token: "t", Expires: soon}))
	equal(t, ends("token:1:a:t"), soon, nil)

	for _, key := range []string{"user:u1", "email:u1@example.com"} {
		if ms := must(c.Do(ctx, "pexpiretime", "{"+prefix+"}:"+key).Int64()); ms != -1 {
			t.Errorf("%s expires at %d", key, ms)
		}
	}
}

// A row stored with an instant in the past is removed at once and leaves nothing
// behind.
func TestExpiredAtOnce(t *testing.T) {
	ctx := t.Context()
	a, c, prefix := fresh(t, redis.Options{})
	user(t, a, "u1")
	before := keys(t, c, prefix)
	for i, past := range []time.Time{time.Now().Add(-time.Second), time.Unix(0, 0), time.Unix(-1, 0), {}} {
		want := store.Session{SessionToken: fmt.Sprint(i), UserID: "u1", Expires: past.Truncate(time.Millisecond).UTC()}
		got, err := a.CreateSession(ctx, store.Session{SessionToken: fmt.Sprint(i), UserID: "u1", Expires: past})
		equal(t, got, want, err)
		_, err = a.GetSession(ctx, want.SessionToken)
		is(t, err, store.ErrNotFound)

		session(t, a, "live", "u1", time.Now().Add(time.Hour))
		updated, err := a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "live", Expires: &past})
		want.SessionToken = "live"
		equal(t, updated, want, err)
		_, _, err = a.GetSessionAndUser(ctx, "live")
		is(t, err, store.ErrNotFound)

		must(a.CreateVerificationToken(ctx, store.VerificationToken{Identifier: "a", Token: "t", Expires: past}))
		_, err = a.UseVerificationToken(ctx, "a", "t")
		is(t, err, store.ErrNotFound)
		equal(t, keys(t, c, prefix), before, nil)
	}
}

// Expired sessions are dropped from the list of their user when the next one
// begins, and an expired token that another user has by now is kept.
func TestListsForgetWhatHasEnded(t *testing.T) {
	ctx := t.Context()
	a, c, prefix := fresh(t, redis.Options{})
	user(t, a, "u1")
	user(t, a, "u2")
	list := "{" + prefix + "}:sessions:u1"
	session(t, a, "s0", "u1", time.Now().Add(time.Hour))
	// As if these had expired.
	for i := range 20 {
		if err := c.Do(ctx, "zadd", list, time.Now().Add(-time.Minute).UnixMilli(), fmt.Sprint("ended", i)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	want := session(t, a, "ended0", "u2", time.Now().Add(time.Hour))
	equal(t, len(must(a.ListSessionsByUserID(ctx, "u1"))), 1, nil)
	if err := a.DeleteSessionsByUserID(ctx, "u1"); err != nil {
		t.Fatal(err)
	}
	got, err := a.GetSession(ctx, "ended0")
	equal(t, got, want, err)

	if err := c.Do(ctx, "zadd", list, time.Now().Add(-time.Minute).UnixMilli(), "ended1").Err(); err != nil {
		t.Fatal(err)
	}
	session(t, a, "s1", "u1", time.Now().Add(time.Hour))
	members, err := c.ZRange(ctx, list, 0, -1).Result()
	equal(t, members, []string{"s1"}, err)
}

func TestInstantsThatCannotBeSorted(t *testing.T) {
	ctx := t.Context()
	a, c, prefix := fresh(t, redis.Options{})
	user(t, a, "u1")
	before := keys(t, c, prefix)
	far := time.Unix(1<<53, 0)
	_, err := a.CreateSession(ctx, store.Session{SessionToken: "s1", UserID: "u1", Expires: far})
	is(t, err, store.ErrInvalid)
	_, err = a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s1", Expires: &far})
	is(t, err, store.ErrInvalid)
	_, err = a.CreateVerificationToken(ctx, store.VerificationToken{Identifier: "a", Token: "t", Expires: far})
	is(t, err, store.ErrInvalid)
	_, err = a.UpdateUser(ctx, store.UserUpdate{ID: "u1", EmailVerified: store.SetTo(far)})
	is(t, err, store.ErrInvalid)
	_, err = a.CreateUser(ctx, store.User{ID: "u2", EmailVerified: &far})
	is(t, err, store.ErrInvalid)
	equal(t, keys(t, c, prefix), before, nil)
}
