package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// run serves, signs in, shows the extra fields, keeps the audit log, and ends when
// its context does.
func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, "127.0.0.1:0", t.TempDir(), in, slog.New(slog.NewTextHandler(t.Output(), nil)))
		in.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err, <-ended)
	}
	origin, ok := strings.CutPrefix(strings.TrimSpace(line), "READY ")
	if !ok {
		t.Fatalf("got %q", line)
	}

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	body := func(r *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v\n%s", r.Status, err, b)
		}
		return string(b)
	}
	var csrf struct{ CSRFToken string }
	if err := json.Unmarshal([]byte(body(browser.Get(origin+"/api/auth/csrf"))), &csrf); err != nil {
		t.Fatal(err)
	}
	body(browser.PostForm(origin+"/api/auth/callback/credentials", url.Values{"csrfToken": {csrf.CSRFToken}, "name": {"Ada"}}))
	session := body(browser.Get(origin + "/api/auth/session"))
	for _, want := range []string{`"name":"Ada"`, `"role":"member"`, `"locale":"en"`, `"device":null`} {
		if !strings.Contains(session, want) {
			t.Errorf("the session lacks %s:\n%s", want, session)
		}
	}
	home := body(browser.Get(origin + "/"))
	for _, want := range []string{"Signed in", "<li>Member OpCreate</li>", "<li>LoginSession OpCreate</li>"} {
		if !strings.Contains(home, want) {
			t.Errorf("the home page lacks %s:\n%s", want, home)
		}
	}
	browser.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
