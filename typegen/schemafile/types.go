package schemafile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/sesame-auth/sesame/engine/schema"
)

// declared is the state of an object while the file is read.
type declared struct {
	name    string
	pos     Pos
	value   ast.Node
	state   int // 0: unread, 1: being read, 2: read
	depth   int // how deep objects are nested in it
	members []Field
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
		r.problem(p.key, hint, "%s %s: the name must be a capital letter followed by letters and digits", what, quote(name))
	case len(name) > maxName:
		r.problem(p.key, "", "%s %s: the name is longer than %d bytes", what, quote(name), maxName)
	case slices.Contains(reservedTypes, name):
		r.problem(p.key, "", "%s %s: the generated code uses this name", what, quote(name))
	default:
		return r.declare(p.key, name, what+" "+name)
	}
	return false
}

// declare claims a top-level name of the generated Go.
func (r *reader) declare(at ast.Node, name, by string) bool {
	if other, ok := r.goNames[name]; ok {
		r.problem(at, "rename one of them", "%s: its Go name %s is already used by %s", by, name, other)
		return false
	}
	r.goNames[name] = by
	return true
}

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
				r.problem(nodes[i], "", "%s: the value %s must consist of 1 to %d letters, digits and _ - . : /", what, quote(v), maxName)
			case slices.Contains(e.Values, v):
				r.problem(nodes[i], "", "%s: duplicate value %s", what, quote(v))
			case GoName(v) == "":
				r.problem(nodes[i], "", "%s: the value %s has neither a letter nor a digit", what, quote(v))
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

// object reads the members of an object, after those of the objects in it.
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

var builtinTypes = map[string]schema.Kind{
	"string": schema.String, "bool": schema.Bool, "int": schema.Int, "float": schema.Float, "time": schema.Time,
}

// otherNames maps names of types in other languages to the right ones.
var otherNames = map[string]string{
	"boolean": "bool", "integer": "int", "int64": "int", "bigint": "int", "int32": "int", "number": "float, or int for integers",
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
				r.problem(n, "put the inner list into an object", "%s: lists of lists are not supported", what)
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
			r.problem(n, "", "%s: object %s would contain itself", what, name)
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
	if right, ok := otherNames[strings.ToLower(name)]; ok {
		hint = "use " + right
	}
	r.problem(n, cmp.Or(hint, "want one of "+firstFew(names)), "%s: unknown type %s", what, quote(name))
	return false
}

func firstFew(names []string) string {
	if len(names) > 12 {
		return strings.Join(names[:12], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
