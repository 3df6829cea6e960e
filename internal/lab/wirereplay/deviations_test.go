package wirereplay_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/lab/wirereplay"
)

// TestDeviationsNameEverySwitch holds that the first table of
// docs/deviations.md has one row for each field of engine.Parity.
func TestDeviationsNameEverySwitch(t *testing.T) {
	var switches []string
	for f := range reflect.TypeFor[engine.Parity]().Fields() {
		switches = append(switches, f.Name)
	}
	listed := slices.Clone(readDeviations(t).Switches)
	for _, name := range switches {
		i := slices.Index(listed, name)
		if i < 0 {
			t.Errorf("docs/deviations.md has no row for Parity.%s", name)
			continue
		}
		listed = slices.Delete(listed, i, i+1)
	}
	for _, name := range listed {
		t.Errorf("docs/deviations.md has a row for %s, which is not a field of engine.Parity, or a second one", name)
	}
}

func TestParseDeviations(t *testing.T) {
	const good = `# Deviations

## Defaults that a switch turns off

| Switch | Auth.js |
|---|---|
| ` + "`A`" + ` | x |

## Differences that stay with every switch on

| Id | Auth.js | Covers |
|---|---|---|
| one | a \| b | ` + "`* +response.headers.vary`" + ` |
| two | c | ` + "`session-*#1,3 ~json = null`, `csrf -json`" + ` |

text
`
	d, err := wirereplay.ParseDeviations(good)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Switches, []string{"A"}) || len(d.Rows) != 2 || len(d.Rows[1].Patterns) != 2 {
		t.Errorf("got switches %v and %d rows", d.Switches, len(d.Rows))
	}
	vary := wirereplay.Difference{Transcript: "csrf", Step: 1, Kind: wirereplay.Added, Path: "response.headers.vary", Got: `"Cookie"`}
	if rows, everywhere := d.Cover(vary); len(rows) != 1 || !everywhere {
		t.Errorf("a header of all answers: rows %v, everywhere %v", rows, everywhere)
	}
	vary.Kind = wirereplay.Missing
	if rows, _ := d.Cover(vary); len(rows) > 0 {
		t.Error("a pattern covers another kind")
	}
	third := wirereplay.Difference{Transcript: "session-jwt", Step: 3, Kind: wirereplay.Changed, Path: "json", Got: "null"}
	if rows, everywhere := d.Cover(third); len(rows) != 1 || everywhere {
		t.Errorf("a difference of some transcripts: rows %v, everywhere %v", rows, everywhere)
	}
	if got := d.Stale(); !slices.Equal(got, []string{"two: csrf -json"}) {
		t.Errorf("stale: %q", got)
	}

	for name, broken := range map[string]string{
		"no first table":  strings.Replace(good, "## Defaults", "## Other", 1),
		"no second table": strings.Replace(good, "## Differences", "## Other", 1),
		"an id twice":     strings.Replace(good, "| two |", "| one |", 1),
		"no pattern":      strings.Replace(good, "`* +response.headers.vary`", "all", 1),
		"no kind":         strings.Replace(good, "+response", "response", 1),
		"a broken step":   strings.Replace(good, "#1,3", "#1,x", 1),
		"a short row":     strings.Replace(good, "| two | c |", "| two |", 1),
		"no switch":       strings.Replace(good, "`A`", "A", 1),
	} {
		if _, err := wirereplay.ParseDeviations(broken); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPatternCovers(t *testing.T) {
	d := wirereplay.Difference{
		Transcript: "session-jwt", Step: 3, Kind: wirereplay.Changed,
		Path: "response.headers.location", Recorded: `"/a"`, Got: `"/b"`,
	}
	for pattern, want := range map[string]bool{
		"* **":                                    true,
		"session-* ~response.headers.location":    true,
		"session-jwt#3 ~response.headers.*":       true,
		"session-jwt#1,3 *response*":              true,
		`* ~response.headers.location = "/b"`:     true,
		`* ~response.headers.location = "/*"`:     true,
		`* ~response.headers.location = "/a"`:     false,
		"session ~response.headers.location":      false,
		"*-db ~response.headers.location":         false,
		"session-jwt#1 ~response.headers.*":       false,
		"session-jwt +response.headers.*":         false,
		"session-jwt ~headers.location":           false,
		"session-jwt ~response.*.cache-control":   false,
		"session-jwt ~response.headers.locations": false,
	} {
		p, err := wirereplay.ParsePattern(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		} else if got := p.Covers(d); got != want {
			t.Errorf("%s: got %v", pattern, got)
		}
	}
}
