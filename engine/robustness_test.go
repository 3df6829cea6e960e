package engine_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

var garbage = []string{
	"", "x", "%", "%zz", "%00", "|", ".", "....", "a.b.c.d.e", "null", "{}", "\"", "\"quoted\"", "=", "==", "x=y", "\xff\xfe", "💥", "%F0%9F%92%A5",
	strings.Repeat("0", 64) + "|" + strings.Repeat("0", 64), strings.Repeat("A", 2000), strings.Repeat(".", 2000), "eyJhbGciOiJub25lIn0..AA.AA.AA",
	"'; DROP TABLE users; --", "../../etc/passwd", "<script>", "-1", "1e999",
}

func TestGarbageInEveryCookie(t *testing.T) {
	for _, strategy := range both {
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
					s.forget()
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
					s.forget()
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
	// In the header itself, too.
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

func TestLargeBody(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	for _, path := range []string{"/signin", "/signin/oidc", "/signin/email", "/signout", "/session", "/callback/credentials", "/callback/email", "/callback/oidc"} {
		for _, kind := range []string{"application/x-www-form-urlencoded", "application/json"} {
			for _, known := range []bool{true, false} {
				b := s.browser()
				text := "csrfToken=" + b.csrf() + "&password=" + password + "&x=" + strings.Repeat("x", 1<<20)
				if kind == "application/json" {
					text = `{"csrfToken":"` + b.csrf() + `","x":"` + strings.Repeat("x", 1<<20) + `"}`
				}
				s.forget()
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
					t.Errorf("POST %s with 1 MB: the adapter was asked: %v", path, called)
				}
				s.problem(t)
			}
		}
		// Of another type it is not read, and stands for no body.
		b := s.browser()
		b.csrf()
		s.forget()
		body := &countingReader{Reader: strings.NewReader(strings.Repeat("x", 1<<20))}
		r := b.request("POST", base+path, body)
		r.Header.Set("Content-Type", "text/plain")
		if out := b.do(r); out.status >= 500 || body.n > 0 {
			t.Errorf("POST %s with 1 MB of text: %d, %d bytes read", path, out.status, body.n)
		}
		s.problem(t)
	}
	// Up to the limit it is read.
	b := s.browser()
	b.post("/callback/credentials", "password", password, "x", strings.Repeat("x", 60<<10)).wantTo(s.origin)
	// Broken bodies.
	for _, broken := range []string{"{", `{"csrfToken":`, "[", "x", "{}x", `{"a":1}{"b":2}`, "\xff", `"` + strings.Repeat("[", 60_000)} {
		b := s.browser()
		s.forget()
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
	// A body that breaks off.
	b = s.browser()
	r := b.request("POST", base+"/signout", io.MultiReader(strings.NewReader("csrfToken="), brokenReader{}))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if out := b.do(r); out.status != http.StatusBadRequest {
		t.Errorf("a body that breaks off: %d", out.status)
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

func TestUnknownProvider(t *testing.T) {
	s := newSite(t, withStore)
	for _, id := range []string{"nope", "OIDC", "oidc%20", "%6fidc", "..", "oidc'", strings.Repeat("x", 5000), "webauthn"} {
		for _, request := range []string{"GET /signin/", "POST /signin/", "GET /callback/", "POST /callback/"} {
			method, path, _ := strings.Cut(request, " ")
			b := s.browser()
			b.csrf()
			s.forget()
			r := b.do(b.request(method, base+path+id, nil))
			r.wantTo(s.origin + base + "/error?error=Configuration")
			if len(r.set) > 0 || len(s.store.called()) > 0 {
				t.Errorf("%s%s: cookies %q, adapter %v", request, id, r.header["Set-Cookie"], s.store.called())
			}
			if entry := s.problem(t); !strings.Contains(entry.attrs["hint"], "oidc, oauth, credentials, email") || len(entry.String()) > 1000 {
				t.Errorf("the log line is %v", entry)
			}
		}
	}
	for _, path := range []string{"/callback", "/callback/"} {
		b := s.browser()
		s.forget()
		b.get(path).wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
	}
}

// Whoever has mounted the engine at the wrong place is told where it belongs.
func TestMountedElsewhere(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for path, want := range map[string]string{
		"/signin":          "mount the engine at /api/auth/, without http.StripPrefix, or set BasePath to where it is mounted",
		"/auth/signin":     "mount the engine at /api/auth/, without http.StripPrefix, or set BasePath to where it is mounted",
		"/api/auth-signin": "mount the engine at /api/auth/, without http.StripPrefix, or set BasePath to where it is mounted",
		"/api/auth":        "the sign-in page is /api/auth/signin; where that is not found, mount the engine at /api/auth/, with the slash",
		"/api/auth/":       "the sign-in page is /api/auth/signin; where that is not found, mount the engine at /api/auth/, with the slash",
	} {
		s.forget()
		b.do(b.request("GET", path, nil))
		if got := s.problem(t).attrs["hint"]; got != want {
			t.Errorf("GET %s: the hint is %q, want %q", path, got, want)
		}
	}
}

// A session token that fits into no cookies signs nobody in.
func TestSessionTokenThatIsTooLong(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, c *engine.Config) {
		c.GenerateSessionToken = func() (string, error) { return strings.Repeat("x", 70000), nil }
	})
	b := s.browser()
	b.csrf()
	s.forget()
	b.post("/callback/credentials", "password", password).wantTo(s.origin + base + "/error?error=Configuration")
	if entry := s.problem(t); !strings.Contains(entry.attrs["hint"], "too long") {
		t.Errorf("the log line is %v", entry)
	}
	b.signedOut()
}

func TestWrongMethod(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	actions := []string{"/session", "/csrf", "/providers", "/signin", "/signin/oidc", "/callback/oidc", "/callback/email", "/callback/credentials", "/signout", "/error", "/verify-request"}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "get", "BREW"} {
		for _, path := range actions {
			s.forget()
			r := b.request("GET", base+path, nil)
			r.Method = method
			out := b.do(r)
			if out.status != http.StatusBadRequest || out.body != `"Bad request."` || len(out.set) > 0 || len(s.store.called()) > 0 {
				t.Errorf("%s %s: %d %q %q %v", method, path, out.status, out.body, out.header["Set-Cookie"], s.store.called())
			}
			s.problem(t)
		}
	}
	// A known action with the other method.
	for _, request := range []string{"POST /csrf", "POST /providers", "POST /error", "POST /verify-request", "GET /signin/oidc", "GET /signin/credentials", "GET /signin/email", "GET /callback/credentials"} {
		method, path, _ := strings.Cut(request, " ")
		s.forget()
		out := b.do(b.request(method, base+path, nil))
		out.wantTo(s.origin + base + "/error?error=Configuration")
		if len(out.set) > 0 || len(s.store.called()) > 0 {
			t.Errorf("%s: %q %v", request, out.header["Set-Cookie"], s.store.called())
		}
		s.problem(t)
	}
	// What is no action at all.
	for _, path := range []string{"", "/", "/nope", "/_log", "/session/x", "/csrf/x", "/signin/oidc/x", "/callback/oidc/x", "/signin/a/b", "/sess%69on", "session", "/session%2Fx", "/Session", "/webauthn-options/x/y", "/.", "/..", "/../auth/session", "/%00"} {
		s.forget()
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
		t.Errorf("afterwards the session is of %q", got)
	}
}

func TestIdPDown(t *testing.T) {
	refused := &url.Error{Op: "Get", URL: issuer, Err: syscall.ECONNREFUSED}
	big := strings.Repeat("x", 2<<20)
	broken := func(path string, status int, kind, body string) func(*idp) {
		return func(p *idp) {
			p.raw = func(r *http.Request) (int, string, string) {
				if r.URL.Path != path {
					return 0, "", ""
				}
				return status, kind, body
			}
		}
	}
	down := func(path string, err error) func(*idp) {
		return func(p *idp) {
			p.down = func(r *http.Request) error {
				if path == "" || r.URL.Path == path {
					return err
				}
				return nil
			}
		}
	}
	const discovery, token, jwks, userinfo = "/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"
	for _, c := range []struct {
		what     string
		provider string
		early    bool // the fault is there when the sign-in starts
		fault    func(*idp)
	}{
		{"refused", "oidc", true, down("", refused)},
		{"timeout", "oidc", true, down("", context.DeadlineExceeded)},
		{"discovery 500", "oidc", true, broken(discovery, 500, "text/plain", "oops")},
		{"discovery 404", "oidc", true, broken(discovery, 404, "text/html", "<h1>404</h1>")},
		{"discovery HTML", "oidc", true, broken(discovery, 200, "text/html", "<html>")},
		{"discovery empty", "oidc", true, broken(discovery, 200, "application/json", "")},
		{"discovery null", "oidc", true, broken(discovery, 200, "application/json", "null")},
		{"discovery 2 MB", "oidc", true, broken(discovery, 200, "application/json", `{"issuer":"`+big+`"}`)},
		{"token refused", "oidc", false, down(token, refused)},
		{"token refused", "oauth", false, down(token, refused)},
		{"token timeout", "oauth", false, down(token, context.DeadlineExceeded)},
		{"token 500", "oidc", false, broken(token, 500, "text/plain", "oops")},
		{"token 400 HTML", "oauth", false, broken(token, 400, "text/html", "<html>")},
		{"token HTML", "oidc", false, broken(token, 200, "text/html", "<html>")},
		{"token empty", "oauth", false, broken(token, 200, "application/json", "")},
		{"token 200 with error", "oidc", false, broken(token, 200, "application/json", `{"error":"invalid_grant"}`)},
		{"token 200 with error", "oauth", false, broken(token, 200, "application/json", `{"error":"invalid_grant","access_token":"x","token_type":"bearer"}`)},
		{"token without access token", "oauth", false, broken(token, 200, "application/json", `{"token_type":"bearer"}`)},
		{"token 2 MB", "oidc", false, broken(token, 200, "application/json", `{"access_token":"`+big+`","token_type":"bearer"}`)},
		{"token 2 MB", "oauth", false, broken(token, 200, "application/json", `{"access_token":"`+big+`","token_type":"bearer"}`)},
		{"token list", "oauth", false, broken(token, 200, "application/json", `[]`)},
		{"token redirect", "oauth", false, broken(token, 302, "text/html", ``)},
		{"keys refused", "oidc", false, down(jwks, refused)},
		{"keys 500", "oidc", false, broken(jwks, 500, "text/plain", "oops")},
		{"keys empty", "oidc", false, broken(jwks, 200, "application/json", `{"keys":[]}`)},
		{"keys garbage", "oidc", false, broken(jwks, 200, "application/json", `{"keys":[{"kty":"EC"}]}`)},
		{"userinfo refused", "oauth", false, down(userinfo, refused)},
		{"userinfo 401", "oauth", false, broken(userinfo, 401, "application/json", `{"error":"invalid_token"}`)},
		{"userinfo 500", "oauth", false, broken(userinfo, 500, "text/plain", "oops")},
		{"userinfo HTML", "oauth", false, broken(userinfo, 200, "text/html", "<html>")},
		{"userinfo 2 MB", "oauth", false, broken(userinfo, 200, "application/json", `{"id":"`+big+`"}`)},
	} {
		s := newSite(t, withStore)
		s.idp.user["id"] = "bob-id"
		b := s.browser()
		b.csrf()
		what := c.provider + " " + c.what
		var r *reply
		if c.early {
			c.fault(s.idp)
			s.forget()
			r = b.post("/signin/" + c.provider)
		} else {
			location := b.leave(c.provider)
			c.fault(s.idp)
			s.forget()
			r = b.back(c.provider, location)
		}
		entry := s.refusesCallback(what, b, r, engine.CodeConfiguration)
		if entry.level != slog.LevelError || entry.attrs["hint"] == "" || len(entry.attrs["cause"]) > 2000 {
			t.Errorf("%s: the log line is %.3000v", what, entry)
		}
		// When it is back, so are the users.
		s.idp.down, s.idp.raw = nil, nil
		b.oauth(c.provider).wantTo(s.origin)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: afterwards the session is of %q", what, got)
		}
		// Other ways in do not need it.
		c.fault(s.idp)
		b.followMail("carol@example.com").wantTo(s.origin)
		if got := b.user(); got != "carol@example.com" {
			t.Errorf("%s: by mail the session is of %q", what, got)
		}
	}
}

func TestMailSenderFails(t *testing.T) {
	for _, fault := range []error{errors.New("550 no such mailbox"), syscall.ECONNREFUSED, context.DeadlineExceeded} {
		s := newSite(t, withStrategy(engine.StrategyDatabase))
		b := s.browser()
		b.csrf()
		s.mails.fail = fault
		s.forget()
		r := b.post("/signin/email", "email", "carol@example.com")
		r.wantTo(s.origin + base + "/error?error=Configuration")
		if len(r.set) > 0 {
			t.Errorf("cookies %q", r.header["Set-Cookie"])
		}
		entry := s.problem(t)
		if !strings.Contains(entry.attrs["cause"], fault.Error()) || entry.attrs["hint"] == "" || entry.attrs["provider"] != "email" {
			t.Errorf("the log line is %v", entry)
		}
		for _, method := range []string{"CreateUser", "UpdateUser", "CreateSession"} {
			if s.store.count(method) > 0 {
				t.Errorf("the adapter was asked to %s", method)
			}
		}
		s.mails.fail = nil
		b.followMail("carol@example.com").wantTo(s.origin)
	}
	// Addresses that are none are refused before anything is stored or sent.
	s := newSite(t, withStore)
	for _, address := range []string{
		"", " ", "x", "@", "a@", "@b", "a@b@c", "a@b,c@d", "a,b@c", "a b@c", "\"a\"@b", "a@b\r\nBcc: x@y", "a@b;c@d", "<a@b>", "a＠b@c", "a@b＠c", "a(b)@c", "a@[1.2.3.4]",
		strings.Repeat("a", 300) + "@b", "a@b\x00", "a@b>", "undefined", "a\\b@c", "a:b@c",
	} {
		b := s.browser()
		b.csrf()
		s.forget()
		b.post("/signin/email", "email", address).wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
		if len(s.store.called()) > 0 || len(s.mails.sent) > 0 {
			t.Errorf("the address %q: adapter %v, mails %v", address, s.store.called(), s.mails.sent)
		}
	}
	for address, want := range map[string]string{" Carol@Example.COM ": "carol@example.com", "ｃarol@example.com": "carol@example.com", "Ünï@exämple.com": "ünï@exämple.com", "a+b@c.d": "a+b@c.d", "a＠b.example": "a@b.example"} {
		s.browser().post("/signin/email", "email", address).wantTo(s.origin + base + "/verify-request?provider=email&type=email")
		if got := s.mails.last(t).Identifier; got != want {
			t.Errorf("the address %q is mailed as %q, want %q", address, got, want)
		}
	}
}

// The id that a proxy gave a request is the log's, if it is one.
func TestRequestID(t *testing.T) {
	s := newSite(t)
	for given, taken := range map[string]bool{
		"abc-123": true, "Root=1-67891233-abcdef012345678912345678": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, "": false, "x\"y": false, "é": false, "<b>": false,
	} {
		s.forget()
		b := s.browser()
		b.header.Set("X-Request-Id", given)
		b.get("/callback/oidc")
		if got := s.problem(t).attrs["request_id"]; (got == given) != taken || len(got) > 64 {
			t.Errorf("the request id %q is logged as %q", given, got)
		}
		if page := b.get("/error?error=Configuration"); taken && strings.Contains(page.body, "<b>") {
			t.Error("the page shows the id as HTML")
		}
	}
}

// Whatever is sent, there is an answer that is none of a broken server, leads
// nowhere else, and holds only cookies that a browser understands.
func FuzzServeHTTP(f *testing.F) {
	s := newSite(f, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	token := b.csrf()
	location := b.leave("oidc")
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
			return // net/http does not let it through
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
				t.Errorf("%s %s is answered with 500", method, target)
			}
		default:
			t.Errorf("%s %s is answered with %d", method, target, res.StatusCode)
		}
		if to := res.Header.Get("Location"); to != "" && !strings.HasPrefix(to, s.origin+"/") && to != s.origin && !strings.HasPrefix(to, s.origin+"?") && !strings.HasPrefix(to, s.origin+"#") && !strings.HasPrefix(to, issuer+"/authorize?") {
			t.Errorf("%s %s leads to %q", method, target, to)
		}
		if n := len(res.Header["Set-Cookie"]); n != len(res.Cookies()) || n > 0 && !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s %s sets %q with %q", method, target, res.Header["Set-Cookie"], res.Header.Get("Cache-Control"))
		}
		s.logs.reset()
	})
}
