// Command nextjs is the Go half of a Next.js application: it signs users in and
// serves a JSON API. The directory web is the other half, with the unmodified
// React client of next-auth. auth.schema.yaml declares the fields of sessions;
// the types of both halves are generated from it.
//
//	go run ./examples/nextjs
//	cd examples/nextjs/web && npm ci && npm run build && npm start
//
// It needs no accounts and keeps everything in memory. See README.md.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// In your own module: //go:generate go tool typegen generate
//go:generate go run ../../typegen generate

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "loopback `address` to listen on; port 0 takes any free one")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: nextjs [flags]\n\nThe environment variable AUTH_URL is the URL of the front end (default "+defaultURL+").\n\nFlags:")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "nextjs: unexpected argument %q\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(ctx, *addr, cmp.Or(os.Getenv("AUTH_URL"), defaultURL), os.Stdout, log); err != nil {
		fmt.Fprintln(os.Stderr, "nextjs:", err)
		os.Exit(1)
	}
}

// defaultURL is where `npm start` serves the front end.
const defaultURL = "http://localhost:3000"

// run serves until ctx is done. When it is ready, it prints READY and its URL to
// stdout, and how to start the front end.
func run(ctx context.Context, addr, front string, stdout io.Writer, log *slog.Logger) error {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return fmt.Errorf("-addr: %w (want host and port, such as 127.0.0.1:8080)", err)
	}
	if !tcp.IP.IsLoopback() { // everybody knows the password
		return fmt.Errorf("-addr %s is reachable from other machines: use 127.0.0.1:%d", addr, tcp.Port)
	}
	listener, err := net.ListenTCP("tcp", tcp)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program: stop it, or choose another port (-addr 127.0.0.1:8081, and build the front end with API_URL=http://127.0.0.1:8081)", tcp)
	}
	if err != nil {
		return err
	}
	defer listener.Close()
	self := "http://" + listener.Addr().String()
	app, err := newApplication(front, self, log)
	if err != nil {
		return err
	}
	defer app.close()

	server := &http.Server{
		Handler:           app.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "READY %s\n", self)
	fmt.Fprintf(stdout, "the front end: cd examples/nextjs/web && npm ci && %snpm run build && npm start\nthen open %s\n", apiSetting(self), front)

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

// apiSetting returns the environment that the front end must be built with.
func apiSetting(self string) string {
	if self == "http://127.0.0.1:8080" {
		return "" // its default
	}
	return "API_URL=" + self + " "
}
