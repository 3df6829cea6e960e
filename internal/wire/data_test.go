package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

const (
	secret    = "correct-horse-battery-staple-0001"
	oldSecret = "an-older-secret-that-was-rotated-out-2"
	salt      = "authjs.session-token"
)

var epoch = time.Unix(1790000000, 0)

// load reads a file of testdata, which are recordings of @auth/core.
func load(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// secretList is one secret or a list of secrets.
type secretList []string

func (l *secretList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = secretList{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// replay is a source of randomness that returns these bytes and then fails.
func replay(t testing.TB, parts ...[]byte) *bytes.Reader {
	t.Helper()
	return bytes.NewReader(bytes.Join(parts, nil))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameJSON reports whether two JSON texts hold the same value.
func sameJSON(t testing.TB, got, want []byte) string {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	return cmp.Diff(w, g)
}

// claims holds the default claims of a token, as in the vectors.
func claims(t testing.TB, text string) *schema.Token {
	t.Helper()
	token, err := (*schema.Schema)(nil).DecodeClaims([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

const defaultClaims = `{"name":"Ada Lovelace","email":"ada@example.com","picture":"https://img.example.com/ada.png","sub":"8a6e0804-2bd0-4672-b79d-d97027f9071a","iat":1790000000,"exp":1792592000,"jti":"3851854c-ec97-4bb2-a857-22ef7592a0e2"}`

// panics returns the value with which f panics, or nil.
func panics(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// secureNames and plainNames are the cookie names for https and for http.
var (
	secureNames = wire.V5.CookieNames(true)
	plainNames  = wire.V5.CookieNames(false)
)
