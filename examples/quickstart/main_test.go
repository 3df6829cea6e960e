package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var quickstart string // the program under test

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "quickstart")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	quickstart = filepath.Join(dir, "quickstart")
	if out, err := exec.Command("go", "build", "-o", quickstart, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// ---- the program

// app is a running quickstart.
type app struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	stdout chan string // one line each, then closed
	stderr *buffer
	ended  bool
}

// command returns the program, with an environment that it must ignore.
func command(dir string, more ...string) *exec.Cmd {
	cmd := exec.Command(quickstart, append([]string{"-addr", "127.0.0.1:0", "-data", dir}, more...)...)
	cmd.Env = append(os.Environ(), "AUTH_URL=https://elsewhere.example/x", "AUTH_SECRET=short", "AUTH_TRUST_HOST=perhaps")
	return cmd
}

func start(t *testing.T, dir string) *app {
	t.Helper()
	a := &app{t: t, cmd: command(dir), stdout: make(chan string, 16), stderr: new(buffer)}
	a.cmd.Stderr = a.stderr
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !a.ended {
			a.cmd.Process.Kill()
			a.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("stderr:\n%s", a.stderr)
		}
	})
	go func() {
		defer close(a.stdout)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			a.stdout <- lines.Text()
		}
	}()
	select {
	case line := <-a.stdout:
		m := regexp.MustCompile(`^READY (http://127\.0\.0\.1:[1-9][0-9]*)$`).FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("the first line is %q, want READY and a URL", line)
		}
		a.url = m[1]
	case <-time.After(30 * time.Second):
		t.Fatal("not READY after 30 seconds")
	}
	return a
}

// stop ends the program and returns how it ended.
func (a *app) stop(signal os.Signal) error {
	a.t.Helper()
	if err := a.cmd.Process.Signal(signal); err != nil {
		a.t.Fatal(err)
	}
	a.ended = true
	timer := time.AfterFunc(20*time.Second, func() { a.cmd.Process.Kill() })
	defer timer.Stop()
	for line := range a.stdout {
		a.t.Errorf("a second line on stdout: %q", line)
	}
	return a.cmd.Wait()
}

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// ---- a browser without scripts

type browser struct {
	t      *testing.T
	client http.Client
}

// page is what the browser shows.
type page struct {
	url    *url.URL
	status int
	header http.Header
	body   string
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, http.Client{Jar: jar, Timeout: 20 * time.Second}}
}

func (b *browser) do(method, u, origin string, form url.Values) page {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, u, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin)
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{res.Request.URL, res.StatusCode, res.Header, string(text)}
}

func (b *browser) open(u string) page {
	b.t.Helper()
	return b.do("GET", u, "", nil)
}

var (
	formElement  = regexp.MustCompile(`<form([^>]*)>([\s\S]*?)</form>`)
	inputElement = regexp.MustCompile(`<input([^>]*)>`)
	button       = regexp.MustCompile(`<button([^>]*)>([\s\S]*?)</button>`)
)

func attribute(element, name string) string {
	m := regexp.MustCompile(`\b` + name + `="([^"]*)"`).FindStringSubmatch(element)
	if m == nil {
		return ""
	}
	return unescape(m[1])
}

func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">").Replace(s)
}

// submit fills in the form whose HTML contains mark and sends it, by the button
// that contains mark, if any.
func (b *browser) submit(p page, mark string, values map[string]string) page {
	b.t.Helper()
	for _, m := range formElement.FindAllStringSubmatch(p.body, -1) {
		if !strings.Contains(m[0], mark) {
			continue
		}
		form := make(url.Values)
		for _, in := range inputElement.FindAllStringSubmatch(m[2], -1) {
			if name := attribute(in[1], "name"); name != "" {
				form.Set(name, attribute(in[1], "value"))
			}
		}
		for _, in := range button.FindAllStringSubmatch(m[2], -1) {
			if name := attribute(in[1], "name"); name != "" && strings.Contains(in[2], mark) {
				form.Set(name, attribute(in[1], "value"))
			}
		}
		for name, value := range values {
			if !form.Has(name) {
				b.t.Fatalf("the form of %s has no field %q: %s", p.url, name, m[0])
			}
			form.Set(name, value)
		}
		action, err := p.url.Parse(attribute(m[1], "action"))
		if err != nil {
			b.t.Fatal(err)
		}
		method := strings.ToUpper(attribute(m[1], "method"))
		if method != "POST" {
			action.RawQuery = form.Encode()
			return b.open(action.String())
		}
		return b.do(method, action.String(), p.url.Scheme+"://"+p.url.Host, form)
	}
	b.t.Fatalf("%s (status %d) has no form with %q:\n%s", p.url, p.status, mark, p.body)
	panic("unreachable")
}

// expect checks the URL and the page of the browser.
func (b *browser) expect(p page, status int, path string, texts ...string) {
	b.t.Helper()
	if p.status != status || p.url.Path != path {
		b.t.Fatalf("status %d at %s, want %d at %s\n%s", p.status, p.url, status, path, p.body)
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			b.t.Fatalf("%s does not show %q:\n%s", p.url, text, p.body)
		}
	}
}

// me calls the JSON API as a script does.
func (b *browser) me(a *app) (status int, body map[string]any) {
	b.t.Helper()
	res, err := b.client.Get(a.url + "/api/me")
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		b.t.Fatalf("/api/me: Content-Type %q", got)
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		b.t.Fatalf("/api/me: %v", err)
	}
	return res.StatusCode, body
}

func (b *browser) signInAsAda(a *app) page {
	b.t.Helper()
	p := b.open(a.url + "/protected")
	return b.submit(p, `/callback/credentials"`, map[string]string{"username": "ada", "password": "lovelace"})
}

// ---- stories

func TestSignedOut(t *testing.T) {
	a := start(t, t.TempDir())
	b := newBrowser(t)
	b.expect(b.open(a.url), 200, "", "Sign in", "lovelace")
	b.expect(b.open(a.url+"/mailbox"), 200, "/mailbox", "No mail yet")
	b.expect(b.open(a.url+"/session"), 200, "/session", ">null</pre>")
	b.expect(b.open(a.url+"/nowhere"), 404, "/nowhere")

	if status, body := b.me(a); status != 401 || body["message"] == nil {
		t.Errorf("/api/me: status %d, body %v", status, body)
	}

	p := b.open(a.url + "/protected?tab=2")
	b.expect(p, 200, "/api/auth/signin", "Demo provider")
	if got, want := p.url.Query().Get("callbackUrl"), a.url+"/protected?tab=2"; got != want {
		t.Errorf("callbackUrl is %q, want %q", got, want)
	}
}

func TestHeaders(t *testing.T) {
	a := start(t, t.TempDir())
	b := newBrowser(t)
	for _, path := range []string{"/", "/session", "/mailbox"} {
		h := b.open(a.url + path).header
		for name, want := range map[string]string{
			"Content-Type":            "text/html; charset=utf-8",
			"Cache-Control":           "private, no-store",
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
			"Referrer-Policy":         "same-origin",
			"X-Content-Type-Options":  "nosniff",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
	if got := b.open(a.url + "/style.css").header.Get("Content-Type"); got != "text/css; charset=utf-8" {
		t.Errorf("/style.css: Content-Type is %q", got)
	}
}

func TestPassword(t *testing.T) {
	a := start(t, t.TempDir())
	b := newBrowser(t)

	p := b.open(a.url + "/protected")
	p = b.submit(p, `/callback/credentials"`, map[string]string{"username": "ada", "password": "byron"})
	b.expect(p, 200, "/api/auth/signin", `role="alert"`)
	if status, _ := b.me(a); status != 401 {
		t.Fatalf("/api/me after a wrong password: status %d", status)
	}

	p = b.submit(p, `/callback/credentials"`, map[string]string{"username": "ada", "password": "lovelace"})
	b.expect(p, 200, "/protected", "Hello, Ada Lovelace", "ada@example.com")
	b.expect(b.open(a.url), 200, "", "Hello, Ada Lovelace")
	status, body := b.me(a)
	if status != 200 || body["id"] != "ada" || body["name"] != "Ada Lovelace" || body["email"] != "ada@example.com" {
		t.Errorf("/api/me: status %d, body %v", status, body)
	}

	// The session page shows the body of the endpoint unchanged.
	raw := b.open(a.url + "/api/auth/session").body
	if !strings.Contains(raw, `"name":"Ada Lovelace"`) || strings.Contains(raw, `"ada"`) {
		t.Errorf("GET session: %s", raw)
	}
	shown := unescape(b.open(a.url + "/session").body)
	for _, want := range []string{raw, `"ID": "ada"`, `"Strategy": "database"`} {
		if !strings.Contains(shown, want) {
			t.Errorf("/session does not show %q", want)
		}
	}

	p = b.open(a.url + "/api/auth/signout?callbackUrl=/")
	b.expect(b.submit(p, "/signout", nil), 200, "/", "Sign in")
	if status, _ := b.me(a); status != 401 {
		t.Errorf("/api/me after sign-out: status %d", status)
	}
	b.expect(b.open(a.url+"/protected"), 200, "/api/auth/signin")
}

func TestMailLink(t *testing.T) {
	a := start(t, t.TempDir())
	b := newBrowser(t)
	p := b.open(a.url + "/api/auth/signin?callbackUrl=/protected")
	p = b.submit(p, `/signin/email"`, map[string]string{"email": "Grace@Example.com"})
	b.expect(p, 200, "/mailbox", "Check your mail", "To grace@example.com")
	link := regexp.MustCompile(`href="([^"]*/callback/email[^"]*)"`).FindStringSubmatch(p.body)
	if link == nil {
		t.Fatalf("no link in the mailbox:\n%s", p.body)
	}
	mail := unescape(link[1])
	if !strings.Contains(a.stderr.String(), mail) {
		t.Errorf("the link is not on stderr: %s", mail)
	}
	if strings.Contains(p.body, "ada@example.com") {
		t.Error("the mailbox has mail for somebody else")
	}

	// Opening the link, as a mail scanner does, does not use it up.
	newBrowser(t).open(mail)
	p = b.open(mail)
	b.expect(p, 200, "/api/auth/callback/email", "grace@example.com")
	if status, _ := b.me(a); status != 401 {
		t.Fatalf("opening the link has signed in: status %d", status)
	}
	b.expect(b.submit(p, `name="token"`, nil), 200, "/protected", "<h1>Hello</h1>", "<dd>grace@example.com</dd>")

	other := newBrowser(t)
	p = other.submit(other.open(mail), `name="token"`, nil)
	other.expect(p, 403, "/api/auth/error", "This link no longer works")
}

func TestIdentityProvider(t *testing.T) {
	a := start(t, t.TempDir())
	for _, host := range []string{"127.0.0.1", "localhost"} { // users open both
		b := newBrowser(t)
		base := strings.Replace(a.url, "127.0.0.1", host, 1)
		p := b.open(base + "/protected")
		p = b.submit(p, `/signin/demo"`, nil)
		b.expect(p, 200, "/idp/authorize")
		p = b.submit(p, "Grace Hopper", nil)
		b.expect(p, 200, "/protected", "Hello, Grace Hopper")
		if p.url.Hostname() != host {
			t.Errorf("ended at %s, began at %s", p.url, base)
		}
	}
}

func TestRestartKeepsSession(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b") // created at the first start
	a := start(t, dir)
	b := newBrowser(t)
	b.expect(b.signInAsAda(a), 200, "/protected", "Ada Lovelace")
	secret, err := os.ReadFile(filepath.Join(dir, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.stop(os.Interrupt); err != nil {
		t.Fatalf("SIGINT: %v", err)
	}
	if strings.Contains(a.stderr.String(), strings.TrimSpace(string(secret))) {
		t.Error("the secret is in the log")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", e.Name(), info.Mode())
		}
		if strings.HasPrefix(e.Name(), "secret-") {
			t.Errorf("%s was left behind", e.Name())
		}
	}

	a = start(t, dir) // on another port: cookies do not depend on it
	b.expect(b.open(a.url+"/protected"), 200, "/protected", "Ada Lovelace")
	again, err := os.ReadFile(filepath.Join(dir, "secret"))
	if err != nil || !bytes.Equal(secret, again) {
		t.Errorf("the secret has changed (%v)", err)
	}
	if err := a.stop(syscall.SIGTERM); err != nil {
		t.Fatalf("SIGTERM: %v", err)
	}
}

// An idle connection does not keep the program from a clean exit.
func TestStopWithOpenConnection(t *testing.T) {
	a := start(t, t.TempDir())
	c, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := a.stop(os.Interrupt); err != nil {
		t.Fatalf("SIGINT: %v", err)
	}
}

func TestTwoAtOnce(t *testing.T) {
	dir := t.TempDir()
	second := command(dir)
	stdout, err := second.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { second.Process.Kill(); second.Wait() }()
	a := start(t, dir)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	b.expect(b.signInAsAda(a), 200, "/protected", "Ada Lovelace")
	a.url = strings.TrimSpace(strings.TrimPrefix(line, "READY "))
	b.expect(b.open(a.url+"/protected"), 200, "/protected", "Ada Lovelace")
	// The CSRF cookie is signed with the secret, which is the same for both.
	p := b.open(a.url + "/api/auth/signout?callbackUrl=/")
	b.expect(b.submit(p, "/signout", nil), 200, "/", "Sign in")
}

func TestSecretOthersCanRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 40)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := start(t, dir)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	if log := a.stderr.String(); !strings.Contains(log, "others could read the secret") || !strings.Contains(log, path) {
		t.Errorf("the log does not mention it:\n%s", log)
	}
}

func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	short := t.TempDir()
	if err := os.WriteFile(filepath.Join(short, "secret"), []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	linked := t.TempDir()
	if err := os.Symlink(file, filepath.Join(linked, "secret")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"port taken":       {[]string{"-addr", taken.Addr().String()}, 1, []string{taken.Addr().String(), "in use", "-addr 127.0.0.1:0"}},
		"every interface":  {[]string{"-addr", "0.0.0.0:0"}, 1, []string{"other machines", "127.0.0.1:0"}},
		"no host":          {[]string{"-addr", ":0"}, 1, []string{"other machines"}},
		"no port":          {[]string{"-addr", "localhost"}, 1, []string{"-addr", "port"}},
		"unknown flag":     {[]string{"-port", "1"}, 2, []string{"-port", "-addr", "-data"}},
		"argument":         {[]string{"serve"}, 2, []string{"serve", "-addr", "-data"}},
		"data is a file":   {[]string{"-data", file}, 1, []string{"-data", file}},
		"short secret":     {[]string{"-data", short}, 1, []string{"3 characters", filepath.Join(short, "secret")}},
		"secret is a link": {[]string{"-data", linked}, 1, []string{"not a plain file"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t.TempDir(), c.args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer timer.Stop()
			cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("exit code %d, want %d", got, c.code)
			}
			for _, text := range c.says {
				if !strings.Contains(stderr.String(), text) {
					t.Errorf("stderr does not contain %q:\n%s", text, &stderr)
				}
			}
			if stdout.Len() > 0 || strings.Contains(stderr.String(), "panic") {
				t.Errorf("stdout:\n%s\nstderr:\n%s", &stdout, &stderr)
			}
		})
	}
}

// The doctor reports the configuration, changes nothing, and exits.
func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	for _, what := range []string{"a new folder", "a folder in use"} {
		cmd := command(dir, "-addr", "127.0.0.1:0", "-doctor")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err != nil {
			t.Errorf("%s: %v\n%s", what, err, &stderr)
		}
		for _, text := range []string{
			"ok    secret ", "44 characters", "/api/auth/", "authjs.session-token", "strategy database", "*entclient.Adapter (ent on sqlite3): it reads and writes",
			`provider "demo"`, "it answers, and knows the client", "0 problems, ",
		} {
			if !strings.Contains(stdout.String(), text) {
				t.Errorf("%s: the report does not contain %q:\n%s", what, text, &stdout)
			}
		}
		if strings.Contains(stdout.String(), "READY") {
			t.Errorf("%s: it serves", what)
		}
	}
}
