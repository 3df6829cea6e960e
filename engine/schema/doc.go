// Package schema describes the fields an application adds to users, sessions
// and tokens as plain data, and reads and writes the claims of session tokens
// according to that description.
//
// A [Schema] can be written by hand or generated; the engine enforces it either
// way. The engine has no type parameters: extra fields travel in maps named
// Extra, which hold only canonical values, see [Field.Canon].
//
// The package also contains the JSON reader and the JSON writer for session
// tokens and answers: [Schema.DecodeClaims] and [DecodeJSON] read strictly,
// [Token.AppendClaims] and [AppendJSON] write as JSON.stringify does.
//
// The package imports only the standard library.
package schema
