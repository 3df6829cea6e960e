package split_test

import (
	"path/filepath"
	"testing"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/adapters/split"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/testdb"
)

func TestContractMemory(t *testing.T) {
	adaptertest.Run(t, func(t testing.TB, s *schema.Schema) store.Adapter {
		return closed(t, must(split.New(memory.New(s), memory.New(s))))
	}, adaptertest.Require(adaptertest.SignUp))
}

func TestContractSQLiteAndRedis(t *testing.T) {
	for name, elsewhere := range map[string]bool{"users elsewhere": true, "stand-ins": false} {
		t.Run(name, func(t *testing.T) {
			adaptertest.Run(t, func(t testing.TB, s *schema.Schema) store.Adapter {
				users, err := entclient.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "auth.db"), entclient.Options{Schema: s})
				if err != nil {
					t.Fatal(err)
				}
				url, prefix := testdb.Redis(t)
				sessions, err := redis.Open(t.Context(), url, redis.Options{Schema: s, Prefix: prefix, UsersElsewhere: elsewhere})
				if err != nil {
					t.Fatal(err)
				}
				return closed(t, must(split.New(users, sessions)))
			}, adaptertest.NativeTTL(), adaptertest.Require(adaptertest.SignUp),
				adaptertest.Known("data/extra", "the stock ent client has no columns for extra fields and refuses such a schema when it is opened"))
		})
	}
}

func closed(t testing.TB, a store.Adapter) store.Adapter {
	t.Cleanup(func() { _ = a.(interface{ Close() error }).Close() })
	return a
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}
