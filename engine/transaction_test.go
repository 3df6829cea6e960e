package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// transacting is an adapter whose transactions go another way than straight to
// their commit.
type transacting struct {
	engine.Adapter
	how string // "once", "twice", "commit fails", "does not begin"
	ran *int   // how often fn has run
}

var errCommit = errors.New("the commit failed")

func (t transacting) Tx(ctx context.Context, fn func(engine.Adapter) error) error {
	tx := t.Adapter.(store.Transactor)
	counted := func(a engine.Adapter) error {
		*t.ran++
		return fn(a)
	}
	rolledBack := func(err error) error {
		failed := tx.Tx(ctx, func(a engine.Adapter) error {
			if failed := counted(a); failed != nil {
				return failed
			}
			return err
		})
		if !errors.Is(failed, err) {
			return failed
		}
		return nil
	}
	switch t.how {
	case "twice":
		if err := rolledBack(errors.New("serialization failure")); err != nil {
			return err
		}
	case "commit fails":
		if err := rolledBack(errCommit); err != nil {
			return err
		}
		return errCommit
	case "does not begin":
		return errCommit
	}
	return tx.Tx(ctx, counted)
}

// A transaction sets no cookie: one that is run twice leaves the cookies of one
// that is run once, and one that cannot be committed those of one that never
// began. So it is of every way in that stores more than a session.
func TestTransactionsSetNoCookies(t *testing.T) {
	created := engine.User{ID: "made-id", Name: new("Made"), Email: new("made@example.com")}
	ways := []struct {
		name  string
		id    engine.Identity // of a Method; for the others nothing
		enter func(b *browser) *reply
		user  string
	}{
		{"OpenID Connect", engine.Identity{}, func(b *browser) *reply { return b.oauth("oidc") }, "bob@example.com"},
		{"OAuth 2.0", engine.Identity{}, func(b *browser) *reply { return b.oauth("oauth") }, "bob@example.com"},
		{"a mail link, new", engine.Identity{}, func(b *browser) *reply { return b.followMail("carol@example.com") }, "carol@example.com"},
		{"a mail link, known", engine.Identity{}, func(b *browser) *reply { return b.followMail("known@example.com") }, "known@example.com"},
		{"a mail link, unproven", engine.Identity{}, func(b *browser) *reply { return b.followMail("alice@example.com") }, "alice@example.com"},
		{"credentials that create", engine.Identity{}, func(b *browser) *reply { return b.post("/callback/making", "password", password) }, "made@example.com"},
		{"a Method, account", bobAt("bob-sub"), nil, "bob@example.com"},
		{"a Method, address", engine.Identity{Email: "dora@example.com"}, nil, "dora@example.com"},
		{"a Method, known address", engine.Identity{Email: "known@example.com"}, nil, "known@example.com"},
		{"a Method that creates", engine.Identity{User: created, CreateUser: true}, nil, "made@example.com"},
	}
	for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		session := map[engine.Dialect]string{engine.DialectV5: sessionCookie, engine.DialectV4: "next-auth.session-token"}[dialect]
		for _, strategy := range strategies {
			for _, linked := range []bool{false, true} { // somebody is signed in before
				for _, way := range ways {
					what := fmt.Sprintf("%v, %s, %s, signed in before %v", dialect, strategy, way.name, linked)
					run := func(how string) (cookies []string, r *reply, user string, ran int) {
						sure := "once"
						s := newSite(t, withStrategy(strategy), withIdentity(&way.id), func(s *site, c *engine.Config) {
							c.Dialect = dialect
							c.Adapter = transacting{c.Adapter, "once", &ran}
							c.Providers = append(c.Providers, &engine.Credentials{ID: "making", CreateUsers: true, Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
								u := created
								return &u, nil
							}})
							s.putUser(engine.User{ID: "known-id", Email: new("known@example.com"), EmailVerified: new(startTime)})
						}, func(_ *site, c *engine.Config) {
							inner := c.Adapter.(transacting)
							c.Adapter = txSwitch{inner, &sure}
						})
						b := s.browser()
						if linked {
							b.signIn()
						}
						sure, ran = how, 0
						enter := way.enter
						if enter == nil {
							enter = func(b *browser) *reply { return b.post("/callback/toy") }
						}
						r = enter(b)
						for _, c := range r.set {
							kind := "set"
							if c.MaxAge < 0 {
								kind = "cleared"
							}
							cookies = append(cookies, kind+" "+c.Name)
						}
						slices.Sort(cookies)
						sure = "once"
						body := b.get("/session").body
						for _, known := range []string{"alice@example.com", "bob@example.com", "carol@example.com", "dora@example.com", "known@example.com", "made@example.com"} {
							if strings.Contains(body, `"`+known+`"`) {
								user = known
							}
						}
						return cookies, r, user, ran
					}
					once, r, user, ran := run("once")
					if ran == 0 {
						if strategy == engine.StrategyDatabase || !strings.HasPrefix(way.name, "credentials") && !strings.Contains(way.name, "creates") {
							t.Errorf("%s: no transaction; %d %q", what, r.status, r.location())
						}
						continue // one write, or none
					}
					want := way.user
					if linked && (strings.HasPrefix(way.name, "O") || way.name == "a Method, account") {
						want = "alice@example.com" // to whom the account is linked
					}
					if user != want || !slices.Contains(once, "set "+session) {
						t.Errorf("%s: the session is of %q, want %q; cookies %q", what, user, want, once)
					}
					twice, _, user, ran := run("twice")
					if ran != 2 || user != want || !slices.Equal(twice, once) {
						t.Errorf("%s: run %d times, the session is of %q, the cookies are %q, and of one run %q", what, ran, user, twice, once)
					}
					failed, r, user, _ := run("commit fails")
					never, n, before, _ := run("does not begin")
					if !slices.Equal(failed, never) || user != before || r.location() != n.location() {
						t.Errorf("%s: after a commit that fails, %q as %q, the cookies are %q; without a transaction %q as %q, %q", what, r.location(), user, failed, n.location(), before, never)
					}
					if slices.ContainsFunc(failed, func(c string) bool { return strings.Contains(c, session) }) || !strings.Contains(r.location(), "error=") {
						t.Errorf("%s: after a commit that fails, %q, cookies %q", what, r.location(), failed)
					}
					if linked != (user == "alice@example.com") {
						t.Errorf("%s: after a commit that fails, the session is of %q", what, user)
					}
				}
			}
		}
	}
}

// txSwitch is a transacting adapter that changes its ways.
type txSwitch struct {
	transacting
	how *string
}

func (t txSwitch) Tx(ctx context.Context, fn func(engine.Adapter) error) error {
	t.transacting.how = *t.how
	return t.transacting.Tx(ctx, fn)
}

// The same for update(): a transaction that is run twice, or fails, changes no
// cookie but the session's, and that only when it is committed.
func TestUpdateInATransaction(t *testing.T) {
	for _, strategy := range strategies {
		needed := false // update() needs a transaction
		for _, how := range []string{"once", "twice", "commit fails", "does not begin"} {
			var ran int
			now := "once"
			s := newSite(t, nameWritable, withStrategy(strategy), func(_ *site, c *engine.Config) {
				c.Adapter = txSwitch{transacting{c.Adapter, "", &ran}, &now}
			})
			b := s.browser()
			b.signIn()
			before := b.cookie(sessionCookie)
			now, ran = how, 0
			r := b.update(map[string]any{"name": "Alison"})
			now = "once"
			needed = needed || ran > 0
			ok := how == "once" || how == "twice" || !needed
			if changed := strings.Contains(b.session(), "Alison"); changed != ok {
				t.Errorf("%s, %s: changed %v; %s", strategy, how, changed, r.body)
			}
			if !ok && b.cookie(sessionCookie) != before {
				t.Errorf("%s, %s: the cookies are %q", strategy, how, r.header["Set-Cookie"])
			}
		}
	}
}
