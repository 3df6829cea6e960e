package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/engine/store"
)

// sqliteParams holds the parameters of every connection of a pool.
//
//   - Foreign keys are enforced per connection, so the DSN must enable them.
//   - A transaction takes the write lock when it begins. One that reads first
//     and writes later would fail at once if another writer came in between,
//     whatever the timeout.
//   - SQLite ignores the context while it waits for locks. It waits only
//     briefly; authruntime.Locks does the rest of the waiting.
//   - Every commit is synced to disk, or a power failure could bring back a
//     verification token that was used.
//
// Where a parameter has two names, this is the one that the driver prefers.
const sqliteParams = "_fk=1&_txlock=immediate&_timeout=20&_sync=FULL"

// sqliteDialect is the dialect of SQLite.
func sqliteDialect() *Dialect {
	return &Dialect{
		Name: dialect.SQLite,
		retryable: func(err error) bool {
			e, ok := errors.AsType[sqlite3.Error](err)
			return ok && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked)
		},
		retryReason: "another process has locked the database",
		duplicate:   duplicateSQLite,
		orphan: func(err error) bool {
			e, ok := errors.AsType[sqlite3.Error](err)
			return ok && e.ExtendedCode == sqlite3.ErrConstraintForeignKey
		},
		explain: explainSQLite,
		check:   checkForeignKeys,
		// A transaction holds the write lock, or gets it only if nothing has
		// changed since its first read.
		exclusive: func(context.Context, *Conn, string) error { return nil },
	}
}

// CheckPath refuses a path that looks like the DSN of a server. Its error does not
// contain the path, which may hold a password.
func CheckPath(path string) error {
	for _, part := range []string{"://", "@tcp(", "@unix(", "password="} {
		if strings.Contains(path, part) && !strings.HasPrefix(path, "file:") {
			return errors.New("the path is the DSN of a server; pass the path of an SQLite file, or use the adapter for that server")
		}
	}
	return nil
}

// OpenSQLite returns a connection pool for a database file, with the parameters
// that adapters need and with params.
func OpenSQLite(path, params string) (*sql.DB, error) {
	path, err := filepath.Abs(path) // the working directory may change before a connection is opened
	if err != nil {
		return nil, err
	}
	query := sqliteParams
	if params != "" {
		query += "&" + params // the driver takes the first value of a parameter
	}
	uri := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: query}
	db, err := sql.Open("sqlite3", uri.String())
	if err != nil {
		return nil, err
	}
	conns := max(4, 2*runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns) // keeps their prepared statements
	return db, nil
}

func checkForeignKeys(ctx context.Context, db *sql.DB) error {
	var on bool
	if err := db.QueryRowContext(ctx, `PRAGMA foreign_keys`).Scan(&on); err != nil {
		return err
	}
	if !on {
		return errors.New("foreign keys are off; add _fk=1 to the DSN, which enables them on every connection of the pool")
	}
	return nil
}

func duplicateSQLite(err error) (Duplicate, bool) {
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok || e.ExtendedCode != sqlite3.ErrConstraintUnique && e.ExtendedCode != sqlite3.ErrConstraintPrimaryKey {
		return Duplicate{}, false
	}
	// "UNIQUE constraint failed: account.provider, account.providerAccountId"
	_, list, _ := strings.Cut(e.Error(), ": ")
	d := Duplicate{Err: err}
	for column := range strings.SplitSeq(list, ", ") {
		d.Columns = append(d.Columns, column[strings.LastIndexByte(column, '.')+1:])
	}
	return d, true
}

// explainSQLite turns SQLite's errors into those of the contract, and adds to the
// others how to fix them.
func explainSQLite(err error) error {
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return err
	}
	switch e.Code {
	case sqlite3.ErrTooBig:
		return fmt.Errorf("%w: %w", store.ErrInvalid, err)
	case sqlite3.ErrReadonly:
		return fmt.Errorf("%w (the process needs write access to the database file and its directory)", err)
	case sqlite3.ErrFull:
		return fmt.Errorf("%w (no space is left for the database file; nothing was written)", err)
	case sqlite3.ErrCantOpen:
		return fmt.Errorf("%w (check that the directory exists and that the process may write to it)", err)
	}
	return err
}
