package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// startSession begins a new session and sets its cookie. Nothing of a session
// before it is taken over.
func (x *exchange) startSession(in signIn) error {
	if err := x.startRow(x.e.adapter, in); err != nil {
		return err
	}
	return x.startToken(in)
}

// startRow is the part of startSession that belongs into a transaction: the
// row of the database strategy.
func (x *exchange) startRow(a Adapter, in signIn) error {
	if x.e.strategy != StrategyDatabase {
		return nil
	}
	token, err := x.e.newSessionToken()
	if err != nil {
		return fail(CodeConfiguration, "SessionTokenError", err, "")
	}
	row := AdapterSession{
		SessionToken: x.e.sessionKey(token),
		UserID:       in.user.ID,
		Expires:      schema.Instant(x.now.Add(x.e.cfg.SessionMaxAge)),
	}
	if c := x.e.cfg.Schema; c != nil {
		row.Extra = x.canonicalExtra(c.Session, nil)
	}
	if row, err = a.CreateSession(x.ctx, row); err != nil {
		return adapterError("creating a session", err)
	}
	return x.setDatabaseCookie(token, row.Expires)
}

func (e *Engine) newSessionToken() (string, error) {
	if e.cfg.GenerateSessionToken != nil {
		token, err := e.cfg.GenerateSessionToken()
		if err == nil && len(token) < 16 {
			err = errors.New("GenerateSessionToken returned fewer than 16 characters")
		}
		return token, err
	}
	return wire.UUID(e.cfg.Rand)
}

// startToken is the part of startSession that must stay out of a transaction,
// because it calls the application, which may want to write to the same store:
// the token of the jwt strategy.
func (x *exchange) startToken(in signIn) error {
	if x.e.strategy != StrategyJWT {
		return nil
	}
	t := &Token{Name: in.user.Name, Email: in.user.Email, Picture: in.user.Image, Subject: in.user.ID}
	if c := x.e.cfg.Schema; c != nil {
		t.Extra = tokenExtra(c, in.user.Extra)
	}
	x.stampUser(t)
	if f := x.e.cfg.Callbacks.JWT; f != nil {
		p := &JWTParams{Token: t, Trigger: TriggerSignIn, User: in.user, Account: in.account,
			Profile: in.profile, Tokens: in.tokens, IsNewUser: in.isNewUser}
		if in.isNewUser {
			p.Trigger = TriggerSignUp
		}
		if err := f(x.ctx, p); err != nil {
			return fail(CodeConfiguration, "CallbackRouteError", fmt.Errorf("the jwt callback: %w", err), "")
		}
		if t = p.Token; t == nil {
			if x.e.dialect.needsToken {
				return fail(CodeConfiguration, "CallbackRouteError", errors.New("the jwt callback returned no token"), "")
			}
			x.clearSession()
			return nil
		}
	}
	return x.setJWT(t)
}

// tokenExtra is what a new token carries: the user's fields that the browser
// may see or that are meant for the token, and the session's defaults.
func tokenExtra(c *Schema, user map[string]any) map[string]any {
	var out map[string]any
	put := func(f *schema.Field, v any) {
		if out == nil {
			out = make(map[string]any)
		}
		out[f.Name] = v
	}
	for i := range c.User {
		f := &c.User[i]
		if !f.InToken() || schema.Builtin(f.Name) {
			continue
		}
		if v, ok := user[f.Name]; ok {
			put(f, v)
		} else {
			put(f, f.Zero())
		}
	}
	for i := range c.Session {
		put(&c.Session[i], c.Session[i].Zero())
	}
	for i := range c.Token {
		put(&c.Token[i], c.Token[i].Zero())
	}
	return out
}

// current is the session that a browser already has when it signs in again.
type current struct {
	user    *User  // nil: signed out
	cookie  string // database strategy
	key     string
	expires time.Time
}

func (c current) is(u User) bool { return c.user != nil && c.user.ID == u.ID }

// signedIn finds out who is signed in. A cookie that is none is not an error.
func (x *exchange) signedIn() (current, error) {
	cookie := wire.SessionCookie(x.cookies, x.site.cookies.session.Name)
	if cookie == "" || x.e.adapter == nil {
		return current{}, nil
	}
	if x.e.strategy == StrategyJWT {
		t, _, err := x.site.session.DecodeToken(cookie, x.e.cfg.Schema, x.now)
		if err != nil || t.Subject == "" || !x.stillValid(t) {
			return current{}, nil
		}
		u, err := x.e.adapter.GetUser(x.ctx, t.Subject)
		switch {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
			return current{}, nil
		case err != nil:
			return current{}, adapterError("looking up the signed-in user", err)
		}
		x.canonical(&u)
		return current{user: &u}, nil
	}
	row, u, err := x.e.adapter.GetSessionAndUser(x.ctx, x.e.sessionKey(cookie))
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid), err == nil && !row.Expires.After(x.now):
		return current{}, nil
	case err != nil:
		return current{}, adapterError("reading the session", err)
	}
	x.canonical(&u)
	return current{user: &u, cookie: cookie, key: row.SessionToken, expires: row.Expires}, nil
}

// stillValid asks the jwt callback, which may have revoked the token: a
// session that is over must not have an account linked to it.
func (x *exchange) stillValid(t *Token) bool {
	f := x.e.cfg.Callbacks.JWT
	if f == nil {
		return true
	}
	before := t.Clone()
	p := &JWTParams{Token: t, Trigger: TriggerRead}
	if err := f(x.ctx, p); err != nil {
		x.report(fail("", "JWTSessionError", fmt.Errorf("the jwt callback: %w", err), "the sign-in goes on as if nobody had been signed in"))
		return false
	}
	if p.Token == nil || p.Token.Subject != before.Subject {
		return false
	}
	if !p.Token.SameClaims(before) {
		// A callback that rotates tokens of its own must find the new ones, also
		// when the sign-in comes to nothing.
		kept := x.set
		x.set = nil
		if err := x.setJWT(p.Token); err != nil {
			x.report(asError(err, "JWTSessionError"))
		}
		x.always, x.set = append(x.always, x.set...), kept
	}
	return true
}

// stay keeps the session that the browser has, now that it is known to be the
// right user's: a database session goes on, a token is made anew.
func (x *exchange) stay(c current, in signIn) error {
	if x.e.strategy == StrategyDatabase {
		return x.setDatabaseCookie(c.cookie, c.expires)
	}
	return x.startToken(in)
}
