package sqltables

import (
	"slices"
	"time"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
)

// A Layout says what the tables of an Auth.js app are like. It is plain data:
// take the layout that comes closest, rename what is called otherwise, and open
// it.
//
//	l := sqltables.DrizzlePostgres()
//	l.User.Name = "users"
//	l.User.Column("emailVerified").Name = "email_verified"
//
// What a layout says is checked when it is opened; see [New].
type Layout struct {
	// Name is the layout's name in errors and in the log.
	Name string
	// Dialect is dialect.Postgres, dialect.MySQL or dialect.SQLite of
	// entgo.io/ent/dialect.
	Dialect string

	User, Account, Session, VerificationToken Table
	// Authenticator has no name in a layout without such a table.
	Authenticator Table

	// SharedWithAuthJS: an Auth.js app uses these tables, and finds a session
	// by the token itself. Without it tokens are stored as their SHA-256. See
	// store.Traits.
	SharedWithAuthJS bool

	// SessionZone is, on MySQL and MariaDB, the time_zone in which the app's
	// sessions write: "" is UTC, [ServerZone] the server's default, others are
	// as MySQL has them, "-05:00". It matters to columns of the type TIMESTAMP,
	// whose text is of the session's zone. Text in them is UTC by the clock
	// (Drizzle), so that both ends must have the same zone, whichever it is.
	//
	// In a zone with daylight saving time one hour of a year has no such text:
	// an instant that is called like it in UTC is refused (store.ErrInvalid),
	// as MySQL refuses it to Auth.js. A server in UTC has no such hour.
	SessionZone string
}

// ServerZone is the time zone that the server gives to a session by default; see
// Layout.SessionZone.
const ServerZone = sqlstore.ServerZone

func (l *Layout) sessionZone() string {
	if l.SessionZone == "" {
		return sqlstore.UTC
	}
	return l.SessionZone
}

// A Table is a table of a layout.
type Table struct {
	Name    string
	Columns []Column
	// Unique has the unique keys that the table must have, the primary key
	// among them, by their fields. A key of the contract that is not listed
	// (store.Adapter, R3) may be missing: then writes wait for each other and
	// look first.
	Unique [][]string
	// Owner says what the database does about the user a row belongs to.
	Owner ForeignKey
}

// A Column is a column of a table.
type Column struct {
	// Field is what Auth.js calls it: "emailVerified", "access_token". A column
	// that Auth.js knows nothing of has a name of its own.
	Field string
	// Name is what the database calls it.
	Name string
	Kind Kind
	// Max is how many characters fit; 0 leaves that to the database. What does
	// not fit is store.ErrInvalid.
	Max int
	// Precision is what an instant is a multiple of; 0 is a millisecond.
	Precision time.Duration
	// Null: the column can hold NULL.
	Null bool
	// Fill says who gives the value.
	Fill Fill
	// Optional: the column need not be there.
	Optional bool
}

// Kind is how a column holds its value.
type Kind string

// The kinds.
const (
	// Text is text, or bytes.
	Text Kind = "text"
	// UUID is the database's type for UUIDs, or text with one. Other strings
	// are no id: store.ErrNotFound to a lookup, store.ErrInvalid to a write.
	UUID Kind = "uuid"
	// Int is a whole number. What the column has no room for is
	// store.ErrInvalid. As an id it is written in decimal digits.
	Int Kind = "integer"
	// Bool is a boolean, or 0 and 1.
	Bool Kind = "boolean"
	// Time is the database's type for dates with times, with or without a time
	// zone: timestamp, timestamptz, datetime. It holds UTC.
	Time Kind = "time"
	// Millis is a whole number: UNIX milliseconds. In SQLite a column that is
	// declared as DATETIME is one too (Prisma); text that is found in it is
	// read as an instant.
	Millis Kind = "milliseconds"
	// MillisText is the same in decimal digits (TypeORM).
	MillisText Kind = "milliseconds as text"
	// ISOText is text as of JavaScript's toISOString (Kysely on SQLite).
	ISOText Kind = "ISO 8601 text"
	// ISOTextOffset is the same with +00:00 for Z (Prisma 7 on SQLite).
	ISOTextOffset Kind = "ISO 8601 text with an offset"
)

// isoText reports whether instants are written as text of ISO 8601.
func (k Kind) isoText() bool { return k == ISOText || k == ISOTextOffset }

// Fill is who gives the value of a column.
type Fill string

// The ways to fill a column.
const (
	// FromCaller: the engine.
	FromCaller Fill = ""
	// FromDatabase: a default or a sequence. As the id of users it makes for
	// store.Traits.AssignsIDs.
	FromDatabase Fill = "database"
	// NewID: the adapter, a random UUID.
	NewID Fill = "id"
	// CreatedAt: the adapter, the instant of the INSERT.
	CreatedAt Fill = "created"
	// UpdatedAt: the adapter, the instant of the INSERT or the last UPDATE.
	UpdatedAt Fill = "updated"
)

// ForeignKey is what the database does about the user a row belongs to.
type ForeignKey string

// The foreign keys.
const (
	// NoForeignKey: nothing. The adapter looks for the user before it writes
	// the row, and deletes the row with its user.
	NoForeignKey ForeignKey = ""
	// Restrict: it refuses a row without a user, and a user's deletion as long
	// as there are rows. The adapter deletes them first.
	Restrict ForeignKey = "restrict"
	// Cascade: it refuses a row without a user, and deletes it with the user.
	Cascade ForeignKey = "cascade"
)

// Column returns the column of a field, to be changed in place, or nil.
func (t *Table) Column(field string) *Column {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Field == field })
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// RenameColumns gives every column the name that rename makes of its name.
//
//	l.RenameColumns(snakeCase)
func (l *Layout) RenameColumns(rename func(string) string) {
	for _, t := range l.tables() {
		for i := range t.Columns {
			t.Columns[i].Name = rename(t.Columns[i].Name)
		}
	}
}

// tables returns the tables that the layout has.
func (l *Layout) tables() []*Table {
	all := []*Table{&l.User, &l.Account, &l.Session, &l.VerificationToken}
	if l.Authenticator.Name != "" {
		all = append(all, &l.Authenticator)
	}
	return all
}
