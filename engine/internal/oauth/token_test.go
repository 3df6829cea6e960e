package oauth_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sesame-auth/sesame/engine/internal/oauth"
)

// The request to the token endpoint.
func TestTokenRequest(t *testing.T) {
	f := newFake(t)
	want := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
	for auth, more := range map[string]url.Values{
		"client_secret_basic": {},
		"client_secret_post":  {"client_id": {clientID}, "client_secret": {clientSecret}},
		"none":                {"client_id": {clientID}},
	} {
		c := f.oidc(func(c *oauth.Config) { c.ClientAuth = auth })
		if _, err := c.Exchange(t.Context(), callback()); err != nil {
			t.Fatal(err)
		}
		maps.Copy(more, want)
		if diff := cmp.Diff(more, f.form); diff != "" {
			t.Errorf("%s: %s", auth, diff)
		}
		r := http.Request{Header: f.heads}
		id, secret, ok := r.BasicAuth()
		// RFC 6749 section 2.3.1: form-encoded first.
		if ok != (auth == "client_secret_basic") || ok && (id != clientID || secret != url.QueryEscape(clientSecret)) {
			t.Errorf("%s: Authorization %q", auth, f.heads.Get("Authorization"))
		}
		if f.heads.Get("Accept") != "application/json" {
			t.Errorf("Accept %q", f.heads.Get("Accept"))
		}
	}
	if _, err := f.oidc().Exchange(t.Context(), callback(func(cb *oauth.Callback) { cb.UsePKCE = false })); err != nil || f.form.Has("code_verifier") {
		t.Errorf("without PKCE: %v, %v", f.form, err)
	}
	if _, err := f.oidc().Exchange(t.Context(), callback(func(cb *oauth.Callback) { cb.UsePKCE, cb.CodeVerifier = false, "" })); err != nil {
		t.Errorf("without PKCE and without a verifier: %v", err)
	}
}

func TestInvalidTokenResponsesAreRefused(t *testing.T) {
	f := newFake(t)
	type reply struct {
		status            int
		contentType, body string
	}
	const leak = `, "access_token": "` + accessToken + `", "refresh_token": "` + refreshToken + `"`
	for _, c := range []struct {
		name  string
		reply reply
		code  string
		texts []string
	}{
		{"1 MiB", reply{200, "application/json", `{"access_token": "` + strings.Repeat("canary", 1<<18) + `"}`}, "", []string{"larger than 1 MiB"}},
		{"1 MiB of spaces", reply{200, "application/json", strings.Repeat(" ", 1<<20) + `{"access_token":"x"}`}, "", []string{"larger than 1 MiB"}},
		{"HTML", reply{200, "text/html; charset=utf-8", "<html>" + code}, "", []string{"200 OK, text/html", "JSON object"}},
		{"HTML error", reply{502, "text/html", "<html>" + accessToken}, "", []string{"502 Bad Gateway, text/html"}},
		{"empty", reply{200, "application/json", ""}, "", []string{"200 OK, empty"}},
		{"nothing", reply{204, "", ""}, "", []string{"204 No Content, empty"}},
		{"null", reply{200, "application/json", "null"}, "", nil},
		{"a list", reply{200, "application/json", "[]"}, "", []string{"JSON object"}},
		{"a string", reply{200, "application/json", `"canary"`}, "", []string{"JSON object"}},
		{"cut", reply{200, "application/json", `{"access_token": "` + accessToken}, "", []string{"JSON object"}},
		{"two objects", reply{200, "application/json", `{"access_token": "canary"} {}`}, "", []string{"JSON object"}},
		{"200 with an error", reply{200, "application/json", `{"error": "invalid_grant"` + leak + `}`}, "invalid_grant", []string{"rejected the request (200)"}},
		{"400", reply{400, "application/json", `{"error": "invalid_grant", "error_description": "code ` + code + ` is\nwrong"}`}, "invalid_grant",
			[]string{"rejected the request (400): invalid_grant (code [removed] is wrong)", "already used"}},
		{"another redirect URI", reply{400, "application/json", `{"error": "invalid_grant", "error_description": "redirect_uri differs"}`}, "invalid_grant",
			[]string{"register exactly " + redirectURI}},
		{"wrong client", reply{401, "application/json", `{"error": "invalid_client", "error_description": "secret ` + clientSecret + ` or ` + url.QueryEscape(clientSecret) + `"}`}, "invalid_client",
			[]string{"client id and secret", "client_secret_basic"}},
		{"401 without a code", reply{401, "text/plain", "no " + clientSecret}, "", []string{"401 Unauthorized", "client id and secret"}},
		{"echo of the header", reply{400, "application/json", `{"error": "x", "error_description": "Basic YXBwOmNhbmFyeSUyRnNlY3JldCUyQiUzQSUyNQ=="}`}, "x", []string{"Basic [removed]"}},
		{"error as an object", reply{400, "application/json", `{"error": {"message": "` + code + `"}}`}, "", []string{"400 Bad Request"}},
		{"error as a form", reply{400, "application/x-www-form-urlencoded", "error=bad_verification_code&error_description=" + code}, "bad_verification_code", nil},
		{"no access_token", reply{200, "application/json", `{"token_type": "Bearer", "refresh_token": "` + refreshToken + `"}`}, "", []string{"has no access_token"}},
		{"empty access_token", reply{200, "application/json", `{"token_type": "Bearer", "access_token": ""}`}, "", []string{"has no access_token"}},
		{"number as access_token", reply{200, "application/json", `{"token_type": "Bearer", "access_token": 12345678901}`}, "", []string{"wrong type"}},
		{"expires_in nonsense", reply{200, "application/json", `{"expires_in": "soon ` + code + `"` + leak + `}`}, "", []string{"wrong type"}},
		{"mac", reply{200, "application/json", `{"token_type": "mac"` + leak + `}`}, "", []string{`type "mac"`, "bearer"}},
		{"DPoP", reply{200, "application/json", `{"token_type": "DPoP"` + leak + `}`}, "", []string{"bearer"}},
		{"token as type", reply{200, "application/json", `{"token_type": "` + accessToken + `"` + leak + `}`}, "", []string{"bearer"}},
		{"content type nonsense", reply{200, "canary canary\x01/x", "canary"}, "", nil},
		{"header nonsense", reply{200, `a", "` + accessToken + "\x01", "canary"}, "", []string{"malformed", "[removed]"}},
		{"content type long", reply{200, "a/" + strings.Repeat("b", 500), "canary"}, "", []string{"(200 OK)"}},
	} {
		f.handlers["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{c.reply.contentType}
			w.WriteHeader(c.reply.status)
			_, _ = io.WriteString(w, c.reply.body)
		}
		for _, client := range []*oauth.Client{f.oidc(), f.plain()} {
			_, err := client.Exchange(t.Context(), callback(noNonce))
			e := mustFail(t, c.name, err, oauth.Token, c.texts...)
			if e.Code != c.code {
				t.Errorf("%s: code %q, want %q", c.name, e.Code, c.code)
			}
		}
	}
}

// RFC 6749 section 5.1 requires token_type, but some providers omit it.
func TestMissingTokenTypeMeansBearer(t *testing.T) {
	f := newFake(t)
	for _, tokenType := range []any{nil, "", "bearer", "BEARER"} {
		if f.answer["token_type"] = tokenType; tokenType == nil {
			delete(f.answer, "token_type")
		}
		got, err := f.plain().Exchange(t.Context(), callback(noNonce))
		if err != nil || got.TokenType != "bearer" || got.Profile["sub"] != "ada" {
			t.Errorf("token_type %v: %+v, %v", tokenType, got, err)
		}
		if got != nil && got.Raw["token_type"] != tokenType {
			t.Errorf("raw token_type %v, want %v", got.Raw["token_type"], tokenType)
		}
	}
}

// GitHub and others respond with a form unless asked for JSON.
func TestFormAsTokenAnswer(t *testing.T) {
	f := newFake(t)
	f.handlers["/token"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
		_, _ = io.WriteString(w, "access_token="+accessToken+"&scope=a%20b&token_type=bearer&expires_in=60&custom=1")
	}
	got, err := f.plain().Exchange(t.Context(), callback(noNonce))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"access_token": accessToken, "scope": "a b", "token_type": "bearer", "expires_in": "60", "custom": "1"}
	if diff := cmp.Diff(want, got.Raw); diff != "" || got.Scope != "a b" || !got.ExpiresAt.Equal(start.Add(time.Minute)) {
		t.Errorf("%+v %s", got, diff)
	}
}

func TestExpiresIn(t *testing.T) {
	f := newFake(t)
	for in, want := range map[any]time.Time{
		nil: {}, 60: start.Add(time.Minute), "60": start.Add(time.Minute), 0: start, -5: start,
		int64(1) << 62: start.Add(100 * 365 * 24 * time.Hour),
	} {
		if f.answer["expires_in"] = in; in == nil {
			delete(f.answer, "expires_in")
		}
		got, err := f.plain().Exchange(t.Context(), callback(noNonce))
		if err != nil || !got.ExpiresAt.Equal(want) {
			t.Errorf("expires_in %v: %+v, %v; want %s", in, got, err, want)
		}
	}
}

// A short secret makes a short header, which a provider may repeat.
func TestEchoedHeaderIsHidden(t *testing.T) {
	f := newFake(t)
	f.handlers["/token"] = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request", "error_description": "what is " + r.Header.Get("Authorization")})
	}
	_, err := f.plain(func(c *oauth.Config) { c.ClientSecret = "s3" }).Exchange(t.Context(), callback(noNonce))
	mustFail(t, "echo", err, oauth.Token, "(what is Basic [removed])")
}
