//go:build unix

package interop_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/lab/cachedir"
	"github.com/sesame-auth/sesame/internal/lab/npm"
)

// web is the folder of the apps and their lock file.
const web = "testdata/web"

// guide is the page whose steps the tests go.
const guide = "../../../docs/moving-from-authjs.md"

// patience is how long an app may take to be built, to start or to answer. It
// is wide: nothing is measured by it.
const patience = 10 * time.Minute

// apps returns the folder of the apps, built without SESAME_URL.
func apps(t *testing.T) string {
	t.Helper()
	return built(t, sources(t), "")
}

// built returns the folder of the apps with these files, which the first run
// builds, with SESAME_URL.
func built(t *testing.T, files map[string][]byte, sesame string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir, err := build(ctx, npm.Packages(t, web), files, sesame)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sources are the files of the apps, with the configuration of Next.js that the
// guide shows.
func sources(t *testing.T) map[string][]byte {
	t.Helper()
	_, config, ok := strings.Cut(readText(t, guide), "// next.config.mjs\n")
	config, _, closed := strings.Cut(config, "```")
	if !ok || !closed {
		t.Fatal(guide + " has no next.config.mjs")
	}
	files := map[string][]byte{"guide.config.mjs": []byte(config)}
	err := fs.WalkDir(os.DirFS(web), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains([]string{"package.json", "package-lock.json", ".npmrc"}, name) {
			return err // those beside node_modules count
		}
		files[name], err = os.ReadFile(filepath.Join(web, name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// build builds apps unless an earlier run has. They are below root, where the
// packages are, for the builder does not follow links out of the folder of the
// lock file.
func build(ctx context.Context, root string, files map[string][]byte, sesame string) (string, error) {
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(hash, "%s %d\n%s", name, len(files[name]), files[name])
	}
	io.WriteString(hash, sesame)
	return cachedir.Get(filepath.Join(root, "interop"), hex.EncodeToString(hash.Sum(nil))[:16], func(dir string) error {
		for name, content := range files {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				return err
			}
		}
		for _, app := range versions {
			cmd, _, err := nextCommand(ctx, root, "build", filepath.Join(dir, app))
			if err != nil {
				return err
			}
			cmd.Env = append(cmd.Env, "SESAME_URL="+sesame)
			if output, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("next build of the app %s: %w\n%s", app, err, output)
			}
			if err := os.RemoveAll(filepath.Join(dir, app, ".next", "cache")); err != nil { // of a next build
				return err
			}
		}
		return nil
	})
}

// nextCommand is a command of Next.js. It ends when its standard input
// is closed, which happens when this process ends, in whatever way.
func nextCommand(ctx context.Context, root string, args ...string) (*exec.Cmd, io.Closer, error) {
	next := filepath.Join(root, "node_modules", "next", "dist", "bin", "next")
	cmd := kept(ctx, append([]string{"node", next}, args...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "NEXT_TELEMETRY_DISABLED=1", "NODE_ENV=production",
		"TZ=Asia/Kolkata") // not that of this process, and no whole hours
	cmd.WaitDelay = 5 * time.Second
	stdin, err := cmd.StdinPipe()
	return cmd, stdin, err
}

// setup is what an app is like; setup.js reads it.
type setup struct {
	Secrets   []string          `json:"secrets"`
	Secure    bool              `json:"secure"`
	MaxAge    int               `json:"maxAge"`    // seconds
	UpdateAge int               `json:"updateAge"` // seconds
	People    map[string]person `json:"people"`
	Database  string            `json:"database,omitempty"` // URL
	Mailbox   string            `json:"mailbox"`            // URL
	Issuer    string            `json:"issuer,omitempty"`
}

// startNext starts an app that was built in dir and returns its address. env are
// variables that it gets beside s. It ends with the test, or by stop.
func startNext(t *testing.T, dir, app string, s setup, env ...string) (host string, stop func()) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd, stdin, err := nextCommand(context.Background(), filepath.Dir(filepath.Dir(dir)), "start", filepath.Join(dir, app), "--port", "0", "--hostname", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(append(cmd.Env, "INTEROP="+string(text)), env...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer // complete once the process has ended
	cmd.Stderr = &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if _, host, ok := strings.Cut(lines.Text(), "Local: "); ok && len(address) == 0 {
				address <- strings.TrimPrefix(strings.TrimSpace(host), "http://")
			}
		}
		io.Copy(io.Discard, stdout)
		cmd.Wait()
	}()
	stop = sync.OnceFunc(func() {
		stdin.Close() // which ends it
		<-ended
		if t.Failed() {
			log := output.String()
			t.Logf("the app %s said, at the end:\n%s", app, log[max(0, len(log)-4000):])
		}
	})
	t.Cleanup(stop)
	select {
	case host = <-address:
	case <-ended:
		t.Fatalf("next start of the app %s ended", app)
	case <-time.After(patience):
		t.Fatalf("next start of the app %s does not get ready", app)
	}
	return host, stop
}
