package verifybench_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/internal/wire"
)

const secret = "correct-horse-battery-staple-0001"

// claims are the default claims, for encoding/json.
type claims struct {
	Name    string `json:"name"`
	Email   string `json:"email"`
	Picture string `json:"picture"`
	Sub     string `json:"sub"`
	IAT     int64  `json:"iat"`
	EXP     int64  `json:"exp"`
	JTI     string `json:"jti"`
}

func (c *claims) check(text []byte) error {
	if err := json.Unmarshal(text, c); err != nil {
		return err
	}
	if c.EXP <= time.Now().Unix()-15 || c.Sub == "" {
		return errors.New("expired")
	}
	return nil
}

// way is one way to verify a token.
type way struct {
	name string
	do   func() error
}

// ways returns the ways for tokens of a dialect: the whole verifier, from the
// request on, and the others, from the token on and with their key at hand.
func ways(b *testing.B, d wire.Dialect) []way {
	name := d.CookieNames(true).SessionToken
	text := func(s string) *string { return &s }
	token, err := d.SessionKeys(name, secret).EncodeToken(&schema.Token{
		Name: text("Ada Lovelace"), Email: text("ada@example.com"), Picture: text("https://img.example.com/ada.png"), Subject: "8a6e0804-2bd0-4672-b79d-d97027f9071a",
	}, time.Now(), time.Hour, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	v, err := verify.New(verify.Config{Secrets: []string{secret}, UseSecureCookies: new(true)})
	if err != nil {
		b.Fatal(err)
	}
	r := &http.Request{Header: http.Header{"Cookie": {"theme=dark; " + name + "=" + token}}}

	salt, info, size := []byte(name), "Auth.js Generated Encryption Key ("+name+")", 64
	joseEnc, raw := jose.A256CBC_HS512, rawCBC
	if d == wire.V4 {
		salt, info, size = nil, "NextAuth.js Generated Encryption Key", 32
		joseEnc, raw = jose.A256GCM, rawGCM
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), salt, info, size)
	if err != nil {
		b.Fatal(err)
	}
	open := raw(b, key)
	return []way{
		{"verify", func() error {
			_, err := v.Token(r)
			return err
		}},
		{"raw+json", func() error {
			text, err := open(token)
			if err != nil {
				return err
			}
			return new(claims).check(text)
		}},
		{"go-jose", func() error {
			obj, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{joseEnc})
			if err != nil {
				return err
			}
			text, err := obj.Decrypt(key)
			if err != nil {
				return err
			}
			return new(claims).check(text)
		}},
		{"jwx", func() error {
			text, err := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.DIRECT(), key))
			if err != nil {
				return err
			}
			return new(claims).check(text)
		}},
	}
}

var dialects = []wire.Dialect{wire.V5, wire.V4}

// BenchmarkVerify is each way by itself, with its allocations.
func BenchmarkVerify(b *testing.B) {
	for _, d := range dialects {
		for _, w := range ways(b, d) {
			b.Run(d.String()+"/"+w.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := w.do(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkRatio takes the ways in turn, round by round, so that what else the
// machine does meets all of them, and reports the median of each round's ratio:
// how many times the raw primitives' time the verifier takes, and how many
// times the verifier's time the libraries take. It does so once, whatever
// -benchtime says.
func BenchmarkRatio(b *testing.B) {
	const rounds, each = 41, 400
	for _, d := range dialects {
		b.Run(d.String(), func(b *testing.B) {
			ws := ways(b, d)
			ratios := make([][]float64, len(ws))
			for range rounds {
				times := make([]float64, len(ws))
				for i, w := range ws {
					start := time.Now()
					for range each {
						if err := w.do(); err != nil {
							b.Fatal(err)
						}
					}
					times[i] = float64(time.Since(start))
				}
				ratios[1] = append(ratios[1], times[0]/times[1])
				for i := 2; i < len(ws); i++ {
					ratios[i] = append(ratios[i], times[i]/times[0])
				}
			}
			for i := range ratios {
				slices.Sort(ratios[i])
			}
			b.ReportMetric(ratios[1][rounds/2], "verify/raw")
			b.ReportMetric(ratios[2][rounds/2], "go-jose/verify")
			b.ReportMetric(ratios[3][rounds/2], "jwx/verify")
		})
	}
}

var errRaw = errors.New("not a token")

// parts decodes the segments, and checks nothing that the primitives do not
// check.
func parts(token string) (header string, iv, text, tag []byte, err error) {
	p := strings.Split(token, ".")
	if len(p) != 5 {
		return "", nil, nil, nil, errRaw
	}
	for i, to := range [...]*[]byte{2: &iv, 3: &text, 4: &tag} {
		if to == nil {
			continue
		}
		if *to, err = base64.RawURLEncoding.DecodeString(p[i]); err != nil {
			return "", nil, nil, nil, err
		}
	}
	return p[0], iv, text, tag, nil
}

// rawCBC is A256CBC-HS512 (RFC 7518 section 5.2.5) of the primitives.
func rawCBC(b *testing.B, key []byte) func(string) ([]byte, error) {
	block, err := aes.NewCipher(key[32:])
	if err != nil {
		b.Fatal(err)
	}
	var mac hash.Hash = hmac.New(sha512.New, key[:32])
	return func(token string) ([]byte, error) {
		header, iv, text, tag, err := parts(token)
		if err != nil {
			return nil, err
		}
		mac.Reset()
		mac.Write([]byte(header))
		mac.Write(iv)
		mac.Write(text)
		var al [8]byte
		binary.BigEndian.PutUint64(al[:], uint64(len(header))*8)
		mac.Write(al[:])
		if !hmac.Equal(tag, mac.Sum(nil)[:32]) {
			return nil, errRaw
		}
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(text, text)
		return text[:len(text)-int(text[len(text)-1])], nil
	}
}

// rawGCM is A256GCM (RFC 7518 section 5.3) of the primitives.
func rawGCM(b *testing.B, key []byte) func(string) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	return func(token string) ([]byte, error) {
		header, iv, text, tag, err := parts(token)
		if err != nil {
			return nil, err
		}
		return aead.Open(text[:0], iv, append(text, tag...), []byte(header))
	}
}
