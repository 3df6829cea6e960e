package engine

import (
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
)

// continueRow returns the session of a valid row.
func (x sessionRead) continueRow(p *presence) (*Session, error) {
	row, user := p.row, p.user
	var expires time.Time
	var notRolled *Error
	if !x.readOnly() {
		expires, notRolled = x.roll(row)
	}
	if changes, ok := x.update.(map[string]any); ok && x.checked() {
		var err error
		if user, row, err = x.updateRows(user, row, changes); err != nil {
			return nil, err // the same store failed: log it once
		}
	}
	if notRolled != nil {
		x.report(notRolled)
	}
	x.canonical(x.ctx, &user)
	s := &Session{User: user, Expires: schema.Instant(row.Expires), Strategy: StrategyDatabase}
	if x.cfg.Schema != nil {
		s.Extra = x.canonicalExtra(x.ctx, x.cfg.Schema.Session, row.Extra)
	}
	s, err := x.callback(s)
	if err != nil || s == nil {
		return nil, err
	}
	if x.cfg.Parity.ReissueOnEveryRead && !x.readOnly() {
		expires = x.now.Add(x.cfg.SessionMaxAge)
	}
	if !expires.IsZero() {
		if err := x.setDatabaseCookie(p.cookie, expires); err != nil {
			return nil, err
		}
	}
	return s, nil
}
