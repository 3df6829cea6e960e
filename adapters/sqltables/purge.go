package sqltables

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/engine/schema"
)

// PurgeExpired implements store.Purger. It works in small steps, so that others
// can write in between. If it fails, rows it has removed stay removed and are
// counted.
func (s *rows) PurgeExpired(ctx context.Context, before time.Time, limit int) (int, error) {
	removed := 0
	for _, t := range []*table{&s.tables.session, &s.tables.token} {
		for removed < limit {
			n := min(limit-removed, 500)
			deleted, err := write(ctx, s, "purge expired rows", func(s *rows) (int64, error) { return s.purge(ctx, t, before, n) })
			if err != nil {
				return removed, err
			}
			if removed += int(deleted); deleted < int64(n) {
				break
			}
		}
	}
	return removed, nil
}

// purge deletes at most n rows of a table that expired before the instant. The
// DELETE itself checks this, because a session may have been extended.
func (s *rows) purge(ctx context.Context, t *table, before time.Time, n int) (int64, error) {
	expires := t.column("expires")
	// Columns truncate instants, so round the limit up.
	kept := expires.keep(before)
	if kept.Before(before) {
		kept = kept.Add(max(expires.Precision, time.Millisecond))
	}
	if !expires.last.IsZero() && kept.After(expires.last) {
		kept = expires.last
	}
	if !expires.first.IsZero() && kept.Before(expires.first) {
		return 0, nil
	}
	arg, err := expires.encode(kept)
	if err != nil {
		return 0, err
	}
	name, table := expires.quoted(), t.quoted
	var query string
	var args []any
	switch s.conn.Name {
	case dialect.MySQL:
		if expires.Kind == MillisText {
			name, arg = "CAST("+name+" AS SIGNED)", kept.UnixMilli()
		}
		query = fmt.Sprintf("DELETE FROM %s WHERE %s < ? LIMIT %d", table, name, n)
	case dialect.Postgres:
		if expires.Kind == MillisText {
			name, arg = "CASE WHEN "+name+" ~ '^-?[0-9]{1,18}$' THEN "+name+"::bigint END", kept.UnixMilli()
		}
		query = fmt.Sprintf("DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %s WHERE %s < $1 LIMIT %d FOR UPDATE SKIP LOCKED))", table, table, name, n)
	default:
		if expires.Kind == MillisText {
			name, arg = "CAST("+name+" AS INTEGER)", kept.UnixMilli()
		}
		args = []any{arg}
		expired := name + " < ?"
		if expires.Kind == Millis || expires.Kind.isoText() {
			// The column may hold both (Prisma 6, then 7), and text with any
			// offset, whose order is not that of the instants.
			expired = fmt.Sprintf("CASE typeof(%s) WHEN 'text' THEN julianday(%s) < julianday(?) ELSE %s < ? END", name, name, name)
			args = []any{kept.Format(schema.TimeLayout), kept.UnixMilli()}
		}
		query = fmt.Sprintf("DELETE FROM %s WHERE rowid IN (SELECT rowid FROM %s WHERE %s LIMIT %d)", table, table, expired, n)
	}
	if args == nil {
		args = []any{arg}
	}
	result, err := s.conn.Querier().ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
