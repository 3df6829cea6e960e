package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// HashVerificationToken returns the form in which an e-mail token is stored: the
// SHA-256 of token + secret in hex (WIRE.md section 4.3). If there are several
// secrets, Auth.js uses all of them, joined by commas.
func HashVerificationToken(token, secret string) string {
	sum := sha256.Sum256([]byte(token + secret))
	return hex.EncodeToString(sum[:])
}

// RandomHex returns 32 random bytes in hex. It returns the error of rand.
func RandomHex(rand io.Reader) (string, error) {
	var b [32]byte
	if err := read(rand, b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}

// RandomBase64 returns 32 random bytes in unpadded base64url. It returns the
// error of rand.
func RandomBase64(rand io.Reader) (string, error) {
	var b [32]byte
	if err := read(rand, b[:]); err != nil {
		return "", err
	}
	return b64.EncodeToString(b[:]), nil
}

// UUID returns a random UUID (RFC 9562, version 4). It returns the error of rand.
func UUID(rand io.Reader) (string, error) {
	var b [16]byte
	if err := read(rand, b[:]); err != nil {
		return "", err
	}
	return formatUUID(b[:]), nil
}

func read(rand io.Reader, b []byte) error {
	if _, err := io.ReadFull(rand, b); err != nil {
		return fmt.Errorf("wire: reading random bytes: %w", err)
	}
	return nil
}

// formatUUID returns 16 random bytes as a UUID. It modifies b.
func formatUUID(b []byte) string {
	var s [36]byte
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:36], b[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// CodeChallenge returns the S256 challenge of a PKCE verifier (RFC 7636 section
// 4.2).
func CodeChallenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return b64.EncodeToString(sum[:])
}
