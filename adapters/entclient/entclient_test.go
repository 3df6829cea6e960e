package entclient_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/adaptertest"
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
	var faults sync.Map // engine.Adapter to *faulty
	of := func(a engine.Adapter) *faulty { f, _ := faults.Load(a); return f.(*faulty) }
	adaptertest.Run(t, func(t testing.TB, s *engine.Schema) engine.Adapter {
		var f faulty
		a := openFaulty(t, &f, entclient.Options{Schema: s})
		faults.Store(engine.Adapter(a), &f)
		return a
	},
		adaptertest.Require(adaptertest.WebAuthn, adaptertest.Tx, adaptertest.Purge, adaptertest.Sessions, adaptertest.Closer),
		adaptertest.Known("data/extra", "the stock client has no columns for extra fields and refuses such a schema when it is opened"),
		adaptertest.SQL(func(a engine.Adapter) *sql.DB { return a.(*entclient.Adapter).DB() }),
		adaptertest.Reopen(func(ctx context.Context, a engine.Adapter) (engine.Adapter, error) {
			path, _, _ := strings.Cut(strings.TrimPrefix(of(a).dsn, "file:"), "?")
			b, err := entclient.OpenSQLite(ctx, path, entclient.Options{})
			if err == nil {
				faults.Store(engine.Adapter(b), of(a))
			}
			return b, err
		}),
		adaptertest.Broken(func(a engine.Adapter) (heal func()) {
			of(a).fail(func(string) error { return errInjected })
			return of(a).heal
		}),
		adaptertest.FailAt(func(a engine.Adapter, n int) (heal func() bool) {
			var seen atomic.Int64
			of(a).fail(func(string) error {
				if seen.Add(1) == int64(n) {
					return errInjected
				}
				return nil
			})
			return func() bool { of(a).heal(); return seen.Load() >= int64(n) }
		}),
		adaptertest.Statements(func(a engine.Adapter) int {
			return int(of(a).statements.Load())
		}),
	)
}
