package store_test

import (
	"testing"

	"github.com/sesame-auth/sesame/engine/store"
)

func TestChange(t *testing.T) {
	ada := "Ada"
	for _, c := range []struct {
		what   string
		change store.Change[string]
		before *string
		after  *string
	}{
		{"the zero Change keeps a value", store.Change[string]{}, &ada, &ada},
		{"the zero Change keeps null", store.Change[string]{}, nil, nil},
		{"a value that is not Set keeps", store.Change[string]{Value: new("Grace")}, &ada, &ada},
		{"SetTo replaces a value", store.SetTo("Grace"), &ada, new("Grace")},
		{"SetTo fills null", store.SetTo("Grace"), nil, new("Grace")},
		{"SetTo of the zero value is not null", store.SetTo(""), &ada, new("")},
		{"Clear removes a value", store.Clear[string](), &ada, nil},
		{"Clear keeps null", store.Clear[string](), nil, nil},
	} {
		field := c.before
		c.change.Apply(&field)
		if (field == nil) != (c.after == nil) || field != nil && *field != *c.after {
			t.Errorf("%s: got %v, want %v", c.what, text(field), text(c.after))
		}
	}
	if ada != "Ada" {
		t.Errorf("Apply wrote through the pointer of the row: %q", ada)
	}
}

func TestSetToCopies(t *testing.T) {
	name := "Ada"
	change := store.SetTo(name)
	*change.Value = "Grace"
	if !change.Set || name != "Ada" {
		t.Errorf("the Change shares memory with its argument: %q", name)
	}
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}
