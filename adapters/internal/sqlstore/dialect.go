// Package sqlstore holds the code that adapters over database/sql share,
// whatever their tables: how connections are set up, how calls become
// transactions and wait for each other, and what the errors of the drivers mean.
//
// The drivers are github.com/mattn/go-sqlite3 for SQLite,
// github.com/go-sql-driver/mysql for MySQL and MariaDB, and
// github.com/jackc/pgx/v5/stdlib for PostgreSQL.
package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/ent/authruntime"
)

// Dialect describes how the databases differ. It does not change.
type Dialect struct {
	// Name is the name that ent uses.
	Name string
	// Server reports that many connections write concurrently, and that a
	// statement may keep running for a while after its context has ended.
	Server bool
	// LockRow ends a SELECT before a change of the row, LockOwner one whose row
	// must not be deleted before the end of the transaction, and LockDelete one
	// before the deletion of the row.
	LockRow, LockOwner, LockDelete string

	// savepoints reports that a transaction survives a failed statement only by
	// rolling back to a savepoint.
	savepoints bool
	// driverPrepares reports that the driver prepares every statement on its
	// connection, and again after a table was altered, which it does not do for
	// a statement prepared by database/sql.
	driverPrepares bool
	// retryable reports whether the database has rejected the call and rolled it
	// back, so that it can be repeated. retryReason describes this.
	retryable   func(error) bool
	retryReason string
	// duplicate returns the details of a violation of a unique key.
	duplicate func(error) (Duplicate, bool)
	// orphan reports whether a foreign key was violated.
	orphan func(error) bool
	// explain turns the driver's other errors into those of the contract, and
	// adds to the rest how to fix them.
	explain func(error) error
	// check refuses a session in which values may be truncated or replaced or
	// foreign keys are off.
	check func(ctx context.Context, db *sql.DB) error
	// exclusive takes a named lock in a transaction.
	exclusive func(ctx context.Context, c *Conn, name string) error
}

// DialectOf returns the dialect with ent's name for it.
func DialectOf(name string) (*Dialect, error) {
	switch name {
	case dialect.SQLite:
		return sqliteDialect(), nil
	case dialect.MySQL:
		return mysqlDialect(), nil
	case dialect.Postgres:
		return postgresDialect(), nil
	}
	return nil, fmt.Errorf("unsupported dialect %q; want %q, %q or %q", name, dialect.SQLite, dialect.MySQL, dialect.Postgres)
}

// OpenServer returns a connection pool for a server. It is small enough for
// several replicas of an application on a server that allows 100 connections.
func OpenServer(c driver.Connector) *sql.DB {
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20) // keeps their prepared statements
	db.SetConnMaxIdleTime(time.Minute)
	return db
}

// Patience returns how long a call waits for others: d, or 5 seconds if d is 0 or
// less.
func Patience(d time.Duration) time.Duration {
	if d <= 0 {
		return 5 * time.Second
	}
	return d
}

// Locks returns the locks of a database. A wait takes at most patience.
func (d *Dialect) Locks(patience time.Duration) *authruntime.Locks {
	return authruntime.NewLocks(patience, !d.Server, d.retryable, d.retryReason)
}

// Duplicate is a violation of a unique key.
type Duplicate struct {
	// Key is the name of the key; "" for SQLite.
	Key string
	// Columns are the columns of the key; nil except for SQLite.
	Columns []string
	// Err is the driver's error without the value, which may be a secret.
	Err error
}

// Duplicate reports whether err is a violation of a unique key, and which.
func (d *Dialect) Duplicate(err error) (Duplicate, bool) { return d.duplicate(err) }

// Orphan reports whether err is a violation of a foreign key.
func (d *Dialect) Orphan(err error) bool { return d.orphan(err) }

// Explain turns a driver's error into one of the contract (store.ErrInvalid for a
// value that does not fit), or adds how to fix it.
func (d *Dialect) Explain(err error) error { return d.explain(err) }

// Check returns an error if the connections of db may truncate or replace values
// or do not enforce foreign keys.
func (d *Dialect) Check(ctx context.Context, db *sql.DB) error { return d.check(ctx, db) }
