package entclient

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/ent"
	"github.com/sesame-auth/sesame/ent/account"
	"github.com/sesame-auth/sesame/ent/authenticator"
	"github.com/sesame-auth/sesame/ent/session"
	"github.com/sesame-auth/sesame/ent/user"
	"github.com/sesame-auth/sesame/ent/verificationtoken"
)

// This file is the contract by the builders of the client; what must be one
// prepared statement is in hot.go.

// CreateUser implements engine.UserAdapter.
func (s *store) CreateUser(ctx context.Context, u engine.User) (engine.User, error) {
	row, err := write(ctx, s, "create a user", func(s *store) (*ent.User, error) {
		if u.ID == "" {
			return nil, fmt.Errorf("%w: the id of a user is empty", engine.ErrInvalid)
		}
		if err := userTexts(u.ID, u.Name, u.Email, u.Image); err != nil {
			return nil, err
		}
		if err := noExtra("user", u.Extra); err != nil {
			return nil, err
		}
		return s.client.User.Create().
			SetID(u.ID).
			SetNillableName(u.Name).
			SetNillableEmail(u.Email).
			SetNillableEmailVerified(millisPtr(u.EmailVerified)).
			SetNillableImage(u.Image).
			Save(ctx)
	})
	return userOf(row), err
}

// GetUser implements engine.UserAdapter.
func (s *store) GetUser(ctx context.Context, id string) (engine.User, error) {
	row, err := do(ctx, s, "get a user", func() (*ent.User, error) {
		if !storable(id) {
			return nil, engine.ErrNotFound
		}
		return s.client.User.Get(ctx, id)
	})
	return userOf(row), err
}

// GetUserByEmail implements engine.UserAdapter.
func (s *store) GetUserByEmail(ctx context.Context, email string) (engine.User, error) {
	row, err := do(ctx, s, "get a user by e-mail address", func() (*ent.User, error) {
		if !storable(email) {
			return nil, engine.ErrNotFound
		}
		return s.client.User.Query().Where(user.EmailEQ(email)).Only(ctx)
	})
	return userOf(row), err
}

// UpdateUser implements engine.UserAdapter.
func (s *store) UpdateUser(ctx context.Context, u engine.UserUpdate) (engine.User, error) {
	row, err := write(ctx, s, "update a user", func(s *store) (*ent.User, error) {
		if !storable(u.ID) {
			return nil, engine.ErrNotFound
		}
		if err := userTexts(u.ID, u.Name.Value, u.Email.Value, u.Image.Value); err != nil {
			return nil, err
		}
		if err := noExtra("user", u.Extra); err != nil {
			return nil, err
		}
		up := s.client.User.UpdateOneID(u.ID)
		change(u.Name, up.SetName, up.ClearName)
		change(u.Email, up.SetEmail, up.ClearEmail)
		change(u.EmailVerified, func(t time.Time) *ent.UserUpdateOne { return up.SetEmailVerified(t.UnixMilli()) }, up.ClearEmailVerified)
		change(u.Image, up.SetImage, up.ClearImage)
		return up.Save(ctx)
	})
	return userOf(row), err
}

// DeleteUser implements engine.UserAdapter. It is one statement: what belongs
// to the user goes by cascade.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	_, err := write(ctx, s, "delete a user", func(s *store) (int, error) {
		if !storable(id) {
			return 0, nil
		}
		return s.client.User.Delete().Where(user.ID(id)).Exec(ctx)
	})
	return err
}

// LinkAccount implements engine.AccountAdapter.
func (s *store) LinkAccount(ctx context.Context, a engine.Account) (engine.Account, error) {
	row, err := write(ctx, s, "link an account", func(s *store) (*ent.Account, error) {
		var t texts
		t.check("userId", a.UserID)
		t.check("type", a.Type)
		t.check("provider", a.Provider)
		t.check("providerAccountId", a.ProviderAccountID)
		t.checkPtr("refresh_token", a.RefreshToken)
		t.checkPtr("access_token", a.AccessToken)
		t.checkPtr("token_type", a.TokenType)
		t.checkPtr("scope", a.Scope)
		t.checkPtr("id_token", a.IDToken)
		t.checkPtr("session_state", a.SessionState)
		if t.err != nil {
			return nil, t.err
		}
		return s.client.Account.Create().
			SetUserID(a.UserID).
			SetType(a.Type).
			SetProvider(a.Provider).
			SetProviderAccountID(a.ProviderAccountID).
			SetNillableRefreshToken(a.RefreshToken).
			SetNillableAccessToken(a.AccessToken).
			SetNillableExpiresAt(a.ExpiresAt).
			SetNillableTokenType(a.TokenType).
			SetNillableScope(a.Scope).
			SetNillableIDToken(a.IDToken).
			SetNillableSessionState(a.SessionState).
			Save(ctx)
	})
	return accountOf(row), err
}

// UnlinkAccount implements engine.AccountAdapter.
func (s *store) UnlinkAccount(ctx context.Context, provider, providerAccountID string) error {
	_, err := write(ctx, s, "unlink an account", func(s *store) (int, error) {
		if !storable(provider) || !storable(providerAccountID) {
			return 0, nil
		}
		return s.client.Account.Delete().
			Where(account.ProviderEQ(provider), account.ProviderAccountIDEQ(providerAccountID)).Exec(ctx)
	})
	return err
}

// GetAccount implements engine.AccountAdapter.
func (s *store) GetAccount(ctx context.Context, provider, providerAccountID string) (engine.Account, error) {
	row, err := do(ctx, s, "get an account", func() (*ent.Account, error) {
		if !storable(provider) || !storable(providerAccountID) {
			return nil, engine.ErrNotFound
		}
		return s.client.Account.Query().
			Where(account.ProviderEQ(provider), account.ProviderAccountIDEQ(providerAccountID)).Only(ctx)
	})
	return accountOf(row), err
}

// GetUserByAccount implements engine.AccountAdapter.
func (s *store) GetUserByAccount(ctx context.Context, provider, providerAccountID string) (engine.User, error) {
	row, err := do(ctx, s, "get a user by account", func() (*ent.User, error) {
		if !storable(provider) || !storable(providerAccountID) {
			return nil, engine.ErrNotFound
		}
		return s.client.User.Query().Where(user.HasAccountsWith(
			account.ProviderEQ(provider), account.ProviderAccountIDEQ(providerAccountID))).Only(ctx)
	})
	return userOf(row), err
}

// ListAccountsByUserID implements engine.AccountAdapter.
func (s *store) ListAccountsByUserID(ctx context.Context, userID string) ([]engine.Account, error) {
	rows, err := do(ctx, s, "list accounts", func() ([]*ent.Account, error) {
		if !storable(userID) {
			return nil, nil
		}
		return s.client.Account.Query().Where(account.UserIDEQ(userID)).All(ctx)
	})
	return each(rows, accountOf), err
}

// CreateSession implements engine.SessionAdapter.
func (s *store) CreateSession(ctx context.Context, n engine.AdapterSession) (engine.AdapterSession, error) {
	row, err := write(ctx, s, "create a session", func(s *store) (*ent.Session, error) {
		var t texts
		t.check("sessionToken", n.SessionToken)
		t.check("userId", n.UserID)
		if t.err != nil {
			return nil, t.err
		}
		if err := noExtra("session", n.Extra); err != nil {
			return nil, err
		}
		return s.client.Session.Create().
			SetID(n.SessionToken).
			SetUserID(n.UserID).
			SetExpires(n.Expires.UnixMilli()).
			Save(ctx)
	})
	return sessionOf(row), err
}

// GetSession implements engine.SessionAdapter.
func (s *store) GetSession(ctx context.Context, sessionToken string) (engine.AdapterSession, error) {
	row, err := do(ctx, s, "get a session", func() (*ent.Session, error) {
		if !storable(sessionToken) {
			return nil, engine.ErrNotFound
		}
		return s.client.Session.Get(ctx, sessionToken)
	})
	return sessionOf(row), err
}

// DeleteSession implements engine.SessionAdapter.
func (s *store) DeleteSession(ctx context.Context, sessionToken string) error {
	_, err := write(ctx, s, "delete a session", func(s *store) (int, error) {
		if !storable(sessionToken) {
			return 0, nil
		}
		return s.client.Session.Delete().Where(session.ID(sessionToken)).Exec(ctx)
	})
	return err
}

// DeleteSessionsByUserID implements engine.SessionAdapter.
func (s *store) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	_, err := write(ctx, s, "delete the sessions of a user", func(s *store) (int, error) {
		if !storable(userID) {
			return 0, nil
		}
		return s.client.Session.Delete().Where(session.UserIDEQ(userID)).Exec(ctx)
	})
	return err
}

// ListSessionsByUserID implements engine.SessionLister.
func (s *store) ListSessionsByUserID(ctx context.Context, userID string) ([]engine.AdapterSession, error) {
	rows, err := do(ctx, s, "list sessions", func() ([]*ent.Session, error) {
		if !storable(userID) {
			return nil, nil
		}
		return s.client.Session.Query().Where(session.UserIDEQ(userID)).All(ctx)
	})
	return each(rows, sessionOf), err
}

// CreateVerificationToken implements engine.VerificationTokenAdapter.
func (s *store) CreateVerificationToken(ctx context.Context, n engine.VerificationToken) (engine.VerificationToken, error) {
	row, err := write(ctx, s, "create a verification token", func(s *store) (*ent.VerificationToken, error) {
		var t texts
		t.check("identifier", n.Identifier)
		t.check("token", n.Token)
		if t.err != nil {
			return nil, t.err
		}
		return s.client.VerificationToken.Create().
			SetIdentifier(n.Identifier).
			SetToken(n.Token).
			SetExpires(n.Expires.UnixMilli()).
			Save(ctx)
	})
	return tokenOf(row), err
}

// CreateAuthenticator implements engine.AuthenticatorAdapter.
func (s *store) CreateAuthenticator(ctx context.Context, a engine.Authenticator) (engine.Authenticator, error) {
	row, err := write(ctx, s, "create an authenticator", func(s *store) (*ent.Authenticator, error) {
		var t texts
		t.check("credentialID", a.CredentialID)
		t.check("userId", a.UserID)
		t.check("providerAccountId", a.ProviderAccountID)
		t.check("credentialPublicKey", a.CredentialPublicKey)
		t.check("credentialDeviceType", a.CredentialDeviceType)
		t.checkPtr("transports", a.Transports)
		if t.err != nil {
			return nil, t.err
		}
		return s.client.Authenticator.Create().
			SetID(a.CredentialID).
			SetUserID(a.UserID).
			SetProviderAccountID(a.ProviderAccountID).
			SetCredentialPublicKey(a.CredentialPublicKey).
			SetCounter(int64(a.Counter)).
			SetCredentialDeviceType(a.CredentialDeviceType).
			SetCredentialBackedUp(a.CredentialBackedUp).
			SetNillableTransports(a.Transports).
			Save(ctx)
	})
	return authenticatorOf(row), err
}

// GetAuthenticator implements engine.AuthenticatorAdapter.
func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (engine.Authenticator, error) {
	row, err := do(ctx, s, "get an authenticator", func() (*ent.Authenticator, error) {
		if !storable(credentialID) {
			return nil, engine.ErrNotFound
		}
		return s.client.Authenticator.Get(ctx, credentialID)
	})
	return authenticatorOf(row), err
}

// ListAuthenticatorsByUserID implements engine.AuthenticatorAdapter.
func (s *store) ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]engine.Authenticator, error) {
	rows, err := do(ctx, s, "list authenticators", func() ([]*ent.Authenticator, error) {
		if !storable(userID) {
			return nil, nil
		}
		return s.client.Authenticator.Query().Where(authenticator.UserIDEQ(userID)).All(ctx)
	})
	return each(rows, authenticatorOf), err
}

// PurgeExpired implements engine.Purger. It works in small steps, so that
// others can write in between; what a failed call has removed stays removed
// and is counted.
func (s *store) PurgeExpired(ctx context.Context, before time.Time, limit int) (int, error) {
	ms := before.UnixMilli()
	removed, err := s.purge(ctx, limit, func(s *store, n int) (found, deleted int, err error) {
		ids, err := s.client.Session.Query().Where(session.ExpiresLT(ms)).Limit(n).IDs(ctx)
		if err != nil || len(ids) == 0 {
			return 0, 0, err
		}
		// One of them may have been extended by now.
		deleted, err = s.client.Session.Delete().Where(session.IDIn(ids...), session.ExpiresLT(ms)).Exec(ctx)
		return len(ids), deleted, err
	})
	if err != nil {
		return removed, err
	}
	tokens, err := s.purge(ctx, limit-removed, func(s *store, n int) (found, deleted int, err error) {
		ids, err := s.client.VerificationToken.Query().Where(verificationtoken.ExpiresLT(ms)).Limit(n).IDs(ctx)
		if err != nil || len(ids) == 0 {
			return 0, 0, err
		}
		deleted, err = s.client.VerificationToken.Delete().Where(verificationtoken.IDIn(ids...)).Exec(ctx)
		return len(ids), deleted, err
	})
	return removed + tokens, err
}

// purge calls step with at most 500 rows to remove until limit rows are
// removed or no more are found.
func (s *store) purge(ctx context.Context, limit int, step func(s *store, n int) (found, deleted int, err error)) (removed int, err error) {
	for removed < limit {
		n, found := min(limit-removed, 500), 0
		deleted, err := write(ctx, s, "purge what is expired", func(s *store) (deleted int, err error) {
			found, deleted, err = step(s, n)
			return deleted, err
		})
		if err != nil {
			return removed, err
		}
		if removed += deleted; found < n {
			break
		}
	}
	return removed, nil
}

func userOf(r *ent.User) engine.User {
	if r == nil {
		return engine.User{}
	}
	return engine.User{ID: r.ID, Name: r.Name, Email: r.Email, EmailVerified: instantPtr(r.EmailVerified), Image: r.Image}
}

func accountOf(r *ent.Account) engine.Account {
	if r == nil {
		return engine.Account{}
	}
	return engine.Account{
		UserID: r.UserID, Type: r.Type, Provider: r.Provider, ProviderAccountID: r.ProviderAccountID,
		RefreshToken: r.RefreshToken, AccessToken: r.AccessToken, ExpiresAt: r.ExpiresAt,
		TokenType: r.TokenType, Scope: r.Scope, IDToken: r.IDToken, SessionState: r.SessionState,
	}
}

func sessionOf(r *ent.Session) engine.AdapterSession {
	if r == nil {
		return engine.AdapterSession{}
	}
	return engine.AdapterSession{SessionToken: r.ID, UserID: r.UserID, Expires: instant(r.Expires)}
}

func tokenOf(r *ent.VerificationToken) engine.VerificationToken {
	if r == nil {
		return engine.VerificationToken{}
	}
	return engine.VerificationToken{Identifier: r.Identifier, Token: r.Token, Expires: instant(r.Expires)}
}

func authenticatorOf(r *ent.Authenticator) engine.Authenticator {
	if r == nil {
		return engine.Authenticator{}
	}
	return engine.Authenticator{
		CredentialID: r.ID, UserID: r.UserID, ProviderAccountID: r.ProviderAccountID,
		CredentialPublicKey: r.CredentialPublicKey, Counter: uint32(r.Counter),
		CredentialDeviceType: r.CredentialDeviceType, CredentialBackedUp: r.CredentialBackedUp, Transports: r.Transports,
	}
}

func each[R, E any](rows []R, of func(R) E) []E {
	out := make([]E, len(rows))
	for i, r := range rows {
		out[i] = of(r)
	}
	return out
}

// change applies c by a builder's methods.
func change[T, B any](c engine.Change[T], set func(T) B, clear func() B) {
	switch {
	case c.Set && c.Value != nil:
		set(*c.Value)
	case c.Set:
		clear()
	}
}

func millisPtr(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func instantPtr(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := instant(*ms)
	return &t
}

// storable reports whether every database can hold s as text: PostgreSQL
// refuses NUL and invalid UTF-8. No row is found by another string.
func storable(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// texts finds the first field that is not storable.
type texts struct{ err error }

func (t *texts) check(field, s string) {
	if t.err == nil && !storable(s) {
		t.err = fmt.Errorf("%w: %s holds a NUL byte or is not UTF-8", engine.ErrInvalid, field)
	}
}

func (t *texts) checkPtr(field string, s *string) {
	if s != nil {
		t.check(field, *s)
	}
}

func userTexts(id string, name, email, image *string) error {
	var t texts
	t.check("id", id)
	t.checkPtr("name", name)
	t.checkPtr("email", email)
	t.checkPtr("image", image)
	return t.err
}

// noExtra refuses extra fields: the stock client has no columns for them.
func noExtra(of string, extra map[string]any) error {
	if len(extra) == 0 {
		return nil
	}
	return fmt.Errorf("%w: the %s field %q has no column", engine.ErrInvalid, of, slices.Sorted(maps.Keys(extra))[0])
}
