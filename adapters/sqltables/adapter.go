package sqltables

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/sesame-auth/sesame/engine/store"
)

// This file implements the contract, except calls with prepared statements, which
// are in hot.go, and authenticators, which are in webauthn.go.

// CreateUser implements store.UserAdapter.
func (s *rows) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	return write(ctx, s, "create a user", func(s *rows) (store.User, error) {
		t := &s.tables.user
		r := t.row()
		switch {
		case s.traits.AssignsIDs:
		case u.ID == "":
			return u, fmt.Errorf("%w: the user id is empty", store.ErrInvalid)
		default:
			r.text("id", u.ID)
		}
		r.optional("name", u.Name)
		r.optional("email", u.Email)
		u.EmailVerified = r.optionalInstant("emailVerified", u.EmailVerified)
		r.optional("image", u.Image)
		stored, err := r.extra(u.Extra, true)
		if err != nil {
			return u, err
		}
		u.Extra = stored
		if !s.traits.AssignsIDs {
			return copyUser(u), s.insert(ctx, r)
		}
		id, err := s.insertForID(ctx, r)
		u.ID = id
		return copyUser(u), err
	})
}

// insertForID writes a user whose id the database assigns, and returns the id.
func (s *rows) insertForID(ctx context.Context, r *row) (string, error) {
	id := r.t.column("id")
	r.fill(false)
	if r.err != nil {
		return "", r.err
	}
	if err := s.reserveKeys(ctx, r, nil); err != nil {
		return "", err
	}
	insert := s.builder().Insert(r.t.quoted).Columns(r.names()...).Values(r.args...)
	if s.conn.Name == dialect.MySQL {
		query, args := insert.Query()
		result, err := s.conn.Querier().ExecContext(ctx, query, args...)
		if err != nil {
			return "", s.storeError(r.t, err)
		}
		n, err := result.LastInsertId()
		return strconv.FormatInt(n, 10), err
	}
	query, args := insert.Returning(id.quoted()).Query()
	rows, err := s.query(ctx, query, args, []*column{id})
	if err != nil {
		return "", s.storeError(r.t, err)
	}
	return rows[0][0].text, nil
}

// GetUser implements store.UserAdapter.
func (s *rows) GetUser(ctx context.Context, id string) (store.User, error) {
	return s.getUser(ctx, "get a user", s.tables.user.is("id", id))
}

// GetUserByEmail implements store.UserAdapter.
func (s *rows) GetUserByEmail(ctx context.Context, email string) (store.User, error) {
	return s.getUser(ctx, "get a user by e-mail address", s.tables.user.is("email", email))
}

func (s *rows) getUser(ctx context.Context, op string, m match) (store.User, error) {
	return read(ctx, s, op, func() (store.User, error) {
		row, err := s.get(ctx, &s.tables.user, s.conn.LockRead(), m)
		return userOf(row), err
	})
}

// UpdateUser implements store.UserAdapter.
func (s *rows) UpdateUser(ctx context.Context, u store.UserUpdate) (store.User, error) {
	return write(ctx, s, "update a user", func(s *rows) (store.User, error) {
		t := &s.tables.user
		id := t.is("id", u.ID)
		r := t.row()
		if u.Name.Set {
			r.optional("name", u.Name.Value)
		}
		if u.Email.Set {
			r.optional("email", u.Email.Value)
		}
		if u.EmailVerified.Set {
			u.EmailVerified.Value = r.optionalInstant("emailVerified", u.EmailVerified.Value)
		}
		if u.Image.Set {
			r.optional("image", u.Image.Value)
		}
		extra, err := r.extra(u.Extra, false)
		if err != nil {
			return store.User{}, err
		}
		if r.err != nil {
			return store.User{}, r.err
		}
		row, err := s.get(ctx, t, s.conn.LockRow, id)
		if err != nil {
			return store.User{}, err
		}
		if len(r.columns) == 0 {
			return userOf(row), nil
		}
		if u.Email.Set {
			if err := s.reserveKeys(ctx, r, &id); err != nil {
				return store.User{}, err
			}
		}
		updated := userOf(row)
		u.Name.Apply(&updated.Name)
		u.Email.Apply(&updated.Email)
		u.EmailVerified.Apply(&updated.EmailVerified)
		u.Image.Apply(&updated.Image)
		updated.Extra = merge(updated.Extra, u.Extra, extra)
		return copyUser(updated), s.update(ctx, r, id)
	})
}

// DeleteUser implements store.UserAdapter.
func (s *rows) DeleteUser(ctx context.Context, id string) error {
	_, err := write(ctx, s, "delete a user", func(s *rows) (int64, error) {
		user := &s.tables.user
		var children []*table
		for _, t := range s.tables.ownedByUsers() {
			if !t.cascade {
				children = append(children, t)
			}
		}
		if len(children) > 0 {
			// Lock the user, so that no row is added for it.
			if found, err := s.exists(ctx, user, s.conn.LockDelete, user.is("id", id)); err != nil || !found {
				return 0, err
			}
		}
		for _, t := range children {
			if _, err := s.remove(ctx, t, t.is("userId", id)); err != nil {
				return 0, err
			}
		}
		n, err := s.remove(ctx, user, user.is("id", id))
		if err != nil && s.conn.Orphan(err) {
			err = fmt.Errorf("another table refers to the user without ON DELETE CASCADE: %w", err)
		}
		return n, err
	})
	return err
}

// ownedByUsers returns the tables whose rows belong to users.
func (t *tables) ownedByUsers() []*table {
	all := []*table{&t.account, &t.session}
	if t.authenticator != nil {
		all = append(all, t.authenticator)
	}
	return all
}

// LinkAccount implements store.AccountAdapter.
func (s *rows) LinkAccount(ctx context.Context, a store.Account) (store.Account, error) {
	return write(ctx, s, "link an account", func(s *rows) (store.Account, error) {
		t := &s.tables.account
		if !t.fits("userId", a.UserID) {
			return a, errNoUser()
		}
		r := t.row()
		r.text("userId", a.UserID)
		r.text("type", a.Type)
		r.text("provider", a.Provider)
		r.text("providerAccountId", a.ProviderAccountID)
		r.optional("refresh_token", a.RefreshToken)
		r.optional("access_token", a.AccessToken)
		if a.ExpiresAt != nil {
			r.set(t.column("expires_at"), *a.ExpiresAt)
		} else {
			r.set(t.column("expires_at"), nil)
		}
		r.optional("token_type", a.TokenType)
		r.optional("scope", a.Scope)
		r.optional("id_token", a.IDToken)
		r.optional("session_state", a.SessionState)
		return copyAccount(a), s.insert(ctx, r)
	})
}

// UnlinkAccount implements store.AccountAdapter.
func (s *rows) UnlinkAccount(ctx context.Context, provider, providerAccountID string) error {
	_, err := write(ctx, s, "unlink an account", func(s *rows) (int64, error) {
		t := &s.tables.account
		return s.remove(ctx, t, t.is("provider", provider), t.is("providerAccountId", providerAccountID))
	})
	return err
}

// GetAccount implements store.AccountAdapter.
func (s *rows) GetAccount(ctx context.Context, provider, providerAccountID string) (store.Account, error) {
	return read(ctx, s, "get an account", func() (store.Account, error) {
		t := &s.tables.account
		row, err := s.get(ctx, t, s.conn.LockRead(), t.is("provider", provider), t.is("providerAccountId", providerAccountID))
		return accountOf(row), err
	})
}

// GetUserByAccount implements store.AccountAdapter.
func (s *rows) GetUserByAccount(ctx context.Context, provider, providerAccountID string) (store.User, error) {
	return read(ctx, s, "get a user by account", func() (store.User, error) {
		account, user := &s.tables.account, &s.tables.user
		matches := []match{account.is("provider", provider), account.is("providerAccountId", providerAccountID)}
		if _, ok := where(matches); !ok {
			return store.User{}, store.ErrNotFound
		}
		b := s.builder()
		u, a := b.Table(user.quoted).As("u"), b.Table(account.quoted).As("a")
		var both []*entsql.Predicate
		for _, m := range matches {
			arg, _ := m.c.encode(m.v)
			both = append(both, m.c.is(a.C(m.c.quoted()), arg))
		}
		query, args := selectRaw(b, selectedAll(user.columns, "u")...).From(u).
			Join(a).On(u.C(user.column("id").quoted()), a.C(account.column("userId").quoted())).Where(entsql.And(both...)).Query()
		rows, err := s.query(ctx, query+s.conn.LockRead(), args, user.columns)
		row, err := single(rows, err, account, matches)
		return userOf(row), err
	})
}

// ListAccountsByUserID implements store.AccountAdapter.
func (s *rows) ListAccountsByUserID(ctx context.Context, userID string) ([]store.Account, error) {
	return read(ctx, s, "list accounts", func() ([]store.Account, error) {
		t := &s.tables.account
		rows, err := s.list(ctx, t, s.conn.LockRead(), t.is("userId", userID))
		return every(rows, accountOf), err
	})
}

// CreateSession implements store.SessionAdapter.
func (s *rows) CreateSession(ctx context.Context, n store.Session) (store.Session, error) {
	return write(ctx, s, "create a session", func(s *rows) (store.Session, error) {
		t := &s.tables.session
		if !t.fits("userId", n.UserID) {
			return n, errNoUser()
		}
		r := t.row()
		r.text("sessionToken", n.SessionToken)
		r.text("userId", n.UserID)
		n.Expires = r.instant("expires", n.Expires)
		extra, err := r.extra(n.Extra, true)
		if err != nil {
			return n, err
		}
		n.Extra = extra
		return n, s.insert(ctx, r)
	})
}

// GetSession implements store.SessionAdapter.
func (s *rows) GetSession(ctx context.Context, sessionToken string) (store.Session, error) {
	return read(ctx, s, "get a session", func() (store.Session, error) {
		t := &s.tables.session
		row, err := s.get(ctx, t, s.conn.LockRead(), t.is("sessionToken", sessionToken))
		return sessionOf(row), err
	})
}

// UpdateSession implements store.SessionAdapter.
func (s *rows) UpdateSession(ctx context.Context, u store.SessionUpdate) (store.Session, error) {
	return write(ctx, s, "update a session", func(s *rows) (store.Session, error) {
		t := &s.tables.session
		token := t.is("sessionToken", u.SessionToken)
		r := t.row()
		extra, err := r.extra(u.Extra, false)
		if err != nil {
			return store.Session{}, err
		}
		row, err := s.get(ctx, t, s.conn.LockRow, token)
		if err != nil {
			return store.Session{}, err
		}
		updated := sessionOf(row)
		if u.Expires == nil && len(r.columns) == 0 {
			return updated, nil
		}
		// Always set Expires: an old MySQL updates a timestamp that is not set.
		if u.Expires != nil {
			updated.Expires = *u.Expires
		}
		updated.Expires = r.instant("expires", updated.Expires)
		updated.Extra = merge(updated.Extra, u.Extra, extra)
		return updated, s.update(ctx, r, token)
	})
}

// DeleteSession implements store.SessionAdapter.
func (s *rows) DeleteSession(ctx context.Context, sessionToken string) error {
	t := &s.tables.session
	return s.delete(ctx, "delete a session", t, t.is("sessionToken", sessionToken))
}

// DeleteSessionsByUserID implements store.SessionAdapter.
func (s *rows) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	t := &s.tables.session
	return s.delete(ctx, "delete the sessions of a user", t, t.is("userId", userID))
}

func (s *rows) delete(ctx context.Context, op string, t *table, m match) error {
	_, err := write(ctx, s, op, func(s *rows) (int64, error) { return s.remove(ctx, t, m) })
	return err
}

// ListSessionsByUserID implements store.SessionLister.
func (s *rows) ListSessionsByUserID(ctx context.Context, userID string) ([]store.Session, error) {
	return read(ctx, s, "list sessions", func() ([]store.Session, error) {
		t := &s.tables.session
		rows, err := s.list(ctx, t, s.conn.LockRead(), t.is("userId", userID))
		return every(rows, sessionOf), err
	})
}

// CreateVerificationToken implements store.VerificationTokenAdapter.
func (s *rows) CreateVerificationToken(ctx context.Context, n store.VerificationToken) (store.VerificationToken, error) {
	return write(ctx, s, "create a verification token", func(s *rows) (store.VerificationToken, error) {
		r := s.tables.token.row()
		r.text("identifier", n.Identifier)
		r.text("token", n.Token)
		n.Expires = r.instant("expires", n.Expires)
		return n, s.insert(ctx, r)
	})
}

// fits reports whether the column of a field can hold v.
func (t *table) fits(field, v string) bool {
	_, err := t.column(field).encode(v)
	return err == nil
}

// extra sets the extra fields and returns what is stored. With all, for a new row,
// it also sets fields without a value: to null if the column is nullable, else to
// their default in the schema.
func (r *row) extra(given map[string]any, all bool) (map[string]any, error) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if c := r.t.byField[name]; c == nil || c.extra == nil {
			return nil, fmt.Errorf("%w: the field %q has no column in table %s", store.ErrInvalid, name, r.t.name)
		}
	}
	var stored map[string]any
	for _, c := range r.t.columns {
		if c.extra == nil {
			continue
		}
		v, ok := given[c.Field]
		switch {
		case !ok && !all:
			continue
		case v == nil && !c.null:
			v = c.extra.Zero()
		case v != nil:
			var err error
			if v, err = c.extra.Canon(v); err != nil {
				return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
			}
		}
		if at, ok := v.(time.Time); ok {
			v = c.keep(at)
		}
		r.set(c, v)
		if v != nil {
			if stored == nil {
				stored = map[string]any{}
			}
			stored[c.Field] = v
		}
	}
	return stored, nil
}

// merge returns the extra fields after an update: those before, with the named ones
// replaced by the stored ones.
func merge(before, named, stored map[string]any) map[string]any {
	if len(named) == 0 {
		return before
	}
	after := maps.Clone(before)
	if after == nil {
		after = map[string]any{}
	}
	for name := range named {
		delete(after, name)
	}
	maps.Copy(after, stored)
	if len(after) == 0 {
		return nil
	}
	return after
}

// extrasOf returns the extra fields of a row, or nil if it has none.
func extrasOf(row []cell) map[string]any {
	var extra map[string]any
	for i := range row {
		if v := &row[i]; v.c.extra != nil && !v.null {
			if extra == nil {
				extra = map[string]any{}
			}
			extra[v.c.Field] = v.x
		}
	}
	return extra
}

// The functions below convert rows to entities of the contract. The columns are in
// the order of the contract, with extra fields last. A nil row becomes the zero
// value.

func userOf(r []cell) store.User {
	if r == nil {
		return store.User{}
	}
	return store.User{ID: r[0].text, Name: r[1].string(), Email: r[2].string(), EmailVerified: r[3].time(), Image: r[4].string(), Extra: extrasOf(r[5:])}
}

func accountOf(r []cell) store.Account {
	if r == nil {
		return store.Account{}
	}
	return store.Account{
		UserID: r[0].text, Type: r[1].text, Provider: r[2].text, ProviderAccountID: r[3].text,
		RefreshToken: r[4].string(), AccessToken: r[5].string(), ExpiresAt: r[6].int(),
		TokenType: r[7].string(), Scope: r[8].string(), IDToken: r[9].string(), SessionState: r[10].string(),
	}
}

func sessionOf(r []cell) store.Session {
	if r == nil {
		return store.Session{}
	}
	return store.Session{SessionToken: r[0].text, UserID: r[1].text, Expires: r[2].at, Extra: extrasOf(r[3:])}
}

func every[E any](rows [][]cell, convert func([]cell) E) []E {
	out := make([]E, len(rows))
	for i, r := range rows {
		out[i] = convert(r)
	}
	return out
}

// copyUser returns a copy, so that results do not share memory with arguments
// (R11).
func copyUser(u store.User) store.User {
	u.Name, u.Email, u.Image, u.EmailVerified = clone(u.Name), clone(u.Email), clone(u.Image), clone(u.EmailVerified)
	return u
}

func copyAccount(a store.Account) store.Account {
	a.RefreshToken, a.AccessToken, a.ExpiresAt = clone(a.RefreshToken), clone(a.AccessToken), clone(a.ExpiresAt)
	a.TokenType, a.Scope, a.IDToken, a.SessionState = clone(a.TokenType), clone(a.Scope), clone(a.IDToken), clone(a.SessionState)
	return a
}

func clone[T any](v *T) *T {
	if v == nil {
		return nil
	}
	return new(*v)
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
