package house_test

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSnippets requires every paragraph of Go code in docs to be part of a Go file
// of this repository, so that it compiles. White space does not matter, and an
// ellipsis stands for any omitted code.
func TestSnippets(t *testing.T) {
	var sources []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go"):
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			sources = append(sources, flat(read(t, rel)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	guides, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(guides) == 0 {
		t.Fatal(guides, err)
	}
	for _, path := range guides {
		guide, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		all, err := blocks(read(t, guide))
		if err != nil {
			t.Errorf("%s: %v", guide, err)
		}
		for _, b := range all {
			if b.language != "go" {
				continue
			}
			for paragraph := range strings.SplitSeq(b.text, "\n\n") {
				if !slices.ContainsFunc(sources, func(source string) bool { return contains(source, paragraph) }) {
					t.Errorf("%s:%d: this code is in no Go file, so it may not compile; add an Example with it, or copy it from one:\n%s", guide, b.line, paragraph)
				}
			}
		}
	}
}

// contains reports whether the source contains the parts of the snippet between
// its ellipses, in order.
func contains(source, snippet string) bool {
	for part := range strings.SplitSeq(snippet, "…") {
		part = flat(part)
		i := strings.Index(source, part)
		if i < 0 {
			return false
		}
		source = source[i+len(part):]
	}
	return true
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestSnippetsCanFail(t *testing.T) {
	source := flat("func f() {\n\ta()\n\tb()\n\tc()\n}\n")
	for snippet, want := range map[string]bool{
		"a()\nb()":        true,
		"\ta()\n\t…\n}\n": true,
		"func f() { … }":  true,
		"a()\nc()":        false,
		"c()\n…\na()":     false,
		"d()":             false,
	} {
		if contains(source, snippet) != want {
			t.Errorf("%q: %v", snippet, !want)
		}
	}
}
