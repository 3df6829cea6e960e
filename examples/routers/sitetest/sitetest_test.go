package sitetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/examples/routers/sitetest"
)

// TestServeMux tests a site that uses the router of net/http.
func TestServeMux(t *testing.T) {
	sitetest.Test(t, func(eng *engine.Engine) (http.Handler, error) {
		protect, err := eng.Protect("/account/", "/api/orders")
		if err != nil {
			return nil, err
		}
		mux := http.NewServeMux()
		mux.Handle("/api/auth/", eng)
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
			name := "stranger"
			if session, err := eng.Session(w, r); err == nil && session != nil {
				name = session.User.ID
			}
			fmt.Fprintf(w, "Hello, %s!", name)
		})
		mux.HandleFunc("GET /account/{section}", func(w http.ResponseWriter, r *http.Request) {
			session, _ := engine.SessionFrom(r.Context())
			fmt.Fprintf(w, "%s of %s", r.PathValue("section"), session.User.ID)
		})
		mux.HandleFunc("GET /api/orders", func(w http.ResponseWriter, r *http.Request) {
			session, _ := engine.SessionFrom(r.Context())
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(map[string]any{"customer": session.User.ID})
		})
		return protect(mux), nil
	})
}
