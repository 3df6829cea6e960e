package authruntime

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// Storable reports whether every database can hold s as text: PostgreSQL refuses
// NUL and invalid UTF-8. A lookup by a string that is not storable finds no row.
func Storable(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// Texts checks fields of text. Err is the error for the first field that is not
// storable; it matches store.ErrInvalid.
type Texts struct{ Err error }

// Check checks a field.
func (t *Texts) Check(field, s string) {
	if t.Err == nil && !Storable(s) {
		t.Err = fmt.Errorf("%w: %s contains a NUL byte or is not valid UTF-8", store.ErrInvalid, field)
	}
}

// CheckPtr checks a field that may be nil.
func (t *Texts) CheckPtr(field string, s *string) {
	if s != nil {
		t.Check(field, *s)
	}
}

// StringID converts s to an id that is a string, and reports whether s is valid as
// one.
func StringID[T ~string](s string) (T, bool) { return T(s), Storable(s) }

// TextID converts s to an id with a text form, such as a UUID, and reports whether
// s is its canonical form: other spellings are different ids (R5).
func TextID[T fmt.Stringer, P interface {
	*T
	encoding.TextUnmarshaler
}](s string) (T, bool) {
	var id T
	err := P(&id).UnmarshalText([]byte(s))
	return id, err == nil && id.String() == s
}

// IntID converts s to an integer id that the database assigned, and reports whether
// s is its canonical form.
func IntID[T ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](s string) (T, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	id := T(n)
	return id, err == nil && n > 0 && fmt.Sprint(id) == s
}

// Change applies c with the methods of a builder.
func Change[T, B any](c store.Change[T], set func(T) B, clear func() B) {
	switch {
	case c.Set && c.Value != nil:
		set(*c.Value)
	case c.Set:
		clear()
	}
}

// Millis returns the stored form of an instant, UNIX milliseconds; nil for nil.
func Millis(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// Instant returns the instant for stored UNIX milliseconds, in UTC.
func Instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// InstantPtr is like [Instant], for a nullable column; nil for nil.
func InstantPtr(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := Instant(*ms)
	return &t
}

// Each converts rows.
func Each[R, E any](rows []R, convert func(R) E) []E {
	out := make([]E, len(rows))
	for i, r := range rows {
		out[i] = convert(r)
	}
	return out
}

// Declared returns an error that matches store.ErrInvalid if extra has a field that
// is not among fields and therefore has no column.
func Declared(entity string, extra map[string]any, fields ...schema.Field) error {
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if !slices.ContainsFunc(fields, func(f schema.Field) bool { return f.Name == name }) {
			return fmt.Errorf("%w: the %s field %q has no column", store.ErrInvalid, entity, name)
		}
	}
	return nil
}

// Filled returns a copy of extra with the zero value of each field that it lacks.
func Filled(extra map[string]any, fields ...*schema.Field) map[string]any {
	filled := make(map[string]any, len(extra)+len(fields))
	for _, f := range fields {
		filled[f.Name] = f.Zero()
	}
	maps.Copy(filled, extra)
	return filled
}

// canon returns the canonical value of an extra field, or an error if not every
// database can hold it.
func canon(f *schema.Field, v any) (any, error) {
	c, err := f.Canon(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	if !storable(c) {
		return nil, fmt.Errorf("%w: %s contains a NUL byte", store.ErrInvalid, f.Name)
	}
	return c, nil
}

func storable(v any) bool {
	switch v := v.(type) {
	case string:
		return Storable(v)
	case []any:
		for _, item := range v {
			if !storable(item) {
				return false
			}
		}
	case map[string]any:
		for _, member := range v {
			if !storable(member) {
				return false
			}
		}
	}
	return true
}

// scalar converts the value of an extra field to the type of its ent field; nil for
// null.
func scalar[C, T any](f *schema.Field, v any, convert func(C) (T, bool)) (*T, error) {
	c, err := canon(f, v)
	if err != nil || c == nil {
		return nil, err
	}
	if c, ok := c.(C); ok {
		if t, ok := convert(c); ok {
			return &t, nil
		}
	}
	return nil, fmt.Errorf("%w: %s does not fit its column", store.ErrInvalid, f.Name)
}

// Text converts the value of an extra field for a column of text; nil for null. It
// returns an error that matches store.ErrInvalid for a value that does not fit.
func Text[T ~string](f *schema.Field, v any) (*T, error) {
	return scalar(f, v, func(s string) (T, bool) { return T(s), true })
}

// Bool is like [Text], for booleans.
func Bool[T ~bool](f *schema.Field, v any) (*T, error) {
	return scalar(f, v, func(b bool) (T, bool) { return T(b), true })
}

// Int is like [Text], for integers.
func Int[T ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](f *schema.Field, v any) (*T, error) {
	return scalar(f, v, func(n int64) (T, bool) {
		t := T(n)
		return t, int64(t) == n && (t < 0) == (n < 0)
	})
}

// Float is like [Text], for floating-point numbers.
func Float[T ~float64](f *schema.Field, v any) (*T, error) {
	return scalar(f, v, func(x float64) (T, bool) { return T(x), true })
}

// Time is like [Text], for instants.
func Time(f *schema.Field, v any) (*time.Time, error) {
	return scalar(f, v, func(t time.Time) (time.Time, bool) { return t, true })
}

// TimeMillis is like [Text], for instants stored as UNIX milliseconds.
func TimeMillis[T ~int64](f *schema.Field, v any) (*T, error) {
	return scalar(f, v, func(t time.Time) (T, bool) { return T(t.UnixMilli()), true })
}

// JSON is like [Text], for lists and objects in a JSON column. It refuses a value
// with members that T does not have.
func JSON[T any](f *schema.Field, v any) (*T, error) {
	c, err := canon(f, v)
	if err != nil || c == nil {
		return nil, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", store.ErrInvalid, f.Name, err)
	}
	t := new(T)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(t); err != nil {
		return nil, fmt.Errorf("%w: %s does not fit %T: %w", store.ErrInvalid, f.Name, *t, err)
	}
	return t, nil
}

// Put adds the stored value of a field to extra, in canonical form, unless it is
// null. A value that does not fit the field is added unchanged, for the engine to
// report.
func Put(extra map[string]any, f *schema.Field, stored any) {
	c, err := f.Canon(stored)
	switch {
	case err != nil:
		extra[f.Name] = stored
	case c != nil:
		extra[f.Name] = c
	}
}

// PutMillis is like [Put], for instants stored as UNIX milliseconds; nil is null.
func PutMillis[T ~int64](extra map[string]any, f *schema.Field, stored *T) {
	if stored != nil {
		extra[f.Name] = Instant(int64(*stored))
	}
}

// PutJSON is like [Put], for a JSON column.
func PutJSON(extra map[string]any, f *schema.Field, stored any) {
	text, err := json.Marshal(stored)
	if err != nil {
		extra[f.Name] = stored
		return
	}
	if string(text) == "null" {
		return
	}
	Put(extra, f, text)
}
