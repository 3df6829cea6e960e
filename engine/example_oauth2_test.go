package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// This example signs in with GitHub, which does not support OpenID Connect and
// has a separate endpoint for the addresses of a user.
func ExampleOAuth2() {
	// A stand-in for GitHub.
	answers := func(pattern string, answer any) (string, http.HandlerFunc) {
		return pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(answer)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc(answers("POST /login/oauth/access_token", map[string]any{"access_token": "gho_1", "token_type": "bearer", "scope": "read:user,user:email"}))
	mux.HandleFunc(answers("GET /user", map[string]any{"id": 1815, "login": "ada", "name": nil, "avatar_url": "https://avatars.example/1815"}))
	mux.HandleFunc(answers("GET /user/emails", []any{map[string]any{"email": "ada@example.com", "primary": true, "verified": true}}))
	github := httptest.NewServer(mux)
	defer github.Close()

	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Providers: []engine.Provider{&engine.OAuth2{
			ID:               "github",
			Name:             "GitHub",
			AuthorizationURL: github.URL + "/login/oauth/authorize",    // https://github.com/login/oauth/authorize
			TokenURL:         github.URL + "/login/oauth/access_token", // https://github.com/login/oauth/access_token
			UserInfoURL:      github.URL + "/user",                     // https://api.github.com/user
			OAuthConfig: engine.OAuthConfig{
				ClientID:     "client-id",     // in production: AUTH_GITHUB_ID
				ClientSecret: "client-secret", // in production: AUTH_GITHUB_SECRET
				Scopes:       []string{"read:user", "user:email"},
				Profile: func(ctx context.Context, p engine.ProfileParams) (engine.User, error) {
					u := engine.User{ID: fmt.Sprint(p.Profile["id"])}
					if login, ok := p.Profile["login"].(string); ok {
						u.Name = &login
					}
					if avatar, ok := p.Profile["avatar_url"].(string); ok {
						u.Image = &avatar
					}

					r, err := http.NewRequestWithContext(ctx, "GET", github.URL+"/user/emails", nil) // https://api.github.com/user/emails
					if err != nil {
						return u, err
					}
					r.Header.Set("Authorization", "Bearer "+p.Tokens.AccessToken)
					response, err := p.Client.Do(r)
					if err != nil {
						return u, err
					}
					defer response.Body.Close()
					var emails []struct {
						Email             string
						Primary, Verified bool
					}
					if err := json.NewDecoder(response.Body).Decode(&emails); err != nil {
						return u, err
					}
					for _, e := range emails {
						if e.Primary && e.Verified {
							u.Email, u.EmailVerified = &e.Email, new(time.Now())
						}
					}
					return u, nil
				},
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()

	// Sign in at the provider and come back with a code, as a browser does.
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
	authorizationURL, err := eng.SignIn(w, r, "github", engine.SignInOptions{RedirectTo: "/welcome"})
	if err != nil {
		log.Fatal(err)
	}
	asked, _ := url.Parse(authorizationURL)
	callbackURL := asked.Query().Get("redirect_uri") + "?" + url.Values{"code": {"1"}, "state": {asked.Query().Get("state")}}.Encode()
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
	fmt.Println(*session.User.Name, *session.User.Email, *session.User.Image)
	// Output:
	// 302 https://app.example.com/welcome
	// ada ada@example.com https://avatars.example/1815
}
