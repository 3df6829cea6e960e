package sqltables_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine/adaptertest"
)

// golden gives the suite what the npm package of a layout wrote, as
// internal/authjstables records it. No package writes Sesame's own tables.
func golden(t *testing.T, l sqltables.Layout) []adaptertest.Option {
	t.Helper()
	if !l.SharedWithAuthJS {
		return nil
	}
	name := strings.ToLower(l.Name)
	for _, dialect := range []string{"postgres", "mysql", "sqlite"} {
		if from, ok := strings.CutSuffix(name, dialect); ok {
			name = from + "-" + dialect
		}
	}
	file := "testdata/golden/" + name + ".json"
	content, err := os.ReadFile(file)
	var fixture adaptertest.Fixture
	if err == nil {
		err = json.Unmarshal(content, &fixture)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return []adaptertest.Option{adaptertest.Golden(fixture)}
}
