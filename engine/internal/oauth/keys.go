package oauth

import (
	"context"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
)

// keySet is the provider's published keys. go-oidc's own set answers with its
// last download, or with the failure of it, for a moment after that has ended;
// so what it refuses is looked at again with keys that are downloaded for it.
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
