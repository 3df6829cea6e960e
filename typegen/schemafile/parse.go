package schemafile

import (
	"errors"
	"fmt"
	gotoken "go/token"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/sesame-auth/sesame/engine/schema"
)

// Limits of a file.
const (
	MaxSize   = 256 << 10 // bytes
	maxTokens = 20_000    // of YAML: more than a thousand fields; the parser's time is their square
	maxDepth  = 16        // of nested lists and mappings
	maxName   = 63        // bytes of a name: what a column of PostgreSQL can be called
	maxDoc    = 1000      // bytes of doc and deprecated
	maxFound  = 100       // diagnostics
	// maxObjects is how deeply objects may hold objects.
	maxObjects = 8
)

func readFull(r io.Reader, b []byte) (int, error) {
	n, err := io.ReadFull(r, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}

// Parse reads a schema file. path is for the diagnostics only. File is nil when
// there is a diagnostic that is more than a warning.
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

// reader is one Parse.
type reader struct {
	path  string
	lines []string
	found Diagnostics
	file  *File

	enums   map[string]int       // name to index in file.Enums
	objects map[string]*declared // by name
	taken   map[string]string    // folded name of a field, or earlier name, to what has it
	goNames map[string]string    // top-level name of the generated Go to what declares it
}

// declared is an object while it is read.
type declared struct {
	name    string
	pos     Pos
	value   ast.Node
	state   int // 0: to be read, 1: being read, 2: read
	depth   int // of objects in it
	members []Field
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

// printable drops what would disturb a terminal.
func printable(line string) string {
	return strings.Map(func(c rune) rune {
		if c != '\t' && !unicode.IsPrint(c) {
			return '\uFFFD'
		}
		return c
	}, strings.TrimSuffix(line, "\r"))
}

func didYouMean(name string, among []string) string {
	if guess := nearest(name, among); guess != "" && guess != name {
		return fmt.Sprintf("did you mean %q?", guess)
	}
	return ""
}

// ---- YAML

// yaml returns the root of the file's one document, or nil.
func (r *reader) yaml(src []byte) (root ast.Node) {
	start := Pos{1, 1}
	switch {
	case len(src) > MaxSize:
		r.add(false, start, "", "the file is larger than %d KiB", MaxSize>>10)
		return nil
	case !utf8.Valid(src):
		line := 1
		for i := 0; i < len(src); {
			c, n := utf8.DecodeRune(src[i:])
			if c == utf8.RuneError && n == 1 {
				break
			}
			if c == '\n' {
				line++
			}
			i += n
		}
		r.add(false, Pos{line, 1}, "save it as UTF-8", "the line is not UTF-8")
		return nil
	}
	defer func() {
		// Whatever the file holds, the parser's trouble is not the caller's.
		if v := recover(); v != nil {
			root = nil
			r.add(false, start, "", "the YAML parser cannot read this file: %v", v)
		}
	}()
	text := strings.TrimPrefix(string(src), "\uFEFF")
	tokens := lexer.Tokenize(text)
	if !r.allowed(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			r.problem(doc.Body, "", "a second document; the file holds one")
			return nil
		}
		root = doc.Body
	}
	if root == nil {
		r.add(false, start, "go tool typegen init writes one to start from", "the file is empty")
	}
	return root
}

// allowed looks for what the file has no use for, and for nesting that is out
// of reason, before the parser does.
func (r *reader) allowed(tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		r.add(false, place(tokens[maxTokens]), "", "the file holds too much: more than %d names and values", maxTokens/3)
		return false
	}
	depth, line, dashes := 0, 0, 0
	for _, t := range tokens {
		what := ""
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			what = "anchors and aliases (& * <<) are not used here; write the value out"
		case token.TagType:
			what = "tags (!) are not used here"
		case token.DirectiveType:
			what = "directives (%) are not used here"
		case token.MappingKeyType:
			what = "complex keys (?) are not used here"
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType:
			if t.Position.Line != line {
				line, dashes = t.Position.Line, 0
			}
			dashes++
		}
		if what == "" && (depth > maxDepth || dashes > maxDepth || t.Position.IndentLevel > 4*maxDepth) {
			what = "nested too deeply"
		}
		if what != "" {
			r.add(false, place(t), "", "%s", what)
			return false
		}
	}
	return true
}

// syntax reports an error of the parser.
func (r *reader) syntax(err error) {
	var e *yaml.SyntaxError
	if !errors.As(err, &e) || e.Token == nil {
		r.add(false, Pos{1, 1}, "", "YAML: %s", firstLine(err.Error()))
		return
	}
	pos, hint := place(e.Token), ""
	line := ""
	if i := pos.Line - 1; i < len(r.lines) {
		line = r.lines[i]
	}
	switch {
	case strings.Contains(line, "\t"):
		hint = "YAML is indented with spaces, not with tabs"
	case strings.Contains(line, "[]"):
		hint = `inside braces write a list type in quotes, "string[]", or as [string]`
	case strings.Contains(e.Message, "mapping value is not allowed"):
		hint = "quote a text that has a colon in it"
	}
	r.add(false, pos, hint, "YAML: %s", firstLine(e.Message))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func place(t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return Pos{1, 1}
	}
	return Pos{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

func position(n ast.Node) Pos {
	if n == nil {
		return Pos{1, 1}
	}
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return position(m.Values[0].Key) // the node's own position is that of the colon
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		return position(m.Key)
	}
	return place(n.GetToken())
}

// pair is a member of a mapping.
type pair struct {
	name  string
	key   ast.Node
	value ast.Node
}

// mapping returns the members of a mapping, each name once. null is a mapping
// without members.
func (r *reader) mapping(n ast.Node, what string) ([]pair, bool) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.NullNode:
		return nil, true
	default:
		r.problem(n, "", "%s: want a mapping, got %s", what, kindOf(n))
		return nil, false
	}
	var pairs []pair
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			r.problem(v.Key, "quote it if it is meant", "%s: %s is not a name", what, quote(v.Key.GetToken().Value))
			continue
		}
		if seen[key.Value] {
			r.problem(key, "", "%s stands here twice", quote(key.Value))
			continue
		}
		seen[key.Value] = true
		pairs = append(pairs, pair{key.Value, key, v.Value})
	}
	return pairs, true
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.NullNode:
		return "nothing"
	}
	return "something else"
}

// text returns the string that a node is.
func (r *reader) text(n ast.Node, what string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		r.problem(n, "quote it if it is meant as text", "%s: want text, got %s", what, kindOf(n))
		return "", false
	}
	r.problem(n, "", "%s: want text, got %s", what, kindOf(n))
	return "", false
}

// prose returns what doc and deprecated say, as it can stand in a comment.
func (r *reader) prose(n ast.Node, what string) string {
	s, ok := r.text(n, what)
	switch {
	case !ok:
		return ""
	case strings.TrimSpace(s) == "":
		r.problem(n, "", "%s: is empty", what)
		return ""
	case len(s) > maxDoc:
		r.problem(n, "", "%s: is longer than %d bytes", what, maxDoc)
		return ""
	case strings.ContainsFunc(s, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }):
		r.problem(n, "", "%s: holds characters that cannot be printed", what)
		return ""
	}
	return strings.TrimSpace(s)
}

func (r *reader) flag(n ast.Node, what string) bool {
	if b, ok := n.(*ast.BoolNode); ok {
		return b.Value
	}
	r.problem(n, "", "%s: want true or false, got %s", what, kindOf(n))
	return false
}

// texts returns the strings of a list, with their nodes.
func (r *reader) texts(n ast.Node, what string) ([]string, []ast.Node) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.problem(n, "", "%s: want a list, as in [a, b], got %s", what, kindOf(n))
		return nil, nil
	}
	var out []string
	var nodes []ast.Node
	for _, item := range list.Values {
		if s, ok := r.text(item, what); ok {
			out, nodes = append(out, s), append(nodes, item)
		}
	}
	return out, nodes
}

func isList(n ast.Node) bool {
	_, ok := n.(*ast.SequenceNode)
	return ok
}

// ---- sections

var sections = []string{"version", "enums", "objects", "user", "session", "token", "computed", "output"}

func (r *reader) read(root ast.Node) {
	top, ok := r.mapping(root, "the file")
	if !ok {
		return
	}
	in := make(map[string]pair, len(top))
	for _, p := range top {
		if !slices.Contains(sections, p.name) {
			r.problem(p.key, or(didYouMean(p.name, sections), "there are "+strings.Join(sections, ", ")), "unknown section %s", quote(p.name))
			continue
		}
		in[p.name] = p
	}
	switch v, ok := in["version"]; {
	case !ok:
		r.add(false, Pos{1, 1}, fmt.Sprintf("begin with version: %d", Version), "the version is missing")
	default:
		n, isInt := v.value.(*ast.IntegerNode)
		if !isInt || n.Value != uint64(Version) && n.Value != int64(Version) {
			r.problem(v.value, "", "version: this typegen reads version %d", Version)
		}
	}
	r.enums, r.objects = map[string]int{}, map[string]*declared{}
	r.taken, r.goNames = map[string]string{}, map[string]string{}
	for _, name := range reservedTypes {
		r.goNames[name] = "the generated code itself"
	}
	r.readEnums(in["enums"])
	r.readObjects(in["objects"])
	r.file.User = r.section(in["user"], ofUser)
	r.file.Session = r.section(in["session"], ofSession)
	r.file.Token = r.section(in["token"], ofToken)
	r.file.Computed = r.section(in["computed"], ofComputed)
	r.output(in["output"])
	// The engine's own rules are the last word.
	if err := r.file.Schema().Validate(); err != nil && !r.found.failed() {
		for _, line := range strings.Split(err.Error(), "\n") {
			r.add(false, Pos{1, 1}, "", "%s", line)
		}
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// typeName checks the name of an enum or an object.
func (r *reader) typeName(p pair, what string) bool {
	name := p.name
	switch {
	case name == "" || !upper(name[0]) || strings.ContainsFunc(name, func(c rune) bool { return c > 127 || !letter(byte(c)) && !digit(byte(c)) }):
		hint := ""
		if name != "" && lower(name[0]) {
			hint = fmt.Sprintf("did you mean %q?", strings.ToUpper(name[:1])+name[1:])
		}
		r.problem(p.key, hint, "%s %s: the name is not a capital letter followed by letters and digits", what, quote(name))
	case len(name) > maxName:
		r.problem(p.key, "", "%s %s: the name is longer than %d bytes", what, quote(name), maxName)
	case slices.Contains(reservedTypes, name):
		r.problem(p.key, "", "%s %s: the generated code uses this name itself", what, quote(name))
	default:
		return r.declare(p.key, name, what+" "+name)
	}
	return false
}

// declare claims a top-level name of the generated Go.
func (r *reader) declare(at ast.Node, name, by string) bool {
	if other, ok := r.goNames[name]; ok {
		r.problem(at, "rename one of them", "%s: its name in Go, %s, is that of %s already", by, name, other)
		return false
	}
	r.goNames[name] = by
	return true
}

const maxEnum = 1000

func (r *reader) readEnums(section pair) {
	if section.value == nil {
		return
	}
	pairs, _ := r.mapping(section.value, "enums")
	for _, p := range pairs {
		if !r.typeName(p, "enum") {
			continue
		}
		r.declare(p.key, "Parse"+p.name, "the parser of enum "+p.name)
		what := "enum " + p.name
		values, nodes := r.texts(p.value, what)
		e := Enum{Name: p.name, Pos: position(p.key)}
		for i, v := range values {
			switch {
			case v == "" || len(v) > maxName || strings.ContainsFunc(v, func(c rune) bool {
				return c > 127 || !letter(byte(c)) && !digit(byte(c)) && !strings.ContainsRune("_-.:/", c)
			}):
				r.problem(nodes[i], "", "%s: the value %s is not made of 1 to %d letters, digits and _ - . : /", what, quote(v), maxName)
			case slices.Contains(e.Values, v):
				r.problem(nodes[i], "", "%s: the value %s stands here twice", what, quote(v))
			case GoName(v) == "":
				r.problem(nodes[i], "", "%s: the value %s has no letter and no digit", what, quote(v))
			default:
				r.declare(nodes[i], p.name+GoName(v), "the value "+v+" of enum "+p.name)
				e.Values = append(e.Values, v)
			}
		}
		switch {
		case len(e.Values) == 0 && len(values) == 0 && isList(p.value):
			r.problem(p.key, "", "%s: has no values", what)
		case len(e.Values) > maxEnum:
			r.problem(p.key, "", "%s: has more than %d values", what, maxEnum)
		}
		r.enums[p.name] = len(r.file.Enums)
		r.file.Enums = append(r.file.Enums, e)
	}
}

func (r *reader) readObjects(section pair) {
	if section.value == nil {
		return
	}
	pairs, _ := r.mapping(section.value, "objects")
	var order []string
	for _, p := range pairs {
		if r.typeName(p, "object") {
			r.objects[p.name] = &declared{name: p.name, pos: position(p.key), value: p.value}
			order = append(order, p.name)
		}
	}
	for _, name := range order {
		o := r.objects[name]
		r.object(o)
		r.file.Objects = append(r.file.Objects, Object{Name: o.name, Members: o.members, Pos: o.pos})
	}
}

// object reads the members of an object, and of the objects in it first.
func (r *reader) object(o *declared) {
	if o.state != 0 {
		return
	}
	o.state = 1
	pairs, ok := r.mapping(o.value, "object "+o.name)
	if ok && len(pairs) == 0 {
		r.add(false, o.pos, "", "object %s: has no members", o.name)
	}
	taken := map[string]string{}
	for _, p := range pairs {
		if f, ok := r.field(p, ofObject, o.name+"."+p.name, taken); ok {
			o.members = append(o.members, f)
			if f.Type.Kind == schema.Object {
				o.depth = max(o.depth, r.objects[f.Type.Name].depth+1)
			}
		}
	}
	if o.depth >= maxObjects {
		r.add(false, o.pos, "", "object %s: objects are nested more than %d deep", o.name, maxObjects)
		o.members, o.depth = nil, 0
	}
	o.state = 2
}

// ---- fields

// place where a field can stand.
type where int

const (
	ofUser where = iota
	ofSession
	ofToken
	ofComputed
	ofObject
)

func (w where) String() string {
	return [...]string{"user", "session", "token", "computed", "objects"}[w]
}

// attributes are where each attribute can be used.
var attributes = map[string][]where{
	"type":       {ofUser, ofSession, ofToken, ofComputed, ofObject},
	"client":     {ofUser, ofSession, ofComputed},
	"default":    {ofUser, ofSession, ofToken, ofObject},
	"max":        {ofUser, ofSession, ofToken, ofComputed, ofObject},
	"was":        {ofUser, ofSession, ofToken, ofObject},
	"profile":    {ofUser},
	"trusted":    {ofUser},
	"token":      {ofUser},
	"deprecated": {ofUser, ofSession, ofToken, ofComputed, ofObject},
	"doc":        {ofUser, ofSession, ofToken, ofComputed, ofObject},
}

// attributeNames in the order in which they are explained.
var attributeNames = []string{"type", "client", "default", "max", "was", "profile", "trusted", "token", "deprecated", "doc"}

func (r *reader) section(s pair, w where) []Field {
	if s.value == nil {
		return nil
	}
	pairs, _ := r.mapping(s.value, s.name)
	var out []Field
	for _, p := range pairs {
		if w == ofUser && schema.Builtin(p.name) {
			if f, ok := r.builtin(p); ok {
				out = append(out, f)
			}
			continue
		}
		if f, ok := r.field(p, w, w.String()+"."+p.name, r.taken); ok {
			out = append(out, f)
		}
	}
	return out
}

// builtin reads an entry for id, name, email or image.
func (r *reader) builtin(p pair) (Field, bool) {
	what := "user." + p.name
	if p.name == "emailVerified" {
		r.problem(p.key, "", "%s: never leaves the server; of the built-in fields id, name, email and image can stand here", what)
		return Field{}, false
	}
	if _, isMapping := p.value.(*ast.MappingNode); !isMapping {
		r.problem(p.key, "write "+p.name+": {client: read}", "%s: is built in; only client and doc can be said of it", what)
		return Field{}, false
	}
	f := Field{Pos: position(p.key)}
	f.Name = p.name
	pairs, ok := r.mapping(p.value, what)
	for _, a := range pairs {
		switch a.name {
		case "client":
			f.Client = r.client(a.value, what)
			if f.Client == schema.Write && p.name != "name" && p.name != "image" {
				r.problem(a.value, "", "%s: client: write is possible for name and image only", what)
			}
		case "doc":
			f.Doc = r.prose(a.value, what+": doc")
		default:
			r.problem(a.key, didYouMean(a.name, []string{"client", "doc"}), "%s: is built in; only client and doc can be said of it, not %s", what, quote(a.name))
		}
	}
	return f, ok
}

// fieldName checks the name of a field, or an earlier one, and takes it.
func (r *reader) fieldName(at ast.Node, name, what string, w where, taken map[string]string) bool {
	key := fold(name)
	switch why, isReserved := reserved[key]; {
	case name == "" || !letter(name[0]) ||
		strings.ContainsFunc(name, func(c rune) bool { return c > 127 || !letter(byte(c)) && !digit(byte(c)) && c != '_' }):
		r.problem(at, "", "%s: the name %s is not a letter followed by letters, digits and _", what, quote(name))
		return false
	case len(name) > maxName || len(SnakeName(name)) > maxName:
		r.problem(at, "", "%s: the name %s is longer than %d bytes, the longest name of a column", what, quote(name), maxName)
		return false
	case isReserved && (w != ofObject || strings.HasPrefix(why, "a method") || strings.HasPrefix(why, "a name with")):
		r.problem(at, "", "%s: the name %s is that of %s", what, quote(name), why)
		return false
	}
	if other, ok := taken[key]; ok {
		scope := "names are one set over user, session, token and computed, and case and _ do not count"
		if w == ofObject {
			scope = "case and _ do not count"
		}
		r.problem(at, "", "%s: the name %s is used by %s already; %s", what, quote(name), other, scope)
		return false
	}
	taken[key] = what
	return true
}

func (r *reader) field(p pair, w where, what string, taken map[string]string) (Field, bool) {
	f := Field{Pos: position(p.key)}
	f.Name = p.name
	f.Client = schema.None
	if w == ofObject {
		f.Client = schema.Default
	}
	named := r.fieldName(p.key, p.name, what, w, taken)
	found := len(r.found)

	var in map[string]pair
	switch v := p.value.(type) {
	case *ast.NullNode:
		r.problem(p.key, "as in "+p.name+": string", "%s: has no type", what)
		return f, false
	case *ast.MappingNode, *ast.MappingValueNode:
		pairs, _ := r.mapping(v, what)
		in = make(map[string]pair, len(pairs))
		for _, a := range pairs {
			switch places, known := attributes[a.name]; {
			case !known:
				r.problem(a.key, or(didYouMean(a.name, attributeNames), "there are "+strings.Join(attributeNames, ", ")), "%s: unknown attribute %s", what, quote(a.name))
			case !slices.Contains(places, w):
				r.problem(a.key, "", "%s: %s", what, misplaced(a.name, w))
			default:
				in[a.name] = a
			}
		}
	default:
		in = map[string]pair{"type": {"type", p.key, v}}
	}

	typ, ok := in["type"]
	if !ok {
		if len(r.found) == found {
			r.problem(p.key, "as in "+p.name+": {type: string}", "%s: has no type", what)
		}
		return f, false
	}
	typed := r.typeOf(typ.value, what, &f)
	if a, ok := in["doc"]; ok {
		f.Doc = r.prose(a.value, what+": doc")
	}
	if a, ok := in["deprecated"]; ok {
		f.Deprecated = r.prose(a.value, what+": deprecated")
	}
	if a, ok := in["client"]; ok {
		f.Client = r.client(a.value, what)
	}
	if a, ok := in["max"]; ok {
		r.max(a.value, what, &f, typed)
	}
	if a, ok := in["was"]; ok {
		r.was(a.value, what, w, &f, taken)
	}
	if a, ok := in["token"]; ok {
		f.Token = r.flag(a.value, what+": token")
		if f.Token && f.Shown() {
			r.problem(a.key, "", "%s: what the client sees is in the token anyway; token is for a hidden field", what)
		}
	}
	r.profile(in, what, &f)
	if w == ofComputed {
		switch {
		case f.Client == schema.Write:
			r.problem(in["client"].value, "", "%s: a computed field is not stored, so the client cannot write it", what)
		case f.Client != schema.Read:
			r.problem(p.key, "add client: read", "%s: a computed field is made for the client", what)
		}
	}
	r.defaultOf(p, in, what, w, &f, typed)
	return f, named && typed
}

func misplaced(attribute string, w where) string {
	switch {
	case attribute == "client" && w == ofToken:
		return "a token field is never shown to the client; move it to session"
	case attribute == "client":
		return "client is said of the field that has the object, not of a member"
	case w == ofComputed:
		return fmt.Sprintf("a computed field is not stored and has no %q", attribute)
	case w == ofObject:
		return fmt.Sprintf("a member of an object has no %q", attribute)
	}
	return fmt.Sprintf("%q is for user fields only", attribute)
}

var builtinTypes = map[string]schema.Kind{
	"string": schema.String, "bool": schema.Bool, "int": schema.Int, "float": schema.Float, "time": schema.Time,
}

// otherNames are what other languages call the types.
var otherNames = map[string]string{
	"boolean": "bool", "integer": "int", "int64": "int", "bigint": "int", "int32": "int", "number": "float, or int for whole numbers",
	"double": "float", "float64": "float", "date": "time", "datetime": "time", "timestamp": "time", "text": "string", "str": "string",
	"varchar": "string", "uuid": "string", "json": "an object, declared under objects", "object": "an object, declared under objects",
	"map": "an object, declared under objects", "any": "an object, declared under objects", "array": "a list, as in string[]",
	"list": "a list, as in string[]", "enum": "an enum, declared under enums",
}

// typeOf reads a type: Name, Name?, Name[] or [Name].
func (r *reader) typeOf(n ast.Node, what string, f *Field) bool {
	if list, ok := n.(*ast.SequenceNode); ok {
		if len(list.Values) != 1 {
			r.problem(n, "as in [string]", "%s: a list type has one type between the brackets", what)
			return false
		}
		f.Type.List = true
		n = list.Values[0]
	}
	text, ok := n.(*ast.StringNode)
	if !ok {
		r.problem(n, "as in string", "%s: want a type, got %s", what, kindOf(n))
		return false
	}
	name := strings.TrimSpace(text.Value)
	for {
		if rest, ok := strings.CutSuffix(name, "[]"); ok {
			if f.Type.List {
				r.problem(n, "put the inner list into an object", "%s: a list of lists is not possible", what)
				return false
			}
			if f.Type.Nullable {
				r.problem(n, "use the empty list", "%s: a list is never null", what)
				return false
			}
			name, f.Type.List = rest, true
		} else if rest, ok := strings.CutSuffix(name, "?"); ok {
			if f.Type.List {
				r.problem(n, "", "%s: the items of a list are never null", what)
				return false
			}
			if f.Type.Nullable {
				r.problem(n, "one ? is enough", "%s: unknown type %s", what, quote(text.Value))
				return false
			}
			name, f.Type.Nullable = rest, true
		} else {
			break
		}
	}
	if kind, ok := builtinTypes[name]; ok {
		f.Type.Kind = kind
		return true
	}
	if i, ok := r.enums[name]; ok {
		f.Type.Kind, f.Type.Name, f.Type.Enum = schema.Enum, name, r.file.Enums[i].Values
		return len(f.Type.Enum) > 0
	}
	if o, ok := r.objects[name]; ok {
		if o.state == 1 {
			r.problem(n, "", "%s: object %s would hold itself", what, name)
			return false
		}
		r.object(o)
		f.Type.Kind, f.Type.Name = schema.Object, name
		for i := range o.members {
			f.Type.Fields = append(f.Type.Fields, o.members[i].Field)
		}
		return len(f.Type.Fields) > 0
	}
	names := []string{"string", "bool", "int", "float", "time"}
	for _, e := range r.file.Enums {
		names = append(names, e.Name)
	}
	for name := range r.objects {
		names = append(names, name)
	}
	slices.Sort(names)
	hint := didYouMean(name, names)
	if ours, ok := otherNames[strings.ToLower(name)]; ok {
		hint = "use " + ours
	}
	r.problem(n, or(hint, "there are "+firstFew(names)), "%s: unknown type %s", what, quote(name))
	return false
}

func firstFew(names []string) string {
	if len(names) > 12 {
		return strings.Join(names[:12], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func (r *reader) client(n ast.Node, what string) schema.Access {
	accesses := []string{"none", "read", "write"}
	s, ok := n.(*ast.StringNode)
	if !ok {
		r.problem(n, "", "%s: client: want none, read or write, got %s", what, kindOf(n))
		return schema.None
	}
	switch s.Value {
	case "none":
		return schema.None
	case "read":
		return schema.Read
	case "write":
		return schema.Write
	}
	r.problem(n, or(didYouMean(s.Value, accesses), "there are none, read and write"), "%s: client: unknown access %s", what, quote(s.Value))
	return schema.None
}

func (r *reader) max(n ast.Node, what string, f *Field, typed bool) {
	i, ok := n.(*ast.IntegerNode)
	most, isUint := uint64(0), false
	if ok {
		most, isUint = i.Value.(uint64)
	}
	switch {
	case !isUint || most < 1 || most > math.MaxInt32:
		r.problem(n, "", "%s: max: want a number from 1, got %s", what, quote(n.GetToken().Value))
	case typed && !f.Type.List && f.Type.Kind != schema.String:
		r.problem(n, "", "%s: max: only strings (bytes) and lists (items) have a limit", what)
	default:
		f.Max = int(most)
	}
}

func (r *reader) was(n ast.Node, what string, w where, f *Field, taken map[string]string) {
	names, nodes := r.texts(n, what+": was")
	for i, name := range names {
		if fold(name) == fold(f.Name) && name != f.Name && !slices.Contains(f.Was, name) { // orgID was org_id
			f.Was = append(f.Was, name)
			continue
		}
		if r.fieldName(nodes[i], name, what+": was", w, taken) {
			f.Was = append(f.Was, name)
		}
	}
}

// profile reads profile and trusted.
func (r *reader) profile(in map[string]pair, what string, f *Field) {
	trusted, said := in["trusted"]
	if said {
		f.Trusted = r.flag(trusted.value, what+": trusted")
	}
	p, ok := in["profile"]
	if !ok {
		if said {
			r.problem(trusted.key, "", "%s: trusted is about profile, which is not there", what)
		}
		return
	}
	pairs, ok := r.mapping(p.value, what+": profile")
	if ok && len(pairs) == 0 {
		r.problem(p.key, "as in profile: {google: locale}", "%s: profile: names no provider", what)
	}
	for _, claim := range pairs {
		name, ok := r.text(claim.value, what+": profile."+claim.name)
		switch {
		case !ok:
		case claim.name == "" || name == "":
			r.problem(claim.key, "", "%s: profile: an empty provider or claim", what)
		default:
			if f.Profile == nil {
				f.Profile = map[string]string{}
			}
			f.Profile[claim.name] = name
		}
	}
	if f.Client != schema.Write && !f.Trusted {
		// What the client may write anyway decides nothing; anything else may.
		r.problem(p.key, "add trusted: true if the provider may decide this",
			"%s: profile: what a provider says is often what its user typed there", what)
	}
}

// ---- output

var outputs = []string{"go", "ent", "typescript", "typescriptModule", "jsonSchema", "markdown", "sql"}

var sqlDialects = []string{"sqlite", "mysql", "postgres"}

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
			r.problem(n, "", "%s: %s is printed to this place already", what, paths[s])
			return ""
		}
		paths[s] = what
		return s
	}
	folder := func(n ast.Node, what string) string {
		s := path(n, what)
		name := s[strings.LastIndex(s, "/")+1:]
		// A package that nobody can import, or that the helpers for tests import
		// another of.
		taken := []string{"main", "engine", "context", "testing", "time"}
		if s != "" && (slices.Contains(taken, name) || !lower(name[0]) || strings.ContainsFunc(name, func(c rune) bool { return c > 127 || !lower(byte(c)) && !digit(byte(c)) }) || gotoken.IsKeyword(name)) {
			r.problem(n, "the last part is the name of the Go package: lower-case letters and digits, as in authtypes", "%s: %s cannot be a Go package", what, quote(s))
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
				if !slices.Contains(sqlDialects, d.name) {
					r.problem(d.key, or(didYouMean(d.name, sqlDialects), "there are "+strings.Join(sqlDialects, ", ")), "%s: unknown dialect %s", what, quote(d.name))
					continue
				}
				if o.SQL == nil {
					o.SQL = map[string]string{}
				}
				o.SQL[d.name] = path(d.value, what+"."+d.name)
			}
		default:
			r.problem(p.key, or(didYouMean(p.name, outputs), "there are "+strings.Join(outputs, ", ")), "output: unknown output %s", quote(p.name))
		}
	}
}

// powerful are values that a default should not be.
var powerful = []string{"admin", "administrator", "owner", "root", "superuser", "superadmin", "sudo"}

func (r *reader) defaultOf(p pair, in map[string]pair, what string, w where, f *Field, typed bool) {
	d, ok := in["default"]
	if !ok {
		if typed && w != ofComputed && f.Type.Kind == schema.Enum && !f.Type.List && !f.Type.Nullable {
			r.problem(p.key, "the one with the least rights; or make it nullable: "+f.Type.Name+"?",
				"%s: an enum field needs a default, because old sessions do not have it", what)
		}
		return
	}
	if !typed {
		return
	}
	v, ok := r.value(d.value, what+": default", f.Type)
	if !ok || v == nil && f.Type.Nullable {
		return
	}
	canon, err := f.Canon(v)
	if err != nil {
		_, message, _ := strings.Cut(err.Error(), ": ")
		hint := ""
		if s, isText := v.(string); isText && f.Type.Kind == schema.Enum {
			hint = didYouMean(s, f.Type.Enum)
		} else if f.Type.Kind == schema.String && !isText && !f.Type.List {
			hint = "quote it if it is meant as text"
		}
		r.problem(d.value, hint, "%s: default: %s", what, message)
		return
	}
	f.Default = canon
	if s, ok := canon.(string); ok && f.Type.Kind == schema.Enum && slices.Contains(powerful, strings.ToLower(s)) {
		r.add(true, position(d.value), "choose the value with the least rights",
			"%s: default: %s is what everybody gets whose session or row has no value, or one that is not in the enum any more", what, quote(s))
	}
}

// value returns the Go value of a default.
func (r *reader) value(n ast.Node, what string, t schema.Type) (any, bool) {
	switch n := n.(type) {
	case *ast.NullNode:
		return nil, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IntegerNode:
		switch i := n.Value.(type) {
		case int64:
			return i, true
		case uint64:
			return i, true
		}
		x, err := strconv.ParseFloat(n.GetToken().Value, 64)
		return x, err == nil
	case *ast.FloatNode:
		return n.Value, true
	case *ast.InfinityNode:
		return n.Value, true
	case *ast.NanNode:
		return math.NaN(), true
	case *ast.SequenceNode:
		out := []any{}
		t.List = false
		for _, item := range n.Values {
			v, ok := r.value(item, what, t)
			if !ok {
				return nil, false
			}
			out = append(out, v)
		}
		return out, true
	case *ast.MappingNode, *ast.MappingValueNode:
		pairs, ok := r.mapping(n, what)
		if !ok {
			return nil, false
		}
		out := map[string]any{}
		for _, p := range pairs {
			i := slices.IndexFunc(t.Fields, func(f schema.Field) bool { return f.Name == p.name })
			if i < 0 {
				var names []string
				for _, f := range t.Fields {
					names = append(names, f.Name)
				}
				r.problem(p.key, didYouMean(p.name, names), "%s: unknown member %s", what, quote(p.name))
				return nil, false
			}
			if out[p.name], ok = r.value(p.value, what, t.Fields[i].Type); !ok {
				return nil, false
			}
		}
		return out, true
	}
	r.problem(n, "", "%s: want a value, got %s", what, kindOf(n))
	return nil, false
}
