package adaptertest_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// full is an adapter with every optional interface.
type full interface {
	store.Adapter
	store.AuthenticatorAdapter
	store.Transactor
	store.Purger
	store.SessionLister
	io.Closer
}

type (
	user   = store.User
	acct   = store.Account
	sess   = store.Session
	vtoken = store.VerificationToken
	cred   = store.Authenticator
)

// patch is an adapter with some methods broken.
type patch struct {
	full
	createUser     func(context.Context, user) (user, error)
	getUser        func(context.Context, string) (user, error)
	getUserByEmail func(context.Context, string) (user, error)
	updateUser     func(context.Context, store.UserUpdate) (user, error)
	deleteUser     func(context.Context, string) error
	link           func(context.Context, acct) (acct, error)
	unlink         func(context.Context, string, string) error
	getAccount     func(context.Context, string, string) (acct, error)
	userByAccount  func(context.Context, string, string) (user, error)
	createSession  func(context.Context, sess) (sess, error)
	getSession     func(context.Context, string) (sess, error)
	updateSession  func(context.Context, store.SessionUpdate) (sess, error)
	deleteSession  func(context.Context, string) error
	createToken    func(context.Context, vtoken) (vtoken, error)
	useToken       func(context.Context, string, string) (vtoken, error)
	createAuthn    func(context.Context, cred) (cred, error)
	getAuthn       func(context.Context, string) (cred, error)
	listAuthn      func(context.Context, string) ([]cred, error)
	counter        func(context.Context, string, uint32) (cred, error)
	purge          func(context.Context, time.Time, int) (int, error)
	tx             func(context.Context, func(store.Adapter) error) error
}

func either[F any](isNil bool, f, g F) F {
	if isNil {
		return g
	}
	return f
}

func (p *patch) CreateUser(ctx context.Context, u user) (user, error) {
	return either(p.createUser == nil, p.createUser, p.full.CreateUser)(ctx, u)
}
func (p *patch) GetUser(ctx context.Context, id string) (user, error) {
	return either(p.getUser == nil, p.getUser, p.full.GetUser)(ctx, id)
}
func (p *patch) GetUserByEmail(ctx context.Context, s string) (user, error) {
	return either(p.getUserByEmail == nil, p.getUserByEmail, p.full.GetUserByEmail)(ctx, s)
}
func (p *patch) UpdateUser(ctx context.Context, u store.UserUpdate) (user, error) {
	return either(p.updateUser == nil, p.updateUser, p.full.UpdateUser)(ctx, u)
}
func (p *patch) DeleteUser(ctx context.Context, id string) error {
	return either(p.deleteUser == nil, p.deleteUser, p.full.DeleteUser)(ctx, id)
}
func (p *patch) LinkAccount(ctx context.Context, a acct) (acct, error) {
	return either(p.link == nil, p.link, p.full.LinkAccount)(ctx, a)
}
func (p *patch) UnlinkAccount(ctx context.Context, provider, id string) error {
	return either(p.unlink == nil, p.unlink, p.full.UnlinkAccount)(ctx, provider, id)
}
func (p *patch) GetAccount(ctx context.Context, provider, id string) (acct, error) {
	return either(p.getAccount == nil, p.getAccount, p.full.GetAccount)(ctx, provider, id)
}
func (p *patch) GetUserByAccount(ctx context.Context, provider, id string) (user, error) {
	return either(p.userByAccount == nil, p.userByAccount, p.full.GetUserByAccount)(ctx, provider, id)
}
func (p *patch) CreateSession(ctx context.Context, s sess) (sess, error) {
	return either(p.createSession == nil, p.createSession, p.full.CreateSession)(ctx, s)
}
func (p *patch) GetSession(ctx context.Context, token string) (sess, error) {
	return either(p.getSession == nil, p.getSession, p.full.GetSession)(ctx, token)
}
func (p *patch) GetSessionAndUser(ctx context.Context, token string) (sess, user, error) {
	if p.getSession == nil {
		return p.full.GetSessionAndUser(ctx, token)
	}
	s, err := p.getSession(ctx, token)
	if err != nil {
		return sess{}, user{}, err
	}
	u, err := p.full.GetUser(ctx, s.UserID)
	if err != nil {
		return sess{}, user{}, err
	}
	return s, u, nil
}
func (p *patch) UpdateSession(ctx context.Context, s store.SessionUpdate) (sess, error) {
	return either(p.updateSession == nil, p.updateSession, p.full.UpdateSession)(ctx, s)
}
func (p *patch) DeleteSession(ctx context.Context, token string) error {
	return either(p.deleteSession == nil, p.deleteSession, p.full.DeleteSession)(ctx, token)
}
func (p *patch) CreateVerificationToken(ctx context.Context, t vtoken) (vtoken, error) {
	return either(p.createToken == nil, p.createToken, p.full.CreateVerificationToken)(ctx, t)
}
func (p *patch) UseVerificationToken(ctx context.Context, identifier, token string) (vtoken, error) {
	return either(p.useToken == nil, p.useToken, p.full.UseVerificationToken)(ctx, identifier, token)
}
func (p *patch) CreateAuthenticator(ctx context.Context, a cred) (cred, error) {
	return either(p.createAuthn == nil, p.createAuthn, p.full.CreateAuthenticator)(ctx, a)
}
func (p *patch) GetAuthenticator(ctx context.Context, id string) (cred, error) {
	return either(p.getAuthn == nil, p.getAuthn, p.full.GetAuthenticator)(ctx, id)
}
func (p *patch) ListAuthenticatorsByUserID(ctx context.Context, id string) ([]cred, error) {
	return either(p.listAuthn == nil, p.listAuthn, p.full.ListAuthenticatorsByUserID)(ctx, id)
}
func (p *patch) UpdateAuthenticatorCounter(ctx context.Context, id string, n uint32) (cred, error) {
	return either(p.counter == nil, p.counter, p.full.UpdateAuthenticatorCounter)(ctx, id, n)
}
func (p *patch) PurgeExpired(ctx context.Context, before time.Time, limit int) (int, error) {
	return either(p.purge == nil, p.purge, p.full.PurgeExpired)(ctx, before, limit)
}
func (p *patch) Tx(ctx context.Context, fn func(store.Adapter) error) error {
	return either(p.tx == nil, p.tx, p.full.Tx)(ctx, fn)
}

// opener opens stores for Check.
type opener func(ctx context.Context, s *schema.Schema) (store.Adapter, func(), error)

// onMemory breaks the memory adapter.
func onMemory(breakIt func(p *patch, in full)) opener {
	return func(_ context.Context, s *schema.Schema) (store.Adapter, func(), error) {
		in := memory.New(s)
		p := &patch{full: in}
		breakIt(p, in)
		return p, func() { in.Close() }, nil
	}
}

// meeting makes two callers meet: the first waits a while for the second.
type meeting struct {
	mu      sync.Mutex
	waiting chan struct{}
}

func (m *meeting) wait() {
	m.mu.Lock()
	if w := m.waiting; w != nil {
		m.waiting = nil
		m.mu.Unlock()
		close(w)
		return
	}
	w := make(chan struct{})
	m.waiting = w
	m.mu.Unlock()
	select {
	case <-w:
	case <-time.After(20 * time.Millisecond):
		m.mu.Lock()
		if m.waiting == w {
			m.waiting = nil
		}
		m.mu.Unlock()
	}
}

// seen keeps the rows that passed through a wrapper.
type seen[V any] struct {
	mu   sync.Mutex
	rows []V
}

func (s *seen[V]) add(v V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, v)
}

func (s *seen[V]) find(match func(V) bool) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.rows {
		if match(v) {
			return v, true
		}
	}
	var none V
	return none, false
}

func (s *seen[V]) remove(match func(V) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, v := range s.rows {
		if match(v) {
			s.rows = append(s.rows[:i:i], s.rows[i+1:]...)
			return
		}
	}
}

// mirror makes a patch remember the tokens it stored.
func mirror(p *patch, in full) *seen[vtoken] {
	s := &seen[vtoken]{}
	p.createToken = func(ctx context.Context, t vtoken) (vtoken, error) {
		v, err := in.CreateVerificationToken(ctx, t)
		if err == nil {
			s.add(v)
		}
		return v, err
	}
	return s
}

// comparing makes a store compare keys with eq(asked, stored) in lookups, and
// with unique also when it checks whether a key is taken.
func comparing(p *patch, in full, columns string, unique bool, eq func(asked, stored string) bool) {
	var emails, sessions, identifiers, tokens seen[string]
	resolve := func(s *seen[string], asked string) string {
		if v, ok := s.find(func(v string) bool { return v == asked }); ok {
			return v
		}
		if v, ok := s.find(func(v string) bool { return eq(asked, v) }); ok {
			return v
		}
		return asked
	}
	taken := func(s *seen[string], v string) string {
		if unique {
			v = resolve(s, v)
		}
		s.add(v)
		return v
	}
	if strings.Contains(columns, "email") {
		p.createUser = func(ctx context.Context, u user) (user, error) {
			if u.Email != nil {
				e := taken(&emails, *u.Email)
				u.Email = &e
			}
			return in.CreateUser(ctx, u)
		}
		p.getUserByEmail = func(ctx context.Context, s string) (user, error) { return in.GetUserByEmail(ctx, resolve(&emails, s)) }
	}
	if strings.Contains(columns, "session") {
		p.createSession = func(ctx context.Context, s sess) (sess, error) {
			s.SessionToken = taken(&sessions, s.SessionToken)
			return in.CreateSession(ctx, s)
		}
		p.getSession = func(ctx context.Context, s string) (sess, error) { return in.GetSession(ctx, resolve(&sessions, s)) }
		p.deleteSession = func(ctx context.Context, s string) error { return in.DeleteSession(ctx, resolve(&sessions, s)) }
	}
	if strings.Contains(columns, "token") {
		p.createToken = func(ctx context.Context, t vtoken) (vtoken, error) {
			t.Identifier, t.Token = taken(&identifiers, t.Identifier), taken(&tokens, t.Token)
			return in.CreateVerificationToken(ctx, t)
		}
		p.useToken = func(ctx context.Context, identifier, token string) (vtoken, error) {
			return in.UseVerificationToken(ctx, resolve(&identifiers, identifier), resolve(&tokens, token))
		}
	}
}

// like is SQL's LIKE with the asked string as the pattern.
func like(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	switch pattern[0] {
	case '%':
		for i := range len(s) + 1 {
			if like(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	case '_':
		return s != "" && like(pattern[1:], s[1:])
	}
	return s != "" && strings.EqualFold(pattern[:1], s[:1]) && like(pattern[1:], s[1:])
}

// writing changes every value on its way into the store.
func writing(p *patch, in full, text func(string) string, instant func(time.Time) time.Time) {
	t := func(s *string) *string {
		if s == nil {
			return nil
		}
		return ptr(text(*s))
	}
	p.createUser = func(ctx context.Context, u user) (user, error) {
		u.Name, u.Image = t(u.Name), t(u.Image)
		if u.EmailVerified != nil {
			u.EmailVerified = ptr(instant(*u.EmailVerified))
		}
		return in.CreateUser(ctx, u)
	}
	p.link = func(ctx context.Context, a acct) (acct, error) {
		a.AccessToken, a.RefreshToken, a.IDToken = t(a.AccessToken), t(a.RefreshToken), t(a.IDToken)
		return in.LinkAccount(ctx, a)
	}
	p.createSession = func(ctx context.Context, s sess) (sess, error) {
		s.Expires = instant(s.Expires)
		return in.CreateSession(ctx, s)
	}
	p.createToken = func(ctx context.Context, v vtoken) (vtoken, error) {
		v.Expires = instant(v.Expires)
		return in.CreateVerificationToken(ctx, v)
	}
}

func sameText(s string) string          { return s }
func sameInstant(t time.Time) time.Time { return t }
