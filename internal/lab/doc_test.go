package lab_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// comment returns the package comment of a folder.
func comment(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if !ast.IsGenerated(f) && f.Name.Name != "main" {
			all.WriteString(f.Doc.Text())
		}
	}
	return all.String()
}

// Every folder is in the list, every entry of the list is a folder, and the
// package comment of each shows a command.
func TestList(t *testing.T) {
	listed := map[string]bool{}
	for line := range strings.Lines(comment(t, ".")) {
		if entry, ok := strings.CutPrefix(strings.TrimSpace(line), "- "); ok {
			name, _, _ := strings.Cut(entry, ":")
			listed[name] = true
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if !listed[e.Name()] {
			t.Errorf("doc.go does not list %s", e.Name())
		}
		delete(listed, e.Name())
		text := comment(t, e.Name())
		if !strings.HasPrefix(text, "Package "+e.Name()+" ") || !strings.Contains(text, "\n\t") || !strings.Contains(text, "go test ") {
			t.Errorf("the package comment of %s does not show how it is run:\n%s", e.Name(), text)
		}
	}
	for name := range listed {
		t.Errorf("doc.go lists %s, which is no folder", name)
	}
}
