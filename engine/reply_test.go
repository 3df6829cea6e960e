package engine_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reply is the answer to a request.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
	set    []*http.Cookie
}

// location returns the Location header without the request ID of an error URL.
func (r *reply) location() string {
	return requestIDParam.ReplaceAllString(r.header.Get("Location"), "")
}

var requestIDParam = regexp.MustCompile(`&requestId=[0-9a-f]{16}$`)

// locationURL parses Location.
func (r *reply) locationURL() *url.URL {
	r.t.Helper()
	u, err := url.Parse(r.location())
	if err != nil || r.location() == "" {
		r.t.Fatalf("status %d with the Location %q: %v", r.status, r.location(), err)
	}
	return u
}

// sets returns the cookie that the answer sets under the name, or nil.
func (r *reply) sets(name string) *http.Cookie {
	for _, c := range r.set {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// clears reports whether the answer clears the cookie.
func (r *reply) clears(name string) bool {
	c := r.sets(name)
	return c != nil && c.MaxAge < 0 && c.Value == ""
}

// raw returns the Set-Cookie header of the name.
func (r *reply) raw(name string) string {
	for _, h := range r.header["Set-Cookie"] {
		if strings.HasPrefix(h, name+"=") {
			return h
		}
	}
	return ""
}

// wantTo checks that the answer is a redirect to want.
func (r *reply) wantTo(want string) {
	r.t.Helper()
	if r.status != http.StatusFound || r.location() != want {
		r.t.Errorf("status %d with the Location %q, want 302 to %q; body %.200q", r.status, r.location(), want, r.body)
	}
}

// wantError checks that the answer is a redirect with the error code.
func (r *reply) wantError(code string) {
	r.t.Helper()
	if r.status != http.StatusFound || r.locationURL().Query().Get("error") != string(code) {
		r.t.Errorf("status %d with the Location %q, want 302 with error=%s; body %.200q", r.status, r.location(), code, r.body)
	}
}

// invariants checks what holds for every answer.
func (s *site) invariants(r *http.Request, out *reply) {
	s.t.Helper()
	what := r.Method + " " + r.URL.Path
	h := out.header
	if len(out.set) > 0 && !strings.Contains(h.Get("Cache-Control"), "no-store") {
		s.t.Errorf("%s: Set-Cookie with Cache-Control %q", what, h.Get("Cache-Control"))
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			s.t.Errorf("%s: the answer has %s", what, name)
		}
	}
	seen := map[string]bool{}
	for _, c := range out.set {
		if seen[c.Name] {
			s.t.Errorf("%s: the cookie %s is set twice: %q", what, c.Name, h["Set-Cookie"])
		}
		seen[c.Name] = true
	}
	if location := h.Get("Location"); location != "" {
		u, err := url.Parse(location)
		own, _ := url.Parse(s.origin)
		switch {
		case err != nil:
			s.t.Errorf("%s: Location %q: %v", what, location, err)
		case strings.HasPrefix(location, "//") || strings.HasPrefix(location, `/\`):
			s.t.Errorf("%s: Location %q is of another host", what, location)
		case u.Host == "" && strings.HasPrefix(location, "/"):
		case u.Scheme == own.Scheme && u.Host == own.Host && u.User == nil:
		case (u.Scheme == "https" || u.Scheme == "http") && slices.Contains(s.foreignHosts, u.Host) && u.User == nil:
		default:
			s.t.Errorf("%s: Location %q is of another site", what, location)
		}
	}
	if strings.HasPrefix(h.Get("Content-Type"), "text/html") && strings.HasPrefix(r.URL.Path, "/api/auth") {
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			s.t.Errorf("%s: a page without frame-ancestors 'none'", what)
		}
	}
}
