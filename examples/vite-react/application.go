package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/engine/store"
)

// application is the engine and its surroundings.
type application struct {
	eng   *engine.Engine
	store *entclient.Adapter
	idp   *authtest.IdP
	web   string // the directory of the built front end; "": Vite serves it
	front string // the URL of the front end
}

// newApplication sets everything up. front is the URL in the browser's address
// bar, self the URL of this server.
func newApplication(ctx context.Context, s settings, front, self string, log *slog.Logger) (*application, error) {
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return nil, fmt.Errorf("-data: %w", err)
	}
	idp, err := identityProvider(front, self)
	if err != nil {
		return nil, err
	}
	store, err := entclient.OpenSQLite(ctx, filepath.Join(s.data, "vite-react.db"), entclient.Options{})
	if err != nil {
		return nil, err
	}
	eng, err := engine.New(engine.Config{
		// The identity provider redirects to this URL. In development it could
		// be omitted, because Vite keeps the browser's Host; a deployment sets
		// AUTH_URL.
		URL: front,
		// Sessions are rows of the database and outlive the program. The secret
		// only protects sign-ins in progress, so a single process may use a new
		// one at each start; a real application sets AUTH_SECRET.
		Secrets: []string{rand.Text() + rand.Text()},
		Adapter: store,
		Providers: []engine.Provider{
			&engine.OIDC{ID: "demo", Name: "Demo provider", Issuer: idp.Issuer(),
				OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}},
			&engine.Credentials{
				Name: "password",
				Inputs: []engine.Input{
					{Name: "username", Label: "User name", Placeholder: "ada"},
					{Name: "password", Label: "Password", Type: "password", Placeholder: "lovelace"},
				},
				Authorize:   checkPassword,
				CreateUsers: true, // the user is not in the database until the first sign-in
			},
		},
		Logger: log,
		Getenv: func(string) string { return "" }, // ignore AUTH_SECRET and the like, which are for other programs
	})
	if err != nil {
		store.Close()
		return nil, err
	}
	return &application{eng: eng, store: store, idp: idp, web: s.web, front: front}, nil
}

func (a *application) close() error {
	err := a.eng.Close()
	if closed := a.store.Close(); err == nil {
		err = closed
	}
	return err
}

// handler returns the routes. Vite forwards paths below /api/.
func (a *application) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/auth/", a.eng) // the endpoints of Auth.js
	mux.Handle("PUT /api/name", a.eng.Require(http.HandlerFunc(a.rename)))
	mux.Handle("/idp/", a.idp) // in a real application it is elsewhere
	if a.web != "" {
		mux.Handle("/", http.FileServerFS(os.DirFS(a.web)))
	} else {
		mux.Handle("GET /{$}", http.RedirectHandler(a.front, http.StatusFound))
	}
	return mux
}

// rename stores a new name for the signed-in user. It runs behind Require, so
// there is a session. The browser then calls update() to see the new name. Another
// site cannot make a browser send this request: the cookie is SameSite=Lax, and a
// cross-site PUT needs this server's permission.
func (a *application) rename(w http.ResponseWriter, r *http.Request) {
	session, _ := engine.SessionFrom(r.Context())
	var body struct{ Name string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&body)
	name := strings.TrimSpace(body.Name)
	if err != nil || name == "" || len(name) > 100 {
		http.Error(w, "A name has 1 to 100 bytes.", http.StatusBadRequest)
		return
	}
	if _, err := a.store.UpdateUser(r.Context(), store.UserUpdate{ID: session.User.ID, Name: store.SetTo(name)}); err != nil {
		http.Error(w, "Try again later.", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// ---- in a real application, elsewhere

// checkPassword compares two hashes in constant time. That suffices for a
// password that the page shows; store real ones as password hashes, such as
// argon2id.
func checkPassword(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
	got := sha256.Sum256([]byte(values["username"] + "\x00" + values["password"]))
	want := sha256.Sum256([]byte("ada\x00lovelace"))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return nil, nil // refused
	}
	return &engine.User{ID: "ada", Name: new("Ada Lovelace"), Email: new("ada@example.com")}, nil
}

// This application as a client of its own identity provider.
const (
	clientID     = "vite-react"
	clientSecret = "known-to-this-program-only"
)

// identityProvider returns an OpenID provider that signs in a user at a click on
// their name. It is a separate site, which browsers reach without Vite.
func identityProvider(front, self string) (*authtest.IdP, error) {
	idp, err := authtest.NewIdP(authtest.IdPConfig{
		Issuer:  self + "/idp",
		Clients: []authtest.Client{{ID: clientID, Secret: clientSecret, RedirectURIs: []string{strings.TrimSuffix(front, "/") + "/api/auth/callback/demo"}}},
		Users: []authtest.User{
			{Subject: "1", Name: "Grace Hopper", Email: "grace@example.com", EmailVerified: true},
			{Subject: "2", Name: "Alan Turing", Email: "alan@example.com", EmailVerified: true},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("AUTH_URL %q: %w", front, err)
	}
	return idp, nil
}
