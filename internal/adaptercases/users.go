package adaptercases

import (
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

var users = []testCase{
	{"user/create-returned-is-stored", func(t *T) {
		given := fullUser("u1")
		given.EmailVerified = ptr(now.Add(456789 * time.Nanosecond).In(time.FixedZone("", 19800)))
		created := ok(t.a.CreateUser(t.ctx, given))(t)
		want := fullUser("u1")
		want.EmailVerified = ptr(now)
		t.equal(created, want)
		t.utc(*created.EmailVerified)
		t.wantUser(want)
	}},
	{"user/create-keeps-id", func(t *T) {
		for _, id := range []string{"1", "0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f", "Id with space ", "ÜÑÏ/..?#%"} {
			t.equal(ok(t.a.CreateUser(t.ctx, engine.User{ID: id}))(t).ID, id)
			t.wantUser(engine.User{ID: id})
		}
	}},
	{"user/create-empty-id", func(t *T) {
		_, err := t.a.CreateUser(t.ctx, engine.User{Email: ptr("a@example.com")})
		t.is(err, engine.ErrInvalid)
		_, err = t.a.GetUserByEmail(t.ctx, "a@example.com")
		t.is(err, engine.ErrNotFound)
	}},
	{"user/dup-id", func(t *T) {
		first := t.user("u1")
		_, err := t.a.CreateUser(t.ctx, engine.User{ID: "u1", Email: ptr("other@example.com")})
		t.conflict(err, "id")
		t.wantUser(first)
		_, err = t.a.GetUserByEmail(t.ctx, "other@example.com")
		t.is(err, engine.ErrNotFound)
	}},
	{"user/dup-email", func(t *T) {
		first := t.user("u1")
		_, err := t.a.CreateUser(t.ctx, engine.User{ID: "u2", Email: first.Email})
		t.conflict(err, "email")
		t.noUser("u2")
		t.equal(ok(t.a.GetUserByEmail(t.ctx, *first.Email))(t), first)
	}},
	{"user/null-emails", func(t *T) {
		for _, id := range []string{"u1", "u2", "u3"} {
			t.equal(ok(t.a.CreateUser(t.ctx, engine.User{ID: id}))(t), engine.User{ID: id})
		}
	}},
	{"user/not-found", func(t *T) {
		t.user("u1")
		_, err := t.a.GetUser(t.ctx, "u2")
		t.is(err, engine.ErrNotFound)
		_, err = t.a.GetUserByEmail(t.ctx, "u2@example.com")
		t.is(err, engine.ErrNotFound)
		_, err = t.a.GetUserByAccount(t.ctx, "github", "1")
		t.is(err, engine.ErrNotFound)
	}},
	{"user/email-case", func(t *T) { t.emailDiffers("User@example.com", "user@example.com", "USER@EXAMPLE.COM") }},
	{"user/email-wildcard", func(t *T) { t.emailDiffers("a_b%c@example.com", "axb%c@example.com", "a_bbbc@example.com", "%", "_") }},
	{"user/email-padding", func(t *T) {
		t.emailDiffers("a@example.com", "a@example.com ", " a@example.com", "a@example.com\t")
	}},
	{"user/email-empty", func(t *T) {
		ok(t.a.CreateUser(t.ctx, engine.User{ID: "u1"}))(t)
		_, err := t.a.GetUserByEmail(t.ctx, "")
		t.is(err, engine.ErrNotFound)
	}},
	{"user/update-partial", func(t *T) {
		want := t.user("u1")
		want.Name = ptr("New")
		t.equal(ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1", Name: engine.SetTo("New")}))(t), want)
		t.wantUser(want)
		want.EmailVerified = ptr(now)
		t.equal(ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1", EmailVerified: engine.SetTo(now)}))(t), want)
		t.equal(ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1"}))(t), want)
		t.wantUser(want)
	}},
	{"user/update-clear", func(t *T) {
		t.user("u1")
		want := engine.User{ID: "u1", Email: ptr("u1@example.com")}
		up := engine.UserUpdate{ID: "u1", Name: engine.Clear[string](), EmailVerified: engine.Clear[time.Time](), Image: engine.Clear[string]()}
		t.equal(ok(t.a.UpdateUser(t.ctx, up))(t), want)
		t.wantUser(want)
		want.Email = nil
		t.equal(ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1", Email: engine.Clear[string]()}))(t), want)
		_, err := t.a.GetUserByEmail(t.ctx, "u1@example.com")
		t.is(err, engine.ErrNotFound)
	}},
	{"user/update-unknown", func(t *T) {
		_, err := t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1", Name: engine.SetTo("Ghost"), Email: engine.SetTo("g@example.com")})
		t.is(err, engine.ErrNotFound)
		_, err = t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1"})
		t.is(err, engine.ErrNotFound)
		t.noUser("u1")
		_, err = t.a.GetUserByEmail(t.ctx, "g@example.com")
		t.is(err, engine.ErrNotFound)
	}},
	{"user/update-same-values", func(t *T) {
		u := t.user("u1")
		for range 2 {
			t.equal(ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{
				ID: "u1", Name: engine.SetTo(*u.Name), Email: engine.SetTo(*u.Email),
				EmailVerified: engine.SetTo(*u.EmailVerified), Image: engine.SetTo(*u.Image),
			}))(t), u)
		}
	}},
	{"user/update-scope", func(t *T) {
		t.user("u1")
		other := t.user("u2")
		ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1", Name: engine.SetTo("New"), Email: engine.Clear[string]()}))(t)
		t.wantUser(other)
	}},
	{"user/email-move", func(t *T) {
		t.user("u1")
		ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1", Email: engine.SetTo("new@example.com")}))(t)
		_, err := t.a.GetUserByEmail(t.ctx, "u1@example.com")
		t.is(err, engine.ErrNotFound)
		t.equal(ok(t.a.GetUserByEmail(t.ctx, "new@example.com"))(t).ID, "u1")
		// The old address is free again.
		ok(t.a.CreateUser(t.ctx, engine.User{ID: "u2", Email: ptr("u1@example.com")}))(t)
	}},
	{"user/email-taken", func(t *T) {
		first, second := t.user("u1"), t.user("u2")
		_, err := t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u2", Name: engine.SetTo("New"), Email: engine.SetTo(*first.Email)})
		t.conflict(err, "email")
		t.wantUser(first)
		t.wantUser(second)
	}},
	{"user/read-your-write", func(t *T) {
		t.user("u1")
		for _, name := range []string{"a", "b", "c"} {
			ok(t.a.GetUser(t.ctx, "u1"))(t)
			ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1", Name: engine.SetTo(name)}))(t)
			t.equal(*ok(t.a.GetUser(t.ctx, "u1"))(t).Name, name)
			t.equal(*ok(t.a.GetUserByEmail(t.ctx, "u1@example.com"))(t).Name, name)
		}
	}},
	{"user/delete-sessions", func(t *T) {
		t.user("u1")
		t.session("s1", "u1")
		t.session("s2", "u1")
		t.ok(t.a.DeleteUser(t.ctx, "u1"))
		for _, token := range []string{"s1", "s2"} {
			_, err := t.a.GetSession(t.ctx, token)
			t.is(err, engine.ErrNotFound)
		}
	}},
	{"user/delete-accounts", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.account("u1", "github", "1")
		t.account("u1", "google", "1")
		t.ok(t.a.DeleteUser(t.ctx, "u1"))
		_, err := t.a.GetAccount(t.ctx, "github", "1")
		t.is(err, engine.ErrNotFound)
		_, err = t.a.GetUserByAccount(t.ctx, "google", "1")
		t.is(err, engine.ErrNotFound)
		t.account("u2", "github", "1")
	}},
	{"user/delete-authenticators", func(t *T) {
		t.user("u1")
		t.authenticator("c1", "u1")
		t.ok(t.a.DeleteUser(t.ctx, "u1"))
		_, err := authn(t).GetAuthenticator(t.ctx, "c1")
		t.is(err, engine.ErrNotFound)
		t.noUser("u1")
	}},
	{"user/delete-scope", func(t *T) {
		t.user("u1")
		other := t.user("u2")
		for _, id := range []string{"u1", "u2"} {
			t.account(id, "github", id)
			t.session("s-"+id, id)
			t.authenticator("c-"+id, id)
			t.token(id+"@example.com", "t")
		}
		t.ok(t.a.DeleteUser(t.ctx, "u1"))
		t.wantUser(other)
		t.wantOwner("github", "u2", "u2")
		ok(t.a.GetSession(t.ctx, "s-u2"))(t)
		ok(authn(t).GetAuthenticator(t.ctx, "c-u2"))(t)
		ok(t.a.UseVerificationToken(t.ctx, "u2@example.com", "t"))(t)
	}},
	{"user/delete-unknown", func(t *T) {
		t.user("u1")
		t.ok(t.a.DeleteUser(t.ctx, "u2"))
		t.ok(t.a.DeleteUser(t.ctx, "u1"))
		t.ok(t.a.DeleteUser(t.ctx, "u1"))
	}},
	{"user/recreate-same-id", func(t *T) {
		t.user("u1")
		t.account("u1", "github", "1")
		t.session("s1", "u1")
		t.authenticator("c1", "u1")
		t.ok(t.a.DeleteUser(t.ctx, "u1"))
		t.noUser("u1")
		t.user("u1")
		t.equal(len(ok(t.a.ListAccountsByUserID(t.ctx, "u1"))(t)), 0)
		t.equal(len(ok(optional[engine.SessionLister](t).ListSessionsByUserID(t.ctx, "u1"))(t)), 0)
		t.equal(len(ok(authn(t).ListAuthenticatorsByUserID(t.ctx, "u1"))(t)), 0)
		_, _, err := t.a.GetSessionAndUser(t.ctx, "s1")
		t.is(err, engine.ErrNotFound)
	}},
}

// emailDiffers wants a user with the address not to be found by the others,
// and the others to be free.
func (t *T) emailDiffers(email string, others ...string) {
	t.Helper()
	ok(t.a.CreateUser(t.ctx, engine.User{ID: "u", Email: &email}))(t)
	for i, other := range others {
		_, err := t.a.GetUserByEmail(t.ctx, other)
		t.is(err, engine.ErrNotFound)
		ok(t.a.CreateUser(t.ctx, engine.User{ID: strings.Repeat("o", i+1), Email: &other}))(t)
	}
	t.equal(ok(t.a.GetUserByEmail(t.ctx, email))(t).ID, "u")
}
