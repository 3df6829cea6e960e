package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

func TestStore(t *testing.T) {
	adaptertest.Run(t, func(t testing.TB, s *schema.Schema) store.Adapter {
		return open(t, filepath.Join(t.TempDir(), "auth.db"), s)
	},
		adaptertest.Require(adaptertest.WebAuthn, adaptertest.Tx, adaptertest.Purge, adaptertest.Sessions, adaptertest.Closer),
		adaptertest.Reopen(reopen), adaptertest.Broken(breakIt), adaptertest.FailAt(failAt), adaptertest.Statements(statements))
}

// opened is a store that knows its file even after it is closed.
type opened struct {
	*Store
	path string
}

func open(t testing.TB, path string, s *schema.Schema) opened {
	a, err := Open(path, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return opened{a, path}
}

// reopen opens the file of a closed store again. While the file is open, there can
// be no second handle, so reopen returns the same store without its Close.
func reopen(_ context.Context, a store.Adapter) (store.Adapter, error) {
	s := a.(opened)
	if s.db.Path() != "" {
		return struct{ store.Adapter }{s}, nil
	}
	return Open(s.path, s.schema)
}

// breakIt closes the file without the store's knowledge.
func breakIt(a store.Adapter) (heal func()) {
	s := a.(opened)
	s.db.Close()
	return func() { s.db, _ = bbolt.Open(s.path, 0o600, nil) }
}

// failAt fails a transaction when it begins (1) or commits (2), the only times at
// which bbolt accesses the file.
func failAt(a store.Adapter, n int) (heal func() bool) {
	s, hit, fault := a.(opened), false, errors.New("the disk is full")
	update := s.update
	s.update = func(ctx context.Context, fn func(txn) error) error {
		if hit = n <= 2; n == 1 {
			return fault
		}
		return update(ctx, func(tx txn) error {
			if err := fn(tx); err != nil || !hit {
				return err
			}
			return fault
		})
	}
	return func() bool { s.update = update; return hit }
}

func statements(a store.Adapter) int { return a.(opened).db.Stats().TxN }

func TestOpenTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	open(t, path, nil)
	if _, err := Open(path, nil); !errors.Is(err, bolterrors.ErrTimeout) {
		t.Errorf("got %v, want a timeout", err)
	}
}

// Values that JSON or a key of bbolt would change or truncate are refused, also in
// a transaction, and nothing is stored.
func TestRefusedWhole(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "auth.db"), nil)
	odd, long, address, year := "\xff", string(make([]byte, bbolt.MaxKeySize)), "a@example.com", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	err := a.Tx(t.Context(), func(tx store.Adapter) error {
		for _, u := range []store.User{
			{ID: "u", Email: &address, Name: &odd},
			{ID: "u", Email: &long},
			{ID: long, Email: &address},
			{ID: "u", Email: &address, EmailVerified: &year},
		} {
			if _, err := tx.CreateUser(t.Context(), u); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"u", long} {
		if _, err := a.GetUser(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("GetUser: %v", err)
		}
	}
	if _, err := a.GetUserByEmail(t.Context(), address); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("GetUserByEmail: %v", err)
	}
}
