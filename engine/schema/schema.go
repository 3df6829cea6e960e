package schema

import (
	"slices"
	"time"
)

// Kind is the kind of a field's value.
type Kind uint8

// The kinds. The comment names the canonical Go value of each.
const (
	String Kind = iota // string, valid UTF-8
	Bool               // bool
	Int                // int64, within ±2^53 (TypeScript's number)
	Float              // float64, finite
	Time               // time.Time, UTC, whole milliseconds, years 0 to 9999
	Enum               // string, one of Type.Enum
	Object             // map[string]any with exactly the members Type.Fields
)

// Type is the type of a field.
type Type struct {
	Kind     Kind
	List     bool     // a list of Kind: canonical value []any, never nil
	Nullable bool     // nil is allowed, and is the default when Field.Default is nil; not for lists
	Name     string   // name of the enum or object; "" for the other kinds
	Enum     []string // the values of an enum, in declaration order
	Fields   []Field  // the members of an object; only Name, Type, Default, Max and Was are looked at
}

// Access says what the browser may do with a field.
type Access uint8

const (
	// Default is the zero Access. For an extra field it means None; for a
	// built-in field listed in Schema.User (id, name, email, image) it means
	// what Auth.js does: id is not shown, the others are Read.
	Default Access = iota
	// None keeps the field on the server.
	None
	// Read shows the field in GET session.
	Read
	// Write shows the field and lets update() change it.
	Write
)

// Field describes one extra field of a user, a session or a token.
type Field struct {
	Name    string
	Type    Type
	Client  Access            // what the browser may do; the zero value keeps it on the server
	Default any               // value used when a value is missing or does not fit; nil means the zero value of Type
	Max     int               // most bytes of a string, most items of a list; 0 means no limit
	Was     []string          // earlier names, still read from old cookies
	Profile map[string]string // user fields: provider id to profile claim; nothing else from a provider reaches the field
	Token   bool              // user fields: carry a field that the client does not see into the jwt session token
	Doc     string
}

// Schema describes the extra fields of an application. The zero value and nil
// describe none; every method accepts a nil receiver.
type Schema struct {
	// User lists the extra columns of users. The built-in names id, name,
	// email and image may be listed as well, with Name and Client only: Write
	// (name and image) lets update() change them, Read shows the id.
	User []Field
	// Session lists the extra columns of sessions: claims with the jwt
	// strategy, columns with the database strategy.
	Session []Field
	// Token lists claims that exist in the jwt session token only and are
	// never shown to the browser.
	Token []Field
	// Computed lists members of the session that the browser sees (Client:
	// Read) and nothing stores: the session callback puts them into the
	// session's Extra. One that it does not put there is left out.
	Computed []Field
}

// Shown reports whether the browser sees an extra field: Client is Read or
// Write.
func (f Field) Shown() bool { return f.Client == Read || f.Client == Write }

// InToken reports whether an extra user field is carried into the jwt session
// token: the browser sees it, or Token is set.
func (f Field) InToken() bool { return f.Token || f.Shown() }

// Zero returns a fresh canonical value for the field where there is none: its
// Default, or the zero value of its Type when Default is nil or does not fit.
// That is nil for a nullable type, an empty list, an object with each member at
// its Zero, "", false, 0, and the zero time.
func (f Field) Zero() any {
	if f.Default != nil {
		if v, bad := f.canon(f.Default); bad == nil {
			return v
		}
	}
	switch t := f.Type; {
	case t.Nullable:
		return nil
	case t.List:
		return []any{}
	case t.Kind == Bool:
		return false
	case t.Kind == Int:
		return int64(0)
	case t.Kind == Float:
		return float64(0)
	case t.Kind == Time:
		return time.Time{}
	case t.Kind == Object:
		m := make(map[string]any, len(t.Fields))
		for _, member := range t.Fields {
			m[member.Name] = member.Zero()
		}
		return m
	}
	return ""
}

// UserField returns the extra user field with the name. The built-in fields are
// not extra ([Builtin]); see [Schema.ClientAccess] for them.
func (s *Schema) UserField(name string) (Field, bool) {
	if s == nil || Builtin(name) {
		return Field{}, false
	}
	return find(s.User, name)
}

// SessionField returns the session field with the name.
func (s *Schema) SessionField(name string) (Field, bool) {
	if s == nil {
		return Field{}, false
	}
	return find(s.Session, name)
}

// TokenField returns the token field with the name.
func (s *Schema) TokenField(name string) (Field, bool) {
	if s == nil {
		return Field{}, false
	}
	return find(s.Token, name)
}

// ComputedField returns the computed field with the name.
func (s *Schema) ComputedField(name string) (Field, bool) {
	if s == nil {
		return Field{}, false
	}
	return find(s.Computed, name)
}

// ClientAccess returns what the browser may do with a user field, built-in or
// extra: None, Read or Write, with [Default] resolved. The built-in fields name,
// email and image are Read and id is None unless the schema says otherwise; a
// field that is not declared is None.
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

// Builtin reports whether name is a member that every user has: id, name,
// email, emailVerified or image.
func Builtin(name string) bool {
	switch name {
	case "id", "name", "email", "emailVerified", "image":
		return true
	}
	return false
}

// claims calls yield with every field that is a claim of a jwt session token,
// until it returns false.
func (s *Schema) claims(yield func(*Field) bool) {
	if s == nil {
		return
	}
	for i := range s.User {
		if f := &s.User[i]; !Builtin(f.Name) && f.InToken() && !yield(f) {
			return
		}
	}
	for i := range s.Session {
		if !yield(&s.Session[i]) {
			return
		}
	}
	for i := range s.Token {
		if !yield(&s.Token[i]) {
			return
		}
	}
}

// claimsMost is no less than the number of declared claims.
func (s *Schema) claimsMost() int {
	if s == nil {
		return 0
	}
	return len(s.User) + len(s.Session) + len(s.Token)
}

// hasClaim reports whether name is the name of a declared claim, or was.
func (s *Schema) hasClaim(name string) bool {
	for f := range s.claims {
		if f.Name == name || slices.Contains(f.Was, name) {
			return true
		}
	}
	return false
}

// TimeLayout is how JavaScript's Date.toISOString prints an instant.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Instant returns t as the canonical instant: UTC, cut to whole milliseconds.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
