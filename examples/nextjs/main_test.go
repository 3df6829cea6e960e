package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/examples/nextjs/authtypes"
	"github.com/sesame-auth/sesame/examples/nextjs/authtypes/authtypestest"
)

// The front end's part of the story is in internal/lab/e2e, TestNextjs.

// start runs the program and returns its URL. The browser sees it at front.
func start(t *testing.T, front string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, "127.0.0.1:0", front, in, slog.New(slog.DiscardHandler))
		in.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal(lines.Err())
	}
	self, ok := strings.CutPrefix(lines.Text(), "READY ")
	if !ok {
		t.Fatalf("the first line is %q, want READY and a URL", lines.Text())
	}
	if !lines.Scan() || !strings.Contains(lines.Text(), "API_URL="+self+" npm run build") || !lines.Scan() || !strings.Contains(lines.Text(), front) {
		t.Fatalf("the program does not say how to start the front end, but %q", lines.Text())
	}
	return self
}

// browser has cookies, but no scripts.
type browser struct {
	t      *testing.T
	self   string
	client http.Client
}

func newBrowser(t *testing.T, self string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t, self, http.Client{Jar: jar, CheckRedirect: noRedirect}}
}

func (b *browser) do(method, path string, form url.Values) (int, http.Header, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.self+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

func (b *browser) expect(path string, status int, want string) {
	b.t.Helper()
	if got, _, body := b.do("GET", path, nil); got != status || strings.TrimSpace(body) != want {
		b.t.Errorf("GET %s: status %d, %s; want %d, %s", path, got, body, status, want)
	}
}

// post sends a form with the CSRF token.
func (b *browser) post(path string, form url.Values) http.Header {
	b.t.Helper()
	var csrf struct{ CSRFToken string }
	if _, _, body := b.do("GET", "/api/auth/csrf", nil); json.Unmarshal([]byte(body), &csrf) != nil {
		b.t.Fatalf("csrf: %s", body)
	}
	form.Set("csrfToken", csrf.CSRFToken)
	status, header, body := b.do("POST", path, form)
	if status != http.StatusFound {
		b.t.Fatalf("POST %s: status %d, %s", path, status, body)
	}
	return header
}

func (b *browser) session() *authtypes.Session {
	b.t.Helper()
	_, _, body := b.do("GET", "/api/auth/session", nil)
	if strings.Contains(body, "stripeCustomerId") || strings.Contains(body, "cus_") {
		b.t.Errorf("the session shows what it may not: %s", body)
	}
	s, err := authtypes.DecodeSession([]byte(body))
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

const bothProjects = `[{"name":"Analytical Engine","canEdit":true},{"name":"Difference Engine","canEdit":true}]`

func TestPassword(t *testing.T) {
	b := newBrowser(t, start(t, defaultURL))
	b.expect("/api/projects", 401, `{"message":"Sign in first."}`)
	b.expect("/api/billing", 401, `{"message":"Sign in first."}`)
	if b.session() != nil {
		t.Error("a stranger has a session")
	}
	b.post("/api/auth/callback/credentials", url.Values{"username": {"ada"}, "password": {"Lovelace"}})
	if b.session() != nil {
		t.Error("signed in with a wrong password")
	}
	b.post("/api/auth/callback/credentials", url.Values{"username": {"ada"}, "password": {"lovelace"}})
	if s := b.session(); s == nil || s.User.Role != authtypes.RoleAdmin || s.OrgName == nil || *s.OrgName != "Acme Corporation" {
		t.Fatalf("session %+v", s)
	}
	b.expect("/api/projects", 200, bothProjects)
	b.expect("/api/billing", 200, `{"openInvoices":2}`)
}

func TestProvider(t *testing.T) {
	const front = "http://localhost:3456"
	self := start(t, front)
	for subject, want := range map[string]struct {
		role     authtypes.Role
		org      bool
		projects string
	}{
		"1": {authtypes.RoleEditor, true, bothProjects},
		"2": {authtypes.RoleMember, false, "[]"},
	} {
		b := newBrowser(t, self)
		at := b.post("/api/auth/signin/demo", url.Values{}).Get("Location")
		path, ok := strings.CutPrefix(at, self)
		if !ok {
			t.Fatalf("the sign-in leads to %s", at)
		}
		_, header, _ := b.do("POST", path, url.Values{"user": {subject}})
		back := header.Get("Location")
		path, ok = strings.CutPrefix(back, front) // Next.js forwards it
		if !ok {
			t.Fatalf("the provider sends the browser to %q, not to the front end", back)
		}
		if status, header, body := b.do("GET", path, nil); status != http.StatusFound || header.Get("Location") != front {
			t.Fatalf("callback: status %d to %q, %s", status, header.Get("Location"), body)
		}
		s := b.session()
		if s == nil || s.User.Role != want.role || s.User.OrgID != nil != want.org || s.OrgName != nil != want.org {
			t.Fatalf("user %s has the session %+v", subject, s)
		}
		b.expect("/api/projects", 200, want.projects)
		b.expect("/api/billing", 403, `{"message":"Not allowed."}`)
	}
}

// Handlers are tested without an engine, with the generated helpers.
func TestMembersMayNotEdit(t *testing.T) {
	ctx := authtypestest.SignedIn(t, func(s *authtypes.Session) { s.User.OrgID = new("acme") })
	w := httptest.NewRecorder()
	new(application).projects(w, httptest.NewRequestWithContext(ctx, "GET", "/api/projects", nil))
	if body := w.Body.String(); w.Code != 200 || strings.Contains(body, "true") || !strings.Contains(body, "Difference Engine") {
		t.Errorf("status %d, %s", w.Code, body)
	}
}

func TestRefusesToStart(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:0": "other machines",
		":0":        "other machines",
		"localhost": "-addr",
	} {
		if err := run(t.Context(), addr, defaultURL, io.Discard, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("-addr %s: %v", addr, err)
		}
	}
	if err := run(t.Context(), "127.0.0.1:0", "localhost:3000", io.Discard, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "AUTH_URL") {
		t.Errorf("AUTH_URL without a scheme: %v", err)
	}
}
