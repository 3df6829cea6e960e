package schemafile_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

func TestReference(t *testing.T) {
	f, warnings, err := schemafile.Load("../../gen/auth.schema.yaml")
	if err != nil || warnings != nil {
		t.Fatalf("%v\n%v", err, warnings)
	}
	s := f.Schema()
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	field := func(fields []schema.Field, name string) schema.Field {
		i := slices.IndexFunc(fields, func(f schema.Field) bool { return f.Name == name })
		if i < 0 {
			t.Fatalf("no field %s", name)
		}
		return fields[i]
	}
	role := schema.Type{Kind: schema.Enum, Name: "Role", Enum: []string{"admin", "editor", "member"}}
	roles := role
	roles.List = true
	for _, want := range []schema.Field{
		{Name: "name", Client: schema.Write, Doc: "What other people see."},
		{Name: "role", Type: role, Default: "member", Client: schema.Read, Doc: "What the user may do."},
		{Name: "orgId", Type: schema.Type{Nullable: true}, Client: schema.Read, Was: []string{"org"}, Profile: map[string]string{"okta": "org_id"}, Doc: "Organisation the user signed in for."},
		{Name: "permissions", Type: schema.Type{List: true}, Client: schema.Read, Max: 50},
		{Name: "teams", Type: roles, Client: schema.Read, Doc: "The role in each team."},
		{Name: "trialEndsAt", Type: schema.Type{Kind: schema.Time, Nullable: true}, Client: schema.Read},
		{Name: "score", Type: schema.Type{Kind: schema.Float}, Default: 0.5, Client: schema.Read},
		{Name: "createdAt", Type: schema.Type{Kind: schema.Time}, Default: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Client: schema.None},
		{Name: "riskLevel", Type: schema.Type{Kind: schema.Int, Nullable: true}, Token: true, Client: schema.None, Doc: "For middleware only."},
		{Name: "stripeCustomerId", Type: schema.Type{Nullable: true}, Client: schema.None, Doc: "Never leaves the server.\nNot even in the token."},
	} {
		if diff := cmp.Diff(want, field(s.User, want.Name)); diff != "" {
			t.Errorf("%s:\n%s", want.Name, diff)
		}
	}
	if got := field(s.User, "address").Type; !got.Nullable || got.Kind != schema.Object || got.Name != "Address" || len(got.Fields) != 5 || got.Fields[4].Type.Name != "Geo" {
		t.Errorf("address: %+v", got)
	}
	if got := field(s.Token, "scopes"); got.Shown() || got.Client != schema.None {
		t.Errorf("scopes: %+v", got)
	}
	if got := field(s.Computed, "plan"); got.Client != schema.Read || got.Default != nil {
		t.Errorf("plan: %+v", got)
	}
	for _, u := range f.User {
		switch u.Name {
		case "orgId":
			if !u.Trusted || u.Pos.Line == 0 || u.Pos.Column != 3 {
				t.Errorf("orgId: %+v", u)
			}
		case "beta":
			if u.Deprecated != "it is on for everybody" {
				t.Errorf("beta: %+v", u)
			}
		}
	}
}

// testdata/diagnostics.txt has every diagnostic of the package.
func TestDiagnostics(t *testing.T) {
	file, err := os.ReadFile("testdata/diagnostics.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(file), "\n=====\n") {
		src, want, ok := strings.Cut(strings.TrimPrefix(part, "=====\n"), "-----\n")
		if !ok {
			t.Fatalf("part %d has no -----", i)
		}
		_, got := schemafile.Parse("f", []byte(src))
		if diff := cmp.Diff(strings.TrimSpace(want), got.Error()); diff != "" {
			t.Errorf("part %d:\n%s\n(-want +got)\n%s", i, src, diff)
		}
	}
}

// All problems are shown at once, ordered by position, with the line and a caret.
func TestSource(t *testing.T) {
	_, got := schemafile.Parse("auth.schema.yaml", []byte("version: 1\nenums: {Role: [admin]}\nuser:\n  role: {type: Rol, default: member, clent: read}\n  ü: string\n"))
	want := `auth.schema.yaml:4:16: user.role: unknown type "Rol" (did you mean "Role"?)
      role: {type: Rol, default: member, clent: read}
                   ^
auth.schema.yaml:4:38: user.role: unknown attribute "clent" (did you mean "client"?)
      role: {type: Rol, default: member, clent: read}
                                         ^
auth.schema.yaml:5:3: user.ü: the name "ü" must be a letter followed by letters, digits and _
      ü: string
      ^`
	if diff := cmp.Diff(want, got.Error()); diff != "" {
		t.Error(diff)
	}
}

// The width of a tab depends on the terminal, so the line of the caret has one too.
// A column after the end, and a line that is too long, are shown as far as
// possible.
func TestDiagnosticAsText(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, c := range []struct {
		d    schemafile.Diagnostic
		want string
	}{
		{schemafile.Diagnostic{File: "f", Line: 1, Column: 3, Message: "m", Source: "\ta"}, "f:1:3: m\n    \ta\n    \t ^"},
		{schemafile.Diagnostic{File: "f", Line: 1, Column: 6, Message: "m", Hint: "h", Source: "ab"}, "f:1:6: m (h)\n    ab\n         ^"},
		{schemafile.Diagnostic{File: "f", Line: 1, Column: 1, Warning: true, Message: "m"}, "f:1:1: warning: m"},
		{schemafile.Diagnostic{File: "f", Line: 1, Column: 160, Message: "m", Source: long}, "f:1:160: m\n    " + long[:160] + "…\n    " + strings.Repeat(" ", 159) + "^"},
		{schemafile.Diagnostic{File: "f", Line: 1, Column: 161, Message: "m", Source: long}, "f:1:161: m"},
	} {
		if diff := cmp.Diff(c.want, c.d.String()); diff != "" {
			t.Errorf("%+v:\n%s", c.d, diff)
		}
	}
}

// Values up to the limits are accepted, larger ones refused.
func TestAccepted(t *testing.T) {
	values := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "v%d, ", i)
		}
		return "version: 1\nenums: {Role: [" + b.String() + "]}\n"
	}
	objects := func(n int) string { // O1 holds O2 holds …
		var b strings.Builder
		for i := 1; i < n; i++ {
			fmt.Fprintf(&b, "  O%d: {o: O%d}\n", i, i+1)
		}
		return fmt.Sprintf("version: 1\nobjects:\n%s  O%d: {s: string}\n", b.String(), n)
	}
	const geo = "version: 1\nobjects: {Geo: {lat: float, name: string?}}\nuser:\n"
	for src, want := range map[string]any{ // the default of the first user field, or the diagnostic
		values(1000): nil, values(1001): "f:2:9: enum Role: has more than 1000 values",
		objects(8): nil, objects(9): "f:3:3: object O1: objects are nested more than 8 deep",
		"version: 1\nuser: {ab: {type: string, max: 1}}":                        "",
		"version: 1\nuser: {ab: {type: \"int[]\", max: 1}}":                     []any{},
		"version: 1\nuser: {ab: {type: int, default: -3}}":                      int64(-3),
		"version: 1\nuser: {ab: {type: int?, default: null}}":                   nil,
		"version: 1\nuser: {ab: {type: float, default: 1.5}}":                   1.5,
		"version: 1\nuser: {ab: {type: bool, default: true}}":                   true,
		"version: 1\nuser: {ab: {type: [int], default: [1, 2]}}":                []any{int64(1), int64(2)},
		"version: 1\nuser:\n  ab:\n    type: string\n    default: |\n      x\n": "x\n",
		geo + "  ab: {type: Geo, default: {lat: 2}}\n":                          map[string]any{"lat": 2.0, "name": nil},
		geo + "  ab: {type: \"Geo[]\", default: [{lat: 2}]}\n":                  []any{map[string]any{"lat": 2.0, "name": nil}},
		"version: 1\n\xff":         "f:2:1: the line is not valid UTF-8 (save the file as UTF-8)",
		"version: 1\nuser: {\xff}": "f:2:1: the line is not valid UTF-8 (save the file as UTF-8)",
	} {
		f, found := schemafile.Parse("f", []byte(src))
		if f == nil {
			if text, ok := want.(string); !ok || !strings.HasPrefix(found.Error(), text) || len(found) != 1 {
				t.Errorf("%.80s: %s, want %v", src, found, want)
			}
			continue
		}
		var got any
		if len(f.User) > 0 {
			got = f.User[0].Zero()
		}
		if diff := cmp.Diff(want, got); diff != "" || len(found) > 0 {
			t.Errorf("%.80s: %s\n%s", src, found, diff)
		}
	}
	// An earlier name may differ from the new one only in case and _.
	f, found := schemafile.Parse("f", []byte("version: 1\nuser: {orgID: {type: string, was: [org_id, orgId, org]}}"))
	if f == nil || !slices.Equal(f.User[0].Was, []string{"org_id", "orgId", "org"}) {
		t.Errorf("%+v, %s", f, found)
	}
	if f, found := schemafile.Parse("f", []byte("version: 1\nuser: {orgID: {type: string, was: [org_id, org_id]}}")); f != nil || !strings.Contains(found.Error(), "is already used by user.orgID") {
		t.Errorf("a duplicate earlier name: %+v, %s", f, found)
	}
}

func TestLimits(t *testing.T) {
	for name, src := range map[string]string{
		"size":       "version: 1\n#" + strings.Repeat("x", schemafile.MaxSize),
		"flow":       "version: 1\nuser: " + strings.Repeat("[", 100_000),
		"flow maps":  "version: 1\nuser: " + strings.Repeat("{a: ", 60_000),
		"dashes":     "version: 1\nuser: " + strings.Repeat("\n  - ", 3) + strings.Repeat("- ", 100_000),
		"block":      "version: 1\n" + nestedBlock(300),
		"not UTF-8":  "version: 1\n\xff",
		"NUL":        "version: 1\nuser: {a: \"\x00\"}\n",
		"many lines": "version: 1\n" + strings.Repeat("x: y\n", 40_000),
		"many pairs": "version: 1\nuser: {" + strings.Repeat("x: y,", 40_000) + "}",
		"all tokens": "version: 1\n" + strings.Repeat("x: y\n", 6_600),
	} {
		f, d := schemafile.Parse("f", []byte(src))
		if f != nil || len(d) == 0 || len(d) > 100 || len(d.Error()) > 100_000 {
			t.Errorf("%s: %v, %d diagnostics", name, f, len(d))
		}
	}
}

func nestedBlock(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestLoad(t *testing.T) {
	if _, _, err := schemafile.Load("testdata/none.yaml"); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	if _, _, err := schemafile.Load("testdata"); err == nil {
		t.Error("Load reads a directory")
	}
	path := t.TempDir() + "/auth.schema.yaml"
	if err := os.WriteFile(path, []byte("version: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := schemafile.Load(path); err == nil || !strings.Contains(err.Error(), "this typegen reads version 1") {
		t.Errorf("version 2: %v", err)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string][2]string{
		"role": {"Role", "role"}, "orgId": {"OrgID", "org_id"}, "orgID": {"OrgID", "org_id"}, "plan_v2": {"PlanV2", "plan_v2"},
		"userIDs": {"UserIDs", "user_ids"}, "homePageURL": {"HomePageURL", "home_page_url"}, "HTTPServer": {"HTTPServer", "http_server"}, "a": {"A", "a"},
		"super-admin": {"SuperAdmin", "super_admin"}, "x1": {"X1", "x1"}, "url": {"URL", "url"}, "stripeCustomerId": {"StripeCustomerID", "stripe_customer_id"},
		"": {"", ""}, "_": {"", ""}, "2fa": {"2fa", "2fa"},
	} {
		if got := [2]string{schemafile.GoName(name), schemafile.SnakeName(name)}; got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	reference, err := os.ReadFile("../../gen/auth.schema.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(reference)
	cases, err := os.ReadFile("testdata/diagnostics.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, part := range strings.Split(string(cases), "=====\n") {
		src, _, _ := strings.Cut(part, "-----\n")
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, found := schemafile.Parse("f", src)
		for i, d := range found {
			if d.Line < 1 || d.Column < 1 || d.Message == "" || strings.Contains(d.Message, "\n") {
				t.Errorf("%+v", d)
			}
			if strings.HasPrefix(d.Message, "schema: ") {
				t.Errorf("only the check of the engine finds this: %s", d.Message)
			}
			if strings.Contains(d.Message, "cannot read this file") {
				t.Logf("the parser panics: %s", d.Message)
			}
			if i > 0 && (found[i-1].Line > d.Line || found[i-1].Line == d.Line && found[i-1].Column > d.Column) {
				t.Errorf("not sorted: %v", found)
			}
		}
		_ = found.Error()
		if file == nil {
			if len(found) == 0 {
				t.Error("refused without a diagnostic")
			}
			return
		}
		s := file.Schema()
		if err := s.Validate(); err != nil {
			t.Errorf("accepted, but the engine refuses it: %v", err)
		}
		for _, fields := range [][]schema.Field{s.User, s.Session, s.Token, s.Computed} {
			for _, field := range fields {
				if !schema.Builtin(field.Name) && schemafile.GoName(field.Name) == "" {
					t.Errorf("%s has no name in Go", field.Name)
				}
			}
		}
		again, _ := schemafile.Parse("f", src)
		if diff := cmp.Diff(file, again); diff != "" {
			t.Errorf("read twice:\n%s", diff)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	src, err := os.ReadFile("../../gen/auth.schema.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		schemafile.Parse("f", src)
	}
}

// The file shown in the documentation is valid, and its output is the default.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/typegen.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	src, _, ok := strings.Cut(rest, "```")
	f, found := schemafile.Parse("docs/typegen.md", []byte(src))
	if !ok || f == nil || found != nil {
		t.Fatalf("%t %v", ok, found)
	}
	if diff := cmp.Diff(schemafile.DefaultOutput(), f.Output); diff != "" {
		t.Errorf("the output shown is not the default:\n%s", diff)
	}
	if g, _ := schemafile.Parse("f", []byte("version: 1")); !cmp.Equal(g.Output, schemafile.DefaultOutput()) {
		t.Errorf("%+v", g.Output)
	}
}
