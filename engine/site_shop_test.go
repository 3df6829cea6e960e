package engine_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// shop returns a schema with fields of every section and access.
func shop() *engine.Schema {
	return &engine.Schema{
		User: []schema.Field{
			{Name: "name", Client: schema.Write},
			{Name: "image", Client: schema.Write},
			{Name: "plan", Type: schema.Type{Kind: schema.Enum, Name: "Plan", Enum: []string{"free", "pro"}}, Client: schema.Read, Default: "free"},
			{Name: "nick", Type: schema.Type{Nullable: true}, Client: schema.Write, Max: 10},
			{Name: "credits", Type: schema.Type{Kind: schema.Int}, Client: schema.Write},
			{Name: "notes"}, // stays on the server
			{Name: "internalID", Token: true},
		},
		Session: []schema.Field{
			{Name: "theme", Client: schema.Write, Default: "light"},
			{Name: "impersonator", Type: schema.Type{Nullable: true}},
			{Name: "factor", Client: schema.Read},
		},
		Token: []schema.Field{{Name: "stamp", Type: schema.Type{Kind: schema.Int}}},
	}
}

func withShop(_ *site, c *engine.Config) { c.Schema = shop() }

// updateSite returns a site with the schema of shop, and a browser on which alice
// is signed in with extra fields.
func updateSite(t *testing.T, strategy engine.Strategy, change ...func(*site, *engine.Config)) (*site, *browser) {
	t.Helper()
	s := newSite(t, append([]func(*site, *engine.Config){withShop, withStore, func(s *site, c *engine.Config) {
		c.SessionStrategy = strategy
		u := *alice()
		u.Extra = map[string]any{"plan": "pro", "nick": "al", "credits": int64(7), "notes": "hidden-note", "internalID": "hidden-id"}
		s.putUser(u)
		inner := c.Providers[2].(*engine.Credentials)
		inner.Authorize = func(_ context.Context, v map[string]string, _ *http.Request) (*engine.User, error) {
			if v["password"] != password {
				return nil, nil
			}
			return &u, nil
		}
	}}, change...)...)
	b := s.browser()
	b.signIn()
	return s, b
}

// decode unmarshals a JSON object.
func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}
