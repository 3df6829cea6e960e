// Package store defines the contract between the engine and the storage of its
// users, accounts, sessions and verification tokens: the [Adapter] interface,
// its optional interfaces, the entities, the errors, and the rules R1 to R12
// that every adapter keeps.
//
// It depends only on the standard library and package schema, so an adapter
// compiles no OAuth and no HTTP code. Package adaptertest tests an adapter
// against the rules.
package store
