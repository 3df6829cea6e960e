package store

import (
	"context"
	"time"
)

// Adapter stores users, accounts, sessions and verification tokens. It has no
// notion of HTTP. It consists of four parts, so that two stores can be combined
// (users in one, sessions in another).
//
// The method set is final: later additions are optional interfaces found by
// type assertion, as [AuthenticatorAdapter], [Transactor], [SignUpAdapter],
// [Purger], [SessionLister], [TraitsDeclarer] and [Inspector] are.
//
// Every adapter keeps these rules:
//
//   - R1. The engine creates all ids; the adapter stores them verbatim. The one
//     exception is declared by [Traits.AssignsIDs]: the store then makes the
//     ids of users, and the engine uses the one that CreateUser returns.
//   - R2. Looking up an absent row returns [ErrNotFound] (errors.Is), never a
//     zero value without an error and never a driver's error. Deleting an
//     absent row succeeds.
//   - R3. The store enforces uniqueness of the user id, the non-null e-mail
//     address, the pair (provider, provider account id), the session token,
//     the pair (identifier, token) and the credential id. A violation returns a
//     [*ConflictError] that names the field and changes nothing.
//   - R4. UseVerificationToken hands a token to exactly one caller, however
//     many ask at once. Identifier and token must both match byte for byte; a
//     mismatch uses up no token.
//   - R5. Strings are opaque: stored whole, compared byte for byte. One that
//     does not fit is refused with [ErrInvalid], never truncated.
//   - R6. Times are instants: UTC, exact to the millisecond, returned as
//     stored.
//   - R7. An update changes only the fields it names and clears only those it
//     is asked to clear. Updating an unknown row returns ErrNotFound and
//     creates nothing.
//   - R8. DeleteUser removes the user with its accounts, sessions and
//     authenticators and nothing else, all or nothing. No account and no
//     session exists without its user.
//   - R9. Reads have no effect. An expired session or token is returned
//     unchanged (the engine checks its expiry), unless the store removes
//     expired rows itself.
//   - R10. A failed store, a canceled context and an exceeded deadline return
//     errors that match their cause and never ErrNotFound. A failed call leaves
//     no half-written state, and nothing is written after a call has returned.
//   - R11. Arguments and results are copies: neither shares memory with the
//     store. All methods are safe for concurrent use.
//   - R12. An authenticator's counter never decreases: an attempt returns
//     [ErrStaleCounter]. Setting it to zero is allowed while it is zero.
//
// Extra holds the fields that the schema (package schema) declares, as canonical
// values. The engine refuses undeclared keys before they reach an adapter and
// canonicalizes the values an adapter returns.
type Adapter interface {
	UserAdapter
	AccountAdapter
	SessionAdapter
	VerificationTokenAdapter
}

// UserAdapter stores users.
type UserAdapter interface {
	// CreateUser stores u and returns the stored user. It returns ErrInvalid
	// for an empty id, unless the store assigns ids, and a ConflictError with
	// Field "id" or "email" for a taken id or address.
	CreateUser(ctx context.Context, u User) (User, error)
	// GetUser returns the user with the id, or ErrNotFound.
	GetUser(ctx context.Context, id string) (User, error)
	// GetUserByEmail returns the user with exactly this address, which the
	// engine has normalized, or ErrNotFound.
	GetUserByEmail(ctx context.Context, email string) (User, error)
	// UpdateUser applies u to the user u.ID and returns the whole user, or
	// ErrNotFound. A taken address is a ConflictError with Field "email".
	UpdateUser(ctx context.Context, u UserUpdate) (User, error)
	// DeleteUser removes a user and everything that belongs to it (R8).
	DeleteUser(ctx context.Context, id string) error
}

// AccountAdapter stores which provider accounts belong to which user.
type AccountAdapter interface {
	// LinkAccount stores a and returns the stored account. It returns a
	// ConflictError with Field "providerAccountId" when the pair (provider,
	// provider account id) is linked already, even to the same user, and
	// ErrNotFound for an unknown user.
	LinkAccount(ctx context.Context, a Account) (Account, error)
	// UnlinkAccount removes the account, if it exists.
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
	// CreateSession stores s and returns the stored session. It returns a
	// ConflictError with Field "sessionToken" for a taken token and ErrNotFound
	// for an unknown user.
	CreateSession(ctx context.Context, s Session) (Session, error)
	// GetSession returns the session without its user, or ErrNotFound.
	GetSession(ctx context.Context, sessionToken string) (Session, error)
	// GetSessionAndUser returns the session and its user in one round trip, or
	// ErrNotFound when either is absent. It is the hot path.
	GetSessionAndUser(ctx context.Context, sessionToken string) (Session, User, error)
	// UpdateSession applies s to the session s.SessionToken and returns the
	// whole session, or ErrNotFound.
	UpdateSession(ctx context.Context, s SessionUpdate) (Session, error)
	// DeleteSession removes the session, if it exists.
	DeleteSession(ctx context.Context, sessionToken string) error
	// DeleteSessionsByUserID removes every session of the user.
	DeleteSessionsByUserID(ctx context.Context, userID string) error
}

// VerificationTokenAdapter stores the tokens of e-mail links.
type VerificationTokenAdapter interface {
	// CreateVerificationToken stores t and returns the stored token. An
	// identifier may have several tokens; a taken pair is a ConflictError with
	// Field "token".
	CreateVerificationToken(ctx context.Context, t VerificationToken) (VerificationToken, error)
	// UseVerificationToken removes the token and returns it, in one atomic step
	// (R4), or returns ErrNotFound. An expired token is removed and returned
	// too.
	UseVerificationToken(ctx context.Context, identifier, token string) (VerificationToken, error)
}

// AuthenticatorAdapter is an optional interface of an Adapter that stores
// WebAuthn credentials.
type AuthenticatorAdapter interface {
	// CreateAuthenticator stores a and returns the stored credential. It
	// returns a ConflictError with Field "credentialID" for a taken credential
	// id and ErrNotFound for an unknown user.
	CreateAuthenticator(ctx context.Context, a Authenticator) (Authenticator, error)
	// GetAuthenticator returns the credential, or ErrNotFound.
	GetAuthenticator(ctx context.Context, credentialID string) (Authenticator, error)
	// ListAuthenticatorsByUserID returns every credential of the user, in any
	// order; none for an unknown user.
	ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]Authenticator, error)
	// UpdateAuthenticatorCounter sets the counter and returns the credential.
	// It returns ErrNotFound for an unknown credential, and ErrStaleCounter,
	// changing nothing, unless counter is greater than the stored one or both
	// are 0 (R12).
	UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (Authenticator, error)
}

// Transactor is an optional interface of an Adapter that can run several calls
// in one transaction.
type Transactor interface {
	// Tx calls fn with an adapter bound to a transaction. It commits if fn
	// returns nil; otherwise it rolls back and returns the error of fn
	// unchanged.
	Tx(ctx context.Context, fn func(Adapter) error) error
}

// SignUpAdapter is an optional interface of an Adapter that is not a
// [Transactor] but can create a user and an account in one step. With neither,
// a process killed between the two writes leaves a user without an account,
// who can then no longer sign in. Two first sign-ins of one person at the same
// moment can end the same way for the slower one.
type SignUpAdapter interface {
	// CreateUserWithAccount stores both u and a, or neither, and returns what
	// was stored. The account belongs to u, whatever a.UserID is. Its errors
	// are those of CreateUser and LinkAccount.
	CreateUserWithAccount(ctx context.Context, u User, a Account) (User, Account, error)
}

// Purger is an optional interface of an Adapter whose store does not remove
// expired rows itself.
type Purger interface {
	// PurgeExpired removes up to limit sessions and verification tokens that
	// expired earlier than before, and returns the number removed. A limit of
	// 0 or less removes nothing.
	PurgeExpired(ctx context.Context, before time.Time, limit int) (int, error)
}

// SessionLister is an optional interface of an Adapter that can list the
// sessions of a user.
type SessionLister interface {
	// ListSessionsByUserID returns every session of the user, including expired
	// ones, in any order; none for an unknown user.
	ListSessionsByUserID(ctx context.Context, userID string) ([]Session, error)
}

// TraitsDeclarer is an optional interface of an Adapter whose store differs
// from what the engine assumes.
type TraitsDeclarer interface {
	// Traits returns the same value on every call.
	Traits() Traits
}

// Inspector is an optional interface of an Adapter that can check the layout of
// its store, for engine.Diagnose.
type Inspector interface {
	// Inspect returns an error that names the missing tables and columns (or
	// whatever the store has instead), or nil. It changes nothing.
	Inspect(ctx context.Context) error
}
