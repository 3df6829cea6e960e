//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/lab/npm"
)

// patience is how long Vite may take. It is generous: nothing is measured with it.
const patience = 5 * time.Minute

// vite is a command of Vite in its own process group.
func vite(ctx context.Context, web string, args ...string) *exec.Cmd {
	script := filepath.Join(web, "..", "node_modules", "vite", "bin", "vite.js")
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, args...)...)
	cmd.Dir = web
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func TestViteBuild(t *testing.T) {
	web := npm.InstallAbove(t, "web")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if said, err := vite(ctx, web, "build").CombinedOutput(); err != nil {
		t.Fatalf("vite build: %v\n%s", err, said)
	}
	dist := filepath.Join(web, "dist")
	self := start(t, settings{web: dist})
	b := newBrowser(t, self)
	_, _, page := b.do("GET", "/", "")
	script := regexp.MustCompile(`src="(/assets/[^"]+\.js)"`).FindStringSubmatch(page)
	if script == nil {
		t.Fatalf("the page has no script: %s", page)
	}
	status, header, code := b.do("GET", script[1], "")
	if status != 200 || !strings.Contains(header.Get("Content-Type"), "javascript") || !strings.Contains(code, "/api/auth") {
		t.Fatalf("GET %s: status %d, %s, %d bytes", script[1], status, header.Get("Content-Type"), len(code))
	}
	if strings.Contains(code, "process.env") {
		t.Error("the script reads process.env, which browsers do not have")
	}
	story(t, self, self)
}

func TestViteDev(t *testing.T) {
	web := npm.InstallAbove(t, "web")
	// The server needs the URL of Vite, and Vite that of the server: one of the
	// ports is chosen in advance.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	front := fmt.Sprintf("http://127.0.0.1:%d", port)
	self := start(t, settings{url: front})

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := vite(ctx, web, "--host", "127.0.0.1", "--port", fmt.Sprint(port), "--strictPort", "--clearScreen", "false")
	cmd.Env = append(cmd.Env, "API_URL="+self)
	var wrong bytes.Buffer // read only after the process has ended
	cmd.Stderr = &wrong
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	ready := make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stdout)
		for seen := false; lines.Scan(); {
			if !seen && strings.Contains(lines.Text(), front) {
				seen = true
				close(ready)
			}
		}
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cancel() // kills the group
		<-ended
		if t.Failed() {
			t.Logf("vite said:\n%s", wrong.String())
		}
	})
	select {
	case <-ready:
	case <-ended:
		t.Fatal("vite has ended")
	}

	b := newBrowser(t, front)
	if _, _, page := b.do("GET", "/", ""); !strings.Contains(page, "/src/main.jsx") {
		t.Fatalf("the page is %s", page)
	}
	// In development Vite leaves the variables in the code of packages, and its
	// client defines them as globals.
	_, _, main := b.do("GET", "/src/main.jsx", "")
	client := regexp.MustCompile(`"(/node_modules/\.vite/deps/next-auth_react\.js[^"]*)"`).FindStringSubmatch(main)
	if client == nil {
		t.Fatalf("the page does not load next-auth/react: %s", main)
	}
	_, _, globals := b.do("GET", "/@vite/env", "")
	status, _, code := b.do("GET", client[1], "")
	variables := regexp.MustCompile(`process\.env\.\w+`).FindAllString(code, -1)
	if status != 200 || len(variables) == 0 {
		t.Fatalf("GET %s: status %d, %d bytes", client[1], status, len(code))
	}
	for _, variable := range variables {
		if !strings.Contains(globals, `"`+variable+`":`) {
			t.Errorf("next-auth/react reads %s, which browsers do not have: vite.config.js has to define it", variable)
		}
	}
	story(t, front, self)
}
