package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine/schema"
)

// reference has every kind, section and access.
var reference = &schema.Schema{
	User: []schema.Field{
		{Name: "name", Client: schema.Write},
		{Name: "id", Client: schema.Read, Doc: "shown"},
		{Name: "role", Type: schema.Type{Kind: schema.Enum, Name: "Role", Enum: []string{"admin", "editor", "member"}}, Default: "member", Client: schema.Read},
		{Name: "orgId", Type: schema.Type{Nullable: true}, Client: schema.Read, Was: []string{"org", "orgID"}},
		{Name: "permissions", Type: schema.Type{List: true}, Client: schema.Read, Max: 3},
		{Name: "mfa", Type: schema.Type{Kind: schema.Bool}, Client: schema.Read},
		{Name: "trialEndsAt", Type: schema.Type{Kind: schema.Time, Nullable: true}, Client: schema.Read},
		{Name: "address", Type: address, Client: schema.Write},
		{Name: "locale", Default: "en", Max: 16, Client: schema.Write, Profile: map[string]string{"google": "locale"}},
		{Name: "loginCount", Type: schema.Type{Kind: schema.Int}},
		{Name: "score", Type: schema.Type{Kind: schema.Float}, Token: true},
		{Name: "stripeCustomerId", Type: schema.Type{Nullable: true}, Client: schema.None},
	},
	Session: []schema.Field{
		{Name: "theme", Type: schema.Type{Kind: schema.Enum, Name: "Theme", Enum: []string{"system", "light", "dark"}}, Default: "system", Client: schema.Write},
		{Name: "visits", Type: schema.Type{Kind: schema.Int}},
	},
	Token:    []schema.Field{{Name: "tenantKey", Type: schema.Type{Nullable: true}}, {Name: "https://example.com/roles", Type: schema.Type{List: true}}},
	Computed: []schema.Field{{Name: "plan", Type: schema.Type{Kind: schema.Enum, Name: "Plan", Enum: []string{"free", "pro"}}, Client: schema.Read}},
}

func TestLookup(t *testing.T) {
	var none *schema.Schema
	for _, c := range []struct {
		name string
		find func(*schema.Schema, string) (schema.Field, bool)
		yes  []string
		no   []string
	}{
		{"UserField", (*schema.Schema).UserField, []string{"role", "loginCount"}, []string{"", "name", "id", "email", "image", "theme", "tenantKey", "Role", "org"}},
		{"SessionField", (*schema.Schema).SessionField, []string{"theme", "visits"}, []string{"", "role", "tenantKey"}},
		{"TokenField", (*schema.Schema).TokenField, []string{"tenantKey"}, []string{"", "role", "theme", "plan"}},
		{"ComputedField", (*schema.Schema).ComputedField, []string{"plan"}, []string{"", "role", "theme", "tenantKey"}},
	} {
		for _, name := range c.yes {
			if f, ok := c.find(reference, name); !ok || f.Name != name {
				t.Errorf("%s(%s) = %s, %t", c.name, name, f.Name, ok)
			}
			if _, ok := c.find(none, name); ok {
				t.Errorf("nil %s(%s)", c.name, name)
			}
		}
		for _, name := range c.no {
			if f, ok := c.find(reference, name); ok || f.Name != "" {
				t.Errorf("%s(%s) = %s, %t", c.name, name, f.Name, ok)
			}
		}
	}
	for name, want := range map[string]bool{"id": true, "name": true, "email": true, "emailVerified": true, "image": true, "role": false, "ID": false, "": false} {
		if schema.Builtin(name) != want {
			t.Errorf("Builtin(%q) = %t", name, !want)
		}
	}
	f, _ := reference.UserField("stripeCustomerId")
	g, _ := reference.UserField("score")
	h, _ := reference.UserField("role")
	if f.Shown() || f.InToken() || g.Shown() || !g.InToken() || !h.Shown() || !h.InToken() {
		t.Error("Shown, InToken")
	}
}

func TestClientAccess(t *testing.T) {
	var none *schema.Schema
	for name, want := range map[string][2]schema.Access{
		"id": {schema.None, schema.Read}, "name": {schema.Read, schema.Write}, "email": {schema.Read, schema.Read}, "image": {schema.Read, schema.Read},
		"role": {schema.None, schema.Read}, "locale": {schema.None, schema.Write}, "loginCount": {schema.None, schema.None},
		"stripeCustomerId": {schema.None, schema.None}, "theme": {schema.None, schema.None}, "unknown": {schema.None, schema.None}, "": {schema.None, schema.None},
	} {
		if got := [2]schema.Access{none.ClientAccess(name), reference.ClientAccess(name)}; got != want {
			t.Errorf("ClientAccess(%q) without and with a schema = %v, want %v", name, got, want)
		}
	}
	hidden := &schema.Schema{User: []schema.Field{{Name: "email", Client: schema.None}, {Name: "image"}}}
	if hidden.ClientAccess("email") != schema.None || hidden.ClientAccess("image") != schema.Read {
		t.Error("a built-in field cannot be hidden")
	}
}

func TestValidate(t *testing.T) {
	var none *schema.Schema
	if err := none.Validate(); err != nil {
		t.Errorf("nil: %v", err)
	}
	if err := (&schema.Schema{}).Validate(); err != nil {
		t.Errorf("empty: %v", err)
	}
	if err := reference.Validate(); err != nil {
		t.Errorf("reference: %v", err)
	}
	user := func(f schema.Field) *schema.Schema { return &schema.Schema{User: []schema.Field{f}} }
	session := func(f schema.Field) *schema.Schema { return &schema.Schema{Session: []schema.Field{f}} }
	token := func(f schema.Field) *schema.Schema { return &schema.Schema{Token: []schema.Field{f}} }
	computed := func(f schema.Field) *schema.Schema { return &schema.Schema{Computed: []schema.Field{f}} }
	object := func(fields ...schema.Field) *schema.Schema {
		return user(schema.Field{Name: "o", Type: schema.Type{Kind: schema.Object, Fields: fields}})
	}
	enum := func(values ...string) schema.Type { return schema.Type{Kind: schema.Enum, Enum: values} }
	for _, c := range []struct {
		schema *schema.Schema
		want   []string // one for each problem
	}{
		{user(schema.Field{}), []string{"User.: the name is empty"}},
		{user(schema.Field{Name: "\xff"}), []string{"User: a name is not valid UTF-8"}},
		{session(schema.Field{Name: "__proto__"}), []string{"Session.__proto__: cannot be used as a name in JavaScript"}},
		{session(schema.Field{Name: "id"}), []string{`Session.id: the name "id" is a built-in user field`}},
		{token(schema.Field{Name: "image"}), []string{`Token.image: the name "image" is a built-in user field`}},
		{session(schema.Field{Name: "expires"}), []string{"Session.expires: is a member that every session has"}},
		{session(schema.Field{Name: "userId"}), []string{"Session.userId: is a member that every session has"}},
		{session(schema.Field{Name: "user"}), []string{"Session.user: is a member that every session has"}},
		{session(schema.Field{Name: "sessionToken"}), []string{"Session.sessionToken: is a member that every session has"}},
		{user(schema.Field{Name: "emailVerified"}), []string{"User.emailVerified: stays on the server"}},
		{user(schema.Field{Name: "a", Was: []string{"exp", "", "name"}}), []string{`"exp" is a registered claim`, "User.a: Was: the name is empty", `"name" is a built-in`}},
		{
			&schema.Schema{
				User:    []schema.Field{{Name: "a"}, {Name: "a"}, {Name: "name"}, {Name: "name"}, {Name: "b", Was: []string{"b"}}},
				Session: []schema.Field{{Name: "a"}, {Name: "c", Was: []string{"a"}}}, Token: []schema.Field{{Name: "b"}, {Name: "d"}},
			},
			[]string{
				`User.a: the name "a" is already used by User.a`, `User.name: the name "name" is already used by User.name`, `User.b: Was: the name "b" is already used by User.b`,
				`Session.a: the name "a" is already used by User.a`, `Session.c: Was: the name "a" is already used by User.a`, `Token.b: the name "b" is already used by User.b`,
			},
		},
		{user(schema.Field{Name: "id", Client: schema.Write}), []string{"User.id: Client: only name and image can have Write"}},
		{user(schema.Field{Name: "email", Client: schema.Write}), []string{"User.email: Client: only name and image"}},
		{user(schema.Field{Name: "image", Client: 9}), []string{"User.image: Client: unknown access 9"}},
		{user(schema.Field{Name: "name", Type: schema.Type{Nullable: true}}), []string{"User.name: is built in: only Name, Client and Doc"}},
		{user(schema.Field{Name: "name", Default: "x"}), []string{"User.name: is built in"}},
		{user(schema.Field{Name: "name", Max: 1}), []string{"User.name: is built in"}},
		{user(schema.Field{Name: "name", Token: true}), []string{"User.name: is built in"}},
		{user(schema.Field{Name: "name", Type: schema.Type{Kind: schema.Bool}}), []string{"User.name: is built in"}},
		{user(schema.Field{Name: "name", Type: schema.Type{List: true}}), []string{"User.name: is built in"}},
		{user(schema.Field{Name: "name", Type: schema.Type{Name: "Name"}}), []string{"User.name: is built in"}},
		{user(schema.Field{Name: "name", Type: schema.Type{Enum: []string{"x"}}}), []string{"User.name: is built in"}},
		{user(schema.Field{Name: "name", Type: schema.Type{Fields: []schema.Field{{Name: "m"}}}}), []string{"User.name: is built in"}},
		{user(schema.Field{Name: "name", Was: []string{"x"}}), []string{"User.name: is built in"}},
		{user(schema.Field{Name: "name", Profile: map[string]string{"p": "x"}}), []string{"User.name: is built in"}},
		{user(schema.Field{Name: "a", Client: 9}), []string{"User.a: Client: unknown access 9"}},
		{user(schema.Field{Name: "a", Profile: map[string]string{"": "x"}}), []string{"User.a: Profile: empty provider or claim"}},
		{user(schema.Field{Name: "a", Profile: map[string]string{"p": ""}}), []string{"User.a: Profile: empty provider or claim"}},
		{session(schema.Field{Name: "a", Profile: map[string]string{"p": "x"}, Token: true}), []string{"Session.a: Profile: only user fields", "Session.a: Token: only user fields"}},
		{token(schema.Field{Name: "a", Token: true}), []string{"Token.a: Token: only user fields"}},
		{token(schema.Field{Name: "a", Client: schema.Read}), []string{"Token.a: Client: token fields are never shown"}},
		{user(schema.Field{Name: "a", Type: schema.Type{Kind: 9}}), []string{"User.a: Type: unknown kind 9"}},
		{user(schema.Field{Name: "a", Type: schema.Type{List: true, Nullable: true}}), []string{"User.a: Type: a list cannot be nullable"}},
		{user(schema.Field{Name: "a", Type: schema.Type{Enum: []string{"x"}, Fields: []schema.Field{{Name: "m"}}}}), []string{"User.a: Type: only an enum has values", "User.a: Type: only an object has members"}},
		{user(schema.Field{Name: "a", Type: schema.Type{Kind: schema.Enum, Nullable: true}}), []string{"User.a: Type: an enum needs values"}},
		{user(schema.Field{Name: "a", Type: enum("x", "\xff"), Default: "x"}), []string{"value 1 of the enum is empty or not valid UTF-8"}},
		{user(schema.Field{Name: "a", Type: enum("x", "", "x"), Default: "x"}), []string{"value 1 of the enum is empty", `duplicate enum value "x"`}},
		{user(schema.Field{Name: "a", Type: enum("x")}), []string{"User.a: Default: a non-nullable enum needs one"}},
		{user(schema.Field{Name: "a", Type: enum("x"), Default: "y"}), []string{"User.a: Default: got another string, want one of x"}},
		{user(schema.Field{Name: "a", Default: 1}), []string{"User.a: Default: got a number, want a string"}},
		{user(schema.Field{Name: "a", Default: "abc", Max: 2}), []string{"User.a: Default: got a string of 3 bytes"}},
		{user(schema.Field{Name: "a", Max: -1}), []string{"User.a: Max: negative"}},
		{user(schema.Field{Name: "a", Type: schema.Type{Kind: schema.Int}, Max: 1}), []string{"User.a: Max: only strings and lists have a limit"}},
		{computed(schema.Field{Name: "a", Type: enum("x"), Client: schema.Read}), nil},
		{computed(schema.Field{Name: "a"}), []string{"Computed.a: Client: must be Read"}},
		{computed(schema.Field{Name: "a", Client: schema.Write}), []string{"Computed.a: Client: must be Read"}},
		{computed(schema.Field{Name: "expires", Client: schema.Read, Default: "x", Token: true}), []string{"Computed.expires: is a member that every session has", "Computed.expires: Default, Was", "Computed.expires: Token: only"}},
		{computed(schema.Field{Name: "a", Client: schema.Read, Was: []string{"b"}}), []string{"Computed.a: Default, Was"}},
		{&schema.Schema{Session: []schema.Field{{Name: "a"}}, Computed: []schema.Field{{Name: "a", Client: schema.Read}}}, []string{`Computed.a: the name "a" is already used by Session.a`}},
		{object(), []string{"User.o: Type: an object needs members"}},
		{
			object(schema.Field{Name: "m", Was: []string{"n"}}, schema.Field{Name: "n"}, schema.Field{}, schema.Field{Name: "e", Type: enum("x")}, schema.Field{Name: "__proto__"}),
			[]string{`User.o.n: duplicate member name "n"`, "User.o.: the name is empty", "User.o.e: Default: a non-nullable enum", "User.o.__proto__: cannot be used as a name"},
		},
		{object(schema.Field{Name: "m", Max: -1}, schema.Field{Name: "\xff"}), []string{"User.o.m: Max: negative", "cannot be used as a name in JavaScript"}},
		{user(schema.Field{Name: "a", Type: schema.Type{Kind: schema.Int, List: true}, Max: 1}), nil},
		// Members may have the names of claims.
		{object(schema.Field{Name: "name"}, schema.Field{Name: "exp"}), nil},
		{user(schema.Field{Name: "a", Type: schema.Type{Kind: schema.Enum, Enum: []string{"x"}, List: true}}), nil},
		{user(schema.Field{Name: "a", Type: schema.Type{Kind: schema.Int}, Default: 3}), nil},
	} {
		err := c.schema.Validate()
		var got []string
		if err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		if len(got) != len(c.want) {
			t.Errorf("got %d problems, want %d:\n%s", len(got), len(c.want), strings.Join(got, "\n"))
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(got[i], "schema: ") || !strings.Contains(got[i], want) {
				t.Errorf("got %s, want %s", got[i], want)
			}
		}
	}
	for _, claim := range []string{"email", "picture", "sub", "iat", "exp", "nbf", "jti", "iss", "aud"} {
		err := token(schema.Field{Name: claim}).Validate()
		if err == nil || !slices.ContainsFunc([]string{"registered claim", "built-in user field"}, func(s string) bool { return strings.Contains(err.Error(), s) }) {
			t.Errorf("a token field named %s: %v", claim, err)
		}
	}
	if diff := cmp.Diff("schema: User.: the name is empty", user(schema.Field{}).Validate().Error()); diff != "" {
		t.Error(diff)
	}
}
