package engine

import (
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

// appendSession appends the body of GET session: the fields of s that the
// browser may see.
func (c *core) appendSession(dst []byte, s *Session) []byte {
	if s == nil {
		return c.dialect.AppendSession(dst, nil)
	}
	// nil means null in a store, and an absent claim in a token, unless it was null.
	null := func(claim string) bool {
		return s.Strategy == StrategyDatabase || s.Token != nil && s.Token.IsNull(claim)
	}
	b := wire.Body{Expires: s.Expires}
	fields := c.cfg.Schema
	if fields.ClientAccess("name") >= schema.Read {
		b.Name = wire.Text{Value: s.User.Name, Null: null("name")}
	}
	if fields.ClientAccess("email") >= schema.Read {
		b.Email = wire.Text{Value: s.User.Email, Null: null("email")}
	}
	if fields.ClientAccess("image") >= schema.Read {
		b.Image = wire.Text{Value: s.User.Image, Null: null("picture")}
	}
	if fields != nil {
		if fields.ClientAccess("id") >= schema.Read {
			b.User = append(b.User, wire.Member{Name: "id", Value: s.User.ID})
		}
		b.User = appendVisible(b.User, fields.User, s.User.Extra)
		b.Session = appendVisible(b.Session, fields.Session, s.Extra)
		b.Session = appendComputed(b.Session, fields.Computed, s.Extra)
	}
	return c.dialect.AppendSession(dst, &b)
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

// appendComputed omits fields that the session callback did not set: they have no
// meaningful default.
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
