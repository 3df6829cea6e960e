// Package sitetest tests the sites in the neighbouring folders, one for each
// router.
package sitetest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// Test tests the site that newSite returns for an engine. The site has
//
//   - the engine at /api/auth/,
//   - a public page /, "Hello, stranger!" or "Hello, <id of the user>!",
//   - a protected page /account/{section}, "<section> of <id>",
//   - a protected API route GET /api/orders, {"customer":"<id>"}.
func Test(t *testing.T, newSite func(*engine.Engine) (http.Handler, error)) {
	b := open(t, newSite)

	if got := b.get("/"); got.body != "Hello, stranger!" {
		t.Errorf("GET / when signed out: %v", got)
	}
	b.refuses(t)

	// Sign in as next-auth/react does.
	b.post("/api/auth/callback/credentials", url.Values{"username": {"ada"}, "password": {"lovelace"}, "callbackUrl": {"/account/profile"}},
		`{"url":"`+b.origin+`/account/profile"}`)
	for path, want := range map[string]string{
		"/":                "Hello, ada!",
		"/account/profile": "profile of ada",
		"/api/orders":      `{"customer":"ada"}`,
	} {
		got := b.get(path)
		if got.status != http.StatusOK || got.body != want {
			t.Errorf("GET %s when signed in: %v, want %s", path, got, want)
		}
		// The engine of this test extends the session on every read.
		if len(got.header["Set-Cookie"]) == 0 || !strings.Contains(got.header.Get("Cache-Control"), "private") {
			t.Errorf("GET %s: no session cookie, or an answer that a shared cache may store: %v", path, got.header)
		}
	}
	if got := b.get("/api/auth/session"); !strings.Contains(got.body, `"name":"Ada"`) {
		t.Errorf("GET /api/auth/session when signed in: %v", got)
	}

	b.post("/api/auth/signout", url.Values{"callbackUrl": {"/"}}, `{"url":"`+b.origin+`/"}`)
	b.refuses(t)
}

// refuses tests that a signed-out user does not reach a protected page, however
// the path is spelled.
func (b *browser) refuses(t *testing.T) {
	t.Helper()
	signIn := b.origin + "/api/auth/signin?callbackUrl=" + url.QueryEscape(b.origin+"/account/profile")
	if got := b.get("/account/profile"); got.status != http.StatusFound || got.header.Get("Location") != signIn {
		t.Errorf("GET /account/profile when signed out: %v, want a redirect to %s", got, signIn)
	}
	if got := b.get("/api/orders"); got.status != http.StatusUnauthorized || !strings.Contains(got.body, `{"message":`) {
		t.Errorf("GET /api/orders when signed out: %v", got)
	}
	for _, method := range []string{"GET", "HEAD", "POST", "CONNECT"} {
		for _, path := range []string{
			"/account", "/account/", "/account/profile/", "//account/profile", "/account//profile", "/./account/profile",
			"/x/../account/profile", "/account/../account/profile", "/account%2Fprofile", "/%61ccount/profile", "/account/a%2Fb",
			"/account/profile;x", "/account/profile?x", "/Account/profile", "/api/orders/", "/api//orders", "/api/%6Frders", "/api/orders%2F",
			"/api/x/..%2Forders", "/api/auth/../orders", "/api/auth/..%2Forders", "/api/auth/../../account/profile",
		} {
			r := httptest.NewRequest(method, "http://unused.example/", nil)
			r.Host, r.RequestURI = strings.TrimPrefix(b.origin, "http://"), path
			u, err := url.ParseRequestURI(path)
			if err != nil {
				t.Fatal(err)
			}
			r.URL = u
			w := httptest.NewRecorder()
			b.site.ServeHTTP(w, r) // a protected handler panics without a session
			if w.Code < 300 || w.Code >= 500 {
				t.Errorf("%s %s when signed out: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
}

// browser is a client with cookies.
type browser struct {
	t      *testing.T
	site   http.Handler
	client *http.Client
	origin string
}

type answer struct {
	status int
	header http.Header
	body   string
}

func open(t *testing.T, newSite func(*engine.Engine) (http.Handler, error)) *browser {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	origin := "http://" + server.Listener.Addr().String()
	ada := engine.User{ID: "ada", Name: new("Ada")}
	eng, err := engine.New(engine.Config{
		Secrets:          []string{"a secret of at least 32 characters"},
		URL:              origin,
		SessionUpdateAge: -1,
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
				if values["username"] != "ada" || values["password"] != "lovelace" {
					return nil, nil
				}
				return &ada, nil
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	site, err := newSite(eng)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = site
	server.Start()
	t.Cleanup(server.Close)

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t, site, client, origin}
}

// get requests a page, or anything below /api/ as a script does.
func (b *browser) get(path string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.origin+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if !strings.HasPrefix(path, "/api/") {
		r.Header.Set("Accept", "text/html")
	}
	return b.send(r)
}

// post submits a form with a CSRF token, as next-auth/react does, and tests the
// answer.
func (b *browser) post(path string, form url.Values, want string) {
	b.t.Helper()
	var csrf struct {
		Token string `json:"csrfToken"`
	}
	if err := json.Unmarshal([]byte(b.get("/api/auth/csrf").body), &csrf); err != nil {
		b.t.Fatal(err)
	}
	form.Set("csrfToken", csrf.Token)
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Auth-Return-Redirect", "1")
	if got := b.send(r); got.status != http.StatusOK || got.body != want {
		b.t.Fatalf("POST %s: %v, want %s", path, got, want)
	}
}

func (b *browser) send(r *http.Request) answer {
	b.t.Helper()
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, strings.TrimSpace(string(body))}
}
