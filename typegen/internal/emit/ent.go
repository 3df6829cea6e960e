package emit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

// EntMixins returns a package of ent mixins, with the fields of users and sessions
// as ent fields. pkg is its name.
func EntMixins(f *schemafile.File, source, pkg string) ([]byte, error) {
	body, err := render("authfields.go.tmpl", view(f, GoNames{Source: source, Package: pkg}))
	if err != nil {
		return nil, err
	}
	return finish(body)
}

// HasTime and HasEnum report which helpers the ent mixins need.
func (v *goView) HasTime() bool { return v.has(schema.Time) }
func (v *goView) HasEnum() bool { return v.has(schema.Enum) }

func (v *goView) has(kind schema.Kind) bool {
	return slices.ContainsFunc(slices.Concat(v.UserFields, v.ShownSession, v.HiddenSession), func(p declaredField) bool {
		return p.Type.Kind == kind && !p.Type.List
	})
}

// entField returns the ent field builder of a field.
func entField(p declaredField) string {
	name := schemafile.SnakeName(p.Name)
	quoted := strconv.Quote(name)
	var b strings.Builder
	t := p.Type
	switch {
	case t.List:
		item := map[schema.Kind]string{
			schema.Bool: "bool", schema.Int: "int64", schema.Float: "float64", schema.Time: "time.Time", schema.Object: "map[string]any",
		}[t.Kind]
		if item == "" {
			item = "string"
		}
		fmt.Fprintf(&b, "field.JSON(%s, []%s{})", quoted, item)
	case t.Kind == schema.Object:
		fmt.Fprintf(&b, "field.JSON(%s, map[string]any{})", quoted)
	case t.Kind == schema.Enum:
		values := make([]string, len(t.Enum))
		for i, v := range t.Enum {
			values[i] = strconv.Quote(v)
		}
		// Text instead of an enum of the database, so that removing a value needs no migration.
		fmt.Fprintf(&b, "field.String(%s).MaxLen(63).Validate(oneOf(%s))", quoted, strings.Join(values, ", "))
	case t.Kind == schema.String && p.Max > 0:
		fmt.Fprintf(&b, "field.String(%s).MaxLen(%d)", quoted, p.Max)
	case t.Kind == schema.String:
		fmt.Fprintf(&b, "field.Text(%s)", quoted)
	case t.Kind == schema.Bool:
		fmt.Fprintf(&b, "field.Bool(%s)", quoted)
	case t.Kind == schema.Int:
		fmt.Fprintf(&b, "field.Int64(%s)", quoted)
	case t.Kind == schema.Float:
		fmt.Fprintf(&b, "field.Float(%s)", quoted)
	case t.Kind == schema.Time:
		fmt.Fprintf(&b, "field.Time(%s).SchemaType(millis())", quoted)
	}
	if name != p.Name {
		fmt.Fprintf(&b, ".StorageKey(%q)", p.Name)
	}
	switch {
	case t.List, t.Kind == schema.Object && t.Nullable:
		b.WriteString(".Optional()")
	case t.Kind == schema.Object:
		fmt.Fprintf(&b, ".Default(%s)", valueLiteral(p.Zero()))
	case t.Nullable:
		b.WriteString(".Optional().Nillable()")
	default:
		switch v := p.Zero().(type) {
		case time.Time:
			if v.IsZero() {
				b.WriteString(".Default(func() time.Time { return time.Time{} })")
			} else {
				fmt.Fprintf(&b, ".Default(func() time.Time { return time.UnixMilli(%d).UTC() })", v.UnixMilli())
			}
		case int64:
			fmt.Fprintf(&b, ".Default(%d)", v)
		case float64:
			fmt.Fprintf(&b, ".Default(%s)", strconv.FormatFloat(v, 'g', -1, 64))
		default:
			fmt.Fprintf(&b, ".Default(%s)", valueLiteral(v))
		}
	}
	// Not ent's Deprecated: its queries omit such a column.
	comment := p.Doc
	if p.Deprecated != "" {
		comment = strings.TrimSpace(comment + "\nDeprecated: " + p.Deprecated)
	}
	if comment != "" {
		fmt.Fprintf(&b, ".Comment(%q)", comment)
	}
	return b.String()
}
