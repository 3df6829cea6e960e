package adaptercases

import (
	"fmt"
	"math"

	"github.com/sesame-auth/sesame/engine"
)

var authenticators = []testCase{
	{"authn/roundtrip", func(t *T) {
		t.user("u1")
		want := fullAuthenticator("c1", "u1")
		t.equal(ok(authn(t).CreateAuthenticator(t.ctx, want))(t), want)
		t.equal(ok(authn(t).GetAuthenticator(t.ctx, "c1"))(t), want)
		t.equal(ok(authn(t).ListAuthenticatorsByUserID(t.ctx, "u1"))(t), []engine.Authenticator{want})
		want = fullAuthenticator("c2", "u1")
		want.CredentialBackedUp, want.CredentialDeviceType, want.Counter = false, "singleDevice", 7
		t.equal(ok(authn(t).CreateAuthenticator(t.ctx, want))(t), want)
		t.equal(ok(authn(t).GetAuthenticator(t.ctx, "c2"))(t), want)
	}},
	{"authn/transports-nil", func(t *T) {
		t.user("u1")
		for id, transports := range map[string]*string{"c1": nil, "c2": ptr("")} {
			want := fullAuthenticator(id, "u1")
			want.Transports = transports
			ok(authn(t).CreateAuthenticator(t.ctx, want))(t)
			t.equal(ok(authn(t).GetAuthenticator(t.ctx, id))(t), want)
		}
	}},
	{"authn/dup", func(t *T) {
		t.user("u1")
		t.user("u2")
		want := t.authenticator("c1", "u1")
		_, err := authn(t).CreateAuthenticator(t.ctx, fullAuthenticator("c1", "u2"))
		t.conflict(err, "credentialID")
		t.equal(ok(authn(t).GetAuthenticator(t.ctx, "c1"))(t), want)
	}},
	{"authn/unknown-user", func(t *T) {
		_, err := authn(t).CreateAuthenticator(t.ctx, fullAuthenticator("c1", "u1"))
		t.is(err, engine.ErrNotFound)
		_, err = authn(t).GetAuthenticator(t.ctx, "c1")
		t.is(err, engine.ErrNotFound)
	}},
	{"authn/case", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.authenticator("aGVsbG8=", "u1")
		_, err := authn(t).GetAuthenticator(t.ctx, "aGVSbG8=")
		t.is(err, engine.ErrNotFound)
		t.authenticator("aGVSbG8=", "u2")
		t.equal(ok(authn(t).GetAuthenticator(t.ctx, "aGVsbG8="))(t).UserID, "u1")
	}},
	{"authn/list-own", func(t *T) {
		t.user("u1")
		t.user("u2")
		t.authenticator("c1", "u1")
		want := t.authenticator("c2", "u2")
		t.equal(ok(authn(t).ListAuthenticatorsByUserID(t.ctx, "u2"))(t), []engine.Authenticator{want})
	}},
	{"authn/list-complete", func(t *T) {
		t.user("u1")
		want := map[string]bool{}
		for i := range 120 {
			id := fmt.Sprint("c", i)
			t.authenticator(id, "u1")
			want[id] = true
		}
		got := map[string]bool{}
		for _, a := range ok(authn(t).ListAuthenticatorsByUserID(t.ctx, "u1"))(t) {
			got[a.CredentialID] = true
		}
		t.equal(got, want)
	}},
	{"authn/list-empty", func(t *T) {
		t.equal(len(ok(authn(t).ListAuthenticatorsByUserID(t.ctx, "u1"))(t)), 0)
	}},
	{"authn/counter-set", func(t *T) {
		t.user("u1")
		want := t.authenticator("c1", "u1")
		want.Counter = 5
		t.equal(ok(authn(t).UpdateAuthenticatorCounter(t.ctx, "c1", 5))(t), want)
		t.equal(ok(authn(t).GetAuthenticator(t.ctx, "c1"))(t), want)
	}},
	{"authn/counter-back", func(t *T) {
		t.user("u1")
		t.authenticator("c1", "u1")
		ok(authn(t).UpdateAuthenticatorCounter(t.ctx, "c1", 5))(t)
		for _, counter := range []uint32{5, 4, 0} {
			_, err := authn(t).UpdateAuthenticatorCounter(t.ctx, "c1", counter)
			t.is(err, engine.ErrStaleCounter)
			t.equal(ok(authn(t).GetAuthenticator(t.ctx, "c1"))(t).Counter, uint32(5))
		}
	}},
	{"authn/counter-unknown", func(t *T) {
		for _, counter := range []uint32{0, 1} {
			_, err := authn(t).UpdateAuthenticatorCounter(t.ctx, "c1", counter)
			t.is(err, engine.ErrNotFound)
		}
	}},
	{"authn/counter-scope", func(t *T) {
		t.user("u1")
		t.authenticator("c1", "u1")
		t.authenticator("c2", "u1")
		ok(authn(t).UpdateAuthenticatorCounter(t.ctx, "c1", 5))(t)
		t.equal(ok(authn(t).GetAuthenticator(t.ctx, "c2"))(t).Counter, uint32(0))
	}},
	{"authn/counter-range", func(t *T) {
		t.user("u1")
		t.authenticator("c1", "u1")
		for _, counter := range []uint32{0, 0, 1, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32} {
			t.equal(ok(authn(t).UpdateAuthenticatorCounter(t.ctx, "c1", counter))(t).Counter, counter)
			t.equal(ok(authn(t).GetAuthenticator(t.ctx, "c1"))(t).Counter, counter)
		}
	}},
}
