package adaptertest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// signUps is an adapter without transactions that creates a user and an account in
// one step.
type signUps struct {
	store.Adapter
	signUp func(ctx context.Context, u user, n acct) (user, acct, error)
}

func (s *signUps) CreateUserWithAccount(ctx context.Context, u user, n acct) (user, acct, error) {
	return s.signUp(ctx, u, n)
}

// inOneStep returns a correct CreateUserWithAccount.
func inOneStep(in *memory.Adapter) func(context.Context, user, acct) (user, acct, error) {
	return func(ctx context.Context, u user, n acct) (made user, linked acct, err error) {
		err = in.Tx(ctx, func(a store.Adapter) error {
			made, linked, err = inTwoSteps(ctx, a, u, n)
			return err
		})
		if err != nil {
			return user{}, acct{}, err
		}
		return made, linked, nil
	}
}

func inTwoSteps(ctx context.Context, a store.Adapter, u user, n acct) (made user, linked acct, err error) {
	if made, err = a.CreateUser(ctx, u); err != nil {
		return user{}, acct{}, err
	}
	n.UserID = made.ID
	linked, err = a.LinkAccount(ctx, n)
	return made, linked, err
}

// The cases of the two calls that CreateUserWithAccount replaces detect its bugs.
func TestSignUpAdapter(t *testing.T) {
	type signUp = func(context.Context, user, acct) (user, acct, error)
	for _, c := range []struct {
		what   string
		breaks func(in *memory.Adapter, right signUp) signUp
		caught []string
	}{
		{what: "correct", breaks: func(_ *memory.Adapter, right signUp) signUp { return right }},
		{what: "a refused account leaves the user", caught: []string{"account/taken-by-other", "race/link-two-users"},
			breaks: func(in *memory.Adapter, _ signUp) signUp {
				return func(ctx context.Context, u user, n acct) (user, acct, error) { return inTwoSteps(ctx, in, u, n) }
			}},
		{what: "a refused user leaves the account", caught: []string{"user/dup-email"},
			breaks: func(in *memory.Adapter, right signUp) signUp {
				return func(ctx context.Context, u user, n acct) (user, acct, error) {
					made, linked, err := right(ctx, u, n)
					if errors.Is(err, &store.ConflictError{Field: "email"}) {
						owner, _ := in.GetUserByEmail(ctx, *u.Email)
						n.UserID = owner.ID
						_, _ = in.LinkAccount(ctx, n)
					}
					return made, linked, err
				}
			}},
		{what: "a taken account moves to the new user", caught: []string{"account/taken-by-other", "race/link-two-users"},
			breaks: func(in *memory.Adapter, right signUp) signUp {
				return func(ctx context.Context, u user, n acct) (user, acct, error) {
					_ = in.UnlinkAccount(ctx, n.Provider, n.ProviderAccountID)
					return right(ctx, u, n)
				}
			}},
		{what: "the account belongs to the user of its UserID", caught: []string{"account/roundtrip"},
			breaks: func(in *memory.Adapter, _ signUp) signUp {
				return func(ctx context.Context, u user, n acct) (made user, linked acct, err error) {
					if made, err = in.CreateUser(ctx, u); err == nil {
						if linked, err = in.LinkAccount(ctx, n); err != nil {
							_ = in.DeleteUser(ctx, made.ID)
						}
					}
					return made, linked, err
				}
			}},
		{what: "the account is not stored", caught: []string{"account/roundtrip", "account/taken-by-other", "race/link-two-users", "user/dup-email"},
			breaks: func(in *memory.Adapter, _ signUp) signUp {
				return func(ctx context.Context, u user, n acct) (user, acct, error) {
					made, err := in.CreateUser(ctx, u)
					n.UserID = made.ID
					return made, n, err
				}
			}},
		{what: "the context is ignored", caught: []string{"fault/cancelled", "fault/deadline"},
			breaks: func(_ *memory.Adapter, right signUp) signUp {
				return func(ctx context.Context, u user, n acct) (user, acct, error) {
					return right(context.WithoutCancel(ctx), u, n)
				}
			}},
	} {
		t.Run(c.what, func(t *testing.T) {
			report := adaptertest.Check(t.Context(), func(_ context.Context, s *schema.Schema) (store.Adapter, func(), error) {
				in := memory.New(s)
				return &signUps{in, c.breaks(in, inOneStep(in))}, nil, nil
			}, adaptertest.Require(adaptertest.SignUp))
			var failed []string
			for _, r := range report.Results {
				if r.Status == adaptertest.Failed {
					failed = append(failed, r.ID)
				}
			}
			for _, id := range c.caught {
				if !strings.Contains(strings.Join(failed, " "), id) {
					t.Errorf("%s does not fail; failed: %v", id, failed)
				}
			}
			if len(c.caught) == 0 && len(failed) > 0 {
				t.Errorf("a correct adapter fails: %v", report.Err())
			}
		})
	}
}
