package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// newEngine is an engine with one way in, and users in a map.
func newEngine() *engine.Engine {
	passwords := map[string]string{"ada": "lovelace"}
	eng, err := engine.New(engine.Config{
		Secret: strings.Repeat("-secret", 6), // in production: AUTH_SECRET
		URL:    "https://app.example.com",    // in production: AUTH_URL
		Providers: []engine.Provider{&engine.Credentials{
			Inputs: []engine.CredentialInput{{Name: "username"}, {Name: "password", Type: "password"}},
			Authorize: func(ctx context.Context, values map[string]string, r *http.Request) (*engine.User, error) {
				name := values["username"]
				if want, ok := passwords[name]; !ok || values["password"] != want {
					return nil, nil // wrong credentials
				}
				return &engine.User{ID: name, Name: &name}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	return eng
}

// The engine is an http.Handler for everything below the base path, where
// next-auth/react looks for it.
func Example() {
	eng := newEngine()

	mux := http.NewServeMux()
	mux.Handle("/api/auth/", eng)

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/api/auth/session", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 200 null
}

// Require guards a handler. A page is sent to the sign-in page and comes back;
// an API answers 401.
func ExampleEngine_Require() {
	eng := newEngine()

	orders := eng.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := engine.SessionFrom(r.Context())
		fmt.Fprintln(w, "orders of", session.User.ID)
	}))

	page := httptest.NewRequest("GET", "/orders?open=1", nil)
	page.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	orders.ServeHTTP(w, page)
	fmt.Println(w.Code, w.Header().Get("Location"))

	api := httptest.NewRequest("GET", "/orders?open=1", nil)
	w = httptest.NewRecorder()
	orders.ServeHTTP(w, api)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 302 https://app.example.com/api/auth/signin?callbackUrl=https%3A%2F%2Fapp.example.com%2Forders%3Fopen%3D1
	// 401 {"message":"Sign in first."}
}

// Protect is Require for the paths of a router. It is a plain middleware:
//
//	r.Use(protect)                                  // chi
//	e.Use(echo.WrapMiddleware(protect))             // echo
//	http.ListenAndServe(addr, protect(ginEngine))   // gin, or any http.Handler
func ExampleEngine_Protect() {
	eng := newEngine()

	protect, err := eng.Protect("/app/", "POST /api/")
	if err != nil {
		log.Fatal(err)
	}
	site := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello")
	}))

	for _, path := range []string{"/", "/app/settings"} {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, w.Code)
	}
	// Output:
	// / 200
	// /app/settings 401
}

// Session is auth() of Auth.js: the session where a page is public and only
// wants to know.
func ExampleEngine_Session() {
	eng := newEngine()

	home := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := eng.Session(w, r)
		if err != nil || session == nil {
			fmt.Fprint(w, "hello, stranger")
			return
		}
		name := session.User.ID
		if session.User.Name != nil {
			name = *session.User.Name
		}
		fmt.Fprintf(w, "hello, %s", name)
	})

	w := httptest.NewRecorder()
	home.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Body)
	// Output: hello, stranger
}

// A flag of the application prints what the engine makes of its configuration,
// and what is wrong with it.
func ExampleDiagnose() {
	cfg := engine.Config{
		Secret: "changeme",
		URL:    "https://app.example.com",
	}
	report := engine.Diagnose(context.Background(), cfg)
	for _, f := range report.Findings {
		if f.Subject == "secret" {
			fmt.Println(f.Level, f.Text)
			fmt.Println(f.Fix)
		}
	}
	fmt.Println(report.OK())
	// Output:
	// INFO 8 characters, from Config.Secret
	//
	// ERROR the secret has 8 characters, at least 32 are needed
	// make one with `openssl rand -base64 33`
	// false
}

// Purge removes what has expired at a time of the application's choice. It is
// safe to run in every replica. With a Redis adapter, which expires rows itself,
// it does nothing.
func ExampleEngine_Purge() {
	adapter := memory.New(nil) // in production: a database
	eng, err := engine.New(engine.Config{
		Secret:        strings.Repeat("secret ", 6),
		Adapter:       adapter,
		PurgeInterval: -1, // not after sign-ins
	})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()

	// The loop runs beside the server: go purgeEvery(ctx, time.Tick(time.Hour))
	purgeEvery := func(ctx context.Context, ticks <-chan time.Time) {
		for range ticks {
			removed, err := eng.Purge(ctx)
			if ctx.Err() != nil {
				return // the program ends
			}
			if err != nil {
				log.Print(err) // what is left goes the next time
			}
			fmt.Println("removed", removed)
		}
	}

	// Somebody asked for a mail link in the year 2000 and never came back.
	ctx := context.Background()
	adapter.CreateVerificationToken(ctx, store.VerificationToken{
		Identifier: "ada@example.com", Token: "a hash", Expires: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	ticks := make(chan time.Time, 2)
	ticks <- time.Now()
	ticks <- time.Now()
	close(ticks)
	purgeEvery(ctx, ticks)
	// Output:
	// removed 1
	// removed 0
}

// SignIn signs in from a handler of the application, a form of its own say.
func ExampleEngine_SignIn() {
	eng := newEngine()

	login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		url, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{
			RedirectTo:  "/welcome",
			Credentials: map[string]string{"username": r.FormValue("username"), "password": r.FormValue("password")},
		})
		if err != nil {
			http.Error(w, "That did not work.", http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, url, http.StatusSeeOther)
	})

	form := httptest.NewRequest("POST", "/login", strings.NewReader("username=ada&password=lovelace"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	login.ServeHTTP(w, form)
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 303 https://app.example.com/welcome
}

// A schema says which fields there are and what the browser may do with them:
// here useSession() shows session.user.id and session.user.role, and
// update({ theme }) changes the theme. What is not declared stays on the server.
func ExampleConfig_schema() {
	_, err := engine.New(engine.Config{
		Secret: strings.Repeat("secret ", 6),
		Schema: &engine.Schema{
			User: []schema.Field{{Name: "id", Client: schema.Read}, {
				Name:    "role",
				Type:    schema.Type{Kind: schema.Enum, Name: "Role", Enum: []string{"admin", "member"}},
				Default: "member",
				Client:  schema.Read,
			}},
			Session: []schema.Field{{
				Name:    "theme",
				Type:    schema.Type{Kind: schema.Enum, Name: "Theme", Enum: []string{"light", "dark"}},
				Default: "light",
				Client:  schema.Write,
			}},
		},
	})
	fmt.Println(err)
	// Output: <nil>
}
