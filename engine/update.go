package engine

import (
	"net/http"
	"strconv"

	"github.com/sesame-auth/sesame/engine/internal/messages"
	"github.com/sesame-auth/sesame/engine/schema"
)

// postSession answers POST session: update() of the client.
func postSession(x *exchange) (*reply, error) {
	data, sent := x.form["data"]
	var update any
	switch {
	case x.cfg.Parity.DangerousUpdateData:
		update = data
	case sent && data != nil:
		changes, refused := x.clientUpdate(data)
		if refused != nil {
			x.report(refuse(codeConfiguration, "UpdateRefused", refused,
				"mark the field as client: write in the Schema if the browser may change it"))
			return x.answerMessage(http.StatusBadRequest, refused.key, refused.args...), nil
		}
		if len(changes) > 0 {
			update = changes
		}
	}
	s, err := x.readSession(triggerUpdate, update)
	if err != nil {
		x.hidden = asError(err, "SessionTokenError")
		x.report(x.hidden)
	}
	return x.answerJSON(x.appendSession(nil, s)), nil
}

// updateError refuses the data of update(), with a text of package messages.
type updateError struct {
	key  string
	args []string
	err  error
}

func (e *updateError) Error() string { return (*messages.Locale)(nil).Text(e.key, e.args...) }
func (e *updateError) Unwrap() error { return e.err }

// clientUpdate checks the data that the browser sent to update(): only fields
// that the Schema marks as writable are allowed, with valid values.
func (c *core) clientUpdate(data any) (map[string]any, *updateError) {
	m, ok := data.(map[string]any)
	if !ok {
		return nil, &updateError{key: "json.update.not-object"}
	}
	return c.checkUpdate(m, schema.Write)
}

// checkUpdate returns the canonical values of m. The browser must have at least
// the required access to every field.
func (c *core) checkUpdate(m map[string]any, required schema.Access) (map[string]any, *updateError) {
	out := make(map[string]any, len(m))
	for name, v := range m {
		f, ok := c.updatable(name)
		if !ok || f.Client < required {
			return nil, &updateError{key: "json.update.not-allowed", args: []string{"field", strconv.Quote(truncate(name))}}
		}
		canon, err := f.Canon(v)
		if err != nil {
			return nil, &updateError{"json.update.invalid", []string{"reason", err.Error()}, err}
		}
		out[name] = canon
	}
	return out, nil
}

// maxBuiltin is the longest name or image that update() stores, in bytes.
const maxBuiltin = 2048

func (c *core) updatable(name string) (schema.Field, bool) {
	switch name {
	case "name", "image":
		return schema.Field{Name: name, Type: schema.Type{Nullable: true}, Client: c.cfg.Schema.ClientAccess(name), Max: maxBuiltin}, true
	}
	if f, ok := c.cfg.Schema.UserField(name); ok && !schema.Builtin(name) {
		return f, true
	}
	return c.cfg.Schema.SessionField(name)
}
