package wire_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/sesame-auth/sesame/internal/wire"
)

// derive is HKDF as specified in WIRE.md section 4.1.
func derive(t testing.TB, secret, salt string, size int) []byte {
	t.Helper()
	k, err := hkdf.Key(sha256.New, []byte(secret), []byte(salt), "Auth.js Generated Encryption Key ("+salt+")", size)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// deriveV4 is HKDF for session tokens of v4.
func deriveV4(t testing.TB, secret string) []byte {
	t.Helper()
	k, err := hkdf.Key(sha256.New, []byte(secret), nil, "NextAuth.js Generated Encryption Key", 32)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// raw is a plain implementation of A256CBC-HS512 with a given key. It makes tokens
// that package wire would not make, and is a baseline of the benchmarks.
type raw struct {
	block cipher.Block
	mac   hash.Hash
}

func newRaw(t testing.TB, key []byte) *raw {
	t.Helper()
	block, err := aes.NewCipher(key[32:])
	if err != nil {
		t.Fatal(err)
	}
	return &raw{block: block, mac: hmac.New(sha512.New, key[:32])}
}

var rawURL = base64.RawURLEncoding

func (r *raw) tag(header string, iv, text []byte) []byte {
	r.mac.Reset()
	r.mac.Write([]byte(header))
	r.mac.Write(iv)
	r.mac.Write(text)
	var al [8]byte
	binary.BigEndian.PutUint64(al[:], uint64(len(header))*8)
	r.mac.Write(al[:])
	return r.mac.Sum(nil)[:32]
}

// seal takes the header as JSON. It pads the plaintext unless padded is set.
func (r *raw) seal(headerJSON string, iv, plaintext []byte, padded bool) string {
	header := rawURL.EncodeToString([]byte(headerJSON))
	text := append([]byte{}, plaintext...)
	if !padded {
		pad := 16 - len(text)%16
		for range pad {
			text = append(text, byte(pad))
		}
	}
	cipher.NewCBCEncrypter(r.block, iv).CryptBlocks(text, text)
	return strings.Join([]string{header, "", rawURL.EncodeToString(iv), rawURL.EncodeToString(text), rawURL.EncodeToString(r.tag(header, iv, text))}, ".")
}

var errRaw = errors.New("raw: no")

// open checks only what the primitives check.
func (r *raw) open(token string) ([]byte, error) {
	p := strings.Split(token, ".")
	if len(p) != 5 {
		return nil, errRaw
	}
	iv, err := rawURL.DecodeString(p[2])
	if err != nil {
		return nil, err
	}
	text, err := rawURL.DecodeString(p[3])
	if err != nil {
		return nil, err
	}
	tag, err := rawURL.DecodeString(p[4])
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(tag, r.tag(p[0], iv, text)) {
		return nil, errRaw
	}
	cipher.NewCBCDecrypter(r.block, iv).CryptBlocks(text, text)
	return text[:len(text)-int(text[len(text)-1])], nil
}

// sealGCM is a plain implementation of A256GCM.
func sealGCM(t testing.TB, headerJSON string, plaintext []byte) string {
	t.Helper()
	return sealGCMWith(t, derive(t, secret, salt, 32), headerJSON, plaintext)
}

func sealGCMWith(t testing.TB, key []byte, headerJSON string, plaintext []byte) string {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	header := rawURL.EncodeToString([]byte(headerJSON))
	iv := []byte("0123456789ab")
	sealed := aead.Seal(nil, iv, plaintext, []byte(header))
	text, tag := sealed[:len(plaintext)], sealed[len(plaintext):]
	return strings.Join([]string{header, "", rawURL.EncodeToString(iv), rawURL.EncodeToString(text), rawURL.EncodeToString(tag)}, ".")
}

// ourHeader returns the protected header of a token as JSON.
func ourHeader(t testing.TB, token string) string {
	t.Helper()
	header, _, _ := strings.Cut(token, ".")
	b, err := rawURL.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// go-jose reads tokens of package wire, and the other way round.
func TestGoJOSE(t *testing.T) {
	keys := wire.V5.NewKeys(salt, secret)
	for _, text := range []string{"", "{}", defaultClaims, strings.Repeat("x", 40000)} {
		sealed, err := keys.Seal([]byte(text), replay(t, make([]byte, 16)))
		if err != nil {
			t.Fatal(err)
		}
		var h struct{ Alg, Enc, KID string }
		if err := json.Unmarshal([]byte(ourHeader(t, sealed)), &h); err != nil {
			t.Fatal(err)
		}
		obj, err := jose.ParseEncryptedCompact(sealed, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256CBC_HS512})
		if err != nil {
			t.Fatal(err)
		}
		got, err := obj.Decrypt(derive(t, secret, salt, 64))
		if err != nil || string(got) != text {
			t.Errorf("go-jose reads %d bytes of ours as %d bytes, %v", len(text), len(got), err)
		}

		for _, enc := range []struct {
			enc  jose.ContentEncryption
			size int
		}{{jose.A256CBC_HS512, 64}, {jose.A256GCM, 32}} {
			for _, kid := range []string{"", h.KID} {
				if kid != "" && enc.enc == jose.A256GCM {
					continue // the kid is that of the other key
				}
				e, err := jose.NewEncrypter(enc.enc, jose.Recipient{Algorithm: jose.DIRECT, Key: derive(t, secret, salt, enc.size), KeyID: kid}, nil)
				if err != nil {
					t.Fatal(err)
				}
				obj, err := e.Encrypt([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				token, err := obj.CompactSerialize()
				if err != nil {
					t.Fatal(err)
				}
				got, first, err := wire.V5.NewKeys(salt, oldSecret, secret).Open(token)
				if err != nil || string(got) != text || first {
					t.Errorf("%s, kid %q: we read %d bytes of go-jose's as %d bytes, first %t, %v", enc.enc, kid, len(text), len(got), first, err)
				}
			}
		}
	}
}
