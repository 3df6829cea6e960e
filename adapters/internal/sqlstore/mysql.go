package sqlstore

import (
	"context"
	"crypto/sha1"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"

	"github.com/sesame-auth/sesame/engine/store"
)

// mysqlDialect is the dialect of MySQL and MariaDB. It uses only what both support.
func mysqlDialect() *Dialect {
	return &Dialect{
		Name:        dialect.MySQL,
		Server:      true,
		LockRow:     " FOR UPDATE",
		LockOwner:   " LOCK IN SHARE MODE", // MariaDB does not support the newer FOR SHARE
		LockDelete:  " FOR UPDATE",
		retryable:   func(err error) bool { return slices.Contains(mysqlRetryable(), mysqlNumber(err)) },
		retryReason: "conflicts with other transactions",
		duplicate:   duplicateMySQL,
		orphan: func(err error) bool {
			return slices.Contains([]uint16{1452, 1216, 1451, 1217}, mysqlNumber(err))
		},
		explain:   explainMySQL,
		check:     checkMySQL,
		exclusive: exclusiveMySQL,
	}
}

// Time zones of MySQL sessions.
const (
	UTC        = "+00:00"
	ServerZone = "server" // the time zone of the server
)

// MySQLConnector returns a connector for a DSN of github.com/go-sql-driver/mysql.
// It overrides settings of dsn that adapters depend on: utf8mb4, a strict
// sql_mode, foreign keys, and that an UPDATE counts the rows it matches. Waiting
// for a row lock ends after patience unless dsn sets innodb_lock_wait_timeout.
// zone is the time_zone of the sessions, or ServerZone, which leaves it to dsn and
// the server. Instants are read as UTC.
func MySQLConnector(dsn string, patience time.Duration, zone string) (driver.Connector, error) {
	cfg, err := mysql.ParseDSN(dsn)
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "invalid DSN: "):
		return nil, err
	case err != nil, strings.Contains(cfg.Net, ":"): // an @ is missing
		// The error, or that of dialing, quotes dsn, which may hold a password.
		return nil, errors.New("invalid DSN; want user:password@tcp(host:3306)/database?param=value, as defined by github.com/go-sql-driver/mysql")
	}
	cfg.ClientFoundRows = true
	cfg.MultiStatements = false
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.Logger = &mysql.NopLogger{} // everything it logs is also returned as an error
	cfg.InterpolateParams = true    // saves a round trip; safe with utf8mb4
	if err := cfg.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin")); err != nil {
		return nil, err
	}
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	if zone != ServerZone {
		if strings.ContainsAny(zone, `'\`) {
			return nil, fmt.Errorf("%q is not a time zone", zone)
		}
		cfg.Params["time_zone"] = "'" + zone + "'"
	}
	cfg.Params["sql_mode"] = "'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'"
	cfg.Params["foreign_key_checks"] = "1"
	cfg.Params["unique_checks"] = "1"
	if _, ok := cfg.Params["innodb_lock_wait_timeout"]; !ok {
		cfg.Params["innodb_lock_wait_timeout"] = fmt.Sprint(seconds(patience))
	}
	// A COMMIT ignores the context.
	for _, timeout := range []*time.Duration{&cfg.ReadTimeout, &cfg.WriteTimeout} {
		if *timeout == 0 {
			*timeout = time.Minute
		}
	}
	return mysql.NewConnector(cfg)
}

// seconds returns d in whole seconds, rounded up, and at least one.
func seconds(d time.Duration) int64 {
	return int64(max(1, (d+time.Second-1)/time.Second))
}

// checkMySQL refuses a session in which values may be truncated or replaced or
// keys are not enforced.
func checkMySQL(ctx context.Context, db *sql.DB) error {
	var database sql.NullString
	var mode, client, connection string
	var foreignKeys, uniqueKeys bool
	err := db.QueryRowContext(ctx, "SELECT DATABASE(), @@SESSION.sql_mode, @@SESSION.character_set_client, @@SESSION.character_set_connection, "+
		"@@SESSION.foreign_key_checks, @@SESSION.unique_checks").Scan(&database, &mode, &client, &connection, &foreignKeys, &uniqueKeys)
	modes := strings.Split(mode, ",")
	switch {
	case err != nil:
		return err
	case database.String == "":
		return errors.New("the DSN names no database")
	case !slices.Contains(modes, "STRICT_TRANS_TABLES") && !slices.Contains(modes, "STRICT_ALL_TABLES"):
		return fmt.Errorf("sql_mode is %q, which truncates values that do not fit; add sql_mode=%%27STRICT_ALL_TABLES%%27 to the DSN", mode)
	case client != "utf8mb4" || connection != "utf8mb4":
		return fmt.Errorf("the connection uses the character sets %s and %s; add charset=utf8mb4 to the DSN", client, connection)
	case !foreignKeys:
		return errors.New("foreign keys are off; remove foreign_key_checks from the DSN, or set it to 1")
	case !uniqueKeys:
		return errors.New("unique_checks is off; remove it from the DSN, or set it to 1")
	}
	return nil
}

// CheckMySQLTime returns an error unless sessions are in the zone and the driver
// reads instants as UTC. It compares zones by their offsets: now, and in both
// halves of a year.
func CheckMySQLTime(ctx context.Context, db *sql.DB, zone string) error {
	want, args := "@@GLOBAL.time_zone", []any(nil)
	if zone != ServerZone {
		want, args = "?", []any{zone, zone, zone}
	}
	var same []string
	for _, at := range []string{"UTC_TIMESTAMP()", "TIMESTAMP'2026-01-01 12:00:00'", "TIMESTAMP'2026-07-01 12:00:00'"} {
		same = append(same, "CONVERT_TZ("+at+", '+00:00', @@SESSION.time_zone) = CONVERT_TZ("+at+", '+00:00', "+want+")")
	}
	var is, server string
	var equal sql.NullBool
	var at any
	err := db.QueryRowContext(ctx, "SELECT @@SESSION.time_zone, @@GLOBAL.time_zone, "+strings.Join(same, " AND ")+", CAST('2026-07-01 12:00:00.123' AS DATETIME(3))", args...).
		Scan(&is, &server, &equal, &at)
	if err != nil {
		return err
	}
	t, parsed := at.(time.Time)
	switch {
	case !equal.Valid:
		return fmt.Errorf("the server does not know the time zone %q (load its time zone tables, or use an offset such as -05:00)", zone)
	case !equal.Bool && zone == ServerZone:
		return fmt.Errorf("the time zone of the session is %s, but the app writes in that of the server, %s; remove time_zone from the DSN", is, server)
	case !equal.Bool:
		name := "UTC"
		if zone != UTC {
			name = zone
		}
		return fmt.Errorf("the time zone of the session is not %s; add time_zone=%s to the DSN", name, url.QueryEscape("'"+zone+"'"))
	case parsed && !t.Equal(time.Date(2026, 7, 1, 12, 0, 0, 123e6, time.UTC)):
		return errors.New("the driver does not read instants as UTC; add loc=UTC to the DSN")
	}
	return nil
}

// mysqlLockName is the SQL expression for the name of a lock. Names are global to
// the server and have at most 64 characters.
const mysqlLockName = "CONCAT('sesame_', SHA1(CONCAT(DATABASE(), ?)))"

func exclusiveMySQL(ctx context.Context, c *Conn, name string) error {
	if c.held == nil {
		return ErrForeignTx
	}
	sum := sha1.Sum([]byte(name)) // a name, not a secret
	name = hex.EncodeToString(sum[:])
	if slices.Contains(*c.held, name) {
		return nil
	}
	var patience int64
	if err := c.tx.QueryRowContext(ctx, "SELECT @@SESSION.innodb_lock_wait_timeout").Scan(&patience); err != nil {
		return err
	}
	var locked sql.NullBool
	if err := c.tx.QueryRowContext(ctx, "SELECT GET_LOCK("+mysqlLockName+", ?)", name, patience).Scan(&locked); err != nil {
		return err
	}
	if !locked.Bool {
		return fmt.Errorf("another transaction has held the lock for %d seconds (a Tx function must be short and use only the adapter passed to it)", patience)
	}
	*c.held = append(*c.held, name)
	return nil
}

func mysqlNumber(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// mysqlRetryable returns the numbers of these errors: a deadlock; a row that
// changed after the snapshot (MariaDB); a deadlock of named locks (MySQL).
func mysqlRetryable() []uint16 { return []uint16{1213, 1020, 3058} }

const mysqlDuplicate = 1062

func duplicateMySQL(err error) (Duplicate, bool) {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok || e.Number != mysqlDuplicate {
		return Duplicate{}, false
	}
	// "Duplicate entry '…' for key 'user.email'"; MariaDB: "… for key 'email'".
	key := strings.TrimSuffix(e.Message, "'")
	key = key[strings.LastIndexByte(key, '\'')+1:]
	key = key[strings.LastIndexByte(key, '.')+1:]
	return Duplicate{Key: key, Err: &mysql.MySQLError{Number: e.Number, SQLState: e.SQLState, Message: "Duplicate entry for key " + key}}, true
}

func explainMySQL(err error) error {
	if errors.Is(err, mysql.ErrPktTooLarge) {
		return fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	switch mysqlNumber(err) {
	case 1406, 1153, 1301, 1366, 1264, 1292: // too long, too long for a packet, not in the character set, out of range
		return fmt.Errorf("%w: %w", store.ErrInvalid, err)
	case 1205:
		return fmt.Errorf("%w (another transaction has locked the row for too long; a Tx function must be short and use only the adapter passed to it)", err)
	case 1290, 1792, 1836:
		return fmt.Errorf("%w (the adapter needs a server that accepts writes)", err)
	case 1044, 1045, 1142:
		return fmt.Errorf("%w (the user of the DSN needs SELECT, INSERT, UPDATE and DELETE on the tables)", err)
	case 1114, 1021:
		return fmt.Errorf("%w (no space is left on the server; nothing was written)", err)
	}
	return err
}
