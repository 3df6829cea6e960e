//go:build !race

package wire_test

// Maximum allocations per call.
const (
	maxDecode = 6
	maxEncode = 4
	maxRefuse = 0
)
