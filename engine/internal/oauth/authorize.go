package oauth

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// AuthorizationRequest is what goes into an authorization URL.
type AuthorizationRequest struct {
	RedirectURI   string
	State         string     // "" sends none
	CodeChallenge string     // S256; "" sends none
	Nonce         string     // "" sends none
	Params        url.Values // from the sign-in request, already filtered; of repeated ones the last counts
	// DangerousParams lets Params, and Config.Params, override protocol
	// parameters, as Auth.js does: client_id, redirect_uri, response_type, scope,
	// and state, code_challenge or nonce where the fields above are empty.
	DangerousParams bool
}

// protocolParams are the parameters that say who asks, for what and where the
// answer goes (RFC 6749, RFC 7636, RFC 9101, OpenID Connect Core, OAuth 2.0
// Multiple Response Types), and credentials, which must not be in a URL.
var protocolParams = [...]string{
	"client_assertion", "client_assertion_type", "client_id", "client_secret", "code", "code_challenge",
	"code_challenge_method", "code_verifier", "nonce", "redirect_uri", "request", "request_uri",
	"response_mode", "response_type", "state",
}

// IsProtocol reports whether a parameter of an authorization request is part of
// the protocol, and so not for anybody to choose. Names are taken without
// regard to case: some servers do.
func IsProtocol(name string) bool {
	return slices.Contains(protocolParams[:], strings.ToLower(name))
}

// AuthorizationURL returns the URL to send the browser to. The error is an
// [*Error] of Kind Discovery when the provider cannot be reached.
//
// The endpoint's own query is kept. Then come response_type, client_id and
// redirect_uri, Config.Params, Params, state, code_challenge and nonce, each
// replacing an earlier parameter of its name (WIRE.md section 7).
func (c *Client) AuthorizationURL(ctx context.Context, r AuthorizationRequest) (string, error) {
	m, err := c.metadata(ctx)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(m.authURL)
	if err != nil {
		return "", fail(Discovery, "", "the authorization endpoint is not a URL")
	}
	q, err := pairs(u.RawQuery)
	if err != nil {
		return "", fail(Discovery, "", "the authorization endpoint has a query that cannot be read")
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
	overridden := false // scope, by the sign-in request
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

// scope is the scope parameter of every authorization request.
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

// query is a query whose order counts: a server that reads only the first of
// two equal names must see what we mean, and a person can read the URL.
type query []param

type param struct{ name, value string }

// pairs reads a raw query. Empty parts are dropped.
func pairs(raw string) (q query, err error) {
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if name, err = url.QueryUnescape(name); err != nil {
			return nil, err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, err
		}
		q = append(q, param{name, value})
	}
	return q, nil
}

func (q query) has(name string) bool {
	return slices.ContainsFunc(q, func(p param) bool { return p.name == name })
}

// set puts value in the place of the first parameter of that name, drops
// further ones, or appends it.
func (q *query) set(name, value string) {
	i := slices.IndexFunc(*q, func(p param) bool { return p.name == name })
	if i < 0 {
		*q = append(*q, param{name, value})
		return
	}
	(*q)[i].value = value
	rest := slices.DeleteFunc((*q)[i+1:], func(p param) bool { return p.name == name })
	*q = (*q)[:i+1+len(rest)]
}

func (q query) encode() string {
	var b strings.Builder
	for i, p := range q {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.value))
	}
	return b.String()
}
