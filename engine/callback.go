package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sesame-auth/sesame/engine/internal/oauth"
	"github.com/sesame-auth/sesame/engine/internal/pages"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// signedInAt is where the browser goes after a sign-in.
func (x *exchange) signedInAt(in signIn) *answer {
	if own := x.e.cfg.Pages.NewUser; own != "" && in.isNewUser {
		return x.goTo(withQuery(own, "callbackUrl", x.callbackURL))
	}
	return x.goTo(x.callbackURL)
}

// finish tells that somebody has signed in.
func (x *exchange) finish(in signIn) (*answer, error) {
	x.wrote = true
	if !x.e.cfg.Parity.KeepCSRFToken {
		if err := x.renewCSRF(); err != nil {
			return nil, err
		}
	}
	if f := x.e.cfg.Events.SignIn; f != nil {
		x.event("signIn", func() error {
			return f(x.ctx, &SignInEvent{User: in.user, Account: in.account, Profile: in.profile, IsNewUser: in.isNewUser})
		})
	}
	return x.signedInAt(in), nil
}

// ---- OAuth and OIDC

// oauthCallback answers what a provider sends the browser back with.
func (x *exchange) oauthCallback(p *provider) (*answer, error) {
	params := x.r.URL.Query() // all of it: a repeated parameter is refused
	if x.r.Method == http.MethodPost && x.e.dialect.bodyParams {
		params = make(url.Values, len(x.form))
		for name := range x.form {
			params.Set(name, x.field(name))
		}
	}
	c := x.readChecks(p, params.Get("state"))
	result, err := p.flow.client.Exchange(x.ctx, oauth.Callback{
		Params:      params,
		RedirectURI: x.at("/callback/" + p.ID),
		UseState:    p.flow.state, UsePKCE: p.flow.pkce, UseNonce: p.flow.nonce,
		State: c.state, CodeVerifier: c.verifier, Nonce: c.nonce,
	})
	if err != nil {
		return nil, flowError("CallbackRouteError", err)
	}
	x.passChecks(p)
	tokens := &Tokens{
		AccessToken: result.AccessToken, TokenType: result.TokenType, RefreshToken: result.RefreshToken,
		IDToken: result.IDToken, Scope: result.Scope, ExpiresAt: result.ExpiresAt, Raw: result.Raw,
	}
	in := signIn{profile: result.Profile, tokens: tokens}
	if in.user, err = x.userOfProfile(p, result.Profile, tokens); err != nil {
		return nil, err
	}
	in.account = accountOf(p, in.user.ID, tokens, result.Raw)
	if raw := claimText(result.Raw["token_type"]); raw != "" && x.e.dialect.rawTokenType {
		in.account.TokenType = &raw
	}
	if in.user.ID, err = x.newUserID(p, in.account.ProviderAccountID); err != nil {
		return nil, err
	}
	profileUser := in.user
	if x.e.adapter != nil {
		known, err := x.e.adapter.GetUserByAccount(x.ctx, p.ID, in.account.ProviderAccountID)
		switch {
		case err == nil:
			x.canonical(&known)
			in.user = &known
		case !errors.Is(err, store.ErrNotFound):
			return nil, adapterError("looking up an account", err)
		}
	}
	redirect, err := x.ask(SignInParams{User: in.user, Account: in.account, Profile: in.profile, Tokens: tokens})
	if err != nil {
		return nil, err
	}
	if redirect != "" {
		return x.goTo(redirect), nil
	}
	in.user = profileUser
	if x.e.adapter == nil {
		if err := x.startSession(in); err != nil {
			return nil, err
		}
		return x.finish(in)
	}
	if in, err = x.link(p, in); err != nil {
		return nil, err
	}
	return x.finish(in)
}

// newUserID makes the id of a user who signs in for the first time. Without an
// adapter every time is the first: then it is derived from the account, so that
// the same person keeps the same id.
func (x *exchange) newUserID(p *provider, accountID string) (string, error) {
	random := x.e.cfg.Rand
	if x.e.adapter == nil {
		if x.e.cfg.Parity.DangerousProfileIDs {
			return accountID, nil
		}
		sum := sha256.Sum256([]byte("user\x00" + p.ID + "\x00" + accountID))
		random = bytes.NewReader(sum[:])
	}
	return wire.UUID(random)
}

// userOfProfile maps a profile to a user. Its ID is the id at the provider.
func (x *exchange) userOfProfile(p *provider, profile Profile, tokens *Tokens) (*User, error) {
	var u User
	if p.flow.Profile != nil {
		var err error
		if u, err = p.flow.Profile(x.ctx, profile, tokens); err != nil {
			return nil, fail(CodeConfiguration, "OAuthProfileParseError", fmt.Errorf("the profile callback: %w", err), "").at(stageFlow)
		}
	} else {
		u = defaultProfile(profile)
	}
	if u.ID == "" {
		return nil, fail(CodeConfiguration, "OAuthProfileParseError", errors.New("the profile has no id"),
			"the provider's answer has neither sub nor id: set Profile, or check the user info URL and the scopes").at(stageFlow)
	}
	x.settleAddress(p, &u, profile)
	if c := x.e.cfg.Schema; c != nil {
		for i := range c.User {
			f := &c.User[i]
			claim, ok := f.Profile[p.ID]
			if !ok {
				continue
			}
			raw, ok := profile[claim]
			if !ok {
				continue
			}
			v, err := f.Canon(raw)
			if err != nil {
				x.e.cfg.Logger.WarnContext(x.ctx, "auth: a profile claim does not fit the schema", "provider", p.ID, "field", f.Name, "cause", err.Error())
				continue
			}
			if u.Extra == nil {
				u.Extra = make(map[string]any)
			}
			u.Extra[f.Name] = v
		}
	}
	var err error
	u.Extra, err = x.declared(u.Extra)
	return &u, err
}

// settleAddress normalises the address of a profile and decides whether it is
// verified: the Profile callback says so, or the provider says so of exactly
// this address.
func (x *exchange) settleAddress(p *provider, u *User, profile Profile) {
	verified := u.EmailVerified != nil && p.flow.Profile != nil
	u.EmailVerified = nil
	if u.Email == nil || *u.Email == "" {
		u.Email = nil
		return
	}
	raw := *u.Email
	address, err := normalizeAddress(raw)
	if err != nil {
		u.Email = nil
		x.e.cfg.Logger.WarnContext(x.ctx, "auth: the address of a profile is left out", "provider", p.ID, "cause", err.Error())
		return
	}
	u.Email = &address
	if x.e.cfg.Parity.DangerousUnverifiedEmail {
		return
	}
	// What the provider verified is the address as it wrote it: one that Unicode
	// normalisation turns into another is another mailbox.
	plain := lowerASCII(strings.TrimSpace(raw)) == address
	claimed, _ := profile["email"].(string)
	if plain && (verified || lowerASCII(claimed) == lowerASCII(raw) && emailVerified(profile)) {
		now := schema.Instant(x.now)
		u.EmailVerified = &now
	}
}

// lowerASCII leaves other letters alone: some have a lower case in ASCII.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// declared returns the canonical values of extra fields. It refuses those that
// the Schema does not know, before an adapter sees them.
func (x *exchange) declared(extra map[string]any) (map[string]any, error) {
	if extra == nil {
		return nil, nil
	}
	out := make(map[string]any, len(extra))
	for name, v := range extra {
		f, ok := x.e.cfg.Schema.UserField(name)
		if !ok {
			return nil, fail(CodeConfiguration, "SchemaError", fmt.Errorf("the user field %q is not in the Schema", name), "declare it in Config.Schema")
		}
		canon, err := f.Canon(v)
		if err != nil {
			return nil, fail(CodeConfiguration, "SchemaError", err, "")
		}
		out[name] = canon
	}
	return out, nil
}

// defaultProfile maps the standard claims (OpenID Connect Core 5.1).
func defaultProfile(p Profile) User {
	u := User{ID: claimText(p["sub"])}
	if u.ID == "" {
		u.ID = claimText(p["id"])
	}
	for _, claim := range []string{"name", "nickname", "preferred_username"} {
		if u.Name = claimString(p[claim]); u.Name != nil {
			break
		}
	}
	u.Email = claimString(p["email"])
	u.Image = claimString(p["picture"])
	return u
}

func claimString(v any) *string {
	if s, ok := v.(string); ok {
		return &s
	}
	return nil
}

// claimText is an id, which some providers send as a number.
func claimText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// emailVerified reports whether the provider vouches for the address. Some
// send the claim as text.
func emailVerified(p Profile) bool {
	v := p["email_verified"]
	return v == true || v == "true"
}

func accountOf(p *provider, id string, t *Tokens, raw map[string]any) *Account {
	a := &Account{Type: p.Type, Provider: p.ID, ProviderAccountID: id}
	for _, text := range []struct {
		to    **string
		value string
	}{
		{&a.AccessToken, t.AccessToken}, {&a.RefreshToken, t.RefreshToken}, {&a.IDToken, t.IDToken},
		{&a.Scope, t.Scope}, {&a.TokenType, t.TokenType}, {&a.SessionState, claimText(raw["session_state"])},
	} {
		if text.value != "" {
			*text.to = &text.value
		}
	}
	if !t.ExpiresAt.IsZero() {
		at := t.ExpiresAt.Unix()
		a.ExpiresAt = &at
	}
	return a
}

// ---- credentials

// postCredentials answers POST callback/<credentials>.
func (x *exchange) postCredentials(p *provider) (*answer, error) {
	if err := x.checkCSRF(); err != nil {
		return nil, err
	}
	values := make(map[string]string, len(x.form))
	for name, v := range x.form {
		if name == "csrfToken" || name == "callbackUrl" {
			continue
		}
		switch v := v.(type) {
		case string:
			values[name] = v
		case bool:
			values[name] = strconv.FormatBool(v)
		case float64:
			values[name] = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return x.authorize(p, values)
}

// authorize signs in whoever the values belong to.
func (x *exchange) authorize(p *provider, values map[string]string) (*answer, error) {
	user, err := p.credentials.Authorize(x.ctx, values, x.r)
	var refused *CredentialsError
	switch {
	case errors.As(err, &refused):
		e := refuse(CodeCredentialsSignin, "CredentialsSignin", err, "")
		e.detail = refused.Code
		return nil, e
	case err != nil:
		e := fail(CodeConfiguration, "CallbackRouteError", fmt.Errorf("authorize: %w", err), "")
		e.message = err.Error()
		return nil, e
	case user == nil:
		return nil, refuse(CodeCredentialsSignin, "CredentialsSignin", errors.New("authorize found no user"), "")
	}
	u := *user
	if u.Extra, err = x.declared(u.Extra); err != nil {
		return nil, err
	}
	stored := true
	if x.e.strategy == StrategyDatabase {
		if stored, err = x.storedUser(p, &u); err != nil {
			return nil, err
		}
	}
	if u.ID == "" && !x.e.cfg.Parity.DangerousProfileIDs {
		if u.ID, err = wire.UUID(x.e.cfg.Rand); err != nil {
			return nil, err
		}
	}
	in := signIn{user: &u, isNewUser: !stored}
	in.account = &Account{Type: "credentials", Provider: p.ID, ProviderAccountID: u.ID, UserID: u.ID}
	redirect, err := x.ask(SignInParams{User: in.user, Account: in.account, Credentials: values})
	if err != nil {
		return nil, err
	}
	if redirect != "" {
		return x.goTo(redirect), nil
	}
	if stored {
		err = x.startSession(in)
	} else {
		in, err = x.createForCredentials(in)
	}
	if errors.Is(err, store.ErrConflict) {
		// Somebody created the same user at the same moment, in another tab say.
		if found, _ := x.storedUser(p, &u); found {
			in.user, in.isNewUser = &u, false
			err = x.startSession(in)
		}
	}
	if err != nil {
		return nil, err
	}
	return x.finish(in)
}

// storedUser makes u the stored user with its id, which a database session
// needs. It reports false when there is none, and one may be created.
func (x *exchange) storedUser(p *provider, u *User) (bool, error) {
	stored, err := User{}, error(store.ErrNotFound)
	if u.ID != "" {
		stored, err = x.e.adapter.GetUser(x.ctx, u.ID)
	}
	switch {
	case err == nil:
		x.canonical(&stored)
		*u = stored
		return true, nil
	case !errors.Is(err, store.ErrNotFound):
		return false, adapterError("looking up the user of a credentials sign-in", err)
	case u.ID == "" && p.credentials.CreateUsers:
		return false, fail(CodeConfiguration, "CallbackRouteError", errors.New("authorize returned a user without an id"),
			"Authorize must return the same ID for the same person at every sign-in")
	case !p.credentials.CreateUsers:
		return false, fail(CodeConfiguration, "CallbackRouteError",
			fmt.Errorf("authorize returned a user with the id %q, which the adapter does not know; a database session needs a stored user", cut(u.ID)),
			"return the stored user from Authorize, set CreateUsers on the provider, or use SessionStrategy jwt")
	}
	return false, nil
}

func (x *exchange) createForCredentials(in signIn) (signIn, error) {
	err := x.unit(func(a Adapter, tell func(func())) error {
		created, err := x.createUser(a, *in.user, tell)
		if err != nil {
			return err
		}
		in.user = &created
		return x.startRow(a, in)
	})
	return in, err
}

// ---- e-mail

// getEmailCallback answers a mail link that was opened: with a page whose
// button follows it, because mail scanners open links as well.
func (x *exchange) getEmailCallback(p *provider) (*answer, error) {
	token, address := x.param("token"), x.param("email")
	if x.e.cfg.Parity.DangerousMailLinkOnGET {
		return x.followMail(p, token, address)
	}
	if token == "" || address == "" {
		return nil, errMailLink()
	}
	if own := x.e.cfg.Pages.VerifyEmail; own != "" {
		return x.goTo(withQuery(own, "callbackUrl", x.callbackURL, "token", token, "email", address)), nil
	}
	d := pages.VerifyEmail{
		Action: x.e.path + "/callback/" + p.ID, CSRFToken: x.csrfToken, CallbackURL: x.callbackURL,
		Token: token, Email: address, Host: host(x.origin), Theme: x.e.cfg.Theme,
	}
	return x.html(http.StatusOK, func(b *bytes.Buffer) error { return pages.WriteVerifyEmail(b, d) }), nil
}

func errMailLink() *Error {
	return refuse(CodeConfiguration, "CallbackRouteError", errors.New("the mail link has no token or no email"),
		"the link was cut short, or built by hand").at(stageMailLink)
}

// postEmailCallback follows a mail link.
func (x *exchange) postEmailCallback(p *provider) (*answer, error) {
	if err := x.checkCSRF(); err != nil {
		return nil, err
	}
	return x.followMail(p, x.field("token"), x.field("email"))
}

func (x *exchange) followMail(p *provider, token, address string) (*answer, error) {
	if token == "" || address == "" {
		return nil, errMailLink()
	}
	used, err := x.useToken(p, address, token)
	if err != nil {
		return nil, err
	}
	user, err := x.userOfAddress(used.Identifier)
	if err != nil {
		return nil, err
	}
	if user.EmailVerified == nil && x.mustTake(*user) {
		had, err := x.signedIn()
		if err != nil {
			return nil, err
		}
		if !had.is(*user) { // the signIn callback decides on who will be signed in
			fresh, err := x.newUserOf(used.Identifier)
			if err != nil {
				return nil, err
			}
			user = &fresh
		}
	}
	in := signIn{user: user}
	in.account = &Account{Type: "email", Provider: p.ID, ProviderAccountID: used.Identifier, UserID: user.ID}
	redirect, err := x.ask(SignInParams{User: user, Account: in.account})
	if err != nil {
		return nil, err
	}
	if redirect != "" {
		return x.goTo(redirect), nil
	}
	if in, err = x.verifyAddress(in, used.Identifier); err != nil {
		return nil, err
	}
	return x.finish(in)
}

// useToken takes a token out of the store. One that was made under an older
// secret is still good.
func (x *exchange) useToken(p *provider, address, token string) (store.VerificationToken, error) {
	secrets := x.e.hashSecrets
	if p.secret != "" {
		secrets = []string{p.secret}
	}
	for _, secret := range secrets {
		used, err := x.e.adapter.UseVerificationToken(x.ctx, address, wire.HashVerificationToken(token, secret))
		switch {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
			continue
		case err != nil:
			return used, adapterError("using the token of a mail link", err)
		case !used.Expires.After(x.now):
			return used, refuse(CodeVerification, "Verification", errors.New("the mail link has expired"), "ask for a new link")
		case used.Identifier != address: // the adapter breaks rule R4
			return used, fail(CodeVerification, "Verification", errors.New("the adapter returned the token of another address"), "run the conformance suite on it")
		}
		return used, nil
	}
	return store.VerificationToken{}, refuse(CodeVerification, "Verification", errors.New("the mail link is unknown or was used before"), "ask for a new link")
}
