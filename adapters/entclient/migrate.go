package entclient

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
)

// migrations holds a directory per dialect. Files are applied once each, in the
// order of their names, and never change after a release.
//
//go:embed migrations
var migrations embed.FS

type migration struct {
	name, checksum, sql string
}

func migrationsOf(dialect string) ([]migration, error) {
	folder := path.Join("migrations", dialect)
	entries, err := migrations.ReadDir(folder) // sorted by name
	if err != nil {
		return nil, err
	}
	all := make([]migration, 0, len(entries))
	for _, e := range entries {
		text, err := migrations.ReadFile(path.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{e.Name(), hex.EncodeToString(sum[:]), string(text)})
	}
	return all, nil
}

// migrateSQLite brings the tables up to date. It may run in any number of
// processes at once, because it holds SQLite's write lock while it decides what
// is missing. A database that is up to date is only read.
func migrateSQLite(ctx context.Context, db *sql.DB) (err error) {
	all, err := migrationsOf("sqlite")
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()

	if missing, err := pendingSQLite(ctx, conn, all); err != nil || len(missing) == 0 {
		return err
	}
	if _, err := conn.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		if _, rerr := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`); rerr != nil {
			// A connection with an open transaction must not go back to the pool.
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	if _, err := conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS "sesame_migration" (
		"name" text NOT NULL PRIMARY KEY, "checksum" text NOT NULL)`); err != nil {
		return err
	}
	missing, err := pendingSQLite(ctx, conn, all)
	if err != nil {
		return err
	}
	for _, m := range missing {
		if _, err := conn.ExecContext(ctx, m.sql); err != nil {
			return fmt.Errorf("migration %s: %w (Sesame creates these tables itself; if this database belongs to another application, open another file)", m.name, err)
		}
		if _, err := conn.ExecContext(ctx, `INSERT INTO "sesame_migration" VALUES (?, ?)`, m.name, m.checksum); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, `COMMIT`)
	return err
}

func pendingSQLite(ctx context.Context, conn *sql.Conn, all []migration) ([]migration, error) {
	return pending(ctx, conn, all,
		`SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'sesame_migration')`,
		`SELECT "name", "checksum" FROM "sesame_migration"`)
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// pending returns the migrations that are not applied yet. The query exists
// reports whether the table of applied migrations exists; the query list reads
// it.
func pending(ctx context.Context, q querier, all []migration, exists, list string) ([]migration, error) {
	applied, err := applied(ctx, q, exists, list)
	if err != nil {
		return nil, err
	}
	var missing []migration
	for _, m := range all {
		switch checksum, ok := applied[m.name]; {
		case !ok:
			missing = append(missing, m)
		case checksum != m.checksum:
			return nil, fmt.Errorf("migration %s was changed after it was applied to this database; run the version of the program that applied it, or restore the file", m.name)
		}
		delete(applied, m.name)
	}
	for name := range applied {
		return nil, fmt.Errorf("the database has migration %s, which this program does not know; run the newer version that applied it", name)
	}
	return missing, nil
}

// applied returns the checksums of the applied migrations by name.
func applied(ctx context.Context, q querier, exists, list string) (map[string]string, error) {
	applied := map[string]string{}
	var found bool
	if err := q.QueryRowContext(ctx, exists).Scan(&found); err != nil || !found {
		return applied, err
	}
	rows, err := q.QueryContext(ctx, list)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, checksum string
		if err := rows.Scan(&name, &checksum); err != nil {
			return nil, err
		}
		applied[name] = checksum
	}
	return applied, rows.Err()
}
