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

// This example logs each operation. With OpenTelemetry, start a span instead:
//
//	ctx, span := tracer.Start(ctx, o.Kind+" "+o.Name)
//	return ctx, func(err error) {
//		span.RecordError(err)
//		span.End()
//	}
func ExampleConfig_observe() {
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Adapter: memory.New(nil),                                // in production: a database
		Observe: func(ctx context.Context, o engine.Operation) (context.Context, func(error)) {
			return ctx, func(err error) { fmt.Printf("%s %s: %v\n", o.Kind, o.Name, err) }
		},
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
	if _, err := eng.Session(w, r); err != nil {
		log.Fatal(err)
	}
	// Output:
	// adapter GetUser: store: not found
	// adapter CreateUser: <nil>
	// adapter CreateSession: <nil>
	// adapter Tx: <nil>
	// request signin: <nil>
	// adapter GetSessionAndUser: <nil>
	// request session: <nil>
}
