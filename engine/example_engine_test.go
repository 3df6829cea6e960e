package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/sesame-auth/sesame/engine"
)

// This example is a complete application. It mounts the engine where
// next-auth/react expects it and greets the signed-in user.
func Example() {
	mux := http.NewServeMux()
	site := httptest.NewServer(mux) // in production: http.ListenAndServe
	defer site.Close()

	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     site.URL,                                       // in production: AUTH_URL
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
				if values["username"] != "ada" || values["password"] != "lovelace" {
					return nil, nil // wrong credentials
				}
				return &engine.User{ID: "ada", Name: new("Ada Lovelace")}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/api/auth/", eng)
	mux.Handle("/hello", eng.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := engine.SessionFrom(r.Context())
		fmt.Fprintf(w, "Hello, %s!", *session.User.Name)
	})))

	// Sign in, as signIn("credentials", { username, password }) of next-auth/react
	// does.
	browser := site.Client()
	browser.Jar, _ = cookiejar.New(nil)
	get := func(path string) string {
		response, err := browser.Get(site.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return strings.TrimSpace(string(body))
	}
	var csrf struct{ CSRFToken string }
	json.Unmarshal([]byte(get("/api/auth/csrf")), &csrf)
	response, err := browser.PostForm(site.URL+"/api/auth/callback/credentials", url.Values{
		"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {csrf.CSRFToken}, "callbackUrl": {"/hello"},
	})
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()

	fmt.Println(get("/hello"))
	// Output: Hello, Ada Lovelace!
}
