package engine_test

import (
	"bytes"
	"compress/flate"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sesame-auth/sesame/engine"
)

func TestExpiredTokenIsRefused(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{month - time.Second, "alice@example.com"},
		{month + 14*time.Second, "alice@example.com"},
		{month + 15*time.Second, ""},
		{month + 16*time.Second, ""},
		{365 * 24 * time.Hour, ""},
	} {
		s := newSite(t)
		s.clock.now = startTime.Truncate(time.Second)
		b := s.browser()
		b.signIn()
		s.clock.add(c.after)
		if got := b.copy().user(); got != c.want {
			t.Errorf("%v after sign-in, signed in as %q, want %q", c.after, got, c.want)
		}
		r := b.get("/session")
		if c.want == "" && !r.clears(sessionCookie) {
			t.Errorf("%v after sign-in the cookie is not cleared: %q", c.after, r.header["Set-Cookie"])
		}
		s.quiet(t)
	}
}

// A token is accepted at exp+14 s and refused at exp+15 s, whatever the time zone
// of the clock.
func TestTokenIsAcceptedUntil15SecondsAfterItExpires(t *testing.T) {
	for _, w := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("east", 14*3600), time.FixedZone("west", -12*3600)} {
			s := newSite(t, func(s *site, c *engine.Config) {
				c.Dialect = w
				c.Now = func() time.Time { return s.clock.Now().In(zone) }
			})
			name := w.CookieNames(false).SessionToken
			// A token of another server with the secret.
			token, err := w.SessionKeys(name, testSecret).EncodeToken(&engine.Token{Subject: "x", Name: new("Somebody")}, s.clock.Now(), time.Hour, newDice(2))
			if err != nil {
				t.Fatal(err)
			}
			s.clock.add(time.Hour + 14*time.Second)
			b := s.browser()
			b.set(name, token)
			if got := b.copy().get("/session").body; !strings.Contains(got, "Somebody") {
				t.Errorf("%s, %s: at exp+14 s: %s", w, zone, got)
			}
			s.clock.add(time.Second)
			if r := b.get("/session"); strings.Contains(r.body, "Somebody") || !r.clears(name) {
				t.Errorf("%s, %s: at exp+15 s: %s", w, zone, r.body)
			}
		}
	}
}

func TestTokenWithInvalidClaimsIsRefused(t *testing.T) {
	s := newSite(t)
	with := func(change func(map[string]any)) string {
		c := goodClaims()
		change(c)
		return seal(t, testSecret, sessionCookie, plainHeader, jsonOf(t, c))
	}
	set := func(name string, v any) string { return with(func(c map[string]any) { c[name] = v }) }
	s.refusesToken("no exp", with(func(c map[string]any) { delete(c, "exp") }))
	for _, v := range []any{"9999999999", -1, 0, nil, true, []int{1}, map[string]int{}, startTime.Add(-time.Minute).Unix()} {
		s.refusesToken(fmt.Sprintf("exp %v", v), set("exp", v))
	}
	for _, text := range []string{"1e300", "-1e300", "1e999", "NaN", "1.7e308", "99999999999999999999999999"} {
		plain := strings.Replace(string(jsonOf(t, goodClaims())), fmt.Sprintf(`"exp":%d`, startTime.Add(month).Unix()), `"exp":`+text, 1)
		if !strings.Contains(plain, text) {
			t.Fatal("exp is not replaced")
		}
		s.refusesToken("exp "+text, seal(t, testSecret, sessionCookie, plainHeader, []byte(plain)))
	}
	s.refusesToken("nbf in a minute", set("nbf", startTime.Add(time.Minute).Unix()))
	s.acceptsToken("nbf in ten seconds", set("nbf", startTime.Add(10*time.Second).Unix()), "mallory@example.com")
	for _, v := range []any{"1", true, []int{1}} {
		s.refusesToken(fmt.Sprintf("nbf %v", v), set("nbf", v))
		s.refusesToken(fmt.Sprintf("iat %v", v), set("iat", v))
	}
	for _, payload := range []string{"", "null", "[]", `"x"`, "1", "{", "{}", `{"exp":`, "{}{}", string(jsonOf(t, goodClaims())) + "x", strings.Repeat("[", 10_000), "\xff"} {
		s.refusesToken("payload "+payload[:min(len(payload), 10)], seal(t, testSecret, sessionCookie, plainHeader, []byte(payload)))
	}
	// The value of iat is not checked.
	s.acceptsToken("iat ahead", set("iat", startTime.Add(time.Hour).Unix()), "mallory@example.com")
	s.quiet(t)
}

func TestUnencryptedTokenIsRefused(t *testing.T) {
	s := newSite(t)
	payload := jsonOf(t, goodClaims())
	s.acceptsToken("the test's own sealing", seal(t, testSecret, sessionCookie, plainHeader, payload), "mallory@example.com")
	b64 := base64.RawURLEncoding.EncodeToString
	s.refusesToken("none", b64([]byte(`{"alg":"none"}`))+"."+b64(payload)+".")
	s.refusesToken("none with five segments", b64([]byte(`{"alg":"none"}`))+".."+b64(payload)+"..")
	s.refusesToken("none with a dir shape", b64([]byte(`{"alg":"none","enc":"none"}`))+".."+b64(make([]byte, 16))+"."+b64(payload)+"."+b64(make([]byte, 32)))
	key, err := hkdf.Key(sha256.New, []byte(testSecret), []byte(sessionCookie), "Auth.js Generated Encryption Key ("+sessionCookie+")", 64)
	if err != nil {
		t.Fatal(err)
	}
	for what, k := range map[string][]byte{"the derived key": key, "the secret": []byte(testSecret)} {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: k}, nil)
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		signed, _ := jws.CompactSerialize()
		s.refusesToken("HS256 with "+what, signed)
	}
	s.refusesToken("ES256", s.idp.signed(goodClaims()))
	s.refusesToken("RS256", b64([]byte(`{"alg":"RS256"}`))+"."+b64(payload)+"."+b64(make([]byte, 256)))
	for _, alg := range []string{"A256KW", "PBES2-HS512+A256KW", "RSA-OAEP", "ECDH-ES", "DIR", "", "A256GCMKW"} {
		s.refusesToken("alg "+alg, seal(t, testSecret, sessionCookie, map[string]any{"alg": alg, "enc": "A256CBC-HS512"}, payload))
	}
	s.refusesToken("no alg", seal(t, testSecret, sessionCookie, map[string]any{"enc": "A256CBC-HS512"}, payload))
}

func TestTokenOfAnUnknownEncryptionIsRefused(t *testing.T) {
	s := newSite(t)
	payload := jsonOf(t, goodClaims())
	for _, enc := range []any{"A128CBC-HS256", "A192CBC-HS384", "A128GCM", "XC20P", "none", "", nil, 1, "a256cbc-hs512", []string{"A256CBC-HS512"}} {
		s.refusesToken(fmt.Sprintf("enc %v", enc), seal(t, testSecret, sessionCookie, map[string]any{"alg": "dir", "enc": enc}, payload))
	}
	s.refusesToken("no enc", seal(t, testSecret, sessionCookie, map[string]any{"alg": "dir"}, payload))
	// A256GCM with its own key is the only other encryption that is accepted.
	key, err := hkdf.Key(sha256.New, []byte(testSecret), []byte(sessionCookie), "Auth.js Generated Encryption Key ("+sessionCookie+")", 32)
	if err != nil {
		t.Fatal(err)
	}
	for enc, k := range map[jose.ContentEncryption][]byte{jose.A256GCM: key, jose.A128GCM: key[:16], jose.A128CBC_HS256: key} {
		encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: jose.DIRECT, Key: k}, nil)
		if err != nil {
			t.Fatal(err)
		}
		jwe, err := encrypter.Encrypt(payload)
		if err != nil {
			t.Fatal(err)
		}
		token, _ := jwe.CompactSerialize()
		if enc == jose.A256GCM {
			s.acceptsToken("A256GCM", token, "mallory@example.com")
			continue
		}
		s.refusesToken(string(enc), token)
	}
}

func TestCompressedTokenIsRefused(t *testing.T) {
	s := newSite(t)
	var zipped bytes.Buffer
	w, err := flate.NewWriter(&zipped, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(jsonOf(t, goodClaims()))
	w.Close()
	s.refusesToken("zip", seal(t, testSecret, sessionCookie, map[string]any{"alg": "dir", "enc": "A256CBC-HS512", "zip": "DEF"}, zipped.Bytes()))
	for _, zip := range []any{"DEF", "", nil, "x"} {
		s.refusesToken(fmt.Sprintf("zip %v on plain claims", zip), seal(t, testSecret, sessionCookie, map[string]any{"alg": "dir", "enc": "A256CBC-HS512", "zip": zip}, jsonOf(t, goodClaims())))
	}
	s.refusesToken("zipped claims without zip", seal(t, testSecret, sessionCookie, plainHeader, zipped.Bytes()))
}

func TestTokenWithAnEncryptedKeyIsRefused(t *testing.T) {
	s := newSite(t)
	parts := strings.Split(seal(t, testSecret, sessionCookie, plainHeader, jsonOf(t, goodClaims())), ".")
	for _, key := range []string{"AA", base64.RawURLEncoding.EncodeToString(make([]byte, 64)), "x", " "} {
		changed := append([]string{}, parts...)
		changed[1] = key
		s.refusesToken("an encrypted key "+key, strings.Join(changed, "."))
	}
}

func TestTokenWithACriticalHeaderIsRefused(t *testing.T) {
	s := newSite(t)
	for _, crit := range []any{[]string{"exp"}, []string{"b64"}, []string{}, nil, "exp", []string{"alg"}} {
		header := map[string]any{"alg": "dir", "enc": "A256CBC-HS512", "crit": crit, "exp": 1, "b64": true}
		s.refusesToken(fmt.Sprintf("crit %v", crit), seal(t, testSecret, sessionCookie, header, jsonOf(t, goodClaims())))
	}
	// Headers that are not critical are ignored.
	s.acceptsToken("typ", seal(t, testSecret, sessionCookie, map[string]any{"alg": "dir", "enc": "A256CBC-HS512", "typ": "JWT"}, jsonOf(t, goodClaims())), "mallory@example.com")
}

func TestKeyIDSelectsTheSecret(t *testing.T) {
	const other = "another-secret-0123456789-abcdefghijklmnop"
	const older = "an-older-secret-0123456789-abcdefghijklmnop"
	s := newSite(t, func(_ *site, c *engine.Config) { c.Secrets = []string{testSecret, older} })
	payload := jsonOf(t, goodClaims())
	kid := func(secret string) string {
		token := s.mint(&engine.Token{}, secret)
		protected, _, _ := strings.Cut(token, ".")
		b, err := base64.RawURLEncoding.DecodeString(protected)
		var h struct{ Kid string }
		if err == nil {
			err = json.Unmarshal(b, &h)
		}
		if err != nil || len(h.Kid) != 86 {
			t.Fatalf("the kid is %q: %v", h.Kid, err)
		}
		return h.Kid
	}
	with := func(secret string, kid any) string {
		h := map[string]any{"alg": "dir", "enc": "A256CBC-HS512"}
		if kid != nil {
			h["kid"] = kid
		}
		return seal(t, secret, sessionCookie, h, payload)
	}
	s.acceptsToken("kid of the secret", with(testSecret, kid(testSecret)), "mallory@example.com")
	s.acceptsToken("kid of the old secret", with(older, kid(older)), "mallory@example.com")
	s.acceptsToken("no kid, the secret", with(testSecret, nil), "mallory@example.com")
	s.acceptsToken("no kid, the old secret", with(older, nil), "mallory@example.com")
	s.refusesToken("kid of another secret", with(testSecret, kid(other)))
	s.refusesToken("kid of the old secret, sealed with the new", with(testSecret, kid(older)))
	s.refusesToken("kid of the new secret, sealed with the old", with(older, kid(testSecret)))
	s.refusesToken("another secret with its kid", with(other, kid(other)))
	s.refusesToken("another secret with our kid", with(other, kid(testSecret)))
	s.refusesToken("another secret without kid", with(other, nil))
	for _, odd := range []any{"", 1, []string{kid(testSecret)}, "../../etc/passwd", strings.Repeat("k", 5000)} {
		s.refusesToken(fmt.Sprintf("kid %.20v", odd), with(testSecret, odd))
	}
	for _, salt := range []string{"__Secure-" + sessionCookie, csrfCookie, sessionCookie + ".0"} {
		s.refusesToken("salt "+salt, seal(t, testSecret, salt, plainHeader, payload))
	}
}

func TestMalformedTokenIsRefused(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn()
	token := b.cookie(sessionCookie)
	parts := strings.Split(token, ".")
	for what, changed := range map[string]string{
		"four segments":             strings.Join(append([]string{parts[0]}, parts[2:]...), "."),
		"six segments":              token + ".",
		"a dot before":              "." + token,
		"padding":                   token + "=",
		"padding inside":            strings.Join([]string{parts[0] + "=", "", parts[2], parts[3], parts[4]}, "."),
		"standard base64":           strings.Join([]string{parts[0], "", parts[2] + "+/", parts[3], parts[4]}, "."),
		"a space inside":            parts[0] + " .." + strings.Join(parts[2:], "."),
		"an escaped space":          token + "%20",
		"an escaped line end":       token[:40] + "%0A" + token[40:],
		"two tokens":                token + "." + token,
		"many dots":                 strings.Repeat(".", 5000),
		"nothing but dots":          "....",
		"JSON serialization":        `{"protected":"` + parts[0] + `"}`,
		"the last bits of the tag":  token[:len(token)-1] + "_",
		"one character":             "x",
		"a megabyte of percent 41s": strings.Repeat("%41", 20_000),
	} {
		if changed == token {
			t.Fatalf("%s: nothing is changed", what)
		}
		s.refusesToken(what, changed)
	}
	quoted := s.browser()
	quoted.set(sessionCookie, `"`+token+`"`)
	quoted.signedOut()
}

func TestChangedTokensAreRefusedAlike(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn()
	token := b.cookie(sessionCookie)
	parts := strings.Split(token, ".")
	if len(parts) != 5 {
		t.Fatalf("the token has %d segments", len(parts))
	}
	seen := map[string]string{}
	for i, name := range map[int]string{0: "header", 2: "iv", 3: "ciphertext", 4: "tag"} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{0, len(raw) / 2, len(raw) - 1} {
			for _, bit := range []byte{1, 128} {
				flipped := bytes.Clone(raw)
				flipped[at] ^= bit
				changed := append([]string{}, parts...)
				changed[i] = base64.RawURLEncoding.EncodeToString(flipped)
				what := fmt.Sprintf("bit %d of byte %d of the %s", bit, at, name)
				seen[s.refusesToken(what, strings.Join(changed, "."))] = what
			}
		}
		for _, length := range []int{0, len(raw) - 1, len(raw) - 16} {
			changed := append([]string{}, parts...)
			changed[i] = base64.RawURLEncoding.EncodeToString(raw[:max(length, 0)])
			what := fmt.Sprintf("%d bytes of the %s", length, name)
			seen[s.refusesToken(what, strings.Join(changed, "."))] = what
		}
	}
	if len(seen) != 1 {
		t.Errorf("the answers to broken tokens differ: %v", seen)
	}
}
