package redis_test

import (
	"testing"

	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/testdb"
)

func TestContract(t *testing.T) {
	adaptertest.Run(t, func(t testing.TB, s *schema.Schema) store.Adapter {
		url, prefix := testdb.Redis(t)
		return open(t, url, redis.Options{Schema: s, Prefix: prefix})
	}, adaptertest.NativeTTL(), adaptertest.Require(adaptertest.Sessions, adaptertest.WebAuthn, adaptertest.SignUp, adaptertest.Closer))
}

func TestContractCluster(t *testing.T) {
	cluster := testdb.NewRedisCluster(t)
	t.Run("cases", func(t *testing.T) { // ends after its parallel cases
		adaptertest.Run(t, func(t testing.TB, s *schema.Schema) store.Adapter {
			_, prefix := testdb.Redis(t)
			return open(t, cluster.URL, redis.Options{Schema: s, Prefix: prefix})
		}, adaptertest.NativeTTL(), adaptertest.Require(adaptertest.SignUp))
	})
}
