// Package schema describes the fields an application adds to users, sessions
// and tokens as plain data, and reads and writes the claims of session tokens
// under that description.
//
// A [Schema] can be written by hand; the engine enforces it either way. The
// engine has no type parameters: extra fields travel in maps named Extra that
// hold canonical values only, see [Field.Canon].
//
// The package also holds the one JSON reader and the one JSON writer of session
// tokens and answers: [Schema.DecodeClaims] and [DecodeJSON] read strictly,
// [Token.AppendClaims] and [AppendJSON] write what JSON.stringify would.
//
// The package imports the standard library only.
package schema
