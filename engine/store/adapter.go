package store

import (
	"context"
	"time"
)

// Adapter stores users, accounts, sessions and verification tokens. It knows
// nothing of HTTP. It is made of four parts, so that two stores can be
// combined (users in one, sessions in another).
//
// The method set is final: what comes later comes as an optional interface
// found by type assertion, as [AuthenticatorAdapter], [Transactor],
// [SignUpAdapter], [Purger], [SessionLister], [TraitsDeclarer] and [Inspector]
// are.
//
// Every adapter keeps these rules:
//
//   - R1. Ids are minted by the engine and stored verbatim. The one exception
//     is declared by [Traits.AssignsIDs]: then the store makes the id and the
//     one returned by CreateUser is the truth.
//   - R2. An absent row is [ErrNotFound] (errors.Is), never a zero value
//     without an error and never a driver's error. Deleting an absent row
//     succeeds.
//   - R3. The store enforces uniqueness of the user id, the non-null e-mail
//     address, the pair (provider, provider account id), the session token,
//     the pair (identifier, token) and the credential id. A violation is
//     [ErrConflict], a [ConflictError] with its Field, and changes nothing.
//   - R4. UseVerificationToken hands a token to exactly one caller, however
//     many ask at once. Identifier and token must both match byte for byte; a
//     miss burns nothing.
//   - R5. Strings are opaque: stored whole, compared byte for byte. One that
//     does not fit is [ErrInvalid], never cut.
//   - R6. Times are instants: UTC, exact to the millisecond, returned as
//     stored.
//   - R7. An update changes the named fields only, clears only what it is told
//     to clear, and is ErrNotFound for an unknown row without creating it.
//   - R8. DeleteUser removes the user, the accounts, sessions and
//     authenticators of that user and nothing else, all or nothing. No account
//     and no session exists without its user.
//   - R9. Reads have no effect. An expired session or token is returned as it
//     is (the engine judges it), unless the store removes expired rows itself.
//   - R10. A failed store, a cancelled context and a passed deadline are errors
//     that match their cause and never ErrNotFound. A failed call leaves no
//     half-written state, and nothing is written after it has returned.
//   - R11. Values passed in and handed out are copies. All methods are safe
//     for concurrent use.
//   - R12. An authenticator's counter never decreases: [ErrStaleCounter]. Zero
//     stays allowed at zero.
//
// Extra holds the fields that the [schema.Schema] declares, as canonical values. The
// engine refuses undeclared keys before an adapter sees them and
// canonicalises what an adapter returns.
type Adapter interface {
	UserAdapter
	AccountAdapter
	SessionAdapter
	VerificationTokenAdapter
}

// UserAdapter stores users.
type UserAdapter interface {
	// CreateUser stores u and returns what was stored. An empty id is
	// ErrInvalid (unless the store assigns ids), a taken id or address
	// ErrConflict with Field "id" or "email".
	CreateUser(ctx context.Context, u User) (User, error)
	// GetUser returns the user with the id, or ErrNotFound.
	GetUser(ctx context.Context, id string) (User, error)
	// GetUserByEmail returns the user with exactly this address, or
	// ErrNotFound. The engine has normalised it.
	GetUserByEmail(ctx context.Context, email string) (User, error)
	// UpdateUser applies u to the user u.ID and returns the whole user.
	UpdateUser(ctx context.Context, u UserUpdate) (User, error)
	// DeleteUser removes a user with all that belongs to it (R8).
	DeleteUser(ctx context.Context, id string) error
}

// AccountAdapter stores which provider accounts belong to which user.
type AccountAdapter interface {
	// LinkAccount stores a and returns what was stored. A pair (provider,
	// provider account id) that is linked already, even to the same user, is
	// ErrConflict with Field "providerAccountId"; an unknown user is
	// ErrNotFound.
	LinkAccount(ctx context.Context, a Account) (Account, error)
	// UnlinkAccount removes the account.
	UnlinkAccount(ctx context.Context, provider, providerAccountID string) error
	// GetAccount returns the account, or ErrNotFound.
	GetAccount(ctx context.Context, provider, providerAccountID string) (Account, error)
	// GetUserByAccount returns the user the account is linked to, or
	// ErrNotFound.
	GetUserByAccount(ctx context.Context, provider, providerAccountID string) (User, error)
	// ListAccountsByUserID returns every account of the user, in any order;
	// none for an unknown user.
	ListAccountsByUserID(ctx context.Context, userID string) ([]Account, error)
}

// SessionAdapter stores database sessions.
type SessionAdapter interface {
	// CreateSession stores s and returns what was stored. A taken token is
	// ErrConflict with Field "sessionToken", an unknown user ErrNotFound.
	CreateSession(ctx context.Context, s Session) (Session, error)
	// GetSession returns the session without its user, or ErrNotFound.
	GetSession(ctx context.Context, sessionToken string) (Session, error)
	// GetSessionAndUser returns the session with its user in one round trip,
	// or ErrNotFound when either is absent. It is the hot path.
	GetSessionAndUser(ctx context.Context, sessionToken string) (Session, User, error)
	// UpdateSession applies s to the session s.SessionToken and returns the
	// whole session.
	UpdateSession(ctx context.Context, s SessionUpdate) (Session, error)
	// DeleteSession removes the session.
	DeleteSession(ctx context.Context, sessionToken string) error
	// DeleteSessionsByUserID removes every session of the user.
	DeleteSessionsByUserID(ctx context.Context, userID string) error
}

// VerificationTokenAdapter stores the tokens of e-mail links.
type VerificationTokenAdapter interface {
	// CreateVerificationToken stores t and returns what was stored. Several
	// tokens of one identifier live side by side; a taken pair is ErrConflict
	// with Field "token".
	CreateVerificationToken(ctx context.Context, t VerificationToken) (VerificationToken, error)
	// UseVerificationToken returns and removes the token, in one step (R4), or
	// ErrNotFound. An expired token is removed and returned.
	UseVerificationToken(ctx context.Context, identifier, token string) (VerificationToken, error)
}

// AuthenticatorAdapter is an optional interface of an Adapter that stores
// WebAuthn credentials.
type AuthenticatorAdapter interface {
	// CreateAuthenticator stores a and returns what was stored. A taken
	// credential id is ErrConflict with Field "credentialID", an unknown user
	// ErrNotFound.
	CreateAuthenticator(ctx context.Context, a Authenticator) (Authenticator, error)
	// GetAuthenticator returns the credential, or ErrNotFound.
	GetAuthenticator(ctx context.Context, credentialID string) (Authenticator, error)
	// ListAuthenticatorsByUserID returns every credential of the user, in any
	// order; none for an unknown user.
	ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]Authenticator, error)
	// UpdateAuthenticatorCounter sets the counter and returns the credential:
	// ErrNotFound for an unknown one, ErrStaleCounter (nothing changed) when
	// counter is not greater than the stored one, except 0 at 0 (R12).
	UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (Authenticator, error)
}

// Transactor is an optional interface of an Adapter that can do several calls
// in one transaction.
type Transactor interface {
	// Tx calls fn with an adapter bound to a transaction, commits when fn
	// returns nil and rolls back otherwise. The error of fn is returned
	// unchanged.
	Tx(ctx context.Context, fn func(Adapter) error) error
}

// SignUpAdapter is an optional interface of an Adapter that is no [Transactor]
// and can still create a user and an account in one step. With neither, a
// process that is killed between the two leaves a user without the account,
// whose owner is refused from then on; and so may be the slower of two first
// sign-ins of one person at the same moment.
type SignUpAdapter interface {
	// CreateUserWithAccount stores u and a, which belongs to u whatever its
	// UserID is, both or neither, and returns what was stored. Its errors are
	// those of CreateUser and LinkAccount.
	CreateUserWithAccount(ctx context.Context, u User, a Account) (User, Account, error)
}

// Purger is an optional interface of an Adapter whose store does not remove
// expired rows itself.
type Purger interface {
	// PurgeExpired removes at most limit sessions and verification tokens that
	// expired before the instant, and returns how many it removed. A limit of
	// 0 or less removes nothing.
	PurgeExpired(ctx context.Context, before time.Time, limit int) (int, error)
}

// SessionLister is an optional interface of an Adapter that can list the
// sessions of a user.
type SessionLister interface {
	// ListSessionsByUserID returns every session of the user, expired ones
	// too, in any order; none for an unknown user.
	ListSessionsByUserID(ctx context.Context, userID string) ([]Session, error)
}

// TraitsDeclarer is an optional interface of an Adapter whose store differs
// from what the engine assumes.
type TraitsDeclarer interface {
	Traits() Traits
}

// Inspector is an optional interface of an Adapter that can look at how its
// store is laid out, for engine.Diagnose.
type Inspector interface {
	// Inspect returns an error that names the tables and columns (or whatever
	// the store has) that are missing, or nil. It changes nothing.
	Inspect(ctx context.Context) error
}
