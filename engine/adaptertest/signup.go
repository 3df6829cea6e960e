package adaptertest

import (
	"context"
	"fmt"

	"github.com/sesame-auth/sesame/engine/store"
)

// These parts test a store.SignUpAdapter within the cases of CreateUser and
// LinkAccount, and skip other adapters: with a store.Transactor the engine makes
// both calls in one transaction.

// signUp stores a user and an account in one step; name must be unused.
func (t *caseT) signUp(ctx context.Context, name string, n store.Account) (store.User, store.Account, error) {
	u := t.fullUser(name)
	made, linked, err := t.a.CreateUserWithAccount(ctx, u, n)
	if err == nil {
		t.created(u.ID, made.ID)
	}
	return made, linked, err
}

// accountSignUp wants both to be stored and the account to belong to the user,
// whatever its UserID is.
func accountSignUp(t *caseT) {
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

// signUpEmailTaken wants no account of a user that was refused because the address
// is taken.
func signUpEmailTaken(t *caseT, first store.User) {
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

// signUpAccountTaken wants no second user for an account that is taken.
func signUpAccountTaken(t *caseT, taken store.Account) {
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

// noSignUp wants a refused sign-up to have left nothing behind.
func (t *caseT) noSignUp(id, account string) {
	if t.has(needEngineIDs) {
		t.noUser(id)
	}
	_, err := t.a.GetAccount(t.ctx, "signup", account)
	t.notFound(err)
}

// signsUp wants a sign-up with these keys to succeed.
func (t *caseT) signsUp(name, account string) {
	_, _, err := t.signUp(t.ctx, name, store.Account{Type: "oauth", Provider: "signup", ProviderAccountID: account})
	t.ok(err)
	t.wantOwner("signup", account, t.id(name))
}

// raceSignUp wants one user to result from concurrent sign-ups with one account.
func raceSignUp(t *caseT) {
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
