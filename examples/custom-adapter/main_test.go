package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// start runs the server in this process until stop, which expects no error.
func start(t *testing.T, data string) (origin string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stdout, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, "127.0.0.1:0", data, in)
		in.CloseWithError(errors.Join(io.EOF, err))
		ended <- err
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "READY http://127.0.0.1:") {
		t.Fatalf("got %q (%v), want READY and a URL", line, err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "READY ")), func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

func TestSignInAndRestart(t *testing.T) {
	data := filepath.Join(t.TempDir(), "auth.db")
	origin, stop := start(t, data)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	page := func(res *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	signIn := func(password string) string {
		t.Helper()
		csrf := regexp.MustCompile(`name="csrfToken" value="([^"]+)"`).FindStringSubmatch(page(browser.Get(origin + "/api/auth/signin")))
		if csrf == nil {
			t.Fatal("the first page is not the sign-in page")
		}
		form := url.Values{"csrfToken": {csrf[1]}, "username": {"ada"}, "password": {password}, "callbackUrl": {origin + "/"}}
		req, err := http.NewRequest("POST", origin+"/api/auth/callback/credentials", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Origin", origin)
		return page(browser.Do(req))
	}
	if text := signIn("byron"); strings.Contains(text, "Hello") {
		t.Errorf("a wrong password signs in:\n%s", text)
	}
	if text := signIn("lovelace"); !strings.Contains(text, "Hello, Ada Lovelace") {
		t.Fatalf("not signed in:\n%s", text)
	}
	stop()

	origin, stop = start(t, data) // on another port: cookies do not depend on it
	defer stop()
	if text := page(browser.Get(origin + "/")); !strings.Contains(text, "Hello, Ada Lovelace") {
		t.Errorf("the session is gone after a restart:\n%s", text)
	}
}

func TestRefusals(t *testing.T) {
	data := filepath.Join(t.TempDir(), "auth.db")
	if err := run(t.Context(), "0.0.0.0:0", data, io.Discard); err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("an address others can reach: %v", err)
	}
	_, stop := start(t, data)
	defer stop()
	if err := run(t.Context(), "127.0.0.1:0", data, io.Discard); err == nil || !strings.Contains(err.Error(), data) {
		t.Errorf("a file in use: %v", err)
	}
}
