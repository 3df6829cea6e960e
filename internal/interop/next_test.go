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
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/cachedir"
	"github.com/sesame-auth/sesame/internal/npm"
)

// web is the folder of the apps and their lock file.
const web = "testdata/web"

// patience is how long an app may take to be built, to start or to answer. It
// is wide: nothing is measured by it.
const patience = 10 * time.Minute

// built are the apps, built once for all tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// apps returns the folder of the built apps, and that of the packages above it.
func apps(t *testing.T) (dir, root string) {
	t.Helper()
	// The apps are built beside the folder of the packages, for the builder does
	// not follow links out of the folder of the lock file.
	root = npm.Packages(t, web)
	built.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		built.dir, built.err = build(ctx, root)
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir, root
}

// build builds the apps below root, where the packages are, unless an earlier
// run has.
func build(ctx context.Context, root string) (string, error) {
	sources := os.DirFS(web)
	hash := sha256.New()
	err := fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(sources, name)
		fmt.Fprintf(hash, "%s %d\n%s", name, len(content), content)
		return err
	})
	if err != nil {
		return "", err
	}
	return cachedir.Get(filepath.Join(root, "interop"), hex.EncodeToString(hash.Sum(nil))[:16], func(dir string) error {
		if err := os.CopyFS(dir, sources); err != nil {
			return err
		}
		for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil { // those of root count
				return err
			}
		}
		for _, app := range []string{"v5", "v4"} {
			cmd, _, err := nextCommand(ctx, root, "build", filepath.Join(dir, app))
			if err != nil {
				return err
			}
			if said, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("next build of the app %s: %w\n%s", app, err, said)
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

// startNext starts an app and returns its address. env are variables that it
// gets beside s.
func startNext(t *testing.T, app string, s setup, env ...string) (host string) {
	t.Helper()
	dir, root := apps(t)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd, stdin, err := nextCommand(context.Background(), root, "start", filepath.Join(dir, app), "--port", "0", "--hostname", "127.0.0.1")
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
	t.Cleanup(func() {
		stdin.Close() // which ends it
		<-ended
		if t.Failed() {
			log := said.String()
			t.Logf("the app %s said, at the end:\n%s", app, log[max(0, len(log)-4000):])
		}
	})
	select {
	case host = <-address:
	case <-ended:
		t.Fatalf("next start of the app %s ended", app)
	case <-time.After(patience):
		t.Fatalf("next start of the app %s does not get ready", app)
	}
	return host
}
