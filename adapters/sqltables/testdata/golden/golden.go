// Package golden holds what Auth.js's adapters write, each a fixture of the
// conformance suite. internal/lab/authjstables records it.
package golden

import "embed"

// Files has one file for each layout.
//
//go:embed *.json
var Files embed.FS
