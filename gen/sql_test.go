package gen_test

import (
	"database/sql"
	"os"
	"reflect"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/gen/authtypes"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// The printed columns can be added to tables that hold rows; what those rows
// then have is each field's default, and what a field can hold is kept.
func TestSQL(t *testing.T) {
	for _, c := range []struct {
		dialect, driver string
		dsn             func(testing.TB) string
		user, session   string
	}{
		{"sqlite", "sqlite3", func(t testing.TB) string { return "file:" + t.TempDir() + "/x.db" }, `"user"`, `"session"`},
		{"mysql", "mysql", testdb.MySQL, "`user`", "`session`"},
		{"postgres", "pgx", testdb.Postgres, `"user"`, `"session"`},
	} {
		t.Run(c.dialect, func(t *testing.T) {
			db, err := sql.Open(c.driver, c.dsn(t))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			do := func(statement string, args ...any) {
				t.Helper()
				if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
					t.Fatalf("%s: %v", statement, err)
				}
			}
			for _, table := range []string{c.user, c.session} {
				do("create table " + table + " (id varchar(50) primary key)")
				do("insert into " + table + " (id) values ('old')")
			}
			script, err := os.ReadFile("columns." + c.dialect + ".sql")
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for line := range strings.Lines(string(script)) {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
					do(strings.TrimSuffix(line, ";"))
					n++
				}
			}
			s := authtypes.Schema()
			check := func(table string, fields []schema.Field) {
				for i := range fields {
					f := &fields[i]
					if schema.Builtin(f.Name) {
						continue
					}
					n--
					name := `"` + f.Name + `"`
					if c.dialect == "mysql" {
						name = "`" + f.Name + "`"
					}
					var got any
					if err := db.QueryRowContext(t.Context(), "select "+name+" from "+table).Scan(&got); err != nil {
						t.Errorf("%s: %v", f.Name, err)
						continue
					}
					if text, ok := got.(string); ok && (f.Type.List || f.Type.Kind == schema.Object) {
						got = []byte(text)
					}
					if text, ok := got.([]byte); ok && f.Type.Kind == schema.Time { // without parseTime
						got = strings.Replace(string(text), " ", "T", 1) + "Z"
					}
					canon, err := f.Canon(got)
					if err != nil || !reflect.DeepEqual(canon, f.Zero()) {
						t.Errorf("%s: an old row has %v (%T), %v; want %v", f.Name, canon, got, err, f.Zero())
					}
				}
			}
			check(c.user, s.User)
			check(c.session, s.Session)
			if n != 0 {
				t.Errorf("%d statements too many", n)
			}
		})
	}
}
