package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// program is the built program.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "vite-react-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "vite-react")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	code := 1
	if said, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, said)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// settings are the flags and the environment of the program.
type settings struct {
	web string // -web
	url string // AUTH_URL
}

// start runs the program and returns its URL.
func start(t *testing.T, s settings) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "-addr", "127.0.0.1:0", "-data", t.TempDir(), "-web", s.web)
	cmd.Env = append(os.Environ(), "AUTH_URL="+s.url)
	var log bytes.Buffer // read only after the process has ended
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Wait() // the test's context ends it
		if t.Failed() {
			t.Logf("the program's log:\n%s", log.String())
		}
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal(lines.Err())
	}
	self, ok := strings.CutPrefix(lines.Text(), "READY ")
	if !ok {
		t.Fatalf("the first line is %q, want READY and a URL", lines.Text())
	}
	want := []string{"API_URL=" + self + " npm run dev", "open " + s.url}
	if s.web != "" {
		want = []string{"open " + self}
	}
	for _, text := range want {
		if !lines.Scan() || !strings.Contains(lines.Text(), text) {
			t.Fatalf("the program says %q, want %q", lines.Text(), text)
		}
	}
	return self
}

// browser has cookies, but no scripts.
type browser struct {
	t      *testing.T
	self   string
	client http.Client
}

func newBrowser(t *testing.T, self string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t, self, http.Client{Jar: jar, CheckRedirect: noRedirect}}
}

func (b *browser) do(method, path, body string) (int, http.Header, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.self+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if method != "GET" {
		req.Header.Set("Origin", b.self) // as browsers do
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(answer)
}

// post sends a form with the CSRF token and returns the redirect.
func (b *browser) post(path string, form url.Values) string {
	b.t.Helper()
	var csrf struct{ CSRFToken string }
	if _, _, body := b.do("GET", "/api/auth/csrf", ""); json.Unmarshal([]byte(body), &csrf) != nil {
		b.t.Fatalf("csrf: %s", body)
	}
	form.Set("csrfToken", csrf.CSRFToken)
	status, header, body := b.do("POST", path, form.Encode())
	if status != http.StatusFound {
		b.t.Fatalf("POST %s: status %d, %s", path, status, body)
	}
	return header.Get("Location")
}

// name returns the signed-in user's name, or "".
func (b *browser) name() string {
	b.t.Helper()
	var session struct{ User struct{ Name string } }
	status, _, body := b.do("GET", "/api/auth/session", "")
	if err := json.Unmarshal([]byte(body), &session); status != http.StatusOK || err != nil {
		b.t.Fatalf("session: status %d, %s", status, body)
	}
	return session.User.Name
}

// story does what the page does, without its scripts. idp is the URL of the server
// with the identity provider.
func story(t *testing.T, front, idp string) {
	b := newBrowser(t, front)
	if status, _, _ := b.do("PUT", "/api/name", `{"name":"Eve"}`); status != http.StatusUnauthorized {
		t.Errorf("a stranger changes a name: status %d", status)
	}
	b.post("/api/auth/callback/credentials", url.Values{"username": {"ada"}, "password": {"Lovelace"}})
	if name := b.name(); name != "" {
		t.Fatalf("signed in as %q with a wrong password", name)
	}
	b.post("/api/auth/callback/credentials", url.Values{"username": {"ada"}, "password": {"lovelace"}})
	if name := b.name(); name != "Ada Lovelace" {
		t.Fatalf("signed in as %q", name)
	}
	for body, want := range map[string]int{`{"name":" "}`: 400, `{`: 400, `{"name":"` + strings.Repeat("a", 101) + `"}`: 400} {
		if status, _, _ := b.do("PUT", "/api/name", body); status != want {
			t.Errorf("PUT %.20s: status %d, want %d", body, status, want)
		}
	}
	if status, _, body := b.do("PUT", "/api/name", `{"name":"Countess Lovelace"}`); status != http.StatusNoContent {
		t.Fatalf("PUT: status %d, %s", status, body)
	}
	if name := b.name(); name != "Countess Lovelace" {
		t.Errorf("renamed to %q", name)
	}
	b.post("/api/auth/signout", url.Values{})
	if name := b.name(); name != "" {
		t.Errorf("still signed in as %q", name)
	}

	at := b.post("/api/auth/signin/demo", url.Values{})
	path, ok := strings.CutPrefix(at, idp)
	if !ok {
		t.Fatalf("the sign-in leads to %s", at)
	}
	elsewhere := newBrowser(t, idp)
	_, header, _ := elsewhere.do("POST", path, "user=1")
	back, ok := strings.CutPrefix(header.Get("Location"), front)
	if !ok {
		t.Fatalf("the provider sends the browser to %q, not to the front end", header.Get("Location"))
	}
	if status, header, body := b.do("GET", back, ""); status != http.StatusFound || strings.TrimSuffix(header.Get("Location"), "/") != front {
		t.Fatalf("callback: status %d to %q, %s", status, header.Get("Location"), body)
	}
	if name := b.name(); name != "Grace Hopper" {
		t.Errorf("signed in as %q", name)
	}
}

func TestServerAlone(t *testing.T) {
	web := t.TempDir()
	if err := os.WriteFile(filepath.Join(web, "index.html"), []byte("the page"), 0o644); err != nil {
		t.Fatal(err)
	}
	self := start(t, settings{web: web})
	if _, _, page := newBrowser(t, self).do("GET", "/", ""); page != "the page" {
		t.Errorf("GET /: %s", page)
	}
	story(t, self, self)
}

func TestRefusesToStart(t *testing.T) {
	for _, c := range []struct {
		want, url string
		args      []string
	}{
		{want: "other machines", args: []string{"-addr", "0.0.0.0:0"}},
		{want: "-addr", args: []string{"-addr", "localhost"}},
		{want: "-web", args: []string{"-addr", "127.0.0.1:0", "-web", t.TempDir()}},
		{want: "AUTH_URL", args: []string{"-addr", "127.0.0.1:0"}, url: "localhost:5173"},
		{want: "unexpected argument", args: []string{"8080"}},
	} {
		cmd := exec.CommandContext(t.Context(), program, append([]string{"-data", t.TempDir()}, c.args...)...)
		cmd.Env = append(os.Environ(), "AUTH_URL="+c.url)
		if said, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(said), c.want) {
			t.Errorf("%q, AUTH_URL=%s: %v, %s; want %s", c.args, c.url, err, said, c.want)
		}
	}
}
