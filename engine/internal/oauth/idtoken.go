package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Clocks differ.
const (
	// expiryTolerance is how long after exp an ID token is accepted. Auth.js has
	// the same.
	expiryTolerance = 30 * time.Second
	// futureTolerance is how far in the future iat may be. go-oidc gives nbf the
	// same five minutes, less expiryTolerance.
	futureTolerance = 5 * time.Minute
)

const clockHint = "compare the clock of this machine with the provider's"

// verify checks the ID token (OpenID Connect Core section 3.1.3.7) and returns
// its claims: go-oidc the signature, alg, iss, aud, exp and nbf, the rest here.
func (c *Client) verify(ctx context.Context, m *metadata, r *Result, cb Callback, hidden secrets) (map[string]any, error) {
	if r.IDToken == "" {
		return nil, fail(IDToken, "an OpenID Connect provider sends one when the scope has openid; if this is a plain OAuth 2.0 provider, configure it as one",
			"the token endpoint sent no ID token")
	}
	token, err := m.verifier.Verify(oidc.ClientContext(ctx, c.http), r.IDToken)
	if err != nil {
		hint := ""
		var expired *oidc.TokenExpiredError
		if errors.As(err, &expired) {
			hint = clockHint
			err = fmt.Errorf("it expired at %s, and it is %s", at(expired.Expiry), at(c.cfg.Now()))
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, failCause(IDToken, hint, "the ID token is not valid", hidden.cause(err))
	}
	var raw json.RawMessage
	if err := token.Claims(&raw); err != nil {
		return nil, fail(IDToken, "", "the ID token cannot be read")
	}
	claims, err := object(raw)
	if err != nil {
		return nil, fail(IDToken, "", "the claims of the ID token are not a JSON object")
	}
	azp, hasAZP := claims["azp"]
	switch now := c.cfg.Now(); {
	case hasAZP && azp != c.cfg.ClientID:
		return nil, fail(IDToken, "", "the ID token was issued to another client (azp)")
	case len(token.Audience) > 1 && !hasAZP:
		return nil, fail(IDToken, "", "the ID token has several audiences and does not say which client it was issued to (azp)")
	case token.Subject == "":
		return nil, fail(IDToken, "", "the ID token has no sub")
	case token.IssuedAt.IsZero():
		return nil, fail(IDToken, "", "the ID token has no iat")
	case token.IssuedAt.After(now.Add(futureTolerance)):
		return nil, fail(IDToken, clockHint, fmt.Sprintf("the ID token was issued at %s, and it is %s", at(token.IssuedAt), at(now)))
	case cb.UseNonce && !equal(token.Nonce, cb.Nonce):
		return nil, fail(Check, "", "the nonce of the ID token is not that of the request")
	case !cb.UseNonce && token.Nonce != "":
		return nil, fail(Check, "", "the ID token has a nonce, but none was sent")
	}
	if _, ok := claims["at_hash"]; ok {
		if err := token.VerifyAccessToken(r.AccessToken); err != nil {
			return nil, fail(IDToken, "", "the ID token belongs to another access token (at_hash)")
		}
	}
	return claims, nil
}

func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }
