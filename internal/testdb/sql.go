package testdb

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

var mysqlServer = kind{
	name:     "mysql",
	variable: "SESAME_MYSQL_DSN",
	local:    "root@tcp(127.0.0.1:3306)/",
	install: "set SESAME_MYSQL_DSN (such as root:secret@tcp(127.0.0.1:3306)/, of a user who may create databases), " +
		"or install MariaDB (Debian: apt-get install mariadb-server)",
	works: mysqlWorks,
	start: startMySQL,
}

var postgresServer = kind{
	name:     "postgres",
	variable: "SESAME_POSTGRES_DSN",
	local:    "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable",
	install: "set SESAME_POSTGRES_DSN (such as postgres://user:secret@127.0.0.1:5432/postgres, of a user who may create databases), " +
		"or install PostgreSQL (Debian: apt-get install postgresql)",
	works: postgresWorks,
	start: startPostgres,
}

func mysqlWorks(ctx context.Context, address string) error {
	dsn, err := mysqlDSN(address, "")
	if err != nil {
		return err
	}
	return run(ctx, "mysql", dsn, "SELECT 1")
}

func postgresWorks(ctx context.Context, address string) error {
	return run(ctx, "pgx", address, "SELECT 1")
}

// MySQL returns the DSN, for github.com/go-sql-driver/mysql, of a new and empty
// database on MySQL or MariaDB, which is dropped after the test. The session is
// strict, in UTC, and an UPDATE counts the rows it finds.
func MySQL(t testing.TB) (dsn string) {
	t.Helper()
	server := mysqlServer.find(t)
	name := unique()
	admin, err := mysqlDSN(server, "")
	if err == nil {
		dsn, err = mysqlDSN(server, name)
	}
	if err != nil {
		t.Fatalf("testdb: %v", err)
	}
	create(t, "mysql", admin, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4", "DROP DATABASE "+name)
	return dsn
}

func mysqlDSN(server, database string) (string, error) {
	c, err := mysql.ParseDSN(server)
	if err != nil {
		return "", err
	}
	c.DBName = database
	c.ParseTime, c.Loc, c.ClientFoundRows = true, time.UTC, true
	if c.Params == nil {
		c.Params = map[string]string{}
	}
	c.Params["time_zone"] = "'+00:00'"
	c.Params["sql_mode"] = "'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE'"
	return c.FormatDSN(), nil
}

// Postgres returns the DSN, for github.com/jackc/pgx/v5/stdlib, of a new and
// empty database on PostgreSQL, which is dropped after the test. A commit does
// not wait for the disk: no test cuts the power.
func Postgres(t testing.TB) (dsn string) {
	t.Helper()
	server := postgresServer.find(t)
	name := unique()
	create(t, "pgx", server, "CREATE DATABASE "+name, "DROP DATABASE "+name+" WITH (FORCE)")
	return postgresDSN(postgresDSN(server, "dbname", name), "synchronous_commit", "off")
}

// PostgresSchemas returns a function that returns the DSN of a new and empty
// schema, the first of the search path, in one new database. That is much
// quicker than a database each.
func PostgresSchemas(t testing.TB) (schema func(testing.TB) (dsn string)) {
	t.Helper()
	dsn := Postgres(t)
	return func(t testing.TB) string {
		t.Helper()
		name := unique()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := run(ctx, "pgx", dsn, "CREATE SCHEMA "+name); err != nil {
			t.Fatalf("testdb: %v", err)
		}
		return postgresDSN(dsn, "search_path", name)
	}
}

// postgresDSN returns dsn, a URL or key=value text, with one thing changed.
func postgresDSN(dsn, key, value string) string {
	u, err := url.Parse(dsn)
	switch {
	case err != nil || u.Scheme == "":
		return strings.TrimSpace(dsn) + " " + key + "=" + value // the last one counts
	case key == "dbname":
		u.Path = "/" + value
	default:
		q := u.Query()
		q.Set(key, value)
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// create runs a statement, and another one after the test.
func create(t testing.TB, driver, dsn, statement, undo string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := run(ctx, driver, dsn, statement); err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := cleanup()
		defer cancel()
		if err := run(ctx, driver, dsn, undo); err != nil {
			t.Errorf("testdb: %v", err)
		}
	})
}

func run(ctx context.Context, driver, dsn, statement string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
