package authjstables_test

import (
	"database/sql"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"github.com/sesame-auth/sesame/internal/testdb"
)

// database is a database of a test's own.
type database struct {
	dsn  string  // for adapters/sqltables
	db   *sql.DB // the same
	node object  // the same, as node-postgres, mysql2 and the others take it
}

// newDatabase makes an empty database.
func newDatabase(t *testing.T, d string) database {
	t.Helper()
	switch d {
	case dialect.Postgres:
		dsn := testdb.Postgres(t)
		c, err := pgx.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		node := object{"host": c.Host, "port": c.Port, "user": c.User, "database": c.Database, "password": c.Password}
		return database{dsn, openDB(t, "pgx", dsn), node}
	case dialect.MySQL:
		dsn := testdb.MySQL(t)
		c, err := mysql.ParseDSN(dsn)
		if err != nil {
			t.Fatal(err)
		}
		node := object{"user": c.User, "password": c.Passwd, "database": c.DBName}
		if host, port, err := net.SplitHostPort(c.Addr); err == nil && c.Net == "tcp" {
			node["host"] = host
			node["port"], _ = strconv.Atoi(port)
		} else {
			node["socketPath"] = c.Addr
		}
		return database{dsn, openDB(t, "mysql", dsn), node}
	default:
		file := filepath.Join(t.TempDir(), "auth.db")
		return database{file, openDB(t, "sqlite3", "file:"+file+"?_fk=1&_txlock=immediate&_busy_timeout=5000"), object{"file": file}}
	}
}

func openDB(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func (d database) isMariaDB(t *testing.T) bool {
	t.Helper()
	var version string
	if err := d.db.QueryRowContext(t.Context(), "SELECT VERSION()").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return strings.Contains(version, "MariaDB")
}

// ddl is the folder with the tables of each layout.
const ddl = "../../../adapters/sqltables/testdata/ddl"

// createTables makes the tables of a layout.
func (d database) createTables(t *testing.T, layout string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(ddl, layout+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	d.exec(t, statements(string(content))...)
}

func (d database) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := d.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
}

// statements returns those of a file of testdata, in which each ends a line and
// comments are lines.
func statements(file string) []string {
	var text strings.Builder
	for line := range strings.Lines(file) {
		if !strings.HasPrefix(line, "--") {
			text.WriteString(line)
		}
	}
	var all []string
	for statement := range strings.SplitSeq(text.String(), ";\n") {
		if statement = strings.TrimSpace(statement); statement != "" {
			all = append(all, statement)
		}
	}
	return all
}
