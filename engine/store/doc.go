// Package store is the contract between the engine and whatever keeps its
// users, accounts, sessions and verification tokens: the [Adapter] interface,
// its optional interfaces, the entities, the errors, and the rules R1 to R12
// that every adapter keeps.
//
// It depends on nothing but the standard library and package schema, so an
// adapter compiles no OAuth and no HTTP. Package adaptertest runs the rules as
// a suite.
package store
