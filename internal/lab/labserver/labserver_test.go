package labserver_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/internal/lab/labserver"
)

func TestControl(t *testing.T) {
	l := newLab(t, "db", nil)
	s := l.order(`{"addUser":{"id":"u1","name":"Una","email":"una@example.com"}}`)
	if len(s.DB.Users) != 1 || s.DB.Users[0]["email"] != "una@example.com" {
		t.Errorf("users: %v", s.DB.Users)
	}
	if v, ok := s.DB.Users[0]["emailVerified"]; !ok || v != nil {
		t.Errorf("emailVerified is %v, want null", v)
	}
	b := l.browser()
	b.get(b.startOAuth("lab-oauth", "ada"))
	s = l.state()
	if len(s.DB.Users) != 2 || len(s.DB.Accounts) != 1 || len(s.DB.Sessions) != 1 {
		t.Fatalf("after a sign-in: %v", s.DB)
	}
	if s.DB.Sessions[0]["userId"] != s.DB.Users[1]["id"] || s.DB.Accounts[0]["provider"] != "lab-oauth" {
		t.Errorf("rows: %v", s.DB)
	}
	var calls []string
	for _, line := range s.Log {
		for _, kind := range []string{"adapter", "callback", "event"} {
			if name, ok := line[kind].(string); ok {
				calls = append(calls, kind+" "+name)
			}
		}
	}
	for _, want := range []string{"callback redirect", "callback signIn", "adapter createUser", "event createUser", "adapter createSession", "event signIn"} {
		if !slices.Contains(calls, want) {
			t.Errorf("the log lacks %q: %v", want, calls)
		}
	}
	if s = l.order(`{"clearLog":true,"shiftSessions":-5}`); len(s.Log) != 0 || len(s.DB.Sessions) != 1 {
		t.Errorf("after clearLog: %v", s.Log)
	}
	if body := b.get("/api/auth/session").body; body != "null" {
		t.Errorf("an expired session is read: %s", body)
	}
	if s = l.order(`{"reset":true}`); len(s.DB.Users) != 0 || len(s.Log) != 0 {
		t.Errorf("after reset: %v", s)
	}
}

func TestFlags(t *testing.T) {
	l := newLab(t, "jwt", nil)
	signIn := func() response {
		b := l.browser()
		return b.post("/api/auth/callback/credentials", url.Values{"csrfToken": {b.csrf()}, "username": {"alice"}, "password": {"pw"}})
	}
	l.order(`{"flags":{"signIn":"false","pad":10}}`)
	if r := signIn(); !r.failed("AccessDenied") {
		t.Errorf("signIn false: %s", r.location)
	}
	l.order(`{"flags":{"signIn":""}}`)
	if r := signIn(); !r.sets("authjs.session-token") {
		t.Errorf("signIn empty again: %s", r.location)
	}
	l.order(`{"flags":{"adapterThrows":"getUserByEmail"}}`)
	b := l.browser()
	if r := b.post("/api/auth/signin/lab-email", url.Values{"csrfToken": {b.csrf()}, "email": {"x@example.com"}}); !r.failed("Configuration") {
		t.Errorf("adapterThrows: %s", r.location)
	}
	// flags that cannot be followed are refused, and change nothing
	for _, bad := range []string{`{"flags":{"nope":1}}`, `{"flags":{"pad":"x"}}`, `{"flags":{"session":{"maxAge":-1}}}`, `{`} {
		res, err := http.Post(l.url+"/__lab", "application/json", strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s, want 400", bad, res.Status)
		}
	}
	l.order(`{"reset":true}`)
	if r := b.post("/api/auth/signin/lab-email", url.Values{"csrfToken": {b.csrf()}, "email": {"x@example.com"}}); r.failed("Configuration") {
		t.Errorf("after reset: %s", r.location)
	}
}

// TestBareProfile holds that the profile without an adapter offers no e-mail.
func TestBareProfile(t *testing.T) {
	for profile, want := range map[string]bool{"jwt": true, "db": true, "bare": false, "pages": true} {
		body := newLab(t, profile, nil).browser().get("/api/auth/providers").body
		if got := strings.Contains(body, "lab-email"); got != want {
			t.Errorf("%s: e-mail provider %v, want %v", profile, got, want)
		}
	}
}

// TestOwnAdapter holds that a server can be put on a store of its own, and its
// mail sent elsewhere.
func TestOwnAdapter(t *testing.T) {
	var box authtest.Mailbox
	adapter := memory.New(nil)
	handler, err := labserver.New(labserver.Profiles()[1], labserver.Options{Adapter: adapter, Mail: box.SendVerificationRequest})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	l := &lab{t, server.URL}
	b := l.browser()
	if r := b.post("/api/auth/signin/lab-email", url.Values{"csrfToken": {b.csrf()}, "email": {"x@example.com"}}); r.failed("Configuration") {
		t.Fatal(r.location)
	}
	mail, _ := box.Last("x@example.com")
	if r := b.get(mail.URL); !r.sets("authjs.session-token") {
		t.Fatalf("the link of the mail: %d %s", r.status, r.location)
	}
	if _, err := adapter.GetUserByEmail(t.Context(), "x@example.com"); err != nil {
		t.Error(err)
	}
	if s := l.state(); len(s.DB.Users) != 0 || len(s.Mail) != 0 {
		t.Errorf("the lab holds %v, %v", s.DB, s.Mail)
	}
}
