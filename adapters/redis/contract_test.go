package redis_test

import (
	"testing"

	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/adaptercases"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// The cases read rows that have expired, hence Late. What Redis does with such
// rows is in expiry_test.go.

func TestContract(t *testing.T) {
	adaptercases.Run(t, func(t testing.TB) engine.Adapter {
		url, prefix := testdb.Redis(t)
		return testdb.Late(open(t, url, redis.Options{Prefix: prefix}))
	})
}

func TestContractCluster(t *testing.T) {
	cluster := testdb.NewRedisCluster(t)
	t.Run("cases", func(t *testing.T) { // ends when its parallel cases have
		adaptercases.Run(t, func(t testing.TB) engine.Adapter {
			_, prefix := testdb.Redis(t)
			return testdb.Late(open(t, cluster.URL, redis.Options{Prefix: prefix}))
		})
	})
}
