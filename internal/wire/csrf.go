package wire

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"slices"
	"strings"
)

// CSRF makes and checks CSRF tokens (WIRE.md section 3.2): the cookie holds
// token|hash, hash = hex SHA-256 of token + secret. It is safe for concurrent
// use. The zero CSRF makes and accepts none.
type CSRF struct {
	secrets []string // the first is used for new tokens
}

// NewCSRF returns the CSRF that makes tokens with the first of secrets and
// accepts those made with any of them; see HashSecrets. It panics when there is
// no secret or one is empty.
func NewCSRF(secrets ...string) *CSRF {
	if len(secrets) == 0 || slices.Contains(secrets, "") {
		panic("wire: NewCSRF needs secrets that are not empty")
	}
	return &CSRF{slices.Clone(secrets)}
}

// HashSecrets returns what may have been appended to a CSRF token or a mail
// token before it was hashed. First comes what is written, then the rest of what
// is accepted: Auth.js 5 hashes with all of its secrets joined by commas, so
// adding one to the list would make every token invalid (WIRE.md section 12 row
// 19). Accepted is any run of neighbours in a list: of "new", "old", "older"
// that is each one alone, "new,old", "old,older" and all three, whatever part of
// the list another server has or had.
func HashSecrets(written string, lists ...[]string) []string {
	out := []string{written}
	for _, list := range lists {
		for size := len(list); size > 0; size-- {
			for at := 0; at+size <= len(list); at++ {
				if s := strings.Join(list[at:at+size], ","); !slices.Contains(out, s) {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

const csrfSize = 64 // characters of a token, and of a hash

// New returns a new token and its cookie value. It reads 32 bytes of rand; the
// error is rand's.
func (c *CSRF) New(rand io.Reader) (token, cookie string, err error) {
	if len(c.secrets) == 0 {
		return "", "", errNoKey
	}
	token, err = RandomHex(rand)
	if err != nil {
		return "", "", err
	}
	hash := csrfHash(token, c.secrets[0])
	return token, token + "|" + string(hash[:]), nil
}

// Token returns the token in a cookie value, and whether its hash fits. A
// cookie that is not exactly 64 lower-case hex digits, a pipe, and a hash of as
// many does not fit (Auth.js takes an empty token and ignores what follows a
// second pipe; WIRE.md section 12 row 9).
func (c *CSRF) Token(cookie string) (string, bool) {
	if len(cookie) != 2*csrfSize+1 || cookie[csrfSize] != '|' {
		return "", false
	}
	token, hash := cookie[:csrfSize], cookie[csrfSize+1:]
	if !lowerHex(token) {
		return "", false
	}
	for _, secret := range c.secrets {
		want := csrfHash(token, secret)
		var got [csrfSize]byte
		copy(got[:], hash)
		if subtle.ConstantTimeCompare(want[:], got[:]) == 1 {
			return token, true
		}
	}
	return "", false
}

func csrfHash(token, secret string) (out [csrfSize]byte) {
	b := make([]byte, 0, 256)
	b = append(b, token...)
	b = append(b, secret...)
	sum := sha256.Sum256(b)
	hex.Encode(out[:], sum[:])
	return out
}

// SameToken compares two tokens in constant time; only 64 lower-case hex digits
// are a token.
func SameToken(a, b string) bool {
	if len(a) != csrfSize || !lowerHex(a) {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

func lowerHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
