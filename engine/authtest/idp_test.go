package authtest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"github.com/sesame-auth/sesame/engine/authtest"
	"golang.org/x/oauth2"
)

const (
	redirectURI = "http://127.0.0.1:8080/api/auth/callback/demo?kept=1"
	verifier    = "a-verifier-of-at-least-forty-three-characters"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

type idp struct {
	*authtest.IdP
	t     *testing.T
	clock *authtest.Clock
}

func newIdP(t *testing.T, change func(*authtest.IdPConfig)) *idp {
	t.Helper()
	clock := authtest.NewClock(start)
	cfg := authtest.IdPConfig{
		Algorithm: "ES256",
		Clients: []authtest.Client{
			{ID: "app", Secret: "s3cret:/+ %", RedirectURIs: []string{redirectURI}},
			{ID: "other", Secret: "0ther", RedirectURIs: []string{redirectURI}},
			{ID: "spa", RedirectURIs: []string{redirectURI}},
		},
		Users: []authtest.User{
			{Subject: "ada", Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: true, Picture: "https://img.example.com/ada.png"},
			{Subject: "<b>", Name: `<script>alert("x")</script>`},
		},
		Now: clock.Now,
	}
	if change != nil {
		change(&cfg)
	}
	p, err := authtest.StartIdP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return &idp{p, t, clock}
}

// authorizationURL returns a valid request with changes, given as pairs of name and
// value. The value "-" removes a parameter.
func (p *idp) authorizationURL(changes ...string) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {redirectURI}, "scope": {"openid profile email"},
		"state": {"st&te"}, "nonce": {"n0nce"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
	change(q, changes)
	return p.Issuer() + "/authorize?" + q.Encode()
}

func change(q url.Values, changes []string) {
	for i := 0; i < len(changes); i += 2 {
		q.Del(changes[i])
		if changes[i+1] != "-" {
			q.Set(changes[i], changes[i+1])
		}
	}
}

// code signs ada in and returns the code.
func (p *idp) code(changes ...string) string {
	p.t.Helper()
	callback, err := p.SignIn(p.authorizationURL(changes...), "ada")
	if err != nil {
		p.t.Fatal(err)
	}
	code := query(p.t, callback).Get("code")
	if code == "" {
		p.t.Fatalf("no code in %s", callback)
	}
	return code
}

func query(t *testing.T, raw string) url.Values {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// token posts a valid token request with changes.
func (p *idp) token(user, password, code string, changes ...string) (int, map[string]any) {
	p.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
	change(form, changes)
	r, err := http.NewRequest(http.MethodPost, p.Issuer()+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		r.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
	}
	return p.do(r)
}

func (p *idp) do(r *http.Request) (int, map[string]any) {
	p.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Cache-Control") != "no-store" {
		p.t.Errorf("%s may be cached", r.URL.Path)
	}
	var m map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, m
}

func (p *idp) userInfo(token string) (int, map[string]any) {
	p.t.Helper()
	r, err := http.NewRequest(http.MethodGet, p.Issuer()+"/userinfo", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return p.do(r)
}

// A client that consists of x/oauth2 and go-oidc signs in.
func TestFlow(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256"} {
		for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
			p := newIdP(t, func(c *authtest.IdPConfig) { c.Algorithm = alg })
			ctx := t.Context()
			provider, err := oidc.NewProvider(ctx, p.Issuer())
			if err != nil {
				t.Fatal(err)
			}
			conf := oauth2.Config{
				ClientID: "app", ClientSecret: "s3cret:/+ %", RedirectURL: redirectURI, Endpoint: provider.Endpoint(),
				Scopes: []string{"openid", "profile", "email"},
			}
			conf.Endpoint.AuthStyle = style
			callback, err := p.SignIn(conf.AuthCodeURL("st&te", oidc.Nonce("n0nce"), oauth2.S256ChallengeOption(verifier)), "ada")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(callback, redirectURI+"&") {
				t.Errorf("the redirect URI's own query is gone: %s", callback)
			}
			back := query(t, callback)
			if back.Get("state") != "st&te" || back.Get("iss") != p.Issuer() {
				t.Errorf("callback %s", callback)
			}
			tok, err := conf.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := tok.Extra("id_token").(string)
			id, err := provider.Verifier(&oidc.Config{ClientID: "app", Now: p.clock.Now}).Verify(ctx, raw)
			if err != nil {
				t.Fatal(err)
			}
			if err := id.VerifyAccessToken(tok.AccessToken); err != nil {
				t.Error(err)
			}
			var got map[string]any
			if err := id.Claims(&got); err != nil {
				t.Fatal(err)
			}
			delete(got, "at_hash")
			want := map[string]any{
				"iss": p.Issuer(), "aud": "app", "sub": "ada", "nonce": "n0nce",
				"iat": float64(start.Unix()), "auth_time": float64(start.Unix()), "exp": float64(start.Add(time.Hour).Unix()),
				"name": "Ada Lovelace", "picture": "https://img.example.com/ada.png", "email": "ada@example.com", "email_verified": true,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tok))
			if err != nil || info.Subject != "ada" || info.Email != "ada@example.com" {
				t.Errorf("userinfo %+v, %v", info, err)
			}
		}
	}
}

func TestAuthorizationErrors(t *testing.T) {
	p := newIdP(t, nil)
	for _, c := range []struct {
		name    string
		changes []string
		code    string // at the application; "" if nothing is sent there
	}{
		{"unknown client", []string{"client_id", "nobody"}, ""},
		{"unknown redirect URI", []string{"redirect_uri", "https://evil.example/"}, ""},
		{"redirect URI with more", []string{"redirect_uri", redirectURI + "/.."}, ""},
		{"token flow", []string{"response_type", "token"}, "unsupported_response_type"},
		{"form_post", []string{"response_mode", "form_post"}, "invalid_request"},
		{"plain PKCE", []string{"code_challenge_method", "plain"}, "invalid_request"},
		{"PKCE without a method", []string{"code_challenge_method", "-"}, "invalid_request"},
		{"method without a challenge", []string{"code_challenge", "-"}, "invalid_request"},
		{"public client without PKCE", []string{"client_id", "spa", "code_challenge", "-", "code_challenge_method", "-"}, "invalid_request"},
		{"request object", []string{"request", "x"}, "request_not_supported"},
		{"request URI", []string{"request_uri", "https://evil.example/"}, "request_uri_not_supported"},
		{"prompt none", []string{"prompt", "none"}, "login_required"},
	} {
		status, location, body := get(t, p.authorizationURL(c.changes...))
		if c.code == "" {
			if status != http.StatusBadRequest || location != "" || strings.Contains(body, "<form") {
				t.Errorf("%s: %d, to %q", c.name, status, location)
			}
			continue
		}
		q := query(t, location)
		if status != http.StatusSeeOther || !strings.HasPrefix(location, redirectURI) || q.Get("error") != c.code ||
			q.Get("state") != "st&te" || q.Get("iss") != p.Issuer() || q.Has("code") {
			t.Errorf("%s: %d, to %q, want %s", c.name, status, location, c.code)
		}
	}
	if status, location, _ := get(t, p.authorizationURL()+"&state=again"); status != http.StatusBadRequest || location != "" {
		t.Errorf("a parameter twice: %d, to %q", status, location)
	}
	if status, _, _ := get(t, p.Issuer()+"/authorize?%zz"); status != http.StatusBadRequest {
		t.Errorf("a broken query: %d", status)
	}
}

// browser returns a client that does not follow redirects.
func browser() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(t *testing.T, u string) (status int, location, body string) {
	t.Helper()
	return send(t, http.MethodGet, u, nil, nil)
}

func send(t *testing.T, method, u string, form url.Values, header map[string]string) (status int, location, body string) {
	t.Helper()
	r, err := http.NewRequest(method, u, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	resp, err := browser().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") && resp.StatusCode < 300 {
		checkPage(t, resp.Header, string(b))
	}
	return resp.StatusCode, resp.Header.Get("Location"), string(b)
}

// checkPage checks the headers of a page, and that the policy allows its style.
func checkPage(t *testing.T, h http.Header, body string) {
	t.Helper()
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(body)
	if style == nil {
		t.Fatal("the page has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	policy := h.Get("Content-Security-Policy")
	if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %q", policy)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
	} {
		if h.Get(name) != want {
			t.Errorf("%s is %q", name, h.Get(name))
		}
	}
}

func TestPage(t *testing.T) {
	p := newIdP(t, func(c *authtest.IdPConfig) { c.Name = "R&D accounts" })
	u := p.authorizationURL("login_hint", "<b>")
	status, _, body := get(t, u)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	for _, want := range []string{
		"R&amp;D accounts", "<strong>app</strong>", `value="ada"`, "Ada Lovelace", "ada@example.com", ">AL<",
		`value="&lt;b&gt;" autofocus`, "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;", `name="cancel"`, `lang="en"`, "width=device-width",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(body, "<script") {
		t.Error("the page has a script")
	}

	status, location, _ := send(t, http.MethodPost, u, url.Values{"user": {"ada"}}, map[string]string{"Sec-Fetch-Site": "same-origin"})
	code := query(t, location).Get("code")
	if status != http.StatusSeeOther || code == "" {
		t.Fatalf("click: %d, to %q", status, location)
	}
	if status, answer := p.token("app", "s3cret:/+ %", code); status != http.StatusOK {
		t.Errorf("the code of a click: %d %v", status, answer)
	}
	status, location, _ = send(t, http.MethodPost, u, url.Values{"cancel": {"1"}}, nil)
	if q := query(t, location); status != http.StatusSeeOther || q.Get("error") != "access_denied" || q.Get("iss") != p.Issuer() {
		t.Errorf("cancel: %d, to %q", status, location)
	}
	if status, location, _ := send(t, http.MethodPost, u, url.Values{"user": {"nobody"}}, nil); status != http.StatusBadRequest || location != "" {
		t.Errorf("unknown user: %d, to %q", status, location)
	}
	for _, header := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}} {
		if status, location, _ := send(t, http.MethodPost, u, url.Values{"user": {"ada"}}, header); status != http.StatusForbidden || location != "" {
			t.Errorf("a form of another site: %d, to %q", status, location)
		}
	}
}

func TestAutoLogin(t *testing.T) {
	p := newIdP(t, func(c *authtest.IdPConfig) { c.AutoLogin = true })
	for _, c := range []struct {
		hint, prompt string
		signedIn     bool
	}{{"ada", "-", true}, {"ADA@example.com", "-", true}, {"ada", "none", true}, {"nobody", "-", false}, {"-", "-", false}} {
		status, location, _ := get(t, p.authorizationURL("login_hint", c.hint, "prompt", c.prompt))
		if signedIn := status == http.StatusSeeOther && query(t, location).Has("code"); signedIn != c.signedIn {
			t.Errorf("login_hint %s, prompt %s: %d, to %q", c.hint, c.prompt, status, location)
		}
	}
	p = newIdP(t, nil)
	if status, location, _ := get(t, p.authorizationURL("login_hint", "ada")); status != http.StatusOK || location != "" {
		t.Errorf("without AutoLogin: %d, to %q", status, location)
	}
}

func TestSignIn(t *testing.T) {
	p := newIdP(t, nil)
	callback, err := p.SignIn(p.authorizationURL(), "")
	if err != nil || query(t, callback).Get("error") != "access_denied" {
		t.Errorf("cancel: %q, %v", callback, err)
	}
	callback, err = p.SignIn(p.authorizationURL("response_type", "token"), "ada")
	if err != nil || query(t, callback).Get("error") != "unsupported_response_type" {
		t.Errorf("token flow: %q, %v", callback, err)
	}
	for _, u := range []string{"https://elsewhere.example/authorize?x", p.authorizationURL("client_id", "nobody"), p.Issuer() + "/authorize?%zz"} {
		if callback, err := p.SignIn(u, "ada"); err == nil {
			t.Errorf("%s leads to %s", u, callback)
		}
	}
	if callback, err := p.SignIn(p.authorizationURL(), "nobody"); err == nil {
		t.Errorf("nobody is signed in at %s", callback)
	}
}

func TestRotateKey(t *testing.T) {
	p := newIdP(t, nil)
	ctx := t.Context()
	_, first := p.token("app", "s3cret:/+ %", p.code())
	if err := p.RotateKey(); err != nil {
		t.Fatal(err)
	}
	_, second := p.token("app", "s3cret:/+ %", p.code())
	valid := func(answer map[string]any) error {
		provider, err := oidc.NewProvider(ctx, p.Issuer())
		if err != nil {
			return err
		}
		_, err = provider.Verifier(&oidc.Config{ClientID: "app", Now: p.clock.Now}).Verify(ctx, answer["id_token"].(string))
		return err
	}
	for i, answer := range []map[string]any{first, second} {
		if err := valid(answer); err != nil {
			t.Errorf("token %d after one rotation: %v", i+1, err)
		}
	}
	if err := p.RotateKey(); err != nil {
		t.Fatal(err)
	}
	if err := valid(first); err == nil {
		t.Error("a key is still published after two rotations")
	}
	if err := valid(second); err != nil {
		t.Error(err)
	}
}

func TestTamperIDToken(t *testing.T) {
	p := newIdP(t, func(c *authtest.IdPConfig) { c.TamperIDToken = func(claims map[string]any) { claims["aud"] = "other" } })
	_, answer := p.token("app", "s3cret:/+ %", p.code())
	provider, err := oidc.NewProvider(t.Context(), p.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: "app", Now: p.clock.Now}).Verify(t.Context(), answer["id_token"].(string)); err == nil || !strings.Contains(err.Error(), "audience") {
		t.Errorf("the changed audience is accepted: %v", err)
	}
}

// The provider shares a server with others, at a path.
func TestPathIssuer(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p, err := authtest.NewIdP(authtest.IdPConfig{
		Issuer: server.URL + "/idp/", Algorithm: "ES256", Users: []authtest.User{{Subject: "ada"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/idp/", p)
	provider, err := oidc.NewProvider(t.Context(), server.URL+"/idp/")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := provider.Endpoint().TokenURL, server.URL+"/idp/token"; got != want {
		t.Errorf("token endpoint %s, want %s", got, want)
	}
	if status, _, _ := get(t, server.URL+"/idp/nothing"); status != http.StatusNotFound {
		t.Errorf("an unknown path: %d", status)
	}
	if err := p.Close(); err != nil {
		t.Errorf("Close of a provider without a server: %v", err)
	}
}

func TestMethods(t *testing.T) {
	p := newIdP(t, nil)
	for path, method := range map[string]string{
		"/token": http.MethodGet, "/authorize": http.MethodPut, "/jwks": http.MethodPost,
		"/.well-known/openid-configuration": http.MethodPost, "/userinfo": http.MethodDelete,
	} {
		if status, _, _ := send(t, method, p.Issuer()+path, nil, nil); status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", method, path, status)
		}
	}
	form := url.Values{"code": {strings.Repeat("x", 1<<20)}}
	if status, _, body := send(t, http.MethodPost, p.Issuer()+"/token", form, nil); status != http.StatusBadRequest {
		t.Errorf("a body of 1 MiB: %d %s", status, body)
	}
}

// The provider signs in anybody, so it is available only on this machine.
func TestLoopbackOnly(t *testing.T) {
	p := newIdP(t, nil)
	for _, c := range []struct {
		remote, host string
		status       int
	}{
		{"127.0.0.1:1234", "127.0.0.1:9000", http.StatusOK},
		{"[::1]:1234", "localhost", http.StatusOK},
		{"192.0.2.1:1234", "127.0.0.1:9000", http.StatusForbidden},
		{"127.0.0.1:1234", "rebound.example:9000", http.StatusForbidden},
		{"127.0.0.1:1234", "127.0.0.1.example", http.StatusForbidden},
		{"", "127.0.0.1", http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodGet, "/jwks", nil)
		r.RemoteAddr, r.Host = c.remote, c.host
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("from %q to %q: %d, want %d", c.remote, c.host, w.Code, c.status)
		}
	}
}

func TestNewIdPErrors(t *testing.T) {
	good := func() authtest.IdPConfig {
		return authtest.IdPConfig{Issuer: "http://localhost:9000", Algorithm: "ES256", Users: []authtest.User{{Subject: "ada"}}}
	}
	if _, err := authtest.NewIdP(good()); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*authtest.IdPConfig){
		"not an absolute URL":    func(c *authtest.IdPConfig) { c.Issuer = "localhost:9000" },
		"without a query":        func(c *authtest.IdPConfig) { c.Issuer += "?x=1" },
		"loopback":               func(c *authtest.IdPConfig) { c.Issuer = "http://idp.example" },
		"Users is empty":         func(c *authtest.IdPConfig) { c.Users = nil },
		"Users[0] has no":        func(c *authtest.IdPConfig) { c.Users = []authtest.User{{Name: "Ada"}} },
		`the Subject "ada"`:      func(c *authtest.IdPConfig) { c.Users = append(c.Users, c.Users[0]) },
		"RS256 or ES256":         func(c *authtest.IdPConfig) { c.Algorithm = "HS256" },
		"the client has no ID":   func(c *authtest.IdPConfig) { c.Clients = []authtest.Client{{}} },
		`the redirect URI "/cb"`: func(c *authtest.IdPConfig) { c.Clients = []authtest.Client{{ID: "a", RedirectURIs: []string{"/cb"}}} },
	} {
		cfg := good()
		change(&cfg)
		if _, err := authtest.NewIdP(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	for want, issuer := range map[string]string{"loopback": "http://192.0.2.1:1", "an http URL": "https://127.0.0.1:1"} {
		cfg := good()
		cfg.Issuer = issuer
		if _, err := authtest.StartIdP(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", issuer, err, want)
		}
	}
	taken := newIdP(t, nil)
	cfg := good()
	cfg.Issuer = taken.Issuer()
	if _, err := authtest.StartIdP(cfg); err == nil {
		t.Error("two providers on one port")
	}
}

func TestRandomness(t *testing.T) {
	p := newIdP(t, func(c *authtest.IdPConfig) { c.Rand = strings.NewReader("too short") })
	if _, err := p.SignIn(p.authorizationURL(), "ada"); err == nil || !strings.Contains(err.Error(), "random bytes") {
		t.Errorf("got %v", err)
	}
	if status, _, _ := send(t, http.MethodPost, p.authorizationURL(), url.Values{"user": {"ada"}}, nil); status != http.StatusInternalServerError {
		t.Errorf("a click: %d", status)
	}
}

func Example() {
	idp, err := authtest.StartIdP(authtest.IdPConfig{
		Users: []authtest.User{{Subject: "1", Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: true}},
	})
	if err != nil {
		panic(err)
	}
	defer idp.Close()
	// By now the application's server has started, so that its address is known.
	err = idp.AddClient(authtest.Client{
		ID: "app", Secret: "not a secret", RedirectURIs: []string{"http://127.0.0.1:8080/api/auth/callback/demo"},
	})
	if err != nil {
		panic(err)
	}
	provider, err := oidc.NewProvider(context.Background(), idp.Issuer())
	if err != nil {
		panic(err)
	}
	// In the application: engine.OIDC{ID: "demo", Issuer: idp.Issuer(), …}
	fmt.Println(provider.Endpoint().TokenURL == idp.Issuer()+"/token")
	// Output: true
}
