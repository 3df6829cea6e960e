package adaptercases

import (
	"slices"
	"strings"

	"github.com/sesame-auth/sesame/engine"
)

func fullAccount(userID, provider, id string) engine.Account {
	return engine.Account{
		UserID: userID, Type: "oidc", Provider: provider, ProviderAccountID: id,
		RefreshToken: ptr("refresh"), AccessToken: ptr("access"), ExpiresAt: ptr(int64(1800000000)),
		TokenType: ptr("bearer"), Scope: ptr("openid email"), IDToken: ptr("a.b.c"), SessionState: ptr("state"),
	}
}

var accounts = []testCase{
	{"account/roundtrip", func(t *T) {
		t.user("u1")
		want := fullAccount("u1", "github", "1")
		t.equal(ok(t.a.LinkAccount(t.ctx, want))(t), want)
		t.equal(ok(t.a.GetAccount(t.ctx, "github", "1"))(t), want)
		t.equal(ok(t.a.ListAccountsByUserID(t.ctx, "u1"))(t), []engine.Account{want})
		_, err := t.a.GetAccount(t.ctx, "1", "github")
		t.is(err, engine.ErrNotFound)
	}},
	{"account/list", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.account("u1", "github", "1")
		t.account("u1", "google", "1")
		t.account("u2", "github", "2")
		var got []string
		for _, a := range ok(t.a.ListAccountsByUserID(t.ctx, "u1"))(t) {
			got = append(got, a.Provider)
		}
		slices.Sort(got)
		t.equal(got, []string{"github", "google"})
		t.equal(len(ok(t.a.ListAccountsByUserID(t.ctx, "u3"))(t)), 0)
	}},
	{"account/nil-vs-empty", func(t *T) {
		t.user("u1")
		want := engine.Account{UserID: "u1", Type: "oauth", Provider: "github", ProviderAccountID: "1", AccessToken: ptr(""), ExpiresAt: ptr(int64(0))}
		ok(t.a.LinkAccount(t.ctx, want))(t)
		t.equal(ok(t.a.GetAccount(t.ctx, "github", "1"))(t), want)
	}},
	{"account/long-tokens", func(t *T) {
		t.user("u1")
		want := fullAccount("u1", "github", "1")
		want.AccessToken, want.RefreshToken, want.IDToken = ptr(strings.Repeat("a", 16<<10)), ptr(strings.Repeat("r", 16<<10)), ptr(strings.Repeat("i", 16<<10))
		ok(t.a.LinkAccount(t.ctx, want))(t)
		t.equal(ok(t.a.GetAccount(t.ctx, "github", "1"))(t), want)
	}},
	{"account/expires-large", func(t *T) {
		t.user("u1")
		for i, seconds := range []int64{4102444800, 1<<53 - 1, -1} {
			a := fullAccount("u1", "github", strings.Repeat("x", i))
			a.ExpiresAt = &seconds
			ok(t.a.LinkAccount(t.ctx, a))(t)
			t.equal(*ok(t.a.GetAccount(t.ctx, "github", a.ProviderAccountID))(t).ExpiresAt, seconds)
		}
	}},
	{"account/taken-by-other", func(t *T) {
		t.user("u1")
		t.user("u2")
		want := ok(t.a.LinkAccount(t.ctx, fullAccount("u1", "github", "1")))(t)
		_, err := t.a.LinkAccount(t.ctx, engine.Account{UserID: "u2", Type: "oauth", Provider: "github", ProviderAccountID: "1"})
		t.conflict(err, "providerAccountId")
		t.equal(ok(t.a.GetAccount(t.ctx, "github", "1"))(t), want)
		t.wantOwner("github", "1", "u1")
	}},
	{"account/taken-by-self", func(t *T) {
		t.user("u1")
		want := ok(t.a.LinkAccount(t.ctx, fullAccount("u1", "github", "1")))(t)
		_, err := t.a.LinkAccount(t.ctx, engine.Account{UserID: "u1", Type: "oauth", Provider: "github", ProviderAccountID: "1"})
		t.conflict(err, "providerAccountId")
		t.equal(ok(t.a.ListAccountsByUserID(t.ctx, "u1"))(t), []engine.Account{want})
	}},
	{"account/unknown-user", func(t *T) {
		_, err := t.a.LinkAccount(t.ctx, fullAccount("u1", "github", "1"))
		t.is(err, engine.ErrNotFound)
		_, err = t.a.GetAccount(t.ctx, "github", "1")
		t.is(err, engine.ErrNotFound)
		t.user("u1")
		t.equal(len(ok(t.a.ListAccountsByUserID(t.ctx, "u1"))(t)), 0)
	}},
	{"account/both-keys", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.account("u1", "github", "1")
		t.account("u2", "google", "1")
		t.account("u2", "github", "2")
		t.wantOwner("github", "1", "u1")
		t.wantOwner("google", "1", "u2")
		t.wantOwner("github", "2", "u2")
		_, err := t.a.GetUserByAccount(t.ctx, "google", "2")
		t.is(err, engine.ErrNotFound)
	}},
	{"account/separator", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.account("u1", "a:b", "c")
		t.account("u2", "a", "b:c")
		t.wantOwner("a:b", "c", "u1")
		t.wantOwner("a", "b:c", "u2")
	}},
	{"account/case", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.account("u1", "github", "Abc")
		t.account("u2", "github", "abc")
		t.account("u2", "github", "abc ")
		t.account("u2", "GitHub", "Abc")
		t.wantOwner("github", "Abc", "u1")
		_, err := t.a.GetUserByAccount(t.ctx, "github", "ABC")
		t.is(err, engine.ErrNotFound)
	}},
	{"account/unlink-scope", func(t *T) {
		t.user("u1")
		t.account("u1", "github", "1")
		t.account("u1", "github", "2")
		t.account("u1", "google", "1")
		t.ok(t.a.UnlinkAccount(t.ctx, "github", "1"))
		_, err := t.a.GetAccount(t.ctx, "github", "1")
		t.is(err, engine.ErrNotFound)
		t.wantOwner("github", "2", "u1")
		t.wantOwner("google", "1", "u1")
	}},
	{"account/unlink-unknown", func(t *T) {
		t.ok(t.a.UnlinkAccount(t.ctx, "github", "1"))
	}},
	{"account/relink", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.account("u1", "github", "1")
		t.ok(t.a.UnlinkAccount(t.ctx, "github", "1"))
		t.account("u2", "github", "1")
		t.wantOwner("github", "1", "u2")
	}},
}
