// Package verify tells any Go service who sent a request. It reads the session
// token of next-auth 5 (Auth.js) or 4, or of Sesame, from its cookie or from an
// Authorization header: what getToken of next-auth/jwt does, without a network,
// a database or a provider, and with the standard library only.
//
//	v, err := verify.New(verify.Config{}) // AUTH_SECRET, as beside it in Next.js
//	mux.Handle("/api/orders", v.Require(orders))
//
//	token, ok := verify.TokenFrom(r.Context()) // in the handler
//
// With the schema of the application (Config.Schema) claims are checked and have
// defaults, and ReadToken of the package that typegen prints makes them typed.
//
// It reads what the jwt session strategy writes. With the database strategy the
// cookie holds a random key of the sessions table, which says nothing without
// that table. A token cannot be called back: somebody who has signed out is
// still known to a verifier that gets an old token, until it expires.
//
// The contract is docs/WIRE.md, sections 3.3 and 4.1.
package verify
