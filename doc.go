// Package sesame is an authentication engine for Go that speaks Auth.js: the
// unmodified next-auth/react client, the same endpoints, the same encrypted
// session cookie, the same tables.
//
// The engine is package engine; stores are below adapters, engine/adaptertest
// tests them; engine/verify reads sessions in any other service; typegen makes
// typed sessions of a schema, in Go and in TypeScript; examples/quickstart is a
// whole application.
package sesame
