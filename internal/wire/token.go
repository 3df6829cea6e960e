package wire

import (
	"io"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
)

// clockTolerance is the tolerated difference between the clocks of two servers.
const clockTolerance = 15 * time.Second

const toleranceSeconds = int64(clockTolerance / time.Second)

// EncodeToken seals the claims of t, with iat set to now, exp to now + maxAge (in
// whole seconds) and jti to a random UUID. It does not modify t; a nil t has no
// claims. EncodeToken reads 32 bytes from rand (28 with V4), first those of the
// UUID, and returns the error of rand.
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

// DecodeToken opens a token and decodes its claims according to s, which may be
// nil. The token must have exp (WIRE.md section 12 row 8). It is valid from nbf
// minus clockTolerance until exp plus clockTolerance; iat is not checked. first
// is that of Open. The error is ErrToken, ErrExpired or ErrNotYet.
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
