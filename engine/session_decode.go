package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
)

// GeneratedCodeVersion1 is referenced by the output of typegen. An incompatible
// version of this package has another constant instead, so that code generated
// for this one does not compile with it.
const GeneratedCodeVersion1 = true

// DecodeSession decodes the body of GET session (WIRE.md section 5). The schema
// may be nil. A nil Session without an error means that nobody is signed in.
// DecodeSession is for clients and tests: a body does not prove who sent it.
// Members that the schema does not declare or show are ignored. It is an error if
// the body is not JSON, has no user or expires, or has a value that does not fit
// the schema.
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
		return nil, errors.New("engine: the body of a session needs user, an object, and expires, an RFC 3339 time")
	}
	s := &Session{Expires: schema.Instant(at)}
	var problems []error
	text := func(name string) *string {
		s, ok := user[name].(string)
		if !ok {
			if user[name] != nil {
				problems = append(problems, fmt.Errorf("engine: the body of a session: user.%s is not a string", name))
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
