// Package redis is the adapter over Redis 7 or newer (or a server that speaks
// like it, such as Valkey), a cluster too.
//
//	adapter, err := redis.Open(ctx, "redis://127.0.0.1:6379", redis.Options{})
//	if err != nil { … }
//	defer adapter.Close()
//	eng, err := engine.New(engine.Config{Adapter: adapter, …})
//
// # Where things are
//
// Every row is a hash of its own, and every key begins with the same hash tag,
// {sesame}: unless Options.Prefix says otherwise. So every call is one script
// that runs on one server, all or nothing, on a cluster as well. The price is
// that all rows of one application live in one slot, on one node: a cluster
// does not divide them. Scripts compute keys below the tag that are not in
// their KEYS, such as the key of a session's user.
//
// # Expiry
//
// Sessions and verification tokens have a time to live: Redis removes them at
// the instant of their Expires, by its own clock, and they are not found from
// then on. One that is stored with an instant in the past is gone at once. The
// adapter is therefore no store.Purger: there is nothing to purge.
//
// # Durability
//
// The server must be told to keep what it stores (appendonly yes) and not to
// evict it (maxmemory-policy noeviction, the default). After a failover of
// asynchronous replicas the last writes may be lost, a used verification token
// may then work again. Users and accounts may better be kept in SQL, see
// package split.
package redis

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// Options are the choices of an adapter. The zero value is good.
type Options struct {
	// Schema declares the extra fields of users and sessions. Others are
	// store.ErrInvalid. nil declares none.
	Schema *schema.Schema
	// Prefix is the hash tag that all keys begin with: with "shop" they begin
	// with {shop}: and live in the slot of that word. Applications that share
	// a server must differ in it. "" is "sesame"; { and } are refused.
	Prefix string
	// UsersElsewhere: the users of the sessions are kept by another adapter,
	// as package split does. CreateSession then asks for no user, and
	// GetSessionAndUser, which finds none, is of no use.
	UsersElsewhere bool
}

// Adapter is a store.Adapter, and an AuthenticatorAdapter, SignUpAdapter and
// SessionLister.
// It is no Transactor: a transaction of Redis cannot read what it decides on.
type Adapter struct {
	client         redis.UniversalClient
	own            bool // Close closes client
	tag            string
	schema         *schema.Schema
	usersElsewhere bool
	closed         atomic.Bool
}

var (
	_ store.Adapter              = (*Adapter)(nil)
	_ store.AuthenticatorAdapter = (*Adapter)(nil)
	_ store.SignUpAdapter        = (*Adapter)(nil)
	_ store.SessionLister        = (*Adapter)(nil)
)

var errClosed = errors.New("redis: the adapter is closed")

// New returns the adapter over a client, which stays the caller's. It touches
// no network.
//
// The client must have ContextTimeoutEnabled, or calls would wait for a silent
// server longer than their context allows. Cancelling a context does not
// interrupt a call whose command has been sent; it ends with its answer, or
// after the client's ReadTimeout. Reads must go to the master: ReadOnly,
// RouteByLatency and RouteRandomly of a cluster client are not for this.
func New(client redis.UniversalClient, o Options) (*Adapter, error) {
	if o.Prefix == "" {
		o.Prefix = "sesame"
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, fmt.Errorf("redis: the prefix %q holds a brace, which would end the hash tag early; leave the braces away", o.Prefix)
	}
	var deadlines, replicas bool
	switch c := client.(type) {
	case *redis.Client:
		deadlines = c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		o := c.Options()
		deadlines, replicas = o.ContextTimeoutEnabled, o.ReadOnly || o.RouteByLatency || o.RouteRandomly
	case *redis.Ring:
		deadlines = c.Options().ContextTimeoutEnabled
	case nil:
		return nil, errors.New("redis: the client is nil")
	default:
		deadlines = true // as far as can be seen
	}
	switch {
	case !deadlines:
		return nil, errors.New("redis: the client ignores the deadlines of contexts; make it with ContextTimeoutEnabled: true")
	case replicas:
		return nil, errors.New("redis: the client reads from replicas, which do not have what was just written; make it without ReadOnly, RouteByLatency and RouteRandomly")
	}
	return &Adapter{client: client, tag: "{" + o.Prefix + "}:", schema: o.Schema, usersElsewhere: o.UsersElsewhere}, nil
}

// Open connects to the server at a URL, as go-redis reads it:
//
//	redis://user:password@host:6379/0
//	rediss://…                            with TLS
//	unix://user:password@/path/to/socket
//	redis://host:6379?addr=host2:6379     a cluster, by at least two of its
//	                                      nodes (or one of them twice)
//
// It fails when the server does not answer. Close closes the connection.
func Open(ctx context.Context, url string, o Options) (*Adapter, error) {
	client, err := dial(url)
	if err != nil {
		return nil, err
	}
	a, err := New(client, o)
	if err != nil {
		client.Close()
		return nil, err
	}
	a.own = true
	// Any key of ours: a node of a cluster says so when asked as a single
	// server.
	if err := client.Exists(ctx, a.tag).Err(); err != nil {
		client.Close()
		if redis.HasErrorPrefix(err, "MOVED") {
			err = fmt.Errorf("the server is a node of a cluster: name a second node in the URL, as ?addr=host:port (%w)", err)
		}
		return nil, a.fail(ctx, "connect", err)
	}
	return a, nil
}

func dial(address string) (redis.UniversalClient, error) {
	u, err := url.Parse(address)
	if err == nil {
		plain := *u
		plain.RawQuery = ""
		_, err = redis.ParseURL(plain.String())
	}
	if err != nil {
		// The error quotes parts of the URL, which holds the password.
		return nil, errors.New("redis: the URL cannot be read; want redis://user:password@host:6379/0, in the password %23 for #, %25 for %, %2F for /, %3F for ? and %40 for @")
	}
	silent := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if u.Query().Has("addr") {
		o, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, fmt.Errorf("redis: the URL of the cluster: %w", err)
		}
		o.ContextTimeoutEnabled, o.MaintNotificationsConfig = true, silent
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("redis: the URL: %w", err)
	}
	o.ContextTimeoutEnabled, o.MaintNotificationsConfig = true, silent
	return redis.NewClient(o), nil
}

// Close closes the connection that Open made. Every method fails afterwards.
func (a *Adapter) Close() error {
	if a.closed.Swap(true) || !a.own {
		return nil
	}
	return a.client.Close()
}

// once is a command that go-redis must not send a second time when its answer
// is lost: the first may have been carried out, and a token that is handed out
// would then be reported as not found.
type once struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (once) NoRetry() bool { return true }

// do sends a command once. A nil answer is nil without an error.
func (a *Adapter) do(ctx context.Context, doing string, args ...any) (any, error) {
	if err := a.ready(ctx); err != nil {
		return nil, err
	}
	cmd := redis.NewCmd(ctx, args...)
	_ = a.client.Process(ctx, once{cmd})
	answer, err := cmd.Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, a.fail(ctx, doing, err)
	}
	return answer, nil
}

// run runs a script, which the server knows by its hash or is told now.
func (a *Adapter) run(ctx context.Context, s script, keys []string, args ...any) ([]any, error) {
	call := make([]any, 0, 4+len(keys)+len(args))
	call = append(call, "evalsha", s.sha, len(keys))
	for _, key := range keys {
		call = append(call, key)
	}
	call = append(call, a.tag)
	call = append(call, args...)
	answer, err := a.do(ctx, s.name, call...)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		call[0], call[1] = "eval", s.text
		answer, err = a.do(ctx, s.name, call...)
	}
	if err != nil || answer == nil {
		return nil, err
	}
	list, ok := answer.([]any)
	if !ok {
		return nil, a.fail(ctx, s.name, fmt.Errorf("the script answered with a %T", answer))
	}
	return list, nil
}

// ready says why no call can be made.
func (a *Adapter) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.closed.Load() {
		return errClosed
	}
	return nil
}

// fail makes the error of a failed call match its cause.
func (a *Adapter) fail(ctx context.Context, doing string, err error) error {
	cause := ctx.Err()
	if deadline, ok := ctx.Deadline(); cause == nil && ok && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(deadline) {
		cause = context.DeadlineExceeded // the connection's timer was faster
	}
	if cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("redis: %s: %w (%w)", doing, cause, err)
	}
	return fmt.Errorf("redis: %s: %w", doing, err)
}
