package oauth

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
)

// userInfo fetches the profile from the userinfo endpoint.
func (c *Client) userInfo(ctx context.Context, m *metadata, tok *oauth2.Token, hidden secrets) (map[string]any, error) {
	endpoint := "the userinfo endpoint at " + hostOf(m.userInfoURL)
	ctx, got := record(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.userInfoURL, nil)
	if err != nil {
		return nil, fail(UserInfo, "", endpoint+" is not a URL")
	}
	tok.SetAuthHeader(r)
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, failCause(UserInfo, "check that this machine can reach the provider", "request to "+endpoint+" failed", hidden.cause(err))
	}
	_ = resp.Body.Close() // got has the body
	switch {
	case got.status == http.StatusUnauthorized || got.status == http.StatusForbidden:
		return nil, fail(UserInfo, "check Scopes: the access token does not grant access to the profile", fmt.Sprintf("%s rejected the access token (%s)", endpoint, got))
	case got.status != http.StatusOK:
		return nil, fail(UserInfo, "", fmt.Sprintf("%s responded without a profile (%s)", endpoint, got))
	case got.contentType == "application/jwt":
		return nil, fail(UserInfo, "configure the provider to respond to this client with JSON, or use the profile of the ID token",
			endpoint+" responded with a JWT")
	}
	profile, err := object(got.body)
	if err != nil {
		return nil, fail(UserInfo, "check the URL of the userinfo endpoint", fmt.Sprintf("the response of %s is not a JSON object (%s)", endpoint, got))
	}
	return profile, nil
}
