package entclient

import (
	"context"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// This file is the contract by the adapter that ent/authent has generated; what
// must be one prepared statement is in hot.go.

// CreateUser implements engine.UserAdapter.
func (s *store) CreateUser(ctx context.Context, u engine.User) (engine.User, error) {
	return write(ctx, s, "create a user", func(s *store) (engine.User, error) { return s.rows.CreateUser(ctx, u) })
}

// GetUser implements engine.UserAdapter.
func (s *store) GetUser(ctx context.Context, id string) (engine.User, error) {
	return read(ctx, s, "get a user", func() (engine.User, error) { return s.rows.GetUser(ctx, id) })
}

// GetUserByEmail implements engine.UserAdapter.
func (s *store) GetUserByEmail(ctx context.Context, email string) (engine.User, error) {
	return read(ctx, s, "get a user by e-mail address", func() (engine.User, error) { return s.rows.GetUserByEmail(ctx, email) })
}

// UpdateUser implements engine.UserAdapter.
func (s *store) UpdateUser(ctx context.Context, u engine.UserUpdate) (engine.User, error) {
	return write(ctx, s, "update a user", func(s *store) (engine.User, error) { return s.rows.UpdateUser(ctx, u) })
}

// DeleteUser implements engine.UserAdapter. It is one statement: what belongs
// to the user goes by cascade.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	return act(ctx, s, "delete a user", func(s *store) error { return s.rows.DeleteUser(ctx, id) })
}

// LinkAccount implements engine.AccountAdapter.
func (s *store) LinkAccount(ctx context.Context, a engine.Account) (engine.Account, error) {
	return write(ctx, s, "link an account", func(s *store) (engine.Account, error) { return s.rows.LinkAccount(ctx, a) })
}

// UnlinkAccount implements engine.AccountAdapter.
func (s *store) UnlinkAccount(ctx context.Context, provider, providerAccountID string) error {
	return act(ctx, s, "unlink an account", func(s *store) error { return s.rows.UnlinkAccount(ctx, provider, providerAccountID) })
}

// GetAccount implements engine.AccountAdapter.
func (s *store) GetAccount(ctx context.Context, provider, providerAccountID string) (engine.Account, error) {
	return read(ctx, s, "get an account", func() (engine.Account, error) { return s.rows.GetAccount(ctx, provider, providerAccountID) })
}

// GetUserByAccount implements engine.AccountAdapter.
func (s *store) GetUserByAccount(ctx context.Context, provider, providerAccountID string) (engine.User, error) {
	return read(ctx, s, "get a user by account", func() (engine.User, error) { return s.rows.GetUserByAccount(ctx, provider, providerAccountID) })
}

// ListAccountsByUserID implements engine.AccountAdapter.
func (s *store) ListAccountsByUserID(ctx context.Context, userID string) ([]engine.Account, error) {
	return read(ctx, s, "list accounts", func() ([]engine.Account, error) { return s.rows.ListAccountsByUserID(ctx, userID) })
}

// CreateSession implements engine.SessionAdapter.
func (s *store) CreateSession(ctx context.Context, n engine.AdapterSession) (engine.AdapterSession, error) {
	return write(ctx, s, "create a session", func(s *store) (engine.AdapterSession, error) { return s.rows.CreateSession(ctx, n) })
}

// GetSession implements engine.SessionAdapter.
func (s *store) GetSession(ctx context.Context, sessionToken string) (engine.AdapterSession, error) {
	return read(ctx, s, "get a session", func() (engine.AdapterSession, error) { return s.rows.GetSession(ctx, sessionToken) })
}

// DeleteSession implements engine.SessionAdapter.
func (s *store) DeleteSession(ctx context.Context, sessionToken string) error {
	return act(ctx, s, "delete a session", func(s *store) error { return s.rows.DeleteSession(ctx, sessionToken) })
}

// DeleteSessionsByUserID implements engine.SessionAdapter.
func (s *store) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	return act(ctx, s, "delete the sessions of a user", func(s *store) error { return s.rows.DeleteSessionsByUserID(ctx, userID) })
}

// ListSessionsByUserID implements engine.SessionLister.
func (s *store) ListSessionsByUserID(ctx context.Context, userID string) ([]engine.AdapterSession, error) {
	return read(ctx, s, "list sessions", func() ([]engine.AdapterSession, error) { return s.rows.ListSessionsByUserID(ctx, userID) })
}

// CreateVerificationToken implements engine.VerificationTokenAdapter.
func (s *store) CreateVerificationToken(ctx context.Context, n engine.VerificationToken) (engine.VerificationToken, error) {
	return write(ctx, s, "create a verification token", func(s *store) (engine.VerificationToken, error) {
		return s.rows.CreateVerificationToken(ctx, n)
	})
}

// CreateAuthenticator implements engine.AuthenticatorAdapter.
func (s *store) CreateAuthenticator(ctx context.Context, a engine.Authenticator) (engine.Authenticator, error) {
	return write(ctx, s, "create an authenticator", func(s *store) (engine.Authenticator, error) { return s.rows.CreateAuthenticator(ctx, a) })
}

// GetAuthenticator implements engine.AuthenticatorAdapter.
func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (engine.Authenticator, error) {
	return read(ctx, s, "get an authenticator", func() (engine.Authenticator, error) { return s.rows.GetAuthenticator(ctx, credentialID) })
}

// ListAuthenticatorsByUserID implements engine.AuthenticatorAdapter.
func (s *store) ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]engine.Authenticator, error) {
	return read(ctx, s, "list authenticators", func() ([]engine.Authenticator, error) { return s.rows.ListAuthenticatorsByUserID(ctx, userID) })
}

// PurgeExpired implements engine.Purger. It works in small steps, so that
// others can write in between; what a failed call has removed stays removed
// and is counted.
func (s *store) PurgeExpired(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	for removed < limit {
		step := min(limit-removed, 500)
		n, err := write(ctx, s, "purge what is expired", func(s *store) (int, error) { return s.rows.PurgeExpired(ctx, before, step) })
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
func act(ctx context.Context, s *store, doing string, call func(*store) error) error {
	_, err := write(ctx, s, doing, func(s *store) (struct{}, error) { return struct{}{}, call(s) })
	return err
}
