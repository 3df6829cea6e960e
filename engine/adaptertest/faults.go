package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

func faultCancelled(t *caseT) {
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	t.noEffect(ctx, context.Canceled)
}

func faultDeadline(t *caseT) {
	ctx, cancel := context.WithDeadline(t.ctx, time.Unix(1, 0))
	defer cancel()
	t.noEffect(ctx, context.DeadlineExceeded)
}

// faultDeadlineBusy finds a call that ignores its deadline while it waits for a
// lock.
func faultDeadlineBusy(t *caseT) {
	id := t.user("u1").ID
	t.session("s1", id)
	t.within("a write with a deadline, during an open transaction", func() {
		t.ok(t.a.Tx(t.ctx, func(a store.Adapter) error {
			if _, err := a.UpdateUser(t.ctx, store.UserUpdate{ID: id, Name: store.SetTo("inside")}); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.ctx, 30*time.Millisecond)
			defer cancel()
			_, err := t.a.UpdateUser(ctx, store.UserUpdate{ID: id, Image: store.SetTo("outside")})
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("the call with the deadline: %w; want an error that matches context.DeadlineExceeded", err)
			}
			return nil
		}))
	})
	t.equal(*ok(t.a.GetUser(t.ctx, id))(t).Name, "inside")
}

// noEffect wants every call with ctx to fail with want and to change nothing,
// neither then nor later.
func (t *caseT) noEffect(ctx context.Context, want error) {
	t.populate()
	before := t.snapshot()
	for _, c := range append(t.reads(), t.writes()...) {
		t.within(c.name+" with a context that has ended", func() {
			err := c.do(ctx)
			if !errors.Is(err, want) || errors.Is(err, store.ErrNotFound) {
				t.record(c.name+": error: "+fmt.Sprint(err), "an error that matches "+nameOf(want)+" and not store.ErrNotFound")
			}
		})
		t.stopIfFailed()
		t.unchanged(before, c.name)
	}
	if t.has(needTx) {
		err := t.a.Tx(ctx, func(a store.Adapter) error {
			if _, err := a.CreateUser(ctx, t.fullUser("u2")); err != nil {
				return err
			}
			return nil
		})
		t.is(err, want)
	}
	t.settle()
	t.unchanged(before, "all calls and a short wait")
	t.take("a", "t1")
	t.miss("a", "t2")
}

// stopIfFailed ends the case if another goroutine has recorded a failure.
func (t *caseT) stopIfFailed() {
	t.mu.Lock()
	f := t.failure
	t.mu.Unlock()
	if f != nil {
		t.fail(f.Got, f.Want)
	}
}

// faultLateEffect cancels a call while it runs, and compares the store right
// after the call with the store some time later.
func faultLateEffect(t *caseT) {
	u1 := t.user("u1").ID
	type round struct {
		address string
		created error
		found   bool
	}
	var rounds []round
	for i := range 40 {
		ctx, cancel := context.WithCancel(t.ctx)
		r := round{address: email(fmt.Sprint("late", i))}
		u := store.User{ID: t.id(r.address), Email: &r.address}
		t.together("CreateUser, and the cancellation of its context", 2, func(i int) error {
			if i == 0 {
				cancel()
			} else {
				_, r.created = t.a.CreateUser(ctx, u)
			}
			return nil
		})
		cancel()
		if r.created != nil {
			t.is(r.created, context.Canceled)
		}
		_, err := t.a.GetUserByEmail(t.ctx, r.address)
		if err != nil {
			t.notFound(err)
		}
		r.found = err == nil
		t.check(r.created != nil || r.found, "CreateUser returned no error, but there is no user", "the user to exist")
		rounds = append(rounds, r)
	}
	ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: u1, Name: store.SetTo("x")}))(t) // waits for other writers
	t.settle()
	for _, r := range rounds {
		_, err := t.a.GetUserByEmail(t.ctx, r.address)
		t.check((err == nil) == r.found, fmt.Sprintf("CreateUser returned the error %v; the user existed right after it: %v; later: %v", r.created, r.found, err == nil), "no write after the call has returned")
	}
}

func faultReadNeverAbsent(t *caseT) { t.brokenStore(t.reads) }
func faultWriteError(t *caseT)      { t.brokenStore(t.writes) }

// brokenStore wants every call to fail with the error of the store while that is
// broken, and to work afterwards.
func (t *caseT) brokenStore(list func() []call) {
	t.populate()
	before := t.snapshot()
	for _, c := range list() {
		heal := t.suite.broken(t.raw)
		t.log.add("the store breaks")
		var err error
		t.within(c.name+" on a broken store", func() { err = c.do(t.ctx) })
		heal()
		t.log.add("the store works again")
		t.ownError(c.name, err)
		t.unchanged(before, c.name+" on a broken store")
	}
	for _, c := range list() {
		if err := c.do(t.ctx); err != nil {
			t.fail(c.name+", after the store recovered: error: "+err.Error(), "no error")
		}
	}
}

// ownError wants err to be the error of a failed store.
func (t *caseT) ownError(name string, err error) {
	switch {
	case err == nil:
		t.fail(name+": no error", "the error of the store")
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrStaleCounter):
		t.fail(name+": error: "+err.Error(), "the error of the store, which matches no error of package store")
	}
}

func faultClosed(t *caseT) {
	t.populate()
	t.ok(t.a.Close())
	for _, c := range append(t.reads(), t.writes()...) {
		var err error
		t.within(c.name+" after Close", func() { err = c.do(t.ctx) })
		t.ownError(c.name+" after Close", err)
	}
	if t.has(needTx) {
		var err error
		t.within("Tx after Close", func() { err = t.a.Tx(t.ctx, func(store.Adapter) error { return nil }) })
		t.ownError("Tx after Close", err)
	}
	t.within("a second Close", func() { _ = t.a.Close() })
}

func faultErrorsIs(t *caseT) {
	u := t.user("u1")
	_, err := t.a.CreateUser(t.ctx, store.User{ID: t.id("u2"), Email: u.Email})
	wrapped := fmt.Errorf("sign in: %w", err)
	t.is(wrapped, store.ErrConflict)
	t.is(wrapped, &store.ConflictError{Field: "email"})
	t.check(!errors.Is(wrapped, &store.ConflictError{Field: "id"}) && !errors.Is(wrapped, store.ErrNotFound), "error: "+fmt.Sprint(err), "an error that matches no other error of package store")
	for name, err := range map[string]error{
		"GetUser":              errOf(t.a.GetUser(t.ctx, t.nobody())),
		"GetUserByEmail":       errOf(t.a.GetUserByEmail(t.ctx, email("u2"))),
		"GetAccount":           errOf(t.a.GetAccount(t.ctx, "github", "1")),
		"GetSession":           errOf(t.a.GetSession(t.ctx, "s1")),
		"UpdateSession":        errOf(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1", Expires: &t.base})),
		"UseVerificationToken": errOf(t.a.UseVerificationToken(t.ctx, "a", "t1")),
	} {
		t.is(fmt.Errorf("%s: %w", name, err), store.ErrNotFound)
		t.check(!errors.Is(err, store.ErrConflict), "error: "+fmt.Sprint(err), "an error that matches store.ErrNotFound only")
	}
	s := t.session("s1", u.ID)
	t.is(fmt.Errorf("sign in: %w", errOf(t.a.CreateSession(t.ctx, s))), &store.ConflictError{Field: "sessionToken"})
	t.account(u.ID, "github", "1")
	t.is(fmt.Errorf("sign in: %w", errOf(t.a.LinkAccount(t.ctx, fullAccount(u.ID, "github", "1")))), &store.ConflictError{Field: "providerAccountId"})
	t.token("a", "t1")
	t.is(fmt.Errorf("sign in: %w", errOf(t.a.CreateVerificationToken(t.ctx, store.VerificationToken{Identifier: "a", Token: "t1", Expires: t.base}))), &store.ConflictError{Field: "token"})
}

func faultDeleteUserAtomic(t *caseT) {
	t.everyStatement("DeleteUser")
}

// faultWritesAtomic does the same for every other write except a purge, which may
// stop halfway.
func faultWritesAtomic(t *caseT) {
	for _, c := range t.writes() {
		if c.name != "DeleteUser" && c.name != "PurgeExpired" {
			t.everyStatement(c.name)
		}
	}
}

// everyStatement makes each statement of one call fail in turn, each on a new
// store, and wants the call to have its whole effect or none.
func (t *caseT) everyStatement(name string) {
	for n := 1; ; n++ {
		t.bind(t.openStore(t.suite.fields))
		t.log.add("an empty store")
		t.populate()
		before := t.snapshot()
		var c call
		for _, c = range t.writes() {
			if c.name == name {
				break
			}
		}
		heal := t.suite.failAt(t.raw, n)
		t.log.add("statement %d will fail", n)
		err := c.do(t.ctx)
		hit := heal()
		if !hit {
			t.check(n > 1, "FailAt counted no statement", "FailAt to count the statements of "+name)
			t.ok(err)
			return
		}
		if err == nil {
			t.check(name == "DeleteUser" && t.isGone() || t.snapshot() != before, fmt.Sprintf("%s: no error and no effect, although statement %d failed", name, n), "an error, or the whole effect")
			continue
		}
		t.ownError(fmt.Sprintf("%s, whose statement %d failed", name, n), err)
		if name == "DeleteUser" && t.isGone() {
			continue
		}
		t.unchanged(before, fmt.Sprintf("%s, whose statement %d failed,", name, n))
		if name == "UseVerificationToken" {
			t.take("a", "t1")
		}
	}
}

// isGone reports whether nothing is left of the user that populate stores.
func (t *caseT) isGone() bool { return t.snapshot() == "" }

func faultConsumeDurable(t *caseT) {
	t.token("a@example.com", "t1")
	t.token("a@example.com", "t2")
	second := t.another()
	t.take("a@example.com", "t1")
	_, err := second.UseVerificationToken(t.ctx, "a@example.com", "t1")
	t.notFound(err)
	if c, ok := second.(*recorder).a.(io.Closer); ok { // a recorder has every method
		t.ok(c.Close())
	}
	t.close()
	second = t.another()
	_, err = second.UseVerificationToken(t.ctx, "a@example.com", "t1")
	t.notFound(err)
	ok(second.UseVerificationToken(t.ctx, "a@example.com", "t2"))(t)
}

func faultReopen(t *caseT) {
	t.populate()
	before := t.snapshot()
	t.token("a@example.com", "t9")
	t.take("a@example.com", "t9")
	t.session("gone", t.id("u1"))
	t.ok(t.a.DeleteSession(t.ctx, "gone"))
	t.close()
	t.bind(t.another().(*recorder).a)
	t.unchanged(before, "closing and reopening")
	t.miss("a@example.com", "t9")
	t.take("a", "t1")
	_, err := t.a.GetSession(t.ctx, "gone")
	t.notFound(err)
}

func faultRecovers(t *caseT) {
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	_, err := t.a.CreateUser(ctx, t.fullUser("u1"))
	t.is(err, context.Canceled)
	t.user("u1")
	_, err = t.a.CreateSession(ctx, store.Session{SessionToken: "s1", UserID: t.id("u1"), Expires: t.base})
	t.is(err, context.Canceled)
	t.session("s1", t.id("u1"))
	_, err = t.a.CreateUser(t.ctx, store.User{ID: t.id("u2"), Email: ptr(email("u1"))})
	t.conflict(err, "email")
	t.create(store.User{ID: t.id("u2"), Email: ptr(email("u2"))}) // the same id, another address
	nobody := t.nobody()
	_, err = t.a.LinkAccount(t.ctx, fullAccount(nobody, "github", "1"))
	t.notFound(err)
	t.account(t.id("u1"), "github", "1")
}
