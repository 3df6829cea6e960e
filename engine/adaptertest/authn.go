package adaptertest

import (
	"fmt"
	"math"

	"github.com/sesame-auth/sesame/engine/store"
)

func authnRoundtrip(t *caseT) {
	t.user("u1")
	want := fullAuthenticator("c1", t.id("u1"))
	t.equal(ok(t.a.CreateAuthenticator(t.ctx, want))(t), want)
	t.equal(ok(t.a.GetAuthenticator(t.ctx, "c1"))(t), want)
	t.equal(ok(t.a.ListAuthenticatorsByUserID(t.ctx, t.id("u1")))(t), []store.Authenticator{want})
	want = fullAuthenticator("c2", t.id("u1"))
	want.CredentialBackedUp, want.CredentialDeviceType, want.Counter = false, "singleDevice", 7
	t.equal(ok(t.a.CreateAuthenticator(t.ctx, want))(t), want)
	t.equal(ok(t.a.GetAuthenticator(t.ctx, "c2"))(t), want)
}

func authnTransportsNil(t *caseT) {
	t.user("u1")
	for id, transports := range map[string]*string{"c1": nil, "c2": ptr("")} {
		want := fullAuthenticator(id, t.id("u1"))
		want.Transports = transports
		ok(t.a.CreateAuthenticator(t.ctx, want))(t)
		t.equal(ok(t.a.GetAuthenticator(t.ctx, id))(t), want)
	}
}

func authnDup(t *caseT) {
	t.user("u1")
	t.user("u2")
	want := t.authenticator("c1", t.id("u1"))
	_, err := t.a.CreateAuthenticator(t.ctx, fullAuthenticator("c1", t.id("u2")))
	t.conflict(err, "credentialID")
	t.equal(ok(t.a.GetAuthenticator(t.ctx, "c1"))(t), want)
}

func authnUnknownUser(t *caseT) {
	nobody := t.nobody()
	_, err := t.a.CreateAuthenticator(t.ctx, fullAuthenticator("c1", nobody))
	t.notFound(err)
	_, err = t.a.GetAuthenticator(t.ctx, "c1")
	t.notFound(err)
}

func authnCase(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.authenticator("aGVsbG8=", t.id("u1"))
	_, err := t.a.GetAuthenticator(t.ctx, "aGVSbG8=")
	t.notFound(err)
	t.authenticator("aGVSbG8=", t.id("u2"))
	t.equal(ok(t.a.GetAuthenticator(t.ctx, "aGVsbG8="))(t).UserID, t.id("u1"))
}

func authnListOwn(t *caseT) {
	t.user("u1")
	t.user("u2")
	t.authenticator("c1", t.id("u1"))
	want := t.authenticator("c2", t.id("u2"))
	t.equal(ok(t.a.ListAuthenticatorsByUserID(t.ctx, t.id("u2")))(t), []store.Authenticator{want})
}

func authnListComplete(t *caseT) {
	t.user("u1")
	want := map[string]bool{}
	for i := range 120 {
		id := fmt.Sprint("c", i)
		t.authenticator(id, t.id("u1"))
		want[id] = true
	}
	got := map[string]bool{}
	for _, a := range ok(t.a.ListAuthenticatorsByUserID(t.ctx, t.id("u1")))(t) {
		got[a.CredentialID] = true
	}
	t.check(len(got) == len(want), fmt.Sprintf("%d credentials", len(got)), fmt.Sprintf("all %d", len(want)))
	t.equal(got, want)
}

func authnListEmpty(t *caseT) {
	t.equal(len(ok(t.a.ListAuthenticatorsByUserID(t.ctx, t.nobody()))(t)), 0)
}

func authnCounterSet(t *caseT) {
	t.user("u1")
	want := t.authenticator("c1", t.id("u1"))
	want.Counter = 5
	t.equal(ok(t.a.UpdateAuthenticatorCounter(t.ctx, "c1", 5))(t), want)
	t.equal(ok(t.a.GetAuthenticator(t.ctx, "c1"))(t), want)
}

func authnCounterBack(t *caseT) {
	t.user("u1")
	t.authenticator("c1", t.id("u1"))
	ok(t.a.UpdateAuthenticatorCounter(t.ctx, "c1", 5))(t)
	for _, counter := range []uint32{5, 4, 0} {
		_, err := t.a.UpdateAuthenticatorCounter(t.ctx, "c1", counter)
		t.is(err, store.ErrStaleCounter)
		t.equal(ok(t.a.GetAuthenticator(t.ctx, "c1"))(t).Counter, uint32(5))
	}
}

func authnCounterUnknown(t *caseT) {
	for _, counter := range []uint32{0, 1} {
		_, err := t.a.UpdateAuthenticatorCounter(t.ctx, "c1", counter)
		t.notFound(err)
	}
}

func authnCounterScope(t *caseT) {
	t.user("u1")
	t.authenticator("c1", t.id("u1"))
	t.authenticator("c2", t.id("u1"))
	ok(t.a.UpdateAuthenticatorCounter(t.ctx, "c1", 5))(t)
	t.equal(ok(t.a.GetAuthenticator(t.ctx, "c2"))(t).Counter, uint32(0))
}

func authnCounterRange(t *caseT) {
	t.user("u1")
	t.authenticator("c1", t.id("u1"))
	for _, counter := range []uint32{0, 0, 1, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32} {
		t.equal(ok(t.a.UpdateAuthenticatorCounter(t.ctx, "c1", counter))(t).Counter, counter)
		t.equal(ok(t.a.GetAuthenticator(t.ctx, "c1"))(t).Counter, counter)
	}
}
