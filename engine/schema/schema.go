// Package schema describes the fields an application adds to users, sessions
// and tokens as plain data, and decodes session token claims under that
// description.
//
// A [Schema] can be written by hand; the engine enforces it either way. The
// engine has no type parameters: extra fields travel in maps named Extra that
// hold canonical values only, see [Field.Canon].
//
// The package imports the standard library only.
package schema

import "time"

// Kind is the kind of a field's value.
type Kind uint8

// The kinds. The comment names the canonical Go value of each.
const (
	String Kind = iota // string
	Bool               // bool
	Int                // int64, within ±2^53 (TypeScript's number)
	Float              // float64, finite
	Time               // time.Time, UTC, whole milliseconds
	Enum               // string, one of Type.Enum
	Object             // map[string]any with exactly the members Type.Fields
)

// Type is the type of a field.
type Type struct {
	Kind     Kind
	List     bool     // a list of Kind: canonical value []any, never nil
	Nullable bool     // nil is allowed, and is the default when Field.Default is nil
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
	Default any               // canonical value used when a value is missing or does not fit; nil means the zero value of Type
	Max     int               // most bytes of a string, most items of a list; 0 means no limit
	Was     []string          // earlier names, still read from old cookies
	Profile map[string]string // provider id to profile claim; nothing else from a provider reaches the field
	Token   bool              // user fields: carry a field that the client does not see into the jwt session token
	Doc     string
}

// Schema describes the extra fields of an application. The zero value and nil
// describe none.
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
}

// Token holds the claims of a jwt session token (WIRE.md section 4.1), of this
// server or of an Auth.js server with the same secret and cookie name.
type Token struct {
	Name    *string // nil: the claim is absent or null
	Email   *string
	Picture *string
	Subject string // the user's id; "" when absent
	ID      string // jti; "" when absent

	IssuedAt  int64 // iat, UNIX seconds; 0 when absent
	Expires   int64 // exp, UNIX seconds; 0 when absent
	NotBefore int64 // nbf, UNIX seconds; 0 when absent

	// Extra holds every other claim by name: declared ones as canonical
	// values, the rest as JSON gives them (nil, bool, string, float64, []any,
	// map[string]any). nil means none.
	Extra map[string]any

	// which of Name, Email, Picture were null rather than absent, so that
	// writing a token back keeps what an Auth.js server wrote
	nulls uint8
}

// TimeLayout is how JavaScript's Date.toISOString prints an instant.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Instant returns t as the canonical instant: UTC, cut to whole milliseconds.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
