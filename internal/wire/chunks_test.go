package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/internal/wire"
)

// members are the members of a JSON object, in order.
type members []struct {
	name  string
	value json.RawMessage
}

func (m *members) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		*m = append(*m, struct {
			name  string
			value json.RawMessage
		}{name.(string), value})
	}
	return nil
}

type chunkOut struct {
	Name    string
	Length  int `json:"value_length"`
	Cleared bool
}

func outOf(cookies []wire.SetCookie) []chunkOut {
	out := []chunkOut{}
	for _, c := range cookies {
		out = append(out, chunkOut{c.Name, len(c.Value), c.Clear})
	}
	return out
}

type chunked struct {
	Joined       *string
	JoinedLength int `json:"joined_length"`
	Out          []chunkOut
}

func TestChunkVectors(t *testing.T) {
	// Auth.js joins and clears every cookie whose name begins with the name
	// (WIRE.md section 12 row 3).
	ours := map[string]struct {
		joined string
		out    []chunkOut // nil if the same
	}{
		"stale plain cookie next to chunks is concatenated (bug)":    {"AB", nil},
		"cookie that merely shares the prefix is concatenated (bug)": {"TOKEN", []chunkOut{{"N", 5, false}}},
	}
	var data struct {
		Cases []struct {
			Label  string
			In     members
			Length *int `json:"new_value_length"`
			V5, V4 chunked
		}
	}
	load(t, "cookie-chunking.json", &data)
	if len(data.Cases) == 0 {
		t.Fatal("no vectors")
	}
	seen := 0
	for _, v := range data.Cases {
		test := func(t *testing.T, dialect wire.Dialect, want chunked) {
			var request []wire.Cookie
			for _, m := range v.In {
				var text string
				var long struct{ Length int }
				if json.Unmarshal(m.value, &text) != nil {
					if err := json.Unmarshal(m.value, &long); err != nil {
						t.Fatal(err)
					}
					text = strings.Repeat("v", long.Length)
				}
				request = append(request, wire.Cookie{Name: m.name, Value: text})
			}
			if o, ok := ours[v.Label]; ok {
				seen++
				want.Joined, want.JoinedLength = &o.joined, len(o.joined)
				if o.out != nil {
					want.Out = o.out
				}
			}
			joined := wire.SessionCookie(request, "N")
			if len(joined) != want.JoinedLength || want.Joined != nil && joined != *want.Joined {
				t.Errorf("joined to %d characters, want %d", len(joined), want.JoinedLength)
			}
			var out []wire.SetCookie
			if v.Length == nil {
				out = wire.ClearSessionCookie(nil, request, wire.SetCookie{Name: "N"})
			} else {
				var err error
				out, err = dialect.SetSessionCookie(nil, request, wire.SetCookie{Name: "N", Expires: epoch}, strings.Repeat("t", *v.Length))
				if err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(want.Out, outOf(out)); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		}
		t.Run("v5/"+v.Label, func(t *testing.T) { test(t, wire.V5, v.V5) })
		t.Run("v4/"+v.Label, func(t *testing.T) { test(t, wire.V4, v.V4) })
	}
	if seen != 2*len(ours) {
		t.Errorf("%d of our %d differences have a vector", seen, 2*len(ours))
	}
}

// A session that grows and shrinks, as recorded from Auth.js.
func TestChunkTranscript(t *testing.T) {
	for dialect, file := range map[wire.Dialect]string{wire.V5: "session-chunking-transcript.json", wire.V4: "session-chunking-transcript-v4.json"} {
		t.Run(dialect.String(), func(t *testing.T) { testChunkTranscript(t, dialect, file) })
	}
}

func testChunkTranscript(t *testing.T, dialect wire.Dialect, file string) {
	var data struct {
		Steps []struct {
			Note    string
			Request struct {
				Path    string
				Cookies []string `json:"cookies_sent"`
			}
			Response struct {
				SetCookie []struct {
					Name, Value string
					Attributes  []string
					Length      int
				} `json:"set_cookie"`
				Joined struct{ Sizes []int } `json:"joined_chunks"`
			}
		}
	}
	load(t, file, &data)
	steps := 0
	for _, s := range data.Steps {
		if len(s.Response.SetCookie) == 0 {
			continue
		}
		steps++
		var request []wire.Cookie
		for _, name := range s.Request.Cookies {
			request = append(request, wire.Cookie{Name: name, Value: "x"})
		}
		length := 0
		for _, n := range s.Response.Joined.Sizes {
			length += n
		}
		var want []string
		for _, c := range s.Response.SetCookie {
			if length == 0 {
				length = c.Length
			}
			value := "?"
			if c.Value == "" {
				value = ""
			}
			line := c.Name + "=" + value + "; " + strings.Join(c.Attributes, "; ")
			want = append(want, strings.ReplaceAll(line, "{{http-date now+2592000s}}", "Wed, 21 Oct 2026 14:13:20 GMT"))
		}
		cookies, err := dialect.SetSessionCookie(nil, request, wire.SetCookie{Name: dialect.CookieNames(false).SessionToken, Expires: epoch.Add(30 * 24 * time.Hour)}, strings.Repeat("t", length))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		sizes := []int(nil)
		for _, c := range cookies {
			if !c.Clear {
				sizes = append(sizes, len(c.Value))
				c.Value = "t"
			}
			got = append(got, strings.Replace(string(c.Append(nil)), "=t;", "=?;", 1))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-Auth.js +ours):\n%s", s.Note, diff)
		}
		if s.Response.Joined.Sizes != nil {
			if diff := cmp.Diff(s.Response.Joined.Sizes, sizes); diff != "" {
				t.Errorf("%s: sizes (-Auth.js +ours):\n%s", s.Note, diff)
			}
		}
	}
	if steps < 5 {
		t.Fatalf("%d steps", steps)
	}
}

func TestChunksOfALongerTokenAreCleared(t *testing.T) {
	request := []wire.Cookie{{Name: "N.0", Value: "a"}, {Name: "N.1", Value: "b"}, {Name: "N.2", Value: "c"}, {Name: "other", Value: "d"}}
	got, err := wire.V5.SetSessionCookie(nil, request, wire.SetCookie{Name: "N", Expires: epoch, Secure: true}, "token")
	if err != nil {
		t.Fatal(err)
	}
	want := []wire.SetCookie{
		{Name: "N.0", Clear: true, Secure: true}, {Name: "N.1", Clear: true, Secure: true}, {Name: "N.2", Clear: true, Secure: true},
		{Name: "N", Value: "token", Expires: epoch, Secure: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("3 to 1 (-want +got):\n%s", diff)
	}
}

func TestChunksAreCapped(t *testing.T) {
	long := strings.Repeat("t", wire.V4.ChunkSize()*wire.MaxChunks+1)
	if set, err := wire.V4.SetSessionCookie(nil, nil, wire.SetCookie{Name: "N"}, long); err == nil || len(set) != 0 {
		t.Errorf("v4: %d cookies, %v; want an error and no cookie", len(set), err)
	}
	if set, err := wire.V4.SetSessionCookie(nil, nil, wire.SetCookie{Name: "N"}, long[1:]); err != nil || len(set) != wire.MaxChunks {
		t.Errorf("v4: %d cookies, %v; want %d", len(set), err, wire.MaxChunks)
	}
	most := strings.Repeat("t", wire.MaxTokenSize)
	set, err := wire.V5.SetSessionCookie(nil, nil, wire.SetCookie{Name: "N"}, most)
	if err != nil || len(set) != wire.MaxChunks {
		t.Fatalf("%d cookies, %v; want %d", len(set), err, wire.MaxChunks)
	}
	var request []wire.Cookie
	for _, c := range set {
		request = append(request, wire.Cookie{Name: c.Name, Value: c.Value})
	}
	if got := wire.SessionCookie(request, "N"); got != most {
		t.Errorf("%d characters come back, want %d", len(got), len(most))
	}
	// One more is rejected, and nothing is written.
	before := []wire.SetCookie{{Name: "x"}}
	if set, err = wire.V5.SetSessionCookie(before, request, wire.SetCookie{Name: "N"}, most+"t"); err == nil || len(set) != 1 {
		t.Errorf("%d cookies, %v; want an error and no cookie", len(set), err)
	}
	if got := wire.SessionCookie(append(request, wire.Cookie{Name: "N.16", Value: "t"}), "N"); got != "" {
		t.Errorf("17 chunks are read as %d characters", len(got))
	}
	if got := wire.SessionCookie([]wire.Cookie{{Name: "N", Value: most + "t"}}, "N"); got != "" {
		t.Errorf("a cookie that is too long is read as %d characters", len(got))
	}
	for i := range request {
		request[i].Value += "t"
	}
	if got := wire.SessionCookie(request, "N"); got != "" {
		t.Errorf("chunks that are too long are read as %d characters", len(got))
	}
}

func TestSessionCookie(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{"", ""},
		{"N=", ""},
		{"N=a", "a"},
		{"N=a; N=b", "a"},
		{"N=; N=b", ""},
		{"N.0=a", "a"},
		{"N.1=b; N.0=a", "ab"},
		{"N.0=a; N.0=x; N.1=b", "ab"},
		{"N=p; N.0=a; N.1=b", "ab"},
		// With a gap the plain cookie is used, if any.
		{"N=p; N.1=b", "p"},
		{"N=p; N.0=a; N.2=c", "p"},
		{"N.0=a; N.2=c", ""},
		{"N=p; N.0=a; N.16=x", "p"},
		{"N=p; N.0=a; N.9999=x", "p"},
		// Other names.
		{"N-x=1; Nx=2; N.=3; N.x=4; N.0x=5; N.-1=6; N.+1=7; N.0.0=8; n=9; xN=10; N.٠=11; N. 0=12; N.:=13; .0=14", ""},
		{"N=p; N-x=1; N.00=2; N.01=3; N.00000=4; N.10000=5; N.99999999999999999999=6", "p"},
		{"N.0=a; N.01=x; N.00=x", "a"},
		// Encoded, as by some proxies.
		{"N=a%2Eb", "a.b"},
		{"N.0=a%2E; N.1=%2Eb", "a..b"},
		{"N=%", "%"},
	} {
		if got := wire.SessionCookie(wire.ParseCookies(nil, []string{c.header}), "N"); got != c.want {
			t.Errorf("%s: %q, want %q", c.header, got, c.want)
		}
	}
}

func TestClearSessionCookie(t *testing.T) {
	request := wire.ParseCookies(nil, []string{"N.007=1; N=2; N.0=3; N=4; N.007=5; N.10000=6; N.x=7; Nx=8; N-1=9; n=10; N.:=11; .0=12"})
	var got []string
	for _, c := range wire.ClearSessionCookie(nil, request, wire.SetCookie{Name: "N", Secure: true}) {
		got = append(got, string(c.Append(nil)))
	}
	var want []string
	for _, name := range []string{"N.007", "N", "N.0"} {
		want = append(want, name+"=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cleared (-want +got):\n%s", diff)
	}
}

// Every cookie has room for its attributes, whatever attributes like has.
func TestSessionCookieSize(t *testing.T) {
	like := wire.SetCookie{Name: strings.Repeat("n", 256), Value: "old", Clear: true, Domain: strings.Repeat("d", 200), Expires: epoch, Secure: true}
	set, err := wire.V5.SetSessionCookie(nil, nil, like, strings.Repeat("t", 10*3000))
	if err != nil {
		t.Fatal(err)
	}
	if len(set) != 9 {
		t.Errorf("%d cookies", len(set))
	}
	for i, c := range set {
		size := len(c.Append(nil))
		if c.Clear || size > 4096 {
			t.Errorf("%d bytes, cleared %t", size, c.Clear)
		}
		if i == 0 && size != 4095 { // there is room for an index of two digits
			t.Errorf("the first cookie has %d bytes, so there is room left", size)
		}
	}
}

// Whatever the cookies of a request, a browser that applies the response sends
// the new token and nothing else.
func TestChunkTransitions(t *testing.T) {
	sizes := []int{0, 1, wire.V5.ChunkSize(), wire.V5.ChunkSize() + 1, 2 * wire.V5.ChunkSize(), 3*wire.V5.ChunkSize() + 5, wire.MaxTokenSize}
	for _, from := range sizes {
		for _, to := range sizes {
			t.Run(fmt.Sprintf("%d to %d", from, to), func(t *testing.T) {
				jar := browser{}
				for i, size := range []int{from, to} {
					token := strings.Repeat(string(rune('a'+i)), size)
					set, err := wire.V5.SetSessionCookie(nil, jar.cookies(), wire.SetCookie{Name: "N", Expires: epoch}, token)
					if err != nil {
						t.Fatal(err)
					}
					jar.obey(set)
					if got := wire.SessionCookie(jar.cookies(), "N"); got != token {
						t.Fatalf("%d characters come back, want %d", len(got), size)
					}
				}
				jar.obey(wire.ClearSessionCookie(nil, jar.cookies(), wire.SetCookie{Name: "N"}))
				if len(jar) != 0 {
					t.Errorf("%d cookies are left", len(jar))
				}
			})
		}
	}
}

// browser is the cookie store of a browser.
type browser []wire.Cookie

func (b browser) cookies() []wire.Cookie { return b }

func (b *browser) obey(set []wire.SetCookie) {
	for _, s := range set {
		var kept browser
		for _, c := range *b {
			if c.Name != s.Name {
				kept = append(kept, c)
			}
		}
		if !s.Clear {
			kept = append(kept, wire.Cookie{Name: s.Name, Value: s.Value})
		}
		*b = kept
	}
}
