// Package wire is Auth.js on the wire: cookie names and attributes, session
// cookie chunks, the encrypted token (JWE), check cookies, CSRF tokens, e-mail
// token hashes and the JSON bodies of the endpoints. It decides nothing, keeps
// no state beside derived keys, and imports the standard library and package
// schema only. The contract is WIRE.md of the project's findings, v5 columns.
package wire

import (
	"io"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
)

// ---- cookies.go

// Names are the cookie names of one set-up (WIRE.md section 3.1).
type Names struct {
	SessionToken, CSRFToken, CallbackURL, PKCECodeVerifier, State, Nonce, Challenge string
}

// CookieNames returns the names of Auth.js v5, with the __Secure- and __Host-
// prefixes when secure.
func CookieNames(secure bool) Names { panic("stub") }

// SetCookie is a cookie to be set or cleared. It is always HttpOnly, with
// Path=/ and SameSite=Lax.
type SetCookie struct {
	Name    string
	Value   string    // not yet encoded
	MaxAge  int       // seconds; 0: no Max-Age attribute
	Expires time.Time // zero: no Expires attribute
	Clear   bool      // remove the cookie: empty value, Max-Age=0
	Secure  bool
}

// Append appends the value of the Set-Cookie header, attributes in the order
// of Auth.js.
func (c SetCookie) Append(dst []byte) []byte { panic("stub") }

// Cookie is a cookie of a request; its value is still percent-encoded.
type Cookie struct{ Name, Value string }

// ParseCookies appends the cookies of the Cookie headers to dst. It never
// fails: what is not a cookie is left out, and so is all beyond 64 KiB or 256
// cookies.
func ParseCookies(dst []Cookie, headers []string) []Cookie { panic("stub") }

// CookieValue returns the percent-decoded value of the first cookie with the
// name, and whether there is one. A malformed percent sequence leaves the value
// as it is.
func CookieValue(cookies []Cookie, name string) (string, bool) { panic("stub") }

// ChunkSize is the most characters of a session token in one cookie.
const ChunkSize = 3936

// MaxChunks is the most chunks of a session token that are read or written.
const MaxChunks = 16

// SessionCookie joins the session token from the cookies: the complete
// contiguous set name.0, name.1, … if there is one, else the cookie name. Other
// names that begin with name are not looked at (WIRE.md section 12 row 3). ""
// when there is none.
func SessionCookie(cookies []Cookie, name string) string { panic("stub") }

// SetSessionCookie appends the cookies that store token under name, in chunks
// when it is long, and those that clear what the request holds under name or
// name.<digits> and is not overwritten: first the clearing ones, in request
// order, then the new ones. A zero expires makes browser-session cookies. It
// is an error when the token needs more than MaxChunks chunks.
func SetSessionCookie(dst []SetCookie, request []Cookie, name, token string, expires time.Time, secure bool) ([]SetCookie, error) {
	panic("stub")
}

// ClearSessionCookie appends the cookies that clear what the request holds
// under name or name.<digits>.
func ClearSessionCookie(dst []SetCookie, request []Cookie, name string, secure bool) []SetCookie {
	panic("stub")
}

// ---- jwe.go

// Keys seals and opens tokens under one salt (a cookie name) with the keys
// derived from one or more secrets. It is safe for concurrent use.
type Keys struct{}

// NewKeys derives the keys: A256CBC-HS512 of the first secret to seal, and that
// and A256GCM of every secret to open. It panics when there is no secret.
func NewKeys(salt string, secrets ...string) *Keys { panic("stub") }

// Errors of opening a token. All that is wrong with a token but its times is
// ErrToken.
var (
	ErrToken   error
	ErrExpired error // exp has passed by more than ClockTolerance
	ErrNotYet  error // nbf lies ahead by more than ClockTolerance
)

// ClockTolerance is how far the clocks of two servers may differ.
const ClockTolerance = 15 * time.Second

// MaxTokenSize is the most characters of a token that is looked at.
const MaxTokenSize = ChunkSize * MaxChunks

// Seal encrypts plaintext: JWE compact, dir, A256CBC-HS512, with kid.
func (k *Keys) Seal(plaintext []byte, rand io.Reader) (string, error) { panic("stub") }

// Open decrypts a token to its plaintext. first reports whether it was sealed
// with the first secret.
func (k *Keys) Open(token string) (plaintext []byte, first bool, err error) { panic("stub") }

// EncodeToken seals the claims of t with iat, exp and jti set: now, now +
// maxAge and a random UUID.
func (k *Keys) EncodeToken(t *schema.Token, now time.Time, maxAge time.Duration, rand io.Reader) (string, error) {
	panic("stub")
}

// DecodeToken opens a token and decodes its claims under s (nil: no declared
// fields). A token without exp is ErrToken (WIRE.md section 12 row 8).
// first is as of Open.
func (k *Keys) DecodeToken(token string, s *schema.Schema, now time.Time) (t *schema.Token, first bool, err error) {
	panic("stub")
}

// ---- check.go

// CheckMaxAge is how long a check cookie lives.
const CheckMaxAge = 15 * time.Minute

// SealCheck returns the value of a check cookie (state, PKCE, nonce): the
// payload {value, provider, iat, exp, jti}.
func (k *Keys) SealCheck(value, provider string, now time.Time, rand io.Reader) (string, error) {
	panic("stub")
}

// OpenCheck returns the value kept in a check cookie, or ErrToken when it is
// not one of this provider, or ErrExpired.
func (k *Keys) OpenCheck(cookie, provider string, now time.Time) (string, error) { panic("stub") }

// StateSalt is the salt of the state parameter.
const StateSalt = "encodedState"

// SealState returns a state parameter: a token under StateSalt with the payload
// {origin?, random, iat, exp, jti}.
func (k *Keys) SealState(origin string, now time.Time, rand io.Reader) (string, error) { panic("stub") }

// ---- csrf.go

// CSRF makes and checks CSRF tokens (WIRE.md section 3.2).
type CSRF struct{}

// NewCSRF returns the CSRF of the secrets. Cookies made with any one secret, or
// with several joined by commas as Auth.js does, are accepted; new ones are
// made with the comma-joined list when there are several, as Auth.js does.
func NewCSRF(secrets ...string) *CSRF { panic("stub") }

// New returns a new token and its cookie value.
func (c *CSRF) New(rand io.Reader) (token, cookie string, err error) { panic("stub") }

// Token returns the token in a cookie value, and whether its hash fits.
func (c *CSRF) Token(cookie string) (string, bool) { panic("stub") }

// SameToken compares two tokens in constant time; only 64 lower-case hex digits
// are a token.
func SameToken(a, b string) bool { panic("stub") }

// ---- email.go

// HashVerificationToken returns how an e-mail token is stored: hex SHA-256 of
// token + secret.
func HashVerificationToken(token, secret string) string { panic("stub") }

// RandomHex returns 32 random bytes as hex.
func RandomHex(rand io.Reader) (string, error) { panic("stub") }

// RandomBase64 returns 32 random bytes as unpadded base64url.
func RandomBase64(rand io.Reader) (string, error) { panic("stub") }

// UUID returns a random UUID (version 4).
func UUID(rand io.Reader) (string, error) { panic("stub") }

// CodeChallenge returns the S256 challenge of a PKCE verifier.
func CodeChallenge(verifier string) string { panic("stub") }

// ---- body.go: JSON as JSON.stringify writes it

// Member is a member of the user object of a session body.
type Body struct {
	Name, Email, Image Text
	Expires            time.Time
	// User and Session hold more members, already allowed for the browser, in
	// order; values are canonical (package schema).
	User, Session []Member
}

// Text is a member that may be null or absent.
type Text struct {
	Value *string
	Null  bool // with a nil Value: write null instead of leaving the member out
}

// Member is a named value.
type Member struct {
	Name  string
	Value any
}

// AppendSession appends the body of GET session; nil is signed out: null.
func AppendSession(dst []byte, b *Body) []byte { panic("stub") }

// AppendCSRF appends the body of GET csrf.
func AppendCSRF(dst []byte, token string) []byte { panic("stub") }

// AppendURL appends the body of an answer to a request with
// X-Auth-Return-Redirect.
func AppendURL(dst []byte, url string) []byte { panic("stub") }

// ProviderBody is a provider in the body of GET providers.
type ProviderBody struct{ ID, Name, Type, SignInURL, CallbackURL string }

// AppendProviders appends the body of GET providers, in order.
func AppendProviders(dst []byte, ps []ProviderBody) []byte { panic("stub") }
