package sqltables

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"

	"entgo.io/ent/dialect"
)

// foundTable is a table in the catalog of the database.
type foundTable struct {
	name    string
	view    bool
	engine  string // MySQL only
	columns map[string]foundColumn
	order   []string       // names of the columns in order
	keys    []foundKey     // unique keys, not partial, on whole columns
	foreign []foundForeign // foreign keys on one column
}

type foundColumn struct {
	name     string
	typ      string // without length: "varchar"
	declared string // as declared: "varchar(255)"
	null     bool
	filled   bool // by a default, a sequence or an expression
	exact    bool // compared byte for byte
	collated string
	charset  string // MySQL only; "" if it has every character
	maxChars int    // 0: no limit
	maxBytes int    // 0: no limit
	fraction int    // of a time: digits after the second
}

type foundKey struct {
	name    string
	columns []string
}

type foundForeign struct {
	column, table, references string
	cascade                   bool
}

// key returns a unique key whose columns are all among these, or nil. Such a key
// makes the larger set of columns unique too.
func (f *foundTable) key(columns []string) *foundKey {
	for i, k := range f.keys {
		if within(k.columns, columns) {
			return &f.keys[i]
		}
	}
	return nil
}

// catalogue reads the tables with these names. The map has the tables that exist,
// by these names.
func catalogue(ctx context.Context, db *sql.DB, d string, tables []string) (map[string]*foundTable, error) {
	c := catalog{ctx: ctx, db: db, found: map[string]*foundTable{}}
	var err error
	switch d {
	case dialect.Postgres:
		err = c.readPostgres(tables)
	case dialect.MySQL:
		err = c.readMySQL(tables)
	default:
		for _, table := range tables {
			if err = c.readSQLite(table); err != nil {
				break
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	return c.found, nil
}

// catalog reads the catalog of a database.
type catalog struct {
	ctx   context.Context
	db    *sql.DB
	found map[string]*foundTable // by the requested name
}

func (c *catalog) add(requested, name string) *foundTable {
	f := &foundTable{name: name, columns: map[string]foundColumn{}}
	c.found[requested] = f
	return f
}

// each scans every row of a query into dest and calls do.
func (c *catalog) each(query string, args []any, do func(), dest ...any) error {
	rows, err := c.db.QueryContext(c.ctx, query, args...)
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

func (f *foundTable) add(c foundColumn) {
	c.typ = strings.ToLower(c.typ)
	f.columns[c.name] = c
	f.order = append(f.order, c.name)
}

func (f *foundTable) addKey(name string, column string) {
	if n := len(f.keys); n > 0 && f.keys[n-1].name == name {
		f.keys[n-1].columns = append(f.keys[n-1].columns, column)
		return
	}
	f.keys = append(f.keys, foundKey{name, []string{column}})
}

func (c *catalog) readPostgres(tables []string) error {
	byOID := map[int64]*foundTable{}
	var oid int64
	var oids []int64
	var requested, name, kind string
	err := c.each(`
		SELECT w.name, c.oid::bigint, c.relname, c.relkind::text
		FROM unnest($1::text[]) AS w(name) JOIN pg_class c ON c.oid = to_regclass(quote_ident(w.name))`, []any{tables}, func() {
		f := c.add(requested, name)
		f.view = kind != "r" && kind != "p"
		byOID[oid] = f
		oids = append(oids, oid)
	}, &requested, &oid, &name, &kind)
	if err != nil || len(oids) == 0 {
		return err
	}
	var col foundColumn
	var modifier int
	err = c.each(`
		SELECT a.attrelid::bigint, a.attname, coalesce(b.typname, t.typname), format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
			a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '', a.atttypmod, coalesce(c.collisdeterministic, true), coalesce(c.collname, '')
		FROM pg_attribute a
		JOIN pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_type b ON b.oid = t.typbasetype
		LEFT JOIN pg_collation c ON c.oid = a.attcollation
		WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY a.attrelid, a.attnum`, []any{oids}, func() {
		col.maxChars, col.fraction = 0, 6
		switch {
		case modifier < 0:
		case col.typ == "varchar" || col.typ == "bpchar":
			col.maxChars = modifier - 4
		default:
			col.fraction = modifier
		}
		byOID[oid].add(col)
	}, &oid, &col.name, &col.typ, &col.declared, &col.null, &col.filled, &modifier, &col.exact, &col.collated)
	if err != nil {
		return err
	}
	var column string
	err = c.each(`
		SELECT i.indrelid::bigint, c.relname, a.attname
		FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid
		CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, n)
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
		WHERE i.indrelid = ANY ($1::oid[]) AND i.indisunique AND i.indisvalid AND i.indimmediate
			AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
		ORDER BY i.indrelid, c.relname, k.n`, []any{oids}, func() { byOID[oid].addKey(name, column) }, &oid, &name, &column)
	if err != nil {
		return err
	}
	var k foundForeign
	return c.each(`
		SELECT k.conrelid::bigint, a.attname, r.relname, ra.attname, k.confdeltype = 'c'
		FROM pg_constraint k
		JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
		JOIN pg_class r ON r.oid = k.confrelid
		JOIN pg_attribute ra ON ra.attrelid = k.confrelid AND ra.attnum = k.confkey[1]
		WHERE k.conrelid = ANY ($1::oid[]) AND k.contype = 'f' AND array_length(k.conkey, 1) = 1 AND k.convalidated AND NOT k.condeferred`,
		[]any{oids}, func() { byOID[oid].foreign = append(byOID[oid].foreign, k) }, &oid, &k.column, &k.table, &k.references, &k.cascade)
}

func (c *catalog) readMySQL(tables []string) error {
	// The catalog ignores case when it compares names. A server may convert the
	// names of tables to lower case.
	byName := map[string]*foundTable{}
	var name, kind string
	var folds int
	var engine sql.NullString
	args := make([]any, len(tables))
	for i, table := range tables {
		args[i] = table
	}
	inTables := "`TABLE_SCHEMA` = DATABASE() AND `TABLE_NAME` IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(tables)), ", ") + ")"
	err := c.each("SELECT `TABLE_NAME`, `TABLE_TYPE`, `ENGINE`, @@lower_case_table_names FROM information_schema.TABLES WHERE "+inTables, args, func() {
		for _, requested := range tables {
			if name == requested || folds != 0 && strings.EqualFold(name, requested) {
				f := c.add(requested, name)
				f.view, f.engine = kind != "BASE TABLE", engine.String
				byName[name] = f
			}
		}
	}, &name, &kind, &engine, &folds)
	if err != nil || len(byName) == 0 {
		return err
	}
	// found calls do with the table of a row, unless that is a different table
	// whose name differs in case.
	found := func(do func(f *foundTable)) func() {
		return func() {
			if f := byName[name]; f != nil {
				do(f)
			}
		}
	}
	var col foundColumn
	var nullable, extra string
	var byDefault, charset, collation sql.NullString
	var chars, octets, fraction sql.NullInt64
	err = c.each("SELECT `TABLE_NAME`, `COLUMN_NAME`, `DATA_TYPE`, `COLUMN_TYPE`, `IS_NULLABLE`, `COLUMN_DEFAULT`, `EXTRA`, `CHARACTER_MAXIMUM_LENGTH`, "+
		"`CHARACTER_OCTET_LENGTH`, `DATETIME_PRECISION`, `CHARACTER_SET_NAME`, `COLLATION_NAME` FROM information_schema.COLUMNS WHERE "+inTables+
		" ORDER BY `TABLE_NAME`, `ORDINAL_POSITION`", args, found(func(f *foundTable) {
		extra = strings.ToLower(extra)
		col.null = nullable == "YES"
		col.filled = byDefault.Valid && byDefault.String != "NULL" || strings.Contains(extra, "auto_increment") || strings.Contains(extra, "generated")
		col.collated, col.charset = collation.String, ""
		if charset.String != "utf8mb4" {
			col.charset = charset.String
		}
		// Other collations ignore letter case or trailing spaces.
		col.exact = !charset.Valid || col.collated == "utf8mb4_nopad_bin" || col.collated == "utf8mb4_0900_bin"
		col.maxChars, col.maxBytes, col.fraction = int(min(chars.Int64, 1<<31-1)), int(min(octets.Int64, 1<<31-1)), int(fraction.Int64)
		f.add(col)
	}), &name, &col.name, &col.typ, &col.declared, &nullable, &byDefault, &extra, &chars, &octets, &fraction, &charset, &collation)
	if err != nil {
		return err
	}
	var key string
	var column sql.NullString
	var part sql.NullInt64
	err = c.each("SELECT `TABLE_NAME`, `INDEX_NAME`, `COLUMN_NAME`, `SUB_PART` FROM information_schema.STATISTICS WHERE `NON_UNIQUE` = 0 AND "+inTables+
		" ORDER BY `TABLE_NAME`, `INDEX_NAME`, `SEQ_IN_INDEX`", args, found(func(f *foundTable) {
		if part.Valid || !column.Valid {
			column.String = "" // a prefix of a column, or an expression
		}
		f.addKey(key, column.String)
	}), &name, &key, &column, &part)
	if err != nil {
		return err
	}
	var k foundForeign
	var rule string
	return c.each("SELECT k.`TABLE_NAME`, k.`COLUMN_NAME`, k.`REFERENCED_TABLE_NAME`, k.`REFERENCED_COLUMN_NAME`, r.`DELETE_RULE` "+
		"FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r "+
		"ON r.`CONSTRAINT_SCHEMA` = k.`CONSTRAINT_SCHEMA` AND r.`CONSTRAINT_NAME` = k.`CONSTRAINT_NAME` AND r.`TABLE_NAME` = k.`TABLE_NAME` "+
		"WHERE r.`CONSTRAINT_SCHEMA` = DATABASE() AND k."+strings.Replace(inTables, "`TABLE_NAME`", "k.`TABLE_NAME`", 1), args, found(func(f *foundTable) {
		k.cascade = rule == "CASCADE"
		f.foreign = append(f.foreign, k)
	}), &name, &k.column, &k.table, &k.references, &rule)
}

// folding matches collations that do not compare byte for byte.
var folding = regexp.MustCompile("(?i)\\bcollate\\s+[\"'`\\[]?(nocase|rtrim)\\b")

func (c *catalog) readSQLite(table string) error {
	var f *foundTable
	var name, kind string
	var text sql.NullString
	err := c.each(`SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE`,
		[]any{table}, func() { f = c.add(table, name); f.view = kind != "table" }, &name, &kind, &text)
	if err != nil || f == nil {
		return err
	}
	folds := folding.MatchString(text.String)
	var col foundColumn
	var notNull bool
	var byDefault sql.NullString
	var primary, hidden int
	var inKey []string
	err = c.each(`SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?) ORDER BY cid`, []any{f.name}, func() {
		col.typ = col.declared
		// An INTEGER PRIMARY KEY is the rowid, which SQLite assigns.
		col.filled = byDefault.Valid && !strings.EqualFold(byDefault.String, "NULL") || hidden > 1 || primary > 0 && strings.EqualFold(col.declared, "integer")
		col.null, col.exact, col.fraction = !notNull && primary == 0, !folds, 3
		if primary > 0 {
			inKey = append(inKey, col.name)
		}
		f.add(col)
	}, &col.name, &col.declared, &notNull, &byDefault, &primary, &hidden)
	if err != nil {
		return err
	}
	var column, collation sql.NullString
	err = c.each(`
		SELECT l.name, i.name, i.coll FROM pragma_index_list(?) l, pragma_index_xinfo(l.name) i
		WHERE l."unique" = 1 AND l.partial = 0 AND i.key = 1 ORDER BY l.name, i.seqno`, []any{f.name}, func() {
		f.addKey(name, column.String) // an expression has no name
		if col, ok := f.columns[column.String]; ok && !strings.EqualFold(collation.String, "BINARY") {
			col.exact = false
			f.columns[col.name] = col
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
	return c.each(`SELECT "from", "table", "to", on_delete, (SELECT count(*) FROM pragma_foreign_key_list(?1) o WHERE o.id = f.id) FROM pragma_foreign_key_list(?1) f`,
		[]any{f.name}, func() {
			if n > 1 {
				return
			}
			k.references, k.cascade = references.String, strings.EqualFold(rule, "CASCADE")
			f.foreign = append(f.foreign, k)
		}, &k.column, &k.table, &references, &rule, &n)
}
