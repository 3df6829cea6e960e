// Package authtest supports tests and demos of applications: it has an OpenID
// provider that runs in the same process, a mailbox that catches mail links, and a
// clock that can be set.
//
// It is not for production. The provider signs in anybody who clicks a name, and
// therefore serves only requests from the same machine.
package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// IdPConfig configures an [IdP].
type IdPConfig struct {
	// Issuer is the provider's URL, on a loopback host: "http://127.0.0.1:9000",
	// or with a path when it shares a server: "http://127.0.0.1:8080/idp".
	Issuer string
	// Name is the name on the sign-in page. Default: "Demo identity provider".
	Name string
	// Clients are the applications that can use the provider. More can be added
	// with [IdP.AddClient].
	Clients []Client
	// Users are the users on the sign-in page, in this order. At least one is
	// required.
	Users []User
	// AutoLogin signs in the user whose Subject or Email is the login_hint of
	// the request, without showing the sign-in page.
	AutoLogin bool
	// Algorithm is the signature algorithm of ID tokens: "RS256" (default) or
	// "ES256".
	Algorithm string
	// Now is the clock. It must be safe for concurrent use. Default: time.Now.
	Now func() time.Time
	// Rand is the source of codes and access tokens, but not of keys. Default:
	// crypto/rand.Reader.
	Rand io.Reader
	// TamperIDToken, if not nil, changes the claims of each ID token before it is
	// signed, to test that a client rejects it.
	TamperIDToken func(claims map[string]any)
}

// Client is an application that signs people in with an [IdP].
type Client struct {
	ID string
	// Secret is the client secret, for client_secret_basic and
	// client_secret_post. Without one the client is public and must use PKCE.
	Secret string
	// RedirectURIs are the allowed redirect URIs. They must match exactly.
	RedirectURIs []string
}

// User is a user of an [IdP].
type User struct {
	Subject       string // the claim sub; required and unique
	Name          string
	Email         string // no email claims if empty
	EmailVerified bool
	Picture       string
}

// IdP is an OpenID provider with the authorization code flow, PKCE (S256) and the
// iss parameter of RFC 9207. It is an [http.Handler] for all paths below its
// issuer:
//
//	mux.Handle("/idp/", idp) // IdPConfig.Issuer is http://127.0.0.1:8080/idp
//
// A code can be used once and is valid for 60 seconds. Access tokens are valid for
// an hour. All state is in memory. An IdP is safe for concurrent use.
type IdP struct {
	cfg    IdPConfig
	issuer string // without a trailing slash
	path   string // of issuer
	now    func() time.Time
	rand   io.Reader
	server *http.Server // nil unless started by StartIdP
	served chan struct{}
	origin http.CrossOriginProtection

	mu      sync.Mutex
	clients map[string]Client
	keys    []jose.JSONWebKey // private keys; the last one signs
	codes   map[string]*grant
	tokens  map[string]*grant
}

// grant is an authorization that a user has given to a client.
type grant struct {
	client      string
	redirectURI string
	challenge   string // PKCE, S256; may be empty
	nonce       string
	scopes      []string
	user        User
	authTime    time.Time
	expires     time.Time
	used        bool   // the code was exchanged
	accessToken string // issued for the code
}

const (
	codeMaxAge  = time.Minute
	tokenMaxAge = time.Hour
	maxBody     = 64 << 10
)

// NewIdP returns a provider with a new key. It does not use the network. The error
// describes a problem of cfg.
func NewIdP(cfg IdPConfig) (*IdP, error) {
	u, err := url.Parse(cfg.Issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("authtest: the issuer %q is not an absolute URL without a query", cfg.Issuer)
	}
	if !isLoopback(u.Host) {
		return nil, fmt.Errorf("authtest: the issuer %q is not on a loopback host; this provider signs in anybody", cfg.Issuer)
	}
	if cfg.Name == "" {
		cfg.Name = "Demo identity provider"
	}
	if cfg.Algorithm == "" {
		cfg.Algorithm = string(jose.RS256)
	}
	if len(cfg.Users) == 0 {
		return nil, errors.New("authtest: Users is empty")
	}
	cfg.Users = slices.Clone(cfg.Users)
	for i, user := range cfg.Users {
		if user.Subject == "" {
			return nil, fmt.Errorf("authtest: Users[%d] has no Subject", i)
		}
		if slices.ContainsFunc(cfg.Users[:i], func(other User) bool { return other.Subject == user.Subject }) {
			return nil, fmt.Errorf("authtest: several Users have the Subject %q", user.Subject)
		}
	}
	p := &IdP{
		cfg: cfg, issuer: strings.TrimSuffix(cfg.Issuer, "/"), path: strings.TrimSuffix(u.Path, "/"), now: cfg.Now, rand: cfg.Rand,
		clients: make(map[string]Client), codes: make(map[string]*grant), tokens: make(map[string]*grant),
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.rand == nil {
		p.rand = rand.Reader
	}
	for _, c := range cfg.Clients {
		if err := p.AddClient(c); err != nil {
			return nil, err
		}
	}
	if err := p.RotateKey(); err != nil {
		return nil, err
	}
	return p, nil
}

// StartIdP returns a provider like NewIdP and starts a server for it at the address
// of the issuer, or at a free port of 127.0.0.1 if cfg.Issuer is empty. Close stops
// the server.
func StartIdP(cfg IdPConfig) (*IdP, error) {
	address := "127.0.0.1:0"
	if cfg.Issuer != "" {
		u, err := url.Parse(cfg.Issuer)
		if err != nil || u.Scheme != "http" || !isLoopback(u.Host) {
			return nil, fmt.Errorf("authtest: the issuer %q is not an http URL on a loopback host", cfg.Issuer)
		}
		if address = u.Host; u.Port() == "" {
			address = net.JoinHostPort(u.Hostname(), "80")
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("authtest: %w", err)
	}
	if cfg.Issuer == "" {
		cfg.Issuer = "http://" + listener.Addr().String()
	}
	p, err := NewIdP(cfg)
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	p.served = make(chan struct{})
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener)
	}()
	return p, nil
}

// Close stops the server of a provider from StartIdP. It does nothing for a provider
// from NewIdP.
func (p *IdP) Close() error {
	if p.server == nil {
		return nil
	}
	err := p.server.Close()
	<-p.served
	return err
}

// Issuer returns the URL of the provider.
func (p *IdP) Issuer() string { return p.cfg.Issuer }

// AddClient adds a client, or replaces the client with the same ID.
func (p *IdP) AddClient(c Client) error {
	if c.ID == "" {
		return errors.New("authtest: the client has no ID")
	}
	for _, uri := range c.RedirectURIs {
		if u, err := url.Parse(uri); err != nil || u.Scheme == "" || u.Host == "" || u.Fragment != "" {
			return fmt.Errorf("authtest: client %q: the redirect URI %q is not an absolute URL without a fragment", c.ID, uri)
		}
	}
	c.RedirectURIs = slices.Clone(c.RedirectURIs)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients[c.ID] = c
	return nil
}

// RotateKey creates a new key that signs ID tokens from now on. The previous key is
// still published, older ones are not.
func (p *IdP) RotateKey() error {
	var private crypto.Signer
	var err error
	switch jose.SignatureAlgorithm(p.cfg.Algorithm) {
	case jose.RS256:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return fmt.Errorf("authtest: Algorithm is %q, not RS256 or ES256", p.cfg.Algorithm)
	}
	if err != nil {
		return fmt.Errorf("authtest: creating a key: %w", err)
	}
	key := jose.JSONWebKey{Key: private, Algorithm: p.cfg.Algorithm, Use: "sig"}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return fmt.Errorf("authtest: creating a key: %w", err)
	}
	key.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, key)
	p.keys = slices.Clone(p.keys[max(0, len(p.keys)-2):])
	return nil
}

// ServeHTTP implements [http.Handler].
func (p *IdP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The address must be local. The host must be too, because other sites can
	// resolve their names to this machine.
	if !isLoopback(r.RemoteAddr) || !isLoopback(r.Host) {
		http.Error(w, "This demo identity provider is available only on this machine (localhost, 127.0.0.1, ::1).", http.StatusForbidden)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, p.path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "same-origin")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	endpoint, methods := p.notFound, []string{http.MethodGet}
	switch path {
	case "/.well-known/openid-configuration":
		endpoint = p.discovery
	case "/jwks":
		endpoint = p.jwks
	case "/authorize":
		endpoint, methods = p.authorize, []string{http.MethodGet, http.MethodPost}
	case "/token":
		endpoint, methods = p.token, []string{http.MethodPost}
	case "/userinfo":
		endpoint, methods = p.userInfo, []string{http.MethodGet, http.MethodPost}
	default:
		methods = append(methods, r.Method)
	}
	if !slices.Contains(methods, r.Method) {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	endpoint(w, r)
}

func (p *IdP) notFound(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

func (p *IdP) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                         p.cfg.Issuer,
		"authorization_endpoint":                         p.issuer + "/authorize",
		"token_endpoint":                                 p.issuer + "/token",
		"userinfo_endpoint":                              p.issuer + "/userinfo",
		"jwks_uri":                                       p.issuer + "/jwks",
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query"},
		"grant_types_supported":                          []string{"authorization_code"},
		"subject_types_supported":                        []string{"public"},
		"scopes_supported":                               []string{"openid", "profile", "email"},
		"claims_supported":                               []string{"sub", "name", "picture", "email", "email_verified"},
		"id_token_signing_alg_values_supported":          []string{p.cfg.Algorithm},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":               []string{"S256"},
		"request_uri_parameter_supported":                false,
		"authorization_response_iss_parameter_supported": true,
	})
}

func (p *IdP) jwks(w http.ResponseWriter, _ *http.Request) {
	var set jose.JSONWebKeySet
	p.mu.Lock()
	for _, key := range p.keys {
		set.Keys = append(set.Keys, key.Public())
	}
	p.mu.Unlock()
	writeJSON(w, http.StatusOK, set)
}

func (p *IdP) client(id string) (Client, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.clients[id]
	return c, ok
}

// secret returns a new code or access token.
func (p *IdP) secret() (string, error) {
	var b [32]byte
	if _, err := io.ReadFull(p.rand, b[:]); err != nil {
		return "", fmt.Errorf("authtest: reading random bytes: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// keep stores g by name and removes expired grants.
func keep(grants map[string]*grant, name string, g *grant, now time.Time) {
	maps.DeleteFunc(grants, func(_ string, old *grant) bool { return !now.Before(old.expires) })
	grants[name] = g
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// isLoopback reports whether a host or address, with or without a port, is a
// loopback one.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
