package sqltables

import (
	"slices"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/engine/schema"
)

// class returns the type of a column without its length. On SQLite it returns a
// class for the affinity of the declared type.
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

// fitting returns the classes of columns that can hold a kind.
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
			return []string{"text", "blob", "numeric"} // text with letters or dashes is not converted to a number
		case Text, MillisText:
			return []string{"text", "blob"}
		case jsonKind: // no affinity converts a list or an object to a number
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

// bits returns the number of bits of an integer, including the sign.
func bits(typ, d string) int {
	if d != dialect.SQLite && (typ == "int4" || typ == "int") {
		return 32
	}
	return 64
}

// extraType returns a column type for an extra field.
func extraType(d string, f *schema.Field) string {
	i := slices.Index([]string{dialect.Postgres, dialect.MySQL, dialect.SQLite}, d)
	pick := func(types ...string) string { return types[max(i, 0)] }
	switch {
	case f.Type.List || f.Type.Kind == schema.Object:
		return pick("jsonb", "json", "text")
	case f.Type.Kind == schema.Bool:
		return pick("boolean", "boolean", "boolean")
	case f.Type.Kind == schema.Int:
		return pick("bigint", "bigint", "integer")
	case f.Type.Kind == schema.Float:
		return pick("double precision", "double", "real")
	case f.Type.Kind == schema.Time:
		return pick("timestamptz", "datetime(3)", "integer")
	}
	return pick("text", "text", "text")
}
