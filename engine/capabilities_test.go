package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// A SignUpAdapter creates a user and its account in one call. The events are
// those of two calls.
func TestSignUpAdapterCreatesUserAndAccountInOneCall(t *testing.T) {
	for _, strategy := range strategies {
		var events []string
		s := newSite(t, withStrategy(strategy), recordEvents(&events), func(s *site, c *engine.Config) { c.Adapter = s.store.signUp() })
		s.store.reset()
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		if writes := s.store.writes(); writes[0] != "CreateUserWithAccount" || slices.Contains(writes, "LinkAccount") {
			t.Errorf("%s: writes %q", strategy, writes)
		}
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "bob-sub")
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"createUser " + u.ID, "linkAccount " + u.ID + " oidc bob-sub", "signIn " + u.ID + " new=true"}; !slices.Equal(events, want) {
			t.Errorf("%s: events %q, want %q", strategy, events, want)
		}
		// A call that fails leaves no user, and the next one succeeds.
		s.resetLog()
		s.store.failWith(errors.New("the store is away"), "CreateUserWithAccount")
		s.idp.user = map[string]any{"sub": "eve-sub", "email": "eve@example.com"}
		eve := s.browser()
		eve.oauth("oidc").wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
		s.store.repair()
		eve.oauth("oidc").wantTo(s.origin)
		if got := eve.user(); got != "eve@example.com" {
			t.Errorf("%s: after a failure, signed in as %q", strategy, got)
		}
	}
}

// A transaction may run again. Nothing of the first run remains, and each event
// is emitted once.
func TestRetriedTransactionReportsItsEventsOnce(t *testing.T) {
	for _, strategy := range strategies {
		var events []string
		s := newSite(t, withStrategy(strategy), recordEvents(&events), func(s *site, c *engine.Config) { c.Adapter = &retryingAdapter{Adapter: c.Adapter} })
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin) // the browser checks that no cookie is set twice
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "bob-sub")
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"createUser " + u.ID, "linkAccount " + u.ID + " oidc bob-sub", "signIn " + u.ID + " new=true"}; !slices.Equal(events, want) {
			t.Errorf("%s: events %q, want %q", strategy, events, want)
		}
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: signed in as %q", strategy, got)
		}
		b = s.browser()
		b.followMail("carol@example.com").wantTo(s.origin)
		if got := b.user(); got != "carol@example.com" {
			t.Errorf("%s: by mail, signed in as %q", strategy, got)
		}
		s.quiet(t)
	}
}

// retryingAdapter runs every transaction twice, as after a serialization failure.
type retryingAdapter struct{ engine.Adapter }

func (r *retryingAdapter) Tx(ctx context.Context, fn func(engine.Adapter) error) error {
	failure := errors.New("serialization failure")
	tx := r.Adapter.(store.Transactor)
	err := tx.Tx(ctx, func(a engine.Adapter) error {
		if err := fn(a); err != nil {
			return err
		}
		return failure
	})
	if !errors.Is(err, failure) {
		return err
	}
	return tx.Tx(ctx, fn)
}

// A transaction whose commit fails with a conflict is run again, and the first run
// leaves no cookie.
func TestConflictingCommitIsRetried(t *testing.T) {
	s := newSite(t, withStrategy(engine.StrategyDatabase))
	b := s.browser()
	location := b.startOAuth("oidc")
	commits := 0
	s.store.mu.Lock()
	s.store.fail = func(method string) error {
		if method == "Commit" {
			if commits++; commits == 1 {
				return &store.ConflictError{Field: "providerAccountId"}
			}
		}
		return nil
	}
	s.store.mu.Unlock()
	r := b.finishOAuth("oidc", location)
	r.wantTo(s.origin)
	set := 0
	for _, c := range r.set {
		if c.Name == sessionCookie {
			set++
		}
	}
	if got := b.user(); got != "bob@example.com" || set != 1 || commits != 2 {
		t.Errorf("signed in as %q, %d cookies, %d commits", got, set, commits)
	}
}

func TestConflictErrorMatchesErrConflict(t *testing.T) {
	cause := errors.New("unique violation")
	err := fmt.Errorf("creating: %w", &store.ConflictError{Field: "email", Err: cause})
	if !errors.Is(err, store.ErrConflict) || !errors.Is(err, &store.ConflictError{Field: "email"}) || !errors.Is(err, cause) {
		t.Errorf("%v does not match itself or its cause", err)
	}
	if errors.Is(err, &store.ConflictError{Field: "id"}) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v matches another error", err)
	}
}

// An adapter may assign the IDs of users.
func TestStoreMayAssignIDs(t *testing.T) {
	for _, strategy := range strategies {
		signIns := 0
		s := newSite(t, withStore, func(s *site, c *engine.Config) {
			c.SessionStrategy = strategy
			c.Adapter = assigningAdapter{s.store.plain()}
			c.Events.SignIn = func(_ context.Context, e *engine.SignInEvent) error {
				signIns++
				if e.User.ID != "assigned-"+*e.User.Email || e.Account.Type == "email" && e.Account.UserID != e.User.ID {
					t.Errorf("%s: user %+v, account %+v", strategy, e.User, e.Account)
				}
				return nil
			}
		})
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: signed in as %q", strategy, got)
		}
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "bob-sub")
		if err != nil || u.ID != "assigned-bob@example.com" {
			t.Errorf("%s: the stored user is %+v, %v", strategy, u, err)
		}
		b = s.browser()
		b.followMail("carol@example.com").wantTo(s.origin)
		if got := b.user(); got != "carol@example.com" {
			t.Errorf("%s: by mail, signed in as %q", strategy, got)
		}
		if signIns != 2 {
			t.Errorf("%s: %d signIn events, want 2", strategy, signIns)
		}
	}
}

// assigningAdapter assigns the IDs of users.
type assigningAdapter struct{ engine.Adapter }

func (assigningAdapter) Traits() store.Traits { return store.Traits{AssignsIDs: true} }

func (a assigningAdapter) CreateUser(ctx context.Context, u engine.User) (engine.User, error) {
	u.ID = "assigned-" + *u.Email
	return a.Adapter.CreateUser(ctx, u)
}
