package engine_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
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

	"github.com/go-jose/go-jose/v4"
)

const (
	issuer       = "https://idp.example"
	clientID     = "the-client"
	clientSecret = "canary-client-secret-0123456789"
)

// idp is an identity provider whose answers a test can break. It is the transport
// of the engine's HTTP client: idp.example implements OpenID Connect,
// oauth.example plain OAuth 2.0.
type idp struct {
	s *site

	mu       sync.Mutex
	key      *ecdsa.PrivateKey // signs
	kid      string
	keys     jose.JSONWebKeySet // published
	requests map[string]url.Values
	used     map[string]bool
	paths    []string // of the requests received
	n        int

	// user has the claims of the next user.
	user map[string]any

	// What a test may break; nil breaks nothing.
	down      func(r *http.Request) error // error of the network
	discovery func(doc map[string]any)
	claims    func(c map[string]any)                      // of the ID token, before signing
	sign      func(c map[string]any) string               // instead of signing
	token     func(answer map[string]any) any             // replaces the answer of the token endpoint
	raw       func(r *http.Request) (int, string, string) // status, type and body of any endpoint; status 0 means the usual ones
	userinfo  string                                      // answer of the userinfo endpoint
}

func newIDP(s *site) *idp {
	p := &idp{s: s, requests: map[string]url.Values{}, used: map[string]bool{}, user: map[string]any{
		"sub": "bob-sub", "name": "Bob", "email": "bob@example.com", "email_verified": true, "picture": "https://idp.example/bob.png",
	}}
	p.rotate("key-1")
	return p
}

// rotate generates a key and publishes only that.
func (p *idp) rotate(kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	p.key, p.kid = key, kid
	p.keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: kid, Algorithm: "ES256", Use: "sig"}}}
}

// RoundTrip answers a request of the engine.
func (p *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paths = append(p.paths, r.URL.Host+r.URL.Path)
	if p.down != nil {
		if err := p.down(r); err != nil {
			return nil, err
		}
	}
	status, contentType, body := 0, "application/json", ""
	if p.raw != nil {
		status, contentType, body = p.raw(r)
	}
	if status == 0 {
		status, contentType = 200, "application/json"
		var v any
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			doc := map[string]any{
				"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
				"userinfo_endpoint": issuer + "/userinfo", "jwks_uri": issuer + "/jwks",
				"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
				"id_token_signing_alg_values_supported": []string{"ES256", "RS256"}, "code_challenge_methods_supported": []string{"S256"},
			}
			if p.discovery != nil {
				p.discovery(doc)
			}
			v = doc
		case "/jwks":
			v = p.keys
		case "/token":
			var err error
			if v, err = p.redeem(r); err != nil {
				status, v = 400, map[string]any{"error": "invalid_grant", "error_description": err.Error()}
			}
		case "/userinfo":
			v = json.RawMessage(p.userInfo())
			if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer canary-access-token-") {
				status, v = 401, map[string]any{"error": "invalid_token"}
			}
		default:
			status, v = 404, map[string]any{"error": "not_found"}
		}
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// redeemed reports whether the token endpoint was called.
func (p *idp) redeemed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.paths, func(path string) bool { return strings.HasSuffix(path, "/token") })
}

func (p *idp) userInfo() string {
	if p.userinfo != "" {
		return p.userinfo
	}
	b, err := json.Marshal(p.user)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// redeem answers a token request.
func (p *idp) redeem(r *http.Request) (any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	f, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = f.Get("client_id"), f.Get("client_secret")
	}
	if id != clientID || secret != clientSecret {
		return nil, errors.New("wrong client")
	}
	code := f.Get("code")
	request := p.requests[code]
	switch {
	case request == nil:
		return nil, errors.New("unknown code")
	case p.used[code]:
		return nil, errors.New("code used twice")
	case f.Get("grant_type") != "authorization_code":
		return nil, errors.New("wrong grant type")
	case f.Get("redirect_uri") != request.Get("redirect_uri"):
		return nil, errors.New("wrong redirect_uri")
	}
	if challenge := request.Get("code_challenge"); challenge != "" {
		sum := sha256.Sum256([]byte(f.Get("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != challenge || request.Get("code_challenge_method") != "S256" {
			return nil, errors.New("wrong code_verifier")
		}
	}
	p.used[code] = true
	p.n++
	answer := map[string]any{
		"access_token": fmt.Sprintf("canary-access-token-%04d", p.n), "token_type": "Bearer", "expires_in": 3600,
		"refresh_token": fmt.Sprintf("canary-refresh-token-%04d", p.n), "scope": request.Get("scope"),
	}
	p.s.canary(answer["access_token"].(string), "an access token")
	p.s.canary(answer["refresh_token"].(string), "a refresh token")
	if r.URL.Host == "idp.example" {
		c := maps.Clone(p.user)
		now := p.s.clock.Now()
		c["iss"], c["aud"], c["iat"], c["exp"] = issuer, clientID, now.Unix(), now.Add(time.Hour).Unix()
		if nonce := request.Get("nonce"); nonce != "" {
			c["nonce"] = nonce
		}
		if p.claims != nil {
			p.claims(c)
		}
		signed := ""
		if p.sign != nil {
			signed = p.sign(c)
		} else {
			signed = p.signed(c)
		}
		p.s.canary(signed, "an ID token")
		answer["id_token"] = signed
	}
	if p.token != nil {
		return p.token(answer), nil
	}
	return answer, nil
}

// signed signs claims with the provider's key.
func (p *idp) signed(c map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: p.kid}}, nil)
	if err != nil {
		panic(err)
	}
	var payload bytes.Buffer
	if err := json.NewEncoder(&payload).Encode(c); err != nil {
		panic(err)
	}
	jws, err := signer.Sign(payload.Bytes())
	if err != nil {
		panic(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return out
}

// approve is the user's consent at the provider. It returns the parameters of the
// redirect to the callback. Pairs of names and values in change replace them, or
// remove them when the value is empty.
func (p *idp) approve(t testing.TB, location string, change ...string) url.Values {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil || u.Path != "/authorize" {
		t.Fatalf("%q is not the provider's authorization endpoint; log %v", location, p.s.logs.problems())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	q := u.Query()
	code := fmt.Sprintf("canary-authorization-code-%04d", p.n)
	p.requests[code] = q
	p.s.canary(code, "the authorization code")
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		p.s.canary(q.Get(name), "the parameter "+name)
	}
	back := url.Values{"code": {code}}
	if state := q.Get("state"); state != "" {
		back.Set("state", state)
	}
	for i := 0; i < len(change); i += 2 {
		back.Set(change[i], change[i+1])
		if change[i+1] == "" {
			back.Del(change[i])
		}
	}
	return back
}

// handlerTransport is a transport that serves each host by a handler.
type handlerTransport map[string]http.Handler

func (m handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	h, ok := m[r.URL.Host]
	if !ok {
		return nil, errors.New("no such host: " + r.URL.Host)
	}
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	in.Host = r.URL.Host
	in.RemoteAddr = "127.0.0.1:1234"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	h.ServeHTTP(w, in)
	res := w.Result()
	res.Request = r
	return res, nil
}

// roundTripper makes a function an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
