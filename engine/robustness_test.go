package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
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
				if out.status != http.StatusRequestEntityTooLarge || out.header.Get("Content-Type") != "application/json" || !strings.Contains(out.body, "64 KiB") || len(out.set) > 0 {
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
			if entry := s.problem(t); entry.attrs["hint"] == "" || len(entry.String()) > 1000 {
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

// flow is something that a user does with a store behind it.
type flow struct {
	name string
	// start does what comes before, and returns the request to look at.
	start func(s *site, b *browser) func() *reply
	// want is whose session there is afterwards; "" for nobody's.
	want string
	// json: the answer is GET or POST session's, and not a redirect.
	json bool
	// change changes the configuration; nil changes nothing.
	change func(s *site, c *engine.Config)
}

func nameWritable(_ *site, c *engine.Config) {
	c.Schema = &engine.Schema{User: []schema.Field{{Name: "name", Client: schema.Write}}}
}

var flows = []flow{
	{name: "credentials", want: "alice@example.com", start: func(_ *site, b *browser) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/callback/credentials", "password", password) }
	}},
	{name: "credentials that create a user", want: "zoe@example.com", start: func(_ *site, b *browser) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/callback/credentials", "password", password) }
	}, change: func(_ *site, c *engine.Config) {
		p := c.Providers[2].(*engine.Credentials)
		p.CreateUsers = true
		p.Authorize = func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
			return &engine.User{ID: "zoe-id", Email: new("zoe@example.com")}, nil
		}
	}},
	{name: "oidc, a new user", want: "bob@example.com", start: func(_ *site, b *browser) func() *reply {
		location := b.leave("oidc")
		return func() *reply { return b.back("oidc", location) }
	}},
	{name: "oidc, a known account", want: "bob@example.com", start: func(s *site, b *browser) func() *reply {
		s.browser().oauth("oidc").wantTo(s.origin)
		location := b.leave("oidc")
		return func() *reply { return b.back("oidc", location) }
	}},
	{name: "oidc, linked by address", want: "bob@example.com", start: func(s *site, b *browser) func() *reply {
		if _, err := s.store.inner.GetUserByEmail(context.Background(), "bob@example.com"); err != nil {
			s.putUser(engine.User{ID: "bob-id", Email: new("bob@example.com"), EmailVerified: &start})
		}
		location := b.leave("oidc")
		return func() *reply { return b.back("oidc", location) }
	}, change: func(_ *site, c *engine.Config) {
		c.Providers[0].(*engine.OIDC).AllowDangerousEmailAccountLinking = true
	}},
	{name: "oidc, linked to who is signed in", want: "alice@example.com", start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		location := b.leave("oidc")
		return func() *reply { return b.back("oidc", location) }
	}},
	{name: "a mail is asked for", want: "", start: func(_ *site, b *browser) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/signin/email", "email", "carol@example.com") }
	}},
	{name: "mail, a new user", want: "carol@example.com", start: func(_ *site, b *browser) func() *reply {
		link := b.askMail("carol@example.com")
		return func() *reply {
			return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
		}
	}},
	{name: "mail, a user who never verified the address, from another session", want: "bob@example.com", start: func(s *site, b *browser) func() *reply {
		s.idp.user["email_verified"] = false
		s.browser().oauth("oidc")
		b.signIn()
		link := b.askMail("bob@example.com")
		return func() *reply {
			return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
		}
	}},
	{name: "a session is read", want: "alice@example.com", json: true, start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		return func() *reply { return b.get("/session") }
	}},
	{name: "a session is extended", want: "alice@example.com", json: true, start: func(s *site, b *browser) func() *reply {
		b.signIn()
		s.clock.add(25 * time.Hour)
		return func() *reply { return b.get("/session") }
	}},
	{name: "an expired session is read", want: "", json: true, start: func(s *site, b *browser) func() *reply {
		b.signIn()
		s.clock.add(month + time.Hour)
		return func() *reply { return b.get("/session") }
	}},
	{name: "update()", want: "alice@example.com", json: true, start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		b.csrf()
		return func() *reply { return b.update(map[string]any{"name": "Alison"}) }
	}},
	{name: "sign-out", want: "", start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		b.csrf()
		return func() *reply { return b.post("/signout") }
	}},
	{name: "sign-out with a listener", want: "", start: func(_ *site, b *browser) func() *reply {
		b.signIn()
		b.csrf()
		return func() *reply { return b.post("/signout") }
	}, change: func(_ *site, c *engine.Config) {
		c.Events.SignOut = func(context.Context, *engine.SignOutEvent) error { return nil }
	}},
}

// flowSite is a site for a flow, with or without transactions.
func flowSite(t testing.TB, f flow, strategy engine.Strategy, tx bool) *site {
	t.Helper()
	changes := []func(*site, *engine.Config){nameWritable, withStrategy(strategy)}
	if !tx {
		changes = append(changes, func(s *site, c *engine.Config) { c.Adapter = s.store.plain() })
	}
	if f.change != nil {
		changes = append(changes, f.change)
	}
	return newSite(t, changes...)
}

// succeeds checks that a flow ends as it should.
func (f flow) succeeds(s *site, b *browser, r *reply, what string) {
	t := s.t
	t.Helper()
	if f.json && r.status != 200 || !f.json && (r.status != 302 || strings.Contains(r.location(), "error=")) {
		t.Errorf("%s: %d %q %.100s; log %v", what, r.status, r.location(), r.body, s.logs.problems())
	}
	if got := b.user(); got != f.want {
		t.Errorf("%s: the session is of %q, want %q", what, got, f.want)
	}
}

// unlinked are the lines about accounts that were dropped, which are no
// failures.
func unlinked(lines []line) (out []line) {
	for _, entry := range lines {
		if entry.msg != "auth: AccountUnlinked" {
			out = append(out, entry)
		}
	}
	return out
}

// fails checks that a flow failed cleanly: the error page or null, no session,
// one line in the log.
func (f flow) fails(s *site, b *browser, r *reply, what, cause string) {
	t := s.t
	t.Helper()
	if f.json {
		if r.status != 200 || r.body != "null" {
			t.Errorf("%s: %d %s, want 200 null", what, r.status, r.body)
		}
	} else if want := s.origin + base + "/error?error=Configuration"; r.status != 302 || r.location() != want {
		t.Errorf("%s: %d %q, want 302 to %q", what, r.status, r.location(), want)
	}
	for _, c := range r.set {
		if c.MaxAge >= 0 {
			t.Errorf("%s: the cookie %s is set", what, c.Name)
		}
	}
	lines := unlinked(s.logs.problems())
	if len(lines) != 1 {
		t.Errorf("%s: %d lines in the log, want one: %v", what, len(lines), lines)
		return
	}
	entry := lines[0]
	if entry.attrs["code"] != "Configuration" || entry.attrs["request_id"] == "" || entry.attrs["hint"] == "" || !strings.Contains(entry.attrs["cause"], cause) || entry.level != slog.LevelError {
		t.Errorf("%s: the log line is %v", what, entry)
	}
}

func TestAdapterFailsAtEveryMethod(t *testing.T) {
	down := errors.New("the connection is lost")
	for _, strategy := range both {
		for _, tx := range []bool{true, false} {
			for _, f := range flows {
				// What does the flow ask when all is well?
				s := flowSite(t, f, strategy, tx)
				b := s.browser()
				run := f.start(s, b)
				s.forget()
				f.succeeds(s, b, run(), f.name)
				s.forget()
				s = flowSite(t, f, strategy, tx)
				b = s.browser()
				run = f.start(s, b)
				s.forget()
				run()
				asked := s.store.called()
				slices.Sort(asked)
				if strategy == engine.StrategyDatabase && len(asked) == 0 {
					t.Errorf("%s: the adapter is not asked", f.name)
				}
				for _, method := range slices.Compact(asked) {
					what := fmt.Sprintf("%s, %s, transactions %v, %s fails", f.name, strategy, tx, method)
					s := flowSite(t, f, strategy, tx)
					b := s.browser()
					run := f.start(s, b)
					before := b.cookie(sessionCookie)
					s.forget()
					s.store.breaks(down, method)
					r := run()
					s.store.repair()
					f.fails(s, b, r, what, down.Error())
					if f.json && f.want != "" && b.cookie(sessionCookie) != before {
						t.Errorf("%s: the session cookie is gone", what)
					}
					s.forget()
					if got := b.user(); got != f.want && got != "" && before == "" {
						t.Errorf("%s: the session is of %q", what, got)
					}
					// Nothing is left behind that is in the way: the same again works.
					again := s.browser()
					if f.want == "" || f.json {
						again = s.browser()
					}
					run = f.start(s, again)
					f.succeeds(s, again, run(), "again after: "+what)
				}
			}
		}
	}
}

// Whatever is written, the disk is full.
func TestDiskFull(t *testing.T) {
	full := fmt.Errorf("write auth.db: %w", syscall.ENOSPC)
	writes := []string{"CreateUser", "UpdateUser", "DeleteUser", "LinkAccount", "UnlinkAccount", "CreateSession", "UpdateSession", "DeleteSession", "DeleteSessionsByUserID", "CreateVerificationToken", "UseVerificationToken"}
	for _, strategy := range both {
		for _, tx := range []bool{true, false} {
			for _, f := range flows {
				what := fmt.Sprintf("%s, %s, transactions %v", f.name, strategy, tx)
				s := flowSite(t, f, strategy, tx)
				b := s.browser()
				run := f.start(s, b)
				s.forget()
				s.store.breaks(full, writes...)
				r := run()
				wrote := s.store.writes()
				s.store.repair()
				tried := slices.ContainsFunc(wrote, func(method string) bool { return slices.Contains(writes, method) })
				if !tried {
					f.succeeds(s, b, r, what)
					s.quiet(t)
					continue
				}
				// A user whose account could not be stored cannot be removed
				// either: that is a second line.
				if lines := s.logs.problems(); !tx && len(lines) == 2 && strings.Contains(lines[0].attrs["cause"], "removing a user") {
					s.logs.lines = slices.DeleteFunc(s.logs.lines, func(l line) bool { return strings.Contains(l.attrs["cause"], "removing a user") })
				}
				f.fails(s, b, r, what, "no space left on device")
				again := s.browser()
				run = f.start(s, again)
				f.succeeds(s, again, run(), "again after: "+what)
			}
		}
	}
}

func TestReadOnlyDatabase(t *testing.T) {
	for _, strategy := range both {
		change, path, _ := withSQLite(t, strategy)
		s := newSite(t, change)
		b := s.browser()
		b.signIn()
		link := s.browser().askMail("carol@example.com")
		readOnly, _ := openSQLite(t, path, sqliteParams+"&mode=ro")
		ro := newSite(t, func(r *site, c *engine.Config) {
			r.store = newStore(readOnly)
			r.mails = s.mails
			c.Adapter = r.store.adapter()
			c.SessionStrategy = strategy
			c.Providers = append(c.Providers, &engine.Email{Sender: r.mails})
		})
		reader := ro.browser()
		reader.cookies = b.cookies
		if got := reader.user(); got != "alice@example.com" {
			t.Errorf("%s: a session read from a read-only file is of %q", strategy, got)
		}
		ro.quiet(t)
		for what, run := range map[string]func(*browser) *reply{
			"oidc": func(b *browser) *reply { return b.oauth("oidc") },
			"mail": func(b *browser) *reply { return b.post("/signin/email", "email", "dora@example.com") },
			"a mail link": func(b *browser) *reply {
				return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
			},
			"credentials": func(b *browser) *reply { return b.post("/callback/credentials", "password", password) },
			"sign-out": func(b *browser) *reply {
				b.cookies = slices.Clone(reader.cookies)
				return b.post("/signout")
			},
		} {
			b := ro.browser()
			b.csrf()
			ro.forget()
			r := run(b)
			if strategy == engine.StrategyJWT && (what == "credentials" || what == "sign-out") {
				r.wantTo(ro.origin) // nothing to write
				continue
			}
			flow{}.fails(ro, b, r, strategyOf(strategy, what), "readonly")
			b.signedOut()
		}
	}
}

func strategyOf(s engine.Strategy, what string) string { return string(s) + ", " + what }

func TestLockedDatabase(t *testing.T) {
	for _, strategy := range both {
		change, path, _ := withSQLite(t, strategy)
		s := newSite(t, change)
		b := s.browser()
		b.signIn()
		link := s.browser().askMail("carol@example.com")

		other, err := sql.Open("sqlite3", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		conn, err := other.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: while another process writes, the session is of %q", strategy, got)
		}
		kept := slices.Clone(b.cookies)
		for what, run := range map[string]func(*browser) *reply{
			"oidc": func(b *browser) *reply { return b.oauth("oidc") },
			"mail": func(b *browser) *reply { return b.post("/signin/email", "email", "dora@example.com") },
			"a mail link": func(b *browser) *reply {
				return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"))
			},
			"credentials": func(b *browser) *reply { return b.post("/callback/credentials", "password", password) },
			"sign-out": func(b *browser) *reply {
				b.cookies = slices.Clone(kept)
				return b.post("/signout")
			},
		} {
			b := s.browser()
			b.csrf()
			s.forget()
			r := run(b)
			if strategy == engine.StrategyJWT && (what == "credentials" || what == "sign-out") {
				r.wantTo(s.origin) // nothing to write
				continue
			}
			flow{}.fails(s, b, r, strategyOf(strategy, what), "locked")
			b.signedOut()
		}
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		s.forget()
		// The lock is gone: everything works, and nothing was half done.
		c := s.browser()
		c.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")).wantTo(s.origin)
		c = s.browser()
		c.oauth("oidc").wantTo(s.origin)
		if got := c.user(); got != "bob@example.com" {
			t.Errorf("%s: after the lock the session is of %q", strategy, got)
		}
		s.quiet(t)
	}
}

// A file that is taken away while the server runs.
func TestDatabaseGone(t *testing.T) {
	change, path, _ := withSQLite(t, engine.StrategyDatabase)
	s := newSite(t, change)
	b := s.browser()
	b.signIn()
	if err := os.Rename(filepath.Dir(path), filepath.Dir(path)+"-gone"); err != nil {
		t.Fatal(err)
	}
	s.store.inner.(io.Closer).Close()
	s.forget()
	r := b.get("/session")
	flow{json: true}.fails(s, b, r, "GET session", "")
	if !b.has(sessionCookie) {
		t.Error("the cookie is gone although the session may be good")
	}
}

func TestPanickingCallbacks(t *testing.T) {
	const boom = "boom"
	type C = engine.Config
	var on bool
	blow := func() {
		if on {
			panic(boom)
		}
	}
	for _, c := range []struct {
		what   string
		change func(*C)
		goesOn bool // an event
		only   string
	}{
		{what: "signIn", change: func(c *C) {
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) { blow(); return engine.Allow, nil }
		}},
		{what: "redirect", change: func(c *C) {
			c.Callbacks.Redirect = func(_ context.Context, p engine.RedirectParams) (string, error) { blow(); return p.BaseURL, nil }
		}},
		{what: "jwt", change: func(c *C) {
			c.Callbacks.JWT = func(context.Context, *engine.JWTParams) error { blow(); return nil }
		}},
		{what: "session", change: func(c *C) {
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { blow(); return nil }
		}},
		{what: "signIn event", goesOn: true, change: func(c *C) {
			c.Events.SignIn = func(context.Context, *engine.SignInEvent) error { blow(); return nil }
		}},
		{what: "signOut event", goesOn: true, change: func(c *C) {
			c.Events.SignOut = func(context.Context, *engine.SignOutEvent) error { blow(); return nil }
		}},
		{what: "createUser event", goesOn: true, change: func(c *C) {
			c.Events.CreateUser = func(context.Context, *engine.UserEvent) error { blow(); return nil }
		}},
		{what: "updateUser event", goesOn: true, change: func(c *C) {
			c.Events.UpdateUser = func(context.Context, *engine.UserEvent) error { blow(); return nil }
		}},
		{what: "linkAccount event", goesOn: true, change: func(c *C) {
			c.Events.LinkAccount = func(context.Context, *engine.LinkAccountEvent) error { blow(); return nil }
		}},
		{what: "session event", goesOn: true, change: func(c *C) {
			c.Events.Session = func(context.Context, *engine.SessionEvent) error { blow(); return nil }
		}},
		{what: "authorize", change: func(c *C) {
			inner := c.Providers[2].(*engine.Credentials).Authorize
			c.Providers[2].(*engine.Credentials).Authorize = func(ctx context.Context, v map[string]string, r *http.Request) (*engine.User, error) {
				blow()
				return inner(ctx, v, r)
			}
		}},
		{what: "profile", change: func(c *C) {
			c.Providers[0].(*engine.OIDC).Profile = func(_ context.Context, p engine.Profile, _ *engine.Tokens) (engine.User, error) {
				blow()
				email, _ := p["email"].(string)
				return engine.User{ID: p["sub"].(string), Email: &email}, nil
			}
		}},
		{what: "mail sender", change: func(c *C) {
			p := c.Providers[3].(*engine.Email)
			inner := p.Sender
			p.Sender = engine.MailSenderFunc(func(ctx context.Context, m engine.VerificationRequest) error {
				blow()
				return inner.SendVerificationRequest(ctx, m)
			})
		}},
		{what: "generateVerificationToken", change: func(c *C) {
			dice := newDice(1)
			c.Providers[3].(*engine.Email).GenerateVerificationToken = func() (string, error) {
				blow()
				b := make([]byte, 32)
				dice.Read(b)
				return fmt.Sprintf("%x", b), nil
			}
		}},
		{what: "normalizeIdentifier", change: func(c *C) {
			c.Providers[3].(*engine.Email).NormalizeIdentifier = func(a string) (string, error) { blow(); return a, nil }
		}},
		{what: "generateSessionToken", change: func(c *C) {
			dice := newDice(1)
			c.GenerateSessionToken = func() (string, error) {
				blow()
				b := make([]byte, 32)
				dice.Read(b)
				return fmt.Sprintf("%x", b), nil
			}
		}},
		{what: "adapter", change: func(c *C) {}},
	} {
		for _, strategy := range both {
			blew := 0
			for _, f := range flows {
				on = false
				s := newSite(t, nameWritable, withStrategy(strategy), func(s *site, cfg *engine.Config) {
					if f.change != nil {
						f.change(s, cfg)
					}
					c.change(cfg)
				})
				if c.what == "adapter" {
					s.store.fail = func(string) error { blow(); return nil }
				}
				what := fmt.Sprintf("%s panics, %s, %s", c.what, strategy, f.name)
				b := s.browser()
				run := f.start(s, b)
				s.forget()
				on = true
				r := run()
				on = false
				lines := unlinked(s.logs.problems())
				switch {
				case len(lines) == 0: // not called in this flow
					f.succeeds(s, b, r, what)
					continue
				case c.goesOn:
					if len(lines) != 1 || !strings.Contains(lines[0].attrs["cause"], boom) || lines[0].attrs["request_id"] == "" {
						t.Errorf("%s: the log is %v", what, lines)
					}
					f.succeeds(s, b, r, what)
				default:
					f.fails(s, b, r, what, boom)
				}
				blew++
				// It did not leave anything locked or half done.
				again := s.browser()
				run = f.start(s, again)
				f.succeeds(s, again, run(), "again after: "+what)
			}
			skipped := strategy == engine.StrategyDatabase && c.what == "jwt" || strategy == engine.StrategyJWT && c.what == "generateSessionToken"
			if (blew == 0) != skipped {
				t.Errorf("%s, %s: it panicked in %d flows", c.what, strategy, blew)
			}
		}
	}
}

// A page about an error never leads to itself.
func TestErrorPageDoesNotLoop(t *testing.T) {
	fault := errors.New("the callback is broken")
	for what, redirect := range map[string]func(context.Context, engine.RedirectParams) (string, error){
		"error":   func(context.Context, engine.RedirectParams) (string, error) { return "", fault },
		"panic":   func(context.Context, engine.RedirectParams) (string, error) { panic(fault) },
		"garbage": func(context.Context, engine.RedirectParams) (string, error) { return "javascript:alert(1)", nil },
		"empty":   func(context.Context, engine.RedirectParams) (string, error) { return "", nil },
	} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.Callbacks.Redirect = redirect })
		for _, path := range []string{"/error", "/error?error=AccessDenied", "/signin", "/signout", "/verify-request", "/csrf", "/providers", "/session", "/signin?callbackUrl=/x", "/error?callbackUrl=/x"} {
			b := s.browser()
			b.set(callbackCookie, "%2Fx")
			s.forget()
			r := b.get(path)
			s.problem(t)
			switch path {
			case "/session":
				if r.status != 200 || r.body != "null" {
					t.Errorf("%s: GET %s: %d %s", what, path, r.status, r.body)
				}
				continue
			case "/csrf", "/providers":
				if r.status != 500 || !strings.Contains(r.body, `{"message":`) || r.header.Get("Content-Type") != "application/json" {
					t.Errorf("%s: GET %s: %d %s", what, path, r.status, r.body)
				}
				continue
			}
			for hops := 0; r.status == http.StatusFound; hops++ {
				if hops == 3 {
					t.Fatalf("%s: GET %s leads round in circles: %s", what, path, r.location())
				}
				r = b.get(strings.TrimPrefix(r.location(), s.origin+base))
			}
			if r.status != 500 || !strings.Contains(r.body, "<h1>") {
				t.Errorf("%s: GET %s ends with %d %.100s", what, path, r.status, r.body)
			}
		}
	}
	// The same when the randomness is gone.
	s := newSite(t, func(_ *site, c *engine.Config) { c.Rand = brokenReader{} })
	for path, want := range map[string]int{"/error": 500, "/signin": 302, "/csrf": 500, "/providers": 500, "/session": 200} {
		s.forget()
		if r := s.browser().get(path); r.status != want || len(r.set) > 0 {
			t.Errorf("without randomness GET %s: %d %q", path, r.status, r.header["Set-Cookie"])
		}
		if lines := s.logs.problems(); len(lines) != 1 || lines[0].attrs["cause"] == "" {
			t.Errorf("without randomness GET %s logs %v", path, lines)
		}
	}
}

// A request that its sender gives up is no reason to be signed out, and leaves
// nothing half done.
func TestCancelledRequest(t *testing.T) {
	for _, strategy := range both {
		for _, f := range flows {
			s := flowSite(t, f, strategy, true)
			b := s.browser()
			run := f.start(s, b)
			s.forget()
			inner := b.handler
			b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancel(r.Context())
				cancel()
				inner.ServeHTTP(w, r.WithContext(ctx))
			})
			r := run()
			b.handler = inner
			if r.status >= 500 {
				t.Errorf("%s, %s: %d", strategy, f.name, r.status)
			}
			if c := r.sets(sessionCookie); f.json && f.want != "" && c != nil && c.MaxAge < 0 {
				t.Errorf("%s, %s: a cancelled read clears the cookie", strategy, f.name)
			}
			again := s.browser()
			run = f.start(s, again)
			f.succeeds(s, again, run(), fmt.Sprintf("again after %s, %s was cancelled", strategy, f.name))
		}
	}
}

// http.ErrAbortHandler is net/http's own and goes through.
func TestAbortHandlerGoesThrough(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { panic(http.ErrAbortHandler) }
	})
	b := s.browser()
	b.signIn()
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	r := b.request("GET", base+"/session", nil)
	r.Header.Set("Cookie", sessionCookie+"="+b.cookie(sessionCookie))
	s.eng.ServeHTTP(httptest.NewRecorder(), r)
	t.Error("it was swallowed")
}
