// Package verify identifies the sender of a request in any Go service. It reads
// the session token of next-auth 5 (Auth.js), next-auth 4 or Sesame from its
// cookie or from an Authorization header, as getToken of next-auth/jwt does. It
// uses no network, no database and no provider, and only the standard library.
//
//	v, err := verify.New(verify.Config{}) // with AUTH_SECRET, as in Next.js
//	mux.Handle("/api/orders", v.Require(orders))
//
//	token, ok := verify.TokenFrom(r.Context()) // in the handler
//
// With the schema of the application (Config.Schema), claims are validated and have
// defaults, and ReadToken of the package that typegen generates returns them as Go
// types.
//
// The package supports the jwt session strategy. With the database strategy the
// cookie holds a random key of the sessions table, which is of no use without the
// table. Tokens cannot be revoked: after a sign-out, a verifier still accepts an
// old token until it expires.
//
// The specification is docs/WIRE.md, sections 3.3 and 4.1.
package verify
