//go:build unix

package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/internal/wire"
)

// person is somebody who may sign in, as both sides know them.
type person struct {
	ID    string  `json:"id"`
	Name  string  `json:"name"`
	Email string  `json:"email"`
	Image *string `json:"image,omitempty"`
	Role  string  `json:"role"`
	Theme string  `json:"theme"`
	Note  string  `json:"note"`
}

var adasImage = "https://example.com/ada.png"

// people may sign in with their name and the password "open".
var people = map[string]person{
	"ada":   {ID: "a-1", Name: "Ada Löwe <&>", Email: "ada@example.com", Image: &adasImage, Role: "admin", Theme: "dark", Note: "日本語"},
	"bob":   {ID: "b-2", Name: "Bob", Email: "bob@example.com", Role: "guest", Theme: "light", Note: ""},
	"large": {ID: "c-3", Name: "Cleo", Email: "cleo@example.com", Role: "guest", Theme: "light", Note: strings.Repeat("ü0123456789", 800)},
}

// fields are what both sides have beside the members of Auth.js.
var fields = &schema.Schema{User: []schema.Field{
	{Name: "id", Client: schema.Read},
	{Name: "name", Client: schema.Write},
	{Name: "role", Client: schema.Read, Default: "guest"},
	{Name: "theme", Client: schema.Write, Default: "light"},
	{Name: "note", Client: schema.Write},
}}

// secrets are those of a site unless its test says otherwise.
var secrets = []string{"interop-secret-interop-secret-interop-1"}

// side is who answers a request.
type side string

const (
	next   side = "next"
	sesame side = "sesame"
)

// site is an application of which a part is a Next.js app and a part an engine.
type site struct {
	app      string // v5 or v4
	wire     wire.Dialect
	url      string
	mail     authtest.Mailbox
	http     http.RoundTripper
	database bool // sessions are in a database
	config   engine.Config
	engine   http.Handler
	asked    atomic.Int64 // how many requests for an endpoint went to Next.js
	start    func(dir string)

	mu    sync.Mutex
	sides map[string]side // by the beginning of a path; the longest counts
	next  string          // address of the app
}

// plan is what a test may choose of a site. The zero value is a site with jwt
// sessions behind plain http.
type plan struct {
	tls        bool
	database   string   // URL for the app; the engine's adapter is up to engine
	nextSecret []string // default: secrets
	engine     func(*site, *engine.Config)
	issuer     string // of an identity provider for the app
	updateAge  int    // of sessions that the app reads, in seconds; default: a day
}

// newSite starts the app and an engine behind one address.
func newSite(t *testing.T, app string, p plan) *site {
	t.Helper()
	s := &site{app: app, wire: engine.DialectV5, database: p.database != "", sides: make(map[string]side)}
	if app == "v4" {
		s.wire = engine.DialectV4
	}
	if p.updateAge == 0 {
		p.updateAge = 24 * 3600
	}
	mux := http.NewServeMux()
	front := httptest.NewUnstartedServer(mux)
	inner := front // where the app itself finds the site
	if p.tls {
		inner = httptest.NewServer(mux)
		t.Cleanup(inner.Close)
		front.StartTLS()
		s.url = "https://example.com" // as the certificate of the server says
		address := front.Listener.Addr().String()
		s.http = &http.Transport{
			TLSClientConfig: front.Client().Transport.(*http.Transport).TLSClientConfig,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			},
		}
	} else {
		front.Start()
		_, port, _ := net.SplitHostPort(front.Listener.Addr().String())
		s.url = "http://localhost:" + port
		inner.URL = s.url
		s.http = new(http.Transport)
	}
	t.Cleanup(front.Close)
	t.Cleanup(s.http.(*http.Transport).CloseIdleConnections)
	mailbox := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m engine.VerificationRequest
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mail.SendVerificationRequest(r.Context(), m)
	}))
	t.Cleanup(mailbox.Close)

	// The engine.
	cfg := engine.Config{
		Dialect: s.wire, URL: s.url, Secrets: secrets, Schema: fields,
		Providers: []engine.Provider{
			&engine.Credentials{Authorize: authorize},
		},
		Callbacks: engine.Callbacks{JWT: func(_ context.Context, p *engine.JWTParams) error {
			if p.User != nil {
				p.Token.Extra = p.User.Extra
			}
			return nil
		}},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Getenv: func(string) string { return "" },
	}
	if p.engine != nil {
		p.engine(s, &cfg)
	}
	s.config = cfg
	eng, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { eng.Close() })
	verifier, err := verify.New(verify.Config{
		Secrets: cfg.Secrets, Dialects: []verify.Dialect{s.wire}, Schema: fields, UseSecureCookies: &p.tls,
		Logger: cfg.Logger,
		Getenv: func(string) string { return "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	goApp := http.NewServeMux()
	s.engine = eng
	goApp.Handle("/api/auth/", eng)
	goApp.HandleFunc("GET /go/session", func(w http.ResponseWriter, r *http.Request) { // auth() in Go
		session, err := eng.Session(w, r)
		if err != nil {
			t.Errorf("eng.Session: %v", err)
		}
		writeSession(w, session)
	})
	goApp.Handle("GET /go/protected", eng.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := engine.SessionFrom(r.Context())
		writeSession(w, session)
	})))
	goApp.HandleFunc("GET /go/token", func(w http.ResponseWriter, r *http.Request) { // getToken() in Go
		token, err := verifier.Token(r)
		if err != nil {
			io.WriteString(w, "null")
			return
		}
		w.Write(token.AppendClaims(nil))
	})

	// The app.
	nextSecrets := secrets
	if p.nextSecret != nil {
		nextSecrets = p.nextSecret
	}
	settings := setup{
		Secrets: nextSecrets, Secure: p.tls, MaxAge: 30 * 24 * 3600, UpdateAge: p.updateAge, People: people, Mailbox: mailbox.URL, Database: p.database, Issuer: p.issuer,
	}
	stop, running := func() {}, ""
	s.start = func(dir string) {
		if dir == running {
			return
		}
		stop()
		running = dir
		host, stopNext := startNext(t, dir, app, settings, "AUTH_URL="+s.url, "NEXTAUTH_URL="+s.url, "NEXTAUTH_URL_INTERNAL="+inner.URL,
			"AUTH_SECRET="+nextSecrets[0], "NEXTAUTH_SECRET="+nextSecrets[0])
		stop = stopNext
		s.mu.Lock()
		defer s.mu.Unlock()
		s.next = host
	}
	s.start(apps(t))
	nextApp := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			if p.tls {
				r.SetXForwarded()
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			r.Out.URL.Scheme, r.Out.URL.Host = "http", s.next
			r.Out.Host = r.In.Host
		},
		ErrorLog: log.New(t.Output(), "proxy: ", 0),
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if s.side(r.URL.Path) == sesame {
			goApp.ServeHTTP(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/auth/") {
			s.asked.Add(1)
		}
		nextApp.ServeHTTP(w, r)
	})
	s.serve("/go/", sesame)
	s.serve("/api/auth/", next)
	return s
}

func authorize(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
	p, ok := people[values["username"]]
	if !ok || values["password"] != "open" {
		return nil, nil
	}
	return &engine.User{
		ID: p.ID, Name: &p.Name, Email: &p.Email, Image: p.Image,
		Extra: map[string]any{"role": p.Role, "theme": p.Theme, "note": p.Note},
	}, nil
}

// writeSession writes what a handler knows of a session.
func writeSession(w http.ResponseWriter, s *engine.Session) {
	if s == nil {
		io.WriteString(w, "null")
		return
	}
	user := map[string]any{"id": s.User.ID, "role": s.User.Extra["role"], "theme": s.User.Extra["theme"], "note": s.User.Extra["note"]}
	for name, value := range map[string]*string{"name": s.User.Name, "email": s.User.Email, "image": s.User.Image} {
		switch {
		case value != nil:
			user[name] = *value
		case s.Strategy == engine.StrategyDatabase: // a row has null where a token has no member
			user[name] = nil
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"user": user, "expires": s.Expires.Format(schema.TimeLayout)})
}

// serve decides who answers what is below a path, from now on.
func (s *site) serve(prefix string, by side) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sides[prefix] = by
}

// unserve undoes serve.
func (s *site) unserve(prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sides, prefix)
}

func (s *site) side(path string) side {
	s.mu.Lock()
	defer s.mu.Unlock()
	longest, by := "", next
	for prefix, at := range s.sides {
		if strings.HasPrefix(path, prefix) && len(prefix) > len(longest) {
			longest, by = prefix, at
		}
	}
	return by
}

// host is the host of the site as browsers see it.
func (s *site) host() string {
	_, host, _ := strings.Cut(s.url, "://")
	return host
}

// browser is somebody's browser, as far as cookies go. It follows no redirects.
type browser struct {
	t    *testing.T
	site *site
	http *http.Client
}

func (s *site) newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, s, &http.Client{
		Jar: jar, Transport: s.http, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is an answer of the site.
type answer struct {
	status   int
	location string
	body     string
}

// do sends a request. A form is posted as the React client posts it; other data
// as JSON.
func (b *browser) do(path string, data any) answer {
	b.t.Helper()
	method, kind, body := http.MethodGet, "", io.Reader(nil)
	switch data := data.(type) {
	case nil:
	case url.Values:
		method, kind, body = http.MethodPost, "application/x-www-form-urlencoded", strings.NewReader(data.Encode())
	default:
		text, err := json.Marshal(data)
		if err != nil {
			b.t.Fatal(err)
		}
		method, kind, body = http.MethodPost, "application/json", bytes.NewReader(text)
	}
	if strings.HasPrefix(path, "/") {
		path = b.site.url + path
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Origin", b.site.url)
		r.Header.Set("X-Auth-Return-Redirect", "1")
	}
	w, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{w.StatusCode, w.Header.Get("Location"), string(text)}
}

// value reads the JSON of an answer, or of the page's only pre element.
func (b *browser) value(path string, data any) any {
	b.t.Helper()
	a := b.do(path, data)
	text := a.body
	if strings.HasPrefix(text, "<!DOCTYPE") {
		_, text, _ = strings.Cut(text, "<pre>")
		text, _, _ = strings.Cut(text, "</pre>")
		text = html.UnescapeString(text)
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); a.status != http.StatusOK || err != nil {
		b.t.Errorf("%s: %d, %v\n%.2000s", path, a.status, err, a.body)
		return nil
	}
	if m, ok := v.(map[string]any); ok && len(m) == 0 {
		return nil // how next-auth 4 says null
	}
	return v
}

func (b *browser) csrf() string {
	b.t.Helper()
	m, _ := b.value("/api/auth/csrf", nil).(map[string]any)
	token, _ := m["csrfToken"].(string)
	if token == "" {
		b.t.Fatal("there is no CSRF token")
	}
	return token
}

// post posts a form to an endpoint of a side, and returns where the browser is
// sent.
func (b *browser) post(by side, endpoint string, form url.Values) string {
	b.t.Helper()
	b.site.serve("/api/auth/", by)
	form.Set("csrfToken", b.csrf())
	form.Set("callbackUrl", b.site.url+"/")
	form.Set("json", "true")
	a := b.do("/api/auth/"+endpoint, form)
	var out struct{ URL string }
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != http.StatusOK && a.status != http.StatusUnauthorized {
		b.t.Fatalf("POST %s at %s: %d %.1000s", endpoint, by, a.status, a.body)
	}
	return out.URL
}

// signIn signs in at a side.
func (b *browser) signIn(by side, name string) {
	b.t.Helper()
	if to := b.post(by, "callback/credentials", url.Values{"username": {name}, "password": {"open"}}); to != b.site.url+"/" {
		b.t.Fatalf("the sign-in at %s leads to %q", by, to)
	}
}

// signOut signs out at a side.
func (b *browser) signOut(by side) {
	b.t.Helper()
	if to := b.post(by, "signout", url.Values{}); to != b.site.url+"/" {
		b.t.Fatalf("the sign-out at %s leads to %q", by, to)
	}
}

// update is update(data) of the React client, at a side.
func (b *browser) update(by side, data map[string]any) any {
	b.t.Helper()
	b.site.serve("/api/auth/", by)
	return b.value("/api/auth/session", map[string]any{"csrfToken": b.csrf(), "data": data})
}

// session is the session as a side answers GET session.
func (b *browser) session(by side) any {
	b.t.Helper()
	b.site.serve("/api/auth/", by)
	return b.value("/api/auth/session", nil)
}

// cookies are the names of the browser's cookies.
func (b *browser) cookies() map[string]string {
	u, _ := url.Parse(b.site.url)
	all := make(map[string]string)
	for _, c := range b.http.Jar.Cookies(u) {
		all[c.Name] = c.Value
	}
	return all
}

// calls are the ways in which code on the server asks who is signed in, by path.
func (s *site) calls() map[string]string {
	if s.app == "v4" {
		calls := map[string]string{
			"getServerSession(options), server component":   "/component",
			"getServerSession(options), route handler":      "/api/handler",
			"getServerSession(req, res, options), API":      "/api/pages/session",
			"getServerSession(req, res, options), getProps": "/props",
			"getSession({req})":                             "/api/pages/client",
			"withAuth":                                      "/protected",
			"engine.Session":                                "/go/session",
			"engine.Require":                                "/go/protected",
		}
		if s.database {
			delete(calls, "withAuth") // it knows jwt sessions only
		}
		return calls
	}
	return map[string]string{
		"auth(), server component": "/component",
		"auth(), route handler":    "/api/handler",
		"auth(handler)":            "/api/wrapped",
		"auth(req, res), API":      "/api/pages/session",
		"auth(context), getProps":  "/props",
		"getSession({req})":        "/api/pages/client",
		"auth as proxy":            "/protected",
		"engine.Session":           "/go/session",
		"engine.Require":           "/go/protected",
	}
}

// tokenCalls are the ways in which it asks for the token.
func (s *site) tokenCalls() map[string]string {
	calls := map[string]string{"getToken, route handler": "/api/token", "verify.Token": "/go/token"}
	if s.app == "v4" {
		calls["getToken, API"] = "/api/pages/token"
	}
	return calls
}

// sessionOf is what a session says of somebody, without its end.
func sessionOf(p person) map[string]any {
	text, _ := json.Marshal(p)
	var user map[string]any
	json.Unmarshal(text, &user)
	return map[string]any{"user": user}
}

// claimsOf is what a token says of somebody, without its times and id.
func claimsOf(p person) map[string]any {
	claims := sessionOf(p)["user"].(map[string]any)
	claims["sub"] = claims["id"]
	delete(claims, "id")
	if image, ok := claims["image"]; ok {
		claims["picture"] = image
		delete(claims, "image")
	}
	return claims
}

// without returns a copy of an object without some members.
func without(v any, names ...string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := make(map[string]any, len(m))
	for name, value := range m {
		out[name] = value
	}
	for _, name := range names {
		delete(out, name)
	}
	return out
}

// mustSee checks that every call sees the session of p, with GET session at each
// side.
func (b *browser) mustSee(p person) {
	b.t.Helper()
	b.mustSeeSession(sessionOf(p))
}

func (b *browser) mustSeeSession(want any) {
	b.t.Helper()
	for _, by := range []side{sesame, next} {
		if diff := cmp.Diff(want, without(b.session(by), "expires")); diff != "" {
			b.t.Errorf("GET session at %s (-want +got):\n%s", by, diff)
		}
		for call, path := range b.site.calls() {
			if diff := cmp.Diff(want, without(b.value(path, nil), "expires")); diff != "" {
				b.t.Errorf("%s, endpoints at %s (-want +got):\n%s", call, by, diff)
			}
		}
	}
}

// mustSeeToken checks that every call sees the token of p.
func (b *browser) mustSeeToken(p person) {
	b.t.Helper()
	for call, path := range b.site.tokenCalls() {
		if diff := cmp.Diff(any(claimsOf(p)), without(b.value(path, nil), "iat", "exp", "jti")); diff != "" {
			b.t.Errorf("%s (-want +got):\n%s", call, diff)
		}
	}
}

// mustSeeNoToken checks that there is no token to see.
func (b *browser) mustSeeNoToken() {
	b.t.Helper()
	for call, path := range b.site.tokenCalls() {
		if got := b.value(path, nil); got != nil {
			b.t.Errorf("%s: got %v, want no token", call, got)
		}
	}
}

// mustSeeNobody checks that every call sees that nobody is signed in.
func (b *browser) mustSeeNobody() {
	b.t.Helper()
	for _, by := range []side{sesame, next} {
		if got := b.session(by); got != nil {
			b.t.Errorf("GET session at %s: got %v, want nobody", by, got)
		}
		for call, path := range b.site.calls() {
			if strings.Contains(path, "protected") {
				a := b.do(path, nil)
				to, err := url.Parse(a.location)
				if err != nil || a.status/100 != 3 || to.Path != "/api/auth/signin" || !strings.HasSuffix(to.Query().Get("callbackUrl"), path) {
					b.t.Errorf("%s: got %d to %q, want the sign-in page", call, a.status, a.location)
				}
				continue
			}
			if got := b.value(path, nil); got != nil {
				b.t.Errorf("%s, endpoints at %s: got %v, want nobody", call, by, got)
			}
		}
	}
	b.mustSeeNoToken()
}
