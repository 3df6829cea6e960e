// Package emit prints what an application needs of a schema file: Go and
// TypeScript types, ent mixins, a JSON Schema, SQL and a table for people.
//
// Every function returns the whole content of one file. The same schema gives
// the same bytes, whatever the time, the place and the version of typegen.
package emit
