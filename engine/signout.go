package engine

import (
	"errors"

	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// postSignOut answers POST signout.
func postSignOut(x *exchange) (*reply, error) {
	if err := x.endSession(); err != nil {
		return nil, err
	}
	return x.goTo(x.callbackURL), nil
}

// endSession ends the session of the request. It clears the cookies even when it
// fails.
func (x *exchange) endSession() error {
	// The person leaves a computer that may not be theirs: the cookie is cleared
	// even when the store fails, or panics.
	x.always = wire.ClearSessionCookie(x.always, x.cookies, x.site.cookies.session)
	if !x.cfg.Parity.KeepCSRFToken {
		if err := x.renewCSRF(); err != nil {
			return err
		}
	}
	return x.endPresent()
}

// endPresent ends the session of the current cookies.
func (x *exchange) endPresent() error {
	event := x.cfg.Events.SignOut
	read := keyOnly
	if event != nil {
		read = rowOnly
	}
	p, err := x.presence(read)
	switch {
	case err != nil:
		return adapterError("reading a session to end it", err)
	case p.cause != nil:
		x.cfg.Logger.DebugContext(x.ctx, "auth: the session cookie is invalid", "cause", p.cause.Error())
		return nil
	case p.state == stateNone, p.state == stateInvalid:
		return nil
	}
	ended := &SignOutEvent{Token: p.token}
	if x.strategy == StrategyDatabase {
		if err := x.adapter.DeleteSession(x.ctx, p.key); err != nil && !errors.Is(err, store.ErrInvalid) {
			return adapterError("deleting a session", err)
		}
		ended.Session = &p.row
	}
	if event != nil {
		x.runEvent("signOut", func() error { return event(x.ctx, ended) })
	}
	return nil
}
