package wire_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/internal/wire"
)

func TestCookieVectors(t *testing.T) {
	type set map[string]struct {
		Name    string
		Options struct {
			HTTPOnly bool
			SameSite string
			Path     string
			Secure   bool
			MaxAge   int
			Domain   string
		}
	}
	var data struct {
		V5, V4     struct{ HTTP, HTTPS set }
		Serialised []string
		Parse      []struct {
			Note, Header string
			V5, V4       map[string]string
		}
	}
	load(t, "cookies.json", &data)
	for _, v := range []struct {
		dialect wire.Dialect
		secure  bool
		want    set
	}{{wire.V5, false, data.V5.HTTP}, {wire.V5, true, data.V5.HTTPS}, {wire.V4, false, data.V4.HTTP}, {wire.V4, true, data.V4.HTTPS}} {
		secure, want := v.secure, v.want
		n := v.dialect.CookieNames(secure)
		got := map[string]string{
			"sessionToken": n.SessionToken, "callbackUrl": n.CallbackURL, "csrfToken": n.CSRFToken, "pkceCodeVerifier": n.PKCECodeVerifier,
			"state": n.State, "nonce": n.Nonce, "webauthnChallenge": n.Challenge,
		}
		if v.dialect == wire.V4 {
			delete(got, "webauthnChallenge") // next-auth 4 does not have it
		}
		if len(want) != len(got) {
			t.Fatalf("%d cookies, want %d", len(got), len(want))
		}
		for purpose, c := range want {
			if got[purpose] != c.Name {
				t.Errorf("%s is called %s, want %s", purpose, got[purpose], c.Name)
			}
			// Every SetCookie has these attributes.
			o := c.Options
			if !o.HTTPOnly || o.SameSite != "lax" || o.Path != "/" || o.Secure != secure || o.Domain != "" {
				t.Errorf("%s has other attributes: %+v", purpose, o)
			}
		}
	}

	ours := []string{
		string(wire.SetCookie{Name: secureNames.SessionToken, Value: "tok", Expires: epoch, Secure: true}.Append(nil)),
		string(wire.SetCookie{Name: secureNames.SessionToken, Value: "ignored", Expires: epoch, MaxAge: 9, Clear: true, Secure: true}.Append(nil)),
		string(wire.SetCookie{Name: plainNames.CallbackURL, Value: "http://localhost:3000/a b?x=1&y=2#z"}.Append(nil)),
	}
	if diff := cmp.Diff(data.Serialised, ours); diff != "" {
		t.Errorf("Set-Cookie (-Auth.js +ours):\n%s", diff)
	}

	if len(data.Parse) == 0 {
		t.Fatal("no vectors")
	}
	// The parser of v4 strips quotes and drops __proto__. This one follows v5 for
	// both, because cookies of next-auth have neither.
	ours4 := map[string]bool{"quotes": true, "prototype name": true}
	for _, v := range data.Parse {
		if diff := cmp.Diff(v.V5, v.V4); (diff != "") != ours4[v.Note] {
			t.Errorf("%s: v4 differs from v5: %s", v.Note, diff)
		}
		cookies := wire.ParseCookies(nil, []string{v.Header})
		got := map[string]string{}
		for _, c := range cookies {
			got[c.Name], _ = wire.CookieValue(cookies, c.Name)
		}
		if diff := cmp.Diff(v.V5, got); diff != "" {
			t.Errorf("%s: %s (-Auth.js +ours):\n%s", v.Note, v.Header, diff)
		}
	}
}

func TestCookiesHaveSafeAttributes(t *testing.T) {
	at := epoch.Add(15 * time.Minute)
	const (
		expires = "Mon, 21 Sep 2026 14:28:20 GMT"
		tail    = "; HttpOnly; SameSite=Lax"
		secure  = "; HttpOnly; Secure; SameSite=Lax"
	)
	for _, c := range []struct {
		cookie wire.SetCookie
		want   string
	}{
		{wire.SetCookie{Name: plainNames.SessionToken, Value: "t", Expires: at}, "authjs.session-token=t; Path=/; Expires=" + expires + tail},
		{wire.SetCookie{Name: plainNames.CSRFToken, Value: "a|b"}, "authjs.csrf-token=a%7Cb; Path=/" + tail},
		{wire.SetCookie{Name: plainNames.CallbackURL, Value: "/x"}, "authjs.callback-url=%2Fx; Path=/" + tail},
		{wire.SetCookie{Name: plainNames.State, Value: "s", MaxAge: 900, Expires: at}, "authjs.state=s; Max-Age=900; Path=/; Expires=" + expires + tail},
		{wire.SetCookie{Name: plainNames.PKCECodeVerifier, Value: "p", MaxAge: 900, Expires: at}, "authjs.pkce.code_verifier=p; Max-Age=900; Path=/; Expires=" + expires + tail},
		{wire.SetCookie{Name: plainNames.Nonce, Value: "n", Expires: at}, "authjs.nonce=n; Path=/; Expires=" + expires + tail},
		{wire.SetCookie{Name: secureNames.SessionToken, Value: "t", Expires: at, Secure: true}, "__Secure-authjs.session-token=t; Path=/; Expires=" + expires + secure},
		{wire.SetCookie{Name: secureNames.CSRFToken, Value: "a|b", Secure: true}, "__Host-authjs.csrf-token=a%7Cb; Path=/" + secure},
		{wire.SetCookie{Name: secureNames.CallbackURL, Value: "/x", Secure: true}, "__Secure-authjs.callback-url=%2Fx; Path=/" + secure},
		{wire.SetCookie{Name: secureNames.State, Value: "s", MaxAge: 900, Expires: at, Secure: true}, "__Secure-authjs.state=s; Max-Age=900; Path=/; Expires=" + expires + secure},
		{wire.SetCookie{Name: secureNames.PKCECodeVerifier, Value: "p", MaxAge: 900, Expires: at, Secure: true}, "__Secure-authjs.pkce.code_verifier=p; Max-Age=900; Path=/; Expires=" + expires + secure},
		{wire.SetCookie{Name: secureNames.Nonce, Value: "n", Expires: at, Secure: true}, "__Secure-authjs.nonce=n; Path=/; Expires=" + expires + secure},
		{wire.SetCookie{Name: plainNames.State, Clear: true}, "authjs.state=; Max-Age=0; Path=/" + tail},
		{wire.SetCookie{Name: secureNames.State, Clear: true, Secure: true}, "__Secure-authjs.state=; Max-Age=0; Path=/" + secure},
		{wire.SetCookie{Name: "n", Value: "v", Domain: "example.com", Secure: true, Partitioned: true, SameSite: "None"}, "n=v; Domain=example.com; Path=/; HttpOnly; Secure; Partitioned; SameSite=None"},
		{wire.SetCookie{Name: "n", Domain: "example.com", Clear: true, SameSite: "Strict"}, "n=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; SameSite=Strict"},
		{wire.SetCookie{Name: "n", MaxAge: 1}, "n=; Max-Age=1; Path=/" + tail},
		{wire.SetCookie{Name: "n", MaxAge: -1}, "n=; Path=/" + tail},
		// An Expires in another time zone is written in GMT.
		{wire.SetCookie{Name: "n", Expires: at.In(time.FixedZone("", 3600))}, "n=; Path=/; Expires=" + expires + tail},
	} {
		if got := string(c.cookie.Append([]byte("> "))); got != "> "+c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
}

func TestCSRFCookieHasTheHostPrefix(t *testing.T) {
	for _, clear := range []bool{false, true} {
		got := string(wire.SetCookie{Name: secureNames.CSRFToken, Value: "x; Domain=evil.example", Clear: clear, Secure: true}.Append(nil))
		if !strings.HasPrefix(got, "__Host-") || strings.Contains(got, "Domain=") || !strings.Contains(got, "; Path=/;") || !strings.Contains(got, "; Secure;") {
			t.Errorf("%s", got)
		}
	}
}

func TestSecureNamesOnHTTPSOnly(t *testing.T) {
	cookies := wire.ParseCookies(nil, []string{strings.Join([]string{
		plainNames.SessionToken + "=plain", "__secure-authjs.session-token=case", "__SECURE-authjs.session-token=case",
		"__Secure-Authjs.session-token=case", secureNames.SessionToken + "=secure", secureNames.SessionToken + "=second",
	}, "; ")})
	if got := wire.SessionCookie(cookies, secureNames.SessionToken); got != "secure" {
		t.Errorf("the session is %q, want the one of the secure name", got)
	}
	if got := wire.SessionCookie(cookies[:4], secureNames.SessionToken); got != "" {
		t.Errorf("without the secure name the session is %q, want none", got)
	}
	if got, ok := wire.CookieValue(cookies[:4], secureNames.SessionToken); ok {
		t.Errorf("a look-alike is read as %q", got)
	}
	if got := wire.SessionCookie(cookies, plainNames.SessionToken); got != "plain" {
		t.Errorf("the plain session is %q", got)
	}
}

// Values survive encoding and decoding.
func TestCookieValueRoundTrip(t *testing.T) {
	for _, value := range []string{"", "a", "a b", `"q"`, "a=b", "a|b", "a;b,c", "%", "%41", "100%", "é山🚀", "\x00\n\r\x7f", "-_.!~*'()", strings.Repeat("x", 5000)} {
		header := string(wire.SetCookie{Name: "n", Value: value}.Append(nil))
		pair, _, _ := strings.Cut(header, ";")
		got, ok := wire.CookieValue(wire.ParseCookies(nil, []string{pair}), "n")
		if !ok || got != value {
			t.Errorf("%q comes back as %q, %t (%s)", value, got, ok, pair)
		}
		if value := strings.TrimPrefix(pair, "n="); strings.ContainsAny(value, " \",;\\\r\n\x00") {
			t.Errorf("%q is not a cookie value", value)
		}
	}
	// encodeURIComponent of the printable ASCII characters.
	const ascii = "%20!%22%23%24%25%26'()*%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F%40ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~"
	var all []byte
	for c := byte(' '); c <= '~'; c++ {
		all = append(all, c)
	}
	if got, _, _ := strings.Cut(string(wire.SetCookie{Name: "n", Value: string(all)}.Append(nil)), ";"); got != "n="+ascii {
		t.Errorf("ASCII is written as\n%s, want\nn=%s", got, ascii)
	}
	if got := string(wire.SetCookie{Name: "n", Value: "a\xffb"}.Append(nil)); !strings.HasPrefix(got, "n=a%EF%BF%BDb;") {
		t.Errorf("bytes that are not UTF-8 are written as %s", got)
	}
}

func TestParseCookies(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    []wire.Cookie
	}{
		{nil, nil},
		{[]string{"", ";", " ; ;; "}, nil},
		{[]string{"a=1; b=2", "c=3"}, []wire.Cookie{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "c", Value: "3"}}},
		{[]string{"\ta \t=\t 1 \t;b=2"}, []wire.Cookie{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}},
		{[]string{"a"}, nil},
		{[]string{"=1; =__Host-authjs.csrf-token=x; a=1"}, []wire.Cookie{{Name: "a", Value: "1"}}},
		{[]string{"a=\x00; b\x01=1; c=\x7f; d=4"}, []wire.Cookie{{Name: "d", Value: "4"}}},
		{[]string{"a=%7C; a=2"}, []wire.Cookie{{Name: "a", Value: "%7C"}, {Name: "a", Value: "2"}}},
		{[]string{"a=1, b=2"}, []wire.Cookie{{Name: "a", Value: "1, b=2"}}},
		{[]string{"~a~=~1~"}, []wire.Cookie{{Name: "~a~", Value: "~1~"}}},
	} {
		if diff := cmp.Diff(c.want, wire.ParseCookies(nil, c.headers)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.headers, diff)
		}
	}
	dst := []wire.Cookie{{Name: "before"}}
	if got := wire.ParseCookies(dst, []string{"a=1"}); len(got) != 2 || got[0].Name != "before" {
		t.Errorf("appended to: %v", got)
	}
}

func TestCookiesAreCapped(t *testing.T) {
	many := strings.Repeat("a=1;", 10000)
	if got := len(wire.ParseCookies(nil, []string{many})); got != 256 {
		t.Errorf("%d cookies of a header with 10000", got)
	}
	if got := len(wire.ParseCookies(make([]wire.Cookie, 3), []string{many, many})); got != 3+256 {
		t.Errorf("%d cookies behind 3", got)
	}
	big := fmt.Sprintf("a=1; b=%s; c=3", strings.Repeat("x", 64<<10))
	if got := wire.ParseCookies(nil, []string{big}); len(got) != 1 || got[0].Name != "a" {
		t.Errorf("%d cookies of a header that is too long, want the one before the limit", len(got))
	}
	if got := wire.ParseCookies(nil, []string{strings.Repeat(";", 1<<20) + "a=1"}); len(got) != 0 {
		t.Errorf("%d cookies beyond the limit", len(got))
	}
}

func TestValidCookieName(t *testing.T) {
	for _, name := range []string{"a", "authjs.session-token", "__Host-a", "!#$%&'*+-.^_`|~", strings.Repeat("n", 256)} {
		if !wire.ValidCookieName(name) {
			t.Errorf("%q is not a name", name)
		}
	}
	if wire.ValidCookieName("") || wire.ValidCookieName(strings.Repeat("n", 257)) {
		t.Error("a name of no character, or of 257, is one")
	}
	for _, c := range "\x00\t\n\x1f ()<>@,;:\\\"/[]?={}\x7f\u0080é" {
		if name := "a" + string(c); wire.ValidCookieName(name) {
			t.Errorf("%q is a name", name)
		}
	}
}

func TestPlainCookieName(t *testing.T) {
	for name, want := range map[string]string{
		"__Secure-a": "a", "__Host-a": "a", "a": "a", "__Secure-": "__Secure-", "__Host-": "__Host-", "__host-a": "__host-a", "a__Host-b": "a__Host-b",
	} {
		if got := wire.PlainCookieName(name); got != want {
			t.Errorf("%q without a prefix is %q, want %q", name, got, want)
		}
	}
}

func TestCookieValue(t *testing.T) {
	for raw, want := range map[string]string{
		"a%7Cb": "a|b", "a%7cb": "a|b", "a|b": "a|b", "%": "%", "%4": "%4", "%41": "A", "%zz": "%zz", "%41%": "%41%", "+": "+",
		"%FF": "%FF", "%C3%A9": "é", "%E0%A4%A": "%E0%A4%A", "%ED%A0%80": "%ED%A0%80", "%00": "\x00", "é": "é",
		"%6a%6F%4f%09": "joO\t", "%4:": "%4:", "%4/": "%4/", "%4`": "%4`", "%4g": "%4g", "%4@": "%4@", "%4G": "%4G", "%g0%9F%9A%80": "%g0%9F%9A%80",
	} {
		if got, ok := wire.CookieValue([]wire.Cookie{{Name: "x", Value: "no"}, {Name: "n", Value: raw}, {Name: "n", Value: "second"}}, "n"); !ok || got != want {
			t.Errorf("%s is read as %q, %t; want %q", raw, got, ok, want)
		}
	}
	if got, ok := wire.CookieValue([]wire.Cookie{{Name: "N", Value: "1"}}, "n"); ok || got != "" {
		t.Errorf("a name of another case is read as %q", got)
	}
}
