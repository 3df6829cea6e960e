package engine_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

func TestSessionIsReadOncePerRequest(t *testing.T) {
	for _, strategy := range strategies {
		var calls int
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { calls++; return nil }
		})
		var got *engine.Session
		b := s.browser().serve(s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, err := s.eng.Session(w, r)
			if err != nil {
				t.Error(err)
			}
			for range 3 {
				if again, err := s.eng.Session(w, r); again != session || err != nil {
					t.Errorf("a second call returned %p, %v, the first %p", again, err, session)
				}
			}
			if from, ok := engine.SessionFrom(r.Context()); ok != (session != nil) || from != session {
				t.Errorf("SessionFrom returned %p, %v, want %p", from, ok, session)
			}
			// A derived request does not read the session again.
			if again, _ := s.eng.Session(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, 1))); again != session {
				t.Error("a derived request reads the session again")
			}
			got = session
		})))
		b.get("./page")
		if got != nil || calls != 0 {
			t.Errorf("%s: signed out, the session is %+v", strategy, got)
		}
		b.signIn()
		s.resetLog()
		r := b.get("./page")
		if got == nil || got.User.ID != "alice-id" || *got.User.Email != "alice@example.com" || got.Strategy != strategy || (got.Token != nil) != (strategy == engine.StrategyJWT) {
			t.Fatalf("%s: the session is %+v", strategy, got)
		}
		if calls != 1 || len(r.set) > 0 {
			t.Errorf("%s: the callback ran %d times, cookies %q", strategy, calls, r.header["Set-Cookie"])
		}
		want := []string{"GetSessionAndUser"}
		if strategy == engine.StrategyJWT {
			want = nil
		}
		if calls := s.store.called(); !reflect.DeepEqual(calls, want) {
			t.Errorf("%s: adapter calls %v, want %v", strategy, calls, want)
		}
		// A session is extended once.
		s.clock.add(25 * time.Hour)
		if r := b.get("./page"); len(r.set) != 1 || r.sets(sessionCookie) == nil {
			t.Errorf("%s: extended, cookies %q", strategy, r.header["Set-Cookie"])
		}
		if r := b.get("./page"); len(r.set) > 0 {
			t.Errorf("%s: extended twice: %q", strategy, r.header["Set-Cookie"])
		}
		// An invalid cookie is cleared, and nobody is signed in.
		b.set(sessionCookie, "garbage")
		if r := b.get("./page"); got != nil || !r.clears(sessionCookie) {
			t.Errorf("%s: with an invalid cookie the session is %+v, cookies %q", strategy, got, r.header["Set-Cookie"])
		}
		s.quiet(t)
	}
}

type contextKey struct{}

// Changes to the result of Session have no effect elsewhere.
func TestSessionIsACopy(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session, err := s.eng.Session(w, r)
			if err != nil || session == nil {
				t.Fatal(session, err)
			}
			if *session.User.Name != "Alice" {
				t.Errorf("%s: the name is %q", strategy, *session.User.Name)
			}
			*session.User.Name = "Mallory"
			session.User.ID = "mallory"
			if session.Token != nil {
				session.Token.Subject = "mallory"
			}
		}))
		b.signIn()
		b.get("./page")
		b.get("./page")
		if got := b.session(); !strings.Contains(got, "Alice") {
			t.Errorf("%s: the session is %s", strategy, got)
		}
	}
}

// A session that cannot be read is an error, and nobody is signed in.
func TestUnreadableSessionIsAnError(t *testing.T) {
	down := errors.New("down")
	for what, c := range map[string]struct {
		change func(*site, *engine.Config)
		breaks func(*site)
		host   string
	}{
		"store down": {breaks: func(s *site) { s.store.failWith(down) }},
		"the session callback fails": {change: func(_ *site, c *engine.Config) {
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { return down }
		}},
		"the session callback panics": {change: func(_ *site, c *engine.Config) {
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { panic("down") }
		}},
		"a host that is not trusted": {host: "http://evil.example"},
	} {
		changes := []func(*site, *engine.Config){withStrategy(engine.StrategyDatabase)}
		if c.change != nil {
			changes = append(changes, c.change)
		}
		s := newSite(t, changes...)
		b := s.browser()
		b.signIn()
		cookie := b.cookie(sessionCookie)
		if c.breaks != nil {
			c.breaks(s)
		}
		if c.host != "" {
			b.origin = c.host
		}
		s.resetLog()
		times := 1
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for range times {
				session, err := s.eng.Session(w, r)
				var known *engine.Error
				if session != nil || !errors.As(err, &known) || known.Code != "Configuration" {
					t.Errorf("%s: Session returned %v, %v", what, session, err)
				}
			}
			if _, ok := engine.SessionFrom(r.Context()); ok {
				t.Errorf("%s: SessionFrom returned a session", what)
			}
		})
		b.serve(handler)
		b.get("./page")
		s.problem(t)
		s.resetLog()
		times = 2
		b.serve(s.eng.Middleware(handler))
		b.get("./page")
		s.problem(t)
		if b.cookie(sessionCookie) != cookie {
			t.Errorf("%s: the cookie was cleared", what)
		}
		// Require and Protect refuse the request.
		b.serve(s.eng.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s: Require lets the request through", what) })))
		s.resetLog()
		r := b.request("GET", "/page", nil)
		r.Header.Set("Accept", "text/html")
		out := b.do(r)
		if c.host != "" {
			if out.status != http.StatusInternalServerError || !strings.Contains(out.body, "<h1>") || out.location() != "" {
				t.Errorf("%s: a page gets %d %q", what, out.status, out.location())
			}
		} else {
			out.wantTo(s.origin + base + "/error?error=Configuration")
		}
		if out := b.get("./api"); out.status != http.StatusUnauthorized || out.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: an API gets %d", what, out.status)
		}
		protect, err := s.eng.Protect("/page")
		if err != nil {
			t.Fatal(err)
		}
		b.serve(protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s: Protect lets the request through", what) })))
		if out := b.get("./page"); out.status != http.StatusUnauthorized {
			t.Errorf("%s: behind Protect an API gets %d", what, out.status)
		}
	}
}

// Without a middleware each call reads the session. No call modifies the request,
// which net/http forbids.
func TestHandlersDoNotModifyTheRequest(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			before, header := *r, r.Header.Clone()
			calls := map[string]func() (*engine.Session, error){
				"Session": func() (*engine.Session, error) { return s.eng.Session(w, r) },
				"Update":  func() (*engine.Session, error) { return s.eng.Update(w, r, map[string]any{"name": "Ada"}) },
				"SignOut": func() (*engine.Session, error) { return nil, s.eng.SignOut(w, r) },
				"SignIn": func() (*engine.Session, error) {
					_, err := s.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}})
					return nil, err
				},
			}
			for _, what := range []string{"Session", "Session", "Update", "Session", "SignIn", "Session", "SignOut"} {
				session, err := calls[what]()
				if err != nil || what == "Session" && (session == nil || session.User.ID != "alice-id") {
					t.Errorf("%s: %s returned %v, %v", strategy, what, session, err)
				}
				if !reflect.DeepEqual(*r, before) || !reflect.DeepEqual(r.Header, header) {
					t.Errorf("%s: %s modified the request", strategy, what)
				}
			}
			if session, err := s.eng.Session(w, r); session != nil || err != nil {
				t.Errorf("%s: after SignOut the session is %v, %v", strategy, session, err)
			}
		}))
		b.signIn()
		b.get("./page")
		b.signedOut()
	}
}

// A SignOut of one engine does not affect the session of another in the same
// request.
func TestSignOutDoesNotTouchAnotherEngine(t *testing.T) {
	for _, strategy := range strategies {
		s, other := newSite(t, withStrategy(strategy)), newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signIn()
		b.serve(s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := other.eng.SignOut(w, r); err != nil {
				t.Error(err)
			}
			if session, err := s.eng.Session(w, r); err != nil || session == nil {
				t.Errorf("%s: after another engine's SignOut the session is %v, %v", strategy, session, err)
			}
		})))
		b.get("./page")
	}
}

// SignIn, SignOut and Update fail for an untrusted host, without any effect.
func TestUntrustedHostChangesNoSession(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	b.signIn()
	for what, call := range map[string]func(http.ResponseWriter, *http.Request) error{
		"SignIn": func(w http.ResponseWriter, r *http.Request) error {
			_, err := s.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}})
			return err
		},
		"SignOut": s.eng.SignOut,
		"Update": func(w http.ResponseWriter, r *http.Request) error {
			_, err := s.eng.Update(w, r, nil)
			return err
		},
	} {
		s.resetLog()
		evil := b.copy()
		evil.origin = "http://evil.example"
		evil.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var known *engine.Error
			if err := call(w, r); !errors.As(err, &known) || known.Type != "UntrustedHost" {
				t.Errorf("%s: %v", what, err)
			}
		})
		if r := evil.get("./page"); len(r.set) > 0 || len(s.store.called()) > 0 {
			t.Errorf("%s: cookies %q, adapter calls %v", what, r.header["Set-Cookie"], s.store.called())
		}
	}
	if got := b.user(); got != "alice@example.com" {
		t.Errorf("signed in as %q", got)
	}
}
