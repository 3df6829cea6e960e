package conformance

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/adapters/sqltables/testdata/ddl"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// DDL is what makes the tables of a layout: what the package itself makes, or
// its documentation shows. It is "" for Sesame's own tables.
func DDL(t testing.TB, l sqltables.Layout) string {
	t.Helper()
	if !l.SharedWithAuthJS {
		return ""
	}
	text, err := ddl.Files.ReadFile(strings.TrimSuffix(fileOf(l), "-text") + ".sql")
	if err != nil {
		t.Fatal(err)
	}
	// Each database is a schema of its own; extensions are for all of them.
	return strings.NewReplacer(`"public".`, "", `CREATE EXTENSION IF NOT EXISTS "uuid-ossp"`, `CREATE EXTENSION IF NOT EXISTS "uuid-ossp" SCHEMA public`).Replace(string(text))
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

// Database is a database with the tables of a layout and no rows.
type Database struct {
	Layout sqltables.Layout
	DSN    string
	Faults *faultdb.Connector // nil before Open
}

// databasePool makes databases with tables, and empties them to be used again:
// making tables takes long.
type databasePool struct {
	mu   sync.Mutex
	free map[string][]*Database // by the text that makes the tables
	once sync.Once
	dsn  string // of the database on PostgreSQL that has a schema for each of them
	n    int
}

// get returns a database whose tables are made by text.
func (p *databasePool) get(t testing.TB, l sqltables.Layout, text string) *Database {
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
	made := &Database{Layout: l}
	switch l.Dialect {
	case dialect.SQLite:
		path := filepath.Join(t.TempDir(), "auth.db")
		made.DSN = "file:" + path + "?_fk=1&_txlock=immediate&_busy_timeout=20&_journal_mode=WAL&_synchronous=OFF"
	case dialect.MySQL:
		made.DSN = testdb.MySQL(t) + "&charset=utf8mb4"
		// The default of MariaDB; MySQL 8 knows it too, and has another.
		made.Exec(t, "ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
	default:
		p.once.Do(func() { p.dsn = testdb.Postgres(t) })
		made.DSN = withParams(p.dsn, "search_path", fmt.Sprintf("pool%d,public", n), "synchronous_commit", "off")
		made.Exec(t, fmt.Sprintf("CREATE SCHEMA pool%d", n))
	}
	if !l.SharedWithAuthJS {
		// Sesame's own tables are made by the adapter that has them.
		db := sql.OpenDB(made.Connector(t))
		own, err := entclient.New(context.WithoutCancel(t.Context()), l.Dialect, db, entclient.Options{})
		if err != nil {
			db.Close()
			t.Fatal(err)
		}
		own.Close()
	}
	made.Exec(t, text)
	return made
}

// put empties a database and returns it to the pool. One of SQLite ends with its
// test.
func (p *databasePool) put(t testing.TB, text string, old *Database) {
	if old.Layout.Dialect == dialect.SQLite {
		return
	}
	q := `"`
	if old.Layout.Dialect == dialect.MySQL {
		q = "`"
	}
	var all strings.Builder
	for _, table := range []string{old.Layout.Account.Name, old.Layout.Session.Name, old.Layout.VerificationToken.Name, old.Layout.Authenticator.Name, old.Layout.User.Name} {
		if table != "" {
			fmt.Fprintf(&all, "DELETE FROM %s%s%s;\n", q, table, q)
		}
	}
	if old.Layout.User.Column("id").Fill == sqltables.FromDatabase {
		all.WriteString("ALTER SEQUENCE users_id_seq RESTART;\n") // ids begin anew, as in a new database
	}
	old.Exec(t, all.String())
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

// Connector returns a connector of the database, on which nothing fails yet.
func (p *Database) Connector(t testing.TB) *faultdb.Connector {
	t.Helper()
	c, err := faultdb.Open(p.Layout.Dialect, p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Exec runs statements, each ended by a semicolon at the end of its line.
func (p *Database) Exec(t testing.TB, text string) {
	t.Helper()
	db := sql.OpenDB(p.Connector(t))
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

// Open opens the adapter with authenticators, if it has any, over a pool in
// which statements can be made to fail.
func (p *Database) Open(t testing.TB, o sqltables.Options) (store.Adapter, error) {
	t.Helper()
	if p.Faults == nil {
		p.Faults = p.Connector(t)
	}
	db := sql.OpenDB(p.Faults)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	db.SetConnMaxIdleTime(time.Second)
	a, err := sqltables.New(context.WithoutCancel(t.Context()), db, p.Layout, o)
	if err != nil {
		db.Close()
		return nil, err
	}
	t.Cleanup(func() { a.Close() })
	if p.Layout.Authenticator.Name == "" {
		return a, nil
	}
	return a.WebAuthn()
}

// NewDatabase returns a database of the test's own with the tables of a layout, changed by
// statements.
func NewDatabase(t testing.TB, l sqltables.Layout, statements ...string) *Database {
	t.Helper()
	return NewDatabaseOf(t, l, DDL(t, l)+"\n"+strings.Join(statements, ";\n"))
}

// NewDatabaseOf returns a database of the test's own with the tables that text makes.
func NewDatabaseOf(t testing.TB, l sqltables.Layout, text string) *Database {
	t.Helper()
	return (&databasePool{}).get(t, l, text)
}
