package e2e_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// sesame builds the application on the engine: its safe defaults, a new SQLite
// file, a name that the browser may change. change may alter the configuration.
func sesame(t *testing.T, strategy engine.Strategy, change func(*engine.Config)) func(issuer string, mail mailbox) application {
	return func(issuer string, box mailbox) application {
		t.Helper()
		fields := &engine.Schema{User: []schema.Field{{Name: "name", Client: schema.Write}}}
		adapter, err := entclient.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "sesame.db"), entclient.Options{Schema: fields})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := adapter.Close(); err != nil {
				t.Error(err)
			}
		})
		name, email := "Alice", alice
		if _, err := adapter.CreateUser(t.Context(), engine.User{ID: "alice", Name: &name, Email: &email}); err != nil {
			t.Fatal(err)
		}
		config := engine.Config{
			Secrets:         []string{"a secret of the browser test, long enough"},
			Adapter:         adapter,
			Schema:          fields,
			SessionStrategy: strategy,
			Logger:          failOnLog(t),
			Getenv:          func(string) string { return "" },
			Providers: []engine.Provider{
				&engine.OIDC{ID: "oidc", Name: "OpenID Connect", Issuer: issuer, OAuthConfig: engine.OAuthConfig{
					ClientID: "e2e", ClientSecret: "e2e-client-secret",
				}},
				&engine.Credentials{
					Inputs: []engine.Input{
						{Name: "username", Label: "User name", Autocomplete: "username"},
						{Name: "password", Label: "Password", Type: "password"},
					},
					Authorize: func(ctx context.Context, values map[string]string, r *http.Request) (*engine.User, error) {
						if values["username"] != username || values["password"] != password {
							return nil, nil
						}
						user, err := adapter.GetUserByEmail(ctx, alice)
						return &user, err
					},
				},
				&engine.Email{SendVerificationRequest: func(ctx context.Context, m engine.VerificationRequest) error {
					box <- mail{m.Identifier, m.URL}
					return nil
				}},
			},
		}
		if change != nil {
			change(&config)
		}
		eng, err := engine.New(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := eng.Close(); err != nil {
				t.Error(err)
			}
		})
		return application{client: clients[config.Dialect], auth: eng, require: eng.Require, who: func(r *http.Request) string {
			if s, ok := engine.SessionFrom(r.Context()); ok && s.User.Email != nil {
				return *s.User.Email
			}
			return "nobody"
		}}
	}
}

// failOnLog returns a logger whose every line, a warning or worse, fails the
// test: in these stories nothing goes wrong. But pages are left while they read
// the session, of which the client of next-auth 4 tells the server; a tab knows
// a read that has failed from one that was cut off.
func failOnLog(t *testing.T) *slog.Logger {
	w := &failing{t: t}
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.t = nil
	})
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

type failing struct {
	mu sync.Mutex
	t  *testing.T
}

func (w *failing) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.t == nil:
	case bytes.Contains(line, []byte(`code=CLIENT_FETCH_ERROR level=error cause="Failed to fetch" url=/api/auth/session`)):
		w.t.Logf("a read was cut off: %s", bytes.TrimSpace(line))
	default:
		w.t.Errorf("the engine logged: %s", bytes.TrimSpace(line))
	}
	return len(line), nil
}
