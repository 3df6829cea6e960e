package adaptertest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sesame-auth/sesame/engine/store"
)

func accountRoundtrip(t *caseT) {
	t.user("u1")
	want := fullAccount(t.id("u1"), "github", "1")
	t.equal(ok(t.a.LinkAccount(t.ctx, want))(t), want)
	t.equal(ok(t.a.GetAccount(t.ctx, "github", "1"))(t), want)
	t.equal(ok(t.a.ListAccountsByUserID(t.ctx, t.id("u1")))(t), []store.Account{want})
	_, err := t.a.GetAccount(t.ctx, "1", "github")
	t.notFound(err)
	accountSignUp(t)
}

func accountList(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.account(t.id("u1"), "github", "1")
	t.account(t.id("u1"), "google", "1")
	t.account(t.id("u2"), "github", "2")
	var got []string
	for _, a := range ok(t.a.ListAccountsByUserID(t.ctx, t.id("u1")))(t) {
		got = append(got, a.Provider)
	}
	slices.Sort(got)
	t.equal(got, []string{"github", "google"})
	t.equal(len(ok(t.a.ListAccountsByUserID(t.ctx, t.nobody()))(t)), 0)
}

func accountNilVsEmpty(t *caseT) {
	t.user("u1")
	want := store.Account{UserID: t.id("u1"), Type: "oauth", Provider: "github", ProviderAccountID: "1", AccessToken: ptr(""), ExpiresAt: ptr(int64(0))}
	ok(t.a.LinkAccount(t.ctx, want))(t)
	t.equal(ok(t.a.GetAccount(t.ctx, "github", "1"))(t), want)
}

func accountLongTokens(t *caseT) {
	t.user("u1")
	// One column at a time, with 16 KiB each. A column with a lower limit must
	// refuse that and store as many as it holds.
	for i, column := range []string{"access_token", "refresh_token", "id_token"} {
		a := fullAccount(t.id("u1"), "github", fmt.Sprint(i))
		n := 16 << 10
		limit := t.limit("account."+column, n)
		field := []**string{&a.AccessToken, &a.RefreshToken, &a.IDToken}[i]
		*field = ptr(strings.Repeat("x", n-1) + "y")
		if limit < n {
			_, err := t.a.LinkAccount(t.ctx, a)
			t.is(err, store.ErrInvalid)
			_, err = t.a.GetAccount(t.ctx, "github", a.ProviderAccountID)
			t.notFound(err)
			*field = ptr(strings.Repeat("x", limit-1) + "y")
		}
		t.equal(ok(t.a.LinkAccount(t.ctx, a))(t), a)
		t.equal(ok(t.a.GetAccount(t.ctx, "github", a.ProviderAccountID))(t), a)
	}
}

func accountExpiresLarge(t *caseT) {
	t.user("u1")
	for i, seconds := range []int64{1<<31 - 1, 1 << 31, 4102444800, 1 << 40} {
		a := fullAccount(t.id("u1"), "github", fmt.Sprint(i))
		a.ExpiresAt = &seconds
		t.equal(*ok(t.a.LinkAccount(t.ctx, a))(t).ExpiresAt, seconds)
		t.equal(*ok(t.a.GetAccount(t.ctx, "github", a.ProviderAccountID))(t).ExpiresAt, seconds)
	}
}

func accountTakenByOther(t *caseT) {
	t.user("u1")
	t.user("u2")
	want := ok(t.a.LinkAccount(t.ctx, fullAccount(t.id("u1"), "github", "1")))(t)
	_, err := t.a.LinkAccount(t.ctx, store.Account{UserID: t.id("u2"), Type: "oauth", Provider: "github", ProviderAccountID: "1"})
	t.conflict(err, "providerAccountId")
	t.equal(ok(t.a.GetAccount(t.ctx, "github", "1"))(t), want)
	t.wantOwner("github", "1", t.id("u1"))
	signUpAccountTaken(t, want)
}

func accountTakenBySelf(t *caseT) {
	t.user("u1")
	want := ok(t.a.LinkAccount(t.ctx, fullAccount(t.id("u1"), "github", "1")))(t)
	_, err := t.a.LinkAccount(t.ctx, store.Account{UserID: t.id("u1"), Type: "oauth", Provider: "github", ProviderAccountID: "1"})
	t.conflict(err, "providerAccountId")
	t.equal(ok(t.a.ListAccountsByUserID(t.ctx, t.id("u1")))(t), []store.Account{want})
}

func accountUnknownUser(t *caseT) {
	nobody := t.nobody()
	_, err := t.a.LinkAccount(t.ctx, fullAccount(nobody, "github", "1"))
	t.notFound(err)
	_, err = t.a.GetAccount(t.ctx, "github", "1")
	t.notFound(err)
	t.equal(len(ok(t.a.ListAccountsByUserID(t.ctx, nobody))(t)), 0)
	t.user("u1")
	t.account(t.id("u1"), "github", "1") // the pair is free
}

func accountBothKeys(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.account(t.id("u1"), "github", "1")
	t.account(t.id("u2"), "google", "1")
	t.account(t.id("u2"), "github", "2")
	t.wantOwner("github", "1", t.id("u1"))
	t.wantOwner("google", "1", t.id("u2"))
	t.wantOwner("github", "2", t.id("u2"))
	_, err := t.a.GetUserByAccount(t.ctx, "google", "2")
	t.notFound(err)
}

func accountSeparator(t *caseT) {
	t.user("u1")
	t.user("u2")
	for _, sep := range []string{":", "/", "|", "-", " ", ",", "\t"} {
		t.account(t.id("u1"), "a"+sep+"b", "c")
		t.account(t.id("u2"), "a", "b"+sep+"c")
		t.wantOwner("a"+sep+"b", "c", t.id("u1"))
		t.wantOwner("a", "b"+sep+"c", t.id("u2"))
	}
	t.account(t.id("u1"), "ab", "c")
	t.account(t.id("u2"), "a", "bc")
	t.wantOwner("ab", "c", t.id("u1"))
	t.wantOwner("a", "bc", t.id("u2"))
}

func accountCase(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.account(t.id("u1"), "github", "Abc")
	t.account(t.id("u2"), "github", "abc")
	t.account(t.id("u2"), "github", "abc ")
	t.account(t.id("u2"), "GitHub", "Abc")
	t.wantOwner("github", "Abc", t.id("u1"))
	_, err := t.a.GetUserByAccount(t.ctx, "github", "ABC")
	t.notFound(err)
}

func accountUnlinkScope(t *caseT) {
	t.user("u1")
	t.account(t.id("u1"), "github", "1")
	t.account(t.id("u1"), "github", "2")
	t.account(t.id("u1"), "google", "1")
	t.ok(t.a.UnlinkAccount(t.ctx, "github", "1"))
	_, err := t.a.GetAccount(t.ctx, "github", "1")
	t.notFound(err)
	t.wantOwner("github", "2", t.id("u1"))
	t.wantOwner("google", "1", t.id("u1"))
}

func accountUnlinkUnknown(t *caseT) {
	t.ok(t.a.UnlinkAccount(t.ctx, "github", "1"))
}

func accountRelink(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.account(t.id("u1"), "github", "1")
	t.ok(t.a.UnlinkAccount(t.ctx, "github", "1"))
	t.account(t.id("u2"), "github", "1")
	t.wantOwner("github", "1", t.id("u2"))
}
