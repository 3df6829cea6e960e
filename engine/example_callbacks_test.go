package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// This example admits only addresses of example.com, assigns a role at sign-in,
// and ends the sessions of users who have been dismissed.
func ExampleCallbacks() {
	dismissed := make(map[string]bool) // in production: a table
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Schema:  &engine.Schema{User: []schema.Field{{Name: "role", Default: "member", Client: schema.Read}}},
		Callbacks: engine.Callbacks{
			SignIn: func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
				if p.User.Email == nil || !strings.HasSuffix(*p.User.Email, "@example.com") {
					return engine.Deny(), nil // or engine.RedirectTo("/ask-for-access")
				}
				return engine.Allow(), nil
			},
			JWT: func(_ context.Context, p *engine.JWTParams) error {
				if dismissed[p.Token.Subject] {
					p.Token = nil
					return nil
				}
				if p.User != nil && p.User.ID == "ada" { // at sign-in
					p.Token.Extra = map[string]any{"role": "admin"}
				}
				return nil
			},
		},
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
				name, _, _ := strings.Cut(values["email"], "@")
				return &engine.User{ID: name, Email: new(values["email"])}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	for _, email := range []string{"eve@elsewhere.example", "grace@example.com", "ada@example.com"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
		if _, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"email": email}}); err != nil {
			fmt.Println(email, "is refused")
			continue
		}
		session, _ := eng.Session(w, r)
		fmt.Println(email, "is", session.User.Extra["role"])

		dismissed[session.User.ID] = true
		session, _ = eng.Session(w, r)
		fmt.Println(email, "is signed out:", session == nil)
	}
	// Output:
	// eve@elsewhere.example is refused
	// grace@example.com is member
	// grace@example.com is signed out: true
	// ada@example.com is admin
	// ada@example.com is signed out: true
}
