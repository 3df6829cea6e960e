package emit

import (
	"bytes"
	"errors"
	"strings"
	"text/template"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

// defaultModule is the module that TypeScript declarations augment by default, for
// versions 4 and 5.
const defaultModule = "next-auth"

type tsView struct {
	*goView
	Line, Module, JWTModule, SessionUser string
}

// TypeScript returns the declarations for a front end, next-auth.d.ts. module is the
// package whose types are augmented, such as "next-auth", "@auth/core" or
// "@auth/sveltekit".
func TypeScript(f *schemafile.File, source, module string) ([]byte, error) {
	if module == "" || strings.ContainsFunc(module, func(r rune) bool {
		return !(r == '@' || r == '/' || r == '-' || r == '_' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}) {
		return nil, errors.New("the module of the TypeScript declarations is not a package name, such as next-auth or @auth/sveltekit")
	}
	v := tsView{view(f, GoNames{Source: source}), header(source), module, "@auth/core/jwt", `NonNullable<DefaultSession["user"]>`}
	if module == defaultModule {
		v.JWTModule = "next-auth/jwt"
	}
	var hidden []string
	for _, b := range []struct {
		name  string
		shown bool
	}{{"name", v.ShowsName}, {"email", v.ShowsEmail}, {"image", v.ShowsImage}} {
		if !b.shown {
			hidden = append(hidden, b.name)
		}
	}
	if !v.ShowsID {
		hidden = append(hidden, "id") // v5 declares it, but the server shows it only on request
	}
	v.SessionUser = "Omit<" + v.SessionUser + ", " + union(hidden) + ">"
	if len(hidden) == 0 {
		v.SessionUser = `NonNullable<DefaultSession["user"]>`
	}
	if v.ShowsID {
		v.SessionUser += " & { id: string }"
	}
	t, err := template.New("next-auth.d.ts.tmpl").Funcs(template.FuncMap{"tsDoc": tsDoc, "tsType": tsType, "union": union}).
		ParseFS(templates, "templates/next-auth.d.ts.tmpl")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, v)
	return b.Bytes(), err
}

func union(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = string(schema.AppendString(nil, v))
	}
	return strings.Join(quoted, " | ")
}

func tsType(t schema.Type) string {
	name := map[schema.Kind]string{
		schema.String: "string", schema.Bool: "boolean", schema.Int: "number", schema.Float: "number", schema.Time: "string",
	}[t.Kind]
	if name == "" {
		name = t.Name
	}
	switch {
	case t.List:
		return name + "[]"
	case t.Nullable:
		return name + " | null"
	}
	return name
}

// tsDoc returns the indented comment of a field, ending in a newline, or "".
func tsDoc(f any, indent string) string {
	field, ok := f.(schemafile.Field)
	if !ok {
		field = f.(declaredField).Field
	}
	var lines []string
	if field.Doc != "" {
		lines = strings.Split(field.Doc, "\n")
	}
	if field.Type.Kind == schema.Time {
		lines = append(lines, "A time in the format of Date.toISOString().")
	}
	if field.Deprecated != "" {
		lines = append(lines, strings.Split("@deprecated "+field.Deprecated, "\n")...)
	}
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], "*/", "*\\/")
	}
	switch len(lines) {
	case 0:
		return ""
	case 1:
		return indent + "/** " + lines[0] + " */\n"
	}
	return indent + "/**\n" + indent + " * " + strings.Join(lines, "\n"+indent+" * ") + "\n" + indent + " */\n"
}
