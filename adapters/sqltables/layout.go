package sqltables

import (
	"slices"
	"time"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
)

// A Layout describes the tables of an Auth.js app. It is plain data: take the
// closest layout, change the names that differ, and open it.
//
//	l := sqltables.DrizzlePostgres()
//	l.User.Name = "users"
//	l.User.Column("emailVerified").Name = "email_verified"
//
// Opening checks the tables against the layout; see [New].
type Layout struct {
	// Name is the name of the layout in errors and in the log.
	Name string
	// Dialect is dialect.Postgres, dialect.MySQL or dialect.SQLite of
	// entgo.io/ent/dialect.
	Dialect string

	User, Account, Session, VerificationToken Table
	// Authenticator has an empty Name if the layout has no such table.
	Authenticator Table

	// SharedWithAuthJS declares that an Auth.js app uses these tables and looks
	// up sessions by the token itself. Otherwise tokens are stored as their
	// SHA-256. See store.Traits.
	SharedWithAuthJS bool

	// SessionZone is the time_zone of the app's sessions on MySQL and MariaDB: ""
	// means UTC, [ServerZone] the default of the server, and other values are in
	// the format of MySQL ("-05:00"). It matters for TIMESTAMP columns, whose
	// text MySQL converts from and to the time zone of the session. The app writes
	// UTC into them (Drizzle), so both programs must use the same time zone,
	// whichever it is.
	//
	// A time zone with daylight saving time skips an hour every year. An instant
	// whose UTC text falls into that hour is refused with store.ErrInvalid, as
	// MySQL refuses it to Auth.js. A server in UTC has no such hour.
	SessionZone string
}

// ServerZone stands for the default time zone of the server; see
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
	// Unique lists the unique keys that the table must have, including the
	// primary key, by their fields. A key of the contract (store.Adapter, R3) that
	// is not listed may be missing: writes then wait for each other and check for
	// duplicates.
	Unique [][]string
	// Owner is the foreign key to the user that a row belongs to.
	Owner ForeignKey
}

// A Column is a column of a table.
type Column struct {
	// Field is the name in Auth.js: "emailVerified", "access_token". For a column
	// that Auth.js does not define it is any other name.
	Field string
	// Name is the name in the database.
	Name string
	Kind Kind
	// Max is the maximum number of characters; 0 means that of the database.
	// Longer text is refused with store.ErrInvalid.
	Max int
	// Precision is the precision of an instant; 0 means a millisecond.
	Precision time.Duration
	// Null declares that the column can hold NULL.
	Null bool
	// Fill is the source of the value.
	Fill Fill
	// Optional declares that the column may be missing.
	Optional bool
}

// Kind is how a column stores its value.
type Kind string

// The kinds of columns.
const (
	// Text is text, or bytes.
	Text Kind = "text"
	// UUID is the UUID type of the database, or text that holds a UUID. With the
	// former, looking up another string returns store.ErrNotFound, and writing it
	// store.ErrInvalid.
	UUID Kind = "uuid"
	// Int is an integer. A number that does not fit is refused with
	// store.ErrInvalid. An id of this kind is a string of decimal digits.
	Int Kind = "integer"
	// Bool is a boolean, or 0 and 1.
	Bool Kind = "boolean"
	// Time is the type of the database for a date with a time, with or without a
	// time zone: timestamp, timestamptz, datetime. It holds UTC.
	Time Kind = "time"
	// Millis is an integer: UNIX milliseconds. In SQLite the column may be
	// declared as DATETIME (Prisma), and text in it is read as an instant.
	Millis Kind = "milliseconds"
	// MillisText is UNIX milliseconds as decimal digits (TypeORM).
	MillisText Kind = "milliseconds as text"
	// ISOText is text in the format of JavaScript's toISOString (Kysely on
	// SQLite).
	ISOText Kind = "ISO 8601 text"
	// ISOTextOffset is like ISOText, with +00:00 instead of Z (Prisma 7 on
	// SQLite).
	ISOTextOffset Kind = "ISO 8601 text with an offset"
)

// isoText reports whether instants are written as ISO 8601 text.
func (k Kind) isoText() bool { return k == ISOText || k == ISOTextOffset }

// Fill is the source of the value of a column.
type Fill string

// The sources of values.
const (
	// FromCaller is a value from the engine.
	FromCaller Fill = ""
	// FromDatabase is a default or a sequence. For the id of users it implies
	// store.Traits.AssignsIDs.
	FromDatabase Fill = "database"
	// NewID is a random UUID from the adapter.
	NewID Fill = "id"
	// CreatedAt is the time of the INSERT, from the adapter.
	CreatedAt Fill = "created"
	// UpdatedAt is the time of the INSERT or the last UPDATE, from the adapter.
	UpdatedAt Fill = "updated"
)

// ForeignKey is a foreign key to the user that a row belongs to.
type ForeignKey string

// The foreign keys.
const (
	// NoForeignKey means that there is none. The adapter checks that the user
	// exists before it writes a row, and deletes the row with its user.
	NoForeignKey ForeignKey = ""
	// Restrict refuses a row without a user, and the deletion of a user that has
	// rows. The adapter deletes them first.
	Restrict ForeignKey = "restrict"
	// Cascade refuses a row without a user, and deletes it with its user.
	Cascade ForeignKey = "cascade"
)

// Column returns a pointer to the column of a field, or nil.
func (t *Table) Column(field string) *Column {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Field == field })
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// RenameColumns replaces the name of every column by the result of rename.
//
//	l.RenameColumns(snakeCase)
func (l *Layout) RenameColumns(rename func(string) string) {
	for _, t := range l.tables() {
		for i := range t.Columns {
			t.Columns[i].Name = rename(t.Columns[i].Name)
		}
	}
}

// tables returns the tables of the layout.
func (l *Layout) tables() []*Table {
	all := []*Table{&l.User, &l.Account, &l.Session, &l.VerificationToken}
	if l.Authenticator.Name != "" {
		all = append(all, &l.Authenticator)
	}
	return all
}
