// Command vite-react is the Go half of a React application built by Vite,
// without Next.js: it signs users in and serves a JSON API. The directory web is
// the other half, with the unmodified React client of next-auth.
//
//	go run ./examples/vite-react
//	cd examples/vite-react/web && npm ci && npm run dev
//
// It needs no accounts. Users and sessions are in an SQLite file in the directory
// -data (.sesame in the working directory). See README.md.
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
	"path/filepath"
	"syscall"
	"time"
)

// settings are the flags, and the environment variable AUTH_URL.
type settings struct {
	addr string
	data string
	web  string // the directory of the built front end; "": Vite serves it
	url  string // the URL of the front end; "": that of this server, or Vite's default
}

func main() {
	var s settings
	flag.StringVar(&s.addr, "addr", "127.0.0.1:8080", "loopback `address` to listen on; port 0 takes any free one")
	flag.StringVar(&s.data, "data", ".sesame", "`directory` of the database")
	flag.StringVar(&s.web, "web", "", "`directory` of a built front end to serve (examples/vite-react/web/dist)")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: vite-react [flags]\n\nThe environment variable AUTH_URL is the URL of the front end (default "+viteURL+", with -web this server).\n\nFlags:")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "vite-react: unexpected argument %q\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}
	s.url = os.Getenv("AUTH_URL")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	err := run(ctx, s, os.Stdout, log)
	if err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) { // an interrupt during startup is not a failure
		fmt.Fprintln(os.Stderr, "vite-react:", err)
		os.Exit(1)
	}
}

// viteURL is where `npm run dev` serves the front end.
const viteURL = "http://localhost:5173"

// run serves until ctx is done. When it is ready, it prints READY and its URL to
// stdout, and where the front end is.
func run(ctx context.Context, s settings, stdout io.Writer, log *slog.Logger) (err error) {
	tcp, err := net.ResolveTCPAddr("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("-addr: %w (want host and port, such as 127.0.0.1:8080)", err)
	}
	if !tcp.IP.IsLoopback() { // everybody knows the password
		return fmt.Errorf("-addr %s is reachable from other machines: use 127.0.0.1:%d", s.addr, tcp.Port)
	}
	if s.web != "" {
		if _, err := os.Stat(filepath.Join(s.web, "index.html")); err != nil {
			return fmt.Errorf("-web: build the front end first (npm run build): %w", err)
		}
	}
	listener, err := net.ListenTCP("tcp", tcp)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program: stop it, or choose another port (-addr 127.0.0.1:8081, and start Vite with API_URL=http://127.0.0.1:8081)", tcp)
	}
	if err != nil {
		return err
	}
	defer listener.Close()
	self := "http://" + listener.Addr().String()
	front := cmp.Or(s.url, viteURL)
	if s.web != "" {
		front = cmp.Or(s.url, self)
	}
	app, err := newApplication(ctx, s, front, self, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.close()) }()

	server := &http.Server{
		Handler:           app.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "READY %s\n", self)
	if s.web == "" {
		fmt.Fprintf(stdout, "the front end: cd examples/vite-react/web && npm ci && %snpm run dev\n", apiSetting(self))
	}
	fmt.Fprintf(stdout, "open %s\n", front)

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

// apiSetting returns the environment that Vite must be started with.
func apiSetting(self string) string {
	if self == "http://127.0.0.1:8080" {
		return "" // its default
	}
	return "API_URL=" + self + " "
}
