package wire_test

import (
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sesame-auth/sesame/internal/wire"
)

// claimsStruct holds the claims for encoding/json.
type claimsStruct struct {
	Name    *string `json:"name,omitempty"`
	Email   *string `json:"email,omitempty"`
	Picture *string `json:"picture,omitempty"`
	Sub     string  `json:"sub,omitempty"`
	IAT     int64   `json:"iat"`
	EXP     int64   `json:"exp"`
	JTI     string  `json:"jti"`
}

// DecodeToken, compared with the bare primitives, with encoding/json and with a
// general library.
func BenchmarkDecodeToken(b *testing.B) {
	keys := wire.V5.NewKeys(salt, secret)
	token, err := keys.EncodeToken(claims(b, defaultClaims), epoch, time.Hour, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	key := derive(b, secret, salt, 64)
	b.Run("wire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := keys.DecodeToken(token, nil, epoch); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("raw+encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		r := newRaw(b, key)
		for b.Loop() {
			text, err := r.open(token)
			if err != nil {
				b.Fatal(err)
			}
			var c claimsStruct
			if err := json.Unmarshal(text, &c); err != nil || c.EXP <= epoch.Unix()-15 {
				b.Fatal(err)
			}
		}
	})
	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		r := newRaw(b, key)
		for b.Loop() {
			if _, err := r.open(token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-jose", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			obj, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256CBC_HS512})
			if err != nil {
				b.Fatal(err)
			}
			text, err := obj.Decrypt(key)
			if err != nil {
				b.Fatal(err)
			}
			var c claimsStruct
			if err := json.Unmarshal(text, &c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// EncodeToken, with the same comparisons.
func BenchmarkEncodeToken(b *testing.B) {
	keys := wire.V5.NewKeys(salt, secret)
	key := derive(b, secret, salt, 64)
	t := claims(b, defaultClaims)
	c := claimsStruct{Name: t.Name, Email: t.Email, Picture: t.Picture, Sub: t.Subject, IAT: t.IssuedAt, EXP: t.Expires, JTI: t.ID}
	sample, err := keys.EncodeToken(t, epoch, time.Hour, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	header := ourHeader(b, sample)
	b.Run("wire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := keys.EncodeToken(t, epoch, time.Hour, rand.Reader); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("raw+encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		r := newRaw(b, key)
		for b.Loop() {
			text, err := json.Marshal(c)
			if err != nil {
				b.Fatal(err)
			}
			var iv [16]byte
			rand.Read(iv[:])
			r.seal(header, iv[:], text, false)
		}
	})
	b.Run("go-jose", func(b *testing.B) {
		b.ReportAllocs()
		e, err := jose.NewEncrypter(jose.A256CBC_HS512, jose.Recipient{Algorithm: jose.DIRECT, Key: key, KeyID: "kid"}, nil)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			text, err := json.Marshal(c)
			if err != nil {
				b.Fatal(err)
			}
			obj, err := e.Encrypt(text)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := obj.CompactSerialize(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNewKeys(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		wire.V5.NewKeys(salt, secret)
	}
}

func BenchmarkSessionCookie(b *testing.B) {
	header := []string{"authjs.csrf-token=a%7Cb; authjs.callback-url=http%3A%2F%2Flocalhost%3A3000; authjs.session-token=t"}
	cookies := make([]wire.Cookie, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		if wire.SessionCookie(wire.ParseCookies(cookies[:0], header), plainNames.SessionToken) != "t" {
			b.Fatal("no session")
		}
	}
}

func BenchmarkCSRFToken(b *testing.B) {
	c := wire.NewCSRF(secret)
	_, cookie, err := c.New(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Token(cookie); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkAppendSession(b *testing.B) {
	t := claims(b, defaultClaims)
	body := &wire.Body{Name: wire.Text{Value: t.Name}, Email: wire.Text{Value: t.Email}, Image: wire.Text{Value: t.Picture}, Expires: epoch}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = wire.V5.AppendSession(buf[:0], body)
	}
}
