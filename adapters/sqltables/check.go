package sqltables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/engine/schema"
)

// A MismatchError reports how the tables of a database differ from a layout.
type MismatchError struct {
	// Layout is the name of the layout.
	Layout string
	// Differences holds all differences.
	Differences []Difference
}

// A Difference is a difference between a table and its layout.
type Difference struct {
	// Table and Column are the names in the database; Column is "" if the
	// difference concerns the whole table.
	Table, Column string
	// Problem describes what the database has and what the layout declares.
	Problem string
	// Fix is how to fix it: a statement, or a change of the layout.
	Fix string
}

// String formats the difference in one line.
func (d Difference) String() string {
	where := d.Table
	if d.Column != "" {
		where += "." + d.Column
	}
	return where + ": " + d.Problem + " (" + d.Fix + ")"
}

func (e *MismatchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the tables do not match layout %s; nothing was changed:", e.Layout)
	for _, d := range e.Differences {
		b.WriteString("\n  - " + d.String())
	}
	return b.String()
}

// tables holds the tables of a layout as they were found.
type tables struct {
	user, account, session, token table
	authenticator                 *table // nil: there is none
}

type table struct {
	name    string
	quoted  string    // name, quoted
	columns []*column // the columns that are read: of the contract, and extra fields
	filled  []*column // the columns that the adapter fills
	byField map[string]*column
	byName  map[string]*column
	keys    []foundKey
	unique  [][]string  // unique keys of the contract, by field
	missing [][]*column // unique keys of the contract that the database lacks
	owned   bool        // a foreign key refuses rows without a user
	cascade bool        // the foreign key deletes rows with their user
}

func (t *table) column(field string) *column { return t.byField[field] }

// contract holds the fields of a table and its unique keys (R3).
type contract struct {
	fields []string
	keys   [][]string
}

var (
	userContract          = contract{[]string{"id", "name", "email", "emailVerified", "image"}, [][]string{{"id"}, {"email"}}}
	accountContract       = contract{[]string{"userId", "type", "provider", "providerAccountId", "refresh_token", "access_token", "expires_at", "token_type", "scope", "id_token", "session_state"}, [][]string{{"provider", "providerAccountId"}}}
	sessionContract       = contract{[]string{"sessionToken", "userId", "expires"}, [][]string{{"sessionToken"}}}
	tokenContract         = contract{[]string{"identifier", "token", "expires"}, [][]string{{"identifier", "token"}}}
	authenticatorContract = contract{[]string{"credentialID", "userId", "providerAccountId", "credentialPublicKey", "counter", "credentialDeviceType", "credentialBackedUp", "transports"}, [][]string{{"credentialID"}}}

	// nullable holds the fields that may be null in the contract.
	nullable = []string{"name", "email", "emailVerified", "image", "refresh_token", "access_token", "expires_at", "token_type", "scope", "id_token", "session_state", "transports"}
)

// checker compares a layout with the catalog.
type checker struct {
	layout      *Layout
	differences []Difference
	// For the log: deviations from the contract that are not errors.
	missingKeys []string // statements that create missing unique keys
	strictKeys  []string // what keys forbid although the contract allows it
	folding     []string // columns that are not compared byte for byte
	instants    []string // columns with instants of a different kind than in the layout
}

func (c *checker) report(table, column, fix, format string, args ...any) {
	c.differences = append(c.differences, Difference{table, column, fmt.Sprintf(format, args...), fix})
}

// check reads the catalog and returns the tables of the layout, or a *MismatchError
// with all differences. It changes nothing.
func (c *checker) check(ctx context.Context, db *sql.DB, s *schema.Schema) (*tables, error) {
	l := c.layout
	var extraUser, extraSession []schema.Field
	if s != nil {
		extraUser = slices.DeleteFunc(slices.Clone(s.User), func(f schema.Field) bool { return schema.Builtin(f.Name) })
		extraSession = s.Session
	}
	var names []string
	for _, t := range l.tables() {
		names = append(names, t.Name)
	}
	all, err := catalogue(ctx, db, l.Dialect, names)
	if err != nil {
		return nil, err
	}
	var out tables
	for _, part := range []struct {
		layout   *Table
		contract contract
		extra    []schema.Field
		to       *table
	}{
		{&l.User, userContract, extraUser, &out.user},
		{&l.Account, accountContract, nil, &out.account},
		{&l.Session, sessionContract, extraSession, &out.session},
		{&l.VerificationToken, tokenContract, nil, &out.token},
		{&l.Authenticator, authenticatorContract, nil, nil},
	} {
		if part.to == nil {
			if part.layout.Name == "" {
				continue
			}
			out.authenticator = new(table)
			part.to = out.authenticator
		}
		if err := c.checkLayout(part.layout, part.contract); err != nil {
			return nil, err
		}
		f := all[part.layout.Name]
		switch {
		case f == nil:
			c.report(part.layout.Name, "", "open the database of the Auth.js app, or change the names in the layout; on PostgreSQL, check that search_path includes the schema of the table", "there is no such table")
			continue
		case f.view:
			c.report(part.layout.Name, "", "set the name of a table in the layout", "it is not a table")
			continue
		case f.engine != "" && !strings.EqualFold(f.engine, "InnoDB"):
			c.report(f.name, "", "ALTER TABLE "+c.quote(f.name)+" ENGINE InnoDB", "its engine %s does not support transactions", f.engine)
		}
		*part.to = c.table(part.layout, part.contract, part.extra, f)
		if err := c.sample(ctx, db, part.to); err != nil {
			return nil, err
		}
	}
	if len(c.differences) > 0 {
		return nil, &MismatchError{l.Name, c.differences}
	}
	return &out, nil
}

// sample compares the kind of the newest expiry with the layout, because columns
// of SQLite hold values of any type. The adapter reads both kinds, so a difference
// is not an error.
func (c *checker) sample(ctx context.Context, db *sql.DB, t *table) error {
	col := t.column("expires")
	if c.layout.Dialect != dialect.SQLite || col == nil || col.Kind != Millis && !col.Kind.isoText() {
		return nil
	}
	var held string
	err := db.QueryRowContext(ctx, "SELECT typeof("+c.quote(col.Name)+") FROM "+c.quote(t.name)+" ORDER BY rowid DESC LIMIT 1").Scan(&held)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	if (held == "text") != col.Kind.isoText() {
		c.instants = append(c.instants, fmt.Sprintf("%s.%s holds %s but the layout writes %s", t.name, col.Name, held, col.Kind))
	}
	return nil
}

// checkLayout returns an error if the layout itself is incomplete.
func (c *checker) checkLayout(t *Table, want contract) error {
	if t.Name == "" {
		return fmt.Errorf("layout %s: a table has no name", c.layout.Name)
	}
	for _, field := range want.fields {
		if column := t.Column(field); column == nil || column.Name == "" {
			return fmt.Errorf("layout %s: table %s has no column for %s", c.layout.Name, t.Name, field)
		}
	}
	return nil
}

func (c *checker) table(l *Table, want contract, extra []schema.Field, f *foundTable) table {
	t := table{name: f.name, quoted: c.quote(f.name), keys: f.keys, unique: want.keys, byField: map[string]*column{}, byName: map[string]*column{}}
	for i := range l.Columns {
		lc := &l.Columns[i]
		fc, ok := f.column(lc.Name, c.layout.Dialect)
		if !ok {
			if !lc.Optional {
				c.report(f.name, lc.Name, "add it, or change its name in the layout", "there is no such column; the layout uses it for %s", lc.Field)
			}
			continue
		}
		inContract := slices.Contains(want.fields, lc.Field)
		if !inContract && (lc.Fill == FromCaller || lc.Fill == FromDatabase) {
			t.byName[fc.name] = &column{Column: *lc}
			continue // filled by the database
		}
		col := c.column(f, fc, *lc)
		if col == nil {
			continue
		}
		if !inContract {
			t.filled = append(t.filled, col)
			t.byName[fc.name] = col
			continue
		}
		col.required = !slices.Contains(nullable, lc.Field)
		t.add(col)
	}
	// In the order of the contract, whatever the order in the layout.
	slices.SortStableFunc(t.columns, func(a, b *column) int {
		return slices.Index(want.fields, a.Field) - slices.Index(want.fields, b.Field)
	})
	for i := range extra {
		if col := c.extra(f, &extra[i], t.byField); col != nil {
			t.add(col)
		}
	}
	c.unfilled(f, &t)
	c.keys(f, l, want, &t)
	c.owner(f, l, &t)
	return t
}

func (t *table) add(c *column) {
	t.columns = append(t.columns, c)
	t.byField[c.Field], t.byName[c.Name] = c, c
}

// column returns the column with the name. SQLite and MySQL ignore letter case.
func (f *foundTable) column(name, d string) (foundColumn, bool) {
	if c, ok := f.columns[name]; ok || d == dialect.Postgres {
		return c, ok
	}
	for _, c := range f.columns {
		if strings.EqualFold(c.name, name) {
			return c, true
		}
	}
	return foundColumn{}, false
}

// column returns the column of the layout as it was found, or nil if it is of a
// different kind.
func (c *checker) column(f *foundTable, fc foundColumn, lc Column) *column {
	col := &column{Column: lc, table: f.name, dialect: c.layout.Dialect, null: fc.null, filled: fc.filled, exact: fc.exact, charset: fc.charset, collated: fc.collated}
	col.Name = fc.name
	if !slices.Contains(fitting(c.layout.Dialect, lc.Kind), class(c.layout.Dialect, fc)) {
		if lc.Fill == NewID && fc.filled {
			return nil // the database makes an id of a different kind
		}
		fix := "change its Kind in the layout"
		problem := fmt.Sprintf("it is %s, but the layout declares %s", orNone(fc.declared), lc.Kind)
		if fits := strings.Join(fitting(c.layout.Dialect, lc.Kind), " or "); fits != "" {
			fix = "change the column to " + fits + ", or " + fix
		} else {
			problem += ", which " + c.layout.Dialect + " does not have"
		}
		c.report(f.name, fc.name, fix, "%s", problem)
		return nil
	}
	col.native = lc.Kind == UUID && slices.Contains([]string{"uuid", "numeric"}, class(c.layout.Dialect, fc))
	col.exact = col.exact || lc.Kind != Text && lc.Kind != UUID || col.native
	switch lc.Kind {
	case Text, UUID, MillisText, ISOText, ISOTextOffset, jsonKind:
		col.maxChars, col.maxBytes = fc.maxChars, fc.maxBytes
		if lc.Max > 0 && (col.maxChars == 0 || lc.Max < col.maxChars) {
			col.maxChars = lc.Max
		}
		if !col.exact && c.layout.Dialect == dialect.Postgres {
			c.report(f.name, fc.name, "ALTER TABLE "+c.quote(f.name)+" ALTER COLUMN "+c.quote(fc.name)+` TYPE `+fc.declared+` COLLATE "C"`,
				"its collation %s treats different texts as equal", fc.collated)
		}
	case Int:
		col.bits = bits(fc.typ, c.layout.Dialect)
	case Time:
		if lc.Precision < time.Second && fc.fraction < 3 {
			c.report(f.name, fc.name, "make it "+fc.typ+"(3), or set its Precision in the layout to "+precisionName(fc.fraction), "it is %s, which truncates milliseconds", fc.declared)
		}
		if fc.typ == "timestamp" && c.layout.Dialect == dialect.MySQL {
			col.first, col.last = time.Unix(1, 0).UTC(), time.Unix(1<<31-1, 0).UTC()
			if c.layout.SessionZone != "" {
				// The offset of the zone moves the limits of the text.
				col.first, col.last = col.first.AddDate(0, 0, 1), col.last.AddDate(0, 0, -1)
			}
		}
		if fc.typ == "datetime" {
			// The range of the type.
			col.first, col.last = time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)
		}
	}
	if lc.Null && !fc.null {
		c.report(f.name, fc.name, c.dropNotNull(f.name, fc)+", or set Null of the column to false in the layout", "it is NOT NULL, but the field of table %s may be null", f.name)
	}
	return col
}

func precisionName(fraction int) string {
	if fraction == 0 {
		return "time.Second"
	}
	return (time.Second / time.Duration([]int{1, 10, 100}[fraction])).String()
}

func orNone(declared string) string {
	if declared == "" {
		return "without a type"
	}
	return declared
}

// extra returns the column of an extra field.
func (c *checker) extra(f *foundTable, field *schema.Field, taken map[string]*column) *column {
	fc, ok := f.column(field.Name, c.layout.Dialect)
	if !ok {
		c.report(f.name, field.Name, "ALTER TABLE "+c.quote(f.name)+" ADD "+c.quote(field.Name)+" "+extraType(c.layout.Dialect, field)+", or remove the field from Options.Schema (with jwt sessions, session fields are claims and need no column)",
			"there is no such column; the schema declares the field")
		return nil
	}
	if _, ok := taken[field.Name]; ok {
		c.report(f.name, field.Name, "rename the field", "the schema declares a field with the name of a column of Auth.js")
		return nil
	}
	lc := Column{Field: field.Name, Name: fc.name, Null: fc.null}
	switch {
	case field.Type.List || field.Type.Kind == schema.Object:
		lc.Kind = jsonKind
	case field.Type.Kind == schema.Bool:
		lc.Kind = Bool
	case field.Type.Kind == schema.Int:
		lc.Kind = Int
	case field.Type.Kind == schema.Float:
		lc.Kind = floatKind
	case field.Type.Kind == schema.Time:
		lc.Kind = Time
		kinds := []Kind{Time, Millis, ISOText}
		if i := slices.IndexFunc(kinds, func(k Kind) bool { return slices.Contains(fitting(c.layout.Dialect, k), class(c.layout.Dialect, fc)) }); i >= 0 {
			lc.Kind = kinds[i]
		}
	default:
		lc.Kind = Text
	}
	if field.Type.Nullable && !fc.null {
		c.report(f.name, fc.name, c.dropNotNull(f.name, fc)+", or make the field not nullable", "it is NOT NULL, but the schema declares the field nullable")
	}
	col := c.column(f, fc, lc)
	if col != nil {
		col.extra = field
	}
	return col
}

// unfilled reports columns without a value, which would make every INSERT fail.
func (c *checker) unfilled(f *foundTable, t *table) {
	for _, name := range f.order {
		fc := f.columns[name]
		if col := t.byName[name]; col != nil && (col.Fill != FromDatabase || fc.filled) {
			continue
		}
		if !fc.null && !fc.filled {
			c.report(f.name, name, "give it a default, or "+c.dropNotNull(f.name, fc)+", or declare an extra field for it in the schema", "it is NOT NULL without a default, and the adapter does not fill it")
		}
	}
}

// keys checks the unique keys.
func (c *checker) keys(f *foundTable, l *Table, want contract, t *table) {
	names := func(fields []string) (names []string) {
		for _, field := range fields {
			if col := l.Column(field); col != nil {
				if fc, ok := f.column(col.Name, c.layout.Dialect); ok {
					names = append(names, fc.name)
				}
			}
		}
		return names
	}
	for _, fields := range l.Unique {
		// A key over the existing columns only would be a different key.
		if columns := names(fields); len(columns) == len(fields) && f.key(columns) == nil {
			c.report(f.name, strings.Join(columns, ", "), c.createIndex(f.name, columns), "there is no such unique key")
		}
	}
	for _, fields := range want.keys {
		listed := slices.ContainsFunc(l.Unique, func(key []string) bool { return within(key, fields) })
		if listed || f.key(names(fields)) != nil {
			continue
		}
		var key []*column
		for _, field := range fields {
			if col := t.byField[field]; col != nil {
				key = append(key, col)
			}
		}
		t.missing = append(t.missing, key)
		c.missingKeys = append(c.missingKeys, c.createIndex(f.name, names(fields)))
	}
	if user := t.byField["userId"]; user != nil {
		if k := f.key([]string{user.Name}); k != nil {
			c.strictKeys = append(c.strictKeys, fmt.Sprintf("%s.%s is unique (%s): a user can have only one row", f.name, user.Name, k.name))
		}
	}
	for _, fields := range want.keys {
		for _, field := range fields {
			if col := t.byField[field]; col != nil && !col.exact {
				c.folding = append(c.folding, f.name+"."+col.Name)
			}
		}
	}
}

// within reports whether whole contains every element of part.
func within(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}

// owner checks the foreign key to the user.
func (c *checker) owner(f *foundTable, l *Table, t *table) {
	user := t.byField["userId"]
	if user == nil {
		return
	}
	for _, k := range f.foreign {
		if k.column == user.Name && strings.EqualFold(k.table, c.layout.User.Name) && (k.references == "" || strings.EqualFold(k.references, c.layout.User.Column("id").Name)) {
			t.owned = true
			t.cascade = t.cascade || k.cascade
		}
	}
	if l.Owner != NoForeignKey && !t.owned || l.Owner == Cascade && !t.cascade {
		fix := "set Owner of the table in the layout, so that the adapter itself deletes the rows of a user"
		if c.layout.Dialect != dialect.SQLite {
			fix = fmt.Sprintf("ALTER TABLE %s ADD FOREIGN KEY (%s) REFERENCES %s (%s) ON DELETE CASCADE; or ", c.quote(f.name), c.quote(user.Name),
				c.quote(c.layout.User.Name), c.quote(c.layout.User.Column("id").Name)) + fix
		}
		c.report(f.name, user.Name, fix, "there is no foreign key to the user with ON DELETE %s", strings.ToUpper(string(l.Owner)))
	}
}

func (c *checker) quote(name string) string { return quote(c.layout.Dialect, name) }

func (c *checker) createIndex(table string, columns []string) string {
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = c.quote(name)
	}
	return fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s (%s)", c.quote(table+"_"+strings.Join(columns, "_")+"_key"), c.quote(table), strings.Join(quoted, ", "))
}

func (c *checker) dropNotNull(table string, fc foundColumn) string {
	switch c.layout.Dialect {
	case dialect.Postgres:
		return "ALTER TABLE " + c.quote(table) + " ALTER COLUMN " + c.quote(fc.name) + " DROP NOT NULL"
	case dialect.MySQL:
		return "ALTER TABLE " + c.quote(table) + " MODIFY " + c.quote(fc.name) + " " + fc.declared + " NULL"
	}
	return "make it nullable"
}

// quote quotes an identifier. ent's builder may treat an unquoted name as an
// expression ("ALL_USERS", "user (old)").
func quote(d, name string) string {
	q := "`"
	if d == dialect.Postgres {
		q = `"`
	}
	return q + strings.ReplaceAll(name, q, q+q) + q
}
