package entclient

import (
	"context"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

// This file is the contract by the adapter that ent/authent has generated; what
// must be one prepared statement is in hot.go.

// CreateUser implements store.UserAdapter.
func (s *contract) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	return write(ctx, s, "create a user", func(s *contract) (store.User, error) { return s.rows.CreateUser(ctx, u) })
}

// GetUser implements store.UserAdapter.
func (s *contract) GetUser(ctx context.Context, id string) (store.User, error) {
	return read(ctx, s, "get a user", func() (store.User, error) { return s.rows.GetUser(ctx, id) })
}

// GetUserByEmail implements store.UserAdapter.
func (s *contract) GetUserByEmail(ctx context.Context, email string) (store.User, error) {
	return read(ctx, s, "get a user by e-mail address", func() (store.User, error) { return s.rows.GetUserByEmail(ctx, email) })
}

// UpdateUser implements store.UserAdapter.
func (s *contract) UpdateUser(ctx context.Context, u store.UserUpdate) (store.User, error) {
	return write(ctx, s, "update a user", func(s *contract) (store.User, error) { return s.rows.UpdateUser(ctx, u) })
}

// DeleteUser implements store.UserAdapter. It is one statement: what belongs
// to the user goes by cascade.
func (s *contract) DeleteUser(ctx context.Context, id string) error {
	return act(ctx, s, "delete a user", func(s *contract) error { return s.rows.DeleteUser(ctx, id) })
}

// LinkAccount implements store.AccountAdapter.
func (s *contract) LinkAccount(ctx context.Context, a store.Account) (store.Account, error) {
	return write(ctx, s, "link an account", func(s *contract) (store.Account, error) { return s.rows.LinkAccount(ctx, a) })
}

// UnlinkAccount implements store.AccountAdapter.
func (s *contract) UnlinkAccount(ctx context.Context, provider, providerAccountID string) error {
	return act(ctx, s, "unlink an account", func(s *contract) error { return s.rows.UnlinkAccount(ctx, provider, providerAccountID) })
}

// GetAccount implements store.AccountAdapter.
func (s *contract) GetAccount(ctx context.Context, provider, providerAccountID string) (store.Account, error) {
	return read(ctx, s, "get an account", func() (store.Account, error) { return s.rows.GetAccount(ctx, provider, providerAccountID) })
}

// GetUserByAccount implements store.AccountAdapter.
func (s *contract) GetUserByAccount(ctx context.Context, provider, providerAccountID string) (store.User, error) {
	return read(ctx, s, "get a user by account", func() (store.User, error) { return s.rows.GetUserByAccount(ctx, provider, providerAccountID) })
}

// ListAccountsByUserID implements store.AccountAdapter.
func (s *contract) ListAccountsByUserID(ctx context.Context, userID string) ([]store.Account, error) {
	return read(ctx, s, "list accounts", func() ([]store.Account, error) { return s.rows.ListAccountsByUserID(ctx, userID) })
}

// CreateSession implements store.SessionAdapter.
func (s *contract) CreateSession(ctx context.Context, n store.Session) (store.Session, error) {
	return write(ctx, s, "create a session", func(s *contract) (store.Session, error) { return s.rows.CreateSession(ctx, n) })
}

// GetSession implements store.SessionAdapter.
func (s *contract) GetSession(ctx context.Context, sessionToken string) (store.Session, error) {
	return read(ctx, s, "get a session", func() (store.Session, error) { return s.rows.GetSession(ctx, sessionToken) })
}

// DeleteSession implements store.SessionAdapter.
func (s *contract) DeleteSession(ctx context.Context, sessionToken string) error {
	return act(ctx, s, "delete a session", func(s *contract) error { return s.rows.DeleteSession(ctx, sessionToken) })
}

// DeleteSessionsByUserID implements store.SessionAdapter.
func (s *contract) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	return act(ctx, s, "delete the sessions of a user", func(s *contract) error { return s.rows.DeleteSessionsByUserID(ctx, userID) })
}

// ListSessionsByUserID implements store.SessionLister.
func (s *contract) ListSessionsByUserID(ctx context.Context, userID string) ([]store.Session, error) {
	return read(ctx, s, "list sessions", func() ([]store.Session, error) { return s.rows.ListSessionsByUserID(ctx, userID) })
}

// CreateVerificationToken implements store.VerificationTokenAdapter.
func (s *contract) CreateVerificationToken(ctx context.Context, n store.VerificationToken) (store.VerificationToken, error) {
	return write(ctx, s, "create a verification token", func(s *contract) (store.VerificationToken, error) {
		return s.rows.CreateVerificationToken(ctx, n)
	})
}

// CreateAuthenticator implements store.AuthenticatorAdapter.
func (s *contract) CreateAuthenticator(ctx context.Context, a store.Authenticator) (store.Authenticator, error) {
	return write(ctx, s, "create an authenticator", func(s *contract) (store.Authenticator, error) { return s.rows.CreateAuthenticator(ctx, a) })
}

// GetAuthenticator implements store.AuthenticatorAdapter.
func (s *contract) GetAuthenticator(ctx context.Context, credentialID string) (store.Authenticator, error) {
	return read(ctx, s, "get an authenticator", func() (store.Authenticator, error) { return s.rows.GetAuthenticator(ctx, credentialID) })
}

// ListAuthenticatorsByUserID implements store.AuthenticatorAdapter.
func (s *contract) ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]store.Authenticator, error) {
	return read(ctx, s, "list authenticators", func() ([]store.Authenticator, error) { return s.rows.ListAuthenticatorsByUserID(ctx, userID) })
}

// PurgeExpired implements store.Purger. It works in small steps, so that
// others can write in between; what a failed call has removed stays removed
// and is counted.
func (s *contract) PurgeExpired(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	for removed < limit {
		step := min(limit-removed, 500)
		n, err := write(ctx, s, "purge what is expired", func(s *contract) (int, error) { return s.rows.PurgeExpired(ctx, before, step) })
		if err != nil {
			return removed, err
		}
		if removed += n; n < step {
			break
		}
	}
	return removed, nil
}

// act is write for calls without a result.
func act(ctx context.Context, s *contract, doing string, call func(*contract) error) error {
	_, err := write(ctx, s, doing, func(s *contract) (struct{}, error) { return struct{}{}, call(s) })
	return err
}
