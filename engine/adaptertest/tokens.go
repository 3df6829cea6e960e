package adaptertest

import (
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

func tokenOnce(t *caseT) {
	want := t.token("a@example.com", "t1")
	got := t.take("a@example.com", "t1")
	t.equal(got, want)
	t.utc(got.Expires)
	t.miss("a@example.com", "t1")
}

func tokenOtherIdentifier(t *caseT) {
	t.token("a@example.com", "t1")
	t.miss("b@example.com", "t1")
	t.miss("", "t1")
}

func tokenOtherToken(t *caseT) {
	t.token("a@example.com", "t1")
	t.miss("a@example.com", "t2")
	t.miss("a@example.com", "")
}

func tokenMissBurnsNothing(t *caseT) {
	t.token("a@example.com", "t1")
	t.token("b@example.com", "t2")
	t.miss("b@example.com", "t1")
	t.miss("a@example.com", "t2")
	t.take("a@example.com", "t1")
	t.take("b@example.com", "t2")
}

func tokenSiblings(t *caseT) {
	t.token("a@example.com", "t1")
	t.token("a@example.com", "t2")
	t.take("a@example.com", "t1")
	t.take("a@example.com", "t2")
}

func tokenDupPair(t *caseT) {
	want := t.token("a@example.com", "t1")
	_, err := t.a.CreateVerificationToken(t.ctx, store.VerificationToken{Identifier: "a@example.com", Token: "t1", Expires: t.base.AddDate(1, 0, 0)})
	t.conflict(err, "token")
	t.equal(t.take("a@example.com", "t1"), want)
	t.miss("a@example.com", "t1")
}

func tokenSharedToken(t *caseT) {
	t.token("a@example.com", "t1")
	t.token("b@example.com", "t1")
	t.take("a@example.com", "t1")
	t.equal(t.take("b@example.com", "t1").Identifier, "b@example.com")
}

func tokenUnknown(t *caseT) { t.miss("a@example.com", "t1") }

func tokenExpired(t *caseT) {
	want := store.VerificationToken{Identifier: "a@example.com", Token: "t1", Expires: t.base.AddDate(-3, 0, 0)}
	if _, err := t.a.CreateVerificationToken(t.ctx, want); t.expired(err) {
		if got, err := t.a.UseVerificationToken(t.ctx, "a@example.com", "t1"); t.expired(err) {
			t.equal(got, want)
		}
	}
	t.miss("a@example.com", "t1")
}

func tokenWildcard(t *caseT) {
	t.token("a@example.com", "t1")
	for _, pattern := range []string{"%", "t_", "t%", `\`, "*", "?1", ".*"} {
		t.miss("a@example.com", pattern)
		t.miss(pattern, "t1")
		t.token("a@example.com", pattern)
		t.take("a@example.com", pattern)
	}
	t.take("a@example.com", "t1")
}

func tokenCase(t *caseT) {
	t.token("a@example.com", "Token")
	t.miss("a@example.com", "token")
	t.miss("A@example.com", "Token")
	t.token("a@example.com", "token")
	t.take("a@example.com", "Token")
	t.take("a@example.com", "token")
}

func tokenPadding(t *caseT) {
	t.token("a@example.com", "t1")
	t.miss("a@example.com", "t1 ")
	t.miss("a@example.com ", "t1")
	t.miss(" a@example.com", "t1")
	t.token("a@example.com", "t1 ")
	t.take("a@example.com", "t1")
}

func tokenCreateReturnsOwn(t *caseT) {
	t.token("a@example.com", "t1")
	want := store.VerificationToken{Identifier: "a@example.com", Token: "t2", Expires: t.base.Add(time.Minute)}
	t.equal(ok(t.a.CreateVerificationToken(t.ctx, want))(t), want)
}
