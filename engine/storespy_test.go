package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// storeSpy records the calls of an adapter, and can make them fail.
type storeSpy struct {
	inner engine.Adapter

	mu    sync.Mutex
	calls []string
	fail  func(method string) error // nil means nothing fails
	after func(method string)       // runs after GetSessionAndUser; may be nil
}

func newStoreSpy(inner engine.Adapter) *storeSpy { return &storeSpy{inner: inner} }

// adapter returns the recorded adapter, with transactions if inner has them.
func (s *storeSpy) adapter() engine.Adapter {
	spied := &spy{storeSpy: s, to: s.inner}
	if _, ok := s.inner.(store.Transactor); ok {
		return txSpy{spied}
	}
	return spied
}

// plain returns the recorded adapter without transactions.
func (s *storeSpy) plain() engine.Adapter { return &spy{storeSpy: s, to: s.inner} }

// signUp returns plain as a store.SignUpAdapter, by means of inner's transactions.
func (s *storeSpy) signUp() engine.Adapter { return signUpSpy{&spy{storeSpy: s, to: s.inner}} }

func (s *storeSpy) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// failWith makes the methods, or all without any, fail with err.
func (s *storeSpy) failWith(err error, methods ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = func(method string) error {
		if len(methods) == 0 || slices.Contains(methods, method) {
			return err
		}
		return nil
	}
}

// failNth makes the nth call from now on fail with err. The result is set to the
// method of that call.
func (s *storeSpy) failNth(err error, nth int) (failed *string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	failed = new(string)
	s.fail = func(method string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if nth--; nth != 0 {
			return nil
		}
		*failed = method
		return err
	}
	return failed
}

// repair ends failures.
func (s *storeSpy) repair() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = nil
}

// called returns the methods called since reset.
func (s *storeSpy) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// count returns how often a method was called since reset.
func (s *storeSpy) count(method string) (n int) {
	for _, call := range s.called() {
		if call == method {
			n++
		}
	}
	return n
}

// writes returns the methods called since reset that write.
func (s *storeSpy) writes() (out []string) {
	for _, call := range s.called() {
		if !strings.HasPrefix(call, "Get") && !strings.HasPrefix(call, "List") {
			out = append(out, call)
		}
	}
	return out
}

func (s *storeSpy) record(method string) error {
	s.mu.Lock()
	s.calls = append(s.calls, method)
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		return fail(method)
	}
	return nil
}

func (s *storeSpy) done(method string) {
	s.mu.Lock()
	after := s.after
	s.mu.Unlock()
	if after != nil {
		after(method)
	}
}

type signUpSpy struct{ *spy }

func (s signUpSpy) CreateUserWithAccount(ctx context.Context, u engine.User, a engine.Account) (engine.User, engine.Account, error) {
	if err := s.record("CreateUserWithAccount"); err != nil {
		return engine.User{}, engine.Account{}, err
	}
	err := s.to.(store.Transactor).Tx(ctx, func(in engine.Adapter) (err error) {
		if u, err = in.CreateUser(ctx, u); err == nil {
			a, err = in.LinkAccount(ctx, a)
		}
		return err
	})
	return u, a, err
}

// spy is the adapter of a storeSpy.
type spy struct {
	*storeSpy
	to engine.Adapter
}

type txSpy struct{ *spy }

func (s txSpy) Tx(ctx context.Context, fn func(engine.Adapter) error) error {
	if err := s.record("Tx"); err != nil {
		return err
	}
	err := s.to.(store.Transactor).Tx(ctx, func(a engine.Adapter) error {
		if err := fn(&spy{storeSpy: s.storeSpy, to: a}); err != nil {
			return err
		}
		return s.record("Commit")
	})
	return err
}

func (s *spy) CreateUser(ctx context.Context, u engine.User) (engine.User, error) {
	if err := s.record("CreateUser"); err != nil {
		return engine.User{}, err
	}
	return s.to.CreateUser(ctx, u)
}

func (s *spy) GetUser(ctx context.Context, id string) (engine.User, error) {
	if err := s.record("GetUser"); err != nil {
		return engine.User{}, err
	}
	return s.to.GetUser(ctx, id)
}

func (s *spy) GetUserByEmail(ctx context.Context, email string) (engine.User, error) {
	if err := s.record("GetUserByEmail"); err != nil {
		return engine.User{}, err
	}
	return s.to.GetUserByEmail(ctx, email)
}

func (s *spy) UpdateUser(ctx context.Context, u store.UserUpdate) (engine.User, error) {
	if err := s.record("UpdateUser"); err != nil {
		return engine.User{}, err
	}
	return s.to.UpdateUser(ctx, u)
}

func (s *spy) DeleteUser(ctx context.Context, id string) error {
	if err := s.record("DeleteUser"); err != nil {
		return err
	}
	return s.to.DeleteUser(ctx, id)
}

func (s *spy) LinkAccount(ctx context.Context, a engine.Account) (engine.Account, error) {
	if err := s.record("LinkAccount"); err != nil {
		return engine.Account{}, err
	}
	return s.to.LinkAccount(ctx, a)
}

func (s *spy) UnlinkAccount(ctx context.Context, provider, id string) error {
	if err := s.record("UnlinkAccount"); err != nil {
		return err
	}
	return s.to.UnlinkAccount(ctx, provider, id)
}

func (s *spy) GetAccount(ctx context.Context, provider, id string) (engine.Account, error) {
	if err := s.record("GetAccount"); err != nil {
		return engine.Account{}, err
	}
	return s.to.GetAccount(ctx, provider, id)
}

func (s *spy) GetUserByAccount(ctx context.Context, provider, id string) (engine.User, error) {
	if err := s.record("GetUserByAccount"); err != nil {
		return engine.User{}, err
	}
	return s.to.GetUserByAccount(ctx, provider, id)
}

func (s *spy) ListAccountsByUserID(ctx context.Context, id string) ([]engine.Account, error) {
	if err := s.record("ListAccountsByUserID"); err != nil {
		return nil, err
	}
	return s.to.ListAccountsByUserID(ctx, id)
}

func (s *spy) CreateSession(ctx context.Context, row engine.AdapterSession) (engine.AdapterSession, error) {
	if err := s.record("CreateSession"); err != nil {
		return engine.AdapterSession{}, err
	}
	return s.to.CreateSession(ctx, row)
}

func (s *spy) GetSession(ctx context.Context, token string) (engine.AdapterSession, error) {
	if err := s.record("GetSession"); err != nil {
		return engine.AdapterSession{}, err
	}
	return s.to.GetSession(ctx, token)
}

func (s *spy) GetSessionAndUser(ctx context.Context, token string) (engine.AdapterSession, engine.User, error) {
	if err := s.record("GetSessionAndUser"); err != nil {
		return engine.AdapterSession{}, engine.User{}, err
	}
	defer s.done("GetSessionAndUser")
	return s.to.GetSessionAndUser(ctx, token)
}

func (s *spy) UpdateSession(ctx context.Context, u store.SessionUpdate) (engine.AdapterSession, error) {
	if err := s.record("UpdateSession"); err != nil {
		return engine.AdapterSession{}, err
	}
	return s.to.UpdateSession(ctx, u)
}

func (s *spy) DeleteSession(ctx context.Context, token string) error {
	if err := s.record("DeleteSession"); err != nil {
		return err
	}
	return s.to.DeleteSession(ctx, token)
}

func (s *spy) DeleteSessionsByUserID(ctx context.Context, id string) error {
	if err := s.record("DeleteSessionsByUserID"); err != nil {
		return err
	}
	return s.to.DeleteSessionsByUserID(ctx, id)
}

func (s *spy) CreateVerificationToken(ctx context.Context, v store.VerificationToken) (store.VerificationToken, error) {
	if err := s.record("CreateVerificationToken"); err != nil {
		return store.VerificationToken{}, err
	}
	return s.to.CreateVerificationToken(ctx, v)
}

func (s *spy) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	if err := s.record("UseVerificationToken"); err != nil {
		return store.VerificationToken{}, err
	}
	return s.to.UseVerificationToken(ctx, identifier, token)
}
