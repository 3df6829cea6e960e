package split_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/adapters/split"
	"github.com/sesame-auth/sesame/engine/store"
)

var expires = time.Date(2026, 11, 21, 10, 20, 30, 123e6, time.UTC)

// staged is a store whose calls are recorded, and can be made to fail, before they
// run.
type staged struct {
	*memory.Adapter
	name  string
	stage *stage
}

type stage struct {
	calls []string
	// before runs before each call and may return an error for it.
	before func(call string) error
}

func (s *stage) call(store, method string) error {
	call := store + "." + method
	s.calls = append(s.calls, call)
	if s.before == nil {
		return nil
	}
	return s.before(call)
}

func (s staged) GetUser(ctx context.Context, id string) (store.User, error) {
	if err := s.stage.call(s.name, "GetUser"); err != nil {
		return store.User{}, err
	}
	return s.Adapter.GetUser(ctx, id)
}

func (s staged) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	if err := s.stage.call(s.name, "CreateUser"); err != nil {
		return store.User{}, err
	}
	return s.Adapter.CreateUser(ctx, u)
}

func (s staged) DeleteUser(ctx context.Context, id string) error {
	if err := s.stage.call(s.name, "DeleteUser"); err != nil {
		return err
	}
	return s.Adapter.DeleteUser(ctx, id)
}

func (s staged) CreateSession(ctx context.Context, n store.Session) (store.Session, error) {
	if err := s.stage.call(s.name, "CreateSession"); err != nil {
		return store.Session{}, err
	}
	return s.Adapter.CreateSession(ctx, n)
}

func (s staged) GetSession(ctx context.Context, token string) (store.Session, error) {
	if err := s.stage.call(s.name, "GetSession"); err != nil {
		return store.Session{}, err
	}
	return s.Adapter.GetSession(ctx, token)
}

func (s staged) DeleteSession(ctx context.Context, token string) error {
	if err := s.stage.call(s.name, "DeleteSession"); err != nil {
		return err
	}
	return s.Adapter.DeleteSession(ctx, token)
}

func (s staged) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	if err := s.stage.call(s.name, "DeleteSessionsByUserID"); err != nil {
		return err
	}
	return s.Adapter.DeleteSessionsByUserID(ctx, userID)
}

// set is a split adapter over two staged stores, with one user and one session.
type set struct {
	*stage
	a               store.Adapter
	users, sessions *memory.Adapter
}

func newSet(t *testing.T) *set {
	t.Helper()
	s := &set{stage: &stage{}, users: memory.New(nil), sessions: memory.New(nil)}
	s.a = must(split.New(staged{s.users, "users", s.stage}, staged{s.sessions, "sessions", s.stage}))
	if _, err := s.a.CreateUser(t.Context(), store.User{ID: "u1"}); err != nil {
		t.Fatal(err)
	}
	if err := s.signIn(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	s.calls = nil
	return s
}

func (s *set) signIn(ctx context.Context, token string) error {
	_, err := s.a.CreateSession(ctx, store.Session{SessionToken: token, UserID: "u1", Expires: expires})
	return err
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func equal[V any](t *testing.T, got, want V) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

// unusable wants no call to find the session.
func (s *set) unusable(t *testing.T, token string) {
	t.Helper()
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"GetSession":        func() error { _, err := s.a.GetSession(ctx, token); return err },
		"GetSessionAndUser": func() error { _, _, err := s.a.GetSessionAndUser(ctx, token); return err },
		"UpdateSession": func() error {
			_, err := s.a.UpdateSession(ctx, store.SessionUpdate{SessionToken: token})
			return err
		},
	} {
		if err := call(); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("%s of %s: %v", name, token, err)
		}
	}
}

var errDown = errors.New("the store is down")

// failing makes the n-th call fail, and with forever all later ones.
func failing(n int, forever bool) func(string) error {
	return func(string) error {
		n--
		if n == 0 || n < 0 && forever {
			return errDown
		}
		return nil
	}
}

// Whichever call of DeleteUser fails, a deleted user has no session that works,
// a user that still exists has lost at most its sessions, and deleting it again
// removes everything.
func TestDeleteUserFailsHalfWay(t *testing.T) {
	ctx := t.Context()
	whole := newSet(t)
	if err := whole.a.DeleteUser(ctx, "u1"); err != nil {
		t.Fatal(err)
	}
	steps := len(whole.calls)
	if steps < 3 {
		t.Fatalf("DeleteUser made only the calls %q", whole.calls)
	}
	for n := 1; n <= steps; n++ {
		s := newSet(t)
		account := store.Account{UserID: "u1", Provider: "github", ProviderAccountID: "1"}
		must(s.a.LinkAccount(ctx, account))
		s.before = failing(n, true)
		is(t, s.a.DeleteUser(ctx, "u1"), errDown)
		failed := s.calls[len(s.calls)-1]
		s.before = nil

		switch _, err := s.users.GetUser(ctx, "u1"); {
		case errors.Is(err, store.ErrNotFound):
			s.unusable(t, "s1")
		case err != nil:
			t.Fatal(err)
		default:
			equal(t, must(s.a.GetAccount(ctx, "github", "1")), account)
			if err := s.signIn(ctx, "s2"); err != nil {
				t.Fatalf("after %s failed: %v", failed, err)
			}
		}
		if n == 1 { // the store of the sessions was down from the start
			must(s.a.GetSession(ctx, "s1"))
		}

		if err := s.a.DeleteUser(ctx, "u1"); err != nil {
			t.Fatalf("after %s failed: %v", failed, err)
		}
		if err := s.a.DeleteUser(ctx, "u1"); err != nil {
			t.Fatal(err)
		}
		for _, part := range []*memory.Adapter{s.users, s.sessions} {
			_, err := part.GetUser(ctx, "u1")
			is(t, err, store.ErrNotFound)
			equal(t, len(must(part.ListSessionsByUserID(ctx, "u1"))), 0)
		}
	}
}

// While the store of the sessions is down, deleting a user changes nothing.
func TestDeleteUserWithoutSessions(t *testing.T) {
	ctx := t.Context()
	s := newSet(t)
	s.before = func(call string) error {
		if strings.HasPrefix(call, "sessions.") {
			return errDown
		}
		return nil
	}
	is(t, s.a.DeleteUser(ctx, "u1"), errDown)
	s.before = nil
	if _, _, err := s.a.GetSessionAndUser(ctx, "s1"); err != nil {
		t.Fatal(err)
	}
}

// Wherever a deletion interrupts a sign-in, or a sign-in a deletion, no session is
// left.
func TestSignInMeetsDeletion(t *testing.T) {
	ctx := t.Context()
	signIn := func(s *set) error { return s.signIn(ctx, "s2") }
	remove := func(s *set) error { return s.a.DeleteUser(ctx, "u1") }
	for name, do := range map[string]struct{ outer, inner func(*set) error }{
		"deletion in a sign-in": {signIn, remove}, "sign-in in a deletion": {remove, signIn},
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				s, met := newSet(t), false
				left := n
				s.before = func(string) error {
					if left--; left == 0 {
						met, s.before = true, nil
						if err := do.inner(s); err != nil && !errors.Is(err, store.ErrNotFound) {
							t.Fatal(err)
						}
					}
					return nil
				}
				err := do.outer(s)
				if !met {
					if n < 4 {
						t.Fatalf("only %d calls were made", n-1)
					}
					return
				}
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Fatal(err)
				}
				_, err = s.users.GetUser(ctx, "u1")
				is(t, err, store.ErrNotFound)
				for _, token := range []string{"s1", "s2"} {
					if _, err := s.sessions.GetSession(ctx, token); !errors.Is(err, store.ErrNotFound) {
						t.Fatalf("call %d: the session %s is left: %v", n, token, err)
					}
				}
			}
		})
	}
}

// A sign-in that fails leaves no session, even if its context has ended.
func TestSignInFailsHalfWay(t *testing.T) {
	for n := 1; n <= 3; n++ {
		s := newSet(t)
		s.before = failing(n, false)
		is(t, s.signIn(t.Context(), "s2"), errDown)
		s.before = nil
		s.unusable(t, "s2")
		_, err := s.sessions.GetSession(t.Context(), "s2")
		is(t, err, store.ErrNotFound)
		must(s.a.GetSession(t.Context(), "s1"))
	}
	s := newSet(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.before = func(call string) error {
		if len(s.calls) == 3 {
			cancel()
		}
		return nil
	}
	is(t, s.signIn(ctx, "s2"), context.Canceled)
	_, err := s.sessions.GetSession(t.Context(), "s2")
	is(t, err, store.ErrNotFound)
	equal(t, s.calls, []string{"users.GetUser", "sessions.CreateSession", "users.GetUser", "sessions.DeleteSession"})
}

// A session whose user is gone is not found, and is deleted when it is read.
func TestOrphan(t *testing.T) {
	ctx := t.Context()
	for name, look := range map[string]func(*set) error{
		"GetSession":        func(s *set) error { _, err := s.a.GetSession(ctx, "s1"); return err },
		"GetSessionAndUser": func(s *set) error { _, _, err := s.a.GetSessionAndUser(ctx, "s1"); return err },
		"UpdateSession": func(s *set) error {
			_, err := s.a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s1", Expires: &expires})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSet(t)
			if err := s.users.DeleteUser(ctx, "u1"); err != nil {
				t.Fatal(err)
			}
			equal(t, len(must(s.a.(store.SessionLister).ListSessionsByUserID(ctx, "u1"))), 0)
			is(t, look(s), store.ErrNotFound)
			_, err := s.sessions.GetSession(ctx, "s1")
			is(t, err, store.ErrNotFound)
		})
		// While the store of the users is down, the user may still exist.
		t.Run(name+" in an outage", func(t *testing.T) {
			s := newSet(t)
			s.before = func(call string) error {
				if strings.HasPrefix(call, "users.") {
					return errDown
				}
				return nil
			}
			if err := look(s); !errors.Is(err, errDown) || errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			_, err := s.a.(store.SessionLister).ListSessionsByUserID(ctx, "u1")
			is(t, err, errDown)
			s.before = nil
			must(s.a.GetSession(ctx, "s1"))
		})
	}
}

func TestRoundTrips(t *testing.T) {
	s := newSet(t)
	if _, _, err := s.a.GetSessionAndUser(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	equal(t, s.calls, []string{"sessions.GetSession", "users.GetUser"})
}

// Stores with the required methods only.
type (
	onlyUsers interface {
		store.UserAdapter
		store.AccountAdapter
	}
	onlySessions interface {
		store.SessionAdapter
		store.VerificationTokenAdapter
	}
)

// An optional interface is offered if the store it needs offers it; Transactor
// never is.
func TestOptionalInterfaces(t *testing.T) {
	m := memory.New(nil)
	for i := range 8 {
		authn, lister, purger := i&1 != 0, i&2 != 0, i&4 != 0
		var users split.Users = struct{ onlyUsers }{m}
		if authn {
			users = struct {
				onlyUsers
				store.AuthenticatorAdapter
			}{m, m}
		}
		var sessions split.Sessions = struct{ onlySessions }{m}
		switch {
		case lister && purger:
			sessions = struct {
				onlySessions
				store.SessionLister
				store.Purger
			}{m, m, m}
		case lister:
			sessions = struct {
				onlySessions
				store.SessionLister
			}{m, m}
		case purger:
			sessions = struct {
				onlySessions
				store.Purger
			}{m, m}
		}
		a := must(split.New(users, sessions))
		_, isAuthn := a.(store.AuthenticatorAdapter)
		_, isLister := a.(store.SessionLister)
		_, isPurger := a.(store.Purger)
		_, isTransactor := a.(store.Transactor)
		if isAuthn != authn || isLister != lister || isPurger != purger || isTransactor {
			t.Errorf("authenticators %v, lister %v, purger %v: got %v, %v, %v, transactor %v", authn, lister, purger, isAuthn, isLister, isPurger, isTransactor)
		}
	}
}

// together is a store of users that is a store.SignUpAdapter.
type together struct {
	onlyUsers
	calls int
}

func (s *together) CreateUserWithAccount(context.Context, store.User, store.Account) (store.User, store.Account, error) {
	s.calls++
	return store.User{ID: "theirs"}, store.Account{UserID: "theirs"}, nil
}

// A user is created with its account or not at all, whatever the store of the users
// offers.
func TestCreateUserWithAccount(t *testing.T) {
	ctx := t.Context()
	signUp := func(users split.Users) (store.User, store.Account, error) {
		a := must(split.New(users, memory.New(nil)))
		return a.(store.SignUpAdapter).CreateUserWithAccount(ctx, store.User{ID: "u1"}, store.Account{Provider: "p", ProviderAccountID: "1"})
	}
	for _, transactions := range []bool{true, false} {
		m := memory.New(nil)
		var users split.Users = m
		if !transactions {
			users = struct{ onlyUsers }{m}
		}
		must(m.CreateUser(ctx, store.User{ID: "other"}))
		must(m.LinkAccount(ctx, store.Account{UserID: "other", Provider: "p", ProviderAccountID: "1"}))
		u, n, err := signUp(users)
		is(t, err, &store.ConflictError{Field: "providerAccountId"})
		equal(t, u.ID+n.UserID, "")
		_, err = m.GetUser(ctx, "u1")
		is(t, err, store.ErrNotFound)
		is(t, m.DeleteUser(ctx, "other"), nil)
		u, n, err = signUp(users)
		is(t, err, nil)
		equal(t, u.ID+" "+n.UserID, "u1 u1")
		owner, err := m.GetUserByAccount(ctx, "p", "1")
		is(t, err, nil)
		equal(t, owner.ID, "u1")
	}
	own := &together{onlyUsers: memory.New(nil)}
	u, _, err := signUp(own)
	is(t, err, nil)
	equal(t, u.ID, "theirs")
	equal(t, own.calls, 1)
}

type declaring struct {
	*memory.Adapter
	traits store.Traits
}

func (d declaring) Traits() store.Traits { return d.traits }

func TestTraits(t *testing.T) {
	shared, assigns := store.Traits{SharedWithAuthJS: true}, store.Traits{AssignsIDs: true}
	for _, c := range []struct {
		users, sessions, want store.Traits
		refused               string
	}{
		{},
		{users: assigns, want: assigns},
		{users: shared, sessions: shared, want: shared},
		{users: shared, refused: "Auth.js"},
		{sessions: shared, refused: "Auth.js"},
		{sessions: assigns, refused: "makes the ids"},
	} {
		a, err := split.New(declaring{memory.New(nil), c.users}, declaring{memory.New(nil), c.sessions})
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		equal(t, a.(store.TraitsDeclarer).Traits(), c.want)
	}
	if _, err := split.New(nil, memory.New(nil)); err == nil {
		t.Error("New accepts nil users")
	}
	if _, err := split.New(memory.New(nil), nil); err == nil {
		t.Error("New accepts nil sessions")
	}
}

// A stand-in holds only the id, and is deleted with its user.
func TestStandIns(t *testing.T) {
	ctx := t.Context()
	s := newSet(t)
	name := "Name"
	must(s.a.CreateUser(ctx, store.User{ID: "u2", Name: &name, Email: &name}))
	must(s.a.CreateSession(ctx, store.Session{SessionToken: "s2", UserID: "u2", Expires: expires}))
	equal(t, must(s.sessions.GetUser(ctx, "u2")), store.User{ID: "u2"})
	if err := s.a.DeleteUser(ctx, "u2"); err != nil {
		t.Fatal(err)
	}
	_, err := s.sessions.GetUser(ctx, "u2")
	is(t, err, store.ErrNotFound)
}

func ExampleNew() {
	ctx := context.Background()
	users, sessions := memory.New(nil), memory.New(nil) // in production: SQL and Redis
	adapter, err := split.New(users, sessions)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = adapter.CreateSession(ctx, store.Session{SessionToken: "s1", UserID: "nobody"})
	fmt.Println(err)
	// Output: store: not found
}
