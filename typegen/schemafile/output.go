package schemafile

import (
	"cmp"
	gotoken "go/token"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var outputs = []string{"go", "ent", "typescript", "typescriptModule", "jsonSchema", "markdown", "sql"}

// SQLDialects returns the databases that output.sql can name.
func SQLDialects() []string { return []string{"sqlite", "mysql", "postgres"} }

func (r *reader) output(section pair) {
	o := &r.file.Output
	if section.value == nil {
		*o = DefaultOutput()
		return
	}
	pairs, _ := r.mapping(section.value, "output")
	paths := map[string]string{}
	path := func(n ast.Node, what string) string {
		s, ok := r.text(n, what)
		switch {
		case !ok:
			return ""
		case !fs.ValidPath(strings.TrimLeft(strings.ReplaceAll(s, "../", ""), "/")) || strings.HasPrefix(s, "/") || strings.ContainsAny(s, "\\:\x00") || s == ".":
			r.problem(n, "as in ../web/next-auth.d.ts", "%s: %s is not a relative path with slashes", what, quote(s))
			return ""
		case paths[s] != "":
			r.problem(n, "", "%s: %s has the same path", what, paths[s])
			return ""
		}
		paths[s] = what
		return s
	}
	folder := func(n ast.Node, what string) string {
		s := path(n, what)
		name := s[strings.LastIndex(s, "/")+1:]
		// A package that cannot be imported, or whose name conflicts with an import
		// of the test helpers.
		taken := []string{"main", "engine", "context", "testing", "time"}
		if s != "" && (slices.Contains(taken, name) || !lower(name[0]) || strings.ContainsFunc(name, func(c rune) bool { return c > 127 || !lower(byte(c)) && !digit(byte(c)) }) || gotoken.IsKeyword(name)) {
			r.problem(n, "the last part is the name of the package: lower-case letters and digits, as in authtypes", "%s: %s cannot be a Go package", what, quote(s))
		}
		return s
	}
	for _, p := range pairs {
		what := "output." + p.name
		switch p.name {
		case "go":
			o.Go = folder(p.value, what)
		case "ent":
			o.Ent = folder(p.value, what)
		case "typescript":
			o.TypeScript = path(p.value, what)
		case "typescriptModule":
			o.TypeScriptModule, _ = r.text(p.value, what)
		case "jsonSchema":
			o.JSONSchema = path(p.value, what)
		case "markdown":
			o.Markdown = path(p.value, what)
		case "sql":
			dialects, _ := r.mapping(p.value, what)
			for _, d := range dialects {
				if !slices.Contains(SQLDialects(), d.name) {
					r.problem(d.key, cmp.Or(didYouMean(d.name, SQLDialects()), "want one of "+strings.Join(SQLDialects(), ", ")), "%s: unknown dialect %s", what, quote(d.name))
					continue
				}
				if o.SQL == nil {
					o.SQL = map[string]string{}
				}
				o.SQL[d.name] = path(d.value, what+"."+d.name)
			}
		default:
			r.problem(p.key, cmp.Or(didYouMean(p.name, outputs), "want one of "+strings.Join(outputs, ", ")), "output: unknown output %s", quote(p.name))
		}
	}
}
