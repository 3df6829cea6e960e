// Package ddl holds the tables that Auth.js's adapters work on.
package ddl

import "embed"

// Files has one file for each layout.
//
//go:embed *.sql
var Files embed.FS
