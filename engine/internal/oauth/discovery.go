package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// metadataMaxAge is how long a provider's metadata is cached.
	metadataMaxAge = time.Hour
	// metadataStale is how long it is used if it cannot be fetched again.
	metadataStale = 24 * time.Hour
)

// metadata holds the endpoints and capabilities of a provider.
type metadata struct {
	authURL, tokenURL, userInfoURL string

	// OpenID Connect only.
	verifier    *oidc.IDTokenVerifier
	keysURL     string
	issRequired bool // every authorization response has iss (RFC 9207)
	fetched     time.Time
}

// within reports whether m is not nil and younger than age.
func (m *metadata) within(age time.Duration, now time.Time) bool {
	return m != nil && now.Sub(m.fetched) >= 0 && now.Sub(m.fetched) < age
}

// discovery fetches and caches the metadata of a provider.
type discovery struct {
	cfg  Config
	http *http.Client
	life *background

	mu     sync.Mutex
	last   *metadata // result of the last successful discovery, or nil
	flight *flight   // discovery in progress, or nil
}

// flight is a discovery in progress. The results are set before done is closed.
type flight struct {
	done chan struct{}
	meta *metadata
	err  *Error
}

// metadata returns the metadata, which it fetches if there is none in the cache or
// if that is older than metadataMaxAge. If fetching fails, it returns the cached
// metadata, up to an age of metadataStale. Concurrent callers share one request,
// which ends with the timeout of the HTTP client, not with the context of one of
// them.
func (d *discovery) metadata(ctx context.Context) (*metadata, error) {
	if d.cfg.Issuer == "" {
		return &metadata{authURL: d.cfg.AuthorizationURL, tokenURL: d.cfg.TokenURL, userInfoURL: d.cfg.UserInfoURL}, nil
	}
	now := d.cfg.Now()
	d.mu.Lock()
	old := d.last
	if old.within(metadataMaxAge, now) {
		d.mu.Unlock()
		return old, nil
	}
	f := d.flight
	if f == nil {
		detached, done, err := d.life.begin(context.WithoutCancel(ctx))
		if err != nil {
			d.mu.Unlock()
			return nil, failCause(Discovery, "", "the metadata of "+d.cfg.Issuer+" cannot be fetched", err)
		}
		f = &flight{done: make(chan struct{})}
		d.flight = f
		go func() {
			defer done()
			f.meta, f.err = d.fetch(detached)
			d.mu.Lock()
			d.flight = nil
			if f.err == nil { // a failure is not cached and does not replace anything
				d.last = f.meta
			}
			d.mu.Unlock()
			close(f.done)
		}()
	}
	d.mu.Unlock()
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
		return nil, failCause(Discovery, "", "waiting for the metadata of "+d.cfg.Issuer, secrets(nil).cause(ctx.Err()))
	}
}

// fetch fetches and checks the metadata (OpenID Connect Discovery section 4).
func (d *discovery) fetch(ctx context.Context) (*metadata, *Error) {
	where := strings.TrimSuffix(d.cfg.Issuer, "/") + "/.well-known/openid-configuration"
	ctx, got := record(oidc.ClientContext(ctx, d.http))
	p, err := oidc.NewProvider(ctx, d.cfg.Issuer)
	if err != nil {
		var mismatch *oidc.IssuerMismatchError
		var request *url.Error
		switch {
		case errors.As(err, &mismatch):
			return nil, fail(Discovery,
				"if this is the right provider, set the issuer to exactly that of its metadata, with or without the slash at the end",
				fmt.Sprintf("the metadata at %s is that of the issuer %q, not of %q", where, secrets(nil).clean(mismatch.Discovered, 200), d.cfg.Issuer))
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
		{"userinfo_endpoint", m.userInfoURL, d.cfg.UserInfo},
	} {
		if !endpoint.needed {
			continue
		}
		if err := checkURL(endpoint.url, d.cfg.AllowInsecureHTTP); err != nil {
			return nil, fail(Discovery, "", fmt.Sprintf("%s in the metadata at %s %s", endpoint.name, where, err))
		}
	}
	algs := signingAlgs(doc.Algs)
	if len(algs) == 0 {
		return nil, fail(Discovery, "configure the provider to sign ID tokens for this client with RS256 or ES256",
			fmt.Sprintf("the metadata at %s lists no supported algorithm for signing ID tokens (%s)", where, secrets(nil).clean(strings.Join(doc.Algs, " "), 200)))
	}
	m.verifier = newVerifier(&d.cfg, outliving(d.http, d.life), doc.JWKSURL, algs)
	m.fetched = d.cfg.Now()
	return m, nil
}
