package entclient_test

import (
	"testing"

	"path/filepath"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/adaptercases"
)

func open(t testing.TB) *entclient.Adapter { return openAt(t, filepath.Join(t.TempDir(), "auth.db")) }

func openAt(t testing.TB, path string) *entclient.Adapter {
	t.Helper()
	a, err := entclient.OpenSQLite(t.Context(), path, entclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func TestContract(t *testing.T) {
	adaptercases.Run(t, func(t testing.TB) engine.Adapter { return open(t) })
}
