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

// sqliteParams is what every connection of a pool is opened with.
//
//   - Foreign keys are a property of the connection, so they must stand here.
//   - A transaction takes the write lock when it begins. One that reads first
//     and writes later would fail at once when another writer came between,
//     whatever the timeout.
//   - SQLite waits for locks without looking at the context. It waits briefly
//     here; the rest is waited for in authruntime.Locks.
//   - Every commit reaches the disk: with anything less a power cut could
//     bring back a verification token that was used already.
//
// Of two names of one parameter these are what the driver prefers.
const sqliteParams = "_fk=1&_txlock=immediate&_timeout=20&_sync=FULL"

// sqliteDialect is the dialect of SQLite.
func sqliteDialect() *Dialect {
	return &Dialect{
		Name: dialect.SQLite,
		again: func(err error) bool {
			e, ok := errors.AsType[sqlite3.Error](err)
			return ok && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked)
		},
		turnedAway: "another process has held the database locked",
		duplicate:  duplicateSQLite,
		orphan: func(err error) bool {
			e, ok := errors.AsType[sqlite3.Error](err)
			return ok && e.ExtendedCode == sqlite3.ErrConstraintForeignKey
		},
		explain: explainSQLite,
		check:   checkForeignKeys,
		// A transaction has the write lock, or gets it only if nothing has
		// changed since its first read.
		exclusive: func(context.Context, *Conn, string) error { return nil },
	}
}

// CheckPath refuses a path that looks like the DSN of a server, and does not
// repeat it: it may hold a password.
func CheckPath(path string) error {
	for _, sign := range []string{"://", "@tcp(", "@unix(", "password="} {
		if strings.Contains(path, sign) && !strings.HasPrefix(path, "file:") {
			return errors.New("this is the DSN of a server; want the path of an SQLite file, or the adapter of that server")
		}
	}
	return nil
}

// OpenSQLite returns the pool of a database file, whose connections are opened
// as adapters need them, and with params.
func OpenSQLite(path, params string) (*sql.DB, error) {
	path, err := filepath.Abs(path) // connections are opened later too, wherever the process is then
	if err != nil {
		return nil, err
	}
	query := sqliteParams
	if params != "" {
		query += "&" + params // the driver takes the first of several
	}
	uri := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: query}
	db, err := sql.Open("sqlite3", uri.String())
	if err != nil {
		return nil, err
	}
	conns := max(4, 2*runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns) // their prepared statements stay warm
	return db, nil
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

// explainSQLite turns SQLite's errors into those of the contract, and says what
// to do about the others.
func explainSQLite(err error) error {
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return err
	}
	switch e.Code {
	case sqlite3.ErrTooBig:
		return fmt.Errorf("%w: %w", store.ErrInvalid, err)
	case sqlite3.ErrReadonly:
		return fmt.Errorf("%w (the process needs write access to the database file and to its folder)", err)
	case sqlite3.ErrFull:
		return fmt.Errorf("%w (there is no room left for the database file; nothing was written)", err)
	case sqlite3.ErrCantOpen:
		return fmt.Errorf("%w (does the folder exist, and may the process write there?)", err)
	}
	return err
}
