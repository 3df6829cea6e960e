package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// lacking skips the test because something is not installed, or fails it where
// SESAME_REQUIRE lists that.
func lacking(t *testing.T, what, install string) {
	t.Helper()
	message := what + " is needed for this test: " + install
	if slices.Contains(strings.Split(os.Getenv("SESAME_REQUIRE"), ","), what) {
		t.Fatal(message + " (SESAME_REQUIRE lists it)")
	}
	t.Skip(message)
}

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	lacking(t, "chromium", "install Chromium or Chrome (Debian: apt-get install chromium)")
	return ""
}

// oldestNode is the oldest major version that the oidc-provider package runs on.
const oldestNode = 20

func findNode(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		lacking(t, "node", fmt.Sprintf("install Node.js %d or newer, with npm (https://nodejs.org)", oldestNode))
	}
	out, err := exec.Command(node, "--version").Output()
	version := strings.TrimSpace(string(out))
	number, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if major, atoi := strconv.Atoi(number); err != nil || atoi != nil || major < oldestNode {
		lacking(t, "node", fmt.Sprintf("%s is version %q, install Node.js %d or newer (https://nodejs.org)", node, version, oldestNode))
	}
	return node
}

// web is the folder of the page, the identity provider and the lock file.
const web = "testdata/web"

// installPackages returns a folder with the npm packages of the lock file in
// its node_modules. It is made once, outside the checkout, and found again
// until the lock file changes.
func installPackages(t *testing.T) string {
	t.Helper()
	lock, err := os.ReadFile(filepath.Join(web, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "sesame-e2e-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		lacking(t, "node", "npm is missing: install it with Node.js (https://nodejs.org; Debian: apt-get install npm)")
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	// Installed beside the folder and renamed, so that a folder with the right
	// name is a complete one.
	unfinished, err := os.MkdirTemp(cache, "sesame-e2e-unfinished-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(unfinished)
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join(web, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(unfinished, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Peer dependencies are left out: next-auth names Next.js, which its React
	// client does not import.
	cmd := exec.Command(npm, "ci", "--legacy-peer-deps", "--omit=peer", "--ignore-scripts", "--no-audit", "--no-fund",
		"--prefer-offline", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
	cmd.Dir = unfinished
	if out, err := cmd.CombinedOutput(); err != nil {
		lacking(t, "node", fmt.Sprintf("npm must be able to install the packages of %s (%v)\n%s", web, err, out))
	}
	if err := os.Rename(unfinished, dir); err != nil {
		if _, exists := os.Stat(dir); exists != nil { // another run was faster
			t.Fatal(err)
		}
	}
	return dir
}

// bundle packs the page with React's development build, which reports mistakes
// on the console.
func bundle(t *testing.T, packages string) []byte {
	t.Helper()
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(web, "app.jsx")},
		NodePaths:   []string{filepath.Join(packages, "node_modules")},
		Bundle:      true,
		Platform:    api.PlatformBrowser,
		Format:      api.FormatIIFE,
		JSX:         api.JSXAutomatic,
		Define: map[string]string{
			"process.env.NODE_ENV":              `"development"`,
			"process.env.NEXTAUTH_URL":          "undefined",
			"process.env.NEXTAUTH_URL_INTERNAL": "undefined",
			"process.env.VERCEL_URL":            "undefined",
		},
	})
	for _, message := range append(result.Errors, result.Warnings...) {
		t.Errorf("esbuild: %s (%+v)", message.Text, message.Location)
	}
	if t.Failed() || len(result.OutputFiles) != 1 {
		t.Fatalf("esbuild: %d files", len(result.OutputFiles))
	}
	return result.OutputFiles[0].Contents
}
