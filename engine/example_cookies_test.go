package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/verify"
)

// This example shares a session among the subdomains of example.com. A service at
// api.example.com reads it with package verify.
func ExampleCookies() {
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Cookies: engine.Cookies{
			// Signed in at app.example.com is signed in at api.example.com.
			SessionToken: engine.CookieOptions{Name: "__Secure-shop.session", Domain: "example.com"},
		},
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return &engine.User{ID: "ada"}, nil
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

	v, err := verify.New(verify.Config{
		Secrets:    []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		CookieName: "__Secure-shop.session",
	})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "https://api.example.com/orders", nil)
	for _, cookie := range w.Result().Cookies() {
		if cookie.Domain == "example.com" {
			r.AddCookie(cookie)
		}
	}
	token, err := v.Token(r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Subject)
	// Output: ada
}
