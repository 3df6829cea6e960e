package oauth

import (
	"context"
	"crypto/subtle"
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

// Callback is what came back, and what was kept of the request.
type Callback struct {
	Params      url.Values // of the callback request
	RedirectURI string
	// UseState, UsePKCE and UseNonce say which checks the flow uses; State,
	// CodeVerifier and Nonce are the values kept in the browser's cookies, ""
	// when the cookie is missing or unreadable. A check in use without its
	// value fails.
	UseState, UsePKCE, UseNonce bool
	State, CodeVerifier, Nonce  string
}

// Result is a finished flow.
type Result struct {
	AccessToken  string
	TokenType    string // "bearer", also when the provider did not say
	RefreshToken string
	IDToken      string
	Scope        string         // "": as asked for
	ExpiresAt    time.Time      // of the access token; zero: not said
	Raw          map[string]any // every member of the token answer, numbers as json.Number
	Profile      map[string]any // ID token claims or userinfo answer, numbers as json.Number
}

// Exchange validates the callback (state, iss, error), exchanges the code,
// verifies the ID token and returns the profile. Errors are [*Error].
//
// The order is that of WIRE.md section 7: state, then iss and error of the
// response, the PKCE value, the token request, the nonce value, the ID token.
// iss is compared when it is there, and required when the metadata says that it
// always is (RFC 9207); a plain OAuth 2.0 provider has no issuer to compare it
// with. A state that comes although the flow uses none, and one of these
// parameters twice, is an error of Kind Check.
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
			return nil, fail(Check, "", "the callback has "+name+" more than once")
		}
	}
	if cb.UseNonce && c.cfg.Issuer == "" {
		return nil, fail(Check, "use state or PKCE with this provider", "a plain OAuth 2.0 provider sends no ID token to hold a nonce")
	}
	if err := checkState(cb); err != nil {
		return nil, err
	}
	m, err := c.metadata(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.checkResponse(m, cb, hidden); err != nil {
		return nil, err
	}
	if cb.UsePKCE && cb.CodeVerifier == "" {
		return nil, fail(Check, "", "the PKCE code verifier is missing")
	}
	tok, result, err := c.token(ctx, m, cb, hidden)
	if err != nil {
		return nil, err
	}
	hidden = append(hidden, result.AccessToken, result.RefreshToken, result.IDToken)
	if cb.UseNonce && cb.Nonce == "" {
		return nil, fail(Check, "", "the nonce is missing")
	}
	if c.cfg.Issuer == "" {
		if result.Profile, err = c.userInfo(ctx, m, tok, hidden); err != nil {
			return nil, err
		}
		return result, nil
	}
	if result.Profile, err = c.verify(ctx, m, result, cb, hidden); err != nil {
		return nil, err
	}
	if c.cfg.UserInfo {
		subject := result.Profile["sub"]
		if result.Profile, err = c.userInfo(ctx, m, tok, hidden); err != nil {
			return nil, err
		}
		// OpenID Connect Core section 5.3.2: another's token may have been put
		// in the place of the user's.
		if result.Profile["sub"] != subject {
			return nil, fail(UserInfo, "", "the userinfo endpoint answers for another sub than that of the ID token")
		}
	}
	return result, nil
}

// checkState compares the state (RFC 6749 section 10.12).
func checkState(cb Callback) error {
	state := cb.Params.Get("state")
	switch {
	case !cb.UseState && state != "":
		// Nothing was sent that it could answer.
		return fail(Check, "", "the callback has a state, but none was sent")
	case !cb.UseState:
		return nil
	case cb.State == "":
		return fail(Check, "", "the state kept in the browser is missing")
	case state == "":
		return fail(Check, "", "the callback has no state")
	case !equal(state, cb.State):
		return fail(Check, "", "the state of the callback is not that of the request")
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// checkResponse validates the authorization response.
func (c *Client) checkResponse(m *metadata, cb Callback, hidden secrets) error {
	if c.cfg.Issuer != "" {
		const hint = "an answer of one provider may have been sent to the callback of another; if not, the provider breaks RFC 9207"
		switch iss := cb.Params.Get("iss"); {
		case m.issRequired && iss == "":
			return fail(Check, hint, "the callback has no iss, which this provider always sends")
		case iss != c.cfg.Issuer && cb.Params.Has("iss"):
			return fail(Check, hint, fmt.Sprintf("the iss of the callback is %q, not %q", hidden.clean(iss, 200), c.cfg.Issuer))
		}
	}
	if raw := cb.Params.Get("error"); raw != "" {
		code := hidden.code(raw)
		return &Error{
			Kind: Provider, Code: code, Hint: hintFor(code, c.cfg.ClientAuth, cb.RedirectURI),
			Err: errors.New("the provider answered " + hidden.answer(code, cb.Params.Get("error_description"))),
		}
	}
	if cb.Params.Get("code") == "" {
		return fail(Check, "", "the callback has no code")
	}
	return nil
}

// hintFor says what an error code usually means.
func hintFor(code, clientAuth, redirectURI string) string {
	switch code {
	case "redirect_uri_mismatch", "invalid_redirect_uri":
		return "register exactly " + redirectURI + " as a redirect URI at the provider"
	case "invalid_client", "unauthorized_client", "incorrect_client_credentials":
		return "check the client id and secret, and that the provider takes them by " + clientAuth + " (ClientAuth)"
	case "invalid_grant", "bad_verification_code":
		return "the code was used before, is too old, or was made for another redirect URI than " + redirectURI + " or another code verifier"
	case "invalid_scope":
		return "check Scopes: the provider does not know one, or this client may not ask for it"
	}
	return ""
}

// token exchanges the code.
func (c *Client) token(ctx context.Context, m *metadata, cb Callback, hidden secrets) (*oauth2.Token, *Result, error) {
	conf := oauth2.Config{
		ClientID: c.cfg.ClientID, ClientSecret: c.cfg.ClientSecret, RedirectURL: cb.RedirectURI,
		Endpoint: oauth2.Endpoint{TokenURL: m.tokenURL, AuthStyle: c.style},
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
	// RFC 6749 section 5.1 requires token_type. Providers forget it and mean
	// bearer; a type that is named and not bearer cannot be used (section 7.1).
	if tok.TokenType != "" && !strings.EqualFold(tok.TokenType, "bearer") {
		return nil, nil, fail(Token, "", fmt.Sprintf("the access token is of type %q; only bearer tokens can be used",
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

// members are those of the token answer that x/oauth2 has accepted.
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

// isForm is how x/oauth2 tells a form from JSON.
func isForm(mediaType string) bool {
	return slices.Contains([]string{"application/x-www-form-urlencoded", "text/plain"}, mediaType)
}

// lifetime reads expires_in, a number or a string of seconds. A negative one
// means now; more than a hundred years count as that.
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

// tokenError takes out of a failed exchange what can be told. The errors of
// x/oauth2 contain the whole answer.
func (c *Client) tokenError(err error, m *metadata, cb Callback, got *answer, hidden secrets) *Error {
	endpoint := "the token endpoint at " + host(m.tokenURL)
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
			return fail(Token, hint, fmt.Sprintf("%s answered without a token (%s)", endpoint, got))
		}
		hint := hintFor(code, c.cfg.ClientAuth, cb.RedirectURI)
		if strings.Contains(refused.ErrorDescription, "redirect_uri") {
			hint = hintFor("redirect_uri_mismatch", c.cfg.ClientAuth, cb.RedirectURI)
		}
		return &Error{
			Kind: Token, Code: code, Hint: hint,
			Err: fmt.Errorf("%s refused (%d): %s", endpoint, got.status, hidden.answer(code, refused.ErrorDescription)),
		}
	}
	var request *url.Error
	if errors.As(err, &request) {
		return failCause(Token, "check that this machine can reach the provider", endpoint+" cannot be used", hidden.cause(err))
	}
	if _, err := object(got.body); err != nil && !isForm(got.contentType) {
		return fail(Token, "check the URL of the token endpoint", fmt.Sprintf("%s answered something else than a JSON object (%s)", endpoint, got))
	}
	return fail(Token, "", fmt.Sprintf("%s answered without an access_token, or with members of the wrong type (%s)", endpoint, got))
}
