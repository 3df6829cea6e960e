package engine

import (
	"errors"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// jwtDue reports whether a token is old enough to be reissued.
func (c *core) jwtDue(t *Token, now time.Time) bool {
	if c.cfg.SessionUpdateAge < 0 {
		return true
	}
	if c.cfg.SessionUpdateAge >= c.cfg.SessionMaxAge {
		return false
	}
	return now.Sub(time.Unix(t.IssuedAt, 0)) >= c.cfg.SessionUpdateAge
}

// jwtExpires returns the end of a session that is not reissued: that of its
// cookie or its token, whichever is sooner.
func (c *core) jwtExpires(t *Token) time.Time {
	expires := time.Unix(t.Expires, 0)
	if t.IssuedAt != 0 {
		if cookie := time.Unix(t.IssuedAt, 0).Add(c.cfg.SessionMaxAge); cookie.Before(expires) {
			return cookie
		}
	}
	return expires
}

// roll extends a session row when SessionUpdateAge has passed since the last
// time. It returns the new end, or zero if unchanged. The error is for the log:
// the session remains valid.
func (x sessionRead) roll(row AdapterSession) (extended time.Time, failed *Error) {
	if x.cfg.SessionUpdateAge >= x.cfg.SessionMaxAge {
		return time.Time{}, nil
	}
	if row.Expires.Add(-x.cfg.SessionMaxAge).Add(max(x.cfg.SessionUpdateAge, 0)).After(x.now) {
		return time.Time{}, nil
	}
	expires := schema.Instant(x.now.Add(x.cfg.SessionMaxAge))
	if !expires.After(row.Expires) {
		return time.Time{}, nil
	}
	if !x.extended.claim(row.SessionToken, row.Expires, x.now) {
		return time.Time{}, nil // a concurrent request does it
	}
	_, err := x.adapter.UpdateSession(x.ctx, store.SessionUpdate{SessionToken: row.SessionToken, Expires: &expires})
	if err == nil {
		return expires, nil
	}
	x.extended.release(row.SessionToken)
	if !errors.Is(err, store.ErrNotFound) { // signed out meanwhile
		failed = adapterError("extending a session", err)
	}
	return time.Time{}, failed
}
