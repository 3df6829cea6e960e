// Package emit generates code and documentation from a schema file: Go and
// TypeScript types, ent mixins, a JSON Schema, SQL and a Markdown table.
//
// Every function returns the whole content of one file. It depends only on the
// schema, not on the time, the directory or the version of typegen.
package emit
