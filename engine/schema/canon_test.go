package schema_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine/schema"
)

type (
	role   string
	flag   bool
	count  int32
	ratio  float32
	names  []string
	labels map[string]role
)

var (
	noon    = time.Date(2026, 12, 21, 12, 0, 0, 123_000_000, time.UTC)
	address = schema.Type{Kind: schema.Object, Name: "Address", Fields: []schema.Field{
		{Name: "city", Type: schema.Type{Kind: schema.String}, Was: []string{"town", "place"}, Max: 8},
		{Name: "zip", Type: schema.Type{Kind: schema.String, Nullable: true}},
		{Name: "floor", Type: schema.Type{Kind: schema.Int}, Default: int64(1)},
		{Name: "geo", Type: schema.Type{Kind: schema.Object, Fields: []schema.Field{{Name: "lat", Type: schema.Type{Kind: schema.Float}}}}},
	}}
	emptyAddress = map[string]any{"city": "", "zip": nil, "floor": int64(1), "geo": map[string]any{"lat": 0.0}}
)

func TestCanon(t *testing.T) {
	str := schema.Type{Kind: schema.String}
	text := "x"
	var none *string
	for _, c := range []struct {
		field schema.Field
		in    any
		want  any // or an error with the expected text
	}{
		{schema.Field{Type: str}, "x", "x"},
		{schema.Field{Type: str}, "", ""},
		{schema.Field{Type: str}, []byte("x"), "x"},
		{schema.Field{Type: str}, role("x"), "x"},
		{schema.Field{Type: str}, &text, "x"},
		{schema.Field{Type: str}, json.RawMessage(`x`), "x"},
		{schema.Field{Type: str, Max: 3}, "abc", "abc"},
		{schema.Field{Type: str, Max: 3}, "éé", bad("a string of 4 bytes, want a string of at most 3 bytes of UTF-8")},
		{schema.Field{Type: str}, "\xff", bad("text that is not UTF-8, want a string")},
		{schema.Field{Type: str}, nil, bad("null, want a string")},
		{schema.Field{Type: str}, none, bad("null, want a string")},
		{schema.Field{Type: str}, []byte(nil), bad("null, want a string")},
		{schema.Field{Type: str}, names(nil), bad("null, want a string")},
		{schema.Field{Type: str}, 1, bad("a number, want a string")},
		{schema.Field{Type: str}, json.Number("1"), bad("a number, want a string")},
		{schema.Field{Type: str}, true, bad("true or false, want a string")},
		{schema.Field{Type: str}, noon, bad("a time, want a string")},
		{schema.Field{Type: str}, []any{"x"}, bad("a list, want a string")},
		{schema.Field{Type: str}, struct{ A int }{1}, bad("a Go struct { A int }, want a string")},
		{schema.Field{Type: schema.Type{Nullable: true}}, nil, nil},
		{schema.Field{Type: schema.Type{Nullable: true}}, none, nil},
		{schema.Field{Type: schema.Type{Nullable: true}}, "x", "x"},
		{schema.Field{Type: schema.Type{Nullable: true}}, 1, bad("a number, want a string, or null")},

		{kind(schema.Bool), true, true},
		{kind(schema.Bool), flag(true), true},
		{kind(schema.Bool), flag(false), false},
		{kind(schema.Bool), []byte("t"), true},
		{kind(schema.Bool), []byte("true"), true},
		{kind(schema.Bool), []byte("0"), false},
		{kind(schema.Bool), []byte("f"), false},
		{kind(schema.Bool), int64(1), true},
		{kind(schema.Bool), uint8(0), false},
		{kind(schema.Bool), []byte("1"), true},
		{kind(schema.Bool), []byte{1}, true},
		{kind(schema.Bool), []byte{0}, false},
		{kind(schema.Bool), []byte("false"), false},
		{kind(schema.Bool), int64(2), bad("a number, want true or false")},
		{kind(schema.Bool), 1.0, bad("a number, want true or false")},
		{kind(schema.Bool), "true", bad("a string, want true or false")},
		{kind(schema.Bool), []byte("yes"), bad("bytes, want true or false")},
		{kind(schema.Bool), nil, bad("null, want true or false")},

		{kind(schema.Int), 7, int64(7)},
		{kind(schema.Int), count(-7), int64(-7)},
		{kind(schema.Int), uint64(7), int64(7)},
		{kind(schema.Int), 7.0, int64(7)},
		{kind(schema.Int), math.Copysign(0, -1), int64(0)},
		{kind(schema.Int), json.Number("9007199254740991"), int64(9007199254740991)},
		{kind(schema.Int), json.Number("9007199254740992"), int64(9007199254740992)},
		{kind(schema.Int), json.Number("1e3"), int64(1000)},
		{kind(schema.Int), json.Number("-2.0"), int64(-2)},
		{kind(schema.Int), []byte("42"), int64(42)},
		{kind(schema.Int), int64(-1 << 53), int64(-1 << 53)},
		{kind(schema.Int), float64(1 << 53), int64(1 << 53)},
		{kind(schema.Int), json.Number("9007199254740993"), bad("a larger number, want a whole number within ±2^53")},
		{kind(schema.Int), int64(1<<53 + 1), bad("a larger number, want a whole number within ±2^53")},
		{kind(schema.Int), uint64(math.MaxUint64), bad("a number, want a whole number within ±2^53")},
		{kind(schema.Int), json.Number("1e400"), bad("a larger number, want a whole number within ±2^53")},
		{kind(schema.Int), 1e300, bad("a number, want a whole number within ±2^53")},
		{kind(schema.Int), 1.5, bad("a number with a fraction, want a whole number within ±2^53")},
		{kind(schema.Int), json.Number("1.5"), bad("a number with a fraction, want a whole number within ±2^53")},
		{kind(schema.Int), math.NaN(), bad("a number with a fraction, want a whole number within ±2^53")},
		{kind(schema.Int), math.Inf(1), bad("a number, want a whole number within ±2^53")},
		{kind(schema.Int), "7", bad("a string, want a whole number within ±2^53")},
		{kind(schema.Int), json.Number("x"), bad("a number, want a whole number within ±2^53")},
		{kind(schema.Int), json.Number("0x10"), bad("a number, want a whole number within ±2^53")},
		{kind(schema.Int), []byte("1_0"), bad("bytes, want a whole number within ±2^53")},
		{kind(schema.Int), []byte(""), bad("bytes, want a whole number within ±2^53")},
		{kind(schema.Int), true, bad("true or false, want a whole number within ±2^53")},

		{kind(schema.Float), 1.5, 1.5},
		{kind(schema.Float), ratio(1.5), 1.5},
		{kind(schema.Float), 2, 2.0},
		{kind(schema.Float), uint64(1 << 63), float64(1 << 63)},
		{kind(schema.Float), json.Number("1e3"), 1000.0},
		{kind(schema.Float), []byte("0.25"), 0.25},
		{kind(schema.Float), math.Inf(-1), bad("a number that is not finite, want a finite number")},
		{kind(schema.Float), math.NaN(), bad("a number that is not finite, want a finite number")},
		{kind(schema.Float), json.Number("1e400"), bad("a number that is not finite, want a finite number")},
		{kind(schema.Float), []byte("NaN"), bad("bytes, want a finite number")},
		{kind(schema.Float), json.Number("inf"), bad("a number, want a finite number")},
		{kind(schema.Float), "1", bad("a string, want a finite number")},

		{kind(schema.Time), noon, noon},
		{kind(schema.Time), &noon, noon},
		{kind(schema.Time), noon.Add(999 * time.Microsecond).In(time.FixedZone("", 3600)), noon},
		{kind(schema.Time), "2026-12-21T12:00:00.123Z", noon},
		{kind(schema.Time), "2026-12-21T13:00:00.123999999+01:00", noon},
		{kind(schema.Time), []byte("2026-12-21T12:00:00.123Z"), noon},
		{kind(schema.Time), "0000-01-01T00:00:00Z", time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)},
		{kind(schema.Time), "9999-12-31T23:59:59.999Z", time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)},
		{kind(schema.Time), "2026-12-21", bad("text that is not a time, want an RFC 3339 time in the years 0 to 9999")},
		{kind(schema.Time), "9999-12-31T23:59:59-01:00", bad("a time outside these years, want an RFC 3339 time in the years 0 to 9999")},
		{kind(schema.Time), "0000-01-01T00:00:00+01:00", bad("a time outside these years, want an RFC 3339 time in the years 0 to 9999")},
		{kind(schema.Time), 1790000000, bad("a number, want an RFC 3339 time in the years 0 to 9999")},

		{enum("admin", "member"), "admin", "admin"},
		{enum("admin", "member"), []byte("member"), "member"},
		{enum("admin", "member"), role("member"), "member"},
		{enum("admin", "member"), "Admin", bad("another string, want one of admin, member")},
		{enum("admin", "member"), "", bad("another string, want one of admin, member")},
		{enum("admin", "member"), 0, bad("a number, want one of admin, member")},
		{enum("admin", "member"), nil, bad("null, want one of admin, member")},

		{list(schema.String), []any{"a", []byte("b")}, []any{"a", "b"}},
		{list(schema.String), names{"a"}, []any{"a"}},
		{list(schema.String), [2]role{"a", "b"}, []any{"a", "b"}},
		{list(schema.String), []any{}, []any{}},
		{list(schema.String), nil, []any{}},
		{list(schema.String), []any(nil), []any{}},
		{list(schema.String), names(nil), []any{}},
		{list(schema.String), []byte(`["a","b"]`), []any{"a", "b"}},
		{list(schema.String), []byte(`null`), []any{}},
		{list(schema.Int), json.RawMessage(`[9007199254740991]`), []any{int64(9007199254740991)}},
		{list(schema.Int), []int{1, 2}, []any{int64(1), int64(2)}},
		{list(schema.Int), json.RawMessage(`[9007199254740993]`), bad("[0]: got a larger number, want a whole number within ±2^53")},
		{schema.Field{Type: address}, json.RawMessage(`{"floor":9007199254740993}`), bad(".floor: got a larger number, want a whole number within ±2^53")},
		{list(schema.String), []any{"a", 1}, bad("[1]: got a number, want a string")},
		{list(schema.String), []any{nil}, bad("[0]: got null, want a string")},
		{list(schema.String), []byte(`["a"`), bad("text that is not JSON, want a list, each item a string")},
		{list(schema.String), []byte(`{}`), bad("an object, want a list, each item a string")},
		{list(schema.String), `["a"]`, bad("a string, want a list, each item a string")},
		{schema.Field{Type: schema.Type{List: true}, Max: 1}, []any{"a long string"}, []any{"a long string"}},
		{schema.Field{Type: schema.Type{List: true}, Max: 1}, []any{"a", "b"}, bad("a list of 2 items, want a list of at most 1 items, each a string")},

		{schema.Field{Type: address}, map[string]any{}, emptyAddress},
		{schema.Field{Type: address}, map[string]any{"town": "Rom", "zip": "1", "admin": true}, map[string]any{"city": "Rom", "zip": "1", "floor": int64(1), "geo": map[string]any{"lat": 0.0}}},
		{schema.Field{Type: address}, map[string]any{"city": "Rom", "town": "Ulm"}, map[string]any{"city": "Rom", "zip": nil, "floor": int64(1), "geo": map[string]any{"lat": 0.0}}},
		{schema.Field{Type: address}, labels{"city": "Rom"}, map[string]any{"city": "Rom", "zip": nil, "floor": int64(1), "geo": map[string]any{"lat": 0.0}}},
		{schema.Field{Type: address}, []byte(`{"floor":2,"geo":{"lat":1}}`), map[string]any{"city": "", "zip": nil, "floor": int64(2), "geo": map[string]any{"lat": 1.0}}},
		{schema.Field{Type: address}, map[string]any{"geo": map[string]any{"lat": "x"}}, bad(".geo.lat: got a string, want a finite number")},
		{schema.Field{Type: address}, map[string]any{"city": "a long city"}, bad(".city: got a string of 11 bytes, want a string of at most 8 bytes of UTF-8")},
		{schema.Field{Type: address}, map[string]any{"floor": nil}, bad(".floor: got null, want a whole number within ±2^53")},
		{schema.Field{Type: address}, []byte(`{"floor":1,"floor":2}`), bad("text that is not JSON, want an object")},
		{schema.Field{Type: address}, map[int]string{1: "x"}, bad("a Go map[int]string, want an object")},
		{schema.Field{Type: address}, nil, bad("null, want an object")},
		{schema.Field{Type: address}, labels(nil), bad("null, want an object")},
		{schema.Field{Type: address}, map[string]any(nil), bad("null, want an object")},
		{kind(schema.Int), map[string]any{}, bad("an object, want a whole number within ±2^53")},
		{kind(schema.Int), 1i, bad("a Go complex128, want a whole number within ±2^53")},
		{schema.Field{Type: schema.Type{Kind: schema.Object, List: true, Fields: address.Fields}}, []map[string]any{{"zip": 1}}, bad("[0].zip: got a number, want a string, or null")},
		{schema.Field{Type: schema.Type{Kind: 99}}, "x", bad("a string, want a known kind of field")},
	} {
		c.field.Name = "f"
		got, err := c.field.Canon(c.in)
		if want, refused := c.want.(bad); refused {
			text := "f: got " + string(want)
			if strings.HasPrefix(string(want), "[") || strings.HasPrefix(string(want), ".") {
				text = "f" + string(want)
			}
			if err == nil || err.Error() != text || got != nil {
				t.Errorf("%#v: got %#v, %v\nwant the error %s", c.in, got, err, text)
			}
			continue
		}
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%#v: got %#v, %v; want %#v", c.in, got, err, c.want)
			continue
		}
		if again, err := c.field.Canon(got); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%#v: canonical %#v becomes %#v, %v", c.in, got, again, err)
		}
	}
}

type bad string

func kind(k schema.Kind) schema.Field { return schema.Field{Type: schema.Type{Kind: k}} }
func list(k schema.Kind) schema.Field { return schema.Field{Type: schema.Type{Kind: k, List: true}} }
func enum(values ...string) schema.Field {
	return schema.Field{Type: schema.Type{Kind: schema.Enum, Enum: values}}
}

// An error never contains the invalid value.
func TestCanonKeepsSecrets(t *testing.T) {
	const canary = "s3cr3t-canary"
	fields := []schema.Field{kind(schema.String), kind(schema.Bool), kind(schema.Int), kind(schema.Float), kind(schema.Time), enum("a"), list(schema.Int), {Type: address}}
	fields[0].Max = 1
	for _, f := range fields {
		for _, v := range []any{canary, []byte(canary), role(canary), json.Number(canary), []any{canary}, map[string]any{"city": canary}, struct{ S string }{canary}, []byte(`"` + canary + `"`)} {
			if _, err := f.Canon(v); err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%v", err)
			}
		}
	}
}

// The result of Canon shares no memory with its argument.
func TestCanonCopies(t *testing.T) {
	f := schema.Field{Type: schema.Type{Kind: schema.Object, List: true, Fields: address.Fields}}
	in := []any{map[string]any{"city": "Rom", "geo": map[string]any{"lat": 1.0}}}
	got, err := f.Canon(in)
	if err != nil {
		t.Fatal(err)
	}
	in[0].(map[string]any)["city"] = "Ulm"
	in[0].(map[string]any)["geo"].(map[string]any)["lat"] = 2.0
	in[0] = nil
	want := []any{map[string]any{"city": "Rom", "zip": nil, "floor": int64(1), "geo": map[string]any{"lat": 1.0}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Cyclic pointers do not hang.
	type loop *loop
	var l loop
	l = &l
	if _, err := f.Canon(l); err == nil {
		t.Error("a pointer to itself fits")
	}
}

func TestZero(t *testing.T) {
	for _, c := range []struct {
		field schema.Field
		want  any
	}{
		{kind(schema.String), ""},
		{kind(schema.Bool), false},
		{kind(schema.Int), int64(0)},
		{kind(schema.Float), 0.0},
		{kind(schema.Time), time.Time{}},
		{enum("a"), ""},
		{list(schema.Enum), []any{}},
		{schema.Field{Type: address}, emptyAddress},
		{schema.Field{Type: schema.Type{Kind: schema.Int, Nullable: true}}, nil},
		{schema.Field{Type: schema.Type{Kind: schema.Int, Nullable: true}, Default: 3}, int64(3)},
		{schema.Field{Default: "x"}, "x"},
		{schema.Field{Default: "too long", Max: 2}, ""},
		{schema.Field{Type: schema.Type{Kind: schema.Enum, Enum: []string{"a", "b"}}, Default: "b"}, "b"},
		{schema.Field{Type: schema.Type{List: true}, Default: []string{"a"}}, []any{"a"}},
	} {
		if got := c.field.Zero(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %#v, want %#v", c.field, got, c.want)
		}
	}
	f := schema.Field{Type: schema.Type{List: true}, Default: []any{"a"}}
	f.Zero().([]any)[0] = "changed"
	if got := f.Zero().([]any)[0]; got != "a" {
		t.Errorf("the default has become %q", got)
	}
}
