package authruntime

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// CheckSession returns an error if the session may truncate or replace values or
// does not enforce foreign keys. The error explains how to change the DSN.
func CheckSession(ctx context.Context, d dialect.ExecQuerier, name string) error {
	switch name {
	case dialect.SQLite:
		var on bool
		if err := scan(ctx, d, `PRAGMA foreign_keys`, &on); err != nil {
			return err
		}
		if !on {
			return errors.New("foreign keys are off; add _fk=1 to the DSN, which enables them on every connection of the pool")
		}
	case dialect.MySQL:
		var mode, client, connection string
		var foreignKeys bool
		err := scan(ctx, d, "SELECT @@SESSION.sql_mode, @@SESSION.character_set_client, @@SESSION.character_set_connection, @@SESSION.foreign_key_checks",
			&mode, &client, &connection, &foreignKeys)
		switch {
		case err != nil:
			return err
		case !strings.Contains(mode, "STRICT_TRANS_TABLES") && !strings.Contains(mode, "STRICT_ALL_TABLES"):
			return fmt.Errorf("sql_mode is %q, which truncates values that do not fit; add sql_mode=%%27STRICT_ALL_TABLES%%27 to the DSN", mode)
		case client != "utf8mb4" || connection != "utf8mb4":
			return fmt.Errorf("the connection uses the character sets %s and %s; add charset=utf8mb4 to the DSN", client, connection)
		case !foreignKeys:
			return errors.New("foreign keys are off; remove foreign_key_checks from the DSN, or set it to 1")
		}
	}
	return nil
}

// scan reads the single row of a query.
func scan(ctx context.Context, d dialect.ExecQuerier, query string, dest ...any) (err error) {
	rows := new(entsql.Rows)
	if err := d.Query(ctx, query, []any{}, rows); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		return errors.Join(rows.Err(), errors.New("no row"))
	}
	return rows.Scan(dest...)
}
