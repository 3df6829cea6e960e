package engine_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

func TestMiddlewarePutsTheSessionIntoTheContext(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		other := newSite(t, withStrategy(strategy))
		var seen *engine.Session
		b := s.browser().serve(s.eng.Middleware(s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen, _ = engine.SessionFrom(r.Context())
			if again, err := s.eng.Session(w, r); again != seen || err != nil {
				t.Errorf("%s: Session returned %p, %v, SessionFrom %p", strategy, again, err, seen)
			}
			// Another engine does not share the session.
			if theirs, err := other.eng.Session(w, r); theirs != nil && strategy == engine.StrategyDatabase || err != nil {
				t.Errorf("%s: the session of another engine is %+v, %v", strategy, theirs, err)
			}
		}))))
		b.get("./page")
		if seen != nil {
			t.Errorf("%s: signed out: %+v", strategy, seen)
		}
		b.signIn()
		s.resetLog()
		r := b.request("GET", "/page", nil)
		b.do(r)
		if seen == nil || seen.User.ID != "alice-id" {
			t.Errorf("%s: the session is %+v", strategy, seen)
		}
		if n := len(s.store.called()); n > 1 {
			t.Errorf("%s: adapter calls %v", strategy, s.store.called())
		}
		b.serve(s.eng.Middleware(other.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if theirs, ok := engine.SessionFrom(r.Context()); ok && strategy == engine.StrategyDatabase {
				t.Errorf("%s: behind another engine's middleware the session is %+v", strategy, theirs)
			}
		}))))
		b.get("./page")
		if _, ok := engine.SessionFrom(context.Background()); ok {
			t.Error("an empty context has a session")
		}
	}
}

// Around the engine itself Middleware does not read the session a second time.
func TestMiddlewareAroundTheEngineReadsOnce(t *testing.T) {
	for _, strategy := range strategies {
		calls := 0
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Parity.ReissueOnEveryRead = true
			c.Callbacks.Session = func(context.Context, *engine.SessionParams) error { calls++; return nil }
		})
		b := s.browser()
		b.signIn()
		b.handler = s.eng.Middleware(s.eng)
		calls = 0
		s.resetLog()
		b.session() // the browser checks that no cookie is set twice
		if calls != 1 || len(s.store.called()) > 1 {
			t.Errorf("%s: the session was read %d times, adapter %v", strategy, calls, s.store.called())
		}
	}
}

// An answer with a session cookie is private, whatever the handler's
// Cache-Control.
func TestMiddlewareKeepsCookiesPrivate(t *testing.T) {
	for what, answer := range map[string]http.HandlerFunc{
		"WriteHeader": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) },
		"Write":       func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("x")) },
		"Flush":       func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"controller":  func(w http.ResponseWriter, _ *http.Request) { http.NewResponseController(w).Flush() },
		"nothing":     func(http.ResponseWriter, *http.Request) {},
	} {
		s := newSite(t)
		protect, err := s.eng.Protect("/")
		if err != nil {
			t.Fatal(err)
		}
		for name, wrap := range map[string]func(http.Handler) http.Handler{"Middleware": s.eng.Middleware, "Require": s.eng.Require, "Protect": protect} {
			b := s.browser()
			b.signIn()
			s.clock.add(25 * time.Hour)
			r := b.request("GET", "/page", nil)
			r.Header.Set("Cookie", sessionCookie+"="+b.cookie(sessionCookie))
			server := httptest.NewServer(wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Cache-Control", "public, max-age=3600")
				answer(w, r)
			})))
			r.URL.Scheme, r.URL.Host, r.RequestURI = "http", strings.TrimPrefix(server.URL, "http://"), ""
			res, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			server.Close()
			if c := res.Header.Get("Cache-Control"); len(res.Header["Set-Cookie"]) != 1 || !strings.Contains(c, "no-store") && !strings.Contains(c, "private") {
				t.Errorf("%s, %s: Cache-Control %q with %d cookies", name, what, c, len(res.Header["Set-Cookie"]))
			}
		}
	}
}

// A handler can flush its answer while a cookie is set.
func TestMiddlewarePassesFlushOn(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn()
	s.clock.add(25 * time.Hour) // the session is extended
	r := b.request("GET", "/stream", nil)
	for _, c := range b.cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	w := httptest.NewRecorder()
	s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public")
		w.(http.Flusher).Flush()
	})).ServeHTTP(w, r)
	if h := w.Result().Header; !w.Flushed || h.Get("Set-Cookie") == "" || h.Get("Cache-Control") != "private, no-cache, no-store" {
		t.Errorf("flushed %v, %v", w.Flushed, h)
	}
}

// closeNotifier is an http.ResponseWriter of a server that still has CloseNotify.
type closeNotifier struct {
	*httptest.ResponseRecorder
	gone chan bool
}

func (w closeNotifier) CloseNotify() <-chan bool { return w.gone }

// Streaming handlers of gin ask for it.
func TestMiddlewarePassesCloseNotifyOn(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.signIn()
	s.clock.add(25 * time.Hour) // the session is extended
	for _, notifies := range []bool{true, false} {
		r := b.request("GET", "/stream", nil)
		for _, c := range b.cookies {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
		gone := make(chan bool)
		var w http.ResponseWriter = httptest.NewRecorder()
		if notifies {
			w = closeNotifier{httptest.NewRecorder(), gone}
		}
		s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n, ok := w.(interface{ CloseNotify() <-chan bool })
			if !ok {
				t.Fatalf("%T has no CloseNotify", w)
			}
			if c := n.CloseNotify(); notifies != (c == gone) || !notifies && c != nil {
				t.Errorf("notifies %v: another channel", notifies)
			}
		})).ServeHTTP(w, r)
	}
}
