// Package ent is the application's client, generated from ./schema.
package ent

//go:generate go run entc.go
