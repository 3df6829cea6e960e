// Package sesame is an authentication engine for Go that speaks Auth.js: the
// unmodified next-auth/react client, the same endpoints, the same encrypted
// session cookie, the same tables.
//
// The engine is package engine; stores are below adapters; examples/quickstart
// is a whole application.
package sesame
