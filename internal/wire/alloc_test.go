package wire_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/wire"
)

// Allocations per token. A key derivation alone makes 23, so this test also shows
// that there is none after NewKeys.
func TestAllocations(t *testing.T) {
	keys := wire.V5.NewKeys(salt, secret, oldSecret)
	token := claims(t, defaultClaims)
	random := bytes.NewReader(make([]byte, 32))
	sealed, err := keys.EncodeToken(token, epoch, time.Hour, random)
	if err != nil {
		t.Fatal(err)
	}
	keys4 := wire.V4.SessionKeys("", secret, oldSecret)
	random.Reset(make([]byte, 32))
	sealed4, err := keys4.EncodeToken(token, epoch, time.Hour, random)
	if err != nil {
		t.Fatal(err)
	}
	csrf := wire.NewCSRF(secret)
	random.Reset(make([]byte, 32))
	_, cookie, err := csrf.New(random)
	if err != nil {
		t.Fatal(err)
	}
	header := []string{"a=1; " + plainNames.SessionToken + "=" + sealed}
	cookies := make([]wire.Cookie, 0, 8)
	body := &wire.Body{Name: wire.Text{Value: token.Name}, Email: wire.Text{Value: token.Email}, Expires: epoch}
	buf := make([]byte, 0, 4096)
	zeros := make([]byte, 32)
	for _, c := range []struct {
		name string
		most float64
		do   func()
	}{
		{"DecodeToken", maxDecode, func() {
			if _, _, err := keys.DecodeToken(sealed, nil, epoch); err != nil {
				t.Fatal(err)
			}
		}},
		{"EncodeToken", maxEncode, func() {
			random.Reset(zeros)
			if _, err := keys.EncodeToken(token, epoch, time.Hour, random); err != nil {
				t.Fatal(err)
			}
		}},
		{"DecodeToken, v4", maxDecode, func() {
			if _, _, err := keys4.DecodeToken(sealed4, nil, epoch); err != nil {
				t.Fatal(err)
			}
		}},
		{"EncodeToken, v4", maxEncode, func() {
			random.Reset(zeros)
			if _, err := keys4.EncodeToken(token, epoch, time.Hour, random); err != nil {
				t.Fatal(err)
			}
		}},
		{"a forged token, v4", maxRefuse, func() {
			if _, _, err := keys4.DecodeToken(sealed4[:len(sealed4)-1], nil, epoch); err == nil {
				t.Fatal("accepted")
			}
		}},
		{"a forged token", maxRefuse, func() {
			if _, _, err := keys.DecodeToken(sealed[:len(sealed)-1], nil, epoch); err == nil {
				t.Fatal("accepted")
			}
		}},
		{"ParseCookies, SessionCookie", 0, func() {
			if wire.SessionCookie(wire.ParseCookies(cookies[:0], header), plainNames.SessionToken) != sealed {
				t.Fatal("no session")
			}
		}},
		{"CSRF.Token", 0, func() {
			if _, ok := csrf.Token(cookie); !ok {
				t.Fatal("refused")
			}
		}},
		{"AppendSession", 0, func() { buf = wire.V5.AppendSession(buf[:0], body) }},
		{"SetCookie.Append", 0, func() {
			buf = wire.SetCookie{Name: "n", Value: sealed, Expires: epoch, Secure: true}.Append(buf[:0])
		}},
	} {
		if got := testing.AllocsPerRun(200, c.do); got > c.most {
			t.Errorf("%s: %v allocations, want at most %v", c.name, got, c.most)
		} else {
			t.Logf("%s: %v allocations", c.name, got)
		}
	}
}
