package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// presence is the result of reading the session cookie of a request. Reading has
// no side effects: callers decide whether to roll the session, to clear an
// invalid cookie, or to ignore it.
type presence struct {
	state  presenceState
	cookie string // the session token
	cause  error  // of stateInvalid; nil when the store has no such session

	// With StrategyJWT, the claims, and whether they were sealed with the current
	// secret.
	token   *Token
	current bool

	// With StrategyDatabase, the session and its user.
	key  string // of the session in the adapter
	row  AdapterSession
	user User
}

type presenceState uint8

const (
	stateNone    presenceState = iota // no session cookie
	stateInvalid                      // a cookie without a session, or an expired token
	stateExpired                      // an expired row
	stateValid
)

// depth is how much of a database session presence reads.
type depth uint8

const (
	keyOnly  depth = iota // nothing; the state is stateValid
	rowOnly               // the session
	withUser              // the session and its user, in one call
)

// presence reads the session of the request. An error means that the store
// failed; state is then stateInvalid.
func (x *exchange) presence(d depth) (presence, error) {
	p := presence{cookie: wire.SessionCookie(x.cookies, x.site.cookies.session.Name)}
	if p.cookie == "" {
		return p, nil
	}
	p.state = stateInvalid
	if x.strategy == StrategyJWT {
		if p.token, p.current, p.cause = x.site.session.DecodeToken(p.cookie, x.cfg.Schema, x.now); p.cause == nil {
			p.state = stateValid
		}
		return p, nil
	}
	p.key = x.sessionKey(p.cookie)
	var err error
	switch d {
	case withUser:
		p.row, p.user, err = x.adapter.GetSessionAndUser(x.ctx, p.key)
	case rowOnly:
		p.row, err = x.adapter.GetSession(x.ctx, p.key)
	default:
		p.state = stateValid
		return p, nil
	}
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
		return p, nil
	case err != nil:
		return p, err
	case !p.row.Expires.After(x.now):
		p.state = stateExpired
	default:
		p.state = stateValid
	}
	return p, nil
}

// sessionKey returns the token under which an adapter stores a session.
func (c *core) sessionKey(token string) string {
	if c.adapter.traits.SharedWithAuthJS {
		return token
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
