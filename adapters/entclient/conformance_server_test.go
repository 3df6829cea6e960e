package entclient_test

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/adaptertest"
)

func TestServerConformance(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		l := &serverLab{server: s, stores: map[engine.Adapter]*serverStore{}}
		adaptertest.Run(t, func(t testing.TB, schema *engine.Schema) engine.Adapter {
			a, err := l.open(context.WithoutCancel(t.Context()), t, s.database(t), schema)
			if err != nil {
				t.Fatal(err)
			}
			return a
		},
			adaptertest.Reopen(func(ctx context.Context, a engine.Adapter) (engine.Adapter, error) {
				return l.open(ctx, t, l.of(a).dsn, nil)
			}),
			adaptertest.Broken(func(a engine.Adapter) func() {
				f := l.of(a).faults
				f.fail(func(string) error { return errInjected })
				return f.heal
			}),
			adaptertest.FailAt(func(a engine.Adapter, n int) func() bool {
				f, seen := l.of(a).faults, new(atomic.Int32)
				f.fail(func(string) error {
					if int(seen.Add(1)) == n {
						return errInjected
					}
					return nil
				})
				return func() bool { f.heal(); return int(seen.Load()) >= n }
			}),
			adaptertest.Statements(func(a engine.Adapter) int { return int(l.of(a).faults.asked.Load()) }),
			adaptertest.SQL(func(a engine.Adapter) *sql.DB { return l.of(a).adapter.DB() }),
			adaptertest.Known("data/extra", "the stock ent client has no columns for extra fields"),
			adaptertest.Require(adaptertest.WebAuthn, adaptertest.Tx, adaptertest.Purge, adaptertest.Sessions, adaptertest.Closer),
		)
	})
}

// serverLab has every hook of the suite.
type serverLab struct {
	server
	mu     sync.Mutex
	stores map[engine.Adapter]*serverStore
}

type serverStore struct {
	dsn     string
	adapter *entclient.Adapter
	faults  *faultyServer
}

func (l *serverLab) open(ctx context.Context, t testing.TB, dsn string, schema *engine.Schema) (engine.Adapter, error) {
	f := &faultyServer{Connector: l.connector(t, dsn)}
	db := sql.OpenDB(f)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	a, err := entclient.New(ctx, l.dialect, db, entclient.Options{Schema: schema})
	if err != nil {
		db.Close()
		return nil, err
	}
	t.Cleanup(func() { a.Close() })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stores[a] = &serverStore{dsn, a, f}
	return a, nil
}

func (l *serverLab) of(a engine.Adapter) *serverStore {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stores[a]
}
