package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/engine/internal/oauth"
	"golang.org/x/oauth2"
)

// The whole flow, with a provider that checks the requests.
func TestFlow(t *testing.T) {
	for _, auth := range []string{"", "client_secret_basic", "client_secret_post", "none"} {
		for _, userInfo := range []bool{false, true} {
			secret := clientSecret
			if auth == "none" {
				secret = ""
			}
			clock := authtest.NewClock(start)
			idp, err := authtest.StartIdP(authtest.IdPConfig{
				Clients: []authtest.Client{{ID: clientID, Secret: secret, RedirectURIs: []string{redirectURI}}},
				Users:   []authtest.User{{Subject: "ada", Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: true}},
				Now:     clock.Now, Algorithm: "ES256",
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = idp.Close() })
			c := newClient(t, oauth.Config{
				Issuer: idp.Issuer(), ClientID: clientID, ClientSecret: clientSecret, ClientAuth: auth, UserInfo: userInfo, Now: clock.Now,
			}, nil)
			u, err := c.AuthorizationURL(t.Context(), oauth.AuthorizationRequest{
				RedirectURI: redirectURI, State: state, Nonce: nonce, CodeChallenge: oauth2.S256ChallengeFromVerifier(verifier),
			})
			if err != nil {
				t.Fatal(err)
			}
			back, err := idp.SignIn(u, "ada")
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Exchange(t.Context(), callback(func(cb *oauth.Callback) { cb.Params = parse(t, back) }))
			if err != nil {
				t.Fatalf("%s: %v", auth, err)
			}
			if got.AccessToken == "" || got.TokenType != "bearer" || got.IDToken == "" || got.Scope != "openid profile email" || !got.ExpiresAt.Equal(start.Add(time.Hour)) {
				t.Errorf("%s: %+v", auth, got)
			}
			if got.Raw["expires_in"] != json.Number("3600") || got.Raw["token_type"] != "Bearer" || got.Raw["id_token"] != got.IDToken {
				t.Errorf("%s: raw %v", auth, got.Raw)
			}
			want := map[string]any{"sub": "ada", "name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true}
			if !userInfo {
				maps.Copy(want, map[string]any{
					"iss": idp.Issuer(), "aud": clientID, "nonce": nonce, "at_hash": got.Profile["at_hash"], "iat": json.Number(fmt.Sprint(start.Unix())),
					"auth_time": json.Number(fmt.Sprint(start.Unix())), "exp": json.Number(fmt.Sprint(start.Add(time.Hour).Unix())),
				})
			}
			if diff := cmp.Diff(want, got.Profile); diff != "" {
				t.Errorf("%s: %s", auth, diff)
			}
		}
	}
}

func TestPlainOAuth(t *testing.T) {
	f := newFake(t)
	f.claims = nil
	f.answer["scope"], f.answer["expires_in"], f.answer["extra"] = "read:user", 3600, map[string]any{"n": 1}
	f.profile = `{"id": 5, "login": "ada", "nested": {"n": 1.50}}`
	got, err := f.plain().Exchange(t.Context(), callback(noNonce))
	if err != nil {
		t.Fatal(err)
	}
	want := &oauth.Result{
		AccessToken: accessToken, TokenType: "bearer", RefreshToken: refreshToken, Scope: "read:user", ExpiresAt: start.Add(time.Hour),
		Raw: map[string]any{
			"access_token": accessToken, "token_type": "Bearer", "refresh_token": refreshToken, "scope": "read:user",
			"expires_in": json.Number("3600"), "extra": map[string]any{"n": json.Number("1")},
		},
		Profile: map[string]any{"id": json.Number("5"), "login": "ada", "nested": map[string]any{"n": json.Number("1.50")}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if f.called("/openid-configuration") != 0 {
		t.Error("a plain OAuth 2.0 provider is discovered")
	}
	// There is no issuer to compare iss with, and no ID token with a nonce.
	if _, err := f.plain().Exchange(t.Context(), callback(noNonce, param("iss", "https://other.example"))); err != nil {
		t.Error(err)
	}
	_, err = f.plain().Exchange(t.Context(), callback())
	mustFail(t, "nonce", err, oauth.Check, "nonce")
}

func TestStateMustMatch(t *testing.T) {
	f := newFake(t)
	for name, change := range map[string]func(*oauth.Callback){
		"no cookie":            func(cb *oauth.Callback) { cb.State = "" },
		"no parameter":         param("state", "-"),
		"empty parameter":      param("state", ""),
		"neither":              func(cb *oauth.Callback) { cb.State = ""; cb.Params.Del("state") },
		"of another browser":   param("state", "canary-state-of-another"),
		"a prefix":             param("state", state[:len(state)-1]),
		"longer":               param("state", state+"x"),
		"other case":           param("state", strings.ToUpper(state)),
		"twice":                func(cb *oauth.Callback) { cb.Params["state"] = []string{state, "canary"} },
		"no parameters at all": func(cb *oauth.Callback) { cb.Params = nil },
		"none in use, but one comes": func(cb *oauth.Callback) {
			cb.UseState, cb.State = false, ""
		},
		// The state is checked first.
		"wrong, with an error": func(cb *oauth.Callback) {
			cb.Params = url.Values{"error": {"access_denied"}, "state": {"x"}}
		},
		"missing, with a wrong iss": func(cb *oauth.Callback) {
			cb.Params = url.Values{"code": {code}, "iss": {"https://other.example"}}
		},
	} {
		_, err := f.oidc().Exchange(t.Context(), callback(change))
		mustFail(t, name, err, oauth.Check, "state")
		plain := callback(noNonce, change)
		_, err = f.plain().Exchange(t.Context(), plain)
		mustFail(t, name, err, oauth.Check, "state")
	}
	if len(f.calls) != 0 {
		t.Errorf("the provider was asked: %v", f.calls)
	}
	for _, change := range []func(*oauth.Callback){param("state", "-"), param("state", "")} {
		if _, err := f.oidc().Exchange(t.Context(), callback(change, func(cb *oauth.Callback) { cb.UseState, cb.State = false, "" })); err != nil {
			t.Errorf("no state in use and none comes: %v", err)
		}
	}
}

func TestMissingVerifierIsRefused(t *testing.T) {
	f := newFake(t)
	_, err := f.oidc().Exchange(t.Context(), callback(func(cb *oauth.Callback) { cb.CodeVerifier = "" }))
	mustFail(t, "no verifier", err, oauth.Check, "PKCE")
	if f.called("/token") != 0 {
		t.Error("the code was sent without a verifier")
	}
}

func TestNonceMustMatch(t *testing.T) {
	f := newFake(t)
	_, err := f.oidc().Exchange(t.Context(), callback(func(cb *oauth.Callback) { cb.Nonce = "" }))
	mustFail(t, "no cookie", err, oauth.Check, "nonce")
	if f.called("/token") != 1 {
		t.Error("WIRE.md section 7: the token request comes before the nonce")
	}
	delete(f.claims, "nonce")
	_, err = f.oidc().Exchange(t.Context(), callback(func(cb *oauth.Callback) { cb.Nonce = "" }))
	mustFail(t, "neither cookie nor claim", err, oauth.Check, "nonce")
	for name, value := range map[string]any{"missing": nil, "wrong": "canary-other", "prefix": nonce[1:], "empty": ""} {
		if f.claims["nonce"] = value; value == nil {
			delete(f.claims, "nonce")
		}
		_, err := f.oidc().Exchange(t.Context(), callback())
		mustFail(t, name, err, oauth.Check, "nonce")
	}
	f.claims["nonce"] = nonce
	_, err = f.oidc().Exchange(t.Context(), callback(noNonce))
	mustFail(t, "replayed into a flow without one", err, oauth.Check, "nonce")
	f.claims["nonce"] = 5
	_, err = f.oidc().Exchange(t.Context(), callback())
	mustFail(t, "a number", err, oauth.IDToken)
	delete(f.claims, "nonce")
	if _, err := f.oidc().Exchange(t.Context(), callback(noNonce)); err != nil {
		t.Errorf("none in use: %v", err)
	}
}

func TestProviderErrorsAreReported(t *testing.T) {
	f := newFake(t)
	for _, client := range []*oauth.Client{f.oidc(), f.plain()} {
		for raw, want := range map[string]string{
			"access_denied": "access_denied", "login_required": "login_required",
			"<script>alert(1)</script>": "scriptalert(1)/script", "a\r\nset-cookie: x": "aset-cookie:x",
			strings.Repeat("e ", 100): strings.Repeat("e", 32), code: "[removed]", "\x00": "", `a"b\c&d`: "abcd",
		} {
			_, err := client.Exchange(t.Context(), callback(noNonce, param("error", raw),
				param("error_description", "said \nno to "+code+" and "+url.QueryEscape(state)+"\x1b[31m "+strings.Repeat("t0ken-", 20))))
			e := mustFail(t, raw, err, oauth.Provider, "the provider answered", "(said no to [removed] and [removed][31m [removed])")
			if e.Code != want {
				t.Errorf("code %q of %q, want %q", e.Code, raw, want)
			}
			if want == "" {
				want = "an error without a code"
			}
			if !strings.Contains(e.Error(), "the provider answered "+want+" (") {
				t.Errorf("%q lacks %q", e, want)
			}
		}
		_, err := client.Exchange(t.Context(), callback(noNonce, param("error", "redirect_uri_mismatch")))
		mustFail(t, "redirect_uri", err, oauth.Provider, "register exactly "+redirectURI)
		_, err = client.Exchange(t.Context(), callback(noNonce, param("error", "x"), param("error_description", strings.Repeat("ä", 1<<20))))
		if e := mustFail(t, "long", err, oauth.Provider); len(e.Error()) > 300 {
			t.Errorf("a text of %d bytes", len(e.Error()))
		}
		_, err = client.Exchange(t.Context(), callback(noNonce, func(cb *oauth.Callback) { cb.Params["error"] = []string{"a", "b"} }))
		mustFail(t, "two errors", err, oauth.Check, "several values of error")
	}
	if f.called("/token") != 0 {
		t.Error("a code was exchanged in spite of an error")
	}
}

func TestCodeMissing(t *testing.T) {
	f := newFake(t)
	for name, change := range map[string]func(*oauth.Callback){
		"missing": param("code", "-"), "empty": param("code", ""),
		"twice": func(cb *oauth.Callback) { cb.Params["code"] = []string{code, code} },
	} {
		_, err := f.plain().Exchange(t.Context(), callback(noNonce, change))
		mustFail(t, name, err, oauth.Check, "code")
	}
	_, err := f.plain().Exchange(t.Context(), oauth.Callback{})
	mustFail(t, "nothing at all", err, oauth.Check, "no code")
	if f.called("/token") != 0 {
		t.Error("the token endpoint was asked without a code")
	}
}

func TestIssMustBeTheIssuer(t *testing.T) {
	f := newFake(t)
	fresh := f.oidc
	for _, advertised := range []any{nil, false, true} {
		if f.metadata["authorization_response_iss_parameter_supported"] = advertised; advertised == nil {
			delete(f.metadata, "authorization_response_iss_parameter_supported")
		}
		if _, err := fresh().Exchange(t.Context(), callback(param("iss", f.URL))); err != nil {
			t.Errorf("advertised %v: %v", advertised, err)
		}
		for name, iss := range map[string]string{"wrong": "https://other.example", "slash": f.URL + "/", "empty": ""} {
			_, err := fresh().Exchange(t.Context(), callback(param("iss", iss)))
			mustFail(t, name, err, oauth.Check, "iss")
			_, err = fresh().Exchange(t.Context(), callback(param("iss", iss), param("error", "access_denied"), param("code", "-")))
			mustFail(t, name+", with an error", err, oauth.Check, "iss")
		}
		_, err := fresh().Exchange(t.Context(), callback(func(cb *oauth.Callback) { cb.Params["iss"] = []string{f.URL, "https://other.example"} }))
		mustFail(t, "two", err, oauth.Check, "several values of iss")
		_, err = fresh().Exchange(t.Context(), callback())
		if advertised == true {
			mustFail(t, "missing", err, oauth.Check, "iss")
		} else if err != nil {
			t.Errorf("missing, advertised %v: %v", advertised, err)
		}
	}
}

func TestSubOfUserInfoMustMatch(t *testing.T) {
	f := newFake(t)
	client := f.oidc(func(c *oauth.Config) { c.UserInfo = true })
	got, err := client.Exchange(t.Context(), callback())
	if err != nil || got.Profile["name"] != "Ada" || got.Profile["iss"] != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, profile := range map[string]string{
		"another": `{"sub": "bob"}`, "none": `{"name": "Ada"}`, "null": `{"sub": null}`, "number": `{"sub": 1}`, "case": `{"sub": "Ada"}`,
	} {
		f.profile = profile
		_, err := client.Exchange(t.Context(), callback())
		mustFail(t, name, err, oauth.UserInfo, "sub")
	}
	// Without UserInfo the endpoint is not used.
	if got, err := f.oidc().Exchange(t.Context(), callback()); err != nil || got.Profile["sub"] != "ada" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestUserInfoAnswers(t *testing.T) {
	f := newFake(t)
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		texts                   []string
	}{
		{"HTML", "text/html", "<html>" + accessToken, 200, []string{"200 OK, text/html"}},
		{"1 MiB", "application/json", `{"a": "` + strings.Repeat("x", 1<<20) + `"}`, 200, []string{"larger than 1 MiB"}},
		{"401", "application/json", `{"error": "` + accessToken + `"}`, 401, []string{"401", "Scopes"}},
		{"403", "application/json", `{}`, 403, []string{"403", "Scopes"}},
		{"500", "text/plain", accessToken, 500, []string{"500"}},
		{"201", "application/json", `{"sub": "ada"}`, 201, []string{"201"}},
		{"a list", "application/json", `[{"sub": "ada"}]`, 200, []string{"JSON object"}},
		{"null", "application/json", `null`, 200, []string{"JSON object"}},
		{"empty", "application/json", ``, 200, []string{"empty"}},
		{"more", "application/json", `{"sub": "ada"}x`, 200, []string{"JSON object"}},
		{"JWT", "application/jwt", "a.b.c", 200, []string{"JWT", "JSON"}},
	} {
		f.handlers["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.contentType)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}
		_, err := f.plain().Exchange(t.Context(), callback(noNonce))
		mustFail(t, c.name, err, oauth.UserInfo, c.texts...)
		_, err = f.oidc(func(c *oauth.Config) { c.UserInfo = true }).Exchange(t.Context(), callback())
		mustFail(t, c.name, err, oauth.UserInfo, c.texts...)
	}
}

func TestNumbersKeepAllDigits(t *testing.T) {
	const id = "9007199254740993"
	f := newFake(t)
	f.profile = `{"sub": "ada", "id": ` + id + `}`
	f.claims["id"], f.answer["id"] = json.Number(id), json.Number(id)
	for name, client := range map[string]*oauth.Client{
		"userinfo": f.plain(), "ID token": f.oidc(), "userinfo of OpenID Connect": f.oidc(func(c *oauth.Config) { c.UserInfo = true }),
	} {
		cb := callback()
		if name == "userinfo" {
			cb = callback(noNonce)
		}
		got, err := client.Exchange(t.Context(), cb)
		if err != nil || got.Profile["id"] != json.Number(id) || got.Raw["id"] != json.Number(id) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// Both requests have the redirect URI of the caller, whatever the callback
// contains.
func TestRedirectURIIsTheCallers(t *testing.T) {
	f := newFake(t)
	if _, err := f.oidc().Exchange(t.Context(), callback(param("redirect_uri", "https://evil.example"), param("client_id", "evil"), param("code_verifier", "evil"))); err != nil {
		t.Fatal(err)
	}
	if got := f.form; got.Get("redirect_uri") != redirectURI || got.Get("code_verifier") != verifier || got.Has("client_id") {
		t.Errorf("%v", got)
	}
}

// A redirect by an endpoint does not carry along a code, a secret or a token.
func TestRedirectsCarryNoCredentials(t *testing.T) {
	var reached []string
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		reached = append(reached, r.Method+" "+r.URL.String()+" "+string(body))
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token": "x", "token_type": "bearer", "sub": "ada"}`)
	}))
	t.Cleanup(thief.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, target := range []string{thief.URL + "/steal", "/moved"} {
			f := newFake(t)
			f.handlers["/token"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, status) }
			_, err := f.plain().Exchange(t.Context(), callback(noNonce))
			mustFail(t, fmt.Sprint("token ", status, target), err, oauth.Token, "redirects to", "not followed")
		}
		f := newFake(t)
		f.handlers["/userinfo"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, thief.URL, status) }
		_, err := f.plain().Exchange(t.Context(), callback(noNonce))
		mustFail(t, fmt.Sprint("userinfo ", status), err, oauth.UserInfo, "redirects to", "must not receive the access token")
	}
	if len(reached) != 0 {
		t.Errorf("another host got %q", reached)
	}
	// The userinfo endpoint may redirect within its host.
	f := newFake(t)
	f.handlers["/userinfo"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/me", http.StatusFound) }
	f.handlers["/me"] = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"sub": "`+r.Header.Get("Authorization")[:6]+`"}`)
	}
	if got, err := f.plain().Exchange(t.Context(), callback(noNonce)); err != nil || got.Profile["sub"] != "Bearer" {
		t.Errorf("%+v, %v", got, err)
	}
	// But not in a loop.
	f.handlers["/me"] = f.handlers["/userinfo"]
	_, err := f.plain().Exchange(t.Context(), callback(noNonce))
	mustFail(t, "circle", err, oauth.UserInfo, "more than 5 redirects")
}

// Nor may it redirect from https to http on the same host.
func TestNoTokenFromHTTPSToHTTP(t *testing.T) {
	var sent []string
	client := newClient(t, oauth.Config{
		AuthorizationURL: "https://idp.example/a", TokenURL: "https://idp.example/token", UserInfoURL: "https://idp.example/me",
		ClientID: clientID, AllowInsecureHTTP: true,
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			sent = append(sent, r.URL.String())
			if r.URL.Path == "/token" {
				return response(200, "application/json", `{"access_token": "`+accessToken+`"}`), nil
			}
			moved := response(302, "", "")
			moved.Header.Set("Location", "http://idp.example/me")
			return moved, nil
		})},
	}, nil)
	_, err := client.Exchange(t.Context(), callback(noNonce))
	mustFail(t, "http", err, oauth.UserInfo, "must not receive the access token")
	if want := []string{"https://idp.example/token", "https://idp.example/me"}; !slices.Equal(sent, want) {
		t.Errorf("asked %q, want %q", sent, want)
	}
}

// A truncated response is an error, even if it can be parsed.
func TestAnswersThatBreakOff(t *testing.T) {
	for path, kind := range map[string]oauth.Kind{"/openid-configuration": oauth.Discovery, "/token": oauth.Token, "/userinfo": oauth.UserInfo} {
		f := newFake(t)
		whole := httptest.NewRecorder()
		f.handlers[path] = func(w http.ResponseWriter, r *http.Request) {
			delete(f.handlers, path)
			f.ServeHTTP(whole, r)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", fmt.Sprint(whole.Body.Len()+1))
			_, _ = w.Write(whole.Body.Bytes())
		}
		_, err := f.oidc(func(c *oauth.Config) { c.UserInfo = true }).Exchange(t.Context(), callback())
		mustFail(t, path, err, kind, "unexpected EOF")
	}
}

// Network errors may repeat parts of the request.
func TestNetworkErrorsHideTheCode(t *testing.T) {
	for _, path := range []string{"/token", "/userinfo"} {
		f := newFake(t)
		f.claims = nil
		client := f.plain(func(c *oauth.Config) {
			c.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path != path {
					return http.DefaultTransport.RoundTrip(r)
				}
				body := []byte{}
				if r.Body != nil {
					body, _ = io.ReadAll(r.Body)
				}
				return nil, fmt.Errorf("proxy down while sending\n%s %v %s %s", r.URL, r.Header, body, accessToken)
			})}
		})
		_, err := client.Exchange(t.Context(), callback(noNonce))
		kind := map[string]oauth.Kind{"/token": oauth.Token, "/userinfo": oauth.UserInfo}[path]
		mustFail(t, path, err, kind, "proxy down while sending", "reach the provider")
	}
}

func TestContext(t *testing.T) {
	for _, path := range []string{"/openid-configuration", "/token", "/jwks", "/userinfo"} {
		f := newFake(t)
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		f.handlers[path] = func(http.ResponseWriter, *http.Request) {
			cancel()
			<-release
		}
		_, err := f.oidc(func(c *oauth.Config) { c.UserInfo = true }).Exchange(ctx, callback())
		close(release)
		kind := map[string]oauth.Kind{"/openid-configuration": oauth.Discovery, "/token": oauth.Token, "/jwks": oauth.IDToken, "/userinfo": oauth.UserInfo}[path]
		mustFail(t, path, err, kind)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v is not context.Canceled", path, err)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	f := newFake(t)
	client := f.oidc(func(c *oauth.Config) { c.UserInfo = true })
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := client.AuthorizationURL(t.Context(), oauth.AuthorizationRequest{RedirectURI: redirectURI, Params: url.Values{"a": {"b"}}}); err != nil {
				t.Error(err)
			}
			if got, err := client.Exchange(t.Context(), callback()); err != nil || got.Profile["sub"] != "ada" {
				t.Errorf("%+v, %v", got, err)
			}
			_, err := client.Exchange(t.Context(), callback(param("state", "x")))
			mustFail(t, "state", err, oauth.Check)
		})
	}
	wg.Wait()
	if n := f.called("/openid-configuration"); n != 1 {
		t.Errorf("%d discoveries", n)
	}
}

// Config is copied: later changes of its maps have no effect.
func TestConfigIsCopied(t *testing.T) {
	scopes, params := []string{"a"}, map[string]string{"x": "1"}
	f := newFake(t)
	client := f.plain(func(c *oauth.Config) { c.Scopes, c.Params = scopes, params })
	scopes[0], params["x"] = "changed", "changed"
	u, err := client.AuthorizationURL(t.Context(), oauth.AuthorizationRequest{RedirectURI: redirectURI})
	if err != nil || strings.Contains(u, "changed") {
		t.Errorf("%s, %v", u, err)
	}
}

// The application's cookie jar is not used for the back channel: it would send
// the cookies of one user with the code of another.
func TestNoCookies(t *testing.T) {
	f := newFake(t)
	var sent []string
	f.handlers["/userinfo"] = func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header["Cookie"]...)
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "of-ada"})
		_, _ = io.WriteString(w, f.profile)
	}
	jar := jarFunc(func() []*http.Cookie { return []*http.Cookie{{Name: "session", Value: "of-ada"}} })
	client := f.plain(func(c *oauth.Config) { c.HTTPClient = &http.Client{Jar: jar} })
	for range 2 {
		if _, err := client.Exchange(t.Context(), callback(noNonce)); err != nil {
			t.Fatal(err)
		}
	}
	if len(sent) != 0 {
		t.Errorf("cookies were sent: %v", sent)
	}
}

type jarFunc func() []*http.Cookie

func (jarFunc) SetCookies(*url.URL, []*http.Cookie) {}
func (f jarFunc) Cookies(*url.URL) []*http.Cookie   { return f() }

// Whatever an endpoint responds, the result is valid or an *oauth.Error without a
// secret.
func FuzzAnswers(f *testing.F) {
	f.Add(200, "application/json", `{"access_token": "a", "token_type": "bearer", "expires_in": 1, "id_token": "a.b.c"}`, 200, "application/json", `{"sub": "ada"}`)
	f.Add(200, "application/x-www-form-urlencoded", "access_token=a&error=", 200, "text/html", `null`)
	f.Add(400, "text/plain", "error=x&error_description="+code, 500, "", "")
	f.Add(200, "application/json", `{"error": "`+clientSecret+`"}`, 200, "", "{}")
	f.Add(200, ";;", `{"access_token":"a","expires_in":"1e3"}`, 200, "a/b", `{"sub":1}`)
	for _, between := range []string{"\xc8", "\x00", "\u200b", "<", `\"`} { // is removed, which joins the parts of the secret
		f.Add(163, "0", `{"error": "`+clientSecret[:1]+between+clientSecret[1:]+`"}`, 200, "", "")
		f.Add(400, "application/json", `{"error": "x", "error_description": "`+clientSecret[:1]+between+clientSecret[1:]+`"}`, 200, "", "")
	}
	f.Fuzz(func(t *testing.T, status int, contentType, body string, infoStatus int, infoType, info string) {
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/token" {
				return response(status, contentType, body), nil
			}
			return response(infoStatus, infoType, info), nil
		})
		client, err := oauth.New(oauth.Config{
			AuthorizationURL: "https://idp.example/a", TokenURL: "https://idp.example/token", UserInfoURL: "https://idp.example/userinfo",
			ClientID: clientID, ClientSecret: clientSecret, HTTPClient: &http.Client{Transport: transport},
			Now: func() time.Time { return start },
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.Exchange(t.Context(), callback(noNonce))
		if err != nil {
			var e *oauth.Error
			if !errors.As(err, &e) || e.Kind != oauth.Token && e.Kind != oauth.UserInfo {
				t.Fatalf("%v", err)
			}
			all := everything(e)
			for _, secret := range []string{code, clientSecret, verifier, state} {
				if strings.Contains(all, secret) {
					t.Errorf("%q contains %q", all, secret)
				}
			}
			if strings.ContainsAny(all, "\r\n\x00\x1b") || len(e.Code) > 64 || len(e.Err.Error()) > 1000 {
				t.Errorf("not one short line: %q", all)
			}
			return
		}
		if got.AccessToken == "" || got.TokenType != "bearer" || got.Raw == nil || got.Profile == nil {
			t.Errorf("a result without its parts: %+v", got)
		}
		if !got.ExpiresAt.IsZero() && got.ExpiresAt.Before(start) {
			t.Errorf("expired before it was made: %s", got.ExpiresAt)
		}
	})
}

// The same for arbitrary callbacks.
func FuzzCallback(f *testing.F) {
	f.Add("code=c&state=s&iss=https%3A%2F%2Fidp.example", "s", "v", true, true)
	f.Add("error=access_denied&error_description=%00%0a&state=s", "s", "", true, false)
	f.Add("code=c&code=d&state=", "", "", false, false)
	f.Fuzz(func(t *testing.T, query, kept, codeVerifier string, useState, usePKCE bool) {
		params, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		asked := false
		transport := roundTrip(func(*http.Request) (*http.Response, error) {
			asked = true
			return response(200, "application/json", `{"access_token": "a", "token_type": "bearer"}`), nil
		})
		client, err := oauth.New(oauth.Config{
			AuthorizationURL: "https://idp.example/a", TokenURL: "https://idp.example/token", UserInfoURL: "https://idp.example/userinfo",
			ClientID: clientID, HTTPClient: &http.Client{Transport: transport},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Exchange(t.Context(), oauth.Callback{
			Params: params, RedirectURI: redirectURI, UseState: useState, UsePKCE: usePKCE, State: kept, CodeVerifier: codeVerifier,
		})
		fine := params.Get("error") == "" && len(params["error"]) <= 1
		fine = fine && len(params["code"]) == 1 && params.Get("code") != "" && len(params["state"]) <= 1 && len(params["iss"]) <= 1
		if useState {
			fine = fine && kept != "" && params.Get("state") == kept
		} else {
			fine = fine && params.Get("state") == ""
		}
		fine = fine && (!usePKCE || codeVerifier != "")
		if fine != (err == nil) || fine != asked {
			t.Errorf("%q: %v, token endpoint asked: %v", query, err, asked)
		}
		var e *oauth.Error
		if err != nil && (!errors.As(err, &e) || strings.ContainsAny(everything(e), "\r\n\x00")) {
			t.Errorf("%q", err)
		}
	})
}
