package labserver

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

// tables are the stored rows in the order they came, named as in Auth.js.
type tables struct {
	Users    []userRow    `json:"users"`
	Accounts []accountRow `json:"accounts"`
	Sessions []sessionRow `json:"sessions"`
	Tokens   []tokenRow   `json:"tokens"`
}

func emptyTables() tables {
	return tables{[]userRow{}, []accountRow{}, []sessionRow{}, []tokenRow{}}
}

type userRow struct {
	ID            string  `json:"id"`
	Name          *string `json:"name,omitempty"`
	Email         *string `json:"email,omitempty"`
	Image         *string `json:"image,omitempty"`
	EmailVerified *date   `json:"emailVerified"`
}

type accountRow struct {
	AccessToken       *string `json:"access_token,omitempty"`
	IDToken           *string `json:"id_token,omitempty"`
	RefreshToken      *string `json:"refresh_token,omitempty"`
	ExpiresAt         *int64  `json:"expires_at,omitempty"`
	Scope             *string `json:"scope,omitempty"`
	TokenType         *string `json:"token_type,omitempty"`
	SessionState      *string `json:"session_state,omitempty"`
	ProviderAccountID string  `json:"providerAccountId"`
	Provider          string  `json:"provider"`
	Type              string  `json:"type"`
	UserID            string  `json:"userId"`
}

type sessionRow struct {
	SessionToken string `json:"sessionToken"`
	UserID       string `json:"userId"`
	Expires      date   `json:"expires"`
}

type tokenRow struct {
	Identifier string `json:"identifier"`
	Token      string `json:"token"`
	Expires    date   `json:"expires"`
}

func rowOfUser(u store.User) userRow {
	return userRow{u.ID, u.Name, u.Email, u.Image, (*date)(u.EmailVerified)}
}

func (u userRow) user() store.User {
	return store.User{ID: u.ID, Name: copied(u.Name), Email: copied(u.Email), Image: copied(u.Image), EmailVerified: copied((*time.Time)(u.EmailVerified))}
}

func rowOfAccount(a store.Account) accountRow {
	return accountRow{a.AccessToken, a.IDToken, a.RefreshToken, a.ExpiresAt, a.Scope, a.TokenType, a.SessionState, a.ProviderAccountID, a.Provider, a.Type, a.UserID}
}

func (a accountRow) account() store.Account {
	return store.Account{
		UserID: a.UserID, Type: a.Type, Provider: a.Provider, ProviderAccountID: a.ProviderAccountID,
		RefreshToken: copied(a.RefreshToken), AccessToken: copied(a.AccessToken), ExpiresAt: copied(a.ExpiresAt),
		TokenType: copied(a.TokenType), Scope: copied(a.Scope), IDToken: copied(a.IDToken), SessionState: copied(a.SessionState),
	}
}

func rowOfSession(s store.Session) sessionRow {
	return sessionRow{s.SessionToken, s.UserID, date(s.Expires)}
}

func (s sessionRow) session() store.Session {
	return store.Session{SessionToken: s.SessionToken, UserID: s.UserID, Expires: time.Time(s.Expires)}
}

// copied keeps callers from changing a stored row through a pointer.
func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// adapter is a store.Adapter over the tables of a Server. It records every
// call, and fails the method named by throws. It keeps what the lab needs, not
// all rules of an Adapter: no extra fields, no concurrent callers to speak of.
type adapter struct {
	s      *Server
	throws string
}

// Traits says that session tokens are stored as they are, as Auth.js does.
func (*adapter) Traits() store.Traits { return store.Traits{SharedWithAuthJS: true} }

// call records the call of a method and locks the tables for it.
func (a *adapter) call(name string, args ...any) (*tables, func(), error) {
	a.s.record(entry{Adapter: name, Args: args})
	if name == a.throws {
		return nil, func() {}, errors.New("adapter " + name)
	}
	a.s.mu.Lock()
	return &a.s.db, a.s.mu.Unlock, nil
}

func (t *tables) user(id string) int {
	return slices.IndexFunc(t.Users, func(u userRow) bool { return u.ID == id })
}

func (t *tables) account(provider, id string) int {
	return slices.IndexFunc(t.Accounts, func(a accountRow) bool { return a.Provider == provider && a.ProviderAccountID == id })
}

func (t *tables) session(token string) int {
	return slices.IndexFunc(t.Sessions, func(s sessionRow) bool { return s.SessionToken == token })
}

func (a *adapter) CreateUser(_ context.Context, u store.User) (store.User, error) {
	db, done, err := a.call("createUser", plain(rowOfUser(u)))
	defer done()
	if err != nil {
		return store.User{}, err
	}
	if db.user(u.ID) >= 0 {
		return store.User{}, &store.ConflictError{Field: "id"}
	}
	row := rowOfUser(rowOfUser(u).user())
	db.Users = append(db.Users, row)
	return row.user(), nil
}

func (a *adapter) GetUser(_ context.Context, id string) (store.User, error) {
	db, done, err := a.call("getUser", id)
	defer done()
	if err != nil {
		return store.User{}, err
	}
	return db.userAt(db.user(id))
}

func (t *tables) userAt(i int) (store.User, error) {
	if i < 0 {
		return store.User{}, store.ErrNotFound
	}
	return t.Users[i].user(), nil
}

func (a *adapter) GetUserByEmail(_ context.Context, email string) (store.User, error) {
	db, done, err := a.call("getUserByEmail", email)
	defer done()
	if err != nil {
		return store.User{}, err
	}
	return db.userAt(slices.IndexFunc(db.Users, func(u userRow) bool { return u.Email != nil && *u.Email == email }))
}

func (a *adapter) UpdateUser(_ context.Context, u store.UserUpdate) (store.User, error) {
	args := map[string]any{"id": u.ID}
	for name, c := range map[string]store.Change[string]{"name": u.Name, "email": u.Email, "image": u.Image} {
		if c.Set && c.Value != nil {
			args[name] = *c.Value
		} else if c.Set {
			args[name] = nil
		}
	}
	if u.EmailVerified.Set {
		args["emailVerified"] = date{}
	}
	db, done, err := a.call("updateUser", args)
	defer done()
	if err != nil {
		return store.User{}, err
	}
	i := db.user(u.ID)
	if i < 0 {
		return store.User{}, store.ErrNotFound
	}
	row := &db.Users[i]
	apply(&row.Name, u.Name)
	apply(&row.Email, u.Email)
	apply(&row.Image, u.Image)
	if u.EmailVerified.Set {
		row.EmailVerified = (*date)(copied(u.EmailVerified.Value))
	}
	return row.user(), nil
}

func apply(column **string, c store.Change[string]) {
	if c.Set {
		*column = copied(c.Value)
	}
}

func (a *adapter) DeleteUser(_ context.Context, id string) error {
	db, done, err := a.call("deleteUser", id)
	defer done()
	if err != nil {
		return err
	}
	db.Users = slices.DeleteFunc(db.Users, func(u userRow) bool { return u.ID == id })
	db.Accounts = slices.DeleteFunc(db.Accounts, func(x accountRow) bool { return x.UserID == id })
	db.Sessions = slices.DeleteFunc(db.Sessions, func(x sessionRow) bool { return x.UserID == id })
	return nil
}

func (a *adapter) LinkAccount(_ context.Context, acc store.Account) (store.Account, error) {
	db, done, err := a.call("linkAccount", plain(rowOfAccount(acc)))
	defer done()
	if err != nil {
		return store.Account{}, err
	}
	if db.account(acc.Provider, acc.ProviderAccountID) >= 0 {
		return store.Account{}, &store.ConflictError{Field: "providerAccountId"}
	}
	if db.user(acc.UserID) < 0 {
		return store.Account{}, store.ErrNotFound
	}
	row := rowOfAccount(rowOfAccount(acc).account())
	db.Accounts = append(db.Accounts, row)
	return row.account(), nil
}

func pair(provider, id string) map[string]any {
	return map[string]any{"provider": provider, "providerAccountId": id}
}

func (a *adapter) UnlinkAccount(_ context.Context, provider, id string) error {
	db, done, err := a.call("unlinkAccount", pair(provider, id))
	defer done()
	if err != nil {
		return err
	}
	if i := db.account(provider, id); i >= 0 {
		db.Accounts = slices.Delete(db.Accounts, i, i+1)
	}
	return nil
}

func (a *adapter) GetAccount(_ context.Context, provider, id string) (store.Account, error) {
	db, done, err := a.call("getAccount", id, provider)
	defer done()
	if err != nil {
		return store.Account{}, err
	}
	i := db.account(provider, id)
	if i < 0 {
		return store.Account{}, store.ErrNotFound
	}
	return db.Accounts[i].account(), nil
}

func (a *adapter) GetUserByAccount(_ context.Context, provider, id string) (store.User, error) {
	db, done, err := a.call("getUserByAccount", pair(provider, id))
	defer done()
	if err != nil {
		return store.User{}, err
	}
	i := db.account(provider, id)
	if i < 0 {
		return store.User{}, store.ErrNotFound
	}
	return db.userAt(db.user(db.Accounts[i].UserID))
}

func (a *adapter) ListAccountsByUserID(_ context.Context, userID string) ([]store.Account, error) {
	db, done, err := a.call("listAccountsByUserId", userID)
	defer done()
	if err != nil {
		return nil, err
	}
	var found []store.Account
	for _, row := range db.Accounts {
		if row.UserID == userID {
			found = append(found, row.account())
		}
	}
	return found, nil
}

func (a *adapter) CreateSession(_ context.Context, s store.Session) (store.Session, error) {
	db, done, err := a.call("createSession", plain(rowOfSession(s)))
	defer done()
	if err != nil {
		return store.Session{}, err
	}
	if db.session(s.SessionToken) >= 0 {
		return store.Session{}, &store.ConflictError{Field: "sessionToken"}
	}
	if db.user(s.UserID) < 0 {
		return store.Session{}, store.ErrNotFound
	}
	db.Sessions = append(db.Sessions, rowOfSession(s))
	return rowOfSession(s).session(), nil
}

func (a *adapter) GetSession(_ context.Context, token string) (store.Session, error) {
	db, done, err := a.call("getSession", token)
	defer done()
	if err != nil {
		return store.Session{}, err
	}
	i := db.session(token)
	if i < 0 {
		return store.Session{}, store.ErrNotFound
	}
	return db.Sessions[i].session(), nil
}

func (a *adapter) GetSessionAndUser(_ context.Context, token string) (store.Session, store.User, error) {
	db, done, err := a.call("getSessionAndUser", token)
	defer done()
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	i := db.session(token)
	if i < 0 {
		return store.Session{}, store.User{}, store.ErrNotFound
	}
	u, err := db.userAt(db.user(db.Sessions[i].UserID))
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	return db.Sessions[i].session(), u, nil
}

func (a *adapter) UpdateSession(_ context.Context, s store.SessionUpdate) (store.Session, error) {
	args := map[string]any{"sessionToken": s.SessionToken}
	if s.Expires != nil {
		args["expires"] = date{}
	}
	db, done, err := a.call("updateSession", args)
	defer done()
	if err != nil {
		return store.Session{}, err
	}
	i := db.session(s.SessionToken)
	if i < 0 {
		return store.Session{}, store.ErrNotFound
	}
	if s.Expires != nil {
		db.Sessions[i].Expires = date(*s.Expires)
	}
	return db.Sessions[i].session(), nil
}

func (a *adapter) DeleteSession(_ context.Context, token string) error {
	db, done, err := a.call("deleteSession", token)
	defer done()
	if err != nil {
		return err
	}
	if i := db.session(token); i >= 0 {
		db.Sessions = slices.Delete(db.Sessions, i, i+1)
	}
	return nil
}

func (a *adapter) DeleteSessionsByUserID(_ context.Context, userID string) error {
	db, done, err := a.call("deleteSessionsByUserId", userID)
	defer done()
	if err != nil {
		return err
	}
	db.Sessions = slices.DeleteFunc(db.Sessions, func(s sessionRow) bool { return s.UserID == userID })
	return nil
}

func (a *adapter) CreateVerificationToken(_ context.Context, t store.VerificationToken) (store.VerificationToken, error) {
	row := tokenRow{t.Identifier, t.Token, date(t.Expires)}
	db, done, err := a.call("createVerificationToken", plain(row))
	defer done()
	if err != nil {
		return store.VerificationToken{}, err
	}
	db.Tokens = append(db.Tokens, row)
	return t, nil
}

func (a *adapter) UseVerificationToken(_ context.Context, identifier, token string) (store.VerificationToken, error) {
	db, done, err := a.call("useVerificationToken", map[string]any{"identifier": identifier, "token": token})
	defer done()
	if err != nil {
		return store.VerificationToken{}, err
	}
	i := slices.IndexFunc(db.Tokens, func(t tokenRow) bool { return t.Identifier == identifier && t.Token == token })
	if i < 0 {
		return store.VerificationToken{}, store.ErrNotFound
	}
	row := db.Tokens[i]
	db.Tokens = slices.Delete(db.Tokens, i, i+1)
	return store.VerificationToken{Identifier: row.Identifier, Token: row.Token, Expires: time.Time(row.Expires)}, nil
}

var _ interface {
	store.Adapter
	store.TraitsDeclarer
} = (*adapter)(nil)
