package adaptertest_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// The mutants are adapters as people write them. A case that catches none of them
// can fail too: it catches an adapter that is broken here for it.
func TestEveryCaseCanFail(t *testing.T) {
	covered := map[string]bool{}
	for _, m := range mutants() {
		for _, id := range m.fits {
			covered[id] = true
		}
	}
	for _, c := range breakages {
		covered[c.id] = true
		open, options := c.open, []adaptertest.Option(nil)
		switch {
		case c.memory != nil:
			open = onMemory(c.memory)
		case c.sqlite != nil:
			l := &lab{dir: t.TempDir()}
			wrapped(l, c.sqlite)
			open, options = l.open, l.options()
		}
		r := adaptertest.Check(t.Context(), open, append(options, adaptertest.Only(c.id))...)
		if failed := slices.ContainsFunc(r.Results, func(r adaptertest.Result) bool { return r.ID == c.id && r.Status == adaptertest.Failed }); !failed {
			t.Errorf("%s passes, although %s\n%s", c.id, c.what, r)
		}
	}
	for _, id := range adaptertest.CaseIDs() {
		if !covered[id] {
			t.Errorf("no broken adapter shows that %s can fail", id)
		}
	}
}

var breakages = []struct {
	id, what string
	memory   func(p *patch, in full)
	sqlite   func(p *patch, in full)
	open     opener
}{
	{id: "user/create-empty-id", what: "an empty id is replaced", memory: func(p *patch, in full) {
		p.createUser = func(ctx context.Context, u user) (user, error) {
			if u.ID == "" {
				u.ID = "made"
			}
			return in.CreateUser(ctx, u)
		}
	}},
	{id: "user/null-emails", what: "only one user may have no address", memory: func(p *patch, in full) {
		var one sync.Once
		p.createUser = func(ctx context.Context, u user) (user, error) {
			if u.Email == nil {
				taken := true
				if one.Do(func() { taken = false }); taken {
					return user{}, &store.ConflictError{Field: "email"}
				}
			}
			return in.CreateUser(ctx, u)
		}
	}},
	{id: "user/null-emails", what: "a user without an address cannot be deleted", memory: func(p *patch, in full) {
		p.deleteUser = func(ctx context.Context, id string) error {
			if u, err := in.GetUser(ctx, id); err == nil && u.Email == nil {
				return errors.New("no address")
			}
			return in.DeleteUser(ctx, id)
		}
	}},
	{id: "user/null-emails", what: "all users without an address are deleted together", memory: func(p *patch, in full) {
		var bare seen[string]
		p.createUser = func(ctx context.Context, u user) (user, error) {
			if u.Email == nil {
				bare.add(u.ID)
			}
			return in.CreateUser(ctx, u)
		}
		p.deleteUser = func(ctx context.Context, id string) error {
			for _, id := range append(bare.rows, id) {
				if err := in.DeleteUser(ctx, id); err != nil {
					return err
				}
			}
			return nil
		}
	}},
	{id: "user/email-empty", what: "the empty address finds a user without one", memory: func(p *patch, in full) {
		var bare seen[user]
		p.createUser = func(ctx context.Context, u user) (user, error) {
			bare.add(u)
			return in.CreateUser(ctx, u)
		}
		p.getUserByEmail = func(ctx context.Context, s string) (user, error) {
			if u, ok := bare.find(func(u user) bool { return s == "" && u.Email == nil }); ok {
				return u, nil
			}
			return in.GetUserByEmail(ctx, s)
		}
	}},
	{id: "user/update-scope", what: "an update has no WHERE", memory: func(p *patch, in full) {
		var ids seen[string]
		p.createUser = func(ctx context.Context, u user) (user, error) {
			ids.add(u.ID)
			return in.CreateUser(ctx, u)
		}
		p.updateUser = func(ctx context.Context, up store.UserUpdate) (user, error) {
			for _, id := range ids.rows {
				_, _ = in.UpdateUser(ctx, store.UserUpdate{ID: id, Image: up.Image})
			}
			return in.UpdateUser(ctx, up)
		}
	}},
	{id: "user/email-taken", what: "the rest of an update that conflicts is stored", memory: func(p *patch, in full) {
		p.updateUser = func(ctx context.Context, up store.UserUpdate) (user, error) {
			u, err := in.UpdateUser(ctx, up)
			if errors.Is(err, store.ErrConflict) {
				up.Email = store.Change[string]{}
				_, _ = in.UpdateUser(ctx, up)
			}
			return u, err
		}
	}},
	{id: "user/read-your-write", what: "users are cached", memory: func(p *patch, in full) {
		var cache seen[user]
		p.getUser = func(ctx context.Context, id string) (user, error) {
			if u, ok := cache.find(func(u user) bool { return u.ID == id }); ok {
				return u, nil
			}
			u, err := in.GetUser(ctx, id)
			if err == nil {
				cache.add(u)
			}
			return u, err
		}
	}},
	{id: "account/roundtrip", what: "a column is missing", memory: func(p *patch, in full) {
		p.getAccount = func(ctx context.Context, provider, id string) (acct, error) {
			a, err := in.GetAccount(ctx, provider, id)
			a.SessionState = nil
			return a, err
		}
	}},
	{id: "account/roundtrip", what: "provider and id are sorted to make the key", memory: func(p *patch, in full) {
		p.getAccount = func(ctx context.Context, provider, id string) (acct, error) {
			if provider > id {
				return in.GetAccount(ctx, provider, id)
			}
			return in.GetAccount(ctx, id, provider)
		}
	}},
	{id: "account/nil-vs-empty", what: "an empty token is stored as null", memory: func(p *patch, in full) {
		p.link = func(ctx context.Context, a acct) (acct, error) {
			if a.AccessToken != nil && *a.AccessToken == "" {
				a.AccessToken = nil
			}
			return in.LinkAccount(ctx, a)
		}
	}},
	{id: "account/relink", what: "an unlinked account stays taken", memory: func(p *patch, in full) {
		p.unlink = func(context.Context, string, string) error { return nil }
	}},
	{id: "session/right-user", what: "every session returns the first user", memory: func(p *patch, in full) {
		var ids seen[string]
		p.createUser = func(ctx context.Context, u user) (user, error) {
			ids.add(u.ID)
			return in.CreateUser(ctx, u)
		}
		p.getSession = func(ctx context.Context, token string) (sess, error) {
			s, err := in.GetSession(ctx, token)
			s.UserID = ids.rows[0]
			return s, err
		}
	}},
	{id: "session/update-unknown", what: "an update of an absent session succeeds", memory: func(p *patch, in full) {
		p.updateSession = func(ctx context.Context, up store.SessionUpdate) (sess, error) {
			s, err := in.UpdateSession(ctx, up)
			if errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return s, err
		}
	}},
	{id: "session/orphan", what: "a session whose user is gone returns an empty user", open: func(_ context.Context, s *schema.Schema) (store.Adapter, func(), error) {
		in := memory.New(s)
		return leftJoin{in}, func() { in.Close() }, nil
	}},
	{id: "session/one-query", what: "a session and its user are read by two statements", sqlite: func(p *patch, in full) { p.getSession = in.GetSession }},
	{id: "authn/transports-nil", what: "empty transports are stored as null", memory: func(p *patch, in full) {
		p.createAuthn = func(ctx context.Context, c cred) (cred, error) {
			if c.Transports != nil && *c.Transports == "" {
				c.Transports = nil
			}
			return in.CreateAuthenticator(ctx, c)
		}
	}},
	{id: "authn/case", what: "credential ids are found in any letter case", memory: func(p *patch, in full) {
		var ids seen[string]
		p.createAuthn = func(ctx context.Context, c cred) (cred, error) {
			ids.add(c.CredentialID)
			return in.CreateAuthenticator(ctx, c)
		}
		p.getAuthn = func(ctx context.Context, id string) (cred, error) {
			known, _ := ids.find(func(v string) bool { return strings.EqualFold(v, id) })
			return in.GetAuthenticator(ctx, known)
		}
	}},
	{id: "authn/list-complete", what: "a list has only its first page", memory: func(p *patch, in full) {
		p.listAuthn = func(ctx context.Context, id string) ([]cred, error) {
			all, err := in.ListAuthenticatorsByUserID(ctx, id)
			return all[:min(len(all), 100)], err
		}
	}},
	{id: "authn/counter-range", what: "a counter has 31 bits", memory: func(p *patch, in full) {
		p.counter = func(ctx context.Context, id string, n uint32) (cred, error) {
			return in.UpdateAuthenticatorCounter(ctx, id, min(n, math.MaxInt32))
		}
	}},
	{id: "data/far-future", what: "time ends in 2038", memory: func(p *patch, in full) {
		writing(p, in, sameText, func(at time.Time) time.Time { return time.UnixMilli(min(at.UnixMilli(), math.MaxInt32*1000)).UTC() })
	}},
	{id: "data/nil-time", what: "a null instant is stored as the zero time", memory: func(p *patch, in full) {
		p.createUser = func(ctx context.Context, u user) (user, error) {
			if u.EmailVerified == nil {
				u.EmailVerified = &time.Time{}
			}
			return in.CreateUser(ctx, u)
		}
	}},
	{id: "data/normal-form", what: "text is normalized to NFC", memory: func(p *patch, in full) { writing(p, in, norm.NFC.String, sameInstant) }},
	{id: "data/whitespace", what: "text is trimmed", memory: func(p *patch, in full) { writing(p, in, strings.TrimSpace, sameInstant) }},
	{id: "data/empty", what: "empty text is stored as a space", memory: func(p *patch, in full) {
		writing(p, in, func(s string) string {
			if s == "" {
				return " "
			}
			return s
		}, sameInstant)
	}},
	{id: "data/extra", what: "extra fields are lost", memory: func(p *patch, in full) {
		p.createUser = func(ctx context.Context, u user) (user, error) {
			u.Extra = nil
			return in.CreateUser(ctx, u)
		}
	}},
	{id: "data/extra", what: "undeclared extra fields are dropped", memory: func(p *patch, in full) {
		p.createUser = func(ctx context.Context, u user) (user, error) {
			delete(u.Extra, "undeclared")
			return in.CreateUser(ctx, u)
		}
	}},
	{id: "race/copies", what: "callers share memory with the store", memory: func(p *patch, in full) {
		var shared seen[user]
		p.getUser = func(ctx context.Context, id string) (user, error) {
			if u, ok := shared.find(func(u user) bool { return u.ID == id }); ok {
				return u, nil
			}
			u, err := in.GetUser(ctx, id)
			if err == nil {
				shared.add(u)
			}
			return u, err
		}
	}},
	{id: "race/create-email", what: "the losers get an untyped error", memory: func(p *patch, in full) {
		p.createUser = func(ctx context.Context, u user) (user, error) {
			u, err := in.CreateUser(ctx, u)
			return u, untyped(err)
		}
	}},
	{id: "fault/recovers", what: "an id that once failed stays taken", memory: func(p *patch, in full) {
		var burnt seen[string]
		p.createUser = func(ctx context.Context, u user) (user, error) {
			if _, ok := burnt.find(func(id string) bool { return id == u.ID }); ok {
				return user{}, &store.ConflictError{Field: "id"}
			}
			u2, err := in.CreateUser(ctx, u)
			if err != nil {
				burnt.add(u.ID)
			}
			return u2, err
		}
	}},
}

// leftJoin finds the session of a deleted user.
type leftJoin struct{ *memory.Adapter }

func (a leftJoin) GetSessionAndUser(ctx context.Context, token string) (sess, user, error) {
	s, u, err := a.Adapter.GetSessionAndUser(ctx, token)
	if errors.Is(err, store.ErrNotFound) {
		return sess{SessionToken: token}, user{}, nil
	}
	return s, u, err
}
