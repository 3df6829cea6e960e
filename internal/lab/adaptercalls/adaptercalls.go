// Package adaptercalls holds one call of every method of store.Adapter, for
// tests that make an adapter fail in each of them. The tests of the adapters use
// it:
//
//	go test ./adapters/entclient ./adapters/redis ./adapters/sqltables
package adaptercalls

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

// now is any instant with milliseconds. No call looks at the clock.
var now = time.Date(2026, 11, 21, 10, 20, 30, 123e6, time.UTC)

// Call is one call of the contract.
type Call struct {
	Name string
	Do   func(ctx context.Context, a store.Adapter) error
}

func call[V any](name string, f func(ctx context.Context, a store.Adapter) (V, error)) Call {
	return Call{name, func(ctx context.Context, a store.Adapter) error { _, err := f(ctx, a); return err }}
}

// Reads returns one call of every method that only reads. They find what
// [Populate] stores.
func Reads() []Call {
	return []Call{
		call("GetUser", func(ctx context.Context, a store.Adapter) (store.User, error) { return a.GetUser(ctx, "u1") }),
		call("GetUserByEmail", func(ctx context.Context, a store.Adapter) (store.User, error) {
			return a.GetUserByEmail(ctx, "u1@example.com")
		}),
		call("GetAccount", func(ctx context.Context, a store.Adapter) (store.Account, error) {
			return a.GetAccount(ctx, "github", "1")
		}),
		call("GetUserByAccount", func(ctx context.Context, a store.Adapter) (store.User, error) {
			return a.GetUserByAccount(ctx, "github", "1")
		}),
		call("ListAccountsByUserID", func(ctx context.Context, a store.Adapter) ([]store.Account, error) {
			return a.ListAccountsByUserID(ctx, "u1")
		}),
		call("GetSession", func(ctx context.Context, a store.Adapter) (store.Session, error) {
			return a.GetSession(ctx, "s1")
		}),
		call("GetSessionAndUser", func(ctx context.Context, a store.Adapter) (store.User, error) {
			_, u, err := a.GetSessionAndUser(ctx, "s1")
			return u, err
		}),
		call("ListSessionsByUserID", func(ctx context.Context, a store.Adapter) ([]store.Session, error) {
			return a.(store.SessionLister).ListSessionsByUserID(ctx, "u1")
		}),
		call("GetAuthenticator", func(ctx context.Context, a store.Adapter) (store.Authenticator, error) {
			return a.(store.AuthenticatorAdapter).GetAuthenticator(ctx, "c1")
		}),
		call("ListAuthenticatorsByUserID", func(ctx context.Context, a store.Adapter) ([]store.Authenticator, error) {
			return a.(store.AuthenticatorAdapter).ListAuthenticatorsByUserID(ctx, "u1")
		}),
	}
}

// Writes returns one call of every method that writes. They change what
// [Populate] stores, and each of them succeeds once.
func Writes() []Call {
	expires := now.Add(time.Minute)
	return []Call{
		call("CreateUser", func(ctx context.Context, a store.Adapter) (store.User, error) {
			return a.CreateUser(ctx, fullUser("u2"))
		}),
		call("UpdateUser", func(ctx context.Context, a store.Adapter) (store.User, error) {
			return a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Name: store.SetTo("New")})
		}),
		call("LinkAccount", func(ctx context.Context, a store.Adapter) (store.Account, error) {
			return a.LinkAccount(ctx, fullAccount("u1", "google", "1"))
		}),
		call("CreateSession", func(ctx context.Context, a store.Adapter) (store.Session, error) {
			return a.CreateSession(ctx, store.Session{SessionToken: "s2", UserID: "u1", Expires: now})
		}),
		call("UpdateSession", func(ctx context.Context, a store.Adapter) (store.Session, error) {
			return a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s1", Expires: &expires})
		}),
		call("CreateVerificationToken", func(ctx context.Context, a store.Adapter) (store.VerificationToken, error) {
			return a.CreateVerificationToken(ctx, store.VerificationToken{Identifier: "a", Token: "t2", Expires: now})
		}),
		call("UseVerificationToken", func(ctx context.Context, a store.Adapter) (store.VerificationToken, error) {
			return a.UseVerificationToken(ctx, "a", "t1")
		}),
		call("CreateAuthenticator", func(ctx context.Context, a store.Adapter) (store.Authenticator, error) {
			return a.(store.AuthenticatorAdapter).CreateAuthenticator(ctx, fullAuthenticator("c2", "u1"))
		}),
		call("UpdateAuthenticatorCounter", func(ctx context.Context, a store.Adapter) (store.Authenticator, error) {
			return a.(store.AuthenticatorAdapter).UpdateAuthenticatorCounter(ctx, "c1", 9)
		}),
		call("PurgeExpired", func(ctx context.Context, a store.Adapter) (int, error) {
			p, ok := a.(store.Purger)
			if !ok {
				return 0, ctx.Err()
			}
			return p.PurgeExpired(ctx, now.Add(-time.Minute), 10)
		}),
		{"UnlinkAccount", func(ctx context.Context, a store.Adapter) error { return a.UnlinkAccount(ctx, "github", "1") }},
		{"DeleteSession", func(ctx context.Context, a store.Adapter) error { return a.DeleteSession(ctx, "s1") }},
		{"DeleteSessionsByUserID", func(ctx context.Context, a store.Adapter) error { return a.DeleteSessionsByUserID(ctx, "u1") }},
		{"DeleteUser", func(ctx context.Context, a store.Adapter) error { return a.DeleteUser(ctx, "u1") }},
	}
}

// Populate stores what Reads and Writes need.
func Populate(ctx context.Context, a store.Adapter) error {
	if _, err := a.CreateUser(ctx, fullUser("u1")); err != nil {
		return err
	}
	if _, err := a.LinkAccount(ctx, fullAccount("u1", "github", "1")); err != nil {
		return err
	}
	for token, expires := range map[string]time.Time{"s1": now, "expired": now.Add(-time.Hour)} {
		if _, err := a.CreateSession(ctx, store.Session{SessionToken: token, UserID: "u1", Expires: expires}); err != nil {
			return err
		}
	}
	if _, err := a.CreateVerificationToken(ctx, store.VerificationToken{Identifier: "a", Token: "t1", Expires: now}); err != nil {
		return err
	}
	_, err := a.(store.AuthenticatorAdapter).CreateAuthenticator(ctx, fullAuthenticator("c1", "u1"))
	return err
}

// Snapshot prints all that can be seen of what Populate stores and Writes
// change, but for verification tokens, which can only be seen by using them.
func Snapshot(ctx context.Context, a store.Adapter) (string, error) {
	var all []string
	for _, id := range []string{"u1", "u2"} {
		u, err := a.GetUser(ctx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
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
		sessions, err := a.(store.SessionLister).ListSessionsByUserID(ctx, id)
		if err != nil {
			return "", err
		}
		for _, v := range sessions {
			all = append(all, fmt.Sprint("session", v))
		}
		authenticators, err := a.(store.AuthenticatorAdapter).ListAuthenticatorsByUserID(ctx, id)
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

func fullUser(id string) store.User {
	return store.User{
		ID:            id,
		Name:          new("Name of " + id),
		Email:         new(id + "@example.com"),
		EmailVerified: new(now.Add(-time.Hour)),
		Image:         new("https://example.com/" + id + ".png"),
	}
}

func fullAccount(userID, provider, id string) store.Account {
	return store.Account{
		UserID: userID, Type: "oidc", Provider: provider, ProviderAccountID: id,
		RefreshToken: new("refresh"), AccessToken: new("access"), ExpiresAt: new(int64(1800000000)),
		TokenType: new("bearer"), Scope: new("openid email"), IDToken: new("a.b.c"), SessionState: new("state"),
	}
}

func fullAuthenticator(id, userID string) store.Authenticator {
	return store.Authenticator{
		CredentialID: id, UserID: userID, ProviderAccountID: "account-" + id, CredentialPublicKey: "cHVibGlj",
		CredentialDeviceType: "multiDevice", CredentialBackedUp: true, Transports: new("internal,usb"),
	}
}
