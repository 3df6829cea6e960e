package schema_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sesame-auth/sesame/engine/schema"
)

// strict reports whether data is JSON according to encoding/json and follows the
// additional rules, checked in another way: valid UTF-8, no duplicate names, no
// nesting beyond MaxDepth.
func strict(data []byte) (value any, ok bool) {
	if json.Unmarshal(data, &value) != nil || !utf8.Valid(data) {
		return nil, false
	}
	type level struct {
		names  map[string]bool // nil in a list
		inside bool            // after a name, before its value
	}
	var stack []level
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err == io.EOF {
			return value, true
		}
		if err != nil {
			return nil, false
		}
		top := (*level)(nil)
		if len(stack) > 0 {
			top = &stack[len(stack)-1]
		}
		delim, isDelim := token.(json.Delim)
		switch name, isString := token.(string); {
		case isDelim && (delim == '}' || delim == ']'):
			stack = stack[:len(stack)-1]
			continue
		case top != nil && top.names != nil && !top.inside:
			if !isString || top.names[name] {
				return nil, false
			}
			top.names[name], top.inside = true, true
			continue
		}
		if top != nil {
			top.inside = false
		}
		if isDelim {
			l := level{}
			if delim == '{' {
				l.names = map[string]bool{}
			}
			if stack = append(stack, l); len(stack) > schema.MaxDepth {
				return nil, false
			}
		}
	}
}

// FuzzClaims checks that exactly the texts that encoding/json and the rules
// allow are accepted, with the same values, and that they survive being written
// and read again.
func FuzzClaims(f *testing.F) {
	for _, text := range []string{
		`{"name":"Ada Lovelace","email":"ada@example.com","picture":"https://img.example.com/ada.png","sub":"8a6e0804","iat":1790000000,"exp":1792592000,"jti":"3851854c"}`,
		`{"name":"Zoë Łukasz 山田 🚀 <b>&\"'</b>` + "\u2028" + `","email":null,"sub":"1","iat":1790000000,"exp":1792592000,"jti":"x"}`,
		`{"roles":["admin","ops"],"org":{"id":7,"plan":null,"deep":{"x":1.5,"big":9007199254740991}},"flag":false,"nbf":1790000100}`,
		`{"role":"editor","org":"acme","permissions":["a","b"],"mfa":true,"trialEndsAt":"2026-12-21T12:00:00.123Z","address":{"town":"Rom","geo":{"lat":1}},"visits":9007199254740993}`,
		`{"sub":42,"name":1.5,"email":[],"jti":"\ud83d\ude80\ud800"}`, `{"exp":"1","a":1,"a":2}`, `{"exp":1e300}`, `[]`, `null`, ``, `{"a":[[[[[]]]]]}`, "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", `{"a":1e-7,"b":1E+21,"c":-0.0}`,
	} {
		f.Add([]byte(text))
	}
	for _, text := range slices.Concat(refusedClaims, acceptedClaims) {
		if len(text) <= 1000 {
			f.Add([]byte(text))
		}
	}
	var none *schema.Schema
	f.Fuzz(func(t *testing.T, data []byte) {
		want, ok := strict(data)
		value, err := schema.DecodeJSON(data)
		if (err == nil) != ok {
			t.Fatalf("DecodeJSON: %v, by encoding/json and the rules %t", err, ok)
		}
		if ok && !reflect.DeepEqual(value, want) {
			t.Fatalf("DecodeJSON: %#v, encoding/json reads %#v", value, want)
		}
		token, err := none.DecodeClaims(data)
		declared, declaredErr := reference.DecodeClaims(data)
		if (err == nil) != (declaredErr == nil) {
			t.Fatalf("without a schema %v, with one %v", err, declaredErr)
		}
		members, isObject := want.(map[string]any)
		if ok = ok && isObject; ok {
			for _, name := range []string{"iat", "exp", "nbf"} {
				if v, there := members[name]; there {
					x, isNumber := v.(float64)
					ok = ok && isNumber && math.Abs(x) <= 253402300799
				}
			}
		}
		if (err == nil) != ok {
			t.Fatalf("DecodeClaims: %v, by encoding/json and the rules %t", err, ok)
		}
		if err != nil {
			return
		}

		// Claim by claim.
		rest := maps.Clone(members)
		for name, got := range map[string]*string{"name": token.Name, "email": token.Email, "picture": token.Picture, "sub": &token.Subject, "jti": &token.ID} {
			v, there := rest[name]
			delete(rest, name)
			optional := name != "sub" && name != "jti"
			if token.IsNull(name) != (optional && there && v == nil) {
				t.Fatalf("%s: null %t", name, token.IsNull(name))
			}
			switch v := v.(type) {
			case string:
				if got == nil || *got != v {
					t.Fatalf("%s: got %v, want %q", name, got, v)
				}
			case float64: // the digits of an integer, otherwise nothing
				if got != nil && *got != "" {
					if x, err := strconv.ParseFloat(*got, 64); err != nil || x != v {
						t.Fatalf("%s: got %q, want %v", name, *got, v)
					}
				}
			default:
				if got != nil && *got != "" {
					t.Fatalf("%s: got %q of %T", name, *got, v)
				}
			}
		}
		for name, got := range map[string]int64{"iat": token.IssuedAt, "exp": token.Expires, "nbf": token.NotBefore} {
			x, _ := rest[name].(float64)
			delete(rest, name)
			if float64(got) != math.Floor(x) {
				t.Fatalf("%s: got %d, want %v", name, got, x)
			}
		}
		if len(rest)+len(token.Extra) > 0 && !reflect.DeepEqual(rest, token.Extra) {
			t.Fatalf("Extra: got %#v, want %#v", token.Extra, rest)
		}
		for _, section := range [][]schema.Field{reference.User, reference.Session, reference.Token} {
			for _, field := range section {
				v, there := declared.Extra[field.Name]
				if _, session := reference.SessionField(field.Name); !session && !field.InToken() {
					if _, token := reference.TokenField(field.Name); !token {
						continue
					}
				}
				if field.Name == "name" || field.Name == "id" {
					continue
				}
				if c, err := field.Canon(v); !there || err != nil || !reflect.DeepEqual(c, v) {
					t.Fatalf("%s: %#v is not canonical: %v", field.Name, v, err)
				}
			}
		}

		// Written and read again.
		for s, first := range map[*schema.Schema]*schema.Token{none: token, reference: declared} {
			text := first.AppendClaims(nil)
			if !json.Valid(text) || !utf8.Valid(text) {
				t.Fatalf("not JSON: %s", text)
			}
			second, err := s.DecodeClaims(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if !first.SameClaims(second) || !first.SameClaims(first.Clone()) || first.IssuedAt != second.IssuedAt || first.Expires != second.Expires ||
				first.NotBefore != second.NotBefore || first.ID != second.ID {
				t.Fatalf("%s comes back as %s", text, second.AppendClaims(nil))
			}
			if again := second.AppendClaims(nil); !bytes.Equal(again, text) {
				t.Fatalf("%s is written as %s", text, again)
			}
		}
	})
}

// FuzzCanon checks that canonical values of every kind are unchanged by Canon and
// survive JSON.
func FuzzCanon(f *testing.F) {
	f.Add([]byte("x"), "2026-12-21T12:00:00.123Z", int64(1), 1.5)
	f.Add([]byte(`{"city":"Rom","zip":null}`), "9999-12-31T23:59:59.999999999+00:01", int64(1<<53+1), math.Inf(1))
	f.Add([]byte(`["a",1]`), "admin", int64(-1), math.NaN())
	f.Add([]byte("1"), "\xff", int64(math.MinInt64), 1e300)
	fields := []schema.Field{
		kind(schema.String), kind(schema.Bool), kind(schema.Int), kind(schema.Float), kind(schema.Time), enum("admin", "x"), {Type: address},
		list(schema.String), list(schema.Int), list(schema.Time), {Type: schema.Type{Kind: schema.Object, List: true, Fields: address.Fields}},
		{Type: schema.Type{Kind: schema.Float, Nullable: true}},
	}
	f.Fuzz(func(t *testing.T, b []byte, s string, n int64, x float64) {
		for _, in := range []any{b, s, n, x, json.Number(s), time.UnixMicro(n), []any{b, s, n, x}, []string{s}, []int64{n}, map[string]any{"city": s, "zip": b, "floor": x}, map[string]string{s: s}, json.RawMessage(b), nil} {
			for _, field := range fields {
				v, err := field.Canon(in)
				if err != nil {
					continue
				}
				if again, err := field.Canon(v); err != nil || !reflect.DeepEqual(again, v) {
					t.Fatalf("%#v becomes %#v, %v", v, again, err)
				}
				text := schema.AppendJSON(nil, v)
				read, err := schema.DecodeJSON(text)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				back, err := field.Canon(read)
				if err != nil || !reflect.DeepEqual(back, v) {
					t.Fatalf("%#v comes back from %s as %#v, %v", v, text, back, err)
				}
			}
		}
	})
}

// FuzzNumberText checks that Canon accepts the numbers of JSON and decimal digits
// as text, and nothing else that ParseFloat accepts.
func FuzzNumberText(f *testing.F) {
	for _, text := range []string{
		"0", "-0", "1.5", "1e3", "1E+3", "1e-3", "9007199254740992", "9007199254740993", "1e400", "-", "", "01", "+1", "1.", ".5", "1e", "1e+",
		"0x1p-2", "1_000", "inf", "NaN", " 1", "1 ", "--1", "1.5.5", "0e0", "-0.0", "1.0", "١",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want any
		if v, err := schema.DecodeJSON([]byte(text)); err == nil && text == string(bytes.TrimSpace([]byte(text))) {
			if x, isNumber := v.(float64); isNumber {
				want = x
			}
		}
		for _, in := range []any{[]byte(text), json.Number(text)} {
			if got, _ := kind(schema.Float).Canon(in); got != want {
				t.Errorf("Float from %T %q: %v, want %v", in, text, got, want)
			}
			got, err := kind(schema.Int).Canon(in)
			n, parseErr := strconv.ParseInt(text, 10, 64)
			if parseErr != nil {
				x, isNumber := want.(float64)
				if n = int64(x); !isNumber || x != math.Trunc(x) {
					n = math.MaxInt64
				}
			}
			if fits := n >= -1<<53 && n <= 1<<53; fits != (err == nil) || fits && got != n {
				t.Errorf("Int from %T %q: %v, %v", in, text, got, err)
			}
		}
	})
}
