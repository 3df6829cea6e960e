package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
)

// GeneratedCodeVersion1 is what code that typegen printed refers to: it says
// which shape of this package that code was made for. An engine that has
// another shape has another constant in its place, so that what does not go
// together does not compile.
const GeneratedCodeVersion1 = true

// DecodeSession reads the body of GET session (WIRE.md section 5) under a
// schema, which may be nil; nil without an error is "signed out". It is for
// clients and tests: a body says nothing about who sent it. Members that the
// schema does not declare, or does not show, are left out. A body that is not
// JSON, or has no user or no expires, and a value that does not fit, are errors.
func DecodeSession(c *Schema, body []byte) (*Session, error) {
	v, err := schema.DecodeJSON(body)
	if err != nil {
		return nil, fmt.Errorf("engine: the body of a session: %w", err)
	}
	if v == nil {
		return nil, nil
	}
	m, _ := v.(map[string]any)
	user, _ := m["user"].(map[string]any)
	expires, _ := m["expires"].(string)
	at, err := time.Parse(time.RFC3339, expires)
	if user == nil || err != nil {
		return nil, errors.New("engine: the body of a session needs user, an object, and expires, a time as of RFC 3339")
	}
	s := &Session{Expires: schema.Instant(at)}
	var problems []error
	text := func(name string) *string {
		s, ok := user[name].(string)
		if !ok {
			if user[name] != nil {
				problems = append(problems, fmt.Errorf("engine: the body of a session: user.%s is no string", name))
			}
			return nil
		}
		return &s
	}
	s.User.Name, s.User.Email, s.User.Image = text("name"), text("email"), text("image")
	if id := text("id"); id != nil {
		s.User.ID = *id
	}
	if c != nil {
		read := func(fields []schema.Field, from map[string]any, into *map[string]any) {
			for i := range fields {
				f := &fields[i]
				v, ok := from[f.Name]
				if !ok || !f.Shown() || schema.Builtin(f.Name) {
					continue
				}
				canon, err := f.Canon(v)
				if err != nil {
					problems = append(problems, fmt.Errorf("engine: the body of a session: %w", err))
					continue
				}
				if *into == nil {
					*into = make(map[string]any, len(fields))
				}
				(*into)[f.Name] = canon
			}
		}
		read(c.User, user, &s.User.Extra)
		read(c.Session, m, &s.Extra)
		read(c.Computed, m, &s.Extra)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return s, nil
}
