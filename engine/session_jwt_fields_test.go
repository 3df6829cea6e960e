package engine_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

// The token holds the declared fields that belong there, and no others.
func TestTokenHoldsDeclaredFieldsOnly(t *testing.T) {
	s, b := updateSite(t, engine.StrategyJWT)
	token, _, err := wire.V5.NewKeys(sessionCookie, testSecret).DecodeToken(b.cookie(sessionCookie), shop(), s.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"plan": "pro", "nick": "al", "credits": int64(7), "internalID": "hidden-id", "theme": "light", "impersonator": nil, "factor": "", "stamp": int64(0),
		"sesame:userReadAt": float64(s.clock.Now().Unix())} // see Config.UserRefreshAge
	if !reflect.DeepEqual(token.Extra, want) {
		t.Errorf("the token has\n%v, want\n%v", token.Extra, want)
	}
	// Without the user in the store, an update changes the token alone.
	if err := s.store.inner.DeleteUser(t.Context(), "alice-id"); err != nil {
		t.Fatal(err)
	}
	if r := b.update(map[string]any{"name": "Alison"}); r.status != 200 || !strings.Contains(r.body, "Alison") {
		t.Errorf("update answered %d %s", r.status, r.body)
	}
	s.quiet(t)
}

// A token issued under another schema is read under this one. Nobody is signed
// out, and each field is logged at most once.
func TestSessionsOfOlderSchemasAreRead(t *testing.T) {
	role := func(values ...string) schema.Type {
		return schema.Type{Kind: schema.Enum, Name: "Role", Enum: values}
	}
	now := func(f schema.Field) *engine.Schema {
		f.Client = schema.Read
		return &engine.Schema{User: []schema.Field{f}}
	}
	for _, c := range []struct {
		change string
		claims map[string]any // of the old token
		schema *engine.Schema
		want   string // part of the body
		level  string // of the log line; "" means none
		text   string // part of the log line
	}{
		{"nothing", map[string]any{"f": "x"}, now(schema.Field{Name: "f"}), `"f":"x"`, "", ""},
		{"added", nil, now(schema.Field{Name: "f", Default: "d"}), `"f":"d"`, "INFO", "is missing"},
		{"added, nullable", nil, now(schema.Field{Name: "f", Type: schema.Type{Nullable: true}}), `"f":null`, "INFO", "is missing"},
		{"removed", map[string]any{"gone": "x"}, &engine.Schema{}, `"user":{"name":"Alice"}`, "", ""},
		{"hidden", map[string]any{"f": "x"}, &engine.Schema{User: []schema.Field{{Name: "f"}}}, `"user":{"name":"Alice"}`, "", ""},
		{"renamed", map[string]any{"org": "acme"}, now(schema.Field{Name: "f", Was: []string{"org"}}), `"f":"acme"`, "INFO", "earlier name"},
		{"renamed and of another type", map[string]any{"org": 7.0}, now(schema.Field{Name: "f", Default: "d", Was: []string{"org"}}), `"f":"d"`, "WARN", "does not fit"},
		{"another type", map[string]any{"f": "x"}, now(schema.Field{Name: "f", Type: schema.Type{Kind: schema.Int}}), `"f":0`, "WARN", "does not fit"},
		{"no longer nullable", map[string]any{"f": nil}, now(schema.Field{Name: "f", Default: "d"}), `"f":"d"`, "WARN", "does not fit"},
		{"nullable now", map[string]any{"f": "x"}, now(schema.Field{Name: "f", Type: schema.Type{Nullable: true}}), `"f":"x"`, "", ""},
		{"a list now", map[string]any{"f": "x"}, now(schema.Field{Name: "f", Type: schema.Type{List: true}}), `"f":[]`, "WARN", "does not fit"},
		{"a list no longer", map[string]any{"f": []any{"x"}}, now(schema.Field{Name: "f"}), `"f":""`, "WARN", "does not fit"},
		{"an enum value removed", map[string]any{"f": "owner"}, now(schema.Field{Name: "f", Type: role("admin", "member"), Default: "member"}), `"f":"member"`, "WARN", "does not fit"},
		{"an enum value added", map[string]any{"f": "admin"}, now(schema.Field{Name: "f", Type: role("admin", "member", "guest"), Default: "guest"}), `"f":"admin"`, "", ""},
		{"shorter", map[string]any{"f": "xxxx"}, now(schema.Field{Name: "f", Max: 3}), `"f":""`, "WARN", "does not fit"},
		{"a member added", map[string]any{"f": map[string]any{"a": "x"}}, now(schema.Field{Name: "f", Type: schema.Type{Kind: schema.Object, Name: "O", Fields: []schema.Field{{Name: "a"}, {Name: "b", Default: "d"}}}}), `"f":{"a":"x","b":"d"}`, "", ""},
		{"a member removed", map[string]any{"f": map[string]any{"a": "x", "z": 1.0}}, now(schema.Field{Name: "f", Type: schema.Type{Kind: schema.Object, Name: "O", Fields: []schema.Field{{Name: "a"}}}}), `"f":{"a":"x"}`, "", ""},
		{"moved to the session", map[string]any{"f": "x"}, &engine.Schema{Session: []schema.Field{{Name: "f", Client: schema.Read}}}, `"f":"x"`, "", ""},
		{"computed now", map[string]any{"f": "x"}, &engine.Schema{Computed: []schema.Field{{Name: "f", Client: schema.Read}}}, `"user":{"name":"Alice"}`, "", ""},
		{"a secret of the token now", map[string]any{"f": "x"}, &engine.Schema{Token: []schema.Field{{Name: "f"}}}, `"user":{"name":"Alice"}`, "", ""},
	} {
		s := newSite(t, func(_ *site, cfg *engine.Config) { cfg.Schema = c.schema })
		cookie, err := wire.V5.NewKeys(sessionCookie, testSecret).EncodeToken(&engine.Token{Name: new("Alice"), Subject: "alice-id", Extra: c.claims}, s.clock.Now(), time.Hour, newDice(9))
		if err != nil {
			t.Fatal(err)
		}
		b := s.browser()
		b.set(sessionCookie, cookie)
		for range 3 {
			if body := b.session(); !strings.Contains(body, c.want) || strings.Contains(body, "gone") {
				t.Errorf("%s: the session is %s, want %s", c.change, body, c.want)
			}
		}
		var lines []string
		for _, entry := range s.logs.lines {
			if strings.Contains(entry.msg, "another schema") {
				lines = append(lines, entry.level.String()+" "+entry.msg)
				if entry.attrs["field"] != "f" || strings.Contains(fmt.Sprint(entry.attrs), "owner") {
					t.Errorf("%s: log line %v", c.change, entry.attrs)
				}
			}
		}
		if (len(lines) == 1) != (c.level != "") || len(lines) > 1 || c.level != "" && (!strings.HasPrefix(lines[0], c.level) || !strings.Contains(lines[0], c.text)) {
			t.Errorf("%s: log %q, want %s %q", c.change, lines, c.level, c.text)
		}
		s.resetLog()
	}
}
