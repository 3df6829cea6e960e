// Package oauth implements the authorization code flow of OAuth 2.0 (RFC 6749)
// and OpenID Connect on top of golang.org/x/oauth2 and go-oidc: authorization
// URL, code exchange, ID token verification, userinfo. It leaves cookies and
// redirects to the engine.
//
// Responses of a provider are limited to 1 MiB. Nothing that a provider or a
// browser sends is trusted to be well-formed, and no error contains a code, a
// token, a verifier or a client secret.
package oauth

import "net/http"

// Client runs the flow with one provider. It is safe for concurrent use.
type Client struct {
	cfg       Config
	http      *http.Client
	life      *background
	discovery *discovery
}

// New returns a client for the provider that cfg describes. It does not use the
// network. The error lists all problems of cfg.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	return newClient(cfg, newHTTPClient(cfg.HTTPClient, cfg.AllowInsecureHTTP)), nil
}

func newClient(cfg Config, h *http.Client) *Client {
	life := new(background)
	return &Client{cfg: cfg, http: h, life: life, discovery: &discovery{cfg: cfg, http: h, life: life}}
}

// Close cancels all downloads of metadata and keys and waits until they have
// ended. Later downloads fail. It does not affect requests to the token and
// userinfo endpoints, which end with the context of their caller. A second Close
// does nothing.
func (c *Client) Close() { c.life.close() }
