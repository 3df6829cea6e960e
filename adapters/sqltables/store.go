package sqltables

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
	"github.com/sesame-auth/sesame/engine/store"
)

// rows holds the methods of the contract, on the database or in a
// transaction.
type rows struct {
	conn   *sqlstore.Conn
	tables *tables
	hot    *statements
	traits store.Traits
}

// in returns the store on another Conn.
func (s *rows) in(c *sqlstore.Conn) *rows {
	return &rows{conn: c, tables: s.tables, hot: s.hot, traits: s.traits}
}

// Traits implements store.TraitsDeclarer.
func (s *rows) Traits() store.Traits { return s.traits }

func read[T any](ctx context.Context, s *rows, doing string, call func() (T, error)) (T, error) {
	return sqlstore.Read(ctx, s.conn, doing, call)
}

// write is read for calls that write. The call uses the store it is given.
func write[T any](ctx context.Context, s *rows, doing string, call func(*rows) (T, error)) (T, error) {
	return sqlstore.Write(ctx, s.conn, doing, func(c *sqlstore.Conn) (T, error) { return call(s.in(c)) })
}

func (s *rows) builder() *entsql.DialectBuilder { return entsql.Dialect(s.conn.Name) }

// match is a column with the value that a row must have there.
type match struct {
	c *column
	v any
}

// is returns the match of a field.
func (t *table) is(field string, v any) match { return match{t.column(field), v} }

// where returns the predicate of the matches. ok is false when a value cannot
// be in its column, so that no row matches.
func where(matches []match) (p *entsql.Predicate, ok bool) {
	var all []*entsql.Predicate
	for _, m := range matches {
		arg, err := m.c.encode(m.v)
		if err != nil || arg == nil {
			return nil, false
		}
		all = append(all, m.c.is(m.c.quoted(), arg))
	}
	return entsql.And(all...), true
}

// is returns the predicate that the column, which is called name in the
// statement, holds arg byte for byte. An index serves the first half of it.
func (c *column) is(name string, arg any) *entsql.Predicate {
	if c.exact {
		return entsql.EQ(name, arg)
	}
	return entsql.And(entsql.P(func(b *entsql.Builder) {
		b.Ident(name).WriteString(" = ")
		if c.charset != "" {
			// MySQL does not compare the column with a character that it cannot
			// hold; here it is a question mark.
			b.WriteString("CONVERT(").Arg(arg).WriteString(" USING " + c.charset + ") COLLATE " + c.collated)
			return
		}
		b.Arg(arg)
	}), entsql.P(func(b *entsql.Builder) {
		if c.dialect == dialect.MySQL {
			b.WriteString("CAST(CONVERT(").Ident(name).WriteString(" USING utf8mb4) AS BINARY) = ").Arg(arg)
			return
		}
		b.Ident(name).WriteString(" = ").Arg(arg).WriteString(" COLLATE BINARY")
	}))
}

// selected is a column as a SELECT or RETURNING names it. SQLite's driver makes
// times of what is declared as one, and has its own idea of them; of an
// expression it makes nothing.
func (c *column) selected(table string) string {
	name := c.quoted()
	if table != "" {
		name = quote(c.dialect, table) + "." + name
	}
	switch c.Kind {
	case Time, Millis, MillisText, ISOText, ISOTextOffset:
		if c.dialect == dialect.SQLite {
			return "+" + name
		}
	}
	return name
}

func selectedAll(columns []*column, table string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.selected(table)
	}
	return out
}

// selectRaw begins a SELECT of expressions.
func selectRaw(b *entsql.DialectBuilder, expressions ...string) *entsql.Selector {
	return b.SelectExpr(entsql.Raw(strings.Join(expressions, ", ")))
}

// cells makes the cells of a row, and pointers to them for Scan.
func cells(columns []*column) ([]cell, []any) {
	row, dest := make([]cell, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		row[i].c, dest[i] = c, &row[i]
	}
	return row, dest
}

// rows runs a query to its end and returns its rows.
func (s *rows) rows(ctx context.Context, query string, args []any, columns []*column) ([][]cell, error) {
	rows, err := s.conn.Querier().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]cell
	for rows.Next() {
		row, dest := cells(columns)
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// list returns the rows that match. lock is what the SELECT ends with.
func (s *rows) list(ctx context.Context, t *table, lock string, matches ...match) ([][]cell, error) {
	p, ok := where(matches)
	if !ok {
		return nil, nil
	}
	query, args := selectRaw(s.builder(), selectedAll(t.columns, "")...).From(entsql.Table(t.quoted)).Where(p).Query()
	return s.rows(ctx, query+lock, args, t.columns)
}

// get returns the one row that matches, or store.ErrNotFound.
func (s *rows) get(ctx context.Context, t *table, lock string, matches ...match) ([]cell, error) {
	rows, err := s.list(ctx, t, lock, matches...)
	return theOne(rows, err, t, matches)
}

func theOne(rows [][]cell, err error, t *table, matches []match) ([]cell, error) {
	switch {
	case err != nil:
		return nil, err
	case len(rows) == 0:
		return nil, store.ErrNotFound
	case len(rows) > 1:
		// Only without the unique key. To take either might be to sign in
		// somebody else.
		var fields []string
		for _, m := range matches {
			fields = append(fields, m.c.Field)
		}
		return nil, fmt.Errorf("table %s has %d rows with the same %s; remove all but one, and make the unique key that the log named at the start", t.name, len(rows), strings.Join(fields, " and "))
	}
	return rows[0], nil
}

// exists reports whether a row matches.
func (s *rows) exists(ctx context.Context, t *table, lock string, matches ...match) (bool, error) {
	p, ok := where(matches)
	if !ok {
		return false, nil
	}
	query, args := selectRaw(s.builder(), "1").From(entsql.Table(t.quoted)).Where(p).Limit(1).Query()
	var n int
	err := s.conn.Querier().QueryRowContext(ctx, query+lock, args...).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// row is what is written to a table.
type row struct {
	t       *table
	columns []*column
	values  []any // as the contract has them
	args    []any
	err     error // store.ErrInvalid
}

func (t *table) row() *row { return &row{t: t} }

func (r *row) set(c *column, v any) {
	arg, err := c.encode(v)
	if err != nil && r.err == nil {
		r.err = err
	}
	r.columns, r.values, r.args = append(r.columns, c), append(r.values, v), append(r.args, arg)
}

func (r *row) text(field, v string) { r.set(r.t.column(field), v) }

func (r *row) optional(field string, v *string) {
	if v == nil {
		r.set(r.t.column(field), nil)
		return
	}
	r.text(field, *v)
}

// instant sets an instant and returns what is stored of it.
func (r *row) instant(field string, v time.Time) time.Time {
	c := r.t.column(field)
	v = c.keep(v)
	r.set(c, v)
	return v
}

func (r *row) optionalInstant(field string, v *time.Time) *time.Time {
	if v == nil {
		r.set(r.t.column(field), nil)
		return nil
	}
	at := r.instant(field, *v)
	return &at
}

// fill sets the columns that the adapter fills; changed: of a row that is
// there.
func (r *row) fill(changed bool) {
	for _, c := range r.t.filled {
		switch {
		case c.Fill == UpdatedAt, c.Fill == CreatedAt && !changed:
			r.set(c, c.keep(time.Now()))
		case c.Fill == NewID && !changed:
			r.set(c, newID())
		}
	}
}

func (r *row) value(c *column) any {
	if i := slices.Index(r.columns, c); i >= 0 {
		return r.values[i]
	}
	return nil
}

// insert writes a row. It looks first for what the database does not look
// for: the user a row belongs to, and rows with the same key.
func (s *rows) insert(ctx context.Context, r *row) error {
	r.fill(false)
	if r.err != nil {
		return r.err
	}
	if err := s.claim(ctx, r, nil); err != nil {
		return err
	}
	if owner := r.t.byField["userId"]; owner != nil && !(r.t.owned && owner.exact) {
		user := &s.tables.user
		found, err := s.exists(ctx, user, s.conn.LockOwner, user.is("id", r.value(owner)))
		if err == nil && !found {
			err = errNoUser()
		}
		if err != nil {
			return err
		}
	}
	insert := s.builder().Insert(r.t.quoted).Columns(r.names()...).Values(r.args...)
	if len(r.columns) == 0 {
		insert.Default()
	}
	query, args := insert.Query()
	_, err := s.conn.Querier().ExecContext(ctx, query, args...)
	return s.meaning(r.t, err)
}

// names are the columns as statements have them.
func (r *row) names() []string {
	out := make([]string, len(r.columns))
	for i, c := range r.columns {
		out[i] = c.quoted()
	}
	return out
}

func names(columns []*column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Name
	}
	return out
}

func errNoUser() error { return fmt.Errorf("no such user: %w", store.ErrNotFound) }

// claim makes sure, for each key of the contract that the database does not
// keep, that no row has the key of r, and that none gets it before the end of
// the transaction. but is the row that may have it.
func (s *rows) claim(ctx context.Context, r *row, but *match) error {
	for _, key := range r.t.missing {
		var matches []match
		name := sha256.New()
		fmt.Fprintf(name, "%q", r.t.name)
		for _, c := range key {
			if v := r.value(c); v != nil {
				matches = append(matches, match{c, v})
				fmt.Fprintf(name, " %q", fmt.Sprint(v))
			}
		}
		if len(matches) < len(key) {
			continue // not written, or NULL, which is never taken
		}
		err := s.conn.Exclusive(ctx, hex.EncodeToString(name.Sum(nil)))
		if errors.Is(err, sqlstore.ErrForeignTx) {
			return fmt.Errorf("table %s has no unique key on %s, and %w: make the key that the log named at the start, or use the Tx method of the adapter",
				r.t.name, strings.Join(names(key), ", "), err)
		}
		if err != nil {
			return err
		}
		p, _ := where(matches)
		if but != nil {
			not, _ := where([]match{*but})
			p = entsql.And(p, entsql.Not(not))
		}
		query, args := selectRaw(s.builder(), "1").From(entsql.Table(r.t.quoted)).Where(p).Limit(1).Query()
		var n int
		switch err := s.conn.Querier().QueryRowContext(ctx, query, args...).Scan(&n); {
		case err == nil:
			return &store.ConflictError{Field: key[len(key)-1].Field}
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
	}
	return nil
}

// update writes r into the rows that match.
func (s *rows) update(ctx context.Context, r *row, matches ...match) error {
	r.fill(true)
	p, ok := where(matches)
	if r.err != nil || !ok || len(r.columns) == 0 {
		return r.err
	}
	update := s.builder().Update(r.t.quoted).Where(p)
	for i, c := range r.columns {
		if r.args[i] == nil {
			update.SetNull(c.quoted())
		} else {
			update.Set(c.quoted(), r.args[i])
		}
	}
	query, args := update.Query()
	_, err := s.conn.Querier().ExecContext(ctx, query, args...)
	return s.meaning(r.t, err)
}

// remove deletes the rows that match, and returns how many there were.
func (s *rows) remove(ctx context.Context, t *table, matches ...match) (int64, error) {
	p, ok := where(matches)
	if !ok {
		return 0, nil
	}
	query, args := s.builder().Delete(t.quoted).Where(p).Query()
	result, err := s.conn.Querier().ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// meaning gives the violation of a key its meaning.
func (s *rows) meaning(t *table, err error) error {
	if err == nil {
		return nil
	}
	if d, ok := s.conn.Duplicate(err); ok {
		return &store.ConflictError{Field: t.conflict(d), Err: d.Err}
	}
	if s.conn.Orphan(err) {
		return errNoUser()
	}
	return err
}

// conflict returns the field that a key is about.
func (t *table) conflict(d sqlstore.Duplicate) string {
	columns := d.Columns
	for _, k := range t.keys {
		if columns == nil && strings.EqualFold(k.name, d.Key) {
			columns = k.columns
		}
	}
	for _, key := range t.unique {
		for _, name := range columns {
			if c := t.byName[name]; c != nil && slices.Contains(key, c.Field) {
				return key[len(key)-1]
			}
		}
	}
	if len(columns) > 0 {
		if c := t.byName[columns[0]]; c != nil {
			return c.Field
		}
		return columns[0]
	}
	return d.Key
}
