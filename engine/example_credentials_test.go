package engine_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/sesame-auth/sesame/engine"
)

// This example checks a password against its hash. It rejects a locked account
// with a custom code, which signIn() of next-auth/react returns.
func ExampleCredentials() {
	accounts := map[string]struct { // in production: a table
		salt, hash string
		locked     bool
	}{
		"ada":   {salt: "5f1c0b9e2d7a4863", hash: "34a3916ef4430982b135f105654c9ac49242659de96a1a4284f5484c5b416016"},
		"grace": {salt: "c93a60d41be8f275", hash: "b10309bbf5045bce3eb0d823290f5d5bfb03534ffe092e979fd4d917273cc7ac", locked: true},
	}

	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Providers: []engine.Provider{&engine.Credentials{
			Inputs: []engine.Input{{Name: "username", Label: "User name"}, {Name: "password", Label: "Password", Type: "password"}},
			Authorize: func(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
				account := accounts[values["username"]] // an unknown name takes as long as a wrong password
				hash, err := pbkdf2.Key(sha256.New, values["password"], []byte(account.salt), 600_000, 32)
				if err != nil {
					return nil, err
				}
				if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(hash)), []byte(account.hash)) == 0 {
					return nil, nil // wrong credentials
				}
				if account.locked {
					return nil, &engine.CredentialsError{Code: "locked"}
				}
				return &engine.User{ID: values["username"]}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	for _, values := range []map[string]string{
		{"username": "ada", "password": "byron"},
		{"username": "grace", "password": "hopper"},
		{"username": "ada", "password": "lovelace"},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
		_, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: values})
		if refused, ok := errors.AsType[*engine.CredentialsError](err); ok {
			fmt.Println("refused:", refused.Code)
		} else if err != nil {
			fmt.Println("refused")
		} else {
			session, _ := eng.Session(w, r)
			fmt.Println("signed in:", session.User.ID)
		}
	}
	// Output:
	// refused
	// refused: locked
	// signed in: ada
}
