package sqltables_test

import (
	"database/sql"
	"errors"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
)

// Inspect reports tables that changed while the adapter is in use, as New would.
func TestInspect(t *testing.T) {
	for _, l := range []sqltables.Layout{sqltables.DrizzlePostgres(), sqltables.DrizzleMySQL(), sqltables.DrizzleSQLite()} {
		t.Run(l.Name, func(t *testing.T) {
			p := conformance.NewDatabaseOf(t, l, conformance.DDL(t, l))
			opened, err := p.Open(t, quiet(nil))
			if err != nil {
				t.Fatal(err)
			}
			a := opened.(store.Inspector)
			if err := a.Inspect(t.Context()); err != nil {
				t.Fatalf("with tables that New accepted: %v", err)
			}
			statement := `ALTER TABLE "user" DROP COLUMN "image"`
			if l.Dialect == dialect.MySQL {
				statement = "ALTER TABLE `user` DROP COLUMN `image`"
			}
			if _, err := opened.(interface{ DB() *sql.DB }).DB().ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
			var mismatch *sqltables.MismatchError
			if err := a.Inspect(t.Context()); !errors.As(err, &mismatch) || len(mismatch.Differences) != 1 || mismatch.Differences[0].Column != "image" {
				t.Errorf("without user.image: %v", err)
			}
		})
	}
}
