package emit

import (
	"bytes"
	"encoding/json"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

// object is a JSON object with ordered members.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(schema.AppendString(nil, m.name))
		b.WriteByte(':')
		if err := encode(&b, m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func encode(b *bytes.Buffer, v any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func indented(v any) ([]byte, error) {
	var plain, out bytes.Buffer
	if err := encode(&plain, v); err != nil {
		return nil, err
	}
	if err := json.Indent(&out, bytes.TrimSpace(plain.Bytes()), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// JSONSchema returns the JSON Schema (2020-12) of the body of GET session for a
// signed-in user. It can be used as a component of OpenAPI 3.1.
func JSONSchema(f *schemafile.File, source string) ([]byte, error) {
	v := view(f, GoNames{Source: source})
	var defs object
	for _, e := range f.Enums {
		defs = append(defs, member{e.Name, object{{"type", "string"}, {"enum", e.Values}}})
	}
	for _, o := range f.Objects {
		properties, required := properties(nil, nil, o.Members)
		defs = append(defs, member{o.Name, closed(properties, required)})
	}
	var user object
	var userRequired []string
	for _, b := range v.ShownBuiltins {
		typ := any([]string{"string", "null"})
		if b.Name == "id" {
			typ = "string"
			userRequired = append(userRequired, "id")
		}
		user = append(user, member{b.Name, object{{"type", typ}}})
	}
	fields := func(declared []declaredField) []schemafile.Field {
		var out []schemafile.Field
		for _, p := range declared {
			out = append(out, p.Field)
		}
		return out
	}
	user, userRequired = properties(user, userRequired, fields(v.ShownUser))
	session := object{
		{"user", closed(user, userRequired)},
		{"expires", object{{"type", "string"}, {"format", "date-time"}}},
	}
	session, required := properties(session, []string{"user", "expires"}, fields(v.ShownSession))
	session, required = properties(session, required, fields(v.Computed))
	root := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$comment", header(source)},
		{"title", "Session"},
		{"description", "The body of GET session for a signed-in user. It is null for others."},
	}
	root = append(root, closed(session, required)...)
	if len(defs) > 0 {
		root = append(root, member{"$defs", defs})
	}
	return indented(root)
}

// closed returns an object schema that allows no other members.
func closed(properties object, required []string) object {
	if properties == nil {
		properties = object{}
	}
	if required == nil {
		required = []string{}
	}
	return object{{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}}
}

func properties(to object, required []string, fields []schemafile.Field) (object, []string) {
	for i := range fields {
		f := &fields[i]
		s := typeSchema(f)
		if f.Doc != "" {
			s = append(s, member{"description", f.Doc})
		}
		if f.Deprecated != "" {
			s = append(s, member{"deprecated", true})
		}
		to = append(to, member{f.Name, s})
		required = append(required, f.Name)
	}
	return to, required
}

// typeSchema describes the JSON of a canonical value.
func typeSchema(f *schemafile.Field) object {
	t := f.Type
	item := t
	item.List, item.Nullable = false, false
	var s object
	switch t.Kind {
	case schema.String:
		s = object{{"type", "string"}}
		if f.Max > 0 && !t.List {
			s = append(s, member{"maxLength", f.Max}) // Max counts bytes, of which there are at least as many
		}
	case schema.Bool:
		s = object{{"type", "boolean"}}
	case schema.Int:
		s = object{{"type", "integer"}, {"minimum", -(1 << 53)}, {"maximum", 1 << 53}}
	case schema.Float:
		s = object{{"type", "number"}}
	case schema.Time:
		s = object{{"type", "string"}, {"format", "date-time"}}
	case schema.Enum, schema.Object:
		s = object{{"$ref", "#/$defs/" + t.Name}}
	}
	switch {
	case t.List:
		s = object{{"type", "array"}, {"items", s}}
		if f.Max > 0 {
			s = append(s, member{"maxItems", f.Max})
		}
	case t.Nullable && s[0].name == "type":
		s[0].value = []any{s[0].value, "null"}
	case t.Nullable:
		s = object{{"anyOf", []any{s, object{{"type", "null"}}}}}
	}
	return s
}

// EditorSchema returns the JSON Schema of the schema file itself, for completion and
// checks in editors.
func EditorSchema() []byte {
	out, err := indented(editorSchema())
	if err != nil {
		return nil // cannot happen: it depends on constants only
	}
	return out
}

func editorSchema() object {
	const typeHelp = "string, bool, int, float, time, an enum or an object. X? is nullable, \"X[]\" or [X] is a list."
	text := func(help string) object { return object{{"type", "string"}, {"description", help}} }
	flag := func(help string) object { return object{{"type", "boolean"}, {"description", help}} }
	typ := object{
		{"description", typeHelp},
		{"oneOf", []any{
			object{{"type", "string"}, {"pattern", `^[A-Za-z][A-Za-z0-9]*(\?|\[\])?$`}, {"examples", []string{"string", "string?", "string[]", "bool", "int", "float", "time"}}},
			object{{"type", "array"}, {"items", object{{"type", "string"}}}, {"minItems", 1}, {"maxItems", 1}},
		}},
	}
	attributes := map[string]any{
		"type": typ,
		"client": object{
			{"description", "What the browser may do with the field: nothing (none, the default), see it (read), or see it and change it with update() (write)."},
			{"enum", []string{"none", "read", "write"}},
		},
		"default": object{{"description", "The value if there is none, as in an old session or row, or if an enum value is no longer declared. Required for an enum: choose the value with the least rights."}},
		"max":     object{{"type", "integer"}, {"minimum", 1}, {"description", "Maximum number of bytes of a string, or of items of a list."}},
		"was":     object{{"type", "array"}, {"items", object{{"type", "string"}}}, {"description", "Earlier names, still read from old sessions."}},
		"profile": object{
			{"type", "object"}, {"additionalProperties", object{{"type", "string"}}}, {"minProperties", 1},
			{"description", "The claim that fills the field at the first sign-in, by provider id: {google: locale}."},
		},
		"trusted":    flag("Values from profile may decide what a user may do. Required with profile unless the browser may write the field."),
		"token":      flag("Copy a field that the browser does not see into the encrypted session token."),
		"deprecated": text("What to use instead."),
		"doc":        text("One or more sentences, used as comments."),
	}
	field := func(names ...string) object {
		var properties object
		for _, name := range names {
			properties = append(properties, member{name, attributes[name]})
		}
		return object{{"oneOf", []any{
			typ,
			object{{"type", "object"}, {"properties", properties}, {"required", []string{"type"}}, {"additionalProperties", false}},
		}}}
	}
	section := func(help string, field object, known object) object {
		return object{
			{"type", []string{"object", "null"}}, {"description", help}, {"properties", known},
			{"propertyNames", object{{"pattern", "^[A-Za-z][A-Za-z0-9_]*$"}}}, {"additionalProperties", field},
		}
	}
	builtin := func(access ...string) object {
		return object{
			{"type", "object"}, {"additionalProperties", false},
			{"properties", object{{"client", object{{"enum", access}}}, {"doc", attributes["doc"]}}},
		}
	}
	return object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$comment", header("its own rules")},
		{"title", "auth.schema.yaml of Sesame"},
		{"description", "The fields that an application adds to users, sessions and tokens."},
		{"type", "object"},
		{"required", []string{"version"}},
		{"additionalProperties", false},
		{"properties", object{
			{"version", object{{"const", schemafile.Version}}},
			{"enums", object{
				{"type", []string{"object", "null"}}, {"description", "Enums: a name, with a list of values."},
				{"propertyNames", object{{"pattern", "^[A-Z][A-Za-z0-9]*$"}}},
				{"additionalProperties", object{{"type", "array"}, {"items", object{{"type", "string"}}}, {"minItems", 1}, {"uniqueItems", true}}},
			}},
			{"objects", object{
				{"type", []string{"object", "null"}}, {"description", "Objects: a name, with members."},
				{"propertyNames", object{{"pattern", "^[A-Z][A-Za-z0-9]*$"}}},
				{"additionalProperties", object{
					{"type", "object"}, {"minProperties", 1}, {"additionalProperties", field("type", "default", "max", "was", "deprecated", "doc")},
				}},
			}},
			{"user", section("Columns of the users table. id, name, email and image are built in and can only have client and doc.",
				field("type", "client", "default", "max", "was", "profile", "trusted", "token", "deprecated", "doc"),
				object{
					{"id", builtin("none", "read")}, {"name", builtin("none", "read", "write")},
					{"email", builtin("none", "read")}, {"image", builtin("none", "read", "write")},
				})},
			{"session", section("Columns of the sessions table, or claims of the session token.",
				field("type", "client", "default", "max", "was", "deprecated", "doc"), object{})},
			{"token", section("Claims of the session token that the browser never sees.", field("type", "default", "max", "was", "deprecated", "doc"), object{})},
			{"computed", section("Members of the session that are not stored; the application supplies a function for each. They need client: read.",
				field("type", "client", "max", "deprecated", "doc"), object{})},
			{"output", object{
				{"type", []string{"object", "null"}}, {"additionalProperties", false},
				{"description", "The generated files; paths are relative to this file. The default is go: authtypes and typescript: next-auth.d.ts."},
				{"properties", object{
					{"go", text("Directory of the Go package of types.")},
					{"ent", text("Directory of a Go package of ent mixins.")},
					{"typescript", text("File of TypeScript declarations.")},
					{"typescriptModule", text("The package whose types are augmented (default next-auth).")},
					{"jsonSchema", text("File of a JSON Schema of GET session.")},
					{"markdown", text("File of a Markdown table of the fields.")},
					{"sql", object{{"type", "object"}, {"additionalProperties", false}, {"properties", object{
						{"sqlite", text("File of SQL statements.")}, {"mysql", text("File of SQL statements.")}, {"postgres", text("File of SQL statements.")},
					}}}},
				}},
			}},
		}},
	}
}
