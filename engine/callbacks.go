package engine

import (
	"context"
	"net/http"
	"time"
)

// Callbacks decide. Each may be nil. They run inside the request, with its
// context, for many requests at once. An error refuses: it is logged, and the
// browser gets the public code named at the callback.
type Callbacks struct {
	// SignIn decides whether a user may sign in, or be sent a mail link.
	// Refusal and error are AccessDenied. Default: allowed.
	SignIn func(ctx context.Context, p *SignInParams) (Decision, error)
	// Redirect decides where a browser may be sent: p.URL is what was asked
	// for. What it returns is obeyed when it is an http or https URL or a path
	// of this site. Default: paths and URLs of this site, else BaseURL. An error
	// is Configuration, and "signed out" for GET session.
	Redirect func(ctx context.Context, p RedirectParams) (string, error)
	// JWT sees each session token that is made or read (jwt strategy) and may
	// change p.Token; nil in its place ends the session. An error ends the
	// session as well, and is Configuration at sign-in. Before an account is
	// linked to whoever is signed in, it is asked about their token too. What it
	// changes in a read with X-Auth-Read-Only: 1 is not kept.
	JWT func(ctx context.Context, p *JWTParams) error
	// Session may change p.Session before the browser or a handler sees it; nil
	// in its place and an error are "signed out". The browser sees only what
	// the Schema allows. What it changes is not stored.
	Session func(ctx context.Context, p *SessionParams) error
	// Authorized decides for Require and Protect whether the request may go
	// on. Default: when there is a session.
	Authorized func(ctx context.Context, p *AuthorizedParams) (Decision, error)
}

// Decision is the answer of a callback: [Allow], [Deny] or [RedirectTo]. The
// zero Decision is Deny.
type Decision struct {
	allow bool
	url   string
}

// Allow lets the user in.
func Allow() Decision { return Decision{allow: true} }

// Deny refuses.
func Deny() Decision { return Decision{} }

// RedirectTo refuses and sends the browser to url, a path or URL that passes
// Callbacks.Redirect.
func RedirectTo(url string) Decision { return Decision{url: url} }

// SignInParams are the parameters of Callbacks.SignIn.
type SignInParams struct {
	// User is the stored user whom the account or the address belongs to, or the
	// one that would be created.
	User *User
	// Account is the account at the provider.
	Account *Account
	// Profile is the provider's profile; nil for e-mail and credentials.
	Profile Profile
	// Tokens is the answer of the token endpoint; nil for e-mail and
	// credentials.
	Tokens *Tokens
	// Credentials are the submitted values of a credentials sign-in.
	Credentials map[string]string
	// VerificationRequest: a mail link is asked for (true), or followed.
	VerificationRequest bool
}

// RedirectParams are the parameters of Callbacks.Redirect.
type RedirectParams struct {
	URL     string
	BaseURL string // scheme and host of this site, without a trailing slash
}

// Trigger says why Callbacks.JWT is called.
type Trigger string

// The triggers.
const (
	TriggerRead   Trigger = ""       // a session is read
	TriggerSignIn Trigger = "signIn" // a known user signs in
	TriggerSignUp Trigger = "signUp" // a new user signs in
	TriggerUpdate Trigger = "update" // update() was called
)

// JWTParams are the parameters of Callbacks.JWT.
type JWTParams struct {
	Token   *Token
	Trigger Trigger
	// User, Account, Profile and Tokens are set at sign-in only.
	User      *User
	Account   *Account
	Profile   Profile
	Tokens    *Tokens
	IsNewUser bool
	// Update is the data of update(): the writable fields, already validated
	// and stored in Token; or with Config.Parity.DangerousUpdateData whatever the
	// browser sent. nil unless Trigger is TriggerUpdate and there was data.
	Update any
}

// SessionParams are the parameters of Callbacks.Session.
type SessionParams struct {
	Session *Session
	Trigger Trigger // TriggerRead or TriggerUpdate
	// Update is the data of update(), as in JWTParams.
	Update any
}

// AuthorizedParams are the parameters of Callbacks.Authorized.
type AuthorizedParams struct {
	Session *Session // nil: signed out
	Request *http.Request
}

// Session is a signed-in session, as a handler sees it.
type Session struct {
	// User is the stored user (database strategy) or what the token says of
	// it (jwt strategy): ID, Name, Email, Image and the declared Extra.
	User    User
	Expires time.Time
	// Extra holds the declared session fields.
	Extra map[string]any
	// Token holds the claims; nil with the database strategy. Changing it has
	// no effect.
	Token *Token
	// Strategy is where the session lives.
	Strategy Strategy
}

// Events tell. Each may be nil. They run inside the request, with its context,
// for many requests at once, after what they tell of has been stored. An error
// is logged and changes nothing.
type Events struct {
	SignIn      func(ctx context.Context, e *SignInEvent) error
	SignOut     func(ctx context.Context, e *SignOutEvent) error
	CreateUser  func(ctx context.Context, e *UserEvent) error
	UpdateUser  func(ctx context.Context, e *UserEvent) error
	LinkAccount func(ctx context.Context, e *LinkAccountEvent) error
	// Session is told of every session that is read. It slows reading down.
	Session func(ctx context.Context, e *SessionEvent) error
}

// SignInEvent tells that somebody has signed in.
type SignInEvent struct {
	User      *User
	Account   *Account
	Profile   Profile
	IsNewUser bool
}

// SignOutEvent tells that somebody has signed out.
type SignOutEvent struct {
	Token   *Token          // jwt strategy
	Session *AdapterSession // database strategy; its token is a hash unless the tables are shared
}

// UserEvent tells that a user was created or updated.
type UserEvent struct{ User *User }

// LinkAccountEvent tells that an account was linked to a user.
type LinkAccountEvent struct {
	User    *User
	Account *Account
	Profile *User // the provider's profile as a user
}

// SessionEvent tells that a session was read.
type SessionEvent struct{ Session *Session }
