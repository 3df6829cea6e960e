package adaptercases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// Call is one call of the contract.
type Call struct {
	Name string
	Do   func(ctx context.Context, a engine.Adapter) error
}

func call[V any](name string, f func(ctx context.Context, a engine.Adapter) (V, error)) Call {
	return Call{name, func(ctx context.Context, a engine.Adapter) error { _, err := f(ctx, a); return err }}
}

// Reads returns one call of every method that only reads. They find what
// [Populate] stores.
func Reads() []Call {
	return []Call{
		call("GetUser", func(ctx context.Context, a engine.Adapter) (engine.User, error) { return a.GetUser(ctx, "u1") }),
		call("GetUserByEmail", func(ctx context.Context, a engine.Adapter) (engine.User, error) {
			return a.GetUserByEmail(ctx, "u1@example.com")
		}),
		call("GetAccount", func(ctx context.Context, a engine.Adapter) (engine.Account, error) {
			return a.GetAccount(ctx, "github", "1")
		}),
		call("GetUserByAccount", func(ctx context.Context, a engine.Adapter) (engine.User, error) {
			return a.GetUserByAccount(ctx, "github", "1")
		}),
		call("ListAccountsByUserID", func(ctx context.Context, a engine.Adapter) ([]engine.Account, error) {
			return a.ListAccountsByUserID(ctx, "u1")
		}),
		call("GetSession", func(ctx context.Context, a engine.Adapter) (engine.AdapterSession, error) {
			return a.GetSession(ctx, "s1")
		}),
		call("GetSessionAndUser", func(ctx context.Context, a engine.Adapter) (engine.User, error) {
			_, u, err := a.GetSessionAndUser(ctx, "s1")
			return u, err
		}),
		call("ListSessionsByUserID", func(ctx context.Context, a engine.Adapter) ([]engine.AdapterSession, error) {
			return a.(engine.SessionLister).ListSessionsByUserID(ctx, "u1")
		}),
		call("GetAuthenticator", func(ctx context.Context, a engine.Adapter) (engine.Authenticator, error) {
			return a.(engine.AuthenticatorAdapter).GetAuthenticator(ctx, "c1")
		}),
		call("ListAuthenticatorsByUserID", func(ctx context.Context, a engine.Adapter) ([]engine.Authenticator, error) {
			return a.(engine.AuthenticatorAdapter).ListAuthenticatorsByUserID(ctx, "u1")
		}),
	}
}

// Writes returns one call of every method that writes. They change what
// [Populate] stores, and each of them succeeds once.
func Writes() []Call {
	expires := now.Add(time.Minute)
	return []Call{
		call("CreateUser", func(ctx context.Context, a engine.Adapter) (engine.User, error) {
			return a.CreateUser(ctx, fullUser("u2"))
		}),
		call("UpdateUser", func(ctx context.Context, a engine.Adapter) (engine.User, error) {
			return a.UpdateUser(ctx, engine.UserUpdate{ID: "u1", Name: engine.SetTo("New")})
		}),
		call("LinkAccount", func(ctx context.Context, a engine.Adapter) (engine.Account, error) {
			return a.LinkAccount(ctx, fullAccount("u1", "google", "1"))
		}),
		call("CreateSession", func(ctx context.Context, a engine.Adapter) (engine.AdapterSession, error) {
			return a.CreateSession(ctx, engine.AdapterSession{SessionToken: "s2", UserID: "u1", Expires: now})
		}),
		call("UpdateSession", func(ctx context.Context, a engine.Adapter) (engine.AdapterSession, error) {
			return a.UpdateSession(ctx, engine.SessionUpdate{SessionToken: "s1", Expires: &expires})
		}),
		call("CreateVerificationToken", func(ctx context.Context, a engine.Adapter) (engine.VerificationToken, error) {
			return a.CreateVerificationToken(ctx, engine.VerificationToken{Identifier: "a", Token: "t2", Expires: now})
		}),
		call("UseVerificationToken", func(ctx context.Context, a engine.Adapter) (engine.VerificationToken, error) {
			return a.UseVerificationToken(ctx, "a", "t1")
		}),
		call("CreateAuthenticator", func(ctx context.Context, a engine.Adapter) (engine.Authenticator, error) {
			return a.(engine.AuthenticatorAdapter).CreateAuthenticator(ctx, fullAuthenticator("c2", "u1"))
		}),
		call("UpdateAuthenticatorCounter", func(ctx context.Context, a engine.Adapter) (engine.Authenticator, error) {
			return a.(engine.AuthenticatorAdapter).UpdateAuthenticatorCounter(ctx, "c1", 9)
		}),
		call("PurgeExpired", func(ctx context.Context, a engine.Adapter) (int, error) {
			if !offers[engine.Purger](a) {
				return 0, ctx.Err()
			}
			return a.(engine.Purger).PurgeExpired(ctx, now.Add(-time.Minute), 10)
		}),
		{"UnlinkAccount", func(ctx context.Context, a engine.Adapter) error { return a.UnlinkAccount(ctx, "github", "1") }},
		{"DeleteSession", func(ctx context.Context, a engine.Adapter) error { return a.DeleteSession(ctx, "s1") }},
		{"DeleteSessionsByUserID", func(ctx context.Context, a engine.Adapter) error { return a.DeleteSessionsByUserID(ctx, "u1") }},
		{"DeleteUser", func(ctx context.Context, a engine.Adapter) error { return a.DeleteUser(ctx, "u1") }},
	}
}

// Populate stores what Reads and Writes need.
func Populate(ctx context.Context, a engine.Adapter) error {
	if _, err := a.CreateUser(ctx, fullUser("u1")); err != nil {
		return err
	}
	if _, err := a.LinkAccount(ctx, fullAccount("u1", "github", "1")); err != nil {
		return err
	}
	for token, expires := range map[string]time.Time{"s1": now, "expired": now.Add(-time.Hour)} {
		if _, err := a.CreateSession(ctx, engine.AdapterSession{SessionToken: token, UserID: "u1", Expires: expires}); err != nil {
			return err
		}
	}
	if _, err := a.CreateVerificationToken(ctx, engine.VerificationToken{Identifier: "a", Token: "t1", Expires: now}); err != nil {
		return err
	}
	_, err := a.(engine.AuthenticatorAdapter).CreateAuthenticator(ctx, fullAuthenticator("c1", "u1"))
	return err
}

// Snapshot prints all that can be seen of what Populate stores and Writes
// change, but for verification tokens, which can only be seen by using them.
func Snapshot(ctx context.Context, a engine.Adapter) (string, error) {
	var all []string
	for _, id := range []string{"u1", "u2"} {
		u, err := a.GetUser(ctx, id)
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return "", err
		}
		if err == nil {
			all = append(all, fmt.Sprint(u.ID, *u.Name, *u.Email, u.EmailVerified, *u.Image))
		}
		accounts, err := a.ListAccountsByUserID(ctx, id)
		if err != nil {
			return "", err
		}
		for _, v := range accounts {
			all = append(all, fmt.Sprint("account", v.UserID, v.Provider, v.ProviderAccountID, *v.AccessToken))
		}
		sessions, err := a.(engine.SessionLister).ListSessionsByUserID(ctx, id)
		if err != nil {
			return "", err
		}
		for _, v := range sessions {
			all = append(all, fmt.Sprint("session", v))
		}
		authenticators, err := a.(engine.AuthenticatorAdapter).ListAuthenticatorsByUserID(ctx, id)
		if err != nil {
			return "", err
		}
		for _, v := range authenticators {
			all = append(all, fmt.Sprint("authenticator", v.CredentialID, v.UserID, v.Counter))
		}
	}
	slices.Sort(all)
	return fmt.Sprint(all), nil
}

var faults = []testCase{
	{"fault/cancelled", func(t *T) {
		ctx, cancel := context.WithCancel(t.ctx)
		cancel()
		t.noEffect(ctx, context.Canceled)
	}},
	{"fault/deadline", func(t *T) {
		ctx, cancel := context.WithDeadline(t.ctx, time.Unix(0, 0))
		defer cancel()
		t.noEffect(ctx, context.DeadlineExceeded)
	}},
	{"fault/late-effect", func(t *T) {
		t.user("u1")
		for round := range 50 {
			ctx, cancel := context.WithCancel(t.ctx)
			id := fmt.Sprint("late", round)
			var created error
			together(2, func(i int) error {
				if i == 0 {
					cancel()
				} else {
					_, created = t.a.CreateUser(ctx, engine.User{ID: id})
				}
				return nil
			})
			if created != nil {
				t.is(created, context.Canceled)
			}
			_, first := t.a.GetUser(t.ctx, id)
			ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1", Name: engine.SetTo(id)}))(t) // waits for any writer
			_, then := t.a.GetUser(t.ctx, id)
			if (first == nil) != (then == nil) || created == nil && then != nil {
				t.Fatalf("create: %v; then read: %v; later: %v", created, first, then)
			}
		}
	}},
	{"fault/closed", func(t *T) {
		t.ok(Populate(t.ctx, t.a))
		t.ok(optional[io.Closer](t).Close())
		for _, c := range append(Reads(), Writes()...) {
			err := c.Do(t.ctx, t.a)
			if c.Name == "PurgeExpired" && !offers[engine.Purger](t.a) {
				continue
			}
			if err == nil || errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrConflict{}) {
				t.Fatalf("%s after Close: %v", c.Name, err)
			}
		}
		if tx, ok := t.a.(engine.Transactor); ok && tx.Tx(t.ctx, func(engine.Adapter) error { return nil }) == nil {
			t.Fatal("Tx after Close succeeded")
		}
		t.ok(optional[io.Closer](t).Close())
	}},
	{"fault/errors-is", func(t *T) {
		u := t.user("u1")
		_, err := t.a.CreateUser(t.ctx, engine.User{ID: "u2", Email: u.Email})
		wrapped := fmt.Errorf("sign in: %w", err)
		t.is(wrapped, engine.ErrConflict{})
		t.is(wrapped, engine.ErrConflict{Field: "email"})
		if errors.Is(wrapped, engine.ErrConflict{Field: "id"}) || errors.Is(wrapped, engine.ErrNotFound) {
			t.Fatalf("%v matches too much", err)
		}
		_, err = t.a.GetUser(t.ctx, "u2")
		t.is(fmt.Errorf("sign in: %w", err), engine.ErrNotFound)
		if errors.Is(err, engine.ErrConflict{}) {
			t.Fatalf("%v matches too much", err)
		}
	}},
	{"fault/recovers", func(t *T) {
		_, err := t.a.CreateUser(t.ctx, engine.User{})
		t.is(err, engine.ErrInvalid)
		ctx, cancel := context.WithCancel(t.ctx)
		cancel()
		_, err = t.a.CreateUser(ctx, fullUser("u1"))
		t.is(err, context.Canceled)
		t.user("u1")
	}},
}

// noEffect wants every call to fail with want and nothing to change.
func (t *T) noEffect(ctx context.Context, want error) {
	t.Helper()
	t.ok(Populate(t.ctx, t.a))
	before := ok(Snapshot(t.ctx, t.a))(t)
	for _, c := range append(Reads(), Writes()...) {
		err := c.Do(ctx, t.a)
		if !errors.Is(err, want) || errors.Is(err, engine.ErrNotFound) {
			t.Fatalf("%s: got %v, want %v", c.Name, err, want)
		}
		t.equal(ok(Snapshot(t.ctx, t.a))(t), before)
	}
	_, err := t.a.GetUser(ctx, "\x00") // even when it could be answered without the store
	t.is(err, want)
	if tx, ok := t.a.(engine.Transactor); ok {
		t.is(tx.Tx(ctx, func(engine.Adapter) error { t.Error("fn was called"); return nil }), want)
	}
	t.use("a", "t1")
	t.miss("a", "t2")
}
