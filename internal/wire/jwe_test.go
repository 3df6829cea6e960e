package wire_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sesame-auth/sesame/internal/wire"
)

// refused checks that the token is rejected with ErrToken.
func refused(t *testing.T, keys *wire.Keys, what, token string) {
	t.Helper()
	text, _, err := keys.Open(token)
	if text != nil || err != wire.ErrToken {
		t.Errorf("%s: Open = %d bytes, %v; want nothing and ErrToken", what, len(text), err)
	}
	got, _, err := keys.DecodeToken(token, nil, epoch)
	if got != nil || err != wire.ErrToken {
		t.Errorf("%s: DecodeToken = %v, %v; want nil and ErrToken", what, got, err)
	}
}

// good is a valid token and its parts.
func good(t testing.TB) (*wire.Keys, string, []string) {
	t.Helper()
	keys := wire.V5.NewKeys(salt, secret)
	token, err := keys.Seal([]byte(defaultClaims), replay(t, []byte("0123456789abcdef")))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := keys.DecodeToken(token, nil, epoch); err != nil {
		t.Fatal(err)
	}
	return keys, token, strings.Split(token, ".")
}

// withHeader returns a token with the given header and a valid tag.
func withHeader(t testing.TB, headerJSON string) string {
	t.Helper()
	return newRaw(t, derive(t, secret, salt, 64)).seal(headerJSON, []byte("0123456789abcdef"), []byte(defaultClaims), false)
}

func TestCSRFTokenNeedsItsHash(t *testing.T) {
	c := wire.NewCSRF(secret)
	token, cookie, err := c.New(replay(t, make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := c.Token(cookie); !ok || got != token {
		t.Fatalf("Token = %q, %t; want %q", got, ok, token)
	}
	for at := range cookie {
		for _, c2 := range []byte("0aAg|") {
			bad := cookie[:at] + string(c2) + cookie[at+1:]
			if got, ok := c.Token(bad); bad != cookie && (ok || got != "") {
				t.Errorf("accepted %s", bad)
			}
		}
	}
	hash := cookie[65:]
	for _, bad := range []string{
		"", "|", token, token + "|", "|" + hash, token + hash, cookie + "|", cookie + "|x", "|" + cookie, token + "||" + hash,
		strings.ToUpper(cookie), token + "|" + strings.ToUpper(hash), " " + cookie, cookie + " ", cookie[:len(cookie)-1], cookie + "0",
		token[:63] + "|" + hash,
	} {
		if got, ok := c.Token(bad); ok || got != "" {
			t.Errorf("accepted %q as %q", bad, got)
		}
	}
	// Not a token, but with a valid hash.
	for _, bad := range []string{strings.Repeat("G", 64), strings.ToUpper(token[:63]) + "A"} {
		if got, ok := c.Token(bad + "|" + wire.HashVerificationToken(bad, secret)); ok || got != "" {
			t.Errorf("accepted %q as %q", bad, got)
		}
	}
}

func TestExpiredTokensAreRefused(t *testing.T) {
	keys := wire.V5.NewKeys(salt, secret)
	token, err := keys.EncodeToken(claims(t, `{"sub":"1"}`), epoch, time.Hour, replay(t, make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	exp := epoch.Add(time.Hour)
	for _, c := range []struct {
		at   time.Time
		want error
	}{
		{epoch, nil},
		{exp, nil},
		{exp.Add(14 * time.Second), nil},
		{exp.Add(15*time.Second - time.Nanosecond), nil},
		{exp.Add(15 * time.Second), wire.ErrExpired},
		{exp.AddDate(100, 0, 0), wire.ErrExpired},
		{epoch.AddDate(-10, 0, 0), nil}, // iat is not checked
	} {
		if _, _, err := keys.DecodeToken(token, nil, c.at); err != c.want {
			t.Errorf("at %v: %v, want %v", c.at, err, c.want)
		}
	}
}

func TestTokenSizeIsCapped(t *testing.T) {
	keys, token, _ := good(t)
	refused(t, keys, "too long", token+strings.Repeat("A", wire.MaxTokenSize))
	refused(t, keys, "dots only", strings.Repeat(".", wire.MaxTokenSize))
	refused(t, keys, "one segment", strings.Repeat("A", wire.MaxTokenSize))

	// The longest token that fits into the cookies is accepted.
	text := strings.Repeat("x", 47000)
	long, err := keys.Seal([]byte(text), replay(t, make([]byte, 16)))
	if err != nil || len(long) > wire.MaxTokenSize {
		t.Fatal(len(long), err)
	}
	if got, _, err := keys.Open(long); err != nil || string(got) != text {
		t.Errorf("a token of %d characters: %v", len(long), err)
	}
	longer, err := keys.Seal([]byte(strings.Repeat("x", 48000)), replay(t, make([]byte, 16)))
	if err != nil || len(longer) <= wire.MaxTokenSize {
		t.Fatal(len(longer), err)
	}
	refused(t, keys, "longer than the cookies", longer)
}

func TestOlderSecretsStillOpen(t *testing.T) {
	made, err := wire.V5.NewKeys(salt, oldSecret).EncodeToken(claims(t, defaultClaims), epoch, time.Hour, replay(t, make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	both := wire.V5.NewKeys(salt, secret, oldSecret)
	token, first, err := both.DecodeToken(made, nil, epoch)
	if err != nil || first {
		t.Fatalf("old secret second: first %t, %v; want false (issue it again), nil", first, err)
	}
	again, err := both.EncodeToken(token, epoch, time.Hour, replay(t, make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	only := wire.V5.NewKeys(salt, secret)
	if _, first, err := only.DecodeToken(again, nil, epoch); err != nil || !first {
		t.Errorf("issued again: first %t, %v; want true, nil", first, err)
	}
	refused(t, only, "secret removed", made)
}

func TestOtherAlgorithmsAreRefused(t *testing.T) {
	keys, _, _ := good(t)
	for _, h := range []string{`{"alg":"none"}`, `{"alg":"HS256"}`, `{"alg":"RS256"}`, `{"alg":"HS256","typ":"JWT"}`} {
		head, body := rawURL.EncodeToString([]byte(h)), rawURL.EncodeToString([]byte(defaultClaims))
		refused(t, keys, h, head+"."+body+".")
		refused(t, keys, h, head+"."+body+"."+rawURL.EncodeToString(make([]byte, 32)))
		refused(t, keys, h+" in five segments", withHeader(t, h))
	}
	key := derive(t, secret, salt, 64)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(defaultClaims))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	refused(t, keys, "HS256 signed with our key", signed)
	for _, alg := range []string{"", "DIR", "A256KW", "A256GCMKW", "PBES2-HS512+A256KW", "RSA-OAEP", "ECDH-ES"} {
		refused(t, keys, "alg "+alg, withHeader(t, `{"alg":"`+alg+`","enc":"A256CBC-HS512"}`))
	}
}

func TestOtherEncryptionsAreRefused(t *testing.T) {
	keys, _, _ := good(t)
	for _, enc := range []string{"", "A128CBC-HS256", "A192CBC-HS384", "A128GCM", "A192GCM", "a256cbc-hs512", "XC20P", "none"} {
		refused(t, keys, "enc "+enc, withHeader(t, `{"alg":"dir","enc":"`+enc+`"}`))
	}
	// Headers of more than 1024 characters are rejected.
	for size, ok := range map[int]bool{700: true, 730: false} {
		long := withHeader(t, `{"alg":"dir","enc":"A256CBC-HS512","x":"`+strings.Repeat("x", size)+`"}`)
		if _, _, err := keys.Open(long); (err == nil) != ok {
			t.Errorf("a header of %d characters: %v", strings.IndexByte(long, '.'), err)
		}
	}
	refused(t, keys, "no enc", withHeader(t, `{"alg":"dir"}`))
	refused(t, keys, "enc twice", withHeader(t, `{"alg":"dir","enc":"A128GCM","enc":"A256CBC-HS512"}`))
	refused(t, keys, "enc a list", withHeader(t, `{"alg":"dir","enc":["A256CBC-HS512"]}`))
	refused(t, keys, "a list", withHeader(t, `["dir","A256CBC-HS512"]`))
	refused(t, keys, "not JSON", withHeader(t, `{"alg":"dir","enc":"A256CBC-HS512"`))
	refused(t, keys, "nothing", withHeader(t, ``))
	// The two algorithms have independent keys: neither is half of the other.
	refused(t, keys, "GCM header over CBC", withHeader(t, `{"alg":"dir","enc":"A256GCM"}`))
}

func TestCompressedTokensAreRefused(t *testing.T) {
	keys, _, _ := good(t)
	for _, zip := range []string{`"DEF"`, `""`, `null`} {
		refused(t, keys, "zip "+zip, withHeader(t, `{"alg":"dir","enc":"A256CBC-HS512","zip":`+zip+`}`))
	}
	// The same header without zip is accepted, so zip is what is rejected.
	if _, _, err := keys.Open(withHeader(t, `{"alg":"dir","enc":"A256CBC-HS512"}`)); err != nil {
		t.Error(err)
	}
}

func TestEncryptedKeysAreRefused(t *testing.T) {
	keys, _, p := good(t)
	for _, key := range []string{"A", "AA", "AAAA", strings.Repeat("A", 86), " ", "="} {
		refused(t, keys, "encrypted key "+key, strings.Join([]string{p[0], key, p[2], p[3], p[4]}, "."))
	}
}

func TestChangedTokensAreRefused(t *testing.T) {
	keys, token, _ := good(t)
	gcm := sealGCM(t, `{"alg":"dir","enc":"A256GCM"}`, []byte(defaultClaims))
	if _, _, err := keys.DecodeToken(gcm, nil, epoch); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{token, gcm} {
		p := strings.Split(token, ".")
		for part := range p {
			b, err := rawURL.DecodeString(p[part])
			if err != nil {
				t.Fatal(err)
			}
			for bit := range len(b) * 8 {
				flipped := slices.Clone(b)
				flipped[bit/8] ^= 1 << (bit % 8)
				q := slices.Clone(p)
				q[part] = rawURL.EncodeToString(flipped)
				refused(t, keys, fmt.Sprintf("segment %d bit %d", part, bit), strings.Join(q, "."))
			}
			for _, size := range []int{0, 1, len(b) - 1, len(b) / 2} {
				if size >= 0 && size < len(b) {
					q := slices.Clone(p)
					q[part] = rawURL.EncodeToString(b[:size])
					refused(t, keys, fmt.Sprintf("segment %d cut to %d bytes", part, size), strings.Join(q, "."))
				}
			}
			q := slices.Clone(p)
			q[part] = rawURL.EncodeToString(append(slices.Clone(b), 0))
			refused(t, keys, fmt.Sprintf("segment %d with one byte more", part), strings.Join(q, "."))
		}
		for at := range token {
			refused(t, keys, fmt.Sprintf("cut at %d", at), token[:at])
		}
	}
	// Invalid padding under a valid tag is the same error.
	r := newRaw(t, derive(t, secret, salt, 64))
	header := ourHeader(t, token)
	for _, pad := range []byte{0, 17, 255, 2} {
		block := make([]byte, 16)
		block[15] = pad
		refused(t, keys, fmt.Sprintf("padding %d", pad), r.seal(header, make([]byte, 16), block, true))
	}
	refused(t, keys, "no ciphertext", r.seal(header, make([]byte, 16), nil, true))
	segment := rawURL.EncodeToString
	part, iv, text := segment([]byte(header)), make([]byte, 16), make([]byte, 24)
	refused(t, keys, "half a block", strings.Join([]string{part, "", segment(iv), segment(text), segment(r.tag(part, iv, text))}, "."))
	// Line breaks in place of zero bytes.
	zeros := strings.Split(r.seal(header, iv, []byte(defaultClaims), false), ".")
	zeros[2] = zeros[2][:18] + "\n\n\n\n"
	refused(t, keys, "line breaks for zeros", strings.Join(zeros, "."))
}

func TestTokensHaveFiveSegments(t *testing.T) {
	keys, token, p := good(t)
	for _, bad := range []string{
		strings.Join(p[:4], "."), token + ".", token + ".AA", "." + token, strings.Join(p, ".."), strings.Join(p, ""),
		"", ".", "....", ".....", token + "=", token + "==", strings.Replace(token, ".", "=.", 1), token + " ", " " + token, token + "\n",
		strings.Join(p, ". "), strings.Join(p, ".\n"),
	} {
		refused(t, keys, fmt.Sprintf("%.40q", bad), bad)
	}
	for part := range p {
		for _, sep := range []string{"\n", "\r", "\r\n", " ", "\t", "=", "+", "/", "%", "\x00", "é"} {
			for _, at := range []int{0, len(p[part]) / 2, len(p[part])} {
				q := slices.Clone(p)
				q[part] = p[part][:at] + sep + p[part][at:]
				refused(t, keys, fmt.Sprintf("segment %d with %q at %d", part, sep, at), strings.Join(q, "."))
				if at+len(sep) <= len(p[part]) { // and in place of characters
					q[part] = p[part][:at] + sep + p[part][at+len(sep):]
					refused(t, keys, fmt.Sprintf("segment %d with %q over %d", part, sep, at), strings.Join(q, "."))
				}
			}
		}
	}
	// The last character of a segment has unused bits; they must be zero.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for part := range p {
		n := len(p[part])
		if n%4 == 0 {
			continue
		}
		for _, c := range alphabet {
			q := slices.Clone(p)
			q[part] = p[part][:n-1] + string(c)
			if q[part] != p[part] {
				refused(t, keys, fmt.Sprintf("segment %d ending in %c", part, c), strings.Join(q, "."))
			}
		}
	}
}

func TestCriticalHeadersAreRefused(t *testing.T) {
	keys, _, _ := good(t)
	for _, crit := range []string{`["x"],"x":1`, `["exp"],"exp":1`, `[]`, `null`, `"x"`} {
		refused(t, keys, "crit "+crit, withHeader(t, `{"alg":"dir","enc":"A256CBC-HS512","crit":`+crit+`}`))
	}
}

func TestKeyIDSelectsTheKey(t *testing.T) {
	_, token, _ := good(t)
	kid := func(token string) string {
		var h struct{ KID string }
		if err := json.Unmarshal([]byte(ourHeader(t, token)), &h); err != nil {
			t.Fatal(err)
		}
		return h.KID
	}
	other, err := wire.V5.NewKeys(salt, oldSecret).Seal([]byte(defaultClaims), replay(t, make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	both := wire.V5.NewKeys(salt, oldSecret, secret)

	noKID := withHeader(t, `{"alg":"dir","enc":"A256CBC-HS512"}`)
	for _, c := range []struct {
		name  string
		token string
		keys  *wire.Keys
		first bool
	}{
		{"ours", token, both, false},
		{"ours, members in another order", withHeader(t, `{"kid":"`+kid(token)+`","enc":"A256CBC-HS512","alg":"dir"}`), both, false},
		{"ours, with typ", withHeader(t, `{"alg":"dir","enc":"A256CBC-HS512","kid":"`+kid(token)+`","typ":"JWT"}`), both, false},
		{"no kid, second secret", noKID, both, false},
		{"no kid, first secret", noKID, wire.V5.NewKeys(salt, secret, oldSecret), true},
	} {
		text, first, err := c.keys.Open(c.token)
		if err != nil || string(text) != defaultClaims || first != c.first {
			t.Errorf("%s: first %t, %v; want %t, nil", c.name, first, err, c.first)
		}
	}
	for what, kid := range map[string]string{"another secret's": `"` + kid(other) + `"`, "unknown": `"nope"`, "empty": `""`, "null": `null`, "a number": `1`} {
		refused(t, both, "kid "+what, withHeader(t, `{"alg":"dir","enc":"A256CBC-HS512","kid":`+kid+`}`))
	}
	refused(t, wire.V5.NewKeys(salt, oldSecret), "no kid, no secret", noKID)
	// The other encryption has another key, and so another kid.
	sum := sha256.Sum256([]byte(`{"k":"` + rawURL.EncodeToString(derive(t, secret, salt, 32)) + `","kty":"oct"}`))
	gcm := func(kid string) string {
		return sealGCM(t, `{"alg":"dir","enc":"A256GCM","kid":"`+kid+`"}`, []byte(defaultClaims))
	}
	if _, _, err := both.Open(gcm(rawURL.EncodeToString(sum[:]))); err != nil {
		t.Errorf("A256GCM with its kid: %v", err)
	}
	refused(t, both, "A256GCM with the kid of the other encryption", gcm(kid(token)))
	refused(t, &wire.Keys{}, "zero Keys", token)
}

func TestMalformedClaimsAreRefused(t *testing.T) {
	keys := wire.V5.NewKeys(salt, secret)
	for _, c := range []struct {
		claims string
		want   error
	}{
		{`{"sub":"1","exp":1790000001}`, nil},
		{`{"sub":"1","exp":1790000001.9}`, nil},
		{`{"sub":"1","exp":1.790000001e9}`, nil},
		{`{"sub":"1"}`, wire.ErrToken},
		{`{"sub":"1","exp":null}`, wire.ErrToken},
		{`{"sub":"1","exp":"1790000001"}`, wire.ErrToken},
		{`{"sub":"1","exp":true}`, wire.ErrToken},
		{`{"sub":"1","exp":[1790000001]}`, wire.ErrToken},
		{`{"sub":"1","exp":1e300}`, wire.ErrToken},
		{`{"sub":"1","exp":-1e300}`, wire.ErrToken},
		{`{"sub":"1","exp":1e400}`, wire.ErrToken},
		{`{"sub":"1","exp":9223372036854775808}`, wire.ErrToken},
		{`{"sub":"1","exp":9223372036854775807}`, wire.ErrToken},
		{`{"sub":"1","exp":NaN}`, wire.ErrToken},
		{`{"sub":"1","exp":0}`, wire.ErrToken},
		{`{"sub":"1","exp":-1}`, wire.ErrExpired},
		{`{"sub":"1","exp":-1790000001}`, wire.ErrExpired},
		{`{"sub":"1","exp":1,"exp":1790000001}`, wire.ErrToken},
		{`{"sub":"1","exp":1790000001,"iat":"1"}`, wire.ErrToken},
		{`{"sub":"1","exp":1790000001,"iat":null}`, wire.ErrToken},
		{`{"sub":"1","exp":1790000001,"iat":1800000000}`, nil},
		{`{"sub":"1","exp":1790000001,"nbf":"1"}`, wire.ErrToken},
		{`{"sub":"1","exp":1790000001,"nbf":1790000015}`, nil},
		{`{"sub":"1","exp":1790000001,"nbf":1790000016}`, wire.ErrNotYet},
		{`[]`, wire.ErrToken},
		{`null`, wire.ErrToken},
		{`"exp"`, wire.ErrToken},
		{``, wire.ErrToken},
		{`{"sub":"1","exp":1790000001} {}`, wire.ErrToken},
		{"{\"sub\":\"\xff\",\"exp\":1790000001}", wire.ErrToken},
	} {
		token, err := keys.Seal([]byte(c.claims), replay(t, make([]byte, 16)))
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := keys.DecodeToken(token, nil, epoch); err != c.want || (err != nil) != (got == nil) {
			t.Errorf("%s: %v, want %v", c.claims, err, c.want)
		}
	}
}

func TestCheckCookiesAreBoundToTheirName(t *testing.T) {
	// Every sealed cookie in every other slot.
	slots := []string{
		plainNames.SessionToken, plainNames.PKCECodeVerifier, plainNames.State, plainNames.Nonce, plainNames.Challenge, wire.StateSalt,
		secureNames.SessionToken, secureNames.PKCECodeVerifier, secureNames.State, secureNames.Nonce, secureNames.Challenge,
	}
	for _, made := range slots {
		check, err := wire.V5.NewKeys(made, secret).SealCheck("value", "github", epoch, replay(t, make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		session, err := wire.V5.NewKeys(made, secret).EncodeToken(claims(t, defaultClaims), epoch, time.Hour, replay(t, make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		for _, used := range slots {
			keys := wire.V5.NewKeys(used, secret)
			if used != made {
				refused(t, keys, made+" as "+used, check)
				refused(t, keys, made+" as "+used, session)
			}
			value, err := keys.OpenCheck(check, "github", epoch)
			if (err == nil) != (used == made) || err != nil && err != wire.ErrToken {
				t.Errorf("%s as %s: %q, %v", made, used, value, err)
			}
			if _, err := keys.OpenCheck(session, "github", epoch); err != wire.ErrToken {
				t.Errorf("a session token as a check: %v", err)
			}
		}
	}
}

// One Keys serves concurrent requests.
func TestConcurrentUse(t *testing.T) {
	keys := wire.V5.NewKeys(salt, secret, oldSecret)
	csrf := wire.NewCSRF(secret, oldSecret)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			in := claims(t, fmt.Sprintf(`{"sub":"%d","pad":"%s"}`, worker, strings.Repeat("x", 300*worker)))
			for range 50 {
				token, err := keys.EncodeToken(in, epoch, time.Hour, rand.Reader)
				if err != nil {
					t.Error(err)
					return
				}
				if got, _, err := keys.DecodeToken(token, nil, epoch); err != nil || !got.SameClaims(in) {
					t.Errorf("worker %d reads %+v, %v", worker, got, err)
					return
				}
				token, cookie, err := csrf.New(rand.Reader)
				if got, ok := csrf.Token(cookie); err != nil || !ok || got != token {
					t.Errorf("worker %d: CSRF %q, %t, %v", worker, got, ok, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// If the source of randomness fails, the result is an error, never a token with
// fewer random bits.
func TestRandomnessFails(t *testing.T) {
	keys, c := wire.V5.NewKeys(salt, secret), wire.NewCSRF(secret)
	broken := errors.New("broken")
	for name, f := range map[string]func() (string, error){
		"Seal":        func() (string, error) { return keys.Seal([]byte("x"), iotest.ErrReader(broken)) },
		"EncodeToken": func() (string, error) { return keys.EncodeToken(claims(t, "{}"), epoch, 0, iotest.ErrReader(broken)) },
		"SealCheck":   func() (string, error) { return keys.SealCheck("v", "p", epoch, iotest.ErrReader(broken)) },
		"SealState":   func() (string, error) { return keys.SealState("", epoch, iotest.ErrReader(broken)) },
		"CSRF": func() (string, error) {
			token, cookie, err := c.New(iotest.ErrReader(broken))
			return token + cookie, err
		},
		"RandomHex":    func() (string, error) { return wire.RandomHex(iotest.ErrReader(broken)) },
		"RandomBase64": func() (string, error) { return wire.RandomBase64(iotest.ErrReader(broken)) },
		"UUID":         func() (string, error) { return wire.UUID(iotest.ErrReader(broken)) },
	} {
		if s, err := f(); s != "" || !errors.Is(err, broken) {
			t.Errorf("%s = %q, %v", name, s, err)
		}
	}
	for n := range 32 {
		if s, err := keys.EncodeToken(claims(t, "{}"), epoch, 0, replay(t, make([]byte, n))); s != "" || err == nil {
			t.Errorf("EncodeToken with %d random bytes = %q, %v", n, s, err)
		}
	}
	if _, err := (&wire.Keys{}).Seal(nil, replay(t, make([]byte, 16))); err == nil {
		t.Error("zero Keys seals")
	}
	if _, err := (&wire.Keys{}).EncodeToken(claims(t, "{}"), epoch, 0, replay(t, make([]byte, 32))); err == nil {
		t.Error("zero Keys encodes")
	}
	if token, cookie, err := (&wire.CSRF{}).New(replay(t, make([]byte, 32))); err == nil || token+cookie != "" {
		t.Error("zero CSRF makes a token")
	}
	if _, ok := (&wire.CSRF{}).Token(strings.Repeat("0", 64) + "|" + strings.Repeat("0", 64)); ok {
		t.Error("zero CSRF accepts a token")
	}
	if token, err := keys.EncodeToken(nil, epoch, time.Hour, replay(t, make([]byte, 32))); err != nil {
		t.Error(err)
	} else if got, _, err := keys.DecodeToken(token, nil, epoch); err != nil || got.Subject != "" || got.Extra != nil {
		t.Errorf("no claims are read as %+v, %v", got, err)
	}
	// HKDF's info, which includes the salt, has at most 1024 bytes.
	longest := strings.Repeat("s", 1024-len("Auth.js Generated Encryption Key ()"))
	if v := panics(func() { wire.V5.NewKeys(longest, secret) }); v != nil {
		t.Errorf("a salt of %d bytes: %v", len(longest), v)
	}
	if panics(func() { wire.V5.NewKeys(longest+"s", secret) }) == nil {
		t.Errorf("a salt of %d bytes is taken", len(longest)+1)
	}
	if panics(func() { wire.V5.NewKeys(salt) }) == nil || panics(func() { wire.NewCSRF() }) == nil || panics(func() { wire.NewCSRF(secret, "") }) == nil {
		t.Error("no secret, no panic")
	}
}
