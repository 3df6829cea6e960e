package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// adapterMethods are the methods of engine.Adapter.
var adapterMethods = []string{
	"CreateUser", "GetUser", "GetUserByEmail", "UpdateUser", "DeleteUser",
	"LinkAccount", "UnlinkAccount", "GetAccount", "GetUserByAccount", "ListAccountsByUserID",
	"CreateSession", "GetSession", "GetSessionAndUser", "UpdateSession", "DeleteSession", "DeleteSessionsByUserID",
	"CreateVerificationToken", "UseVerificationToken",
}

// storeSpy counts the calls of an adapter, and breaks them.
type storeSpy struct {
	inner engine.Adapter

	mu    sync.Mutex
	calls []string
	fail  func(method string) error // nil: nothing fails
	after func(method string)       // runs after GetSessionAndUser; nil: nothing
}

func newStoreSpy(inner engine.Adapter) *storeSpy { return &storeSpy{inner: inner} }

// adapter is what the engine gets: with transactions where inner has them.
func (s *storeSpy) adapter() engine.Adapter {
	spied := &spy{storeSpy: s, to: s.inner}
	if _, ok := s.inner.(store.Transactor); ok {
		return txSpy{spied}
	}
	return spied
}

// plain is the adapter without transactions.
func (s *storeSpy) plain() engine.Adapter { return &spy{storeSpy: s, to: s.inner} }

// signUp is plain, with a store.SignUpAdapter made of inner's transactions.
func (s *storeSpy) signUp() engine.Adapter { return signUpSpy{&spy{storeSpy: s, to: s.inner}} }

type signUpSpy struct{ *spy }

func (s signUpSpy) CreateUserWithAccount(ctx context.Context, u engine.User, a engine.Account) (engine.User, engine.Account, error) {
	if err := s.note("CreateUserWithAccount"); err != nil {
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

func (s *storeSpy) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// breaks makes the methods fail with err.
func (s *storeSpy) breaks(err error, methods ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = func(method string) error {
		if len(methods) == 0 || slices.Contains(methods, method) {
			return err
		}
		return nil
	}
}

// breaksOnce makes the nth call from now on fail, and returns which method that
// was, once it has been.
func (s *storeSpy) breaksOnce(err error, nth int) (failed *string) {
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

func (s *storeSpy) repair() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = nil
}

// called are the calls since reset.
func (s *storeSpy) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// count is how often a method was called since reset.
func (s *storeSpy) count(method string) (n int) {
	for _, call := range s.called() {
		if call == method {
			n++
		}
	}
	return n
}

// writes are the calls since reset that change something.
func (s *storeSpy) writes() (out []string) {
	for _, call := range s.called() {
		if !strings.HasPrefix(call, "Get") && !strings.HasPrefix(call, "List") {
			out = append(out, call)
		}
	}
	return out
}

func (s *storeSpy) note(method string) error {
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

// spy is the adapter of a storeSpy.
type spy struct {
	*storeSpy
	to engine.Adapter
}

type txSpy struct{ *spy }

func (s txSpy) Tx(ctx context.Context, fn func(engine.Adapter) error) error {
	if err := s.note("Tx"); err != nil {
		return err
	}
	err := s.to.(store.Transactor).Tx(ctx, func(a engine.Adapter) error {
		if err := fn(&spy{storeSpy: s.storeSpy, to: a}); err != nil {
			return err
		}
		return s.note("Commit")
	})
	return err
}

func (s *spy) CreateUser(ctx context.Context, u engine.User) (engine.User, error) {
	if err := s.note("CreateUser"); err != nil {
		return engine.User{}, err
	}
	return s.to.CreateUser(ctx, u)
}

func (s *spy) GetUser(ctx context.Context, id string) (engine.User, error) {
	if err := s.note("GetUser"); err != nil {
		return engine.User{}, err
	}
	return s.to.GetUser(ctx, id)
}

func (s *spy) GetUserByEmail(ctx context.Context, email string) (engine.User, error) {
	if err := s.note("GetUserByEmail"); err != nil {
		return engine.User{}, err
	}
	return s.to.GetUserByEmail(ctx, email)
}

func (s *spy) UpdateUser(ctx context.Context, u store.UserUpdate) (engine.User, error) {
	if err := s.note("UpdateUser"); err != nil {
		return engine.User{}, err
	}
	return s.to.UpdateUser(ctx, u)
}

func (s *spy) DeleteUser(ctx context.Context, id string) error {
	if err := s.note("DeleteUser"); err != nil {
		return err
	}
	return s.to.DeleteUser(ctx, id)
}

func (s *spy) LinkAccount(ctx context.Context, a engine.Account) (engine.Account, error) {
	if err := s.note("LinkAccount"); err != nil {
		return engine.Account{}, err
	}
	return s.to.LinkAccount(ctx, a)
}

func (s *spy) UnlinkAccount(ctx context.Context, provider, id string) error {
	if err := s.note("UnlinkAccount"); err != nil {
		return err
	}
	return s.to.UnlinkAccount(ctx, provider, id)
}

func (s *spy) GetAccount(ctx context.Context, provider, id string) (engine.Account, error) {
	if err := s.note("GetAccount"); err != nil {
		return engine.Account{}, err
	}
	return s.to.GetAccount(ctx, provider, id)
}

func (s *spy) GetUserByAccount(ctx context.Context, provider, id string) (engine.User, error) {
	if err := s.note("GetUserByAccount"); err != nil {
		return engine.User{}, err
	}
	return s.to.GetUserByAccount(ctx, provider, id)
}

func (s *spy) ListAccountsByUserID(ctx context.Context, id string) ([]engine.Account, error) {
	if err := s.note("ListAccountsByUserID"); err != nil {
		return nil, err
	}
	return s.to.ListAccountsByUserID(ctx, id)
}

func (s *spy) CreateSession(ctx context.Context, row engine.AdapterSession) (engine.AdapterSession, error) {
	if err := s.note("CreateSession"); err != nil {
		return engine.AdapterSession{}, err
	}
	return s.to.CreateSession(ctx, row)
}

func (s *spy) GetSession(ctx context.Context, token string) (engine.AdapterSession, error) {
	if err := s.note("GetSession"); err != nil {
		return engine.AdapterSession{}, err
	}
	return s.to.GetSession(ctx, token)
}

func (s *spy) GetSessionAndUser(ctx context.Context, token string) (engine.AdapterSession, engine.User, error) {
	if err := s.note("GetSessionAndUser"); err != nil {
		return engine.AdapterSession{}, engine.User{}, err
	}
	defer s.done("GetSessionAndUser")
	return s.to.GetSessionAndUser(ctx, token)
}

func (s *spy) UpdateSession(ctx context.Context, u store.SessionUpdate) (engine.AdapterSession, error) {
	if err := s.note("UpdateSession"); err != nil {
		return engine.AdapterSession{}, err
	}
	return s.to.UpdateSession(ctx, u)
}

func (s *spy) DeleteSession(ctx context.Context, token string) error {
	if err := s.note("DeleteSession"); err != nil {
		return err
	}
	return s.to.DeleteSession(ctx, token)
}

func (s *spy) DeleteSessionsByUserID(ctx context.Context, id string) error {
	if err := s.note("DeleteSessionsByUserID"); err != nil {
		return err
	}
	return s.to.DeleteSessionsByUserID(ctx, id)
}

func (s *spy) CreateVerificationToken(ctx context.Context, v store.VerificationToken) (store.VerificationToken, error) {
	if err := s.note("CreateVerificationToken"); err != nil {
		return store.VerificationToken{}, err
	}
	return s.to.CreateVerificationToken(ctx, v)
}

func (s *spy) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	if err := s.note("UseVerificationToken"); err != nil {
		return store.VerificationToken{}, err
	}
	return s.to.UseVerificationToken(ctx, identifier, token)
}
