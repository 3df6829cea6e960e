package testdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/sesame-auth/sesame/internal/need"
)

var redisServer = kind{
	name:     "redis",
	variable: "SESAME_REDIS_URL",
	local:    "redis://127.0.0.1:6379",
	install:  installRedis,
	works:    redisWorks,
	start: func() (string, error) {
		s, err := newRedisServer()
		if err != nil {
			return "", err
		}
		return s.URL, s.start()
	},
}

const installRedis = "set SESAME_REDIS_URL (such as redis://127.0.0.1:6379), or install Redis 7 or newer (Debian: apt-get install redis-server)"

// Redis returns the URL of a Redis server and a prefix of this test's own. Keys
// that begin with the prefix in braces, as {prefix}:key, are removed after the
// test.
func Redis(t testing.TB) (url, prefix string) {
	t.Helper()
	url, prefix = redisServer.find(t), unique()
	t.Cleanup(func() {
		ctx, cancel := cleanup()
		defer cancel()
		err := withRedis(url, func(c *goredis.Client) error {
			keys := c.Scan(ctx, 0, "{"+prefix+"}*", 1000).Iterator()
			for keys.Next(ctx) {
				if err := c.Del(ctx, keys.Val()).Err(); err != nil {
					return err
				}
			}
			return keys.Err()
		})
		if err != nil {
			t.Errorf("testdb: %v", err)
		}
	})
	return url, prefix
}

func redisWorks(ctx context.Context, address string) error {
	o, err := goredis.ParseURL(address)
	if err != nil {
		return err
	}
	// go-redis prints a line when it cannot connect.
	c, err := new(net.Dialer).DialContext(ctx, o.Network, o.Addr)
	if err != nil {
		return err
	}
	c.Close()
	return withRedis(address, func(c *goredis.Client) error { return c.Ping(ctx).Err() })
}

func withRedis(address string, do func(*goredis.Client) error) error {
	o, err := goredis.ParseURL(address)
	if err != nil {
		return err
	}
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	c := goredis.NewClient(o)
	defer c.Close()
	return do(c)
}

// RedisServer is a Redis server of one test, which may be stopped and started
// at will. It keeps nothing when it stops.
type RedisServer struct {
	// URL is the address, of a cluster with the parameter addr, by which
	// github.com/redis/go-redis/v9 knows it as one.
	URL string

	port    int
	options []string
	process *process
}

// NewRedisServer starts a Redis server of the test's own. It is stopped after
// the test.
func NewRedisServer(t testing.TB) *RedisServer {
	t.Helper()
	return startForTest(t)
}

// NewRedisCluster starts a Redis cluster of one node, of the test's own. It
// refuses commands and scripts that touch several slots, as any cluster does.
// It is stopped after the test.
func NewRedisCluster(t testing.TB) *RedisServer {
	t.Helper()
	s := startForTest(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "500")
	address := s.URL
	s.URL += "?addr=" + url.QueryEscape(strings.TrimPrefix(address, "redis://"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := withRedis(address, func(c *goredis.Client) error {
		if err := c.ClusterAddSlotsRange(ctx, 0, 16383).Err(); err != nil {
			return err
		}
		return s.process.until(ctx, func() error {
			info, err := c.ClusterInfo(ctx).Result()
			if err == nil && !strings.Contains(info, "cluster_state:ok") {
				err = errors.New("the cluster is not ready")
			}
			return err
		})
	})
	if err != nil {
		t.Fatalf("testdb: redis cluster: %v", err)
	}
	return s
}

func startForTest(t testing.TB, options ...string) *RedisServer {
	t.Helper()
	s, err := newRedisServer(options...)
	if err != nil {
		need.Missing(t, "redis", installRedis+" ("+err.Error()+")")
	}
	s.Start(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

func newRedisServer(options ...string) (*RedisServer, error) {
	if _, err := program("redis-server"); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return &RedisServer{URL: fmt.Sprintf("redis://127.0.0.1:%d", port), port: port, options: options}, nil
}

// Start starts the server again, empty, at the same address. It returns when
// the server answers.
func (s *RedisServer) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatalf("testdb: redis-server: %v", err)
	}
}

func (s *RedisServer) start() error {
	bin, err := program("redis-server")
	if err != nil {
		return err
	}
	s.process, err = start("redis", "KILL", nil, func(dir string) []string {
		return append([]string{bin, "--port", fmt.Sprint(s.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir}, s.options...)
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	address, _, _ := strings.Cut(s.URL, "?")
	return s.process.until(ctx, func() error { return redisWorks(ctx, address) })
}

// Stop kills the server, as SIGKILL does, and waits for its end. Stopping a
// stopped server does nothing.
func (s *RedisServer) Stop(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	if err := s.process.kill(); err != nil {
		t.Errorf("testdb: %v", err)
	}
	s.process = nil
}

// Pause makes the server deaf, as a stalled machine is: it takes connections
// and answers nothing. The function that is returned wakes it up.
func (s *RedisServer) Pause(t testing.TB) (resume func()) {
	t.Helper()
	if err := s.process.signal(pauseSignal); err != nil {
		t.Fatalf("testdb: %v", err)
	}
	return func() {
		if err := s.process.signal(resumeSignal); err != nil {
			t.Errorf("testdb: %v", err)
		}
	}
}
