package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/sesame-auth/sesame/engine"
)

// This example signs in from a custom form. SignIn does not check for cross-site
// request forgery, so http.CrossOriginProtection does.
func ExampleEngine_SignIn() {
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
				if values["username"] != "ada" || values["password"] != "lovelace" {
					return nil, nil // wrong credentials
				}
				return &engine.User{ID: "ada"}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	login := http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{
			RedirectTo:  "/welcome",
			Credentials: map[string]string{"username": r.FormValue("username"), "password": r.FormValue("password")},
		})
		if refused, ok := errors.AsType[*engine.Error](err); ok {
			http.Error(w, refused.Code, http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	}))

	for _, password := range []string{"byron", "lovelace"} {
		form := url.Values{"username": {"ada"}, "password": {password}}
		r := httptest.NewRequest("POST", "/login", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		login.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Location"), strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 401  CredentialsSignin
	// 303 https://app.example.com/welcome
}
