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

// Open opens the database of an Auth.js app and returns its adapter; see [New].
// dsn is
//
//   - for SQLite the path of the file, which must exist, or file: with a path.
//     Drizzle's and Prisma's "file:./dev.db" will do.
//   - for MySQL and MariaDB one of github.com/go-sql-driver/mysql,
//     "user:password@tcp(host:3306)/database", or the URL that Node.js has,
//     "mysql://user:password@host:3306/database", without parameters.
//   - for PostgreSQL one of github.com/jackc/pgx/v5: a URL or key=value text.
//     The tables are looked for along search_path. Prisma's parameter schema
//     is taken for it.
//
// What the adapter depends on is set whatever dsn says: foreign keys, a strict
// sql_mode, utf8mb4, the SessionZone of the layout (but for [ServerZone], which
// leaves the zone alone), and that a transaction on SQLite takes
// the write lock when it begins. A wait for a row's lock on a server ends after
// Options.BusyTimeout unless dsn sets lock_timeout or
// innodb_lock_wait_timeout.
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

// openSQLite opens a file that exists. It leaves the journal mode as it is: the
// file is another application's.
func openSQLite(dsn string) (*sql.DB, error) {
	path, params, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	if path == "" || path == ":memory:" {
		return nil, errors.New("want the path of the app's database file")
	}
	if err := sqlstore.CheckPath(path); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w (this adapter makes no database; want the file of the Auth.js app)", err)
	} else if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder; want the file of the Auth.js app", path)
	}
	return sqlstore.OpenSQLite(path, params)
}

// mysqlDSN makes a DSN of the driver of a URL as Node.js has it.
func mysqlDSN(dsn string) (string, error) {
	if !strings.HasPrefix(dsn, "mysql://") && !strings.HasPrefix(dsn, "mariadb://") {
		return dsn, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		// The error quotes dsn, which may hold a password.
		return "", errors.New("the URL cannot be read; want mysql://user:password@host:3306/database")
	}
	if u.RawQuery != "" {
		return "", errors.New("parameters of Node.js are not known here; want user:password@tcp(host:3306)/database?…, with those of github.com/go-sql-driver/mysql (tls=true, say)")
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

// postgresDSN makes search_path of Prisma's parameter schema.
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
