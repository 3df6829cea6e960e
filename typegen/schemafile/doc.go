// Package schemafile reads auth.schema.yaml, the one file in which an
// application declares the fields it adds to users, sessions and tokens.
//
//	version: 1
//	enums:
//	  Role: [admin, editor, member]
//	user:
//	  role:  {type: Role, default: member, client: read, doc: What the user may do.}
//	  orgId: {type: string?, client: read, was: [org]}
//
// The file has the sections enums, objects, user, session, token and computed.
// A field is a type, or a mapping with the attributes type, client, default,
// max, was, profile, trusted, token, deprecated and doc. The types are string,
// bool, int, float, time, an enum and an object; a trailing ? makes one
// nullable, a trailing [] (or [string] instead of string[]) a list.
//
// [Parse] reports all problems at once, with their positions. The schema of a file
// that it accepts ([File.Schema]) is a valid [schema.Schema].
//
// [schema.Schema]: https://pkg.go.dev/github.com/sesame-auth/sesame/engine/schema#Schema
package schemafile
