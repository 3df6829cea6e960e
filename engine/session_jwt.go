package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// continueToken returns the session of a valid token.
func (x sessionRead) continueToken(p *presence) (*Session, error) {
	token := p.token
	x.noteDrift(token)
	before := token
	refresh := x.refreshDue(token)
	if x.cfg.Callbacks.JWT != nil || x.update != nil || refresh {
		before = token.Clone()
	}
	if refresh {
		switch err := x.refreshUser(token); {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
			x.clearSession()
			x.cfg.Logger.InfoContext(x.ctx, "auth: the user of a session is no longer in the store, and is signed out", "user", truncate(token.Subject),
				"hint", "set UserRefreshAge to -1 if the store does not hold all users")
			return nil, nil
		case err != nil:
			return nil, adapterError("reading the user of a session again", err)
		}
	}
	if changes, ok := x.update.(map[string]any); ok && x.checked() {
		if err := x.updateToken(token, changes); err != nil {
			return nil, err
		}
	}
	if x.cfg.Callbacks.JWT != nil {
		p := &JWTParams{Token: token, Trigger: x.trigger, Update: x.update}
		if err := x.cfg.Callbacks.JWT(x.ctx, p); err != nil {
			x.clearSession()
			return nil, fail(codeConfiguration, "JWTSessionError", fmt.Errorf("jwt callback: %w", err), "")
		}
		if token = p.Token; token == nil {
			x.clearSession()
			return nil, nil
		}
	}
	due := x.cfg.Parity.ReissueOnEveryRead || x.trigger == triggerUpdate || !p.current || x.jwtDue(before, x.now) ||
		token != before && !token.SameClaims(before)
	due = due && !x.readOnly()
	expires := x.now.Add(x.cfg.SessionMaxAge)
	if !due {
		expires = x.jwtExpires(before)
	}
	s, err := x.sessionOfToken(token, expires)
	if err != nil || s == nil {
		x.clearSession()
		return nil, err
	}
	if due {
		switch err := x.setJWT(token); {
		case err != nil && x.trigger == triggerUpdate:
			return nil, err
		case err != nil: // the browser keeps its cookie
			x.report(asError(err, "JWTSessionError"))
			s.Expires = schema.Instant(x.jwtExpires(before))
		}
	}
	return s, nil
}

// sessionOfToken returns the session of a token, after the session callback.
func (x sessionRead) sessionOfToken(t *Token, expires time.Time) (*Session, error) {
	if x.cfg.Callbacks.Session != nil {
		t = t.Clone() // the callback's changes are not written into the cookie
	}
	s := &Session{
		User:     User{ID: t.Subject, Name: t.Name, Email: t.Email, Image: t.Picture},
		Expires:  schema.Instant(expires),
		Token:    t,
		Strategy: StrategyJWT,
	}
	if c := x.cfg.Schema; c != nil {
		s.User.Extra = pick(c.User, t.Extra)
		s.Extra = pick(c.Session, t.Extra)
	}
	return x.callback(s)
}

// ---- the user in the token

// claimUserRead is the claim with the time at which the user's part of a token
// was read from the store, in UNIX seconds. Only servers that refresh set it.
const claimUserRead = "sesame:userReadAt"

// refreshes reports whether tokens are refreshed from the store.
func (c *core) refreshes() bool {
	return c.cfg.UserRefreshAge > 0 && c.adapter.Adapter != nil && c.strategy == StrategyJWT
}

func (x sessionRead) refreshDue(t *Token) bool {
	if !x.refreshes() || t.Subject == "" {
		return false
	}
	read, _ := t.Extra[claimUserRead].(float64) // absent in tokens of servers that do not refresh
	return x.now.Sub(time.Unix(int64(read), 0)) >= x.cfg.UserRefreshAge
}

// refreshUser copies the stored user into a token.
func (x sessionRead) refreshUser(t *Token) error {
	u, err := x.adapter.GetUser(x.ctx, t.Subject)
	if err != nil {
		return err
	}
	x.canonical(x.ctx, &u)
	for _, claim := range []struct {
		name  string
		to    **string
		value *string
	}{{"name", &t.Name, u.Name}, {"email", &t.Email, u.Email}, {"picture", &t.Picture, u.Image}} {
		*claim.to = claim.value // where both are nil, null stays null, and absent absent
	}
	x.stampUser(t, x.now)
	if c := x.cfg.Schema; c != nil {
		for i := range c.User {
			if f := &c.User[i]; f.InToken() && !schema.Builtin(f.Name) {
				t.Extra[f.Name] = u.Extra[f.Name]
			}
		}
	}
	return nil
}

// stampUser records in a token that its user has just been read.
func (c *core) stampUser(t *Token, now time.Time) {
	if !c.refreshes() {
		return
	}
	if t.Extra == nil {
		t.Extra = make(map[string]any)
	}
	t.Extra[claimUserRead] = float64(now.Unix())
}

// noteDrift logs, once for each declared claim, that tokens issued under another
// schema differ in it.
func (x sessionRead) noteDrift(t *Token) {
	for _, d := range t.Drift() {
		what, level := "is missing; the default is used instead", slog.LevelInfo
		attrs := []any{"field", d.Field}
		switch {
		case d.Err != nil:
			what, level = "does not fit the schema; the default is used instead", slog.LevelWarn
			attrs = append(attrs, "cause", d.Err.Error())
		case d.Was != "":
			what = "is read from its earlier name"
			attrs = append(attrs, "was", d.Was)
		}
		if x.once("drift " + d.Field + " " + what) {
			x.cfg.Logger.Log(x.ctx, level, "auth: a claim of a session token issued under another schema "+what, attrs...)
		}
	}
}
