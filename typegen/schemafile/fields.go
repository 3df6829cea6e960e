package schemafile

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/sesame-auth/sesame/engine/schema"
)

// scope is where a field is declared.
type scope int

const (
	ofUser scope = iota
	ofSession
	ofToken
	ofComputed
	ofObject
)

func (w scope) String() string {
	return [...]string{"user", "session", "token", "computed", "objects"}[w]
}

// attributes maps each attribute to the scopes in which it is allowed.
var attributes = map[string][]scope{
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

// attributeNames holds the attributes in the order of their documentation.
var attributeNames = []string{"type", "client", "default", "max", "was", "profile", "trusted", "token", "deprecated", "doc"}

func (r *reader) section(s pair, w scope) []Field {
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
		r.problem(p.key, "", "%s: never leaves the server; only the built-in fields id, name, email and image can be listed", what)
		return Field{}, false
	}
	if _, isMapping := p.value.(*ast.MappingNode); !isMapping {
		r.problem(p.key, "write "+p.name+": {client: read}", "%s: is built in; it can only have client and doc", what)
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
				r.problem(a.value, "", "%s: client: write is only possible for name and image", what)
			}
		case "doc":
			f.Doc = r.prose(a.value, what+": doc")
		default:
			r.problem(a.key, didYouMean(a.name, []string{"client", "doc"}), "%s: is built in; it can only have client and doc, not %s", what, quote(a.name))
		}
	}
	return f, ok
}

// fieldName checks the name of a field, or an earlier one, and marks it as taken.
func (r *reader) fieldName(at ast.Node, name, what string, w scope, taken map[string]string) bool {
	key := fold(name)
	switch why, isReserved := reserved[key]; {
	case name == "" || !letter(name[0]) ||
		strings.ContainsFunc(name, func(c rune) bool { return c > 127 || !letter(byte(c)) && !digit(byte(c)) && c != '_' }):
		r.problem(at, "", "%s: the name %s must be a letter followed by letters, digits and _", what, quote(name))
		return false
	case len(name) > maxName || len(SnakeName(name)) > maxName:
		r.problem(at, "", "%s: the name %s is longer than %d bytes, the limit for columns", what, quote(name), maxName)
		return false
	case isReserved && (w != ofObject || strings.HasPrefix(why, "a method") || strings.HasPrefix(why, "a name with")):
		r.problem(at, "", "%s: the name %s is reserved: it is %s", what, quote(name), why)
		return false
	}
	if other, ok := taken[key]; ok {
		rule := "names must be unique across user, session, token and computed, ignoring case and _"
		if w == ofObject {
			rule = "names must be unique, ignoring case and _"
		}
		r.problem(at, "", "%s: the name %s is already used by %s; %s", what, quote(name), other, rule)
		return false
	}
	taken[key] = what
	return true
}

func (r *reader) field(p pair, w scope, what string, taken map[string]string) (Field, bool) {
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
				r.problem(a.key, cmp.Or(didYouMean(a.name, attributeNames), "want one of "+strings.Join(attributeNames, ", ")), "%s: unknown attribute %s", what, quote(a.name))
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
			r.problem(a.key, "", "%s: a field that the client sees is always in the token; token is only for hidden fields", what)
		}
	}
	r.profile(in, what, &f)
	if w == ofComputed {
		switch {
		case f.Client == schema.Write:
			r.problem(in["client"].value, "", "%s: a computed field is not stored, so the client cannot write it", what)
		case f.Client != schema.Read:
			r.problem(p.key, "add client: read", "%s: a computed field must be visible to the client", what)
		}
	}
	r.defaultOf(p, in, what, w, &f, typed)
	return f, named && typed
}

func misplaced(attribute string, w scope) string {
	switch {
	case attribute == "client" && w == ofToken:
		return "a token field is never shown to the client; move it to session"
	case attribute == "client":
		return "client belongs to the field that holds the object, not to a member"
	case w == ofComputed:
		return fmt.Sprintf("a computed field is not stored and cannot have %q", attribute)
	case w == ofObject:
		return fmt.Sprintf("a member of an object cannot have %q", attribute)
	}
	return fmt.Sprintf("%q is only for user fields", attribute)
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
	r.problem(n, cmp.Or(didYouMean(s.Value, accesses), "want none, read or write"), "%s: client: unknown access %s", what, quote(s.Value))
	return schema.None
}

func (r *reader) max(n ast.Node, what string, f *Field, typed bool) {
	i, ok := n.(*ast.IntegerNode)
	limit, isUint := uint64(0), false
	if ok {
		limit, isUint = i.Value.(uint64)
	}
	switch {
	case !isUint || limit < 1 || limit > math.MaxInt32:
		r.problem(n, "", "%s: max: want an integer from 1 to %d, got %s", what, math.MaxInt32, quote(n.GetToken().Value))
	case typed && !f.Type.List && f.Type.Kind != schema.String:
		r.problem(n, "", "%s: max: is only for strings (bytes) and lists (items)", what)
	default:
		f.Max = int(limit)
	}
}

func (r *reader) was(n ast.Node, what string, w scope, f *Field, taken map[string]string) {
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
	trusted, isSet := in["trusted"]
	if isSet {
		f.Trusted = r.flag(trusted.value, what+": trusted")
	}
	p, ok := in["profile"]
	if !ok {
		if isSet {
			r.problem(trusted.key, "", "%s: trusted requires profile", what)
		}
		return
	}
	pairs, ok := r.mapping(p.value, what+": profile")
	if ok && len(pairs) == 0 {
		r.problem(p.key, "as in profile: {google: locale}", "%s: profile: has no provider", what)
	}
	for _, claim := range pairs {
		name, ok := r.text(claim.value, what+": profile."+claim.name)
		switch {
		case !ok:
		case claim.name == "" || name == "":
			r.problem(claim.key, "", "%s: profile: the provider or the claim is empty", what)
		default:
			if f.Profile == nil {
				f.Profile = map[string]string{}
			}
			f.Profile[claim.name] = name
		}
	}
	if f.Client != schema.Write && !f.Trusted {
		// A field that the client may write grants no rights; any other may.
		r.problem(p.key, "add trusted: true if the provider may decide this field",
			"%s: profile: users can often choose their own values at a provider", what)
	}
}
