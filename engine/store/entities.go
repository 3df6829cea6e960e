package store

import "time"

// Traits is what an adapter declares about its store. The zero value is what
// the engine assumes of an adapter that declares nothing. It does not change
// while the adapter is in use.
type Traits struct {
	// AssignsIDs: the store makes the ids of users (R1).
	AssignsIDs bool
	// SharedWithAuthJS: an Auth.js app reads and writes the same tables.
	// Session tokens are then stored as they are, because Auth.js looks them
	// up so. Otherwise the adapter only ever sees the hex SHA-256 of a token.
	SharedWithAuthJS bool
}

// User is a person. Auth.js: User, AdapterUser.
type User struct {
	ID            string
	Name          *string    // nil: none
	Email         *string    // nil: none; normalised by the engine
	EmailVerified *time.Time // nil: the address was never verified
	Image         *string    // nil: none
	// Extra holds the fields of Schema.User; nil means none.
	Extra map[string]any
}

// Change is a change to a nullable column. The zero Change keeps the stored
// value; see [SetTo] and [Clear].
type Change[T any] struct {
	Set   bool
	Value *T // with Set: the new value, nil clears
}

// Apply makes the change to a field of a row.
func (c Change[T]) Apply(field **T) {
	if c.Set {
		*field = c.Value
	}
}

// SetTo returns the Change that stores v.
func SetTo[T any](v T) Change[T] { return Change[T]{Set: true, Value: &v} }

// Clear returns the Change that stores null.
func Clear[T any]() Change[T] { return Change[T]{Set: true} }

// UserUpdate changes a user: the fields that are set, and no others (R7).
type UserUpdate struct {
	ID            string
	Name          Change[string]
	Email         Change[string]
	EmailVerified Change[time.Time]
	Image         Change[string]
	// Extra changes the fields it names; a nil value clears. A nil map changes
	// none.
	Extra map[string]any
}

// Account says that an account at a provider belongs to a user.
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

// Session is a session of the database strategy as it is stored.
type Session struct {
	// SessionToken is the key: the hex SHA-256 of the token in the cookie, or
	// the token itself, see Traits.SharedWithAuthJS.
	SessionToken string
	UserID       string
	Expires      time.Time
	// Extra holds the fields of Schema.Session; nil means none.
	Extra map[string]any
}

// SessionUpdate changes a session: the fields that are set, and no others (R7).
type SessionUpdate struct {
	SessionToken string
	Expires      *time.Time // nil keeps it
	// Extra changes the fields it names; a nil value clears. A nil map changes
	// none.
	Extra map[string]any
}

// VerificationToken is a token of an e-mail link as it is stored.
type VerificationToken struct {
	Identifier string // the normalised address
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
	Transports           *string // comma-separated; nil: not known
}
