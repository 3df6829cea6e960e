package engine_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// Several sign-ins of one browser may be in progress at once.
func TestParallelAttemptsAllSucceed(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		s := newSite(t, func(_ *site, c *engine.Config) {
			c.Providers = append(c.Providers, &engine.OIDC{ID: "second", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}})
		})
		b := s.browser()
		providers := []string{"oidc", "second", "oauth"}
		s.idp.user["id"] = "bob"
		var locations []string
		for i, p := range providers {
			locations = append(locations, b.startOAuth(p, "callbackUrl", fmt.Sprintf("/tab/%d", i)))
		}
		for _, i := range order { // each tab returns to its own page
			b.finishOAuth(providers[i], locations[i]).wantTo(fmt.Sprintf("%s/tab/%d", s.origin, i))
			if got := b.user(); got != "bob@example.com" {
				t.Errorf("signed in as %q", got)
			}
		}
		if left := checkCookies(b); len(left) > 0 {
			t.Errorf("order %v: cookies left: %q", order, left)
		}
		s.quiet(t)
	}
	// Twice at the same provider.
	s := newSite(t)
	b := s.browser()
	one, two := b.startOAuth("oidc"), b.startOAuth("oidc")
	b.finishOAuth("oidc", one).wantTo(s.origin)
	b.finishOAuth("oidc", two).wantTo(s.origin)
	// The first attempt uses the cookie names of Auth.js, so that a server with
	// Auth.js could finish it.
	c := s.browser()
	c.startOAuth("oidc")
	for _, name := range []string{stateCookie, pkceCookie, nonceCookie} {
		if !c.has(name) {
			t.Errorf("the first attempt has no cookie %s: %q", name, c.names())
		}
	}
	// An attempt that fails leaves the other one alone.
	b = s.browser()
	one, two = b.startOAuth("oidc"), b.startOAuth("oidc")
	s.resetLog()
	b.finishOAuth("oidc", one, "code", "", "error", "access_denied").wantTo(s.origin + base + "/signin?error=OAuthCallbackError")
	b.finishOAuth("oidc", two).wantTo(s.origin)
	b = s.browser()
	one, two = b.startOAuth("oidc"), b.startOAuth("oidc")
	b.finishOAuth("oidc", two, "code", "", "error", "access_denied").wantTo(s.origin + base + "/signin?error=OAuthCallbackError")
	b.finishOAuth("oidc", one).wantTo(s.origin)
	// A long callback URL is kept only in the cookie that all tabs share.
	for _, c := range []struct {
		length, cookies int
	}{{700, 2}, {1500, 1}} {
		b := s.browser()
		path := "/" + strings.Repeat("x", c.length)
		location := b.startOAuth("oidc", "callbackUrl", path)
		n := 0
		for _, name := range b.names() {
			if strings.HasPrefix(name, callbackCookie) {
				n++
			}
		}
		if n != c.cookies {
			t.Errorf("a callback URL of %d characters is in %d cookies", c.length, n)
		}
		b.finishOAuth("oidc", location).wantTo(s.origin + path)
	}
	// With SingleCheckCookies the second attempt breaks the first, as in Auth.js.
	s = newSite(t, func(_ *site, c *engine.Config) { c.Parity.SingleCheckCookies = true })
	b = s.browser()
	one, two = b.startOAuth("oidc"), b.startOAuth("oidc")
	if u, err := url.Parse(one); err != nil || strings.Count(u.Query().Get("state"), ".") != 4 {
		t.Errorf("with SingleCheckCookies the state is %q, %v", u.Query().Get("state"), err)
	}
	if n := len(checkCookies(b)); n != 3 {
		t.Errorf("with SingleCheckCookies there are %q", b.names())
	}
	early := b.copy()
	early.finishOAuth("oidc", one).wantError("Configuration")
	b.finishOAuth("oidc", two).wantTo(s.origin)
}

// A browser has at most three attempts in progress.
func TestBrowserHasAtMostThreeAttempts(t *testing.T) {
	for _, origin := range []string{httpOrigin, httpsOrigin} {
		s := newSite(t, func(_ *site, c *engine.Config) { c.URL = origin })
		b := s.browser()
		var locations []string
		for range 20 {
			locations = append(locations, b.startOAuth("oidc"))
			n := 0
			for _, name := range b.names() {
				if strings.HasPrefix(name, s.name(stateCookie)) {
					n++
				}
			}
			if n > 3 {
				t.Fatalf("%d attempts in progress: %q", n, b.names())
			}
		}
		size := 0
		for _, c := range b.cookies {
			size += len(c.Name) + len(c.Value) + 3
		}
		if size > 8<<10 {
			t.Errorf("the cookies take %d bytes", size)
		}
		// Nor do callbacks that belong to no attempt accumulate cookies.
		c := s.browser()
		for range 30 {
			c.startOAuth("oidc", "callbackUrl", "/"+strings.Repeat("x", 900))
			c.get("/callback/oidc?error=access_denied")
			urls := slices.DeleteFunc(c.names(), func(name string) bool { return !strings.HasPrefix(name, s.name(callbackCookie)+".") })
			if left := checkCookies(c); len(left) > 12 || len(urls) > 3 {
				t.Fatalf("cookies left: %q, %q", left, urls)
			}
		}
		s.resetLog()
		// The newest attempts succeed. The third set of cookies is that of the
		// first attempt.
		for _, location := range locations[18:] {
			b.finishOAuth("oidc", location).wantTo(s.origin)
		}
		// A dropped attempt fails and does not change the session.
		s.resetLog()
		b.finishOAuth("oidc", locations[3]).wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("signed in as %q", got)
		}
	}
}

// An attempt keeps a callback URL of up to 1024 bytes as escaped in its cookie
// (WIRE.md section 4.2).
func TestAttemptKeepsACallbackURLOf1024Bytes(t *testing.T) {
	room := 1024 - len(url.QueryEscape(httpOrigin+"/"))
	for path, kept := range map[string]bool{
		"/" + strings.Repeat("x", room): true, "/" + strings.Repeat("x", room+1): false,
		"/" + strings.Repeat("~", room): true, "/" + strings.Repeat("x/", room/4): true, "/" + strings.Repeat("x/", room/4+1): false,
	} {
		s := newSite(t)
		b := s.browser()
		b.startOAuth("oidc", "callbackUrl", path)
		got := slices.ContainsFunc(b.names(), func(name string) bool { return strings.HasPrefix(name, callbackCookie+".") })
		if got != kept {
			t.Errorf("a path of %d bytes, %.10s…: kept %v, want %v", len(path), path, got, kept)
		}
	}
}

// The callback URL of an attempt is dropped with the attempt.
func TestCallbackURLsAreDroppedWithTheirAttempts(t *testing.T) {
	for _, firstURL := range []string{"/first", "/" + strings.Repeat("x", 1500)} { // a long one is not kept
		s := newSite(t)
		b := s.browser()
		location := b.startOAuth("oidc", "callbackUrl", firstURL)
		kept := 0 // callback URLs whose check cookies have no suffix: those of the first attempt
		if len(firstURL) < 1000 {
			kept = 1
		}
		for i := range 6 {
			b.startOAuth("oidc", "callbackUrl", fmt.Sprint("/", i))
			urls, attempts := 0, 0
			for _, name := range b.names() {
				if suffix, ok := strings.CutPrefix(name, callbackCookie+"."); ok {
					if urls++; b.has(stateCookie + "." + suffix) {
						attempts++
					}
				}
			}
			if urls > 3 || urls-attempts != kept {
				t.Errorf("%.10s, then %d: %d callback URLs for %d attempts: %q", firstURL, i+1, urls, attempts, b.names())
			}
		}
		if kept > 0 {
			b.finishOAuth("oidc", location).wantTo(s.origin + firstURL)
		}
	}
}
