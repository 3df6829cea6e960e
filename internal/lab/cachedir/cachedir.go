// Package cachedir caches folders that take long to make, such as installed npm
// packages and built applications. All test processes share them, and so do
// later runs. Its own tests need nothing:
//
//	go test ./internal/lab/cachedir
package cachedir

import (
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// Unused is how long a folder is kept after its last use.
const Unused = 30 * 24 * time.Hour

// Get returns the folder name in the folder root, which holds nothing but
// folders of Get. Where it is missing, fill is called with an empty folder,
// which becomes it; then those that were not used for Unused are removed.
//
// What a call has returned stays for as long as Unused. Several may fill the
// same folder at a time: the first that is done is the one that counts. A fill
// that fails, or is cut off, leaves nothing that looks finished.
func Get(root, name string, fill func(dir string) error) (string, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	dir := filepath.Join(root, name)
	if there, err := locked(root, func() (bool, error) { return use(dir) }); there || err != nil {
		return dir, err
	}
	unfinished, err := os.MkdirTemp(root, "unfinished-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	if err := fill(unfinished); err != nil {
		return "", err
	}
	var old []string
	_, err = locked(root, func() (bool, error) {
		there, err := use(dir)
		if !there && err == nil {
			if err = os.Rename(unfinished, dir); err == nil {
				_, err = use(dir)
			}
		}
		old = setAside(root)
		return true, err
	})
	// What cannot be removed is tried again once it has become old.
	for _, dir := range old {
		_ = os.RemoveAll(dir)
	}
	return dir, err
}

// locked calls f while no other process, and no other call here, is in it.
func locked(root string, f func() (bool, error)) (bool, error) {
	unlock, err := lockedfile.MutexAt(filepath.Join(root, ".lock")).Lock()
	if err != nil {
		return false, err
	}
	defer unlock()
	return f()
}

// use notes that a folder is used now, and reports whether it is there.
func use(dir string) (there bool, err error) {
	now := time.Now()
	err = os.Chtimes(dir, now, now)
	if os.IsNotExist(err) {
		return false, nil
	}
	return err == nil, err
}

// setAside renames the folders that were not used for Unused and returns their
// new paths, for removing takes longer than others should have to wait.
func setAside(root string) (old []string) {
	entries, _ := os.ReadDir(root)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || time.Since(info.ModTime()) < Unused {
			continue
		}
		aside, err := os.MkdirTemp(root, "removing-")
		if err != nil {
			continue
		}
		old = append(old, aside)
		_ = os.Rename(filepath.Join(root, e.Name()), filepath.Join(aside, e.Name()))
	}
	return old
}
