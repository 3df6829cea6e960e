package wirereplay_test

import (
	"bytes"
	"context"
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

	"github.com/sesame-auth/sesame/internal/lab/labserver"
	"github.com/sesame-auth/sesame/internal/lab/npm"
	"github.com/sesame-auth/sesame/internal/lab/wirereplay"
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
		output := lab.node(t, "drive.mjs", r.version, out)
		output += lab.node(t, "client.mjs", r.version, out, fmt.Sprintf("http://127.0.0.1:%d", r.profiles()[0].Port))
		for line := range strings.Lines(output) {
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
	markdown, err := os.ReadFile("../../../docs/deviations.md")
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

func newLab(t *testing.T) lab {
	t.Helper()
	return lab{npm.Install(t, "testdata/lab")}
}

// node runs a script of the lab to its end and returns what it printed.
func (l lab) node(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = l.dir
	cmd.WaitDelay = 5 * time.Second
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return string(output)
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
	output := &waitForLines{want: []string{"oidc idp on 4520", "oauth2 idp on 4521"}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-output.done:
	case err := <-ended:
		t.Fatalf("idp.mjs ended: %v\n%s", err, output.text())
	case <-time.After(time.Minute):
		cmd.Process.Kill()
		<-ended
		t.Fatalf("idp.mjs does not listen after a minute\n%s", output.text())
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		<-ended
	})
}

// untilSaid collects output and closes done once everything wanted is in it.
type waitForLines struct {
	want []string
	done chan struct{}

	mu     sync.Mutex
	output bytes.Buffer
}

func (u *waitForLines) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.output.Write(p)
	before := len(u.want)
	u.want = slices.DeleteFunc(u.want, func(line string) bool { return strings.Contains(u.output.String(), line) })
	if before > 0 && len(u.want) == 0 {
		close(u.done)
	}
	return len(p), nil
}

func (u *waitForLines) text() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.output.String()
}
