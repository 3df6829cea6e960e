// Package adaptercases tests the adapters of this repository against the rules
// R1 to R12 of engine.Adapter. The names of the cases are stable.
package adaptercases

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine"
)

// Run runs every case on an adapter of its own. open returns an empty one
// without extra fields and closes it in a cleanup.
func Run(t *testing.T, open func(t testing.TB) engine.Adapter) {
	for _, cases := range [][]testCase{users, accounts, sessions, tokens, authenticators, data, races, faults, transactions} {
		for _, c := range cases {
			t.Run(c.id, func(t *testing.T) {
				t.Parallel()
				a := open(t)
				if strings.HasPrefix(c.id, "tx/") && !offers[engine.Transactor](a) {
					t.Skipf("not offered: %T does not implement engine.Transactor", a)
				}
				c.run(&T{T: t, ctx: t.Context(), a: a})
			})
		}
	}
}

type testCase struct {
	id  string
	run func(t *T)
}

// T is one case at work.
type T struct {
	*testing.T
	ctx context.Context
	a   engine.Adapter
}

// now is any instant with milliseconds. No case looks at the clock.
var now = time.Date(2026, 11, 21, 10, 20, 30, 123e6, time.UTC)

func ptr[V any](v V) *V { return &v }

// optional returns the adapter as one of the optional interfaces. A case ends
// here when the adapter does not offer it.
func optional[I any](t *T) I {
	t.Helper()
	i, ok := t.a.(I)
	if !ok {
		t.Skipf("not offered: %T does not implement %v", t.a, reflect.TypeFor[I]())
	}
	return i
}

func offers[I any](a engine.Adapter) bool {
	_, ok := a.(I)
	return ok
}

func authn(t *T) engine.AuthenticatorAdapter {
	t.Helper()
	return optional[engine.AuthenticatorAdapter](t)
}

// ok returns v of a call that must succeed.
func ok[V any](v V, err error) func(t *T) V {
	return func(t *T) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (t *T) ok(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *T) is(err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// conflict wants an ErrConflict that names field.
func (t *T) conflict(err error, field string) {
	t.Helper()
	var c engine.ErrConflict
	if !errors.As(err, &c) || c.Field != field {
		t.Fatalf("got error %v, want ErrConflict with Field %q", err, field)
	}
}

func (t *T) equal(got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

func (t *T) utc(at time.Time) {
	t.Helper()
	if at.Location() != time.UTC {
		t.Fatalf("%v is not in UTC", at)
	}
}

// user stores a user with every field; the address is made from the id.
func (t *T) user(id string) engine.User {
	t.Helper()
	return ok(t.a.CreateUser(t.ctx, fullUser(id)))(t)
}

func fullUser(id string) engine.User {
	return engine.User{
		ID:            id,
		Name:          ptr("Name of " + id),
		Email:         ptr(id + "@example.com"),
		EmailVerified: ptr(now.Add(-time.Hour)),
		Image:         ptr("https://example.com/" + id + ".png"),
	}
}

func (t *T) account(userID, provider, id string) engine.Account {
	t.Helper()
	return ok(t.a.LinkAccount(t.ctx, engine.Account{UserID: userID, Type: "oauth", Provider: provider, ProviderAccountID: id}))(t)
}

func (t *T) session(token, userID string) engine.AdapterSession {
	t.Helper()
	return ok(t.a.CreateSession(t.ctx, engine.AdapterSession{SessionToken: token, UserID: userID, Expires: now.Add(time.Hour)}))(t)
}

func (t *T) token(identifier, token string) engine.VerificationToken {
	t.Helper()
	return ok(t.a.CreateVerificationToken(t.ctx, engine.VerificationToken{Identifier: identifier, Token: token, Expires: now.Add(time.Hour)}))(t)
}

func (t *T) authenticator(id, userID string) engine.Authenticator {
	t.Helper()
	return ok(authn(t).CreateAuthenticator(t.ctx, fullAuthenticator(id, userID)))(t)
}

func fullAuthenticator(id, userID string) engine.Authenticator {
	return engine.Authenticator{
		CredentialID: id, UserID: userID, ProviderAccountID: "account-" + id, CredentialPublicKey: "cHVibGlj",
		CredentialDeviceType: "multiDevice", CredentialBackedUp: true, Transports: ptr("internal,usb"),
	}
}

// wantUser wants the user to be stored exactly so.
func (t *T) wantUser(want engine.User) {
	t.Helper()
	t.equal(ok(t.a.GetUser(t.ctx, want.ID))(t), want)
}

func (t *T) wantSession(want engine.AdapterSession) {
	t.Helper()
	t.equal(ok(t.a.GetSession(t.ctx, want.SessionToken))(t), want)
}

// wantOwner wants the account to belong to the user.
func (t *T) wantOwner(provider, id, userID string) {
	t.Helper()
	t.equal(ok(t.a.GetUserByAccount(t.ctx, provider, id))(t).ID, userID)
}

// noUser wants no trace of the user that can be seen without it.
func (t *T) noUser(id string) {
	t.Helper()
	_, err := t.a.GetUser(t.ctx, id)
	t.is(err, engine.ErrNotFound)
	t.equal(len(ok(t.a.ListAccountsByUserID(t.ctx, id))(t)), 0)
	t.equal(len(ok(optional[engine.SessionLister](t).ListSessionsByUserID(t.ctx, id))(t)), 0)
	t.equal(len(ok(authn(t).ListAuthenticatorsByUserID(t.ctx, id))(t)), 0)
}

// together calls f n times at once and returns the errors by caller.
func together(n int, f func(i int) error) []error {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

// oneWinner wants one nil among errs and lost for all others. It returns the
// winner.
func (t *T) oneWinner(errs []error, lost error) int {
	t.Helper()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("callers %d and %d both succeeded", winner, i)
		case err == nil:
			winner = i
		default:
			t.is(err, lost)
		}
	}
	if winner < 0 {
		t.Fatal("nobody succeeded")
	}
	return winner
}

func sortedTokens(list []engine.AdapterSession) []string {
	var tokens []string
	for _, s := range list {
		tokens = append(tokens, s.SessionToken)
	}
	slices.Sort(tokens)
	return tokens
}
