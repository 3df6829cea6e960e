package schema

import (
	"fmt"
	"maps"
)

// MergeExtra returns the extra fields of a row after an update: extra, with the
// canonical values of changes applied. A nil value in changes removes the field.
// declared is [Schema.UserField] or [Schema.SessionField]. For a new row adapters
// pass a nil extra. MergeExtra modifies neither map and returns nil if no field
// is left. The error names the field of changes that is undeclared or invalid.
func MergeExtra(extra, changes map[string]any, declared func(name string) (Field, bool)) (map[string]any, error) {
	all := make(map[string]any, len(extra)+len(changes))
	maps.Copy(all, extra)
	for name, v := range changes {
		f, ok := declared(name)
		if !ok {
			return nil, fmt.Errorf("%s: no such field in the schema", name)
		}
		if v != nil {
			var err error
			if v, err = f.Canon(v); err != nil {
				return nil, err
			}
		}
		if v == nil { // Canon returns nil for a nil pointer
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

// CanonExtra returns the canonical values of extra fields that were read from a
// store, which may not preserve types: JSON, for example, has neither integers
// nor instants. Nil fields are omitted. Fields that are no longer declared, or
// whose values no longer fit, are left as they are. CanonExtra does not modify
// extra and returns nil if there are no fields.
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
