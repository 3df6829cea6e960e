package adaptertest

import (
	"context"
	"errors"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

var errRollback = errors.New("adaptertest: roll back")

// tx runs fn in a transaction, with a caseT on the adapter of the transaction.
func (t *caseT) tx(fn func(in *caseT) error) error {
	return t.a.Tx(t.ctx, func(a store.Adapter) error { return fn(t.on(a)) })
}

func txRollback(t *caseT) {
	before := t.user("u0")
	err := t.tx(func(in *caseT) error {
		in.user("u1")
		in.account(t.id("u1"), "github", "1")
		in.session("s1", t.id("u1"))
		if t.has(needAuthn) {
			in.authenticator("c1", t.id("u1"))
		}
		in.token("a", "t1")
		in.ok(in.a.DeleteUser(in.ctx, before.ID))
		return errRollback
	})
	if err != errRollback {
		t.fail("error of Tx: "+errString(err), "the error that fn returned, unchanged")
	}
	t.noUser(t.id("u1"))
	_, err = t.a.GetAccount(t.ctx, "github", "1")
	t.notFound(err)
	_, err = t.a.GetSession(t.ctx, "s1")
	t.notFound(err)
	t.miss("a", "t1")
	t.wantUser(before)
	t.create(store.User{ID: t.id("u9"), Email: ptr(email("u1"))})
	t.account(before.ID, "github", "1")
}

func errString(err error) string {
	if err == nil {
		return "nil"
	}
	return err.Error()
}

// txEveryMethod rolls back a call of each method of the contract.
func txEveryMethod(t *caseT) {
	t.populate()
	before := t.snapshot()
	err := t.tx(func(in *caseT) error {
		for _, c := range append(in.reads(), in.writes()...) {
			if err := c.do(in.ctx); err != nil {
				in.fail(c.name+" in a transaction: error: "+err.Error(), "no error")
			}
		}
		in.noUser(t.id("u1"))
		in.miss("a", "t1")
		in.take("a", "t2")
		return errRollback
	})
	t.is(err, errRollback)
	t.unchanged(before, "a transaction that was rolled back")
	t.take("a", "t1")
	t.miss("a", "t2")
}

func txPanic(t *caseT) {
	panicked := func() (v any) {
		defer func() { v = recover() }()
		_ = t.tx(func(in *caseT) error { in.user("u1"); panic("oops") })
		return nil
	}()
	t.check(panicked == "oops", "Tx swallowed the panic of fn", "Tx to roll back and panic with the same value")
	t.noUser(t.id("u1"))
	t.create(store.User{ID: t.id("u9"), Email: ptr(email("u1"))})
}

func txCancelledInside(t *caseT) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	err := t.a.Tx(ctx, func(a store.Adapter) error {
		ok(a.CreateUser(ctx, t.fullUser("u1")))(t)
		cancel()
		return nil
	})
	t.is(err, context.Canceled)
	t.noUser(t.id("u1"))
}

func txIsolation(t *caseT) {
	t.user("u0")
	t.session("s0", t.id("u0"))
	t.ok(t.tx(func(in *caseT) error {
		in.user("u1")
		in.session("s1", t.id("u1"))
		later := t.base.AddDate(1, 0, 0)
		ok(in.a.UpdateSession(in.ctx, store.SessionUpdate{SessionToken: "s0", Expires: &later}))(in)
		_, u, err := in.a.GetSessionAndUser(in.ctx, "s1")
		in.ok(err)
		in.equal(u.ID, t.id("u1"))
		in.equal(ok(in.a.GetSession(in.ctx, "s0"))(in).Expires, later)

		// From outside the rows do not exist, or reads block until the commit.
		ctx, cancel := context.WithTimeout(t.ctx, 2*time.Second)
		defer cancel()
		waits := func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
		if _, _, err = t.a.GetSessionAndUser(ctx, "s1"); waits(err) {
			return nil
		}
		t.notFound(err)
		if _, err = t.a.GetUser(ctx, t.id("u1")); waits(err) {
			return nil
		}
		t.notFound(err)
		s, err := t.a.GetSession(ctx, "s0")
		if waits(err) {
			return nil
		}
		t.ok(err)
		t.check(!s.Expires.Equal(later), "an uncommitted write is visible outside the transaction", "the session as it was")
		return nil
	}))
	_, _, err := t.a.GetSessionAndUser(t.ctx, "s1")
	t.ok(err)
	t.equal(ok(t.a.GetSession(t.ctx, "s0"))(t).Expires, t.base.AddDate(1, 0, 0))
}

func txCommit(t *caseT) {
	t.ok(t.tx(func(in *caseT) error {
		in.user("u1")
		in.account(t.id("u1"), "github", "1")
		in.session("s1", t.id("u1"))
		return nil
	}))
	t.wantUser(t.fullUser("u1"))
	t.wantOwner("github", "1", t.id("u1"))
	ok(t.a.GetSession(t.ctx, "s1"))(t)
}

// txAfterAbsent continues a transaction after calls that returned ErrNotFound.
func txAfterAbsent(t *caseT) {
	t.user("u1")
	nobody := t.nobody()
	t.ok(t.tx(func(in *caseT) error {
		_, err := in.a.GetUser(in.ctx, nobody)
		in.notFound(err)
		_, err = in.a.GetUserByEmail(in.ctx, email("u2"))
		in.notFound(err)
		in.user("u2")
		return nil
	}))
	t.wantUser(t.fullUser("u2"))
}

func txUsedLate(t *caseT) {
	var late store.Adapter
	t.ok(t.tx(func(in *caseT) error { late = in.a; return nil }))
	_, err := late.CreateUser(t.ctx, t.fullUser("u1"))
	t.check(err != nil, "the adapter of a transaction still works after the commit", "an error")
	_, err = t.a.GetUserByEmail(t.ctx, email("u1"))
	t.notFound(err)
}
