package oauth

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// AuthorizationRequest holds the parameters of an authorization URL.
type AuthorizationRequest struct {
	RedirectURI   string
	State         string     // omitted if empty
	CodeChallenge string     // S256; omitted if empty
	Nonce         string     // omitted if empty
	Params        url.Values // from the sign-in request; the last value of a name is used
	// DangerousParams lets Params and Config.Params override protocol
	// parameters, as Auth.js does: client_id, redirect_uri, response_type, scope,
	// and also state, code_challenge and nonce if the fields above are empty.
	DangerousParams bool
}

// protocolParams are the parameters that identify the client, the kind of request
// and the destination of the response (RFC 6749, RFC 7636, RFC 9101, OpenID
// Connect Core, OAuth 2.0 Multiple Response Types), and credentials, which must
// not be in a URL.
var protocolParams = [...]string{
	"client_assertion", "client_assertion_type", "client_id", "client_secret", "code", "code_challenge",
	"code_challenge_method", "code_verifier", "nonce", "redirect_uri", "request", "request_uri",
	"response_mode", "response_type", "state",
}

// IsProtocol reports whether name is a protocol parameter of an authorization
// request, which must not be set from outside. It ignores case, because some
// servers do.
func IsProtocol(name string) bool {
	return slices.Contains(protocolParams[:], strings.ToLower(name))
}

// AuthorizationURL returns the URL to which the browser is redirected. The error
// is an [*Error] of kind Discovery.
//
// The parameters are the query of the endpoint, response_type, client_id and
// redirect_uri, Config.Params, Params, state, code_challenge and nonce, in this
// order. Each replaces an earlier parameter of the same name (WIRE.md section 7).
func (c *Client) AuthorizationURL(ctx context.Context, r AuthorizationRequest) (string, error) {
	m, err := c.discovery.metadata(ctx)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(m.authURL)
	if err != nil {
		return "", fail(Discovery, "", "the authorization endpoint is not a URL")
	}
	q, err := pairs(u.RawQuery)
	if err != nil {
		return "", fail(Discovery, "", "the authorization endpoint has a malformed query")
	}
	isOIDC := c.cfg.Issuer != ""
	if !isOIDC && (!q.has("scope") || c.scopesSet()) {
		q.set("scope", c.scope())
	}
	q.set("response_type", "code")
	q.set("client_id", c.cfg.ClientID)
	q.set("redirect_uri", r.RedirectURI)
	for _, name := range slices.Sorted(maps.Keys(c.cfg.Params)) {
		if name != "scope" && (r.DangerousParams || !IsProtocol(name)) {
			q.set(name, c.cfg.Params[name])
		}
	}
	overridden := false // the sign-in request sets scope
	for _, name := range slices.Sorted(maps.Keys(r.Params)) {
		values := r.Params[name]
		isScope := strings.EqualFold(name, "scope")
		if len(values) == 0 || !r.DangerousParams && (isScope || IsProtocol(name)) {
			continue
		}
		overridden = overridden || isScope
		q.set(name, values[len(values)-1])
	}
	if r.State != "" {
		q.set("state", r.State)
	}
	if r.CodeChallenge != "" {
		q.set("code_challenge", r.CodeChallenge)
		q.set("code_challenge_method", "S256")
	}
	if r.Nonce != "" {
		q.set("nonce", r.Nonce)
	}
	if isOIDC && !overridden {
		q.set("scope", c.scope())
	}
	u.RawQuery = q.encode()
	return u.String(), nil
}

func (c *Client) scopesSet() bool { return len(c.cfg.Scopes) > 0 || c.cfg.Params["scope"] != "" }

// scope returns the scope parameter of authorization requests.
func (c *Client) scope() string {
	scopes := c.cfg.Scopes
	if s := c.cfg.Params["scope"]; s != "" {
		scopes = strings.Fields(s)
	}
	if len(scopes) == 0 {
		scopes = []string{"openid", "profile", "email"}
	}
	if c.cfg.Issuer != "" && !slices.Contains(scopes, "openid") {
		scopes = slices.Concat([]string{"openid"}, scopes)
	}
	return strings.Join(scopes, " ")
}
