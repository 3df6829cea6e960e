package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	capoidc "github.com/hashicorp/cap/oidc"
	"github.com/sesame-auth/sesame/engine/internal/oauth"
)

func TestIDTokenClaimsAreVerified(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *fake)
		kind   oauth.Kind // "" if accepted
		text   string
	}{
		{"good", func(*fake) {}, "", ""},
		{"aud other", set("aud", "other"), oauth.IDToken, `audience "app"`},
		{"aud missing", set("aud", nil), oauth.IDToken, "audience"},
		{"aud empty list", set("aud", []string{}), oauth.IDToken, "audience"},
		{"aud list of us", set("aud", []string{clientID}), "", ""},
		{"aud list without azp", set("aud", []string{clientID, "other"}), oauth.IDToken, "azp"},
		{"aud list without us", set("aud", []string{"x", "other"}, "azp", clientID), oauth.IDToken, "audience"},
		{"aud list with azp", set("aud", []string{clientID, "other"}, "azp", clientID), "", ""},
		{"azp other", set("azp", "other"), oauth.IDToken, "azp"},
		{"azp empty", set("azp", ""), oauth.IDToken, "azp"},
		{"azp null", func(f *fake) { f.claims["azp"] = json.RawMessage("null") }, oauth.IDToken, "azp"},
		{"azp number", set("azp", 1), oauth.IDToken, "azp"},
		{"azp us", set("azp", clientID), "", ""},
		{"iss other", set("iss", "https://other.example"), oauth.IDToken, "different provider"},
		{"iss with a slash", func(f *fake) { f.claims["iss"] = f.URL + "/" }, oauth.IDToken, "different provider"},
		{"iss missing", set("iss", nil), oauth.IDToken, "different provider"},
		{"exp 30 s ago", set("exp", start.Add(-30*time.Second).Unix()), "", ""},
		{"exp 31 s ago", set("exp", start.Add(-31*time.Second).Unix()), oauth.IDToken, "clock"},
		{"exp 31 s ago, in words", set("exp", start.Add(-31*time.Second).Unix()), oauth.IDToken, "it expired at 2026-01-02T03:03:34Z; the time is 2026-01-02T03:04:05Z"},
		{"exp missing", set("exp", nil), oauth.IDToken, "expired"},
		{"exp text", set("exp", "tomorrow"), oauth.IDToken, ""},
		{"exp negative", set("exp", -1), oauth.IDToken, "expired"},
		{"nbf an hour ahead", set("nbf", start.Add(time.Hour).Unix()), oauth.IDToken, "nbf"},
		{"nbf a minute ahead", set("nbf", start.Add(time.Minute).Unix()), "", ""},
		{"iat 5 min ahead", set("iat", start.Add(5*time.Minute).Unix()), "", ""},
		{"iat further ahead", set("iat", start.Add(5*time.Minute+time.Second).Unix()), oauth.IDToken, "clock"},
		{"iat long ago", set("iat", start.Add(-24*time.Hour).Unix()), "", ""},
		{"iat missing", set("iat", nil), oauth.IDToken, "no iat"},
		{"sub missing", set("sub", nil), oauth.IDToken, "no sub"},
		{"sub empty", set("sub", ""), oauth.IDToken, "no sub"},
		{"sub number", set("sub", 5), oauth.IDToken, ""},
		{"at_hash good", set("at_hash", hash(accessToken)), "", ""},
		{"at_hash of another token", set("at_hash", hash("other")), oauth.IDToken, "at_hash"},
		{"at_hash empty", set("at_hash", ""), oauth.IDToken, "at_hash"},
		{"no ID token", func(f *fake) { f.claims = nil }, oauth.IDToken, "openid"},
		{"ID token a number", func(f *fake) { f.claims, f.answer["id_token"] = nil, 5 }, oauth.IDToken, "no ID token"},
	} {
		f := newFake(t)
		c.change(f)
		got, err := f.oidc().Exchange(t.Context(), callback())
		switch {
		case c.kind != "":
			mustFail(t, c.name, err, c.kind, c.text)
		case err != nil || got.Profile["sub"] != "ada":
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

// set changes claims, given as pairs of name and value; nil removes a claim.
func set(changes ...any) func(*fake) {
	return func(f *fake) {
		for i := 0; i < len(changes); i += 2 {
			if name := changes[i].(string); changes[i+1] == nil {
				delete(f.claims, name)
			} else {
				f.claims[name] = changes[i+1]
			}
		}
	}
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func TestSignatureIsVerified(t *testing.T) {
	f := newFake(t)
	client := f.oidc()
	exchange := func() error {
		_, err := client.Exchange(t.Context(), callback())
		return err
	}
	for range 2 {
		if err := exchange(); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.called("/jwks"); n != 1 {
		t.Errorf("keys fetched %d times for two tokens", n)
	}
	good := sign(t, f.key, f.claims)

	// A key that is not published, with a new id and with the known one.
	f.key = keys().other
	mustFail(t, "unknown key", exchange(), oauth.IDToken, "signature")
	if n := f.called("/jwks"); n < 2 || n > 3 {
		t.Errorf("keys fetched %d times in all: an unknown key is looked for once, or twice when go-oidc still answers with its last download", n)
	}
	f.key.KeyID = keys().es256.KeyID
	mustFail(t, "wrong key", exchange(), oauth.IDToken, "signature")

	// Then it is published.
	f.key = keys().other
	f.published = []jose.JSONWebKey{keys().es256.Public(), f.key.Public()}
	if err := exchange(); err != nil {
		t.Errorf("rotated in: %v", err)
	}

	parts := strings.Split(good, ".")
	flip := func(i int) string {
		p := append([]string(nil), parts...)
		b, err := base64.RawURLEncoding.DecodeString(p[i])
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		p[i] = base64.RawURLEncoding.EncodeToString(b)
		return strings.Join(p, ".")
	}
	for name, token := range map[string]string{
		"flipped payload": flip(1), "flipped signature": flip(2), "no signature": parts[0] + "." + parts[1] + ".",
		"two parts": parts[0] + "." + parts[1], "four parts": good + ".x", "garbage": "canary", "dots": strings.Repeat(".", 1000),
		"encrypted": "a.b.c.d.e",
	} {
		f.idToken = token
		mustFail(t, name, exchange(), oauth.IDToken, "invalid")
	}
	f.idToken = ""

	// Unreachable keys.
	f.handlers["/jwks"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	_, err := f.oidc().Exchange(t.Context(), callback())
	mustFail(t, "jwks 500", err, oauth.IDToken, "keys", "500")
	f.handlers["/jwks"] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"keys": [` + strings.Repeat(" ", 1<<20) + `]}`))
	}
	_, err = f.oidc().Exchange(t.Context(), callback())
	mustFail(t, "jwks 1 MiB", err, oauth.IDToken, "larger than 1 MiB")
}

// none and HS256 are rejected although the metadata of the fake lists them. The
// public key must not serve as an HMAC secret.
func TestUnsafeAlgorithmsAreRefused(t *testing.T) {
	f := newFake(t)
	claims, err := json.Marshal(f.claims)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims) + "."
	public, err := json.Marshal(f.published[0])
	if err != nil {
		t.Fatal(err)
	}
	hmac := func(key []byte) string {
		return sign(t, jose.JSONWebKey{Key: key, KeyID: f.key.KeyID, Algorithm: "HS256"}, f.claims)
	}
	for name, token := range map[string]string{
		"none": unsigned, "HS256 with the client's secret": hmac([]byte(strings.Repeat(clientSecret, 3))), "HS256 with the public key": hmac(public),
		"RS256, not in the metadata": sign(t, keys().rs256, f.claims),
	} {
		f.idToken = token
		f.published = []jose.JSONWebKey{f.key.Public(), keys().rs256.Public()}
		_, err := f.oidc().Exchange(t.Context(), callback())
		mustFail(t, name, err, oauth.IDToken, "algorithm")
	}
	f.metadata["id_token_signing_alg_values_supported"] = []string{"none", "HS256"}
	_, err = f.oidc().Exchange(t.Context(), callback())
	mustFail(t, "nothing usable advertised", err, oauth.Discovery, "none HS256", "RS256")
}

// The checks of @auth/core 0.41.3, as recorded, compared with those of this
// package, which are the same, and the signature.
func TestIDTokenVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/id-token-checks-v5.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Cases []struct {
			Label          string          `json:"label"`
			Header         json.RawMessage `json:"id_token_header"`
			SignedIn       bool            `json:"signed_in"`
			RefusedBecause string          `json:"refused_because"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	const garbage = "signature is garbage, alg RS256"
	change := map[string]func(*fake){
		garbage:    func(*fake) {},
		"alg none": func(*fake) {},
		"alg HS256": func(f *fake) {
			f.key = jose.JSONWebKey{Key: []byte(strings.Repeat("x", 32)), Algorithm: "HS256"}
		},
		"alg ES256 although metadata lists no algorithms": func(f *fake) { f.key = keys().es256 },
		"nonce claim present, none expected":              set("nonce", "n"),
		"wrong audience":                                  set("aud", "other"),
		"expired 29 s ago":                                set("exp", start.Add(-29*time.Second).Unix()),
		"expired 31 s ago":                                set("exp", start.Add(-31*time.Second).Unix()),
		"wrong issuer":                                    set("iss", "https://other.test"),
	}
	if len(vectors.Cases) != len(change) {
		t.Fatalf("%d vectors", len(vectors.Cases))
	}
	for _, v := range vectors.Cases {
		f := newFake(t)
		delete(f.metadata, "id_token_signing_alg_values_supported")
		f.key = keys().rs256
		f.published = []jose.JSONWebKey{keys().rs256.Public(), keys().es256.Public()}
		delete(f.claims, "nonce")
		if change[v.Label] == nil {
			t.Fatalf("no case for %q", v.Label)
		}
		change[v.Label](f)
		if v.Label == garbage || v.Label == "alg none" {
			claims, err := json.Marshal(f.claims)
			if err != nil {
				t.Fatal(err)
			}
			f.idToken = base64.RawURLEncoding.EncodeToString(v.Header) + "." + base64.RawURLEncoding.EncodeToString(claims) + ".AAAA"
		}
		_, err := f.oidc().Exchange(t.Context(), callback(noNonce))
		if v.SignedIn && v.Label != garbage {
			if err != nil {
				t.Errorf("%s: %v", v.Label, err)
			}
			continue
		}
		kind, text := oauth.IDToken, map[string]string{
			"alg": "algorithm", "aud": "audience", "exp": "expired", "iss": "different provider", "": "signature",
		}[v.RefusedBecause]
		if v.RefusedBecause == "nonce" {
			kind, text = oauth.Check, "nonce"
		}
		mustFail(t, v.Label, err, kind, text)
	}
}

// The same rules with an independent provider.
func TestCapProvider(t *testing.T) {
	newProvider := func() (*capoidc.TestProvider, *oauth.Client) {
		p := capoidc.StartTestProvider(t, capoidc.WithNoTLS())
		p.SetClientCreds(clientID, clientSecret)
		p.SetAllowedRedirectURIs([]string{redirectURI})
		p.SetExpectedAuthCode(code)
		p.SetExpectedAuthNonce(nonce)
		v, err := capoidc.NewCodeVerifier()
		if err != nil {
			t.Fatal(err)
		}
		p.SetPKCEVerifier(v)
		return p, newClient(t, oauth.Config{Issuer: p.Addr(), ClientID: clientID, ClientSecret: clientSecret, UserInfo: true}, nil)
	}
	for _, c := range []struct {
		name   string
		change func(p *capoidc.TestProvider)
		kind   oauth.Kind // "" if accepted
		text   string
	}{
		{"good", func(*capoidc.TestProvider) {}, "", ""},
		{"another audience beside us, azp is us", func(p *capoidc.TestProvider) { p.SetCustomAudience("other") }, "", ""},
		{"azp other", func(p *capoidc.TestProvider) { p.SetCustomClaims(map[string]any{"azp": "other"}) }, oauth.IDToken, "azp"},
		{"aud other", func(p *capoidc.TestProvider) { p.SetCustomClaims(map[string]any{"aud": "other"}) }, oauth.IDToken, "audience"},
		{"iss other", func(p *capoidc.TestProvider) { p.SetCustomClaims(map[string]any{"iss": "https://other.example"}) }, oauth.IDToken, "provider"},
		{"expired", func(p *capoidc.TestProvider) { p.SetExpectedExpiry(-time.Minute) }, oauth.IDToken, "clock"},
		{"no ID token", func(p *capoidc.TestProvider) { p.SetOmitIDTokens(true) }, oauth.IDToken, "no ID token"},
		{"no access token", func(p *capoidc.TestProvider) { p.SetOmitAccessTokens(true) }, oauth.Token, "access_token"},
		{"no keys", func(p *capoidc.TestProvider) { p.SetDisableJWKs(true) }, oauth.IDToken, "keys"},
		{"keys nonsense", func(p *capoidc.TestProvider) { p.SetInvalidJWKS(true) }, oauth.IDToken, "keys"},
		{"token endpoint off", func(p *capoidc.TestProvider) { p.SetDisableToken(true) }, oauth.Token, "401"},
		{"wrong code", func(p *capoidc.TestProvider) { p.SetExpectedAuthCode("other") }, oauth.Token, "invalid_grant"},
		{"other nonce", func(p *capoidc.TestProvider) { p.SetExpectedAuthNonce("other") }, oauth.Check, "nonce"},
		{"no userinfo", func(p *capoidc.TestProvider) { p.SetDisableUserInfo(true) }, oauth.Discovery, "userinfo_endpoint"},
		{"userinfo of another", func(p *capoidc.TestProvider) { p.SetUserInfoReply(map[string]any{"sub": "another"}) }, oauth.UserInfo, "sub"},
		{"key not published", func(p *capoidc.TestProvider) {
			_, public, alg, id := p.SigningKeys()
			_, private := capoidc.TestGenerateKeys(t)
			p.SetSigningKeys(private, public, alg, id)
		}, oauth.IDToken, "signature"},
	} {
		p, client := newProvider()
		p.SetUserInfoReply(map[string]any{"sub": p.ExpectedSubject()})
		c.change(p)
		got, err := client.Exchange(t.Context(), callback(func(cb *oauth.Callback) { cb.CodeVerifier = p.PKCEVerifier().Verifier() }))
		switch {
		case c.kind != "":
			mustFail(t, c.name, err, c.kind, c.text)
		case err != nil || got.Profile["sub"] != p.ExpectedSubject():
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}
