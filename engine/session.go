package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// getSession answers GET session.
func (x *exchange) getSession() (*answer, error) {
	s, err := x.readSession(TriggerRead, nil)
	if err != nil {
		x.report(asError(err, "SessionTokenError")) // what cannot be read is signed out
	}
	return x.json(x.e.appendSession(nil, s)), nil
}

// readSession reads the session of the request, rolls it when that is due and
// clears a cookie that is none. nil: signed out. With TriggerUpdate, update
// (checked, or the browser's own with DangerousUpdateData) is applied.
func (x *exchange) readSession(trigger Trigger, update any) (*Session, error) {
	cookie := wire.SessionCookie(x.cookies, x.site.cookies.session.Name)
	if cookie == "" {
		x.clearSession() // of chunks that make no token
		return nil, nil
	}
	if x.e.strategy == StrategyDatabase {
		return x.readDatabaseSession(cookie, trigger, update)
	}
	return x.readJWTSession(cookie, trigger, update)
}

// readOnly reports whether the caller says that it cannot hand cookies on, as a
// server component that renders a page for the browser. An extension that the
// browser's cookie does not learn of would keep later requests from making it.
func (x *exchange) readOnly(trigger Trigger) bool {
	said := x.r.Header["X-Auth-Read-Only"]
	return trigger == TriggerRead && len(said) > 0 && said[0] == "1"
}

// checked reports whether the data of update() has been checked, and is to be
// applied before the callbacks run.
func (x *exchange) checked() bool { return x.trusted || !x.e.cfg.Parity.DangerousUpdateData }

func (x *exchange) clearSession() {
	x.set = wire.ClearSessionCookie(x.set, x.cookies, x.site.cookies.session)
}

// ---- jwt strategy

func (x *exchange) readJWTSession(cookie string, trigger Trigger, update any) (*Session, error) {
	e := x.e
	token, current, err := x.site.session.DecodeToken(cookie, e.cfg.Schema, x.now)
	if err != nil {
		// A cookie of yesterday, of another secret or of nobody: signed out.
		x.clearSession()
		e.cfg.Logger.DebugContext(x.ctx, "auth: the session cookie is not valid", "cause", err.Error())
		return nil, nil
	}
	x.noteDrift(token)
	before := token
	refresh := x.refreshDue(token)
	if e.cfg.Callbacks.JWT != nil || update != nil || refresh {
		before = token.Clone()
	}
	if refresh {
		switch err := x.refreshUser(token); {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
			x.clearSession()
			e.cfg.Logger.InfoContext(x.ctx, "auth: the user of a session is not in the store any more and is signed out", "user", cut(token.Subject),
				"hint", "sessions of users that the store never had need UserRefreshAge -1")
			return nil, nil
		case err != nil:
			return nil, adapterError("reading the user of a session anew", err)
		}
	}
	if changes, ok := update.(map[string]any); ok && x.checked() {
		if err := x.updateToken(token, changes); err != nil {
			return nil, err
		}
	}
	if e.cfg.Callbacks.JWT != nil {
		p := &JWTParams{Token: token, Trigger: trigger, Update: update}
		if err := e.cfg.Callbacks.JWT(x.ctx, p); err != nil {
			x.clearSession()
			return nil, fail(CodeConfiguration, "JWTSessionError", fmt.Errorf("the jwt callback: %w", err), "")
		}
		if token = p.Token; token == nil {
			x.clearSession()
			return nil, nil
		}
	}
	due := e.cfg.Parity.ReissueOnEveryRead || trigger == TriggerUpdate || !current || e.jwtDue(before, x.now) ||
		token != before && !token.SameClaims(before)
	due = due && !x.readOnly(trigger)
	expires := x.now.Add(e.cfg.SessionMaxAge)
	if !due {
		expires = e.jwtExpires(before)
	}
	s, err := x.sessionOfToken(token, expires, trigger, update)
	if err != nil || s == nil {
		x.clearSession()
		return nil, err
	}
	if due {
		switch err := x.setJWT(token); {
		case err != nil && trigger == TriggerUpdate:
			return nil, err
		case err != nil: // the cookie that the browser has is as good as it was
			x.report(asError(err, "JWTSessionError"))
			s.Expires = schema.Instant(e.jwtExpires(before))
		}
	}
	x.sessionEvent(s)
	return s, nil
}

// claimUserRead is the claim that says when the user's part of a token was read
// from the store, in UNIX seconds. It is there only where UserRefreshAge is.
const claimUserRead = "sesame:userReadAt"

// refreshes reports whether tokens are refreshed from the store.
func (e *Engine) refreshes() bool {
	return e.cfg.UserRefreshAge > 0 && e.adapter != nil && e.strategy == StrategyJWT
}

func (x *exchange) refreshDue(t *Token) bool {
	if !x.e.refreshes() || t.Subject == "" {
		return false
	}
	read, _ := t.Extra[claimUserRead].(float64) // absent: of a server that does not refresh
	return x.now.Sub(time.Unix(int64(read), 0)) >= x.e.cfg.UserRefreshAge
}

// refreshUser puts the stored user into a token.
func (x *exchange) refreshUser(t *Token) error {
	u, err := x.e.adapter.GetUser(x.ctx, t.Subject)
	if err != nil {
		return err
	}
	x.canonical(&u)
	for _, claim := range []struct {
		name  string
		to    **string
		value *string
	}{{"name", &t.Name, u.Name}, {"email", &t.Email, u.Email}, {"picture", &t.Picture, u.Image}} {
		*claim.to = claim.value // where both are nil, null stays null, and absent absent
	}
	x.stampUser(t)
	if c := x.e.cfg.Schema; c != nil {
		for i := range c.User {
			if f := &c.User[i]; f.InToken() && !schema.Builtin(f.Name) {
				t.Extra[f.Name] = u.Extra[f.Name]
			}
		}
	}
	return nil
}

// stampUser notes in a token that its user has just been read.
func (x *exchange) stampUser(t *Token) {
	if !x.e.refreshes() {
		return
	}
	if t.Extra == nil {
		t.Extra = make(map[string]any)
	}
	t.Extra[claimUserRead] = float64(x.now.Unix())
}

// noteDrift says once of each declared claim that old tokens have it otherwise.
func (x *exchange) noteDrift(t *Token) {
	for _, d := range t.Drift() {
		what, level := "is missing and is read as the default", slog.LevelInfo
		attrs := []any{"field", d.Field}
		switch {
		case d.Err != nil:
			what, level = "does not fit the schema and is read as the default", slog.LevelWarn
			attrs = append(attrs, "cause", d.Err.Error())
		case d.Was != "":
			what = "is read from its earlier name"
			attrs = append(attrs, "was", d.Was)
		}
		if x.e.first("drift " + d.Field + " " + what) {
			x.e.cfg.Logger.Log(x.ctx, level, "auth: a claim of a session token that was issued under another schema "+what, attrs...)
		}
	}
}

// jwtDue reports whether a token is old enough to be issued anew.
func (e *Engine) jwtDue(t *Token, now time.Time) bool {
	if e.cfg.SessionUpdateAge < 0 {
		return true
	}
	if e.cfg.SessionUpdateAge >= e.cfg.SessionMaxAge {
		return false
	}
	return now.Sub(time.Unix(t.IssuedAt, 0)) >= e.cfg.SessionUpdateAge
}

// jwtExpires is when a session ends that is not issued anew: with its cookie,
// or with its token where that is sooner.
func (e *Engine) jwtExpires(t *Token) time.Time {
	expires := time.Unix(t.Expires, 0)
	if t.IssuedAt != 0 {
		if cookie := time.Unix(t.IssuedAt, 0).Add(e.cfg.SessionMaxAge); cookie.Before(expires) {
			return cookie
		}
	}
	return expires
}

func (x *exchange) setJWT(t *Token) error {
	value, err := x.sealJWT(t)
	if err != nil {
		return err
	}
	like := x.site.cookies.session
	x.always = slices.DeleteFunc(x.always, func(c wire.SetCookie) bool { // of a token before this one
		return c.Name == like.Name || strings.HasPrefix(c.Name, like.Name+".")
	})
	like.Expires = x.now.Add(x.e.cfg.SessionMaxAge)
	if x.set, err = x.e.dialect.SetSessionCookie(x.set, x.cookies, like, value); err != nil {
		return cannotWrite(err)
	}
	return nil
}

// sealJWT is the value of the cookie of t.
func (x *exchange) sealJWT(t *Token) (string, error) {
	value, err := x.site.session.EncodeToken(t, x.now, x.e.cfg.JWTMaxAge, x.e.cfg.Rand)
	if err == nil {
		err = x.checkSize(t, value)
	}
	if err != nil {
		return "", cannotWrite(err)
	}
	return value, nil
}

func cannotWrite(err error) *Error {
	return fail(CodeConfiguration, "JWTSessionError", fmt.Errorf("the session cookie cannot be written: %w", err),
		"keep less in the token: put large values into the database")
}

// sessionOfToken is what handlers and the browser see of a token.
func (x *exchange) sessionOfToken(t *Token, expires time.Time, trigger Trigger, update any) (*Session, error) {
	if x.e.cfg.Callbacks.Session != nil {
		t = t.Clone() // what the callback changes is not written into the cookie
	}
	s := &Session{
		User:     User{ID: t.Subject, Name: t.Name, Email: t.Email, Image: t.Picture},
		Expires:  schema.Instant(expires),
		Token:    t,
		Strategy: StrategyJWT,
	}
	if c := x.e.cfg.Schema; c != nil {
		s.User.Extra = pick(c.User, t.Extra)
		s.Extra = pick(c.Session, t.Extra)
	}
	return x.sessionCallback(s, trigger, update)
}

// pick returns the declared fields that are there; nil when there are none.
func pick(fields []schema.Field, from map[string]any) map[string]any {
	var out map[string]any
	for i := range fields {
		if v, ok := from[fields[i].Name]; ok {
			if out == nil {
				out = make(map[string]any, len(fields))
			}
			out[fields[i].Name] = v
		}
	}
	return out
}

func (x *exchange) sessionCallback(s *Session, trigger Trigger, update any) (*Session, error) {
	if x.e.cfg.Callbacks.Session == nil {
		return s, nil
	}
	if s.Extra == nil && x.e.cfg.Schema != nil && len(x.e.cfg.Schema.Computed) > 0 {
		s.Extra = make(map[string]any) // for the callback to write into
	}
	p := &SessionParams{Session: s, Trigger: trigger, Update: update}
	if err := x.e.cfg.Callbacks.Session(x.ctx, p); err != nil {
		return nil, fail(CodeConfiguration, "SessionTokenError", fmt.Errorf("the session callback: %w", err), "")
	}
	if s = p.Session; s != nil {
		x.noteUndeclared("user.", s.User.Extra, x.e.cfg.Schema.UserField)
		x.noteUndeclared("", s.Extra, func(name string) (schema.Field, bool) {
			f, ok := x.e.cfg.Schema.SessionField(name)
			if !ok {
				f, ok = x.e.cfg.Schema.ComputedField(name)
			}
			return f, ok
		})
	}
	return s, nil
}

// noteUndeclared says once of each key that the browser will not get it.
func (x *exchange) noteUndeclared(where string, extra map[string]any, declared func(string) (schema.Field, bool)) {
	for name := range extra {
		if _, ok := declared(name); ok {
			continue
		}
		if x.e.first("undeclared " + where + name) {
			x.e.cfg.Logger.WarnContext(x.ctx, "auth: the browser does not get what the session callback set, because the Schema does not declare it",
				"field", where+name, "hint", "declare it in Config.Schema with Client: schema.Read")
		}
	}
}

func (x *exchange) sessionEvent(s *Session) {
	if f := x.e.cfg.Events.Session; f != nil {
		x.event("session", func() error { return f(x.ctx, &SessionEvent{Session: s}) })
	}
}

// event runs an event. Its failure is logged and changes nothing.
func (x *exchange) event(name string, tell func() error) {
	if err := guard(tell); err != nil {
		e := fail("", "EventError", fmt.Errorf("the %s event: %w", name, err), "the request went on")
		var panicked *Error
		if errors.As(err, &panicked) {
			e.stack = panicked.stack
		}
		x.report(e)
	}
}

// ---- database strategy

// sessionKey is how an adapter knows a session token.
func (e *Engine) sessionKey(token string) string {
	if e.traits.SharedWithAuthJS {
		return token
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func (x *exchange) readDatabaseSession(token string, trigger Trigger, update any) (*Session, error) {
	e := x.e
	row, user, err := e.adapter.GetSessionAndUser(x.ctx, e.sessionKey(token))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) {
		x.clearSession()
		return nil, nil
	}
	if err != nil {
		return nil, adapterError("reading a session", err)
	}
	if !row.Expires.After(x.now) {
		x.clearSession()
		if err := e.adapter.DeleteSession(x.ctx, row.SessionToken); err != nil {
			x.report(adapterError("deleting an expired session", err))
		}
		return nil, nil
	}
	var expires time.Time
	var notRolled *Error
	if !x.readOnly(trigger) {
		expires, notRolled = x.roll(row)
	}
	if changes, ok := update.(map[string]any); ok && x.checked() {
		if user, row, err = x.updateRows(user, row, changes); err != nil {
			return nil, err // of the same store: one line is enough
		}
	}
	if notRolled != nil {
		x.report(notRolled)
	}
	x.canonical(&user)
	s := &Session{User: user, Expires: schema.Instant(row.Expires), Strategy: StrategyDatabase}
	if e.cfg.Schema != nil {
		s.Extra = x.canonicalExtra(e.cfg.Schema.Session, row.Extra)
	}
	if s, err = x.sessionCallback(s, trigger, update); err != nil || s == nil {
		return nil, err
	}
	if e.cfg.Parity.ReissueOnEveryRead && !x.readOnly(trigger) {
		expires = x.now.Add(e.cfg.SessionMaxAge)
	}
	if !expires.IsZero() {
		if err := x.setDatabaseCookie(token, expires); err != nil {
			return nil, err
		}
	}
	x.sessionEvent(s)
	return s, nil
}

func (x *exchange) setDatabaseCookie(token string, expires time.Time) (err error) {
	like := x.site.cookies.session
	like.Expires = expires
	x.set, err = x.e.dialect.SetSessionCookie(x.set, x.cookies, like, token)
	if err != nil {
		return fail(CodeConfiguration, "SessionTokenError", err, "GenerateSessionToken returns a token that is too long")
	}
	return nil
}

// roll extends a session row when updateAge has passed since the last time,
// and returns its new end, or zero when it stays. Where it cannot be written it
// stays, and is as good as it was; the error is for the log.
func (x *exchange) roll(row AdapterSession) (extended time.Time, failed *Error) {
	e := x.e
	if e.cfg.SessionUpdateAge >= e.cfg.SessionMaxAge {
		return time.Time{}, nil
	}
	if row.Expires.Add(-e.cfg.SessionMaxAge).Add(max(e.cfg.SessionUpdateAge, 0)).After(x.now) {
		return time.Time{}, nil
	}
	expires := schema.Instant(x.now.Add(e.cfg.SessionMaxAge))
	if !expires.After(row.Expires) {
		return time.Time{}, nil
	}
	if !e.extended.begin(row.SessionToken, row.Expires, x.now) {
		return time.Time{}, nil // another request of the same moment does it
	}
	_, err := e.adapter.UpdateSession(x.ctx, store.SessionUpdate{SessionToken: row.SessionToken, Expires: &expires})
	if err == nil {
		return expires, nil
	}
	e.extended.undo(row.SessionToken)
	if !errors.Is(err, store.ErrNotFound) { // signed out in between
		failed = adapterError("extending a session", err)
	}
	return time.Time{}, failed
}

// extended remembers which sessions this process has just extended, so that
// reads at the same moment write once.
type extended struct {
	mu   sync.Mutex
	rows map[string]extension
}

type extension struct{ was, at time.Time }

const (
	extendedFor  = time.Minute // longer than any read takes
	extendedMost = 4096
)

// begin reports whether the caller is the one to extend the session that ended
// at was.
func (d *extended) begin(token string, was, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, ok := d.rows[token]; ok && last.was.Equal(was) && now.Sub(last.at) < extendedFor {
		return false
	}
	if d.rows == nil {
		d.rows = make(map[string]extension)
	}
	if len(d.rows) >= extendedMost {
		for t, last := range d.rows {
			if now.Sub(last.at) >= extendedFor {
				delete(d.rows, t)
			}
		}
		if len(d.rows) >= extendedMost {
			clear(d.rows)
		}
	}
	d.rows[token] = extension{was, now}
	return true
}

func (d *extended) undo(token string) {
	d.mu.Lock()
	delete(d.rows, token)
	d.mu.Unlock()
}

// ---- what the browser sees

// appendSession appends the body of GET session: what the browser may see.
func (e *Engine) appendSession(dst []byte, s *Session) []byte {
	if s == nil {
		return e.dialect.AppendSession(dst, nil)
	}
	// A store's null is null; what a token lacks is absent, unless it was null.
	null := func(claim string) bool {
		return s.Strategy == StrategyDatabase || s.Token != nil && s.Token.IsNull(claim)
	}
	b := wire.Body{Expires: s.Expires}
	c := e.cfg.Schema
	if c.ClientAccess("name") >= schema.Read {
		b.Name = wire.Text{Value: s.User.Name, Null: null("name")}
	}
	if c.ClientAccess("email") >= schema.Read {
		b.Email = wire.Text{Value: s.User.Email, Null: null("email")}
	}
	if c.ClientAccess("image") >= schema.Read {
		b.Image = wire.Text{Value: s.User.Image, Null: null("picture")}
	}
	if c != nil {
		if c.ClientAccess("id") >= schema.Read {
			b.User = append(b.User, wire.Member{Name: "id", Value: s.User.ID})
		}
		b.User = appendVisible(b.User, c.User, s.User.Extra)
		b.Session = appendVisible(b.Session, c.Session, s.Extra)
		b.Session = appendComputed(b.Session, c.Computed, s.Extra)
	}
	return e.dialect.AppendSession(dst, &b)
}

func appendVisible(dst []wire.Member, fields []schema.Field, values map[string]any) []wire.Member {
	for i := range fields {
		f := &fields[i]
		if !f.Shown() || schema.Builtin(f.Name) {
			continue
		}
		v, ok := values[f.Name]
		if ok {
			var err error
			if v, err = f.Canon(v); err != nil {
				ok = false
			}
		}
		if !ok {
			v = f.Zero()
		}
		dst = append(dst, wire.Member{Name: f.Name, Value: v})
	}
	return dst
}

// appendComputed leaves out what the session callback did not set: there is
// nothing to fall back on that would be true.
func appendComputed(dst []wire.Member, fields []schema.Field, values map[string]any) []wire.Member {
	for i := range fields {
		f := &fields[i]
		v, ok := values[f.Name]
		if !ok || !f.Shown() {
			continue
		}
		if v, err := f.Canon(v); err == nil {
			dst = append(dst, wire.Member{Name: f.Name, Value: v})
		}
	}
	return dst
}

// ---- canonical values

// canonical makes what an adapter returned for a user canonical.
func (x *exchange) canonical(u *User) {
	if x.e.cfg.Schema != nil {
		u.Extra = x.canonicalExtra(x.e.cfg.Schema.User, u.Extra)
	}
}

func (x *exchange) canonicalExtra(fields []schema.Field, extra map[string]any) map[string]any {
	var out map[string]any
	for i := range fields {
		f := &fields[i]
		if schema.Builtin(f.Name) {
			continue
		}
		if out == nil {
			out = make(map[string]any, len(fields))
		}
		v, ok := extra[f.Name]
		if ok {
			canon, err := f.Canon(v)
			if err == nil {
				out[f.Name] = canon
				continue
			}
			x.e.cfg.Logger.WarnContext(x.ctx, "auth: a stored value does not fit the schema and is read as the default",
				"field", f.Name, "cause", err.Error())
		}
		out[f.Name] = f.Zero()
	}
	return out
}
