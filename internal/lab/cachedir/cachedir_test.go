package cachedir_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/lab/cachedir"
)

// filled writes a file, by which tests see that a folder is whole.
func filled(dir string) error {
	return os.WriteFile(filepath.Join(dir, "whole"), nil, 0o644)
}

// whole reports whether dir is a folder that was filled.
func whole(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "whole"))
	return err == nil
}

// age makes a folder one that was used before.
func age(t *testing.T, dir string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	if err := os.Chtimes(dir, at, at); err != nil {
		t.Fatal(err)
	}
}

func folders(t *testing.T, root string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestFilledOnce(t *testing.T) {
	root := filepath.Join(t.TempDir(), "cache")
	calls := 0
	for range 2 {
		dir, err := cachedir.Get(root, "a", func(dir string) error { calls++; return filled(dir) })
		if err != nil || dir != filepath.Join(root, "a") || !whole(dir) {
			t.Fatalf("got %q, %v", dir, err)
		}
	}
	if got := folders(t, root); calls != 1 || !slices.Equal(got, []string{"a"}) {
		t.Errorf("filled %d times, and there are %q", calls, got)
	}
}

func TestFailedFillLeavesNothing(t *testing.T) {
	root := t.TempDir()
	broken := errors.New("broken")
	_, err := cachedir.Get(root, "a", func(dir string) error { return errors.Join(filled(dir), broken) })
	if got := folders(t, root); !errors.Is(err, broken) || len(got) > 0 {
		t.Fatalf("got %v and %q", err, got)
	}
	if dir, err := cachedir.Get(root, "a", filled); err != nil || !whole(dir) {
		t.Fatalf("the next call: %v", err)
	}
}

// A folder goes when it was not used for Unused, whatever it is: one of Get, or
// one that a run which was cut off has left. Using it is what counts.
func TestUnusedAreRemoved(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"unused", "used", "young", "unfinished-1", "unfinished-2"} {
		if _, err := cachedir.Get(root, name, filled); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"unused", "used", "unfinished-1"} {
		age(t, filepath.Join(root, name), cachedir.Unused+time.Hour)
	}
	for _, name := range []string{"young", "unfinished-2"} {
		age(t, filepath.Join(root, name), cachedir.Unused-time.Hour)
	}
	never := func(string) error { return errors.New("it is there") }
	if _, err := cachedir.Get(root, "used", never); err != nil {
		t.Fatal(err)
	}
	if _, err := cachedir.Get(root, "new", filled); err != nil {
		t.Fatal(err)
	}
	if got, want := folders(t, root), []string{"new", "unfinished-2", "used", "young"}; !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
}

// TestProcesses has many processes at once use folders that had all become old.
// What one of them is given is whole, and stays so while others remove.
func TestProcesses(t *testing.T) {
	if root := os.Getenv("SESAME_CACHEDIR_TEST"); root != "" {
		for i := range 40 {
			name := fmt.Sprint(i % 8)
			dir, err := cachedir.Get(root, name, filled)
			if err != nil || !whole(dir) {
				t.Fatalf("%s: %v", name, err)
			}
			_, err = cachedir.Get(root, fmt.Sprintf("%d of %d", i, os.Getpid()), filled)
			if err != nil || !whole(dir) {
				t.Fatalf("%s is not whole any more, beside %v", name, err)
			}
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for i := range 8 {
		dir, err := cachedir.Get(root, fmt.Sprint(i), filled)
		if err != nil {
			t.Fatal(err)
		}
		age(t, dir, cachedir.Unused+time.Hour)
	}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestProcesses$")
			cmd.Env = append(os.Environ(), "SESAME_CACHEDIR_TEST="+root)
			if output, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
	all.Wait()
	for _, name := range folders(t, root) {
		if strings.HasPrefix(name, "unfinished-") || strings.HasPrefix(name, "removing-") {
			t.Errorf("%s was left", name)
		}
	}
}
