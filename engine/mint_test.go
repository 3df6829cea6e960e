package engine_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/wire"
)

// mint returns the session cookie of a token.
func (s *site) mint(t *engine.Token, secret string) string {
	s.t.Helper()
	value, err := wire.V5.NewKeys(s.name(sessionCookie), secret).EncodeToken(t, s.clock.Now(), month, newDice(1))
	if err != nil {
		s.t.Fatal(err)
	}
	return value
}

// goodClaims returns the claims of a valid session token.
func goodClaims() map[string]any {
	return map[string]any{"sub": "m", "name": "Mallory", "email": "mallory@example.com", "iat": startTime.Unix(), "exp": startTime.Add(month).Unix(), "jti": "x"}
}

func jsonOf(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var plainHeader = map[string]any{"alg": "dir", "enc": "A256CBC-HS512"}

// seal is a second implementation of session tokens: A256CBC-HS512 with the key
// that Auth.js derives, under any header (RFC 7516 section 5.1, RFC 7518 section
// 5.2.5).
func seal(t testing.TB, secret, salt string, header map[string]any, plaintext []byte) string {
	t.Helper()
	key, err := hkdf.Key(sha256.New, []byte(secret), []byte(salt), "Auth.js Generated Encryption Key ("+salt+")", 64)
	if err != nil {
		t.Fatal(err)
	}
	return sealWith(t, key, base64.RawURLEncoding.EncodeToString(jsonOf(t, header)), plaintext)
}

func sealWith(t testing.TB, key []byte, protected string, plaintext []byte) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	iv := bytes.Repeat([]byte{7}, aes.BlockSize)
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	text := append(bytes.Clone(plaintext), bytes.Repeat([]byte{byte(pad)}, pad)...)
	block, err := aes.NewCipher(key[32:])
	if err != nil {
		t.Fatal(err)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	mac := hmac.New(sha512.New, key[:32])
	mac.Write([]byte(protected))
	mac.Write(iv)
	mac.Write(text)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(protected))*8))
	return protected + ".." + b64(iv) + "." + b64(text) + "." + b64(mac.Sum(nil)[:32])
}

// refusesToken checks that a session cookie is invalid: the session is null, the
// cookie is cleared and nothing is logged at warn. It returns everything in the
// answer and the log by which invalid tokens could be distinguished.
func (s *site) refusesToken(what, token string) string {
	t := s.t
	t.Helper()
	s.resetLog()
	b := s.browser()
	b.csrf()
	b.set(sessionCookie, token)
	r := b.get("/session")
	if r.status != 200 || r.body != "null" {
		t.Errorf("%s: GET session is %d %s, want null", what, r.status, r.body)
	}
	if !r.clears(sessionCookie) {
		t.Errorf("%s: the cookie is not cleared: %q", what, r.header["Set-Cookie"])
	}
	s.quiet(t)
	cause := ""
	for _, entry := range s.logs.lines {
		cause += entry.attrs["cause"]
	}
	return fmt.Sprint(r.status, r.body, r.raw(sessionCookie), cause)
}

// acceptsToken checks that a session cookie is that of the user with the address
// or name want.
func (s *site) acceptsToken(what, token, want string) {
	s.t.Helper()
	b := s.browser()
	b.set(sessionCookie, token)
	if got := b.user(); got != want {
		s.t.Errorf("%s: signed in as %q, want %q", what, got, want)
	}
}
