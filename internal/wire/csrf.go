package wire

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"slices"
	"strings"
)

// CSRF creates and checks CSRF tokens (WIRE.md section 3.2). The cookie holds
// token|hash, where hash is the SHA-256 of token + secret in hex. A CSRF is safe
// for concurrent use. The zero value neither creates nor accepts tokens.
type CSRF struct {
	secrets []string // the first is used for new tokens
}

// NewCSRF returns a CSRF that creates tokens with the first secret and accepts
// those created with any of them, see HashSecrets. It panics if there is no
// secret or if one is empty.
func NewCSRF(secrets ...string) *CSRF {
	if len(secrets) == 0 || slices.Contains(secrets, "") {
		panic("wire: NewCSRF needs non-empty secrets")
	}
	return &CSRF{slices.Clone(secrets)}
}

// HashSecrets returns the secrets with which the hash of a CSRF token or mail
// token may have been made. The first one, written, is for new hashes; the rest
// is for checking existing ones. Auth.js 5 hashes with all of its secrets joined
// by commas, so adding a secret would invalidate every token (WIRE.md section 12
// row 19). Therefore every run of adjacent secrets in a list is accepted, because
// it may be the list that another server has or had: for "new", "old", "older"
// these are each secret alone, "new,old", "old,older" and all three.
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

const csrfSize = 64 // length of a token and of a hash, in characters

// New returns a new token and its cookie value. It reads 32 bytes from rand and
// returns the error of rand.
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

// Token returns the token in a cookie value and whether the cookie is valid. A
// valid cookie consists of a token of exactly 64 lower-case hex digits, a pipe,
// and the right hash. Auth.js also accepts an empty token and ignores whatever
// follows a second pipe (WIRE.md section 12 row 9).
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

// SameToken reports whether a and b are the same token, that is, the same 64
// lower-case hex digits. It compares them in constant time.
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
