package oauth

import "context"

// Exchange validates the callback (state, iss, error), exchanges the code,
// verifies the ID token and returns the tokens and the profile. The error is an
// [*Error].
//
// The checks are in the order of WIRE.md section 7: state, iss and error of the
// response, presence of the PKCE verifier, token request, presence of the nonce,
// ID token. iss must be correct if it is present, and must be present if the
// metadata promises it (RFC 9207); with a plain OAuth 2.0 provider it is ignored.
// A state in a flow without state, and a repeated parameter, are errors of kind
// Check.
func (c *Client) Exchange(ctx context.Context, cb Callback) (*Result, error) {
	hidden := secrets{
		c.cfg.ClientSecret, basic(c.cfg.ClientID, c.cfg.ClientSecret),
		cb.CodeVerifier, cb.State, cb.Nonce,
	}
	for _, name := range []string{"code", "state"} {
		hidden = append(hidden, cb.Params[name]...)
	}
	for _, name := range []string{"state", "iss", "error", "code"} {
		if len(cb.Params[name]) > 1 {
			return nil, fail(Check, "", "the callback has several values of "+name)
		}
	}
	if cb.UseNonce && c.cfg.Issuer == "" {
		return nil, fail(Check, "use state or PKCE with this provider", "a plain OAuth 2.0 provider sends no ID token that could contain the nonce")
	}
	if err := checkState(cb); err != nil {
		return nil, err
	}
	m, err := c.discovery.metadata(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.checkResponse(m, cb, hidden); err != nil {
		return nil, err
	}
	if cb.UsePKCE && cb.CodeVerifier == "" {
		return nil, fail(Check, "", "the cookie with the PKCE code verifier is missing or invalid")
	}
	tok, result, err := c.token(ctx, m, cb, hidden)
	if err != nil {
		return nil, err
	}
	hidden = append(hidden, result.AccessToken, result.RefreshToken, result.IDToken)
	if cb.UseNonce && cb.Nonce == "" {
		return nil, fail(Check, "", "the cookie with the nonce is missing or invalid")
	}
	oidc := c.cfg.Issuer != ""
	if oidc {
		if result.Profile, err = c.verify(ctx, m, result, cb, hidden); err != nil {
			return nil, err
		}
		if !c.cfg.UserInfo {
			return result, nil
		}
	}
	subject := result.Profile["sub"]
	if result.Profile, err = c.userInfo(ctx, m, tok, hidden); err != nil {
		return nil, err
	}
	// OpenID Connect Core section 5.3.2: the access token may have been replaced by
	// that of another user.
	if oidc && result.Profile["sub"] != subject {
		return nil, fail(UserInfo, "", "the sub of the userinfo response is not that of the ID token")
	}
	return result, nil
}
