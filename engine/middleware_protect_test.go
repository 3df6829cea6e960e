package engine_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sesame-auth/sesame/engine"
)

func TestProtectMatchesEverySpellingOfAPath(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyJWT))
	protect, err := s.eng.Protect("/app/", "GET /api/orders/{id}", "POST /api/orders", "/exact", "/files/{path...}", "/{$}")
	if err != nil {
		t.Fatal(err)
	}
	// The next handler accepts every spelling of a path, as routers other than
	// ServeMux do.
	handler := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := engine.SessionFrom(r.Context()); ok {
			w.Write([]byte("known "))
		}
		w.Write([]byte("reached"))
	}))
	in := s.browser()
	in.signIn()
	for _, c := range []struct {
		method, target string
		protected      bool
	}{
		{"GET", "/app/", true}, {"GET", "/app/x", true}, {"GET", "/app/x/y?z", true}, {"POST", "/app/x", true}, {"GET", "/app", true}, {"OPTIONS", "/app/x", true},
		{"GET", "/api/orders/1", true}, {"HEAD", "/api/orders/1", true}, {"POST", "/api/orders", true}, {"GET", "/exact", true}, {"GET", "/files/a/b", true}, {"GET", "/", true},
		{"POST", "/api/orders/1", false}, {"GET", "/api/orders", false}, {"GET", "/exact/x", false}, {"GET", "/public", false}, {"GET", "/application", false}, {"GET", "/apple", false},
		// Other spellings.
		{"GET", "//app/x", true}, {"GET", "/app//x", true}, {"GET", "/./app/x", true}, {"GET", "/public/../app/x", true}, {"GET", "/%61pp/x", true}, {"GET", "/app%2Fx", true},
		{"GET", "/public/%2e%2e/app/x", true}, {"GET", "/app/../public", true}, {"GET", "/app/../api/auth/x", true}, {"GET", "/app/%2e%2e/api/auth/x", true},
		{"GET", "/api/auth/../../app/x", true}, {"GET", "/api/auth/%2e%2e/%2e%2e/app/x", true}, {"GET", "/exact?x=/public", true}, {"GET", "/exact/", true}, {"GET", "/exact%2f", true}, {"GET", "/api/orders/a%2Fb/", true}, {"POST", "/api/orders/", true}, {"GET", "/api/orders/", false}, {"GET", "///app///x", true},
		{"CONNECT", "/app/x", true}, {"CONNECT", "//app/x", true}, {"CONNECT", "/public/../app/x", true}, {"CONNECT", "/public/%2e%2e/app/x", true}, {"CONNECT", "//app/../public", true}, {"CONNECT", "//public", false},
		// Endpoints of the engine.
		{"GET", "/api/auth/session", false}, {"GET", "/api/auth/signin", false}, {"POST", "/api/auth/callback/credentials", false}, {"GET", "/api/authx", false},
	} {
		for _, b := range []*browser{s.browser(), in} {
			signedIn := b == in
			r := b.request("GET", "/", nil)
			r.Method = c.method
			u, err := url.ParseRequestURI(c.target)
			if err != nil {
				t.Fatal(err)
			}
			r.URL, r.RequestURI = u, c.target
			if signedIn {
				r.Header.Set("Cookie", sessionCookie+"="+in.cookie(sessionCookie))
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			got := strings.Contains(w.Body.String(), "reached")
			if want := signedIn || !c.protected; got != want {
				t.Errorf("%s %s, signed in %v: reached %v, want %v (%d)", c.method, c.target, signedIn, got, want, w.Code)
			}
			if known := strings.Contains(w.Body.String(), "known"); known != (signedIn && c.protected) {
				t.Errorf("%s %s, signed in %v: the handler has the session: %v", c.method, c.target, signedIn, known)
			}
		}
	}
	for _, bad := range [][]string{{"app"}, {"GET"}, {"/a/{x}/{x}"}, {"/{"}, {""}, {"/a", "/a"}, {"/ok", "GET  x"}, {"app.example.com/app/"}, {"GET app.example.com/app/"}} {
		if _, err := s.eng.Protect(bad...); err == nil {
			t.Errorf("Protect(%q) returned no error", bad)
		}
	}
	everything, err := s.eng.Protect("/")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(base+"/", s.eng)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("reached")) })
	b := s.browser()
	b.handler = everything(mux)
	if r := b.get("./x"); r.status != 401 {
		t.Errorf("behind Protect(/): %d", r.status)
	}
	b.signIn() // the endpoints of the engine are not protected
	if r := b.get("./x"); r.body != "reached" {
		t.Errorf("behind Protect(/), signed in: %d", r.status)
	}
}

// Protected files are not served for request lines that no browser sends.
func TestProtectMatchesRequestsThatNoBrowserSends(t *testing.T) {
	s := newSite(t)
	protect, err := s.eng.Protect("/app/", "/{$}")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"index.html": {Data: []byte("hidden")}, "app/x": {Data: []byte("hidden")}, "public": {Data: []byte("shown")}}
	server := httptest.NewServer(protect(http.FileServerFS(files)))
	defer server.Close()
	for _, method := range []string{"GET", "POST", "CONNECT", "BREW"} {
		for _, target := range []string{"/", "//", "/app/x", "//app/x", "/app//x", "/./app/x", "/public/../app/x", "/public/%2e%2e/app/x", "/app%2Fx", "localhost:80", "http://localhost/app/x", "http://localhost//app/x", "http://localhost", "/public"} {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, target)
			answer, err := io.ReadAll(conn)
			if conn.Close(); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 ") || strings.Contains(string(answer), "hidden") {
				t.Errorf("%s %s: %s, %v", method, target, answer, err)
			}
			if shown := strings.Contains(string(answer), "shown"); shown != (target == "/public") {
				t.Errorf("%s %s: %s", method, target, answer)
			}
		}
	}
}
