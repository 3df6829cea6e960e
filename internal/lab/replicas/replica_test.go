package replicas

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/adapters/split"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/labserver"
)

// replicaVar holds the setup of a replica, as JSON, in a process that is one:
// this binary again.
const replicaVar = "SESAME_REPLICA"

func TestMain(m *testing.M) {
	if text := os.Getenv(replicaVar); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, "replica:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// stores is where a replica keeps what it stores.
type stores struct {
	Postgres string // DSN
	MySQL    string // DSN
	Redis    string // URL; sessions and tokens are here, users in the other
	Prefix   string // of the keys in Redis
}

// setup is what a replica is told.
type setup struct {
	stores
	Issuer string
	Test   string // URL of the test's desk
	// Doomed: it stops half-way through the sign-ins of victims and waits to be
	// killed.
	Doomed bool
}

// desk is what the replicas ask of the test.
const (
	deskMail = "/mail" // takes a letter
	deskHold = "/hold" // takes the name of a victim, and never answers
)

type letter struct{ Identifier, URL, Token string }

// victim tells how far the sign-in of an address gets on the doomed replica.
func victim(address string) (point string) {
	point, _, _ = strings.Cut(strings.TrimPrefix(address, "victim-"), "@")
	if !strings.HasPrefix(address, "victim-") {
		return ""
	}
	return point
}

// The points at which a sign-in of a victim is cut off.
const (
	atUser    = "user"    // the user is written, and nothing else
	atAccount = "account" // the same, of somebody who comes with an account
	atAnswer  = "answer"  // all is written, nothing is answered
)

// open opens the adapter over the stores. users may change the adapter of the
// users; nil leaves it.
func open(ctx context.Context, s stores, users func(*entclient.Adapter) split.Users) (store.Adapter, error) {
	var (
		db  *entclient.Adapter
		err error
	)
	if s.MySQL != "" {
		db, err = entclient.OpenMySQL(ctx, s.MySQL, entclient.Options{})
	} else {
		db, err = entclient.OpenPostgres(ctx, s.Postgres, entclient.Options{})
	}
	if err != nil {
		return nil, err
	}
	var first split.Users = db
	if users != nil {
		first = users(db)
	}
	if s.Redis == "" {
		return first.(store.Adapter), nil
	}
	sessions, err := redis.Open(ctx, s.Redis, redis.Options{Prefix: s.Prefix, UsersElsewhere: true})
	if err != nil {
		return nil, err
	}
	return split.New(first, sessions)
}

// doomed is an adapter that stops in the middle of the sign-in of a victim.
type doomed struct {
	*entclient.Adapter
	hold func(context.Context, string)
}

func (d doomed) Tx(ctx context.Context, fn func(store.Adapter) error) error {
	return d.Adapter.Tx(ctx, func(a store.Adapter) error { return fn(doomedTx{a, d.hold}) })
}

func (d doomed) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	return doomedTx{d.Adapter, d.hold}.CreateUser(ctx, u)
}

type doomedTx struct {
	store.Adapter
	hold func(context.Context, string)
}

func (d doomedTx) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	u, err := d.Adapter.CreateUser(ctx, u)
	if err == nil && u.Email != nil {
		if point := victim(*u.Email); point == atUser || point == atAccount {
			d.hold(ctx, point)
		}
	}
	return u, err
}

// serve is a replica. It lives until its standard input ends.
func serve(text string) error {
	var s setup
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx := context.Background()
	hold := func(context.Context, string) {}
	var users func(*entclient.Adapter) split.Users
	if s.Doomed {
		hold = func(ctx context.Context, point string) { _ = ask(ctx, s.Test+deskHold, point) }
		users = func(a *entclient.Adapter) split.Users { return doomed{a, hold} }
	}
	adapter, err := open(ctx, s.stores, users)
	if err != nil {
		return err
	}
	defer adapter.(io.Closer).Close()
	profile := labserver.Profiles()[1]
	if profile.Name != "db" {
		return fmt.Errorf("the profile is %s", profile.Name)
	}
	handler, err := labserver.New(profile, labserver.Options{
		OIDC:    s.Issuer,
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Adapter: adapter,
		Mail: func(ctx context.Context, m engine.VerificationRequest) error {
			return ask(ctx, s.Test+deskMail, letter{m.Identifier, m.URL, m.Token})
		},
		Configure: func(c *engine.Config) { configure(c, hold) },
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	fmt.Println(l.Addr())
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	select {
	case err := <-failed:
		return err
	case <-ended:
		return server.Close()
	}
}

// configure turns the parity of the lab off: the replicas are as an application
// has them. Anybody whose password is "pw" may sign in with an address.
func configure(c *engine.Config, hold func(context.Context, string)) {
	c.Parity = engine.Parity{}
	c.Callbacks, c.Events = engine.Callbacks{}, engine.Events{
		SignIn: func(ctx context.Context, e *engine.SignInEvent) error {
			if e.User.Email != nil && victim(*e.User.Email) == atAnswer {
				hold(ctx, atAnswer)
			}
			return nil
		},
	}
	for _, p := range c.Providers {
		if p, ok := p.(*engine.Credentials); ok {
			p.CreateUsers = true
			p.Authorize = func(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
				if values["password"] != "pw" {
					return nil, nil
				}
				address := values["username"]
				return &engine.User{ID: "id-of-" + address, Email: &address}, nil
			}
		}
	}
}

// ask posts v to the test.
func ask(ctx context.Context, url string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return errors.New(res.Status)
	}
	return nil
}

// replica is a server in a process of its own.
type replica struct {
	name    string
	address string // host:port
	cmd     *exec.Cmd
	stdin   io.Closer
	log     *output
}

// output is what a process has written.
type output struct {
	mu   sync.Mutex
	text []byte
}

func (l *output) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

// end is the last of it.
func (l *output) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text[max(0, len(l.text)-3_000):])
}

// start runs a replica. It is gone after the test.
func start(t *testing.T, name string, s setup) *replica {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{name: name, cmd: exec.Command(self), log: new(output)}
	// A program built with -race would sleep for a second before it exits.
	r.cmd.Env = append(os.Environ(), replicaVar+"="+string(text), "GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0")
	r.cmd.Stderr = r.log
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("the end of what replica %s logged:\n%s", r.name, r.log.end())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("replica %s does not start: %v", name, err)
	}
	r.address = strings.TrimSpace(line)
	return r
}

// kill ends the process by SIGKILL, and waits for its end.
func (r *replica) kill() error {
	if err := r.cmd.Process.Kill(); err != nil {
		return err
	}
	if err := r.cmd.Wait(); err == nil {
		return errors.New("it ended by itself")
	}
	return nil
}

// stop ends the process as an operator does. One that was built with -race
// reports here what it has found.
func (r *replica) stop() error {
	r.stdin.Close()
	return r.cmd.Wait()
}
