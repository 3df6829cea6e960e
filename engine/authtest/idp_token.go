package authtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// refusal is an error of the token endpoint (RFC 6749 section 5.2).
type refusal struct {
	status            int
	code, description string
}

func (r *refusal) Error() string { return r.code + ": " + r.description }

func badRequest(code, description string) *refusal {
	return &refusal{http.StatusBadRequest, code, description}
}

func (p *IdP) token(w http.ResponseWriter, r *http.Request) {
	answer, refused := p.exchange(r)
	if refused != nil {
		if refused.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
		}
		writeJSON(w, refused.status, map[string]string{"error": refused.code, "error_description": refused.description})
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// exchange exchanges a code for tokens.
func (p *IdP) exchange(r *http.Request) (map[string]any, *refusal) {
	if err := r.ParseForm(); err != nil {
		return nil, badRequest("invalid_request", "the form is malformed")
	}
	form := r.PostForm
	for name, values := range form {
		if len(values) > 1 {
			return nil, badRequest("invalid_request", "the parameter "+name+" has several values")
		}
	}
	client, refused := p.authenticate(r, form)
	if refused != nil {
		return nil, refused
	}
	if form.Get("grant_type") != "authorization_code" {
		return nil, badRequest("unsupported_grant_type", "only authorization_code is supported")
	}
	g, refused := p.redeem(form, client)
	if refused != nil {
		return nil, refused
	}
	now := p.now()
	idToken := ""
	if slices.Contains(g.scopes, "openid") {
		sum := sha256.Sum256([]byte(g.accessToken))
		claims := g.claims()
		claims["iss"], claims["aud"] = p.cfg.Issuer, g.client
		claims["iat"], claims["exp"], claims["auth_time"] = now.Unix(), now.Add(tokenMaxAge).Unix(), g.authTime.Unix()
		claims["at_hash"] = base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
		if g.nonce != "" {
			claims["nonce"] = g.nonce
		}
		if p.cfg.TamperIDToken != nil {
			p.cfg.TamperIDToken(claims)
		}
		var err error
		if idToken, err = p.sign(claims); err != nil {
			return nil, &refusal{http.StatusInternalServerError, "server_error", "signing the ID token failed"}
		}
	}
	answer := map[string]any{
		"access_token": g.accessToken, "token_type": "Bearer", "expires_in": int(tokenMaxAge.Seconds()),
		"scope": strings.Join(g.scopes, " "),
	}
	if idToken != "" {
		answer["id_token"] = idToken
	}
	return answer, nil
}

// authenticate authenticates the client (RFC 6749 section 2.3.1).
func (p *IdP) authenticate(r *http.Request, form url.Values) (Client, *refusal) {
	wrong := &refusal{http.StatusUnauthorized, "invalid_client", "the client id or secret is wrong"}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if r.Header.Get("Authorization") != "" {
		if form.Has("client_secret") {
			return Client{}, badRequest("invalid_request", "the client uses several authentication methods")
		}
		user, password, ok := r.BasicAuth()
		user, err1 := url.QueryUnescape(user)
		password, err2 := url.QueryUnescape(password)
		if !ok || err1 != nil || err2 != nil || id != "" && id != user {
			return Client{}, wrong
		}
		id, secret = user, password
	}
	c, ok := p.client(id)
	if !ok || subtle.ConstantTimeCompare([]byte(secret), []byte(c.Secret)) != 1 {
		return Client{}, wrong
	}
	return c, nil
}

// redeem marks a code as used and issues an access token for it. If the code was
// already used, it revokes the access token (RFC 6749 section 4.1.2).
func (p *IdP) redeem(form url.Values, client Client) (*grant, *refusal) {
	accessToken, err := p.secret()
	if err != nil {
		return nil, &refusal{http.StatusInternalServerError, "server_error", "creating an access token failed"}
	}
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.codes[form.Get("code")]
	if !ok || g.client != client.ID || g.used || !now.Before(g.expires) {
		if ok && g.client == client.ID {
			delete(p.tokens, g.accessToken)
		}
		return nil, badRequest("invalid_grant", "the code is unknown, already used or older than a minute")
	}
	g.used = true
	switch {
	case form.Get("redirect_uri") != g.redirectURI:
		return nil, badRequest("invalid_grant", "the redirect_uri does not match the authorization request")
	case !verifies(form.Get("code_verifier"), g.challenge):
		return nil, badRequest("invalid_grant", "the code_verifier does not match the code_challenge")
	}
	g.accessToken = accessToken
	token := *g
	token.expires = now.Add(tokenMaxAge)
	keep(p.tokens, accessToken, &token, now)
	return &token, nil
}

// verifies checks PKCE (RFC 7636 section 4.6). If there is a verifier, but no
// challenge, the challenge was removed from the authorization request.
func verifies(verifier, challenge string) bool {
	if challenge == "" {
		return verifier == ""
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// claims returns the claims of the user that the scopes request (OpenID Connect
// Core section 5.4).
func (g *grant) claims() map[string]any {
	c := map[string]any{"sub": g.user.Subject}
	if slices.Contains(g.scopes, "profile") {
		if g.user.Name != "" {
			c["name"] = g.user.Name
		}
		if g.user.Picture != "" {
			c["picture"] = g.user.Picture
		}
	}
	if slices.Contains(g.scopes, "email") && g.user.Email != "" {
		c["email"], c["email_verified"] = g.user.Email, g.user.EmailVerified
	}
	return c
}

func (p *IdP) sign(claims map[string]any) (string, error) {
	p.mu.Lock()
	key := p.keys[len(p.keys)-1]
	p.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(p.cfg.Algorithm), Key: key},
		new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("authtest: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("authtest: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("authtest: %w", err)
	}
	return jws.CompactSerialize()
}

func (p *IdP) userInfo(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	p.mu.Lock()
	g, ok := p.tokens[token]
	p.mu.Unlock()
	if !ok || !strings.EqualFold(scheme, "Bearer") || !p.now().Before(g.expires) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	writeJSON(w, http.StatusOK, g.claims())
}
