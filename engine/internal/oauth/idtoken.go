package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// futureTolerance is how far ahead iat may be, because clocks differ. go-oidc
// allows the same five minutes for nbf, less expiryTolerance.
const futureTolerance = 5 * time.Minute

const clockHint = "compare the clock of this machine with that of the provider"

// verify verifies the ID token (OpenID Connect Core section 3.1.3.7) and returns
// its claims. go-oidc checks signature, alg, iss, aud, exp and nbf.
func (c *Client) verify(ctx context.Context, m *metadata, r *Result, cb Callback, hidden secrets) (map[string]any, error) {
	if r.IDToken == "" {
		return nil, fail(IDToken, "OpenID Connect providers send one if the scope includes openid; configure a plain OAuth 2.0 provider as such",
			"the token response has no ID token")
	}
	token, err := m.verifier.Verify(oidc.ClientContext(ctx, c.http), r.IDToken)
	if err != nil {
		hint := ""
		var expired *oidc.TokenExpiredError
		if errors.As(err, &expired) {
			hint = clockHint
			err = fmt.Errorf("it expired at %s; the time is %s", utc(expired.Expiry), utc(c.cfg.Now()))
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, failCause(IDToken, hint, "the ID token is invalid", hidden.cause(err))
	}
	var raw json.RawMessage
	if err := token.Claims(&raw); err != nil {
		return nil, fail(IDToken, "", "the ID token cannot be decoded")
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
		return nil, fail(IDToken, "", "the ID token has several audiences, but no azp that names the client it was issued to")
	case token.Subject == "":
		return nil, fail(IDToken, "", "the ID token has no sub")
	case token.IssuedAt.IsZero():
		return nil, fail(IDToken, "", "the ID token has no iat")
	case token.IssuedAt.After(now.Add(futureTolerance)):
		return nil, fail(IDToken, clockHint, fmt.Sprintf("the ID token was issued at %s; the time is %s", utc(token.IssuedAt), utc(now)))
	case cb.UseNonce && !equal(token.Nonce, cb.Nonce):
		return nil, fail(Check, "", "the nonce of the ID token does not match the request")
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

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }
