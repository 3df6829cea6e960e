package entclient

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
	"github.com/sesame-auth/sesame/engine"
)

// sqliteParams is what every connection of the pool is opened with.
//
//   - Foreign keys are a property of the connection, so they must stand here.
//   - A transaction takes the write lock when it begins. One that reads first
//     and writes later would fail at once when another writer came between,
//     whatever the timeout.
//   - SQLite waits for locks without looking at the context. It waits briefly
//     here; the rest is waited for in authruntime.Locks.
//   - Every commit reaches the disk: with anything less a power cut could
//     bring back a verification token that was used already.
const sqliteParams = "_fk=1&_txlock=immediate&_busy_timeout=20&_synchronous=FULL"

// sqlite is the backend of SQLite.
func sqlite() *backend {
	return &backend{
		dialect:    dialect.SQLite,
		again:      isLocked,
		turnedAway: "another process has held the database locked",
		explain:    explainSQLite,
		setUp: func(ctx context.Context, db *sql.DB) error {
			if err := checkForeignKeys(ctx, db); err != nil {
				return err
			}
			return migrateSQLite(ctx, db)
		},
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

// OpenSQLite opens the database file at path and returns its adapter. A
// missing file is created with mode 0600 (SQLite gives its -wal and -shm files
// the same); its folder must exist. Missing tables are created, older ones
// migrated; any number of processes may do so at once.
//
// It waits up to 15 seconds while another process holds the file locked,
// unless ctx ends first.
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
		return nil, errors.New("want the path of a file, not a DSN; to set other parameters, open the database yourself and call New")
	case path == ":memory:":
		return nil, errors.New("every connection to :memory: is a database of its own; use a temporary file or adapters/memory")
	}
	if err := checkSchema(o.Schema); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(path) // connections are opened later too, wherever the process is then
	if err != nil {
		return nil, err
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	uri := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: sqliteParams}
	db, err := sql.Open("sqlite3", uri.String())
	if err != nil {
		return nil, err
	}
	conns := max(4, 2*runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns) // their prepared statements stay warm
	err = newLocks(sqlite(), openingPatience).Wait(ctx, func() error { return useWAL(ctx, db) })
	if err != nil {
		db.Close()
		return nil, explainSQLite(err)
	}
	a, err := newAdapter(ctx, dialect.SQLite, db, o)
	if err != nil {
		db.Close()
	}
	return a, err
}

// createPrivate makes a file that only its owner can read. It never touches a
// file that exists: closing any handle of a database file drops the locks that
// SQLite holds on it in this process.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (make the folder %s first)", err, filepath.Dir(path))
	case err != nil:
		return err
	}
	return f.Close()
}

// useWAL turns the write-ahead log on, so that readers and the writer do not
// block each other. It is a property of the file and stays.
func useWAL(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("no write-ahead log here (journal mode %q); is the file on a network file system?", mode)
	}
	return nil
}

func checkForeignKeys(ctx context.Context, db *sql.DB) error {
	var on bool
	if err := db.QueryRowContext(ctx, `PRAGMA foreign_keys`).Scan(&on); err != nil {
		return err
	}
	if !on {
		return errors.New("foreign keys are off; add _fk=1 to the DSN, so that they are on for every connection of the pool")
	}
	return nil
}

func isLocked(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err)
	return ok && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked)
}

// explainSQLite turns SQLite's errors into those of the contract, and says what
// to do about the others.
func explainSQLite(err error) error {
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return err
	}
	switch e.ExtendedCode {
	case sqlite3.ErrConstraintUnique, sqlite3.ErrConstraintPrimaryKey:
		// "UNIQUE constraint failed: account.provider, account.providerAccountId":
		// the last column bears the name that the contract uses.
		text := e.Error()
		return engine.ErrConflict{Field: text[strings.LastIndexByte(text, '.')+1:], Err: err}
	case sqlite3.ErrConstraintForeignKey:
		return fmt.Errorf("no such user: %w", engine.ErrNotFound)
	}
	switch e.Code {
	case sqlite3.ErrTooBig:
		return fmt.Errorf("%w: %w", engine.ErrInvalid, err)
	case sqlite3.ErrReadonly:
		return fmt.Errorf("%w (the process needs write access to the database file and to its folder)", err)
	case sqlite3.ErrFull:
		return fmt.Errorf("%w (there is no room left for the database file; nothing was written)", err)
	case sqlite3.ErrCantOpen:
		return fmt.Errorf("%w (does the folder exist, and may the process write there?)", err)
	}
	return err
}
