package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxInt is the end of the range in which a TypeScript number, a float64, can
// represent every integer.
const maxInt = 1 << 53

// Canon returns v as the canonical value of the field. v may come from a store,
// from JSON or from Go code:
//
//   - nil is valid for a nullable type, and an empty list for a list;
//   - pointers are dereferenced, and named types treated as their underlying
//     types;
//   - String and Enum accept a string or []byte of valid UTF-8;
//   - Bool accepts a bool, the integer 0 or 1 of an SQL store, or its text as
//     []byte;
//   - Int accepts an integer within ±2^53, also as float64, json.Number or
//     digits in []byte;
//   - Float accepts a finite number, also as json.Number or []byte;
//   - Time accepts a time.Time, or RFC 3339 text as string or []byte;
//   - a list accepts any slice, or JSON text as []byte;
//   - Object accepts any map with string keys, or JSON text as []byte. A missing
//     member is looked up under its earlier names, then set to its default.
//     Undeclared members are dropped.
//
// The result shares no memory with v. The error names the field, the kind of
// value that was found and the kind that is expected. It never contains the
// value.
func (f Field) Canon(v any) (any, error) {
	c, bad := f.canon(v)
	if bad != nil {
		bad.in(f.Name)
		return nil, bad
	}
	return c, nil
}

// Zero returns a new canonical value for a field that has no value: its Default,
// or the zero value of its Type if Default is nil or invalid. The zero value is
// nil for a nullable type, otherwise an empty list, an object whose members are
// at their Zero, "", false, 0, or the zero time.
func (f Field) Zero() any {
	if f.Default != nil {
		if v, bad := f.canon(f.Default); bad == nil {
			return v
		}
	}
	switch t := f.Type; {
	case t.Nullable:
		return nil
	case t.List:
		return []any{}
	case t.Kind == Bool:
		return false
	case t.Kind == Int:
		return int64(0)
	case t.Kind == Float:
		return float64(0)
	case t.Kind == Time:
		return time.Time{}
	case t.Kind == Object:
		m := make(map[string]any, len(t.Fields))
		for _, member := range t.Fields {
			m[member.Name] = member.Zero()
		}
		return m
	}
	return ""
}

// mismatch is the error for a value that does not fit its field.
type mismatch struct{ field, got, want string }

func (m *mismatch) Error() string { return m.field + ": got " + m.got + ", want " + m.want }

// in prepends the name of the enclosing field to the path.
func (m *mismatch) in(name string) {
	if m.field != "" && m.field[0] != '[' {
		name += "."
	}
	m.field = name + m.field
}

func (f *Field) canon(v any) (any, *mismatch) {
	v = plain(v)
	if v == nil && f.Type.Nullable {
		return nil, nil
	}
	if b, ok := v.([]byte); ok && (f.Type.List || f.Type.Kind == Object) {
		var err error
		if v, err = decodeJSON(string(b), true); err != nil {
			return nil, f.mismatch("text that is not JSON")
		}
	}
	switch {
	case f.Type.List:
		return f.canonList(v)
	case v == nil:
		return nil, f.mismatch("null")
	}
	switch f.Type.Kind {
	case String:
		s, bad := f.text(v)
		if bad == nil && f.Max > 0 && len(s) > f.Max {
			bad = f.mismatch(fmt.Sprintf("a string of %d bytes", len(s)))
		}
		return reuse(v, s), bad
	case Enum:
		s, bad := f.text(v)
		if bad == nil && !slices.Contains(f.Type.Enum, s) {
			bad = f.mismatch("another string")
		}
		return reuse(v, s), bad
	case Bool:
		return f.canonBool(v)
	case Int:
		return f.canonInt(v)
	case Float:
		return f.canonFloat(v)
	case Time:
		return f.canonTime(v)
	case Object:
		return f.canonObject(v)
	}
	return nil, f.mismatch(describe(v))
}

func (f *Field) canonList(v any) (any, *mismatch) {
	if v == nil {
		return []any{}, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, f.mismatch(describe(v))
	}
	if f.Max > 0 && len(list) > f.Max {
		return nil, f.mismatch(fmt.Sprintf("a list of %d items", len(list)))
	}
	item := Field{Type: f.Type}
	item.Type.List = false
	out := make([]any, len(list))
	for i, v := range list {
		c, bad := item.canon(v)
		if bad != nil {
			bad.in("[" + strconv.Itoa(i) + "]")
			return nil, bad
		}
		out[i] = c
	}
	return out, nil
}

// reuse returns s. It returns v if v is a string, because converting s to an
// interface value would allocate.
func reuse(v any, s string) any {
	if _, ok := v.(string); ok {
		return v
	}
	return s
}

// text returns v as a string.
func (f *Field) text(v any) (string, *mismatch) {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case []byte:
		s = string(v)
	default:
		return "", f.mismatch(describe(v))
	}
	if !utf8.ValidString(s) {
		return "", f.mismatch("text that is not UTF-8")
	}
	return s, nil
}

func (f *Field) canonBool(v any) (any, *mismatch) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case int64:
		if v == 0 || v == 1 {
			return v == 1, nil
		}
	case []byte:
		switch string(v) {
		case "\x01", "1", "t", "true":
			return true, nil
		case "\x00", "0", "f", "false":
			return false, nil
		}
	}
	return nil, f.mismatch(describe(v))
}

func (f *Field) canonInt(v any) (any, *mismatch) {
	var n int64
	switch v := v.(type) {
	case int64:
		n = v
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > maxInt {
			return nil, f.mismatch(describe(v))
		}
		n = int64(v)
	case json.Number:
		return f.intText(string(v), v)
	case []byte:
		return f.intText(string(v), v)
	default:
		return nil, f.mismatch(describe(v))
	}
	if n > maxInt || n < -maxInt {
		return nil, f.mismatch("a larger number")
	}
	return n, nil
}

func (f *Field) intText(s string, v any) (any, *mismatch) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return f.canonInt(n)
	}
	if !isNumber(s) {
		return nil, f.mismatch(describe(v))
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, f.mismatch("a larger number")
	}
	return f.canonInt(x)
}

func (f *Field) canonFloat(v any) (any, *mismatch) {
	var x float64
	switch v := v.(type) {
	case float64:
		x = v
	case int64:
		x = float64(v)
	case uint64:
		x = float64(v)
	case json.Number:
		return f.floatText(string(v), v)
	case []byte:
		return f.floatText(string(v), v)
	default:
		return nil, f.mismatch(describe(v))
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, f.mismatch("a number that is not finite")
	}
	return x, nil
}

func (f *Field) floatText(s string, v any) (any, *mismatch) {
	if !isNumber(s) {
		return nil, f.mismatch(describe(v))
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, f.mismatch("a number that is not finite")
	}
	return x, nil
}

// isNumber reports whether s is a number in the syntax of JSON. ParseFloat
// accepts more.
func isNumber(s string) bool {
	digits := func() bool {
		rest := strings.TrimLeft(s, "0123456789")
		found := len(rest) < len(s)
		s = rest
		return found
	}
	s = strings.TrimPrefix(s, "-")
	if strings.HasPrefix(s, "0") {
		s = s[1:]
	} else if !digits() {
		return false
	}
	if strings.HasPrefix(s, ".") {
		if s = s[1:]; !digits() {
			return false
		}
	}
	if strings.HasPrefix(s, "e") || strings.HasPrefix(s, "E") {
		s = s[1:]
		if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "-") {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return s == ""
}

func (f *Field) canonTime(v any) (any, *mismatch) {
	var t time.Time
	var err error
	switch v := v.(type) {
	case time.Time:
		t = v
	case string:
		t, err = time.Parse(time.RFC3339Nano, v)
	case []byte:
		t, err = time.Parse(time.RFC3339Nano, string(v))
	default:
		return nil, f.mismatch(describe(v))
	}
	if err != nil {
		return nil, f.mismatch("text that is not a time")
	}
	t = Instant(t)
	if t.Year() < 0 || t.Year() > 9999 {
		return nil, f.mismatch("a time outside these years")
	}
	return t, nil
}

func (f *Field) canonObject(v any) (any, *mismatch) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, f.mismatch(describe(v))
	}
	out := make(map[string]any, len(f.Type.Fields))
	for i := range f.Type.Fields {
		member := &f.Type.Fields[i]
		v, ok := m[member.Name]
		for _, was := range member.Was {
			if ok {
				break
			}
			v, ok = m[was]
		}
		if !ok {
			out[member.Name] = member.Zero()
			continue
		}
		c, bad := member.canon(v)
		if bad != nil {
			bad.in(member.Name)
			return nil, bad
		}
		out[member.Name] = c
	}
	return out, nil
}

func (f *Field) mismatch(got string) *mismatch { return &mismatch{got: got, want: f.want()} }

// want describes the values that are valid for the field.
func (f *Field) want() string {
	var w string
	switch f.Type.Kind {
	case String:
		w = "a string"
	case Bool:
		w = "true or false"
	case Int:
		w = "a whole number within ±2^53"
	case Float:
		w = "a finite number"
	case Time:
		w = "an RFC 3339 time in the years 0 to 9999"
	case Enum:
		w = "one of " + strings.Join(f.Type.Enum, ", ")
	case Object:
		w = "an object"
	default:
		w = "a known kind of field"
	}
	switch {
	case f.Type.List && f.Max > 0:
		w = fmt.Sprintf("a list of at most %d items, each %s", f.Max, w)
	case f.Type.List:
		w = "a list, each item " + w
	case f.Type.Kind == String && f.Max > 0:
		w = fmt.Sprintf("a string of at most %d bytes of UTF-8", f.Max)
	}
	if f.Type.Nullable {
		w += ", or null"
	}
	return w
}

// describe describes the kind of v, without its value.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case []byte:
		return "bytes"
	case bool:
		return "true or false"
	case int64, uint64, json.Number:
		return "a number"
	case float64:
		if v != math.Trunc(v) {
			return "a number with a fraction"
		}
		return "a number"
	case time.Time:
		return "a time"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	default:
		return fmt.Sprintf("a Go %T", v)
	}
}

// plain converts v, if possible, to nil, string, []byte, bool, int64, uint64
// (beyond int64), float64, json.Number, time.Time, []any or map[string]any. It
// does not convert items and members.
func plain(v any) any {
	switch v := v.(type) {
	case nil, string, bool, int64, float64, time.Time, json.Number:
		return v
	case []byte:
		if v == nil {
			return nil
		}
		return v
	case []any:
		if v == nil {
			return nil
		}
		return v
	case map[string]any:
		if v == nil {
			return nil
		}
		return v
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Pointer:
		if r.IsNil() {
			return nil
		}
		// Following pointers to pointers would not terminate for a recursive type.
		if r.Elem().Kind() == reflect.Pointer {
			return v
		}
		return plain(r.Elem().Interface())
	case reflect.String:
		return r.String()
	case reflect.Bool:
		return r.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if r.Uint() > math.MaxInt64 {
			return r.Uint()
		}
		return int64(r.Uint())
	case reflect.Float32, reflect.Float64:
		return r.Float()
	case reflect.Slice:
		if r.IsNil() {
			return nil
		}
		if r.Type().Elem().Kind() == reflect.Uint8 {
			return r.Bytes()
		}
		return items(r)
	case reflect.Array:
		return items(r)
	case reflect.Map:
		if r.Type().Key().Kind() != reflect.String {
			return v
		}
		if r.IsNil() {
			return nil
		}
		m := make(map[string]any, r.Len())
		for it := r.MapRange(); it.Next(); {
			m[it.Key().String()] = it.Value().Interface()
		}
		return m
	}
	return v
}

func items(r reflect.Value) []any {
	list := make([]any, r.Len())
	for i := range list {
		list[i] = r.Index(i).Interface()
	}
	return list
}
