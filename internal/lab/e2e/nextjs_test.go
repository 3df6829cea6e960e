package e2e_test

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/lab/npm"
)

// TestNextjs is the story of examples/nextjs, as it is deployed: its front end
// built and started by Next.js, its Go server behind rewrites().
func TestNextjs(t *testing.T) {
	chromium := findChromium(t)
	web := npm.InstallAbove(t, "../../../examples/nextjs/web")

	// The front end's port is taken until Next.js can have it: the build knows
	// the Go server's URL, which knows that of the front end.
	listener, port := takePort(t)
	front := "http://localhost:" + port

	binary := filepath.Join(t.TempDir(), "nextjs.exe")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../../examples/nextjs").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	server := startProgram(t, "Go server", ".", []string{"AUTH_URL=" + front}, binary, "-addr", "127.0.0.1:0")
	_, api, _ := strings.Cut(server.says("READY ", patience), "READY ")

	// The type check of the build: beside the front end, what must not compile.
	wrong, err := os.ReadFile("testdata/nextjs/wrong.ts")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(web, "wrong.ts"), wrong, 0o644); err != nil {
		t.Fatal(err)
	}
	next := func(name string, args ...string) *program {
		args = append([]string{filepath.Join("..", "node_modules", "next", "dist", "bin", "next")}, args...)
		return startProgram(t, name, web, []string{"API_URL=" + api, "NEXT_TELEMETRY_DISABLED=1"}, "node", args...)
	}
	began := time.Now()
	build := next("next build", "build")
	build.says("Running TypeScript", buildPatience)
	if err := build.wait(buildPatience); err != nil {
		t.Fatalf("next build: %v\n%s", err, build.output())
	}
	t.Logf("built in %v", time.Since(began).Round(time.Second))
	listener.Close()
	pages := next("next start", "start", "-H", "localhost", "-p", port)
	pages.says("Ready in", patience)

	s := &nextjs{front: front, api: api}
	b := newTab(t, "one", front, startBrowser(t, chromium), chromedp.WithNewBrowserContext())
	b.open("/")
	b.shows("#status", "unauthenticated")
	b.shows("#server-nobody", "Nobody is signed in.")
	b.settled(2)
	if body := b.body(sessionRead); body != "null" {
		t.Errorf("GET session of a stranger: %q", body)
	}
	s.refused(b, "/api/projects", http.StatusUnauthorized)

	// with OpenID Connect, somebody new
	b.click("#oidc")
	b.at(api + "/idp/authorize")
	b.click(`button[value="1"]`)
	b.isAt("/")
	b.shows("#role", "editor")
	b.shows("#server-role", "editor")
	b.shows("#org", "Acme Corporation")
	b.shows("#server-org", "Acme Corporation")
	b.settled(2)
	checkSessionCookie(b, clients[engine.DialectV5])
	s.hidden(b)
	s.refused(b, "/api/billing", http.StatusForbidden)
	b.click("#projects")
	b.shows(".project", "Analytical Engine (edit)")

	// update() of what the browser may change …
	s.theme(b, "system")
	b.click("#dark")
	s.theme(b, "dark")
	b.reload()
	s.theme(b, "dark")
	b.settled(2)

	// … and of what it may not
	const update = "POST /api/auth/session"
	b.despite([]string{
		update + ": 400",
		"browser log, error: Failed to load resource: the server responded with a status of 400",
		`update: the field "role" cannot be changed`, // by next-auth/react
	}, func() {
		b.click("#become-admin")
		b.shows("#became", "refused, the console says why")
	})
	if body := b.body(update); !strings.Contains(body, `\"role\"`) {
		t.Errorf("update({ role }) is answered with %s, which does not name the key", body)
	}
	b.shows("#role", "editor")
	b.reload()
	b.shows("#role", "editor")
	b.shows("#server-role", "editor")
	b.settled(2)

	s.signOut(b)

	// with a password; the other tab hears of it
	two := newTab(t, "two", front, b.ctx)
	two.open("/")
	two.shows("#status", "unauthenticated")
	two.settled(2)
	b.fill("input[name=username]", "ada")
	b.fill("input[name=password]", "wrong")
	b.click("#credentials")
	b.shows("#wrong", "This is not the password.")
	b.fill("input[name=password]", "lovelace")
	b.click("#credentials")
	b.shows("#role", "admin")
	b.shows("#server-role", "admin")
	two.shows("#role", "admin")
	two.settled(3)
	b.shows("#server-name", "Ada Lovelace")
	s.theme(b, "system")
	b.click("#billing")
	b.shows("#invoices", "2 open invoices") // so there is something to hide
	s.hidden(b)
	s.signOut(b)

	// by a page that needs a session, and the sign-in page of the Go server
	b.click(`a[href="/account"]`)
	b.at(front + "/api/auth/signin")
	b.click(`form[action$="/signin/demo"] button`)
	b.at(api + "/idp/authorize")
	b.click(`button[value="1"]`)
	b.isAt("/account")
	b.shows("#who", "grace@acme.example")
	b.settled(2)
	b.open("/")
	s.theme(b, "dark") // kept with the user
	b.settled(2)
	s.static(t, filepath.Join(web, ".next", "static"))

	// What the programs had to say: of the key that was refused, and of the
	// password.
	for _, p := range []*program{server, pages} {
		for line := range strings.Lines(p.output()) {
			switch {
			case strings.Contains(line, "UpdateRefused") && strings.Contains(line, "role"):
			case strings.Contains(line, "CredentialsSignin"):
			case strings.Contains(line, "level=WARN"), strings.Contains(line, "level=ERROR"), strings.Contains(line, "⨯"), strings.Contains(line, "⚠"):
				t.Errorf("%s: %s", p.name, line)
			}
		}
	}
}

// buildPatience is how long next build may take; seven seconds are usual.
const buildPatience = 5 * time.Minute

// nextjs is examples/nextjs.
type nextjs struct {
	front, api string // URLs: of Next.js, of the Go server
}

// theme waits until all show the theme: the client, the server component, and
// the page itself.
func (s *nextjs) theme(b *tab, want string) {
	b.t.Helper()
	b.shows("#theme", want)
	b.shows("#server-theme", want)
	theme := func() string { return b.eval("document.documentElement.dataset.theme") }
	b.eventually("the page has the theme "+want, func() bool { return theme() == want }, theme)
}

func (s *nextjs) signOut(b *tab) {
	b.t.Helper()
	b.click("#signout")
	b.shows("#status", "unauthenticated")
	b.shows("#server-nobody", "Nobody is signed in.")
	b.settled(2)
	if b.cookie(clients[engine.DialectV5].cookie) != nil {
		b.t.Error("the browser still has a session cookie")
	}
}

// get asks the front end outside the browser, with its cookies.
func (s *nextjs) get(b *tab, path string, header ...string) (status int, body string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, s.front+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	cookies, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{s.front}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range cookies.Cookies {
		req.Header.Add("Cookie", c.Name+"="+c.Value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func (s *nextjs) refused(b *tab, path string, want int) {
	b.t.Helper()
	if status, body := s.get(b, path); status != want {
		b.t.Errorf("GET %s: status %d, want %d: %s", path, status, want, body)
	}
}

// secrets begin what no browser may get: the name of the server's own field, and
// its values.
var secrets = []string{"stripeCustomerId", "cus_"}

// hidden looks for the server's own field in all that the browser gets of
// somebody who is signed in.
func (s *nextjs) hidden(b *tab) {
	b.t.Helper()
	for what, header := range map[string][]string{
		"/": nil, "/?rsc": {"RSC", "1"}, "/account": nil, "/api/auth/session": nil, "/api/projects": nil,
	} {
		status, body := s.get(b, what, header...)
		if status != http.StatusOK || !strings.Contains(body, "Analytical Engine") && !strings.Contains(body, "@acme.example") && !strings.Contains(body, "Acme Corporation") {
			b.t.Errorf("GET %s: status %d, not what somebody signed in gets: %s", what, status, body)
		}
		for _, secret := range secrets {
			if strings.Contains(body, secret) {
				b.t.Errorf("GET %s shows %q: %s", what, secret, body)
			}
		}
	}
	if shown := b.eval("document.documentElement.outerHTML"); shown == "" || strings.Contains(shown, secrets[0]) || strings.Contains(shown, secrets[1]) {
		b.t.Errorf("the page holds what it may not: %q", shown)
	}
}

// static looks for it in the scripts, too.
func (s *nextjs) static(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), secrets[0]) {
			t.Errorf("%s holds %q", path, secrets[0])
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files in %s: %v", files, dir, err)
	}
}

// ---- programs

// takePort takes a port until the listener is closed, at the latest with the
// test.
func takePort(t *testing.T) (listener net.Listener, port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	if _, port, err = net.SplitHostPort(listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	return listener, port
}

// program is a process, with those that it starts. All end with the test,
// however that ends.
type program struct {
	t     *testing.T
	name  string
	stdin io.Closer
	ended chan struct{}
	err   error // when it has ended

	mu    sync.Mutex
	lines []string // of stdout and stderr
	more  chan struct{}
}

func startProgram(t *testing.T, name, dir string, env []string, command string, args ...string) *program {
	t.Helper()
	guard, err := filepath.Abs("testdata/guard.mjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", append([]string{guard, command}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	p := &program{t: t, name: name, ended: make(chan struct{}), more: make(chan struct{}, 1)}
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() // the process has its own
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		out.Close()
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		defer out.Close()
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, lines.Text())
			p.mu.Unlock()
			select {
			case p.more <- struct{}{}:
			default:
			}
		}
		p.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stdin.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		select {
		case <-p.ended:
		case <-ctx.Done():
			t.Errorf("%s does not end", name)
			cmd.Process.Kill()
		}
		if t.Failed() {
			t.Logf("%s:\n%s", name, p.output())
		}
	})
	return p
}

func (p *program) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// says waits until the program prints a line with this part, and returns it.
func (p *program) says(part string, patience time.Duration) string {
	p.t.Helper()
	late := time.After(patience)
	for {
		ended := false
		select {
		case <-p.ended:
			ended = true
		default:
		}
		for line := range strings.SplitSeq(p.output(), "\n") {
			if strings.Contains(line, part) {
				return line
			}
		}
		if ended {
			p.t.Fatalf("%s ended (%v) and did not say %q:\n%s", p.name, p.err, part, p.output())
		}
		select {
		case <-p.more:
		case <-p.ended:
		case <-late:
			p.t.Fatalf("%s did not say %q within %v:\n%s", p.name, part, patience, p.output())
		}
	}
}

// wait waits until the program has ended.
func (p *program) wait(patience time.Duration) error {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		p.t.Fatalf("%s has not ended within %v:\n%s", p.name, patience, p.output())
	}
	return nil
}
