package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

// signingIn is a sign-in in progress.
type signingIn struct {
	user      *User
	account   *Account
	profile   Profile
	tokens    *Tokens
	isNewUser bool
}

// newSession is the session that a sign-in starts. It takes over nothing from an
// earlier session. The zero value is for StrategyJWT, which has no row.
type newSession struct {
	token string
	row   AdapterSession
}

// newSession prepares a session. It refuses a token too long for a cookie before
// anything is stored.
func (x *exchange) newSession() (n newSession, err error) {
	if x.strategy != StrategyDatabase {
		return n, nil
	}
	if n.token, err = x.newSessionToken(); err != nil {
		return n, fail(codeConfiguration, "SessionTokenError", err, "")
	}
	if _, err := x.dialect.SetSessionCookie(nil, nil, x.site.cookies.session, n.token); err != nil {
		return n, fail(codeConfiguration, "SessionTokenError", err, "GenerateSessionToken returned a token that is too long")
	}
	n.row = AdapterSession{
		SessionToken: x.sessionKey(n.token),
		Expires:      schema.Instant(x.now.Add(x.cfg.SessionMaxAge)),
	}
	if c := x.cfg.Schema; c != nil {
		n.row.Extra = x.canonicalExtra(x.ctx, c.Session, nil)
	}
	return n, nil
}

func (c *core) newSessionToken() (string, error) {
	if c.cfg.GenerateSessionToken != nil {
		token, err := c.cfg.GenerateSessionToken()
		if err == nil && len(token) < 16 {
			err = errors.New("GenerateSessionToken returned fewer than 16 characters")
		}
		return token, err
	}
	return wire.UUID(c.cfg.Rand)
}

// createRow creates the row of the session, in the unit that stores the rest of
// the sign-in.
func (n *newSession) createRow(x *exchange, u *unit, user *User) error {
	if n.token == "" {
		return nil
	}
	n.row.UserID = user.ID
	row, err := u.CreateSession(x.ctx, n.row)
	if err != nil {
		return adapterError("creating a session", err)
	}
	n.row = row
	return nil
}

// handOver hands the session to the browser, once everything is stored. It runs
// callbacks, which may write to the same store, so it must not be called in a
// transaction.
func (n *newSession) handOver(x *exchange, in signingIn) error {
	if n.token != "" {
		return x.setDatabaseCookie(n.token, n.row.Expires)
	}
	return x.startToken(in)
}

// startToken starts a session with StrategyJWT.
func (x *exchange) startToken(in signingIn) error {
	t := &Token{Name: in.user.Name, Email: in.user.Email, Picture: in.user.Image, Subject: in.user.ID}
	if c := x.cfg.Schema; c != nil {
		t.Extra = tokenExtra(c, in.user.Extra)
	}
	x.stampUser(t, x.now)
	if f := x.cfg.Callbacks.JWT; f != nil {
		p := &JWTParams{Token: t, Trigger: triggerSignIn, User: in.user, Account: in.account,
			Profile: in.profile, Tokens: in.tokens, IsNewUser: in.isNewUser}
		if in.isNewUser {
			p.Trigger = triggerSignUp
		}
		if err := f(x.ctx, p); err != nil {
			return fail(codeConfiguration, "CallbackRouteError", fmt.Errorf("jwt callback: %w", err), "")
		}
		if t = p.Token; t == nil {
			if x.dialect.needsToken {
				return fail(codeConfiguration, "CallbackRouteError", errors.New("the jwt callback returned no token"), "")
			}
			x.clearSession()
			return nil
		}
	}
	return x.setJWT(t)
}

// tokenExtra returns the extra claims of a new token: the user fields that it
// carries, and the defaults of session and token fields.
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

// formerSession is the session that a browser already has when it signs in again.
type formerSession struct {
	user    *User  // nil when nobody is signed in
	cookie  string // the session token; this and the following with StrategyDatabase
	key     string
	expires time.Time
}

func (f *formerSession) is(u User) bool { return f.user != nil && f.user.ID == u.ID }

// keepSession continues the former session, which belongs to the same user. A
// token is reissued.
func (f *formerSession) keepSession(x *exchange, in signingIn) error {
	if x.strategy == StrategyDatabase {
		return x.setDatabaseCookie(f.cookie, f.expires)
	}
	return x.startToken(in)
}
