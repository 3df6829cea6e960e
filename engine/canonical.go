package engine

import (
	"context"
	"fmt"

	"github.com/sesame-auth/sesame/engine/schema"
)

// canonical makes the extra fields of a user that an adapter returned canonical.
func (c *core) canonical(ctx context.Context, u *User) {
	if c.cfg.Schema != nil {
		u.Extra = c.canonicalExtra(ctx, c.cfg.Schema.User, u.Extra)
	}
}

func (c *core) canonicalExtra(ctx context.Context, fields []schema.Field, extra map[string]any) map[string]any {
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
			c.cfg.Logger.WarnContext(ctx, "auth: a stored value does not fit the schema; the default is used instead",
				"field", f.Name, "cause", err.Error())
		}
		out[f.Name] = f.Zero()
	}
	return out
}

// declared returns the canonical values of extra fields. It refuses undeclared
// fields before they reach an adapter.
func (c *core) declared(extra map[string]any) (map[string]any, error) {
	if extra == nil {
		return nil, nil
	}
	out := make(map[string]any, len(extra))
	for name, v := range extra {
		f, ok := c.cfg.Schema.UserField(name)
		if !ok {
			return nil, fail(codeConfiguration, "SchemaError", fmt.Errorf("the user field %q is not in the Schema", name), "declare it in Config.Schema")
		}
		canon, err := f.Canon(v)
		if err != nil {
			return nil, fail(codeConfiguration, "SchemaError", err, "")
		}
		out[name] = canon
	}
	return out, nil
}

// pick returns the declared fields that from has; nil when there are none.
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
