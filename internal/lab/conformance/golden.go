package conformance

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/adapters/sqltables/testdata/golden"
	"github.com/sesame-auth/sesame/engine/adaptertest"
)

// fileOf is how the files of a layout are called: those of "DrizzleMySQL" are
// drizzle-mysql.
func fileOf(l sqltables.Layout) string {
	name, text := strings.CutSuffix(strings.ToLower(l.Name), "text")
	for _, database := range []string{"postgres", "mysql", "sqlite"} {
		if rest, ok := strings.CutSuffix(name, database); ok {
			name = rest + "-" + database
			break
		}
	}
	if text { // the same tables with instants of another kind
		name += "-text"
	}
	return name
}

// written gives the suite what the npm package of a layout wrote. No package
// writes Sesame's own tables; for those it is what the first release wrote.
func written(t testing.TB, l sqltables.Layout) []adaptertest.Option {
	t.Helper()
	if !l.SharedWithAuthJS {
		return []adaptertest.Option{adaptertest.Golden(stockRows(l.Dialect))}
	}
	content, err := golden.Files.ReadFile(fileOf(l) + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var fixture adaptertest.Fixture
	if err := json.Unmarshal(content, &fixture); err != nil {
		t.Fatalf("%s: %v", fileOf(l), err)
	}
	return []adaptertest.Option{adaptertest.Golden(fixture)}
}
