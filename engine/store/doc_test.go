package store_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The documentation of the package lists every rule once and in order, because
// adapters, adaptertest and its advice refer to them by number.
func TestRulesAreListedOnce(t *testing.T) {
	files := token.NewFileSet()
	var parsed []*ast.File
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	pkg, err := doc.NewFromFiles(files, parsed, "github.com/sesame-auth/sesame/engine/store")
	if err != nil {
		t.Fatal(err)
	}
	text := pkg.Doc
	for _, typ := range pkg.Types {
		text += "\n" + typ.Doc
	}
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^\s*- (R[0-9]+)\. `).FindAllStringSubmatch(text, -1) {
		got = append(got, m[1])
	}
	for i := range 12 {
		want = append(want, fmt.Sprintf("R%d", i+1))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the documentation lists %v, want %v", got, want)
	}
}
