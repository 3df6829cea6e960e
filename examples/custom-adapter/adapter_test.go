package main

import (
	"path/filepath"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/adaptertest"
)

func TestStore(t *testing.T) {
	adaptertest.Run(t, func(t testing.TB, s *engine.Schema) engine.Adapter {
		a, err := Open(filepath.Join(t.TempDir(), "auth.db"), s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		return a
	})
}
