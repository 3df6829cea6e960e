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
		retryable:      postgresRetryable,
		retryReason:    "conflicts with other transactions",
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
		exclusive: func(ctx context.Context, c *Conn, name string) error {
			_, err := c.tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "sesame "+name)
			return err
		},
	}
}

// PostgresConnector returns a connector for a DSN of github.com/jackc/pgx/v5.
// Waiting for a row lock ends after patience unless dsn sets lock_timeout.
func PostgresConnector(dsn string, patience time.Duration) (driver.Connector, error) {
	if strings.TrimSpace(dsn) == "" { // pgx would use its default server and database
		return nil, errors.New("the DSN is empty (is the environment variable set?); want a URL such as postgres://user@host/database, or key=value pairs")
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The error quotes dsn, which may hold a password.
		return nil, errors.New("invalid DSN; want a URL such as postgres://user@host/database, or key=value pairs")
	}
	options := []stdlib.OptionOpenDB{stdlib.OptionResetSession(aliveIdle)}
	if _, ok := cfg.RuntimeParams["lock_timeout"]; !ok {
		// Not as a parameter of the connection: poolers refuse parameters that
		// they do not know.
		set := fmt.Sprintf("SET lock_timeout = %d", max(1, patience.Milliseconds()))
		options = append(options, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, set)
			return err
		}))
	}
	return stdlib.GetConnector(*cfg, options...), nil
}

// checkPostgres refuses a database that cannot hold all text, and a session that
// does not enforce foreign keys.
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

// postgresRetryable reports a serialization failure, a deadlock, or a statement
// that was prepared before a table was altered.
func postgresRetryable(err error) bool {
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
		return fmt.Errorf("%w (another transaction has locked the row for too long; a Tx function must be short and use only the adapter passed to it)", err)
	case "25006":
		return fmt.Errorf("%w (the adapter needs a server and a role that accept writes)", err)
	case "42501":
		return fmt.Errorf("%w (the role of the DSN needs SELECT, INSERT, UPDATE and DELETE on the tables)", err)
	case "53100":
		return fmt.Errorf("%w (no space is left on the server; nothing was written)", err)
	}
	return err
}
