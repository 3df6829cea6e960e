package wire

import (
	"io"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
)

// ClockTolerance is how far the clocks of two servers may differ.
const ClockTolerance = 15 * time.Second

const toleranceSeconds = int64(ClockTolerance / time.Second)

// EncodeToken seals the claims of t with iat, exp and jti set: now, now +
// maxAge (whole seconds) and a random UUID. t itself is not changed; nil has no
// claims. It reads 32 bytes of rand (28
// with V4), the UUID's first; the error is rand's.
func (k *Keys) EncodeToken(t *schema.Token, now time.Time, maxAge time.Duration, rand io.Reader) (string, error) {
	if len(k.keys) == 0 {
		return "", errNoKey
	}
	s := k.get()
	defer k.put(s)
	c := k.keys[0][0]
	if err := s.random(rand, 16+c.ivSize()); err != nil {
		return "", err
	}
	var claims schema.Token
	if t != nil {
		claims = *t
	}
	claims.IssuedAt = now.Unix()
	claims.Expires = claims.IssuedAt + int64(maxAge/time.Second)
	claims.ID = formatUUID(s.rand[:16])
	s.buf = claims.AppendClaims(c.begin(s.buf[:0], s.rand[16:16+c.ivSize()]))
	return c.finish(s), nil
}

// DecodeToken opens a token and decodes its claims under s (nil: no declared
// fields). A token without exp is ErrToken (WIRE.md section 12 row 8). A token
// is valid until exp plus ClockTolerance, and from nbf minus ClockTolerance on;
// iat is not checked. first is as of Open. The error is ErrToken, ErrExpired or
// ErrNotYet.
func (k *Keys) DecodeToken(token string, s *schema.Schema, now time.Time) (t *schema.Token, first bool, err error) {
	mem := k.get()
	defer k.put(mem)
	text, first, ok := k.open(token, mem)
	if !ok {
		return nil, false, ErrToken
	}
	if t, err = s.DecodeClaims(text); err != nil || t.Expires == 0 {
		return nil, false, ErrToken
	}
	switch at := now.Unix(); {
	case t.Expires <= at-toleranceSeconds:
		return nil, false, ErrExpired
	case t.NotBefore > at+toleranceSeconds:
		return nil, false, ErrNotYet
	}
	return t, first, nil
}
