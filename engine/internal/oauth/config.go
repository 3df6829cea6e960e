package oauth

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Config describes one provider.
type Config struct {
	// Issuer is the issuer of an OpenID Connect provider. Its metadata is
	// fetched when first needed and cached for an hour. Issuer must be identical
	// to the issuer in the metadata, including a trailing slash.
	Issuer string
	// AuthorizationURL, TokenURL and UserInfoURL are the endpoints of a plain
	// OAuth 2.0 provider. All three are required if Issuer is empty.
	AuthorizationURL, TokenURL, UserInfoURL string

	ClientID, ClientSecret string
	// ClientAuth is the client authentication at the token endpoint:
	// "client_secret_basic" (default), "client_secret_post" or "none".
	ClientAuth string
	// Scopes are the requested scopes. Default: openid, profile and email, unless
	// the AuthorizationURL of a plain OAuth 2.0 provider has a scope. For OpenID
	// Connect providers openid is added.
	Scopes []string
	// Params are added to every authorization request. They may include "scope"
	// if Scopes is empty. Other protocol parameters (client_id, redirect_uri,
	// response_type, response_mode, state, nonce, …) are ignored, unless the
	// request has DangerousParams.
	Params map[string]string
	// UserInfo fetches the profile of an OpenID Connect provider from its
	// userinfo endpoint. The ID token is still verified.
	UserInfo bool
	// AllowInsecureHTTP allows http on hosts other than localhost, 127.0.0.0/8
	// and ::1.
	AllowInsecureHTTP bool

	// HTTPClient sends the requests to the provider. If it is nil or has no
	// timeout, the timeout is 10 seconds. Its cookie jar is not used.
	HTTPClient *http.Client
	// Now is the clock. It must be safe for concurrent use. Default: time.Now.
	Now func() time.Time
}

// Client authentication methods (OpenID Connect Core section 9).
const (
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authNone  = "none"
)

// checked returns cfg with its defaults, or an error that lists all problems.
func (cfg Config) checked() (Config, error) {
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	if cfg.ClientID == "" {
		problem("ClientID is empty")
	}
	switch cfg.ClientAuth {
	case "", authBasic:
		cfg.ClientAuth = authBasic
	case authPost:
	case authNone:
		cfg.ClientSecret = ""
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
			problem("Issuer and the URL of an endpoint are both set; with an Issuer the endpoints are discovered")
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
		problem("Scopes and Params both set the scope")
	}
	if len(problems) > 0 {
		return cfg, errors.New("oauth: " + strings.Join(problems, "; "))
	}
	cfg.Scopes, cfg.Params = slices.Clone(cfg.Scopes), maps.Clone(cfg.Params)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg, nil
}

// authStyle returns ClientAuth in terms of x/oauth2.
func (cfg *Config) authStyle() oauth2.AuthStyle {
	if cfg.ClientAuth == authBasic {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}
