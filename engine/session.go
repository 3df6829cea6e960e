package engine

import (
	"time"
)

// Session is a signed-in session, as seen by a handler.
type Session struct {
	// User is the stored user (StrategyDatabase), or the user in the token
	// (StrategyJWT): ID, Name, Email, Image and the declared Extra.
	User    User
	Expires time.Time
	// Extra holds the declared session fields.
	Extra map[string]any
	// Token holds the claims; nil with StrategyDatabase. Changing it has no
	// effect.
	Token *Token
	// Strategy is where the session is kept.
	Strategy Strategy
}

// Strategy is where sessions are kept.
type Strategy string

const (
	// StrategyJWT keeps a session in an encrypted cookie.
	StrategyJWT Strategy = "jwt"
	// StrategyDatabase keeps a session in the Adapter; the cookie holds a
	// random token.
	StrategyDatabase Strategy = "database"
)
