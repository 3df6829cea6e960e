package engine

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Theme is the appearance of the built-in pages. The zero value follows the
// browser's light or dark preference. Invalid values are ignored.
type Theme struct {
	// ColorScheme is "auto" (default), "light" or "dark".
	ColorScheme string
	// Logo is an image above the form: an http or https URL, or a path of this
	// site. "" shows none.
	Logo string
	// BrandColor is a CSS colour (#rgb or #rrggbb) of the primary button.
	BrandColor string
	// ButtonText is a CSS colour (#rgb or #rrggbb) of the text on it. Default:
	// black or white, whichever is easier to read on BrandColor.
	ButtonText string
}

// Config configures an [Engine]. The zero value of every field has a default;
// a server needs a secret (Secrets or AUTH_SECRET) and at least one provider.
type Config struct {
	// Secrets[0] encrypts and signs everything; it must have at least 32
	// characters. `openssl rand -base64 33` makes one. Servers with the same
	// secret accept each other's sessions. The remaining secrets are still
	// accepted, so that a secret can be changed without signing anybody out.
	//
	// Hashes of CSRF tokens and mail links are made with all secrets, as Auth.js 5
	// does with secret: [new, old]. With DialectV4, which has a single secret, and
	// with secrets from the environment, they are made with the first one, as in
	// next-auth. Hashes made with any part of the list are accepted.
	//
	// Default: AUTH_SECRET, followed by AUTH_SECRET_3, AUTH_SECRET_2 and
	// AUTH_SECRET_1 where set; without AUTH_SECRET, NEXTAUTH_SECRET.
	Secrets []string

	// Dialect is the version of Auth.js that clients and neighbouring servers
	// speak: DialectV5 (default) or DialectV4, for the client of next-auth 4. It
	// determines cookie names, session tokens, answers and error codes.
	Dialect Dialect

	// Providers are the ways to sign in, in the order of the sign-in page.
	Providers []Provider

	// Adapter stores users, accounts, sessions and e-mail tokens. If nil, nothing
	// is stored, sessions use StrategyJWT, and a provider's profile is the user,
	// with an id derived from the ids of the provider and the account.
	Adapter Adapter
	// Schema describes extra fields. If nil, there are none.
	Schema *Schema

	// URL is the public URL of the application or of its auth endpoints, as in
	// AUTH_URL ("https://app.example.com", "https://app.example.com/api/auth").
	// Default: AUTH_URL, then NEXTAUTH_URL. If none is set, the URL is taken from
	// the request; see TrustHost.
	URL string
	// BasePath is where the endpoints are mounted. Default: the path of URL,
	// else "/api/auth". If URL has a longer path that ends with BasePath, a proxy
	// strips the prefix: with "https://example.com/shop/api/auth" and
	// "/api/auth", requests arrive at /api/auth and links lead to
	// /shop/api/auth.
	BasePath string
	// AllowedHosts are the hosts under which browsers reach a site that has
	// several: "app.example.com", "localhost:3000", or "*.example.com" for all
	// subdomains. "https://app.example.com" means that the host is always https,
	// which a proxy may fail to report (as rewrites of Next.js do). Requests for
	// other hosts, localhost included, are refused. If nil, see TrustHost.
	// Ignored when URL is set.
	AllowedHosts []string
	// TrustedProxies are the networks ("10.0.0.0/8") and addresses
	// ("127.0.0.1") of the proxies in front. When no URL is set, the public host
	// and scheme come from X-Forwarded-Host (or Host) and X-Forwarded-Proto of
	// requests from these addresses. On other requests these headers are ignored,
	// and without TrustHost or AllowedHosts their Host is not trusted. Proxies
	// must overwrite both headers; if one passes them on from the browser, set
	// AllowedHosts as well. If nil, see TrustHost.
	//
	// Limit gets the address of the browser from X-Forwarded-For of requests from
	// these addresses, even if a URL is set; otherwise that of the peer.
	TrustedProxies []string
	// TrustHost takes the public host and scheme from X-Forwarded-Host (or
	// Host) and X-Forwarded-Proto of any request when no URL is set. It is only
	// safe behind a proxy that sets them; TrustedProxies and AllowedHosts are
	// safer. Default: AUTH_TRUST_HOST ("true", "1"; "false" means false). If none
	// of these is set, only requests to loopback hosts (localhost, 127.0.0.1,
	// ::1) are answered, so that development needs no setting.
	TrustHost *bool
	// UseSecureCookies selects the __Secure- and __Host- cookie names. Default:
	// true when the public URL is https.
	UseSecureCookies *bool
	// Cookies changes names and attributes of cookies. The zero value is the
	// default of Auth.js.
	Cookies Cookies

	// SessionStrategy is where sessions are kept. Default: StrategyDatabase with
	// an Adapter, else StrategyJWT.
	SessionStrategy Strategy
	// SessionMaxAge is how long a session lives without being used, in whole
	// seconds. Default: 30 days.
	SessionMaxAge time.Duration
	// SessionUpdateAge is how often a session in use is extended (a database
	// write, or a new token with StrategyJWT). Default: 24 hours, or half of
	// SessionMaxAge or JWTMaxAge if that is shorter. Negative: on every read. If
	// it is SessionMaxAge or longer, reading extends a session only when its token
	// is renewed for another reason (a claim that a callback changed, an older
	// secret). A read with X-Auth-Read-Only: 1, whose caller cannot pass the
	// cookie on to the browser, extends nothing.
	SessionUpdateAge time.Duration
	// JWTMaxAge is the lifetime written into a jwt session token. Default, and
	// at most: SessionMaxAge.
	JWTMaxAge time.Duration
	// UserRefreshAge is how old the copy of a user in a jwt session token may
	// become before it is read again from the Adapter: it bounds how long a
	// revoked role survives. A deleted user is signed out; while the store fails,
	// reading the session is an error. User fields set by Callbacks.JWT must be
	// set at every call. The claim sesame:userReadAt holds the time of the last
	// read. Default: 24 hours when the Schema has user fields that a token
	// carries, else never. Negative: never. Ignored without an Adapter.
	UserRefreshAge time.Duration
	// GenerateSessionToken makes the token of a database session: at least 128
	// random bits in at least 16 characters. Default: a random UUID.
	GenerateSessionToken func() (string, error)

	// PurgeInterval is roughly how often this engine purges the Adapter, if that
	// is a [Purger]: it removes at most 1000 sessions and e-mail tokens that
	// expired more than 24 hours ago, in the background, after a sign-in or a
	// request for a mail link has been answered. Any remaining ones are removed
	// after the next sign-in. Failures are logged and otherwise ignored. Default:
	// 1 hour. Negative: never; call [Engine.Purge], or nothing is ever removed.
	PurgeInterval time.Duration

	// Pages replaces built-in pages with pages of the application.
	Pages Pages
	// Theme is the appearance of the built-in pages.
	Theme Theme

	// Messages are texts of the built-in pages and of JSON answers, by locale (a
	// BCP 47 tag such as "de" or "pt-BR") and key. [Messages] lists the keys.
	// Missing texts are English.
	Messages map[string]map[string]string
	// Locale chooses the locale of a request. Default: by its Accept-Language
	// header. A locale without Messages is English.
	Locale func(r *http.Request) string

	Callbacks Callbacks
	Events    Events

	// Limit is called before each attempt to sign in, by HTTP and by
	// [Engine.SignIn] alike. A positive duration refuses the attempt: the browser
	// gets 429 and may retry after it. An error refuses it as well, as
	// Configuration; a limiter that prefers to admit users while its store is down
	// returns 0 and no error. If nil, there are no limits.
	Limit func(ctx context.Context, l LimitParams) (retryAfter time.Duration, err error)
	// Observe is called at the start of each operation: a request to the engine,
	// a call of the Adapter, and a request to an identity provider. The operation
	// runs with the returned context, and the returned function is called at its
	// end, with its error or nil. Observe is for traces and metrics, and slows
	// down every operation.
	Observe func(ctx context.Context, o Operation) (context.Context, func(error))

	// Logger receives one structured line for each error and warning. Default:
	// slog.Default().
	Logger *slog.Logger
	// HTTPClient is used for requests to identity providers. If it is nil or has
	// no timeout, the timeout is 10 seconds. Its cookie jar is not used.
	HTTPClient *http.Client
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Rand is the source of randomness, safe for concurrent use. Default:
	// crypto/rand.Reader.
	Rand io.Reader
	// Getenv reads environment variables. Default: os.Getenv.
	Getenv func(string) string

	// Parity follows Auth.js where this engine deviates from it. The zero value
	// is safe; each field is a row of docs/deviations.md.
	Parity Parity
}

// Parity holds the switches for exact parity with Auth.js, for an Auth.js
// server alongside this one. Each field is a row of docs/deviations.md, which
// gives the reason. Fields whose names begin with Dangerous are unsafe.
type Parity struct {
	// ReissueOnEveryRead makes every session read renew the cookie, as Auth.js
	// does. A slow read can then undo an update(), a sign-out or a sign-in that
	// was answered before it. Default: only when SessionUpdateAge has passed, or
	// a callback changed a claim.
	ReissueOnEveryRead bool
	// SingleCheckCookies keeps the state, PKCE and nonce of one sign-in
	// attempt per browser, as Auth.js does: a second tab breaks the first.
	// Default: attempts run in parallel, each with its callback URL.
	SingleCheckCookies bool
	// KeepCSRFToken keeps a browser's CSRF token across sign-in and sign-out, as
	// Auth.js does. Default: both replace it.
	KeepCSRFToken bool
	// CompatiblePages gives the forms of the built-in pages the targets and
	// fields of Auth.js, for tests that check them: absolute URLs, and a
	// callbackUrl for OAuth providers only, taken from the query. Pages.Error gets
	// error=undefined when there is none, and error URLs carry no request id.
	// Default: paths of this site, and the validated callback URL in every form,
	// so that tabs do not interfere.
	CompatiblePages bool
	// DangerousUpdateData passes the data of update() to Callbacks.JWT
	// unfiltered, as Auth.js does: the browser controls whatever a callback
	// copies from it into the token. Default: only fields that the Schema marks
	// as writable; any other key is a 400.
	DangerousUpdateData bool
	// DangerousMailLinkOnGET signs in when a mail link is opened, as Auth.js
	// does: mail scanners use links up, and anybody can be signed in to an
	// attacker's account. Default: GET shows a page with a button.
	DangerousMailLinkOnGET bool
	// DangerousAuthorizationParams lets the query of POST signin/<provider>
	// set any authorization parameter, redirect_uri and client_id included, as
	// Auth.js does. Default: login_hint, prompt, ui_locales and other harmless
	// ones; see OAuthConfig.AllowedParams.
	DangerousAuthorizationParams bool
	// DangerousForeignOrigin accepts POST requests from other sites that carry a
	// CSRF token, as Auth.js does. Default: Sec-Fetch-Site, or else Origin, must
	// be this site's.
	DangerousForeignOrigin bool
	// DangerousKeepChecks keeps the state, PKCE and nonce cookies when a
	// callback fails, as Auth.js does. Default: they are always cleared.
	DangerousKeepChecks bool
	// DangerousErrorMessages puts the message of an error returned by
	// Credentials.Authorize or Callbacks.SignIn into the URL, as next-auth 4
	// does; it applies to DialectV4 only. A message can reveal too much, and URLs
	// are logged. Default: a code, which [CredentialsError] can choose.
	DangerousErrorMessages bool
	// DangerousProfileIDs keeps the ids of users that no Adapter stores, as
	// next-auth 4 does: an OAuth user has the id of the provider's profile, which
	// another provider may give to somebody else, and a credentials user may have
	// no id. Default: an id derived from the ids of the provider and the account,
	// and a random id.
	DangerousProfileIDs bool
	// DangerousSignInRedirects sends the browser to any URL that
	// Callbacks.SignIn returns with [RedirectTo], as next-auth 4 does. Default:
	// through Callbacks.Redirect, as Auth.js 5 does.
	DangerousSignInRedirects bool
	// DangerousUnverifiedEmail links and keeps accounts regardless of
	// email_verified, as Auth.js does, which lets somebody sign up with a foreign
	// address and wait for its owner. Default: linking by address needs an
	// address verified on both sides, and verifying an address by mail unlinks
	// the accounts that came with it unverified.
	DangerousUnverifiedEmail bool
}

// Pages are paths or URLs of the application's own pages, as in Auth.js. "" is
// the built-in page. Each gets the query parameters given at the field.
type Pages struct {
	SignIn        string // callbackUrl; after a failure error, and code with CredentialsSignin
	SignOut       string
	Error         string // error, and with Configuration requestId, which identifies the log line
	VerifyRequest string // "check your mail"; provider and type
	NewUser       string // after a first sign-in; callbackUrl
	// VerifyEmail confirms a mail link: it gets callbackUrl, token and email,
	// and must POST them with a csrfToken to callback/<provider id>. It has no
	// counterpart in Auth.js.
	VerifyEmail string
}
