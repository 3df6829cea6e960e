package wirereplay_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/labserver"
	"github.com/sesame-auth/sesame/internal/wirereplay"
)

// recordings of each version: the folder, how a transcript is called in
// docs/deviations.md, and the servers.
var recordings = []struct {
	version  string
	count    int
	prefix   string
	profiles func() []labserver.Profile
}{
	{"v5", 43, "", labserver.Profiles},
	{"v4", 41, "v4/", labserver.ProfilesV4},
}

// TestReplay runs the wire lab's driver and React client against labserver and
// compares what they write with what they wrote against Auth.js.
func TestReplay(t *testing.T) {
	lab := newLab(t)
	lab.startIdentityProviders(t)
	deviations := readDeviations(t)
	var all, identical, deviating, unlisted int
	for _, r := range recordings {
		startLabserver(t, r.profiles())
		out := t.TempDir()
		said := lab.node(t, "drive.mjs", r.version, out)
		said += lab.node(t, "client.mjs", r.version, out, fmt.Sprintf("http://127.0.0.1:%d", r.profiles()[0].Port))
		for line := range strings.Lines(said) {
			if strings.HasPrefix(line, "FAILED") { // a flow that threw writes no transcript
				t.Log(line)
			}
		}
		folder := filepath.Join("testdata", r.version)
		files, err := filepath.Glob(filepath.Join(folder, "*.json"))
		if err != nil || len(files) != r.count {
			t.Fatalf("%d recordings in %s, want %d (%v)", len(files), folder, r.count, err)
		}
		all += len(files)
		for _, file := range files {
			base := filepath.Base(file)
			name := r.prefix + strings.TrimSuffix(base, ".json")
			t.Run(r.version+"/"+strings.TrimSuffix(base, ".json"), func(t *testing.T) {
				recorded, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var differences []wirereplay.Difference
				if got, err := os.ReadFile(filepath.Join(out, base)); err != nil {
					differences = []wirereplay.Difference{{Transcript: name, Name: "the driver wrote no transcript", Kind: wirereplay.Missing}}
				} else if differences, err = wirereplay.Compare(name, recorded, got); err != nil {
					t.Fatal(err)
				}
				var report strings.Builder
				own := map[string]bool{} // rows of other differences than the headers of all answers
				missing := 0
				for _, d := range differences {
					rows, everywhere := deviations.Cover(d)
					if !everywhere {
						for _, row := range rows {
							own[row] = true
						}
					}
					if len(rows) == 0 {
						fmt.Fprintf(&report, "\n%s", d)
						missing++
					}
				}
				unlisted += missing
				switch {
				case missing > 0:
					t.Errorf("differences that docs/deviations.md does not list:%s", &report)
				case len(own) > 0:
					deviating++
					t.Logf("%s: %s", name, strings.Join(slices.Sorted(maps.Keys(own)), ", "))
				default:
					identical++
				}
			})
		}
		extra, _ := filepath.Glob(filepath.Join(out, "*.json"))
		for _, file := range extra {
			if _, err := os.Stat(filepath.Join(folder, filepath.Base(file))); err != nil {
				t.Errorf("the driver wrote %s/%s, which was never recorded", r.version, filepath.Base(file))
			}
		}
	}
	for _, s := range deviations.Stale() {
		t.Errorf("docs/deviations.md: nothing differs that way any more: %s", s)
	}
	t.Logf("%d transcripts: %d identical, %d with listed deviations, %d unlisted", all, identical, deviating, unlisted)
}

func readDeviations(t *testing.T) *wirereplay.Deviations {
	t.Helper()
	markdown, err := os.ReadFile("../../docs/deviations.md")
	if err != nil {
		t.Fatal(err)
	}
	d, err := wirereplay.ParseDeviations(string(markdown))
	if err != nil {
		t.Fatalf("docs/deviations.md: %v", err)
	}
	return d
}

// startLabserver listens on the lab's own ports: the OpenID provider knows no
// other redirect URIs.
func startLabserver(t *testing.T, profiles []labserver.Profile) {
	t.Helper()
	for _, p := range profiles {
		handler, err := labserver.New(p, labserver.Options{})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)))
		if err != nil {
			t.Fatalf("the lab needs its ports on loopback (4501 to 4504, 4511 to 4514, 4520, 4521): %v", err)
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		served := make(chan struct{})
		go func() { defer close(served); server.Serve(l) }()
		t.Cleanup(func() { server.Close(); <-served })
	}
}

// lab is a folder with the lab's scripts and their installed packages.
type lab struct{ dir string }

// newLab installs the lab's packages once per lock file, into the user's cache.
// The test is skipped where Node.js is missing, unless SESAME_REQUIRE names it.
func newLab(t *testing.T) lab {
	t.Helper()
	missing := t.Skipf
	for name := range strings.SplitSeq(os.Getenv("SESAME_REQUIRE"), ",") {
		if strings.TrimSpace(name) == "node" {
			missing = t.Fatalf
		}
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing("this test needs Node.js 20 or newer with npm (https://nodejs.org; Debian: apt-get install nodejs npm): %v", err)
		}
	}
	installed, err := install(t.Context())
	if err != nil {
		missing("this test needs the npm packages of testdata/lab/package.json, which could not be installed: %v", err)
	}
	l := lab{t.TempDir()}
	scripts, _ := filepath.Glob("testdata/lab/*")
	for _, script := range scripts {
		copyFile(t, script, filepath.Join(l.dir, filepath.Base(script)))
	}
	if err := os.Symlink(installed, filepath.Join(l.dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return l
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// node runs a script of the lab to its end and returns what it printed.
func (l lab) node(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = l.dir
	cmd.WaitDelay = 5 * time.Second
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(said)
}

// startIdentityProviders runs idp.mjs and waits until both of its servers
// listen. It ends with this process, whatever becomes of it: its standard input
// closes then.
func (l lab) startIdentityProviders(t *testing.T) {
	t.Helper()
	cmd := exec.Command("node", "--input-type=module", "-e",
		`process.stdin.on("end", () => process.exit()).resume(); await import("./idp.mjs")`)
	cmd.Dir = l.dir
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said := &untilSaid{want: []string{"oidc idp on 4520", "oauth2 idp on 4521"}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-said.done:
	case err := <-ended:
		t.Fatalf("idp.mjs ended: %v\n%s", err, said.text())
	case <-time.After(time.Minute):
		cmd.Process.Kill()
		<-ended
		t.Fatalf("idp.mjs does not listen after a minute\n%s", said.text())
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		<-ended
	})
}

// untilSaid collects output and closes done once everything wanted is in it.
type untilSaid struct {
	want []string
	done chan struct{}

	mu   sync.Mutex
	said bytes.Buffer
}

func (u *untilSaid) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.said.Write(p)
	before := len(u.want)
	u.want = slices.DeleteFunc(u.want, func(line string) bool { return strings.Contains(u.said.String(), line) })
	if before > 0 && len(u.want) == 0 {
		close(u.done)
	}
	return len(p), nil
}

func (u *untilSaid) text() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.said.String()
}

// install runs npm ci for the lab's lock file, unless that was done before, and
// returns the folder node_modules.
func install(ctx context.Context) (string, error) {
	hash := sha256.New()
	inputs := []string{"package.json", "package-lock.json", ".npmrc"}
	for _, name := range inputs {
		data, err := os.ReadFile(filepath.Join("testdata/lab", name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n%s", name, len(data), data)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "sesame-wirelab")
	final := filepath.Join(cache, hex.EncodeToString(hash.Sum(nil))[:16])
	modules := filepath.Join(final, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	// installed beside and moved, so that a run that is cut off leaves nothing
	// that looks finished
	dir, err := os.MkdirTemp(cache, "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for _, name := range inputs {
		data, err := os.ReadFile(filepath.Join("testdata/lab", name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts")
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, said)
	}
	if err := os.Rename(dir, final); err != nil {
		if _, there := os.Stat(modules); there != nil { // no other run was faster
			return "", err
		}
	}
	return modules, nil
}
