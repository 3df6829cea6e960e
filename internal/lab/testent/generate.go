// Package testent is a client that ent has generated from a schema with extra
// fields, for tests: the conformance suite runs on its adapter.
package testent

//go:generate go run entc.go
