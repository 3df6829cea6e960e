package emit

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

// Markdown returns a Markdown table of the fields.
func Markdown(f *schemafile.File, source string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- %s -->\n\n# Session fields\n\n", strings.ReplaceAll(header(source), "--", "- -"))
	b.WriteString("| field | type | stored in | browser | default | about |\n|--|--|--|--|--|--|\n")
	for _, s := range []struct {
		prefix string
		stored func(*schemafile.Field) string
		fields []schemafile.Field
	}{
		{"user.", func(f *schemafile.Field) string {
			if f.InToken() {
				return "users, token"
			}
			return "users"
		}, f.User},
		{"", func(*schemafile.Field) string { return "sessions, or token" }, f.Session},
		{"", func(*schemafile.Field) string { return "token" }, f.Token},
		{"", func(*schemafile.Field) string { return "nowhere: computed" }, f.Computed},
	} {
		for i := range s.fields {
			field := &s.fields[i]
			typ, stored, initial := TypeName(field.Type), s.stored(field), ""
			if field.Builtin() {
				typ, stored = "built in", "users"
			} else if s.prefix != "" || stored != "nowhere: computed" {
				initial = "`" + string(schema.AppendJSON(nil, field.Zero())) + "`"
			}
			about := field.Doc
			if field.Deprecated != "" {
				about = strings.TrimSpace(about + " Deprecated: " + field.Deprecated)
			}
			fmt.Fprintf(&b, "| `%s%s` | %s | %s | %s | %s | %s |\n", s.prefix, field.Name, cell(typ), stored, Access(f, field), cell(initial), cell(about))
		}
	}
	if len(f.Enums) > 0 {
		b.WriteString("\n| enum | values |\n|--|--|\n")
		for _, e := range f.Enums {
			fmt.Fprintf(&b, "| %s | %s |\n", e.Name, cell(strings.Join(e.Values, ", ")))
		}
	}
	for _, o := range f.Objects {
		fmt.Fprintf(&b, "\n| %s | type | default | about |\n|--|--|--|--|\n", o.Name)
		for i := range o.Members {
			m := &o.Members[i]
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, cell(TypeName(m.Type)), cell("`"+string(schema.AppendJSON(nil, m.Zero()))+"`"), cell(m.Doc))
		}
	}
	return b.Bytes(), nil
}

// TypeName returns a type in the syntax of the schema file.
func TypeName(t schema.Type) string {
	name := map[schema.Kind]string{schema.String: "string", schema.Bool: "bool", schema.Int: "int", schema.Float: "float", schema.Time: "time"}[t.Kind]
	if name == "" {
		name = t.Name
	}
	if t.List {
		return name + "[]"
	}
	if t.Nullable {
		return name + "?"
	}
	return name
}

// Access returns what the browser may do with a field of f: none, read or write.
func Access(f *schemafile.File, field *schemafile.Field) string {
	access := field.Client
	if field.Builtin() {
		access = f.Schema().ClientAccess(field.Name)
	}
	switch access {
	case schema.Read:
		return "read"
	case schema.Write:
		return "write"
	}
	return "none"
}

// cell escapes text for a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
}
