package labserver

import (
	"encoding/json"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// entry is one line of the log: exactly one of the four names is set.
type entry struct {
	Adapter   string       `json:"adapter,omitempty"`
	Callback  string       `json:"callback,omitempty"`
	Event     string       `json:"event,omitempty"`
	Authorize []string     `json:"authorize,omitzero"` // names of the submitted values, sorted
	Request   *requestLine `json:"request,omitempty"`  // with Authorize
	// Args has the shape of what was passed: an object for callbacks and
	// events, a list for adapter methods.
	Args any `json:"args,omitempty"`
}

type requestLine struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

func (s *Server) record(e entry) {
	e.Args = shape(e.Args, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, e)
}

// shape keeps member names and short harmless values, and replaces the rest by
// the name of its JavaScript type.
func shape(v any, depth int) any {
	switch v := v.(type) {
	case nil, bool:
		return v
	case date, time.Time:
		return "Date"
	case string:
		if depth > 1 || len(v) > 60 {
			return "string"
		}
		return v
	case map[string]any:
		if depth > 2 {
			return "object"
		}
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[name] = shape(member, depth+1)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, member := range v {
			out[i] = shape(member, depth)
		}
		return out
	case int64, int, float64, json.Number:
		if depth > 1 {
			return "number"
		}
		return v
	}
	return "object"
}

// date is an instant as JavaScript prints it.
type date time.Time

func (d date) String() string { return time.Time(d).UTC().Format(schema.TimeLayout) }

// MarshalJSON prints the instant as Date.toJSON does.
func (d date) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads what MarshalJSON prints.
func (d *date) UnmarshalJSON(data []byte) error {
	var t time.Time
	err := json.Unmarshal(data, &t)
	*d = date(t)
	return err
}

// The plain functions give entities the members they have in Auth.js; those
// that are not set are absent.

func plainUser(u *engine.User) map[string]any {
	if u == nil {
		return nil
	}
	return plain(rowOfUser(*u))
}

func plainAccount(a *engine.Account) map[string]any {
	if a == nil {
		return nil
	}
	return plain(rowOfAccount(*a))
}

func plainSession(a *engine.AdapterSession) map[string]any {
	if a == nil {
		return nil
	}
	return plain(rowOfSession(*a))
}

func plainProfile(p engine.Profile) map[string]any { return p }

func plainToken(t *engine.Token) map[string]any {
	if t == nil {
		return nil
	}
	m := map[string]any{"sub": t.Subject, "iat": t.IssuedAt, "exp": t.Expires, "jti": t.ID}
	for name, value := range t.Extra {
		m[name] = value
	}
	for name, value := range map[string]*string{"name": t.Name, "email": t.Email, "picture": t.Picture} {
		if value != nil {
			m[name] = *value
		}
	}
	return m
}

// plain turns a row into its JSON members.
func plain(row any) map[string]any {
	data, err := json.Marshal(row)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		return map[string]any{"error": err.Error()}
	}
	for _, name := range []string{"emailVerified", "expires"} {
		if _, ok := m[name].(string); ok {
			m[name] = date{}
		}
	}
	return m
}

func signInArgs(p *engine.SignInParams) map[string]any {
	m := map[string]any{"user": plainUser(p.User), "account": plainAccount(p.Account), "profile": plainProfile(p.Profile)}
	if p.Credentials != nil {
		values := make(map[string]any)
		for name, value := range p.Credentials {
			values[name] = value
		}
		m["credentials"] = values
	}
	if p.VerificationRequest {
		m["email"] = map[string]any{"verificationRequest": true}
	}
	return without(m)
}

func jwtArgs(p *engine.JWTParams) map[string]any {
	m := map[string]any{"token": plainToken(p.Token), "user": plainUser(p.User), "account": plainAccount(p.Account), "profile": plainProfile(p.Profile)}
	if p.User != nil {
		m["isNewUser"] = p.IsNewUser
	}
	if p.Trigger != "" {
		m["trigger"] = string(p.Trigger)
	}
	if p.Update != nil {
		m["session"] = p.Update
	}
	return without(m)
}

func sessionArgs(session *engine.Session, t string, update any) map[string]any {
	m := map[string]any{
		"session": map[string]any{"user": plainUser(&session.User), "expires": date(session.Expires).String()},
		"token":   plainToken(session.Token),
	}
	if t != "" {
		m["trigger"] = string(t)
	}
	if update != nil {
		m["newSession"] = update
	}
	return without(m)
}

// without drops the members that are nil maps.
func without(m map[string]any) map[string]any {
	for name, value := range m {
		if member, ok := value.(map[string]any); ok && member == nil {
			delete(m, name)
		}
	}
	return m
}
