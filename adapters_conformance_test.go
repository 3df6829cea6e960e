package sesame_test

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
)

// TestConformance runs the conformance suite on every adapter of this
// repository and every database that it runs on. With -v each case is seen, and
// a table at the end:
//
//	go test -run Conformance -v .
func TestConformance(t *testing.T) {
	targets := conformance.Targets()
	reports := make([]adaptertest.Report, len(targets))
	t.Cleanup(func() { // when all of them have ended
		var table strings.Builder
		w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "adapter\tpassed\tfailed\tknown\tnot offered")
		for i, target := range targets {
			row(w, target.Name, reports[i])
		}
		w.Flush()
		t.Log("\n" + table.String())
	})
	for i, target := range targets {
		t.Run(target.Name, func(t *testing.T) {
			t.Parallel()
			open, options := target.SetUp(t)
			reports[i] = adaptertest.Run(t, open, options...)
		})
	}
}

// row prints how many cases ended how, and below it which are known and which
// are not offered, with the reason.
func row(w *tabwriter.Writer, name string, r adaptertest.Report) {
	if len(r.Results) == 0 {
		return // left out by -run, or skipped
	}
	n := map[adaptertest.Status]int{}
	why := map[string][]string{}
	var reasons []string
	for _, c := range r.Results {
		n[c.Status]++
		if c.Status == adaptertest.KnownFailure || c.Status == adaptertest.NotOffered {
			reason := string(c.Status) + ": " + c.Reason
			if why[reason] == nil {
				reasons = append(reasons, reason)
			}
			why[reason] = append(why[reason], c.ID)
		}
	}
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\n", name, n[adaptertest.Passed], n[adaptertest.Failed], n[adaptertest.KnownFailure], n[adaptertest.NotOffered])
	for _, reason := range reasons {
		fmt.Fprintf(w, "    %s: %s\n", reason, strings.Join(why[reason], ", "))
	}
}
