// Package oauth is the authorization code flow of OAuth 2.0 and OpenID Connect
// over golang.org/x/oauth2 and go-oidc: authorization URL, code exchange,
// verified ID token, userinfo. Cookies and redirects are the engine's.
package oauth

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Config describes one provider.
type Config struct {
	// Issuer makes it an OpenID Connect provider with discovery.
	Issuer string
	// AuthorizationURL, TokenURL and UserInfoURL are the endpoints of a plain
	// OAuth 2.0 provider (Issuer empty).
	AuthorizationURL, TokenURL, UserInfoURL string

	ClientID, ClientSecret string
	ClientAuth             string // "client_secret_basic" (""), "client_secret_post", "none"
	Scopes                 []string
	Params                 map[string]string // added to every authorization request
	UserInfo               bool              // OIDC: the profile comes from the userinfo endpoint
	AllowInsecureHTTP      bool              // http on other hosts than loopback

	HTTPClient *http.Client     // nil: a client with a timeout of 10 s
	Now        func() time.Time // nil: time.Now
}

// Client runs the flow with one provider. It is safe for concurrent use.
type Client struct{ cfg Config }

// New checks cfg. It touches no network.
func New(cfg Config) (*Client, error) { return &Client{cfg}, nil }

// AuthorizationRequest is what goes into an authorization URL.
type AuthorizationRequest struct {
	RedirectURI   string
	State         string     // "" sends none
	CodeChallenge string     // S256; "" sends none
	Nonce         string     // "" sends none
	Params        url.Values // from the sign-in request, already filtered
	// DangerousParams lets Params override protocol parameters, as Auth.js does.
	DangerousParams bool
}

// AuthorizationURL returns the URL to send the browser to. The error is an
// [*Error] of Kind Discovery when the provider cannot be reached.
func (c *Client) AuthorizationURL(ctx context.Context, r AuthorizationRequest) (string, error) {
	return "", nil
}

// Callback is what came back, and what was kept of the request.
type Callback struct {
	Params      url.Values // of the callback request
	RedirectURI string
	// UseState, UsePKCE and UseNonce say which checks the flow uses; State,
	// CodeVerifier and Nonce are the values kept in the browser's cookies, ""
	// when the cookie is missing or unreadable. A check in use without its
	// value fails.
	UseState, UsePKCE, UseNonce bool
	State, CodeVerifier, Nonce  string
}

// Result is a finished flow.
type Result struct {
	AccessToken, TokenType, RefreshToken, IDToken, Scope string
	ExpiresAt                                            time.Time      // zero: not said
	Raw                                                  map[string]any // every member of the token answer, numbers as json.Number
	Profile                                              map[string]any // ID token claims or userinfo answer, numbers as json.Number
}

// Exchange validates the callback (state, iss, error), exchanges the code,
// verifies the ID token and returns the profile. Errors are [*Error].
func (c *Client) Exchange(ctx context.Context, cb Callback) (*Result, error) { return nil, nil }

// Kind says what went wrong.
type Kind string

// The kinds of errors.
const (
	Discovery Kind = "discovery" // the provider's metadata cannot be had or is wrong
	Check     Kind = "check"     // state, PKCE, nonce or iss missing or wrong
	Provider  Kind = "provider"  // the provider answered the authorization request with an error
	Token     Kind = "token"     // the token endpoint refused or answered nonsense
	IDToken   Kind = "id_token"  // the ID token is missing or not valid
	UserInfo  Kind = "userinfo"  // the userinfo endpoint failed or contradicts the ID token
)

// Error is a failed flow.
type Error struct {
	Kind Kind
	Code string // the provider's error code, if it sent one ("access_denied")
	Hint string // what to do about it; "" when there is nothing to say
	Err  error  // never contains a code, token or secret
}

func (e *Error) Error() string { return "oauth: " + string(e.Kind) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
