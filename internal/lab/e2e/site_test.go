package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/lab/npm"
)

// lab is what the tests share: a browser, the page, the packages.
type lab struct {
	browser  context.Context
	packages string
	scripts  map[*client][]byte
}

func newLab(t *testing.T) *lab {
	t.Helper()
	chromium := findChromium(t)
	packages := npm.Install(t, web)
	l := &lab{packages: packages, scripts: make(map[*client][]byte)}
	for _, c := range clients {
		l.scripts[c] = bundle(t, packages, c.nextAuth)
	}
	l.browser = startBrowser(t, chromium)
	return l
}

// client is a version of next-auth/react, and what the story must know of it.
type client struct {
	nextAuth string // the package
	cookie   string // the session cookie
	// reads is how many session reads a page makes by itself: one when it is
	// shown, and with version 5 one because it hears itself telling the other
	// tabs.
	reads int
	// stamps is whether a tab tells the others by writing what has happened and
	// the second into localStorage.
	stamps bool
}

var clients = map[engine.Dialect]*client{
	engine.DialectV5: {nextAuth: "next-auth", cookie: "authjs.session-token", reads: 2},
	engine.DialectV4: {nextAuth: "next-auth-v4", cookie: "next-auth.session-token", reads: 1, stamps: true},
}

// application is what is specific to the server under test.
type application struct {
	client  *client                              // of its pages
	auth    http.Handler                         // below /api/auth/
	require func(next http.Handler) http.Handler // lets signed-in requests through
	who     func(r *http.Request) string         // behind require: who is signed in
}

// site is the application under test and its identity provider, as two sites:
// localhost and 127.0.0.1, so that the browser tells them apart.
type site struct {
	url    string
	client *client
	gate   *gate
	mail   mailbox
}

// callbackPath is where the identity provider sends the browser.
const callbackPath = "/api/auth/callback/oidc"

func newSite(t *testing.T, l *lab, build func(issuer string, mail mailbox) application) *site {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{url: "http://localhost:" + port, mail: make(mailbox, 8)}
	app := build(startIdentityProvider(t, l, s.url+callbackPath), s.mail)
	s.client = app.client
	s.gate = &gate{next: app.auth}
	index, err := os.ReadFile(filepath.Join(web, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/auth/", s.gate)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(index)
	})
	mux.HandleFunc("GET /app.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		w.Write(l.scripts[app.client])
	})
	mux.Handle("GET /protected/", app.require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := protectedPage.Execute(w, app.who(r)); err != nil {
			t.Errorf("protected page: %v", err)
		}
	})))
	server.Config.Handler = mux
	server.Start()
	t.Cleanup(func() {
		s.gate.open()
		server.Close()
	})
	return s
}

var protectedPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Protected</title><link rel="icon" href="data:,">
<h1>Protected</h1><p>Rendered on the server for <strong id="who">{{.}}</strong></p></html>`))

// startIdentityProvider starts the oidc-provider package with one client and
// returns its issuer. It ends with the test, or with the test's process: its
// standard input is then closed.
func startIdentityProvider(t *testing.T, l *lab, redirectURI string) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(web, "idp.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	// Given as text, the module finds its packages from the working directory.
	cmd := exec.Command("node", "--input-type=module", "--eval", string(source), "--", redirectURI)
	cmd.Dir = l.packages
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	ready := make(chan string, 1)
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if issuer, ok := strings.CutPrefix(lines.Text(), "READY "); ok {
				ready <- issuer
			}
		}
		cmd.Wait()
	}()
	t.Cleanup(func() {
		stdin.Close()
		select {
		case <-ended:
		case <-time.After(patience):
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("identity provider:\n%s", stderr.String())
		}
	})
	select {
	case issuer := <-ready:
		return issuer
	case <-ended:
		t.Fatalf("the identity provider did not start:\n%s", stderr.String())
	case <-time.After(patience):
		t.Fatal("the identity provider did not start in time")
	}
	return ""
}

// ---- mail

// mailbox receives the links of mails.
type mailbox chan mail

type mail struct{ address, link string }

// link waits for the next mail, which must be to the address.
func (m mailbox) link(t *testing.T, address string) string {
	t.Helper()
	select {
	case got := <-m:
		if got.address != address {
			t.Fatalf("the mail went to %q, not to %q", got.address, address)
		}
		return got.link
	case <-time.After(patience):
		t.Fatalf("no mail to %q was sent", address)
	}
	return ""
}

// ---- overlap

// gate stands before the engine. It can hold the answer to a request back
// after the engine has made it, so that it reaches the browser later than the
// answer to a request that was sent later.
type gate struct {
	next http.Handler

	mu   sync.Mutex
	held []*late
}

// late is an answer that is held back.
type late struct {
	method, path string
	made         chan struct{} // closed when the engine has made it
	sent         chan struct{} // closed when it may go
	taken, let   bool          // under the gate's lock
	gate         *gate
}

// hold holds the answer to the next such request back.
func (g *gate) hold(method, path string) *late {
	l := &late{method: method, path: path, made: make(chan struct{}), sent: make(chan struct{}), gate: g}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = append(g.held, l)
	return l
}

// wait returns when the engine has made the answer.
func (l *late) wait(t *testing.T) {
	t.Helper()
	select {
	case <-l.made:
	case <-time.After(patience):
		t.Fatalf("%s %s was not sent", l.method, l.path)
	}
}

// release lets the answer go.
func (l *late) release() {
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	l.letGo()
}

func (l *late) letGo() {
	if !l.let {
		l.let = true
		close(l.sent)
	}
}

// open lets all answers go.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.held {
		l.letGo()
	}
}

func (g *gate) take(r *http.Request) *late {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.held {
		if !l.taken && r.Method == l.method && r.URL.Path == l.path {
			l.taken = true
			return l
		}
	}
	return nil
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l := g.take(r)
	if l == nil {
		g.next.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	g.next.ServeHTTP(answer, r)
	close(l.made)
	<-l.sent
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	io.Copy(w, answer.Body)
}
