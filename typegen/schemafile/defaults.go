package schemafile

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/sesame-auth/sesame/engine/schema"
)

// powerful holds values that should not be defaults.
var powerful = []string{"admin", "administrator", "owner", "root", "superuser", "superadmin", "sudo"}

func (r *reader) defaultOf(p pair, in map[string]pair, what string, w scope, f *Field, typed bool) {
	d, ok := in["default"]
	if !ok {
		if typed && w != ofComputed && f.Type.Kind == schema.Enum && !f.Type.List && !f.Type.Nullable {
			r.problem(p.key, "choose the value with the least rights, or make it nullable: "+f.Type.Name+"?",
				"%s: an enum field needs a default, for old sessions that do not have it", what)
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
			"%s: default: %s applies to every session or row without a value, or with one that was removed from the enum", what, quote(s))
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
