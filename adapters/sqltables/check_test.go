package sqltables_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
)

// One broken table for each difference, and the text that the error must contain.
func TestMismatch(t *testing.T) {
	type broken struct {
		name       string
		statements []string // run after the tables were created
		layout     func(*sqltables.Layout)
		schema     *schema.Schema
		want       []string // one for each difference
		only       int      // the number of differences; 0: not checked
	}
	q := func(d, s string) string {
		if d == dialect.MySQL {
			return strings.ReplaceAll(s, `"`, "`")
		}
		return s
	}
	all := []broken{
		{name: "missing table", statements: []string{`DROP TABLE "session"`}, want: []string{"session: there is no such table"}},
		{name: "missing column", statements: []string{`ALTER TABLE "user" DROP COLUMN "image"`}, want: []string{"user.image: there is no such column"}},
		{name: "renamed column", layout: func(l *sqltables.Layout) { l.User.Column("emailVerified").Name = "email_verified" },
			want: []string{"user.email_verified: there is no such column; the layout uses it for emailVerified"}},
		{name: "a column nothing fills", statements: []string{`ALTER TABLE "user" ADD "tenant" varchar(20) NOT NULL DEFAULT ''`, `ALTER TABLE "user" ALTER COLUMN "tenant" DROP DEFAULT`},
			want: []string{"user.tenant: it is NOT NULL without a default, and the adapter does not fill it"}},
		{name: "another kind", layout: func(l *sqltables.Layout) { l.Session.Column("expires").Kind = sqltables.MillisText },
			want: []string{"session.expires: it is ", "the layout declares milliseconds as text"}},
		{name: "a field without a column", schema: &schema.Schema{User: []schema.Field{{Name: "plan"}}, Session: []schema.Field{{Name: "device"}}},
			want: []string{"user.plan: there is no such column; the schema declares the field (ALTER TABLE", "session.device: there is no such column"}},
		{name: "all at once", statements: []string{`DROP TABLE "session"`, `ALTER TABLE "user" DROP COLUMN "image"`, `ALTER TABLE "account" DROP COLUMN "scope"`},
			want: []string{"session: there is no such table", "user.image: ", "account.scope: "}, only: 3},
		// A key on provider alone is not required.
		{name: "a column of a key", layout: func(l *sqltables.Layout) { l.Account.Column("providerAccountId").Name = "account_id" },
			want: []string{"account.account_id: there is no such column", "account.providerAccountId: it is NOT NULL without a default"}, only: 2},
	}
	only := map[string][]broken{
		dialect.Postgres: {
			{name: "missing unique key", statements: []string{`ALTER TABLE "user" DROP CONSTRAINT "user_email_unique"`},
				want: []string{`user.email: there is no such unique key (CREATE UNIQUE INDEX "user_email_key" ON "user" ("email"))`}},
			{name: "missing primary key", statements: []string{`ALTER TABLE "session" DROP CONSTRAINT "session_pkey"`}, want: []string{"session.sessionToken: there is no such unique key"}},
			{name: "a partial unique key", statements: []string{`ALTER TABLE "user" DROP CONSTRAINT "user_email_unique"`, `CREATE UNIQUE INDEX e ON "user" (email) WHERE name IS NULL`},
				want: []string{"user.email: there is no such unique key"}},
			{name: "no cascade", statements: []string{`ALTER TABLE "session" DROP CONSTRAINT "session_userId_user_id_fk"`, `ALTER TABLE "session" ADD FOREIGN KEY ("userId") REFERENCES "user" ("id")`},
				want: []string{"session.userId: there is no foreign key to the user with ON DELETE CASCADE (ALTER TABLE"}},
			{name: "no foreign key", statements: []string{`ALTER TABLE "account" DROP CONSTRAINT "account_userId_user_id_fk"`}, want: []string{"account.userId: there is no foreign key"}},
			{name: "whole seconds", statements: []string{`ALTER TABLE "session" ALTER COLUMN expires TYPE timestamp(0)`},
				want: []string{"session.expires: it is timestamp(0) without time zone, which truncates milliseconds (make it timestamp(3), or set its Precision in the layout to time.Second)"}},
			{name: "no address", statements: []string{`ALTER TABLE "user" ALTER COLUMN email SET NOT NULL`}, want: []string{"user.email: it is NOT NULL", "DROP NOT NULL"}},
			{name: "a type that pads", statements: []string{`ALTER TABLE "session" ALTER COLUMN "sessionToken" TYPE char(64)`}, want: []string{"session.sessionToken: it is character(64)"}},
			{name: "a collation that folds", statements: []string{`CREATE COLLATION folds (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`, `ALTER TABLE "user" ALTER COLUMN email TYPE text COLLATE folds`},
				want: []string{"user.email: its collation folds treats different texts as equal"}},
			{name: "a view", statements: []string{`ALTER TABLE "session" RENAME TO sessions`, `CREATE VIEW "session" AS SELECT * FROM sessions`}, want: []string{"session: it is not a table"}},
		},
		dialect.MySQL: {
			{name: "missing unique key", statements: []string{`ALTER TABLE "user" DROP INDEX "user_email_unique"`}, want: []string{"user.email: there is no such unique key (CREATE UNIQUE INDEX `user_email_key` ON `user` (`email`))"}},
			{name: "a prefix", statements: []string{`ALTER TABLE "user" DROP INDEX "user_email_unique"`, `CREATE UNIQUE INDEX e ON "user" (email(8))`}, want: []string{"user.email: there is no such unique key"}},
			{name: "no cascade", statements: []string{`ALTER TABLE "session" DROP FOREIGN KEY "session_userId_user_id_fk"`, `ALTER TABLE "session" ADD FOREIGN KEY ("userId") REFERENCES "user" ("id")`},
				want: []string{"session.userId: there is no foreign key to the user with ON DELETE CASCADE"}},
			{name: "no transactions", statements: []string{`ALTER TABLE "verificationToken" MODIFY "identifier" varchar(50) NOT NULL`, `ALTER TABLE "verificationToken" MODIFY "token" varchar(50) NOT NULL`, `ALTER TABLE "verificationToken" ENGINE MyISAM`}, want: []string{"verificationToken: its engine MyISAM does not support transactions (ALTER TABLE `verificationToken` ENGINE InnoDB)"}},
			{name: "whole seconds", layout: func(l *sqltables.Layout) { l.Session.Column("expires").Precision = 0 }, want: []string{"session.expires: it is timestamp, which truncates milliseconds"}},
		},
		dialect.SQLite: {
			{name: "missing unique key", statements: []string{`DROP INDEX user_email_unique`}, want: []string{`user.email: there is no such unique key (CREATE UNIQUE INDEX`}},
			{name: "no foreign key", statements: []string{`DROP TABLE "session"`, `CREATE TABLE "session" ("sessionToken" text PRIMARY KEY NOT NULL, "userId" text NOT NULL, "expires" integer NOT NULL)`},
				want: []string{"session.userId: there is no foreign key to the user with ON DELETE CASCADE (set Owner"}},
			{name: "a type that makes numbers of text", statements: []string{`DROP TABLE "session"`, `CREATE TABLE "session" ("sessionToken" string PRIMARY KEY NOT NULL, "userId" text NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE, "expires" integer NOT NULL)`},
				want: []string{"session.sessionToken: it is string, but the layout declares text"}},
		},
	}
	for _, l := range []sqltables.Layout{sqltables.DrizzlePostgres(), sqltables.DrizzleMySQL(), sqltables.DrizzleSQLite()} {
		for _, c := range append(all, only[l.Dialect]...) {
			if l.Dialect == dialect.SQLite && c.name == "a column nothing fills" {
				c.statements = []string{`DROP TABLE "verificationToken"`, `CREATE TABLE "verificationToken" ("identifier" text NOT NULL, "token" text NOT NULL, "expires" integer NOT NULL, "tenant" text NOT NULL, PRIMARY KEY ("identifier", "token"))`}
				c.want = []string{"verificationToken.tenant: it is NOT NULL without a default"}
			}
			t.Run(l.Name+"/"+c.name, func(t *testing.T) {
				l := l
				text := conformance.DDL(t, l) + "\n"
				for _, s := range c.statements {
					text += q(l.Dialect, s) + ";\n"
				}
				p := conformance.NewDatabaseOf(t, l, text)
				if c.layout != nil {
					p.Layout = clone(l)
					c.layout(&p.Layout)
				}
				_, err := p.Open(t, quiet(c.schema))
				var mismatch *sqltables.MismatchError
				if !errors.As(err, &mismatch) {
					t.Fatalf("got %v, want a MismatchError", err)
				}
				for _, want := range c.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("got  %v\nwant %s", err, want)
					}
				}
				for _, d := range mismatch.Differences {
					if d.Fix == "" {
						t.Errorf("%v: no fix", d)
					}
				}
				if c.only > 0 && len(mismatch.Differences) != c.only {
					t.Errorf("%d differences: %v", len(mismatch.Differences), err)
				}
			})
		}
	}
}

func clone(l sqltables.Layout) sqltables.Layout {
	for _, fresh := range sqltables.Layouts() {
		if fresh.Name == l.Name {
			return fresh
		}
	}
	panic("no layout " + l.Name)
}

// Missing keys are logged in one line with the statements that create them. After
// these were run, nothing is logged.
func TestMissingKeys(t *testing.T) {
	for name, c := range map[string]struct {
		layout sqltables.Layout
		want   []string
	}{
		"PG": {sqltables.PG(), []string{
			`CREATE UNIQUE INDEX "users_email_key" ON "users" ("email")`,
			`CREATE UNIQUE INDEX "accounts_provider_providerAccountId_key" ON "accounts" ("provider", "providerAccountId")`,
			`CREATE UNIQUE INDEX "sessions_sessionToken_key" ON "sessions" ("sessionToken")`,
		}},
		"TypeORMSQLite": {sqltables.TypeORMSQLite(), []string{
			"CREATE UNIQUE INDEX `accounts_provider_providerAccountId_key` ON `accounts` (`provider`, `providerAccountId`)",
			"CREATE UNIQUE INDEX `verification_tokens_identifier_token_key` ON `verification_tokens` (`identifier`, `token`)",
		}},
		"KyselyMySQL": {sqltables.KyselyMySQL(), []string{
			"CREATE UNIQUE INDEX `Account_provider_providerAccountId_key` ON `Account` (`provider`, `providerAccountId`)",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := conformance.NewDatabase(t, c.layout)
			lines := func() []string {
				t.Helper()
				var log bytes.Buffer
				a, err := p.Open(t, sqltables.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
				if err != nil {
					t.Fatal(err)
				}
				email := fmt.Sprint(len(log.String()), "@example.com")
				if _, err := a.CreateUser(t.Context(), store.User{ID: "5f8db2b4-327e-4cfd-aaba-89490350923b", Email: &email}); err != nil && !errors.Is(err, store.ErrConflict) {
					t.Error(err)
				}
				return strings.Split(strings.TrimSpace(log.String()), "\n")
			}
			got := lines()
			if len(got) != 1 {
				t.Errorf("got %d lines, want 1: %s", len(got), got)
			}
			for _, want := range c.want {
				if !strings.Contains(strings.ReplaceAll(got[0], `\"`, `"`), want) {
					t.Errorf("got %s\nwant %s", got[0], want)
				}
			}
			p.Exec(t, strings.Join(c.want, ";\n"))
			if got := lines(); len(got) != 1 || got[0] != "" {
				t.Errorf("with the keys the log has: %s", got)
			}
			if s, conn := statements(t, p), 0; strings.Contains(s, "advisory") || strings.Contains(s, "GET_LOCK") {
				t.Errorf("with the keys a lock is taken: %s (%d)", s, conn)
			}
		})
	}
}

// statements returns the statements that create a user and an account.
func statements(t *testing.T, p *conformance.Database) string {
	t.Helper()
	a, err := p.Open(t, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	p.Faults.Fail(func(s string) error { all = append(all, s); return nil })
	defer p.Faults.Heal()
	email := "s@example.com"
	u, err := a.CreateUser(t.Context(), store.User{ID: "00000000-327e-4cfd-aaba-89490350923b", Email: &email})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.LinkAccount(t.Context(), store.Account{UserID: u.ID, Type: "oauth", Provider: "github", ProviderAccountID: "s"}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

// The schema in Prisma's documentation has a unique userId on MySQL.
func TestOneAccountPerUser(t *testing.T) {
	p := conformance.NewDatabase(t, sqltables.PrismaMySQL())
	var log bytes.Buffer
	a, err := p.Open(t, sqltables.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "Account.userId is unique (Account_userId_key): a user can have only one row") {
		t.Errorf("got %s", log.String())
	}
	if _, err := a.CreateUser(t.Context(), store.User{ID: "u1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.LinkAccount(t.Context(), store.Account{UserID: "u1", Provider: "github", ProviderAccountID: "1"}); err != nil {
		t.Fatal(err)
	}
	_, err = a.LinkAccount(t.Context(), store.Account{UserID: "u1", Provider: "google", ProviderAccountID: "1"})
	if !errors.Is(err, &store.ConflictError{Field: "userId"}) {
		t.Errorf("got %v", err)
	}
}

// Neither opening nor using an adapter changes the catalog.
func TestNothingIsMigrated(t *testing.T) {
	for _, l := range sqltables.Layouts() {
		t.Run(l.Name, func(t *testing.T) {
			p := conformance.NewDatabase(t, l)
			before := catalogueOf(t, p)
			for range 2 {
				a, err := p.Open(t, quiet(nil))
				if err != nil {
					t.Fatal(err)
				}
				email := "a@example.com"
				u, err := a.CreateUser(t.Context(), store.User{ID: "5f8db2b4-327e-4cfd-aaba-89490350923b", Email: &email})
				if err != nil {
					t.Fatal(err)
				}
				if err := a.DeleteUser(t.Context(), u.ID); err != nil {
					t.Fatal(err)
				}
			}
			if after := catalogueOf(t, p); after != before {
				t.Errorf("got\n%s\nwant\n%s", after, before)
			}
		})
	}
}

// catalogueOf returns the contents of the catalog as text.
func catalogueOf(t *testing.T, p *conformance.Database) string {
	t.Helper()
	db := sql.OpenDB(p.Connector(t))
	defer db.Close()
	queries := map[string][]string{
		dialect.SQLite: {`SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2`, `PRAGMA user_version`, `PRAGMA journal_mode`},
		dialect.MySQL: {
			"SELECT table_name, column_name, column_type, is_nullable, column_default, extra, collation_name FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1, 2",
			"SELECT table_name, index_name, seq_in_index, column_name, non_unique FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1, 2, 3",
			"SELECT table_name, constraint_name, delete_rule FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE() ORDER BY 1, 2",
		},
		dialect.Postgres: {
			`SELECT c.relname, c.relkind::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2, 3`,
			`SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = current_schema()::regnamespace ORDER BY 1, 2`,
			`SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1`,
		},
	}[p.Layout.Dialect]
	var out strings.Builder
	for _, query := range queries {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			row := make([]any, len(columns))
			for i := range row {
				row[i] = new(sql.NullString)
			}
			if err := rows.Scan(row...); err != nil {
				t.Fatal(err)
			}
			for _, cell := range row {
				fmt.Fprintf(&out, "%s | ", cell.(*sql.NullString).String)
			}
			out.WriteString("\n")
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	if out.Len() == 0 {
		t.Fatal("the catalog is empty")
	}
	return out.String()
}

// Required settings of a connection are checked.
func TestSessionSettings(t *testing.T) {
	my := conformance.NewDatabase(t, sqltables.DrizzleMySQL())
	base, _, _ := strings.Cut(my.DSN, "?")
	lite := conformance.NewDatabase(t, sqltables.DrizzleSQLite())
	const good = "charset=utf8mb4&parseTime=true&time_zone=%27%2B00:00%27&sql_mode=%27STRICT_ALL_TABLES%27"
	for name, c := range map[string]struct {
		driver, dsn string
		layout      sqltables.Layout
		want        string
	}{
		"no foreign keys": {"sqlite3", strings.Replace(lite.DSN, "_fk=1", "_fk=0", 1), sqltables.DrizzleSQLite(), "add _fk=1 to the DSN"},
		"lax":             {"mysql", base + "?charset=utf8mb4&sql_mode=%27%27", sqltables.DrizzleMySQL(), "STRICT_ALL_TABLES"},
		"a zone":          {"mysql", base + "?" + strings.Replace(good, "%2B00:00", "-05:00", 1), sqltables.DrizzleMySQL(), "remove time_zone from the DSN"},
		"a local zone":    {"mysql", base + "?" + good + "&loc=America%2FNew_York", sqltables.DrizzleMySQL(), "add loc=UTC"},
		"good":            {"mysql", base + "?" + good, sqltables.DrizzleMySQL(), ""},
		"bytes for times": {"mysql", base + "?" + strings.Replace(good, "parseTime=true&", "", 1), sqltables.DrizzleMySQL(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open(c.driver, c.dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			a, err := sqltables.New(t.Context(), db, c.layout, quiet(nil))
			if c.want == "" && err == nil {
				roundTrip(t, a)
				return
			}
			if c.want == "" || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err := db.PingContext(context.WithoutCancel(t.Context())); err != nil {
				t.Errorf("the database was closed: %v", err)
			}
		})
	}
}
