package wire

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"

	"github.com/sesame-auth/sesame/engine/schema"
)

// Errors of opening a token. All that is wrong with a token but its times is
// ErrToken, so that nobody learns from the answer how far a forged token got.
var (
	ErrToken   = errors.New("wire: not a token of this server")
	ErrExpired = errors.New("wire: the token has expired")      // exp has passed by ClockTolerance or more
	ErrNotYet  = errors.New("wire: the token is not valid yet") // nbf lies ahead by more than ClockTolerance
)

// b64 is the base64 of RFC 7515 section 2, without second ways to write the
// same bytes.
var b64 = base64.RawURLEncoding.Strict()

// Keys seals and opens tokens under one salt (a cookie name) with the keys
// derived from one or more secrets (WIRE.md section 4.1). It is safe for
// concurrent use. The zero Keys has no key.
type Keys struct {
	keys    []*key
	scratch sync.Pool // of *scratch
}

// key is what is derived from one secret.
type key struct {
	cbc cbcKey
	gcm gcmKey
}

// cbcKey is a key of A256CBC-HS512 (RFC 7518 section 5.2.5).
type cbcKey struct {
	header string // the protected header as it is written, base64
	kid    string
	block  cipher.Block
	macs   sync.Pool // of hash.Hash: HMAC-SHA-512 with the first half of the key
}

// gcmKey is a key of A256GCM (RFC 7518 section 5.3).
type gcmKey struct {
	header string
	kid    string
	aead   cipher.AEAD
}

// scratch is memory for one operation.
type scratch struct {
	token []byte // what is opened
	buf   []byte // what is authenticated, and what comes of it
	rand  [32]byte
	sum   [sha512.Size]byte
}

const (
	encCBC = "A256CBC-HS512"
	encGCM = "A256GCM"

	cbcTagSize = 32
	// maxHeader is the most characters of a protected header that is not one
	// of ours.
	maxHeader = 1024
	// maxInfo is the most bytes of HKDF's info that Auth.js takes.
	maxInfo = 1024
)

// NewKeys derives the keys: A256CBC-HS512 of the first secret to seal, and that
// and A256GCM of every secret to open. It panics when there is no secret, when
// one is empty, and when the salt is longer than a cookie name can be (990
// bytes): Auth.js refuses these as well.
func NewKeys(salt string, secrets ...string) *Keys {
	if len(secrets) == 0 {
		panic("wire: NewKeys needs a secret")
	}
	info := "Auth.js Generated Encryption Key (" + salt + ")"
	if len(info) > maxInfo {
		panic("wire: NewKeys: the salt is too long")
	}
	k := &Keys{}
	for _, secret := range secrets {
		if secret == "" {
			panic("wire: NewKeys: a secret is empty")
		}
		k.keys = append(k.keys, newKey(secret, salt, info))
	}
	return k
}

func newKey(secret, salt, info string) *key {
	derive := func(size int) []byte {
		b, err := hkdf.Key(sha256.New, []byte(secret), []byte(salt), info, size)
		if err != nil {
			panic(err) // only for sizes beyond 255 hashes
		}
		return b
	}
	k := &key{}

	raw := derive(64)
	sum := sha512.Sum512(thumbprint(raw))
	k.cbc.kid = b64.EncodeToString(sum[:])
	k.cbc.header = header(encCBC, k.cbc.kid)
	k.cbc.block = newAES(raw[32:])
	k.cbc.macs.New = func() any { return hmac.New(sha512.New, raw[:32]) }

	raw = derive(32)
	sum256 := sha256.Sum256(thumbprint(raw))
	k.gcm.kid = b64.EncodeToString(sum256[:])
	k.gcm.header = header(encGCM, k.gcm.kid)
	aead, err := cipher.NewGCM(newAES(raw))
	if err != nil {
		panic(err) // only for other block sizes
	}
	k.gcm.aead = aead
	return k
}

func newAES(raw []byte) cipher.Block {
	block, err := aes.NewCipher(raw)
	if err != nil {
		panic(err) // only for other key sizes
	}
	return block
}

// thumbprint returns what is hashed for the key's thumbprint (RFC 7638).
func thumbprint(raw []byte) []byte {
	return []byte(`{"k":"` + b64.EncodeToString(raw) + `","kty":"oct"}`)
}

func header(enc, kid string) string {
	return b64.EncodeToString([]byte(`{"alg":"dir","enc":"` + enc + `","kid":"` + kid + `"}`))
}

// Seal encrypts plaintext: JWE compact serialization (RFC 7516 section 7.1),
// dir, A256CBC-HS512, with kid. It reads 16 bytes of rand; the error is rand's.
func (k *Keys) Seal(plaintext []byte, rand io.Reader) (string, error) {
	if len(k.keys) == 0 {
		return "", errNoKey
	}
	s := k.get()
	defer k.put(s)
	if err := s.random(rand, aes.BlockSize); err != nil {
		return "", err
	}
	c := &k.keys[0].cbc
	s.buf = append(c.begin(s.buf[:0], s.rand[:aes.BlockSize]), plaintext...)
	return c.finish(s), nil
}

var errNoKey = errors.New("wire: there is no secret; use NewKeys and NewCSRF")

// begin appends the start of what is authenticated: the header and the IV. The
// plaintext comes next.
func (c *cbcKey) begin(dst, iv []byte) []byte {
	dst = append(dst, c.header...)
	return append(dst, iv...)
}

// finish encrypts what stands behind begin in s.buf and returns the token.
func (c *cbcKey) finish(s *scratch) string {
	ivAt := len(c.header)
	textAt := ivAt + aes.BlockSize
	// PKCS #7 padding (RFC 7518 section 5.2.2.1).
	pad := aes.BlockSize - (len(s.buf)-textAt)%aes.BlockSize
	for range pad {
		s.buf = append(s.buf, byte(pad))
	}
	end := len(s.buf)
	cipher.NewCBCEncrypter(c.block, s.buf[ivAt:textAt]).CryptBlocks(s.buf[textAt:end], s.buf[textAt:end])
	tag := c.tag(s, ivAt)

	out := len(s.buf)
	s.buf = append(s.buf, c.header...)
	s.buf = append(s.buf, '.', '.')
	s.buf = b64.AppendEncode(s.buf, s.buf[ivAt:textAt])
	s.buf = append(s.buf, '.')
	s.buf = b64.AppendEncode(s.buf, s.buf[textAt:end])
	s.buf = append(s.buf, '.')
	s.buf = b64.AppendEncode(s.buf, tag)
	return string(s.buf[out:])
}

// tag appends the length of the header in bits to s.buf, which holds header, IV
// and ciphertext, and returns the authentication tag (RFC 7518 section 5.2.2.1).
func (c *cbcKey) tag(s *scratch, headerSize int) []byte {
	s.buf = binary.BigEndian.AppendUint64(s.buf, uint64(headerSize)*8)
	mac := c.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(s.buf)
	sum := mac.Sum(s.sum[:0])
	c.macs.Put(mac)
	return sum[:cbcTagSize]
}

// Open decrypts a token to its plaintext. first reports whether it was sealed
// with the first secret.
//
// Accepted are dir with A256CBC-HS512 or A256GCM, nothing else: no zip, no
// crit, no padding, no white space, no second spelling of the base64. With a
// kid the secret that has it is used; without one every secret is tried in
// turn, where Auth.js tries the first only. The error is always ErrToken.
func (k *Keys) Open(token string) (plaintext []byte, first bool, err error) {
	s := k.get()
	defer k.put(s)
	text, first, ok := k.open(token, s)
	if !ok {
		return nil, false, ErrToken
	}
	return append([]byte{}, text...), first, nil
}

// open returns the plaintext in the memory of s.
func (k *Keys) open(token string, s *scratch) (text []byte, first, ok bool) {
	if len(token) > MaxTokenSize {
		return nil, false, false
	}
	var p parts
	s.token = append(s.token[:0], token...)
	if !p.split(s.token) {
		return nil, false, false
	}
	for i, key := range k.keys {
		switch { // each conversion by itself, so that none takes memory
		case string(p.header) == key.cbc.header:
			text, ok = key.cbc.open(&p, s)
			return text, i == 0, ok
		case string(p.header) == key.gcm.header:
			text, ok = key.gcm.open(&p, s)
			return text, i == 0, ok
		}
	}
	enc, kid, ok := s.foreign(p.header)
	if !ok {
		return nil, false, false
	}
	for i, key := range k.keys {
		switch {
		case enc == encCBC && (kid == "" || kid == key.cbc.kid):
			text, ok = key.cbc.open(&p, s)
		case enc == encGCM && (kid == "" || kid == key.gcm.kid):
			text, ok = key.gcm.open(&p, s)
		default:
			continue
		}
		if ok {
			return text, i == 0, true
		}
	}
	return nil, false, false
}

// parts are the segments of a token; that of the encrypted key is empty with
// dir.
type parts struct{ header, iv, ciphertext, tag []byte }

func (p *parts) split(token []byte) bool {
	var key []byte
	for _, part := range [...]*[]byte{&p.header, &key, &p.iv, &p.ciphertext} {
		dot := bytes.IndexByte(token, '.')
		if dot < 0 {
			return false
		}
		*part, token = token[:dot], token[dot+1:]
	}
	p.tag = token
	return len(key) == 0 && bytes.IndexByte(token, '.') < 0
}

// foreign reads a protected header that is not one of ours. kid is "" when
// there is none.
func (s *scratch) foreign(header []byte) (enc, kid string, ok bool) {
	s.buf = s.buf[:0]
	if len(header) > maxHeader || !s.decode(header, b64.DecodedLen(len(header))) {
		return "", "", false
	}
	v, err := schema.DecodeJSON(s.buf)
	if err != nil {
		return "", "", false
	}
	h, _ := v.(map[string]any)
	if h["alg"] != "dir" {
		return "", "", false
	}
	for _, name := range [...]string{"zip", "crit"} {
		if _, there := h[name]; there {
			return "", "", false
		}
	}
	if v, there := h["kid"]; there {
		if kid, _ = v.(string); kid == "" {
			return "", "", false
		}
	}
	enc, _ = h["enc"].(string)
	return enc, kid, enc == encCBC || enc == encGCM
}

func (c *cbcKey) open(p *parts, s *scratch) ([]byte, bool) {
	s.buf = append(s.buf[:0], p.header...)
	ivAt := len(s.buf)
	if !s.decode(p.iv, aes.BlockSize) {
		return nil, false
	}
	textAt := len(s.buf)
	size := b64.DecodedLen(len(p.ciphertext))
	if size == 0 || size%aes.BlockSize != 0 || !s.decode(p.ciphertext, size) {
		return nil, false
	}
	end := len(s.buf)
	want := c.tag(s, ivAt)
	tagAt := len(s.buf)
	if !s.decode(p.tag, cbcTagSize) || subtle.ConstantTimeCompare(want, s.buf[tagAt:]) != 1 {
		return nil, false
	}
	text := s.buf[textAt:end]
	cipher.NewCBCDecrypter(c.block, s.buf[ivAt:textAt]).CryptBlocks(text, text)
	// The tag is right, so a wrong padding is no oracle for anybody.
	pad := int(text[len(text)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, false
	}
	for _, c := range text[len(text)-pad:] {
		if int(c) != pad {
			return nil, false
		}
	}
	return text[:len(text)-pad], true
}

func (g *gcmKey) open(p *parts, s *scratch) ([]byte, bool) {
	s.buf = append(s.buf[:0], p.header...)
	ivAt := len(s.buf)
	if !s.decode(p.iv, g.aead.NonceSize()) {
		return nil, false
	}
	textAt := len(s.buf)
	if !s.decode(p.ciphertext, b64.DecodedLen(len(p.ciphertext))) || !s.decode(p.tag, g.aead.Overhead()) {
		return nil, false
	}
	text, err := g.aead.Open(s.buf[textAt:textAt], s.buf[ivAt:textAt], s.buf[textAt:], s.buf[:ivAt])
	return text, err == nil
}

// decode appends the bytes of a segment, which must be of this size. The
// decoder of the standard library skips line breaks; with one of them in it a
// segment of the right length is too short.
func (s *scratch) decode(segment []byte, size int) bool {
	if len(segment) != b64.EncodedLen(size) {
		return false
	}
	at := len(s.buf)
	s.buf = slices.Grow(s.buf, size)[:at+size]
	n, err := b64.Decode(s.buf[at:], segment)
	return err == nil && n == size
}

// random reads n bytes into s.rand.
func (s *scratch) random(rand io.Reader, n int) error {
	if _, err := io.ReadFull(rand, s.rand[:n]); err != nil {
		return fmt.Errorf("wire: reading random bytes: %w", err)
	}
	return nil
}

func (k *Keys) get() *scratch {
	if s, ok := k.scratch.Get().(*scratch); ok {
		return s
	}
	return &scratch{}
}

// put gives memory back, without what was decrypted in it.
func (k *Keys) put(s *scratch) {
	clear(s.buf)
	k.scratch.Put(s)
}
