package adaptercases

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

var races = []testCase{
	{"race/consume-64", func(t *T) {
		for round := range 20 {
			token := fmt.Sprint("t", round)
			want := t.token("a@example.com", token)
			t.token("a@example.com", token+"-sibling")
			got := make([]engine.VerificationToken, 64)
			winner := t.oneWinner(together(64, func(i int) (err error) {
				got[i], err = t.a.UseVerificationToken(t.ctx, "a@example.com", token)
				return err
			}), engine.ErrNotFound)
			t.equal(got[winner], want)
			t.use("a@example.com", token+"-sibling")
		}
	}},
	{"race/create-email", func(t *T) {
		winner := t.oneWinner(together(32, func(i int) error {
			_, err := t.a.CreateUser(t.ctx, engine.User{ID: fmt.Sprint("u", i), Email: ptr("a@example.com")})
			return err
		}), engine.ErrConflict{Field: "email"})
		t.equal(ok(t.a.GetUserByEmail(t.ctx, "a@example.com"))(t).ID, fmt.Sprint("u", winner))
		for i := range 32 {
			if i != winner {
				t.noUser(fmt.Sprint("u", i))
			}
		}
	}},
	{"race/create-id", func(t *T) {
		winner := t.oneWinner(together(32, func(i int) error {
			_, err := t.a.CreateUser(t.ctx, engine.User{ID: "u", Name: ptr(fmt.Sprint(i))})
			return err
		}), engine.ErrConflict{Field: "id"})
		t.equal(*ok(t.a.GetUser(t.ctx, "u"))(t).Name, fmt.Sprint(winner))
	}},
	{"race/link-two-users", func(t *T) {
		for i := range 32 {
			t.user(fmt.Sprint("u", i))
		}
		winner := t.oneWinner(together(32, func(i int) error {
			_, err := t.a.LinkAccount(t.ctx, engine.Account{UserID: fmt.Sprint("u", i), Type: "oauth", Provider: "github", ProviderAccountID: "1"})
			return err
		}), engine.ErrConflict{Field: "providerAccountId"})
		t.wantOwner("github", "1", fmt.Sprint("u", winner))
	}},
	{"race/session-token", func(t *T) {
		for i := range 16 {
			t.user(fmt.Sprint("u", i))
		}
		winner := t.oneWinner(together(16, func(i int) error {
			_, err := t.a.CreateSession(t.ctx, engine.AdapterSession{SessionToken: "s", UserID: fmt.Sprint("u", i), Expires: now})
			return err
		}), engine.ErrConflict{Field: "sessionToken"})
		t.equal(ok(t.a.GetSession(t.ctx, "s"))(t).UserID, fmt.Sprint("u", winner))
	}},
	{"race/update-vs-delete", func(t *T) {
		t.user("u1")
		for round := range 10 {
			token := fmt.Sprint("s", round)
			t.session(token, "u1")
			for _, err := range together(16, func(i int) error {
				if i == 0 {
					if err := t.a.DeleteSession(t.ctx, token); err != nil {
						return err
					}
					if _, err := t.a.GetSession(t.ctx, token); !errors.Is(err, engine.ErrNotFound) {
						return fmt.Errorf("after the delete: %v", err)
					}
					return nil
				}
				expires := now.Add(time.Duration(i) * time.Hour)
				_, err := t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: token, Expires: &expires})
				if errors.Is(err, engine.ErrNotFound) {
					return nil
				}
				return err
			}) {
				t.ok(err)
			}
			_, err := t.a.GetSession(t.ctx, token)
			t.is(err, engine.ErrNotFound)
		}
	}},
	{"race/delete-user-vs-login", func(t *T) {
		for range 10 {
			t.user("u1")
			for _, err := range together(16, func(i int) (err error) {
				switch i % 4 {
				case 0:
					_, err = t.a.CreateSession(t.ctx, engine.AdapterSession{SessionToken: fmt.Sprint("s", i), UserID: "u1", Expires: now})
				case 1:
					_, err = t.a.LinkAccount(t.ctx, engine.Account{UserID: "u1", Type: "oauth", Provider: "github", ProviderAccountID: fmt.Sprint(i)})
				case 2:
					_, err = authn(t).CreateAuthenticator(t.ctx, fullAuthenticator(fmt.Sprint("c", i), "u1"))
				case 3:
					err = t.a.DeleteUser(t.ctx, "u1")
				}
				if errors.Is(err, engine.ErrNotFound) {
					return nil
				}
				return err
			}) {
				t.ok(err)
			}
			t.noUser("u1")
			for i := range 16 {
				_, err := t.a.GetSession(t.ctx, fmt.Sprint("s", i))
				t.is(err, engine.ErrNotFound)
				_, err = t.a.GetAccount(t.ctx, "github", fmt.Sprint(i))
				t.is(err, engine.ErrNotFound)
			}
		}
	}},
	{"race/disjoint-updates", func(t *T) {
		t.user("u1")
		for round := range 10 {
			v := fmt.Sprint(round)
			for _, err := range together(8, func(i int) error {
				up := engine.UserUpdate{ID: "u1"}
				if i%2 == 0 {
					up.Name = engine.SetTo(v)
				} else {
					up.Image = engine.SetTo(v)
				}
				_, err := t.a.UpdateUser(t.ctx, up)
				return err
			}) {
				t.ok(err)
			}
			u := ok(t.a.GetUser(t.ctx, "u1"))(t)
			t.equal([]string{*u.Name, *u.Image}, []string{v, v})
		}
	}},
	{"race/counter", func(t *T) {
		t.user("u1")
		t.authenticator("c1", "u1")
		counters := rand.New(rand.NewPCG(1, 2)).Perm(32)
		for i, err := range together(32, func(i int) error {
			_, err := authn(t).UpdateAuthenticatorCounter(t.ctx, "c1", uint32(counters[i])+1)
			return err
		}) {
			if counters[i] == 31 {
				t.ok(err) // the highest is never stale
			} else if err != nil {
				t.is(err, engine.ErrStaleCounter)
			}
		}
		t.equal(ok(authn(t).GetAuthenticator(t.ctx, "c1"))(t).Counter, uint32(32))
	}},
	{"race/same-counter", func(t *T) {
		t.user("u1")
		t.authenticator("c1", "u1")
		t.oneWinner(together(32, func(int) error {
			_, err := authn(t).UpdateAuthenticatorCounter(t.ctx, "c1", 1)
			return err
		}), engine.ErrStaleCounter)
	}},
	{"race/independent", func(t *T) {
		for _, err := range together(64, func(i int) error { return t.life(fmt.Sprint("u", i)) }) {
			t.ok(err)
		}
	}},
	{"race/copies", func(t *T) {
		given := fullUser("u1")
		created := ok(t.a.CreateUser(t.ctx, given))(t)
		want := fullUser("u1")
		for _, u := range []engine.User{given, created, ok(t.a.GetUser(t.ctx, "u1"))(t), ok(t.a.GetUserByEmail(t.ctx, *want.Email))(t)} {
			*u.Name, *u.Email, *u.Image, *u.EmailVerified = "x", "x", "x", time.Time{}
			t.wantUser(want)
		}
		name := "changed"
		updated := ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1", Name: engine.Change[string]{Set: true, Value: &name}}))(t)
		name, *updated.Name = "x", "y"
		want.Name = ptr("changed")
		t.wantUser(want)

		account := fullAccount("u1", "github", "1")
		for _, a := range []engine.Account{account, ok(t.a.LinkAccount(t.ctx, account))(t), ok(t.a.GetAccount(t.ctx, "github", "1"))(t), ok(t.a.ListAccountsByUserID(t.ctx, "u1"))(t)[0]} {
			*a.AccessToken, *a.RefreshToken, *a.IDToken, *a.TokenType, *a.Scope, *a.SessionState, *a.ExpiresAt = "x", "x", "x", "x", "x", "x", 0
			t.equal(ok(t.a.GetAccount(t.ctx, "github", "1"))(t), fullAccount("u1", "github", "1"))
		}

		t.session("s1", "u1")
		_, owner, err := t.a.GetSessionAndUser(t.ctx, "s1")
		t.ok(err)
		*owner.Name = "x"
		t.wantUser(want)

		credential := fullAuthenticator("c1", "u1")
		for _, a := range []engine.Authenticator{credential, ok(authn(t).CreateAuthenticator(t.ctx, credential))(t), ok(authn(t).GetAuthenticator(t.ctx, "c1"))(t), ok(authn(t).ListAuthenticatorsByUserID(t.ctx, "u1"))(t)[0]} {
			*a.Transports = "x"
			t.equal(ok(authn(t).GetAuthenticator(t.ctx, "c1"))(t), fullAuthenticator("c1", "u1"))
		}
	}},
}

// life is all that happens to a user, from the first sign-in to the end.
func (t *T) life(id string) error {
	a, ctx := t.a, t.ctx
	if _, err := a.CreateUser(ctx, fullUser(id)); err != nil {
		return err
	}
	if _, err := a.LinkAccount(ctx, fullAccount(id, "github", id)); err != nil {
		return err
	}
	if _, err := a.CreateSession(ctx, engine.AdapterSession{SessionToken: "s-" + id, UserID: id, Expires: now}); err != nil {
		return err
	}
	if _, err := a.CreateVerificationToken(ctx, engine.VerificationToken{Identifier: id, Token: "t", Expires: now}); err != nil {
		return err
	}
	for n := range 5 {
		expires := now.Add(time.Duration(n) * time.Second)
		if _, err := a.UpdateSession(ctx, engine.SessionUpdate{SessionToken: "s-" + id, Expires: &expires}); err != nil {
			return err
		}
		s, u, err := a.GetSessionAndUser(ctx, "s-"+id)
		if err != nil {
			return err
		}
		if s.UserID != id || u.ID != id || *u.Name != "Name of "+id || !s.Expires.Equal(expires) {
			return fmt.Errorf("%s got the session %+v of %s", id, s, u.ID)
		}
	}
	if _, err := a.UseVerificationToken(ctx, id, "t"); err != nil {
		return err
	}
	if u, err := a.GetUserByAccount(ctx, "github", id); err != nil || u.ID != id {
		return fmt.Errorf("%s found %s by its account: %v", id, u.ID, err)
	}
	if err := a.DeleteUser(ctx, id); err != nil {
		return err
	}
	if _, err := a.GetUser(ctx, id); !errors.Is(err, engine.ErrNotFound) {
		return fmt.Errorf("%s after its end: %v", id, err)
	}
	return nil
}
