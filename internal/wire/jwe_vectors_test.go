package wire_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/wire"
)

type decodeCase struct {
	Label, Token, Salt, Result, Error string
	Secret                            secretList
	Now                               int64
}

type jweVectors struct {
	Vectors []struct {
		Name   string
		Encode struct {
			Secret   secretList
			Salt     string
			ClaimsIn json.RawMessage `json:"claims_in"`
			MaxAge   int64           `json:"max_age"`
			Now      int64
		}
		KID       string `json:"kid"`
		Header    string `json:"protected_header_json"`
		IV        string `json:"iv_hex"`
		Plaintext string `json:"plaintext_json"`
		Token     string
		Decode    []decodeCase
	}
	Foreign []struct {
		Name, Token, Salt, Result, Error string
		Secret                           secretList
		Now                              int64
		Claims                           json.RawMessage
	} `json:"foreign_tokens"`
}

// wantError maps the errors of the package to those expected here; "" is success.
var wantError = map[string]error{
	"":                                nil,
	"ERR_JWT_EXPIRED":                 wire.ErrExpired,
	"NO_KEY_FOR_KID":                  wire.ErrToken,
	"ERR_JWE_DECRYPTION_FAILED":       wire.ErrToken,
	"ERR_JWE_INVALID":                 wire.ErrToken,
	"ERR_JWT_INVALID":                 wire.ErrToken,
	"ERR_JOSE_ALG_NOT_ALLOWED":        wire.ErrToken,
	"ERR_JOSE_NOT_SUPPORTED":          wire.ErrToken,
	"ERR_JWT_CLAIM_VALIDATION_FAILED": wire.ErrToken, // except for nbf
}

// The recordings of each dialect.
var vectorFiles = map[wire.Dialect]string{wire.V5: "session-jwe-v5.json", wire.V4: "session-jwe-v4.json"}

func TestSessionTokenVectors(t *testing.T) {
	for dialect, file := range vectorFiles {
		t.Run(dialect.String(), func(t *testing.T) { testSessionTokenVectors(t, dialect, file) })
	}
}

func testSessionTokenVectors(t *testing.T, dialect wire.Dialect, file string) {
	// These have their members in the order of the application. Here they are
	// sorted by name, which makes no difference to a reader.
	reordered := map[string]bool{"nested custom claims": true, "check cookie: salt is the cookie name": true}

	var data jweVectors
	load(t, file, &data)
	if len(data.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range data.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			keys := dialect.NewKeys(v.Encode.Salt, v.Encode.Secret...)
			iv := unhex(t, v.IV)

			sealed, err := keys.Seal([]byte(v.Plaintext), replay(t, iv))
			if err != nil || sealed != v.Token {
				t.Errorf("Seal gives another token: %v\n got %s\nwant %s", err, sealed, v.Token)
			}
			text, first, err := keys.Open(v.Token)
			if err != nil || string(text) != v.Plaintext || !first {
				t.Errorf("Open = %q, %t, %v; want %q", text, first, err, v.Plaintext)
			}

			// The decoded claims, encoded again with the recorded randomness.
			var written struct{ JTI string }
			if err := json.Unmarshal([]byte(v.Plaintext), &written); err != nil {
				t.Fatal(err)
			}
			in := "{}"
			if string(v.Encode.ClaimsIn) != "null" {
				in = string(v.Encode.ClaimsIn)
			}
			token, err := keys.EncodeToken(claims(t, in), time.Unix(v.Encode.Now, 0), time.Duration(v.Encode.MaxAge)*time.Second,
				replay(t, unhex(t, written.JTI), iv))
			switch {
			case err != nil:
				t.Error(err)
			case reordered[v.Name]:
				text, _, err := keys.Open(token)
				if err != nil {
					t.Fatal(err)
				}
				if diff := sameJSON(t, text, []byte(v.Plaintext)); diff != "" {
					t.Errorf("other claims: %s", diff)
				}
			case token != v.Token:
				t.Errorf("EncodeToken gives another token\n got %s\nwant %s", token, v.Token)
			}

			for _, c := range v.Decode {
				t.Run(c.Label, func(t *testing.T) {
					if c.Token == "" {
						c.Token = v.Token
					}
					got, _, err := dialect.NewKeys(c.Salt, c.Secret...).DecodeToken(c.Token, nil, time.Unix(c.Now, 0))
					want, known := wantError[c.Error]
					if c.Error == "ERR_JWT_CLAIM_VALIDATION_FAILED" && strings.Contains(v.Plaintext, `"nbf"`) {
						want = wire.ErrNotYet
					}
					if !known || err != want || (err == nil) != (c.Result == "ok") {
						t.Fatalf("got %v, want %v (%s)", err, want, c.Error)
					}
					if err == nil {
						if diff := sameJSON(t, got.AppendClaims(nil), []byte(v.Plaintext)); diff != "" {
							t.Errorf("other claims: %s", diff)
						}
					}
				})
			}
		})
	}
}

func TestForeignTokenVectors(t *testing.T) {
	for dialect, file := range vectorFiles {
		t.Run(dialect.String(), func(t *testing.T) { testForeignTokenVectors(t, dialect, file) })
	}
}

func testForeignTokenVectors(t *testing.T, dialect wire.Dialect, file string) {
	// Intentional differences.
	type differs struct {
		err    error
		reason string
	}
	const strict = "only dir with A256GCM is accepted (WIRE.md section 12 row 8)"
	ours := map[wire.Dialect]map[string]differs{
		wire.V5: {
			"A256CBC-HS512 without kid, right secret second in array: only the first is tried": {nil, "every secret is tried (security case 43)"},
			"payload without exp": {wire.ErrToken, "exp is required (WIRE.md section 12 row 8)"},
			"empty string":        {wire.ErrToken, "callers do not pass an empty token; a result is either null or an error, not both"},
		},
		wire.V4: {
			"A128CBC-HS256 with the same 32-byte key":  {wire.ErrToken, strict},
			"A256KW key wrapping with the same key":    {wire.ErrToken, strict},
			"A256GCMKW key wrapping with the same key": {wire.ErrToken, strict},
			"PBES2 with the derived key as password":   {wire.ErrToken, strict},
			"zip=DEF compressed payload":               {wire.ErrToken, strict},
			"payload without exp":                      {wire.ErrToken, "exp is required (WIRE.md section 12 row 8)"},
		},
	}[dialect]

	var data jweVectors
	load(t, file, &data)
	if len(data.Foreign) == 0 {
		t.Fatal("no vectors")
	}
	seen := map[string]bool{}
	for _, v := range data.Foreign {
		t.Run(v.Name, func(t *testing.T) {
			switch v.Name {
			case "encode with empty secret":
				if panics(func() { dialect.NewKeys(salt, "") }) == nil {
					t.Error("NewKeys takes an empty secret")
				}
				return
			case "encode with a 1100 byte salt":
				if panics(func() { dialect.NewKeys(strings.Repeat("s", 1100), secret) }) == nil {
					t.Error("NewKeys takes a salt of 1100 bytes")
				}
				return
			case "encode with an array of secrets":
				// next-auth 4 has one secret; here all are tried.
				token, err := dialect.NewKeys("", oldSecret).Seal([]byte(defaultClaims), replay(t, make([]byte, 16)))
				if err != nil {
					t.Fatal(err)
				}
				if _, first, err := dialect.NewKeys("", secret, oldSecret).DecodeToken(token, nil, epoch); err != nil || first {
					t.Errorf("second secret: first %t, %v", first, err)
				}
				return
			}
			want, known := wantError[v.Error]
			if o, ok := ours[v.Name]; ok {
				want, known = o.err, true
				seen[v.Name] = true
			}
			if len(v.Secret) == 0 {
				t.Fatal("no secret: a vector of another kind")
			}
			got, _, err := dialect.NewKeys(v.Salt, v.Secret...).DecodeToken(v.Token, nil, time.Unix(v.Now, 0))
			if !known || err != want {
				t.Fatalf("got %v, want %v (%s)", err, want, v.Error)
			}
			if err == nil && v.Claims != nil {
				if diff := sameJSON(t, got.AppendClaims(nil), v.Claims); diff != "" {
					t.Errorf("other claims: %s", diff)
				}
			}
		})
	}
	for name := range ours {
		if !seen[name] {
			t.Errorf("no vector %q", name)
		}
	}
}

// The name of the cookie is part of the key with V5, but not with V4.
func TestSessionKeys(t *testing.T) {
	for dialect, same := range map[wire.Dialect]bool{wire.V5: false, wire.V4: true} {
		names := [2]string{dialect.CookieNames(false).SessionToken, dialect.CookieNames(true).SessionToken}
		token, err := dialect.SessionKeys(names[0], secret).Seal([]byte(defaultClaims), replay(t, make([]byte, 16)))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := dialect.SessionKeys(names[0], secret).Open(token); err != nil {
			t.Errorf("%s: %v", dialect, err)
		}
		if _, _, err := dialect.SessionKeys(names[1], secret).Open(token); (err == nil) != same {
			t.Errorf("%s, the name of https: %v", dialect, err)
		}
		other := wire.V5 + wire.V4 - dialect
		if _, _, err := other.SessionKeys(names[0], secret).Open(token); err != wire.ErrToken {
			t.Errorf("%s reads a token of %s: %v", other, dialect, err)
		}
	}
}

func TestDialect(t *testing.T) {
	if wire.V5.String() != "v5" || wire.V4.String() != "v4" || !wire.V5.Valid() || !wire.V4.Valid() {
		t.Error("the dialects have other names")
	}
	none := wire.V4 + 1
	if none.Valid() || none.String() != "unknown" || panics(func() { none.CookieNames(true) }) == nil {
		t.Error("there is a third dialect")
	}
}
