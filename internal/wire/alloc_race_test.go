//go:build race

package wire_test

// Maximum allocations per call. Under the race detector sync.Pool drops objects
// at random, which are then allocated again.
const (
	maxDecode = 16
	maxEncode = 16
	maxRefuse = 16
)
