package engine

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/sesame-auth/sesame/engine/internal/pages"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// Schema describes the extra fields of users, sessions and tokens. See
// [schema.Schema].
type Schema = schema.Schema

// Adapter stores users, accounts, sessions and verification tokens. See
// [store.Adapter].
type Adapter = store.Adapter

// User is a person. See [store.User].
type User = store.User

// Account says that an account at a provider belongs to a user. See
// [store.Account].
type Account = store.Account

// AdapterSession is a session of the database strategy as it is stored. See
// [store.Session].
type AdapterSession = store.Session

// Token holds the claims of a jwt session token. See [schema.Token].
type Token = schema.Token

// Theme is what the built-in pages look like. See [pages.Theme].
type Theme = pages.Theme

// Strategy says where sessions live.
type Strategy string

// The strategies.
const (
	// StrategyJWT keeps a session in an encrypted cookie.
	StrategyJWT Strategy = "jwt"
	// StrategyDatabase keeps a session in the Adapter; the cookie holds a
	// random token.
	StrategyDatabase Strategy = "database"
)

// Config configures an [Engine]. The zero value of every field has a default;
// a server needs a secret (Secret or AUTH_SECRET) and at least one provider.
type Config struct {
	// Secret encrypts and signs everything; at least 32 characters. Default:
	// AUTH_SECRET, then NEXTAUTH_SECRET. `openssl rand -base64 33` makes one.
	// Servers with the same secret accept each other's sessions.
	Secret string
	// OldSecrets are still accepted, so that a secret can be changed without
	// signing anybody out. Hashes of CSRF tokens and mail links are made with
	// all of them, as Auth.js 5 does with secret: [new, old]; with DialectV4, which
	// knows one secret, and with secrets of the environment, with the current
	// one alone, as next-auth does. Those of any part of the list are accepted.
	// Default: AUTH_SECRET_3, AUTH_SECRET_2 and AUTH_SECRET_1, those that are
	// set, when Secret comes from AUTH_SECRET.
	OldSecrets []string

	// Dialect is the version of Auth.js that clients and servers beside this one
	// speak: DialectV5 (default) or DialectV4, for the client of next-auth 4. Cookie
	// names, session tokens, answers and error codes are those of that version.
	Dialect Dialect

	// Providers are the ways to sign in, in the order of the sign-in page.
	Providers []Provider

	// Adapter stores users, accounts, sessions and e-mail tokens. nil: nothing
	// is stored, sessions are jwt, and a provider's profile is the user, with
	// an id made of the provider's and the account's.
	Adapter Adapter
	// Schema describes extra fields. nil: none.
	Schema *Schema

	// URL is the public URL of the application or of its auth endpoints, as in
	// AUTH_URL ("https://app.example.com", "https://app.example.com/api/auth").
	// Default: AUTH_URL, then NEXTAUTH_URL. When none is set the URL comes from
	// the request, see TrustHost.
	URL string
	// BasePath is where the endpoints are mounted. Default: the path of URL,
	// else "/api/auth". Where URL has a longer path that ends with it, a proxy
	// takes the beginning off: with "https://example.com/shop/api/auth" and
	// "/api/auth", requests come for /api/auth and links lead to
	// /shop/api/auth.
	BasePath string
	// AllowedHosts are the hosts under which browsers reach the site when it
	// has several: "app.example.com", "localhost:3000", or "*.example.com" for
	// all names below. "https://app.example.com" says that every page of the
	// host is https, which a proxy may leave out (rewrites of Next.js do).
	// Requests for other hosts are refused, those for localhost too. nil: see
	// TrustHost. With a URL it is not looked at.
	AllowedHosts []string
	// TrustedProxies are the networks ("10.0.0.0/8") and addresses
	// ("127.0.0.1") of the proxies in front. When no URL is set, the public host
	// and scheme come from X-Forwarded-Host (or Host) and X-Forwarded-Proto of
	// requests that come from there. Those headers of other requests do not
	// count, and without TrustHost or AllowedHosts their Host is not trusted.
	// Proxies must set both headers, whatever the browser has sent; where one
	// hands them on, set AllowedHosts as well. nil: see TrustHost.
	TrustedProxies []string
	// TrustHost takes the public host and scheme from X-Forwarded-Host (or
	// Host) and X-Forwarded-Proto of any request when no URL is set. Only safe
	// behind a proxy that sets them; TrustedProxies and AllowedHosts are safer.
	// nil: AUTH_TRUST_HOST ("true", "1"; "false" means false). When none of
	// these is set, only requests to loopback hosts (localhost, 127.0.0.1, ::1)
	// are answered, so that development needs no setting.
	TrustHost *bool
	// UseSecureCookies chooses the __Secure- and __Host- cookie names. nil:
	// when the public URL is https.
	UseSecureCookies *bool
	// Cookies changes names and attributes of cookies. The zero value is what
	// Auth.js does by default.
	Cookies Cookies

	// SessionStrategy is where sessions live. Default: StrategyDatabase with an
	// Adapter, else StrategyJWT.
	SessionStrategy Strategy
	// SessionMaxAge is how long a session lives without being used. Default:
	// 30 days. Whole seconds.
	SessionMaxAge time.Duration
	// SessionUpdateAge is how often a session in use is extended (a database
	// write, or a new token with the jwt strategy). Default: 24 hours, or half
	// of SessionMaxAge or JWTMaxAge where that is shorter. Negative: on every
	// read. When it is SessionMaxAge or longer, reading extends a session only
	// where its token is made anew for another reason (a claim that a callback
	// changed, an older secret).
	// A read with X-Auth-Read-Only: 1, which says that the caller cannot hand the
	// cookie on to the browser, extends nothing.
	SessionUpdateAge time.Duration
	// JWTMaxAge is the lifetime written into a jwt session token. Default, and
	// at most: SessionMaxAge.
	JWTMaxAge time.Duration
	// UserRefreshAge is how old the copy of a user in a jwt session token may
	// get before it is read anew from the Adapter: a role that is taken away
	// there is gone here no later. A user who is not there any more is signed
	// out; while the store cannot be asked, the session is not known. What
	// Callbacks.JWT sets of the user's fields it must set at each call. The claim
	// sesame:userReadAt holds when it was read. Default: 24 hours when the Schema
	// has user fields that a token carries, else never. Negative: never. Without
	// an Adapter there is nothing to read.
	UserRefreshAge time.Duration
	// GenerateSessionToken makes the token of a database session: at least 128
	// random bits in at least 16 characters. Default: a random UUID.
	GenerateSessionToken func() (string, error)

	// PurgeInterval is how often, about, this engine removes what has expired
	// from the Adapter, if that is a [Purger]: at most 1000 sessions and e-mail
	// tokens that expired more than 24 hours ago, in the background, after a
	// sign-in or a request for a mail link has been answered. When there were
	// more, the next sign-in goes on with them. A failure is logged and changes
	// nothing. Default: 1 hour. Negative: never; call [Engine.Purge], or nothing
	// is ever removed.
	PurgeInterval time.Duration

	// Pages replaces built-in pages by pages of the application.
	Pages Pages
	// Theme is what the built-in pages look like.
	Theme Theme

	Callbacks Callbacks
	Events    Events

	// Logger receives one structured line for each error and warning. Default:
	// slog.Default().
	Logger *slog.Logger
	// HTTPClient talks to identity providers. One without a timeout, as the
	// default, gets one of 10 seconds. Its cookie jar is not used.
	HTTPClient *http.Client
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Rand is the source of randomness, safe for concurrent use. Default:
	// crypto/rand.Reader.
	Rand io.Reader
	// Getenv reads environment variables. Default: os.Getenv.
	Getenv func(string) string

	// Parity does what Auth.js does where this engine does otherwise. The zero
	// value is the safe way; each field is a row of docs/deviations.md.
	Parity Parity
}

// Parity holds the switches for exact parity with Auth.js, for an Auth.js
// server beside this one. Each field is a row of docs/deviations.md, with its
// reason. Fields whose name begins with Dangerous do what is not safe.
type Parity struct {
	// ReissueOnEveryRead makes every session read set the cookie anew, as
	// Auth.js does. A slow read can then undo an update(), a sign-out or a
	// sign-in that was answered before it. Default: when SessionUpdateAge has
	// passed, or a callback changed a claim.
	ReissueOnEveryRead bool
	// SingleCheckCookies keeps the state, PKCE and nonce of one sign-in
	// attempt per browser, as Auth.js does: a second tab breaks the first.
	// Default: attempts live side by side, each with its callback URL.
	SingleCheckCookies bool
	// KeepCSRFToken keeps a browser's CSRF token over sign-in and sign-out, as
	// Auth.js does. Default: both end with a new one.
	KeepCSRFToken bool
	// CompatiblePages gives the forms of the built-in pages the targets and
	// fields of Auth.js, for tests that look at them: absolute URLs, and a
	// callbackUrl for OAuth providers only, as the query has it. Pages.Error gets
	// error=undefined when there is none, and no URL of an error names the
	// request. Default: paths of this site, and the
	// checked callback URL in every form, so that tabs do not meet.
	CompatiblePages bool
	// DangerousUpdateData hands the data of update() to Callbacks.JWT
	// unfiltered, as Auth.js does: whatever a callback copies from it into the
	// token is the browser's choice. Default: only fields that the Schema
	// marks as writable; any other key is a 400.
	DangerousUpdateData bool
	// DangerousMailLinkOnGET lets opening a mail link sign in, as Auth.js
	// does: mail scanners burn links and anybody can be signed in to an
	// attacker's account. Default: GET shows a page with a button.
	DangerousMailLinkOnGET bool
	// DangerousAuthorizationParams lets the query of POST signin/<provider>
	// set any authorization parameter, redirect_uri and client_id included, as
	// Auth.js does. Default: login_hint, prompt, ui_locales and others that
	// are harmless, see AllowedParams of the provider.
	DangerousAuthorizationParams bool
	// DangerousForeignOrigin accepts POST requests of other sites that carry a
	// CSRF token, as Auth.js does. Default: Sec-Fetch-Site, or else Origin,
	// must be this site's.
	DangerousForeignOrigin bool
	// DangerousKeepChecks leaves the state, PKCE and nonce cookies in place
	// when a callback fails, as Auth.js does. Default: they are cleared on any
	// outcome.
	DangerousKeepChecks bool
	// DangerousErrorMessages puts the message of an error that Authorize of a
	// Credentials provider or Callbacks.SignIn returns into the URL, as
	// next-auth 4 does; it looks at DialectV4 only. A message can say too much, and
	// URLs are logged. Default: a code; a [CredentialsError] has one of its own.
	DangerousErrorMessages bool
	// DangerousProfileIDs leaves the ids of users that no Adapter stores as they
	// come, as next-auth 4 does: an OAuth user has the id of the provider's
	// profile, which another provider may give to somebody else, and a
	// credentials user without an id has none. Default: an id made of the
	// provider's and the account's, and a random one.
	DangerousProfileIDs bool
	// DangerousSignInRedirects sends the browser wherever Callbacks.SignIn says
	// with [RedirectTo], as next-auth 4 does. Default: through
	// Callbacks.Redirect, as Auth.js 5 does.
	DangerousSignInRedirects bool
	// DangerousUnverifiedEmail links and keeps accounts without looking at
	// email_verified, as Auth.js does, which lets somebody sign up with an
	// address that is not theirs and wait for its owner. Default: linking by
	// address needs an address verified on both sides, and verifying an address
	// by mail unlinks the accounts that came with it unverified.
	DangerousUnverifiedEmail bool
}

// Pages are paths (or URLs) of the application's own pages, as in Auth.js. An
// empty one keeps the built-in page.
type Pages struct {
	SignIn        string // gets callbackUrl; after a failure error, and code with CredentialsSignin
	SignOut       string
	Error         string // gets error, and with Configuration requestId, with which the log says more
	VerifyRequest string // "check your mail"; gets provider and type
	NewUser       string // after a first sign-in; gets callbackUrl
	// VerifyEmail confirms a mail link: it gets callbackUrl, token and email,
	// and must POST them with a csrfToken to callback/<id of the provider>. It
	// has no counterpart in Auth.js.
	VerifyEmail string
}
