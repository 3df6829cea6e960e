// Package redis provides the adapter for Redis 7 or newer, or a compatible server
// such as Valkey, including clusters.
//
//	adapter, err := redis.Open(ctx, "redis://127.0.0.1:6379", redis.Options{})
//	if err != nil { … }
//	defer adapter.Close()
//	eng, err := engine.New(engine.Config{Adapter: adapter, …})
//
// # Keys
//
// Each row is a hash, and every key begins with the same hash tag, {sesame}:
// unless Options.Prefix sets another. Every call is therefore one script that
// runs atomically on one server, in a cluster too. The price is that all rows of
// one application are in one slot, on one node: a cluster does not distribute
// them. Scripts compute keys under the tag that are not among their KEYS, such
// as the key of a session's user.
//
// # Expiry
//
// Sessions and verification tokens have a time to live: Redis removes them at
// their Expires, by its own clock, and they are not found from then on. A row
// stored with an Expires in the past is removed at once. There is nothing to
// purge, so the adapter is not a store.Purger.
//
// # Durability
//
// Configure the server to persist its data (appendonly yes) and not to evict
// keys (maxmemory-policy noeviction, the default). A failover to an asynchronous
// replica may lose the last writes; a used verification token may then work
// again. To keep users and accounts in SQL instead, see package split.
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

// Options are optional settings of an adapter. The zero value is right for most
// applications.
type Options struct {
	// Schema declares the extra fields of users and sessions. Others are refused
	// with store.ErrInvalid. nil declares none.
	Schema *schema.Schema
	// Prefix is the hash tag of all keys: with "shop" they begin with {shop}:
	// and are in the slot of that word. Applications that share a server need
	// different prefixes. "" means "sesame"; it must not contain { or }.
	Prefix string
	// UsersElsewhere declares that another adapter keeps the users, as with
	// package split. CreateSession then does not require the user to exist, and
	// GetSessionAndUser finds nothing.
	UsersElsewhere bool
}

// Adapter is a store.Adapter that also implements store.AuthenticatorAdapter,
// store.SignUpAdapter and store.SessionLister. It is not a store.Transactor,
// because a transaction of Redis cannot read the values it depends on.
type Adapter struct {
	client         redis.UniversalClient
	ownsClient     bool // Close closes client
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

// New returns an adapter that uses client, which Close does not close. It does
// not connect.
//
// The client must have ContextTimeoutEnabled, or calls would wait for an
// unresponsive server longer than their context allows. Canceling a context does
// not interrupt a call whose command has been sent; the call returns with its
// reply, or after the client's ReadTimeout. Reads must go to the master: New
// refuses a cluster client with ReadOnly, RouteByLatency or RouteRandomly.
func New(client redis.UniversalClient, o Options) (*Adapter, error) {
	if o.Prefix == "" {
		o.Prefix = "sesame"
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, fmt.Errorf("redis: the prefix %q contains a brace, which would break the hash tag; remove it", o.Prefix)
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
		deadlines = true // cannot be checked
	}
	switch {
	case !deadlines:
		return nil, errors.New("redis: the client ignores the deadlines of contexts; create it with ContextTimeoutEnabled: true")
	case replicas:
		return nil, errors.New("redis: the client reads from replicas, which may lack the latest writes; create it without ReadOnly, RouteByLatency and RouteRandomly")
	}
	return &Adapter{client: client, tag: "{" + o.Prefix + "}:", schema: o.Schema, usersElsewhere: o.UsersElsewhere}, nil
}

// Open connects to the server at a URL, in the format of go-redis:
//
//	redis://user:password@host:6379/0
//	rediss://…                            with TLS
//	unix://user:password@/path/to/socket
//	redis://host:6379?addr=host2:6379     a cluster, by at least two of its
//	                                      nodes (or one of them twice)
//
// It fails if the server does not answer. Close closes the connection.
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
	a.ownsClient = true
	// Any key with our tag will do: a node of a cluster answers MOVED to a client
	// for a single server.
	if err := client.Exists(ctx, a.tag).Err(); err != nil {
		client.Close()
		if redis.HasErrorPrefix(err, "MOVED") {
			err = fmt.Errorf("the server is a node of a cluster; add a second node to the URL as ?addr=host:port (%w)", err)
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
		return nil, errors.New("redis: invalid URL; want redis://user:password@host:6379/0, with %23 for #, %25 for %, %2F for /, %3F for ? and %40 for @ in the password")
	}
	silent := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if u.Query().Has("addr") {
		o, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, fmt.Errorf("redis: invalid URL of a cluster: %w", err)
		}
		o.ContextTimeoutEnabled, o.MaintNotificationsConfig = true, silent
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("redis: invalid URL: %w", err)
	}
	o.ContextTimeoutEnabled, o.MaintNotificationsConfig = true, silent
	return redis.NewClient(o), nil
}

// Close closes the connection opened by [Open]. Every later call of another
// method fails. A second call of Close does nothing.
func (a *Adapter) Close() error {
	if a.closed.Swap(true) || !a.ownsClient {
		return nil
	}
	return a.client.Close()
}

// unrepeatable is a command that go-redis must not send again if its reply is
// lost: the server may have executed it, and a token that was used up by the
// first would be reported as not found by the second.
type unrepeatable struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (unrepeatable) NoRetry() bool { return true }

// do sends a command once and returns its reply. A nil reply is not an error.
func (a *Adapter) do(ctx context.Context, operation string, args ...any) (any, error) {
	if err := a.usable(ctx); err != nil {
		return nil, err
	}
	cmd := redis.NewCmd(ctx, args...)
	_ = a.client.Process(ctx, unrepeatable{cmd})
	reply, err := cmd.Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, a.fail(ctx, operation, err)
	}
	return reply, nil
}

// run runs a script by its hash, or sends its text if the server does not have
// it.
func (a *Adapter) run(ctx context.Context, s script, keys []string, args ...any) ([]any, error) {
	call := make([]any, 0, 4+len(keys)+len(args))
	call = append(call, "evalsha", s.sha, len(keys))
	for _, key := range keys {
		call = append(call, key)
	}
	call = append(call, a.tag)
	call = append(call, args...)
	reply, err := a.do(ctx, s.name, call...)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		call[0], call[1] = "eval", s.text
		reply, err = a.do(ctx, s.name, call...)
	}
	if err != nil || reply == nil {
		return nil, err
	}
	list, ok := reply.([]any)
	if !ok {
		return nil, a.fail(ctx, s.name, fmt.Errorf("unexpected reply of type %T from the script", reply))
	}
	return list, nil
}

// usable returns the error of a call that must not be sent, or nil.
func (a *Adapter) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.closed.Load() {
		return errClosed
	}
	return nil
}

// fail returns the error of a failed call. It matches the error of ctx if that is
// the cause.
func (a *Adapter) fail(ctx context.Context, operation string, err error) error {
	cause := ctx.Err()
	if deadline, ok := ctx.Deadline(); cause == nil && ok && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(deadline) {
		cause = context.DeadlineExceeded // the timer of the connection fired first
	}
	if cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("redis: %s: %w (%w)", operation, cause, err)
	}
	return fmt.Errorf("redis: %s: %w", operation, err)
}
