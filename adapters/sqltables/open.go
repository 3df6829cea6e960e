package sqltables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
)

// Open opens the database of an Auth.js app and returns an adapter for it; see
// [New]. dsn is
//
//   - for SQLite the path of an existing file, optionally with the prefix file:
//     as in "file:./dev.db" of Drizzle and Prisma.
//   - for MySQL and MariaDB a DSN of github.com/go-sql-driver/mysql,
//     "user:password@tcp(host:3306)/database", or a URL as in Node.js,
//     "mysql://user:password@host:3306/database", without parameters.
//   - for PostgreSQL a DSN of github.com/jackc/pgx/v5: a URL or key=value pairs.
//     The tables are found along search_path; Prisma's parameter schema sets
//     search_path.
//
// Open overrides settings of dsn that the adapter depends on: foreign keys, a
// strict sql_mode, utf8mb4, the SessionZone of the layout (except [ServerZone],
// which does not set the time zone), and that a transaction on SQLite takes the
// write lock when it begins. On a server, waiting for a row lock ends after
// Options.BusyTimeout unless dsn sets lock_timeout or innodb_lock_wait_timeout.
func Open(ctx context.Context, dsn string, layout Layout, o Options) (*Adapter, error) {
	a, err := open(ctx, dsn, layout, o)
	if err != nil {
		return nil, fmt.Errorf("sqltables: open: %w", err)
	}
	return a, nil
}

func open(ctx context.Context, dsn string, layout Layout, o Options) (*Adapter, error) {
	if _, err := sqlstore.DialectOf(layout.Dialect); err != nil {
		return nil, fmt.Errorf("layout %s: %w", layout.Name, err)
	}
	db, err := openDB(dsn, &layout, o)
	if err != nil {
		return nil, err
	}
	a, err := newAdapter(ctx, db, layout, o)
	if err != nil {
		db.Close()
	}
	return a, err
}

func openDB(dsn string, l *Layout, o Options) (*sql.DB, error) {
	switch l.Dialect {
	case dialect.SQLite:
		return openSQLite(dsn)
	case dialect.MySQL:
		dsn, err := mysqlDSN(dsn)
		if err != nil {
			return nil, err
		}
		connector, err := sqlstore.MySQLConnector(dsn, sqlstore.Patience(o.BusyTimeout), l.sessionZone())
		if err != nil {
			return nil, err
		}
		return sqlstore.OpenServer(connector), nil
	}
	connector, err := sqlstore.PostgresConnector(postgresDSN(dsn), sqlstore.Patience(o.BusyTimeout))
	if err != nil {
		return nil, err
	}
	return sqlstore.OpenServer(connector), nil
}

// openSQLite opens an existing file. It does not change the journal mode, because
// the file belongs to another application.
func openSQLite(dsn string) (*sql.DB, error) {
	path, params, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	if path == "" || path == ":memory:" {
		return nil, errors.New("want the path of the app's database file")
	}
	if err := sqlstore.CheckPath(path); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w (this adapter creates no database; want the file of the Auth.js app)", err)
	} else if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory; want the file of the Auth.js app", path)
	}
	return sqlstore.OpenSQLite(path, params)
}

// mysqlDSN converts a URL as in Node.js to a DSN of the driver.
func mysqlDSN(dsn string) (string, error) {
	if !strings.HasPrefix(dsn, "mysql://") && !strings.HasPrefix(dsn, "mariadb://") {
		return dsn, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		// The error quotes dsn, which may hold a password.
		return "", errors.New("invalid URL; want mysql://user:password@host:3306/database")
	}
	if u.RawQuery != "" {
		return "", errors.New("parameters of Node.js are not supported; want user:password@tcp(host:3306)/database?param=value, as defined by github.com/go-sql-driver/mysql (for instance tls=true)")
	}
	cfg := mysql.NewConfig()
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.Net, cfg.Addr, cfg.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	if u.Port() == "" {
		cfg.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	return cfg.FormatDSN(), nil
}

// postgresDSN replaces Prisma's parameter schema by search_path.
func postgresDSN(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" || !u.Query().Has("schema") {
		return dsn
	}
	query := u.Query()
	query.Set("search_path", quote(dialect.Postgres, query.Get("schema")))
	query.Del("schema")
	u.RawQuery = query.Encode()
	return u.String()
}
