package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
)

// This example removes expired sessions and e-mail tokens on a schedule. Several
// replicas may do so at the same time.
func ExampleEngine_Purge() {
	clock := authtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) // in production: time.Now
	var mailbox authtest.Mailbox                                            // in production: a mail server
	eng, err := engine.New(engine.Config{
		Secrets:       []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:           "https://app.example.com",                      // in production: AUTH_URL
		Adapter:       memory.New(nil),                                // in production: a database
		PurgeInterval: -1,                                             // not after sign-ins
		Now:           clock.Now,
		Providers:     []engine.Provider{&engine.Email{SendVerificationRequest: mailbox.SendVerificationRequest}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()

	// In production: for range time.Tick(time.Hour) { purge(ctx) }
	purge := func(ctx context.Context) {
		removed, err := eng.Purge(ctx)
		if err != nil {
			log.Print(err) // the next call removes the rest
		}
		fmt.Println("removed", removed)
	}

	// Ask for a mail link and never open it. It expires after a day and is kept
	// for another day.
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
	if _, err := eng.SignIn(w, r, "email", engine.SignInOptions{Email: "ada@example.com"}); err != nil {
		log.Fatal(err)
	}
	purge(context.Background())
	clock.Advance(49 * time.Hour)
	purge(context.Background())
	// Output:
	// removed 0
	// removed 1
}
