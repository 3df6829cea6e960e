package engine

import (
	"context"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

// observedAdapter observes the calls of an adapter. It has none of the optional
// interfaces, so that it claims none that the adapter lacks.
type observedAdapter struct {
	to      Adapter
	observe observer
}

// observe0, observe1 and observe2 observe a call by its number of results besides
// the error.
func observe0(o observer, ctx context.Context, name string, call func(context.Context) error) (err error) {
	ctx, done := o.begin(ctx, Operation{Kind: kindAdapter, Name: name})
	err = errPanicked
	defer func() { done(err) }()
	err = call(ctx)
	return err
}

func observe1[T any](o observer, ctx context.Context, name string, call func(context.Context) (T, error)) (v T, err error) {
	err = observe0(o, ctx, name, func(ctx context.Context) (err error) {
		v, err = call(ctx)
		return err
	})
	return v, err
}

func observe2[T, U any](o observer, ctx context.Context, name string, call func(context.Context) (T, U, error)) (v T, w U, err error) {
	err = observe0(o, ctx, name, func(ctx context.Context) (err error) {
		v, w, err = call(ctx)
		return err
	})
	return v, w, err
}

func (a observedAdapter) CreateUser(ctx context.Context, u User) (User, error) {
	return observe1(a.observe, ctx, "CreateUser", func(ctx context.Context) (User, error) { return a.to.CreateUser(ctx, u) })
}

func (a observedAdapter) GetUser(ctx context.Context, id string) (User, error) {
	return observe1(a.observe, ctx, "GetUser", func(ctx context.Context) (User, error) { return a.to.GetUser(ctx, id) })
}

func (a observedAdapter) GetUserByEmail(ctx context.Context, email string) (User, error) {
	return observe1(a.observe, ctx, "GetUserByEmail", func(ctx context.Context) (User, error) { return a.to.GetUserByEmail(ctx, email) })
}

func (a observedAdapter) UpdateUser(ctx context.Context, u store.UserUpdate) (User, error) {
	return observe1(a.observe, ctx, "UpdateUser", func(ctx context.Context) (User, error) { return a.to.UpdateUser(ctx, u) })
}

func (a observedAdapter) DeleteUser(ctx context.Context, id string) error {
	return observe0(a.observe, ctx, "DeleteUser", func(ctx context.Context) error { return a.to.DeleteUser(ctx, id) })
}

func (a observedAdapter) LinkAccount(ctx context.Context, n Account) (Account, error) {
	return observe1(a.observe, ctx, "LinkAccount", func(ctx context.Context) (Account, error) { return a.to.LinkAccount(ctx, n) })
}

func (a observedAdapter) UnlinkAccount(ctx context.Context, provider, id string) error {
	return observe0(a.observe, ctx, "UnlinkAccount", func(ctx context.Context) error { return a.to.UnlinkAccount(ctx, provider, id) })
}

func (a observedAdapter) GetAccount(ctx context.Context, provider, id string) (Account, error) {
	return observe1(a.observe, ctx, "GetAccount", func(ctx context.Context) (Account, error) { return a.to.GetAccount(ctx, provider, id) })
}

func (a observedAdapter) GetUserByAccount(ctx context.Context, provider, id string) (User, error) {
	return observe1(a.observe, ctx, "GetUserByAccount", func(ctx context.Context) (User, error) { return a.to.GetUserByAccount(ctx, provider, id) })
}

func (a observedAdapter) ListAccountsByUserID(ctx context.Context, userID string) ([]Account, error) {
	return observe1(a.observe, ctx, "ListAccountsByUserID", func(ctx context.Context) ([]Account, error) { return a.to.ListAccountsByUserID(ctx, userID) })
}

func (a observedAdapter) CreateSession(ctx context.Context, s store.Session) (store.Session, error) {
	return observe1(a.observe, ctx, "CreateSession", func(ctx context.Context) (store.Session, error) { return a.to.CreateSession(ctx, s) })
}

func (a observedAdapter) GetSession(ctx context.Context, token string) (store.Session, error) {
	return observe1(a.observe, ctx, "GetSession", func(ctx context.Context) (store.Session, error) { return a.to.GetSession(ctx, token) })
}

func (a observedAdapter) GetSessionAndUser(ctx context.Context, token string) (store.Session, User, error) {
	return observe2(a.observe, ctx, "GetSessionAndUser", func(ctx context.Context) (store.Session, User, error) { return a.to.GetSessionAndUser(ctx, token) })
}

func (a observedAdapter) UpdateSession(ctx context.Context, s store.SessionUpdate) (store.Session, error) {
	return observe1(a.observe, ctx, "UpdateSession", func(ctx context.Context) (store.Session, error) { return a.to.UpdateSession(ctx, s) })
}

func (a observedAdapter) DeleteSession(ctx context.Context, token string) error {
	return observe0(a.observe, ctx, "DeleteSession", func(ctx context.Context) error { return a.to.DeleteSession(ctx, token) })
}

func (a observedAdapter) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	return observe0(a.observe, ctx, "DeleteSessionsByUserID", func(ctx context.Context) error { return a.to.DeleteSessionsByUserID(ctx, userID) })
}

func (a observedAdapter) CreateVerificationToken(ctx context.Context, t store.VerificationToken) (store.VerificationToken, error) {
	return observe1(a.observe, ctx, "CreateVerificationToken", func(ctx context.Context) (store.VerificationToken, error) {
		return a.to.CreateVerificationToken(ctx, t)
	})
}

func (a observedAdapter) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	return observe1(a.observe, ctx, "UseVerificationToken", func(ctx context.Context) (store.VerificationToken, error) {
		return a.to.UseVerificationToken(ctx, identifier, token)
	})
}

// observedSignUp observes the calls of a SignUpAdapter.
type observedSignUp struct {
	to      store.SignUpAdapter
	observe observer
}

func (a observedSignUp) CreateUserWithAccount(ctx context.Context, u User, n Account) (User, Account, error) {
	return observe2(a.observe, ctx, "CreateUserWithAccount", func(ctx context.Context) (User, Account, error) { return a.to.CreateUserWithAccount(ctx, u, n) })
}

// observedPurger observes the calls of a Purger.
type observedPurger struct {
	to      store.Purger
	observe observer
}

func (a observedPurger) PurgeExpired(ctx context.Context, before time.Time, limit int) (int, error) {
	return observe1(a.observe, ctx, "PurgeExpired", func(ctx context.Context) (int, error) { return a.to.PurgeExpired(ctx, before, limit) })
}

// observedAuthenticators observes the calls of an adapter that stores WebAuthn
// credentials.
type observedAuthenticators struct {
	to      store.AuthenticatorAdapter
	observe observer
}

func (a observedAuthenticators) CreateAuthenticator(ctx context.Context, n store.Authenticator) (store.Authenticator, error) {
	return observe1(a.observe, ctx, "CreateAuthenticator", func(ctx context.Context) (store.Authenticator, error) { return a.to.CreateAuthenticator(ctx, n) })
}

func (a observedAuthenticators) GetAuthenticator(ctx context.Context, id string) (store.Authenticator, error) {
	return observe1(a.observe, ctx, "GetAuthenticator", func(ctx context.Context) (store.Authenticator, error) { return a.to.GetAuthenticator(ctx, id) })
}

func (a observedAuthenticators) ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]store.Authenticator, error) {
	return observe1(a.observe, ctx, "ListAuthenticatorsByUserID", func(ctx context.Context) ([]store.Authenticator, error) {
		return a.to.ListAuthenticatorsByUserID(ctx, userID)
	})
}

func (a observedAuthenticators) UpdateAuthenticatorCounter(ctx context.Context, id string, counter uint32) (store.Authenticator, error) {
	return observe1(a.observe, ctx, "UpdateAuthenticatorCounter", func(ctx context.Context) (store.Authenticator, error) {
		return a.to.UpdateAuthenticatorCounter(ctx, id, counter)
	})
}
