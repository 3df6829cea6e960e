package emit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

// SQL returns the statements that add the declared columns to the tables user and
// session, each with the name of its field. They never change or drop a column:
// that is left to the migrations of the application. dialect must be one of
// [schemafile.SQLDialects].
func SQL(f *schemafile.File, source, dialect string) ([]byte, error) {
	if dialects := schemafile.SQLDialects(); !slices.Contains(dialects, dialect) {
		return nil, fmt.Errorf("unknown SQL dialect %q; want one of %s", dialect, strings.Join(dialects, ", "))
	}
	var b bytes.Buffer
	b.WriteString("-- " + header(source) + "\n")
	b.WriteString("--\n-- The columns of all declared fields. Run the statements for those that your tables lack.\n")
	for _, t := range []struct {
		table  string
		fields []schemafile.Field
	}{{"user", f.User}, {"session", f.Session}} {
		first := true
		for i := range t.fields {
			field := &t.fields[i]
			if field.Builtin() {
				continue
			}
			if first {
				b.WriteByte('\n')
				first = false
			}
			fmt.Fprintf(&b, "alter table %s add column %s %s;\n", sqlName(t.table, dialect), sqlName(field.Name, dialect), column(field, dialect))
		}
	}
	return b.Bytes(), nil
}

func sqlName(name, dialect string) string {
	if dialect == "mysql" {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}

// column returns the type, nullability and default of a column.
func column(f *schemafile.Field, dialect string) string {
	t := f.Type
	byDialect := func(sqlite, mysql, postgres string) string {
		return map[string]string{"sqlite": sqlite, "mysql": mysql, "postgres": postgres}[dialect]
	}
	var typ string
	asExpression := false // MySQL accepts a default of these types only in parentheses
	switch {
	case t.List || t.Kind == schema.Object:
		typ, asExpression = byDialect("json", "json", "jsonb"), true
	case t.Kind == schema.Bool:
		typ = "boolean"
	case t.Kind == schema.Int:
		typ = byDialect("integer", "bigint", "bigint")
	case t.Kind == schema.Float:
		typ = byDialect("real", "double", "double precision")
	case t.Kind == schema.Time:
		typ = byDialect("datetime", "datetime(3)", "timestamptz(3)")
	case t.Kind == schema.Enum:
		typ = byDialect("text", "varchar(63)", "text")
	case f.Max > 0 && f.Max <= 1000:
		// Max counts bytes, so that many characters are enough.
		typ = byDialect("text", fmt.Sprintf("varchar(%d)", f.Max), "text")
	default:
		typ, asExpression = byDialect("text", "longtext", "text"), true
	}
	if t.Nullable {
		return typ + " null"
	}
	var value string
	switch v := f.Zero().(type) {
	case string:
		value = sqlText(v, dialect)
	case bool:
		value = map[bool]string{false: "false", true: "true"}[v]
	case int64:
		value = string(schema.AppendJSON(nil, v))
	case float64:
		value = string(schema.AppendFloat(nil, v))
	case time.Time:
		layout := byDialect("2006-01-02 15:04:05.000-07:00", "2006-01-02 15:04:05.000", "2006-01-02T15:04:05.000Z")
		value = "'" + v.UTC().Format(layout) + "'"
	default:
		value = sqlText(string(schema.AppendJSON(nil, v)), dialect)
	}
	if asExpression && dialect == "mysql" {
		value = "(" + value + ")"
	}
	return typ + " not null default " + value
}

func sqlText(s, dialect string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if dialect == "mysql" {
		s = strings.ReplaceAll(s, `\`, `\\`)
	}
	return "'" + s + "'"
}
