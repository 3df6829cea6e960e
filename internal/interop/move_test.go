//go:build unix

package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/npm"
)

const moveSecret = "a secret of both sides, for tests only"

// moving is an app of next-auth 5 whose [...nextauth] is still there.
var moving = map[string]string{
	"package.json":    `{"name":"moving","private":true}`,
	"app/layout.js":   `export default ({ children }) => <html><body>{children}</body></html>`,
	"app/who/page.js": `import { auth } from "../../auth"; export default async () => <p>{"seen:" + ((await auth())?.user?.name ?? "nobody")}</p>`,
	"app/api/auth/[...nextauth]/route.js": `export { GET, POST } from "../../../../auth"
`,
	"auth.js": `import NextAuth from "next-auth"
import Credentials from "next-auth/providers/credentials"
export const { auth, handlers: { GET, POST } } = NextAuth({
  secret: "` + moveSecret + `", trustHost: true,
  providers: [Credentials({ credentials: { username: {} }, authorize: () => ({ id: "1", name: "Somebody of Next.js" }) })],
})
`,
}

// TestMove is steps 4 and 5 of docs/moving-from-authjs.md and the way back, with
// the next.config.mjs of that page: whoever is signed in stays so.
func TestMove(t *testing.T) {
	root := npm.Packages(t, web)
	dir, err := os.MkdirTemp(root, "moving-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	page, err := os.ReadFile("../../docs/moving-from-authjs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, config, ok := strings.Cut(string(page), "// next.config.mjs\n")
	config, _, closed := strings.Cut(config, "```")
	if !ok || !closed {
		t.Fatal("docs/moving-from-authjs.md has no next.config.mjs")
	}
	write := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range moving {
		write(name, text)
	}
	write("next.config.mjs", config)

	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	front := fmt.Sprintf("http://localhost:%d", port)
	eng, err := engine.New(engine.Config{
		URL: front, Secret: moveSecret, Logger: slog.New(slog.DiscardHandler), Getenv: func(string) string { return "" },
		Providers: []engine.Provider{&engine.Credentials{
			Inputs: []engine.CredentialInput{{Name: "username"}},
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return &engine.User{ID: "2", Name: new("Somebody of Sesame")}, nil
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { eng.Close() })
	var asked atomic.Int64
	sesame := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		eng.ServeHTTP(w, r)
	}))
	t.Cleanup(sesame.Close)

	early, late := newMover(t, front), newMover(t, front)
	run := func(address string, story func()) {
		t.Helper()
		stop := startMoving(t, root, dir, port, address)
		defer stop()
		asked.Store(0)
		story()
		if (asked.Load() > 0) != (address != "") {
			t.Errorf("with SESAME_URL=%q Sesame was asked %d times", address, asked.Load())
		}
	}
	run("", func() {
		early.signIn()
		early.mustBe("Somebody of Next.js")
	})
	run(sesame.URL, func() {
		early.mustBe("Somebody of Next.js")
		late.signIn()
		late.mustBe("Somebody of Sesame")
	})
	run("", func() { // the way back
		early.mustBe("Somebody of Next.js")
		late.mustBe("Somebody of Sesame")
	})
	if err := os.RemoveAll(filepath.Join(dir, "app", "api")); err != nil {
		t.Fatal(err)
	}
	run(sesame.URL, func() { // nothing is left but auth()
		early.mustBe("Somebody of Next.js")
		late.mustBe("Somebody of Sesame")
	})
}

// startMoving builds and starts the app in dir.
func startMoving(t *testing.T, root, dir string, port int, sesame string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	env := []string{"SESAME_URL=" + sesame}
	build, _, err := nextCommand(ctx, root, "build", dir)
	if err != nil {
		t.Fatal(err)
	}
	build.Env = append(build.Env, env...)
	if said, err := build.CombinedOutput(); err != nil {
		cancel()
		t.Fatalf("next build: %v\n%s", err, said)
	}
	cmd, stdin, err := nextCommand(ctx, root, "start", dir, "--port", fmt.Sprint(port), "--hostname", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, env...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if strings.Contains(lines.Text(), "Ready") {
				select {
				case ready <- struct{}{}:
				default:
				}
			}
		}
		cmd.Wait()
	}()
	stop = func() {
		stdin.Close() // which ends it
		<-ended
		cancel()
	}
	select {
	case <-ready:
	case <-ended:
		t.Fatal("next start ended")
	case <-time.After(patience):
		stop()
		t.Fatal("next start does not get ready")
	}
	return stop
}

// mover is a browser that stays while the server behind the site changes.
type mover struct {
	t      *testing.T
	front  string
	client http.Client
}

func newMover(t *testing.T, front string) *mover {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &mover{t, front, http.Client{Jar: jar, CheckRedirect: noRedirect}}
}

func (m *mover) body(res *http.Response, err error) string {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(body)
}

func (m *mover) signIn() {
	m.t.Helper()
	var csrf struct{ CSRFToken string }
	if body := m.body(m.client.Get(m.front + "/api/auth/csrf")); json.Unmarshal([]byte(body), &csrf) != nil {
		m.t.Fatalf("csrf: %s", body)
	}
	m.body(m.client.PostForm(m.front+"/api/auth/callback/credentials", url.Values{"csrfToken": {csrf.CSRFToken}, "username": {"x"}}))
}

// mustBe checks who is signed in, for the browser and for a server component.
func (m *mover) mustBe(name string) {
	m.t.Helper()
	if body := m.body(m.client.Get(m.front + "/api/auth/session")); !strings.Contains(body, `"name":"`+name+`"`) {
		m.t.Errorf("GET session: %s, want %s", body, name)
	}
	if body := m.body(m.client.Get(m.front + "/who")); !strings.Contains(body, "seen:"+name) {
		m.t.Errorf("a server component does not see %s: %.300s", name, body)
	}
}
