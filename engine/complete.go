package engine

import (
	"errors"
	"fmt"
)

// complete is the common end of every sign-in: it calls the signIn callback with
// the user to be signed in, links or creates the user, starts the session, runs
// the events, and redirects the browser.
func (x *exchange) complete(p ProviderInfo, id Identity) (*reply, error) {
	owner := ownerOf(x, p, id)
	in, err := owner.candidate()
	if err != nil {
		return nil, err
	}
	redirect, err := x.signInCallback(SignInParams{User: in.user, Account: in.account, Profile: in.profile, Tokens: in.tokens, Credentials: id.credentials})
	if err != nil {
		return nil, err
	}
	if redirect != "" {
		return x.goTo(redirect), nil
	}
	in, start, err := owner.settle(in)
	if err != nil {
		return nil, err
	}
	if err := start(x, in); err != nil {
		return nil, err
	}
	return x.finish(in)
}

// signInCallback runs Callbacks.SignIn. redirect is the URL of a RedirectTo.
func (x *exchange) signInCallback(p SignInParams) (redirect string, err error) {
	f := x.cfg.Callbacks.SignIn
	if f == nil {
		return "", nil
	}
	d, err := f(x.ctx, &p)
	switch {
	case err != nil:
		refused := refuse(codeAccessDenied, "AccessDenied", fmt.Errorf("signIn callback: %w", err), "")
		refused.message = err.Error()
		return "", refused
	case d.url != "" && x.cfg.Parity.DangerousSignInRedirects:
		return d.url, nil
	case d.url != "":
		return x.redirectTarget(d.url)
	case !d.allow:
		return "", refuse(codeAccessDenied, "AccessDenied", errors.New("the signIn callback refused"), "")
	}
	return "", nil
}

// finish ends a successful sign-in: it renews the CSRF token, runs the event and
// redirects the browser.
func (x *exchange) finish(in signingIn) (*reply, error) {
	x.wrote, x.began = true, true
	if !x.cfg.Parity.KeepCSRFToken {
		if err := x.renewCSRF(); err != nil {
			return nil, err
		}
	}
	if f := x.cfg.Events.SignIn; f != nil {
		x.runEvent("signIn", func() error {
			return f(x.ctx, &SignInEvent{User: in.user, Account: in.account, Profile: in.profile, IsNewUser: in.isNewUser})
		})
	}
	if own := x.cfg.Pages.NewUser; own != "" && in.isNewUser {
		return x.goTo(withQuery(own, "callbackUrl", x.callbackURL)), nil
	}
	return x.goTo(x.callbackURL), nil
}
