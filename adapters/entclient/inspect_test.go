package entclient_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/adapters/entclient"
)

// Inspect names missing columns, even where SQLite would treat the name of a
// column as text.
func TestInspect(t *testing.T) {
	for statement, want := range map[string]string{
		``: "",
		`ALTER TABLE "verificationtoken" RENAME COLUMN "identifier" TO "email"`: "verificationToken.identifier",
		`ALTER TABLE "user" DROP COLUMN "image"`:                                "user.image",
		`DROP TABLE "authenticator"`:                                            "authenticator",
	} {
		path := filepath.Join(t.TempDir(), "auth.db")
		a, err := entclient.OpenSQLite(t.Context(), path, entclient.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		db, err := sql.Open("sqlite3", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if statement != "" {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		switch err := a.Inspect(t.Context()); {
		case want == "" && err != nil:
			t.Errorf("with all tables: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("after %s: %v, want %s", statement, err, want)
		}
	}
}

func TestServerInspect(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		dsn := s.database(t)
		a := s.openAt(t, dsn)
		if err := a.Inspect(t.Context()); err != nil {
			t.Fatalf("with all tables: %v", err)
		}
		db := sql.OpenDB(s.connector(t, dsn))
		defer db.Close()
		quote := map[string]string{"mysql": "`", "postgres": `"`}[s.name]
		if _, err := db.ExecContext(t.Context(), strings.ReplaceAll(`ALTER TABLE "user" DROP COLUMN "image"`, `"`, quote)); err != nil {
			t.Fatal(err)
		}
		if err := a.Inspect(t.Context()); err == nil || !strings.Contains(err.Error(), "user.image") {
			t.Errorf("without user.image: %v", err)
		}
	})
}
