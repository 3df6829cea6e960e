package entclient_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/ent"
)

// layout describes tables, columns, keys and indexes, whatever their order.
func layout(t testing.TB, db *sql.DB) []string {
	t.Helper()
	return described(t, db, []string{
		`SELECT 'column', m.name, c.name, lower(c.type), c."notnull", c.dflt_value, c.pk, c.hidden
			FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'`,
		`SELECT 'foreign key', m.name, f."from", f."table", f."to", f.on_update, f.on_delete, f.match
			FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`,
		`SELECT 'index', m.name, CASE i.origin WHEN 'c' THEN i.name ELSE '' END, i."unique", i.origin, i.partial, c.seqno, c.name || c.coll || c.desc
			FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_xinfo(i.name) c WHERE m.type = 'table' AND c.key`,
		`SELECT 'autoincrement', name, '', '', '', '', '', '' FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'`,
		`SELECT 'other', type, name, '', '', '', '', '' FROM sqlite_master WHERE type NOT IN ('table', 'index')`,
	})
}

// described returns the rows of queries of eight columns, except rows about tables
// that are not ent's; the second column is the table.
func described(t testing.TB, db *sql.DB, queries []string) []string {
	t.Helper()
	var all []string
	for _, query := range queries {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, dest := make([]sql.NullString, 8), make([]any, 8)
			for i := range values {
				dest[i] = &values[i]
			}
			if err := rows.Scan(dest...); err != nil {
				t.Fatal(err)
			}
			if table := values[1].String; table != "sesame_migration" && table != "sqlite_sequence" {
				all = append(all, fmt.Sprint(values))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(all)
	return all
}

// The migration files create the tables that ent/schema describes.
func TestMigrationsMatchEntSchema(t *testing.T) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "ent.db")+"?_fk=1")
	if err != nil {
		t.Fatal(err)
	}
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, db)))
	defer client.Close()
	if err := client.Schema.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, got := layout(t, db), layout(t, open(t).DB())
	if len(want) < 40 {
		t.Fatalf("only %d things to compare", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ent/schema and migrations/sqlite differ (-ent +migrations)\n%s", diff)
	}
}

// sql/migrate-twice
func TestMigrateTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	a := openAt(t, path)
	mustExec(t, a.DB(), `CREATE TABLE "theirs" ("x" datetime); INSERT INTO "theirs" VALUES ('2026-11-21 10:20:30')`)
	before := layout(t, a.DB())
	a.Close()
	a = openAt(t, path)
	if diff := cmp.Diff(before, layout(t, a.DB())); diff != "" {
		t.Errorf("(-before +after)\n%s", diff)
	}
	var x string
	if err := a.DB().QueryRowContext(t.Context(), `SELECT CAST("x" AS text) FROM "theirs"`).Scan(&x); err != nil || x != "2026-11-21 10:20:30" {
		t.Errorf("their row: %q, %v", x, err)
	}
}

func TestMigrationRefuses(t *testing.T) {
	for name, c := range map[string]struct{ change, want string }{
		"changed": {`UPDATE "sesame_migration" SET "checksum" = 'x'`, "0001_init.sql was changed"},
		"newer":   {`INSERT INTO "sesame_migration" VALUES ('9999_later.sql', 'x')`, "newer version"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "auth.db")
			a := openAt(t, path)
			mustExec(t, a.DB(), c.change)
			a.Close()
			refused(t, path, c.want)
		})
	}
}

// The tables of another application are not changed.
func TestMigrationOfForeignTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "theirs.db")
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	mustExec(t, db, `CREATE TABLE "session" ("id" integer PRIMARY KEY, "data" blob); INSERT INTO "session" VALUES (1, 'x')`)
	before := layout(t, db)
	refused(t, path, "creates these tables itself")
	if diff := cmp.Diff(before, layout(t, db)); diff != "" {
		t.Errorf("(-before +after)\n%s", diff)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM sqlite_master WHERE name = 'sesame_migration'`).Scan(&n); err != nil || n != 0 {
		t.Errorf("a refused migration left its table behind: %d, %v", n, err)
	}
}

// If New fails, the connection of the caller is unchanged.
func TestMigrationFailsOnOneConnection(t *testing.T) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "theirs.db")+"?_fk=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	mustExec(t, db, `CREATE TABLE "session" ("id" integer PRIMARY KEY)`)
	if _, err := entclient.New(t.Context(), dialect.SQLite, db, entclient.Options{}); err == nil {
		t.Fatal("the migration succeeded")
	}
	mustExec(t, db, `BEGIN`) // fails inside a transaction
	mustExec(t, db, `ROLLBACK`)
}

func TestNoWAL(t *testing.T) {
	db, err := sql.Open("sqlite3", "file::memory:") // does not support WAL
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := entclient.UseWAL(t.Context(), db); err == nil || !strings.Contains(err.Error(), "network file system") {
		t.Errorf("got %v, want an error that explains the possible cause", err)
	}
}

func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	text := []byte(strings.Repeat("this is not a database\n", 100))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, path, "not a database")
	if got, err := os.ReadFile(path); err != nil || string(got) != string(text) {
		t.Errorf("the file was changed: %v", err)
	}
}

func refused(t testing.TB, path, want string) {
	t.Helper()
	a, err := entclient.OpenSQLite(t.Context(), path, entclient.Options{})
	if err == nil {
		a.Close()
		t.Fatal("opening succeeded")
	}
	if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %q, want it to contain %q and the name of the file", err, want)
	}
}

func mustExec(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
