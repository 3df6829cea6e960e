package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/internal/wire"
)

func (x *exchange) setJWT(t *Token) error {
	value, err := x.sealJWT(t)
	if err != nil {
		return err
	}
	like := x.site.cookies.session
	x.always = slices.DeleteFunc(x.always, func(c wire.SetCookie) bool { // of an earlier token
		return c.Name == like.Name || strings.HasPrefix(c.Name, like.Name+".")
	})
	like.Expires = x.now.Add(x.cfg.SessionMaxAge)
	if x.set, err = x.dialect.SetSessionCookie(x.set, x.cookies, like, value); err != nil {
		return cannotWrite(err)
	}
	return nil
}

// sealJWT returns the value of the cookie of t.
func (x *exchange) sealJWT(t *Token) (string, error) {
	value, err := x.site.session.EncodeToken(t, x.now, x.cfg.JWTMaxAge, x.cfg.Rand)
	if err == nil {
		err = checkSize(x, t, value)
	}
	if err != nil {
		return "", cannotWrite(err)
	}
	return value, nil
}

func cannotWrite(err error) *Error {
	return fail(codeConfiguration, "JWTSessionError", fmt.Errorf("the session cookie cannot be written: %w", err),
		"keep less in the token: store large values in the database")
}

func (x *exchange) setDatabaseCookie(token string, expires time.Time) (err error) {
	like := x.site.cookies.session
	like.Expires = expires
	x.set, err = x.dialect.SetSessionCookie(x.set, x.cookies, like, token)
	if err != nil {
		return fail(codeConfiguration, "SessionTokenError", err, "GenerateSessionToken returned a token that is too long")
	}
	return nil
}

func (x *exchange) clearSession() {
	x.set = wire.ClearSessionCookie(x.set, x.cookies, x.site.cookies.session)
}
