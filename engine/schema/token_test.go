package schema_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine/schema"
)

func decode(t testing.TB, s *schema.Schema, text string) *schema.Token {
	t.Helper()
	token, err := s.DecodeClaims([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return token
}

// Claims that were read are written again, in a fixed order.
func TestClaimsWritten(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{}`, `{}`},
		{
			` { "jti" : "j" , "exp":3,"iat":2,"nbf":1,"z":1,"a":[],"sub":"s","picture":"p","email":"e","name":"n" } `,
			`{"name":"n","email":"e","picture":"p","sub":"s","a":[],"z":1,"nbf":1,"iat":2,"exp":3,"jti":"j"}`,
		},
		{`{"name":null,"email":null,"picture":null,"sub":null,"jti":null}`, `{"name":null,"email":null,"picture":null}`},
		{`{"name":"","email":"","sub":""}`, `{"name":"","email":""}`},
		{`{"a":null,"b":{"y":[1,"2",true,null],"x":{}}}`, `{"a":null,"b":{"x":{},"y":[1,"2",true,null]}}`},
		{`{"n":"\u003cb\u003e\u2028\u0001\ud83d\ude80\/\"\\\b\f\n\r\t\u007f"}`, `{"n":"<b>` + "\u2028" + `\u0001🚀/\"\\\b\f\n\r\t` + "\x7f" + `"}`},
		{`{"q":"\u00e9\u00C9\uABCD","n":"\ud800","m":"\udc00x","o":"\ud800\u0041","p":"\ud800\ud83d\ude80"}`, "{\"m\":\"\ufffdx\",\"n\":\"\ufffd\",\"o\":\"\ufffdA\",\"p\":\"\ufffd🚀\",\"q\":\"éÉ\uabcd\"}"},
		{`{"a":"\n x","b":"\ud800xxdc00","c":"\uaFfA"}`, "{\"a\":\"\\n x\",\"b\":\"\ufffdxxdc00\",\"c\":\"\uaffa\"}"},
		{`{"a":1e21,"b":1E-7,"c":-0,"d":1.50,"e":100000000000000000000}`, `{"a":1e+21,"b":1e-7,"c":0,"d":1.5,"e":100000000000000000000}`},
		{`{"exp":12.9,"iat":-12.1,"nbf":1.5e3}`, `{"nbf":1500,"iat":-13,"exp":12}`},
		// Claims that are not strings.
		{`{"sub":42,"name":12345678901234567890,"jti":-1}`, `{"name":"12345678901234567890","sub":"42","jti":"-1"}`},
		{`{"sub":{"a":1},"name":true,"email":1.5,"picture":["x"],"jti":1e3}`, `{}`},
	} {
		got := decode(t, nil, c.in)
		if out := string(got.AppendClaims([]byte("> "))); out != "> "+c.want {
			t.Errorf("%s\n got %s\nwant > %s", c.in, out, c.want)
		}
		if again := decode(t, nil, c.want); !again.SameClaims(got) || !got.SameClaims(again) {
			t.Errorf("%s: not the same claims when read again", c.in)
		}
	}
}

var deep = strings.Repeat(`[`, schema.MaxDepth) + strings.Repeat(`]`, schema.MaxDepth)

// refusedClaims and acceptedClaims are also seeds of FuzzClaims, which compares
// DecodeJSON with encoding/json.
var (
	refusedClaims = []string{
		``, ` `, `null`, `[]`, `"x"`, `1`, `{`, `}`, `{}}`, `{} x`, `{},`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{a:1}`, `{'a':1}`, `{"a":1;}`,
		`{"a":01}`, `{"a":+1}`, `{"a":.5}`, `{"a":1.}`, `{"a":1e}`, `{"a":1e+}`, `{"a":-}`, `{"a":0x1}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":1_0}`, `{"a":1e400}`, `{"a":-1e999}`,
		`{"a":tru}`, `{"a":nul}`, `{"a":True}`, `{"a":undefined}`, `{"a":"}`, `{"a":"x`, `{"a":"\`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12`, `{"a":"\ud800\u12"}`, `{"a":{"b":{}`, `{"a":{"b":}}`, `{"a":"\u12g4"}`, `{"a":"\U0041"}`,
		"{\"a\":\"\n\"}", "{\"a\":\"\\n\x00\"}", "{\"a\x01\":1}", "{\"a\":\"\xff\"}", "{\"\xc3\":1}", "{\"a\":\"\xed\xa0\x80\"}", "\xef\xbb\xbf{}", "{}\x00", "{\"a\":1\v}", "{\u00a0}",
		`{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{"a":[}`, `{"a":[1}`, `{"a":{"b":1,"b":1}}`, `{"a":{"b":1,"\u0062":1}}`, `{"a":1,"a":1}`, `{"a":null,"\u0061":null}`,
		`{"name":"a","name":"a"}`, `{"name":null,"name":"a"}`, `{"sub":"a","sub":"b"}`, `{"jti":"a","jti":"a"}`, `{"exp":1,"exp":1}`, `{"na\u006de":"a","name":"b"}`,
		`{"exp":"1"}`, `{"exp":null}`, `{"exp":true}`, `{"exp":[1]}`, `{"exp":{}}`, `{"exp":1e300}`, `{"exp":-1e300}`, `{"exp":253402300800}`, `{"exp":-253402300800}`,
		`{"exp":253402300799.5e3}`, `{"iat":"1"}`, `{"iat":null}`, `{"nbf":false}`, `{"exp":01}`, `{"exp":}`,
		`{"name":tru}`, `{"name":[1}`, `{"sub":1x}`, `{"name":1e400}`,
		`{"a":` + deep + `}`, `{"name":` + deep + `}`, strings.Repeat(`{"a":`, schema.MaxDepth+1) + `1` + strings.Repeat(`}`, schema.MaxDepth+1), strings.Repeat(`[`, 1<<20), strings.Repeat(`{"a":`, 1<<18),
		`{"name":`, `{"sub": `, `{"a":`, `{"exp":`, `{"a":"\n`, `{"a":trux}`, `{"a":falsx}`, `{"a":nulx}`, `{"a":1:}`,
		`{"a":"\u00/0"}`, `{"a":"\u00:0"}`, "{\"a\":\"\\u00`0\"}", `{"a":"\u00g0"}`, `{"a":"\u00@0"}`, `{"a":"\u00G0"}`,
	}
	acceptedClaims = []string{
		`{"a":[1, 2 , 3 ]}`,
		`{"a":` + deep[1:len(deep)-1] + `}`, strings.Repeat(`{"a":`, schema.MaxDepth) + `1` + strings.Repeat(`}`, schema.MaxDepth), `{"exp":253402300799}`, `{"exp":-253402300799}`,
		`{"a":[[],[],{},{"b":[]}]}`, `{"a":[[]` + strings.Repeat(`,[],{}`, schema.MaxDepth) + `]}`, "\t\r\n {} \t\r\n", `{"":1}`, `{"a":1e-400}`,
	}
)

func TestClaimsRefused(t *testing.T) {
	for _, in := range refusedClaims {
		for _, s := range []*schema.Schema{nil, reference} {
			if token, err := s.DecodeClaims([]byte(in)); err == nil || token != nil {
				t.Errorf("%.60q is read as %+v", in, token)
			}
		}
	}
	for _, in := range acceptedClaims {
		decode(t, nil, in)
	}
}

func TestDeclaredClaims(t *testing.T) {
	zero := map[string]any{
		"role": "member", "orgId": nil, "permissions": []any{}, "mfa": false, "trialEndsAt": nil, "address": emptyAddress, "locale": "en", "score": 0.0,
		"theme": "system", "visits": int64(0), "tenantKey": nil, "https://example.com/roles": []any{},
	}
	with := func(changes map[string]any) map[string]any {
		m := map[string]any{}
		for k, v := range zero {
			m[k] = v
		}
		for k, v := range changes {
			m[k] = v
		}
		return m
	}
	for _, c := range []struct {
		in   string
		want map[string]any
	}{
		{`{}`, zero},
		{
			`{"role":"editor","orgId":"acme","permissions":["a","b"],"mfa":true,"trialEndsAt":"2026-12-21T12:00:00.123Z","address":{"city":"Rom","geo":{"lat":1}},"locale":"de","score":2,
			  "theme":"dark","visits":9007199254740991,"tenantKey":"k","https://example.com/roles":["x"]}`,
			map[string]any{
				"role": "editor", "orgId": "acme", "permissions": []any{"a", "b"}, "mfa": true, "trialEndsAt": noon,
				"address": map[string]any{"city": "Rom", "zip": nil, "floor": int64(1), "geo": map[string]any{"lat": 1.0}}, "locale": "de", "score": 2.0,
				"theme": "dark", "visits": int64(9007199254740991), "tenantKey": "k", "https://example.com/roles": []any{"x"},
			},
		},
		// Invalid values are replaced by the default.
		{`{"role":"owner","orgId":7,"permissions":["a","b","c","d"],"mfa":1.0,"trialEndsAt":"soon","address":[],"locale":"a-locale-that-is-too-long","score":"1","theme":null,"visits":1.5,"tenantKey":{}}`, zero},
		{`{"mfa":1,"visits":"1","role":""}`, zero},
		// No digit is lost: 2^53+1 is not 2^53.
		{`{"visits":9007199254740993}`, zero},
		{`{"visits":1e400}`, nil},
		// Earlier names.
		{`{"org":"old"}`, with(map[string]any{"orgId": "old"})},
		{`{"orgID":"older","org":"old"}`, with(map[string]any{"orgId": "old"})},
		{`{"org":1,"orgID":"older"}`, with(map[string]any{"orgId": "older"})},
		{`{"org":"old","orgId":"new"}`, with(map[string]any{"orgId": "new"})},
		{`{"org":"old","orgId":null}`, with(nil)},
		{`{"org":"old","orgId":7}`, with(map[string]any{"orgId": "old"})},
		{`{"address":{"town":"Ulm"}}`, with(map[string]any{"address": map[string]any{"city": "Ulm", "zip": nil, "floor": int64(1), "geo": map[string]any{"lat": 0.0}}})},
		// Undeclared claims are kept; hidden user fields are not claims.
		{`{"x":1,"y":[{"z":null}],"loginCount":3,"stripeCustomerId":7}`, with(map[string]any{"x": 1.0, "y": []any{map[string]any{"z": nil}}, "loginCount": 3.0, "stripeCustomerId": 7.0})},
	} {
		got, err := reference.DecodeClaims([]byte(c.in))
		if c.want == nil {
			if err == nil {
				t.Errorf("%s is accepted", c.in)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if diff := cmp.Diff(c.want, got.Extra); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.in, diff)
		}
		again := decode(t, reference, string(got.AppendClaims(nil)))
		if diff := cmp.Diff(got.Extra, again.Extra); diff != "" || !again.SameClaims(got) {
			t.Errorf("%s written and read (-first +second):\n%s", c.in, diff)
		}
	}
	// A schema that Validate rejects does no harm.
	odd := &schema.Schema{Token: []schema.Field{{Name: "name"}, {Name: "exp"}, {}}}
	if got := decode(t, odd, `{"name":"n","exp":5}`); *got.Name != "n" || got.Expires != 5 || len(got.Extra) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestDrift(t *testing.T) {
	s := &schema.Schema{Token: []schema.Field{
		{Name: "n", Type: schema.Type{Kind: schema.Int}, Was: []string{"old", "older"}}, {Name: "s", Type: schema.Type{Nullable: true}},
	}}
	misfit := errors.New("n: got a larger number, want a whole number within ±2^53")
	for _, c := range []struct {
		in   string
		n    int64
		want []schema.Drift
	}{
		{`{"n":1,"s":null}`, 1, nil},
		{`{"n":1}`, 1, []schema.Drift{{Field: "s"}}},
		{`{"s":"x"}`, 0, []schema.Drift{{Field: "n"}}},
		{`{"old":2,"s":"x"}`, 2, []schema.Drift{{Field: "n", Was: "old"}}},
		{`{"older":3,"old":2,"s":"x"}`, 2, []schema.Drift{{Field: "n", Was: "old"}}},
		{`{"n":1,"old":2,"s":"x"}`, 1, nil},
		{`{"n":9007199254740993,"s":"x"}`, 0, []schema.Drift{{Field: "n", Err: misfit}}},
		{`{"n":9007199254740993,"old":2,"s":"x"}`, 2, []schema.Drift{{Field: "n", Was: "old"}}},
		{`{"old":9007199254740993,"s":"x"}`, 0, []schema.Drift{{Field: "n", Was: "old", Err: misfit}}},
	} {
		token := decode(t, s, c.in)
		sameText := cmp.Comparer(func(a, b error) bool { return a == b || a != nil && b != nil && a.Error() == b.Error() })
		if diff := cmp.Diff(c.want, token.Drift(), sameText); diff != "" || token.Extra["n"] != c.n || len(token.Extra) != 2 {
			t.Errorf("%s: %v (-want +got):\n%s", c.in, token.Extra, diff)
		}
	}
}

func TestNull(t *testing.T) {
	token := decode(t, nil, `{"name":null,"email":"e"}`)
	for claim, want := range map[string]bool{"name": true, "email": false, "picture": false, "sub": false, "": false} {
		if got := token.IsNull(claim); got != want {
			t.Errorf("IsNull(%s) = %t", claim, got)
		}
	}
	name := "n"
	token.Name = &name
	if token.IsNull("name") {
		t.Error("a name is null")
	}
	token.Name = nil
	if !token.IsNull("name") {
		t.Error("a name that is taken away again is not null")
	}
	token.SetNull("email", true)
	token.SetNull("name", false)
	token.SetNull("sub", true)
	if got := string(token.AppendClaims(nil)); got != `{"email":null}` || token.Email != nil {
		t.Errorf("%s", got)
	}
	token.Email = &name
	token.SetNull("email", false)
	if got := string(token.AppendClaims(nil)); got != `{"email":"n"}` {
		t.Errorf("%s", got)
	}
}

func TestCloneAndSameClaims(t *testing.T) {
	var none *schema.Token
	if none.Clone() != nil || !none.SameClaims(nil) || none.SameClaims(&schema.Token{}) || (&schema.Token{}).SameClaims(nil) {
		t.Error("nil")
	}
	const text = `{"name":"n","email":null,"sub":"s","a":[1,{"b":"c"}],"d":"e","nbf":1,"iat":2,"exp":3,"jti":"j"}`
	token := decode(t, reference, text)
	before := string(token.AppendClaims(nil))
	same := func(what string, want bool, change func(*schema.Token)) {
		t.Helper()
		c := token.Clone()
		if !c.SameClaims(token) || !reflect.DeepEqual(c, token) {
			t.Fatal("a clone is not the same")
		}
		change(c)
		if c.SameClaims(token) != want || token.SameClaims(c) != want {
			t.Errorf("%s: same %t, want %t", what, !want, want)
		}
		if got := string(token.AppendClaims(nil)); got != before {
			t.Fatalf("%s: the original has become %s", what, got)
		}
	}
	other := "o"
	same("nothing", true, func(c *schema.Token) {})
	same("times and id", true, func(c *schema.Token) { c.IssuedAt, c.Expires, c.NotBefore, c.ID = 9, 9, 9, "9" })
	same("name through the pointer", false, func(c *schema.Token) { *c.Name = "x" })
	same("name", false, func(c *schema.Token) { c.Name = &other })
	same("name away", false, func(c *schema.Token) { c.Name = nil })
	same("name null", false, func(c *schema.Token) { c.SetNull("name", true) })
	same("email absent", false, func(c *schema.Token) { c.SetNull("email", false) })
	same("picture null", false, func(c *schema.Token) { c.SetNull("picture", true) })
	same("picture", false, func(c *schema.Token) { c.Picture = &other })
	same("subject", false, func(c *schema.Token) { c.Subject = "x" })
	same("extra", false, func(c *schema.Token) { c.Extra["d"] = "x" })
	same("extra of another type", false, func(c *schema.Token) { c.Extra["d"] = 1 })
	same("extra more", false, func(c *schema.Token) { c.Extra["x"] = nil })
	same("extra less", false, func(c *schema.Token) { delete(c.Extra, "d") })
	same("extra another", false, func(c *schema.Token) { delete(c.Extra, "d"); c.Extra["x"] = "e" })
	same("deep in a list", false, func(c *schema.Token) { c.Extra["a"].([]any)[1].(map[string]any)["b"] = "x" })
	same("list item", false, func(c *schema.Token) { c.Extra["a"].([]any)[0] = 2.0 })
	same("the same as Go has it", true, func(c *schema.Token) { c.Extra["a"] = []any{1, map[string]string{"b": "c"}} })
	same("time as text", true, func(c *schema.Token) { c.Extra["visits"] = 0 })
	if c := (&schema.Token{}).Clone(); c.Extra != nil {
		t.Error("a clone of no extra has some")
	}
	a, b := &schema.Token{Extra: map[string]any{"t": noon}}, &schema.Token{Extra: map[string]any{"t": noon.In(time.FixedZone("", 3600))}}
	if !a.SameClaims(b) {
		t.Error("one instant in two zones is not the same")
	}
}

// Extra cannot replace a claim that has a field.
func TestExtraCannotReplaceFields(t *testing.T) {
	token := &schema.Token{Subject: "s", Extra: map[string]any{"sub": "evil", "exp": 9e9, "name": "evil", "nbf": 1, "iat": 1, "jti": "x", "email": "x", "picture": "x", "ok": 1}}
	if got := string(token.AppendClaims(nil)); got != `{"sub":"s","ok":1}` {
		t.Errorf("%s", got)
	}
}

func TestAppendJSON(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, `null`}, {true, `true`}, {false, `false`}, {"", `""`}, {"a\xffb\xc3", "\"a\ufffdb\ufffd\""}, {"\x00\x1f\x7f", `"\u0000\u001f` + "\x7f" + `"`},
		{int64(math.MinInt64), `-9223372036854775808`}, {int64(7), `7`},
		{0.0, `0`}, {math.Copysign(0, -1), `0`}, {1.0, `1`}, {-1.5, `-1.5`}, {0.1, `0.1`}, {123456789012345680000.0, `123456789012345680000`}, {1e20, `100000000000000000000`}, {1e21, `1e+21`},
		{1.5e300, `1.5e+300`}, {0.000001, `0.000001`}, {1e-7, `1e-7`}, {-1.25e-7, `-1.25e-7`}, {1e-10, `1e-10`}, {1e-100, `1e-100`}, {5e-324, `5e-324`}, {math.MaxFloat64, `1.7976931348623157e+308`},
		{math.NaN(), `null`}, {math.Inf(1), `null`}, {math.Inf(-1), `null`},
		{noon, `"2026-12-21T12:00:00.123Z"`}, {noon.Add(time.Hour + 999*time.Microsecond).In(time.FixedZone("", 3600)), `"2026-12-21T13:00:00.123Z"`}, {time.Time{}, `"0001-01-01T00:00:00.000Z"`},
		{[]any{}, `[]`}, {[]any(nil), `[]`}, {[]any{nil, []any{1.0}}, `[null,[1]]`}, {map[string]any{}, `{}`}, {map[string]any(nil), `{}`}, {map[string]any{"b": 1.0, "a": nil, "<": "<"}, `{"<":"<","a":null,"b":1}`},
		// Not canonical.
		{7, `7`}, {[]string{"<&>"}, `["<&>"]`}, {map[string]int{"b": 1, "a": 2}, `{"a":2,"b":1}`}, {json.Number("1.50"), `1.50`}, {role("x"), `"x"`}, {(*int)(nil), `null`}, {func() {}, `null`}, {make(chan int), `null`},
	} {
		if got := string(schema.AppendJSON([]byte(">"), c.in)); got != ">"+c.want {
			t.Errorf("%#v: got %s, want >%s", c.in, got, c.want)
		}
	}
}

func TestDecodeClaimsAllocations(t *testing.T) {
	text := []byte(`{"name":"Ada Lovelace","email":"ada@example.com","picture":"https://img.example.com/ada.png","sub":"8a6e0804","iat":1790000000,"exp":1792592000,"jti":"3851854c"}`)
	got := testing.AllocsPerRun(100, func() {
		if _, err := (*schema.Schema)(nil).DecodeClaims(text); err != nil {
			t.Fatal(err)
		}
	})
	if got > 2 {
		t.Errorf("%v allocations for the default claims, want at most 2", got)
	}
}

func BenchmarkDecodeClaims(b *testing.B) {
	for _, c := range []struct {
		name   string
		schema *schema.Schema
		text   string
	}{
		{"default", nil, `{"name":"Ada Lovelace","email":"ada@example.com","picture":"https://img.example.com/ada.png","sub":"8a6e0804-2bd0-4672-b79d-d97027f9071a","iat":1790000000,"exp":1792592000,"jti":"3851854c-ec97-4bb2-a857-22ef7592a0e2"}`},
		{"declared", reference, `{"name":"Ada","sub":"8a6e0804","role":"editor","orgId":"acme","permissions":["a","b"],"mfa":true,"trialEndsAt":"2026-12-21T12:00:00.123Z","address":{"city":"Rom","geo":{"lat":1}},"locale":"de","score":2,"theme":"dark","visits":3,"tenantKey":"k","iat":1790000000,"exp":1792592000,"jti":"3851854c"}`},
	} {
		text := []byte(c.text)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.schema.DecodeClaims(text); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/encoding/json", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var m map[string]any
				if err := json.Unmarshal(text, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
		token, err := c.schema.DecodeClaims(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name+"/append", func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = token.AppendClaims(buf[:0])
			}
		})
	}
}
