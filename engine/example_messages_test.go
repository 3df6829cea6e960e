package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"

	"github.com/sesame-auth/sesame/engine"
)

// This example translates the sign-in page. Messages lists the keys.
func ExampleConfig_messages() {
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Messages: map[string]map[string]string{"de": {
			"signin.title": "Anmelden",
			"signin.with":  "Mit {name} anmelden",
		}},
		// Prefer the language that the user has chosen on the site.
		Locale: func(r *http.Request) string {
			if c, err := r.Cookie("locale"); err == nil {
				return c.Value
			}
			return r.Header.Get("Accept-Language")
		},
		Providers: []engine.Provider{&engine.Credentials{
			Name: "Password",
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return nil, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	button := regexp.MustCompile(`>([^<]*Password[^<]*)</button>`)
	for _, locale := range []string{"en", "de"} {
		r := httptest.NewRequest("GET", "https://app.example.com/api/auth/signin", nil)
		r.AddCookie(&http.Cookie{Name: "locale", Value: locale})
		w := httptest.NewRecorder()
		eng.ServeHTTP(w, r)
		fmt.Println(button.FindStringSubmatch(w.Body.String())[1])
	}
	// Output:
	// Sign in with Password
	// Mit Password anmelden
}

func ExampleMessages() {
	fmt.Println(engine.Messages()["signin.with"])
	// Output: Sign in with {name}
}
