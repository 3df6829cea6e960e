package wire_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine/wire"
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

// wantError is our error for one of the package's; "" is none.
var wantError = map[string]error{
	"":                                nil,
	"ERR_JWT_EXPIRED":                 wire.ErrExpired,
	"NO_KEY_FOR_KID":                  wire.ErrToken,
	"ERR_JWE_DECRYPTION_FAILED":       wire.ErrToken,
	"ERR_JWE_INVALID":                 wire.ErrToken,
	"ERR_JWT_INVALID":                 wire.ErrToken,
	"ERR_JOSE_ALG_NOT_ALLOWED":        wire.ErrToken,
	"ERR_JOSE_NOT_SUPPORTED":          wire.ErrToken,
	"ERR_JWT_CLAIM_VALIDATION_FAILED": wire.ErrToken, // but for nbf
}

func TestSessionTokenVectors(t *testing.T) {
	// The members of these stand in the order the application gave them; we
	// write them by name, which no reader minds.
	reordered := map[string]bool{"nested custom claims": true}

	var data jweVectors
	load(t, "session-jwe-v5.json", &data)
	if len(data.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range data.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			keys := wire.NewKeys(v.Encode.Salt, v.Encode.Secret...)
			iv := unhex(t, v.IV)

			sealed, err := keys.Seal([]byte(v.Plaintext), replay(t, iv))
			if err != nil || sealed != v.Token {
				t.Errorf("Seal gives another token: %v\n got %s\nwant %s", err, sealed, v.Token)
			}
			text, first, err := keys.Open(v.Token)
			if err != nil || string(text) != v.Plaintext || !first {
				t.Errorf("Open = %q, %t, %v; want %q", text, first, err, v.Plaintext)
			}

			// The claims that came in, encoded with the recorded randomness.
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
					got, _, err := wire.NewKeys(c.Salt, c.Secret...).DecodeToken(c.Token, nil, time.Unix(c.Now, 0))
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
	// Where we differ on purpose.
	ours := map[string]struct {
		err    error
		reason string
	}{
		"A256CBC-HS512 without kid, right secret second in array: only the first is tried": {nil, "every secret is tried (security case 43)"},
		"payload without exp": {wire.ErrToken, "exp is required (WIRE.md section 12 row 8)"},
		"empty string":        {wire.ErrToken, "no token is not looked at by the caller; there is no null beside an error"},
	}

	var data jweVectors
	load(t, "session-jwe-v5.json", &data)
	if len(data.Foreign) == 0 {
		t.Fatal("no vectors")
	}
	seen := map[string]bool{}
	for _, v := range data.Foreign {
		t.Run(v.Name, func(t *testing.T) {
			switch v.Name {
			case "encode with empty secret":
				if panics(func() { wire.NewKeys(salt, "") }) == nil {
					t.Error("NewKeys takes an empty secret")
				}
				return
			case "encode with a 1100 byte salt":
				if panics(func() { wire.NewKeys(strings.Repeat("s", 1100), secret) }) == nil {
					t.Error("NewKeys takes a salt of 1100 bytes")
				}
				return
			}
			want, known := wantError[v.Error]
			if o, ok := ours[v.Name]; ok {
				want, known = o.err, true
				seen[v.Name] = true
			}
			got, _, err := wire.NewKeys(v.Salt, v.Secret...).DecodeToken(v.Token, nil, time.Unix(v.Now, 0))
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
