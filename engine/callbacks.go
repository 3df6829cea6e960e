package engine

import (
	"context"
	"net/http"
	"net/netip"
)

// Callbacks make decisions during a request. Each may be nil. They run with the
// context of the request, concurrently for different requests. An error refuses:
// it is logged, and the browser gets the public code given at the callback.
type Callbacks struct {
	// SignIn decides whether a user may sign in, or be sent a mail link.
	// Refusal and error are AccessDenied. Default: allowed.
	SignIn func(ctx context.Context, p *SignInParams) (Decision, error)
	// Redirect decides where a browser is sent when p.URL is requested. It
	// returns an http or https URL, or a path of this site. An error, or any other
	// result, is Configuration, and for GET session a signed-out answer. Default:
	// p.URL when it belongs to this site, else p.BaseURL.
	Redirect func(ctx context.Context, p RedirectParams) (string, error)
	// JWT is called when a session token is made or read (StrategyJWT), and may
	// change p.Token; set p.Token to nil to end the session. An error ends the
	// session as well, and is Configuration at sign-in. Before an account is
	// linked to the signed-in user, JWT is called with their token too. Changes
	// made in a read with X-Auth-Read-Only: 1 are discarded.
	JWT func(ctx context.Context, p *JWTParams) error
	// Session may change p.Session before the browser or a handler gets it. Set
	// p.Session to nil, or return an error, to sign the user out for this read.
	// The browser sees only fields that the Schema allows. Changes are not stored.
	Session func(ctx context.Context, p *SessionParams) error
	// Authorized decides whether Require and Protect let a request through.
	// Default: when there is a session.
	Authorized func(ctx context.Context, p *AuthorizedParams) (Decision, error)
}

// Decision is the result of a callback: [Allow], [Deny] or [RedirectTo]. The
// zero Decision is Deny.
type Decision struct {
	allow bool
	url   string
}

// Allow permits.
func Allow() Decision { return Decision{allow: true} }

// Deny refuses.
func Deny() Decision { return Decision{} }

// RedirectTo refuses and sends the browser to url, a path or URL that passes
// Callbacks.Redirect.
func RedirectTo(url string) Decision { return Decision{url: url} }

// SignInParams are the parameters of Callbacks.SignIn.
type SignInParams struct {
	// User is the stored user who has the account or the address, or the user
	// to be created.
	User *User
	// Account is the account at the provider.
	Account *Account
	// Profile is the provider's profile; nil for e-mail and credentials.
	Profile Profile
	// Tokens is the answer of the token endpoint; nil for e-mail and credentials.
	Tokens *Tokens
	// Credentials are the submitted values of a credentials sign-in.
	Credentials map[string]string
	// VerificationRequest is true when a mail link is requested, and false when
	// it is followed.
	VerificationRequest bool
}

// RedirectParams are the parameters of Callbacks.Redirect.
type RedirectParams struct {
	URL     string
	BaseURL string // scheme and host of this site, without a trailing slash
}

// The triggers of Callbacks.JWT and Callbacks.Session, besides "" for a read.
const (
	triggerSignIn = "signIn"
	triggerSignUp = "signUp"
	triggerUpdate = "update"
)

// JWTParams are the parameters of Callbacks.JWT.
type JWTParams struct {
	Token *Token
	// Trigger is the reason for the call: "" when a session is read, "signIn"
	// when a known user signs in, "signUp" when a new one does, and "update" when
	// update() was called.
	Trigger string
	// User, Account, Profile and Tokens are set at sign-in only.
	User      *User
	Account   *Account
	Profile   Profile
	Tokens    *Tokens
	IsNewUser bool
	// Update is the data of update(): the writable fields, already validated
	// and set in Token; with Parity.DangerousUpdateData, whatever the browser
	// sent. It is nil unless Trigger is "update" and there was data.
	Update any
}

// SessionParams are the parameters of Callbacks.Session.
type SessionParams struct {
	Session *Session
	Trigger string // "" or "update", as in JWTParams
	// Update is the data of update(), as in JWTParams.
	Update any
}

// AuthorizedParams are the parameters of Callbacks.Authorized.
type AuthorizedParams struct {
	Session *Session // nil when nobody is signed in
	Request *http.Request
}

// LimitParams are the parameters of Config.Limit.
type LimitParams struct {
	// Action is the endpoint: "signin", "callback", or that of a [SignInMethod].
	Action string
	// Provider is the id of the provider.
	Provider string
	// Client is the address of the client: that of the browser when the request
	// came through TrustedProxies, else that of the peer. It is the zero Addr
	// when RemoteAddr does not hold an address, as with a Unix socket.
	Client netip.Addr
	// Subject is the person or account concerned, as far as the provider knows:
	// the normalised address of a mail link, or the argument of [Attempt.Limit].
	// It is "" for the attempt itself, for which Limit is called first.
	Subject string
}
