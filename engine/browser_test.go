package engine_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
)

// The cookie names without and with the prefixes of https.
const (
	sessionCookie  = "authjs.session-token"
	csrfCookie     = "authjs.csrf-token"
	callbackCookie = "authjs.callback-url"
	stateCookie    = "authjs.state"
	pkceCookie     = "authjs.pkce.code_verifier"
	nonceCookie    = "authjs.nonce"
)

const (
	httpOrigin  = "http://localhost:3000"
	httpsOrigin = "https://app.example.com"

	testSecret = "canary-secret-0123456789-abcdefghijklmnop"
	password   = "canary-password-correct-horse"
)

var (
	start = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	both  = []engine.Strategy{engine.StrategyJWT, engine.StrategyDatabase}
)

// clock is a clock that stands still.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// dice is randomness that is the same in every run.
type dice struct {
	mu  sync.Mutex
	src *rand.ChaCha8
}

func newDice(seed byte) *dice { return &dice{src: rand.NewChaCha8([32]byte{seed})} }

func (d *dice) Read(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.src.Read(b)
}

// site is an engine with everything around it that a test looks at.
type site struct {
	t      testing.TB
	origin string
	eng    *engine.Engine
	store  *storeSpy // calls of the adapter; nil without one
	clock  *clock
	logs   *logs
	mails  *mailbox
	idp    *idp
	// outside are the hosts, beside the site's own, that Location may name.
	outside []string

	mu       sync.Mutex
	canaries map[string]string // what must never be in the log, to what it is
	history  []line            // of the log, over resets
}

// mailbox is a MailSender that keeps what is sent.
type mailbox struct {
	mu   sync.Mutex
	sent []engine.VerificationRequest
	fail error
}

func (m *mailbox) SendVerificationRequest(_ context.Context, r engine.VerificationRequest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.sent = append(m.sent, r)
	return nil
}

func (m *mailbox) last(t testing.TB) engine.VerificationRequest {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.sent) == 0 {
		t.Fatal("no mail was sent")
	}
	return m.sent[len(m.sent)-1]
}

// alice is what the credentials provider answers to the right password.
func alice() *engine.User {
	return &engine.User{ID: "alice-id", Name: new("Alice"), Email: new("alice@example.com"), Image: new("https://example.com/alice.png")}
}

// newSite builds an engine with an OIDC, an OAuth 2.0, a credentials and (with
// an adapter) an e-mail provider. change may change the configuration; setting
// Adapter to withStore(c) adds a store.
func newSite(t testing.TB, change ...func(*site, *engine.Config)) *site {
	t.Helper()
	s := &site{
		t: t, origin: httpOrigin, clock: &clock{now: start}, logs: &logs{}, mails: &mailbox{},
		canaries: map[string]string{testSecret: "the secret", password: "the password", clientSecret: "the client secret"},
	}
	s.idp = newIDP(s)
	s.outside = []string{"idp.example", "other.example", "oauth.example"}
	cfg := engine.Config{
		Secret:     testSecret,
		Now:        s.clock.Now,
		Rand:       newDice(1),
		Logger:     slog.New(s.logs),
		HTTPClient: &http.Client{Transport: s.idp},
		Getenv:     func(string) string { return "" },
		Providers: []engine.Provider{
			&engine.OIDC{ID: "oidc", Name: "The IdP", Issuer: issuer, OAuthOptions: engine.OAuthOptions{ClientID: clientID, ClientSecret: clientSecret}},
			&engine.OAuth2{ID: "oauth", Name: "The OAuth", AuthorizationURL: "https://oauth.example/authorize", TokenURL: "https://oauth.example/token",
				UserInfoURL: "https://oauth.example/userinfo", OAuthOptions: engine.OAuthOptions{ClientID: clientID, ClientSecret: clientSecret}},
			&engine.Credentials{
				Inputs: []engine.CredentialInput{{Name: "username"}, {Name: "password", Type: "password"}},
				Authorize: func(_ context.Context, v map[string]string, _ *http.Request) (*engine.User, error) {
					if v["password"] != password {
						return nil, nil
					}
					return alice(), nil
				},
			},
		},
	}
	for _, f := range change {
		f(s, &cfg)
	}
	if cfg.URL != "" {
		s.origin = cfg.URL
	}
	eng, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.eng = eng
	t.Cleanup(s.checkLogs)
	return s
}

// withStore adds a memory adapter for the schema that c has by now, and the
// e-mail provider.
func withStore(s *site, c *engine.Config) {
	s.store = newStoreSpy(memory.New(c.Schema))
	c.Adapter = s.store.adapter()
	c.Providers = append(c.Providers, &engine.Email{Sender: s.mails})
}

// withStrategy is withStore with a session strategy. The user of the
// credentials provider is stored.
func withStrategy(strategy engine.Strategy) func(*site, *engine.Config) {
	return func(s *site, c *engine.Config) {
		withStore(s, c)
		c.SessionStrategy = strategy
		s.putUser(*alice())
	}
}

func withHTTPS(_ *site, c *engine.Config) { c.URL = httpsOrigin }

// putUser stores a user behind the engine's back.
func (s *site) putUser(u engine.User) engine.User {
	s.t.Helper()
	u, err := s.store.inner.CreateUser(context.Background(), u)
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// name is a cookie's name on this site.
func (s *site) name(plain string) string {
	switch {
	case !strings.HasPrefix(s.origin, "https:"):
		return plain
	case plain == csrfCookie:
		return "__Host-" + plain
	}
	return "__Secure-" + plain
}

// browser is a browser: it keeps cookies and sends them.
type browser struct {
	s       *site
	handler http.Handler
	cookies []*http.Cookie // in the order in which they were first set
	header  http.Header    // sent with every request
	at      string         // origin of the requests
}

func (s *site) browser() *browser {
	return &browser{s: s, handler: s.eng, header: http.Header{}, at: s.origin}
}

// copy is a second browser with the same cookies.
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

// set puts a cookie into the browser, as an attacker or an older server would.
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

// names are the names of the cookies.
func (b *browser) names() (out []string) {
	for _, c := range b.cookies {
		out = append(out, c.Name)
	}
	slices.Sort(out)
	return out
}

// reply is the answer to a request.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
	set    []*http.Cookie
}

// location is where the answer leads, without the request id that the URL of an
// error carries.
func (r *reply) location() string { return ids.ReplaceAllString(r.header.Get("Location"), "") }

var ids = regexp.MustCompile(`&requestId=[0-9a-f]{16}$`)

// to parses Location.
func (r *reply) to() *url.URL {
	r.t.Helper()
	u, err := url.Parse(r.location())
	if err != nil || r.location() == "" {
		r.t.Fatalf("status %d with the Location %q: %v", r.status, r.location(), err)
	}
	return u
}

// sets is the cookie of the name that the answer sets, or nil.
func (r *reply) sets(name string) *http.Cookie {
	for _, c := range r.set {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (r *reply) clears(name string) bool {
	c := r.sets(name)
	return c != nil && c.MaxAge < 0 && c.Value == ""
}

// raw are the Set-Cookie headers of the name.
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

// wantError checks that the answer is a redirect to the page that shows code.
func (r *reply) wantError(code engine.Code) {
	r.t.Helper()
	if r.status != http.StatusFound || r.to().Query().Get("error") != string(code) {
		r.t.Errorf("status %d with the Location %q, want 302 with error=%s; body %.200q", r.status, r.location(), code, r.body)
	}
}

// do sends a request with the browser's cookies and keeps those of the answer.
// Whatever the test is about, some things hold for every answer.
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
		t.Errorf("a browser would not understand every one of these cookies: %q", res.Header["Set-Cookie"])
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

// invariants hold for every answer.
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
			s.t.Errorf("%s: Location %q leads to another host", what, location)
		case u.Host == "" && strings.HasPrefix(location, "/"):
		case u.Scheme == own.Scheme && u.Host == own.Host && u.User == nil:
		case (u.Scheme == "https" || u.Scheme == "http") && slices.Contains(s.outside, u.Host) && u.User == nil:
		default:
			s.t.Errorf("%s: Location %q leads out of the site", what, location)
		}
	}
	if strings.HasPrefix(h.Get("Content-Type"), "text/html") && strings.HasPrefix(r.URL.Path, "/api/auth") {
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			s.t.Errorf("%s: a page without frame-ancestors 'none'", what)
		}
	}
}

// request makes a request of a path and query, as net/http's server would.
func (b *browser) request(method, target string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, target, body)
	scheme, host, _ := strings.Cut(b.at, "://")
	r.Host = host
	r.RequestURI = target
	r.Header = http.Header{}
	if scheme == "https" {
		r.TLS = &tls.ConnectionState{}
	}
	return r
}

const base = "/api/auth"

// get opens an endpoint, "/session" say, or with a leading dot any path of the
// site ("./page").
func (b *browser) get(path string) *reply {
	b.s.t.Helper()
	return b.do(b.request("GET", target(path), nil))
}

func target(path string) string {
	if rest, ok := strings.CutPrefix(path, "./"); ok {
		return "/" + rest
	}
	return base + path
}

// send posts a form as it is.
func (b *browser) send(path string, form url.Values) *reply {
	b.s.t.Helper()
	r := b.request("POST", target(path), strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// post posts the members with the CSRF token.
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

// update is update() of the client.
func (b *browser) update(data any) *reply {
	b.s.t.Helper()
	return b.json("/session", map[string]any{"csrfToken": b.csrf(), "data": data})
}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// csrf is the browser's CSRF token, from its cookie or from GET csrf.
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

// signIn signs alice in by password.
func (b *browser) signIn(pairs ...string) *reply {
	b.s.t.Helper()
	r := b.post("/callback/credentials", append([]string{"username", "alice", "password", password}, pairs...)...)
	if r.status != http.StatusFound || strings.Contains(r.location(), "error=") {
		b.s.t.Fatalf("signing in: status %d, Location %q; log %v", r.status, r.location(), b.s.logs.problems())
	}
	return r
}

// session is the body of GET session.
func (b *browser) session() string {
	b.s.t.Helper()
	r := b.get("/session")
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" {
		b.s.t.Errorf("GET session: status %d, %s", r.status, r.header.Get("Content-Type"))
	}
	return r.body
}

// user is the e-mail address (or else the name) of whoever is signed in; ""
// when nobody is.
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
