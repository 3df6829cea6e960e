package redis_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/adaptercalls"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// calls returns a call of every method of an adapter without a Purger.
func calls() []adaptercalls.Call {
	var all []adaptercalls.Call
	for _, c := range append(adaptercalls.Reads(), adaptercalls.Writes()...) {
		if c.Name != "PurgeExpired" {
			all = append(all, c)
		}
	}
	return all
}

// broken wants every call to fail with the error of a failed store.
func broken(t *testing.T, a store.Adapter) {
	t.Helper()
	for _, c := range calls() {
		if err := c.Do(t.Context(), a); !failure(err) {
			t.Fatalf("%s: %v", c.Name, err)
		}
	}
}

// failure reports whether err is that of a failed store, and not a result.
func failure(err error) bool {
	for _, answer := range []error{store.ErrNotFound, store.ErrConflict, store.ErrInvalid, store.ErrStaleCounter} {
		if errors.Is(err, answer) {
			return false
		}
	}
	return err != nil
}

// recovers retries until the server answers: after many failed attempts go-redis
// dials only once a second.
func recovers(t *testing.T, a store.Adapter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := a.GetUser(ctx, "nobody")
		if errors.Is(err, store.ErrNotFound) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the server is back, but the adapter still returns: %v", err)
		}
	}
}

// A killed server only causes errors, and a restarted one, which has lost its
// scripts, is used again.
func TestKilledServer(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *testdb.RedisServer{"single": testdb.NewRedisServer, "cluster": testdb.NewRedisCluster} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			a := testdb.Late(open(t, s.URL, redis.Options{}))
			if err := adaptercalls.Populate(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			// During many calls.
			var under sync.WaitGroup
			stop := make(chan struct{})
			problems := make(chan error, 8)
			for range 8 {
				under.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						_, _, err := a.GetSessionAndUser(context.Background(), "s1")
						if errors.Is(err, store.ErrNotFound) {
							problems <- err
							return
						}
					}
				})
			}
			s.Stop(t)
			broken(t, a)
			close(stop)
			under.Wait()
			select {
			case err := <-problems:
				t.Fatalf("while the server stopped: %v", err)
			default:
			}
			if name == "cluster" {
				return // it would come back without its slots
			}
			s.Start(t)
			recovers(t, a)
			if err := adaptercalls.Populate(t.Context(), a); err != nil {
				t.Fatalf("after the restart: %v", err)
			}
			for _, c := range calls() {
				if err := c.Do(t.Context(), a); err != nil {
					t.Fatalf("after the restart: %s: %v", c.Name, err)
				}
			}
		})
	}
}

// An unresponsive server costs a caller no more than its deadline. The limit is
// high, to find only a hang.
func TestSilentServer(t *testing.T) {
	s := testdb.NewRedisServer(t)
	a := testdb.Late(open(t, s.URL, redis.Options{}))
	if err := adaptercalls.Populate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	resume := s.Pause(t)
	started := time.Now()
	for _, c := range calls() {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err := c.Do(ctx, a)
		cancel()
		if !failure(err) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%s: %v", c.Name, err)
		}
	}
	if took := time.Since(started); took > 20*time.Second {
		t.Fatalf("took %v", took)
	}
	resume()
	if _, err := a.GetUser(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
}

// needMemory holds the calls that a server without memory must refuse.
var needMemory = []string{"CreateUser", "LinkAccount", "CreateSession", "CreateVerificationToken", "CreateAuthenticator"}

// A call to a full server or to a replica fails and has no effect.
func TestRefusingServer(t *testing.T) {
	for name, refuse := range map[string][]any{
		"full":    {"config", "set", "maxmemory", "1"},
		"replica": {"replicaof", "127.0.0.1", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s := testdb.NewRedisServer(t)
			a, c := testdb.Late(open(t, s.URL, redis.Options{})), raw(t, s.URL)
			if err := adaptercalls.Populate(ctx, a); err != nil {
				t.Fatal(err)
			}
			before := must(adaptercalls.Snapshot(ctx, a))
			if err := c.Do(ctx, refuse...).Err(); err != nil {
				t.Fatal(err)
			}
			for _, call := range adaptercalls.Writes() {
				if call.Name == "PurgeExpired" || name == "full" && !slices.Contains(needMemory, call.Name) {
					continue
				}
				if err := call.Do(ctx, a); !failure(err) {
					t.Fatalf("%s: %v", call.Name, err)
				}
			}
			equal(t, must(adaptercalls.Snapshot(ctx, a)), before, nil)
		})
	}
}

// If the reply of UseVerificationToken is lost, the token is used up. That is an
// error, and never "not found" because the command was sent again.
func TestLostAnswer(t *testing.T) {
	for name, connect := range map[string]func(t *testing.T, address string) *redis.Adapter{
		"opened": func(t *testing.T, address string) *redis.Adapter {
			return open(t, "redis://"+address, redis.Options{})
		},
		"given": func(t *testing.T, address string) *redis.Adapter {
			c := goredis.NewClient(&goredis.Options{Addr: address, ContextTimeoutEnabled: true, MaxRetries: 5})
			t.Cleanup(func() { c.Close() })
			return must(redis.New(c, redis.Options{}))
		},
		"cluster": func(t *testing.T, address string) *redis.Adapter {
			slots := func(context.Context) ([]goredis.ClusterSlot, error) {
				return []goredis.ClusterSlot{{Start: 0, End: 16383, Nodes: []goredis.ClusterNode{{Addr: address}}}}, nil
			}
			c := goredis.NewClusterClient(&goredis.ClusterOptions{ClusterSlots: slots, ContextTimeoutEnabled: true, MaxRedirects: 5})
			t.Cleanup(func() { c.Close() })
			return must(redis.New(c, redis.Options{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := testdb.NewRedisServer(t)
			p := newProxy(t, strings.TrimPrefix(s.URL, "redis://"))
			a := testdb.Late(connect(t, p.address))
			if err := adaptercalls.Populate(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			for _, call := range calls() { // so that the server has every script
				_ = call.Do(t.Context(), a)
			}
			if err := raw(t, s.URL).FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			if err := adaptercalls.Populate(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			for _, call := range calls() {
				p.loseNext()
				err := call.Do(t.Context(), a)
				if !failure(err) {
					t.Fatalf("%s: %v", call.Name, err)
				}
				if p.losing() {
					t.Fatalf("%s: no reply was lost", call.Name)
				}
				// The connection is closed; the next reply would be one to HELLO.
				_, _ = a.GetUser(t.Context(), "nobody")
			}
		})
	}
}

// proxy forwards connections to a server and can close one before a reply.
type proxy struct {
	address string
	mu      sync.Mutex
	lose    bool
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: l.Addr().String()}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); l.Close(); all.Wait() })
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(ctx, client, server) })
		}
	})
	return p
}

func (p *proxy) serve(ctx context.Context, client net.Conn, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		client.Close()
		return
	}
	end := func() { client.Close(); server.Close() }
	defer end()
	defer context.AfterFunc(ctx, end)()
	go func() { _, _ = io.Copy(server, client); end() }()
	b := make([]byte, 64<<10)
	for {
		n, err := server.Read(b)
		if err != nil || p.losing() {
			return
		}
		if _, err := client.Write(b[:n]); err != nil {
			return
		}
	}
}

// losing reports, once, whether to close the connection now.
func (p *proxy) losing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	lose := p.lose
	p.lose = false
	return lose
}

// loseNext makes the proxy lose the next reply.
func (p *proxy) loseNext() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = true
}

// A script that removes before it adds is atomic on a full server too.
func TestFullServerChangesAnAddress(t *testing.T) {
	ctx := t.Context()
	s := testdb.NewRedisServer(t)
	a, c := open(t, s.URL, redis.Options{}), raw(t, s.URL)
	user(t, a, "u1")
	if err := c.ConfigSet(ctx, "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	has, hasNot := "new@example.com", "u1@example.com"
	if _, err := a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Email: store.SetTo(has)}); err != nil {
		has, hasNot = hasNot, has
	}
	u, err := a.GetUserByEmail(ctx, has)
	equal(t, u, store.User{ID: "u1", Name: ptr("Name of u1"), Email: &has}, err)
	_, err = a.GetUserByEmail(ctx, hasNot)
	is(t, err, store.ErrNotFound)
}
