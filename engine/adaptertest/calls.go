package adaptertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

// call is one call of the contract.
type call struct {
	name string
	do   func(ctx context.Context) error
}

func got[V any](name string, f func(ctx context.Context) (V, error)) call {
	return call{name, func(ctx context.Context) error { _, err := f(ctx); return err }}
}

// reads returns a call of every method that only reads. Each finds rows stored by
// populate.
func (t *caseT) reads() []call {
	a, id := t.a, t.id("u1")
	calls := []call{
		got("GetUser", func(ctx context.Context) (store.User, error) { return a.GetUser(ctx, id) }),
		got("GetUserByEmail", func(ctx context.Context) (store.User, error) { return a.GetUserByEmail(ctx, email("u1")) }),
		got("GetAccount", func(ctx context.Context) (store.Account, error) { return a.GetAccount(ctx, "github", "1") }),
		got("GetUserByAccount", func(ctx context.Context) (store.User, error) { return a.GetUserByAccount(ctx, "github", "1") }),
		got("ListAccountsByUserID", func(ctx context.Context) ([]store.Account, error) { return a.ListAccountsByUserID(ctx, id) }),
		got("GetSession", func(ctx context.Context) (store.Session, error) { return a.GetSession(ctx, "s1") }),
		got("GetSessionAndUser", func(ctx context.Context) (store.User, error) {
			_, u, err := a.GetSessionAndUser(ctx, "s1")
			return u, err
		}),
	}
	if t.has(needSessions) {
		calls = append(calls, got("ListSessionsByUserID", func(ctx context.Context) ([]store.Session, error) {
			return a.ListSessionsByUserID(ctx, id)
		}))
	}
	if t.has(needAuthn) {
		calls = append(calls,
			got("GetAuthenticator", func(ctx context.Context) (store.Authenticator, error) { return a.GetAuthenticator(ctx, "c1") }),
			got("ListAuthenticatorsByUserID", func(ctx context.Context) ([]store.Authenticator, error) {
				return a.ListAuthenticatorsByUserID(ctx, id)
			}))
	}
	return calls
}

// writes returns a call of every method that writes. They change rows stored by
// populate; in this order each of them succeeds once.
func (t *caseT) writes() []call {
	a, id, second := t.a, t.id("u1"), t.fullUser("u2")
	expires := t.base.Add(time.Minute)
	calls := []call{
		got("CreateUser", func(ctx context.Context) (store.User, error) {
			u, err := a.CreateUser(ctx, second)
			if err == nil {
				t.created(second.ID, u.ID)
			}
			return u, err
		}),
		got("UpdateUser", func(ctx context.Context) (store.User, error) {
			return a.UpdateUser(ctx, store.UserUpdate{ID: id, Name: store.SetTo("New")})
		}),
		got("LinkAccount", func(ctx context.Context) (store.Account, error) {
			return a.LinkAccount(ctx, fullAccount(id, "google", "1"))
		}),
		got("CreateSession", func(ctx context.Context) (store.Session, error) {
			return a.CreateSession(ctx, store.Session{SessionToken: "s2", UserID: id, Expires: t.base})
		}),
		got("UpdateSession", func(ctx context.Context) (store.Session, error) {
			return a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s1", Expires: &expires})
		}),
		got("CreateVerificationToken", func(ctx context.Context) (store.VerificationToken, error) {
			return a.CreateVerificationToken(ctx, store.VerificationToken{Identifier: "a", Token: "t2", Expires: t.base})
		}),
		got("UseVerificationToken", func(ctx context.Context) (store.VerificationToken, error) {
			return a.UseVerificationToken(ctx, "a", "t1")
		}),
	}
	if t.has(needSignUp) {
		calls = append(calls, got("CreateUserWithAccount", func(ctx context.Context) (store.User, error) {
			u, _, err := t.signUp(ctx, "u3", fullAccount("", "signup", "1"))
			return u, err
		}))
	}
	if t.has(needAuthn) {
		calls = append(calls,
			got("CreateAuthenticator", func(ctx context.Context) (store.Authenticator, error) {
				return a.CreateAuthenticator(ctx, fullAuthenticator("c2", id))
			}),
			got("UpdateAuthenticatorCounter", func(ctx context.Context) (store.Authenticator, error) {
				return a.UpdateAuthenticatorCounter(ctx, "c1", 9)
			}))
	}
	if t.has(needPurge) {
		calls = append(calls, got("PurgeExpired", func(ctx context.Context) (int, error) { return a.PurgeExpired(ctx, t.base.Add(-time.Minute), 10) }))
	}
	return append(calls,
		call{"UnlinkAccount", func(ctx context.Context) error { return a.UnlinkAccount(ctx, "github", "1") }},
		call{"DeleteSession", func(ctx context.Context) error { return a.DeleteSession(ctx, "s1") }},
		call{"DeleteSessionsByUserID", func(ctx context.Context) error { return a.DeleteSessionsByUserID(ctx, id) }},
		call{"DeleteUser", func(ctx context.Context) error { return a.DeleteUser(ctx, id) }},
	)
}

// populate stores the rows that reads and writes need.
func (t *caseT) populate() {
	id := t.user("u1").ID
	ok(t.a.LinkAccount(t.ctx, fullAccount(id, "github", "1")))(t)
	for token, expires := range map[string]time.Time{"s1": t.base, "expired": t.base.Add(-time.Hour)} {
		ok(t.a.CreateSession(t.ctx, store.Session{SessionToken: token, UserID: id, Expires: expires}))(t)
	}
	ok(t.a.CreateVerificationToken(t.ctx, store.VerificationToken{Identifier: "a", Token: "t1", Expires: t.base}))(t)
	if t.has(needAuthn) {
		t.authenticator("c1", id)
	}
}

// snapshot prints all rows that populate and writes store, except verification
// tokens, which cannot be read without using them up.
func (t *caseT) snapshot() string {
	muted := t.log.muted.Swap(true)
	defer t.log.muted.Store(muted)
	var all []string
	see := func(v any, err error) {
		if !errors.Is(err, store.ErrNotFound) {
			t.ok(err)
			all = append(all, show(v))
		}
	}
	names, accounts := []string{"u1", "u2"}, [][2]string{{"github", "1"}, {"google", "1"}}
	if t.has(needSignUp) {
		names, accounts = append(names, "u3"), append(accounts, [2]string{"signup", "1"})
	}
	for _, name := range names {
		see(t.a.GetUserByEmail(t.ctx, email(name)))
		id := t.id(name)
		u, err := t.a.GetUser(t.ctx, id)
		if errors.Is(err, store.ErrInvalid) {
			continue
		}
		see(u, err)
		for _, v := range ok(t.a.ListAccountsByUserID(t.ctx, id))(t) {
			all = append(all, "account "+show(v))
		}
		if t.has(needSessions) {
			for _, v := range ok(t.a.ListSessionsByUserID(t.ctx, id))(t) {
				all = append(all, "session "+show(v))
			}
		}
		if t.has(needAuthn) {
			for _, v := range ok(t.a.ListAuthenticatorsByUserID(t.ctx, id))(t) {
				all = append(all, "authenticator "+show(v))
			}
		}
	}
	for _, token := range []string{"s1", "s2", "expired"} {
		see(t.a.GetSession(t.ctx, token))
	}
	for _, account := range accounts {
		see(t.a.GetAccount(t.ctx, account[0], account[1]))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// unchanged wants the snapshot to equal before.
func (t *caseT) unchanged(before, what string) {
	if after := t.snapshot(); after != before {
		t.fail("after "+what+" the store holds:\n"+after, "an unchanged store:\n"+before)
	}
}
