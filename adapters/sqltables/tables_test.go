package sqltables_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// ddl is what makes the tables of a layout: what the package itself makes, or
// its documentation says.
func ddl(t testing.TB, l sqltables.Layout) string {
	t.Helper()
	paths := map[string]string{
		"DrizzlePostgres": "testdata/ddl/drizzle-postgres.sql", "DrizzleMySQL": "testdata/ddl/drizzle-mysql.sql", "DrizzleSQLite": "testdata/ddl/drizzle-sqlite.sql",
		"PrismaPostgres": "testdata/ddl/prisma-postgres.sql", "PrismaMySQL": "testdata/ddl/prisma-mysql.sql", "PrismaSQLite": "testdata/ddl/prisma-sqlite.sql",
		"KyselyPostgres": "testdata/ddl/kysely-postgres.sql", "KyselyMySQL": "testdata/ddl/kysely-mysql.sql", "KyselySQLite": "testdata/ddl/kysely-sqlite.sql",
		"PG":              "testdata/ddl/pg.sql",
		"TypeORMPostgres": "testdata/ddl/typeorm-postgres.sql", "TypeORMMySQL": "testdata/ddl/typeorm-mysql.sql", "TypeORMSQLite": "testdata/ddl/typeorm-sqlite.sql",
		"StockPostgres": "../entclient/migrations/postgres/0001_init.sql", "StockMySQL": "../entclient/migrations/mysql/0001_init.sql", "StockSQLite": "../entclient/migrations/sqlite/0001_init.sql",
	}
	path, ok := paths[l.Name]
	if !ok {
		t.Fatalf("no tables for layout %s", l.Name)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), `"public".`, "") // each store has a schema of its own
}

// extraColumns are those of the fields that the conformance suite declares.
func extraColumns(l sqltables.Layout) string {
	types := map[string][2]string{
		dialect.Postgres: {"plan text NOT NULL DEFAULT 'none', seats bigint, score double precision, admin boolean, since timestamptz, tags jsonb NOT NULL DEFAULT '[]'", `device text`},
		dialect.MySQL:    {"plan varchar(255) NOT NULL DEFAULT 'none', seats bigint, score double, admin boolean, since datetime(3), tags json", "device varchar(255)"},
		dialect.SQLite:   {"plan text NOT NULL DEFAULT 'none', seats integer, score real, admin boolean, since integer, tags text", "device text"},
	}[l.Dialect]
	q := `"`
	if l.Dialect == dialect.MySQL {
		q = "`"
	}
	var out strings.Builder
	for i, table := range []string{l.User.Name, l.Session.Name} {
		for column := range strings.SplitSeq(types[i], ", ") {
			fmt.Fprintf(&out, ";\nALTER TABLE %s%s%s ADD %s", q, table, q, column)
		}
	}
	return out.String() + ";\n"
}

// place is a database with the tables of a layout and no rows.
type place struct {
	layout sqltables.Layout
	dsn    string
	faults *testdb.Faults
}

// places makes databases with tables, and empties them to be used again: to
// make tables takes long.
type places struct {
	mu   sync.Mutex
	free map[string][]*place // by the text that makes the tables
	once sync.Once
	dsn  string // of the database on PostgreSQL that has a schema for each place
	n    int
}

// get returns a place whose tables are made by text.
func (p *places) get(t testing.TB, l sqltables.Layout, text string) *place {
	t.Helper()
	p.mu.Lock()
	if free := p.free[text]; len(free) > 0 {
		found := free[len(free)-1]
		p.free[text] = free[:len(free)-1]
		p.mu.Unlock()
		return found
	}
	p.n++
	n := p.n
	p.mu.Unlock()
	made := &place{layout: l}
	switch l.Dialect {
	case dialect.SQLite:
		path := filepath.Join(t.TempDir(), "auth.db")
		made.dsn = "file:" + path + "?_fk=1&_txlock=immediate&_busy_timeout=20&_journal_mode=WAL&_synchronous=OFF"
	case dialect.MySQL:
		made.dsn = testdb.MySQL(t) + "&charset=utf8mb4"
		// The default of MariaDB; MySQL 8 knows it too, and has another.
		made.exec(t, "ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
	default:
		p.once.Do(func() { p.dsn = testdb.Postgres(t) })
		made.dsn = withParams(p.dsn, "search_path", fmt.Sprintf("place%d,public", n), "synchronous_commit", "off")
		made.exec(t, fmt.Sprintf("CREATE SCHEMA place%d", n))
	}
	made.exec(t, text)
	return made
}

// put gives an emptied place back. One of SQLite ends with its test.
func (p *places) put(t testing.TB, text string, old *place) {
	if old.layout.Dialect == dialect.SQLite {
		return
	}
	q := `"`
	if old.layout.Dialect == dialect.MySQL {
		q = "`"
	}
	var all strings.Builder
	for _, table := range []string{old.layout.Account.Name, old.layout.Session.Name, old.layout.VerificationToken.Name, old.layout.Authenticator.Name, old.layout.User.Name} {
		if table != "" {
			fmt.Fprintf(&all, "DELETE FROM %s%s%s;\n", q, table, q)
		}
	}
	if old.layout.User.Column("id").Fill == sqltables.FromDatabase {
		all.WriteString("ALTER SEQUENCE users_id_seq RESTART;\n") // ids begin anew, as in a new database
	}
	old.exec(t, all.String())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free[text] = append(p.free[text], old)
}

// withParams adds parameters to a DSN of PostgreSQL.
func withParams(dsn string, params ...string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		for i := 0; i < len(params); i += 2 {
			dsn += " " + params[i] + "=" + params[i+1]
		}
		return dsn
	}
	query := u.Query()
	for i := 0; i < len(params); i += 2 {
		query.Set(params[i], params[i+1])
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func (p *place) connector(t testing.TB) driver.Connector {
	t.Helper()
	switch p.layout.Dialect {
	case dialect.SQLite:
		return testdb.Opener(&sqlite3.SQLiteDriver{}, p.dsn)
	case dialect.MySQL:
		cfg, err := mysql.ParseDSN(p.dsn)
		if err != nil {
			t.Fatal(err)
		}
		c, err := mysql.NewConnector(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	cfg, err := pgx.ParseConfig(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	return stdlib.GetConnector(*cfg)
}

// exec runs statements, each ended by a semicolon at the end of its line.
func (p *place) exec(t testing.TB, text string) {
	t.Helper()
	db := sql.OpenDB(p.connector(t))
	defer db.Close()
	ctx := context.WithoutCancel(t.Context())
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for statement := range strings.SplitSeq(text+"\n", ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// open opens the adapter with authenticators, if it has any, over a pool in
// which statements can be made to fail.
func (p *place) open(t testing.TB, o sqltables.Options) (engine.Adapter, error) {
	t.Helper()
	if p.faults == nil {
		p.faults = &testdb.Faults{Connector: p.connector(t)}
	}
	db := sql.OpenDB(p.faults)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	db.SetConnMaxIdleTime(time.Second)
	a, err := sqltables.New(context.WithoutCancel(t.Context()), db, p.layout, o)
	if err != nil {
		db.Close()
		return nil, err
	}
	t.Cleanup(func() { a.Close() })
	if p.layout.Authenticator.Name == "" {
		return a, nil
	}
	return a.WebAuthn()
}

// place is a place of the test's own with the tables of a layout, changed by
// statements.
func newPlace(t testing.TB, l sqltables.Layout, statements ...string) *place {
	t.Helper()
	p := &places{}
	return p.get(t, l, ddl(t, l)+"\n"+strings.Join(statements, ";\n"))
}
