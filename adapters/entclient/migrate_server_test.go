package entclient_test

import (
	"database/sql"
	"strings"
	"testing"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/ent"
)

// layout describes tables, columns, keys and indexes, whatever their order.
func (s server) layout(t testing.TB, db *sql.DB) []string {
	t.Helper()
	return described(t, db, map[string][]string{
		"mysql": {
			`SELECT 'column', table_name, column_name, column_type, is_nullable, column_default, extra, CONCAT_WS(' ', character_set_name, collation_name)
				FROM information_schema.columns WHERE table_schema = DATABASE()`,
			`SELECT 'index', table_name, index_name, non_unique, seq_in_index, column_name, sub_part, index_type
				FROM information_schema.statistics WHERE table_schema = DATABASE()`,
			`SELECT 'foreign key', k.table_name, k.constraint_name, k.column_name, k.referenced_table_name, k.referenced_column_name, r.update_rule, r.delete_rule
				FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r USING (constraint_schema, constraint_name)
				WHERE k.constraint_schema = DATABASE() AND k.referenced_table_name IS NOT NULL`,
			`SELECT 'table', table_name, engine, table_collation, table_type, '', '', '' FROM information_schema.tables WHERE table_schema = DATABASE()`,
		},
		"postgres": {
			`SELECT 'column', table_name, column_name, data_type, is_nullable, column_default, CONCAT(is_identity, identity_generation), COALESCE(collation_name, '')
				FROM information_schema.columns WHERE table_schema = current_schema()`,
			`SELECT 'index', tablename, indexname, indexdef, '', '', '', '' FROM pg_indexes WHERE schemaname = current_schema()`,
			`SELECT 'constraint', c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid), '', '', '', ''
				FROM pg_constraint c WHERE c.connamespace = current_schema()::regnamespace AND c.contype <> 'n'`,
			`SELECT 'other', relkind::text, relname, '', '', '', '', '' FROM pg_class
				WHERE relnamespace = current_schema()::regnamespace AND relkind NOT IN ('r', 'i')`,
		},
	}[s.name])
}

func (s server) db(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(s.driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// The migration files create the tables that ent/schema describes.
func TestServerMigrationsMatchEntSchema(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		db := s.db(t, s.database(t))
		client := ent.NewClient(ent.Driver(entsql.OpenDB(s.dialect, db)))
		if err := client.Schema.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		want, got := s.layout(t, db), s.layout(t, s.openAt(t, s.database(t)).DB())
		if len(want) < 40 {
			t.Fatalf("only %d things to compare", len(want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ent/schema and migrations/%s differ (-ent +migrations)\n%s", s.name, diff)
		}
	})
}

// sql/migrate-twice
func TestServerMigrateTwice(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		dsn := s.database(t)
		db := s.db(t, dsn)
		mustExec(t, db, `CREATE TABLE theirs (x timestamp)`)
		mustExec(t, db, `INSERT INTO theirs VALUES ('2026-11-21 10:20:30')`)
		s.openAt(t, dsn).Close()
		before := s.layout(t, db)
		s.openAt(t, dsn).Close()
		if diff := cmp.Diff(before, s.layout(t, db)); diff != "" {
			t.Errorf("(-before +after)\n%s", diff)
		}
		var x string
		if err := db.QueryRowContext(t.Context(), `SELECT CAST(x AS char(19)) FROM theirs`).Scan(&x); err != nil || x != "2026-11-21 10:20:30" {
			t.Errorf("their row: %q, %v", x, err)
		}
	})
}

func TestServerMigrationRefuses(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		for name, c := range map[string]struct{ change, want string }{
			"changed": {`UPDATE sesame_migration SET checksum = 'x'`, "0001_init.sql was changed"},
			"newer":   {`INSERT INTO sesame_migration VALUES ('9999_later.sql', 'x')`, "newer version"},
		} {
			t.Run(name, func(t *testing.T) {
				dsn := s.database(t)
				a := s.openAt(t, dsn)
				mustExec(t, a.DB(), c.change)
				s.refused(t, dsn, c.want)
			})
		}
	})
}

func (s server) refused(t testing.TB, dsn, want string) {
	t.Helper()
	a, err := s.open(t.Context(), dsn, entclient.Options{})
	if err == nil {
		a.Close()
		t.Fatal("opening succeeded")
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("got %q, want it to contain %q", err, want)
	}
}

// The tables of another application are not changed.
func TestServerMigrationOfForeignTables(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		dsn := s.database(t)
		db := s.db(t, dsn)
		mustExec(t, db, `CREATE TABLE session (id integer PRIMARY KEY, data text)`)
		before := s.layout(t, db)
		for range 2 {
			s.refused(t, dsn, "creates")
			if diff := cmp.Diff(before, s.layout(t, db)); diff != "" {
				t.Errorf("(-before +after)\n%s", diff)
			}
		}
		if _, err := db.ExecContext(t.Context(), `SELECT * FROM sesame_migration`); err == nil {
			t.Error("a refused migration left its table behind")
		}
	})
}

// A process is killed during its first migration: MySQL keeps what was created,
// PostgreSQL nothing. The next process completes the migration.
func TestServerMigrationInterrupted(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		dsn := s.database(t)
		a := s.openAt(t, dsn)
		want := s.layout(t, a.DB())
		if s.name == "mysql" {
			mustExec(t, a.DB(), "DROP TABLE authenticator, account")
			mustExec(t, a.DB(), "DELETE FROM sesame_migration")
		} else {
			mustExec(t, a.DB(), `DROP TABLE authenticator, account, session, "verificationToken", "user"`)
			mustExec(t, a.DB(), `DELETE FROM sesame_migration`)
		}
		if diff := cmp.Diff(want, s.layout(t, s.openAt(t, dsn).DB())); diff != "" {
			t.Errorf("(-whole +completed)\n%s", diff)
		}
	})
}
