package sqltables

import (
	"slices"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/engine/schema"
)

// class is the type of a column without its length: on SQLite, which knows
// affinities, the one that the declared type has.
func class(d string, c foundColumn) string {
	if d != dialect.SQLite {
		return c.typ
	}
	declared := strings.ToUpper(c.declared)
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(declared, part) })
	}
	switch {
	case has("INT"):
		return "integer"
	case has("CHAR", "CLOB", "TEXT"):
		return "text"
	case declared == "" || has("BLOB"):
		return "blob"
	case has("REAL", "FLOA", "DOUB"):
		return "real"
	case strings.HasPrefix(declared, "DATE") || strings.HasPrefix(declared, "TIMESTAMP"):
		return "datetime"
	}
	return "numeric"
}

// fitting are the classes that hold a kind whole.
func fitting(d string, k Kind) []string {
	switch d {
	case dialect.Postgres:
		switch k {
		case Text, MillisText, ISOText, ISOTextOffset:
			return []string{"text", "varchar"}
		case UUID:
			return []string{"uuid", "text", "varchar"}
		case Int:
			return []string{"int4", "int8"}
		case Bool:
			return []string{"bool"}
		case Time:
			return []string{"timestamp", "timestamptz"}
		case Millis:
			return []string{"int8"}
		case floatKind:
			return []string{"float8", "numeric"}
		case jsonKind:
			return []string{"text", "varchar", "json", "jsonb"}
		}
	case dialect.MySQL:
		switch k {
		case Text:
			return []string{"varchar", "text", "mediumtext", "longtext", "tinytext", "varbinary"}
		case UUID:
			return []string{"uuid", "char", "varchar", "varbinary"}
		case MillisText, ISOText, ISOTextOffset:
			return []string{"varchar", "text"}
		case Int:
			return []string{"int", "bigint"}
		case Bool:
			return []string{"tinyint", "bit", "int"}
		case Time:
			return []string{"datetime", "timestamp"}
		case Millis:
			return []string{"bigint"}
		case floatKind:
			return []string{"double", "decimal"}
		case jsonKind:
			return []string{"text", "mediumtext", "longtext", "varchar", "json"}
		}
	default:
		switch k {
		case UUID:
			return []string{"text", "blob", "numeric"} // what has letters or dashes is no number
		case Text, MillisText:
			return []string{"text", "blob"}
		case jsonKind: // a list or an object looks like no number, whatever the affinity
			return []string{"text", "blob", "numeric"}
		case ISOText, ISOTextOffset:
			return []string{"text", "blob", "datetime"}
		case Int:
			return []string{"integer", "numeric"}
		case Bool:
			return []string{"integer", "numeric"}
		case Millis:
			return []string{"integer", "datetime", "numeric"}
		case floatKind:
			return []string{"real", "numeric"}
		}
	}
	return nil
}

// bits is how many bits an integer has, sign included.
func bits(typ, d string) int {
	if d != dialect.SQLite && (typ == "int4" || typ == "int") {
		return 32
	}
	return 64
}

// extraType is a type for the column of an extra field.
func extraType(d string, f *schema.Field) string {
	i := slices.Index([]string{dialect.Postgres, dialect.MySQL, dialect.SQLite}, d)
	of := func(types ...string) string { return types[max(i, 0)] }
	switch {
	case f.Type.List || f.Type.Kind == schema.Object:
		return of("jsonb", "json", "text")
	case f.Type.Kind == schema.Bool:
		return of("boolean", "boolean", "boolean")
	case f.Type.Kind == schema.Int:
		return of("bigint", "bigint", "integer")
	case f.Type.Kind == schema.Float:
		return of("double precision", "double", "real")
	case f.Type.Kind == schema.Time:
		return of("timestamptz", "datetime(3)", "integer")
	}
	return of("text", "text", "text")
}
