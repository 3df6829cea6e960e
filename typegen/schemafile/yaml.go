package schemafile

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// yaml returns the root of the single document of the file, or nil.
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
		r.add(false, Pos{line, 1}, "save the file as UTF-8", "the line is not valid UTF-8")
		return nil
	}
	defer func() {
		// No content of a file may crash the caller.
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
			r.problem(doc.Body, "", "the file must contain only one document")
			return nil
		}
		root = doc.Body
	}
	if root == nil {
		r.add(false, start, "go tool typegen init creates one to start from", "the file is empty")
	}
	return root
}

// allowed refuses features of YAML that are not supported, and excessive nesting,
// before the parser sees them.
func (r *reader) allowed(tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		r.add(false, tokenPosition(tokens[maxTokens]), "", "the file has more than %d names and values", maxTokens/3)
		return false
	}
	depth, line, dashes := 0, 0, 0
	for _, t := range tokens {
		what := ""
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			what = "anchors and aliases (& * <<) are not supported; write the value out"
		case token.TagType:
			what = "tags (!) are not supported"
		case token.DirectiveType:
			what = "directives (%) are not supported"
		case token.MappingKeyType:
			what = "complex keys (?) are not supported"
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
			r.add(false, tokenPosition(t), "", "%s", what)
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
	pos, hint := tokenPosition(e.Token), ""
	line := ""
	if i := pos.Line - 1; i < len(r.lines) {
		line = r.lines[i]
	}
	switch {
	case strings.Contains(line, "\t"):
		hint = "indent with spaces, not with tabs"
	case strings.Contains(line, "[]"):
		hint = `inside braces, quote a list type ("string[]") or write [string]`
	case strings.Contains(e.Message, "mapping value is not allowed"):
		hint = "quote text that contains a colon"
	}
	r.add(false, pos, hint, "YAML: %s", firstLine(e.Message))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func tokenPosition(t *token.Token) Pos {
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
		return position(m.Values[0].Key) // the position of the node is that of the colon
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		return position(m.Key)
	}
	return tokenPosition(n.GetToken())
}

// pair is a member of a mapping.
type pair struct {
	name  string
	key   ast.Node
	value ast.Node
}

// mapping returns the members of a mapping, without duplicates. null is an empty
// mapping.
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
			r.problem(v.Key, "quote it if it is meant as a name", "%s: %s is not a name", what, quote(v.Key.GetToken().Value))
			continue
		}
		if seen[key.Value] {
			r.problem(key, "", "duplicate key %s", quote(key.Value))
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
		return "null"
	}
	return "something else"
}

// text returns the string of a node.
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

// prose returns the text of doc or deprecated, which must be fit for a comment.
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
		r.problem(n, "", "%s: contains characters that cannot be printed", what)
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
