package engine_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

func TestUnknownMethodOrActionIsRefused(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	actions := []string{"/session", "/csrf", "/providers", "/signin", "/signin/oidc", "/callback/oidc", "/callback/email", "/callback/credentials", "/signout", "/error", "/verify-request"}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "get", "BREW"} {
		for _, path := range actions {
			s.resetLog()
			r := b.request("GET", base+path, nil)
			r.Method = method
			out := b.do(r)
			if out.status != http.StatusBadRequest || out.body != `"Bad request."` || len(out.set) > 0 || len(s.store.called()) > 0 {
				t.Errorf("%s %s: %d %q %q %v", method, path, out.status, out.body, out.header["Set-Cookie"], s.store.called())
			}
			s.problem(t)
		}
	}
	// A known action with the wrong method.
	for _, request := range []string{"POST /csrf", "POST /providers", "POST /error", "POST /verify-request", "GET /signin/oidc", "GET /signin/credentials", "GET /signin/email", "GET /callback/credentials"} {
		method, path, _ := strings.Cut(request, " ")
		s.resetLog()
		out := b.do(b.request(method, base+path, nil))
		out.wantTo(s.origin + base + "/error?error=Configuration")
		if len(out.set) > 0 || len(s.store.called()) > 0 {
			t.Errorf("%s: %q %v", request, out.header["Set-Cookie"], s.store.called())
		}
		s.problem(t)
	}
	// Unknown actions.
	for _, path := range []string{"", "/", "/nope", "/_log", "/session/x", "/csrf/x", "/signin/oidc/x", "/callback/oidc/x", "/signin/a/b", "/sess%69on", "session", "/session%2Fx", "/Session", "/webauthn-options/x/y", "/.", "/..", "/../auth/session", "/%00"} {
		s.resetLog()
		out := b.do(b.request("GET", base+path, nil))
		if out.status != http.StatusBadRequest || out.body != `"Bad request."` || len(out.set) > 0 {
			t.Errorf("GET %s: %d %q", path, out.status, out.body)
		}
		s.problem(t)
	}
	// Doubled and trailing slashes are tolerated.
	for _, path := range []string{"/session/", "//session", "/session//", "//csrf//", "//callback//nope/"} {
		if out := b.do(b.request("GET", base+path, nil)); out.status == http.StatusBadRequest {
			t.Errorf("GET %s: %d", path, out.status)
		}
	}
	if got := b.user(); got != "alice@example.com" {
		t.Errorf("afterwards, signed in as %q", got)
	}
}

func TestUnknownProviderIsAnError(t *testing.T) {
	s := newSite(t, withStore)
	for _, id := range []string{"nope", "OIDC", "oidc%20", "%6fidc", "..", "oidc'", strings.Repeat("x", 5000), "webauthn"} {
		for _, request := range []string{"GET /signin/", "POST /signin/", "GET /callback/", "POST /callback/"} {
			method, path, _ := strings.Cut(request, " ")
			b := s.browser()
			b.csrf()
			s.resetLog()
			r := b.do(b.request(method, base+path+id, nil))
			r.wantTo(s.origin + base + "/error?error=Configuration")
			if len(r.set) > 0 || len(s.store.called()) > 0 {
				t.Errorf("%s%s: cookies %q, adapter %v", request, id, r.header["Set-Cookie"], s.store.called())
			}
			if entry := s.problem(t); !strings.Contains(entry.attrs["hint"], "oidc, oauth, credentials, email") || len(entry.String()) > 1000 {
				t.Errorf("log line %v", entry)
			}
		}
	}
	for _, path := range []string{"/callback", "/callback/"} {
		b := s.browser()
		s.resetLog()
		b.get(path).wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
	}
}

// The hint for an engine that is mounted elsewhere names the right path.
func TestWrongMountIsExplained(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for path, want := range map[string]string{
		"/signin":          "mount the engine at /api/auth/, without http.StripPrefix, or set BasePath to the path of the mount",
		"/auth/signin":     "mount the engine at /api/auth/, without http.StripPrefix, or set BasePath to the path of the mount",
		"/api/auth-signin": "mount the engine at /api/auth/, without http.StripPrefix, or set BasePath to the path of the mount",
		"/api/auth":        "the sign-in page is /api/auth/signin; if that is not found, mount the engine at /api/auth/, with the slash",
		"/api/auth/":       "the sign-in page is /api/auth/signin; if that is not found, mount the engine at /api/auth/, with the slash",
	} {
		s.resetLog()
		b.do(b.request("GET", path, nil))
		if got := s.problem(t).attrs["hint"]; got != want {
			t.Errorf("GET %s: the hint is %q, want %q", path, got, want)
		}
	}
}

// Every request is answered with an expected status, a redirect within the site or
// to the provider, and valid cookies.
func FuzzServeHTTP(f *testing.F) {
	s := newSite(f, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	token := b.csrf()
	location := b.startOAuth("oidc")
	back := s.idp.approve(f, location).Encode()
	var cookies []string
	for _, c := range b.cookies {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	all := strings.Join(cookies, "; ")
	const kind = "application/x-www-form-urlencoded"
	f.Add("GET", "/session", all, "", "", "")
	f.Add("GET", "/callback/oidc?"+back, all, "", "", "")
	f.Add("GET", "/callback/email?token=x&email=a@b&callbackUrl=/x", "", "", "", "")
	f.Add("GET", "/signin?callbackUrl=//evil.example&error=x", all, "", "", "navigate")
	f.Add("GET", "/error?error=Configuration", "", "", "", "")
	f.Add("POST", "/signout", all, "csrfToken="+token+"&callbackUrl=/x", kind, "same-origin")
	f.Add("POST", "/session", all, `{"csrfToken":"`+token+`","data":{"name":"x"}}`, "application/json", "")
	f.Add("POST", "/callback/credentials", all, "csrfToken="+token+"&password=x&callbackUrl=http://[", kind, "")
	f.Add("POST", "/signin/oidc?prompt=x&state=y", all, "csrfToken="+token, kind, "cross-site")
	f.Add("PUT", "/../%2e//session/", "authjs.session-token.0=x; =; ;", "\xff", "text/plain", "\x00")
	f.Fuzz(func(t *testing.T, method, target, cookie, body, contentType, extra string) {
		r, err := http.NewRequest("GET", "http://localhost:3000/api/auth/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.ParseRequestURI("/api/auth" + target)
		if err != nil {
			return // net/http refuses it
		}
		r.Method, r.URL.Path, r.URL.RawPath, r.URL.RawQuery = method, u.Path, u.RawPath, u.RawQuery
		r.Header = http.Header{"Cookie": {cookie}, "Content-Type": {contentType}, "Sec-Fetch-Site": {extra}, "Origin": {extra}, "X-Request-Id": {extra}}
		w := httptest.NewRecorder()
		s.eng.ServeHTTP(w, r)
		res := w.Result()
		switch res.StatusCode {
		case 200, 302, 400, 403, 413:
		case 500:
			if !strings.HasPrefix(strings.TrimLeft(u.Path, "/"), "api/auth") || !strings.Contains(u.Path, "error") || u.Query().Get("error") == "" {
				t.Errorf("%s %s was answered with 500", method, target)
			}
		default:
			t.Errorf("%s %s was answered with %d", method, target, res.StatusCode)
		}
		if to := res.Header.Get("Location"); to != "" && !strings.HasPrefix(to, s.origin+"/") && to != s.origin && !strings.HasPrefix(to, s.origin+"?") && !strings.HasPrefix(to, s.origin+"#") && !strings.HasPrefix(to, issuer+"/authorize?") {
			t.Errorf("%s %s redirects to %q", method, target, to)
		}
		if n := len(res.Header["Set-Cookie"]); n != len(res.Cookies()) || n > 0 && !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s %s sets %q with %q", method, target, res.Header["Set-Cookie"], res.Header.Get("Cache-Control"))
		}
		s.logs.reset()
	})
}
