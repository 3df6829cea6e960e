package adaptercases

import (
	"context"
	"errors"

	"github.com/sesame-auth/sesame/engine"
)

var errRollback = errors.New("roll back")

// tx runs fn in a transaction, as a case of its own on the adapter it gets.
func (t *T) tx(fn func(in *T) error) error {
	t.Helper()
	return optional[engine.Transactor](t).Tx(t.ctx, func(a engine.Adapter) error {
		return fn(&T{T: t.T, ctx: t.ctx, a: a})
	})
}

var transactions = []testCase{
	{"tx/commit", func(t *T) {
		t.ok(t.tx(func(in *T) error {
			in.user("u1")
			in.account("u1", "github", "1")
			in.session("s1", "u1")
			return nil
		}))
		t.wantUser(fullUser("u1"))
		t.wantOwner("github", "1", "u1")
		ok(t.a.GetSession(t.ctx, "s1"))(t)
	}},
	{"tx/rollback", func(t *T) {
		before := t.user("u0")
		err := t.tx(func(in *T) error {
			in.user("u1")
			in.account("u1", "github", "1")
			in.session("s1", "u1")
			in.authenticator("c1", "u1")
			in.token("a", "t1")
			in.ok(in.a.DeleteUser(in.ctx, "u0"))
			return errRollback
		})
		if err != errRollback {
			t.Fatalf("got %v, want the error of fn itself", err)
		}
		t.noUser("u1")
		t.miss("a", "t1")
		t.wantUser(before)
		t.user("u1")
		t.account("u1", "github", "1")
	}},
	{"tx/every-method", func(t *T) {
		t.ok(Populate(t.ctx, t.a))
		before := ok(Snapshot(t.ctx, t.a))(t)
		err := t.tx(func(in *T) error {
			for _, c := range append(Reads(), Writes()...) {
				if err := c.Do(in.ctx, in.a); err != nil {
					in.Fatalf("%s: %v", c.Name, err)
				}
			}
			in.noUser("u1")
			in.miss("a", "t1")
			in.use("a", "t2")
			return errRollback
		})
		t.is(err, errRollback)
		t.equal(ok(Snapshot(t.ctx, t.a))(t), before)
		t.use("a", "t1")
		t.miss("a", "t2")
	}},
	{"tx/isolation", func(t *T) {
		t.user("u0")
		t.session("s0", "u0")
		t.ok(t.tx(func(in *T) error {
			in.user("u1")
			in.session("s1", "u1")
			later := now.AddDate(1, 0, 0)
			ok(in.a.UpdateSession(in.ctx, engine.SessionUpdate{SessionToken: "s0", Expires: &later}))(in)
			_, u, err := in.a.GetSessionAndUser(in.ctx, "s1")
			in.ok(err)
			in.equal(u.ID, "u1")
			in.equal(ok(in.a.GetSession(in.ctx, "s0"))(in).Expires, later)

			_, _, err = t.a.GetSessionAndUser(t.ctx, "s1")
			t.is(err, engine.ErrNotFound)
			_, err = t.a.GetUser(t.ctx, "u1")
			t.is(err, engine.ErrNotFound)
			if s := ok(t.a.GetSession(t.ctx, "s0"))(t); s.Expires.Equal(later) {
				t.Fatal("an uncommitted write is visible outside")
			}
			return nil
		}))
		_, _, err := t.a.GetSessionAndUser(t.ctx, "s1")
		t.ok(err)
	}},
	{"tx/conflict-inside", func(t *T) {
		t.user("u1")
		t.ok(t.tx(func(in *T) error {
			_, err := in.a.CreateUser(in.ctx, fullUser("u1"))
			in.is(err, engine.ErrConflict{})
			_, err = in.a.GetUser(in.ctx, "u2")
			in.is(err, engine.ErrNotFound)
			in.user("u2")
			return nil
		}))
		t.wantUser(fullUser("u2"))
	}},
	{"tx/panic", func(t *T) {
		func() {
			defer func() {
				if recover() == nil {
					t.Fatal("the panic of fn was swallowed")
				}
			}()
			_ = t.tx(func(in *T) error { in.user("u1"); panic("oops") })
		}()
		t.noUser("u1")
		t.user("u1")
	}},
	{"tx/cancelled-inside", func(t *T) {
		ctx, cancel := context.WithCancel(t.ctx)
		err := optional[engine.Transactor](t).Tx(ctx, func(a engine.Adapter) error {
			ok(a.CreateUser(ctx, fullUser("u1")))(t)
			cancel()
			return nil
		})
		t.is(err, context.Canceled)
		t.noUser("u1")
	}},
	{"tx/used-late", func(t *T) {
		var late engine.Adapter
		t.ok(t.tx(func(in *T) error { late = in.a; return nil }))
		if _, err := late.CreateUser(t.ctx, fullUser("u1")); err == nil {
			t.Fatal("the adapter of a transaction works after its end")
		}
		t.noUser("u1")
	}},
	{"tx/one-after-another", func(t *T) {
		t.user("u1")
		t.authenticator("c1", "u1")
		// Each reads, then writes what it read plus one: all are counted only
		// when no two of them overlap.
		for _, err := range together(16, func(int) error {
			return optional[engine.Transactor](t).Tx(t.ctx, func(a engine.Adapter) error {
				in := a.(engine.AuthenticatorAdapter)
				c, err := in.GetAuthenticator(t.ctx, "c1")
				if err != nil {
					return err
				}
				_, err = in.UpdateAuthenticatorCounter(t.ctx, "c1", c.Counter+1)
				return err
			})
		}) {
			t.ok(err)
		}
		t.equal(ok(authn(t).GetAuthenticator(t.ctx, "c1"))(t).Counter, uint32(16))
	}},
}
