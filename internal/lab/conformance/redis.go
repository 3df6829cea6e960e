package conformance

import (
	"context"
	"net"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
	"github.com/sesame-auth/sesame/internal/testdb"
)

func redisTarget() Target {
	return Target{"redis", func(t *testing.T) (func(testing.TB, *schema.Schema) store.Adapter, []adaptertest.Option) {
		var url string
		l := &lab{
			location: func(t testing.TB) (prefix string) {
				url, prefix = testdb.Redis(t)
				return prefix
			},
			open: func(_ context.Context, t testing.TB, prefix string, s *schema.Schema) (store.Adapter, opened, error) {
				o, err := goredis.ParseURL(url)
				if err != nil {
					return nil, opened{}, err
				}
				o.ContextTimeoutEnabled = true
				o.MaxRetries = -1
				client := goredis.NewClient(o)
				t.Cleanup(func() { client.Close() })
				f := &redisFaults{}
				client.AddHook(f)
				a, err := redis.New(client, redis.Options{Schema: s, Prefix: prefix})
				return a, opened{faults: &f.Faults}, err
			},
		}
		return l.run(t, adaptertest.NativeTTL(), adaptertest.Require(adaptertest.WebAuthn, adaptertest.SignUp))
	}}
}

// redisFaults counts commands and makes them fail before they are sent.
type redisFaults struct{ faultdb.Faults }

func (f *redisFaults) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (f *redisFaults) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if err := f.Before(cmd.Name()); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (f *redisFaults) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		if err := f.Before("pipeline"); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}
