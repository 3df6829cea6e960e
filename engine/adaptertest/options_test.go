package adaptertest_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// passes wants every case to pass with the options, and the case without to fail
// without them.
func passes(t *testing.T, open opener, without string, opts ...adaptertest.Option) {
	t.Helper()
	if err := adaptertest.Check(t.Context(), open, opts...).Err(); err != nil {
		t.Errorf("with the option: %v", err)
	}
	if without != "" && adaptertest.Check(t.Context(), open, adaptertest.Only(without)).Err() == nil {
		t.Errorf("%s passes without the option", without)
	}
}

func TestNativeTTL(t *testing.T) {
	passes(t, onMemory(func(p *patch, in full) {
		p.getSession = func(ctx context.Context, token string) (sess, error) {
			s, err := in.GetSession(ctx, token)
			if err == nil && s.Expires.Before(time.Now()) {
				return sess{}, store.ErrNotFound
			}
			return s, err
		}
		p.useToken = func(ctx context.Context, identifier, token string) (vtoken, error) {
			v, err := in.UseVerificationToken(ctx, identifier, token)
			if err == nil && v.Expires.Before(time.Now()) {
				return vtoken{}, store.ErrNotFound
			}
			return v, err
		}
	}), "session/get-is-pure", adaptertest.NativeTTL())
}

func TestPrecision(t *testing.T) {
	passes(t, onMemory(func(p *patch, in full) {
		truncate := func(at time.Time) time.Time { return at.Truncate(time.Second) }
		writing(p, in, sameText, truncate)
		p.updateUser = func(ctx context.Context, u store.UserUpdate) (user, error) {
			if u.EmailVerified.Value != nil {
				u.EmailVerified = store.SetTo(truncate(*u.EmailVerified.Value))
			}
			return in.UpdateUser(ctx, u)
		}
		p.updateSession = func(ctx context.Context, u store.SessionUpdate) (sess, error) {
			if u.Expires != nil {
				u.Expires = ptr(truncate(*u.Expires))
			}
			return in.UpdateSession(ctx, u)
		}
	}), "data/millis", adaptertest.Precision(time.Second))
}

func TestMaxString(t *testing.T) {
	passes(t, onMemory(func(p *patch, in full) {
		p.link = func(ctx context.Context, a acct) (acct, error) {
			if a.AccessToken != nil && len(*a.AccessToken) > 255 {
				return acct{}, fmt.Errorf("access_token: %w", store.ErrInvalid)
			}
			return in.LinkAccount(ctx, a)
		}
	}), "account/long-tokens", adaptertest.MaxString("account.access_token", 255))
}

// numbering is a store that assigns the ids of users, and declares it.
type numbering struct{ *patch }

func (numbering) Traits() store.Traits { return store.Traits{AssignsIDs: true} }

func assigning(p *patch, in full) {
	var last atomic.Int64
	last.Store(1000)
	p.createUser = func(ctx context.Context, u user) (user, error) {
		u.ID = fmt.Sprint(last.Add(1))
		return in.CreateUser(ctx, u)
	}
}

func TestAssignsIDs(t *testing.T) {
	passes(t, func(_ context.Context, s *schema.Schema) (store.Adapter, func(), error) {
		in := memory.New(s)
		p := &patch{full: in}
		assigning(p, in)
		return numbering{p}, nil, nil
	}, "")
}

func TestKnown(t *testing.T) {
	known := adaptertest.Known("token/case", "its tables compare so")
	broken := onMemory(func(p *patch, in full) { comparing(p, in, "token", true, strings.EqualFold) })
	passes(t, broken, "token/case", known)
	if err := adaptertest.Check(t.Context(), onMemory(func(*patch, full) {}), known).Err(); err == nil || !strings.Contains(err.Error(), "remove Known") {
		t.Errorf("a known failure that passes: got the error %v", err)
	}
	if err := adaptertest.Check(t.Context(), broken, adaptertest.Known("token/cases", "typo")).Err(); err == nil {
		t.Error("Known accepts an unknown id")
	}
}

// onlyAdapter is an adapter with no optional interface.
type onlyAdapter struct{ store.Adapter }

func TestRequire(t *testing.T) {
	open := func(_ context.Context, s *schema.Schema) (store.Adapter, func(), error) {
		return onlyAdapter{memory.New(s)}, nil, nil
	}
	r := adaptertest.Check(t.Context(), open)
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if line := r.String(); !strings.Contains(line, "not offered 28 ") || !strings.Contains(line, "no store.Transactor") {
		t.Error(line)
	}
	if adaptertest.Check(t.Context(), open, adaptertest.Require(adaptertest.Tx)).Err() == nil {
		t.Error("Require does not detect the missing interface")
	}
}

func TestFailureExplains(t *testing.T) {
	at, f := kill(t.Context(), mutants()[1], t.TempDir())
	if at != "race/consume-64" {
		t.Fatal(at)
	}
	for _, want := range []string{"race/consume-64: a token is handed out to exactly one of 64 callers (rule R4)",
		"did:", "64 × at once: UseVerificationToken", "got:", "callers succeeded", "want:", "1 success and 63 × store.ErrNotFound",
		"cause:", "fix:", "RETURNING", "GETDEL", "seen:"} {
		if !strings.Contains(f.String(), want) {
			t.Errorf("no %q in\n%s", want, f)
		}
	}
}

// An error of open fails the case and does not end the run.
func TestOpenFails(t *testing.T) {
	r := adaptertest.Check(t.Context(), func(context.Context, *schema.Schema) (store.Adapter, func(), error) {
		return nil, nil, fmt.Errorf("connection refused")
	}, adaptertest.Only("token/once"))
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
}
