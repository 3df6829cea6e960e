package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/engine/internal/oauth"
)

// All secrets contain "canary", which no error may contain.
const (
	clientID     = "app"
	clientSecret = "canary/secret+:%"
	code         = "canary-code"
	state        = "canary-state"
	verifier     = "canary-verifier-of-at-least-forty-three-chars"
	nonce        = "canary-nonce"
	accessToken  = "canary-access-token"
	refreshToken = "canary-refresh-token"
	redirectURI  = "https://app.example/api/auth/callback/idp"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// keys are made once and never changed.
var keys = sync.OnceValue(func() *keyring {
	ec := func(id string) jose.JSONWebKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return jose.JSONWebKey{Key: key, KeyID: id, Algorithm: "ES256", Use: "sig"}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return &keyring{
		es256: ec("first"), other: ec("second"),
		rs256: jose.JSONWebKey{Key: key, KeyID: "rsa", Algorithm: "RS256", Use: "sig"},
	}
})

type keyring struct{ es256, other, rs256 jose.JSONWebKey }

func sign(t testing.TB, key jose.JSONWebKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// fake is a provider that behaves as a test sets it up. Its fields are changed
// only while there is no request.
type fake struct {
	*httptest.Server
	t         testing.TB
	clock     *authtest.Clock
	key       jose.JSONWebKey   // signs ID tokens
	published []jose.JSONWebKey // at jwks_uri
	metadata  map[string]any
	claims    map[string]any // of the ID token
	idToken   string         // instead of signed claims
	answer    map[string]any // of the token endpoint, without id_token
	profile   string         // JSON, of the userinfo endpoint
	handlers  map[string]http.HandlerFunc

	mu    sync.Mutex
	calls []string
	form  url.Values  // of the last token request
	heads http.Header // of the last token request
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{t: t, clock: authtest.NewClock(start), handlers: map[string]http.HandlerFunc{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	f.key = keys().es256
	f.published = []jose.JSONWebKey{f.key.Public()}
	f.metadata = map[string]any{
		"issuer": f.URL, "authorization_endpoint": f.URL + "/authorize", "token_endpoint": f.URL + "/token",
		"jwks_uri": f.URL + "/jwks", "userinfo_endpoint": f.URL + "/userinfo",
		"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
	}
	f.claims = map[string]any{
		"iss": f.URL, "aud": clientID, "sub": "ada", "nonce": nonce, "iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
	}
	f.answer = map[string]any{"access_token": accessToken, "token_type": "Bearer", "refresh_token": refreshToken}
	f.profile = `{"sub": "ada", "name": "Ada"}`
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/.well-known")
	f.mu.Lock()
	f.calls = append(f.calls, path)
	f.mu.Unlock()
	if h := f.handlers[path]; h != nil {
		h(w, r)
		return
	}
	var v any
	switch path {
	case "/openid-configuration":
		v = f.metadata
	case "/jwks":
		v = jose.JSONWebKeySet{Keys: f.published}
	case "/token":
		_ = r.ParseForm()
		f.mu.Lock()
		f.form, f.heads = r.PostForm, r.Header
		f.mu.Unlock()
		answer := maps.Clone(f.answer)
		switch {
		case f.idToken != "":
			answer["id_token"] = f.idToken
		case f.claims != nil:
			answer["id_token"] = sign(f.t, f.key, f.claims)
		}
		v = answer
	case "/userinfo":
		if r.Header.Get("Authorization") != "Bearer "+accessToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, f.profile)
		return
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (f *fake) called(path string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.calls {
		if p == path {
			n++
		}
	}
	return n
}

// oidc returns a client of the provider.
func (f *fake) oidc(changes ...func(*oauth.Config)) *oauth.Client {
	f.t.Helper()
	cfg := oauth.Config{Issuer: f.URL, ClientID: clientID, ClientSecret: clientSecret, Now: f.clock.Now}
	return newClient(f.t, cfg, changes)
}

// plain returns a client that uses the provider as a plain OAuth 2.0 provider.
func (f *fake) plain(changes ...func(*oauth.Config)) *oauth.Client {
	f.t.Helper()
	cfg := oauth.Config{
		AuthorizationURL: f.URL + "/authorize", TokenURL: f.URL + "/token", UserInfoURL: f.URL + "/userinfo",
		ClientID: clientID, ClientSecret: clientSecret, Now: f.clock.Now,
	}
	return newClient(f.t, cfg, changes)
}

func newClient(t testing.TB, cfg oauth.Config, changes []func(*oauth.Config)) *oauth.Client {
	t.Helper()
	for _, change := range changes {
		change(&cfg)
	}
	c, err := oauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// callback returns a valid callback of an OpenID Connect flow.
func callback(changes ...func(*oauth.Callback)) oauth.Callback {
	cb := oauth.Callback{
		Params:      url.Values{"code": {code}, "state": {state}},
		RedirectURI: redirectURI,
		UseState:    true, UsePKCE: true, UseNonce: true,
		State: state, CodeVerifier: verifier, Nonce: nonce,
	}
	for _, change := range changes {
		change(&cb)
	}
	return cb
}

// noNonce makes a callback that of a plain OAuth 2.0 flow.
func noNonce(cb *oauth.Callback) { cb.UseNonce, cb.Nonce = false, "" }

// param sets a parameter, or removes it if the value is "-".
func param(name, value string) func(*oauth.Callback) {
	return func(cb *oauth.Callback) {
		if cb.Params.Del(name); value != "-" {
			cb.Params.Set(name, value)
		}
	}
}

// mustFail checks that err is an *oauth.Error of the kind, with the texts in its
// message or hint, and without a secret anywhere.
func mustFail(t testing.TB, name string, err error, kind oauth.Kind, texts ...string) *oauth.Error {
	t.Helper()
	var e *oauth.Error
	if !errors.As(err, &e) {
		t.Errorf("%s: got %v, want an *oauth.Error", name, err)
		return &oauth.Error{Kind: kind, Err: errors.New("none")}
	}
	all := everything(e)
	if e.Kind != kind {
		t.Errorf("%s: kind %s, want %s: %s", name, e.Kind, kind, all)
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("%s: %q lacks %q", name, all, text)
		}
	}
	if strings.Contains(all, "canary") || strings.ContainsAny(all, "\r\n\x00") {
		t.Errorf("%s: the error contains a secret: %q", name, all)
	}
	return e
}

// everything returns all text of an error and of the errors that it wraps.
func everything(e *oauth.Error) string {
	s := fmt.Sprintf("%s | %s | %s", e, e.Code, e.Hint)
	for err := error(e); err != nil; err = errors.Unwrap(err) {
		s += fmt.Sprintf(" | %v %+v %q", err, err, err.Error())
	}
	return s
}

// roundTrip is an [http.RoundTripper] without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func response(status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body)),
		ProtoMajor: 1, ProtoMinor: 1,
	}
}
