package engine_test

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sesame-auth/sesame/engine"
)

// claims are those of a good session token.
func goodClaims() map[string]any {
	return map[string]any{"sub": "m", "name": "Mallory", "email": "mallory@example.com", "iat": start.Unix(), "exp": start.Add(month).Unix(), "jti": "x"}
}

func jsonOf(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// seal is a second implementation of the session token: A256CBC-HS512 with the
// key that Auth.js derives, under any header (RFC 7516 section 5.1, RFC 7518
// section 5.2.5).
func seal(t testing.TB, secret, salt string, header map[string]any, plaintext []byte) string {
	t.Helper()
	key, err := hkdf.Key(sha256.New, []byte(secret), []byte(salt), "Auth.js Generated Encryption Key ("+salt+")", 64)
	if err != nil {
		t.Fatal(err)
	}
	return sealWith(t, key, base64.RawURLEncoding.EncodeToString(jsonOf(t, header)), plaintext)
}

func sealWith(t testing.TB, key []byte, protected string, plaintext []byte) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	iv := bytes.Repeat([]byte{7}, aes.BlockSize)
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	text := append(bytes.Clone(plaintext), bytes.Repeat([]byte{byte(pad)}, pad)...)
	block, err := aes.NewCipher(key[32:])
	if err != nil {
		t.Fatal(err)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	mac := hmac.New(sha512.New, key[:32])
	mac.Write([]byte(protected))
	mac.Write(iv)
	mac.Write(text)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(protected))*8))
	return protected + ".." + b64(iv) + "." + b64(text) + "." + b64(mac.Sum(nil)[:32])
}

var plainHeader = map[string]any{"alg": "dir", "enc": "A256CBC-HS512"}

// refusesToken checks that a cookie is nobody's session: null, the cookie
// cleared, nothing at warn in the log. It returns all of the answer and the log
// that somebody could tell tokens apart by.
func (s *site) refusesToken(what, token string) string {
	t := s.t
	t.Helper()
	s.forget()
	b := s.browser()
	b.csrf()
	b.set(sessionCookie, token)
	r := b.get("/session")
	if r.status != 200 || r.body != "null" {
		t.Errorf("%s: GET session is %d %s, want null", what, r.status, r.body)
	}
	if !r.clears(sessionCookie) {
		t.Errorf("%s: the cookie is not cleared: %q", what, r.header["Set-Cookie"])
	}
	s.quiet(t)
	cause := ""
	for _, entry := range s.logs.lines {
		cause += entry.attrs["cause"]
	}
	return fmt.Sprint(r.status, r.body, r.raw(sessionCookie), cause)
}

func (s *site) acceptsToken(what, token, want string) {
	s.t.Helper()
	b := s.browser()
	b.set(sessionCookie, token)
	if got := b.user(); got != want {
		s.t.Errorf("%s: the session is of %q, want %q", what, got, want)
	}
}

func TestSecurity36_SignedTokensAreNoSessions(t *testing.T) {
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

func TestSecurity37_UnknownContentEncryption(t *testing.T) {
	s := newSite(t)
	payload := jsonOf(t, goodClaims())
	for _, enc := range []any{"A128CBC-HS256", "A192CBC-HS384", "A128GCM", "XC20P", "none", "", nil, 1, "a256cbc-hs512", []string{"A256CBC-HS512"}} {
		s.refusesToken(fmt.Sprintf("enc %v", enc), seal(t, testSecret, sessionCookie, map[string]any{"alg": "dir", "enc": enc}, payload))
	}
	s.refusesToken("no enc", seal(t, testSecret, sessionCookie, map[string]any{"alg": "dir"}, payload))
	// A256GCM with the key that belongs to it is the one other that counts.
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

func TestSecurity38_CompressedToken(t *testing.T) {
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

func TestSecurity39_EncryptedKeyOfDir(t *testing.T) {
	s := newSite(t)
	parts := strings.Split(seal(t, testSecret, sessionCookie, plainHeader, jsonOf(t, goodClaims())), ".")
	for _, key := range []string{"AA", base64.RawURLEncoding.EncodeToString(make([]byte, 64)), "x", " "} {
		changed := append([]string{}, parts...)
		changed[1] = key
		s.refusesToken("an encrypted key "+key, strings.Join(changed, "."))
	}
}

func TestSecurity40_BitFlips(t *testing.T) {
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
		for _, cut := range []int{0, len(raw) - 1, len(raw) - 16} {
			changed := append([]string{}, parts...)
			changed[i] = base64.RawURLEncoding.EncodeToString(raw[:max(cut, 0)])
			what := fmt.Sprintf("%d bytes of the %s", cut, name)
			seen[s.refusesToken(what, strings.Join(changed, "."))] = what
		}
	}
	if len(seen) != 1 {
		t.Errorf("the answers to broken tokens differ: %v", seen)
	}
}

func TestSecurity41_TokenShape(t *testing.T) {
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

func TestSecurity42_CriticalHeader(t *testing.T) {
	s := newSite(t)
	for _, crit := range []any{[]string{"exp"}, []string{"b64"}, []string{}, nil, "exp", []string{"alg"}} {
		header := map[string]any{"alg": "dir", "enc": "A256CBC-HS512", "crit": crit, "exp": 1, "b64": true}
		s.refusesToken(fmt.Sprintf("crit %v", crit), seal(t, testSecret, sessionCookie, header, jsonOf(t, goodClaims())))
	}
	// What is not critical may be there.
	s.acceptsToken("typ", seal(t, testSecret, sessionCookie, map[string]any{"alg": "dir", "enc": "A256CBC-HS512", "typ": "JWT"}, jsonOf(t, goodClaims())), "mallory@example.com")
}

func TestSecurity43_KeyID(t *testing.T) {
	const other = "another-secret-0123456789-abcdefghijklmnop"
	const older = "an-older-secret-0123456789-abcdefghijklmnop"
	s := newSite(t, func(_ *site, c *engine.Config) { c.OldSecrets = []string{older} })
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

func TestSecurity44_Claims(t *testing.T) {
	s := newSite(t)
	with := func(change func(map[string]any)) string {
		c := goodClaims()
		change(c)
		return seal(t, testSecret, sessionCookie, plainHeader, jsonOf(t, c))
	}
	set := func(name string, v any) string { return with(func(c map[string]any) { c[name] = v }) }
	s.refusesToken("no exp", with(func(c map[string]any) { delete(c, "exp") }))
	for _, v := range []any{"9999999999", -1, 0, nil, true, []int{1}, map[string]int{}, start.Add(-time.Minute).Unix()} {
		s.refusesToken(fmt.Sprintf("exp %v", v), set("exp", v))
	}
	for _, text := range []string{"1e300", "-1e300", "1e999", "NaN", "1.7e308", "99999999999999999999999999"} {
		plain := strings.Replace(string(jsonOf(t, goodClaims())), fmt.Sprintf(`"exp":%d`, start.Add(month).Unix()), `"exp":`+text, 1)
		if !strings.Contains(plain, text) {
			t.Fatal("exp is not replaced")
		}
		s.refusesToken("exp "+text, seal(t, testSecret, sessionCookie, plainHeader, []byte(plain)))
	}
	s.refusesToken("nbf in a minute", set("nbf", start.Add(time.Minute).Unix()))
	s.acceptsToken("nbf in ten seconds", set("nbf", start.Add(10*time.Second).Unix()), "mallory@example.com")
	for _, v := range []any{"1", true, []int{1}} {
		s.refusesToken(fmt.Sprintf("nbf %v", v), set("nbf", v))
		s.refusesToken(fmt.Sprintf("iat %v", v), set("iat", v))
	}
	for _, payload := range []string{"", "null", "[]", `"x"`, "1", "{", "{}", `{"exp":`, "{}{}", string(jsonOf(t, goodClaims())) + "x", strings.Repeat("[", 10_000), "\xff"} {
		s.refusesToken("payload "+payload[:min(len(payload), 10)], seal(t, testSecret, sessionCookie, plainHeader, []byte(payload)))
	}
	// iat is not checked.
	s.acceptsToken("iat ahead", set("iat", start.Add(time.Hour).Unix()), "mallory@example.com")
	s.quiet(t)
}

func TestSecurity45_CheckCookiesAreNotInterchangeable(t *testing.T) {
	s := newSite(t, withStore, func(_ *site, c *engine.Config) { c.SessionStrategy = engine.StrategyJWT })
	sealed := func() (*browser, string) {
		b := s.browser()
		location := b.leave("oidc")
		return b, location
	}
	checks := []string{stateCookie, pkceCookie, nonceCookie}
	for _, to := range checks {
		for _, from := range checks {
			b, location := sealed()
			b.set(to, b.cookie(from))
			r := b.back("oidc", location)
			if from == to {
				r.wantTo(s.origin)
				continue
			}
			r.wantError(engine.CodeConfiguration)
			b.signedOut()
		}
		// A check cookie is no session, and a session no check cookie.
		b, location := sealed()
		s.refusesToken(to, b.cookie(to))
		other := s.browser()
		other.oauth("oidc").wantTo(s.origin)
		b.set(to, other.cookie(sessionCookie))
		b.back("oidc", location).wantError(engine.CodeConfiguration)
		b.signedOut()
	}
	// The state parameter itself is no cookie of any kind.
	b, location := sealed()
	state := s.idp.approve(t, location).Get("state")
	s.refusesToken("the state parameter", state)
	b.set(stateCookie, state)
	b.back("oidc", location).wantError(engine.CodeConfiguration)

	// Nor are the cookies of the https site any on the http one.
	secure := newSite(t, withStore, withHTTPS, func(_ *site, c *engine.Config) { c.SessionStrategy = engine.StrategyJWT })
	sb := secure.browser()
	sb.leave("oidc")
	for _, name := range checks {
		b, location := sealed()
		b.set(name, sb.cookie(secure.name(name)))
		b.back("oidc", location).wantError(engine.CodeConfiguration)
	}
}
