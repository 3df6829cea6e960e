package wire

import (
	"io"
	"strconv"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
)

// CheckMaxAge is the lifetime of a check cookie.
const CheckMaxAge = 15 * time.Minute

// StateSalt is the salt of the state parameter.
const StateSalt = "encodedState"

// SealCheck returns the value of a check cookie (state, PKCE, nonce; WIRE.md
// section 4.2): a token with the payload {value, provider, iat, exp, jti} that is
// valid for CheckMaxAge. The salt of k must be the cookie's name. SealCheck
// returns the error of rand.
func (k *Keys) SealCheck(value, provider string, now time.Time, rand io.Reader) (string, error) {
	return k.sealFor(CheckMaxAge, now, rand, "value", value, "provider", provider)
}

// OpenCheck returns the value kept in a check cookie. The error is ErrToken if
// the cookie is invalid, belongs to another provider or does not hold a string,
// or else ErrExpired or ErrNotYet.
func (k *Keys) OpenCheck(cookie, provider string, now time.Time) (string, error) {
	t, _, err := k.DecodeToken(cookie, nil, now)
	if err != nil {
		return "", err
	}
	value, _ := t.Extra["value"].(string)
	if value == "" || t.Extra["provider"] != provider {
		return "", ErrToken
	}
	return value, nil
}

// SealState returns a state parameter: a token under StateSalt with the payload
// {origin, random, iat, exp, jti} that is valid for CheckMaxAge. An empty origin
// is omitted. SealState returns the error of rand.
func (k *Keys) SealState(origin string, now time.Time, rand io.Reader) (string, error) {
	random, err := RandomBase64(rand)
	if err != nil {
		return "", err
	}
	if origin == "" {
		return k.sealFor(CheckMaxAge, now, rand, "random", random)
	}
	return k.sealFor(CheckMaxAge, now, rand, "origin", origin, "random", random)
}

// sealFor seals an object with the given members, as pairs of name and value, and
// iat, exp and jti.
func (k *Keys) sealFor(maxAge time.Duration, now time.Time, rand io.Reader, members ...string) (string, error) {
	id, err := UUID(rand)
	if err != nil {
		return "", err
	}
	b := []byte{'{'}
	for i := 0; i < len(members); i += 2 {
		b = schema.AppendString(b, members[i])
		b = append(b, ':')
		b = schema.AppendString(b, members[i+1])
		b = append(b, ',')
	}
	b = append(b, `"iat":`...)
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, `,"exp":`...)
	b = strconv.AppendInt(b, now.Unix()+int64(maxAge/time.Second), 10)
	b = append(b, `,"jti":`...)
	b = schema.AppendString(b, id)
	return k.Seal(append(b, '}'), rand)
}
