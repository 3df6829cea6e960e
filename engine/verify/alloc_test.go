//go:build !race

package verify_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/internal/wire"
)

// Allocations per request. The test does not run under the race detector, which
// makes sync.Pool drop objects at random.
func TestAllocations(t *testing.T) {
	v := newVerifier(t, verify.Config{Secrets: []string{secret, oldSecret}})
	text := func(s string) *string { return &s }
	ada := &schema.Token{Subject: "8a6e0804-2bd0-4672-b79d-d97027f9071a", Name: text("Ada Lovelace"), Email: text("ada@example.com"), Picture: text("https://img.example.com/ada.png")}
	request := func(d wire.Dialect) *http.Request {
		name := d.CookieNames(true).SessionToken
		return with1("a=1; " + name + "=" + seal(t, d, name, secret, ada) + "; b=2")
	}
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	forged := with1(v5Name + "=" + seal(t, wire.V5, v5Name, secret, ada) + "x")
	bearer := with1("")
	bearer.Header.Set("Authorization", "Bearer "+seal(t, wire.V4, v4Name, secret, ada))
	v5, v4, out := request(wire.V5), request(wire.V4), with1("a=1; b=2")
	for _, c := range []struct {
		name string
		most float64
		do   func(w http.ResponseWriter)
	}{
		{"Token, v5", 3, func(http.ResponseWriter) { v.Token(v5) }},
		{"Token, v4", 3, func(http.ResponseWriter) { v.Token(v4) }},
		{"Token, bearer of v4", 3, func(http.ResponseWriter) { v.Token(bearer) }},
		{"Token, forged", 0, func(http.ResponseWriter) { v.Token(forged) }},
		{"Token, signed out", 0, func(http.ResponseWriter) { v.Token(out) }},
		{"Require, v5", 6, func(w http.ResponseWriter) { v.Require(nothing).ServeHTTP(w, v5) }},
		{"Middleware, signed out", 2, func(w http.ResponseWriter) { v.Middleware(nothing).ServeHTTP(w, out) }},
		{"Middleware, no cookie", 2, func(w http.ResponseWriter) { v.Middleware(nothing).ServeHTTP(w, &http.Request{}) }},
	} {
		w := httptest.NewRecorder()
		c.do(w)
		if got := testing.AllocsPerRun(200, func() { clear(w.Header()); c.do(w) }); got > c.most {
			t.Errorf("%s: %v allocations, want at most %v", c.name, got, c.most)
		} else {
			t.Logf("%s: %v allocations", c.name, got)
		}
	}
}
