package labserver_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/lab/labserver"
)

// The tests below hold one parity switch each: what Auth.js does while it is
// on, as in the recordings, and beside it the default. labserver has every
// switch on; the default is the same server with this one off.

func TestReissueOnEveryRead(t *testing.T) {
	read := func(t *testing.T, configure func(*engine.Config)) bool {
		b := newLab(t, "jwt", configure).browser()
		b.signInAsAlice()
		r := b.get("/api/auth/session")
		if !strings.Contains(r.body, `"Alice"`) {
			t.Fatalf("not signed in: %s", r.body)
		}
		return r.sets("authjs.session-token")
	}
	t.Run("on", func(t *testing.T) {
		if !read(t, nil) {
			t.Error("a session read sets no cookie")
		}
	})
	t.Run("default", func(t *testing.T) {
		if read(t, func(c *engine.Config) { c.Parity.ReissueOnEveryRead = false }) {
			t.Error("a session read sets a cookie although updateAge has not passed")
		}
	})
}

func TestSingleCheckCookies(t *testing.T) {
	// two tabs start a sign-in, the first one finishes first
	tabs := func(t *testing.T, configure func(*engine.Config)) (first, second response) {
		b := newLab(t, "jwt", func(c *engine.Config) {
			for _, p := range c.Providers {
				if p, ok := p.(*engine.OAuth2); ok {
					p.Checks = []string{"pkce", "state"}
				}
			}
			if configure != nil {
				configure(c)
			}
		}).browser()
		one := b.startOAuth("lab-oauth", "ada")
		two := b.startOAuth("lab-oauth", "ada")
		return b.get(one), b.get(two)
	}
	t.Run("on", func(t *testing.T) {
		first, second := tabs(t, nil)
		if !first.failed("Configuration") {
			t.Errorf("the first tab went to %s", first.location)
		}
		if !second.sets("authjs.session-token") {
			t.Errorf("the second tab went to %s", second.location)
		}
	})
	t.Run("default", func(t *testing.T) {
		first, second := tabs(t, func(c *engine.Config) { c.Parity.SingleCheckCookies = false })
		for _, r := range []response{first, second} {
			if !r.sets("authjs.session-token") {
				t.Errorf("a tab went to %s", r.location)
			}
		}
	})
}

func TestKeepCSRFToken(t *testing.T) {
	tokens := func(t *testing.T, configure func(*engine.Config)) (before, signedIn, signedOut string) {
		b := newLab(t, "jwt", configure).browser()
		before = b.csrf()
		b.signInAsAlice()
		signedIn = b.csrf()
		b.post("/api/auth/signout", url.Values{"csrfToken": {signedIn}})
		return before, signedIn, b.csrf()
	}
	t.Run("on", func(t *testing.T) {
		before, signedIn, signedOut := tokens(t, nil)
		if before != signedIn || signedIn != signedOut {
			t.Error("the token changed")
		}
	})
	t.Run("default", func(t *testing.T) {
		before, signedIn, signedOut := tokens(t, func(c *engine.Config) { c.Parity.KeepCSRFToken = false })
		if before == signedIn {
			t.Error("the token of before the sign-in is still used")
		}
		if signedIn == signedOut {
			t.Error("the token of before the sign-out is still used")
		}
	})
}

func TestCompatiblePages(t *testing.T) {
	off := func(c *engine.Config) { c.Parity.CompatiblePages = false }
	for name, profiles := range map[string][]labserver.Profile{"v5": labserver.Profiles(), "v4": labserver.ProfilesV4()} {
		page := func(t *testing.T, configure func(*engine.Config)) (origin, body string) {
			b := newLabOf(t, profiles, "jwt", configure).browser()
			return b.lab.url, b.get("/api/auth/signin?callbackUrl=%2Fdeep").body
		}
		noCode := func(t *testing.T, configure func(*engine.Config)) string {
			return newLabOf(t, profiles, "pages", configure).browser().get("/api/auth/error").location
		}
		// Where a failure of the server leads: an unknown provider's mail link.
		failure := func(t *testing.T, configure func(*engine.Config)) url.Values {
			r := newLabOf(t, profiles, "jwt", configure).browser().get("/api/auth/callback/lab-oidc?code=x&state=x")
			u, err := url.Parse(r.location)
			if err != nil || r.status != http.StatusFound || !u.Query().Has("error") {
				t.Fatalf("a failure leads to %q", r.location)
			}
			return u.Query()
		}
		t.Run(name+"/on", func(t *testing.T) {
			if q := failure(t, nil); q.Has("requestId") {
				t.Errorf("the URL of an error has %v", q)
			}
			origin, body := page(t, nil)
			action, fields := form(t, body)
			if !strings.HasPrefix(action, origin) || fields.Has("callbackUrl") || !strings.Contains(body, `value="/deep"`) {
				t.Errorf("the credentials form goes to %s with %v", action, fields)
			}
			if got := noCode(t, nil); got != "/my/error?error=undefined" {
				t.Errorf("without a code: %s", got)
			}
		})
		t.Run(name+"/default", func(t *testing.T) {
			if q := failure(t, off); q.Has("requestId") != (name == "v5") { // v4 has codes of the sign-in page for it
				t.Errorf("the URL of an error has %v", q)
			}
			origin, body := page(t, off)
			action, fields := form(t, body)
			if action != "/api/auth/callback/credentials" || fields.Get("callbackUrl") != origin+"/deep" || strings.Contains(body, `value="/deep"`) {
				t.Errorf("the credentials form goes to %s with %v", action, fields)
			}
			if got := noCode(t, off); got != "/my/error" {
				t.Errorf("without a code: %s", got)
			}
		})
	}
}

func TestDangerousErrorMessages(t *testing.T) {
	// authorize throws "boom", then the signIn callback throws "signin boom"
	codes := func(t *testing.T, profiles []labserver.Profile, configure func(*engine.Config)) (authorize, signIn response) {
		l := newLabOf(t, profiles, "jwt", configure)
		b := l.browser()
		post := func(user string) response {
			return b.post("/api/auth/callback/credentials", url.Values{"csrfToken": {b.csrf()}, "username": {user}, "password": {"pw"}})
		}
		authorize = post("throw")
		l.order(`{"flags":{"signIn":"throw"}}`)
		return authorize, post("alice")
	}
	off := func(c *engine.Config) { c.Parity.DangerousErrorMessages = false }
	t.Run("on", func(t *testing.T) {
		authorize, signIn := codes(t, labserver.ProfilesV4(), nil)
		if !authorize.failed("boom") || !signIn.failed("signin boom") {
			t.Errorf("went to %s and %s", authorize.location, signIn.location)
		}
	})
	for name, c := range map[string]struct {
		profiles  []labserver.Profile
		configure func(*engine.Config)
	}{"default": {labserver.ProfilesV4(), off}, "on, v5": {labserver.Profiles(), nil}} {
		t.Run(name, func(t *testing.T) {
			authorize, signIn := codes(t, c.profiles, c.configure)
			if !authorize.failed("Configuration") || !signIn.failed("AccessDenied") {
				t.Errorf("went to %s and %s", authorize.location, signIn.location)
			}
		})
	}
}

func TestDangerousProfileIDs(t *testing.T) {
	// two providers give the same id to two people, and two users have none
	subjects := func(t *testing.T, configure func(*engine.Config)) (oauth, credentials [2]string) {
		l := newLabOf(t, labserver.ProfilesV4(), "bare", configure)
		read := func(r response) string {
			i := slices.IndexFunc(r.cookies, func(c *http.Cookie) bool { return c.Name == "next-auth.session-token" })
			if i < 0 {
				t.Fatalf("no session: %d %s", r.status, r.location)
			}
			token, _, err := engine.DialectV4.SessionKeys("", labserver.Secret).DecodeToken(r.cookies[i].Value, nil, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return token.Subject
		}
		for i, provider := range []string{"lab-oauth", "lab-oauth-link"} {
			b := l.browser()
			oauth[i] = read(b.get(b.startOAuth(provider, "ada")))
			credentials[i] = read(b.post("/api/auth/callback/credentials", url.Values{"csrfToken": {b.csrf()}, "username": {"noid"}, "password": {"pw"}}))
		}
		return oauth, credentials
	}
	t.Run("on", func(t *testing.T) {
		if oauth, credentials := subjects(t, nil); oauth != [2]string{"ada", "ada"} || credentials != [2]string{} {
			t.Errorf("the ids are %q and %q", oauth, credentials)
		}
	})
	t.Run("default", func(t *testing.T) {
		oauth, credentials := subjects(t, func(c *engine.Config) { c.Parity.DangerousProfileIDs = false })
		for _, ids := range [][2]string{oauth, credentials} {
			if ids[0] == "" || ids[0] == ids[1] || ids[0] == "ada" {
				t.Errorf("the ids are %q", ids)
			}
		}
	})
}

func TestDangerousSignInRedirects(t *testing.T) {
	foreign := func(t *testing.T, configure func(*engine.Config)) (origin, location string) {
		l := newLabOf(t, labserver.ProfilesV4(), "jwt", configure)
		l.order(`{"flags":{"signIn":"foreign"}}`)
		b := l.browser()
		return l.url, b.post("/api/auth/callback/credentials", url.Values{"csrfToken": {b.csrf()}, "username": {"alice"}, "password": {"pw"}}).location
	}
	t.Run("on", func(t *testing.T) {
		if _, location := foreign(t, nil); location != "https://evil.example/x" {
			t.Errorf("went to %s", location)
		}
	})
	t.Run("default", func(t *testing.T) {
		if origin, location := foreign(t, func(c *engine.Config) { c.Parity.DangerousSignInRedirects = false }); location != origin {
			t.Errorf("went to %s, want %s", location, origin)
		}
	})
}

func TestDangerousUpdateData(t *testing.T) {
	update := func(t *testing.T, configure func(*engine.Config)) (updated, read response) {
		b := newLab(t, "jwt", configure).browser()
		b.signInAsAlice()
		updated = b.postJSON("/api/auth/session", `{"csrfToken":"`+b.csrf()+`","data":{"name":"Mallory"}}`)
		return updated, b.get("/api/auth/session")
	}
	t.Run("on", func(t *testing.T) {
		updated, read := update(t, nil)
		if updated.status != http.StatusOK || !strings.Contains(read.body, `"Mallory"`) {
			t.Errorf("%d %s, then %s", updated.status, updated.body, read.body)
		}
	})
	t.Run("default", func(t *testing.T) {
		updated, read := update(t, func(c *engine.Config) { c.Parity.DangerousUpdateData = false })
		if updated.status != http.StatusBadRequest || !strings.Contains(updated.body, "name") {
			t.Errorf("a key that no Schema allows got %d %s, want 400 with its name", updated.status, updated.body)
		}
		if !strings.Contains(read.body, `"Alice"`) {
			t.Errorf("the session is now %s", read.body)
		}
	})
}

func TestDangerousMailLinkOnGET(t *testing.T) {
	open := func(t *testing.T, configure func(*engine.Config)) (*browser, response) {
		l := newLab(t, "jwt", configure)
		b := l.browser()
		b.post("/api/auth/signin/lab-email", url.Values{"csrfToken": {b.csrf()}, "email": {"new@example.com"}})
		state := l.state()
		if len(state.Mail) != 1 {
			t.Fatalf("%d mails were sent", len(state.Mail))
		}
		return b, b.get(state.Mail[0].URL)
	}
	t.Run("on", func(t *testing.T) {
		b, opened := open(t, nil)
		if !opened.sets("authjs.session-token") || len(b.lab.state().DB.Users) != 1 {
			t.Errorf("opening the link: %d %s", opened.status, opened.location)
		}
	})
	t.Run("default", func(t *testing.T) {
		b, opened := open(t, func(c *engine.Config) { c.Parity.DangerousMailLinkOnGET = false })
		if opened.status != http.StatusOK || opened.sets("authjs.session-token") || len(b.lab.state().DB.Users) != 0 {
			t.Fatalf("opening the link: %d, and there are %d users", opened.status, len(b.lab.state().DB.Users))
		}
		action, fields := form(t, opened.body)
		if r := b.post(action, fields); !r.sets("authjs.session-token") || len(b.lab.state().DB.Users) != 1 {
			t.Errorf("the button: %d %s", r.status, r.location)
		}
	})
}

func TestDangerousAuthorizationParams(t *testing.T) {
	asked := func(t *testing.T, configure func(*engine.Config)) url.Values {
		b := newLab(t, "jwt", configure).browser()
		r := b.post("/api/auth/signin/lab-oauth?client_id=hijack&redirect_uri=https%3A%2F%2Fevil.example&scope=all&login_hint=ada", url.Values{"csrfToken": {b.csrf()}})
		u, err := url.Parse(r.location)
		if err != nil || u.Path != "/authorize" {
			t.Fatalf("POST signin went to %q", r.location)
		}
		return u.Query()
	}
	t.Run("on", func(t *testing.T) {
		q := asked(t, nil)
		if q.Get("client_id") != "hijack" || q.Get("redirect_uri") != "https://evil.example" || q.Get("scope") != "all" {
			t.Errorf("got %v", q)
		}
	})
	t.Run("default", func(t *testing.T) {
		q := asked(t, func(c *engine.Config) { c.Parity.DangerousAuthorizationParams = false })
		if len(q["client_id"]) != 1 || q.Get("client_id") != "lab-client" || len(q["redirect_uri"]) != 1 || !strings.HasSuffix(q.Get("redirect_uri"), "/api/auth/callback/lab-oauth") || q.Get("scope") != "openid profile email" {
			t.Errorf("the browser changed the protocol: %v", q)
		}
		if q.Get("login_hint") != "ada" {
			t.Errorf("a harmless parameter is lost: %v", q)
		}
	})
}

func TestDangerousForeignOrigin(t *testing.T) {
	for header, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
		signOut := func(t *testing.T, configure func(*engine.Config)) (post, read response) {
			b := newLab(t, "jwt", configure).browser()
			b.signInAsAlice()
			post = b.post("/api/auth/signout", url.Values{"csrfToken": {b.csrf()}}, header, value)
			return post, b.get("/api/auth/session")
		}
		t.Run(header+"/on", func(t *testing.T) {
			if _, read := signOut(t, nil); read.body != "null" {
				t.Errorf("the session is %s", read.body)
			}
		})
		t.Run(header+"/default", func(t *testing.T) {
			post, read := signOut(t, func(c *engine.Config) { c.Parity.DangerousForeignOrigin = false })
			if !post.failed("MissingCSRF") {
				t.Errorf("another site's POST went to %s", post.location)
			}
			if !strings.Contains(read.body, `"Alice"`) {
				t.Errorf("another site signed the user out: %s", read.body)
			}
		})
	}
}

func TestDangerousKeepChecks(t *testing.T) {
	const cookie = "authjs.pkce.code_verifier"
	fail := func(t *testing.T, configure func(*engine.Config)) *browser {
		b := newLab(t, "jwt", configure).browser()
		callback := b.startOAuth("lab-oauth", "deny")
		if !b.has(cookie) {
			t.Fatalf("no cookie %s after the start", cookie)
		}
		if r := b.get(callback); !r.failed("OAuthCallbackError") {
			t.Fatalf("the callback went to %s", r.location)
		}
		return b
	}
	t.Run("on", func(t *testing.T) {
		if b := fail(t, nil); !b.has(cookie) {
			t.Error("the check cookie is gone")
		}
	})
	t.Run("default", func(t *testing.T) {
		if b := fail(t, func(c *engine.Config) { c.Parity.DangerousKeepChecks = false }); b.has(cookie) {
			t.Error("the check cookie outlives a failed callback: another code can be tried against it")
		}
	})
}

func TestDangerousUnverifiedEmail(t *testing.T) {
	off := func(c *engine.Config) { c.Parity.DangerousUnverifiedEmail = false }

	// A provider that allows linking by address meets a user of that address.
	link := func(t *testing.T, configure func(*engine.Config), first, second string) (response, state) {
		l := newLab(t, "db", configure)
		owner := l.browser()
		if r := owner.get(owner.startOAuth("lab-oauth", first)); !r.sets("authjs.session-token") {
			t.Fatalf("the first sign-in went to %s", r.location)
		}
		b := l.browser()
		r := b.get(b.startOAuth("lab-oauth-link", second))
		return r, l.state()
	}
	t.Run("link/on", func(t *testing.T) {
		r, s := link(t, nil, "ada", "ada")
		if !r.sets("authjs.session-token") || len(s.DB.Accounts) != 2 {
			t.Errorf("went to %s with %d accounts", r.location, len(s.DB.Accounts))
		}
	})
	for name, hints := range map[string][2]string{
		"the provider does not vouch":      {"ada+verified", "ada"},
		"the user's own is not verified":   {"ada", "ada+verified"},
		"neither side has it verified yet": {"ada", "ada"},
	} {
		t.Run("link/default/"+name, func(t *testing.T) {
			r, s := link(t, off, hints[0], hints[1])
			if !r.failed("OAuthAccountNotLinked") || len(s.DB.Accounts) != 1 {
				t.Errorf("went to %s with %d accounts", r.location, len(s.DB.Accounts))
			}
		})
	}
	t.Run("link/default/both verified", func(t *testing.T) {
		r, s := link(t, off, "ada+verified", "ada+verified")
		if !r.sets("authjs.session-token") || len(s.DB.Accounts) != 2 || len(s.DB.Users) != 1 {
			t.Errorf("went to %s with %d accounts", r.location, len(s.DB.Accounts))
		}
	})

	// Somebody signs up with an address that is not theirs and waits for its
	// owner, who comes by mail.
	prepared := func(t *testing.T, configure func(*engine.Config)) (attacker *browser, s state) {
		l := newLab(t, "db", configure)
		attacker = l.browser()
		attacker.get(attacker.startOAuth("lab-oauth", "victim"))
		owner := l.browser()
		owner.post("/api/auth/signin/lab-email", url.Values{"csrfToken": {owner.csrf()}, "email": {"victim@example.com"}})
		if mails := l.state().Mail; len(mails) != 1 {
			t.Fatalf("%d mails were sent", len(mails))
		}
		if r := owner.get(l.state().Mail[0].URL); !r.sets("authjs.session-token") {
			t.Fatalf("the mail link went to %s", r.location)
		}
		return attacker, l.state()
	}
	t.Run("mail/on", func(t *testing.T) {
		attacker, s := prepared(t, nil)
		if len(s.DB.Accounts) != 1 || attacker.get("/api/auth/session").body == "null" {
			t.Error("the account that came with the unverified address is gone")
		}
	})
	t.Run("mail/default", func(t *testing.T) {
		attacker, s := prepared(t, off)
		if len(s.DB.Accounts) != 0 {
			t.Errorf("an account that came with an unverified address still opens its owner's user: %v", s.DB.Accounts)
		}
		if body := attacker.get("/api/auth/session").body; body != "null" {
			t.Errorf("a session of before the verification lives on: %s", body)
		}
	})
}
