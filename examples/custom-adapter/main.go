// Command custom-adapter is a server whose users and sessions are in bbolt, a store
// for which this repository has no adapter. It needs no configuration and no
// network:
//
//	go run ./examples/custom-adapter
//
// The adapter is in adapter.go; docs/adapters.md explains it. To start over, delete
// the file -data (custom-adapter.db).
package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:3000", "loopback `address` to listen on; port 0 takes any free one")
	data := flag.String("data", "custom-adapter.db", "`file` of the database")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, *addr, *data, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "custom-adapter:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done. When it is ready, it prints READY and the site's
// URL.
func run(ctx context.Context, addr, data string, stdout io.Writer) (err error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return fmt.Errorf("-addr: %w (want host and port, such as 127.0.0.1:3000)", err)
	}
	if !tcp.IP.IsLoopback() { // everybody knows the password
		return fmt.Errorf("-addr %s is reachable from other machines: use 127.0.0.1:%d", addr, tcp.Port)
	}
	store, err := Open(data, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if _, err := store.PurgeExpired(ctx, time.Now(), 10_000); err != nil && ctx.Err() == nil {
		return err
	}

	eng, err := engine.New(engine.Config{
		// Sessions are rows of the store and outlive this secret. A real
		// application has one in AUTH_SECRET.
		Secrets: []string{rand.Text() + rand.Text()},
		Adapter: store,
		Providers: []engine.Provider{&engine.Credentials{
			Name: "password",
			Inputs: []engine.Input{
				{Name: "username", Label: "User name", Placeholder: "ada"},
				{Name: "password", Label: "Password", Type: "password", Placeholder: "lovelace"},
			},
			Authorize:   checkPassword,
			CreateUsers: true, // the user is not in the store until the first sign-in
		}},
		Getenv: func(string) string { return "" }, // ignore AUTH_URL and the like, which are for other programs
	})
	if err != nil {
		return err
	}
	defer eng.Close()

	mux := http.NewServeMux()
	mux.Handle("/api/auth/", eng)
	mux.Handle("GET /{$}", eng.Require(http.HandlerFunc(home)))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	listener, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "READY http://%s\n", listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		return server.Close() // connections that are still in use
	}
	return nil
}

// home runs behind Require, so there is a session.
func home(w http.ResponseWriter, r *http.Request) {
	s, _ := engine.SessionFrom(r.Context())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><title>custom-adapter</title><p>Hello, %s. <a href=\"/api/auth/signout\">Sign out</a>", html.EscapeString(*s.User.Name))
}

// checkPassword is the whole user directory. Store real passwords as password
// hashes, such as argon2id.
func checkPassword(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
	if subtle.ConstantTimeCompare([]byte(values["username"]+"\x00"+values["password"]), []byte("ada\x00lovelace")) != 1 {
		return nil, nil // refused
	}
	name, email := "Ada Lovelace", "ada@example.com"
	return &engine.User{ID: "ada", Name: &name, Email: &email}, nil
}
