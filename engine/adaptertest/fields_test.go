package adaptertest_test

import (
	"context"
	"slices"
	"testing"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// columns is an adapter with a column for each field: a user created without a
// plan gets the default.
type columns struct{ store.Adapter }

func (c columns) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	if _, ok := u.Extra["plan"]; !ok {
		extra := map[string]any{"plan": "free"}
		for name, v := range u.Extra {
			extra[name] = v
		}
		u.Extra = extra
	}
	return c.Adapter.CreateUser(ctx, u)
}

func TestFields(t *testing.T) {
	fields := &schema.Schema{User: []schema.Field{
		{Name: "plan", Default: "free", Max: 6},
		{Name: "role", Default: "member", Type: schema.Type{Kind: schema.Enum, Enum: []string{"member", "admin"}}},
		{Name: "seen", Type: schema.Type{Kind: schema.Time, List: true}},
		{Name: "home", Type: schema.Type{Kind: schema.Object, Nullable: true, Fields: []schema.Field{{Name: "city"}}}},
	}}
	open := func(_ context.Context, s *schema.Schema) (store.Adapter, func(), error) {
		if s != fields {
			t.Errorf("open was called with %v", s)
		}
		return columns{memory.New(fields)}, nil, nil
	}
	passes(t, open, "", adaptertest.Fields(fields))

	// A lost value is detected, and so is one that was never set.
	for _, broken := range []string{"lost", "made up"} {
		open := func(context.Context, *schema.Schema) (store.Adapter, func(), error) {
			return forgetful{columns{memory.New(fields)}, broken == "lost"}, nil, nil
		}
		r := adaptertest.Check(t.Context(), open, adaptertest.Fields(fields), adaptertest.Only("data/extra", "user/create-returned-is-stored"))
		if !slices.ContainsFunc(r.Results, func(r adaptertest.Result) bool { return r.Status == adaptertest.Failed }) {
			t.Errorf("%s: the suite passes", broken)
		}
	}
}

// forgetful loses a field, or makes one up.
type forgetful struct {
	columns
	loses bool
}

func (f forgetful) GetUser(ctx context.Context, id string) (store.User, error) {
	u, err := f.columns.GetUser(ctx, id)
	if err == nil && f.loses {
		delete(u.Extra, "home")
	} else if err == nil {
		u.Extra["role"] = "admin"
	}
	return u, err
}
