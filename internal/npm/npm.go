// Package npm installs npm packages for tests.
//
// A test that needs them is skipped where Node.js or npm is missing or the
// packages cannot be had, unless the environment variable SESAME_REQUIRE lists
// "node": then it fails.
package npm

import (
	"context"
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
	"time"
)

// OldestNode is the oldest major version of Node.js that tests run on.
const OldestNode = 20

// patience is how long npm may take to install the packages.
const patience = 10 * time.Minute

// lockFiles say what is installed, and are all that npm gets to see of a
// folder.
var lockFiles = []string{"package.json", "package-lock.json", ".npmrc"}

// Install installs the packages of dir's lock file once, into the user's cache,
// and returns a temporary folder with what lies in dir, folders included, and
// the packages in its node_modules.
func Install(t testing.TB, dir string) string {
	t.Helper()
	findNode(t)
	modules, err := install(t.Context(), dir)
	if err != nil {
		lacking(t, fmt.Sprintf("npm must be able to install the packages of %s/package.json (%v)", dir, err))
	}
	work := t.TempDir()
	if err := os.CopyFS(work, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(work, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return work
}

// lacking skips the test, or fails it where SESAME_REQUIRE lists node.
func lacking(t testing.TB, install string) {
	t.Helper()
	message := "node is needed for this test: " + install
	if slices.Contains(strings.Split(os.Getenv("SESAME_REQUIRE"), ","), "node") {
		t.Fatal(message + " (SESAME_REQUIRE lists it)")
	}
	t.Skip(message)
}

func findNode(t testing.TB) {
	t.Helper()
	install := fmt.Sprintf("install Node.js %d or newer with npm (https://nodejs.org; Debian: apt-get install nodejs npm)", OldestNode)
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacking(t, install)
		}
	}
	out, err := exec.Command("node", "--version").Output()
	version := strings.TrimSpace(string(out))
	number, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if major, atoi := strconv.Atoi(number); err != nil || atoi != nil || major < OldestNode {
		lacking(t, fmt.Sprintf("the version is %q (%v): %s", version, err, install))
	}
}

// install returns the folder node_modules of a lock file.
func install(ctx context.Context, dir string) (string, error) {
	hash := sha256.New()
	contents := map[string][]byte{}
	for _, name := range lockFiles {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) && name == ".npmrc" {
			continue
		} else if err != nil {
			return "", err
		}
		contents[name] = content
		fmt.Fprintf(hash, "%s %d\n%s", name, len(content), content)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "sesame-npm")
	final := filepath.Join(cache, hex.EncodeToString(hash.Sum(nil))[:16])
	modules := filepath.Join(final, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	// Installed beside and renamed, so that a run that is cut off leaves nothing
	// that looks finished.
	unfinished, err := os.MkdirTemp(cache, "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(unfinished, name), content, 0o644); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// Peer dependencies are left out: next-auth names Next.js, the adapters
	// every database there is.
	cmd := exec.CommandContext(ctx, "npm", "ci", "--legacy-peer-deps", "--omit=peer", "--ignore-scripts", "--no-audit", "--no-fund",
		"--prefer-offline", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
	cmd.Dir = unfinished
	cmd.WaitDelay = 5 * time.Second
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, said)
	}
	if err := os.Rename(unfinished, final); err != nil {
		if _, there := os.Stat(modules); there != nil { // no other run was faster
			return "", err
		}
	}
	return modules, nil
}
