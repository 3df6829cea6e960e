// Package ent is the generated client of the stock tables, see ent/schema.
// adapters/entclient opens it.
package ent

//go:generate go run entc.go
