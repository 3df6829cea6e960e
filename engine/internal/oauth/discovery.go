package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// metadataMaxAge is how long a provider's metadata is used.
	metadataMaxAge = time.Hour
	// metadataStale is how long it is used while it cannot be fetched anew.
	metadataStale = 24 * time.Hour
)

// metadata is what is known of the provider.
type metadata struct {
	authURL, tokenURL, userInfoURL string

	// OpenID Connect only.
	verifier    *oidc.IDTokenVerifier
	keysURL     string
	issRequired bool // RFC 9207: every authorization response has iss
	fetched     time.Time
}

// within reports whether there is metadata that is not older than this.
func (m *metadata) within(age time.Duration, now time.Time) bool {
	return m != nil && now.Sub(m.fetched) >= 0 && now.Sub(m.fetched) < age
}

// flight is a discovery under way. The fields are set before done is closed.
type flight struct {
	done chan struct{}
	meta *metadata
	err  *Error
}

// metadata returns the endpoints, discovering them when they are not known or
// an hour old; when that fails, those of the last day are still good. Callers at the same moment share one request. It does not end
// when one of them gives up, but with the HTTP client's timeout.
func (c *Client) metadata(ctx context.Context) (*metadata, error) {
	if c.cfg.Issuer == "" {
		return &metadata{authURL: c.cfg.AuthorizationURL, tokenURL: c.cfg.TokenURL, userInfoURL: c.cfg.UserInfoURL}, nil
	}
	now := c.cfg.Now()
	c.mu.Lock()
	old := c.meta
	if old.within(metadataMaxAge, now) {
		c.mu.Unlock()
		return old, nil
	}
	f := c.flight
	if f == nil {
		ours, done, err := c.life.begin(context.WithoutCancel(ctx))
		if err != nil {
			c.mu.Unlock()
			return nil, failCause(Discovery, "", "the metadata of "+c.cfg.Issuer+" cannot be fetched", err)
		}
		f = &flight{done: make(chan struct{})}
		c.flight = f
		go func() {
			defer done()
			f.meta, f.err = c.discover(ours)
			c.mu.Lock()
			c.flight = nil
			if f.err == nil { // a failure is not kept, and takes nothing away
				c.meta = f.meta
			}
			c.mu.Unlock()
			close(f.done)
		}()
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		switch {
		case f.err == nil:
			return f.meta, nil
		case old.within(metadataStale, now):
			return old, nil
		}
		return nil, f.err
	case <-ctx.Done():
		return nil, failCause(Discovery, "", "waiting for the metadata of "+c.cfg.Issuer, secrets(nil).cause(ctx.Err()))
	}
}

// discover fetches and checks the metadata (OpenID Connect Discovery section
// 4).
func (c *Client) discover(ctx context.Context) (*metadata, *Error) {
	where := strings.TrimSuffix(c.cfg.Issuer, "/") + "/.well-known/openid-configuration"
	ctx, got := record(oidc.ClientContext(ctx, c.http))
	p, err := oidc.NewProvider(ctx, c.cfg.Issuer)
	if err != nil {
		var mismatch *oidc.IssuerMismatchError
		var request *url.Error
		switch {
		case errors.As(err, &mismatch):
			return nil, fail(Discovery,
				"if it is the provider you mean, set the issuer to exactly what its metadata says, with or without the slash at the end",
				fmt.Sprintf("the metadata at %s is that of the issuer %q, not of %q", where, secrets(nil).clean(mismatch.Discovered, 200), c.cfg.Issuer))
		case errors.As(err, &request):
			return nil, failCause(Discovery, "check that the issuer is right and that this machine can reach "+where,
				where+" cannot be fetched", secrets(nil).cause(err))
		}
		return nil, fail(Discovery, "check the issuer: its metadata must be at "+where,
			fmt.Sprintf("%s is not the metadata of a provider (%s)", where, got))
	}
	var doc struct {
		JWKSURL     string   `json:"jwks_uri"`
		Algs        []string `json:"id_token_signing_alg_values_supported"`
		IssRequired bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := p.Claims(&doc); err != nil {
		return nil, fail(Discovery, "", "the metadata at "+where+" has members of the wrong type")
	}
	m := &metadata{
		authURL: p.Endpoint().AuthURL, tokenURL: p.Endpoint().TokenURL, userInfoURL: p.UserInfoEndpoint(),
		keysURL: doc.JWKSURL, issRequired: doc.IssRequired,
	}
	for _, endpoint := range []struct {
		name, url string
		needed    bool
	}{
		{"authorization_endpoint", m.authURL, true},
		{"token_endpoint", m.tokenURL, true},
		{"jwks_uri", doc.JWKSURL, true},
		{"userinfo_endpoint", m.userInfoURL, c.cfg.UserInfo},
	} {
		if !endpoint.needed {
			continue
		}
		if err := checkURL(endpoint.url, c.cfg.AllowInsecureHTTP); err != nil {
			return nil, fail(Discovery, "", fmt.Sprintf("%s in the metadata at %s %s", endpoint.name, where, err))
		}
	}
	algs := signingAlgs(doc.Algs)
	if len(algs) == 0 {
		return nil, fail(Discovery, "let the provider sign ID tokens for this client with RS256 or ES256",
			fmt.Sprintf("the metadata at %s names no way of signing ID tokens that can be verified (%s)", where, secrets(nil).clean(strings.Join(doc.Algs, " "), 200)))
	}
	m.verifier = oidc.NewVerifier(c.cfg.Issuer, newKeySet(oidc.ClientContext(context.Background(), c.keysHTTP()), doc.JWKSURL), &oidc.Config{
		ClientID:             c.cfg.ClientID,
		SupportedSigningAlgs: algs,
		Now:                  func() time.Time { return c.cfg.Now().Add(-expiryTolerance) },
	})
	m.fetched = c.cfg.Now()
	return m, nil
}

// signingAlgs picks the asymmetric algorithms, never none or HS256. A provider
// that names none signs with RS256 (OpenID Connect Core section 3.1.3.7).
func signingAlgs(advertised []string) (algs []string) {
	if len(advertised) == 0 {
		return []string{oidc.RS256}
	}
	for _, alg := range advertised {
		switch alg {
		case oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
			oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA:
			algs = append(algs, alg)
		}
	}
	return algs
}
