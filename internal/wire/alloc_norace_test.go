//go:build !race

package wire_test

// The most allocations of one call.
const (
	maxDecode = 6
	maxEncode = 4
	maxRefuse = 0
)
