package entclient_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/ent"
)

// Replicas purge one database concurrently: each row is removed and counted by only
// one of them.
func TestReplicasPurge(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "auth.db")
		replicasPurge(t, func() *entclient.Adapter {
			a, err := entclient.OpenSQLite(t.Context(), path, entclient.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { a.Close() })
			return a
		})
	})
	onServers(t, func(t *testing.T, s server) {
		dsn := s.database(t)
		replicasPurge(t, func() *entclient.Adapter { return s.openAt(t, dsn) })
	})
}

func replicasPurge(t *testing.T, open func() *entclient.Adapter) {
	const sessions, tokens = 2500, 1200 // more than one batch
	ctx := t.Context()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	expired, live := now.Add(-25*time.Hour), now.Add(-23*time.Hour)

	var engines []*engine.Engine
	var adapters []*entclient.Adapter
	for range 3 {
		a := open()
		eng, err := engine.New(engine.Config{Secrets: []string{strings.Repeat("secret ", 6)}, Adapter: a, Now: func() time.Time { return now }, Getenv: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { eng.Close() })
		engines, adapters = append(engines, eng), append(adapters, a)
	}
	a := adapters[0]
	if _, err := a.CreateUser(ctx, store.User{ID: "u1"}); err != nil {
		t.Fatal(err)
	}
	fill(t, a, "expired", sessions, tokens, expired)
	fill(t, a, "live", 10, 10, live)

	var all sync.WaitGroup
	counts := make([]int, len(engines))
	for i, eng := range engines {
		all.Go(func() {
			var err error
			if counts[i], err = eng.Purge(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if sum != sessions+tokens {
		t.Errorf("the replicas removed %v, %d in all, want %d", counts, sum, sessions+tokens)
	}
	left, err := a.ListSessionsByUserID(ctx, "u1")
	if err != nil || len(left) != 10 {
		t.Errorf("%d sessions are left, %v", len(left), err)
	}
	if n, err := a.Client().VerificationToken.Query().Count(ctx); n != 10 || err != nil {
		t.Errorf("%d tokens are left, %v", n, err)
	}
	if n, err := engines[0].Purge(ctx); n != 0 || err != nil {
		t.Errorf("the second purge: %d, %v", n, err)
	}
}

func fill(t *testing.T, a *entclient.Adapter, name string, sessions, tokens int, expires time.Time) {
	t.Helper()
	bulk(t, sessions, func(ctx context.Context, from, to int) error {
		var rows []*ent.SessionCreate
		for i := from; i < to; i++ {
			rows = append(rows, a.Client().Session.Create().SetID(fmt.Sprint(name, i)).SetUserID("u1").SetExpires(expires.UnixMilli()))
		}
		return a.Client().Session.CreateBulk(rows...).Exec(ctx)
	})
	bulk(t, tokens, func(ctx context.Context, from, to int) error {
		var rows []*ent.VerificationTokenCreate
		for i := from; i < to; i++ {
			rows = append(rows, a.Client().VerificationToken.Create().SetIdentifier("a@example.com").SetToken(fmt.Sprint(name, i)).SetExpires(expires.UnixMilli()))
		}
		return a.Client().VerificationToken.CreateBulk(rows...).Exec(ctx)
	})
}

func bulk(t *testing.T, n int, create func(ctx context.Context, from, to int) error) {
	t.Helper()
	for from := 0; from < n; from += 500 {
		if err := create(t.Context(), from, min(from+500, n)); err != nil {
			t.Fatal(err)
		}
	}
}
