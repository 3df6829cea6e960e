package emit

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
)

// literal returns a schema.Field as a composite literal without its type.
func literal(p declaredField) string { return fieldLiteral(p.Field.Field) }

func fieldLiteral(f schema.Field) string {
	parts := []string{"Name: " + strconv.Quote(f.Name)}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if t := typeLiteral(f.Type); t != "schema.Type{}" {
		add("Type: %s", t)
	}
	if f.Client != schema.Default {
		add("Client: schema.%s", [...]string{schema.None: "None", schema.Read: "Read", schema.Write: "Write"}[f.Client])
	}
	if f.Default != nil {
		add("Default: %s", valueLiteral(f.Default))
	}
	if f.Max != 0 {
		add("Max: %d", f.Max)
	}
	if len(f.Was) > 0 {
		add("Was: %s", stringsLiteral(f.Was))
	}
	if len(f.Profile) > 0 {
		var pairs []string
		for _, provider := range slices.Sorted(maps.Keys(f.Profile)) {
			pairs = append(pairs, strconv.Quote(provider)+": "+strconv.Quote(f.Profile[provider]))
		}
		add("Profile: map[string]string{%s}", strings.Join(pairs, ", "))
	}
	if f.Token {
		add("Token: true")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func typeLiteral(t schema.Type) string {
	var parts []string
	if t.Kind != schema.String {
		parts = append(parts, "Kind: schema."+[...]string{
			schema.Bool: "Bool", schema.Int: "Int", schema.Float: "Float", schema.Time: "Time", schema.Enum: "Enum", schema.Object: "Object",
		}[t.Kind])
	}
	if t.List {
		parts = append(parts, "List: true")
	}
	if t.Nullable {
		parts = append(parts, "Nullable: true")
	}
	if t.Name != "" {
		parts = append(parts, "Name: "+strconv.Quote(t.Name))
	}
	if len(t.Enum) > 0 {
		parts = append(parts, "Enum: "+stringsLiteral(t.Enum))
	}
	if len(t.Fields) > 0 {
		var b strings.Builder
		b.WriteString("Fields: []schema.Field{\n")
		for _, m := range t.Fields {
			b.WriteString(fieldLiteral(m) + ",\n")
		}
		b.WriteString("}")
		parts = append(parts, b.String())
	}
	return "schema.Type{" + strings.Join(parts, ", ") + "}"
}

func stringsLiteral(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return "[]string{" + strings.Join(quoted, ", ") + "}"
}

// valueLiteral returns a canonical value as Go source. Times are text, which Canon
// accepts.
func valueLiteral(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		return strconv.Quote(v)
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return "int64(" + strconv.FormatInt(v, 10) + ")"
	case float64:
		return "float64(" + strconv.FormatFloat(v, 'g', -1, 64) + ")"
	case time.Time:
		return strconv.Quote(string(schema.AppendTime(nil, v)))
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = valueLiteral(item)
		}
		return "[]any{" + strings.Join(items, ", ") + "}"
	case map[string]any:
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, strconv.Quote(name)+": "+valueLiteral(v[name]))
		}
		return "map[string]any{" + strings.Join(pairs, ", ") + "}"
	}
	return "nil"
}
