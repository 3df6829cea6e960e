package adaptertest

import (
	"context"
	"fmt"

	"github.com/sesame-auth/sesame/engine/store"
)

// What follows is for a store.SignUpAdapter, in the cases of what it does in
// one step. Others have nothing to do there: of a store.Transactor the engine
// asks for a transaction.

// signUp stores a user and an account at once; name is free.
func (t *T) signUp(ctx context.Context, name string, n store.Account) (store.User, store.Account, error) {
	u := t.fullUser(name)
	made, linked, err := t.a.CreateUserWithAccount(ctx, u, n)
	if err == nil {
		t.created(u.ID, made.ID)
	}
	return made, linked, err
}

// accountSignUp: both are stored, and the account is the user's, whatever its
// UserID says.
func accountSignUp(t *T) {
	if !t.has(needSignUp) {
		return
	}
	for i, userID := range []string{t.id("new0"), "", t.user("other").ID} {
		name, account := fmt.Sprint("new", i), fmt.Sprint("account", i)
		u, n, err := t.signUp(t.ctx, name, fullAccount(userID, "signup", account))
		t.ok(err)
		want, wantAccount := t.fullUser(name), fullAccount(t.id(name), "signup", account)
		t.equal(u, want)
		t.equal(n, wantAccount)
		t.wantUser(want)
		t.equal(ok(t.a.GetUserByEmail(t.ctx, *want.Email))(t), want)
		t.equal(ok(t.a.GetAccount(t.ctx, "signup", account))(t), wantAccount)
		t.wantOwner("signup", account, want.ID)
		t.equal(ok(t.a.ListAccountsByUserID(t.ctx, want.ID))(t), []store.Account{wantAccount})
	}
	t.equal(len(ok(t.a.ListAccountsByUserID(t.ctx, t.id("other")))(t)), 0)
}

// signUpEmailTaken: of a user whose address is taken there is no account.
func signUpEmailTaken(t *T, first store.User) {
	if !t.has(needSignUp) {
		return
	}
	u := t.fullUser("late")
	u.Email = first.Email
	_, _, err := t.a.CreateUserWithAccount(t.ctx, u, fullAccount(u.ID, "signup", "1"))
	t.conflict(err, "email")
	t.noSignUp(u.ID, "1")
	t.wantUser(first)
	t.signsUp("late", "1")
}

// signUpAccountTaken: of an account that is taken there is no second user.
func signUpAccountTaken(t *T, taken store.Account) {
	if !t.has(needSignUp) {
		return
	}
	u := t.fullUser("late")
	_, _, err := t.a.CreateUserWithAccount(t.ctx, u, fullAccount(u.ID, taken.Provider, taken.ProviderAccountID))
	t.conflict(err, "providerAccountId")
	_, err = t.a.GetUserByEmail(t.ctx, *u.Email)
	t.notFound(err)
	t.noSignUp(u.ID, "1")
	t.equal(ok(t.a.GetAccount(t.ctx, taken.Provider, taken.ProviderAccountID))(t), taken)
	t.signsUp("late", "1")
}

// noSignUp wants nothing to be left of a sign-up that was refused.
func (t *T) noSignUp(id, account string) {
	if t.has(needEngineIDs) {
		t.noUser(id)
	}
	_, err := t.a.GetAccount(t.ctx, "signup", account)
	t.notFound(err)
}

// signsUp wants all that a sign-up needs to be free.
func (t *T) signsUp(name, account string) {
	_, _, err := t.signUp(t.ctx, name, store.Account{Type: "oauth", Provider: "signup", ProviderAccountID: account})
	t.ok(err)
	t.wantOwner("signup", account, t.id(name))
}

// raceSignUp: of many sign-ups with one account, at once, one user is there.
func raceSignUp(t *T) {
	if !t.has(needSignUp) {
		return
	}
	for round := range 4 {
		account := fmt.Sprint("race", round)
		var made [16]store.User
		winner := t.oneWinner(t.together("CreateUserWithAccount(signup, "+account+")", len(made), func(i int) (err error) {
			made[i], _, err = t.signUp(t.ctx, fmt.Sprint(account, "-", i), store.Account{Type: "oauth", Provider: "signup", ProviderAccountID: account})
			return err
		}), &store.ConflictError{Field: "providerAccountId"})
		t.wantOwner("signup", account, made[winner].ID)
		for i := range made {
			if i == winner {
				continue
			}
			_, err := t.a.GetUserByEmail(t.ctx, email(fmt.Sprint(account, "-", i)))
			t.notFound(err)
		}
	}
}
