// Package benchpair compares two implementations in one benchmark, by turns, so
// that their ratio means something on a busy machine too. Benchmarks of
// adapters/entclient, adapters/sqltables and gen report such ratios:
//
//	go test -run '^$' -bench . ./gen
package benchpair

import (
	"slices"
	"testing"
	"time"
)

// Ratio runs a and by in turn, each a few times, and reports the median of what
// a took divided by what by took as the metric name. b.N counts the rounds.
func Ratio(b *testing.B, name string, a, by func() error) {
	b.Helper()
	const each = 25
	run := func(f func() error) float64 {
		start := time.Now()
		for range each {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
		return float64(time.Since(start))
	}
	var ratios []float64
	for round := 0; b.Loop(); round++ {
		var one, other float64
		if round%2 == 0 { // neither is always the first
			one, other = run(a), run(by)
		} else {
			other, one = run(by), run(a)
		}
		ratios = append(ratios, one/other)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], name)
}
