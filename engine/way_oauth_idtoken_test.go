package engine_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestIssOfAnotherIssuerIsRefused(t *testing.T) {
	s := newSite(t, withStore)
	for _, wrong := range []string{"https://evil.example", issuer + "/", "IDP.example", "x"} {
		b := s.browser()
		location := b.startOAuth("oidc")
		s.resetLog()
		s.refusesCallback("iss "+wrong, b, b.finishOAuth("oidc", location, "iss", wrong), "Configuration")
	}
	b := s.browser()
	b.finishOAuth("oidc", b.startOAuth("oidc"), "iss", issuer).wantTo(s.origin)
	b = s.browser()
	b.oauth("oidc").wantTo(s.origin)
	if len(s.idp.used) != 2 {
		t.Errorf("%d codes were redeemed", len(s.idp.used))
	}

	// Another engine, since the metadata may be cached.
	s = newSite(t, withStore)
	s.idp.discovery = func(doc map[string]any) { doc["authorization_response_iss_parameter_supported"] = true }
	b = s.browser()
	location := b.startOAuth("oidc")
	s.resetLog()
	s.refusesCallback("no iss although it is advertised", b, b.finishOAuth("oidc", location), "Configuration")
	b = s.browser()
	b.finishOAuth("oidc", b.startOAuth("oidc"), "iss", issuer).wantTo(s.origin)
	// An error needs iss, too (RFC 9207 section 2.4).
	b = s.browser()
	location = b.startOAuth("oidc")
	s.resetLog()
	s.refusesCallback("an error without iss", b, b.finishOAuth("oidc", location, "code", "", "error", "access_denied"), "Configuration")
}

func TestMetadataOfAnotherIssuerIsRefused(t *testing.T) {
	for what, change := range map[string]func(map[string]any){
		"another issuer":             func(doc map[string]any) { doc["issuer"] = "https://evil.example" },
		"a slash more":               func(doc map[string]any) { doc["issuer"] = issuer + "/" },
		"http":                       func(doc map[string]any) { doc["issuer"] = "http://idp.example" },
		"upper case":                 func(doc map[string]any) { doc["issuer"] = "https://IDP.example" },
		"no issuer":                  func(doc map[string]any) { delete(doc, "issuer") },
		"a number":                   func(doc map[string]any) { doc["issuer"] = 1 },
		"no token endpoint":          func(doc map[string]any) { delete(doc, "token_endpoint") },
		"no authorization endpoint":  func(doc map[string]any) { delete(doc, "authorization_endpoint") },
		"an http token endpoint":     func(doc map[string]any) { doc["token_endpoint"] = "http://idp.example/token" },
		"an http authorize endpoint": func(doc map[string]any) { doc["authorization_endpoint"] = "http://idp.example/authorize" },
		"a javascript endpoint":      func(doc map[string]any) { doc["authorization_endpoint"] = "javascript:alert(1)" },
		"no keys":                    func(doc map[string]any) { delete(doc, "jwks_uri") },
	} {
		s := newSite(t, withStore)
		s.idp.discovery = change
		b := s.browser()
		b.csrf()
		s.resetLog()
		r := b.post("/signin/oidc")
		entry := s.refusesCallback(what, b, r, "Configuration")
		if entry.attrs["action"] != "signin" {
			t.Errorf("%s: log line %v", what, entry)
		}
		// The engine recovers without a restart.
		s.idp.discovery = nil
		b.oauth("oidc").wantTo(s.origin)
	}
	// Metadata that changes between sign-in and callback.
	s := newSite(t, withStore)
	b := s.browser()
	location := b.startOAuth("oidc")
	s.idp.discovery = func(doc map[string]any) {
		doc["issuer"] = "https://evil.example"
		doc["token_endpoint"] = "https://evil.example/token"
	}
	b.finishOAuth("oidc", location)
	for _, path := range s.idp.paths {
		if strings.HasPrefix(path, "evil.example") {
			t.Errorf("the engine requested %s", path)
		}
	}
}

func TestIDTokenWithInvalidClaimsIsRefused(t *testing.T) {
	s := newSite(t, withStore)
	set := func(name string, v any) func(map[string]any) { return func(c map[string]any) { c[name] = v } }
	unset := func(name string) func(map[string]any) { return func(c map[string]any) { delete(c, name) } }
	at := func(d time.Duration) int64 { return startTime.Add(d).Unix() }
	for what, change := range map[string]func(map[string]any){
		"another aud":              set("aud", "another-client"),
		"no aud":                   unset("aud"),
		"an empty aud":             set("aud", ""),
		"an aud list without us":   set("aud", []string{"a", "b"}),
		"an empty aud list":        set("aud", []string{}),
		"an aud list without azp":  set("aud", []string{clientID, "another-client"}),
		"an aud list, azp another": func(c map[string]any) { c["aud"], c["azp"] = []string{clientID, "x"}, "x" },
		"azp another":              set("azp", "another-client"),
		"azp a number":             set("azp", 1),
		"exp passed":               set("exp", at(-2*time.Minute)),
		"no exp":                   unset("exp"),
		"exp a text":               set("exp", "tomorrow"),
		"exp zero":                 set("exp", 0),
		"iat far ahead":            set("iat", at(24*time.Hour)),
		"no iat":                   unset("iat"),
		"nbf ahead":                set("nbf", at(time.Hour)),
		"another iss":              set("iss", "https://evil.example"),
		"iss with a slash":         set("iss", issuer+"/"),
		"no iss":                   unset("iss"),
		"no sub":                   unset("sub"),
		"an empty sub":             set("sub", ""),
		"sub a number":             set("sub", 1),
		"sub a list":               set("sub", []string{"bob-sub"}),
		"sub null":                 set("sub", nil),
	} {
		s.idp.claims = change
		b := s.browser()
		location := b.startOAuth("oidc")
		s.resetLog()
		s.refusesCallback(what, b, b.finishOAuth("oidc", location), "Configuration")
	}
	for what, change := range map[string]func(map[string]any){
		"a list of our aud":   set("aud", []string{clientID}),
		"an aud list and azp": func(c map[string]any) { c["aud"], c["azp"] = []string{"x", clientID}, clientID },
		"azp":                 set("azp", clientID),
		"iat a little ahead":  set("iat", at(5*time.Second)),
		"iat of yesterday":    set("iat", at(-24*time.Hour)),
	} {
		s.idp.claims = change
		b := s.browser()
		if r := b.oauth("oidc"); r.location() != s.origin {
			t.Errorf("%s is refused: %v", what, s.logs.problems())
		}
		s.resetLog()
	}
	// A missing or invalid ID token.
	s.idp.claims = nil
	for what, idToken := range map[string]any{"no ID token": nil, "an empty one": "", "garbage": "x.y.z", "a number": 1, "a session cookie": seal(t, testSecret, sessionCookie, plainHeader, jsonOf(t, goodClaims()))} {
		s.idp.token = func(answer map[string]any) any {
			answer["id_token"] = idToken
			if idToken == nil {
				delete(answer, "id_token")
			}
			return answer
		}
		b := s.browser()
		location := b.startOAuth("oidc")
		s.resetLog()
		s.refusesCallback(what, b, b.finishOAuth("oidc", location), "Configuration")
	}
}

func TestIDTokenWithAnInvalidSignatureIsRefused(t *testing.T) {
	s := newSite(t, withStore)
	b64 := base64.RawURLEncoding.EncodeToString
	stranger := newIDP(s)
	sha := sha256.Sum256([]byte(clientSecret))
	hs256 := func(key []byte) func(map[string]any) string {
		return func(c map[string]any) string {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key}, nil)
			if err != nil {
				t.Fatal(err)
			}
			jws, err := signer.Sign(jsonOf(t, c))
			if err != nil {
				t.Fatal(err)
			}
			out, _ := jws.CompactSerialize()
			return out
		}
	}
	published, err := json.Marshal(s.idp.keys.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	for what, sign := range map[string]func(map[string]any) string{
		"the key of somebody else": stranger.signed,
		"none":                     func(c map[string]any) string { return b64([]byte(`{"alg":"none"}`)) + "." + b64(jsonOf(t, c)) + "." },
		"none with our kid": func(c map[string]any) string {
			return b64([]byte(`{"alg":"none","kid":"key-1"}`)) + "." + b64(jsonOf(t, c)) + "."
		},
		"HS256 with the client secret": hs256(append([]byte(clientSecret), "-padded-to-32-bytes"...)),
		"HS256 with its hash":          hs256(sha[:]),
		"HS256 with the public key":    hs256(published),
		"no signature": func(c map[string]any) string {
			full := s.idp.signed(c)
			return full[:strings.LastIndexByte(full, '.')+1]
		},
		"claims changed after signing": func(c map[string]any) string {
			parts := strings.Split(s.idp.signed(c), ".")
			c["sub"] = "somebody-else"
			return parts[0] + "." + b64(jsonOf(t, c)) + "." + parts[2]
		},
		"a key in the header": func(c map[string]any) string {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: stranger.key}, &jose.SignerOptions{EmbedJWK: true})
			if err != nil {
				t.Fatal(err)
			}
			jws, err := signer.Sign(jsonOf(t, c))
			if err != nil {
				t.Fatal(err)
			}
			out, _ := jws.CompactSerialize()
			return out
		},
	} {
		s.idp.sign = sign
		b := s.browser()
		location := b.startOAuth("oidc")
		s.resetLog()
		s.refusesCallback(what, b, b.finishOAuth("oidc", location), "Configuration")
	}
	s.idp.sign = nil
	b := s.browser()
	b.oauth("oidc").wantTo(s.origin)

	// A key that is published later.
	old := s.idp.keys
	s.idp.rotate("key-2")
	fresh := s.idp.keys
	s.idp.keys = old
	b = s.browser()
	location := b.startOAuth("oidc")
	s.resetLog()
	s.refusesCallback("a key that is not published", b, b.finishOAuth("oidc", location), "Configuration")
	s.idp.keys = fresh
	b = s.browser()
	b.oauth("oidc").wantTo(s.origin)
	// A key of another provider stays invalid.
	s.idp.sign = stranger.signed
	b = s.browser()
	location = b.startOAuth("oidc")
	s.resetLog()
	s.refusesCallback("a key of another provider", b, b.finishOAuth("oidc", location), "Configuration")
}
