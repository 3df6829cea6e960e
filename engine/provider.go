package engine

import "time"

// Provider is a way to sign in: [*OIDC], [*OAuth2], [*Credentials], [*Email],
// or a [SignInMethod] of another package.
type Provider interface {
	// ProviderInfo describes the provider on the sign-in page and in GET providers.
	ProviderInfo() ProviderInfo
}

// ProviderInfo describes a provider.
type ProviderInfo struct {
	ID   string // in the URL: signin/<id>, callback/<id>
	Name string // on the sign-in page
	Type string // "oidc", "oauth", "credentials", "email", or another, such as "webauthn"
}

// Profile holds the claims of an ID token, or the answer of a userinfo endpoint.
// Numbers are json.Number, so that large ids keep all digits.
type Profile map[string]any

// Tokens is the answer of a token endpoint.
type Tokens struct {
	AccessToken  string
	TokenType    string // lower case
	RefreshToken string
	IDToken      string
	Scope        string
	ExpiresAt    time.Time // zero if unknown
	// Raw holds every member of the answer.
	Raw map[string]any
}

// Input is a field of a form on a built-in page.
type Input struct {
	Name         string // of the form member
	Label        string // default: Name
	Type         string // of the input element; default, and for a button: "text"
	Placeholder  string
	Autocomplete string // default: "current-password" for a password, "username" for the first other field
}
