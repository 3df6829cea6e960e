//go:build race

package wire_test

// The most allocations of one call. The race detector makes sync.Pool forget
// at random, so that memory is made anew.
const (
	maxDecode = 16
	maxEncode = 16
	maxRefuse = 16
)
