package oauth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
)

// Callback holds the parameters of the callback request and the values that were
// kept from the authorization request.
type Callback struct {
	Params      url.Values // of the callback request
	RedirectURI string
	// UseState, UsePKCE and UseNonce select the checks of the flow. State,
	// CodeVerifier and Nonce are the values kept in cookies, or "" if a cookie is
	// missing or invalid, which makes the check fail.
	UseState, UsePKCE, UseNonce bool
	State, CodeVerifier, Nonce  string
}

// checkState checks the state (RFC 6749 section 10.12).
func checkState(cb Callback) error {
	state := cb.Params.Get("state")
	switch {
	case !cb.UseState && state != "":
		// It cannot belong to a request of this client.
		return fail(Check, "", "the callback has a state, but none was sent")
	case !cb.UseState:
		return nil
	case cb.State == "":
		return fail(Check, "", "the cookie with the state is missing or invalid")
	case state == "":
		return fail(Check, "", "the callback has no state")
	case !equal(state, cb.State):
		return fail(Check, "", "the state of the callback does not match the request")
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// checkResponse validates the authorization response.
func (c *Client) checkResponse(m *metadata, cb Callback, hidden secrets) error {
	if c.cfg.Issuer != "" {
		const hint = "the response of one provider may have been sent to the callback of another; otherwise the provider violates RFC 9207"
		switch iss := cb.Params.Get("iss"); {
		case m.issRequired && iss == "":
			return fail(Check, hint, "the callback has no iss, although this provider always sends one")
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
