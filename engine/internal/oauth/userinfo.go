package oauth

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
)

// userInfo asks the userinfo endpoint for the profile.
func (c *Client) userInfo(ctx context.Context, m *metadata, tok *oauth2.Token, hidden secrets) (map[string]any, error) {
	endpoint := "the userinfo endpoint at " + host(m.userInfoURL)
	ctx, got := record(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.userInfoURL, nil)
	if err != nil {
		return nil, fail(UserInfo, "", endpoint+" is not a URL")
	}
	tok.SetAuthHeader(r)
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, failCause(UserInfo, "check that this machine can reach the provider", endpoint+" cannot be used", hidden.cause(err))
	}
	_ = resp.Body.Close() // it is in got
	switch {
	case got.status == http.StatusUnauthorized || got.status == http.StatusForbidden:
		return nil, fail(UserInfo, "check Scopes: the access token may not read the profile", fmt.Sprintf("%s refused the access token (%s)", endpoint, got))
	case got.status != http.StatusOK:
		return nil, fail(UserInfo, "", fmt.Sprintf("%s did not answer with a profile (%s)", endpoint, got))
	case got.contentType == "application/jwt":
		return nil, fail(UserInfo, "let the provider answer this client with JSON, or take the profile from the ID token",
			endpoint+" answered with a JWT")
	}
	profile, err := object(got.body)
	if err != nil {
		return nil, fail(UserInfo, "check the URL of the userinfo endpoint", fmt.Sprintf("%s answered something else than a JSON object (%s)", endpoint, got))
	}
	return profile, nil
}
