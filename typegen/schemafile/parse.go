package schemafile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Limits of a file.
const (
	MaxSize   = 256 << 10 // bytes
	maxTokens = 20_000    // of YAML: enough for a thousand fields; the parser's time is quadratic
	maxDepth  = 16        // of nested lists and mappings
	maxName   = 63        // bytes of a name: the limit for columns of PostgreSQL
	maxDoc    = 1000      // bytes of doc and deprecated
	maxFound  = 100       // diagnostics
	maxEnum   = 1000      // values of an enum
	// maxObjects is how deep objects may be nested.
	maxObjects = 8
)

// Parse parses a schema file. path is used only in diagnostics. The File is nil if
// a diagnostic is not a warning.
func Parse(path string, src []byte) (*File, Diagnostics) {
	r := reader{path: path, lines: strings.Split(string(src), "\n"), file: &File{}}
	if root := r.yaml(src); root != nil {
		r.read(root)
	}
	found := r.found.sort()
	if found.failed() {
		return nil, found
	}
	return r.file, found
}

// reader is the state of [Parse].
type reader struct {
	path  string
	lines []string
	found Diagnostics
	file  *File

	enums   map[string]int       // name to index in file.Enums
	objects map[string]*declared // by name
	taken   map[string]string    // folded name of a field, or earlier name, to the field
	goNames map[string]string    // top-level name of the generated Go to its declaration
}

func (r *reader) add(warning bool, pos Pos, hint, format string, args ...any) {
	if len(r.found) >= maxFound {
		return
	}
	d := Diagnostic{File: r.path, Line: pos.Line, Column: pos.Column, Warning: warning, Message: fmt.Sprintf(format, args...), Hint: hint}
	if i := pos.Line - 1; i >= 0 && i < len(r.lines) {
		d.Source = strings.TrimRight(printable(r.lines[i]), " ")
	}
	r.found = append(r.found, d)
}

func (r *reader) problem(at ast.Node, hint, format string, args ...any) {
	r.add(false, position(at), hint, format, args...)
}

var sections = []string{"version", "enums", "objects", "user", "session", "token", "computed", "output"}

func (r *reader) read(root ast.Node) {
	top, ok := r.mapping(root, "the file")
	if !ok {
		return
	}
	in := make(map[string]pair, len(top))
	for _, p := range top {
		if !slices.Contains(sections, p.name) {
			r.problem(p.key, cmp.Or(didYouMean(p.name, sections), "want one of "+strings.Join(sections, ", ")), "unknown section %s", quote(p.name))
			continue
		}
		in[p.name] = p
	}
	switch v, ok := in["version"]; {
	case !ok:
		r.add(false, Pos{1, 1}, fmt.Sprintf("begin the file with version: %d", Version), "the version is missing")
	default:
		n, isInt := v.value.(*ast.IntegerNode)
		if !isInt || n.Value != uint64(Version) && n.Value != int64(Version) {
			r.problem(v.value, "", "version: this typegen reads version %d", Version)
		}
	}
	r.enums, r.objects = map[string]int{}, map[string]*declared{}
	r.taken, r.goNames = map[string]string{}, map[string]string{}
	for _, name := range reservedTypes {
		r.goNames[name] = "the generated code"
	}
	r.readEnums(in["enums"])
	r.readObjects(in["objects"])
	r.file.User = r.section(in["user"], ofUser)
	r.file.Session = r.section(in["session"], ofSession)
	r.file.Token = r.section(in["token"], ofToken)
	r.file.Computed = r.section(in["computed"], ofComputed)
	r.output(in["output"])
	// The schema must also pass the checks of the engine.
	if err := r.file.Schema().Validate(); err != nil && !r.found.failed() {
		for _, line := range strings.Split(err.Error(), "\n") {
			r.add(false, Pos{1, 1}, "", "%s", line)
		}
	}
}
