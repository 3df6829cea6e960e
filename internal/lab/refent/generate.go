// Package refent is a client that ent has generated from the reference schema,
// gen/auth.schema.yaml, for tests: with the mixins that typegen prints, ids that
// the database makes, and no authenticators.
package refent

//go:generate go run entc.go
