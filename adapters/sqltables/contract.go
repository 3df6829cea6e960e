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

	"github.com/sesame-auth/sesame/engine"
)

// This file is the contract but for what is prepared, which is in hot.go, and
// for authenticators, which are in webauthn.go.

// CreateUser implements engine.UserAdapter.
func (s *store) CreateUser(ctx context.Context, u engine.User) (engine.User, error) {
	return write(ctx, s, "create a user", func(s *store) (engine.User, error) {
		t := &s.tables.user
		r := t.row()
		switch {
		case s.traits.AssignsIDs:
		case u.ID == "":
			return u, fmt.Errorf("%w: the id of a user is empty", engine.ErrInvalid)
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

// insertForID writes a user whose id the database makes, and returns the id.
func (s *store) insertForID(ctx context.Context, r *row) (string, error) {
	id := r.t.column("id")
	r.fill(false)
	if r.err != nil {
		return "", r.err
	}
	if err := s.claim(ctx, r, nil); err != nil {
		return "", err
	}
	insert := s.builder().Insert(r.t.quoted).Columns(r.names()...).Values(r.args...)
	if s.conn.Name == dialect.MySQL {
		query, args := insert.Query()
		result, err := s.conn.Querier().ExecContext(ctx, query, args...)
		if err != nil {
			return "", s.meaning(r.t, err)
		}
		n, err := result.LastInsertId()
		return strconv.FormatInt(n, 10), err
	}
	query, args := insert.Returning(id.quoted()).Query()
	rows, err := s.rows(ctx, query, args, []*column{id})
	if err != nil {
		return "", s.meaning(r.t, err)
	}
	return rows[0][0].text, nil
}

// GetUser implements engine.UserAdapter.
func (s *store) GetUser(ctx context.Context, id string) (engine.User, error) {
	return s.getUser(ctx, "get a user", s.tables.user.is("id", id))
}

// GetUserByEmail implements engine.UserAdapter.
func (s *store) GetUserByEmail(ctx context.Context, email string) (engine.User, error) {
	return s.getUser(ctx, "get a user by e-mail address", s.tables.user.is("email", email))
}

func (s *store) getUser(ctx context.Context, doing string, m match) (engine.User, error) {
	return read(ctx, s, doing, func() (engine.User, error) {
		row, err := s.get(ctx, &s.tables.user, s.conn.LockRead(), m)
		return userOf(row), err
	})
}

// UpdateUser implements engine.UserAdapter.
func (s *store) UpdateUser(ctx context.Context, u engine.UserUpdate) (engine.User, error) {
	return write(ctx, s, "update a user", func(s *store) (engine.User, error) {
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
			return engine.User{}, err
		}
		if r.err != nil {
			return engine.User{}, r.err
		}
		row, err := s.get(ctx, t, s.conn.LockRow, id)
		if err != nil {
			return engine.User{}, err
		}
		if len(r.columns) == 0 {
			return userOf(row), nil
		}
		if u.Email.Set {
			if err := s.claim(ctx, r, &id); err != nil {
				return engine.User{}, err
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

// DeleteUser implements engine.UserAdapter.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	_, err := write(ctx, s, "delete a user", func(s *store) (int64, error) {
		user := &s.tables.user
		var children []*table
		for _, t := range s.tables.ofUsers() {
			if !t.cascade {
				children = append(children, t)
			}
		}
		if len(children) > 0 {
			// Nobody may add a row for the user meanwhile.
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
			err = fmt.Errorf("another table refers to the user, without ON DELETE CASCADE: %w", err)
		}
		return n, err
	})
	return err
}

// ofUsers returns the tables whose rows belong to users.
func (t *tables) ofUsers() []*table {
	all := []*table{&t.account, &t.session}
	if t.authenticator != nil {
		all = append(all, t.authenticator)
	}
	return all
}

// LinkAccount implements engine.AccountAdapter.
func (s *store) LinkAccount(ctx context.Context, a engine.Account) (engine.Account, error) {
	return write(ctx, s, "link an account", func(s *store) (engine.Account, error) {
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

// UnlinkAccount implements engine.AccountAdapter.
func (s *store) UnlinkAccount(ctx context.Context, provider, providerAccountID string) error {
	_, err := write(ctx, s, "unlink an account", func(s *store) (int64, error) {
		t := &s.tables.account
		return s.remove(ctx, t, t.is("provider", provider), t.is("providerAccountId", providerAccountID))
	})
	return err
}

// GetAccount implements engine.AccountAdapter.
func (s *store) GetAccount(ctx context.Context, provider, providerAccountID string) (engine.Account, error) {
	return read(ctx, s, "get an account", func() (engine.Account, error) {
		t := &s.tables.account
		row, err := s.get(ctx, t, s.conn.LockRead(), t.is("provider", provider), t.is("providerAccountId", providerAccountID))
		return accountOf(row), err
	})
}

// GetUserByAccount implements engine.AccountAdapter.
func (s *store) GetUserByAccount(ctx context.Context, provider, providerAccountID string) (engine.User, error) {
	return read(ctx, s, "get a user by account", func() (engine.User, error) {
		account, user := &s.tables.account, &s.tables.user
		matches := []match{account.is("provider", provider), account.is("providerAccountId", providerAccountID)}
		if _, ok := where(matches); !ok {
			return engine.User{}, engine.ErrNotFound
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
		rows, err := s.rows(ctx, query+s.conn.LockRead(), args, user.columns)
		row, err := theOne(rows, err, account, matches)
		return userOf(row), err
	})
}

// ListAccountsByUserID implements engine.AccountAdapter.
func (s *store) ListAccountsByUserID(ctx context.Context, userID string) ([]engine.Account, error) {
	return read(ctx, s, "list accounts", func() ([]engine.Account, error) {
		t := &s.tables.account
		rows, err := s.list(ctx, t, s.conn.LockRead(), t.is("userId", userID))
		return every(rows, accountOf), err
	})
}

// CreateSession implements engine.SessionAdapter.
func (s *store) CreateSession(ctx context.Context, n engine.AdapterSession) (engine.AdapterSession, error) {
	return write(ctx, s, "create a session", func(s *store) (engine.AdapterSession, error) {
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

// GetSession implements engine.SessionAdapter.
func (s *store) GetSession(ctx context.Context, sessionToken string) (engine.AdapterSession, error) {
	return read(ctx, s, "get a session", func() (engine.AdapterSession, error) {
		t := &s.tables.session
		row, err := s.get(ctx, t, s.conn.LockRead(), t.is("sessionToken", sessionToken))
		return sessionOf(row), err
	})
}

// UpdateSession implements engine.SessionAdapter.
func (s *store) UpdateSession(ctx context.Context, u engine.SessionUpdate) (engine.AdapterSession, error) {
	return write(ctx, s, "update a session", func(s *store) (engine.AdapterSession, error) {
		t := &s.tables.session
		token := t.is("sessionToken", u.SessionToken)
		r := t.row()
		extra, err := r.extra(u.Extra, false)
		if err != nil {
			return engine.AdapterSession{}, err
		}
		row, err := s.get(ctx, t, s.conn.LockRow, token)
		if err != nil {
			return engine.AdapterSession{}, err
		}
		updated := sessionOf(row)
		if u.Expires == nil && len(r.columns) == 0 {
			return updated, nil
		}
		// Always written: an old MySQL moves a timestamp by itself.
		if u.Expires != nil {
			updated.Expires = *u.Expires
		}
		updated.Expires = r.instant("expires", updated.Expires)
		updated.Extra = merge(updated.Extra, u.Extra, extra)
		return updated, s.update(ctx, r, token)
	})
}

// DeleteSession implements engine.SessionAdapter.
func (s *store) DeleteSession(ctx context.Context, sessionToken string) error {
	t := &s.tables.session
	return s.delete(ctx, "delete a session", t, t.is("sessionToken", sessionToken))
}

// DeleteSessionsByUserID implements engine.SessionAdapter.
func (s *store) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	t := &s.tables.session
	return s.delete(ctx, "delete the sessions of a user", t, t.is("userId", userID))
}

func (s *store) delete(ctx context.Context, doing string, t *table, m match) error {
	_, err := write(ctx, s, doing, func(s *store) (int64, error) { return s.remove(ctx, t, m) })
	return err
}

// ListSessionsByUserID implements engine.SessionLister.
func (s *store) ListSessionsByUserID(ctx context.Context, userID string) ([]engine.AdapterSession, error) {
	return read(ctx, s, "list sessions", func() ([]engine.AdapterSession, error) {
		t := &s.tables.session
		rows, err := s.list(ctx, t, s.conn.LockRead(), t.is("userId", userID))
		return every(rows, sessionOf), err
	})
}

// CreateVerificationToken implements engine.VerificationTokenAdapter.
func (s *store) CreateVerificationToken(ctx context.Context, n engine.VerificationToken) (engine.VerificationToken, error) {
	return write(ctx, s, "create a verification token", func(s *store) (engine.VerificationToken, error) {
		r := s.tables.token.row()
		r.text("identifier", n.Identifier)
		r.text("token", n.Token)
		n.Expires = r.instant("expires", n.Expires)
		return n, s.insert(ctx, r)
	})
}

// fits reports whether v can be in the column of a field.
func (t *table) fits(field, v string) bool {
	_, err := t.column(field).encode(v)
	return err == nil
}

// extra sets the extra fields, and returns what is stored. All of them are set
// when the row is made: one without a value gets what the schema has instead,
// unless the database has something.
func (r *row) extra(given map[string]any, all bool) (map[string]any, error) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if c := r.t.byField[name]; c == nil || c.extra == nil {
			return nil, fmt.Errorf("%w: the field %q has no column in table %s", engine.ErrInvalid, name, r.t.name)
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
				return nil, fmt.Errorf("%w: %w", engine.ErrInvalid, err)
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

// merge puts the fields that an update names in the place of those before.
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

// extrasOf returns the extra fields of a row; nil: there are none.
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

// The rows of the tables as the contract has them. Columns come in the order of
// the contract, extra fields last; no row at all is the zero value.

func userOf(r []cell) engine.User {
	if r == nil {
		return engine.User{}
	}
	return engine.User{ID: r[0].text, Name: r[1].string(), Email: r[2].string(), EmailVerified: r[3].time(), Image: r[4].string(), Extra: extrasOf(r[5:])}
}

func accountOf(r []cell) engine.Account {
	if r == nil {
		return engine.Account{}
	}
	return engine.Account{
		UserID: r[0].text, Type: r[1].text, Provider: r[2].text, ProviderAccountID: r[3].text,
		RefreshToken: r[4].string(), AccessToken: r[5].string(), ExpiresAt: r[6].int(),
		TokenType: r[7].string(), Scope: r[8].string(), IDToken: r[9].string(), SessionState: r[10].string(),
	}
}

func sessionOf(r []cell) engine.AdapterSession {
	if r == nil {
		return engine.AdapterSession{}
	}
	return engine.AdapterSession{SessionToken: r[0].text, UserID: r[1].text, Expires: r[2].at, Extra: extrasOf(r[3:])}
}

func every[E any](rows [][]cell, of func([]cell) E) []E {
	out := make([]E, len(rows))
	for i, r := range rows {
		out[i] = of(r)
	}
	return out
}

// What is handed out is not what was passed in (R11).

func copyUser(u engine.User) engine.User {
	u.Name, u.Email, u.Image, u.EmailVerified = clone(u.Name), clone(u.Email), clone(u.Image), clone(u.EmailVerified)
	return u
}

func copyAccount(a engine.Account) engine.Account {
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

// newID is a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
