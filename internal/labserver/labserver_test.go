package labserver_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
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
