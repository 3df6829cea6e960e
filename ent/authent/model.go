package authent

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
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

// model is what the template prints.
type model struct {
	User, Account, Session, Token *part
	Authenticator                 *part // nil: there is none
	UserID                        userID
}

// Parts are the marked types.
func (m *model) Parts() []*part {
	return slices.DeleteFunc([]*part{m.User, m.Account, m.Session, m.Token, m.Authenticator}, func(p *part) bool { return p == nil })
}

// Names are the names of the marked types.
func (m *model) Names() string {
	var names []string
	for _, p := range m.Parts() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// goImport is a package whose types the adapter names.
type goImport struct{ Name, Path string }

// Imports are the packages of the types of fields.
func (m *model) Imports() []goImport {
	var all []goImport
	add := func(t *field.TypeInfo) {
		i := goImport{t.PkgName, t.PkgPath}
		if i.Path != "" && i.Path != "time" && !slices.Contains(all, i) {
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
	Key   *gen.Field // of a session and an authenticator: the field of the token, of the credential id
	Owner *gen.Edge  // to the user
	Extra []extra

	Section string // User or Session
}

// Text is the section in words, as Go source.
func (p *part) Text() string { return strconv.Quote(strings.ToLower(p.Section)) }

// Fills reports whether creating needs a value of an extra field.
func (p *part) Fills() bool {
	return slices.ContainsFunc(p.Extra, func(e extra) bool { return e.Fill })
}

// Alias is the name of the type's package in the adapter: no variable has it.
func (p *part) Alias() string { return p.PackageDir() + "pkg" }

// Enums reports whether extra fields have types of the type's package.
func (p *part) Enums() bool {
	return slices.ContainsFunc(p.Extra, func(e extra) bool { return e.IsEnum() && !e.HasGoType() })
}

// KeyName is what ent's methods call the key.
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

// userID is how the id of users is made of a string and printed.
type userID struct {
	Parse    string // a function of authruntime
	Print    string // a format for a Go expression
	Assigned bool   // the database makes it
}

// Text is the Go expression for the text of the id v.
func (u userID) Text(v string) string { return fmt.Sprintf(u.Print, v) }

// extra is an extra field.
type extra struct {
	*gen.Field
	Declared schema.Field
	Literal  string // Declared as Go source
	Set      string // a function of authruntime, of the field and a value
	Put      string // a function of authruntime, of the map, the field and what is stored
	Address  bool   // Put wants the address of what is stored
	Fill     bool   // creating needs a value
}

// Quoted is the name as Go source.
func (e extra) Quoted() string { return fmt.Sprintf("%q", e.Declared.Name) }

// findings collects what is wrong, so that it is told at once.
type findings []error

func (f *findings) add(format string, args ...any) {
	*f = append(*f, fmt.Errorf("authent: "+format, args...))
}

func modelOf(g *gen.Graph, s *schema.Schema) (*model, error) {
	var wrong findings
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
			wrong.add("the types %s and %s both have authmixin.%s; one type holds each part", types[0].Name, types[1].Name, p.mixin)
		case len(types) == 1:
			*p.to = &part{Type: types[0]}
		case p.required:
			wrong.add("no type has authmixin.%s; add it to the Mixin of the type that holds each %s", p.mixin, p.part)
		}
	}
	if wrong != nil {
		return nil, errors.Join(wrong...)
	}
	m.UserID = wrong.userID(m.User)
	m.User.Section, m.Session.Section = "User", "Session"
	wrong.builtins(m.User, "name? email? email_verified?=int image?")
	wrong.builtins(m.Account, "type provider provider_account_id refresh_token? access_token? expires_at?=int token_type? scope? id_token? session_state?")
	wrong.madeID(m.Account)
	wrong.owned(m.Account, m.User)
	wrong.builtins(m.Session, "expires=int")
	wrong.key(m.Session, "session_token")
	wrong.owned(m.Session, m.User)
	wrong.builtins(m.Token, "identifier token expires=int")
	wrong.madeID(m.Token)
	if a := m.Authenticator; a != nil {
		wrong.builtins(a, "provider_account_id credential_public_key counter=int credential_device_type credential_backed_up=bool transports?")
		wrong.key(a, "credential_id")
		wrong.owned(a, m.User)
	}
	if s != nil {
		for _, f := range s.User {
			if !schema.Builtin(f.Name) {
				wrong.extra(m.User, "user", f)
			}
		}
		for _, f := range s.Session {
			wrong.extra(m.Session, "session", f)
		}
	}
	if wrong != nil {
		return nil, errors.Join(wrong...)
	}
	return m, nil
}

// marked returns the types of a part.
func marked(g *gen.Graph, p authmixin.Part) []*gen.Type {
	return slices.DeleteFunc(slices.Clone(g.Nodes), func(n *gen.Type) bool {
		// A schema's annotation has been JSON on its way here.
		a, _ := n.Annotations[authmixin.AnnotationName].(map[string]any)
		return a["Part"] != string(p)
	})
}

// builtins wants the fields that the mixin brings to be as it brings them. The
// list has names, with ? where null is allowed, with =int or =bool where they
// are no text.
func (f *findings) builtins(p *part, list string) {
	for want := range strings.FieldsSeq(list) {
		name, kind, _ := strings.Cut(want, "=")
		name, nullable := strings.CutSuffix(name, "?")
		have, err := p.F(name)
		if err != nil {
			f.add("%v, which its mixin brings; do not remove it", err)
			continue
		}
		t := map[string]field.Type{"": field.TypeString, "int": field.TypeInt64, "bool": field.TypeBool}[kind]
		exact := !slices.Contains([]string{"email", "provider", "provider_account_id", "identifier", "token"}, name) || isExact(have)
		if !exact || have.Type.Type != t || have.HasGoType() || have.Nillable != nullable || have.Optional != nullable || have.Immutable {
			f.add("type %s declares field %q in another way than its mixin; leave it to the mixin", p.Name, name)
		}
	}
}

// isExact reports whether a column of text compares byte for byte.
func isExact(f *gen.Field) bool {
	return f.Column().SchemaType[dialect.MySQL] == authmixin.Exact()[dialect.MySQL]
}

// userID wants an id of users that the adapter can make of a string.
func (f *findings) userID(u *part) userID {
	id := u.Type.ID
	if id == nil {
		f.add("type %s has no id", u.Name)
		return userID{}
	}
	t := id.Type
	if t.Type == field.TypeString && !isExact(id) {
		f.add("the id of type %s ignores trailing blanks on MySQL; add .SchemaType(authmixin.Exact())", u.Name)
	}
	switch r := t.RType; {
	case t.Type == field.TypeString && r == nil:
		return userID{Parse: "StringID[string]", Print: "%s"}
	case t.Type.Integer() && (r == nil || r.Kind != reflect.Struct):
		return userID{Parse: fmt.Sprintf("IntID[%s]", t), Print: "fmt.Sprint(%s)", Assigned: true}
	case r != nil && has(r, "UnmarshalText") && has(r, "String"):
		return userID{Parse: fmt.Sprintf("TextID[%s]", t), Print: "%s.String()"}
	case t.Type == field.TypeString && r.Kind == reflect.String:
		return userID{Parse: fmt.Sprintf("StringID[%s]", t), Print: "string(%s)"}
	}
	f.add("the id of type %s is %s, which cannot be made of a string; use field.String, field.UUID, an integer, or a type with UnmarshalText and String", u.Name, t)
	return userID{}
}

func has(r *field.RType, method string) bool { _, ok := r.Methods[method]; return ok }

// madeID wants an id that ent or the database makes.
func (f *findings) madeID(p *part) {
	if id := p.Type.ID; id != nil && !id.Default && !id.Type.Type.Integer() {
		f.add("the id of type %s has no default, and Sesame has no id for it; add .Default(...), such as uuid.New", p.Name)
	}
}

// key finds the field of the token, or of the credential id.
func (f *findings) key(p *part, name string) {
	key, err := p.F(name)
	if err != nil {
		key = p.Type.ID
	} else {
		f.madeID(p)
	}
	if p.Key = key; key == nil || key.Type.Type != field.TypeString || key.HasGoType() {
		f.add("the id of type %s is not the one of its mixin; set OwnID in the mixin, or remove the id of the type", p.Name)
	} else if key != p.Type.ID && (!key.Unique || key.Nillable) {
		f.add("type %s declares field %q in another way than its mixin; leave it to the mixin", p.Name, name)
	}
}

// owned finds the edge to the user, who takes the row along.
func (f *findings) owned(p, user *part) {
	for _, e := range p.Edges {
		if e.Type == user.Type && e.Field() != nil && e.Field().Name == "user_id" && e.Ref != nil {
			p.Owner = e
		}
	}
	switch {
	case p.Owner == nil:
		f.add("type %s has no edge to %s by the field user_id; set User of its mixin to %s.Type, and name the type in authmixin.User of %s", p.Name, user.Name, user.Name, user.Name)
	case p.Owner.Ref.EntSQL() == nil || p.Owner.Ref.EntSQL().OnDelete != entsql.Cascade:
		f.add("the edge %q of type %s does not delete on cascade; add .Annotations(entsql.OnDelete(entsql.Cascade)), or use authmixin.User", p.Owner.Ref.Name, user.Name)
	}
}

// extra adds an extra field to a part.
func (f *findings) extra(p *part, section string, declared schema.Field) {
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
		refuse("it is Immutable, and an update may set it")
		return
	}
	if have.IsDeprecated() {
		refuse("queries of ent leave out what is Deprecated; say so in a Comment")
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
			refuse("MySQL would cut it to seconds and end it in 2038; add .SchemaType(map[string]string{dialect.MySQL: \"datetime(3)\"}), or use field.Int64 for UNIX milliseconds")
			return
		}
		e.Set, e.Put = "Time", "Put"
	default:
		refuse("it is %s, and the schema says %s", t, kindName(declared.Type))
		return
	}
	if declared.Type.Nullable && !have.Nillable && t.Type != field.TypeJSON {
		refuse("null could not be told from the zero value; add .Nillable()")
		return
	}
	if e.Set != "Time" {
		e.Set += "[" + t.String() + "]"
	}
	p.Extra = append(p.Extra, e)
}

// unlike says why a Go type cannot hold the JSON of a type, as far as that can
// be seen from outside.
func unlike(t schema.Type, r *field.RType) string {
	if r == nil {
		return ""
	}
	kind := r.Kind
	if kind == reflect.Pointer || kind == reflect.Interface {
		return "" // of what is not known here
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

// literal is what canonical values of the field depend on, as Go source.
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

// value is a canonical value as Go source.
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
