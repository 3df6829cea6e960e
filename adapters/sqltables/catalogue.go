package sqltables

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"

	"entgo.io/ent/dialect"
)

// found is a table as the catalogue of the database has it.
type found struct {
	name    string
	view    bool
	engine  string // of MySQL
	columns map[string]foundColumn
	order   []string       // of the columns
	keys    []foundKey     // unique, on whole columns and whole tables
	foreign []foundForeign // of one column
}

type foundColumn struct {
	name     string
	typ      string // without its length: "varchar"
	declared string // as it is declared: "varchar(255)"
	null     bool
	filled   bool // by a default, a sequence or an expression
	exact    bool // compares byte for byte
	collated string
	maxChars int // 0: no limit
	maxBytes int // 0: no limit
	fraction int // of a time: digits below the second
}

type foundKey struct {
	name    string
	columns []string
}

type foundForeign struct {
	column, table, references string
	cascade                   bool
}

// key returns the unique key whose columns are all among these, or nil: more
// columns are unique all the more.
func (f *found) key(columns []string) *foundKey {
	for i, k := range f.keys {
		if within(k.columns, columns) {
			return &f.keys[i]
		}
	}
	return nil
}

// catalogue reads what there is of a table; nil without an error: nothing.
func catalogue(ctx context.Context, db *sql.DB, d, table string) (*found, error) {
	f := &found{columns: map[string]foundColumn{}}
	var err error
	switch d {
	case dialect.Postgres:
		err = f.readPostgres(ctx, db, table)
	case dialect.MySQL:
		err = f.readMySQL(ctx, db, table)
	default:
		err = f.readSQLite(ctx, db, table)
	}
	if err != nil {
		return nil, fmt.Errorf("read the catalogue of table %s: %w", table, err)
	}
	if f.name == "" {
		return nil, nil
	}
	return f, nil
}

func (f *found) add(c foundColumn) {
	c.typ = strings.ToLower(c.typ)
	f.columns[c.name] = c
	f.order = append(f.order, c.name)
}

func (f *found) addKey(name string, column string) {
	if n := len(f.keys); n > 0 && f.keys[n-1].name == name {
		f.keys[n-1].columns = append(f.keys[n-1].columns, column)
		return
	}
	f.keys = append(f.keys, foundKey{name, []string{column}})
}

// each scans every row of a query into dest and calls do.
func each(ctx context.Context, db *sql.DB, query string, args []any, do func(), dest ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		do()
	}
	return rows.Err()
}

func (f *found) readPostgres(ctx context.Context, db *sql.DB, table string) error {
	var oid int64
	var kind string
	err := each(ctx, db, `SELECT oid::bigint, relname, relkind::text FROM pg_class WHERE oid = to_regclass(quote_ident($1))`,
		[]any{table}, func() { f.view = kind != "r" && kind != "p" }, &oid, &f.name, &kind)
	if err != nil || f.name == "" {
		return err
	}
	var c foundColumn
	var modifier int
	err = each(ctx, db, `
		SELECT a.attname, coalesce(b.typname, t.typname), format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
			a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '', a.atttypmod, coalesce(c.collisdeterministic, true), coalesce(c.collname, '')
		FROM pg_attribute a
		JOIN pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_type b ON b.oid = t.typbasetype
		LEFT JOIN pg_collation c ON c.oid = a.attcollation
		WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY a.attnum`, []any{oid}, func() {
		c.maxChars, c.fraction = 0, 6
		switch {
		case modifier < 0:
		case c.typ == "varchar" || c.typ == "bpchar":
			c.maxChars = modifier - 4
		default:
			c.fraction = modifier
		}
		f.add(c)
	}, &c.name, &c.typ, &c.declared, &c.null, &c.filled, &modifier, &c.exact, &c.collated)
	if err != nil {
		return err
	}
	var name, column string
	err = each(ctx, db, `
		SELECT c.relname, a.attname
		FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid
		CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, n)
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
		WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate
			AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
		ORDER BY c.relname, k.n`, []any{oid}, func() { f.addKey(name, column) }, &name, &column)
	if err != nil {
		return err
	}
	var k foundForeign
	return each(ctx, db, `
		SELECT a.attname, r.relname, ra.attname, k.confdeltype = 'c'
		FROM pg_constraint k
		JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
		JOIN pg_class r ON r.oid = k.confrelid
		JOIN pg_attribute ra ON ra.attrelid = k.confrelid AND ra.attnum = k.confkey[1]
		WHERE k.conrelid = $1 AND k.contype = 'f' AND array_length(k.conkey, 1) = 1 AND k.convalidated AND NOT k.condeferred`,
		[]any{oid}, func() { f.foreign = append(f.foreign, k) }, &k.column, &k.table, &k.references, &k.cascade)
}

func (f *found) readMySQL(ctx context.Context, db *sql.DB, table string) error {
	// The catalogue compares names without regard to case. A server may keep
	// the names of tables in lower case.
	var name, kind string
	var engine sql.NullString
	err := each(ctx, db, "SELECT `TABLE_NAME`, `TABLE_TYPE`, `ENGINE` FROM information_schema.TABLES "+
		"WHERE `TABLE_SCHEMA` = DATABASE() AND (CAST(`TABLE_NAME` AS BINARY) = ? OR @@lower_case_table_names <> 0 AND LOWER(`TABLE_NAME`) = LOWER(?))",
		[]any{table, table}, func() { f.name, f.view, f.engine = name, kind != "BASE TABLE", engine.String }, &name, &kind, &engine)
	if err != nil || f.name == "" {
		return err
	}
	args := []any{f.name}
	const ofTable = "`TABLE_SCHEMA` = DATABASE() AND CAST(`TABLE_NAME` AS BINARY) = ?"
	var c foundColumn
	var nullable, extra string
	var byDefault, charset, collation sql.NullString
	var chars, octets, fraction sql.NullInt64
	err = each(ctx, db, "SELECT `COLUMN_NAME`, `DATA_TYPE`, `COLUMN_TYPE`, `IS_NULLABLE`, `COLUMN_DEFAULT`, `EXTRA`, `CHARACTER_MAXIMUM_LENGTH`, "+
		"`CHARACTER_OCTET_LENGTH`, `DATETIME_PRECISION`, `CHARACTER_SET_NAME`, `COLLATION_NAME` FROM information_schema.COLUMNS WHERE "+ofTable+
		" ORDER BY `ORDINAL_POSITION`", args, func() {
		extra = strings.ToLower(extra)
		c.null = nullable == "YES"
		c.filled = byDefault.Valid && byDefault.String != "NULL" || strings.Contains(extra, "auto_increment") || strings.Contains(extra, "generated")
		c.collated = collation.String
		// Others ignore the case of letters, or blanks at the end.
		c.exact = !charset.Valid || c.collated == "utf8mb4_nopad_bin" || c.collated == "utf8mb4_0900_bin"
		c.maxChars, c.maxBytes, c.fraction = int(min(chars.Int64, 1<<31-1)), int(min(octets.Int64, 1<<31-1)), int(fraction.Int64)
		f.add(c)
	}, &c.name, &c.typ, &c.declared, &nullable, &byDefault, &extra, &chars, &octets, &fraction, &charset, &collation)
	if err != nil {
		return err
	}
	var column sql.NullString
	var part sql.NullInt64
	partial := map[string]bool{}
	err = each(ctx, db, "SELECT `INDEX_NAME`, `COLUMN_NAME`, `SUB_PART` FROM information_schema.STATISTICS WHERE `NON_UNIQUE` = 0 AND "+ofTable+
		" ORDER BY `INDEX_NAME`, `SEQ_IN_INDEX`", args, func() {
		f.addKey(name, column.String)
		if part.Valid || !column.Valid {
			partial[name] = true
		}
	}, &name, &column, &part)
	if err != nil {
		return err
	}
	whole := f.keys[:0]
	for _, k := range f.keys {
		if !partial[k.name] {
			whole = append(whole, k)
		}
	}
	f.keys = whole
	var k foundForeign
	var rule string
	return each(ctx, db, "SELECT k.`COLUMN_NAME`, k.`REFERENCED_TABLE_NAME`, k.`REFERENCED_COLUMN_NAME`, r.`DELETE_RULE` "+
		"FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r "+
		"ON r.`CONSTRAINT_SCHEMA` = k.`CONSTRAINT_SCHEMA` AND r.`CONSTRAINT_NAME` = k.`CONSTRAINT_NAME` AND r.`TABLE_NAME` = k.`TABLE_NAME` "+
		"WHERE k.`TABLE_SCHEMA` = DATABASE() AND CAST(k.`TABLE_NAME` AS BINARY) = ?", args, func() {
		k.cascade = rule == "CASCADE"
		f.foreign = append(f.foreign, k)
	}, &k.column, &k.table, &k.references, &rule)
}

// folding finds collations that do not compare byte for byte.
var folding = regexp.MustCompile("(?i)\\bcollate\\s+[\"'`\\[]?(nocase|rtrim)\\b")

func (f *found) readSQLite(ctx context.Context, db *sql.DB, table string) error {
	var kind string
	var text sql.NullString
	err := each(ctx, db, `SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE`,
		[]any{table}, func() { f.view = kind != "table" }, &f.name, &kind, &text)
	if err != nil || f.name == "" {
		return err
	}
	folds := folding.MatchString(text.String)
	var c foundColumn
	var notNull bool
	var byDefault sql.NullString
	var primary, hidden int
	var inKey []string
	err = each(ctx, db, `SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?) ORDER BY cid`, []any{f.name}, func() {
		c.typ = c.declared
		// An INTEGER PRIMARY KEY is the row's number, which SQLite makes.
		c.filled = byDefault.Valid && !strings.EqualFold(byDefault.String, "NULL") || hidden > 1 || primary > 0 && strings.EqualFold(c.declared, "integer")
		c.null, c.exact, c.fraction = !notNull && primary == 0, !folds, 3
		if primary > 0 {
			inKey = append(inKey, c.name)
		}
		f.add(c)
	}, &c.name, &c.declared, &notNull, &byDefault, &primary, &hidden)
	if err != nil {
		return err
	}
	var name string
	var column, collation sql.NullString
	err = each(ctx, db, `
		SELECT l.name, i.name, i.coll FROM pragma_index_list(?) l, pragma_index_xinfo(l.name) i
		WHERE l."unique" = 1 AND l.partial = 0 AND i.key = 1 ORDER BY l.name, i.seqno`, []any{f.name}, func() {
		f.addKey(name, column.String) // an expression has no name
		if c, ok := f.columns[column.String]; ok && !strings.EqualFold(collation.String, "BINARY") {
			c.exact = false
			f.columns[c.name] = c
		}
	}, &name, &column, &collation)
	if err != nil {
		return err
	}
	if len(inKey) > 0 {
		f.keys = append(f.keys, foundKey{"PRIMARY KEY", inKey})
	}
	var k foundForeign
	var references sql.NullString
	var rule string
	var n int
	return each(ctx, db, `SELECT "from", "table", "to", on_delete, (SELECT count(*) FROM pragma_foreign_key_list(?1) o WHERE o.id = f.id) FROM pragma_foreign_key_list(?1) f`,
		[]any{f.name}, func() {
			if n > 1 {
				return
			}
			k.references, k.cascade = references.String, strings.EqualFold(rule, "CASCADE")
			f.foreign = append(f.foreign, k)
		}, &k.column, &k.table, &references, &rule, &n)
}
