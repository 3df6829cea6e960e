package gen_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sesame-auth/sesame/gen/authtypes"
	"github.com/sesame-auth/sesame/gen/authtypes/authtypestest"
)

func compiled(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("mem:///"+path, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///" + path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What the encoder prints is what session.schema.json says, and nothing else
// is.
func TestSessionJSONSchema(t *testing.T) {
	s := compiled(t, "session.schema.json")
	valid := func(body string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(v)
	}
	body := string(full().AppendJSON(nil))
	for _, right := range []string{body, string(authtypestest.Session().AppendJSON(nil)), string((&authtypes.Session{Plan: authtypes.PlanFree}).AppendJSON(nil))} {
		if err := valid(right); err != nil {
			t.Errorf("%s: %v", right, err)
		}
	}
	for _, change := range [][2]string{
		{`"role":"editor"`, `"role":"owner"`}, {`"credits":9007199254740992`, `"credits":"1"`}, {`"theme":"dark",`, ``}, {`"theme":"dark"`, `"theme":"dark","tenantKey":"x"`},
		{`"mfa":true`, `"mfa":true,"loginCount":1`}, {`"permissions":[`, `"permissions":[1,`}, {`"orgId":"acme"`, `"orgId":1`}, {`"trialEndsAt":"2026-12-31T00:00:00.000Z"`, `"trialEndsAt":"soon"`},
		{`"city":"Bonn"`, `"city":null`}, {`"locale":"de"`, `"locale":"` + strings.Repeat("x", 17) + `"`},
	} {
		wrong := strings.Replace(body, change[0], change[1], 1)
		if wrong == body {
			t.Fatalf("%s is not in %s", change[0], body)
		}
		if valid(wrong) == nil {
			t.Errorf("%s in place of %s is valid", change[1], change[0])
		}
	}
}

// Editors check the schema file as typegen does, as far as JSON Schema goes.
func TestEditorSchema(t *testing.T) {
	s := compiled(t, "auth.schema.schema.json")
	valid := func(text string) error {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		plain, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(plain)))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(doc)
	}
	reference, err := os.ReadFile("auth.schema.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, right := range []string{string(reference), "version: 1", "version: 1\nuser:\nsession:\n", "version: 1\nuser: {a: string, b: 'int?', c: [Role]}"} {
		if err := valid(right); err != nil {
			t.Errorf("%s: %v", right, err)
		}
	}
	for _, wrong := range []string{
		"version: 2", "user: {}", "version: 1\nusers: {}", "version: 1\nuser: {a: {client: read}}", "version: 1\nuser: {a: {type: string, clent: read}}",
		"version: 1\nuser: {a: {type: string, client: all}}", "version: 1\nuser: {email: {client: write}}", "version: 1\nuser: {name: string}", "version: 1\ntoken: {a: {type: string, client: read}}",
		"version: 1\nuser: {a-b: string}", "version: 1\nenums: {role: [a]}", "version: 1\nenums: {Role: []}", "version: 1\nuser: {a: {type: string, max: 0}}", "version: 1\noutput: {sql: {oracle: x}}",
		"version: 1\nsession: {a: {type: string, profile: {google: x}}}", "version: 1\ncomputed: {a: {type: string, default: x}}",
	} {
		if valid(wrong) == nil {
			t.Errorf("%s is valid", wrong)
		}
	}
}
