package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// unit runs several adapter calls as one: in a transaction where the adapter
// has them. tell runs an event, after the commit where there is one.
func (x *exchange) unit(fn func(a Adapter, tell func(func())) error) error {
	t, ok := x.e.adapter.(store.Transactor)
	if !ok {
		return fn(x.e.adapter, func(event func()) { event() })
	}
	var events []func()
	kept := len(x.set)
	err := t.Tx(x.ctx, func(a Adapter) error {
		events, x.set = nil, x.set[:kept] // a transaction may be tried again
		return fn(a, func(event func()) { events = append(events, event) })
	})
	if err != nil {
		x.set = x.set[:kept]
		var known *Error
		if !errors.As(err, &known) {
			err = adapterError("committing", err)
		}
		return err
	}
	for _, event := range events {
		event()
	}
	return nil
}

// link decides whose account at a provider this is and signs them in: the
// table "Account linking decisions" of WIRE.md section 7.
func (x *exchange) link(p *provider, in signIn) (signIn, error) {
	out, err := x.linkOnce(p, in)
	if errors.Is(err, store.ErrConflict) {
		// Somebody created the same user or account at the same moment, in
		// another tab say. The second look finds it.
		out, err = x.linkOnce(p, in)
	}
	return out, err
}

func (x *exchange) linkOnce(p *provider, in signIn) (signIn, error) {
	a := x.e.adapter
	now, err := x.signedIn()
	if err != nil {
		return in, err
	}
	owner, err := a.GetUserByAccount(x.ctx, p.ID, in.account.ProviderAccountID)
	if err == nil {
		x.canonical(&owner)
		in.user = &owner
		switch {
		case now.user == nil:
			return x.signInOwner(in)
		case now.is(owner):
			return in, x.stay(now, in)
		}
		return in, notLinked(errors.New("the account belongs to another user than the one who is signed in"))
	}
	if !errors.Is(err, store.ErrNotFound) {
		return in, adapterError("looking up an account", err)
	}
	if now.user != nil {
		return x.linkToSignedIn(in, now)
	}
	if in.user.Email != nil {
		existing, err := a.GetUserByEmail(x.ctx, *in.user.Email)
		if err == nil {
			out, err := x.linkByAddress(p, in, existing)
			if errors.Is(err, errAddressTaken) {
				// The same person may have signed up in another tab between the two
				// look-ups.
				switch _, failed := a.GetUserByAccount(x.ctx, p.ID, in.account.ProviderAccountID); {
				case failed == nil:
					return x.linkOnce(p, in)
				case !errors.Is(failed, store.ErrNotFound):
					return in, adapterError("looking up an account again", failed)
				}
			}
			return out, err
		}
		if !errors.Is(err, store.ErrNotFound) {
			return in, adapterError("looking up an address", err)
		}
	}
	return x.signUp(in)
}

// signInOwner starts a session for the user whom the account is linked to.
func (x *exchange) signInOwner(in signIn) (signIn, error) {
	err := x.unit(func(a Adapter, _ func(func())) error {
		if _, ok := x.e.adapter.(store.Transactor); ok && x.e.strategy == StrategyDatabase {
			// Still linked, now that nobody else can write?
			owner, err := a.GetUserByAccount(x.ctx, in.account.Provider, in.account.ProviderAccountID)
			if err == nil && owner.ID != in.user.ID {
				err = store.ErrNotFound
			}
			if err != nil {
				return adapterError("looking up an account again", err)
			}
		}
		return x.startRow(a, in)
	})
	if err != nil {
		return in, err
	}
	return in, x.startToken(in)
}

// errAddressTaken: the profile's address belongs to a user, and that is not
// enough to link the account to that user.
var errAddressTaken = errors.New("another user has the address of the profile")

func notLinked(why error) *Error {
	return refuse(CodeOAuthAccountNotLinked, "OAuthAccountNotLinked", why,
		"sign in the way it was done before, then link the account from there")
}

// linkToSignedIn adds the account to the user who is signed in.
func (x *exchange) linkToSignedIn(in signIn, now current) (signIn, error) {
	profileUser := in.user
	in.user = now.user
	err := x.unit(func(a Adapter, tell func(func())) error {
		if _, ok := x.e.adapter.(store.Transactor); ok && now.key != "" {
			// Still signed in, now that nobody else can write?
			if _, err := a.GetSession(x.ctx, now.key); err != nil {
				return adapterError("reading the session that the account is linked from", err)
			}
		}
		return x.linkAccount(a, in, profileUser, tell)
	})
	if err != nil {
		return in, err
	}
	return in, x.stay(now, in)
}

// linkByAddress adds the account to the user who has the profile's address,
// where the provider's configuration allows it.
func (x *exchange) linkByAddress(p *provider, in signIn, existing User) (signIn, error) {
	if !p.flow.AllowDangerousEmailAccountLinking {
		return in, notLinked(errAddressTaken)
	}
	if !x.e.cfg.Parity.DangerousUnverifiedEmail {
		if in.user.EmailVerified == nil {
			return in, notLinked(fmt.Errorf("%w, and the provider does not say email_verified", errAddressTaken))
		}
		if existing.EmailVerified == nil {
			return in, notLinked(fmt.Errorf("%w, but never verified it", errAddressTaken))
		}
	}
	x.canonical(&existing)
	profileUser := in.user
	in.user = &existing
	err := x.unit(func(a Adapter, tell func(func())) error {
		if err := x.linkAccount(a, in, profileUser, tell); err != nil {
			return err
		}
		return x.startRow(a, in)
	})
	if err != nil {
		return in, err
	}
	return in, x.startToken(in)
}

// signUp creates a user with the account.
func (x *exchange) signUp(in signIn) (signIn, error) {
	in.isNewUser = true
	profileUser := in.user
	err := x.unit(func(a Adapter, tell func(func())) error {
		created, err := x.createUserWithAccount(a, in, profileUser, tell)
		if err != nil {
			return err
		}
		in.user = &created
		return x.startRow(a, in)
	})
	if err != nil {
		return in, err
	}
	return in, x.startToken(in)
}

// createUserWithAccount is createUser and linkAccount, in one step where the
// adapter has it.
func (x *exchange) createUserWithAccount(a Adapter, in signIn, profileUser *User, tell func(func())) (User, error) {
	both, ok := a.(store.SignUpAdapter)
	if !ok {
		created, err := x.createUser(a, *profileUser, tell)
		if err != nil {
			return created, err
		}
		in.user = &created
		if err := x.linkAccount(a, in, profileUser, tell); err != nil {
			return created, x.forget(a, created.ID, err)
		}
		return created, nil
	}
	u, account := *profileUser, *in.account
	if c := x.e.cfg.Schema; c != nil {
		u.Extra = x.canonicalExtra(c.User, u.Extra)
	}
	account.UserID = u.ID
	created, linked, err := both.CreateUserWithAccount(x.ctx, u, account)
	if err != nil {
		return created, adapterError("creating a user with an account", err)
	}
	x.canonical(&created)
	x.tellCreated(&created, tell)
	x.tellLinked(&created, &linked, profileUser, tell)
	return created, nil
}

// forget removes a user whose account could not be stored because of err, when
// there is no transaction that does: a user without a way in would block the
// address.
func (x *exchange) forget(a Adapter, userID string, err error) error {
	if _, ok := x.e.adapter.(store.Transactor); ok {
		return err
	}
	ctx, cancel := x.detached()
	defer cancel()
	failed := a.DeleteUser(ctx, userID)
	if failed == nil {
		return err
	}
	known := *asError(err, "AdapterError")
	known.Err = fmt.Errorf("%w; removing a user whose account could not be stored: %w", known.Err, failed)
	return &known
}

func (x *exchange) createUser(a Adapter, u User, tell func(func())) (User, error) {
	if c := x.e.cfg.Schema; c != nil {
		u.Extra = x.canonicalExtra(c.User, u.Extra)
	}
	created, err := a.CreateUser(x.ctx, u)
	if err != nil {
		return created, adapterError("creating a user", err).at(stageCreateUser)
	}
	x.canonical(&created)
	x.tellCreated(&created, tell)
	return created, nil
}

func (x *exchange) tellCreated(u *User, tell func(func())) {
	if f := x.e.cfg.Events.CreateUser; f != nil {
		tell(func() { x.event("createUser", func() error { return f(x.ctx, &UserEvent{User: u}) }) })
	}
}

func (x *exchange) linkAccount(a Adapter, in signIn, profileUser *User, tell func(func())) error {
	account := *in.account
	account.UserID = in.user.ID
	linked, err := a.LinkAccount(x.ctx, account)
	if err != nil {
		return adapterError("linking an account", err)
	}
	x.tellLinked(in.user, &linked, profileUser, tell)
	return nil
}

func (x *exchange) tellLinked(u *User, linked *Account, profileUser *User, tell func(func())) {
	if f := x.e.cfg.Events.LinkAccount; f != nil {
		tell(func() {
			x.event("linkAccount", func() error { return f(x.ctx, &LinkAccountEvent{User: u, Account: linked, Profile: profileUser}) })
		})
	}
}

// verifyAddress signs in the user whose address has just been proven: the
// stored one, or a new one.
func (x *exchange) verifyAddress(in signIn, address string) (signIn, error) {
	out, err := x.verifyOnce(in, address)
	if errors.Is(err, &store.ConflictError{Field: "email"}) { // created at the same moment
		out, err = x.verifyOnce(in, address)
	}
	return out, err
}

func (x *exchange) verifyOnce(in signIn, address string) (signIn, error) {
	had, err := x.signedIn()
	if err != nil {
		return in, err
	}
	now := schema.Instant(x.now)
	stored, err := x.e.adapter.GetUserByEmail(x.ctx, address)
	unproven := err == nil && stored.EmailVerified == nil && !had.is(stored) && !x.e.cfg.Parity.DangerousUnverifiedEmail
	take := unproven && x.mustTake(stored)
	if take || errors.Is(err, store.ErrNotFound) {
		fresh := *in.user
		if fresh.ID == stored.ID {
			if fresh, err = x.newUserOf(address); err != nil {
				return in, err
			}
		}
		in.isNewUser = true
		fresh.EmailVerified = &now
		err = x.unit(func(a Adapter, tell func(func())) error {
			if take {
				if err := x.takeAddress(a, stored); err != nil {
					return err
				}
			}
			created, err := x.createUser(a, fresh, tell)
			if err != nil {
				return err
			}
			in.user = &created
			in.account.UserID = created.ID
			return x.startRow(a, in)
		})
		if err != nil {
			return in, err
		}
		if take {
			x.report(refuse("", "EmailTaken",
				fmt.Errorf("the user %q never verified its address; the owner of the address has now proven it by mail and got a user of their own", stored.ID),
				"somebody who is both signs in as before first, and follows the mail link then; set EmailVerified of users that you create yourself"))
		}
		return in, x.startToken(in)
	}
	if err != nil {
		return in, adapterError("looking up an address", err)
	}
	err = x.unit(func(a Adapter, tell func(func())) error {
		if unproven {
			if err := x.dropUnverified(a, stored.ID, tell); err != nil {
				return err
			}
		}
		if had.key != "" && !had.is(stored) {
			if err := a.DeleteSession(x.ctx, had.key); err != nil {
				return adapterError("ending the session of another user", err)
			}
		}
		updated, err := a.UpdateUser(x.ctx, store.UserUpdate{ID: stored.ID, EmailVerified: store.SetTo(now)})
		if err != nil {
			return adapterError("storing that an address is verified", err)
		}
		x.canonical(&updated)
		in.user = &updated
		if f := x.e.cfg.Events.UpdateUser; f != nil {
			tell(func() { x.event("updateUser", func() error { return f(x.ctx, &UserEvent{User: &updated}) }) })
		}
		return x.startRow(a, in)
	})
	if err != nil {
		return in, err
	}
	return in, x.startToken(in)
}

// mustTake reports whether a user who never proved an address must lose it to
// whoever has. Somebody else may have signed up with it, and with the jwt
// strategy their token cannot be called back. Database sessions can, see
// dropUnverified.
func (x *exchange) mustTake(u User) bool {
	return x.e.strategy == StrategyJWT && u.EmailVerified == nil && !x.e.cfg.Parity.DangerousUnverifiedEmail
}

func (x *exchange) takeAddress(a Adapter, u User) error {
	if _, err := a.UpdateUser(x.ctx, store.UserUpdate{ID: u.ID, Email: store.Clear[string]()}); err != nil {
		return adapterError("taking an address off a user who never verified it", err)
	}
	return nil
}

// dropUnverified takes away what somebody may have prepared who signed up with
// an address that is not theirs: their ways in, and their sessions.
func (x *exchange) dropUnverified(a Adapter, userID string, tell func(func())) error {
	accounts, err := a.ListAccountsByUserID(x.ctx, userID)
	if err != nil {
		return adapterError("listing the accounts of an address that was never verified", err)
	}
	for _, account := range accounts {
		if err := a.UnlinkAccount(x.ctx, account.Provider, account.ProviderAccountID); err != nil {
			return adapterError("unlinking an account of an address that was never verified", err)
		}
		tell(func() {
			x.report(refuse("", "AccountUnlinked",
				fmt.Errorf("the account at %q came with an address that was not verified, which its owner has now proven by mail", account.Provider),
				"signed in, the user can link it again"))
		})
	}
	if err := a.DeleteSessionsByUserID(x.ctx, userID); err != nil {
		return adapterError("ending the sessions of an address that was never verified", err)
	}
	return nil
}

// detached is a context for cleaning up after a failure: it outlives the
// request, but not for long.
func (x *exchange) detached() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(x.ctx), 5*time.Second)
}
