package memory

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

func users(d *data) map[string]engine.User                   { return d.users }
func accounts(d *data) map[pair]engine.Account               { return d.accounts }
func sessions(d *data) map[string]engine.AdapterSession      { return d.sessions }
func authenticators(d *data) map[string]engine.Authenticator { return d.authenticators }

// CreateUser implements engine.UserAdapter.
func (a *Adapter) CreateUser(ctx context.Context, u engine.User) (engine.User, error) {
	err := a.write(ctx, func(d *data) (err error) {
		if u.ID == "" {
			return fmt.Errorf("memory: %w: the id of a user is empty", engine.ErrInvalid)
		}
		if u.Extra, err = mergeExtra("user", nil, u.Extra, a.schema.UserField); err != nil {
			return err
		}
		if _, taken := d.users[u.ID]; taken {
			return engine.ErrConflict{Field: "id"}
		}
		if u.Email != nil {
			if _, taken := d.emails[*u.Email]; taken {
				return engine.ErrConflict{Field: "email"}
			}
			d.emails[*u.Email] = u.ID
		}
		d.users[u.ID] = cloneUser(u)
		return nil
	})
	if err != nil {
		return engine.User{}, err
	}
	return cloneUser(u), nil
}

// GetUser implements engine.UserAdapter.
func (a *Adapter) GetUser(ctx context.Context, id string) (engine.User, error) {
	return get(ctx, a, id, users, cloneUser)
}

// GetUserByEmail implements engine.UserAdapter.
func (a *Adapter) GetUserByEmail(ctx context.Context, email string) (u engine.User, err error) {
	err = a.read(ctx, func(d *data) error {
		id, ok := d.emails[email]
		if !ok {
			return engine.ErrNotFound
		}
		u = cloneUser(d.users[id])
		return nil
	})
	return u, err
}

// UpdateUser implements engine.UserAdapter.
func (a *Adapter) UpdateUser(ctx context.Context, up engine.UserUpdate) (engine.User, error) {
	var u engine.User
	err := a.write(ctx, func(d *data) (err error) {
		old, ok := d.users[up.ID]
		if !ok {
			return engine.ErrNotFound
		}
		u = cloneUser(old)
		if u.Extra, err = mergeExtra("user", u.Extra, up.Extra, a.schema.UserField); err != nil {
			return err
		}
		up.Name.Apply(&u.Name)
		up.Email.Apply(&u.Email)
		up.EmailVerified.Apply(&u.EmailVerified)
		up.Image.Apply(&u.Image)
		if u.Email != nil {
			if id, taken := d.emails[*u.Email]; taken && id != u.ID {
				return engine.ErrConflict{Field: "email"}
			}
		}
		if old.Email != nil {
			delete(d.emails, *old.Email)
		}
		if u.Email != nil {
			d.emails[*u.Email] = u.ID
		}
		d.users[u.ID] = cloneUser(u)
		return nil
	})
	if err != nil {
		return engine.User{}, err
	}
	return cloneUser(u), nil
}

// DeleteUser implements engine.UserAdapter.
func (a *Adapter) DeleteUser(ctx context.Context, id string) error {
	return a.write(ctx, func(d *data) error {
		if u := d.users[id]; u.Email != nil {
			delete(d.emails, *u.Email)
		}
		delete(d.users, id)
		maps.DeleteFunc(d.accounts, func(_ pair, a engine.Account) bool { return a.UserID == id })
		maps.DeleteFunc(d.sessions, func(_ string, s engine.AdapterSession) bool { return s.UserID == id })
		maps.DeleteFunc(d.authenticators, func(_ string, a engine.Authenticator) bool { return a.UserID == id })
		return nil
	})
}

// LinkAccount implements engine.AccountAdapter.
func (a *Adapter) LinkAccount(ctx context.Context, n engine.Account) (engine.Account, error) {
	err := a.write(ctx, func(d *data) error {
		key := pair{n.Provider, n.ProviderAccountID}
		if _, taken := d.accounts[key]; taken {
			return engine.ErrConflict{Field: "providerAccountId"}
		}
		if err := d.hasUser(n.UserID); err != nil {
			return err
		}
		d.accounts[key] = cloneAccount(n)
		return nil
	})
	if err != nil {
		return engine.Account{}, err
	}
	return cloneAccount(n), nil
}

// UnlinkAccount implements engine.AccountAdapter.
func (a *Adapter) UnlinkAccount(ctx context.Context, provider, providerAccountID string) error {
	return a.write(ctx, func(d *data) error {
		delete(d.accounts, pair{provider, providerAccountID})
		return nil
	})
}

// GetAccount implements engine.AccountAdapter.
func (a *Adapter) GetAccount(ctx context.Context, provider, providerAccountID string) (engine.Account, error) {
	return get(ctx, a, pair{provider, providerAccountID}, accounts, cloneAccount)
}

// GetUserByAccount implements engine.AccountAdapter.
func (a *Adapter) GetUserByAccount(ctx context.Context, provider, providerAccountID string) (u engine.User, err error) {
	err = a.read(ctx, func(d *data) error {
		account, ok := d.accounts[pair{provider, providerAccountID}]
		if !ok {
			return engine.ErrNotFound
		}
		u = cloneUser(d.users[account.UserID])
		return nil
	})
	return u, err
}

// ListAccountsByUserID implements engine.AccountAdapter.
func (a *Adapter) ListAccountsByUserID(ctx context.Context, userID string) ([]engine.Account, error) {
	return list(ctx, a, accounts, func(v engine.Account) bool { return v.UserID == userID }, cloneAccount)
}

// CreateSession implements engine.SessionAdapter.
func (a *Adapter) CreateSession(ctx context.Context, s engine.AdapterSession) (engine.AdapterSession, error) {
	err := a.write(ctx, func(d *data) (err error) {
		if s.Extra, err = mergeExtra("session", nil, s.Extra, a.schema.SessionField); err != nil {
			return err
		}
		if _, taken := d.sessions[s.SessionToken]; taken {
			return engine.ErrConflict{Field: "sessionToken"}
		}
		if err := d.hasUser(s.UserID); err != nil {
			return err
		}
		d.sessions[s.SessionToken] = cloneSession(s)
		return nil
	})
	if err != nil {
		return engine.AdapterSession{}, err
	}
	return cloneSession(s), nil
}

// GetSession implements engine.SessionAdapter.
func (a *Adapter) GetSession(ctx context.Context, sessionToken string) (engine.AdapterSession, error) {
	return get(ctx, a, sessionToken, sessions, cloneSession)
}

// GetSessionAndUser implements engine.SessionAdapter.
func (a *Adapter) GetSessionAndUser(ctx context.Context, sessionToken string) (s engine.AdapterSession, u engine.User, err error) {
	err = a.read(ctx, func(d *data) error {
		stored, ok := d.sessions[sessionToken]
		if !ok {
			return engine.ErrNotFound
		}
		s, u = cloneSession(stored), cloneUser(d.users[stored.UserID])
		return nil
	})
	return s, u, err
}

// UpdateSession implements engine.SessionAdapter.
func (a *Adapter) UpdateSession(ctx context.Context, up engine.SessionUpdate) (engine.AdapterSession, error) {
	var s engine.AdapterSession
	err := a.write(ctx, func(d *data) (err error) {
		old, ok := d.sessions[up.SessionToken]
		if !ok {
			return engine.ErrNotFound
		}
		s = cloneSession(old)
		if s.Extra, err = mergeExtra("session", s.Extra, up.Extra, a.schema.SessionField); err != nil {
			return err
		}
		if up.Expires != nil {
			s.Expires = schema.Instant(*up.Expires)
		}
		d.sessions[s.SessionToken] = cloneSession(s)
		return nil
	})
	if err != nil {
		return engine.AdapterSession{}, err
	}
	return s, nil
}

// DeleteSession implements engine.SessionAdapter.
func (a *Adapter) DeleteSession(ctx context.Context, sessionToken string) error {
	return a.write(ctx, func(d *data) error {
		delete(d.sessions, sessionToken)
		return nil
	})
}

// DeleteSessionsByUserID implements engine.SessionAdapter.
func (a *Adapter) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	return a.write(ctx, func(d *data) error {
		maps.DeleteFunc(d.sessions, func(_ string, s engine.AdapterSession) bool { return s.UserID == userID })
		return nil
	})
}

// ListSessionsByUserID implements engine.SessionLister.
func (a *Adapter) ListSessionsByUserID(ctx context.Context, userID string) ([]engine.AdapterSession, error) {
	return list(ctx, a, sessions, func(v engine.AdapterSession) bool { return v.UserID == userID }, cloneSession)
}

// CreateVerificationToken implements engine.VerificationTokenAdapter.
func (a *Adapter) CreateVerificationToken(ctx context.Context, t engine.VerificationToken) (engine.VerificationToken, error) {
	err := a.write(ctx, func(d *data) error {
		key := pair{t.Identifier, t.Token}
		if _, taken := d.tokens[key]; taken {
			return engine.ErrConflict{Field: "token"}
		}
		d.tokens[key] = cloneToken(t)
		return nil
	})
	if err != nil {
		return engine.VerificationToken{}, err
	}
	return cloneToken(t), nil
}

// UseVerificationToken implements engine.VerificationTokenAdapter.
func (a *Adapter) UseVerificationToken(ctx context.Context, identifier, token string) (t engine.VerificationToken, err error) {
	err = a.write(ctx, func(d *data) error {
		key := pair{identifier, token}
		stored, ok := d.tokens[key]
		if !ok {
			return engine.ErrNotFound
		}
		delete(d.tokens, key)
		t = stored
		return nil
	})
	return t, err
}

// CreateAuthenticator implements engine.AuthenticatorAdapter.
func (a *Adapter) CreateAuthenticator(ctx context.Context, n engine.Authenticator) (engine.Authenticator, error) {
	err := a.write(ctx, func(d *data) error {
		if _, taken := d.authenticators[n.CredentialID]; taken {
			return engine.ErrConflict{Field: "credentialID"}
		}
		if err := d.hasUser(n.UserID); err != nil {
			return err
		}
		d.authenticators[n.CredentialID] = cloneAuthenticator(n)
		return nil
	})
	if err != nil {
		return engine.Authenticator{}, err
	}
	return cloneAuthenticator(n), nil
}

// GetAuthenticator implements engine.AuthenticatorAdapter.
func (a *Adapter) GetAuthenticator(ctx context.Context, credentialID string) (engine.Authenticator, error) {
	return get(ctx, a, credentialID, authenticators, cloneAuthenticator)
}

// ListAuthenticatorsByUserID implements engine.AuthenticatorAdapter.
func (a *Adapter) ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]engine.Authenticator, error) {
	return list(ctx, a, authenticators, func(v engine.Authenticator) bool { return v.UserID == userID }, cloneAuthenticator)
}

// UpdateAuthenticatorCounter implements engine.AuthenticatorAdapter.
func (a *Adapter) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (engine.Authenticator, error) {
	var v engine.Authenticator
	err := a.write(ctx, func(d *data) error {
		stored, ok := d.authenticators[credentialID]
		if !ok {
			return engine.ErrNotFound
		}
		if counter <= stored.Counter && stored.Counter != 0 {
			return engine.ErrStaleCounter
		}
		stored.Counter = counter
		d.authenticators[credentialID] = stored
		v = cloneAuthenticator(stored)
		return nil
	})
	return v, err
}

// PurgeExpired implements engine.Purger.
func (a *Adapter) PurgeExpired(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	err = a.write(ctx, func(d *data) error {
		purge(d.sessions, limit, &removed, func(s engine.AdapterSession) bool { return s.Expires.Before(before) })
		purge(d.tokens, limit, &removed, func(t engine.VerificationToken) bool { return t.Expires.Before(before) })
		return nil
	})
	return removed, err
}

func purge[K comparable, V any](rows map[K]V, limit int, removed *int, expired func(V) bool) {
	for key, v := range rows {
		if *removed >= limit {
			return
		}
		if expired(v) {
			delete(rows, key)
			*removed++
		}
	}
}

func (d *data) hasUser(id string) error {
	if _, ok := d.users[id]; !ok {
		return fmt.Errorf("memory: no such user: %w", engine.ErrNotFound)
	}
	return nil
}
