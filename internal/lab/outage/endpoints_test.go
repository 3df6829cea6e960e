package outage_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// request is something that a browser asks for while the database is stopped.
type request struct {
	name string
	// ready does what comes before the outage, and returns what comes in it.
	ready func(b *browser, n name) func() *reply
	// down is the answer by strategy; one for both when it is the same.
	down []answer
	// after is whose session it is when the database is back and the browser
	// has done nothing since; "" for nobody's.
	after string
	// again is done then, and succeeds. nil: the same as in the outage.
	again func(b *browser, n name) *reply
	// up is the answer to again; nil: that of down that needs no database, or
	// else a redirect without an error.
	up *answer
	// signs is who is signed in after that; "" for whom after says.
	signs string
}

// name makes the names of one request its own.
type name string

func (n name) of(who string) string      { return who + "-" + string(n) }
func (n name) address(who string) string { return n.of(who) + "@example.com" }

// answer is what a request is answered with.
type answer struct {
	status   int
	location string // "…" at the end: anything may follow
	body     string // is in it; "=…": is all of it
	needsDB  bool   // and one line in the log says that it failed
	set      bool   // a session cookie is set
	reissues bool   // a session cookie is set if sessions are jwt
	clear    bool   // the session cookie is cleared
}

const failed = base + "/error?error=Configuration"

var (
	errorPage = answer{status: 302, location: failed, needsDB: true}
	errorURL  = answer{status: 200, body: `={"url":"{origin}` + failed + `"}`, needsDB: true}
	signedOut = answer{status: 200, body: "=null", needsDB: true}
)

func page(body string) answer { return answer{status: 200, body: body} }

// nothing needs no preparation.
func nothing(do func(b *browser) *reply) func(*browser, name) func() *reply {
	return func(b *browser, _ name) func() *reply { return func() *reply { return do(b) } }
}

// signed is somebody who is signed in by now.
func signed(do func(b *browser) *reply) func(*browser, name) func() *reply {
	return func(b *browser, n name) func() *reply {
		b.signIn(n.of("alice"))
		b.csrf()
		return func() *reply { return do(b) }
	}
}

func asks(path string) func(*browser) *reply { return func(b *browser) *reply { return b.get(path) } }

func asking(path, accept string) func(*browser) *reply {
	return func(b *browser) *reply {
		b.header = http.Header{"Accept": {accept}}
		defer func() { b.header = http.Header{} }()
		return b.get(path)
	}
}

// script asks for JSON instead of a redirect, as signIn() of the client does.
func script(do func(*browser, name) func() *reply) func(*browser, name) func() *reply {
	return func(b *browser, n name) func() *reply {
		run := do(b, n)
		return func() *reply {
			b.header = http.Header{"X-Auth-Return-Redirect": {"1"}}
			defer func() { b.header = http.Header{} }()
			return run()
		}
	}
}

func credentials(b *browser, n name) func() *reply {
	b.csrf()
	return func() *reply { return b.post("/callback/credentials", "username", n.of("alice")) }
}

func mailLink(b *browser, n name) func() *reply {
	address := n.address("dora")
	token := b.link(address)
	return func() *reply { return b.post("/callback/email", "token", token, "email", address) }
}

func provider(id, method, subject string) func(*browser, name) func() *reply {
	return func(b *browser, _ name) func() *reply {
		callback := b.leave(id, subject)
		return func() *reply { return b.do(method, callback, nil) }
	}
}

func comesBack(id, subject string) func(*browser, name) *reply {
	return func(b *browser, _ name) *reply { return b.do("GET", b.leave(id, subject), nil) }
}

func jwtOrDatabase(jwt, database answer) []answer { return []answer{jwt, database} }

var home = answer{status: 302, location: "", set: true}

var requests = []request{
	// What needs no database.
	{name: "GET session, signed out", ready: nothing(asks("/session")), down: []answer{page("=null")}},
	{name: "GET csrf", ready: nothing(asks("/csrf")), down: []answer{page(`{"csrfToken":"`)}},
	{name: "GET providers", ready: nothing(asks("/providers")), down: []answer{page(`"oidc":`)}},
	{name: "GET signin", ready: nothing(asks("/signin")), down: []answer{page("<form")}},
	{name: "GET signin, signed in", ready: signed(asks("/signin")), down: []answer{page("<form")}, after: "alice"},
	{name: "GET signin with an error", ready: nothing(asks("/signin?error=CredentialsSignin")), down: []answer{page("<form")}},
	{name: "GET signout", ready: signed(asks("/signout")), down: []answer{page("<form")}, after: "alice"},
	{name: "GET error", ready: nothing(asks("/error?error=Configuration")), down: []answer{{status: 500, body: "<html"}}},
	{name: "GET verify-request", ready: nothing(asks("/verify-request?provider=email&type=email")), down: []answer{page("<html")}},
	{name: "GET signin/email", ready: nothing(asks("/signin/email")), down: []answer{{status: 302, location: failed}}},
	{name: "POST signin", ready: func(b *browser, _ name) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/signin") }
	}, down: []answer{{status: 302, location: base + "/signin"}}},
	{name: "POST signin/credentials", ready: func(b *browser, _ name) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/signin/credentials") }
	}, down: []answer{{status: 302, location: base + "/signin"}}},
	{name: "POST signin/oidc", ready: func(b *browser, _ name) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/signin/oidc") }
	}, down: []answer{{status: 302, location: "{idp}/authorize?…"}}},
	{name: "POST signin/oauth", ready: func(b *browser, _ name) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/signin/oauth") }
	}, down: []answer{{status: 302, location: "{idp}/authorize?…"}}},
	{name: "GET callback/email", ready: func(b *browser, n name) func() *reply {
		token := b.link(n.address("dora"))
		return func() *reply { return b.get("/callback/email?token=" + token + "&email=" + n.address("dora")) }
	}, down: []answer{page("<form")}},

	// Sessions.
	{name: "GET session", ready: signed(asks("/session")), after: "alice",
		down: jwtOrDatabase(page(`"email":"alice-`), signedOut), up: &answer{status: 200, body: `"email":"alice-`}},
	{name: "GET session to be extended", after: "alice",
		ready: func(b *browser, n name) func() *reply {
			b.signIn(n.of("alice"))
			b.s.clock.Advance(25 * time.Hour)
			return func() *reply { return b.get("/session") }
		},
		down: jwtOrDatabase(answer{status: 200, body: `"email":"alice-`, set: true}, signedOut), again: func(b *browser, _ name) *reply { return b.get("/session") },
		up: &answer{status: 200, body: `"email":"alice-`}},
	{name: "GET session of an unknown token", ready: func(b *browser, _ name) func() *reply {
		b.cookies[sessionCookie] = "00000000-0000-4000-8000-000000000000"
		return func() *reply { return b.get("/session") }
	}, down: jwtOrDatabase(answer{status: 200, body: "=null", clear: true}, signedOut), up: &answer{status: 200, body: "=null"}},
	{name: "POST session", ready: signed(func(b *browser) *reply { return b.post("/session") }), after: "alice",
		down: jwtOrDatabase(answer{status: 200, body: `"email":"alice-`, set: true}, signedOut), up: &answer{status: 200, body: `"email":"alice-`, reissues: true}},
	{name: "POST session with a change", ready: func(b *browser, n name) func() *reply {
		return signed(func(b *browser) *reply { return b.update("New name") })(b, n)
	}, after: "alice", down: []answer{signedOut}, up: &answer{status: 200, body: `"name":"New name"`, reissues: true}},
	{name: "POST session with a change, of a stored user", ready: func(b *browser, n name) func() *reply {
		b.do("GET", b.leave("oidc", "carol"), nil)
		b.csrf()
		return func() *reply { return b.update("New name") }
	}, after: "carol@example.com", down: []answer{signedOut}, up: &answer{status: 200, body: `"name":"New name"`, reissues: true}},
	{name: "POST signout", ready: signed(func(b *browser) *reply { return b.post("/signout") }),
		down:  jwtOrDatabase(answer{status: 302, clear: true}, answer{status: 302, location: failed, needsDB: true, clear: true}),
		again: func(b *browser, n name) *reply { b.signIn(n.of("alice")); return b.post("/signout") },
		up:    &answer{status: 302, clear: true}},
	{name: "POST signout by a script", ready: script(signed(func(b *browser) *reply { return b.post("/signout") })),
		down:  jwtOrDatabase(answer{status: 200, body: `"url":`, clear: true}, answer{status: 200, body: errorURL.body, needsDB: true, clear: true}),
		again: func(b *browser, n name) *reply { b.signIn(n.of("alice")); return b.post("/signout") },
		up:    &answer{status: 302, clear: true}},

	// Sign-in.
	{name: "POST callback/credentials", ready: credentials, down: jwtOrDatabase(home, errorPage), signs: "alice", after: "(jwt) alice", up: &home},
	{name: "POST callback/credentials by a script", ready: script(credentials), signs: "alice", after: "(jwt) alice",
		down: jwtOrDatabase(answer{status: 200, body: `={"url":"{origin}"}`, set: true}, errorURL), up: &answer{status: 200, body: `={"url":"{origin}"}`, set: true}},
	{name: "POST callback/credentials, wrong", ready: func(b *browser, _ name) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/callback/credentials", "username", "") }
	}, down: []answer{{status: 302, location: base + "/signin?error=CredentialsSignin&code=credentials"}}},
	{name: "POST signin/email", ready: func(b *browser, n name) func() *reply {
		b.csrf()
		b.s.mails.Clear()
		return func() *reply { return b.post("/signin/email", "email", n.address("dora")) }
	}, down: []answer{errorPage}, up: &answer{status: 302, location: base + "/verify-request?provider=email&type=email"}},
	{name: "POST signin/email by a script", ready: script(func(b *browser, n name) func() *reply {
		b.csrf()
		b.s.mails.Clear()
		return func() *reply { return b.post("/signin/email", "email", n.address("dora")) }
	}), down: []answer{errorURL}, up: &answer{status: 200, body: "/verify-request?provider=email&type=email"}},
	{name: "POST callback/email", ready: mailLink, down: []answer{errorPage}, signs: "dora", up: &home},
	{name: "POST callback/email by a script", ready: script(mailLink), down: []answer{errorURL}, signs: "dora",
		up: &answer{status: 200, body: `={"url":"{origin}"}`, set: true}},
	{name: "POST callback/email of a known user", ready: func(b *browser, n name) func() *reply {
		first := b.s.browser()
		mailLink(first, n)()
		return mailLink(b, n)
	}, down: []answer{errorPage}, signs: "dora", up: &home},
	{name: "POST callback/email, signed in as another", ready: func(b *browser, n name) func() *reply {
		b.do("GET", b.leave("oidc", "carol"), nil)
		return mailLink(b, n)
	}, down: []answer{errorPage}, after: "carol@example.com", signs: "dora", up: &home},
	{name: "GET callback/oidc", ready: provider("oidc", "GET", "bob"), down: []answer{errorPage}, again: comesBack("oidc", "bob"), signs: "bob@example.com", up: &home},
	{name: "GET callback/oidc of a known account", ready: provider("oidc", "GET", "bob"), down: []answer{errorPage}, again: comesBack("oidc", "bob"), signs: "bob@example.com", up: &home},
	{name: "POST callback/oidc", ready: provider("oidc", "POST", "bob"), down: []answer{errorPage}, again: comesBack("oidc", "bob"), signs: "bob@example.com", up: &home},
	{name: "GET callback/oauth, to link it", ready: func(b *browser, n name) func() *reply {
		b.do("GET", b.leave("oidc", "bob"), nil)
		return provider("oauth", "GET", "bob")(b, n)
	}, down: []answer{errorPage}, after: "bob@example.com", again: comesBack("oauth", "bob"), signs: "bob@example.com", up: &home},
	{name: "GET callback/oauth", ready: provider("oauth", "GET", "bob"), down: []answer{errorPage}, again: comesBack("oauth", "bob"), signs: "bob@example.com", up: &home},
	{name: "POST callback/oauth", ready: provider("oauth", "POST", "bob"), down: []answer{errorPage}, again: comesBack("oauth", "bob"), signs: "bob@example.com", up: &home},
	{name: "GET callback/oidc, cancelled", ready: provider("oidc", "GET", ""), down: []answer{{status: 302, location: base + "/signin?error=OAuthCallbackError"}},
		again: comesBack("oidc", ""), up: &answer{status: 302, location: base + "/signin?error=OAuthCallbackError"}},

	// Handlers of the application.
	{name: "Session", ready: signed(asks("./helper/session")), after: "alice",
		down: jwtOrDatabase(page("alice-"), answer{status: 503, body: "=Configuration", needsDB: true}), up: &answer{status: 200, body: "alice-"}},
	{name: "Session, signed out", ready: nothing(asks("./helper/session")), down: []answer{page("=nobody")}},
	{name: "Middleware", ready: signed(asks("./open")), after: "alice",
		down: jwtOrDatabase(page("hello, alice-"), answer{status: 200, body: "=hello, nobody", needsDB: true}), up: &answer{status: 200, body: "hello, alice-"}},
	{name: "Require, a page", ready: signed(asking("./closed", "text/html")), after: "alice",
		down: jwtOrDatabase(page("hello, alice-"), errorPage), up: &answer{status: 200, body: "hello, alice-"}},
	{name: "Require, an API", ready: signed(asking("./closed", "application/json")), after: "alice",
		down: jwtOrDatabase(page("hello, alice-"), answer{status: 401, body: `={"message":"Sign in first."}`, needsDB: true}), up: &answer{status: 200, body: "hello, alice-"}},
	{name: "Require, signed out", ready: nothing(asking("./closed", "text/html")), down: []answer{{status: 302, location: base + "/signin?callbackUrl=…"}}},
	{name: "Protect, a page", ready: signed(asking("./app/x", "text/html")), after: "alice",
		down: jwtOrDatabase(page("hello, alice-"), errorPage), up: &answer{status: 200, body: "hello, alice-"}},
	{name: "Protect, an API", ready: signed(asking("./app/x", "application/json")), after: "alice",
		down: jwtOrDatabase(page("hello, alice-"), answer{status: 401, body: `={"message":"Sign in first."}`, needsDB: true}), up: &answer{status: 200, body: "hello, alice-"}},
	{name: "SignIn, credentials", ready: func(b *browser, n name) func() *reply {
		return func() *reply { return b.get("./helper/signin/credentials?username=" + n.of("alice")) }
	}, signs: "alice", after: "(jwt) alice",
		down: jwtOrDatabase(answer{status: 200, body: "/after", set: true}, answer{status: 503, body: "=Configuration", needsDB: true}), up: &answer{status: 200, body: "/after", set: true}},
	{name: "SignIn, e-mail", ready: func(b *browser, n name) func() *reply {
		return func() *reply { return b.get("./helper/signin/email?email=" + n.address("dora")) }
	}, down: []answer{{status: 503, body: "=Configuration", needsDB: true}}, up: &answer{status: 200, body: "/verify-request"}},
	{name: "SignIn, a provider", ready: nothing(asks("./helper/signin/oidc")), down: []answer{page("{idp}/authorize?")}},
	{name: "SignOut", ready: signed(asks("./helper/signout")),
		down:  jwtOrDatabase(answer{status: 200, body: "=bye", clear: true}, answer{status: 503, body: "=Configuration", needsDB: true, clear: true}),
		again: func(b *browser, n name) *reply { b.signIn(n.of("alice")); return b.get("./helper/signout") },
		up:    &answer{status: 200, body: "=bye", clear: true}},
	{name: "Update", ready: signed(asks("./helper/update")), after: "alice",
		down: []answer{{status: 503, body: "=Configuration", needsDB: true}}, up: &answer{status: 200, body: "alice-", reissues: true}},
}

// ids are what the URL of an error names its request with.
var ids = regexp.MustCompile(`&requestId=[0-9a-f]{16}`)

// check compares an answer.
func (s *site) check(what string, r *reply, want answer) {
	t := s.t
	t.Helper()
	fill := strings.NewReplacer("{origin}", s.origin, "{idp}", s.idp.Issuer()).Replace
	location := fill(want.location)
	if strings.HasPrefix(location, "/") {
		location = s.origin + location
	}
	exact, ok := strings.CutSuffix(location, "…")
	at := ids.ReplaceAllString(r.location, "") == location
	if ok {
		at = strings.HasPrefix(r.location, exact)
	}
	if want.status == 302 && location == "" {
		at = r.location == s.origin
	}
	if want.status != r.status || !at && (location != "" || want.status == 302) {
		t.Errorf("%s: %d with the Location %q, want %d %q", what, r.status, r.location, want.status, location)
	}
	body := fill(want.body)
	if whole, ok := strings.CutPrefix(body, "="); ok && ids.ReplaceAllString(r.body, "") != whole || !ok && !strings.Contains(r.body, body) {
		t.Errorf("%s: the body is %.200q, want %q", what, r.body, body)
	}
	set := want.set || want.reissues && s.strategy == engine.StrategyJWT
	if r.sets(sessionCookie) != set || r.clears(sessionCookie) != want.clear {
		t.Errorf("%s: session cookie set %v, cleared %v, want %v and %v", what, r.sets(sessionCookie), r.clears(sessionCookie), set, want.clear)
	}
	if strings.Contains(want.location+body, "error=Configuration") {
		for _, c := range r.set { // errors set nothing (WIRE.md section 1)
			if c.MaxAge >= 0 {
				t.Errorf("%s: the cookie %s is set", what, c.Name)
			}
		}
	}
}

// person is the address of who is meant.
func person(who string, n name, strategy engine.Strategy) string {
	if rest, ok := strings.CutPrefix(who, "(jwt) "); ok {
		if who = rest; strategy != engine.StrategyJWT {
			return ""
		}
	}
	if who == "" || strings.Contains(who, "@") {
		return who
	}
	return n.address(who)
}

func TestEveryEndpoint(t *testing.T) {
	onStores(t, func(t *testing.T, store outage) {
		for i, strategy := range both {
			t.Run(string(strategy), func(t *testing.T) {
				s := newSite(t, store, strategy)
				for at, q := range requests {
					n := name(fmt.Sprintf("%s%d", strategy, at))
					what := q.name
					b := s.browser()
					run := q.ready(b, n)
					s.quiet(what + ", before")
					had, users := b.cookies[sessionCookie], store.users()

					want := q.down[min(i, len(q.down)-1)]
					store.stop()
					r := run()
					down := b.user() // of whoever looks at the page next
					store.start()

					lines := s.logs.take()
					if had2 := b.cookies[sessionCookie]; had2 != "" && strategy == engine.StrategyDatabase {
						lines = lines[:max(0, len(lines)-1)] // of b.user
					}
					s.logs.put(lines)
					s.check(what, r, want)
					switch {
					case want.needsDB:
						s.failed(what)
					default:
						s.expected(what)
					}
					if !want.clear && !want.set && b.cookies[sessionCookie] != had {
						t.Errorf("%s: the session cookie is %.20q, was %.20q", what, b.cookies[sessionCookie], had)
					}
					if strategy == engine.StrategyDatabase && down != "" {
						t.Errorf("%s: without the database %q is signed in", what, down)
					}
					if n := store.users(); n != users {
						t.Errorf("%s: %d users, before %d", what, n, users)
					}

					// The database is back.
					if got, want := b.user(), person(q.after, n, strategy); got != want {
						t.Errorf("%s, when the database is back: the session is of %q, want %q", what, got, want)
					}
					again, up := q.again, want
					if again == nil {
						again = func(*browser, name) *reply { return run() }
					}
					if q.up != nil {
						up = *q.up
					}
					s.logs.take()
					s.check(what+", again", again(b, n), up)
					s.expected(what + ", again")
					if signs := person(q.signs, n, strategy); signs != "" {
						if got := b.user(); got != signs {
							t.Errorf("%s, again: the session is of %q, want %q", what, got, signs)
						}
					}
				}
				// Everybody of the providers exists once, and is who they were.
				for _, who := range []string{"bob", "carol"} {
					byAccount, err := store.adapter.GetUserByAccount(t.Context(), "oidc", who)
					fatal(t, err)
					byAddress, err := store.adapter.GetUserByEmail(t.Context(), who+"@example.com")
					fatal(t, err)
					if byAccount.ID != byAddress.ID {
						t.Errorf("%s is the user %s by account and %s by address", who, byAccount.ID, byAddress.ID)
					}
				}
			})
		}
	})
}

// put gives lines back.
func (l *logs) put(lines []line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(lines, l.lines...)
}

// expected checks that nothing failed but by a user's own doing.
func (s *site) expected(what string) {
	s.t.Helper()
	for _, entry := range s.logs.take() {
		if entry.level >= slog.LevelError {
			s.t.Errorf("%s: the log has %v", what, entry)
		}
	}
}
