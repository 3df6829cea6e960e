//go:build unix

package interop_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

var versions = []string{"v5", "v4"}

// sides are the two ways round: somebody acts at one and is seen at both.
var sides = []side{next, sesame}

func (s side) other() side {
	if s == next {
		return sesame
	}
	return next
}

func TestJWT(t *testing.T) {
	for _, app := range versions {
		t.Run(app, func(t *testing.T) {
			s := newSite(t, app, plan{})
			for _, at := range sides {
				t.Run("at "+string(at), func(t *testing.T) { jwtStories(t, s, at) })
			}
			t.Run("expired", func(t *testing.T) { expiry(t, s) })
			if app == "v5" {
				t.Run("server actions", func(t *testing.T) { serverActions(t, s) })
			}
		})
	}
}

// jwtStories are what somebody does at a side and is seen at both.
func jwtStories(t *testing.T, s *site, at side) {
	for name, p := range people {
		t.Run("sign in/"+name, func(t *testing.T) {
			b := s.newBrowser(t)
			b.mustSeeNobody()
			b.signIn(at, name)
			b.mustSee(p)
			b.mustSeeToken(p)
		})
	}
	t.Run("sign-in refused", func(t *testing.T) {
		b := s.newBrowser(t)
		to := b.post(at, "callback/credentials", url.Values{"username": {"ada"}, "password": {"wrong"}})
		if !strings.Contains(to, "error=CredentialsSignin") {
			t.Errorf("a wrong password leads to %q", to)
		}
		b.mustSeeNobody()
	})
	t.Run("equal bodies", func(t *testing.T) {
		b := s.newBrowser(t)
		b.signIn(at, "ada")
		sameSession(t, b.session(next), b.session(sesame))
	})
	t.Run("update", func(t *testing.T) {
		b := s.newBrowser(t)
		b.signIn(at.other(), "ada")
		want := people["ada"]
		want.Name, want.Theme = "Ada of "+string(at), "light"
		got := b.update(at, map[string]any{"name": want.Name, "theme": want.Theme})
		if diff := cmp.Diff(any(sessionOf(want)), without(got, "expires")); diff != "" {
			t.Errorf("the answer to update() (-want +got):\n%s", diff)
		}
		b.mustSee(want)
		b.mustSeeToken(want)
		// And back at the other side.
		want.Theme = "dark"
		b.update(at.other(), map[string]any{"theme": want.Theme})
		b.mustSee(want)
	})
	t.Run("token grows and shrinks", func(t *testing.T) {
		b := s.newBrowser(t)
		b.signIn(at, "bob")
		want := people["bob"]
		for i, size := range []int{9000, 5000, 0, 7000} {
			by := at
			if i%2 == 0 {
				by = at.other()
			}
			want.Note = strings.Repeat("n", size)
			b.update(by, map[string]any{"note": want.Note})
			b.mustSee(want)
			b.mustSeeToken(want)
			plain, chunks := 0, 0
			name := s.wire.CookieNames(false).SessionToken
			for cookie := range b.cookies() {
				if cookie == name {
					plain++
				} else if strings.HasPrefix(cookie, name) {
					chunks++
				}
			}
			if (size == 0) != (plain == 1) || (size > 0) != (chunks > 1) || plain+chunks == 0 {
				t.Errorf("%d bytes written by %s: %d plain cookies and %d chunks", size, by, plain, chunks)
			}
		}
	})
	t.Run("sign out", func(t *testing.T) {
		for _, name := range []string{"ada", "large"} {
			b := s.newBrowser(t)
			b.signIn(at.other(), name)
			b.mustSee(people[name])
			b.signOut(at)
			b.mustSeeNobody()
			session := s.wire.CookieNames(false).SessionToken
			for cookie := range b.cookies() {
				if strings.HasPrefix(cookie, session) {
					t.Errorf("%s: the cookie %s is still there", name, cookie)
				}
			}
		}
	})
	t.Run("a route moves", func(t *testing.T) {
		// GET session is answered by one side, every other endpoint by the other.
		b := s.newBrowser(t)
		defer s.unserve("/api/auth/session")
		s.serve("/api/auth/session", at)
		b.signIn(at.other(), "ada")
		s.serve("/api/auth/", at.other())
		want := people["ada"]
		for i := range 3 { // and the next time, with the cookie that it set
			got := b.value("/api/auth/session", nil)
			if diff := cmp.Diff(any(sessionOf(want)), without(got, "expires")); diff != "" {
				t.Fatalf("read %d (-want +got):\n%s", i, diff)
			}
		}
		for call, path := range s.calls() {
			if diff := cmp.Diff(any(sessionOf(want)), without(b.value(path, nil), "expires")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", call, diff)
			}
		}
		// The CSRF token of one side is good at the other.
		want.Theme = "light"
		got := b.value("/api/auth/session", map[string]any{"csrfToken": b.csrf(), "data": map[string]any{"theme": want.Theme}})
		if diff := cmp.Diff(any(sessionOf(want)), without(got, "expires")); diff != "" {
			t.Errorf("update() with the CSRF token of the other side (-want +got):\n%s", diff)
		}
		b.signOut(at.other())
		if got := b.value("/api/auth/session", nil); got != nil {
			t.Errorf("after the sign-out: %v", got)
		}
		// A sign-in that begins at one side, with its CSRF token, ends at the other.
		s.unserve("/api/auth/session")
		s.serve("/api/auth/", at)
		token := b.csrf()
		s.serve("/api/auth/", at.other())
		a := b.do("/api/auth/callback/credentials", url.Values{
			"csrfToken": {token}, "callbackUrl": {s.url + "/"}, "json": {"true"}, "username": {"bob"}, "password": {"open"},
		})
		if a.status != http.StatusOK {
			t.Errorf("the sign-in is answered with %d %s", a.status, a.body)
		}
		b.mustSee(people["bob"])
	})
}

// sameSession compares two bodies of GET session; the end of a session may be
// later by the time between them.
func sameSession(t *testing.T, a, b any) {
	t.Helper()
	if diff := cmp.Diff(without(a, "expires"), without(b, "expires")); diff != "" {
		t.Errorf("GET session at Next.js and at Sesame (-next +sesame):\n%s", diff)
	}
	var ends [2]time.Time
	for i, session := range []any{a, b} {
		m, _ := session.(map[string]any)
		text, _ := m["expires"].(string)
		end, err := time.Parse(schema.TimeLayout, text)
		if err != nil {
			t.Errorf("expires: %v", err)
		}
		ends[i] = end
	}
	if apart := ends[0].Sub(ends[1]).Abs(); apart > time.Minute {
		t.Errorf("the ends of the session are %v apart", apart)
	}
}

// expiry: tokens near their end count the same at both sides.
func expiry(t *testing.T, s *site) {
	name := s.wire.CookieNames(false).SessionToken
	ada := people["ada"]
	token := schema.Token{Subject: ada.ID, Name: &ada.Name, Email: &ada.Email, Picture: ada.Image,
		Extra: map[string]any{"role": ada.Role, "theme": ada.Theme, "note": ada.Note}}
	for _, c := range []struct {
		secret string
		ago    time.Duration // since exp
		good   bool
	}{
		{secrets[0], -time.Hour, true},
		{secrets[0], 2 * time.Second, true}, // clocks may differ by 15 seconds
		{secrets[0], 16 * time.Second, false},
		{secrets[0], time.Hour, false},
		{strings.Repeat("another secret ", 3), -time.Hour, false},
	} {
		value, err := s.wire.SessionKeys(name, c.secret).EncodeToken(&token, time.Now().Add(-24*time.Hour-c.ago), 24*time.Hour, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		// Each call for itself: reading replaces a cookie, or clears it.
		calls := map[string]string{"GET session at Next.js": "/api/auth/session"}
		maps.Copy(calls, s.calls())
		maps.Copy(calls, s.tokenCalls())
		for call, path := range calls {
			if strings.Contains(path, "client") {
				s.serve("/api/auth/", sesame)
			} else {
				s.serve("/api/auth/", next)
			}
			b := s.newBrowser(t)
			u, _ := url.Parse(s.url)
			b.http.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
			a := b.do(path, nil)
			if good := a.status == http.StatusOK && strings.Contains(a.body, ada.Email); good != c.good {
				t.Errorf("%s, %v after exp: good is %v, want %v (%d)", call, c.ago, good, c.good, a.status)
			}
		}
	}
}

// serverActions are signIn, signOut and unstable_update of the server.
func serverActions(t *testing.T, s *site) {
	b := s.newBrowser(t)
	b.value("/server/signin", map[string]any{"provider": "credentials", "username": "ada", "password": "open", "redirectTo": "/"})
	b.mustSee(people["ada"])
	want := people["ada"]
	want.Theme = "light"
	got := b.value("/server/update", map[string]any{"theme": want.Theme})
	if diff := cmp.Diff(any(sessionOf(want)), without(got, "expires")); diff != "" {
		t.Errorf("unstable_update (-want +got):\n%s", diff)
	}
	b.mustSee(want)
	b.value("/server/signout", map[string]any{})
	b.mustSeeNobody()

	b.signIn(sesame, "ada")
	if got := b.value("/server/update", map[string]any{"theme": want.Theme}); got == nil {
		t.Error("unstable_update of a session of Sesame: nobody")
	}
	b.mustSee(want)
	b.value("/server/signout", map[string]any{})
	b.mustSeeNobody()
}

// TestJWTBehindTLS: cookies with the prefixes __Secure- and __Host-.
func TestJWTBehindTLS(t *testing.T) {
	for _, app := range versions {
		t.Run(app, func(t *testing.T) {
			s := newSite(t, app, plan{tls: true})
			for _, at := range sides {
				for _, name := range []string{"ada", "large"} {
					t.Run(string(at)+"/"+name, func(t *testing.T) {
						b := s.newBrowser(t)
						b.signIn(at, name)
						b.mustSee(people[name])
						b.mustSeeToken(people[name])
						for cookie := range b.cookies() {
							if !strings.HasPrefix(cookie, "__Secure-") && !strings.HasPrefix(cookie, "__Host-") {
								t.Errorf("the cookie %s has no prefix", cookie)
							}
						}
						want := people[name]
						want.Theme = "of " + string(at.other())
						b.update(at.other(), map[string]any{"theme": want.Theme})
						b.mustSee(want)
						b.signOut(at.other())
						b.mustSeeNobody()
					})
				}
			}
		})
	}
}

// TestRotation: a secret changes at one side after the other, and nobody is
// signed out.
func TestRotation(t *testing.T) {
	const former, current = "interop-former-interop-former-interop-1", "interop-current-interop-current-interop"
	type step struct {
		name         string
		next, sesame []string
	}
	steps := map[string][]step{
		"v5": {
			{"before", []string{former}, []string{former}},
			{"Next.js knows the new one", []string{former, current}, []string{former}},
			{"both know it", []string{former, current}, []string{former, current}},
			{"Next.js writes it", []string{current, former}, []string{former, current}},
			{"both write it", []string{current, former}, []string{current, former}},
		},
		// next-auth 4 has one secret, so its change signs out whoever comes to it
		// first. Whoever comes to Sesame first gets a token that both read.
		"v4": {
			{"before", []string{former}, []string{former}},
			{"Sesame knows the new one", []string{former}, []string{former, current}},
			{"both write it", []string{current}, []string{current, former}},
		},
	}
	for _, app := range versions {
		t.Run(app, func(t *testing.T) {
			var kept []map[string]string // the cookies of people who have signed in at an earlier step
			for _, c := range steps[app] {
				t.Run(c.name, func(t *testing.T) {
					s := newSite(t, app, plan{nextSecret: c.next, engine: func(_ *site, e *engine.Config) {
						e.Secrets = c.sesame
					}})
					for _, cookies := range kept {
						b := s.newBrowser(t)
						b.setCookies(cookies)
						if app == "v4" {
							b.session(sesame)
						}
						b.mustSee(people["ada"])
						b.mustSeeToken(people["ada"])
					}
					for _, at := range sides {
						b := s.newBrowser(t)
						b.signIn(at, "ada")
						kept = append(kept, b.cookies()) // before anybody writes a new one
						b.mustSee(people["ada"])
						want := people["ada"]
						want.Theme = "light"
						b.update(at.other(), map[string]any{"theme": want.Theme})
						b.mustSee(want)
						b.signOut(at.other())
						b.mustSeeNobody()
					}
				})
			}
		})
	}
}

func (b *browser) setCookies(cookies map[string]string) {
	u, _ := url.Parse(b.site.url)
	for name, value := range cookies {
		if strings.Contains(name, "session-token") {
			b.http.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
		}
	}
}
