package memory

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

func users(d *data) map[string]store.User                   { return d.users }
func accounts(d *data) map[pair]store.Account               { return d.accounts }
func sessions(d *data) map[string]store.Session             { return d.sessions }
func authenticators(d *data) map[string]store.Authenticator { return d.authenticators }

// CreateUser implements store.UserAdapter.
func (a *Adapter) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	err := a.write(ctx, func(d *data) (err error) {
		if u.ID == "" {
			return fmt.Errorf("memory: %w: the user id is empty", store.ErrInvalid)
		}
		if u.Extra, err = mergeExtra("user", nil, u.Extra, a.schema.UserField); err != nil {
			return err
		}
		if _, taken := d.users[u.ID]; taken {
			return &store.ConflictError{Field: "id"}
		}
		if u.Email != nil {
			if _, taken := d.emails[*u.Email]; taken {
				return &store.ConflictError{Field: "email"}
			}
			d.emails[*u.Email] = u.ID
		}
		d.users[u.ID] = cloneUser(u)
		return nil
	})
	if err != nil {
		return store.User{}, err
	}
	return cloneUser(u), nil
}

// GetUser implements store.UserAdapter.
func (a *Adapter) GetUser(ctx context.Context, id string) (store.User, error) {
	return get(ctx, a, id, users, cloneUser)
}

// GetUserByEmail implements store.UserAdapter.
func (a *Adapter) GetUserByEmail(ctx context.Context, email string) (u store.User, err error) {
	err = a.read(ctx, func(d *data) error {
		id, ok := d.emails[email]
		if !ok {
			return store.ErrNotFound
		}
		u = cloneUser(d.users[id])
		return nil
	})
	return u, err
}

// UpdateUser implements store.UserAdapter.
func (a *Adapter) UpdateUser(ctx context.Context, up store.UserUpdate) (store.User, error) {
	var u store.User
	err := a.write(ctx, func(d *data) (err error) {
		old, ok := d.users[up.ID]
		if !ok {
			return store.ErrNotFound
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
				return &store.ConflictError{Field: "email"}
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
		return store.User{}, err
	}
	return cloneUser(u), nil
}

// DeleteUser implements store.UserAdapter.
func (a *Adapter) DeleteUser(ctx context.Context, id string) error {
	return a.write(ctx, func(d *data) error {
		if u := d.users[id]; u.Email != nil {
			delete(d.emails, *u.Email)
		}
		delete(d.users, id)
		maps.DeleteFunc(d.accounts, func(_ pair, a store.Account) bool { return a.UserID == id })
		maps.DeleteFunc(d.sessions, func(_ string, s store.Session) bool { return s.UserID == id })
		maps.DeleteFunc(d.authenticators, func(_ string, a store.Authenticator) bool { return a.UserID == id })
		return nil
	})
}

// LinkAccount implements store.AccountAdapter.
func (a *Adapter) LinkAccount(ctx context.Context, n store.Account) (store.Account, error) {
	err := a.write(ctx, func(d *data) error {
		key := pair{n.Provider, n.ProviderAccountID}
		if _, taken := d.accounts[key]; taken {
			return &store.ConflictError{Field: "providerAccountId"}
		}
		if err := d.hasUser(n.UserID); err != nil {
			return err
		}
		d.accounts[key] = cloneAccount(n)
		return nil
	})
	if err != nil {
		return store.Account{}, err
	}
	return cloneAccount(n), nil
}

// UnlinkAccount implements store.AccountAdapter.
func (a *Adapter) UnlinkAccount(ctx context.Context, provider, providerAccountID string) error {
	return a.write(ctx, func(d *data) error {
		delete(d.accounts, pair{provider, providerAccountID})
		return nil
	})
}

// GetAccount implements store.AccountAdapter.
func (a *Adapter) GetAccount(ctx context.Context, provider, providerAccountID string) (store.Account, error) {
	return get(ctx, a, pair{provider, providerAccountID}, accounts, cloneAccount)
}

// GetUserByAccount implements store.AccountAdapter.
func (a *Adapter) GetUserByAccount(ctx context.Context, provider, providerAccountID string) (u store.User, err error) {
	err = a.read(ctx, func(d *data) error {
		account, ok := d.accounts[pair{provider, providerAccountID}]
		if !ok {
			return store.ErrNotFound
		}
		u = cloneUser(d.users[account.UserID])
		return nil
	})
	return u, err
}

// ListAccountsByUserID implements store.AccountAdapter.
func (a *Adapter) ListAccountsByUserID(ctx context.Context, userID string) ([]store.Account, error) {
	return list(ctx, a, accounts, func(v store.Account) bool { return v.UserID == userID }, cloneAccount)
}

// CreateSession implements store.SessionAdapter.
func (a *Adapter) CreateSession(ctx context.Context, s store.Session) (store.Session, error) {
	err := a.write(ctx, func(d *data) (err error) {
		if s.Extra, err = mergeExtra("session", nil, s.Extra, a.schema.SessionField); err != nil {
			return err
		}
		if _, taken := d.sessions[s.SessionToken]; taken {
			return &store.ConflictError{Field: "sessionToken"}
		}
		if err := d.hasUser(s.UserID); err != nil {
			return err
		}
		d.sessions[s.SessionToken] = cloneSession(s)
		return nil
	})
	if err != nil {
		return store.Session{}, err
	}
	return cloneSession(s), nil
}

// GetSession implements store.SessionAdapter.
func (a *Adapter) GetSession(ctx context.Context, sessionToken string) (store.Session, error) {
	return get(ctx, a, sessionToken, sessions, cloneSession)
}

// GetSessionAndUser implements store.SessionAdapter.
func (a *Adapter) GetSessionAndUser(ctx context.Context, sessionToken string) (s store.Session, u store.User, err error) {
	err = a.read(ctx, func(d *data) error {
		stored, ok := d.sessions[sessionToken]
		if !ok {
			return store.ErrNotFound
		}
		s, u = cloneSession(stored), cloneUser(d.users[stored.UserID])
		return nil
	})
	return s, u, err
}

// UpdateSession implements store.SessionAdapter.
func (a *Adapter) UpdateSession(ctx context.Context, up store.SessionUpdate) (store.Session, error) {
	var s store.Session
	err := a.write(ctx, func(d *data) (err error) {
		old, ok := d.sessions[up.SessionToken]
		if !ok {
			return store.ErrNotFound
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
		return store.Session{}, err
	}
	return s, nil
}

// DeleteSession implements store.SessionAdapter.
func (a *Adapter) DeleteSession(ctx context.Context, sessionToken string) error {
	return a.write(ctx, func(d *data) error {
		delete(d.sessions, sessionToken)
		return nil
	})
}

// DeleteSessionsByUserID implements store.SessionAdapter.
func (a *Adapter) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	return a.write(ctx, func(d *data) error {
		maps.DeleteFunc(d.sessions, func(_ string, s store.Session) bool { return s.UserID == userID })
		return nil
	})
}

// ListSessionsByUserID implements store.SessionLister.
func (a *Adapter) ListSessionsByUserID(ctx context.Context, userID string) ([]store.Session, error) {
	return list(ctx, a, sessions, func(v store.Session) bool { return v.UserID == userID }, cloneSession)
}

// CreateVerificationToken implements store.VerificationTokenAdapter.
func (a *Adapter) CreateVerificationToken(ctx context.Context, t store.VerificationToken) (store.VerificationToken, error) {
	err := a.write(ctx, func(d *data) error {
		key := pair{t.Identifier, t.Token}
		if _, taken := d.tokens[key]; taken {
			return &store.ConflictError{Field: "token"}
		}
		d.tokens[key] = cloneToken(t)
		return nil
	})
	if err != nil {
		return store.VerificationToken{}, err
	}
	return cloneToken(t), nil
}

// UseVerificationToken implements store.VerificationTokenAdapter.
func (a *Adapter) UseVerificationToken(ctx context.Context, identifier, token string) (t store.VerificationToken, err error) {
	err = a.write(ctx, func(d *data) error {
		key := pair{identifier, token}
		stored, ok := d.tokens[key]
		if !ok {
			return store.ErrNotFound
		}
		delete(d.tokens, key)
		t = stored
		return nil
	})
	return t, err
}

// CreateAuthenticator implements store.AuthenticatorAdapter.
func (a *Adapter) CreateAuthenticator(ctx context.Context, n store.Authenticator) (store.Authenticator, error) {
	err := a.write(ctx, func(d *data) error {
		if _, taken := d.authenticators[n.CredentialID]; taken {
			return &store.ConflictError{Field: "credentialID"}
		}
		if err := d.hasUser(n.UserID); err != nil {
			return err
		}
		d.authenticators[n.CredentialID] = cloneAuthenticator(n)
		return nil
	})
	if err != nil {
		return store.Authenticator{}, err
	}
	return cloneAuthenticator(n), nil
}

// GetAuthenticator implements store.AuthenticatorAdapter.
func (a *Adapter) GetAuthenticator(ctx context.Context, credentialID string) (store.Authenticator, error) {
	return get(ctx, a, credentialID, authenticators, cloneAuthenticator)
}

// ListAuthenticatorsByUserID implements store.AuthenticatorAdapter.
func (a *Adapter) ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]store.Authenticator, error) {
	return list(ctx, a, authenticators, func(v store.Authenticator) bool { return v.UserID == userID }, cloneAuthenticator)
}

// UpdateAuthenticatorCounter implements store.AuthenticatorAdapter.
func (a *Adapter) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (store.Authenticator, error) {
	var v store.Authenticator
	err := a.write(ctx, func(d *data) error {
		stored, ok := d.authenticators[credentialID]
		if !ok {
			return store.ErrNotFound
		}
		if counter <= stored.Counter && stored.Counter != 0 {
			return store.ErrStaleCounter
		}
		stored.Counter = counter
		d.authenticators[credentialID] = stored
		v = cloneAuthenticator(stored)
		return nil
	})
	return v, err
}

// PurgeExpired implements store.Purger.
func (a *Adapter) PurgeExpired(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	err = a.write(ctx, func(d *data) error {
		purge(d.sessions, limit, &removed, func(s store.Session) bool { return s.Expires.Before(before) })
		purge(d.tokens, limit, &removed, func(t store.VerificationToken) bool { return t.Expires.Before(before) })
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
		return fmt.Errorf("memory: no such user: %w", store.ErrNotFound)
	}
	return nil
}
