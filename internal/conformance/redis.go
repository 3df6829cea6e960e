package conformance

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/internal/testdb"
)

func redisTarget() Target {
	return Target{"redis", func(t *testing.T) (func(testing.TB, *engine.Schema) engine.Adapter, []adaptertest.Option) {
		var url string
		l := &lab{
			place: func(t testing.TB) (prefix string) {
				url, prefix = testdb.Redis(t)
				return prefix
			},
			open: func(_ context.Context, t testing.TB, prefix string, s *engine.Schema) (engine.Adapter, store, error) {
				o, err := goredis.ParseURL(url)
				if err != nil {
					return nil, store{}, err
				}
				o.ContextTimeoutEnabled = true
				o.MaxRetries = -1
				client := goredis.NewClient(o)
				t.Cleanup(func() { client.Close() })
				f := &redisFaults{}
				client.AddHook(f)
				a, err := redis.New(client, redis.Options{Schema: s, Prefix: prefix})
				return a, store{faults: f}, err
			},
		}
		return l.run(t, adaptertest.NativeTTL(), adaptertest.Require(adaptertest.WebAuthn, adaptertest.SignUp))
	}}
}

// redisFaults counts commands and makes them fail before they are sent.
type redisFaults struct {
	ask   atomic.Pointer[func(string) error]
	count atomic.Int64
}

func (f *redisFaults) Fail(before func(string) error) { f.ask.Store(&before) }
func (f *redisFaults) Heal()                          { f.ask.Store(nil) }
func (f *redisFaults) Statements() int                { return int(f.count.Load()) }

func (f *redisFaults) FailAt(n int, err error) func() bool {
	var seen atomic.Int64
	f.Fail(func(string) error {
		if seen.Add(1) == int64(n) {
			return err
		}
		return nil
	})
	return func() bool { f.Heal(); return seen.Load() >= int64(n) }
}

func (f *redisFaults) before(command string) error {
	f.count.Add(1)
	if ask := f.ask.Load(); ask != nil {
		return (*ask)(command)
	}
	return nil
}

func (f *redisFaults) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (f *redisFaults) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if err := f.before(cmd.Name()); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (f *redisFaults) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		if err := f.before("pipeline"); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}
