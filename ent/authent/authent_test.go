package authent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/entc/gen"
	"entgo.io/ent/entc/load"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/ent/authent"
	"github.com/sesame-auth/sesame/ent/authmixin"
	"github.com/sesame-auth/sesame/gen/authtypes/authfields"
)

// The types of an application. Tests change what Person has.
type (
	Person    struct{ ent.Schema }
	Account   struct{ ent.Schema }
	Session   struct{ ent.Schema }
	MailToken struct{ ent.Schema }
)

func (Person) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.User{Accounts: Account.Type, Sessions: Session.Type}}
}
func (Account) Mixin() []ent.Mixin   { return []ent.Mixin{authmixin.Account{User: Person.Type}} }
func (Session) Mixin() []ent.Mixin   { return []ent.Mixin{authmixin.Session{User: Person.Type}} }
func (MailToken) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.VerificationToken{}} }

// graph returns ent's graph of the types, with additional fields of the Person.
func graph(t *testing.T, fields []ent.Field, types ...ent.Interface) *gen.Graph {
	t.Helper()
	storage, err := gen.NewStorage("sql")
	if err != nil {
		t.Fatal(err)
	}
	var schemas []*load.Schema
	for _, typ := range types {
		text, err := load.MarshalSchema(typ)
		if err != nil {
			t.Fatal(err)
		}
		s, err := load.UnmarshalSchema(text)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name == "Person" {
			for _, f := range fields {
				lf, err := load.NewField(f.Descriptor())
				if err != nil {
					t.Fatal(err)
				}
				s.Fields = append(s.Fields, lf)
			}
		}
		schemas = append(schemas, s)
	}
	g, err := gen.NewGraph(&gen.Config{Package: "example.com/app/ent", Target: t.TempDir(), Storage: storage}, schemas...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// generate runs the hook of the extension with a generator that writes nothing.
func generate(t *testing.T, g *gen.Graph, s *schema.Schema) error {
	t.Helper()
	e, err := authent.NewExtension(s)
	if err != nil {
		t.Fatal(err)
	}
	return e.Hooks()[0](gen.GenerateFunc(func(*gen.Graph) error { return nil })).Generate(g)
}

func all() []ent.Interface { return []ent.Interface{Person{}, Account{}, Session{}, MailToken{}} }

func TestPartsMissing(t *testing.T) {
	err := generate(t, graph(t, nil, Other{}), nil)
	for _, want := range []string{"no type has authmixin.User", "no type has authmixin.Account", "no type has authmixin.Session", "no type has authmixin.VerificationToken"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := generate(t, graph(t, nil, all()...), nil); err != nil {
		t.Errorf("with all parts: %v", err)
	}
	err = generate(t, graph(t, nil, append(all(), Twice{})...), nil)
	if want := "the types MailToken and Twice both have authmixin.VerificationToken"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

type Other struct{ ent.Schema }
type Twice struct{ ent.Schema }

func (Twice) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.VerificationToken{}} }

// Types that declare by hand what mixins declare, with mistakes.
type (
	NoCascade struct{ ent.Schema }
	BadID     struct{ ent.Schema }
	NoDefault struct{ ent.Schema }
)

func (NoDefault) Mixin() []ent.Mixin  { return []ent.Mixin{authmixin.VerificationToken{}} }
func (NoDefault) Fields() []ent.Field { return []ent.Field{field.String("id")} }

func (BadID) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.User{Accounts: AccountOfBadID.Type, Sessions: SessionOfBadID.Type}}
}
func (BadID) Fields() []ent.Field { return []ent.Field{field.String("id")} }

type (
	AccountOfBadID struct{ ent.Schema }
	SessionOfBadID struct{ ent.Schema }
)

func (AccountOfBadID) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Account{User: BadID.Type}} }
func (SessionOfBadID) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Session{User: BadID.Type}} }

func (NoCascade) Annotations() []entschema.Annotation {
	return []entschema.Annotation{authmixin.Annotation{Part: authmixin.PartUser}}
}
func (NoCascade) Fields() []ent.Field {
	fields := authmixin.User{}.Fields()
	fields[1] = field.String("email").Optional().Nillable().Unique() // ignores letter case on MySQL
	return fields
}
func (NoCascade) Edges() []ent.Edge {
	return []ent.Edge{edge.To("accounts", AccountOfNoCascade.Type), edge.To("sessions", SessionOfNoCascade.Type)}
}

type (
	AccountOfNoCascade struct{ ent.Schema }
	SessionOfNoCascade struct{ ent.Schema }
)

func (AccountOfNoCascade) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.Account{User: NoCascade.Type}}
}
func (SessionOfNoCascade) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.Session{User: NoCascade.Type}}
}
func (AccountOfNoCascade) Indexes() []ent.Index { return []ent.Index{index.Fields("type")} }

func TestTypesRefused(t *testing.T) {
	for _, c := range []struct {
		types []ent.Interface
		want  string
	}{
		{[]ent.Interface{Person{}, Account{}, Session{}, NoDefault{}}, "the id of type NoDefault has no default"},
		{[]ent.Interface{BadID{}, AccountOfBadID{}, SessionOfBadID{}, MailToken{}}, "add .SchemaType(authmixin.Exact())"},
		{[]ent.Interface{NoCascade{}, AccountOfNoCascade{}, SessionOfNoCascade{}, MailToken{}}, `the edge "accounts" of type NoCascade does not cascade deletes`},
		{[]ent.Interface{NoCascade{}, AccountOfNoCascade{}, SessionOfNoCascade{}, MailToken{}}, `type NoCascade declares field "email" differently from its mixin`},
	} {
		if err := generate(t, graph(t, nil, c.types...), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

type named struct{ City string }

func TestExtraFields(t *testing.T) {
	typ := func(k schema.Kind) schema.Type { return schema.Type{Kind: k, Nullable: true} }
	list := schema.Type{Kind: schema.String, List: true}
	role := schema.Type{Kind: schema.Enum, Nullable: true, Enum: []string{"admin", "member"}}
	object := schema.Type{Kind: schema.Object, Nullable: true, Fields: []schema.Field{{Name: "city"}}}
	at := map[string]string{dialect.MySQL: "datetime(3)"}
	for name, c := range map[string]struct {
		declared schema.Field
		have     ent.Field // nil: none
		want     string    // "": it fits
	}{
		"none":               {schema.Field{Name: "role"}, nil, `auth schema field user.role needs ent field "role" on type Person; add it or use the generated mixin`},
		"none, in ent's way": {schema.Field{Name: "orgId"}, nil, `needs ent field "org_id"`},
		"by its name":        {schema.Field{Name: "orgId"}, field.Text("orgId"), ""},
		"by ent's name":      {schema.Field{Name: "orgId"}, field.Text("org_id"), ""},
		"by the mixin's":     {schema.Field{Name: "orgID"}, field.Text("org_id"), ""}, // of typegen
		"another kind":       {schema.Field{Name: "x", Type: typ(schema.Int)}, field.Text("x").Optional().Nillable(), "it is string, but the auth schema declares int"},
		"null":               {schema.Field{Name: "x", Type: typ(schema.Int)}, field.Int64("x"), "null is allowed; add .Optional().Nillable()"},
		"zero for null":      {schema.Field{Name: "x", Type: typ(schema.Int)}, field.Int64("x").Optional(), "null cannot be distinguished from the zero value"},
		"immutable":          {schema.Field{Name: "x"}, field.Text("x").Immutable(), "it is Immutable"},
		"deprecated":         {schema.Field{Name: "x"}, field.Text("x").Deprecated(), "ent's queries omit Deprecated fields"},
		"enum":               {schema.Field{Name: "x", Type: role}, field.Enum("x").Values("admin", "member", "guest").Optional().Nillable(), ""},
		"enum as text":       {schema.Field{Name: "x", Type: role}, field.String("x").Optional().Nillable(), ""},
		"enum lacks a value": {schema.Field{Name: "x", Type: role}, field.Enum("x").Values("member").Optional().Nillable(), `the enum has no value "admin"`},
		"time":               {schema.Field{Name: "x", Type: typ(schema.Time)}, field.Time("x").Optional().Nillable().SchemaType(at), ""},
		"time as millis":     {schema.Field{Name: "x", Type: typ(schema.Time)}, field.Int64("x").Optional().Nillable(), ""},
		"time in seconds":    {schema.Field{Name: "x", Type: typ(schema.Time)}, field.Time("x").Optional().Nillable(), "MySQL would truncate it to seconds"},
		"list":               {schema.Field{Name: "x", Type: list}, field.Strings("x"), ""},
		"list as text":       {schema.Field{Name: "x", Type: list}, field.Text("x"), `it is string; use field.JSON("x", []string{})`},
		"list as a map":      {schema.Field{Name: "x", Type: list}, field.JSON("x", map[string]any{}), "a list needs a slice"},
		"object":             {schema.Field{Name: "x", Type: object}, field.JSON("x", map[string]any{}).Optional(), ""},
		"object as struct":   {schema.Field{Name: "x", Type: object}, field.JSON("x", &named{}).Optional(), ""},
		"object as a list":   {schema.Field{Name: "x", Type: object}, field.JSON("x", []string{}).Optional(), "an object needs a map or a struct"},
		"float":              {schema.Field{Name: "x", Type: typ(schema.Float)}, field.Float("x").Optional().Nillable(), ""},
		"float32":            {schema.Field{Name: "x", Type: typ(schema.Float)}, field.Float32("x").Optional().Nillable(), "the auth schema declares float"},
		"bool":               {schema.Field{Name: "x", Type: typ(schema.Bool)}, field.Bool("x").Optional().Nillable(), ""},
		"bytes":              {schema.Field{Name: "x"}, field.Bytes("x"), "it is []byte"},
	} {
		t.Run(name, func(t *testing.T) {
			var fields []ent.Field
			if c.have != nil {
				fields = append(fields, c.have)
			}
			err := generate(t, graph(t, fields, all()...), &schema.Schema{User: []schema.Field{c.declared}})
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Types with the extra fields of the reference schema.
type (
	Customer          struct{ ent.Schema }
	AccountOfCustomer struct{ ent.Schema }
	SessionOfCustomer struct{ ent.Schema }
)

func (Customer) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.User{Accounts: AccountOfCustomer.Type, Sessions: SessionOfCustomer.Type}, authfields.User{}}
}
func (AccountOfCustomer) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.Account{User: Customer.Type}}
}
func (SessionOfCustomer) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.Session{User: Customer.Type}, authfields.Session{}}
}

// The mixins that typegen generates for a schema satisfy it.
// internal/lab/entfields stores values in their fields.
func TestFile(t *testing.T) {
	e, err := authent.NewExtensionFromFile("../../gen/auth.schema.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fromFile := e.Hooks()[0](gen.GenerateFunc(func(*gen.Graph) error { return nil }))
	if err := fromFile.Generate(graph(t, nil, Customer{}, AccountOfCustomer{}, SessionOfCustomer{}, MailToken{})); err != nil {
		t.Errorf("with typegen's mixins: %v", err)
	}
	err = fromFile.Generate(graph(t, nil, all()...))
	for _, want := range []string{"user.role", "user.orgId", "session.theme"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without: got %v, want %s in it", err, want)
		}
	}
}

// All problems are reported at once.
func TestAllAtOnce(t *testing.T) {
	err := generate(t, graph(t, nil, all()...), &schema.Schema{User: []schema.Field{{Name: "a"}, {Name: "b"}}, Session: []schema.Field{{Name: "c"}}})
	for _, want := range []string{"user.a", "user.b", "session.c"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s in it", err, want)
		}
	}
}

func TestSchemaOfMixin(t *testing.T) {
	if _, err := load.MarshalSchema(NoUser{}); err == nil || !strings.Contains(err.Error(), "such as Member.Type") {
		t.Errorf("got %v, want what to set", err)
	}
}

type NoUser struct{ ent.Schema }

func (NoUser) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Session{}} }

func TestNewExtension(t *testing.T) {
	if _, err := authent.NewExtension(&schema.Schema{User: []schema.Field{{Name: ""}}}); err == nil {
		t.Error("NewExtension accepts an invalid schema")
	}
	if _, err := authent.NewExtensionFromFile("missing.yaml"); !os.IsNotExist(err) {
		t.Errorf("got %v, want an error for a missing file", err)
	}
	path := filepath.Join(t.TempDir(), "auth.schema.yaml")
	if err := os.WriteFile(path, []byte("version: 1\nuser:\n  plan: strin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := authent.NewExtensionFromFile(path); err == nil || !strings.Contains(err.Error(), "auth.schema.yaml:3:9") {
		t.Errorf("got %v, want the position of the problem", err)
	}
	if _, err := authent.NewExtension(nil); err != nil {
		t.Error(err)
	}
	if _, err := authent.NewExtensionFromFile("../../gen/auth.schema.yaml"); err != nil {
		t.Error(err)
	}
}
