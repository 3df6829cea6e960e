package e2e_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/lab/npm"
)

// TestVite is the story of examples/vite-react, as it is developed, with Vite's
// server in front, and as it is deployed, by the Go program alone.
func TestVite(t *testing.T) {
	chromium := findChromium(t)
	web := npm.InstallAbove(t, "../../../examples/vite-react/web")
	binary := filepath.Join(t.TempDir(), "vite-react.exe")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../../examples/vite-react").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	browser := startBrowser(t, chromium)
	// start starts the Go program and returns it with its URL.
	start := func(t *testing.T, front string, args ...string) (*program, string) {
		args = append([]string{"-addr", "127.0.0.1:0", "-data", t.TempDir()}, args...)
		server := startProgram(t, "Go server", ".", []string{"AUTH_URL=" + front}, binary, args...)
		_, self, _ := strings.Cut(server.says("READY ", patience), "READY ")
		return server, self
	}
	vite := func(t *testing.T, api string, args ...string) *program {
		args = append([]string{filepath.Join("..", "node_modules", "vite", "bin", "vite.js")}, args...)
		return startProgram(t, "vite "+args[1], web, []string{"API_URL=" + api, "NO_COLOR=1"}, "node", args...)
	}

	t.Run("Dev", func(t *testing.T) {
		// The port is taken until Vite can have it: the Go server knows its URL.
		listener, port := takePort(t)
		front := "http://localhost:" + port
		server, self := start(t, front)
		listener.Close()
		pages := vite(t, self, "dev", "--port", port, "--clearScreen", "false")
		pages.says(front, buildPatience)
		viteStory(t, browser, front, self)
		viteLogs(t, server, pages)
	})
	t.Run("Built", func(t *testing.T) {
		build := vite(t, "", "build")
		if err := build.wait(buildPatience); err != nil {
			t.Fatalf("vite build: %v\n%s", err, build.output())
		}
		server, self := start(t, "", "-web", filepath.Join(web, "dist"))
		viteStory(t, browser, self, self)
		viteLogs(t, server, build)
	})
}

// viteStory is a user's: two tabs, a password and the demo provider, a new name,
// and a sign-out in each tab. api is the URL of the Go program.
func viteStory(t *testing.T, browser context.Context, front, api string) {
	one := newTab(t, "one", front, browser, chromedp.WithNewBrowserContext())
	two := newTab(t, "two", front, one.ctx)
	both := func(selector, want string) {
		t.Helper()
		one.shows(selector, want)
		two.shows(selector, want)
	}
	quiet := func() {
		t.Helper()
		one.settled(1)
		two.settled(1)
	}
	for _, b := range []*tab{one, two} {
		b.open("/")
		b.shows("#status", "unauthenticated")
	}
	quiet()

	// with a password
	one.fill("input[name=username]", "ada")
	one.fill("input[name=password]", "wrong")
	one.click("#password")
	one.shows("[role=alert]", "That is not the password.")
	one.fill("input[name=password]", "lovelace")
	one.click("#password")
	both("#name", "Ada Lovelace")
	quiet()
	checkSessionCookie(one, clients[engine.DialectV5])

	// another name: one that is refused, and one that is not
	one.despite([]string{
		"PUT /api/name: 400",
		"browser log, error: Failed to load resource: the server responded with a status of 400",
	}, func() {
		one.fill("input[name=name]", " ")
		one.click("#rename")
		one.shows("[role=alert]", "A name has 1 to 100 bytes.\n")
	})
	one.fill("input[name=name]", "Countess Lovelace")
	one.click("#rename")
	both("#name", "Countess Lovelace")
	quiet()
	one.reload()
	one.shows("#name", "Countess Lovelace")
	quiet()

	one.click("#signout")
	both("#status", "unauthenticated")
	quiet()
	if one.cookie(clients[engine.DialectV5].cookie) != nil {
		t.Error("the browser still has a session cookie")
	}

	// at the demo provider
	one.click("#oidc")
	one.at(api + "/idp/authorize")
	one.click(`button[value="1"]`)
	one.isAt("/")
	both("#name", "Grace Hopper")
	quiet()
	two.click("#signout")
	both("#status", "unauthenticated")
	quiet()
	one.reload()
	one.shows("#status", "unauthenticated")
	quiet()
}

// viteLogs looks at what the programs had to say: of the wrong password only.
func viteLogs(t *testing.T, programs ...*program) {
	t.Helper()
	refusals := 0
	for _, p := range programs {
		for line := range strings.Lines(p.output()) {
			switch lower := strings.ToLower(line); {
			case strings.Contains(line, "CredentialsSignin"):
				refusals++
			case strings.Contains(lower, "warn"), strings.Contains(lower, "error"):
				t.Errorf("%s: %s", p.name, line)
			}
		}
	}
	if refusals != 1 {
		t.Errorf("%d refusals of a password are in the log", refusals)
	}
}
