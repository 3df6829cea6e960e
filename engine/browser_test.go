package engine_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
)

// browser is a fake browser that keeps cookies and sends them.
type browser struct {
	s       *site
	handler http.Handler
	cookies []*http.Cookie // in the order in which they were first set
	header  http.Header    // sent with every request
	origin  string         // of the requests
}

func (s *site) browser() *browser {
	return &browser{s: s, handler: s.eng, header: http.Header{}, origin: s.origin}
}

// copy returns a second browser with the same cookies.
func (b *browser) copy() *browser {
	c := *b
	c.cookies = slices.Clone(b.cookies)
	c.header = b.header.Clone()
	return &c
}

func (b *browser) cookie(name string) string {
	for _, c := range b.cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b *browser) has(name string) bool {
	return slices.ContainsFunc(b.cookies, func(c *http.Cookie) bool { return c.Name == name })
}

// set plants a cookie, as an attacker or an older server would.
func (b *browser) set(name, value string) { b.keep(&http.Cookie{Name: name, Value: value}) }

func (b *browser) drop(name string) {
	b.cookies = slices.DeleteFunc(b.cookies, func(c *http.Cookie) bool { return c.Name == name })
}

func (b *browser) keep(c *http.Cookie) {
	for i := range b.cookies {
		if b.cookies[i].Name == c.Name {
			b.cookies[i] = c
			return
		}
	}
	b.cookies = append(b.cookies, c)
}

// names returns the sorted names of the cookies.
func (b *browser) names() (out []string) {
	for _, c := range b.cookies {
		out = append(out, c.Name)
	}
	slices.Sort(out)
	return out
}

// serve makes b send its requests to a handler of the application, and those
// below the base path to the engine.
func (b *browser) serve(h http.Handler) *browser {
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle(base+"/", b.s.eng)
	b.handler = mux
	return b
}

// request returns a request for a path and query as net/http's server makes it.
func (b *browser) request(method, target string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, target, body)
	scheme, host, _ := strings.Cut(b.origin, "://")
	r.Host = host
	r.RequestURI = target
	r.Header = http.Header{}
	if scheme == "https" {
		r.TLS = &tls.ConnectionState{}
	}
	return r
}

// do sends a request with the browser's cookies and keeps those of the answer.
// It checks the invariants of every answer.
func (b *browser) do(r *http.Request) *reply {
	t := b.s.t
	t.Helper()
	for name, v := range b.header {
		if r.Header[name] == nil {
			r.Header[name] = v
		}
	}
	if r.Header["Cookie"] == nil && len(b.cookies) > 0 {
		pairs := make([]string, len(b.cookies))
		for i, c := range b.cookies {
			pairs[i] = c.Name + "=" + c.Value
		}
		r.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	res := w.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := &reply{t: t, status: res.StatusCode, header: res.Header, body: string(body), set: res.Cookies()}
	if len(out.set) != len(res.Header["Set-Cookie"]) {
		t.Errorf("a browser would not parse all of these cookies: %q", res.Header["Set-Cookie"])
	}
	for _, c := range out.set {
		if !strings.Contains(c.Name, "callback-url") {
			b.s.canary(c.Value, "the value of the cookie "+c.Name)
			if v, err := url.PathUnescape(c.Value); err == nil {
				token, _, _ := strings.Cut(v, "|")
				b.s.canary(token, "the value of the cookie "+c.Name)
			}
		}
		if c.MaxAge < 0 || !c.Expires.IsZero() && !c.Expires.After(b.s.clock.Now()) {
			b.drop(c.Name)
		} else {
			b.keep(c)
		}
	}
	b.s.invariants(r, out)
	return out
}

const base = "/api/auth"

func target(path string) string {
	if rest, ok := strings.CutPrefix(path, "./"); ok {
		return "/" + rest
	}
	return base + path
}

// get requests an endpoint, such as "/session", or with a leading dot any path of
// the site, such as "./page".
func (b *browser) get(path string) *reply {
	b.s.t.Helper()
	return b.do(b.request("GET", target(path), nil))
}

// ask sends a request with pairs of header names and values. With acceptHTML it
// is that of a browser that opens a page, without any that of a script.
func (b *browser) ask(method, target string, header ...string) *reply {
	b.s.t.Helper()
	r := b.request(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return b.do(r)
}

var acceptHTML = []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// send posts a form.
func (b *browser) send(path string, form url.Values) *reply {
	b.s.t.Helper()
	r := b.request("POST", target(path), strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// post posts a form of pairs of names and values with the CSRF token.
func (b *browser) post(path string, pairs ...string) *reply {
	b.s.t.Helper()
	return b.send(path, form(append([]string{"csrfToken", b.csrf()}, pairs...)...))
}

// json posts a JSON object.
func (b *browser) json(path string, body any) *reply {
	b.s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	r := b.request("POST", target(path), strings.NewReader(string(text)))
	r.Header.Set("Content-Type", "application/json")
	return b.do(r)
}

// postAsClient posts as the client of next-auth 5 does, and returns the URL in the
// answer.
func (b *browser) postAsClient(path string, pairs ...string) string {
	b.s.t.Helper()
	token := b.csrf()
	b.header.Set("X-Auth-Return-Redirect", "1")
	defer b.header.Del("X-Auth-Return-Redirect")
	r := b.send(path, form(append([]string{"csrfToken", token}, pairs...)...))
	var body struct{ URL string }
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != 200 || r.header.Get("Content-Type") != "application/json" {
		b.s.t.Fatalf("POST %s as the client: %d %s: %v", path, r.status, r.body, err)
	}
	if u, err := url.Parse(body.URL); err != nil || u.Host == "" {
		b.s.t.Errorf("POST %s as the client: the URL %q is not absolute", path, body.URL)
	}
	return body.URL
}

// postAsClientV4 posts as the client of next-auth 4 does, and returns the status
// and URL of the answer.
func (b *browser) postAsClientV4(path string, pairs ...string) (status int, to string) {
	b.s.t.Helper()
	r := b.post(path, append([]string{"json", "true"}, pairs...)...)
	var body struct{ URL string }
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || body.URL == "" {
		b.s.t.Fatalf("POST %s: %d %q", path, r.status, r.body)
	}
	if r.location() != "" || r.header.Get("Content-Type") != "application/json; charset=utf-8" {
		b.s.t.Errorf("POST %s: Location %q, Content-Type %q", path, r.location(), r.header.Get("Content-Type"))
	}
	return r.status, body.URL
}

// csrf returns the CSRF token of the browser's cookie, or that of GET csrf.
func (b *browser) csrf() string {
	b.s.t.Helper()
	if v, err := url.PathUnescape(b.cookie(b.s.name(csrfCookie))); err == nil && len(v) == 129 {
		return v[:64]
	}
	var body struct{ CSRFToken string }
	r := b.get("/csrf")
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || len(body.CSRFToken) != 64 {
		b.s.t.Fatalf("GET csrf: status %d, body %q", r.status, r.body)
	}
	b.s.canary(body.CSRFToken, "the CSRF token")
	return body.CSRFToken
}

// signIn signs in alice with her password.
func (b *browser) signIn(pairs ...string) *reply {
	b.s.t.Helper()
	r := b.post("/callback/credentials", append([]string{"username", "alice", "password", password}, pairs...)...)
	if r.status != http.StatusFound || strings.Contains(r.location(), "error=") {
		b.s.t.Fatalf("signing in: status %d, Location %q; log %v", r.status, r.location(), b.s.logs.problems())
	}
	return r
}

// oauth signs in at a provider and returns the answer to the callback.
func (b *browser) oauth(provider string, change ...string) *reply {
	b.s.t.Helper()
	return b.finishOAuth(provider, b.startOAuth(provider), change...)
}

// startOAuth starts a sign-in at a provider and returns the authorization URL.
func (b *browser) startOAuth(provider string, pairs ...string) string {
	b.s.t.Helper()
	r := b.post("/signin/"+provider, pairs...)
	if r.status != http.StatusFound {
		b.s.t.Fatalf("POST signin/%s: status %d, body %q", provider, r.status, r.body)
	}
	return r.location()
}

// finishOAuth approves the request of an authorization URL at the provider and
// follows its redirect to the callback.
func (b *browser) finishOAuth(provider, location string, change ...string) *reply {
	b.s.t.Helper()
	return b.get("/callback/" + provider + "?" + b.s.idp.approve(b.s.t, location, change...).Encode())
}

// askMail asks for a mail link and returns the parameters of the link.
func (b *browser) askMail(address string) url.Values {
	b.s.t.Helper()
	b.post("/signin/email", "email", address).wantTo(b.s.origin + base + "/verify-request?provider=email&type=email")
	mail := b.s.mails.last(b.s.t)
	b.s.canary(mail.Token, "the token of a mail link")
	u, err := url.Parse(mail.URL)
	if err != nil || !strings.HasPrefix(mail.URL, b.s.origin+base+"/callback/email?") {
		b.s.t.Fatalf("the mail link is %q: %v", mail.URL, err)
	}
	return u.Query()
}

// followMail asks for a mail link, opens it and confirms the sign-in.
func (b *browser) followMail(address string) *reply {
	b.s.t.Helper()
	link := b.askMail(address)
	b.get("/callback/email?" + link.Encode())
	return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"), "callbackUrl", link.Get("callbackUrl"))
}

// update posts what update(data) of the client posts.
func (b *browser) update(data any) *reply {
	b.s.t.Helper()
	return b.json("/session", map[string]any{"csrfToken": b.csrf(), "data": data})
}

// session returns the body of GET session.
func (b *browser) session() string {
	b.s.t.Helper()
	r := b.get("/session")
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" {
		b.s.t.Errorf("GET session: status %d, %s", r.status, r.header.Get("Content-Type"))
	}
	return r.body
}

// user returns the e-mail address or else the name of the user who is signed in,
// "" when nobody is.
func (b *browser) user() string {
	b.s.t.Helper()
	var body *struct {
		User struct{ Name, Email string }
	}
	text := b.session()
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		b.s.t.Fatalf("GET session: %v in %q", err, text)
	}
	switch {
	case body == nil:
		return ""
	case body.User.Email != "":
		return body.User.Email
	}
	return body.User.Name
}

// signedOut checks that nobody is signed in.
func (b *browser) signedOut() {
	b.s.t.Helper()
	if got := b.session(); got != "null" {
		b.s.t.Errorf("GET session is %s, want null", got)
	}
}

// checkCookies returns the names of the cookies of sign-ins in progress.
func checkCookies(b *browser) (out []string) {
	for _, name := range b.names() {
		for _, prefix := range []string{stateCookie, pkceCookie, nonceCookie, callbackCookie + "."} {
			if strings.HasPrefix(name, prefix) {
				out = append(out, name)
			}
		}
	}
	return out
}
