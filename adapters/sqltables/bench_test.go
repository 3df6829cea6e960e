package sqltables_test

import (
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/internal/lab/benchpair"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
)

// BenchmarkSessionAndUser is [benchpair.SessionAndUser].
func BenchmarkSessionAndUser(b *testing.B) {
	for name, l := range map[string]sqltables.Layout{"sqlite": sqltables.DrizzleSQLite(), "mysql": sqltables.DrizzleMySQL(), "postgres": sqltables.DrizzlePostgres()} {
		b.Run(name, func(b *testing.B) {
			dsn := conformance.NewDatabase(b, l).DSN
			if l.Dialect == dialect.SQLite {
				dsn, _, _ = strings.Cut(dsn, "?")
			}
			a, err := sqltables.Open(b.Context(), dsn, l, quiet(nil))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { a.Close() })
			// Milliseconds on SQLite, times elsewhere.
			benchpair.SessionAndUser(b, l.Dialect, a, func() any { return new(any) })
		})
	}
}
