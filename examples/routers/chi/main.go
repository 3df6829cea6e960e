// Command chi is a site with the router chi:
//
//	cd examples/routers/chi && AUTH_SECRET=$(openssl rand -base64 33) go run .
//
// Sign in at http://localhost:8080/account/profile as ada with the password
// lovelace.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/sesame-auth/sesame/engine"
)

func main() {
	eng, err := engine.New(engine.Config{ // and AUTH_SECRET
		Providers: []engine.Provider{&engine.Credentials{
			Inputs: []engine.Input{{Name: "username"}, {Name: "password", Type: "password"}},
			Authorize: func(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
				if values["username"] != "ada" || values["password"] != "lovelace" {
					return nil, nil // wrong credentials
				}
				return &engine.User{ID: "ada"}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	site, err := newSite(eng)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8080", site))
}

func newSite(eng *engine.Engine) (http.Handler, error) {
	protect, err := eng.Protect("/account/", "/api/orders")
	if err != nil {
		return nil, err
	}

	r := chi.NewRouter()
	r.Use(protect) // or, for a group of routes, r.Use(eng.Require)
	r.Handle("/api/auth/*", eng)

	r.Get("/", func(w http.ResponseWriter, r *http.Request) {
		name := "stranger"
		if session, err := eng.Session(w, r); err == nil && session != nil {
			name = session.User.ID
		}
		fmt.Fprintf(w, "Hello, %s!", name)
	})
	r.Get("/account/{section}", func(w http.ResponseWriter, r *http.Request) {
		session, _ := engine.SessionFrom(r.Context())
		fmt.Fprintf(w, "%s of %s", chi.URLParam(r, "section"), session.User.ID)
	})
	r.Get("/api/orders", func(w http.ResponseWriter, r *http.Request) {
		session, _ := engine.SessionFrom(r.Context())
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"customer": session.User.ID})
	})
	return r, nil
}
