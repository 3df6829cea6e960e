package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// With a public URL the proxies still say who the client is that is limited.
func TestTrustedProxiesCountForLimitsBesideAURL(t *testing.T) {
	for _, hosts := range [][]string{nil, {"app.example.com"}} {
		var client, warning string
		s := newSite(t, func(s *site, c *engine.Config) {
			c.URL, c.TrustedProxies, c.AllowedHosts = httpsOrigin, []string{"10.0.0.0/8"}, hosts
			c.Limit = func(_ context.Context, l engine.LimitParams) (time.Duration, error) {
				client = l.Client.String()
				return 0, nil
			}
		})
		for _, line := range s.logs.problems() {
			warning += line.msg
		}
		b := s.browser()
		b.header.Set("X-Forwarded-For", "6.6.6.6, 203.0.113.9, 10.1.1.1")
		r := b.request("GET", base+"/callback/oidc", nil)
		r.RemoteAddr = "10.0.0.7:1234"
		b.do(r)
		if client != "203.0.113.9" {
			t.Errorf("the client is %q", client)
		}
		if strings.Contains(warning, "TrustedProxies") || hosts != nil && !strings.Contains(warning, "AllowedHosts") {
			t.Errorf("AllowedHosts %q: the log says %q", hosts, warning)
		}
	}
}

// A limiter may return anything.
func TestLimitsOfAnySize(t *testing.T) {
	for wait, want := range map[time.Duration]string{-1: "", 0: "", 1: "1", time.Second + 1: "2", 1<<63 - 1: "2147483647"} {
		s := newSite(t, func(_ *site, c *engine.Config) {
			c.Limit = func(context.Context, engine.LimitParams) (time.Duration, error) { return wait, nil }
		})
		r := s.browser().post("/callback/credentials", "username", "alice", "password", password)
		if got := r.header.Get("Retry-After"); got != want || (r.status == 429) != (want != "") {
			t.Errorf("%v: %d, Retry-After %q, want %q", wait, r.status, got, want)
		}
	}
}
