package split_test

import (
	"path/filepath"
	"testing"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/adapters/split"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/adaptercases"
	"github.com/sesame-auth/sesame/internal/testdb"
)

func TestContractMemory(t *testing.T) {
	adaptercases.Run(t, func(t testing.TB) engine.Adapter {
		return closed(t, must(split.New(memory.New(nil), memory.New(nil))))
	})
}

func TestContractSQLiteAndRedis(t *testing.T) {
	for name, elsewhere := range map[string]bool{"users elsewhere": true, "stand-ins": false} {
		t.Run(name, func(t *testing.T) {
			adaptercases.Run(t, func(t testing.TB) engine.Adapter {
				users, err := entclient.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "auth.db"), entclient.Options{})
				if err != nil {
					t.Fatal(err)
				}
				url, prefix := testdb.Redis(t)
				sessions, err := redis.Open(t.Context(), url, redis.Options{Prefix: prefix, UsersElsewhere: elsewhere})
				if err != nil {
					t.Fatal(err)
				}
				return closed(t, must(split.New(users, testdb.Late(sessions))))
			})
		})
	}
}

func closed(t testing.TB, a engine.Adapter) engine.Adapter {
	t.Cleanup(func() { _ = a.(interface{ Close() error }).Close() })
	return a
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}
