package schema

import (
	"fmt"
	"maps"
)

// MergeExtra returns the extra fields of a row after an update: those of extra,
// and the canonical values of changes, of which nil clears. declared is
// [Schema.UserField] or [Schema.SessionField]. Adapters call it for a new row
// with extra nil. It changes neither map and returns nil when no field is left.
// The error names a field of changes that is not declared or does not fit.
func MergeExtra(extra, changes map[string]any, declared func(name string) (Field, bool)) (map[string]any, error) {
	all := make(map[string]any, len(extra)+len(changes))
	maps.Copy(all, extra)
	for name, v := range changes {
		f, ok := declared(name)
		if !ok {
			return nil, fmt.Errorf("%s: the schema declares no such field", name)
		}
		if v != nil {
			var err error
			if v, err = f.Canon(v); err != nil {
				return nil, err
			}
		}
		if v == nil { // or a pointer that is
			delete(all, name)
			continue
		}
		all[name] = v
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

// CanonExtra returns the canonical values of extra fields as a store has kept
// them, as JSON for example, which knows no whole numbers and no instants.
// Fields that are nil are left out; those that an earlier schema declared, or
// declared as something else, stay as they are. It changes no map and returns
// nil when there is no field.
func CanonExtra(extra map[string]any, declared func(name string) (Field, bool)) map[string]any {
	var all map[string]any
	for name, v := range extra {
		if f, ok := declared(name); ok {
			if c, err := f.Canon(v); err == nil {
				v = c
			}
		}
		if v == nil {
			continue
		}
		if all == nil {
			all = make(map[string]any, len(extra))
		}
		all[name] = v
	}
	return all
}
