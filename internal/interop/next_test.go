//go:build unix

package interop_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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

	"github.com/sesame-auth/sesame/internal/npm"
)

// web is the folder of the apps and their lock file.
const web = "testdata/web"

// guide is the page whose steps the tests go.
const guide = "../../docs/moving-from-authjs.md"

// patience is how long an app may take to be built, to start or to answer. It
// is wide: nothing is measured by it.
const patience = 10 * time.Minute

// built are the apps, built once for all tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// apps returns the folder of the apps, built without SESAME_URL.
func apps(t *testing.T) string {
	t.Helper()
	root := packages(t)
	built.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		built.dir, built.err = buildOnce(ctx, root)
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

// packages returns the folder of the packages. Apps are built beside it, for the
// builder does not follow links out of the folder of the lock file.
func packages(t *testing.T) string {
	t.Helper()
	modules, err := filepath.EvalSymlinks(filepath.Join(npm.Install(t, web), "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(modules)
}

// sources are the files of the apps, with the configuration of Next.js that the
// guide shows.
func sources() (map[string][]byte, error) {
	page, err := os.ReadFile(guide)
	if err != nil {
		return nil, err
	}
	_, config, ok := strings.Cut(string(page), "// next.config.mjs\n")
	config, _, closed := strings.Cut(config, "```")
	if !ok || !closed {
		return nil, errors.New(guide + " has no next.config.mjs")
	}
	files := map[string][]byte{"guide.config.mjs": []byte(config)}
	return files, fs.WalkDir(os.DirFS(web), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains([]string{"package.json", "package-lock.json", ".npmrc"}, name) {
			return err // those beside node_modules count
		}
		files[name], err = os.ReadFile(filepath.Join(web, name))
		return err
	})
}

// buildOnce builds the apps below root, where the packages are, unless an
// earlier run has.
func buildOnce(ctx context.Context, root string) (string, error) {
	files, err := sources()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(hash, "%s %d\n%s", name, len(files[name]), files[name])
	}
	final := filepath.Join(root, "interop-"+hex.EncodeToString(hash.Sum(nil))[:16])
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	// Built beside and renamed, so that a run that is cut off leaves nothing that
	// looks finished.
	unfinished, err := os.MkdirTemp(root, "building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	if err := build(ctx, root, unfinished, files, "SESAME_URL="); err != nil {
		return "", err
	}
	if err := os.Rename(unfinished, final); err != nil {
		if _, there := os.Stat(final); there != nil { // no other run was faster
			return "", err
		}
	}
	return final, nil
}

// build writes the files of the apps into dir and builds them.
func build(ctx context.Context, root, dir string, files map[string][]byte, env ...string) error {
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
		cmd.Env = append(cmd.Env, env...)
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("next build of the app %s: %w\n%s", app, err, said)
		}
	}
	return nil
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
	cmd, stdin, err := nextCommand(context.Background(), filepath.Dir(dir), "start", filepath.Join(dir, app), "--port", "0", "--hostname", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(append(cmd.Env, "INTEROP="+string(text)), env...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer // complete once the process has ended
	cmd.Stderr = &said
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
			log := said.String()
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
