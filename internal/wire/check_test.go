package wire_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/wire"
)

type sealedVector struct {
	Header    string `json:"protected_header_json"`
	IV        string `json:"iv_hex"`
	Plaintext string `json:"plaintext_json"`
	Salt      string `json:"hkdf_salt"`
}

func TestCheckCookieVectors(t *testing.T) {
	type vector struct {
		Kind       string
		Secure     bool
		Secret     string
		CookieName string            `json:"cookie_name"`
		SetCookie  string            `json:"set_cookie"`
		Param      string            `json:"param_value"`
		Verifier   string            `json:"code_verifier"`
		Params     map[string]string `json:"authorization_params"` // of v4
		Cookie     string            `json:"cookie_value"`
		CookieJWE  sealedVector      `json:"cookie_jwe"`
		StateJWE   *sealedVector     `json:"state_param_jwe"`
	}
	var data struct{ V5, V4 []vector }
	load(t, "check-cookies.json", &data)
	if len(data.V5) == 0 || len(data.V4) == 0 {
		t.Fatal("no vectors")
	}
	test := func(dialect wire.Dialect, v vector) {
		t.Run(v.CookieName+" "+v.Kind, func(t *testing.T) {
			names := dialect.CookieNames(v.Secure)
			set := wire.SetCookie{Value: v.Cookie, MaxAge: int(wire.CheckMaxAge / time.Second), Expires: epoch.Add(wire.CheckMaxAge), Secure: v.Secure}
			switch v.Kind {
			case "pkce":
				set.Name = names.PKCECodeVerifier
			case "nonce":
				set.Name = names.Nonce
				set.MaxAge = 0
			default:
				set.Name = names.State
			}
			if set.Name != v.CookieName || set.Name != v.CookieJWE.Salt {
				t.Errorf("name %s, want %s", set.Name, v.CookieName)
			}
			if got := string(set.Append(nil)); v.SetCookie != "" && got != v.SetCookie {
				t.Errorf("Set-Cookie\n got %s\nwant %s", got, v.SetCookie)
			}

			var in struct{ Value, Provider, JTI string }
			if err := json.Unmarshal([]byte(v.CookieJWE.Plaintext), &in); err != nil {
				t.Fatal(err)
			}
			keys := dialect.NewKeys(v.CookieName, v.Secret)
			sealed, err := keys.SealCheck(in.Value, in.Provider, epoch, replay(t, unhex(t, in.JTI), unhex(t, v.CookieJWE.IV)))
			if err != nil || sealed != v.Cookie {
				t.Errorf("SealCheck gives another cookie: %v\n got %s\nwant %s", err, sealed, v.Cookie)
			}
			if got, err := keys.OpenCheck(v.Cookie, in.Provider, epoch); err != nil || got != in.Value {
				t.Errorf("OpenCheck = %q, %v; want %q", got, err, in.Value)
			}
			switch {
			case dialect == wire.V4 && v.Kind == "pkce":
				if got := wire.CodeChallenge(in.Value); got != v.Params["code_challenge"] || v.Params["code_challenge_method"] != "S256" {
					t.Errorf("challenge %s, want %s", got, v.Params["code_challenge"])
				}
			case dialect == wire.V4:
				if in.Value != v.Params[v.Kind] {
					t.Error("the cookie does not hold the parameter")
				}
			case v.StateJWE != nil:
				if in.Value != v.Param {
					t.Error("the state cookie does not hold the parameter")
				}
				var state struct{ Origin, Random, JTI string }
				if err := json.Unmarshal([]byte(v.StateJWE.Plaintext), &state); err != nil {
					t.Fatal(err)
				}
				random, err := base64.RawURLEncoding.DecodeString(state.Random)
				if err != nil {
					t.Fatal(err)
				}
				got, err := wire.V5.NewKeys(wire.StateSalt, v.Secret).SealState(state.Origin, epoch, replay(t, random, unhex(t, state.JTI), unhex(t, v.StateJWE.IV)))
				if err != nil || got != v.Param {
					t.Errorf("SealState gives another parameter: %v\n got %s\nwant %s", err, got, v.Param)
				}
			case v.Kind == "pkce":
				if got := wire.CodeChallenge(v.Verifier); got != v.Param || in.Value != v.Verifier {
					t.Errorf("challenge %s, want %s", got, v.Param)
				}
			case in.Value != v.Param:
				t.Error("the cookie does not hold the parameter")
			}
		})
	}
	for _, v := range data.V5 {
		test(wire.V5, v)
	}
	for _, v := range data.V4 {
		test(wire.V4, v)
	}
}

func TestCheckUseVectors(t *testing.T) {
	var data struct {
		Use []struct{ Label, Kind, Result, Value, Reason string } `json:"v5_use"`
	}
	load(t, "check-cookies.json", &data)
	if len(data.Use) == 0 {
		t.Fatal("no vectors")
	}
	keys := wire.V5.NewKeys(plainNames.State, secret)
	for _, v := range data.Use {
		t.Run(v.Label, func(t *testing.T) {
			made, provider, at := plainNames.State, "lab-oidc", epoch
			switch v.Label {
			case "present":
			case "missing":
				if got, err := keys.OpenCheck("", provider, at); err != wire.ErrToken || got != "" {
					t.Errorf("no cookie: %q, %v", got, err)
				}
				return
			case "other provider handles the callback":
				provider = "other"
			case "pkce cookie put under the state name":
				made = plainNames.PKCECodeVerifier
			case "914 s later (inside tolerance)":
				at = at.Add(914 * time.Second)
			case "915 s later":
				at = at.Add(915 * time.Second)
			case "check not configured":
				if v.Result != "skipped" { // package wire does not decide which checks are made
					t.Error("not skipped")
				}
				return
			default:
				t.Fatal("unknown vector")
			}
			value := v.Value
			if value == "" {
				value = "x"
			}
			cookie, err := wire.V5.NewKeys(made, secret).SealCheck(value, "lab-oidc", epoch, replay(t, make([]byte, 32)))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]error{"": nil, "expired": wire.ErrExpired, "made for another provider": wire.ErrToken, "cannot be decrypted": wire.ErrToken}
			got, err := keys.OpenCheck(cookie, provider, at)
			if err != want[v.Reason] || (err == nil) != (v.Result == "ok") || err == nil && got != v.Value {
				t.Errorf("OpenCheck = %q, %v; want %q, %v", got, err, v.Value, want[v.Reason])
			}
		})
	}
}

// A token that is sealed under the cookie's salt but is not a check is rejected.
func TestCheckPayload(t *testing.T) {
	keys := wire.V5.NewKeys(plainNames.State, secret)
	for _, c := range []struct {
		payload, value string
		want           error
	}{
		{`{"value":"v","provider":"p","exp":1790000900}`, "v", nil},
		{`{"value":"v","provider":"p"}`, "", wire.ErrToken},
		{`{"value":"v","exp":1790000900}`, "", wire.ErrToken},
		{`{"value":"v","provider":null,"exp":1790000900}`, "", wire.ErrToken},
		{`{"value":"v","provider":["p"],"exp":1790000900}`, "", wire.ErrToken},
		{`{"value":"v","provider":"P","exp":1790000900}`, "", wire.ErrToken},
		{`{"provider":"p","exp":1790000900}`, "", wire.ErrToken},
		{`{"value":"","provider":"p","exp":1790000900}`, "", wire.ErrToken},
		{`{"value":1,"provider":"p","exp":1790000900}`, "", wire.ErrToken},
		{`{"value":"v","provider":"p","exp":1789999985}`, "", wire.ErrExpired},
	} {
		cookie, err := keys.Seal([]byte(c.payload), replay(t, make([]byte, 16)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys.OpenCheck(cookie, "p", epoch); got != c.value || err != c.want {
			t.Errorf("%s: %q, %v; want %q, %v", c.payload, got, err, c.value, c.want)
		}
	}
}
