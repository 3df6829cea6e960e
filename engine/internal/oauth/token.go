package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Result is the result of a successful flow.
type Result struct {
	AccessToken  string
	TokenType    string // always "bearer"
	RefreshToken string
	IDToken      string
	Scope        string         // "" if it is the requested scope
	ExpiresAt    time.Time      // of the access token; zero if unknown
	Raw          map[string]any // all members of the token response, numbers as json.Number
	Profile      map[string]any // claims of the ID token or userinfo response, numbers as json.Number
}

// token exchanges the code.
func (c *Client) token(ctx context.Context, m *metadata, cb Callback, hidden secrets) (*oauth2.Token, *Result, error) {
	conf := oauth2.Config{
		ClientID: c.cfg.ClientID, ClientSecret: c.cfg.ClientSecret, RedirectURL: cb.RedirectURI,
		Endpoint: oauth2.Endpoint{TokenURL: m.tokenURL, AuthStyle: c.cfg.authStyle()},
	}
	var options []oauth2.AuthCodeOption
	if cb.UsePKCE {
		options = append(options, oauth2.VerifierOption(cb.CodeVerifier))
	}
	ctx, got := record(oidc.ClientContext(ctx, c.http))
	tok, err := conf.Exchange(ctx, cb.Params.Get("code"), options...)
	if err != nil {
		return nil, nil, c.tokenError(err, m, cb, got, hidden)
	}
	// RFC 6749 section 5.1 requires token_type, but some providers omit it and
	// mean bearer. Tokens of other types cannot be used (section 7.1).
	if tok.TokenType != "" && !strings.EqualFold(tok.TokenType, "bearer") {
		return nil, nil, fail(Token, "", fmt.Sprintf("the access token has the type %q; only bearer tokens are supported",
			append(hidden, tok.AccessToken, tok.RefreshToken).code(tok.TokenType)))
	}
	result := &Result{
		AccessToken: tok.AccessToken, TokenType: "bearer", RefreshToken: tok.RefreshToken,
		Raw: members(got),
	}
	result.IDToken, _ = result.Raw["id_token"].(string)
	result.Scope, _ = result.Raw["scope"].(string)
	if seconds, ok := lifetime(result.Raw["expires_in"]); ok {
		result.ExpiresAt = c.cfg.Now().Add(seconds)
	}
	return tok, result, nil
}

// members returns the members of a token response that x/oauth2 has accepted.
func members(got *answer) map[string]any {
	if m, err := object(got.body); err == nil && !isForm(got.contentType) {
		return m
	}
	values, _ := url.ParseQuery(string(got.body))
	m := make(map[string]any, len(values))
	for name := range maps.Keys(values) {
		m[name] = values.Get(name)
	}
	return m
}

// isForm reports whether x/oauth2 takes a response for a form, rather than JSON.
func isForm(mediaType string) bool {
	return slices.Contains([]string{"application/x-www-form-urlencoded", "text/plain"}, mediaType)
}

// lifetime parses expires_in, a number or string of seconds. The result is at
// least 0 and at most 100 years.
func lifetime(v any) (time.Duration, bool) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false
	}
	const century = 100 * 365 * 24 * 60 * 60
	return time.Duration(max(0, min(n, century))) * time.Second, true
}

// tokenError returns the error of a failed exchange without secrets. The errors
// of x/oauth2 contain the whole response.
func (c *Client) tokenError(err error, m *metadata, cb Callback, got *answer, hidden secrets) *Error {
	endpoint := "the token endpoint at " + hostOf(m.tokenURL)
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		code := hidden.code(refused.ErrorCode)
		if code == "" {
			hint := ""
			switch got.status {
			case http.StatusUnauthorized:
				hint = hintFor("invalid_client", c.cfg.ClientAuth, cb.RedirectURI)
			case http.StatusNotFound:
				hint = "check the URL of the token endpoint"
			}
			return fail(Token, hint, fmt.Sprintf("%s responded without a token (%s)", endpoint, got))
		}
		hint := hintFor(code, c.cfg.ClientAuth, cb.RedirectURI)
		if strings.Contains(refused.ErrorDescription, "redirect_uri") {
			hint = hintFor("redirect_uri_mismatch", c.cfg.ClientAuth, cb.RedirectURI)
		}
		return &Error{
			Kind: Token, Code: code, Hint: hint,
			Err: fmt.Errorf("%s rejected the request (%d): %s", endpoint, got.status, hidden.answer(code, refused.ErrorDescription)),
		}
	}
	var request *url.Error
	if errors.As(err, &request) {
		return failCause(Token, "check that this machine can reach the provider", "request to "+endpoint+" failed", hidden.cause(err))
	}
	if _, err := object(got.body); err != nil && !isForm(got.contentType) {
		return fail(Token, "check the URL of the token endpoint", fmt.Sprintf("the response of %s is not a JSON object (%s)", endpoint, got))
	}
	return fail(Token, "", fmt.Sprintf("the response of %s has no access_token, or members of the wrong type (%s)", endpoint, got))
}
