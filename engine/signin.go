package engine

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/sesame-auth/sesame/engine/internal/oauth"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// signIn is somebody on the way in.
type signIn struct {
	user      *User
	account   *Account
	profile   Profile
	tokens    *Tokens
	isNewUser bool
}

// postSignIn answers POST signin and signin/<provider>.
func (x *exchange) postSignIn(p *provider) (*answer, error) {
	if err := x.checkCSRF(); err != nil {
		return nil, err
	}
	switch {
	case p != nil && p.flow != nil:
		return x.startFlow(p)
	case p != nil && p.email != nil:
		return x.requestMail(p)
	}
	if p == nil && x.e.dialect.looseRoutes {
		return x.goTo(x.at("/signin?csrf=true")), nil
	}
	return x.goTo(x.at("/signin")), nil // credentials are posted to callback
}

// ask runs the signIn callback. A string answer of it comes back as a URL.
func (x *exchange) ask(p SignInParams) (redirect string, err error) {
	f := x.e.cfg.Callbacks.SignIn
	if f == nil {
		return "", nil
	}
	d, err := f(x.ctx, &p)
	switch {
	case err != nil:
		refused := refuse(CodeAccessDenied, "AccessDenied", fmt.Errorf("the signIn callback: %w", err), "")
		refused.message = err.Error()
		return "", refused
	case d.url != "" && x.e.cfg.Parity.DangerousSignInRedirects:
		return d.url, nil
	case d.url != "":
		return x.redirect(d.url)
	case !d.allow:
		return "", refuse(CodeAccessDenied, "AccessDenied", errors.New("the signIn callback refused"), "")
	}
	return "", nil
}

// ---- OAuth and OIDC

// startFlow sends the browser to the provider.
func (x *exchange) startFlow(p *provider) (*answer, error) {
	f := p.flow
	r := oauth.AuthorizationRequest{
		RedirectURI:     x.at("/callback/" + p.ID),
		DangerousParams: x.e.cfg.Parity.DangerousAuthorizationParams,
		Params:          make(url.Values),
	}
	for name, v := range x.params() {
		if name == "callbackUrl" {
			continue
		}
		if r.DangerousParams || f.allowed[name] {
			r.Params[name] = v
		}
	}
	checks, err := x.newChecks(p)
	if err != nil {
		return nil, err
	}
	r.State, r.Nonce = checks.state, checks.nonce
	if checks.verifier != "" {
		r.CodeChallenge = wire.CodeChallenge(checks.verifier)
	}
	u, err := f.client.AuthorizationURL(x.ctx, r)
	if err != nil {
		return nil, flowError("SignInError", err)
	}
	if rewrite := x.e.dialect.authorization; rewrite != nil {
		u = rewrite(u)
	}
	return x.goTo(u), nil
}

// checks are the values that bind an answer of the provider to this browser
// and this attempt.
type checks struct {
	state, verifier, nonce string
	suffix                 string // of the cookies' names
}

const checkSeconds = int(wire.CheckMaxAge / time.Second)

const (
	// maxAttempts is how many sign-ins a browser may have under way. Each takes
	// some 1.6 KB of cookies, and common proxies take 8 KB in all.
	maxAttempts = 3
	// maxAttemptURL is the longest callback URL that an attempt keeps for
	// itself, in bytes of the cookie.
	maxAttemptURL = 1024
)

// newChecks makes the checks of a new attempt and seals them into cookies. The
// first attempt uses the names of Auth.js. Further ones, while it is under way,
// get a suffix that comes from the state, so that the callback finds them.
func (x *exchange) newChecks(p *provider) (c checks, err error) {
	e, s := x.e, x.site
	if p.flow.state {
		if e.cfg.Parity.SingleCheckCookies && e.dialect.sealedState {
			c.state, err = s.encoded.SealState("", x.now, e.cfg.Rand)
		} else {
			c.state, err = wire.RandomBase64(e.cfg.Rand) // half the size of the cookie
		}
		if err != nil {
			return c, err
		}
		if !e.cfg.Parity.SingleCheckCookies {
			if x.attemptUnderWay() {
				c.suffix = attemptSuffix(c.state)
			}
			x.dropOldAttempts()
			// Another tab may change the callback-url cookie meanwhile. A long one
			// is not worth the room.
			if escapedLen(x.callbackURL) <= maxAttemptURL {
				u := s.cookies.callbackURL
				u.Name += attemptSuffix(c.state)
				u.Value, u.MaxAge, u.Expires = x.callbackURL, checkSeconds, x.now.Add(wire.CheckMaxAge)
				x.set = append(x.set, u)
			}
		}
	}
	if p.flow.pkce {
		if c.verifier, err = wire.RandomBase64(e.cfg.Rand); err != nil {
			return c, err
		}
	}
	if p.flow.nonce {
		if c.nonce, err = wire.RandomBase64(e.cfg.Rand); err != nil {
			return c, err
		}
	}
	for _, check := range []struct {
		keys   *wire.Keys
		cookie wire.SetCookie
		value  string
		maxAge int
	}{
		{s.state, s.cookies.state, c.state, checkSeconds},
		{s.pkce, s.cookies.pkce, c.verifier, checkSeconds},
		{s.nonce, s.cookies.nonce, c.nonce, 0},
	} {
		if check.value == "" {
			continue
		}
		sealed, err := check.keys.SealCheck(check.value, p.ID, x.now, e.cfg.Rand)
		if err != nil {
			return c, err
		}
		cookie := check.cookie
		cookie.Name += c.suffix
		cookie.Value, cookie.MaxAge, cookie.Expires = sealed, check.maxAge, x.now.Add(wire.CheckMaxAge)
		x.set = append(x.set, cookie)
	}
	return c, nil
}

// attemptSuffix is what the cookies of a parallel attempt end with. It only
// finds them; what protects is what is sealed inside.
func attemptSuffix(state string) string {
	return "." + wire.HashVerificationToken(state, "")[:16]
}

func (x *exchange) attemptUnderWay() bool {
	for _, c := range x.site.cookies.checks() {
		if v, ok := wire.CookieValue(x.cookies, c.Name); ok && v != "" {
			return true
		}
	}
	return false
}

// dropOldAttempts makes room for one more attempt by clearing the oldest.
// Browsers send older cookies first (RFC 6265 section 5.4). One attempt has the
// plain names; only its callback URL has a suffix.
func (x *exchange) dropOldAttempts() {
	n := &x.site.cookies
	attempts, urls := x.suffixes(n.state.Name), x.suffixes(n.callbackURL.Name)
	for len(attempts) > maxAttempts-2 {
		x.always = append(x.always, x.clearedChecks(attempts[0])...)
		x.dropAttemptURL(attempts[0])
		urls = slices.DeleteFunc(urls, func(suffix string) bool { return suffix == attempts[0] })
		attempts = attempts[1:]
	}
	for i := 0; len(urls)-i >= maxAttempts; i++ {
		if !slices.Contains(attempts, urls[i]) {
			x.dropAttemptURL(urls[i])
		}
	}
}

// suffixes lists the attempts that have a cookie of the name, oldest first.
func (x *exchange) suffixes(name string) (out []string) {
	for _, c := range x.cookies {
		suffix, ok := strings.CutPrefix(c.Name, name)
		if ok && len(suffix) == len(attemptSuffix("")) && suffix[0] == '.' && !slices.Contains(out, suffix) {
			out = append(out, suffix)
		}
	}
	return out
}

// dropAttemptURL clears the callback URL of an attempt, if the request has it.
func (x *exchange) dropAttemptURL(suffix string) {
	u := x.site.cookies.callbackURL
	u.Name += suffix
	u.Clear = true
	cleared := func(c wire.SetCookie) bool { return c.Name == u.Name }
	if x.hasCookie(u.Name) && !slices.ContainsFunc(x.always, cleared) {
		x.always = append(x.always, u)
	}
}

// readChecks takes the values of the attempt that the state belongs to from
// its cookies, and arranges for the cookies to be cleared whatever comes of
// the attempt.
func (x *exchange) readChecks(p *provider, state string) checks {
	s := x.site
	var c checks
	if p.flow.state && state != "" && !x.e.cfg.Parity.SingleCheckCookies {
		suffix := attemptSuffix(state)
		if x.hasCookie(s.cookies.state.Name + suffix) {
			c.suffix = suffix
		}
		x.readAttemptURL(suffix)
	}
	read := func(use bool, keys *wire.Keys, name string) string {
		if !use {
			return ""
		}
		cookie, _ := wire.CookieValue(x.cookies, name+c.suffix)
		value, err := keys.OpenCheck(cookie, p.ID, x.now)
		if err != nil {
			return ""
		}
		return value
	}
	c.state = read(p.flow.state, s.state, s.cookies.state.Name)
	c.verifier = read(p.flow.pkce, s.pkce, s.cookies.pkce.Name)
	c.nonce = read(p.flow.nonce, s.nonce, s.cookies.nonce.Name)
	if !x.e.cfg.Parity.DangerousKeepChecks {
		x.always = append(x.always, x.clearedChecks(c.suffix)...)
	}
	return c
}

// readAttemptURL takes where the browser goes afterwards from the cookie of its
// attempt, under the same rules as from the callback-url cookie.
func (x *exchange) readAttemptURL(suffix string) {
	u, ok := wire.CookieValue(x.cookies, x.site.cookies.callbackURL.Name+suffix)
	if !ok {
		return
	}
	x.dropAttemptURL(suffix)
	if !validCallbackURL(u) {
		return
	}
	if u, err := x.redirect(u); err == nil {
		x.callbackURL = u
	}
}

func (x *exchange) hasCookie(name string) bool {
	return slices.ContainsFunc(x.cookies, func(c wire.Cookie) bool { return c.Name == name })
}

// clearedChecks clears the check cookies with the suffix that the request has.
func (x *exchange) clearedChecks(suffix string) (out []wire.SetCookie) {
	for _, like := range x.site.cookies.checks() {
		c := *like
		c.Name += suffix
		if c.Clear = true; x.hasCookie(c.Name) {
			out = append(out, c)
		}
	}
	return out
}

// passChecks clears the cookies of the checks that have passed. As Auth.js, in
// the order of use; with v5 only when nothing fails afterwards.
func (x *exchange) passChecks(p *provider) {
	if !x.e.cfg.Parity.DangerousKeepChecks {
		return // readChecks has done so
	}
	if x.e.dialect.errorCookies {
		x.always = append(x.always, x.usedChecks(p)...)
	} else {
		x.set = append(x.set, x.usedChecks(p)...)
	}
}

// usedChecks clears the cookies of the checks that the provider uses.
func (x *exchange) usedChecks(p *provider) (out []wire.SetCookie) {
	use := [3]bool{p.flow.state, p.flow.pkce, p.flow.nonce}
	for i, like := range x.site.cookies.checks() {
		if c := *like; use[i] {
			c.Clear = true
			out = append(out, c)
		}
	}
	return out
}

// flowError makes an error of package oauth an *Error.
func flowError(typ string, err error) *Error {
	var f *oauth.Error
	if !errors.As(err, &f) {
		return fail(CodeConfiguration, typ, err, "").at(stageFlow)
	}
	switch f.Kind {
	case oauth.Provider:
		return refuse(CodeOAuthCallbackError, "OAuthCallbackError", err, f.Hint)
	case oauth.Check:
		return refuse(CodeConfiguration, "InvalidCheck", err,
			or(f.Hint, "the browser lost its cookies or began at another host name, the sign-in took longer than 15 minutes, or its link was opened twice; try again")).at(stageFlow)
	case oauth.Token:
		f.Hint = or(f.Hint, "the provider is in trouble, or its token endpoint is another one")
	case oauth.IDToken:
		f.Hint = or(f.Hint, "check the issuer, and that its jwks_uri can be reached from here")
	case oauth.UserInfo:
		f.Hint = or(f.Hint, "the provider is in trouble, or Scopes lacks what its userinfo endpoint asks for")
	}
	return fail(CodeConfiguration, typ, err, f.Hint).at(stageFlow)
}

// ---- e-mail

// normalizeAddress is the default of Email.NormalizeIdentifier: NFKC, trimmed,
// lower case, one @, no quotes, commas or spaces (GHSA-7rqj-j65f-68wh,
// GHSA-5jpx-9hw9-2fx4).
func normalizeAddress(address string) (string, error) {
	a := strings.ToLower(strings.TrimSpace(norm.NFKC.String(address)))
	local, domain, ok := strings.Cut(a, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return "", errors.New("it is not an address of the form name@domain")
	}
	if len(a) > 254 {
		return "", errors.New("it is longer than 254 bytes")
	}
	for _, r := range a {
		if !unicode.IsPrint(r) || unicode.IsSpace(r) || strings.ContainsRune("\",;:<>()[]\\", r) || r == '\uFFFD' {
			return "", fmt.Errorf("it has the character %q", r)
		}
	}
	return a, nil
}

// requestMail sends a mail link.
func (x *exchange) requestMail(p *provider) (*answer, error) {
	normalize := p.email.NormalizeIdentifier
	if normalize == nil {
		normalize = normalizeAddress
	}
	address, err := normalize(x.field("email"))
	if err == nil && address == "" {
		err = errors.New("it is empty")
	}
	if err == nil && x.e.dialect.dottedDomain && p.email.NormalizeIdentifier == nil && !strings.Contains(address[strings.LastIndexByte(address, '@'):], ".") {
		err = errors.New("its domain has no dot")
	}
	if err != nil {
		return nil, refuse(CodeConfiguration, "EmailSignInError", fmt.Errorf("the address is refused: %w", err), "")
	}
	user, err := x.userOfAddress(address)
	if err != nil {
		return nil, err
	}
	account := &Account{Type: "email", Provider: p.ID, ProviderAccountID: address, UserID: user.ID}
	redirect, err := x.ask(SignInParams{User: user, Account: account, VerificationRequest: true})
	if err != nil {
		return nil, err
	}
	if redirect != "" {
		return x.goTo(redirect), nil
	}
	token, err := x.newVerificationToken(p)
	if err != nil {
		return nil, fail(CodeConfiguration, "EmailSignInError", err, "")
	}
	maxAge := p.email.MaxAge
	if maxAge == 0 {
		maxAge = 24 * time.Hour
	}
	expires := schema.Instant(x.now.Add(maxAge))
	_, err = x.e.adapter.CreateVerificationToken(x.ctx, store.VerificationToken{
		Identifier: address, Token: wire.HashVerificationToken(token, or(p.secret, x.e.hashSecrets[0])), Expires: expires,
	})
	if err != nil {
		return nil, adapterError("storing the token of a mail link", err)
	}
	x.wrote = true
	link := withQuery(x.at("/callback/"+p.ID), "callbackUrl", x.callbackURL, "token", token, "email", address)
	err = p.email.Sender.SendVerificationRequest(x.ctx, VerificationRequest{
		Identifier: address, URL: link, Token: token, Expires: expires, Provider: p.ID, Theme: x.e.cfg.Theme,
	})
	if err != nil {
		return nil, fail(CodeConfiguration, "EmailSignInError", fmt.Errorf("sending the mail: %w", err), "does the mail server answer?")
	}
	return x.goTo(withQuery(x.at("/verify-request"), "provider", p.ID, "type", "email")), nil
}

func (x *exchange) newVerificationToken(p *provider) (string, error) {
	if p.email.GenerateVerificationToken != nil {
		token, err := p.email.GenerateVerificationToken()
		if err == nil && token == "" {
			err = errors.New("GenerateVerificationToken returned nothing")
		}
		return token, err
	}
	return wire.RandomHex(x.e.cfg.Rand)
}

// userOfAddress is the stored user with the address, or the one that would be
// created.
func (x *exchange) userOfAddress(address string) (*User, error) {
	u, err := x.e.adapter.GetUserByEmail(x.ctx, address)
	if err == nil {
		x.canonical(&u)
		return &u, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, adapterError("looking up an address", err)
	}
	u, err = x.newUserOf(address)
	return &u, err
}

func (x *exchange) newUserOf(address string) (User, error) {
	id, err := wire.UUID(x.e.cfg.Rand)
	return User{ID: id, Email: &address}, err
}
