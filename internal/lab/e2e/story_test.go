package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sesame-auth/sesame/engine"
)

func TestBrowser(t *testing.T) {
	l := newLab(t)
	t.Run("Story", func(t *testing.T) {
		for _, strategy := range []engine.Strategy{engine.StrategyJWT, engine.StrategyDatabase} {
			t.Run(string(strategy), func(t *testing.T) {
				s := newSite(t, l, sesame(t, strategy, nil))
				for _, way := range ways {
					t.Run(way.name, func(t *testing.T) {
						t.Run("plain", func(t *testing.T) { story(t, l, s, way, false) })
						t.Run("overlapping", func(t *testing.T) { story(t, l, s, way, true) })
					})
				}
			})
		}
	})
	// Version 4 makes the story wait for the clock, so each way is taken once.
	t.Run("StoryV4", func(t *testing.T) {
		for _, test := range []struct {
			strategy    engine.Strategy
			way         way
			overlapping bool
		}{
			{engine.StrategyJWT, ways[0], false},
			{engine.StrategyJWT, ways[1], true},
			{engine.StrategyJWT, ways[2], false},
			{engine.StrategyDatabase, ways[2], true},
		} {
			name := string(test.strategy) + "/" + test.way.name
			t.Run(name, func(t *testing.T) {
				story(t, l, newSite(t, l, sesame(t, test.strategy, v4)), test.way, test.overlapping)
			})
		}
	})
	t.Run("LateRead", func(t *testing.T) { lateRead(t, l) })
	for _, wire := range []struct {
		suffix string
		change func(*engine.Config)
	}{{"", nil}, {"V4", v4}} {
		t.Run("SignInTwice"+wire.suffix, func(t *testing.T) { signInTwice(t, l, wire.change) })
		t.Run("ComeBackInTwoTabs"+wire.suffix, func(t *testing.T) { comeBackInTwoTabs(t, l, wire.change) })
		t.Run("MailLinkElsewhere"+wire.suffix, func(t *testing.T) { mailLinkElsewhere(t, l, wire.change) })
	}
}

// v4 is the engine for the client of next-auth 4.
func v4(c *engine.Config) { c.Dialect = engine.DialectV4 }

// story is a user's: two tabs, from signed out to signed out, and back by a
// protected page. With overlapping set, session reads are answered late.
func story(t *testing.T, l *lab, s *site, way way, overlapping bool) {
	one := newTab(t, "one", s.url, l.browser, chromedp.WithNewBrowserContext())
	one.open("/?tab=one")
	one.shows("#status", "unauthenticated")
	one.settled(s.client.reads)
	one.heard(s.client)
	two := newTab(t, "two", s.url, one.ctx)
	two.open("/?tab=two")
	two.shows("#status", "unauthenticated")
	two.settled(s.client.reads)
	one.settled(s.client.reads + 1)

	// sign in
	one.heard(s.client)
	way.fromPage(one, s)
	one.isAt("/?tab=one")
	one.shows("#status", "authenticated")
	one.shows("#email", way.email)
	two.shows("#email", way.email)
	one.settled(s.client.reads)
	two.settled(s.client.reads + 1)
	checkSessionCookie(one, s.client)

	// update()
	one.heard(s.client)
	update(one, s, "Renamed", overlapping)
	one.shows("#name", "Renamed")
	two.shows("#name", "Renamed")
	one.reload()
	one.shows("#name", "Renamed")
	one.shows("#email", way.email)
	two.shows("#name", "Renamed")
	one.settled(s.client.reads)

	// sign out
	signOut(one, two, s, overlapping)
	one.shows("#status", "unauthenticated")
	two.shows("#status", "unauthenticated")
	one.settled(s.client.reads)
	if one.cookie(s.client.cookie) != nil {
		t.Error("the browser still has a session cookie")
	}
	for _, b := range []*tab{one, two} {
		b.reload()
		b.shows("#status", "unauthenticated")
		b.settled(s.client.reads)
	}

	// the protected page
	const wanted = "/protected/report%20of/2026?part=a%2Fb&part=c"
	one.open(wanted)
	one.at(s.url + "/api/auth/signin")
	way.fromForm(one, s)
	one.isAt(wanted)
	one.shows("#who", way.email)
}

// lateRead shows a switch beside its default: where every read sets the cookie
// anew, as in Auth.js, a late one undoes an update and a sign-out.
func lateRead(t *testing.T, l *lab) {
	for _, test := range []struct {
		name    string
		reissue bool
		person  string // after the update
		status  string // after the sign-out
	}{
		{"default", false, "Renamed", "unauthenticated"},
		{"ReissueOnEveryRead", true, "Alice", "authenticated"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, l, sesame(t, engine.StrategyJWT, func(c *engine.Config) { c.Parity.ReissueOnEveryRead = test.reissue }))
			// One tab until the update is through: a second one would read
			// while it happens and might repair what is lost.
			one := newTab(t, "one", s.url, l.browser, chromedp.WithNewBrowserContext())
			one.open("/?tab=one")
			one.settled(s.client.reads)
			signInWithPassword(one)
			one.shows("#name", "Alice")
			one.settled(s.client.reads)
			update(one, s, "Renamed", true)
			one.shows("#name", test.person)
			one.reload()
			one.shows("#name", test.person)
			one.settled(s.client.reads)

			two := newTab(t, "two", s.url, one.ctx)
			two.open("/?tab=two")
			two.shows("#name", test.person)
			two.settled(s.client.reads)
			one.settled(s.client.reads + 1)
			signOut(one, two, s, true)
			one.shows("#status", test.status)
			two.shows("#status", test.status)
			one.reload()
			one.shows("#status", test.status)
			one.settled(s.client.reads)
		})
	}
}

// signInTwice starts a sign-in in each of two tabs before either is finished:
// both arrive.
func signInTwice(t *testing.T, l *lab, wire func(*engine.Config)) {
	s := newSite(t, l, sesame(t, engine.StrategyJWT, wire))
	one := newTab(t, "one", s.url, l.browser, chromedp.WithNewBrowserContext())
	two := newTab(t, "two", s.url, one.ctx)
	for _, b := range []*tab{one, two} {
		b.open("/?tab=" + b.name)
		b.settled(s.client.reads)
		b.click("#oidc")
		b.at(identityProvider)
	}
	for _, b := range []*tab{one, two} {
		b.click("#login")
		b.isAt("/?tab=" + b.name)
		b.shows("#email", ada)
		b.settled(s.client.reads)
	}
}

// comeBackInTwoTabs asks for a protected page in each of two tabs, and
// signs in in the first: it comes back to the page of that tab.
func comeBackInTwoTabs(t *testing.T, l *lab, wire func(*engine.Config)) {
	s := newSite(t, l, sesame(t, engine.StrategyJWT, wire))
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			one := newTab(t, "one", s.url, l.browser, chromedp.WithNewBrowserContext())
			two := newTab(t, "two", s.url, one.ctx)
			for _, b := range []*tab{one, two} {
				b.open("/protected/" + b.name)
				b.at(s.url + "/api/auth/signin")
			}
			way.fromForm(one, s)
			if way.name == "oidc" {
				one.at(identityProvider)
				one.click("#login")
			}
			one.isAt("/protected/one")
			one.shows("#who", way.email)
		})
	}
}

// mailLinkElsewhere opens the link in another browser than the one that asked
// for it: that other one is signed in.
func mailLinkElsewhere(t *testing.T, l *lab, wire func(*engine.Config)) {
	s := newSite(t, l, sesame(t, engine.StrategyDatabase, wire))
	desk := newTab(t, "desk", s.url, l.browser, chromedp.WithNewBrowserContext())
	desk.open("/?at=desk")
	desk.settled(s.client.reads)
	desk.fill("#address", bob)
	desk.click("#mail")
	desk.at(s.url + "/api/auth/verify-request")

	phone := newTab(t, "phone", s.url, l.browser, chromedp.WithNewBrowserContext())
	confirm(phone, s, s.mail.link(t, bob))
	phone.isAt("/?at=desk") // the link says where the user was
	phone.shows("#email", bob)
	phone.settled(s.client.reads)
	desk.open("/?at=desk")
	desk.shows("#status", "unauthenticated")
	desk.settled(s.client.reads)
}

// ---- steps

const (
	username = "alice"
	password = "correct horse battery staple"
	alice    = "alice@example.com" // signs in with a password
	ada      = "ada@example.com"   // signs in at the identity provider
	bob      = "bob@example.com"   // signs in with a mail link

	// identityProvider begins the URLs of its pages.
	identityProvider = "http://127.0.0.1:"
)

// way is a way to sign in.
type way struct {
	name  string
	email string // whom it signs in
	// fromPage signs in by the React client, from the page that the tab shows.
	fromPage func(b *tab, s *site)
	// fromForm signs in by the built-in sign-in page, which the tab shows.
	fromForm func(b *tab, s *site)
}

var ways = []way{
	{
		name: "oidc", email: ada,
		fromPage: func(b *tab, s *site) {
			b.click("#oidc")
			b.at(identityProvider)
			b.click("#login")
		},
		fromForm: func(b *tab, s *site) { // still signed in at the identity provider
			b.click(`form[action$="/signin/oidc"] button`)
		},
	},
	{
		name: "credentials", email: alice,
		fromPage: func(b *tab, s *site) { signInWithPassword(b) },
		fromForm: func(b *tab, s *site) {
			b.fill(`form[action$="/callback/credentials"] input[name=username]`, username)
			b.fill(`form[action$="/callback/credentials"] input[name=password]`, password)
			b.click(`form[action$="/callback/credentials"] button`)
		},
	},
	{
		name: "email", email: bob,
		fromPage: func(b *tab, s *site) {
			b.fill("#address", bob)
			b.click("#mail")
			followLink(b, s)
		},
		fromForm: func(b *tab, s *site) {
			b.fill(`form[action$="/signin/email"] input[name=email]`, bob)
			b.click(`form[action$="/signin/email"] button`)
			followLink(b, s)
		},
	},
}

func signInWithPassword(b *tab) {
	b.t.Helper()
	b.fill("#username", username)
	b.fill("#password", password)
	b.click("#credentials")
}

func followLink(b *tab, s *site) {
	b.t.Helper()
	b.at(s.url + "/api/auth/verify-request") // "check your mail"
	confirm(b, s, s.mail.link(b.t, bob))
}

// confirm opens a mail link and clicks the button of the page it leads to.
func confirm(b *tab, s *site, link string) {
	b.t.Helper()
	b.open(link)
	if b.cookie(s.client.cookie) != nil {
		b.t.Error("opening the mail's link has signed in without a click")
	}
	b.click(`form[action*="/callback/email"] button`)
}

// update changes the name with update(). When it overlaps, a session read is
// sent before it and answered after it.
func update(b *tab, s *site, name string, overlapping bool) {
	b.t.Helper()
	var read *late
	before := b.text("#name")
	if before == "" {
		before = b.text("#email")
	}
	if overlapping {
		read = s.gate.hold("GET", "/api/auth/session")
		b.click("#read")
		read.wait(b.t)
	}
	b.fill("#newname", name)
	b.click("#update")
	b.shows("#updated", name)
	if overlapping {
		read.release()
		b.shows("#wasread", before) // so it was made before the update
	}
}

// signOut signs out in tab one. When it overlaps, a session read of tab two is
// sent before it and answered after it. (One of tab one would be cut off: the
// client leaves the page.)
func signOut(one, two *tab, s *site, overlapping bool) {
	one.t.Helper()
	var read *late
	name := two.text("#name")
	if overlapping {
		read = s.gate.hold("GET", "/api/auth/session")
		two.click("#read")
		read.wait(two.t)
	}
	const post = "POST /api/auth/signout"
	answers := one.answers(post)
	one.click("#signout")
	one.eventually("sign-out is answered",
		func() bool { return one.answers(post) > answers },
		func() string { return "it is not" })
	if overlapping {
		read.release()
		two.shows("#wasread", name) // so it was made before the sign-out
	}
}

// checkSessionCookie checks that scripts cannot read the session cookie and
// other sites' forms do not carry it.
func checkSessionCookie(b *tab, c *client) {
	b.t.Helper()
	cookie := b.cookie(c.cookie)
	switch {
	case cookie == nil:
		b.t.Error("the browser has no session cookie")
	case !cookie.HTTPOnly || cookie.SameSite != "Lax" || cookie.Session || cookie.Path != "/":
		b.t.Errorf("session cookie: HttpOnly %v, SameSite %q, session %v, Path %q", cookie.HTTPOnly, cookie.SameSite, cookie.Session, cookie.Path)
	}
	if visible := b.eval("document.cookie"); visible != "" {
		b.t.Errorf("scripts can read the cookies %q", visible)
	}
}
