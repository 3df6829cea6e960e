package outage_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// counted is an adapter that is told of each call before it is made.
type counted struct {
	to     store.Adapter
	before func(call string)
}

// countedTx is one with transactions.
type countedTx struct{ counted }

func countCalls(a store.Adapter, before func(string)) store.Adapter {
	c := counted{a, before}
	if _, ok := a.(store.Transactor); ok {
		return countedTx{c}
	}
	if _, ok := a.(store.SignUpAdapter); ok {
		return countedSignUp{c}
	}
	return c
}

// countedSignUp is one that creates a user with an account.
type countedSignUp struct{ counted }

func (c countedSignUp) CreateUserWithAccount(ctx context.Context, u store.User, a store.Account) (store.User, store.Account, error) {
	c.before("CreateUserWithAccount")
	return c.to.(store.SignUpAdapter).CreateUserWithAccount(ctx, u, a)
}

func (c countedTx) Tx(ctx context.Context, fn func(store.Adapter) error) error {
	c.before("Tx")
	return c.to.(store.Transactor).Tx(ctx, func(a store.Adapter) error {
		if err := fn(counted{a, c.before}); err != nil {
			return err
		}
		c.before("Commit")
		return nil
	})
}

func (c counted) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	c.before("CreateUser")
	return c.to.CreateUser(ctx, u)
}

func (c counted) GetUser(ctx context.Context, id string) (store.User, error) {
	c.before("GetUser")
	return c.to.GetUser(ctx, id)
}

func (c counted) GetUserByEmail(ctx context.Context, email string) (store.User, error) {
	c.before("GetUserByEmail")
	return c.to.GetUserByEmail(ctx, email)
}

func (c counted) UpdateUser(ctx context.Context, u store.UserUpdate) (store.User, error) {
	c.before("UpdateUser")
	return c.to.UpdateUser(ctx, u)
}

func (c counted) DeleteUser(ctx context.Context, id string) error {
	c.before("DeleteUser")
	return c.to.DeleteUser(ctx, id)
}

func (c counted) LinkAccount(ctx context.Context, a store.Account) (store.Account, error) {
	c.before("LinkAccount")
	return c.to.LinkAccount(ctx, a)
}

func (c counted) UnlinkAccount(ctx context.Context, provider, id string) error {
	c.before("UnlinkAccount")
	return c.to.UnlinkAccount(ctx, provider, id)
}

func (c counted) GetAccount(ctx context.Context, provider, id string) (store.Account, error) {
	c.before("GetAccount")
	return c.to.GetAccount(ctx, provider, id)
}

func (c counted) GetUserByAccount(ctx context.Context, provider, id string) (store.User, error) {
	c.before("GetUserByAccount")
	return c.to.GetUserByAccount(ctx, provider, id)
}

func (c counted) ListAccountsByUserID(ctx context.Context, id string) ([]store.Account, error) {
	c.before("ListAccountsByUserID")
	return c.to.ListAccountsByUserID(ctx, id)
}

func (c counted) CreateSession(ctx context.Context, s store.Session) (store.Session, error) {
	c.before("CreateSession")
	return c.to.CreateSession(ctx, s)
}

func (c counted) GetSession(ctx context.Context, token string) (store.Session, error) {
	c.before("GetSession")
	return c.to.GetSession(ctx, token)
}

func (c counted) GetSessionAndUser(ctx context.Context, token string) (store.Session, store.User, error) {
	c.before("GetSessionAndUser")
	return c.to.GetSessionAndUser(ctx, token)
}

func (c counted) UpdateSession(ctx context.Context, u store.SessionUpdate) (store.Session, error) {
	c.before("UpdateSession")
	return c.to.UpdateSession(ctx, u)
}

func (c counted) DeleteSession(ctx context.Context, token string) error {
	c.before("DeleteSession")
	return c.to.DeleteSession(ctx, token)
}

func (c counted) DeleteSessionsByUserID(ctx context.Context, id string) error {
	c.before("DeleteSessionsByUserID")
	return c.to.DeleteSessionsByUserID(ctx, id)
}

func (c counted) CreateVerificationToken(ctx context.Context, v store.VerificationToken) (store.VerificationToken, error) {
	c.before("CreateVerificationToken")
	return c.to.CreateVerificationToken(ctx, v)
}

func (c counted) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	c.before("UseVerificationToken")
	return c.to.UseVerificationToken(ctx, identifier, token)
}

// flow is something that takes several calls of the adapter.
type flow struct {
	name string
	// ready does what comes before. What it returns is done while the database
	// stops, and once more when it is back; nil in its place then: from the
	// beginning.
	ready func(b *browser, n int) func() *reply
	// user is who is signed in when all is well.
	user func(n int) string
	// users is how many come into being.
	users int
	// once: what ready returns cannot be done twice (a code, a used link).
	once bool
}

func nth(who string) func(int) string {
	return func(n int) string { return fmt.Sprintf("%s-%d@example.com", who, n) }
}

var flows = []flow{
	{name: "oidc, a new user", user: nth("person"), users: 1, once: true, ready: func(b *browser, n int) func() *reply {
		callback := b.leave("oidc", fmt.Sprintf("person-%d", n))
		return func() *reply { return b.do("GET", callback, nil) }
	}},
	{name: "oidc, a known account", user: nth("person"), once: true, ready: func(b *browser, n int) func() *reply {
		b.s.browser().come("oidc", n)
		callback := b.leave("oidc", fmt.Sprintf("person-%d", n))
		return func() *reply { return b.do("GET", callback, nil) }
	}},
	{name: "oauth, linked to who is signed in", user: nth("person"), once: true, ready: func(b *browser, n int) func() *reply {
		b.come("oidc", n)
		callback := b.leave("oauth", fmt.Sprintf("person-%d", n))
		return func() *reply { return b.do("GET", callback, nil) }
	}},
	{name: "mail, a new user", user: nth("dora"), users: 1, ready: func(b *browser, n int) func() *reply {
		address := nth("dora")(n)
		token := b.link(address)
		return func() *reply { return b.post("/callback/email", "token", token, "email", address) }
	}},
	{name: "mail, a known user, from another session", user: nth("person"), ready: func(b *browser, n int) func() *reply {
		b.s.browser().come("oidc", n)
		b.come("oidc", n+1)
		address := nth("person")(n)
		token := b.link(address)
		return func() *reply { return b.post("/callback/email", "token", token, "email", address) }
	}},
	{name: "credentials", user: nth("alice"), users: 1, ready: func(b *browser, n int) func() *reply {
		b.csrf()
		return func() *reply { return b.post("/callback/credentials", "username", fmt.Sprintf("alice-%d", n)) }
	}},
	{name: "a session to be extended, and changed", user: nth("person"), ready: func(b *browser, n int) func() *reply {
		b.come("oidc", n)
		b.csrf()
		b.s.clock.Advance(25 * time.Hour)
		return func() *reply { return b.update("New name") }
	}},
}

// come signs a person in at a provider.
func (b *browser) come(provider string, n int) {
	b.s.t.Helper()
	if r := b.do("GET", b.leave(provider, fmt.Sprintf("person-%d", n)), nil); !r.sets(sessionCookie) {
		b.s.t.Fatalf("signing in: %d %q; log %v", r.status, r.location, b.s.logs.take())
	}
}

// The database stops in the middle of a request, before any of its calls.
func TestMidway(t *testing.T) {
	onStores(t, func(t *testing.T, store outage) {
		if strings.HasSuffix(t.Name(), "/sqlite") {
			t.Skip("a file that is open can be written wherever its folder is moved to: a transaction does not notice")
		}
		for _, strategy := range both {
			t.Run(string(strategy), func(t *testing.T) {
				var calls []string // of the request
				fall := -1         // before this one the database stops
				fallen := false
				inner := store
				inner.adapter = countCalls(store.adapter, func(call string) {
					calls = append(calls, call)
					if len(calls)-1 == fall {
						store.stop()
						fallen = true
					}
				})
				s := newSite(t, inner, strategy)
				n := 0
				if strategy == engine.StrategyDatabase {
					n = 500
				}
				for _, f := range flows {
					for k := 0; ; k++ {
						n += 2
						b := s.browser()
						run := f.ready(b, n)
						s.logs.take()
						users := store.users()

						calls, fall, fallen = nil, k, false
						r := run()
						what := fmt.Sprintf("%s, stopped before call %d of %v", f.name, k, calls)
						fall = -1
						if fallen {
							store.start()
						}
						well := r.status == 302 && !strings.Contains(r.location, "error=") || r.status == 200 && r.body != "null"
						var errors []line
						for _, entry := range s.logs.take() {
							if entry.level >= slog.LevelError {
								errors = append(errors, entry)
							}
						}
						switch {
						case !fallen && (!well || len(errors) > 0):
							t.Errorf("%s: nothing was stopped: %d %q %.100s, log %v", what, r.status, r.location, r.body, errors)
						case fallen && len(errors) != 1:
							t.Errorf("%s: %d lines, want one: %v", what, len(errors), errors)
						}
						if !well && (r.sets(sessionCookie) || r.status == 302 && ids.ReplaceAllString(r.location, "") != s.origin+failed) {
							t.Errorf("%s: %d %q, sets a session %v", what, r.status, r.location, r.sets(sessionCookie))
						}
						if !well {
							used := len(calls) > 1 && calls[0] == "UseVerificationToken" && k > 0
							if f.once || used {
								run = f.ready(b, n)
							}
							s.logs.take()
							r := run()
							if r.status == 302 && strings.Contains(r.location, "error=") || r.status == 200 && r.body == "null" {
								t.Errorf("%s: when the database is back: %d %q %.100s, log %v", what, r.status, r.location, r.body, s.logs.take())
							}
						}
						if got := b.user(); got != f.user(n) {
							t.Errorf("%s: the session is of %q, want %q", what, got, f.user(n))
						}
						if strategy == engine.StrategyDatabase || f.name != "credentials" {
							if got := store.users() - users; got != f.users {
								t.Errorf("%s: %d users more, want %d", what, got, f.users)
							}
						}
						if !fallen {
							break
						}
					}
				}
			})
		}
	})
}
