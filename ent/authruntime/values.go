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

// Storable reports whether every database can hold s as text: PostgreSQL
// refuses NUL and invalid UTF-8. No row is found by another string.
func Storable(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// Texts finds the first field that is not storable.
type Texts struct{ Err error }

// Check looks at a field.
func (t *Texts) Check(field, s string) {
	if t.Err == nil && !Storable(s) {
		t.Err = fmt.Errorf("%w: %s holds a NUL byte or is not UTF-8", store.ErrInvalid, field)
	}
}

// CheckPtr looks at a field that may be nil.
func (t *Texts) CheckPtr(field string, s *string) {
	if s != nil {
		t.Check(field, *s)
	}
}

// StringID is an id that is a string. Like the others it reports whether s can
// be one.
func StringID[T ~string](s string) (T, bool) { return T(s), Storable(s) }

// TextID is an id with a text form, such as a UUID. Other spellings of it are
// other ids (R5).
func TextID[T fmt.Stringer, P interface {
	*T
	encoding.TextUnmarshaler
}](s string) (T, bool) {
	var id T
	err := P(&id).UnmarshalText([]byte(s))
	return id, err == nil && id.String() == s
}

// IntID is an id that the database makes.
func IntID[T ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](s string) (T, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	id := T(n)
	return id, err == nil && n > 0 && fmt.Sprint(id) == s
}

// Change applies c by the methods of a builder.
func Change[T, B any](c store.Change[T], set func(T) B, clear func() B) {
	switch {
	case c.Set && c.Value != nil:
		set(*c.Value)
	case c.Set:
		clear()
	}
}

// Millis is an instant as it is stored, in UNIX milliseconds.
func Millis(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// Instant is the instant that was stored.
func Instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// InstantPtr is Instant for what may be null.
func InstantPtr(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := Instant(*ms)
	return &t
}

// Each converts rows.
func Each[R, E any](rows []R, of func(R) E) []E {
	out := make([]E, len(rows))
	for i, r := range rows {
		out[i] = of(r)
	}
	return out
}

// Declared refuses extra fields that have no column.
func Declared(of string, extra map[string]any, fields ...schema.Field) error {
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if !slices.ContainsFunc(fields, func(f schema.Field) bool { return f.Name == name }) {
			return fmt.Errorf("%w: the %s field %q has no column", store.ErrInvalid, of, name)
		}
	}
	return nil
}

// Filled returns extra with values for the fields that it lacks.
func Filled(extra map[string]any, fields ...*schema.Field) map[string]any {
	filled := make(map[string]any, len(extra)+len(fields))
	for _, f := range fields {
		filled[f.Name] = f.Zero()
	}
	maps.Copy(filled, extra)
	return filled
}

// canon is the canonical value of an extra field, which every database can
// hold.
func canon(f *schema.Field, v any) (any, error) {
	c, err := f.Canon(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	if !storable(c) {
		return nil, fmt.Errorf("%w: %s holds a NUL byte", store.ErrInvalid, f.Name)
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

// scalar is the value of an extra field as its ent field has it, nil for null.
func scalar[C, T any](f *schema.Field, v any, of func(C) (T, bool)) (*T, error) {
	c, err := canon(f, v)
	if err != nil || c == nil {
		return nil, err
	}
	if c, ok := c.(C); ok {
		if t, ok := of(c); ok {
			return &t, nil
		}
	}
	return nil, fmt.Errorf("%w: %s does not fit its column", store.ErrInvalid, f.Name)
}

// Text is the value of an extra field in a column of text, nil for null. Like
// the others it returns store.ErrInvalid for a value that does not fit.
func Text[T ~string](f *schema.Field, v any) (*T, error) {
	return scalar(f, v, func(s string) (T, bool) { return T(s), true })
}

// Bool is Text for truth values.
func Bool[T ~bool](f *schema.Field, v any) (*T, error) {
	return scalar(f, v, func(b bool) (T, bool) { return T(b), true })
}

// Int is Text for whole numbers.
func Int[T ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](f *schema.Field, v any) (*T, error) {
	return scalar(f, v, func(n int64) (T, bool) {
		t := T(n)
		return t, int64(t) == n && (t < 0) == (n < 0)
	})
}

// Float is Text for numbers.
func Float[T ~float64](f *schema.Field, v any) (*T, error) {
	return scalar(f, v, func(x float64) (T, bool) { return T(x), true })
}

// Time is Text for instants.
func Time(f *schema.Field, v any) (*time.Time, error) {
	return scalar(f, v, func(t time.Time) (time.Time, bool) { return t, true })
}

// TimeMillis is Text for instants in UNIX milliseconds.
func TimeMillis[T ~int64](f *schema.Field, v any) (*T, error) {
	return scalar(f, v, func(t time.Time) (T, bool) { return T(t.UnixMilli()), true })
}

// JSON is Text for lists and objects in a column of JSON. What T has no place
// for is refused.
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

// Put adds what is stored of a field to extra, as its canonical value; null is
// left out. A value that does not fit is added as it is, for the engine to
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

// PutMillis is Put for instants in UNIX milliseconds, nil for null.
func PutMillis[T ~int64](extra map[string]any, f *schema.Field, stored *T) {
	if stored != nil {
		extra[f.Name] = Instant(int64(*stored))
	}
}

// PutJSON is Put for a column of JSON.
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
