package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/sesame-auth/sesame/engine"
)

// This example protects some paths of a site, as middleware.ts with a matcher
// does in Next.js. The middleware works with every router; examples/routers has
// complete sites:
//
//	r.Use(protect)                        // chi
//	e.Use(echo.WrapMiddleware(protect))   // echo
//	handler := protect(ginEngine)         // gin
func ExampleEngine_Protect() {
	eng, err := engine.New(engine.Config{
		Secrets:   []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:       "https://app.example.com",                      // in production: AUTH_URL
		Providers: []engine.Provider{&engine.OIDC{ID: "google", Issuer: "https://accounts.google.com", OAuthConfig: engine.OAuthConfig{ClientID: "app", ClientSecret: "secret"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	protect, err := eng.Protect("/account/", "POST /api/")
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/auth/", eng) // never protected
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	site := protect(mux)

	for _, request := range []string{"GET /", "GET /account/profile", "GET /api/orders", "POST /api/orders"} {
		var method, path string
		fmt.Sscan(request, &method, &path)
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
		r.Header.Set("Accept", "text/html") // as a browser does
		site.ServeHTTP(w, r)
		fmt.Println(request, w.Code)
	}
	// Output:
	// GET / 200
	// GET /account/profile 302
	// GET /api/orders 200
	// POST /api/orders 401
}

// This example protects a handler. A browser that opens a page is redirected to
// the sign-in page and back; a script gets status 401.
func ExampleEngine_Require() {
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return &engine.User{ID: "ada"}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	orders := eng.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := engine.SessionFrom(r.Context())
		fmt.Fprintf(w, "the orders of %s", session.User.ID)
	}))

	page := httptest.NewRequest("GET", "/orders", nil)
	page.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	orders.ServeHTTP(w, page)
	fmt.Println(w.Code, w.Header().Get("Location"))

	r := httptest.NewRequest("GET", "/orders", nil)
	w = httptest.NewRecorder()
	orders.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)

	w = httptest.NewRecorder()
	if _, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{}); err != nil {
		log.Fatal(err)
	}
	orders.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 302 https://app.example.com/api/auth/signin?callbackUrl=https%3A%2F%2Fapp.example.com%2Forders
	// 401 {"message":"Sign in first."}
	// 200 the orders of ada
}

// This example admits a single user to a handler.
func ExampleEngine_RequireIf() {
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
				return &engine.User{ID: values["username"]}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	onlyAda := func(_ context.Context, p *engine.AuthorizedParams) (engine.Decision, error) {
		if p.Session.User.ID == "ada" {
			return engine.Allow(), nil
		}
		return engine.Deny(), nil
	}
	bills := eng.RequireIf(onlyAda, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "the bills")
	}))

	for _, name := range []string{"ada", "grace"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/api/bills", nil)
		if _, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"username": name}}); err != nil {
			log.Fatal(err)
		}
		bills.ServeHTTP(w, r)
		fmt.Println(name, w.Code, w.Body)
	}
	// Output:
	// ada 200 the bills
	// grace 403 {"message":"Not allowed."}
}
