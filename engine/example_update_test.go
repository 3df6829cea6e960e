package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// This example changes a field that the browser may only read, as
// unstable_update() of Auth.js does.
func ExampleEngine_Update() {
	plans := &engine.Schema{User: []schema.Field{{Name: "plan", Default: "free", Client: schema.Read}}}
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Schema:  plans,
		Adapter: memory.New(plans), // in production: a database
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

	upgrade := func(w http.ResponseWriter, r *http.Request) {
		session, err := eng.Update(w, r, map[string]any{"plan": "pro"})
		if err != nil {
			http.Error(w, "The plan was not changed.", http.StatusInternalServerError)
			return
		}
		if session == nil {
			http.Error(w, "Sign in first.", http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "%s has the plan %s", session.User.ID, session.User.Extra["plan"])
	}

	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/upgrade", nil)
	if _, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{}); err != nil {
		log.Fatal(err)
	}
	upgrade(w, r)
	fmt.Println(w.Body)
	// Output: ada has the plan pro
}
