package sqltables_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
)

// The documentation lists every layout with its limits.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/sqltables.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.SplitSeq(string(text), "\n") {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); ok && strings.HasPrefix(line, "| `") {
			rows[name] = rest
		}
	}
	for _, l := range sqltables.Layouts() {
		row, ok := rows[l.Name]
		if strings.HasPrefix(l.Name, "Stock") {
			row, ok = rows["StockPostgres"], strings.Contains(rows["StockPostgres"], l.Name) || l.Name == "StockPostgres"
		}
		if !ok {
			t.Errorf("%s is not documented", l.Name)
		}
		if strings.HasPrefix(l.Name, "Kysely") {
			row += rows["KyselyPostgres"]
		}
		for id := range conformance.Known(l) {
			if !strings.Contains(row, "`"+id+"`") {
				t.Errorf("%s: %s is known to fail but not documented", l.Name, id)
			}
		}
	}
}
