// Package entfields tests the adapter that ent/authent generates with extra fields
// of every kind: once in the columns of typegen's mixins for the reference schema,
// and once in the other columns that the adapter accepts. The database makes the
// ids of users, and there are no authenticators. Other schemas are tested in
// package ent (ids that the engine makes, session tokens as ids) and in
// examples/own-ent (UUIDs, an id in every type).
//
//	go test ./internal/lab/entfields
//
// The tests need SQLite alone for one part, and PostgreSQL, MariaDB or MySQL for
// the others.
package entfields

//go:generate go run entc.go
