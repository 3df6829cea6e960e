package gen_test

import (
	"os"
	"testing"

	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/gen/authtypes"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
)

// TestConformance runs the conformance suite with the fields of the reference
// schema in every store, over tables in the columns that columns.*.sql add. The
// ent client with the mixins is internal/lab/entfields.
func TestConformance(t *testing.T) {
	columns := func(t testing.TB, dialect string) string {
		if dialect == "sqlite3" {
			dialect = "sqlite"
		}
		text, err := os.ReadFile("columns." + dialect + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, target := range conformance.Reference(authtypes.Schema(), columns) {
		t.Run(target.Name, func(t *testing.T) {
			open, options := target.SetUp(t)
			adaptertest.Run(t, open, options...)
		})
	}
}
