// Command labserver serves the profiles of package labserver on loopback, four
// for each version of Auth.js, to the driver and the client of the wire lab:
//
//	go run ./internal/lab/labserver/cmd/labserver -offset 100
//	node drive.mjs v5 out --origin-map jwt=http://127.0.0.1:4601,...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/sesame-auth/sesame/internal/lab/labserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "labserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("labserver", flag.ExitOnError)
	host := flags.String("host", "127.0.0.1", "address to listen on")
	offset := flags.Int("offset", 0, "added to the ports 4501 to 4504 (v5) and 4511 to 4514 (v4)")
	oidc := flags.String("oidc", "http://127.0.0.1:4520", "issuer of the OpenID provider")
	oauth := flags.String("oauth", "http://127.0.0.1:4521", "the plain OAuth 2.0 server")
	verbose := flags.Bool("v", false, "log what the engine logs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	options := labserver.Options{OIDC: *oidc, OAuth: *oauth}
	if *verbose {
		options.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	profiles := append(labserver.Profiles(), labserver.ProfilesV4()...)
	failed := make(chan error, len(profiles))
	for _, p := range profiles {
		handler, err := labserver.New(p, options)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", net.JoinHostPort(*host, strconv.Itoa(p.Port+*offset)))
		if err != nil {
			return err
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		defer server.Close()
		go func() { failed <- server.Serve(l) }()
		fmt.Printf("%s %s http://%s\n", p.Dialect, p.Name, l.Addr())
	}
	select {
	case err := <-failed:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	case <-ctx.Done():
		return nil
	}
}
