package engine_test

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
)

// This example allows three attempts per minute for each client address and each
// mailbox. Further ones are answered with status 429 and Retry-After.
func ExampleConfig_limit() {
	clock := authtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) // in production: time.Now

	var mu sync.Mutex
	attempts, began := make(map[string]int), clock.Now() // in production with several replicas: Redis
	limit := func(_ context.Context, l engine.LimitParams) (retryAfter time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		if clock.Now().Sub(began) >= time.Minute {
			clear(attempts)
			began = clock.Now()
		}
		key := cmp.Or(l.Subject, l.Client.String())
		if attempts[key]++; attempts[key] > 3 {
			return began.Add(time.Minute).Sub(clock.Now()), nil
		}
		return 0, nil
	}

	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Now:     clock.Now,
		Limit:   limit,
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return nil, nil // wrong credentials
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	for range 5 {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil) // from 192.0.2.1
		_, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{})
		fmt.Println(clock.Now().Format(time.TimeOnly), err)
		clock.Advance(15 * time.Second)
	}
	// Output:
	// 03:04:05 auth: CredentialsSignin: authorize returned no user
	// 03:04:20 auth: CredentialsSignin: authorize returned no user
	// 03:04:35 auth: CredentialsSignin: authorize returned no user
	// 03:04:50 auth: TooManyRequests: too many attempts; retry after 15s
	// 03:05:05 auth: CredentialsSignin: authorize returned no user
}
