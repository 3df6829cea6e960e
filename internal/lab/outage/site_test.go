package outage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

func joined(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

const (
	base          = "/api/auth"
	sessionCookie = "authjs.session-token"
	csrfCookie    = "authjs.csrf-token"
	secret        = "a-secret-of-forty-characters-or-more-...."
)

var both = []engine.Strategy{engine.StrategyJWT, engine.StrategyDatabase}

// site is a server with an engine over a database that can be stopped.
type site struct {
	t        testing.TB
	origin   string
	eng      *engine.Engine
	strategy engine.Strategy
	store    outage
	idp      *authtest.IdP
	mails    *authtest.Mailbox
	logs     *logs
	clock    *authtest.Clock
}

// newSite starts a site. People are known as name@example.com; whoever knows the
// password "right" of one of them is signed in by credentials, and created when
// new-user is the input's name.
func newSite(t testing.TB, store outage, strategy engine.Strategy) *site {
	t.Helper()
	s := &site{t: t, store: store, strategy: strategy, mails: new(authtest.Mailbox), logs: &logs{}, clock: authtest.NewClock(time.Now().Truncate(time.Second))}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	s.origin = server.URL
	people := []authtest.User{
		{Subject: "bob", Name: "Bob", Email: "bob@example.com", EmailVerified: true},
		{Subject: "carol", Name: "Carol", Email: "carol@example.com", EmailVerified: true},
	}
	for i := range 1000 {
		name := fmt.Sprintf("person-%d", i)
		people = append(people, authtest.User{Subject: name, Name: name, Email: name + "@example.com", EmailVerified: true})
	}
	var err error
	s.idp, err = authtest.StartIdP(authtest.IdPConfig{
		Now: s.clock.Now,
		Clients: []authtest.Client{{ID: "app", Secret: "app-secret", RedirectURIs: []string{
			s.origin + base + "/callback/oidc", s.origin + base + "/callback/oauth"}}},
		Users: people,
	})
	fatal(t, err)
	t.Cleanup(func() { s.idp.Close() })
	options := engine.OAuthConfig{ClientID: "app", ClientSecret: "app-secret"}
	s.eng, err = engine.New(engine.Config{
		Secrets: []string{secret}, URL: s.origin, Adapter: store.adapter, SessionStrategy: strategy,
		Schema:        &engine.Schema{User: []schema.Field{{Name: "name", Client: schema.Write}}},
		PurgeInterval: -1, // would log its own failures
		Now:           s.clock.Now, Logger: slog.New(s.logs), Getenv: func(string) string { return "" },
		Providers: []engine.Provider{
			&engine.OIDC{ID: "oidc", Issuer: s.idp.Issuer(), OAuthConfig: options},
			&engine.OAuth2{ID: "oauth", AuthorizationURL: s.idp.Issuer() + "/authorize", TokenURL: s.idp.Issuer() + "/token",
				UserInfoURL: s.idp.Issuer() + "/userinfo", OAuthConfig: options},
			&engine.Email{ID: "email", SendVerificationRequest: s.mails.SendVerificationRequest},
			&engine.Credentials{ID: "credentials", CreateUsers: true, Inputs: []engine.Input{{Name: "username"}},
				Authorize: func(_ context.Context, v map[string]string, _ *http.Request) (*engine.User, error) {
					name := v["username"]
					if name == "" {
						return nil, nil
					}
					return &engine.User{ID: name + "-id", Email: new(name + "@example.com")}, nil
				}},
		},
	})
	fatal(t, err)
	t.Cleanup(func() { s.eng.Close() })
	handler = s.application()
	return s
}

// application is what stands around the engine.
func (s *site) application() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(base+"/", s.eng)
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if session, ok := engine.SessionFrom(r.Context()); ok {
			name = *session.User.Email
		}
		io.WriteString(w, "hello, "+name)
	})
	mux.Handle("/open", s.eng.Middleware(page))
	mux.Handle("/closed", s.eng.Require(page))
	protect, err := s.eng.Protect("/app/")
	fatal(s.t, err)
	mux.Handle("/app/", protect(page))
	answer := func(w http.ResponseWriter, text string, err error) {
		var known *engine.Error
		switch {
		case err == nil:
			io.WriteString(w, text)
		case errors.As(err, &known):
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, string(known.Code))
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	who := func(session *engine.Session) string {
		if session == nil {
			return "nobody"
		}
		return *session.User.Email
	}
	mux.HandleFunc("/helper/session", func(w http.ResponseWriter, r *http.Request) {
		session, err := s.eng.Session(w, r)
		answer(w, who(session), err)
	})
	mux.HandleFunc("/helper/signin/{provider}", func(w http.ResponseWriter, r *http.Request) {
		to, err := s.eng.SignIn(w, r, r.PathValue("provider"), engine.SignInOptions{RedirectTo: "/after",
			Email: r.FormValue("email"), Credentials: map[string]string{"username": r.FormValue("username")}})
		answer(w, to, err)
	})
	mux.HandleFunc("/helper/signout", func(w http.ResponseWriter, r *http.Request) { answer(w, "bye", s.eng.SignOut(w, r)) })
	mux.HandleFunc("/helper/update", func(w http.ResponseWriter, r *http.Request) {
		session, err := s.eng.Update(w, r, map[string]any{"name": "Renamed"})
		answer(w, who(session), err)
	})
	return mux
}

// ---- the log

type line struct {
	level slog.Level
	text  string
	attrs map[string]string
}

type logs struct {
	mu    sync.Mutex
	lines []line
}

func (l *logs) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *logs) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *logs) WithGroup(string) slog.Handler                    { return l }

func (l *logs) Handle(_ context.Context, r slog.Record) error {
	entry := line{r.Level, r.Message, map[string]string{}}
	r.Attrs(func(a slog.Attr) bool {
		entry.attrs[a.Key] = a.Value.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, entry)
	return nil
}

// take returns the lines since the last time.
func (l *logs) take() []line {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// failed checks that a request has left one line, about the database.
func (s *site) failed(what string) {
	s.t.Helper()
	lines := s.logs.take()
	if len(lines) != 1 {
		s.t.Errorf("%s: %d lines in the log, want one: %v", what, len(lines), lines)
		return
	}
	entry := lines[0]
	if entry.level != slog.LevelError || entry.attrs["request_id"] == "" || entry.attrs["hint"] == "" || entry.attrs["cause"] == "" ||
		entry.attrs["code"] != "Configuration" || strings.Contains(entry.attrs["cause"], store.ErrNotFound.Error()) {
		s.t.Errorf("%s: the log line is %v", what, entry)
	}
}

func (s *site) quiet(what string) {
	s.t.Helper()
	if lines := s.logs.take(); len(lines) > 0 {
		s.t.Errorf("%s: the log has %v", what, lines)
	}
}

// ---- the browser

type browser struct {
	s       *site
	cookies map[string]string
	header  http.Header
}

func (s *site) browser() *browser {
	return &browser{s: s, cookies: map[string]string{}, header: http.Header{}}
}

type reply struct {
	status   int
	location string
	body     string
	set      []*http.Cookie
}

func (r *reply) clears(name string) bool {
	return slices.ContainsFunc(r.set, func(c *http.Cookie) bool { return c.Name == name && c.MaxAge < 0 })
}

func (r *reply) sets(name string) bool {
	return slices.ContainsFunc(r.set, func(c *http.Cookie) bool { return c.Name == name && c.MaxAge >= 0 })
}

// client follows no redirect.
var client = &http.Client{
	Timeout:       time.Minute, // a hang, and nothing else
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (b *browser) do(method, target string, form url.Values) *reply {
	t := b.s.t
	t.Helper()
	if !strings.HasPrefix(target, "http") {
		target = b.s.origin + target
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	fatal(t, err)
	maps.Copy(r.Header, b.header)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, name := range slices.Sorted(maps.Keys(b.cookies)) {
		r.AddCookie(&http.Cookie{Name: name, Value: b.cookies[name]})
	}
	res, err := client.Do(r)
	fatal(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	fatal(t, err)
	out := &reply{res.StatusCode, res.Header.Get("Location"), string(text), res.Cookies()}
	for _, c := range out.set {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return out
}

// get opens an endpoint of the engine, or with a leading dot another path.
func (b *browser) get(path string) *reply {
	b.s.t.Helper()
	return b.do("GET", at(path), nil)
}

// post posts with the CSRF token, which the browser has by now or gets.
func (b *browser) post(path string, pairs ...string) *reply {
	b.s.t.Helper()
	form := url.Values{"csrfToken": {b.csrf()}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.do("POST", at(path), form)
}

func at(path string) string {
	if rest, ok := strings.CutPrefix(path, "."); ok {
		return rest
	}
	return base + path
}

func (b *browser) csrf() string {
	b.s.t.Helper()
	if b.cookies[csrfCookie] == "" {
		b.get("/csrf")
	}
	v, err := url.PathUnescape(b.cookies[csrfCookie])
	fatal(b.s.t, err)
	token, _, _ := strings.Cut(v, "|")
	return token
}

// update is update({name}) of the client.
func (b *browser) update(name string) *reply {
	b.s.t.Helper()
	body, err := json.Marshal(map[string]any{"csrfToken": b.csrf(), "data": map[string]any{"name": name}})
	fatal(b.s.t, err)
	header := b.header
	defer func() { b.header = header }()
	b.header = header.Clone()
	b.header.Set("Content-Type", "application/json")
	return b.raw(base+"/session", string(body))
}

// raw posts a body as it is.
func (b *browser) raw(target, body string) *reply {
	b.s.t.Helper()
	r, err := http.NewRequestWithContext(b.s.t.Context(), "POST", b.s.origin+target, strings.NewReader(body))
	fatal(b.s.t, err)
	maps.Copy(r.Header, b.header)
	for name, v := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: v})
	}
	res, err := client.Do(r)
	fatal(b.s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	fatal(b.s.t, err)
	return &reply{res.StatusCode, res.Header.Get("Location"), string(text), res.Cookies()}
}

// user is who GET session says is signed in; "" for nobody.
func (b *browser) user() string {
	b.s.t.Helper()
	r := b.get("/session")
	var body *struct{ User struct{ Email string } }
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != 200 {
		b.s.t.Fatalf("GET session: %d %q", r.status, r.body)
	}
	if body == nil {
		return ""
	}
	return body.User.Email
}

// leave goes to a provider and clicks a name. It returns where the provider
// sends the browser back to.
func (b *browser) leave(provider, subject string) (callback string) {
	b.s.t.Helper()
	r := b.post("/signin/" + provider)
	back, err := b.s.idp.SignIn(r.location, subject)
	if err != nil {
		b.s.t.Fatalf("signing in at the provider: %v (status %d, Location %q)", err, r.status, r.location)
	}
	return back
}

// link asks for a mail link and returns what it holds.
func (b *browser) link(address string) (token string) {
	b.s.t.Helper()
	b.s.mails.Clear()
	b.post("/signin/email", "email", address)
	m, ok := b.s.mails.Last(address)
	if !ok {
		b.s.t.Fatalf("no mail to %s; log %v", address, b.s.logs.take())
	}
	return m.Token
}

// signIn signs somebody in by credentials.
func (b *browser) signIn(name string) *browser {
	b.s.t.Helper()
	if r := b.post("/callback/credentials", "username", name); !r.sets(sessionCookie) {
		b.s.t.Fatalf("signing in: %d %q; log %v", r.status, r.location, b.s.logs.take())
	}
	return b
}
