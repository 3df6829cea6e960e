package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// limiter is a Config.Limit that notes what it is asked, and refuses.
type limiter struct {
	asked  []engine.LimitParams
	refuse func(l engine.LimitParams) (time.Duration, error) // nil: everything is allowed
	ctx    context.Context
}

func (l *limiter) Limit(ctx context.Context, p engine.LimitParams) (time.Duration, error) {
	l.asked = append(l.asked, p)
	l.ctx = ctx
	if l.refuse == nil {
		return 0, nil
	}
	return l.refuse(p)
}

// take returns what was asked, "signin email carol@example.com" say.
func (l *limiter) take() (out []string) {
	for _, p := range l.asked {
		out = append(out, strings.TrimSpace(p.Action+" "+p.Provider+" "+p.Subject))
	}
	l.asked = nil
	return out
}

// always refuses everything for as long.
func always(d time.Duration) func(engine.LimitParams) (time.Duration, error) {
	return func(engine.LimitParams) (time.Duration, error) { return d, nil }
}

func withLimiter(l *limiter) func(*site, *engine.Config) {
	return func(_ *site, c *engine.Config) {
		c.Limit = l.Limit
		limited := func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			if subject := a.Value("subject"); subject != "" {
				if err := a.Limit(subject); err != nil {
					return engine.Result{}, err
				}
			}
			return a.SignIn(engine.Identity{User: *alice()}), nil
		}
		c.Providers = append(c.Providers, newToy(map[string]handle{
			"POST callback": limited,
			"GET look":      func(_ context.Context, a *engine.Attempt) (engine.Result, error) { return a.JSON(200, nil), nil },
		}))
	}
}

// attempts are all ways to sign in, over HTTP: what the browser sends, and what
// the limiter is asked.
var attempts = []struct {
	name string
	send func(b *browser) *reply
	asks []string
}{
	{"leaving for OpenID Connect", func(b *browser) *reply { return b.post("/signin/oidc") }, []string{"signin oidc"}},
	{"coming back", func(b *browser) *reply { return b.get("/callback/oidc?state=x&code=y") }, []string{"callback oidc"}},
	{"coming back by POST", func(b *browser) *reply { return b.send("/callback/oidc", form("state", "x")) }, []string{"callback oidc"}},
	{"leaving for OAuth 2.0", func(b *browser) *reply { return b.post("/signin/oauth") }, []string{"signin oauth"}},
	{"credentials", func(b *browser) *reply { return b.post("/callback/credentials", "password", password) }, []string{"callback credentials"}},
	{"asking for a mail", func(b *browser) *reply { return b.post("/signin/email", "email", " Carol@Example.com") }, []string{"signin email", "signin email carol@example.com"}},
	{"opening a mail link", func(b *browser) *reply { return b.get("/callback/email?token=x&email=carol@example.com") }, []string{"callback email"}},
	{"following it", func(b *browser) *reply {
		return b.post("/callback/email", "token", "x", "email", "carol@example.com")
	}, []string{"callback email"}},
	{"a Method", func(b *browser) *reply { return b.post("/callback/toy") }, []string{"callback toy"}},
	{"a Method about somebody", func(b *browser) *reply { return b.post("/callback/toy", "subject", "alice") }, []string{"callback toy", "callback toy alice"}},
	{"a GET of a Method", func(b *browser) *reply { return b.get("/look/toy") }, []string{"look toy"}},
}

// Each attempt is asked about once, and once more about whom it is for; what is
// no attempt is not asked about.
func TestLimitIsAskedAboutAttempts(t *testing.T) {
	for _, strategy := range strategies {
		for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
			l := &limiter{}
			s := newSite(t, withStrategy(strategy), withLimiter(l), func(_ *site, c *engine.Config) { c.Dialect = dialect })
			for _, a := range attempts {
				b := s.browser()
				b.csrf()
				l.take()
				a.send(b)
				if got := l.take(); !slices.Equal(got, a.asks) {
					t.Errorf("%s, %v, %s: the limiter is asked %q, want %q", strategy, dialect, a.name, got, a.asks)
				}
			}
			for _, path := range []string{"/session", "/csrf", "/providers", "/signin", "/signout", "/error", "/verify-request", "", "/nothing/x", "/callback/nobody", "/signin/oidc", "/look/oidc"} {
				s.browser().get(path)
				s.browser().post(path)
			}
			b := s.browser()
			b.csrf()
			l.take()
			b.get("/session")
			b.update(nil)
			b.send("/callback/credentials", form("password", password)) // without a token
			r := b.request("POST", base+"/callback/toy", strings.NewReader(form("csrfToken", b.csrf()).Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			b.do(r)
			b.post("/signout")
			if got := l.take(); len(got) > 0 {
				t.Errorf("%s, %v: the limiter is asked %q about what is no attempt", strategy, dialect, got)
			}
		}
	}
}

// However an endpoint is written, it is the same one to the limiter.
func TestLimitOfOtherSpellings(t *testing.T) {
	for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		l := &limiter{}
		s := newSite(t, withStrategy(engine.StrategyJWT), withLimiter(l), func(_ *site, c *engine.Config) { c.Dialect = dialect })
		for _, path := range []string{"/callback/toy", "//callback/toy", "/callback//toy/", "/callback/toy//", "/callback/toy?x=/look/oidc", "/callback/toy/x", "/CALLBACK/toy", "/callback/TOY", "/callback/%74oy", "/callback/./toy", "/./callback/toy", "/callback/toy%2f", "/callback;x/toy"} {
			l.asked = nil
			b := s.browser()
			b.post(path)
			if got, in := l.take(), b.get("/session").body != (map[engine.Dialect]string{engine.DialectV5: "null", engine.DialectV4: "{}"})[dialect]; in != slices.Equal(got, []string{"callback toy"}) || !in && len(got) > 0 {
				t.Errorf("%v, POST %s: signed in %v, the limiter is asked %q", dialect, path, in, got)
			}
		}
	}
}

// A call of the application is an attempt like a request.
func TestLimitOfSignInByTheApplication(t *testing.T) {
	for _, strategy := range strategies {
		l := &limiter{}
		s := newSite(t, withStrategy(strategy), withLimiter(l))
		var to string
		var failure error
		call := func(provider string, o engine.SignInOptions) *reply {
			s.resetLog()
			r := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				to, failure = s.eng.SignIn(w, r, provider, o)
			})).get("./enter")
			return r
		}
		calls := []struct {
			provider string
			o        engine.SignInOptions
			asks     []string
		}{
			{"oidc", engine.SignInOptions{}, []string{"signin oidc"}},
			{"oauth", engine.SignInOptions{}, []string{"signin oauth"}},
			{"email", engine.SignInOptions{Email: "carol@example.com"}, []string{"signin email", "signin email carol@example.com"}},
			{"credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}}, []string{"signin credentials"}},
			{"toy", engine.SignInOptions{Credentials: map[string]string{"subject": "alice"}}, []string{"signin toy", "callback toy alice"}},
		}
		for _, c := range calls {
			call(c.provider, c.o)
			if got := l.take(); !slices.Equal(got, c.asks) || failure != nil {
				t.Errorf("%s, %s: the limiter is asked %q, want %q; SignIn gives %v", strategy, c.provider, got, c.asks, failure)
			}
		}
		mails := len(s.mails.sent)
		for _, subjectOnly := range []bool{false, true} {
			l.refuse = func(p engine.LimitParams) (time.Duration, error) {
				if subjectOnly && p.Subject == "" {
					return 0, nil
				}
				return time.Minute, nil
			}
			for _, c := range calls {
				if subjectOnly && len(c.asks) < 2 {
					continue
				}
				r := call(c.provider, c.o)
				var known *engine.Error
				if !errors.As(failure, &known) || known.Code != "AccessDenied" || known.Type != "TooManyRequests" || to != "" || len(r.set) > 0 {
					t.Errorf("%s, %s: refused, SignIn gives %q, %v, cookies %q", strategy, c.provider, to, failure, r.header["Set-Cookie"])
				}
				if line := s.problem(t); line.level.String() != "WARN" {
					t.Errorf("%s, %s: the log says %v", strategy, c.provider, line)
				}
				if len(s.store.called()) > 0 || len(s.mails.sent) > mails {
					t.Errorf("%s, %s: refused, the adapter is asked %v, %d mails", strategy, c.provider, s.store.called(), len(s.mails.sent)-mails)
				}
			}
		}
		l.refuse = nil
		l.take()
		call("nobody", engine.SignInOptions{})
		if got := l.take(); len(got) > 0 {
			t.Errorf("%s: the limiter is asked %q about a provider that is not there", strategy, got)
		}
	}
}

// refusals are what a limiter may answer, and what the browser gets.
var refusals = []struct {
	wait  time.Duration
	after string
}{
	{1, "1"}, {time.Millisecond, "1"}, {time.Second, "1"}, {time.Second + 1, "2"}, {1500 * time.Millisecond, "2"}, {90 * time.Second, "90"}, {time.Hour, "3600"},
}

// A refused attempt has no effect and is answered with 429 and Retry-After: a
// page for people, JSON for the clients of strategies versions.
func TestTooManyAttempts(t *testing.T) {
	for _, strategy := range strategies {
		for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
			l := &limiter{}
			s := newSite(t, withStrategy(strategy), withLimiter(l), func(_ *site, c *engine.Config) { c.Dialect = dialect })
			for _, script := range []bool{false, true} {
				for i, a := range attempts {
					refusal := refusals[i%len(refusals)]
					what := fmt.Sprintf("%s, %v, script %v, %s", strategy, dialect, script, a.name)
					b := s.browser()
					b.csrf()
					l.take()
					s.resetLog()
					subject := len(a.asks) == 2
					l.refuse = func(p engine.LimitParams) (time.Duration, error) {
						if subject && p.Subject == "" {
							return 0, nil
						}
						return refusal.wait, nil
					}
					if script {
						b.header.Set("X-Auth-Return-Redirect", "1")
					}
					var r *reply
					if script && dialect == engine.DialectV4 {
						r = scriptV4(a.send, b)
						if r == nil {
							continue // a GET has no body
						}
					} else {
						r = a.send(b)
					}
					l.refuse = nil
					if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") != refusal.after || r.header.Get("Location") != "" {
						t.Errorf("%s: %d, Retry-After %q (of %v), Location %q", what, r.status, r.header.Get("Retry-After"), refusal.wait, r.location())
					}
					want := "<h1>Too many attempts</h1>"
					if script {
						want = `{"url":"` + s.origin + base + `/error?error=AccessDenied"}`
					}
					if !strings.Contains(r.body, want) || script != strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
						t.Errorf("%s: the body is %s", what, r.body)
					}
					if !script && (strings.Contains(r.body, "AccessDenied") || !strings.Contains(r.header.Get("Content-Security-Policy"), "default-src 'none'")) {
						t.Errorf("%s: the page is %s", what, r.main())
					}
					for _, c := range r.set {
						if !strings.HasSuffix(c.Name, "csrf-token") && !strings.HasSuffix(c.Name, "callback-url") && c.MaxAge >= 0 {
							t.Errorf("%s: the cookie %s is set", what, c.Name)
						}
					}
					if line := s.problem(t); line.level.String() != "WARN" || line.msg != "auth: TooManyRequests" {
						t.Errorf("%s: the log says %v", what, line)
					}
					if len(s.store.called()) > 0 || len(s.mails.sent) > 0 || s.idp.redeemed() {
						t.Errorf("%s: the adapter was asked %v, %d mails were sent, a code was redeemed %v", what, s.store.called(), len(s.mails.sent), s.idp.redeemed())
					}
				}
			}
			for _, allowed := range []time.Duration{0, -1, -time.Hour} {
				l.refuse = always(allowed)
				b := s.browser()
				b.post("/callback/toy").wantTo(s.origin)
			}
		}
	}
}

// scriptV4 sends as the client of next-auth 4 does, which asks for JSON in the
// body; nil for a GET.
func scriptV4(send func(*browser) *reply, b *browser) *reply {
	c := *b
	posts := false
	c.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.Body != nil {
			posts = true
			r.ParseForm()
			v := url.Values{}
			for name := range r.PostForm {
				v.Set(name, r.PostForm.Get(name))
			}
			v.Set("json", "true")
			again := b.request("POST", r.RequestURI, strings.NewReader(v.Encode()))
			for name, values := range r.Header {
				again.Header[name] = values
			}
			again.Header.Del("X-Auth-Return-Redirect")
			r = again
		}
		b.handler.ServeHTTP(w, r)
	})
	r := send(&c)
	if !posts {
		b.s.resetLog()
		return nil
	}
	return r
}

// An application with an error page of its own is sent there.
func TestTooManyAttemptsWithAPageOfTheApplication(t *testing.T) {
	l := &limiter{refuse: always(30 * time.Second)}
	s := newSite(t, withStore, withLimiter(l), func(_ *site, c *engine.Config) { c.Pages.Error = "/oops" })
	b := s.browser()
	r := b.post("/callback/toy")
	r.wantTo(s.origin + "/oops?error=AccessDenied")
	if after := r.header.Get("Retry-After"); after != "" { // of a redirect it would say when to follow it
		t.Errorf("Retry-After is %q", after)
	}
	b.header.Set("X-Auth-Return-Redirect", "1")
	r = b.post("/callback/toy")
	if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") != "30" || r.body != `{"url":"`+s.origin+`/oops?error=AccessDenied"}` {
		t.Errorf("a script gets %d, Retry-After %q, %s", r.status, r.header.Get("Retry-After"), r.body)
	}
}

// A limiter that fails lets nobody in.
func TestLimiterThatFails(t *testing.T) {
	for what, fails := range map[string]func(engine.LimitParams) (time.Duration, error){
		"an error":            func(engine.LimitParams) (time.Duration, error) { return 0, errors.New("redis is down") },
		"an error and a wait": func(engine.LimitParams) (time.Duration, error) { return time.Hour, errors.New("redis is down") },
		"a panic":             func(engine.LimitParams) (time.Duration, error) { panic("redis is down") },
	} {
		for _, strategy := range strategies {
			l := &limiter{refuse: fails}
			s := newSite(t, withStrategy(strategy), withLimiter(l))
			for _, a := range attempts {
				b := s.browser()
				b.csrf()
				s.resetLog()
				r := a.send(b)
				r.wantTo(s.origin + base + "/error?error=Configuration")
				if line := s.problem(t); !strings.Contains(line.attrs["cause"], "redis is down") || line.level.String() != "ERROR" {
					t.Errorf("%s, %s: the log says %v", what, a.name, line)
				}
				if len(s.store.called()) > 0 || len(s.mails.sent) > 0 || b.has(sessionCookie) {
					t.Errorf("%s, %s: the adapter was asked %v", what, a.name, s.store.called())
				}
			}
			var failure error
			s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, failure = s.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}})
			})).get("./enter")
			var known *engine.Error
			if !errors.As(failure, &known) || known.Code != "Configuration" || len(s.store.called()) > 0 {
				t.Errorf("%s: SignIn gives %v", what, failure)
			}
		}
	}
}

// The limiter gets the context of the request and the address of the browser;
// nothing of that is worked out without one.
func TestWhatTheLimiterGets(t *testing.T) {
	l := &limiter{}
	s := newSite(t, withStore, withLimiter(l), func(_ *site, c *engine.Config) { c.TrustedProxies = []string{"192.0.2.0/24"}; c.URL = httpOrigin })
	b := s.browser()
	type key struct{}
	r := b.request("GET", base+"/look/toy", nil)
	r = r.WithContext(context.WithValue(r.Context(), key{}, "x"))
	r.RemoteAddr = "192.0.2.1:1234"
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	b.do(r)
	if len(l.asked) != 1 || l.asked[0].Client != netip.MustParseAddr("203.0.113.9") || l.ctx.Value(key{}) != "x" {
		t.Errorf("the limiter is asked %+v", l.asked)
	}
	var failed error
	b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "192.0.2.1:1234"
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		_, failed = s.eng.SignIn(w, r, "oidc", engine.SignInOptions{})
	}))
	l.asked = nil
	b.get("./enter")
	if failed != nil || len(l.asked) != 1 || l.asked[0].Client != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("by SignIn, the limiter is asked %+v", l.asked)
	}

	without := newSite(t, withStore, withLimiter(l), func(_ *site, c *engine.Config) { c.Limit = nil; c.TrustedProxies = []string{"192.0.2.0/24"} })
	b = without.browser()
	b.get("/csrf")
	cost := func(forwarded string) float64 {
		r := b.request("GET", base+"/look/toy", nil)
		r.RemoteAddr = "192.0.2.1:1234"
		r.Header.Set("X-Forwarded-Host", "localhost:3000")
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		w := newSink()
		return testing.AllocsPerRun(100, func() {
			w.reset()
			without.eng.ServeHTTP(w, r)
		})
	}
	var short, long float64
	for range 5 { // under the race detector they vary
		if short, long = cost(""), cost(strings.Repeat("192.0.2.7, ", 100)+"203.0.113.9"); short == long {
			return
		}
	}
	t.Errorf("without a limiter, %.0f allocations, and with a long header %.0f", short, long)
}
