// Package oauth is the authorization code flow of OAuth 2.0 (RFC 6749) and
// OpenID Connect over golang.org/x/oauth2 and go-oidc: authorization URL, code
// exchange, verified ID token, userinfo. Cookies and redirects are the
// engine's.
//
// Every answer of a provider is read up to 1 MiB. Nothing that a provider or a
// browser sends is trusted to be well formed, and no error text holds a code, a
// token, a verifier or a client secret.
package oauth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// Config describes one provider.
type Config struct {
	// Issuer makes it an OpenID Connect provider with discovery: the metadata is
	// fetched when first needed and kept for an hour. It must be equal to the
	// issuer in the metadata, to the last slash.
	Issuer string
	// AuthorizationURL, TokenURL and UserInfoURL are the endpoints of a plain
	// OAuth 2.0 provider (Issuer empty). All three are needed.
	AuthorizationURL, TokenURL, UserInfoURL string

	ClientID, ClientSecret string
	// ClientAuth is how the client authenticates at the token endpoint:
	// "client_secret_basic" ("" means this one), "client_secret_post" or "none".
	ClientAuth string
	// Scopes to ask for. Default: openid, profile, email, also for a plain OAuth
	// 2.0 provider whose AuthorizationURL names none. openid is added for an
	// OpenID Connect provider.
	Scopes []string
	// Params are added to every authorization request. "scope" may stand here
	// instead of in Scopes. Other parameters of the protocol (client_id,
	// redirect_uri, response_type, response_mode, state, nonce, …) are left out,
	// unless the request has DangerousParams.
	Params map[string]string
	// UserInfo takes the profile of an OpenID Connect provider from its userinfo
	// endpoint. The ID token is verified all the same.
	UserInfo bool
	// AllowInsecureHTTP allows http on other hosts than localhost, 127.0.0.0/8
	// and ::1.
	AllowInsecureHTTP bool

	// HTTPClient talks to the provider. nil: a client with a timeout of 10 s,
	// which one without a timeout gets too. Its cookie jar is not used.
	HTTPClient *http.Client
	// Now is the clock; it must be safe for concurrent use. nil: time.Now.
	Now func() time.Time
}

// Client runs the flow with one provider. It is safe for concurrent use.
type Client struct {
	cfg   Config
	http  *http.Client
	style oauth2.AuthStyle

	life background

	mu     sync.Mutex
	meta   *metadata // of the last discovery that succeeded, nil before
	flight *flight   // the discovery under way, nil when there is none
}

// Close ends downloads of metadata and keys that are under way, and waits for
// them. Those that are needed afterwards fail. The token and userinfo endpoints
// are asked in the caller's context, and only there. A second Close does
// nothing.
func (c *Client) Close() { c.life.close() }

// background is what outlives its caller: downloads that several wait for.
type background struct {
	mu     sync.Mutex
	closed bool
	ended  context.Context // nil until the first beginning
	end    context.CancelFunc
	work   sync.WaitGroup
}

var errClosed = errors.New("the engine is closed")

// begin returns a context that ends with the client too. done must be called.
func (b *background) begin(ctx context.Context) (_ context.Context, done func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, nil, errClosed
	}
	if b.ended == nil {
		b.ended, b.end = context.WithCancel(context.Background())
	}
	b.work.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(b.ended, func() { cancel(errClosed) })
	return ctx, func() { stop(); cancel(nil); b.work.Done() }, nil
}

func (b *background) close() {
	b.mu.Lock()
	b.closed = true
	if b.end != nil {
		b.end()
	}
	b.mu.Unlock()
	b.work.Wait()
}

// The ways a client authenticates at the token endpoint (OpenID Connect Core
// section 9).
const (
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authNone  = "none"
)

// New checks cfg. It touches no network. The error names every problem of cfg.
func New(cfg Config) (*Client, error) {
	c := &Client{}
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	if cfg.ClientID == "" {
		problem("ClientID is empty")
	}
	switch cfg.ClientAuth {
	case "", authBasic:
		cfg.ClientAuth, c.style = authBasic, oauth2.AuthStyleInHeader
	case authPost:
		c.style = oauth2.AuthStyleInParams
	case authNone:
		c.style, cfg.ClientSecret = oauth2.AuthStyleInParams, ""
	default:
		problem("ClientAuth is %q, not %q, %q or %q", cfg.ClientAuth, authBasic, authPost, authNone)
	}
	if cfg.Issuer != "" {
		if err := checkURL(cfg.Issuer, cfg.AllowInsecureHTTP); err != nil {
			problem("Issuer %s", err)
		} else if strings.ContainsAny(cfg.Issuer, "?#") {
			problem("Issuer has a query")
		}
		if cfg.AuthorizationURL != "" || cfg.TokenURL != "" || cfg.UserInfoURL != "" {
			problem("Issuer and the URL of an endpoint are both set; the endpoints of an issuer are discovered")
		}
	} else {
		for _, endpoint := range []struct{ name, url string }{
			{"AuthorizationURL", cfg.AuthorizationURL}, {"TokenURL", cfg.TokenURL}, {"UserInfoURL", cfg.UserInfoURL},
		} {
			if err := checkURL(endpoint.url, cfg.AllowInsecureHTTP); err != nil {
				problem("%s %s", endpoint.name, err)
			}
		}
	}
	if len(cfg.Scopes) > 0 && cfg.Params["scope"] != "" {
		problem("scope is set in Scopes and in Params")
	}
	if len(problems) > 0 {
		return nil, errors.New("oauth: " + strings.Join(problems, "; "))
	}
	cfg.Scopes, cfg.Params = slices.Clone(cfg.Scopes), maps.Clone(cfg.Params)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c.cfg, c.http = cfg, newHTTPClient(cfg)
	return c, nil
}

// checkURL says what is wrong with the URL of an endpoint. The text does not
// repeat the URL, which could hold a password.
func checkURL(raw string, insecure bool) error {
	if raw == "" {
		return errors.New("is empty")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("is not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return errors.New("is not an absolute http or https URL")
	case u.User != nil:
		return errors.New("holds a user name or password")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return errors.New("has a fragment")
	}
	if _, err := pairs(u.RawQuery); err != nil {
		return errors.New("has a query that cannot be read")
	}
	return checkScheme(u, insecure)
}

// checkScheme allows http on loopback hosts only.
func checkScheme(u *url.URL, insecure bool) error {
	if u.Scheme == "https" || u.Scheme == "http" && (insecure || isLoopback(u.Hostname())) {
		return nil
	}
	return errors.New("is http on another host than localhost, 127.0.0.1 or ::1: anybody on the way could read and change what is sent;" +
		" use https, or set AllowInsecureHTTP")
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
