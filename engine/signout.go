package engine

import (
	"errors"

	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// postSignOut answers POST signout.
func (x *exchange) postSignOut() (*answer, error) {
	if err := x.checkCSRF(); err != nil {
		return nil, err
	}
	if err := x.endSession(); err != nil {
		// The person leaves a computer that may not be theirs: the cookie goes
		// whatever the store says.
		x.always = append(x.always, x.set...)
		return nil, err
	}
	return x.goTo(x.callbackURL), nil
}

// endSession ends the session of the request and clears its cookies, the
// cookies also when it fails.
func (x *exchange) endSession() error {
	x.clearSession()
	if !x.e.cfg.Parity.KeepCSRFToken {
		if err := x.renewCSRF(); err != nil {
			return err
		}
	}
	cookie := wire.SessionCookie(x.cookies, x.site.cookies.session.Name)
	if cookie == "" {
		return nil
	}
	tell := x.e.cfg.Events.SignOut
	if x.e.strategy == StrategyJWT {
		t, _, err := x.site.session.DecodeToken(cookie, x.e.cfg.Schema, x.now)
		if err != nil {
			x.e.cfg.Logger.DebugContext(x.ctx, "auth: the session cookie is not valid", "cause", err.Error())
			return nil
		}
		if tell != nil {
			x.event("signOut", func() error { return tell(x.ctx, &SignOutEvent{Token: t}) })
		}
		return nil
	}
	key := x.e.sessionKey(cookie)
	ended := AdapterSession{SessionToken: key}
	if tell != nil {
		row, err := x.e.adapter.GetSession(x.ctx, key)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) {
			return nil
		}
		if err != nil {
			return adapterError("reading the session that ends", err)
		}
		ended = row
	}
	if err := x.e.adapter.DeleteSession(x.ctx, key); err != nil && !errors.Is(err, store.ErrInvalid) {
		return adapterError("deleting a session", err)
	}
	if tell != nil {
		x.event("signOut", func() error { return tell(x.ctx, &SignOutEvent{Session: &ended}) })
	}
	return nil
}
