package main

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/sesame-auth/sesame/engine/store"
)

// The optional interfaces are found by type assertion, which ignores a method with
// the wrong signature. This declaration would not compile then.
var _ interface {
	store.Adapter
	store.AuthenticatorAdapter
	store.Purger
	store.SessionLister
	store.Transactor
} = (*Store)(nil)

// Tx implements store.Transactor. Other writers wait until it ends, so fn must
// write through its argument, which has no Tx itself: bbolt cannot undo half a
// transaction.
func (a *Store) Tx(ctx context.Context, fn func(store.Adapter) error) error {
	return a.write(ctx, func(tx txn) error {
		var mu sync.Mutex // a bbolt transaction is for one goroutine at a time
		ended := false
		defer func() { mu.Lock(); ended = true; mu.Unlock() }()
		inside := func(_ context.Context, fn func(txn) error) error {
			mu.Lock()
			defer mu.Unlock()
			if ended {
				return bolterrors.ErrTxClosed
			}
			return fn(tx)
		}
		return fn(&calls{a.schema, inside, inside})
	})
}

// CreateAuthenticator implements store.AuthenticatorAdapter, with the next three.
func (c *calls) CreateAuthenticator(ctx context.Context, a store.Authenticator) (store.Authenticator, error) {
	return result(ctx, c.update, insert, a)
}

func (c *calls) GetAuthenticator(ctx context.Context, credentialID string) (store.Authenticator, error) {
	return result(ctx, c.view, get[store.Authenticator], key(credentialID))
}

func (c *calls) ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]store.Authenticator, error) {
	return result(ctx, c.view, owned[store.Authenticator], userID)
}

func (c *calls) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (store.Authenticator, error) {
	return modify(ctx, c, key(credentialID), func(a *store.Authenticator) error {
		if counter <= a.Counter && (counter > 0 || a.Counter > 0) {
			return store.ErrStaleCounter
		}
		a.Counter = counter
		return nil
	})
}

// ListSessionsByUserID implements store.SessionLister.
func (c *calls) ListSessionsByUserID(ctx context.Context, userID string) ([]store.Session, error) {
	return result(ctx, c.view, owned[store.Session], userID)
}

// PurgeExpired implements store.Purger. It reads only the rows it removes, because
// the index is in order of time.
func (c *calls) PurgeExpired(ctx context.Context, before time.Time, limit int) (int, error) {
	expired := func(entry []byte) bool { return bytes.Compare(entry[:8], instant(before)) < 0 }
	return result(ctx, c.update, func(tx txn, limit int) (int, error) {
		ss, err := list[store.Session](tx, byExpiry, nil, limit, expired)
		ts, err2 := list[store.VerificationToken](tx, byExpiry, nil, limit-len(ss), expired)
		return len(ss) + len(ts), errors.Join(err, err2, remove(tx, ss...), remove(tx, ts...))
	}, limit)
}
