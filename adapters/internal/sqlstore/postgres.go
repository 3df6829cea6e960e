package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sesame-auth/sesame/engine/store"
)

// postgresDialect is the dialect of PostgreSQL.
func postgresDialect() *Dialect {
	return &Dialect{
		Name:           dialect.Postgres,
		Server:         true,
		LockRow:        " FOR NO KEY UPDATE",
		LockOwner:      " FOR KEY SHARE",
		LockDelete:     " FOR UPDATE",
		savepoints:     true,
		driverPrepares: true,
		again:          postgresAgain,
		turnedAway:     "other transactions have been in the way",
		duplicate: func(err error) (Duplicate, bool) {
			e, ok := errors.AsType[*pgconn.PgError](err)
			if !ok || e.Code != "23505" {
				return Duplicate{}, false
			}
			return Duplicate{Key: e.ConstraintName, Err: err}, true
		},
		orphan:  func(err error) bool { return postgresCode(err) == "23503" },
		explain: explainPostgres,
		check:   checkPostgres,
		exclusive: func(ctx context.Context, c *Conn, what string) error {
			_, err := c.tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "sesame "+what)
			return err
		},
	}
}

// PostgresConnector returns the connector of a DSN of github.com/jackc/pgx/v5.
// A wait for a row's lock ends after patience unless dsn sets lock_timeout.
func PostgresConnector(dsn string, patience time.Duration) (driver.Connector, error) {
	if strings.TrimSpace(dsn) == "" { // pgx would take whatever server and database it finds
		return nil, errors.New("the DSN is empty (is the environment variable set?); want a URL such as postgres://user@host/database, or key=value text")
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The error quotes dsn, which may hold a password.
		return nil, errors.New("the DSN cannot be read; want a URL such as postgres://user@host/database, or key=value text")
	}
	options := []stdlib.OptionOpenDB{stdlib.OptionResetSession(aliveIdle)}
	if _, ok := cfg.RuntimeParams["lock_timeout"]; !ok {
		// Not a parameter of the connection itself: poolers refuse those they
		// do not know.
		set := fmt.Sprintf("SET lock_timeout = %d", max(1, patience.Milliseconds()))
		options = append(options, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, set)
			return err
		}))
	}
	return stdlib.GetConnector(*cfg, options...), nil
}

// checkPostgres wants a database that can hold every text, and a session that
// keeps foreign keys.
func checkPostgres(ctx context.Context, db *sql.DB) error {
	var encoding, role string
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_encoding'), current_setting('session_replication_role')`).Scan(&encoding, &role)
	switch {
	case err != nil:
		return err
	case encoding != "UTF8":
		return fmt.Errorf("the encoding of the database is %s; create it with ENCODING 'UTF8'", encoding)
	case role == "replica":
		return errors.New("session_replication_role is replica, which turns foreign keys off; remove it from the DSN")
	}
	return nil
}

// postgresAgain: a snapshot that cannot be kept, a deadlock, a statement that was
// prepared before a table was altered.
func postgresAgain(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01" || e.Code == "0A000" && e.Routine == "RevalidateCachedQuery")
}

func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func explainPostgres(err error) error {
	switch postgresCode(err) {
	case "54000", "22021", "22P05", "22001": // too long for an index, or not in the encoding
		return fmt.Errorf("%w: %w", store.ErrInvalid, err)
	case "55P03":
		return fmt.Errorf("%w (a transaction has held the row for too long; a Tx function must be short and use the adapter it is given)", err)
	case "25006":
		return fmt.Errorf("%w (the adapter needs a server, and a role, that take writes)", err)
	case "42501":
		return fmt.Errorf("%w (the role of the DSN needs SELECT, INSERT, UPDATE and DELETE on the tables)", err)
	case "53100":
		return fmt.Errorf("%w (there is no room left on the server; nothing was written)", err)
	}
	return err
}
