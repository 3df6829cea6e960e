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

// Errors of opening a token. All problems except those of its times are ErrToken,
// so that the response does not reveal which check a forged token failed.
var (
	ErrToken   = errors.New("wire: not a token of this server")
	ErrExpired = errors.New("wire: the token has expired")      // exp was clockTolerance ago or earlier
	ErrNotYet  = errors.New("wire: the token is not valid yet") // nbf is more than clockTolerance ahead
)

// b64 is the base64 of RFC 7515 section 2. It is strict: each sequence of bytes
// has only one encoding.
var b64 = base64.RawURLEncoding.Strict()

// Keys seals and opens tokens of one dialect and salt, with keys that are derived
// once from one or more secrets (WIRE.md section 4.1). It is safe for concurrent
// use. The zero Keys has no key.
type Keys struct {
	keys    [][]*key  // by secret and content encryption; the first one seals
	scratch sync.Pool // of *scratch
}

// key is a key for one content encryption: A256GCM (RFC 7518 section 5.3) if it
// has an aead, else A256CBC-HS512 (section 5.2.5).
type key struct {
	enc    string
	kid    string // "" if tokens do not name their key
	header string // protected header of new tokens, in base64
	aead   cipher.AEAD
	block  cipher.Block
	macs   sync.Pool // of hash.Hash: HMAC-SHA-512 with the first half of the key
}

// scratch is the memory of one operation.
type scratch struct {
	token []byte // the token to open
	parts parts  // of token
	buf   []byte // input of the authentication, then its result
	rand  [32]byte
	sum   [sha512.Size]byte
}

const (
	encCBC = "A256CBC-HS512"
	encGCM = "A256GCM"

	cbcTagSize = 32
	// maxHeader is the maximum length of a protected header that was not
	// written by this package, in characters.
	maxHeader = 1024
	// maxInfo is the maximum length of HKDF's info in Auth.js, in bytes.
	maxInfo = 1024
)

// SessionKeys returns the keys for session tokens in the cookie with the given
// name (without the suffix of a chunk). With V5 the name is the salt; with V4 it
// is ignored. SessionKeys panics in the same cases as NewKeys.
func (d Dialect) SessionKeys(cookie string, secrets ...string) *Keys {
	if d.traits().saltless {
		cookie = ""
	}
	return d.NewKeys(cookie, secrets...)
}

// NewKeys derives the keys for a salt, which is the name of a check cookie or
// StateSalt. The first secret seals, all of them open. NewKeys panics if there is
// no secret, if one is empty, or if the salt is longer than some 980 bytes, which
// no cookie name is. Auth.js rejects these as well.
func (d Dialect) NewKeys(salt string, secrets ...string) *Keys {
	if len(secrets) == 0 {
		panic("wire: NewKeys needs a secret")
	}
	traits := d.traits()
	info := traits.info
	if salt != "" || !traits.saltless {
		info += " (" + salt + ")"
	}
	if len(info) > maxInfo {
		panic("wire: NewKeys: the salt is too long")
	}
	k := &Keys{}
	for _, secret := range secrets {
		if secret == "" {
			panic("wire: NewKeys: a secret is empty")
		}
		var keys []*key
		for _, enc := range traits.encs {
			keys = append(keys, newKey(enc, secret, salt, info, traits.kid))
		}
		k.keys = append(k.keys, keys)
	}
	return k
}

// JoinKeys returns keys that open the tokens that any of the given keys opens,
// which may be of different dialects, and that seal like the first. When they
// open a token, the result first refers to the first secret of the first keys.
func JoinKeys(keys ...*Keys) *Keys {
	joined := &Keys{}
	for _, k := range keys {
		joined.keys = append(joined.keys, k.keys...)
	}
	return joined
}

func newKey(enc, secret, salt, info string, named bool) *key {
	derive := func(size int) []byte {
		b, err := hkdf.Key(sha256.New, []byte(secret), []byte(salt), info, size)
		if err != nil {
			panic(err) // only for sizes beyond 255 hashes
		}
		return b
	}
	k := &key{enc: enc}
	var name []byte
	if enc == encCBC {
		raw := derive(64)
		sum := sha512.Sum512(thumbprint(raw))
		name = sum[:]
		k.block = newAES(raw[32:])
		k.macs.New = func() any { return hmac.New(sha512.New, raw[:32]) }
	} else {
		raw := derive(32)
		sum := sha256.Sum256(thumbprint(raw))
		name = sum[:]
		aead, err := cipher.NewGCM(newAES(raw))
		if err != nil {
			panic(err) // only for other block sizes
		}
		k.aead = aead
	}
	header := `{"alg":"dir","enc":"` + enc + `"`
	if named {
		k.kid = b64.EncodeToString(name)
		header += `,"kid":"` + k.kid + `"`
	}
	k.header = b64.EncodeToString([]byte(header + "}"))
	return k
}

func newAES(raw []byte) cipher.Block {
	block, err := aes.NewCipher(raw)
	if err != nil {
		panic(err) // only for other key sizes
	}
	return block
}

// thumbprint returns the input of the hash for a key's thumbprint (RFC 7638).
func thumbprint(raw []byte) []byte {
	return []byte(`{"k":"` + b64.EncodeToString(raw) + `","kty":"oct"}`)
}

// Seal encrypts plaintext to a JWE in compact serialization (RFC 7516 section
// 7.1) with alg dir: A256CBC-HS512 with a kid for V5, A256GCM for V4. It reads 16
// or 12 bytes from rand and returns the error of rand.
func (k *Keys) Seal(plaintext []byte, rand io.Reader) (string, error) {
	if len(k.keys) == 0 {
		return "", errNoKey
	}
	s := k.get()
	defer k.put(s)
	c := k.keys[0][0]
	if err := s.random(rand, c.ivSize()); err != nil {
		return "", err
	}
	s.buf = append(c.begin(s.buf[:0], s.rand[:c.ivSize()]), plaintext...)
	return c.finish(s), nil
}

var errNoKey = errors.New("wire: no secret; use NewKeys or NewCSRF")

func (k *key) ivSize() int {
	if k.aead != nil {
		return k.aead.NonceSize()
	}
	return aes.BlockSize
}

// begin appends the header and the IV, with which the input of the authentication
// starts. The plaintext must follow.
func (k *key) begin(dst, iv []byte) []byte {
	dst = append(dst, k.header...)
	return append(dst, iv...)
}

// finish encrypts the plaintext that follows begin in s.buf and returns the token.
func (k *key) finish(s *scratch) string {
	ivAt := len(k.header)
	textAt := ivAt + k.ivSize()
	var end int
	var tag []byte
	if k.aead != nil {
		end = len(s.buf)
		s.buf = slices.Grow(s.buf, k.aead.Overhead())
		sealed := k.aead.Seal(s.buf[textAt:textAt], s.buf[ivAt:textAt], s.buf[textAt:end], s.buf[:ivAt])
		s.buf = s.buf[:textAt+len(sealed)]
		tag = s.sum[:copy(s.sum[:], s.buf[end:])]
	} else {
		// PKCS #7 padding (RFC 7518 section 5.2.2.1).
		pad := aes.BlockSize - (len(s.buf)-textAt)%aes.BlockSize
		for range pad {
			s.buf = append(s.buf, byte(pad))
		}
		end = len(s.buf)
		cipher.NewCBCEncrypter(k.block, s.buf[ivAt:textAt]).CryptBlocks(s.buf[textAt:end], s.buf[textAt:end])
		tag = k.tag(s, ivAt)
	}
	out := len(s.buf)
	s.buf = append(s.buf, k.header...)
	s.buf = append(s.buf, '.', '.')
	s.buf = b64.AppendEncode(s.buf, s.buf[ivAt:textAt])
	s.buf = append(s.buf, '.')
	s.buf = b64.AppendEncode(s.buf, s.buf[textAt:end])
	s.buf = append(s.buf, '.')
	s.buf = b64.AppendEncode(s.buf, tag)
	return string(s.buf[out:])
}

// tag returns the authentication tag (RFC 7518 section 5.2.2.1) of s.buf, which
// holds header, IV and ciphertext. It appends the length of the header in bits.
func (k *key) tag(s *scratch, headerSize int) []byte {
	s.buf = binary.BigEndian.AppendUint64(s.buf, uint64(headerSize)*8)
	mac := k.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(s.buf)
	sum := mac.Sum(s.sum[:0])
	k.macs.Put(mac)
	return sum[:cbcTagSize]
}

// Open decrypts a token. first reports whether it was sealed with the first
// secret.
//
// Open accepts alg dir with A256GCM or, with V5, A256CBC-HS512. It rejects zip and
// crit, base64 padding, white space, and non-canonical base64. With V5 the kid
// selects the secret. Without a kid, and with V4, all secrets are tried in turn;
// Auth.js tries only the first. The error is always ErrToken.
func (k *Keys) Open(token string) (plaintext []byte, first bool, err error) {
	s := k.get()
	defer k.put(s)
	text, first, ok := k.open(token, s)
	if !ok {
		return nil, false, ErrToken
	}
	return append([]byte{}, text...), first, nil
}

// open is Open with the plaintext in the memory of s.
func (k *Keys) open(token string, s *scratch) (text []byte, first, ok bool) {
	if len(token) > MaxTokenSize {
		return nil, false, false
	}
	s.token = append(s.token[:0], token...)
	if !s.parts.split(s.token) {
		return nil, false, false
	}
	known := false // the header is one that k writes
	for i, keys := range k.keys {
		for _, key := range keys {
			if string(s.parts.header) != key.header {
				continue
			}
			if text, ok = key.open(s); ok || key.kid != "" {
				return text, i == 0, ok
			}
			known = true
		}
	}
	if known {
		return nil, false, false
	}
	enc, kid, ok := s.foreign(s.parts.header)
	if !ok {
		return nil, false, false
	}
	for i, keys := range k.keys {
		for _, key := range keys {
			if enc != key.enc || kid != "" && key.kid != "" && kid != key.kid {
				continue
			}
			if text, ok = key.open(s); ok {
				return text, i == 0, true
			}
		}
	}
	return nil, false, false
}

// parts are the segments of a token, except the encrypted key, which is empty
// with alg dir.
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
	return len(key) == 0 // no base64 has a dot, so a sixth segment makes the tag invalid
}

// foreign parses a protected header that this package did not write. kid is "" if
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
		if _, exists := h[name]; exists {
			return "", "", false
		}
	}
	if v, exists := h["kid"]; exists {
		if kid, _ = v.(string); kid == "" {
			return "", "", false
		}
	}
	enc, _ = h["enc"].(string)
	return enc, kid, true
}

// open decrypts s.parts.
func (k *key) open(s *scratch) ([]byte, bool) {
	p := &s.parts
	s.buf = append(s.buf[:0], p.header...)
	ivAt := len(s.buf)
	if !s.decode(p.iv, k.ivSize()) {
		return nil, false
	}
	textAt := len(s.buf)
	size := b64.DecodedLen(len(p.ciphertext))
	if k.aead != nil {
		if !s.decode(p.ciphertext, size) || !s.decode(p.tag, k.aead.Overhead()) {
			return nil, false
		}
		text, err := k.aead.Open(s.buf[textAt:textAt], s.buf[ivAt:textAt], s.buf[textAt:], s.buf[:ivAt])
		return text, err == nil
	}
	if size == 0 || size%aes.BlockSize != 0 || !s.decode(p.ciphertext, size) {
		return nil, false
	}
	end := len(s.buf)
	want := k.tag(s, ivAt)
	tagAt := len(s.buf)
	if !s.decode(p.tag, cbcTagSize) || subtle.ConstantTimeCompare(want, s.buf[tagAt:]) != 1 {
		return nil, false
	}
	text := s.buf[textAt:end]
	cipher.NewCBCDecrypter(k.block, s.buf[ivAt:textAt]).CryptBlocks(text, text)
	// The tag is valid, so that checking the padding is not an oracle.
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

// decode appends the decoded segment to s.buf and reports whether it has the
// given size. The decoder of the standard library skips line breaks, but a
// segment of the right length that contains one decodes to too few bytes.
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

// put returns s to the pool, without the plaintext.
func (k *Keys) put(s *scratch) {
	clear(s.buf)
	k.scratch.Put(s)
}
