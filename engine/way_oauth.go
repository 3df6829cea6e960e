package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/internal/oauth"
	"github.com/sesame-auth/sesame/engine/internal/pages"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

// OAuthConfig is the configuration that OIDC and OAuth2 share.
type OAuthConfig struct {
	// ClientID and ClientSecret default to AUTH_<ID>_ID and AUTH_<ID>_SECRET,
	// with the provider's id in upper case and - replaced by _.
	ClientID     string
	ClientSecret string
	// Scopes are the requested scopes. Default: openid, profile, email.
	Scopes []string
	// AuthorizationParams are added to every authorization request.
	AuthorizationParams map[string]string
	// AllowedParams are query parameters of POST signin/<id> that are passed
	// on, besides acr_values, claims_locales, display, hd, login_hint, max_age,
	// prompt, screen_hint, ui_locales. Protocol parameters are not allowed.
	AllowedParams []string
	// Checks are the protections of the flow (WIRE.md section 4.2): "pkce" (RFC
	// 7636, S256), "state" (RFC 6749 section 10.12) and, OIDC only, "nonce"
	// (OpenID Connect Core 3.1.2.1). Default: all of them.
	Checks []string
	// ClientAuth is how the client authenticates at the token endpoint:
	// "client_secret_basic" (default), "client_secret_post" or "none".
	ClientAuth string
	// Profile maps a profile to a user. Default: id from sub or id; name from
	// name, nickname or preferred_username; email; image from picture. A profile
	// without an id is refused. The address counts as verified if it is the
	// profile's email and email_verified is true, or if Profile sets
	// EmailVerified, having verified it with the provider in another way.
	Profile func(ctx context.Context, p ProfileParams) (User, error)
	// AllowDangerousEmailAccountLinking links to an existing user with the
	// profile's address. The address must be verified on both sides, by
	// email_verified and for the user, unless Parity.DangerousUnverifiedEmail.
	AllowDangerousEmailAccountLinking bool
	// AllowInsecureHTTP allows http endpoints on hosts other than loopback.
	AllowInsecureHTTP bool
}

// OIDC is an OpenID Connect provider with discovery. The ID token's signature,
// issuer, audience, times and nonce are verified.
type OIDC struct {
	ID   string
	Name string // default: ID
	// Issuer is the issuer's URL. Default: AUTH_<ID>_ISSUER. See
	// AllowInsecureHTTP for http.
	Issuer string
	// UserInfo takes the profile from the userinfo endpoint instead of the ID
	// token; both must have the same sub.
	UserInfo bool
	OAuthConfig
}

// OAuth2 is a plain OAuth 2.0 provider.
type OAuth2 struct {
	ID               string
	Name             string // default: ID
	AuthorizationURL string
	TokenURL         string
	UserInfoURL      string
	OAuthConfig
}

// ProviderInfo implements [Provider].
func (p *OIDC) ProviderInfo() ProviderInfo { return ProviderInfo{p.ID, cmp.Or(p.Name, p.ID), "oidc"} }

// ProviderInfo implements [Provider].
func (p *OAuth2) ProviderInfo() ProviderInfo {
	return ProviderInfo{p.ID, cmp.Or(p.Name, p.ID), "oauth"}
}

// ProfileParams are the parameters of OAuthConfig.Profile.
type ProfileParams struct {
	Profile Profile
	Tokens  *Tokens
	// Client is for further requests to the provider, for an address say. It has
	// the transport and timeout of Config.HTTPClient, and adds no credentials.
	Client *http.Client
}

// ---- set-up

// oauthWay is the way of [OIDC] and [OAuth2].
type oauthWay struct {
	OAuthConfig
	info    ProviderInfo
	client  *oauth.Client
	http    *http.Client // for Profile
	use     checkUse
	allowed map[string]bool // parameters of the sign-in request that are passed on
}

func (p *OIDC) setUp(s *settings, info ProviderInfo) way {
	issuer := cmp.Or(p.Issuer, s.env(p.ID, "ISSUER"))
	if issuer == "" {
		s.providerProblem(p.ID, "set Issuer or "+envName(p.ID, "ISSUER"), "no issuer")
		return nil
	}
	info.Type = s.dialect.oidcType
	return setUpOAuth(s, info, p.OAuthConfig, oauth.Config{Issuer: issuer, UserInfo: p.UserInfo})
}

func (p *OAuth2) setUp(s *settings, info ProviderInfo) way {
	return setUpOAuth(s, info, p.OAuthConfig, oauth.Config{
		AuthorizationURL: p.AuthorizationURL,
		TokenURL:         p.TokenURL,
		UserInfoURL:      p.UserInfoURL,
	})
}

// harmlessParams are authorization parameters that control how the user is
// prompted, not the client or the target of the answer (OpenID Connect Core
// 3.1.2.1, and additions of large providers).
var harmlessParams = []string{
	"acr_values", "claims_locales", "display", "hd", "login_hint", "max_age", "prompt", "screen_hint", "ui_locales",
}

func setUpOAuth(s *settings, info ProviderInfo, o OAuthConfig, c oauth.Config) way {
	id, oidc := info.ID, c.Issuer != ""
	o.ClientID = cmp.Or(o.ClientID, s.env(id, "ID"))
	o.ClientSecret = cmp.Or(o.ClientSecret, s.env(id, "SECRET"))
	if o.ClientID == "" {
		s.providerProblem(id, "set ClientID or "+envName(id, "ID"), "no client id")
	}
	if o.ClientSecret == "" && o.ClientAuth != "none" {
		s.providerProblem(id, "set ClientSecret or "+envName(id, "SECRET")+", or ClientAuth \"none\" for a public client", "no client secret")
	}
	observed := s.observedClient(id)
	forProfile := *observed
	if forProfile.Jar = nil; forProfile.Timeout <= 0 {
		forProfile.Timeout = 10 * time.Second
	}
	w := &oauthWay{info: info, allowed: make(map[string]bool), http: &forProfile}
	if o.Checks == nil {
		w.use = checkUse{state: true, pkce: true, nonce: oidc}
	}
	for _, check := range o.Checks {
		switch {
		case check == "pkce":
			w.use.pkce = true
		case check == "state":
			w.use.state = true
		case check == "nonce" && oidc:
			w.use.nonce = true
		default:
			s.providerProblem(id, `use "pkce", "state" or (OpenID Connect) "nonce"`, "the check %q is not available for type %s", check, info.Type)
		}
	}
	if w.use == (checkUse{}) {
		s.providerProblem(id, "omit Checks for the default", "no checks: an answer of the provider could be forged")
	}
	for _, name := range slices.Concat(harmlessParams, o.AllowedParams) {
		w.allowed[name] = true
	}
	for _, name := range o.AllowedParams {
		if oauth.IsProtocol(name) {
			s.providerProblem(id, "remove it", "AllowedParams has %q, which is part of the protocol", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.AuthorizationParams)) {
		if oauth.IsProtocol(name) {
			s.providerProblem(id, "remove it", "AuthorizationParams has %q, which is part of the protocol", name)
		}
	}
	w.OAuthConfig = o
	c.ClientID, c.ClientSecret, c.ClientAuth = o.ClientID, o.ClientSecret, o.ClientAuth
	c.Scopes, c.Params, c.AllowInsecureHTTP = o.Scopes, o.AuthorizationParams, o.AllowInsecureHTTP
	c.HTTPClient, c.Now = observed, s.cfg.Now
	if o.ClientID == "" {
		return nil // reported above
	}
	client, err := oauth.New(c)
	if err != nil {
		s.providerProblem(id, "correct these fields", "%w", err)
		return nil
	}
	w.client = client
	return w
}

func (w *oauthWay) describe() ProviderInfo { return w.info }

func (w *oauthWay) close() { w.client.Close() }

func (w *oauthWay) form() pages.Provider {
	return pages.Provider{ID: w.info.ID, Name: w.info.Name, Kind: "button", Action: "signin"}
}

// ---- the flow

func (w *oauthWay) handler(method, action string) handler {
	switch {
	case action == "signin" && method == http.MethodPost:
		return handler{run: w.start}
	case action == "callback":
		return handler{run: w.callback, ownChecks: true}
	}
	return handler{}
}

func (w *oauthWay) signIn(x *exchange, o SignInOptions) (*reply, error) {
	x.query = make(url.Values, len(o.Params))
	for name, v := range o.Params {
		x.query.Set(name, v)
	}
	return w.start(x)
}

// start sends the browser to the provider.
func (w *oauthWay) start(x *exchange) (*reply, error) {
	r := oauth.AuthorizationRequest{
		RedirectURI:     x.endpointURL("/callback/" + w.info.ID),
		DangerousParams: x.cfg.Parity.DangerousAuthorizationParams,
		Params:          make(url.Values),
	}
	for name, v := range x.queryValues() {
		if name != "callbackUrl" && (r.DangerousParams || w.allowed[name]) {
			r.Params[name] = v
		}
	}
	c, err := newChecks(x, w.info.ID, w.use)
	if err != nil {
		return nil, err
	}
	r.State, r.Nonce = c.state, c.nonce
	if c.pkce != "" {
		r.CodeChallenge = wire.CodeChallenge(c.pkce)
	}
	u, err := w.client.AuthorizationURL(x.ctx, r)
	if err != nil {
		return nil, flowError("SignInError", err)
	}
	if rewrite := x.dialect.authorization; rewrite != nil {
		u = rewrite(u)
	}
	return x.goTo(u), nil
}

// callback answers the request with which the provider sends the browser back.
func (w *oauthWay) callback(x *exchange) (*reply, error) {
	params := x.r.URL.Query() // with repeated parameters, which are refused
	if x.r.Method == http.MethodPost && x.dialect.bodyParams {
		params = make(url.Values, len(x.form))
		for name := range x.form {
			params.Set(name, x.formValue(name))
		}
	}
	c := readChecks(x, w.info.ID, w.use, params.Get("state"))
	result, err := w.client.Exchange(x.ctx, oauth.Callback{
		Params:      params,
		RedirectURI: x.endpointURL("/callback/" + w.info.ID),
		UseState:    w.use.state, UsePKCE: w.use.pkce, UseNonce: w.use.nonce,
		State: c.state, CodeVerifier: c.pkce, Nonce: c.nonce,
	})
	if err != nil {
		return nil, flowError("CallbackRouteError", err)
	}
	c.passed(x)
	id, err := w.identity(x, result)
	if err != nil {
		return nil, err
	}
	return x.complete(w.info, id)
}

// identity returns the identity in the provider's answer.
func (w *oauthWay) identity(x *exchange, result *oauth.Result) (Identity, error) {
	tokens := &Tokens{
		AccessToken: result.AccessToken, TokenType: result.TokenType, RefreshToken: result.RefreshToken,
		IDToken: result.IDToken, Scope: result.Scope, ExpiresAt: result.ExpiresAt, Raw: result.Raw,
	}
	id := Identity{Profile: result.Profile, Tokens: tokens, linkByEmail: w.AllowDangerousEmailAccountLinking}
	user, err := w.userOfProfile(x, result.Profile, tokens)
	if err != nil {
		return id, err
	}
	id.Account = accountOf(w.info, user.ID, tokens, result.Raw)
	if raw := claimText(result.Raw["token_type"]); raw != "" && x.dialect.rawTokenType {
		id.Account.TokenType = &raw
	}
	if user.ID, err = newUserID(x, w.info.ID, user.ID); err != nil {
		return id, err
	}
	id.User = *user
	return id, w.declaredFields(x, &id.User, result.Profile)
}

// userOfProfile maps a profile to a user. Its ID is the id at the provider.
func (w *oauthWay) userOfProfile(x *exchange, profile Profile, tokens *Tokens) (*User, error) {
	var u User
	if w.Profile != nil {
		var err error
		if u, err = w.Profile(x.ctx, ProfileParams{Profile: profile, Tokens: tokens, Client: w.http}); err != nil {
			return nil, fail(codeConfiguration, "OAuthProfileParseError", fmt.Errorf("profile callback: %w", err), "").during(stageFlow)
		}
	} else {
		u = defaultProfile(profile)
	}
	if u.ID == "" {
		return nil, fail(codeConfiguration, "OAuthProfileParseError", errors.New("the profile has no id"),
			"the provider's answer has neither sub nor id: set Profile, or check UserInfoURL and Scopes").during(stageFlow)
	}
	w.settleAddress(x, &u, profile)
	return &u, nil
}

// declaredFields copies the profile's values of Schema fields to a user.
func (w *oauthWay) declaredFields(x *exchange, u *User, profile Profile) error {
	if c := x.cfg.Schema; c != nil {
		for i := range c.User {
			f := &c.User[i]
			claim, ok := f.Profile[w.info.ID]
			if !ok {
				continue
			}
			raw, ok := profile[claim]
			if !ok {
				continue
			}
			v, err := f.Canon(raw)
			if err != nil {
				x.cfg.Logger.WarnContext(x.ctx, "auth: a profile claim does not fit the schema", "provider", w.info.ID, "field", f.Name, "cause", err.Error())
				continue
			}
			extra := make(map[string]any, len(u.Extra)+1) // the Profile callback may share its map
			maps.Copy(extra, u.Extra)
			extra[f.Name] = v
			u.Extra = extra
		}
	}
	var err error
	u.Extra, err = x.declared(u.Extra)
	return err
}

// settleAddress normalises the address of a profile and decides whether it is
// verified, either by the Profile callback or by the provider, for exactly this
// address.
func (w *oauthWay) settleAddress(x *exchange, u *User, profile Profile) {
	verified := u.EmailVerified != nil && w.Profile != nil
	u.EmailVerified = nil
	if u.Email == nil || *u.Email == "" {
		u.Email = nil
		return
	}
	raw := *u.Email
	address, err := normalizeAddress(raw)
	if err != nil {
		u.Email = nil
		x.cfg.Logger.WarnContext(x.ctx, "auth: the invalid address of a profile is ignored", "provider", w.info.ID, "cause", err.Error())
		return
	}
	u.Email = &address
	if x.cfg.Parity.DangerousUnverifiedEmail {
		return
	}
	// The provider verified the address as it wrote it. If Unicode normalisation
	// changes it, the result may be another mailbox.
	plain := lowerASCII(strings.TrimSpace(raw)) == address
	claimed, _ := profile["email"].(string)
	if plain && (verified || lowerASCII(claimed) == lowerASCII(raw) && emailVerified(profile)) {
		now := schema.Instant(x.now)
		u.EmailVerified = &now
	}
}

// lowerASCII changes ASCII letters only: some other letters have a lower case in
// ASCII.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
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

// claimText returns an id as text. Some providers send numbers.
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

func accountOf(p ProviderInfo, id string, t *Tokens, raw map[string]any) *Account {
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

// flowError converts an error of package oauth to an *Error.
func flowError(typ string, err error) *Error {
	var f *oauth.Error
	if !errors.As(err, &f) {
		return fail(codeConfiguration, typ, err, "").during(stageFlow)
	}
	switch f.Kind {
	case oauth.Provider:
		return refuse(codeOAuthCallbackError, "OAuthCallbackError", err, f.Hint)
	case oauth.Check:
		return refuse(codeConfiguration, "InvalidCheck", err,
			cmp.Or(f.Hint, "the browser lost its cookies or started at another host name, the sign-in took longer than 15 minutes, or its link was opened twice; try again")).during(stageFlow)
	case oauth.Token:
		f.Hint = cmp.Or(f.Hint, "the provider has a problem, or the URL of its token endpoint is wrong")
	case oauth.IDToken:
		f.Hint = cmp.Or(f.Hint, "check the issuer, and that its jwks_uri is reachable from here")
	case oauth.UserInfo:
		f.Hint = cmp.Or(f.Hint, "the provider has a problem, or Scopes lacks a scope that its userinfo endpoint requires")
	}
	return fail(codeConfiguration, typ, err, f.Hint).during(stageFlow)
}

// codeV4 implements failureCodes.
func (w *oauthWay) codeV4(action string, providerError bool, e *Error) (string, bool) {
	switch {
	case action == "signin":
		return "OAuthSignin", false
	case action != "callback":
		return e.Code, false
	case e.stage == stageCreateUser:
		return "OAuthCreateAccount", false
	case e.stage == stageFlow && !providerError:
		return "OAuthCallback", false
	}
	return "Callback", false
}

// ---- diagnosis

const (
	// clockWarning and clockProblem are the clock differences that are reported.
	// Session tokens of other servers are accepted 15 seconds early or late, ID
	// tokens 30 seconds.
	clockWarning = 15 * time.Second
	clockProblem = 60 * time.Second
)

func (w *oauthWay) diagnose(ctx context.Context, callback string, d *reporter) {
	subject := about(w.info.ID)
	d.info(subject, "%s; register the redirect URI %s", w.info.Type, callback)
	if strings.HasPrefix(callback, "<") {
		_, path, _ := strings.Cut(callback, ">")
		callback = "https://localhost" + path
	}
	var r oauth.Report
	if err := guard(func() error { r = w.client.Probe(ctx, callback); return nil }); err != nil {
		d.add(slog.LevelError, subject, "HTTPClient must not panic", "the request failed: %w", err)
		return
	}
	for _, found := range r.Problems {
		fix := cmp.Or(found.Hint, "compare the configuration with the provider's documentation")
		d.add(slog.LevelError, subject, fix, "%w", found.Err)
	}
	switch {
	case len(r.Problems) > 0:
	case r.KnowsClient:
		d.info(subject, "it answers, and knows the client")
	default:
		d.info(subject, "it answers")
	}
	level := slog.LevelWarn
	switch skew := r.Skew.Abs(); {
	case !r.HasClock || skew < clockWarning:
		return
	case skew >= clockProblem:
		level = slog.LevelError
	}
	direction := "behind"
	if r.Skew < 0 {
		direction = "ahead of"
	}
	d.add(level, "clock", "set the clock of this machine by NTP; ID tokens and sessions of other servers are refused while it is wrong",
		"the clock of this machine is %v %s that of %s", r.Skew.Abs().Round(time.Second), direction, subject)
}
