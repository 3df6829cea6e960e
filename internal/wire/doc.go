// Package wire is Auth.js on the wire: cookie names and attributes, session
// cookie chunks, the encrypted token (JWE), check cookies, CSRF tokens, e-mail
// token hashes and the JSON bodies of the endpoints. It decides nothing, keeps
// no state beside derived keys, and imports the standard library and package
// schema only. The contract is docs/WIRE.md.
package wire
