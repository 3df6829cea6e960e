package oauth

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// keySet is the set of the provider's published keys. For a moment after a
// download, the key set of go-oidc uses the result of that download, which may be
// outdated or an error. Tokens that it rejects are therefore verified again with
// keys that are downloaded afterwards.
type keySet struct {
	ctx context.Context // holds the HTTP client
	url string

	mu   sync.Mutex
	last oidc.KeySet
}

func newKeySet(ctx context.Context, url string) *keySet {
	return &keySet{ctx: ctx, url: url, last: oidc.NewRemoteKeySet(ctx, url)}
}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	k.mu.Lock()
	last := k.last
	k.mu.Unlock()
	payload, err := last.VerifySignature(ctx, jwt)
	if err == nil || ctx.Err() != nil {
		return payload, err
	}
	fresh := oidc.NewRemoteKeySet(k.ctx, k.url)
	payload, err = fresh.VerifySignature(ctx, jwt)
	if err == nil {
		k.mu.Lock()
		k.last = fresh
		k.mu.Unlock()
	}
	return payload, err
}

// expiryTolerance is how long an ID token is accepted after exp, because clocks
// differ. It is the same in Auth.js.
const expiryTolerance = 30 * time.Second

// newVerifier returns a verifier for the ID tokens of a provider.
func newVerifier(cfg *Config, h *http.Client, keysURL string, algs []string) *oidc.IDTokenVerifier {
	now := cfg.Now
	return oidc.NewVerifier(cfg.Issuer, newKeySet(oidc.ClientContext(context.Background(), h), keysURL), &oidc.Config{
		ClientID:             cfg.ClientID,
		SupportedSigningAlgs: algs,
		Now:                  func() time.Time { return now().Add(-expiryTolerance) },
	})
}

// signingAlgs returns the asymmetric algorithms among the advertised ones, never
// none or HS256. The default is RS256 (OpenID Connect Core section 3.1.3.7).
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
