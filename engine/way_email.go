package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/sesame-auth/sesame/engine/internal/pages"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// Email signs in with a link sent by mail.
type Email struct {
	ID   string // default: "email"
	Name string // default: "Email"
	// MaxAge is the lifetime of a link, in whole seconds. Default: 24 hours.
	MaxAge time.Duration
	// SendVerificationRequest sends the link, as in Auth.js.
	SendVerificationRequest func(ctx context.Context, m VerificationRequest) error
	// Secret hashes the tokens instead of Config.Secrets. E-mail providers must
	// have different secrets.
	Secret string
	// GenerateVerificationToken makes the token of a link. Only Config.Limit limits
	// guesses, so a short code is unsafe without it. Default: 32 random bytes in hex.
	GenerateVerificationToken func() (string, error)
	// NormalizeIdentifier normalises an address. Default: Unicode NFKC, trimmed,
	// lower case; anything but a single plain address is refused.
	NormalizeIdentifier func(address string) (string, error)
}

// VerificationRequest is a mail to be sent by Email.SendVerificationRequest.
type VerificationRequest struct {
	Identifier string // the address
	URL        string // the link
	Token      string // the token in the link
	Expires    time.Time
	Provider   string // the provider's id
	Theme      Theme
}

// ProviderInfo implements [Provider].
func (p *Email) ProviderInfo() ProviderInfo {
	return ProviderInfo{cmp.Or(p.ID, "email"), cmp.Or(p.Name, "Email"), "email"}
}

// emailWay is the way of [Email].
type emailWay struct {
	*Email
	info ProviderInfo
}

func (p *Email) setUp(s *settings, info ProviderInfo) way {
	if d := p.MaxAge; d != 0 && (d < time.Second || d%time.Second != 0) {
		s.providerProblem(info.ID, "use a whole number of seconds, at least one", "MaxAge is %v", d)
	}
	if p.SendVerificationRequest == nil {
		s.providerProblem(info.ID, "set SendVerificationRequest, which sends the mail", "SendVerificationRequest is nil")
	}
	if s.cfg.Adapter == nil {
		s.providerProblem(info.ID, "set Config.Adapter", "it needs an Adapter to store tokens")
	}
	secret := cmp.Or(p.Secret, s.secret)
	if other, taken := s.mailSecrets[secret]; taken {
		s.problem(aboutProviders, "give each its own Secret; otherwise a link of one would work at the other", "providers %q and %q: two e-mail providers with the same secret", other, info.ID)
	} else {
		s.mailSecrets[secret] = info.ID
	}
	return &emailWay{p, info}
}

func (w *emailWay) describe() ProviderInfo { return w.info }

func (w *emailWay) close() {}

func (w *emailWay) form() pages.Provider {
	return pages.Provider{ID: w.info.ID, Name: w.info.Name, Kind: "email", Action: "signin"}
}

func (w *emailWay) handler(method, action string) handler {
	switch {
	case action == "signin" && method == http.MethodPost:
		return handler{run: w.start}
	case action == "callback" && method == http.MethodPost:
		return handler{run: func(x *exchange) (*reply, error) { return w.follow(x, x.formValue("token"), x.formValue("email")) }}
	case action == "callback":
		return handler{run: w.confirm}
	}
	return handler{}
}

func (w *emailWay) signIn(x *exchange, o SignInOptions) (*reply, error) {
	x.form["email"] = o.Email
	return w.start(x)
}

// start sends a mail link.
func (w *emailWay) start(x *exchange) (*reply, error) {
	address, err := w.address(x)
	if err != nil {
		return nil, refuse(codeConfiguration, "EmailSignInError", fmt.Errorf("invalid address: %w", err), "")
	}
	if err := x.checkLimit(address); err != nil {
		return nil, err
	}
	user, _, err := userOfAddress(x, address)
	if err != nil {
		return nil, err
	}
	account := &Account{Type: "email", Provider: w.info.ID, ProviderAccountID: address, UserID: user.ID}
	redirect, err := x.signInCallback(SignInParams{User: user, Account: account, VerificationRequest: true})
	if err != nil {
		return nil, err
	}
	if redirect != "" {
		return x.goTo(redirect), nil
	}
	if err := w.send(x, address); err != nil {
		return nil, err
	}
	return x.goTo(withQuery(x.endpointURL("/verify-request"), "provider", w.info.ID, "type", "email")), nil
}

// address returns the normalised address to which the link is sent.
func (w *emailWay) address(x *exchange) (string, error) {
	normalize := w.NormalizeIdentifier
	if normalize == nil {
		normalize = normalizeAddress
	}
	address, err := normalize(x.formValue("email"))
	switch {
	case err != nil:
		return "", err
	case address == "":
		return "", errors.New("it is empty")
	case x.dialect.dottedDomain && w.NormalizeIdentifier == nil && !strings.Contains(address[strings.LastIndexByte(address, '@'):], "."):
		return "", errors.New("its domain has no dot")
	}
	return address, nil
}

// send stores a token and mails the link with it.
func (w *emailWay) send(x *exchange, address string) error {
	token, err := w.newVerificationToken(x)
	if err != nil {
		return fail(codeConfiguration, "EmailSignInError", err, "")
	}
	expires := schema.Instant(x.now.Add(cmp.Or(w.MaxAge, 24*time.Hour)))
	_, err = x.adapter.CreateVerificationToken(x.ctx, store.VerificationToken{
		Identifier: address, Token: wire.HashVerificationToken(token, cmp.Or(w.Secret, x.hashSecrets[0])), Expires: expires,
	})
	if err != nil {
		return adapterError("storing the token of a mail link", err)
	}
	x.wrote = true
	link := withQuery(x.endpointURL("/callback/"+w.info.ID), "callbackUrl", x.callbackURL, "token", token, "email", address)
	err = w.SendVerificationRequest(x.ctx, VerificationRequest{
		Identifier: address, URL: link, Token: token, Expires: expires, Provider: w.info.ID, Theme: x.cfg.Theme,
	})
	if err != nil {
		return fail(codeConfiguration, "EmailSignInError", fmt.Errorf("sending the mail: %w", err), "check that the mail server answers")
	}
	return nil
}

func (w *emailWay) newVerificationToken(x *exchange) (string, error) {
	if w.GenerateVerificationToken != nil {
		token, err := w.GenerateVerificationToken()
		if err == nil && token == "" {
			err = errors.New("GenerateVerificationToken returned an empty token")
		}
		return token, err
	}
	return wire.RandomHex(x.cfg.Rand)
}

// confirm answers an opened mail link with a page whose button follows it,
// because mail scanners open links as well.
func (w *emailWay) confirm(x *exchange) (*reply, error) {
	token, address := x.queryValue("token"), x.queryValue("email")
	if x.cfg.Parity.DangerousMailLinkOnGET {
		return w.follow(x, token, address)
	}
	if token == "" || address == "" {
		return nil, errMailLink()
	}
	if own := x.cfg.Pages.VerifyEmail; own != "" {
		return x.goTo(withQuery(own, "callbackUrl", x.callbackURL, "token", token, "email", address)), nil
	}
	d := pages.VerifyEmail{
		Action: x.path + "/callback/" + w.info.ID, CSRFToken: x.csrfToken, CallbackURL: x.callbackURL,
		Token: token, Email: address, Host: hostOf(x.origin), Locale: x.locale(), Theme: pages.Theme(x.cfg.Theme),
	}
	return x.answerPage(http.StatusOK, func(b *bytes.Buffer) error { return pages.WriteVerifyEmail(b, d) }), nil
}

func errMailLink() *Error {
	return refuse(codeConfiguration, "CallbackRouteError", errors.New("the mail link has no token or no email"),
		"the link was truncated, or built by hand").during(stageMailLink)
}

// follow signs in the holder of a mail link.
func (w *emailWay) follow(x *exchange, token, address string) (*reply, error) {
	if token == "" || address == "" {
		return nil, errMailLink()
	}
	used, err := w.useToken(x, address, token)
	if err != nil {
		return nil, err
	}
	return x.complete(w.info, Identity{Email: used.Identifier})
}

// useToken uses up a token in the store. Tokens hashed with an older secret are
// still valid.
func (w *emailWay) useToken(x *exchange, address, token string) (store.VerificationToken, error) {
	secrets := x.hashSecrets
	if w.Secret != "" {
		secrets = []string{w.Secret}
	}
	for _, secret := range secrets {
		used, err := x.adapter.UseVerificationToken(x.ctx, address, wire.HashVerificationToken(token, secret))
		switch {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
			continue
		case err != nil:
			return used, adapterError("using the token of a mail link", err)
		case !used.Expires.After(x.now):
			return used, refuse(codeVerification, "Verification", errors.New("the mail link has expired"), "request a new link")
		case used.Identifier != address: // the adapter violates rule R4
			return used, fail(codeVerification, "Verification", errors.New("the adapter returned the token of another address"), "run the conformance suite on it")
		}
		return used, nil
	}
	return store.VerificationToken{}, refuse(codeVerification, "Verification", errors.New("the mail link is unknown or already used"), "request a new link")
}

// normalizeAddress is the default of Email.NormalizeIdentifier: NFKC, trimmed,
// lower case, one @, no quotes, commas or spaces (GHSA-7rqj-j65f-68wh,
// GHSA-5jpx-9hw9-2fx4).
func normalizeAddress(address string) (string, error) {
	a := strings.ToLower(strings.TrimSpace(norm.NFKC.String(address)))
	local, domain, ok := strings.Cut(a, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return "", errors.New("it does not have the form name@domain")
	}
	if len(a) > 254 {
		return "", errors.New("it is longer than 254 bytes")
	}
	for _, r := range a {
		if !unicode.IsPrint(r) || unicode.IsSpace(r) || strings.ContainsRune("\",;:<>()[]\\", r) || r == '\uFFFD' {
			return "", fmt.Errorf("it contains the character %q", r)
		}
	}
	return a, nil
}

// codeV4 implements failureCodes.
func (w *emailWay) codeV4(action string, _ bool, e *Error) (string, bool) {
	switch {
	case e.stage == stageMailLink:
		return "configuration", false
	case action == "signin":
		return "EmailSignin", false
	case action != "callback":
		return e.Code, false
	case e.stage == stageCreateUser:
		return "EmailCreateAccount", false
	}
	return "Callback", false
}

func (w *emailWay) diagnose(_ context.Context, _ string, r *reporter) {
	r.info(about(w.info.ID), "links by mail, sent by the application")
}
