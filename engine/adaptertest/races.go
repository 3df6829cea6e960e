package adaptertest

import (
	"errors"
	"fmt"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

func raceConsume64(t *caseT) {
	for round := range 20 {
		token := fmt.Sprint("t", round)
		want := t.token("a@example.com", token)
		t.token("a@example.com", token+"-sibling")
		got := make([]store.VerificationToken, 64)
		winner := t.oneWinner(t.together("UseVerificationToken(a@example.com, "+token+")", 64, func(i int) (err error) {
			got[i], err = t.a.UseVerificationToken(t.ctx, "a@example.com", token)
			return err
		}), store.ErrNotFound)
		t.equal(got[winner], want)
		t.take("a@example.com", token+"-sibling")
	}
}

func raceCreateEmail(t *caseT) {
	var us [32]store.User
	for round := range 4 {
		address := email(fmt.Sprint("round", round))
		for i := range us {
			us[i] = store.User{ID: t.id(fmt.Sprint(round, "-", i)), Email: &address}
		}
		var got [32]store.User
		winner := t.oneWinner(t.together("CreateUser with the address "+address, len(us), func(i int) (err error) {
			got[i], err = t.a.CreateUser(t.ctx, us[i])
			return err
		}), &store.ConflictError{Field: "email"})
		t.equal(ok(t.a.GetUserByEmail(t.ctx, address))(t).ID, got[winner].ID)
		for i := range us {
			if i != winner && t.has(needEngineIDs) {
				t.noUser(us[i].ID)
			}
		}
	}
}

func raceCreateId(t *caseT) {
	id := t.id("u")
	winner := t.oneWinner(t.together("CreateUser with one id", 32, func(i int) error {
		_, err := t.a.CreateUser(t.ctx, store.User{ID: id, Name: ptr(fmt.Sprint(i)), Email: ptr(email(fmt.Sprint(i)))})
		return err
	}), &store.ConflictError{Field: "id"})
	t.equal(*ok(t.a.GetUser(t.ctx, id))(t).Name, fmt.Sprint(winner))
}

// users stores n users and returns their ids.
func (t *caseT) users(n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, t.user(fmt.Sprint("u", i)).ID)
	}
	return ids
}

func raceLinkTwoUsers(t *caseT) {
	ids := t.users(32)
	for round := range 4 {
		account := fmt.Sprint(round)
		winner := t.oneWinner(t.together("LinkAccount(github, "+account+") by different users", 32, func(i int) error {
			_, err := t.a.LinkAccount(t.ctx, store.Account{UserID: ids[i], Type: "oauth", Provider: "github", ProviderAccountID: account})
			return err
		}), &store.ConflictError{Field: "providerAccountId"})
		t.wantOwner("github", account, ids[winner])
	}
	raceSignUp(t)
}

func raceSessionToken(t *caseT) {
	ids := t.users(16)
	for round := range 4 {
		token := fmt.Sprint("s", round)
		winner := t.oneWinner(t.together("CreateSession("+token+") for different users", 16, func(i int) error {
			_, err := t.a.CreateSession(t.ctx, store.Session{SessionToken: token, UserID: ids[i], Expires: t.base})
			return err
		}), &store.ConflictError{Field: "sessionToken"})
		t.equal(ok(t.a.GetSession(t.ctx, token))(t).UserID, ids[winner])
	}
}

func raceUpdateVsDelete(t *caseT) {
	id := t.user("u1").ID
	for round := range 10 {
		token := fmt.Sprint("s", round)
		t.session(token, id)
		for _, err := range t.together("UpdateSession, and one DeleteSession", 16, func(i int) error {
			if i == 0 {
				if err := t.a.DeleteSession(t.ctx, token); err != nil {
					return err
				}
				if _, err := t.a.GetSession(t.ctx, token); !errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("GetSession after DeleteSession returned the error %v", err)
				}
				return nil
			}
			expires := t.base.Add(time.Duration(i) * time.Hour)
			_, err := t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: token, Expires: &expires})
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		}) {
			t.ok(err)
		}
		_, err := t.a.GetSession(t.ctx, token)
		t.notFound(err)
	}
}

func raceDeleteUserVsLogin(t *caseT) {
	authn := t.has(needAuthn)
	for round := range 10 {
		id := t.create(t.fullUser(fmt.Sprint("u", round))).ID
		for _, err := range t.together("CreateSession, LinkAccount, CreateAuthenticator, DeleteUser", 16, func(i int) (err error) {
			switch i % 4 {
			case 0:
				_, err = t.a.CreateSession(t.ctx, store.Session{SessionToken: fmt.Sprint("s", i), UserID: id, Expires: t.base})
			case 1:
				_, err = t.a.LinkAccount(t.ctx, store.Account{UserID: id, Type: "oauth", Provider: "github", ProviderAccountID: fmt.Sprint(i)})
			case 2:
				if authn {
					_, err = t.a.CreateAuthenticator(t.ctx, fullAuthenticator(fmt.Sprint("c", i), id))
				}
			case 3:
				err = t.a.DeleteUser(t.ctx, id)
			}
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		}) {
			t.ok(err)
		}
		t.noUser(id)
		for i := range 16 {
			_, err := t.a.GetSession(t.ctx, fmt.Sprint("s", i))
			t.notFound(err)
			_, err = t.a.GetAccount(t.ctx, "github", fmt.Sprint(i))
			t.notFound(err)
		}
	}
}

func raceDisjointUpdates(t *caseT) {
	id := t.user("u1").ID
	for round := range 10 {
		v := fmt.Sprint(round)
		for _, err := range t.together("UpdateUser, half of them of the name and half of the image", 8, func(i int) error {
			up := store.UserUpdate{ID: id}
			if i%2 == 0 {
				up.Name = store.SetTo(v)
			} else {
				up.Image = store.SetTo(v)
			}
			_, err := t.a.UpdateUser(t.ctx, up)
			return err
		}) {
			t.ok(err)
		}
		u := ok(t.a.GetUser(t.ctx, id))(t)
		t.equal([]*string{u.Name, u.Image}, []*string{&v, &v})
	}
}

func raceCounter(t *caseT) {
	t.user("u1")
	random := t.rand()
	for round := range 4 {
		id := fmt.Sprint("c", round)
		t.authenticator(id, t.id("u1"))
		counters := random.Perm(32)
		for i, err := range t.together("UpdateAuthenticatorCounter to 1 … 32", 32, func(i int) error {
			_, err := t.a.UpdateAuthenticatorCounter(t.ctx, id, uint32(counters[i])+1)
			return err
		}) {
			if counters[i] == 31 {
				t.ok(err) // the highest counter is never stale
			} else if err != nil {
				t.is(err, store.ErrStaleCounter)
			}
		}
		t.equal(ok(t.a.GetAuthenticator(t.ctx, id))(t).Counter, uint32(32))
	}
}

func raceSameCounter(t *caseT) {
	t.user("u1")
	t.authenticator("c1", t.id("u1"))
	t.oneWinner(t.together("UpdateAuthenticatorCounter to 1", 32, func(int) error {
		_, err := t.a.UpdateAuthenticatorCounter(t.ctx, "c1", 1)
		return err
	}), store.ErrStaleCounter)
}

func raceIndependent(t *caseT) {
	var us [64]store.User
	for i := range us {
		us[i] = t.fullUser(fmt.Sprint("u", i))
	}
	for _, err := range t.together("one user from CreateUser to DeleteUser", len(us), func(i int) error { return t.life(us[i]) }) {
		t.ok(err)
	}
}

// life makes every call for a user that an engine makes, from the first sign-in
// to the deletion.
func (t *caseT) life(u store.User) error {
	a, ctx := t.a, t.ctx
	given := u.ID
	u, err := a.CreateUser(ctx, u)
	if err != nil {
		return err
	}
	name := *u.Name
	if _, err := a.LinkAccount(ctx, fullAccount(u.ID, "github", given)); err != nil {
		return err
	}
	if _, err := a.CreateSession(ctx, store.Session{SessionToken: "s-" + given, UserID: u.ID, Expires: t.base}); err != nil {
		return err
	}
	if _, err := a.CreateVerificationToken(ctx, store.VerificationToken{Identifier: *u.Email, Token: "t", Expires: t.base}); err != nil {
		return err
	}
	for n := range 5 {
		expires := t.base.Add(time.Duration(n) * 10 * time.Second)
		if _, err := a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s-" + given, Expires: &expires}); err != nil {
			return err
		}
		s, got, err := a.GetSessionAndUser(ctx, "s-"+given)
		if err != nil {
			return err
		}
		if s.UserID != u.ID || got.ID != u.ID || got.Name == nil || *got.Name != name || s.Expires.Sub(expires).Abs() >= t.suite.precision {
			return fmt.Errorf("GetSessionAndUser for the session of %s returned %s and %s", name, show(s), show(got))
		}
	}
	if _, err := a.UseVerificationToken(ctx, *u.Email, "t"); err != nil {
		return err
	}
	if got, err := a.GetUserByAccount(ctx, "github", given); err != nil || got.ID != u.ID {
		return fmt.Errorf("GetUserByAccount for the account of %s returned %s, %v", name, show(got), err)
	}
	if err := a.DeleteUser(ctx, u.ID); err != nil {
		return err
	}
	if _, err := a.GetUser(ctx, u.ID); !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("GetUser for %s after DeleteUser returned the error %v", name, err)
	}
	return nil
}

func raceCopies(t *caseT) {
	given := t.fullUser("u1")
	created := t.create(given)
	want := t.fullUser("u1")
	for _, u := range []store.User{given, created, ok(t.a.GetUser(t.ctx, want.ID))(t), ok(t.a.GetUserByEmail(t.ctx, *want.Email))(t)} {
		*u.Name, *u.Email, *u.Image, *u.EmailVerified = "x", "x", "x", time.Time{}
		t.wantUser(want)
	}
	name := "changed"
	updated := ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: want.ID, Name: store.Change[string]{Set: true, Value: &name}}))(t)
	name, *updated.Name = "x", "y"
	want.Name = ptr("changed")
	t.wantUser(want)

	account := fullAccount(want.ID, "github", "1")
	for _, a := range []store.Account{account, ok(t.a.LinkAccount(t.ctx, account))(t), ok(t.a.GetAccount(t.ctx, "github", "1"))(t), ok(t.a.ListAccountsByUserID(t.ctx, want.ID))(t)[0]} {
		*a.AccessToken, *a.RefreshToken, *a.IDToken, *a.TokenType, *a.Scope, *a.SessionState, *a.ExpiresAt = "x", "x", "x", "x", "x", "x", 0
		t.equal(ok(t.a.GetAccount(t.ctx, "github", "1"))(t), fullAccount(want.ID, "github", "1"))
	}

	t.session("s1", want.ID)
	_, owner, err := t.a.GetSessionAndUser(t.ctx, "s1")
	t.ok(err)
	*owner.Name = "x"
	t.wantUser(want)
}

func raceCopiesAuthn(t *caseT) {
	id := t.user("u1").ID
	credential := fullAuthenticator("c1", id)
	for _, a := range []store.Authenticator{credential, ok(t.a.CreateAuthenticator(t.ctx, credential))(t), ok(t.a.GetAuthenticator(t.ctx, "c1"))(t), ok(t.a.ListAuthenticatorsByUserID(t.ctx, id))(t)[0]} {
		*a.Transports = "x"
		t.equal(ok(t.a.GetAuthenticator(t.ctx, "c1"))(t), fullAuthenticator("c1", id))
	}
}
