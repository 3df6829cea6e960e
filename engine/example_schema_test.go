package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/engine/schema"
)

// This example declares fields of users and sessions. The browser can read the id
// and the role, and read and write the theme; the customer number stays on the
// server. The command typegen generates such a schema, and types for it, from
// auth.schema.yaml.
func ExampleSchema() {
	clock := authtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) // in production: time.Now
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Now:     clock.Now,
		Schema: &engine.Schema{
			User: []schema.Field{
				{Name: "id", Client: schema.Read},
				{Name: "role", Type: schema.Type{Kind: schema.Enum, Name: "Role", Enum: []string{"admin", "member"}}, Default: "member", Client: schema.Read},
				{Name: "customer", Type: schema.Type{Nullable: true}, Token: true},
			},
			Session: []schema.Field{
				{Name: "theme", Default: "light", Client: schema.Write},
			},
		},
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return &engine.User{ID: "ada", Extra: map[string]any{"customer": "cus_1815"}}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
	if _, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{}); err != nil {
		log.Fatal(err)
	}
	cookies := w.Result().Cookies()

	// The browser sees only the declared, readable fields.
	r = httptest.NewRequest("GET", "https://app.example.com/api/auth/session", nil)
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	w = httptest.NewRecorder()
	eng.ServeHTTP(w, r)
	fmt.Println(w.Body)

	// A handler sees all of them.
	session, err := eng.Session(httptest.NewRecorder(), r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(session.User.Extra["customer"])
	// Output:
	// {"user":{"id":"ada","role":"member"},"expires":"2026-02-01T03:04:05.000Z","theme":"light"}
	// cus_1815
}
