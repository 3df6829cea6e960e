package authent

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/entc/gen"
	"entgo.io/ent/schema/field"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/ent/authmixin"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

// model is the data of the template.
type model struct {
	User, Account, Session, Token *part
	Authenticator                 *part // nil: there is none
	UserID                        userID
}

// Parts returns the marked types.
func (m *model) Parts() []*part {
	return slices.DeleteFunc([]*part{m.User, m.Account, m.Session, m.Token, m.Authenticator}, func(p *part) bool { return p == nil })
}

// Names returns the names of the marked types.
func (m *model) Names() string {
	var names []string
	for _, p := range m.Parts() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// goImport is a package whose types the adapter names.
type goImport struct{ Name, Path string }

// importOf returns the import that a type needs in addition to those of the
// template.
func importOf(t *field.TypeInfo) (i goImport, needed bool) {
	i = goImport{t.PkgName, t.PkgPath}
	if regexp.MustCompile(`\b` + regexp.QuoteMeta(i.Name) + `\b`).MatchString(text) {
		i.Name += "type" // the template may have a variable or an import with that name
	}
	return i, i.Path != "" && i.Path != "time"
}

// typeName returns the name of a type in the adapter.
func typeName(t *field.TypeInfo) string {
	i, needed := importOf(t)
	if !needed || i.Name == t.PkgName {
		return t.String()
	}
	return regexp.MustCompile(`\b`+regexp.QuoteMeta(t.PkgName)+`\.`).ReplaceAllString(t.String(), i.Name+".")
}

// Imports returns the packages of the types of fields.
func (m *model) Imports() []goImport {
	var all []goImport
	add := func(t *field.TypeInfo) {
		if i, needed := importOf(t); needed && !slices.Contains(all, i) {
			all = append(all, i)
		}
	}
	add(m.User.ID.Type)
	for _, e := range slices.Concat(m.User.Extra, m.Session.Extra) {
		add(e.Type)
	}
	return all
}

// part is a marked type.
type part struct {
	*gen.Type
	Key   *gen.Field // for a session, the field of the token; for an authenticator, of the credential id
	Owner *gen.Edge  // the edge to the user
	Extra []extra

	Section string // User or Session
}

// Text returns the section in lower case, as a Go literal.
func (p *part) Text() string { return strconv.Quote(strings.ToLower(p.Section)) }

// Fills reports whether creating a row requires a value of an extra field.
func (p *part) Fills() bool {
	return slices.ContainsFunc(p.Extra, func(e extra) bool { return e.Fill })
}

// Alias returns the name of the type's package in the adapter, which no variable
// has.
func (p *part) Alias() string { return p.PackageDir() + "pkg" }

// Enums reports whether extra fields have types of the type's package.
func (p *part) Enums() bool {
	return slices.ContainsFunc(p.Extra, func(e extra) bool { return e.IsEnum() && !e.HasGoType() })
}

// KeyName returns the name of the key in ent's methods.
func (p *part) KeyName() string { return p.Key.StructField() }

// KeyIsID reports whether the key is the id.
func (p *part) KeyIsID() bool { return p.Key == p.Type.ID }

// F returns a field by name.
func (p *part) F(name string) (*gen.Field, error) {
	for _, f := range p.Type.Fields {
		if f.Name == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("type %s has no field %q", p.Name, name)
}

// userID describes how the id of users is converted from and to a string.
type userID struct {
	Type     string // the Go type
	Parse    string // a function of authruntime
	Print    string // a format for a Go expression
	Assigned bool   // the database assigns it
}

// Text returns the Go expression for the text of the id v.
func (u userID) Text(v string) string { return fmt.Sprintf(u.Print, v) }

// extra is an extra field.
type extra struct {
	*gen.Field
	Declared schema.Field
	Literal  string // Declared as a Go literal
	Set      string // a function of authruntime that takes the field and a value
	Put      string // a function of authruntime that takes the map, the field and the stored value
	Address  bool   // Put takes the address of the stored value
	Fill     bool   // creating a row requires a value
}

// Quoted returns the name as a Go literal.
func (e extra) Quoted() string { return fmt.Sprintf("%q", e.Declared.Name) }

// problems collects problems, so that all are reported at once.
type problems []error

func (f *problems) add(format string, args ...any) {
	*f = append(*f, fmt.Errorf("authent: "+format, args...))
}

func modelOf(g *gen.Graph, s *schema.Schema) (*model, error) {
	var found problems
	m := &model{}
	for _, p := range []struct {
		to       **part
		part     authmixin.Part
		mixin    string
		required bool
	}{
		{&m.User, authmixin.PartUser, "User", true},
		{&m.Account, authmixin.PartAccount, "Account", true},
		{&m.Session, authmixin.PartSession, "Session", true},
		{&m.Token, authmixin.PartVerificationToken, "VerificationToken", true},
		{&m.Authenticator, authmixin.PartAuthenticator, "Authenticator", false},
	} {
		types := marked(g, p.part)
		switch {
		case len(types) > 1:
			found.add("the types %s and %s both have authmixin.%s; only one type can have it", types[0].Name, types[1].Name, p.mixin)
		case len(types) == 1:
			*p.to = &part{Type: types[0]}
		case p.required:
			found.add("no type has authmixin.%s; add it to the Mixin method of your %s type", p.mixin, p.part)
		}
	}
	if found != nil {
		return nil, errors.Join(found...)
	}
	m.UserID = found.userID(m.User)
	m.User.Section, m.Session.Section = "User", "Session"
	found.builtins(m.User, "name? email? email_verified?=int image?")
	found.builtins(m.Account, "type provider provider_account_id refresh_token? access_token? expires_at?=int token_type? scope? id_token? session_state?")
	found.generatedID(m.Account)
	found.owned(m.Account, m.User)
	found.builtins(m.Session, "expires=int")
	found.key(m.Session, "session_token")
	found.owned(m.Session, m.User)
	found.builtins(m.Token, "identifier token expires=int")
	found.generatedID(m.Token)
	if a := m.Authenticator; a != nil {
		found.builtins(a, "provider_account_id credential_public_key counter=int credential_device_type credential_backed_up=bool transports?")
		found.key(a, "credential_id")
		found.owned(a, m.User)
	}
	if s != nil {
		for _, f := range s.User {
			if !schema.Builtin(f.Name) {
				found.extra(m.User, "user", f)
			}
		}
		for _, f := range s.Session {
			found.extra(m.Session, "session", f)
		}
	}
	if found != nil {
		return nil, errors.Join(found...)
	}
	return m, nil
}

// marked returns the types that are marked with a part.
func marked(g *gen.Graph, p authmixin.Part) []*gen.Type {
	return slices.DeleteFunc(slices.Clone(g.Nodes), func(n *gen.Type) bool {
		// ent passes annotations of a schema as JSON.
		a, _ := n.Annotations[authmixin.AnnotationName].(map[string]any)
		return a["Part"] != string(p)
	})
}

// builtins wants the fields of a mixin to be unchanged. The list has their names,
// with ? if null is allowed, and with =int or =bool unless they are text.
func (f *problems) builtins(p *part, list string) {
	for want := range strings.FieldsSeq(list) {
		name, kind, _ := strings.Cut(want, "=")
		name, nullable := strings.CutSuffix(name, "?")
		have, err := p.F(name)
		if err != nil {
			f.add("%v, which its mixin declares; do not remove it", err)
			continue
		}
		t := map[string]field.Type{"": field.TypeString, "int": field.TypeInt64, "bool": field.TypeBool}[kind]
		exact := !slices.Contains([]string{"email", "provider", "provider_account_id", "identifier", "token"}, name) || isExact(have)
		if !exact || have.Type.Type != t || have.HasGoType() || have.Nillable != nullable || have.Optional != nullable || have.Immutable {
			f.add("type %s declares field %q differently from its mixin; remove the declaration", p.Name, name)
		}
	}
}

// isExact reports whether a column of text is compared byte for byte.
func isExact(f *gen.Field) bool {
	return f.Column().SchemaType[dialect.MySQL] == authmixin.Exact()[dialect.MySQL]
}

// userID wants an id of users that the adapter can convert from a string.
func (f *problems) userID(u *part) userID {
	id := u.Type.ID
	if id == nil {
		f.add("type %s has no id", u.Name)
		return userID{}
	}
	t := id.Type
	if t.Type == field.TypeString && !isExact(id) {
		f.add("the id of type %s ignores trailing spaces on MySQL; add .SchemaType(authmixin.Exact())", u.Name)
	}
	typ := typeName(t)
	switch r := t.RType; {
	case t.Type == field.TypeString && r == nil:
		return userID{typ, "StringID", "%s", false}
	case t.Type.Integer() && (r == nil || r.Kind != reflect.Struct):
		return userID{typ, "IntID", "fmt.Sprint(%s)", true}
	case r != nil && has(r, "UnmarshalText") && has(r, "String"):
		return userID{typ, "TextID", "%s.String()", false}
	case t.Type == field.TypeString && r.Kind == reflect.String:
		return userID{typ, "StringID", "string(%s)", false}
	}
	f.add("the id of type %s is %s, which cannot be converted from a string; use field.String, field.UUID, an integer, or a type with UnmarshalText and String", u.Name, t)
	return userID{}
}

func has(r *field.RType, method string) bool { _, ok := r.Methods[method]; return ok }

// generatedID wants an id with a default or one that the database assigns.
func (f *problems) generatedID(p *part) {
	if id := p.Type.ID; id != nil && !id.Default && !id.Type.Type.Integer() {
		f.add("the id of type %s has no default, and Sesame does not set it; add .Default(...), such as uuid.New", p.Name)
	}
}

// key finds the field of the token, or of the credential id.
func (f *problems) key(p *part, name string) {
	key, err := p.F(name)
	if err != nil {
		key = p.Type.ID
	} else {
		f.generatedID(p)
	}
	if p.Key = key; key == nil || key.Type.Type != field.TypeString || key.HasGoType() {
		f.add("the id of type %s is not the id of its mixin; set OwnID in the mixin, or remove the id from the type", p.Name)
	} else if key != p.Type.ID && (!key.Unique || key.Nillable) {
		f.add("type %s declares field %q differently from its mixin; remove the declaration", p.Name, name)
	}
}

// owned finds the edge to the user, which must cascade deletes.
func (f *problems) owned(p, user *part) {
	for _, e := range p.Edges {
		if e.Type == user.Type && e.Field() != nil && e.Field().Name == "user_id" && e.Ref != nil {
			p.Owner = e
		}
	}
	switch {
	case p.Owner == nil:
		f.add("type %s has no edge to %s through the field user_id; set User of its mixin to %s.Type, and add the type to authmixin.User of %s", p.Name, user.Name, user.Name, user.Name)
	case p.Owner.Ref.EntSQL() == nil || p.Owner.Ref.EntSQL().OnDelete != entsql.Cascade:
		f.add("the edge %q of type %s does not cascade deletes; add .Annotations(entsql.OnDelete(entsql.Cascade)), or use authmixin.User", p.Owner.Ref.Name, user.Name)
	}
}

// extra adds an extra field to a part.
func (f *problems) extra(p *part, section string, declared schema.Field) {
	at := "auth schema field " + section + "." + declared.Name
	i := slices.IndexFunc(p.Type.Fields, func(have *gen.Field) bool {
		return have.Name == declared.Name || have.Name == schemafile.SnakeName(declared.Name)
	})
	if i < 0 {
		f.add("%s needs ent field %q on type %s; add it or use the generated mixin", at, schemafile.SnakeName(declared.Name), p.Name)
		return
	}
	e := extra{Field: p.Type.Fields[i], Declared: declared, Literal: literal(declared)}
	have, refuse := e.Field, func(format string, args ...any) {
		f.add("%s does not fit ent field %q on type %s: %s", at, e.Field.Name, p.Name, fmt.Sprintf(format, args...))
	}
	if have.Immutable {
		refuse("it is Immutable, but updates may set it; remove .Immutable()")
		return
	}
	if have.IsDeprecated() {
		refuse("ent's queries omit Deprecated fields; use .Comment() instead")
		return
	}
	if declared.Type.Nullable && !have.Optional {
		refuse("null is allowed; add .Optional().Nillable()")
		return
	}
	e.Fill = !have.Optional && !have.Default
	t, kind := have.Type, declared.Type.Kind
	plain := t.RType == nil || t.RType.Kind != reflect.Struct && t.RType.Kind != reflect.Pointer && t.RType.Kind != reflect.Array
	switch {
	case declared.Type.List || kind == schema.Object:
		if t.Type != field.TypeJSON {
			refuse("it is %s; use field.JSON(%q, %s)", t, have.Name, map[bool]string{true: "[]string{}", false: "map[string]any{}"}[declared.Type.List])
			return
		}
		e.Set, e.Put = "JSON", "PutJSON"
		switch t.Ident {
		case "[]string", "[]int", "[]int64", "[]float64", "[]bool", "map[string]interface {}":
			e.Put = "Put"
		}
		if wrong := unlike(declared.Type, t.RType); wrong != "" {
			refuse("%s", wrong)
			return
		}
	case kind == schema.Enum && t.Type == field.TypeEnum:
		e.Set, e.Put = "Text", "Put"
		for _, v := range declared.Type.Enum {
			if !slices.Contains(have.EnumValues(), v) {
				refuse("the enum has no value %q", v)
				return
			}
		}
	case (kind == schema.String || kind == schema.Enum) && t.Type == field.TypeString && plain,
		kind == schema.Bool && t.Type == field.TypeBool && plain,
		kind == schema.Int && t.Type.Integer() && plain,
		kind == schema.Float && t.Type == field.TypeFloat64 && plain:
		e.Set = map[schema.Kind]string{schema.String: "Text", schema.Enum: "Text", schema.Bool: "Bool", schema.Int: "Int", schema.Float: "Float"}[kind]
		e.Put = "Put"
	case kind == schema.Time && t.Type == field.TypeInt64 && plain:
		e.Set, e.Put, e.Address = "TimeMillis", "PutMillis", !have.Nillable
	case kind == schema.Time && t.Type == field.TypeTime && (t.RType == nil || t.RType.Ident == "time.Time"):
		if column := have.Column().SchemaType["mysql"]; !strings.HasPrefix(column, "datetime(3)") && !strings.HasPrefix(column, "datetime(6)") {
			refuse("MySQL would truncate it to seconds and limit it to 2038; add .SchemaType(map[string]string{dialect.MySQL: \"datetime(3)\"}), or use field.Int64 for UNIX milliseconds")
			return
		}
		e.Set, e.Put = "Time", "Put"
	default:
		refuse("it is %s, but the auth schema declares %s", t, kindName(declared.Type))
		return
	}
	if declared.Type.Nullable && !have.Nillable && t.Type != field.TypeJSON {
		refuse("null cannot be distinguished from the zero value; add .Nillable()")
		return
	}
	if e.Set != "Time" {
		e.Set += "[" + typeName(t) + "]"
	}
	p.Extra = append(p.Extra, e)
}

// unlike returns why a Go type cannot hold the JSON of a type, or "" as far as can
// be determined.
func unlike(t schema.Type, r *field.RType) string {
	if r == nil {
		return ""
	}
	kind := r.Kind
	if kind == reflect.Pointer || kind == reflect.Interface {
		return "" // its element type is unknown here
	}
	if t.List && kind != reflect.Slice {
		return "a list needs a slice, not " + r.Ident
	}
	if !t.List && kind != reflect.Map && kind != reflect.Struct {
		return "an object needs a map or a struct, not " + r.Ident
	}
	return ""
}

func kindName(t schema.Type) string {
	return [...]string{"string", "bool", "int", "float", "time", "enum", "object"}[t.Kind]
}

// literal returns a Go literal of the field with everything that its canonical
// values depend on.
func literal(f schema.Field) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{Name: %q", f.Name)
	if t := typeLiteral(f.Type); t != "" {
		fmt.Fprintf(&b, ", Type: %s", t)
	}
	if f.Default != nil {
		if v, err := f.Canon(f.Default); err == nil && v != nil {
			fmt.Fprintf(&b, ", Default: %s", value(v))
		}
	}
	if f.Max != 0 {
		fmt.Fprintf(&b, ", Max: %d", f.Max)
	}
	if len(f.Was) > 0 {
		fmt.Fprintf(&b, ", Was: %#v", f.Was)
	}
	return b.String() + "}"
}

func typeLiteral(t schema.Type) string {
	var parts []string
	if t.Kind != schema.String {
		parts = append(parts, "Kind: authschema."+[...]string{"String", "Bool", "Int", "Float", "Time", "Enum", "Object"}[t.Kind])
	}
	if t.List {
		parts = append(parts, "List: true")
	}
	if t.Nullable {
		parts = append(parts, "Nullable: true")
	}
	if t.Enum != nil {
		parts = append(parts, fmt.Sprintf("Enum: %#v", t.Enum))
	}
	if t.Fields != nil {
		var members []string
		for _, m := range t.Fields {
			members = append(members, literal(m))
		}
		parts = append(parts, "Fields: []authschema.Field{"+strings.Join(members, ", ")+"}")
	}
	if parts == nil {
		return ""
	}
	return "authschema.Type{" + strings.Join(parts, ", ") + "}"
}

// value returns a canonical value as Go source.
func value(v any) string {
	switch v := v.(type) {
	case time.Time:
		return fmt.Sprintf("authruntime.Instant(%d)", v.UnixMilli())
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, value(item))
		}
		return "[]any{" + strings.Join(items, ", ") + "}"
	case map[string]any:
		var members []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			members = append(members, fmt.Sprintf("%q: %s", name, value(v[name])))
		}
		return "map[string]any{" + strings.Join(members, ", ") + "}"
	case int64:
		return fmt.Sprintf("int64(%d)", v)
	case float64:
		return fmt.Sprintf("float64(%v)", v)
	case nil:
		return "nil"
	}
	return fmt.Sprintf("%#v", v)
}
