// Package npm installs npm packages for tests, from the lock file beside them,
// into the user's cache folder. A test that needs them is skipped where Node.js or
// npm is missing or the packages cannot be downloaded, unless the environment
// variable SESAME_REQUIRE lists "node": then it fails. The quickest test that uses
// it:
//
//	go test ./internal/lab/tscheck
package npm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/lab/cachedir"
	"github.com/sesame-auth/sesame/internal/need"
)

// oldestNode is the oldest major version of Node.js that tests run on.
const oldestNode = 20

// patience is how long npm may take to install the packages.
const patience = 10 * time.Minute

// lockFiles say what is installed, and are all that npm gets to see of a
// folder.
var lockFiles = []string{"package.json", "package-lock.json", ".npmrc"}

// Install returns a temporary folder with what lies in dir, folders included,
// and the packages of its lock file in its node_modules.
func Install(t testing.TB, dir string) string {
	t.Helper()
	shared := Packages(t, dir)
	work := t.TempDir()
	if err := copyFolder(work, dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(shared, "node_modules"), filepath.Join(work, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return work
}

// InstallAbove is Install for tools that follow no symbolic link out of their
// project, as Next.js: the packages and the lock file are in the folder above
// the one that it returns, where Node.js looks, too.
func InstallAbove(t testing.TB, dir string) string {
	t.Helper()
	work, err := os.MkdirTemp(Packages(t, dir), "work-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(work); err != nil {
			t.Error(err)
		}
	})
	if err := copyFolder(work, dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(work, "package-lock.json")); err != nil { // two would make Next.js wonder
		t.Fatal(err)
	}
	return work
}

// Packages installs the packages of dir's lock file once, into the user's cache,
// and returns the folder with the lock file and node_modules, which all tests
// share. It is removed some time after its last use; see package cachedir.
func Packages(t testing.TB, dir string) string {
	t.Helper()
	findNode(t)
	shared, err := install(t.Context(), dir)
	if err != nil {
		need.Missing(t, "node", fmt.Sprintf("npm must be able to install the packages of %s/package.json (%v)", dir, err))
	}
	return shared
}

// copyFolder copies all of a folder but what npm and other tools have left in
// it: node_modules, and folders whose name begins with a dot.
func copyFolder(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		if d.IsDir() {
			if d.Name() == "node_modules" || below != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return os.MkdirAll(target, 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}

func findNode(t testing.TB) {
	t.Helper()
	install := fmt.Sprintf("install Node.js %d or newer with npm (https://nodejs.org; Debian: apt-get install nodejs npm)", oldestNode)
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			need.Missing(t, "node", install)
		}
	}
	out, err := exec.Command("node", "--version").Output()
	version := strings.TrimSpace(string(out))
	number, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if major, atoi := strconv.Atoi(number); err != nil || atoi != nil || major < oldestNode {
		need.Missing(t, "node", fmt.Sprintf("the version is %q (%v): %s", version, err, install))
	}
}

// install is Packages for those who have Node.js.
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
	return cachedir.Get(filepath.Join(cache, "sesame-npm"), hex.EncodeToString(hash.Sum(nil))[:16], func(dir string) error {
		for name, content := range contents {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
				return err
			}
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		// Peer dependencies are left out: next-auth names Next.js, the adapters
		// every database there is.
		cmd := exec.CommandContext(ctx, "npm", "ci", "--legacy-peer-deps", "--omit=peer", "--ignore-scripts", "--no-audit", "--no-fund",
			"--prefer-offline", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
		cmd.Dir = dir
		cmd.WaitDelay = 5 * time.Second
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("npm ci: %w\n%s", err, output)
		}
		return nil
	})
}
