package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// shopAdapter overrides one method of another adapter. It embeds *memory.Adapter
// rather than store.Adapter to keep the optional interfaces: transactions,
// passkeys, purging.
type shopAdapter struct {
	*memory.Adapter           // in production: *entclient.Adapter
	orders          *sync.Map // by the id of the user
}

// DeleteUser removes the user's orders as well.
func (s shopAdapter) DeleteUser(ctx context.Context, id string) error {
	if err := s.Adapter.DeleteUser(ctx, id); err != nil {
		return err
	}
	s.orders.Delete(id)
	return nil
}

// This example wraps an adapter and checks that the result still follows the
// rules of store.Adapter. In a test, call adaptertest.Run.
func ExampleAdapter() {
	ctx := context.Background()
	report := adaptertest.Check(ctx, func(_ context.Context, s *schema.Schema) (store.Adapter, func(), error) {
		return shopAdapter{memory.New(s), new(sync.Map)}, nil, nil
	}, adaptertest.Require(adaptertest.Tx, adaptertest.WebAuthn, adaptertest.Purge))
	if err := report.Err(); err != nil {
		log.Fatal(err) // each failure, with its usual cause and fix
	}

	adapter := shopAdapter{memory.New(nil), new(sync.Map)}
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Adapter: adapter,
		Providers: []engine.Provider{&engine.Credentials{
			CreateUsers: true,
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return &engine.User{ID: "ada"}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()

	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
	if _, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{}); err != nil {
		log.Fatal(err)
	}
	adapter.orders.Store("ada", "an engine, analytical")

	// Deleting the user ends the session.
	if err := adapter.DeleteUser(ctx, "ada"); err != nil {
		log.Fatal(err)
	}
	session, err := eng.Session(w, r)
	_, kept := adapter.orders.Load("ada")
	fmt.Println(session == nil, err, kept)
	// Output: true <nil> false
}
