// Command quickstart is a small site with three ways to sign in: OpenID Connect,
// a password, and a link in a mail. It needs no configuration, no accounts and no
// network:
//
//	go run ./examples/quickstart
//
// With -doctor it reports its configuration, checks that it works, and exits.
//
// The secret and an SQLite file with users and sessions are in the directory
// -data (.sesame in the working directory). Delete it to start over.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
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

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:3000", "loopback `address` to listen on; port 0 takes any free one")
	data := flag.String("data", ".sesame", "`directory` of the database and the secret")
	doctor := flag.Bool("doctor", false, "report the configuration and its problems, and exit (with status 1 if there are any)")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "quickstart: unexpected argument %q\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once

	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	err := run(ctx, *addr, *data, *doctor, os.Stdout, log)
	if err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) { // an interrupt during startup is not a failure
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done. When it is ready, it prints READY and the site's
// URL to stdout. With doctor it prints a report of the configuration instead.
func run(ctx context.Context, addr, data string, doctor bool, stdout io.Writer, log *slog.Logger) (err error) {
	listener, err := listen(addr)
	if err != nil {
		return err
	}
	defer listener.Close()

	// The secret and the database outlive the program.
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("-data: %w", err)
	}
	secret, err := loadSecret(data, log)
	if err != nil {
		return err
	}
	db, err := entclient.OpenSQLite(ctx, filepath.Join(data, "quickstart.db"), entclient.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	// In a real application the identity provider and mail are elsewhere.
	idp, err := identityProvider(listener.Addr().(*net.TCPAddr))
	if err != nil {
		return err
	}
	mail := new(authtest.Mailbox)

	cfg := engine.Config{
		Secrets: []string{secret},
		Adapter: db, // so sessions are rows of the database
		Providers: []engine.Provider{
			&engine.OIDC{
				ID:     "demo",
				Name:   "Demo provider",
				Issuer: idp.Issuer(),
				OAuthConfig: engine.OAuthConfig{
					ClientID:     clientID,
					ClientSecret: clientSecret,
				},
			},
			&engine.Credentials{
				Name: "password",
				Inputs: []engine.Input{
					{Name: "username", Label: "User name", Placeholder: "ada"},
					{Name: "password", Label: "Password", Type: "password", Placeholder: "lovelace"},
				},
				Authorize:   checkPassword,
				CreateUsers: true, // the user is not in the database until the first sign-in
			},
			&engine.Email{
				Name: "e-mail",
				SendVerificationRequest: func(ctx context.Context, m engine.VerificationRequest) error {
					// An unused link is as good as a password: print it only if
					// there is no other way to deliver it.
					log.Info("mail with a sign-in link", "to", m.Identifier, "link", m.URL)
					return mail.SendVerificationRequest(ctx, m)
				},
			},
		},
		Pages:  engine.Pages{VerifyRequest: "/mailbox"}, // instead of "check your mail"
		Logger: log,
		// Ignore the variables of Auth.js (AUTH_URL, AUTH_TRUST_HOST, …), which
		// may be set for another program.
		Getenv: func(string) string { return "" },
	}
	if doctor {
		return diagnose(ctx, cfg, listener, idp, stdout)
	}
	eng, err := engine.New(cfg)
	if err != nil {
		return err
	}
	defer eng.Close()

	return serve(ctx, listener, &site{eng: eng, idp: idp, mail: mail}, stdout, log)
}

// diagnose prints the engine's report of cfg. Meanwhile it serves the identity
// provider, which would otherwise be elsewhere.
func diagnose(ctx context.Context, cfg engine.Config, listener net.Listener, idp http.Handler, stdout io.Writer) error {
	server := &http.Server{Handler: idp, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener)
	defer server.Close()
	report := engine.Diagnose(ctx, cfg)
	if _, err := fmt.Fprint(stdout, report); err != nil {
		return err
	}
	if !report.OK() {
		return errors.New("the doctor found problems")
	}
	return nil
}

// The quickstart as a client of its own identity provider, which keeps everything
// in memory.
const (
	clientID     = "quickstart"
	clientSecret = "known-to-this-program-only"
)

// identityProvider returns an OpenID provider at this server's address. It signs
// in a user at a click on their name.
func identityProvider(addr *net.TCPAddr) (*authtest.IdP, error) {
	const callback = "/api/auth/callback/demo"
	return authtest.NewIdP(authtest.IdPConfig{
		Issuer: fmt.Sprintf("http://%s/idp", addr),
		Clients: []authtest.Client{{
			ID:     clientID,
			Secret: clientSecret,
			RedirectURIs: []string{
				fmt.Sprintf("http://%s%s", addr, callback),
				fmt.Sprintf("http://localhost:%d%s", addr.Port, callback),
			},
		}},
		Users: []authtest.User{
			{Subject: "1", Name: "Grace Hopper", Email: "grace@example.com", EmailVerified: true},
			{Subject: "2", Name: "Alan Turing", Email: "alan@example.com", EmailVerified: true},
			{Subject: "3", Name: "Katherine Johnson", Email: "katherine@example.com", EmailVerified: true},
		},
	})
}

// checkPassword is the whole user directory. It compares two hashes in constant
// time, which suffices for a password that the home page shows. Store real
// passwords as password hashes, such as argon2id (golang.org/x/crypto/argon2),
// never like this.
func checkPassword(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
	got := sha256.Sum256([]byte(values["username"] + "\x00" + values["password"]))
	want := sha256.Sum256([]byte("ada\x00lovelace"))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return nil, nil // refused
	}
	name, email := "Ada Lovelace", "ada@example.com"
	return &engine.User{ID: "ada", Name: &name, Email: &email}, nil
}

// listen listens on addr, which must be a loopback address: everybody who can
// reach the quickstart can sign in.
func listen(addr string) (net.Listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("-addr: %w (want host and port, such as 127.0.0.1:3000)", err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("-addr %s is reachable from other machines, and everybody knows the quickstart's password: use 127.0.0.1:%d", addr, tcp.Port)
	}
	listener, err := net.ListenTCP("tcp", tcp)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: stop it, or choose another port (-addr 127.0.0.1:0 takes any free one)", tcp)
	}
	return listener, err
}

// serve answers requests until ctx is done, then finishes those in progress.
func serve(ctx context.Context, listener net.Listener, s *site, stdout io.Writer, log *slog.Logger) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "READY http://%s\n", listener.Addr())

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Warn("closing connections that are still in use", "cause", err)
		return server.Close()
	}
	return nil
}
