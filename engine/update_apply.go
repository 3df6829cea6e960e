package engine

import (
	"errors"
	"fmt"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// updateToken applies checked changes to a token, and to the stored user, if
// any.
func (x sessionRead) updateToken(t *Token, changes map[string]any) error {
	for name, v := range changes {
		if f, ok := x.cfg.Schema.UserField(name); ok && !f.InToken() {
			if x.adapter.Adapter == nil {
				return fail(codeConfiguration, "SchemaError", fmt.Errorf("the user field %q cannot be stored", name),
					"set Field.Token, or Config.Adapter")
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
	user, _ := x.splitUpdate(changes)
	if len(user) == 0 || x.adapter.Adapter == nil || t.Subject == "" {
		return nil
	}
	// Do not store a value too large for a token: every later sign-in of the user
	// would fail.
	if _, err := x.sealJWT(t); err != nil {
		return err
	}
	_, err := x.updateUser(&unit{capabilities: x.adapter}, t.Subject, user)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

func (x sessionRead) updateRows(u User, row AdapterSession, changes map[string]any) (User, AdapterSession, error) {
	user, session := x.splitUpdate(changes)
	err := x.atomically(x.ctx, func(t *unit) error {
		// A try that fails must leave the keys to the next one.
		if len(user) > 0 {
			updated, err := x.updateUser(t, u.ID, user)
			if err != nil {
				return err
			}
			u = updated
		}
		if len(session) > 0 {
			updated, err := t.UpdateSession(x.ctx, store.SessionUpdate{SessionToken: row.SessionToken, Extra: session})
			if err != nil {
				return adapterError("updating a session", err)
			}
			row = updated
		}
		return nil
	})
	return u, row, err
}

func (x sessionRead) updateUser(t *unit, id string, changes map[string]any) (User, error) {
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
	u, err := t.UpdateUser(x.ctx, up)
	if err != nil {
		return u, adapterError("updating a user", err)
	}
	x.canonical(x.ctx, &u)
	if f := x.cfg.Events.UpdateUser; f != nil {
		t.after(func() { x.runEvent("updateUser", func() error { return f(x.ctx, &u) }) })
	}
	return u, nil
}

// splitUpdate splits checked changes into those of the user and the session.
func (c *core) splitUpdate(changes map[string]any) (user, session map[string]any) {
	for name, v := range changes {
		_, ofUser := c.cfg.Schema.UserField(name)
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

func textOf(v any) *string {
	if s, ok := v.(string); ok {
		return &s
	}
	return nil
}
