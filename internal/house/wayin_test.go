package house_test

import (
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const toyway = "internal/lab/toyway"

// toywayCode is the one file of package toyway.
func toywayCode(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, toyway, "*.go"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s has the files %q, want one: %v", toyway, files, err)
	}
	return read(t, toyway+"/toyway.go")
}

// A whole way in fits on a few pages, and needs of this module no more than an
// application may use. TestWayIn of internal/lab/e2e signs in with it.
func TestWayInIsWrittenOutsideEngine(t *testing.T) {
	code := toywayCode(t)
	if n := strings.Count(code, "\n"); n >= 120 {
		t.Errorf("%s has %d lines, want fewer than 120", toyway, n)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "toyway.go", code, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		ours, ok := within(path)
		first, _, _ := strings.Cut(path, "/")
		switch {
		case ok && !slices.Contains([]string{"engine", "engine/store"}, ours):
			t.Errorf("%s imports %s; an application has engine and engine/store", toyway, path)
		case !ok && strings.Contains(first, "."):
			t.Errorf("%s imports the library %s; the standard library will do", toyway, path)
		}
	}
	watch(t)
	build := exec.Command("go", "vet", "./"+toyway)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%s does not compile: %v\n%s", toyway, err, out)
	}
}

// docs/ways-in.md shows the whole code, in order, and no other Go.
func TestWayInIsWhatItsPageShows(t *testing.T) {
	all, err := blocks(read(t, "docs/ways-in.md"))
	if err != nil {
		t.Fatalf("docs/ways-in.md: %v", err)
	}
	code := lines(toywayCode(t))
	for _, b := range all {
		switch b.language {
		case "go":
			shown := lines(b.text)
			if len(shown) > len(code) || !slices.Equal(shown, code[:len(shown)]) {
				t.Fatalf("docs/ways-in.md:%d shows\n%s\nand what comes next in %s is\n%s", b.line, b.text, toyway, strings.Join(code[:min(len(shown), len(code))], "\n"))
			}
			code = code[len(shown):]
		case "text":
		default:
			t.Errorf("docs/ways-in.md:%d: a block of language %q: use go for the code of %s, text for anything else", b.line, b.language, toyway)
		}
	}
	if len(code) > 0 {
		t.Errorf("docs/ways-in.md does not show the rest of %s:\n%s", toyway, strings.Join(code, "\n"))
	}
}

// lines are the lines of a text that are not empty: between two blocks of a page
// there are none.
func lines(text string) (out []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); strings.TrimSpace(line) != "" {
			out = append(out, line)
		}
	}
	return out
}
