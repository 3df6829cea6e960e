package adaptertest

import (
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

func userCreateReturnedIsStored(t *caseT) {
	given := t.fullUser("u1")
	given.EmailVerified = ptr(t.base.Add(456789 * time.Nanosecond).In(time.FixedZone("", 19800)))
	created := t.create(given)
	t.utc(*created.EmailVerified)
	// Below a millisecond the store may truncate or round, but CreateUser must
	// return what was stored.
	read := ok(t.a.GetUser(t.ctx, created.ID))(t)
	t.check(created.EmailVerified.Equal(*read.EmailVerified), "CreateUser returned "+show(created), "the user that GetUser returns: "+show(read))
	t.check(created.EmailVerified.Sub(t.base).Abs() < max(t.suite.precision, 2*time.Millisecond), show(created.EmailVerified), show(t.base))
	want := t.fullUser("u1")
	want.EmailVerified = read.EmailVerified
	t.equal(created, want)
	t.wantUser(want)
	t.equal(ok(t.a.GetUserByEmail(t.ctx, email("u1")))(t), want)
}

func userCreateKeepsId(t *caseT) {
	for _, name := range []string{"u1", "u2", "u3"} {
		want := t.fullUser(name)
		t.equal(ok(t.a.CreateUser(t.ctx, want))(t), want)
		t.wantUser(want)
		_, err := t.a.GetUser(t.ctx, strings.ToUpper(want.ID))
		if err == nil && strings.ToUpper(want.ID) != want.ID {
			t.wantUser(want) // a uuid column ignores letter case, but must return the id as given
		} else {
			t.absent(err)
		}
	}
}

func userCreateEmptyId(t *caseT) {
	_, err := t.a.CreateUser(t.ctx, store.User{Email: ptr("a@example.com")})
	t.is(err, store.ErrInvalid)
	_, err = t.a.GetUserByEmail(t.ctx, "a@example.com")
	t.notFound(err)
}

func userDupId(t *caseT) {
	first := t.user("u1")
	_, err := t.a.CreateUser(t.ctx, store.User{ID: first.ID, Email: ptr("other@example.com")})
	t.conflict(err, "id")
	t.wantUser(first)
	_, err = t.a.GetUserByEmail(t.ctx, "other@example.com")
	t.notFound(err)
}

func userDupEmail(t *caseT) {
	first := t.user("u1")
	nobody := t.nobody()
	_, err := t.a.CreateUser(t.ctx, store.User{ID: t.id("u2"), Name: ptr("thief"), Email: first.Email})
	t.conflict(err, "email")
	t.noUser(nobody)
	if t.has(needEngineIDs) {
		t.noUser(t.id("u2"))
	}
	t.equal(ok(t.a.GetUserByEmail(t.ctx, *first.Email))(t), first)
	t.wantUser(first)
	signUpEmailTaken(t, first)
}

func userNullEmails(t *caseT) {
	for _, name := range []string{"u1", "u2", "u3"} {
		made := t.create(store.User{ID: t.id(name)})
		t.equal(made, store.User{ID: t.id(name)})
		t.wantUser(made)
	}
	t.ok(t.a.DeleteUser(t.ctx, t.id("u2")))
	t.noUser(t.id("u2"))
	t.wantUser(store.User{ID: t.id("u1")})
	t.wantUser(store.User{ID: t.id("u3")})
}

func userNotFound(t *caseT) {
	t.user("u1")
	_, err := t.a.GetUser(t.ctx, t.nobody())
	t.notFound(err)
	_, err = t.a.GetUserByEmail(t.ctx, email("u2"))
	t.notFound(err)
	_, err = t.a.GetUserByAccount(t.ctx, "github", "1")
	t.notFound(err)
	_, err = t.a.GetAccount(t.ctx, "github", "1")
	t.notFound(err)
}

func userEmailCase(t *caseT) {
	emailDiffers(t, "User@example.com", "user@example.com", "USER@EXAMPLE.COM")
}

func userEmailWildcard(t *caseT) {
	emailDiffers(t, "a_b%c@example.com", "axb%c@example.com", "a_bbbc@example.com", "%", "_")
}

func userEmailPadding(t *caseT) {
	emailDiffers(t, "a@example.com", "a@example.com ", " a@example.com", "a@example.com\t")
}

func userEmailEmpty(t *caseT) {
	t.create(store.User{ID: t.id("u1")})
	_, err := t.a.GetUserByEmail(t.ctx, "")
	t.notFound(err)
}

func userUpdatePartial(t *caseT) {
	want := t.user("u1")
	want.Name = ptr("New")
	t.equal(ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: t.id("u1"), Name: store.SetTo("New")}))(t), want)
	t.wantUser(want)
	want.EmailVerified = ptr(t.base)
	t.equal(ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: t.id("u1"), EmailVerified: store.SetTo(t.base)}))(t), want)
	t.equal(ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: t.id("u1")}))(t), want)
	t.wantUser(want)
	want.Image = ptr("https://example.com/new.png")
	t.equal(ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: t.id("u1"), Image: store.SetTo(*want.Image)}))(t), want)
	t.wantUser(want)
}

func userUpdateClear(t *caseT) {
	t.user("u1")
	want := store.User{ID: t.id("u1"), Email: ptr(email("u1"))}
	up := store.UserUpdate{ID: t.id("u1"), Name: store.Clear[string](), EmailVerified: store.Clear[time.Time](), Image: store.Clear[string]()}
	t.equal(ok(t.a.UpdateUser(t.ctx, up))(t), want)
	t.wantUser(want)
}

func userUpdateUnknown(t *caseT) {
	nobody := t.nobody()
	_, err := t.a.UpdateUser(t.ctx, store.UserUpdate{ID: nobody, Name: store.SetTo("Ghost"), Email: store.SetTo("g@example.com")})
	t.notFound(err)
	_, err = t.a.UpdateUser(t.ctx, store.UserUpdate{ID: nobody})
	t.notFound(err)
	t.noUser(nobody)
	_, err = t.a.GetUserByEmail(t.ctx, "g@example.com")
	t.notFound(err)
}

func userUpdateSameValues(t *caseT) {
	u := t.user("u1")
	for range 2 {
		t.equal(ok(t.a.UpdateUser(t.ctx, store.UserUpdate{
			ID: t.id("u1"), Name: store.SetTo(*u.Name), Email: store.SetTo(*u.Email),
			EmailVerified: store.SetTo(*u.EmailVerified), Image: store.SetTo(*u.Image),
		}))(t), u)
	}
}

func userUpdateScope(t *caseT) {
	t.user("u1")
	other := t.user("u2")
	ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: t.id("u1"), Name: store.SetTo("New"), Email: store.SetTo("new@example.com"), Image: store.Clear[string]()}))(t)
	t.wantUser(other)
}

func userEmailMove(t *caseT) {
	t.user("u1")
	ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: t.id("u1"), Email: store.SetTo("new@example.com")}))(t)
	_, err := t.a.GetUserByEmail(t.ctx, email("u1"))
	t.notFound(err)
	t.equal(ok(t.a.GetUserByEmail(t.ctx, "new@example.com"))(t).ID, t.id("u1"))
	// The old address is free again, the new one is taken.
	t.create(store.User{ID: t.id("u2"), Email: ptr(email("u1"))})
	_, err = t.a.CreateUser(t.ctx, store.User{ID: t.id("u3"), Email: ptr("new@example.com")})
	t.conflict(err, "email")
}

func userEmailTaken(t *caseT) {
	first, second := t.user("u1"), t.user("u2")
	_, err := t.a.UpdateUser(t.ctx, store.UserUpdate{ID: t.id("u2"), Name: store.SetTo("New"), Email: store.SetTo(*first.Email)})
	t.conflict(err, "email")
	t.wantUser(first)
	t.wantUser(second)
}

func userReadYourWrite(t *caseT) {
	t.user("u1")
	for _, name := range []string{"a", "b", "c"} {
		ok(t.a.GetUser(t.ctx, t.id("u1")))(t)
		ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: t.id("u1"), Name: store.SetTo(name)}))(t)
		t.equal(*ok(t.a.GetUser(t.ctx, t.id("u1")))(t).Name, name)
		t.equal(*ok(t.a.GetUserByEmail(t.ctx, email("u1")))(t).Name, name)
	}
}

func userDeleteSessions(t *caseT) {
	id := t.user("u1").ID
	t.user("u2")
	t.session("s1", id)
	t.session("s2", id)
	t.ok(t.a.DeleteUser(t.ctx, id))
	for _, token := range []string{"s1", "s2"} {
		_, err := t.a.GetSession(t.ctx, token)
		t.notFound(err)
		_, _, err = t.a.GetSessionAndUser(t.ctx, token)
		t.notFound(err)
		t.session(token, t.id("u2")) // the token is free
	}
}

func userDeleteAccounts(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.account(t.id("u1"), "github", "1")
	t.account(t.id("u1"), "google", "1")
	t.ok(t.a.DeleteUser(t.ctx, t.id("u1")))
	_, err := t.a.GetAccount(t.ctx, "github", "1")
	t.notFound(err)
	_, err = t.a.GetUserByAccount(t.ctx, "google", "1")
	t.notFound(err)
	t.account(t.id("u2"), "github", "1")
}

func userDeleteAuthenticators(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.authenticator("c1", t.id("u1"))
	t.ok(t.a.DeleteUser(t.ctx, t.id("u1")))
	_, err := t.a.GetAuthenticator(t.ctx, "c1")
	t.notFound(err)
	t.noUser(t.id("u1"))
	t.authenticator("c1", t.id("u2"))
}

func userDeleteScope(t *caseT) {
	t.user("u1")
	other := t.user("u2")
	for _, name := range []string{"u1", "u2"} {
		t.account(t.id(name), "github", name)
		t.session("s-"+name, t.id(name))
		t.token(email(name), "t")
		if t.has(needAuthn) {
			t.authenticator("c-"+name, t.id(name))
		}
	}
	t.ok(t.a.DeleteUser(t.ctx, t.id("u1")))
	t.wantUser(other)
	t.wantOwner("github", "u2", other.ID)
	ok(t.a.GetSession(t.ctx, "s-u2"))(t)
	if t.has(needAuthn) {
		ok(t.a.GetAuthenticator(t.ctx, "c-u2"))(t)
	}
	t.take(email("u2"), "t")
	t.take(email("u1"), "t") // tokens belong to an address, not to a user
}

func userDeleteUnknown(t *caseT) {
	t.user("u1")
	t.ok(t.a.DeleteUser(t.ctx, t.nobody()))
	t.ok(t.a.DeleteUser(t.ctx, t.id("u1")))
	t.ok(t.a.DeleteUser(t.ctx, t.id("u1")))
}

func userRecreateSameId(t *caseT) {
	t.user("u1")
	t.account(t.id("u1"), "github", "1")
	t.session("s1", t.id("u1"))
	if t.has(needAuthn) {
		t.authenticator("c1", t.id("u1"))
	}
	t.ok(t.a.DeleteUser(t.ctx, t.id("u1")))
	t.noUser(t.id("u1"))
	t.user("u1")
	t.noRows(t.id("u1"))
	_, _, err := t.a.GetSessionAndUser(t.ctx, "s1")
	t.notFound(err)
	_, err = t.a.GetUserByAccount(t.ctx, "github", "1")
	t.notFound(err)
}

// emailDiffers wants the other addresses not to find the user with this one, and
// not to be taken.
func emailDiffers(t *caseT, address string, others ...string) {
	id := t.create(store.User{ID: t.id("u"), Email: &address}).ID
	for _, other := range others {
		_, err := t.a.GetUserByEmail(t.ctx, other)
		t.notFound(err)
		t.create(store.User{ID: t.id("other " + other), Email: &other})
	}
	t.equal(ok(t.a.GetUserByEmail(t.ctx, address))(t).ID, id)
}

func userEmailClear(t *caseT) {
	t.user("u1")
	want := ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: t.id("u1"), Email: store.Clear[string]()}))(t)
	t.equal(want.Email, (*string)(nil))
	t.wantUser(want)
	_, err := t.a.GetUserByEmail(t.ctx, email("u1"))
	t.notFound(err)
	t.create(store.User{ID: t.id("u2"), Email: ptr(email("u1"))})
}
