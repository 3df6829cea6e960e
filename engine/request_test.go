package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

func TestGarbageInCookiesIsIgnored(t *testing.T) {
	for _, strategy := range strategies {
		for _, origin := range []string{httpOrigin, httpsOrigin} {
			s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) { c.URL = origin })
			var names []string
			for _, plain := range []string{sessionCookie, csrfCookie, callbackCookie, stateCookie, pkceCookie, nonceCookie, "authjs.challenge"} {
				names = append(names, s.name(plain))
			}
			for _, suffix := range []string{".0", ".1", ".15", ".16", ".9999", ".99999999999999999999", ".-1", ".00", ".x", "x"} {
				names = append(names, s.name(sessionCookie)+suffix)
			}
			names = append(names, s.name(stateCookie)+".0123456789abcdef", s.name(pkceCookie)+".0123456789abcdef")
			for _, value := range garbage {
				for _, name := range append(names, "all") {
					b := s.browser()
					planted := []string{name}
					if name == "all" {
						planted = names
					}
					for _, n := range planted {
						b.set(n, value)
					}
					s.resetLog()
					if r := b.copy().get("/session"); r.status != 200 || r.body != "null" {
						t.Errorf("GET session with %s=%.30q: %d %s", name, value, r.status, r.body)
					}
					if name != "all" {
						continue
					}
					for _, path := range []string{"/csrf", "/providers", "/signin", "/signout", "/error", "/verify-request"} {
						if r := b.copy().get(path); r.status != 200 {
							t.Errorf("GET %s with %s=%.30q: %d", path, name, value, r.status)
						}
					}
					b.copy().get("/callback/oidc?code=x&state=" + url.QueryEscape(value)).wantTo(s.origin + base + "/error?error=Configuration")
					s.problem(t)
					s.resetLog()
					c := b.copy()
					c.get("/csrf")
					c.signIn().wantTo(s.origin)
					c = b.copy()
					c.get("/csrf")
					c.post("/signout").wantTo(s.origin)
					c = b.copy()
					c.get("/csrf")
					c.oauth("oidc").wantTo(s.origin)
					s.quiet(t)
				}
			}
		}
	}
	// An invalid Cookie header.
	s := newSite(t)
	for _, header := range append([]string{
		";", ";;;", "=", "=x", "authjs.session-token", "authjs.session-token;", " ; ; ", strings.Repeat("a=b; ", 10_000), strings.Repeat("a", 100_000),
		"authjs.session-token=a; authjs.session-token=b", "authjs.session-token = x", "a=b, authjs.session-token=x", "\x00=\x00", "$Version=1; authjs.session-token=x",
		strings.Repeat(sessionCookie+".0=x; ", 300),
	}, garbage...) {
		b := s.browser()
		r := b.request("GET", base+"/session", nil)
		r.Header.Set("Cookie", header)
		if out := b.do(r); out.status != 200 || out.body != "null" {
			t.Errorf("with the Cookie header %.40q: %d %s", header, out.status, out.body)
		}
	}
	s.quiet(t)
}

var garbage = []string{
	"", "x", "%", "%zz", "%00", "|", ".", "....", "a.b.c.d.e", "null", "{}", "\"", "\"quoted\"", "=", "==", "x=y", "\xff\xfe", "💥", "%F0%9F%92%A5",
	strings.Repeat("0", 64) + "|" + strings.Repeat("0", 64), strings.Repeat("A", 2000), strings.Repeat(".", 2000), "eyJhbGciOiJub25lIn0..AA.AA.AA",
	"'; DROP TABLE users; --", "../../etc/passwd", "<script>", "-1", "1e999",
}

func TestLargeOrBrokenBodyIsRefused(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	for _, path := range []string{"/signin", "/signin/oidc", "/signin/email", "/signout", "/session", "/callback/credentials", "/callback/email", "/callback/oidc"} {
		for _, kind := range []string{"application/x-www-form-urlencoded", "application/json"} {
			for _, known := range []bool{true, false} {
				b := s.browser()
				text := "csrfToken=" + b.csrf() + "&password=" + password + "&x=" + strings.Repeat("x", 1<<20)
				if kind == "application/json" {
					text = `{"csrfToken":"` + b.csrf() + `","x":"` + strings.Repeat("x", 1<<20) + `"}`
				}
				s.resetLog()
				var body io.Reader = strings.NewReader(text)
				if !known {
					body = struct{ io.Reader }{body} // no Content-Length
				}
				r := b.request("POST", base+path, body)
				r.Header.Set("Content-Type", kind)
				out := b.do(r)
				if out.status != http.StatusRequestEntityTooLarge || out.header.Get("Content-Type") != "application/json" || !strings.Contains(out.body, "64 KiB") || len(out.set) > 0 || out.header.Get("Connection") != "close" {
					t.Errorf("POST %s with 1 MB of %s: %d %q", path, kind, out.status, out.body)
				}
				if called := s.store.called(); len(called) > 0 {
					t.Errorf("POST %s with 1 MB: adapter calls %v", path, called)
				}
				s.problem(t)
			}
		}
		// A body of another type is not read and counts as no body.
		b := s.browser()
		b.csrf()
		s.resetLog()
		body := &countingReader{Reader: strings.NewReader(strings.Repeat("x", 1<<20))}
		r := b.request("POST", base+path, body)
		r.Header.Set("Content-Type", "text/plain")
		if out := b.do(r); out.status >= 500 || body.n > 0 {
			t.Errorf("POST %s with 1 MB of text: %d, %d bytes read", path, out.status, body.n)
		}
		s.problem(t)
	}
	// A body up to the limit is read.
	b := s.browser()
	b.post("/callback/credentials", "password", password, "x", strings.Repeat("x", 60<<10)).wantTo(s.origin)
	// Invalid JSON.
	for _, broken := range []string{"{", `{"csrfToken":`, "[", "x", "{}x", `{"a":1}{"b":2}`, "\xff", `"` + strings.Repeat("[", 60_000)} {
		b := s.browser()
		s.resetLog()
		r := b.request("POST", base+"/signout", strings.NewReader(broken))
		r.Header.Set("Content-Type", "application/json")
		if out := b.do(r); out.status != http.StatusBadRequest || out.body != `"Bad request."` || len(out.set) > 0 {
			t.Errorf("the JSON body %.20q: %d %s", broken, out.status, out.body)
		}
		s.problem(t)
	}
	for _, odd := range []string{"", "null", "[]", `"x"`, "1", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), `{"csrfToken":{"a":1}}`, `{"csrfToken":null}`, `{"csrfToken":["x"]}`} {
		b := s.browser()
		r := b.request("POST", base+"/signout", strings.NewReader(odd))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		b.do(r).wantTo(s.origin + base + "/signin?error=MissingCSRF")
	}
	for _, odd := range []string{"%", "%zz=1", "a;b", "&&&&", "=", strings.Repeat("a&", 20_000)} {
		b := s.browser()
		r := b.request("POST", base+"/signout", strings.NewReader(odd))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		b.do(r).wantTo(s.origin + base + "/signin?error=MissingCSRF")
	}
	// A body that ends with an error.
	b = s.browser()
	r := b.request("POST", base+"/signout", io.MultiReader(strings.NewReader("csrfToken="), brokenReader{}))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if out := b.do(r); out.status != http.StatusBadRequest {
		t.Errorf("a body that ends with an error: %d", out.status)
	}
}

type countingReader struct {
	io.Reader
	n int
}

func (r *countingReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.n += n
	return n, err
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

// The log has the request ID of a proxy if it is valid.
func TestRequestIDOfAProxyIsLogged(t *testing.T) {
	s := newSite(t)
	for given, taken := range map[string]bool{
		"abc-123": true, "Root=1-67891233-abcdef012345678912345678": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, "": false, "x\"y": false, "é": false, "<b>": false,
	} {
		s.resetLog()
		b := s.browser()
		b.header.Set("X-Request-Id", given)
		b.get("/callback/oidc")
		if got := s.problem(t).attrs["request_id"]; (got == given) != taken || len(got) > 64 {
			t.Errorf("the request id %q is logged as %q", given, got)
		}
		if page := b.get("/error?error=Configuration"); taken && strings.Contains(page.body, "<b>") {
			t.Error("the page has the ID as HTML")
		}
	}
}

// A cancelled request is logged as a warning, and so is an untrusted host.
func TestCancelledRequestIsAWarning(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	s.store.failWith(fmt.Errorf("query: %w", context.Canceled))
	s.resetLog()
	b.session()
	if entry := s.problem(t); entry.level.String() != "WARN" {
		t.Errorf("log line %v", entry)
	}
	s.resetLog()
	b.origin = "http://evil.example" // anyone can send a Host
	b.do(b.request("GET", base+"/session", nil))
	if entry := s.problem(t); entry.level.String() != "WARN" {
		t.Errorf("log line %v", entry)
	}
}
