package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
)

// This example sends a welcome mail and keeps an audit log.
func ExampleEvents() {
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Adapter: memory.New(nil),                                // in production: a database
		Events: engine.Events{
			CreateUser: func(_ context.Context, u *engine.User) error {
				fmt.Println("send a welcome mail to", *u.Email)
				return nil
			},
			SignIn: func(_ context.Context, e *engine.SignInEvent) error {
				fmt.Println(*e.User.Email, "signed in with", e.Account.Provider)
				return nil
			},
			SignOut: func(_ context.Context, e *engine.SignOutEvent) error {
				fmt.Println(e.Session.UserID, "signed out")
				return nil
			},
		},
		Providers: []engine.Provider{&engine.Credentials{
			CreateUsers: true,
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return &engine.User{ID: "ada", Email: new("ada@example.com")}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()

	for range 2 {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
		if _, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{}); err != nil {
			log.Fatal(err)
		}
		for _, cookie := range w.Result().Cookies() {
			r.AddCookie(cookie)
		}
		if err := eng.SignOut(w, r); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// send a welcome mail to ada@example.com
	// ada@example.com signed in with credentials
	// ada signed out
	// ada@example.com signed in with credentials
	// ada signed out
}
