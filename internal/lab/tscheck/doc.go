// Package tscheck tests the TypeScript declarations that typegen prints, with the
// real compiler, --strict, and the real packages next-auth 4 and 5: right uses
// compile, and wrong ones do not.
//
//	go test ./internal/lab/tscheck
//
// The tests need Node.js with npm.
package tscheck
