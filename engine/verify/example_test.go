package verify_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/verify"
)

// A separate service next to a Next.js app or an engine. It needs only the same
// AUTH_SECRET.
func ExampleVerifier_Require() {
	v, err := verify.New(verify.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/orders", v.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := verify.TokenFrom(r.Context())
		fmt.Fprintf(w, "the orders of %s", token.Subject)
	})))

	r := httptest.NewRequest("GET", "/api/orders", nil)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)

	for _, cookie := range signIn(time.Now, nil) {
		r.AddCookie(cookie)
	}
	w = httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 401 {"message":"Sign in first."}
	// 200 the orders of ada
}

// This example distinguishes the reasons why there is no valid token.
func ExampleVerifier_Token() {
	clock := authtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) // in production: time.Now
	v, err := verify.New(verify.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		Now:     clock.Now,
	})
	if err != nil {
		log.Fatal(err)
	}

	r := httptest.NewRequest("GET", "/", nil)
	_, err = v.Token(r)
	fmt.Println(errors.Is(err, verify.ErrNoSession))

	for _, cookie := range signIn(clock.Now, nil) {
		r.AddCookie(cookie)
	}
	token, err := v.Token(r)
	fmt.Println(token.Subject, *token.Name, time.Unix(token.Expires, 0).UTC(), err)

	clock.Advance(31 * 24 * time.Hour)
	_, err = v.Token(r)
	fmt.Println(errors.Is(err, verify.ErrExpired))
	// Output:
	// true
	// ada Ada Lovelace 2026-02-01 03:04:05 +0000 UTC <nil>
	// true
}

// The claims of the application are read according to its Schema, which typegen
// generates. Missing and invalid ones have their default.
func ExampleConfig_schema() {
	v, err := verify.New(verify.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		Schema: &schema.Schema{User: []schema.Field{{
			Name: "role", Type: schema.Type{Kind: schema.Enum, Name: "Role", Enum: []string{"admin", "member"}}, Default: "member", Client: schema.Read,
		}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, claims := range []map[string]any{{"role": "admin"}, {"role": "root"}, nil} {
		r := httptest.NewRequest("GET", "/", nil)
		for _, cookie := range signIn(time.Now, claims) {
			r.AddCookie(cookie)
		}
		token, err := v.Token(r)
		fmt.Println(token.Extra["role"], err)
	}
	// Output:
	// admin <nil>
	// member <nil>
	// member <nil>
}

// signIn returns the cookies of a user who has signed in at the main server, which
// adds claims to the session token.
func signIn(now func() time.Time, claims map[string]any) []*http.Cookie {
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"},
		URL:     "https://app.example.com",
		Now:     now,
		Callbacks: engine.Callbacks{JWT: func(_ context.Context, p *engine.JWTParams) error {
			p.Token.Extra = claims
			return nil
		}},
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return &engine.User{ID: "ada", Name: new("Ada Lovelace")}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	if _, err := eng.SignIn(w, httptest.NewRequest("POST", "/login", nil), "credentials", engine.SignInOptions{}); err != nil {
		log.Fatal(err)
	}
	return w.Result().Cookies()
}
