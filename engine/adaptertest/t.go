package adaptertest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// caseT runs one part of a case.
type caseT struct {
	suite *suite
	c     *testCase
	ctx   context.Context
	open  openFunc
	raw   store.Adapter // the adapter itself
	a     *recorder     // the adapter, with its calls logged
	log   *callLog
	base  time.Time

	closers []func()

	*state
}

// state is shared by the caseT of a part and those of its transactions.
type state struct {
	mu         sync.Mutex
	ids        map[string]string // ids assigned by the store, by the id passed to it
	failure    *Failure
	notOffered string
}

func (t *caseT) bind(a store.Adapter) { t.raw, t.a = a, &recorder{a: a, log: t.log} }

// on returns the same case on another adapter, that of a transaction.
func (t *caseT) on(a store.Adapter) *caseT {
	r, ok := a.(*recorder)
	if !ok {
		r = &recorder{a: a, log: t.log}
	}
	return &caseT{suite: t.suite, c: t.c, ctx: t.ctx, open: t.open, raw: r.a, a: r, log: t.log, base: t.base, state: t.state}
}

// record keeps the first failure.
func (t *caseT) record(got, want string) {
	did := t.log.did()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure != nil {
		return
	}
	f := &Failure{Case: t.c.id, Rule: t.c.rule, Why: t.c.why, Did: did, Got: got, Want: want}
	if a := t.c.advice; a != nil {
		f.Cause, f.Fix, f.Seen = a.cause, a.fix, a.seen
	}
	t.failure = f
}

// fail ends the case.
func (t *caseT) fail(got, want string) {
	t.record(got, want)
	runtime.Goexit()
}

// check ends the case unless cond holds.
func (t *caseT) check(cond bool, got, want string) {
	if !cond {
		t.fail(got, want)
	}
}

// ok returns a function that returns v, or ends the case if err is not nil.
func ok[V any](v V, err error) func(t *caseT) V {
	return func(t *caseT) V {
		t.ok(err)
		return v
	}
}

func (t *caseT) ok(err error) {
	if err != nil {
		t.fail("error: "+err.Error(), "no error")
	}
}

// is wants an error that matches want by errors.Is.
func (t *caseT) is(err, want error) {
	if !errors.Is(err, want) {
		t.fail("error: "+fmt.Sprint(err), "an error that matches "+nameOf(want))
	}
}

// notFound wants ErrNotFound.
func (t *caseT) notFound(err error) { t.is(err, store.ErrNotFound) }

func nameOf(err error) string {
	switch {
	case err == store.ErrNotFound:
		return "store.ErrNotFound"
	case err == store.ErrInvalid:
		return "store.ErrInvalid"
	case err == store.ErrStaleCounter:
		return "store.ErrStaleCounter"
	case err == context.Canceled:
		return "context.Canceled"
	case err == context.DeadlineExceeded:
		return "context.DeadlineExceeded"
	}
	if c, ok := err.(*store.ConflictError); ok {
		return fmt.Sprintf("&store.ConflictError{Field: %q}", c.Field)
	}
	return err.Error()
}

// absent wants ErrNotFound or ErrInvalid, for a key that the store cannot hold.
func (t *caseT) absent(err error) {
	if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrInvalid) {
		t.fail("error: "+fmt.Sprint(err), "store.ErrNotFound or store.ErrInvalid")
	}
}

// conflict wants an ErrConflict that names field.
func (t *caseT) conflict(err error, field string) {
	c, ok := errors.AsType[*store.ConflictError](err)
	if !ok || c.Field != field {
		t.fail("error: "+fmt.Sprint(err), fmt.Sprintf("&store.ConflictError{Field: %q}", field))
	}
}

// equal compares instants to the precision of the store.
func (t *caseT) equal(got, want any) {
	instants := cmp.Comparer(func(a, b time.Time) bool {
		return a.Sub(b).Abs() < t.suite.precision && (t.suite.precision > time.Millisecond || a.Equal(b))
	})
	options := cmp.Options{instants}
	if s := t.suite.fields; s != nil {
		// A field that was not set has its default.
		type user store.User
		type session store.Session
		options = append(options,
			cmp.Transformer("fields", func(u store.User) user { u.Extra = filled(s.User, u.Extra); return user(u) }),
			cmp.Transformer("fields", func(v store.Session) session { v.Extra = filled(s.Session, v.Extra); return session(v) }))
	}
	if !cmp.Equal(want, got, options) {
		t.fail(show(got), show(want)+"\n"+strings.ReplaceAll(cmp.Diff(want, got, options), "\u00a0", " "))
	}
}

// filled adds the defaults of the fields that extra lacks.
func filled(fields []schema.Field, extra map[string]any) map[string]any {
	all := maps.Clone(extra)
	for _, f := range fields {
		if _, ok := all[f.Name]; ok || schema.Builtin(f.Name) {
			continue
		}
		if all == nil {
			all = map[string]any{}
		}
		all[f.Name] = f.Zero()
	}
	return all
}

func (t *caseT) utc(at time.Time) {
	t.check(at.Location() == time.UTC, fmt.Sprintf("%v, in location %v", at, at.Location()), "the instant in time.UTC")
}

func ptr[V any](v V) *V { return &v }

// hash returns random data, the same for the same seed, case and name.
func (t *caseT) hash(name string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %s %s", t.suite.seed, t.c.id, name))
}

func (t *caseT) rand() *rand.Rand {
	h := t.hash("rand")
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])))
}

// id returns the id of the user called name: a UUID like those of the engine, or
// the id that the store assigned instead.
func (t *caseT) id(name string) string {
	h := t.hash(name)
	h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80
	id := fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
	t.mu.Lock()
	defer t.mu.Unlock()
	if made, ok := t.ids[id]; ok {
		return made
	}
	return id
}

// created remembers the id that the store assigned instead of the given one.
func (t *caseT) created(given, assigned string) {
	if given != assigned && t.suite.storeAssigns(t.raw) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.ids[given] = assigned
	}
}

// create stores u, which must succeed.
func (t *caseT) create(u store.User) store.User {
	made := ok(t.a.CreateUser(t.ctx, u))(t)
	t.created(u.ID, made.ID)
	return made
}

// user stores a user with every field.
func (t *caseT) user(name string) store.User { return t.create(t.fullUser(name)) }

func email(name string) string { return name + "@example.com" }

func (t *caseT) fullUser(name string) store.User {
	return store.User{
		ID:            t.id(name),
		Name:          ptr("Name of " + name),
		Email:         ptr(email(name)),
		EmailVerified: ptr(t.base.Add(-time.Hour)),
		Image:         ptr("https://example.com/" + name + ".png"),
	}
}

// nobody returns the id of a user that does not exist, in the form of the ids of
// the store.
func (t *caseT) nobody() string {
	if !t.suite.storeAssigns(t.raw) {
		return t.id("nobody")
	}
	id := ok(t.a.CreateUser(t.ctx, store.User{ID: t.id("nobody")}))(t).ID
	t.ok(t.a.DeleteUser(t.ctx, id))
	return id
}

func (t *caseT) account(userID, provider, id string) store.Account {
	return ok(t.a.LinkAccount(t.ctx, store.Account{UserID: userID, Type: "oauth", Provider: provider, ProviderAccountID: id}))(t)
}

func (t *caseT) session(token, userID string) store.Session {
	return ok(t.a.CreateSession(t.ctx, store.Session{SessionToken: token, UserID: userID, Expires: t.base.Add(time.Hour)}))(t)
}

func (t *caseT) token(identifier, token string) store.VerificationToken {
	return ok(t.a.CreateVerificationToken(t.ctx, store.VerificationToken{Identifier: identifier, Token: token, Expires: t.base.Add(time.Hour)}))(t)
}

func (t *caseT) authenticator(id, userID string) store.Authenticator {
	return ok(t.a.CreateAuthenticator(t.ctx, fullAuthenticator(id, userID)))(t)
}

func fullAccount(userID, provider, id string) store.Account {
	return store.Account{
		UserID: userID, Type: "oidc", Provider: provider, ProviderAccountID: id,
		RefreshToken: ptr("refresh"), AccessToken: ptr("access"), ExpiresAt: ptr(int64(1800000000)),
		TokenType: ptr("bearer"), Scope: ptr("openid email"), IDToken: ptr("a.b.c"), SessionState: ptr("state"),
	}
}

func fullAuthenticator(id, userID string) store.Authenticator {
	return store.Authenticator{
		CredentialID: id, UserID: userID, ProviderAccountID: "account-" + id, CredentialPublicKey: "cHVibGlj",
		CredentialDeviceType: "multiDevice", CredentialBackedUp: true, Transports: ptr("internal,usb"),
	}
}

// wantUser wants the stored user to equal want.
func (t *caseT) wantUser(want store.User) { t.equal(ok(t.a.GetUser(t.ctx, want.ID))(t), want) }

func (t *caseT) wantSession(want store.Session) {
	t.equal(ok(t.a.GetSession(t.ctx, want.SessionToken))(t), want)
}

// wantOwner wants the account to belong to the user.
func (t *caseT) wantOwner(provider, id, userID string) {
	t.equal(ok(t.a.GetUserByAccount(t.ctx, provider, id))(t).ID, userID)
}

// noUser wants the user not to exist, and no rows that belong to it.
func (t *caseT) noUser(id string) {
	_, err := t.a.GetUser(t.ctx, id)
	t.notFound(err)
	t.noRows(id)
}

// noRows wants no rows that belong to the user.
func (t *caseT) noRows(id string) {
	t.equal(len(ok(t.a.ListAccountsByUserID(t.ctx, id))(t)), 0)
	if t.has(needSessions) {
		t.equal(len(ok(t.a.ListSessionsByUserID(t.ctx, id))(t)), 0)
	}
	if t.has(needAuthn) {
		t.equal(len(ok(t.a.ListAuthenticatorsByUserID(t.ctx, id))(t)), 0)
	}
}

func (t *caseT) has(n need) bool { return t.suite.lacks(n, t.raw) == "" }

// take wants the token to be handed out.
func (t *caseT) take(identifier, token string) store.VerificationToken {
	return ok(t.a.UseVerificationToken(t.ctx, identifier, token))(t)
}

// miss wants no token to be handed out.
func (t *caseT) miss(identifier, token string) {
	got, err := t.a.UseVerificationToken(t.ctx, identifier, token)
	t.notFound(err)
	t.equal(got, store.VerificationToken{})
}

// expired reports whether an expired row still exists. It must, unless the store
// removes such rows itself.
func (t *caseT) expired(err error) bool {
	if t.suite.nativeTTL && errors.Is(err, store.ErrNotFound) {
		return false
	}
	t.ok(err)
	return true
}

// limit returns the smaller of n and the number of characters that a column
// holds.
func (t *caseT) limit(column string, n int) int {
	if m, ok := t.suite.maxString[column]; ok && m < n {
		return m
	}
	return n
}

// together calls f n times concurrently, released by a barrier, and returns the
// error of each call. A panic is returned as an error.
func (t *caseT) together(what string, n int, f func(i int) error) []error {
	t.log.add("%d × at once: %s", n, what)
	t.log.muted.Store(true)
	defer t.log.muted.Store(false)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					errs[i] = fmt.Errorf("panic: %v", v)
				}
			}()
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

// oneWinner wants exactly one nil in errs, and errors that match lost for all
// others. It returns the index of the nil.
func (t *caseT) oneWinner(errs []error, lost error) int {
	winner, won := -1, 0
	var other error
	for i, err := range errs {
		switch {
		case err == nil:
			winner = i
			won++
		case !errors.Is(err, lost) && other == nil:
			other = err
		}
	}
	want := fmt.Sprintf("1 success and %d × %s", len(errs)-1, nameOf(lost))
	if won != 1 {
		t.fail(fmt.Sprintf("%d callers succeeded, %d failed (other errors: %v)", won, len(errs)-won, other), want)
	}
	if other != nil {
		t.fail("1 caller succeeded, but another one got: "+other.Error(), want)
	}
	return winner
}

// within wants f to return. The limit is high, to find a hang and not a slow
// call.
func (t *caseT) within(what string, f func()) {
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		f()
	}()
	limit := time.NewTimer(min(t.suite.hang, 20*time.Second))
	defer limit.Stop()
	select {
	case v := <-done:
		if v != nil {
			t.fail(fmt.Sprintf("%s: panic: %v", what, v), "an error, not a panic")
		}
	case <-limit.C:
		t.fail(what+": the call hangs", "a result or an error")
	}
}

// settle waits for a write that an adapter may have left running.
func (t *caseT) settle() {
	for range 30 {
		_, _ = t.raw.GetUser(t.ctx, t.id("settle"))
		time.Sleep(5 * time.Millisecond)
	}
}

// close closes the adapter if it is an io.Closer.
func (t *caseT) close() {
	if c, ok := t.raw.(io.Closer); ok {
		t.log.add("Close")
		t.ok(c.Close())
	}
}

func tokensOf(list []store.Session) []string {
	var tokens []string
	for _, s := range list {
		tokens = append(tokens, s.SessionToken)
	}
	slices.Sort(tokens)
	return tokens
}
