package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/sesame-auth/sesame/engine"
)

// This example greets the signed-in user on a public page, as auth() of Auth.js
// allows in a server component.
func ExampleEngine_Session() {
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return &engine.User{ID: "ada"}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	home := func(w http.ResponseWriter, r *http.Request) {
		session, err := eng.Session(w, r)
		if err != nil || session == nil {
			fmt.Fprintln(w, "Hello, stranger!")
			return
		}
		fmt.Fprintf(w, "Hello, %s!\n", session.User.ID)
	}

	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	home(w, r)
	fmt.Print(w.Body)

	w = httptest.NewRecorder()
	if _, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{}); err != nil {
		log.Fatal(err)
	}
	home(w, r)
	fmt.Print(w.Body)
	// Output:
	// Hello, stranger!
	// Hello, ada!
}
