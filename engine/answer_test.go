package engine_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

func TestPagesCannotBeFramed(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	link := b.askMail("carol@example.com")
	for _, page := range []string{
		"/signin", "/signin?error=OAuthAccountNotLinked", "/signout", "/error", "/error?error=Configuration", "/error?error=AccessDenied",
		"/verify-request", "/callback/email?" + link.Encode(), "/signin?callbackUrl=%25",
	} {
		r := b.get(page)
		h := r.header
		if h.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("GET %s is %s", page, h.Get("Content-Type"))
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") ||
			strings.Contains(policy, "form-action") || strings.Contains(policy, "script-src") {
			t.Errorf("GET %s: Content-Security-Policy %q", page, policy)
		}
		for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("GET %s: %s %q", page, name, h.Get(name))
			}
		}
		if strings.Contains(strings.ToLower(r.body), "<script") {
			t.Errorf("GET %s has a script", page)
		}
	}
	for _, other := range []string{"/session", "/csrf", "/providers", "/callback/oidc", "/nope"} {
		h := b.get(other).header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || !strings.Contains(h.Get("Cache-Control"), "no-store") {
			t.Errorf("GET %s: %v", other, h)
		}
	}
	// Input of the query is escaped.
	for _, page := range []string{"/signin?error=%3Cimg%20src=x%3E&email=%22%3E%3Cimg%20src=x%3E&callbackUrl=/%22%3E%3Cimg%20src=x%3E", "/error?error=%3Cimg%20src=x%3E"} {
		if r := b.get(page); strings.Contains(r.body, "<img src=x") {
			t.Errorf("GET %s: the input is in the page as HTML", page)
		}
	}
	for _, member := range []string{"csrfToken", "theme", "providers"} {
		if r := b.get("/signin?" + member + "=planted"); strings.Contains(r.body, "planted") {
			t.Errorf("the query parameter %s is in the sign-in page", member)
		}
	}
}

func TestSessionIsNotCached(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		check := func(what string) {
			t.Helper()
			r := b.request("GET", base+"/session", nil)
			r.Header.Set("Origin", "https://evil.example")
			h := b.do(r).header
			if h.Get("Cache-Control") != "private, no-cache, no-store" || h.Get("Pragma") != "no-cache" || h.Get("Expires") != "0" {
				t.Errorf("%s: %q %q %q", what, h.Get("Cache-Control"), h.Get("Pragma"), h.Get("Expires"))
			}
			if !slices.Contains(h.Values("Vary"), "Cookie") {
				t.Errorf("%s: Vary %q", what, h.Values("Vary"))
			}
			for name := range h {
				if strings.HasPrefix(name, "Access-Control") {
					t.Errorf("%s: %s: %q", what, name, h[name])
				}
			}
		}
		check("signed out")
		b.signIn()
		check("signed in")
		s.clock.add(25 * time.Hour)
		check("extended")
		if strategy == engine.StrategyDatabase {
			s.store.failWith(errors.New("down"))
			check("store down")
		}
		r := b.request("OPTIONS", base+"/session", nil)
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Access-Control-Request-Method", "GET")
		if out := b.do(r); out.status != http.StatusBadRequest {
			t.Errorf("a preflight was answered with %d", out.status)
		}
	}
}

func TestCookieMakesAnAnswerUncacheable(t *testing.T) {
	s := newSite(t, withStore)
	// The browser of these tests checks every answer of the engine. These are
	// answers of the application on which the engine sets cookies.
	for _, cacheControl := range []string{"", "public, max-age=3600", "max-age=3600", "s-maxage=60", "private", "no-cache"} {
		for what, serve := range map[string]func(http.ResponseWriter, *http.Request){
			"Session": func(w http.ResponseWriter, r *http.Request) { s.eng.Session(w, r) },
			"SignOut": func(w http.ResponseWriter, r *http.Request) { s.eng.SignOut(w, r) },
			"SignIn": func(w http.ResponseWriter, r *http.Request) {
				s.eng.SignIn(w, r, "oidc", engine.SignInOptions{})
			},
		} {
			b := s.browser()
			b.followMail("carol@example.com")
			s.clock.add(25 * time.Hour)
			r := b.request("GET", "/page", nil)
			r.Header.Set("Cookie", sessionCookie+"="+b.cookie(sessionCookie))
			w := httptest.NewRecorder()
			if cacheControl != "" {
				w.Header().Set("Cache-Control", cacheControl)
			}
			serve(w, r)
			h := w.Header()
			if len(h["Set-Cookie"]) == 0 {
				t.Fatalf("%s set no cookie", what)
			}
			if got := h.Get("Cache-Control"); !strings.Contains(got, "no-store") && !strings.Contains(got, "private") {
				t.Errorf("%s set a cookie; Cache-Control is %q, was %q", what, got, cacheControl)
			}
			if !slices.Contains(h.Values("Vary"), "Cookie") {
				t.Errorf("%s: Vary is %q", what, h.Values("Vary"))
			}
		}
	}
	// Vary has Cookie whether or not a cookie is set.
	for before, want := range map[string]string{
		"Accept-Encoding": "Accept-Encoding, Cookie", "X-Cookie-Consent": "X-Cookie-Consent, Cookie",
		"Accept, cookie": "Accept, cookie", "Cookie": "Cookie",
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Vary", before)
		s.eng.Session(w, s.browser().request("GET", "/page", nil))
		if got := strings.Join(w.Header().Values("Vary"), ", "); got != want {
			t.Errorf("Vary is %q, want %q", got, want)
		}
	}
}
