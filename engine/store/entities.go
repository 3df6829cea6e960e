package store

import "time"

// Traits describes how a store differs from what the engine assumes; the zero
// value describes one that does not. It must not change while the adapter is in
// use.
type Traits struct {
	// AssignsIDs reports that the store makes the ids of users (R1).
	AssignsIDs bool
	// SharedWithAuthJS reports that an Auth.js app reads and writes the same
	// tables. Session tokens are then stored in plain text, because that is how
	// Auth.js looks them up. Otherwise an adapter receives only the hex SHA-256
	// of a token.
	SharedWithAuthJS bool
}

// User is a person (User and AdapterUser in Auth.js).
type User struct {
	ID            string
	Name          *string    // nil: none
	Email         *string    // nil: none; normalized by the engine
	EmailVerified *time.Time // nil: the address was never verified
	Image         *string    // nil: none
	// Extra holds the fields of Schema.User; nil means none.
	Extra map[string]any
}

// Change is a change to a nullable column, as made by [SetTo] or [Clear]. The
// zero Change keeps the stored value.
type Change[T any] struct {
	Set   bool
	Value *T // the new value if Set; nil clears
}

// Apply applies the change to a field of a row.
func (c Change[T]) Apply(field **T) {
	if c.Set {
		*field = c.Value
	}
}

// SetTo returns the Change that stores v.
func SetTo[T any](v T) Change[T] { return Change[T]{Set: true, Value: &v} }

// Clear returns the Change that stores null.
func Clear[T any]() Change[T] { return Change[T]{Set: true} }

// UserUpdate is a change to the user with the given ID. Fields that are not set
// keep their values (R7).
type UserUpdate struct {
	ID            string
	Name          Change[string]
	Email         Change[string]
	EmailVerified Change[time.Time]
	Image         Change[string]
	// Extra changes the fields it names; a nil value clears the field. A nil
	// map changes none.
	Extra map[string]any
}

// Account links an account at a provider to a user.
type Account struct {
	UserID            string
	Type              string // "oauth", "oidc", "email", "credentials", "webauthn"
	Provider          string // the provider's id
	ProviderAccountID string // the user's id at the provider
	RefreshToken      *string
	AccessToken       *string
	ExpiresAt         *int64 // of the access token, UNIX seconds
	TokenType         *string
	Scope             *string
	IDToken           *string
	SessionState      *string
}

// Session is a stored session of the database strategy.
type Session struct {
	// SessionToken is the key: the hex SHA-256 of the token in the cookie, or
	// the token itself with Traits.SharedWithAuthJS.
	SessionToken string
	UserID       string
	Expires      time.Time
	// Extra holds the fields of Schema.Session; nil means none.
	Extra map[string]any
}

// SessionUpdate is a change to the session with the given SessionToken. Fields
// that are not set keep their values (R7).
type SessionUpdate struct {
	SessionToken string
	Expires      *time.Time // nil keeps it
	// Extra changes the fields it names; a nil value clears the field. A nil
	// map changes none.
	Extra map[string]any
}

// VerificationToken is the stored token of an e-mail link.
type VerificationToken struct {
	Identifier string // the normalized address
	Token      string // hash of the token in the link
	Expires    time.Time
}

// Authenticator is a WebAuthn credential.
type Authenticator struct {
	CredentialID         string // base64
	UserID               string
	ProviderAccountID    string
	CredentialPublicKey  string // base64
	Counter              uint32
	CredentialDeviceType string // "singleDevice" or "multiDevice"
	CredentialBackedUp   bool
	Transports           *string // comma-separated; nil: unknown
}
