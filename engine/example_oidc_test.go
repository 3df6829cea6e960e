package engine_test

import (
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
)

// This example signs in with an OpenID Connect provider. Everything but the
// issuer, the client id and the client secret is discovered.
func ExampleOIDC() {
	// A stand-in for Google.
	idp, err := authtest.StartIdP(authtest.IdPConfig{
		Users: []authtest.User{{Subject: "1815", Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: true}},
		Clients: []authtest.Client{{
			ID: "client-id", Secret: "client-secret",
			RedirectURIs: []string{"https://app.example.com/api/auth/callback/google"},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer idp.Close()

	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Providers: []engine.Provider{&engine.OIDC{
			ID:     "google",
			Name:   "Google",
			Issuer: idp.Issuer(), // in production: "https://accounts.google.com"
			OAuthConfig: engine.OAuthConfig{
				ClientID:     "client-id",     // in production: AUTH_GOOGLE_ID
				ClientSecret: "client-secret", // in production: AUTH_GOOGLE_SECRET
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()

	// Sign in at the provider and come back with a code, as a browser does.
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
	authorizationURL, err := eng.SignIn(w, r, "google", engine.SignInOptions{RedirectTo: "/welcome"})
	if err != nil {
		log.Fatal(err)
	}
	callbackURL, err := idp.SignIn(authorizationURL, "1815")
	if err != nil {
		log.Fatal(err)
	}
	r = httptest.NewRequest("GET", callbackURL, nil)
	for _, cookie := range w.Result().Cookies() {
		r.AddCookie(cookie)
	}
	w = httptest.NewRecorder()
	eng.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))

	session, err := eng.Session(w, r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*session.User.Name, *session.User.Email)
	// Output:
	// 302 https://app.example.com/welcome
	// Ada Lovelace ada@example.com
}
