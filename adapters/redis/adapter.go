package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// rows runs a script and returns the rows of its reply. It returns
// store.ErrNotFound for an empty reply.
func (a *Adapter) rows(ctx context.Context, s script, keys []string, args ...any) ([]any, error) {
	reply, err := a.run(ctx, s, keys, args...)
	if err != nil {
		return nil, err
	}
	if len(reply) == 0 {
		return nil, store.ErrNotFound
	}
	switch reply[0] {
	case "ok":
		return reply[1:], nil
	case "stale":
		return nil, store.ErrStaleCounter
	case "taken":
		if len(reply) == 2 {
			if field, ok := reply[1].(string); ok {
				return nil, &store.ConflictError{Field: field}
			}
		}
	}
	return nil, a.fail(ctx, s.name, errors.New("unexpected reply from the script"))
}

// exec runs a script and discards its rows.
func (a *Adapter) exec(ctx context.Context, s script, keys []string, args ...any) error {
	_, err := a.rows(ctx, s, keys, args...)
	return err
}

// remove is like exec but succeeds if there is nothing to remove.
func (a *Adapter) remove(ctx context.Context, s script, keys []string, args ...any) error {
	err := a.exec(ctx, s, keys, args...)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// one runs a script and reads its single row.
func one[V any](ctx context.Context, a *Adapter, read func(row) (V, error), s script, keys []string, args ...any) (V, error) {
	rows, err := a.rows(ctx, s, keys, args...)
	if err != nil {
		return *new(V), err
	}
	r, err := rowAt(rows, 0)
	if err != nil {
		return *new(V), err
	}
	return read(r)
}

// list runs a script and reads all of its rows.
func list[V any](ctx context.Context, a *Adapter, read func(row) (V, error), s script, keys []string, args ...any) ([]V, error) {
	rows, err := a.rows(ctx, s, keys, args...)
	if err != nil {
		return nil, err
	}
	var all []V
	for i := range rows {
		r, err := rowAt(rows, i)
		if err != nil {
			return nil, err
		}
		v, err := read(r)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// rowAt returns a row of a reply. An empty row is one that an index refers to but
// that does not exist: another program has written to these keys, or the server
// has evicted some.
func rowAt(rows []any, i int) (row, error) {
	if i < len(rows) {
		if r, ok := rows[i].([]any); ok && len(r) > 0 {
			return r, nil
		}
	}
	return nil, errors.New("redis: a row that another row refers to is missing; check that the server does not evict keys (maxmemory-policy noeviction)")
}

// CreateUser implements store.UserAdapter.
func (a *Adapter) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	f, err := a.newUser(ctx, u)
	if err != nil {
		return store.User{}, err
	}
	keys := []string{a.key("user", u.ID)}
	if u.Email != nil {
		keys = append(keys, a.key("email", *u.Email))
	}
	if err := a.exec(ctx, createUser, keys, append(fields{u.ID}, f...)...); err != nil {
		return store.User{}, err
	}
	return a.readUser(row(f))
}

// newUser checks a user to be created and returns its row.
func (a *Adapter) newUser(ctx context.Context, u store.User) (fields, error) {
	if err := a.usable(ctx); err != nil {
		return nil, err
	}
	if u.ID == "" {
		return nil, fmt.Errorf("redis: %w: the user id is empty", store.ErrInvalid)
	}
	if u.EmailVerified != nil {
		if err := storable("emailVerified", *u.EmailVerified); err != nil {
			return nil, err
		}
	}
	extra, _, err := splitExtra("user", a.schema.UserField, u.Extra)
	if err != nil {
		return nil, err
	}
	return userFields(u, extra), nil
}

// CreateUserWithAccount implements store.SignUpAdapter.
func (a *Adapter) CreateUserWithAccount(ctx context.Context, u store.User, n store.Account) (store.User, store.Account, error) {
	f, err := a.newUser(ctx, u)
	if err != nil {
		return store.User{}, store.Account{}, err
	}
	n.UserID = u.ID
	member, account := pair(n.Provider, n.ProviderAccountID), accountFields(n)
	keys := []string{a.key("user", u.ID), a.key("account", member), a.key("accounts", u.ID)}
	if u.Email != nil {
		keys = append(keys, a.key("email", *u.Email))
	}
	args := append(fields{u.ID, member, len(f) / 2}, f...)
	if err := a.exec(ctx, createUserWithAccount, keys, append(args, account...)...); err != nil {
		return store.User{}, store.Account{}, err
	}
	if u, err = a.readUser(row(f)); err == nil {
		n, err = readAccount(row(account))
	}
	return u, n, err
}

// GetUser implements store.UserAdapter.
func (a *Adapter) GetUser(ctx context.Context, id string) (store.User, error) {
	return one(ctx, a, a.readUser, getRow, []string{a.key("user", id)})
}

// GetUserByEmail implements store.UserAdapter.
func (a *Adapter) GetUserByEmail(ctx context.Context, email string) (store.User, error) {
	return one(ctx, a, a.readUser, getUserByEmail, []string{a.key("email", email)})
}

// UpdateUser implements store.UserAdapter.
func (a *Adapter) UpdateUser(ctx context.Context, up store.UserUpdate) (store.User, error) {
	if err := a.usable(ctx); err != nil {
		return store.User{}, err
	}
	set, clear, err := splitExtra("user", a.schema.UserField, up.Extra)
	if err != nil {
		return store.User{}, err
	}
	keys := []string{a.key("user", up.ID)}
	emailChanges := "0"
	if up.Email.Set {
		emailChanges = "1"
		if up.Email.Value != nil {
			keys = append(keys, a.key("email", *up.Email.Value))
		}
	}
	for _, c := range []struct {
		name   string
		change store.Change[string]
	}{{"name", up.Name}, {"email", up.Email}, {"image", up.Image}} {
		switch {
		case c.change.Value != nil && c.change.Set:
			set.text(c.name, *c.change.Value)
		case c.change.Set:
			clear = append(clear, c.name)
		}
	}
	switch at := up.EmailVerified; {
	case at.Set && at.Value != nil:
		if err := storable("emailVerified", *at.Value); err != nil {
			return store.User{}, err
		}
		set.time("emailVerified", *at.Value)
	case at.Set:
		clear = append(clear, "emailVerified")
	}
	return one(ctx, a, a.readUser, updateUser, keys, changes(set, clear, up.ID, emailChanges)...)
}

// changes returns the arguments of a script: leading ones, then the fields to set
// and to clear.
func changes(set, clear fields, leading ...any) []any {
	args := append(leading, len(set)/2)
	return append(append(args, set...), clear...)
}

// DeleteUser implements store.UserAdapter.
func (a *Adapter) DeleteUser(ctx context.Context, id string) error {
	keys := []string{a.key("user", id), a.key("accounts", id), a.key("sessions", id), a.key("authenticators", id)}
	return a.exec(ctx, deleteUser, keys, id)
}

// LinkAccount implements store.AccountAdapter.
func (a *Adapter) LinkAccount(ctx context.Context, n store.Account) (store.Account, error) {
	member, f := pair(n.Provider, n.ProviderAccountID), accountFields(n)
	keys := []string{a.key("account", member), a.key("user", n.UserID), a.key("accounts", n.UserID)}
	if err := a.exec(ctx, createOwned, keys, append(fields{member, "providerAccountId"}, f...)...); err != nil {
		return store.Account{}, err
	}
	return readAccount(row(f))
}

// UnlinkAccount implements store.AccountAdapter.
func (a *Adapter) UnlinkAccount(ctx context.Context, provider, providerAccountID string) error {
	member := pair(provider, providerAccountID)
	return a.remove(ctx, unlinkAccount, []string{a.key("account", member)}, member)
}

// GetAccount implements store.AccountAdapter.
func (a *Adapter) GetAccount(ctx context.Context, provider, providerAccountID string) (store.Account, error) {
	return one(ctx, a, readAccount, getRow, []string{a.key("account", pair(provider, providerAccountID))})
}

// GetUserByAccount implements store.AccountAdapter.
func (a *Adapter) GetUserByAccount(ctx context.Context, provider, providerAccountID string) (store.User, error) {
	return one(ctx, a, a.readUser, getUserByAccount, []string{a.key("account", pair(provider, providerAccountID))})
}

// ListAccountsByUserID implements store.AccountAdapter.
func (a *Adapter) ListAccountsByUserID(ctx context.Context, userID string) ([]store.Account, error) {
	return list(ctx, a, readAccount, listAccounts, []string{a.key("accounts", userID)})
}

// CreateSession implements store.SessionAdapter. Redis removes a session that has
// already expired at once.
func (a *Adapter) CreateSession(ctx context.Context, s store.Session) (store.Session, error) {
	if err := a.usable(ctx); err != nil {
		return store.Session{}, err
	}
	if err := storable("expires", s.Expires); err != nil {
		return store.Session{}, err
	}
	extra, _, err := splitExtra("session", a.schema.SessionField, s.Extra)
	if err != nil {
		return store.Session{}, err
	}
	keys := []string{a.key("session", s.SessionToken), a.key("sessions", s.UserID)}
	if !a.usersElsewhere {
		keys = append(keys, a.key("user", s.UserID))
	}
	f := sessionFields(s, extra)
	if err := a.exec(ctx, createSession, keys, append(fields{s.SessionToken, expiryMillis(s.Expires)}, f...)...); err != nil {
		return store.Session{}, err
	}
	return a.readSession(row(f))
}

// expiryMillis returns the instant at which Redis removes a row, in UNIX
// milliseconds.
func expiryMillis(expires time.Time) string { return strconv.FormatInt(expires.UnixMilli(), 10) }

// GetSession implements store.SessionAdapter.
func (a *Adapter) GetSession(ctx context.Context, sessionToken string) (store.Session, error) {
	return one(ctx, a, a.readSession, getRow, []string{a.key("session", sessionToken)})
}

// GetSessionAndUser implements store.SessionAdapter.
func (a *Adapter) GetSessionAndUser(ctx context.Context, sessionToken string) (store.Session, store.User, error) {
	rows, err := a.rows(ctx, getSessionAndUser, []string{a.key("session", sessionToken)})
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	session, err := rowAt(rows, 0)
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	user, err := rowAt(rows, 1)
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	s, err := a.readSession(session)
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	u, err := a.readUser(user)
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	return s, u, nil
}

// UpdateSession implements store.SessionAdapter. Redis removes a session at once
// if the new Expires is in the past.
func (a *Adapter) UpdateSession(ctx context.Context, up store.SessionUpdate) (store.Session, error) {
	if err := a.usable(ctx); err != nil {
		return store.Session{}, err
	}
	set, clear, err := splitExtra("session", a.schema.SessionField, up.Extra)
	if err != nil {
		return store.Session{}, err
	}
	var at string
	if up.Expires != nil {
		if err := storable("expires", *up.Expires); err != nil {
			return store.Session{}, err
		}
		set.time("expires", *up.Expires)
		at = expiryMillis(*up.Expires)
	}
	keys := []string{a.key("session", up.SessionToken)}
	return one(ctx, a, a.readSession, updateSession, keys, changes(set, clear, up.SessionToken, at)...)
}

// DeleteSession implements store.SessionAdapter.
func (a *Adapter) DeleteSession(ctx context.Context, sessionToken string) error {
	return a.remove(ctx, deleteSession, []string{a.key("session", sessionToken)}, sessionToken)
}

// DeleteSessionsByUserID implements store.SessionAdapter.
func (a *Adapter) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	return a.exec(ctx, deleteSessions, []string{a.key("sessions", userID)}, userID)
}

// ListSessionsByUserID implements store.SessionLister.
func (a *Adapter) ListSessionsByUserID(ctx context.Context, userID string) ([]store.Session, error) {
	return list(ctx, a, a.readSession, listSessions, []string{a.key("sessions", userID)}, userID)
}

// CreateVerificationToken implements store.VerificationTokenAdapter. Redis removes
// a token that has already expired at once.
func (a *Adapter) CreateVerificationToken(ctx context.Context, t store.VerificationToken) (store.VerificationToken, error) {
	if err := a.usable(ctx); err != nil {
		return store.VerificationToken{}, err
	}
	if err := storable("expires", t.Expires); err != nil {
		return store.VerificationToken{}, err
	}
	t.Expires = schema.Instant(t.Expires)
	at := max(1, t.Expires.UnixMilli()) // unlike PEXPIREAT, SET refuses 0 and less
	reply, err := a.do(ctx, "create verification token", "set", a.key("token", pair(t.Identifier, t.Token)), t.Expires.UnixMilli(), "nx", "pxat", at)
	if err != nil {
		return store.VerificationToken{}, err
	}
	if reply == nil {
		return store.VerificationToken{}, &store.ConflictError{Field: "token"}
	}
	return t, nil
}

// UseVerificationToken implements store.VerificationTokenAdapter.
func (a *Adapter) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	reply, err := a.do(ctx, "use verification token", "getdel", a.key("token", pair(identifier, token)))
	if err != nil {
		return store.VerificationToken{}, err
	}
	if reply == nil {
		return store.VerificationToken{}, store.ErrNotFound
	}
	var r reader
	text, _ := reply.(string)
	t := store.VerificationToken{Identifier: identifier, Token: token, Expires: r.time("expires", text)}
	if r.err != nil {
		return store.VerificationToken{}, r.err
	}
	return t, nil
}

// CreateAuthenticator implements store.AuthenticatorAdapter.
func (a *Adapter) CreateAuthenticator(ctx context.Context, n store.Authenticator) (store.Authenticator, error) {
	f := authenticatorFields(n)
	keys := []string{a.key("authenticator", n.CredentialID), a.key("user", n.UserID), a.key("authenticators", n.UserID)}
	if err := a.exec(ctx, createOwned, keys, append(fields{n.CredentialID, "credentialID"}, f...)...); err != nil {
		return store.Authenticator{}, err
	}
	return readAuthenticator(row(f))
}

// GetAuthenticator implements store.AuthenticatorAdapter.
func (a *Adapter) GetAuthenticator(ctx context.Context, credentialID string) (store.Authenticator, error) {
	return one(ctx, a, readAuthenticator, getRow, []string{a.key("authenticator", credentialID)})
}

// ListAuthenticatorsByUserID implements store.AuthenticatorAdapter.
func (a *Adapter) ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]store.Authenticator, error) {
	return list(ctx, a, readAuthenticator, listAuthenticators, []string{a.key("authenticators", userID)})
}

// UpdateAuthenticatorCounter implements store.AuthenticatorAdapter.
func (a *Adapter) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (store.Authenticator, error) {
	return one(ctx, a, readAuthenticator, updateCounter, []string{a.key("authenticator", credentialID)}, counter)
}
