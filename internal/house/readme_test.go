package house_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// block is a fenced block of the README.
type block struct {
	language string
	text     string
	line     int // of the fence
}

// blocks returns the fenced blocks of a Markdown text.
func blocks(text string) ([]block, error) {
	var all []block
	var open *block
	for i, line := range strings.Split(text, "\n") {
		switch language, fence := strings.CutPrefix(line, "```"); {
		case fence && open == nil:
			open = &block{language: language, line: i + 1}
		case fence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	if open != nil {
		return nil, fmt.Errorf("the block that begins in line %d does not end", open.line)
	}
	return all, nil
}

// unexecuted returns the shell commands of a Markdown text that no line of a
// script begins with, but for "starts", which runs a server.
func unexecuted(markdown []block, script string) (commands, missing []string) {
	for _, b := range markdown {
		if b.language != "sh" {
			continue
		}
		for command := range strings.Lines(b.text) {
			command = strings.TrimSpace(command)
			if command == "" {
				continue
			}
			commands = append(commands, command)
			executed := slices.ContainsFunc(strings.Split(script, "\n"), func(line string) bool {
				line = strings.TrimPrefix(line, "starts ")
				return line == command || strings.HasPrefix(line, command+" ")
			})
			if !executed {
				missing = append(missing, command)
			}
		}
	}
	return commands, missing
}

func readme(t *testing.T) []block {
	t.Helper()
	all, err := blocks(read(t, "README.md"))
	if err != nil {
		t.Fatalf("README.md: %v", err)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadmeCommands(t *testing.T) {
	all := readme(t)
	for _, b := range all {
		if !slices.Contains([]string{"sh", "go", "text"}, b.language) {
			t.Errorf("README.md:%d: a block of language %q is not executed by anything: use sh, go or text", b.line, b.language)
		}
	}
	commands, missing := unexecuted(all, read(t, ".ci/run"))
	for _, command := range missing {
		t.Errorf("README.md shows the command %q, which .ci/run does not execute", command)
	}
	for _, want := range []string{"go run ./examples/quickstart", "go test ./..."} {
		if !slices.Contains(commands, want) {
			t.Errorf("README.md does not show the command %q", want)
		}
	}
}

func TestReadmeCommandsCanFail(t *testing.T) {
	const script = "go run ./examples/quickstart -addr 127.0.0.1:0 &\n# go vet ./...\necho go build ./...\n"
	for command, executed := range map[string]bool{
		"go run ./examples/quickstart":   true,
		"go run ./examples/quick":        false,
		"go run ./examples/quickstart -": false,
		"go vet ./...":                   false,
		"go build ./...":                 false,
	} {
		all, err := blocks("text\n```sh\n" + command + "\n```\n")
		if err != nil {
			t.Fatal(err)
		}
		if _, missing := unexecuted(all, script); (missing == nil) != executed {
			t.Errorf("%q: executed by the script: %v, want %v", command, !executed, executed)
		}
	}
	if all, err := blocks("text\n```sh\ngo test\n"); err == nil {
		t.Errorf("a block that does not end is taken for %v", all)
	}
}

// TestReadmeCode builds and runs each Go program of the README as it stands,
// but for http.ListenAndServe: the handler is asked in process, see
// testdata/serve.go.
func TestReadmeCode(t *testing.T) {
	watch(t)
	wants := []string{
		"GET /api/auth/providers: 200\n" +
			"GET /api/auth/session: 200 null\n" +
			"GET /hello: 302 http://localhost:8080/api/auth/signin?callbackUrl=http%3A%2F%2Flocalhost%3A8080%2Fhello\n" +
			"GET /hello from a script: 401\n",
		"GET /api/auth/providers: 404\n" +
			"GET /api/auth/session: 404\n" +
			"GET /hello: 401\n" +
			"GET /hello from a script: 401\n",
	}
	programs := 0
	for _, b := range readme(t) {
		if b.language != "go" {
			continue
		}
		if programs++; programs > len(wants) {
			t.Fatalf("README.md:%d: it is not said what this program answers", b.line)
		}
		want := wants[programs-1]
		t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) {
			if !strings.HasPrefix(b.text, "package main\n") {
				t.Fatalf("README.md:%d: Go code in the README is a whole program that begins with package main, so that it can be run", b.line)
			}
			const listen = "http.ListenAndServe("
			if n := strings.Count(b.text, listen); n != 1 {
				t.Fatalf("README.md:%d: the program calls http.ListenAndServe %d times, want once", b.line, n)
			}
			got := runInModule(t, map[string]string{
				"main.go":  strings.Replace(b.text, listen, "serve(", 1),
				"serve.go": read(t, "internal/house/testdata/serve.go"),
			})
			if got != want {
				t.Errorf("the program of README.md:%d answers\n%s\nwant\n%s", b.line, got, want)
			}
		})
	}
	if programs != len(wants) {
		t.Errorf("README.md shows %d programs, want %d", programs, len(wants))
	}
}

// runInModule builds a program of the given files as if they lay in a folder of
// the module, runs it in an empty folder and returns what it prints.
func runInModule(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	var overlay struct{ Replace map[string]string }
	overlay.Replace = make(map[string]string)
	for name, text := range files {
		real := filepath.Join(tmp, name)
		if err := os.WriteFile(real, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(dir, "readme", name)] = real
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tmp, "overlay.json"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(tmp, "program")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.Command("go", "build", "-overlay", filepath.Join(tmp, "overlay.json"), "-o", program, "./readme")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the program does not build: %v\n%s", err, out)
	}
	run := exec.Command(program)
	run.Dir = t.TempDir()
	run.Env = append(os.Environ(),
		"AUTH_SECRET=a secret of more than thirty-two characters",
		"AUTH_URL=", "NEXTAUTH_URL=", "AUTH_TRUST_HOST=",
		"AUTH_GOOGLE_ID=client", "AUTH_GOOGLE_SECRET=secret",
	)
	run.Stderr = new(strings.Builder)
	out, err := run.Output()
	if err != nil {
		t.Fatalf("the program fails: %v\n%s%v", err, out, run.Stderr)
	}
	return string(out)
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	unnamed = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names of a document's headings in links.
func anchors(text string) map[string]bool {
	names := make(map[string]bool)
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		names[strings.ReplaceAll(unnamed.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return names
}

func TestLinks(t *testing.T) {
	documents := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"}
	for _, pattern := range []string{"docs/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range found {
			document, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			documents = append(documents, document)
		}
	}
	for _, document := range documents {
		for _, found := range link.FindAllStringSubmatch(read(t, document), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			target, anchor, _ := strings.Cut(found[1], "#")
			path := document
			if target != "" {
				path = filepath.Join(filepath.Dir(document), target)
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s links to %s, which is not there: %v", document, target, err)
			} else if anchor != "" && strings.HasSuffix(path, ".md") && !anchors(read(t, path))[anchor] {
				t.Errorf("%s links to %s, which has no such heading", document, found[1])
			}
		}
	}
}
