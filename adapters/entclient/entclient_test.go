package entclient_test

import (
	"path/filepath"
	"testing"

	"github.com/sesame-auth/sesame/adapters/entclient"
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
