// Package verifybench compares engine/verify with the primitives that it is made
// of and with two JOSE libraries, on the same tokens:
//
//	cd internal/lab/verifybench && go test -bench .
//
// It is a module of its own, so that users of Sesame do not download a library
// that only a benchmark needs.
package verifybench
