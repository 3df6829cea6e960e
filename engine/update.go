package engine

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// postSession answers POST session: update() of the client.
func (x *exchange) postSession() (*answer, error) {
	if err := x.checkCSRF(); err != nil {
		return nil, err
	}
	data, sent := x.form["data"]
	var update any
	switch {
	case x.e.cfg.Parity.DangerousUpdateData:
		update = data
	case sent && data != nil:
		changes, err := x.e.clientUpdate(data)
		if err != nil {
			x.report(refuse(CodeConfiguration, "UpdateRefused", err,
				"mark the field as client: write in the Schema if the browser may change it"))
			return x.message(http.StatusBadRequest, err.Error()), nil
		}
		if len(changes) > 0 {
			update = changes
		}
	}
	s, err := x.readSession(TriggerUpdate, update)
	if err != nil {
		x.report(asError(err, "SessionTokenError"))
	}
	return x.json(x.e.appendSession(nil, s)), nil
}

// clientUpdate checks what the browser sent to update(): only fields that the
// Schema marks as writable, with values that fit.
func (e *Engine) clientUpdate(data any) (map[string]any, error) {
	m, ok := data.(map[string]any)
	if !ok {
		return nil, errors.New("update: data is not an object")
	}
	return e.checkUpdate(m, schema.Write)
}

// checkUpdate returns the canonical values of m. Every key must be a field
// that the browser has at least the access to.
func (e *Engine) checkUpdate(m map[string]any, least schema.Access) (map[string]any, error) {
	out := make(map[string]any, len(m))
	for name, v := range m {
		f, ok := e.updatable(name)
		if !ok || f.Client < least {
			return nil, fmt.Errorf("update: the field %q cannot be changed", cut(name))
		}
		canon, err := f.Canon(v)
		if err != nil {
			return nil, fmt.Errorf("update: %w", err)
		}
		out[name] = canon
	}
	return out, nil
}

// maxBuiltin is the longest name or image, in bytes, that update() stores.
const maxBuiltin = 2048

func (e *Engine) updatable(name string) (schema.Field, bool) {
	c := e.cfg.Schema
	switch name {
	case "name", "image":
		return schema.Field{Name: name, Type: schema.Type{Nullable: true}, Client: c.ClientAccess(name), Max: maxBuiltin}, true
	}
	if f, ok := c.UserField(name); ok && !schema.Builtin(name) {
		return f, true
	}
	return c.SessionField(name)
}

// split sorts checked changes into those of the user and those of the session.
func (e *Engine) split(changes map[string]any) (user, session map[string]any) {
	for name, v := range changes {
		_, ofUser := e.cfg.Schema.UserField(name)
		if ofUser || schema.Builtin(name) {
			if user == nil {
				user = make(map[string]any)
			}
			user[name] = v
			continue
		}
		if session == nil {
			session = make(map[string]any)
		}
		session[name] = v
	}
	return user, session
}

// updateToken applies checked changes to a token, and to the stored user where
// there is one.
func (x *exchange) updateToken(t *Token, changes map[string]any) error {
	for name, v := range changes {
		if f, ok := x.e.cfg.Schema.UserField(name); ok && !f.InToken() {
			if x.e.adapter == nil {
				return fail(CodeConfiguration, "SchemaError", fmt.Errorf("the user field %q has no place to be kept", name),
					"it is neither in the token (Field.Token) nor is there an Adapter")
			}
			continue // the store has it
		}
		switch name {
		case "name":
			t.Name = textOf(v)
			t.SetNull("name", t.Name == nil)
		case "image":
			t.Picture = textOf(v)
			t.SetNull("picture", t.Picture == nil)
		default:
			if t.Extra == nil {
				t.Extra = make(map[string]any)
			}
			t.Extra[name] = v
		}
	}
	user, _ := x.e.split(changes)
	if len(user) == 0 || x.e.adapter == nil || t.Subject == "" {
		return nil
	}
	// What no token can carry must not be stored: every later sign-in of the user
	// would fail.
	if _, err := x.sealJWT(t); err != nil {
		return err
	}
	_, err := x.updateUser(x.e.adapter, t.Subject, user, func(event func()) { event() })
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

func (x *exchange) updateRows(u User, row AdapterSession, changes map[string]any) (User, AdapterSession, error) {
	user, session := x.e.split(changes)
	err := x.unit(func(a Adapter, tell func(func())) (err error) {
		if len(user) > 0 {
			if u, err = x.updateUser(a, u.ID, user, tell); err != nil {
				return err
			}
		}
		if len(session) > 0 {
			row, err = a.UpdateSession(x.ctx, store.SessionUpdate{SessionToken: row.SessionToken, Extra: session})
			if err != nil {
				return adapterError("updating a session", err)
			}
		}
		return nil
	})
	return u, row, err
}

func (x *exchange) updateUser(a Adapter, id string, changes map[string]any, tell func(func())) (User, error) {
	up := store.UserUpdate{ID: id}
	for name, v := range changes {
		switch name {
		case "name":
			up.Name = store.Change[string]{Set: true, Value: textOf(v)}
		case "image":
			up.Image = store.Change[string]{Set: true, Value: textOf(v)}
		default:
			if up.Extra == nil {
				up.Extra = make(map[string]any)
			}
			up.Extra[name] = v
		}
	}
	u, err := a.UpdateUser(x.ctx, up)
	if err != nil {
		return u, adapterError("updating a user", err)
	}
	x.canonical(&u)
	if f := x.e.cfg.Events.UpdateUser; f != nil {
		tell(func() { x.event("updateUser", func() error { return f(x.ctx, &UserEvent{User: &u}) }) })
	}
	return u, nil
}

func textOf(v any) *string {
	if s, ok := v.(string); ok {
		return &s
	}
	return nil
}
