package entclient

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
)

// sqlite is the backend of SQLite.
func sqlite(d *sqlstore.Dialect) *backend {
	return &backend{
		Dialect: d,
		migrate: migrateSQLite,
		hot: hotSQL{
			sessionAndUser: `
				SELECT "session"."expires", "user"."id", "user"."name", "user"."email", "user"."emailVerified", "user"."image"
				FROM "session" JOIN "user" ON "user"."id" = "session"."userId"
				WHERE "session"."sessionToken" = ?`,
			updateSession: []step{{text: `
				UPDATE "session" SET "expires" = ? WHERE "sessionToken" = ? RETURNING "userId"`}},
			useToken: []step{{text: `
				DELETE FROM "verificationToken" WHERE "identifier" = ? AND "token" = ? RETURNING "expires"`}},
			updateCounter: []step{{text: `
				UPDATE "authenticator" SET "counter" = ?1
				WHERE "credentialID" = ?2 AND ("counter" < ?1 OR "counter" = 0 AND ?1 = 0)
				RETURNING "userId", "providerAccountId", "credentialPublicKey", "credentialDeviceType", "credentialBackedUp", "transports"`}},
		},
	}
}

// OpenSQLite opens the database file at path and returns an adapter for it. It
// creates a missing file with mode 0600 (SQLite gives its -wal and -shm files the
// same); its directory must exist. OpenSQLite creates missing tables and migrates
// older ones; any number of processes may do so at once.
//
// It waits up to 15 seconds while another process locks the file, unless ctx ends
// first.
func OpenSQLite(ctx context.Context, path string, o Options) (*Adapter, error) {
	if err := sqlstore.CheckPath(path); err != nil {
		return nil, fmt.Errorf("entclient: open: %w", err)
	}
	a, err := openSQLite(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("entclient: open %s: %w", path, err)
	}
	return a, nil
}

func openSQLite(ctx context.Context, path string, o Options) (*Adapter, error) {
	switch {
	case path == "":
		return nil, errors.New("the path is empty")
	case strings.HasPrefix(path, "file:"):
		return nil, errors.New("want the path of a file, not a DSN; to set other parameters, open the database and call New")
	case path == ":memory:":
		return nil, errors.New("every connection to :memory: is a separate database; use a temporary file or adapters/memory")
	}
	if err := checkSchema(o.Schema); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := backendOf(dialect.SQLite)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil { // for error messages
		return nil, err
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	db, err := sqlstore.OpenSQLite(path, "")
	if err != nil {
		return nil, err
	}
	err = b.Locks(openingPatience).Wait(ctx, func() error { return useWAL(ctx, db) })
	if err != nil {
		db.Close()
		return nil, b.Explain(err)
	}
	a, err := newAdapter(ctx, dialect.SQLite, db, o)
	if err != nil {
		db.Close()
	}
	return a, err
}

// createPrivate creates a file that only its owner can read. It never opens an
// existing file: closing any handle on a database file releases the locks that
// SQLite holds on it in this process.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (create the directory %s first)", err, filepath.Dir(path))
	case err != nil:
		return err
	}
	return f.Close()
}

// useWAL enables the write-ahead log, so that readers and the writer do not block
// each other. The file keeps this setting.
func useWAL(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("cannot use a write-ahead log (journal mode %q); is the file on a network file system?", mode)
	}
	return nil
}
