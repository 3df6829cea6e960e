package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"typegen": main})
}

// The scripts in testdata/script run the command as its users do.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	goenv := func(name string) string {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	cache, mod, path := goenv("GOCACHE"), goenv("GOMODCACHE"), goenv("GOPATH")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Condition: func(name string) (bool, error) {
			return name == "slow" && !testing.Short(), nil
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			// Use only the module cache, without network, and the checkout instead
			// of the published module.
			e.Setenv("GOCACHE", cache)
			e.Setenv("GOMODCACHE", mod)
			e.Setenv("GOPATH", path)
			e.Setenv("GOPROXY", "off")
			e.Setenv("GOFLAGS", "")
			e.Setenv("GOTOOLCHAIN", "local")
			e.Setenv("HOME", e.WorkDir)
			sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "sesame.sum"), sum, 0o644)
		},
	})
}
