package adaptercases

import (
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// use wants the token to be handed out.
func (t *T) use(identifier, token string) engine.VerificationToken {
	t.Helper()
	return ok(t.a.UseVerificationToken(t.ctx, identifier, token))(t)
}

// miss wants no token to be handed out.
func (t *T) miss(identifier, token string) {
	t.Helper()
	got, err := t.a.UseVerificationToken(t.ctx, identifier, token)
	t.is(err, engine.ErrNotFound)
	t.equal(got, engine.VerificationToken{})
}

var tokens = []testCase{
	{"token/once", func(t *T) {
		want := t.token("a@example.com", "t1")
		got := t.use("a@example.com", "t1")
		t.equal(got, want)
		t.utc(got.Expires)
		t.miss("a@example.com", "t1")
	}},
	{"token/other-identifier", func(t *T) {
		t.token("a@example.com", "t1")
		t.miss("b@example.com", "t1")
		t.miss("", "t1")
	}},
	{"token/other-token", func(t *T) {
		t.token("a@example.com", "t1")
		t.miss("a@example.com", "t2")
		t.miss("a@example.com", "")
	}},
	{"token/miss-burns-nothing", func(t *T) {
		t.token("a@example.com", "t1")
		t.token("b@example.com", "t2")
		t.miss("b@example.com", "t1")
		t.miss("a@example.com", "t2")
		t.use("a@example.com", "t1")
		t.use("b@example.com", "t2")
	}},
	{"token/siblings", func(t *T) {
		t.token("a@example.com", "t1")
		t.token("a@example.com", "t2")
		t.use("a@example.com", "t1")
		t.use("a@example.com", "t2")
	}},
	{"token/dup-pair", func(t *T) {
		want := t.token("a@example.com", "t1")
		_, err := t.a.CreateVerificationToken(t.ctx, engine.VerificationToken{Identifier: "a@example.com", Token: "t1", Expires: now.AddDate(1, 0, 0)})
		t.conflict(err, "token")
		t.equal(t.use("a@example.com", "t1"), want)
		t.miss("a@example.com", "t1")
	}},
	{"token/shared-token", func(t *T) {
		t.token("a@example.com", "t1")
		t.token("b@example.com", "t1")
		t.use("a@example.com", "t1")
		t.equal(t.use("b@example.com", "t1").Identifier, "b@example.com")
	}},
	{"token/unknown", func(t *T) { t.miss("a@example.com", "t1") }},
	{"token/expired", func(t *T) {
		want := engine.VerificationToken{Identifier: "a@example.com", Token: "t1", Expires: now.AddDate(-3, 0, 0)}
		ok(t.a.CreateVerificationToken(t.ctx, want))(t)
		t.equal(t.use("a@example.com", "t1"), want)
		t.miss("a@example.com", "t1")
	}},
	{"token/wildcard", func(t *T) {
		t.token("a@example.com", "t1")
		for _, pattern := range []string{"%", "t_", "t%", `\`, "*", "?1", ".*"} {
			t.miss("a@example.com", pattern)
			t.miss(pattern, "t1")
			t.token("a@example.com", pattern)
			t.use("a@example.com", pattern)
		}
		t.use("a@example.com", "t1")
	}},
	{"token/case", func(t *T) {
		t.token("a@example.com", "Token")
		t.miss("a@example.com", "token")
		t.miss("A@example.com", "Token")
		t.token("a@example.com", "token")
		t.use("a@example.com", "Token")
		t.use("a@example.com", "token")
	}},
	{"token/padding", func(t *T) {
		t.token("a@example.com", "t1")
		t.miss("a@example.com", "t1 ")
		t.miss("a@example.com ", "t1")
		t.miss(" a@example.com", "t1")
		t.token("a@example.com", "t1 ")
		t.use("a@example.com", "t1")
	}},
	{"token/create-returns-own", func(t *T) {
		t.token("a@example.com", "t1")
		want := engine.VerificationToken{Identifier: "a@example.com", Token: "t2", Expires: now.Add(time.Minute)}
		t.equal(ok(t.a.CreateVerificationToken(t.ctx, want))(t), want)
	}},
}
