package engine

import (
	"fmt"

	"github.com/sesame-auth/sesame/engine/schema"
)

// sessionRead is one reading of the session of a request, with its callbacks.
type sessionRead struct {
	*exchange
	trigger string // of the callbacks: "" or triggerUpdate
	update  any    // the data of update(); may be nil
}

// readOnly reports whether the caller declares that it cannot pass cookies on,
// such as a server component that renders a page. If it extended a session, the
// browser would not get the cookie, nor would later requests set it.
func (x sessionRead) readOnly() bool {
	header := x.r.Header["X-Auth-Read-Only"]
	return x.trigger == "" && len(header) > 0 && header[0] == "1"
}

// checked reports whether the data of update() has been checked, and must be
// applied before the callbacks run.
func (x sessionRead) checked() bool { return x.trusted || !x.cfg.Parity.DangerousUpdateData }

// callback runs Callbacks.Session.
func (x sessionRead) callback(s *Session) (*Session, error) {
	f := x.cfg.Callbacks.Session
	if f == nil {
		return s, nil
	}
	if s.Extra == nil && x.cfg.Schema != nil && len(x.cfg.Schema.Computed) > 0 {
		s.Extra = make(map[string]any) // for the callback to write into
	}
	p := &SessionParams{Session: s, Trigger: x.trigger, Update: x.update}
	if err := f(x.ctx, p); err != nil {
		return nil, fail(codeConfiguration, "SessionTokenError", fmt.Errorf("session callback: %w", err), "")
	}
	if s = p.Session; s != nil {
		x.noteUndeclared("user.", s.User.Extra, x.cfg.Schema.UserField)
		x.noteUndeclared("", s.Extra, func(name string) (schema.Field, bool) {
			f, ok := x.cfg.Schema.SessionField(name)
			if !ok {
				f, ok = x.cfg.Schema.ComputedField(name)
			}
			return f, ok
		})
	}
	return s, nil
}

// noteUndeclared logs, once for each key, that it is withheld from the browser.
func (x sessionRead) noteUndeclared(where string, extra map[string]any, declared func(string) (schema.Field, bool)) {
	for name := range extra {
		if _, ok := declared(name); ok {
			continue
		}
		if x.once("undeclared " + where + name) {
			x.cfg.Logger.WarnContext(x.ctx, "auth: a field set by the session callback is withheld from the browser, because the Schema does not declare it",
				"field", where+name, "hint", "declare it in Config.Schema with Client: schema.Read")
		}
	}
}
