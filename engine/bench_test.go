package engine_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// sink is a ResponseWriter that allocates nothing, so that only the engine is
// measured.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func newSink() *sink { return &sink{header: make(http.Header, 16)} }

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(b []byte) (int, error) {
	s.bytes += len(b)
	return len(b), nil
}

func (s *sink) reset() {
	clear(s.header)
	s.status, s.bytes = 0, 0
}

// measured is a request whose cost is measured.
type measured struct {
	name     string
	strategy engine.Strategy
	every    bool // ReissueOnEveryRead
	out      bool // signed out
	path     string
	handler  func(*engine.Engine) http.Handler
	most     float64 // allocations; 0: no limit
}

var noop = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

var sessionCosts = []measured{
	{name: "GET/jwt", strategy: engine.StrategyJWT, path: base + "/session", most: 45},
	{name: "GET/jwt/reissue", strategy: engine.StrategyJWT, every: true, path: base + "/session", most: 60},
	{name: "GET/database", strategy: engine.StrategyDatabase, path: base + "/session"},
	{name: "GET/signed-out", strategy: engine.StrategyJWT, out: true, path: base + "/session"},
	{name: "helper/jwt", strategy: engine.StrategyJWT, path: "/app", handler: func(e *engine.Engine) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.Session(w, r) })
	}},
	{name: "helper/jwt/twice", strategy: engine.StrategyJWT, path: "/app", handler: func(e *engine.Engine) http.Handler {
		return e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.Session(w, r); e.Session(w, r) }))
	}},
	{name: "helper/database", strategy: engine.StrategyDatabase, path: "/app", handler: func(e *engine.Engine) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.Session(w, r) })
	}},
	{name: "Require/jwt", strategy: engine.StrategyJWT, path: "/app", handler: func(e *engine.Engine) http.Handler { return e.Require(noop) }},
	{name: "Require/signed-out", strategy: engine.StrategyJWT, out: true, path: "/app", handler: func(e *engine.Engine) http.Handler { return e.Require(noop) }},
	{name: "Middleware/signed-out", strategy: engine.StrategyJWT, out: true, path: "/app", handler: func(e *engine.Engine) http.Handler { return e.Middleware(noop) }},
}

// prepare returns a function that serves the request once.
func (m measured) prepare(t testing.TB) func() *sink {
	t.Helper()
	s := newSite(t, withStrategy(m.strategy), func(s *site, c *engine.Config) {
		c.Parity.ReissueOnEveryRead = m.every
		c.Adapter = s.store.inner // without the spy, which allocates
		c.Now = time.Now
	})
	b := s.browser()
	if !m.out {
		b.signIn()
	}
	b.get("/csrf") // sets the CSRF and callback URL cookies
	var handler http.Handler = s.eng
	if m.handler != nil {
		handler = m.handler(s.eng)
	}
	r := b.request("GET", m.path, nil)
	cookies := ""
	for _, c := range b.cookies {
		cookies += "; " + c.Name + "=" + c.Value
	}
	r.Header.Set("Cookie", cookies[2:])
	w := newSink()
	return func() *sink {
		w.reset()
		again := *r // helpers keep the session in the request
		handler.ServeHTTP(w, &again)
		return w
	}
}

func BenchmarkSession(b *testing.B) {
	for _, m := range sessionCosts {
		b.Run(m.name, func(b *testing.B) {
			serve := m.prepare(b)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}

func TestSessionAllocatesLittle(t *testing.T) {
	for _, m := range sessionCosts {
		serve := m.prepare(t)
		w := serve()
		if m.path == base+"/session" && (w.status != 200 || m.out != (w.bytes == len("null"))) {
			t.Errorf("%s: status %d, %d bytes", m.name, w.status, w.bytes)
		}
		if set := len(w.header["Set-Cookie"]) > 0; set != m.every {
			t.Errorf("%s: a cookie is set: %v", m.name, set)
		}
		got := testing.AllocsPerRun(200, func() { serve() })
		t.Logf("%-22s %.0f allocations", m.name, got)
		if m.most > 0 && got > m.most {
			t.Errorf("%s: %.0f allocations, want at most %.0f", m.name, got, m.most)
		}
	}
}
