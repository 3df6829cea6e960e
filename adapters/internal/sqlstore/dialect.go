// Package sqlstore holds what adapters over database/sql share, whatever their
// tables are: how connections must be set up, how calls become transactions and
// wait for each other, and what the errors of the drivers mean.
//
// SQLite is github.com/mattn/go-sqlite3, MySQL and MariaDB are
// github.com/go-sql-driver/mysql, PostgreSQL is github.com/jackc/pgx/v5/stdlib.
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

// Dialect is what differs between the databases. It does not change.
type Dialect struct {
	// Name is what ent calls it.
	Name string
	// Server: many connections write at once, and a statement may go on for a
	// while after its caller has left.
	Server bool
	// LockRow is what a SELECT ends with that is followed by a change of the
	// row, LockOwner one whose row must not be deleted meanwhile, LockDelete
	// one whose row is deleted next.
	LockRow, LockOwner, LockDelete string

	// savepoints: a transaction survives a failed statement only by going back
	// to a savepoint.
	savepoints bool
	// driverPrepares: the driver prepares every statement on its connection,
	// and anew when a table was altered, which it does not do for one that
	// database/sql has prepared.
	driverPrepares bool
	// again reports whether the database has turned the call away and undone
	// it, so that it can be made again. turnedAway says so.
	again      func(error) bool
	turnedAway string
	// duplicate takes a violation of a unique key apart.
	duplicate func(error) (Duplicate, bool)
	// orphan reports whether a foreign key was violated.
	orphan func(error) bool
	// explain turns the driver's other errors into those of the contract, and
	// says what to do about the rest.
	explain func(error) error
	// check wants a session in which nothing is cut, replaced or orphaned.
	check func(ctx context.Context, db *sql.DB) error
	// exclusive waits, in a transaction, for others that want the same.
	exclusive func(ctx context.Context, c *Conn, what string) error
}

// DialectOf returns the dialect that ent calls name.
func DialectOf(name string) (*Dialect, error) {
	switch name {
	case dialect.SQLite:
		return sqliteDialect(), nil
	case dialect.MySQL:
		return mysqlDialect(), nil
	case dialect.Postgres:
		return postgresDialect(), nil
	}
	return nil, fmt.Errorf("no support for dialect %q; want %q, %q or %q", name, dialect.SQLite, dialect.MySQL, dialect.Postgres)
}

// OpenServer returns the pool of a server: few enough connections for several
// replicas on one that takes a hundred.
func OpenServer(c driver.Connector) *sql.DB {
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20) // their prepared statements stay warm
	db.SetConnMaxIdleTime(time.Minute)
	return db
}

// Patience is how long a call waits for others when it may wait for d: 5 seconds
// if that is 0 or less.
func Patience(d time.Duration) time.Duration {
	if d <= 0 {
		return 5 * time.Second
	}
	return d
}

// Locks returns the locks of a database. A wait takes patience at most.
func (d *Dialect) Locks(patience time.Duration) *authruntime.Locks {
	return authruntime.NewLocks(patience, !d.Server, d.again, d.turnedAway)
}

// Duplicate is a violation of a unique key.
type Duplicate struct {
	// Key is the key's name; "" in SQLite.
	Key string
	// Columns are the key's columns; known in SQLite only.
	Columns []string
	// Err is the driver's error without the value, which may be a secret.
	Err error
}

// Duplicate reports whether err is a violation of a unique key.
func (d *Dialect) Duplicate(err error) (Duplicate, bool) { return d.duplicate(err) }

// Orphan reports whether err is a violation of a foreign key.
func (d *Dialect) Orphan(err error) bool { return d.orphan(err) }

// Explain turns a driver's error into one of the contract (store.ErrInvalid
// for a value that does not fit), or says what to do about it.
func (d *Dialect) Explain(err error) error { return d.explain(err) }

// Check wants a connection in which nothing is cut, replaced or orphaned.
func (d *Dialect) Check(ctx context.Context, db *sql.DB) error { return d.check(ctx, db) }
