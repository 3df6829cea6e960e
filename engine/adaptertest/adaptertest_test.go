package adaptertest_test

import (
	"context"
	"testing"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

func TestMemory(t *testing.T) {
	adaptertest.Run(t, func(t testing.TB, s *schema.Schema) store.Adapter {
		a := memory.New(s)
		t.Cleanup(func() { a.Close() })
		return a
	})
}

func TestSQLite(t *testing.T) {
	l := &lab{dir: t.TempDir()}
	adaptertest.Run(t, func(t testing.TB, s *schema.Schema) store.Adapter {
		a, closeStore, err := l.open(context.WithoutCancel(t.Context()), s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(closeStore)
		return a
	}, l.options()...)
}

func TestThereAre119Cases(t *testing.T) {
	seen := map[string]bool{}
	for _, id := range adaptertest.CaseIDs() {
		seen[id] = true
	}
	if len(seen) != 119 {
		t.Errorf("%d cases", len(seen))
	}
}
