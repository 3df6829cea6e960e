package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/internal/wire"
)

func TestCSRFVectors(t *testing.T) {
	// Rejected here, accepted by Auth.js.
	stricter := map[string]string{
		"extra pipe part is ignored":      "WIRE.md section 12 row 9",
		"empty token with a correct hash": "WIRE.md section 12 row 9: 64 hex digits are demanded",
	}
	var data struct {
		V5 []struct {
			Name, Token string
			Secret      secretList
			Cookie      string `json:"cookie_value"`
			SetCookie   string `json:"set_cookie"`
			Verify      []struct {
				Label    string
				Cookie   string `json:"cookie_value"`
				Body     string
				IsPost   bool `json:"is_post"`
				Verified bool
				Reissued bool `json:"cookie_reissued"`
			}
		}
		V4 []struct {
			Name, Token, Secret string
			Cookie              string `json:"cookie_value"`
			SetCookie           string `json:"set_cookie"`
		}
		HeaderForms []struct {
			Header string `json:"cookie_header"`
			Parsed string `json:"parsed_v5"`
		} `json:"header_forms"`
	}
	load(t, "csrf.json", &data)
	if len(data.V5) == 0 || len(data.V4) == 0 || len(data.HeaderForms) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range data.V5 {
		t.Run(v.Name, func(t *testing.T) {
			c := wire.NewCSRF(strings.Join(v.Secret, ","))
			token, cookie, err := c.New(replay(t, unhex(t, v.Token)))
			if err != nil || token != v.Token || cookie != v.Cookie {
				t.Errorf("New = %s, %s, %v; want %s, %s", token, cookie, err, v.Token, v.Cookie)
			}
			if got := string(wire.SetCookie{Name: plainNames.CSRFToken, Value: cookie}.Append(nil)); got != v.SetCookie {
				t.Errorf("Set-Cookie %s, want %s", got, v.SetCookie)
			}
			for _, u := range v.Verify {
				got, ok := c.Token(u.Cookie)
				verified := u.IsPost && ok && wire.SameToken(u.Body, got)
				if stricter[u.Label] != "" {
					if !u.Verified || verified || ok {
						t.Errorf("%s: verified %t, fits %t; want neither: %s", u.Label, verified, ok, stricter[u.Label])
					}
					continue
				}
				if verified != u.Verified || ok == u.Reissued {
					t.Errorf("%s: verified %t, fits %t; want %t, %t", u.Label, verified, ok, u.Verified, !u.Reissued)
				}
			}
		})
	}
	for _, v := range data.V4 {
		c := wire.NewCSRF(v.Secret)
		token, cookie, err := c.New(replay(t, unhex(t, v.Token)))
		if err != nil || token != v.Token || cookie != v.Cookie {
			t.Errorf("v4 %s: New = %s, %s, %v; want %s, %s", v.Name, token, cookie, err, v.Token, v.Cookie)
		}
		if got := string(wire.SetCookie{Name: wire.V4.CookieNames(false).CSRFToken, Value: cookie}.Append(nil)); got != v.SetCookie {
			t.Errorf("v4 %s: Set-Cookie %s, want %s", v.Name, got, v.SetCookie)
		}
		if got, ok := c.Token(v.Cookie); !ok || got != v.Token {
			t.Errorf("v4 %s: the cookie is refused", v.Name)
		}
	}
	for _, f := range data.HeaderForms {
		got, _ := wire.CookieValue(wire.ParseCookies(nil, []string{f.Header}), plainNames.CSRFToken)
		if got != f.Parsed {
			t.Errorf("%s is read as %s, want %s", f.Header, got, f.Parsed)
		}
	}
}

// Cookies of a server that has another run of the list of secrets are accepted,
// those of a server with a foreign secret or another order are not.
func TestCSRFRotation(t *testing.T) {
	all := []string{"newest", "new", "old", "oldest"}
	c := wire.NewCSRF(wire.HashSecrets(strings.Join(all, ","), all)...)
	for from := range all {
		for to := from + 1; to <= len(all); to++ {
			token, cookie, err := wire.NewCSRF(wire.HashSecrets(strings.Join(all[from:to], ","), all[from:to])...).New(replay(t, make([]byte, 32)))
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := c.Token(cookie); !ok || got != token {
				t.Errorf("a cookie made with %q is refused", all[from:to])
			}
			joined := wire.NewCSRF(strings.Join(all[from:to], ","))
			if _, ok := joined.Token(cookie); !ok {
				t.Errorf("%q does not hash as the list joined by commas", all[from:to])
			}
		}
	}
	for _, foreign := range [][]string{{"other"}, {"new", "newest"}, {"newest", "old"}, {"newest", "new", "old", "oldest", "other"}, {"newestnew"}, {","}} {
		_, cookie, err := wire.NewCSRF(strings.Join(foreign, ",")).New(replay(t, make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.Token(cookie); ok {
			t.Errorf("a cookie made with %q is accepted", foreign)
		}
	}
}

func TestHashSecrets(t *testing.T) {
	for _, c := range []struct {
		written string
		lists   [][]string
		want    []string
	}{
		{"a", [][]string{{"a"}}, []string{"a"}},
		{"a,b", [][]string{{"a", "b"}}, []string{"a,b", "a", "b"}},
		{"a", [][]string{{"a", "b"}, {"b", "a"}}, []string{"a", "a,b", "b", "b,a"}},
		{"a,b,c", [][]string{{"a", "b", "c"}}, []string{"a,b,c", "a,b", "b,c", "a", "b", "c"}},
		{"a", nil, []string{"a"}},
	} {
		if got := wire.HashSecrets(c.written, c.lists...); !slices.Equal(got, c.want) {
			t.Errorf("HashSecrets(%q, %q) = %q, want %q", c.written, c.lists, got, c.want)
		}
	}
}

func TestSameToken(t *testing.T) {
	a := strings.Repeat("0123456789abcdef", 4)
	if !wire.SameToken(a, strings.Clone(a)) {
		t.Error("a token is not the same as itself")
	}
	for _, c := range [][2]string{
		{"", ""}, {a, ""}, {"", a}, {a, a[1:]}, {a[1:], a[1:]}, {a + a, a + a}, {strings.ToUpper(a), strings.ToUpper(a)}, {a, strings.ToUpper(a)},
		{a, "1" + a[1:]}, {a, a[:63] + "0"}, {strings.Repeat("g", 64), strings.Repeat("g", 64)}, {strings.Repeat(" ", 64), strings.Repeat(" ", 64)},
		{"g" + a[1:], "g" + a[1:]}, {a[1:] + ":", a[1:] + ":"}, {a[1:] + "/", a[1:] + "/"}, {a[1:] + "`", a[1:] + "`"},
	} {
		if wire.SameToken(c[0], c[1]) {
			t.Errorf("%q and %q are the same token", c[0], c[1])
		}
	}
}

func TestVerificationTokenVectors(t *testing.T) {
	type vector struct {
		Name, Token, Stored string
		Secret              secretList
		Own                 string `json:"provider_secret"`
	}
	var data struct{ V5, V4 []vector }
	load(t, "email-token.json", &data)
	if len(data.V5) == 0 || len(data.V4) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range append(data.V5, data.V4...) {
		secret := v.Own
		if secret == "" {
			secret = strings.Join(v.Secret, ",")
		}
		if got := wire.HashVerificationToken(v.Token, secret); got != v.Stored {
			t.Errorf("%s: stored as %s, want %s", v.Name, got, v.Stored)
		}
	}
}

func TestRandom(t *testing.T) {
	bytes := make([]byte, 32)
	for i := range bytes {
		bytes[i] = 0xff - byte(i)
	}
	for _, c := range []struct {
		name, want string
		make       func() (string, error)
	}{
		{"RandomHex", "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0", func() (string, error) { return wire.RandomHex(replay(t, bytes)) }},
		{"RandomBase64", "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA", func() (string, error) { return wire.RandomBase64(replay(t, bytes)) }},
		{"UUID", "fffefdfc-fbfa-49f8-b7f6-f5f4f3f2f1f0", func() (string, error) { return wire.UUID(replay(t, bytes)) }},
	} {
		if got, err := c.make(); err != nil || got != c.want {
			t.Errorf("%s = %s, %v; want %s", c.name, got, err, c.want)
		}
	}
	// RFC 7636 appendix B.
	if got := wire.CodeChallenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("CodeChallenge = %s", got)
	}
}
