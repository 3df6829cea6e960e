// Package wire implements the wire formats of Auth.js: cookie names and
// attributes, session cookie chunks, encrypted tokens (JWE), check cookies, CSRF
// tokens, e-mail token hashes and the JSON bodies of the endpoints. It makes no
// decisions, keeps no state except derived keys, and imports only the standard
// library and package schema. docs/WIRE.md is its specification.
package wire
