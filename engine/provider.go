package engine

import (
	"context"
	"net/http"
	"time"
)

// Provider is a way to sign in: [*OIDC], [*OAuth2], [*Credentials] or [*Email].
type Provider interface {
	// ProviderInfo returns what GET providers shows.
	ProviderInfo() ProviderInfo
	sealed()
}

// ProviderInfo is what the sign-in page and GET providers show of a provider.
type ProviderInfo struct {
	ID   string // in the URL: signin/<id>, callback/<id>
	Name string // on the sign-in page
	Type string // "oidc", "oauth", "credentials" or "email"
}

// Check is a protection of the authorization code flow.
type Check string

// The checks (WIRE.md section 4.2).
const (
	CheckPKCE  Check = "pkce"  // RFC 7636, S256
	CheckState Check = "state" // RFC 6749 section 10.12
	CheckNonce Check = "nonce" // OpenID Connect Core 3.1.2.1; OIDC only
)

// Profile is what a provider says about a user: the claims of the ID token, or
// the answer of the userinfo endpoint. Numbers are json.Number, so that large
// ids keep all digits.
type Profile map[string]any

// OAuthOptions are the options that OIDC and OAuth2 share.
type OAuthOptions struct {
	// ClientID and ClientSecret default to AUTH_<ID>_ID and AUTH_<ID>_SECRET,
	// with the provider's id in upper case and - as _.
	ClientID     string
	ClientSecret string
	// Scopes to ask for. Default: openid, profile, email.
	Scopes []string
	// AuthorizationParams are added to every authorization request.
	AuthorizationParams map[string]string
	// AllowedParams are query parameters of POST signin/<id> that are passed
	// on, beside acr_values, claims_locales, display, hd, login_hint, max_age,
	// prompt, screen_hint, ui_locales. Protocol parameters cannot be named.
	AllowedParams []string
	// Checks of the flow. Default: PKCE, state and (OIDC) nonce.
	Checks []Check
	// ClientAuth is how the client authenticates at the token endpoint:
	// "client_secret_basic" (default), "client_secret_post" or "none".
	ClientAuth string
	// Profile maps a profile to a user. nil: id from sub or id, name from
	// name, nickname or preferred_username, email, image from picture. A
	// profile without an id is refused. The address counts as verified when it
	// is the profile's email and the profile says email_verified, or when
	// Profile sets EmailVerified, because it asked the provider in another way.
	Profile func(ctx context.Context, p Profile, t *Tokens) (User, error)
	// AllowDangerousEmailAccountLinking links to an existing user with the
	// profile's address. The provider must say email_verified, and the user's
	// own address must be verified, unless Config.Parity.DangerousUnverifiedEmail.
	AllowDangerousEmailAccountLinking bool
	// AllowInsecureHTTP allows http endpoints on other hosts than loopback.
	AllowInsecureHTTP bool
}

// Tokens is the answer of a token endpoint.
type Tokens struct {
	AccessToken  string
	TokenType    string // lower case
	RefreshToken string
	IDToken      string
	Scope        string
	ExpiresAt    time.Time // zero: not said
	// Raw holds every member of the answer.
	Raw map[string]any
}

// OIDC is an OpenID Connect provider with discovery. The ID token's signature,
// issuer, audience, times and nonce are verified.
type OIDC struct {
	ID   string
	Name string // default: ID
	// Issuer is the issuer's URL. Default: AUTH_<ID>_ISSUER. http is allowed
	// on loopback hosts only.
	Issuer string
	// UserInfo takes the profile from the userinfo endpoint instead of the ID
	// token; its sub must be the ID token's.
	UserInfo bool
	OAuthOptions
}

// OAuth2 is a plain OAuth 2.0 provider.
type OAuth2 struct {
	ID               string
	Name             string // default: ID
	AuthorizationURL string
	TokenURL         string
	UserInfoURL      string
	OAuthOptions
}

// Credentials signs in with whatever a form asks for, user name and password
// say. Checking a password is the application's; use a hash made for it.
type Credentials struct {
	ID   string // default: "credentials"
	Name string // default: "Credentials"
	// Inputs are the fields of the built-in form, in order.
	Inputs []CredentialInput
	// Authorize returns the user that the values belong to, or nil when they
	// are wrong. The same person has the same ID at every sign-in. A
	// [*CredentialsError] refuses with a code of its own; any other error is a
	// failure of the server. The values are the form's members without
	// csrfToken and callbackUrl; the body of the request has been read.
	Authorize func(ctx context.Context, values map[string]string, r *http.Request) (*User, error)
	// CreateUsers stores a user that the Adapter does not know when the
	// session strategy is database; Authorize must then return the same ID for
	// the same person at every sign-in. Default: such a sign-in is refused, with
	// a log line that says so. Without database sessions it has no effect.
	CreateUsers bool
}

// CredentialInput is a field of the built-in credentials form.
type CredentialInput struct {
	Name         string // of the form member
	Label        string // default: Name
	Type         string // of the input element; default, and for a button: "text"
	Placeholder  string
	Autocomplete string // default: "current-password" for a password, "username" for the first other field
}

// Email signs in with a link sent by mail.
type Email struct {
	ID   string // default: "email"
	Name string // default: "Email"
	// MaxAge is how long a link works. Default: 24 hours. Whole seconds.
	MaxAge time.Duration
	// Sender sends the link.
	Sender MailSender
	// Secret hashes the tokens instead of Config.Secret. Two e-mail providers
	// need different ones.
	Secret string
	// GenerateVerificationToken makes the token of a link. Nothing limits how
	// often somebody may guess, so a short code is not safe. Default: 32 random
	// bytes in hex.
	GenerateVerificationToken func() (string, error)
	// NormalizeIdentifier normalises an address. Default: Unicode NFKC, trimmed,
	// lower case; refused unless it is one plain address.
	NormalizeIdentifier func(address string) (string, error)
}

// MailSender sends the link of an e-mail sign-in. Auth.js:
// sendVerificationRequest.
type MailSender interface {
	SendVerificationRequest(ctx context.Context, m VerificationRequest) error
}

// MailSenderFunc is a function that is a MailSender.
type MailSenderFunc func(ctx context.Context, m VerificationRequest) error

// SendVerificationRequest calls f.
func (f MailSenderFunc) SendVerificationRequest(ctx context.Context, m VerificationRequest) error {
	return f(ctx, m)
}

// VerificationRequest is what a MailSender sends.
type VerificationRequest struct {
	Identifier string // the address
	URL        string // the link
	Token      string // the token in the link
	Expires    time.Time
	Provider   string // the provider's id
	Theme      Theme
}

func (p *OIDC) ProviderInfo() ProviderInfo   { return ProviderInfo{p.ID, or(p.Name, p.ID), "oidc"} }
func (p *OAuth2) ProviderInfo() ProviderInfo { return ProviderInfo{p.ID, or(p.Name, p.ID), "oauth"} }
func (p *Credentials) ProviderInfo() ProviderInfo {
	return ProviderInfo{or(p.ID, "credentials"), or(p.Name, "Credentials"), "credentials"}
}
func (p *Email) ProviderInfo() ProviderInfo {
	return ProviderInfo{or(p.ID, "email"), or(p.Name, "Email"), "email"}
}

func (*OIDC) sealed()        {}
func (*OAuth2) sealed()      {}
func (*Credentials) sealed() {}
func (*Email) sealed()       {}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
