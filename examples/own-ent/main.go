// Command own-ent is an application with its own ent schema, for which the
// adapter of Sesame is generated. It has its own names of types and tables, UUIDs
// as ids, a hook that keeps an audit log, an interceptor that hides blocked
// members, and extra fields of users and sessions.
//
//	go run ./examples/own-ent
//
// The schema is in ent/schema, the extra fields are in package extra, and
// ent/entc.go generates package ent from both: go generate ./examples/own-ent/...
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	_ "github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/examples/own-ent/database"
	"github.com/sesame-auth/sesame/examples/own-ent/ent"
	"github.com/sesame-auth/sesame/examples/own-ent/ent/auditentry"
	"github.com/sesame-auth/sesame/examples/own-ent/extra"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:3000", "loopback `address` to listen on; port 0 takes any free one")
	data := flag.String("data", ".sesame", "`directory` of the database")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once

	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(ctx, *addr, *data, os.Stdout, log); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "own-ent:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done. When it is ready, it prints READY and the site's
// URL to stdout.
func run(ctx context.Context, addr, data string, stdout io.Writer, log *slog.Logger) (err error) {
	client, err := open(ctx, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	eng, err := engine.New(engine.Config{
		// Sessions are rows of the database and outlive this secret.
		Secrets: []string{rand.Text() + rand.Text()},
		Adapter: ent.NewAuthAdapter(client),
		Schema:  extra.Schema(),
		Providers: []engine.Provider{&engine.Credentials{
			Name:        "name",
			Inputs:      []engine.Input{{Name: "name", Label: "Any name", Placeholder: "Ada"}},
			CreateUsers: true,
			Authorize:   anybody,
		}},
		Logger: log,
		Getenv: func(string) string { return "" },
	})
	if err != nil {
		return err
	}
	defer eng.Close()

	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return fmt.Errorf("-addr: %w (want host and port, such as 127.0.0.1:3000)", err)
	}
	if !tcp.IP.IsLoopback() {
		return errors.New("-addr must be a loopback address, because anybody can sign in: use 127.0.0.1")
	}
	listener, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/auth/", eng)
	mux.Handle("GET /{$}", home(eng, client, log))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
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
	return server.Shutdown(ctx)
}

// open opens the database in the directory data.
func open(ctx context.Context, data string) (*ent.Client, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("-data: %w", err)
	}
	path, err := filepath.Abs(filepath.Join(data, "own-ent.db"))
	if err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(),
		RawQuery: "_fk=1&_txlock=immediate&_busy_timeout=1000&_journal_mode=WAL"}
	db, err := sql.Open("sqlite3", dsn.String())
	if err != nil {
		return nil, err
	}
	client, err := database.Open(ctx, entsql.OpenDB(dialect.SQLite, db))
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return client, nil
}

// anybody accepts any name.
func anybody(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
	name := values["name"]
	if name == "" {
		return nil, nil // refused
	}
	// The id of a member is a UUID derived from the name.
	return &engine.User{ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String(), Name: &name}, nil
}

// home shows the session and the audit log.
func home(eng *engine.Engine, client *ent.Client, log *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, err := eng.Session(w, r)
		if err != nil {
			http.Error(w, "The session could not be read; see the log.", http.StatusInternalServerError)
			return
		}
		entries, err := client.AuditEntry.Query().Order(auditentry.ByAt()).Limit(100).All(r.Context())
		if err != nil {
			log.Error("reading the audit log", "cause", err)
			http.Error(w, "The audit log could not be read.", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><title>own-ent</title><link rel="icon" href="data:,">`)
		if session == nil {
			fmt.Fprint(w, `<p>Nobody is signed in. <a href="/api/auth/signin">Sign in</a></p>`)
		} else {
			text, _ := json.Marshal(map[string]any{"role": session.User.Extra["role"], "locale": session.User.Extra["locale"]})
			fmt.Fprintf(w, `<p>Signed in, with %s. <a href="/api/auth/session">The session</a>. <a href="/api/auth/signout">Sign out</a></p>`, text)
		}
		fmt.Fprint(w, "<h2>Audit log</h2><ol>")
		for _, e := range entries {
			fmt.Fprintf(w, "<li>%s %s</li>", e.Type, e.Operation)
		}
		fmt.Fprint(w, "</ol>")
	}
}
