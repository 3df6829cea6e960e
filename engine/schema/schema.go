package schema

import "time"

// Kind is the kind of a field's value.
type Kind uint8

// The kinds of values, each with its canonical Go type.
const (
	String Kind = iota // string, valid UTF-8
	Bool               // bool
	Int                // int64, within ±2^53 (the integers of a TypeScript number)
	Float              // float64, finite
	Time               // time.Time, UTC, whole milliseconds, years 0 to 9999
	Enum               // string, one of Type.Enum
	Object             // map[string]any, exactly the members in Type.Fields
)

// Type is the type of a field.
type Type struct {
	Kind     Kind
	List     bool     // a list of Kind; its canonical value is []any, never nil
	Nullable bool     // nil is allowed, and is the default if Field.Default is nil; not for lists
	Name     string   // name of the enum or object; "" for the other kinds
	Enum     []string // values of the enum, in declaration order
	Fields   []Field  // members of the object; only Name, Type, Default, Max and Was are used
}

// Access is what the browser may do with a field.
type Access uint8

const (
	// Default is the zero Access. For an extra field it means None. For a
	// built-in field listed in Schema.User it means what Auth.js does: None for
	// id, Read for name, email and image.
	Default Access = iota
	// None keeps the field on the server.
	None
	// Read includes the field in the body of GET session.
	Read
	// Write is Read, and lets update() change the field.
	Write
)

// Field describes one extra field of a user, a session or a token.
type Field struct {
	Name    string
	Type    Type
	Client  Access            // what the browser may do; the zero value keeps the field on the server
	Default any               // replaces a missing or invalid value; nil means the zero value of Type
	Max     int               // maximum length of a string in bytes, or of a list in items; 0 means no limit
	Was     []string          // earlier names, still accepted in old cookies
	Profile map[string]string // user fields: profile claim by provider id; the only source from a provider
	Token   bool              // user fields: include a field that the browser does not see in the jwt session token
	Doc     string            // documentation, without effect
}

// Schema describes the extra fields of an application. The zero value and nil
// describe none. All methods accept a nil receiver.
type Schema struct {
	// User lists the extra columns of users. The built-in fields id, name,
	// email and image may be listed too, with only Name and Client set: Write
	// lets update() change name and image, Read shows the id.
	User []Field
	// Session lists the extra columns of sessions: claims with the jwt
	// strategy, columns with the database strategy.
	Session []Field
	// Token lists claims that exist only in the jwt session token and are
	// never shown to the browser.
	Token []Field
	// Computed lists members of the session that the browser sees (Client:
	// Read) and that are not stored: the session callback sets them in the
	// session's Extra. Those that it does not set are omitted.
	Computed []Field
}

// Shown reports whether the browser sees an extra field, that is, whether Client
// is Read or Write.
func (f Field) Shown() bool { return f.Client == Read || f.Client == Write }

// InToken reports whether an extra user field is a claim of the jwt session
// token: it is Shown, or Token is set.
func (f Field) InToken() bool { return f.Token || f.Shown() }

// UserField returns the extra user field with the given name. It does not return
// built-in fields ([Builtin]); see [Schema.ClientAccess].
func (s *Schema) UserField(name string) (Field, bool) {
	if s == nil || Builtin(name) {
		return Field{}, false
	}
	return find(s.User, name)
}

// SessionField returns the session field with the given name.
func (s *Schema) SessionField(name string) (Field, bool) {
	if s == nil {
		return Field{}, false
	}
	return find(s.Session, name)
}

// TokenField returns the token field with the given name.
func (s *Schema) TokenField(name string) (Field, bool) {
	if s == nil {
		return Field{}, false
	}
	return find(s.Token, name)
}

// ComputedField returns the computed field with the given name.
func (s *Schema) ComputedField(name string) (Field, bool) {
	if s == nil {
		return Field{}, false
	}
	return find(s.Computed, name)
}

// ClientAccess returns what the browser may do with a built-in or extra user
// field: None, Read or Write. It resolves [Default]: name, email and image are
// Read and id is None unless the schema sets another access. Undeclared fields
// are None.
func (s *Schema) ClientAccess(name string) Access {
	if s != nil {
		if f, ok := find(s.User, name); ok && f.Client != Default {
			return f.Client
		}
	}
	switch name {
	case "name", "email", "image":
		return Read
	}
	return None
}

func find(fields []Field, name string) (Field, bool) {
	for i := range fields {
		if fields[i].Name == name {
			return fields[i], true
		}
	}
	return Field{}, false
}

// Builtin reports whether name is a field that every user has: id, name, email,
// emailVerified or image.
func Builtin(name string) bool {
	switch name {
	case "id", "name", "email", "emailVerified", "image":
		return true
	}
	return false
}

// TimeLayout is the format of JavaScript's Date.toISOString.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Instant returns t in canonical form: in UTC, truncated to milliseconds.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
