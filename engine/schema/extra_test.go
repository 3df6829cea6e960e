package schema_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine/schema"
)

var extras = &schema.Schema{User: []schema.Field{
	{Name: "plan"},
	{Name: "seats", Type: schema.Type{Kind: schema.Int, Nullable: true}},
	{Name: "since", Type: schema.Type{Kind: schema.Time}},
}}

func TestMergeExtra(t *testing.T) {
	since := time.Date(2026, 11, 25, 10, 20, 30, 123456789, time.FixedZone("", 3600))
	old := map[string]any{"plan": "free", "seats": int64(3), "gone": "kept"}
	changes := map[string]any{"plan": "pro", "seats": nil, "since": since}
	got, err := schema.MergeExtra(old, changes, extras.UserField)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"plan": "pro", "gone": "kept", "since": schema.Instant(since)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(old) != 3 || old["plan"] != "free" || len(changes) != 3 {
		t.Errorf("it changed what it was given: %v, %v", old, changes)
	}
	for name, changes := range map[string]map[string]any{
		"other": {"other": "x"},
		"id":    {"id": "x"}, // built in, not an extra field
		"seats": {"seats": "three"},
		"gone":  {"gone": nil},
	} {
		if _, err := schema.MergeExtra(old, changes, extras.UserField); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: error %v, want one that names %s", changes, err, name)
		}
	}
	for _, extra := range []map[string]any{nil, {}, {"plan": "x"}} {
		if got, err := schema.MergeExtra(extra, map[string]any{"plan": nil}, extras.UserField); got != nil || err != nil {
			t.Errorf("%v cleared: %v, %v, want nil", extra, got, err)
		}
	}
	if got, err := schema.MergeExtra(old, map[string]any{"seats": (*int64)(nil)}, extras.UserField); err != nil || !cmp.Equal(got, map[string]any{"plan": "free", "gone": "kept"}) {
		t.Errorf("a pointer that is nil: %v, %v, want seats cleared", got, err)
	}
	var none *schema.Schema
	if got, err := schema.MergeExtra(nil, nil, none.UserField); got != nil || err != nil {
		t.Error(got, err)
	}
}

func TestCanonExtra(t *testing.T) {
	want := map[string]any{"plan": "pro", "seats": int64(3), "since": time.Date(2026, 11, 25, 9, 20, 30, 123e6, time.UTC), "gone": 1.5}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var stored map[string]any
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, schema.CanonExtra(stored, extras.UserField)); diff != "" {
		t.Error(diff)
	}
	if got := schema.CanonExtra(map[string]any{"since": "no time"}, extras.UserField); got["since"] != "no time" {
		t.Errorf("a value that does not fit: %v", got)
	}
	for _, extra := range []map[string]any{nil, {}, {"seats": nil, "gone": nil}} {
		if got := schema.CanonExtra(extra, extras.UserField); got != nil {
			t.Errorf("%v: %v, want nil", extra, got)
		}
	}
}
