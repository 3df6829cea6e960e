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

// in returns the rows on another Conn.
func (s *rows) in(c *sqlstore.Conn) *rows {
	return &rows{conn: c, tables: s.tables, hot: s.hot, traits: s.traits}
}

// Traits implements store.TraitsDeclarer.
func (s *rows) Traits() store.Traits { return s.traits }

func read[T any](ctx context.Context, s *rows, op string, call func() (T, error)) (T, error) {
	return sqlstore.Read(ctx, s.conn, op, call)
}

// write is like read, for calls that write. The call must use the rows passed to
// it.
func write[T any](ctx context.Context, s *rows, op string, call func(*rows) (T, error)) (T, error) {
	return sqlstore.Write(ctx, s.conn, op, func(c *sqlstore.Conn) (T, error) { return call(s.in(c)) })
}

func (s *rows) builder() *entsql.DialectBuilder { return entsql.Dialect(s.conn.Name) }

// match is a condition on a row: the value of a column.
type match struct {
	c *column
	v any
}

// is returns the match for a field.
func (t *table) is(field string, v any) match { return match{t.column(field), v} }

// where returns the predicate for the matches. ok is false if a column cannot hold
// the value, so that no row matches.
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

// is returns the predicate that the column, whose name in the statement is name,
// equals arg byte for byte. If the collation does not compare bytes, the predicate
// has two parts: the first can use an index, the second compares bytes.
func (c *column) is(name string, arg any) *entsql.Predicate {
	if c.exact {
		return entsql.EQ(name, arg)
	}
	return entsql.And(entsql.P(func(b *entsql.Builder) {
		b.Ident(name).WriteString(" = ")
		if c.charset != "" {
			// MySQL cannot compare the column with a character that it cannot
			// hold; the conversion makes it a question mark.
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

// selected returns the expression for a column in a SELECT or RETURNING. SQLite's
// driver converts columns that are declared as times, in its own way; it does not
// convert expressions.
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

// cells returns new cells for a row, and pointers to them for Scan.
func cells(columns []*column) ([]cell, []any) {
	row, dest := make([]cell, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		row[i].c, dest[i] = c, &row[i]
	}
	return row, dest
}

// query runs a query and returns all its rows.
func (s *rows) query(ctx context.Context, query string, args []any, columns []*column) ([][]cell, error) {
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

// list returns the rows that match. lock is appended to the SELECT.
func (s *rows) list(ctx context.Context, t *table, lock string, matches ...match) ([][]cell, error) {
	p, ok := where(matches)
	if !ok {
		return nil, nil
	}
	query, args := selectRaw(s.builder(), selectedAll(t.columns, "")...).From(entsql.Table(t.quoted)).Where(p).Query()
	return s.query(ctx, query+lock, args, t.columns)
}

// get returns the single row that matches, or store.ErrNotFound.
func (s *rows) get(ctx context.Context, t *table, lock string, matches ...match) ([]cell, error) {
	rows, err := s.list(ctx, t, lock, matches...)
	return single(rows, err, t, matches)
}

// single returns the single row of a result, or store.ErrNotFound.
func single(rows [][]cell, err error, t *table, matches []match) ([]cell, error) {
	switch {
	case err != nil:
		return nil, err
	case len(rows) == 0:
		return nil, store.ErrNotFound
	case len(rows) > 1:
		// Only possible without the unique key. Choosing one of the rows could
		// sign in as another user.
		var fields []string
		for _, m := range matches {
			fields = append(fields, m.c.Field)
		}
		return nil, fmt.Errorf("table %s has %d rows with the same %s; remove all but one, and create the unique key that was logged when the adapter opened", t.name, len(rows), strings.Join(fields, " and "))
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

// row holds the values to write to a table.
type row struct {
	t       *table
	columns []*column
	values  []any // values of the contract
	args    []any // encoded for the driver
	err     error // matches store.ErrInvalid
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

// instant sets an instant and returns it as stored.
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

// fill sets the columns that the adapter fills, for an INSERT or an UPDATE.
func (r *row) fill(update bool) {
	for _, c := range r.t.filled {
		switch {
		case c.Fill == UpdatedAt, c.Fill == CreatedAt && !update:
			r.set(c, c.keep(time.Now()))
		case c.Fill == NewID && !update:
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

// insert writes a row. It first checks what the database does not enforce: that the
// user of the row exists, and that its keys are free.
func (s *rows) insert(ctx context.Context, r *row) error {
	r.fill(false)
	if r.err != nil {
		return r.err
	}
	if err := s.reserveKeys(ctx, r, nil); err != nil {
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
	return s.storeError(r.t, err)
}

// names returns the quoted names of the columns.
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

// reserveKeys ensures, for each unique key of the contract that the database lacks,
// that no row has the key of r, and that no other transaction writes such a row
// before the end of this one. The row that matches except may have the key; nil
// means no row.
func (s *rows) reserveKeys(ctx context.Context, r *row, except *match) error {
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
			return fmt.Errorf("table %s has no unique key on %s, and the adapter %w; create the key that was logged when the adapter opened, or use the Tx method of the adapter",
				r.t.name, strings.Join(names(key), ", "), err)
		}
		if err != nil {
			return err
		}
		p, _ := where(matches)
		if except != nil {
			excluded, _ := where([]match{*except})
			p = entsql.And(p, entsql.Not(excluded))
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
	return s.storeError(r.t, err)
}

// remove deletes the rows that match, and returns the number of deleted rows.
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

// storeError turns the violation of a key into an error of package store.
func (s *rows) storeError(t *table, err error) error {
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

// conflict returns the field of a violated key.
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
