package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// loadSecret returns the secret in dir/secret, which it creates at the first
// start. Whoever has the secret can sign in as anybody, so only the owner may
// read the file. A real application uses AUTH_SECRET instead.
func loadSecret(dir string, log *slog.Logger) (string, error) {
	path := filepath.Join(dir, "secret")
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createSecret(dir, path); err != nil {
			return "", fmt.Errorf("creating the secret: %w", err)
		}
		log.Info("created a new secret", "file", path)
		info, err = os.Lstat(path)
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a plain file: move it away to have a new secret created", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o600); err != nil {
			return "", fmt.Errorf("others can read %s: %w", path, err)
		}
		log.Warn("others could read the secret until now; delete the file to have a new one created, which signs everybody out",
			"file", path, "mode", fmt.Sprintf("%#o", mode))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(data))
	if len(secret) < 32 {
		return "", fmt.Errorf("the secret in %s has %d characters, want at least 32: delete the file to have a new one created", path, len(secret))
	}
	return secret, nil
}

// createSecret writes a new secret next to path and links it into place. So the
// file is never incomplete, and two processes that start together use the same
// secret.
func createSecret(dir, path string) error {
	f, err := os.CreateTemp(dir, "secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	random := make([]byte, 33)
	rand.Read(random) // never fails
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(random) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
