package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// owner determines the user of a sign-in by an account, an address, or a user
// id, depending on the identity.
type owner interface {
	// candidate returns the user to be signed in, as far as known before anything
	// is stored. It changes nothing.
	candidate() (signingIn, error)
	// settle links or creates the user, and stores the session. start hands the
	// session to the browser.
	settle(in signingIn) (out signingIn, start func(*exchange, signingIn) error, err error)
}

func ownerOf(x *exchange, p ProviderInfo, id Identity) owner {
	switch {
	case id.Account != nil:
		return &byAccount{linking{x, p}, id, id.User}
	case id.Email != "":
		return &byAddress{linking{x, p}, id, false}
	}
	return &byID{linking{x, p}, id, true}
}

// linking is shared by the three kinds of owner.
type linking struct {
	x        *exchange
	provider ProviderInfo
}

// findFormer returns the session that the browser already has. An invalid cookie
// is not an error.
func (l *linking) findFormer() (*formerSession, error) {
	x := l.x
	if x.adapter.Adapter == nil {
		return &formerSession{}, nil
	}
	p, err := x.presence(withUser)
	switch {
	case err != nil:
		return nil, adapterError("reading the session", err)
	case p.state != stateValid:
		return &formerSession{}, nil
	case x.strategy == StrategyDatabase:
		x.canonical(x.ctx, &p.user)
		return &formerSession{user: &p.user, cookie: p.cookie, key: p.row.SessionToken, expires: p.row.Expires}, nil
	case p.token.Subject == "" || !l.stillValid(p.token):
		return &formerSession{}, nil
	}
	u, err := x.adapter.GetUser(x.ctx, p.token.Subject)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
		return &formerSession{}, nil
	case err != nil:
		return nil, adapterError("looking up the signed-in user", err)
	}
	x.canonical(x.ctx, &u)
	return &formerSession{user: &u}, nil
}

// stillValid reports whether the jwt callback accepts the token: no account may
// be linked to a revoked session.
func (l *linking) stillValid(t *Token) bool {
	x := l.x
	if !x.tokenAsked {
		// Once: a callback that rotates a token can use the old one only once.
		x.tokenAsked, x.tokenValid = true, l.askJWT(t)
	}
	return x.tokenValid
}

func (l *linking) askJWT(t *Token) bool {
	x := l.x
	f := x.cfg.Callbacks.JWT
	if f == nil {
		return true
	}
	before := t.Clone()
	p := &JWTParams{Token: t}
	if err := f(x.ctx, p); err != nil {
		x.report(fail("", "JWTSessionError", fmt.Errorf("jwt callback: %w", err), "the sign-in continues as if nobody had been signed in"))
		return false
	}
	if p.Token == nil || p.Token.Subject != before.Subject {
		return false
	}
	if !p.Token.SameClaims(before) {
		// A callback that rotates tokens needs the new ones, even if the sign-in
		// fails.
		kept := x.set
		x.set = nil
		if err := x.setJWT(p.Token); err != nil {
			x.report(asError(err, "JWTSessionError"))
		}
		x.always, x.set = append(x.always, x.set...), kept
	}
	return true
}

// startSession prepares a session and runs fn, which stores it with the rest of
// the sign-in, as one unit. The returned function hands the session to the
// browser.
func (l *linking) startSession(fn func(u *unit, n *newSession) error) (func(*exchange, signingIn) error, error) {
	n, err := l.x.newSession()
	if err != nil {
		return nil, err
	}
	err = l.x.atomically(l.x.ctx, func(u *unit) error { return fn(u, &n) })
	return n.handOver, err
}

func (l *linking) createUser(u *unit, n User) (User, error) {
	x := l.x
	if c := x.cfg.Schema; c != nil {
		n.Extra = x.canonicalExtra(x.ctx, c.User, n.Extra)
	}
	created, err := u.CreateUser(x.ctx, n)
	if err != nil {
		return created, adapterError("creating a user", err).during(stageCreateUser)
	}
	x.canonical(x.ctx, &created)
	l.userCreated(u, &created)
	return created, nil
}

func (l *linking) userCreated(u *unit, created *User) {
	if f := l.x.cfg.Events.CreateUser; f != nil {
		u.after(func() { l.x.runEvent("createUser", func() error { return f(l.x.ctx, created) }) })
	}
}

// newUser returns a new user with a proven address.
func newUser(x *exchange, address string) (User, error) {
	id, err := wire.UUID(x.cfg.Rand)
	return User{ID: id, Email: &address}, err
}

// userOfAddress returns the stored user with the address, or the one to be
// created.
func userOfAddress(x *exchange, address string) (u *User, stored bool, err error) {
	found, err := x.adapter.GetUserByEmail(x.ctx, address)
	if err == nil {
		x.canonical(x.ctx, &found)
		return &found, true, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, false, adapterError("looking up an address", err)
	}
	found, err = newUser(x, address)
	return &found, false, err
}

// ---- by account: the table "Account linking decisions" of WIRE.md section 7

// byAccount signs in the user of an account at a provider.
type byAccount struct {
	linking
	Identity
	profileUser User
}

func (o *byAccount) candidate() (signingIn, error) {
	x := o.x
	in := signingIn{user: &o.profileUser, account: o.Account, profile: o.Profile, tokens: o.Tokens}
	if x.adapter.Adapter == nil {
		return in, nil
	}
	known, err := x.adapter.GetUserByAccount(x.ctx, o.provider.ID, o.Account.ProviderAccountID)
	switch {
	case err == nil:
		x.canonical(x.ctx, &known)
		in.user = &known
	case !errors.Is(err, store.ErrNotFound):
		return in, adapterError("looking up an account", err)
	}
	return in, nil
}

func (o *byAccount) settle(in signingIn) (signingIn, func(*exchange, signingIn) error, error) {
	in.user = &o.profileUser
	if o.x.adapter.Adapter == nil {
		n, err := o.x.newSession()
		return in, n.handOver, err
	}
	out, start, err := o.linkOrSignUp(in)
	if errors.Is(err, store.ErrConflict) {
		// The same user or account was created concurrently, perhaps in another
		// tab. The second attempt finds it.
		out, start, err = o.linkOrSignUp(in)
	}
	return out, start, err
}

func (o *byAccount) linkOrSignUp(in signingIn) (signingIn, func(*exchange, signingIn) error, error) {
	a, ctx := o.x.adapter, o.x.ctx
	former, err := o.findFormer()
	if err != nil {
		return in, nil, err
	}
	owner, err := a.GetUserByAccount(ctx, o.provider.ID, in.account.ProviderAccountID)
	if err == nil {
		o.x.canonical(o.x.ctx, &owner)
		in.user = &owner
		switch {
		case former.user == nil:
			return o.signInOwner(in)
		case former.is(owner):
			return in, former.keepSession, nil
		}
		return in, nil, notLinked(errors.New("the account belongs to a user other than the signed-in one"))
	}
	if !errors.Is(err, store.ErrNotFound) {
		return in, nil, adapterError("looking up an account", err)
	}
	if former.user != nil {
		return o.linkToSignedIn(in, former)
	}
	if in.user.Email != nil {
		existing, err := a.GetUserByEmail(ctx, *in.user.Email)
		if err == nil {
			out, start, err := o.linkByAddress(in, existing)
			if errors.Is(err, errAddressTaken) {
				// The same person may have signed up in another tab meanwhile.
				switch _, failed := a.GetUserByAccount(ctx, o.provider.ID, in.account.ProviderAccountID); {
				case failed == nil:
					return o.linkOrSignUp(in)
				case !errors.Is(failed, store.ErrNotFound):
					return in, nil, adapterError("looking up an account again", failed)
				}
			}
			return out, start, err
		}
		if !errors.Is(err, store.ErrNotFound) {
			return in, nil, adapterError("looking up an address", err)
		}
	}
	return o.signUp(in)
}

// signInOwner starts a session for the user the account is linked to.
func (o *byAccount) signInOwner(in signingIn) (signingIn, func(*exchange, signingIn) error, error) {
	if o.x.strategy != StrategyDatabase {
		var n newSession // nothing is stored
		return in, n.handOver, nil
	}
	start, err := o.startSession(func(u *unit, n *newSession) error {
		if u.atomic {
			// Check again, now that nobody else can write.
			owner, err := u.GetUserByAccount(o.x.ctx, in.account.Provider, in.account.ProviderAccountID)
			if err == nil && owner.ID != in.user.ID {
				err = store.ErrNotFound
			}
			if err != nil {
				return adapterError("looking up an account again", err)
			}
		}
		return n.createRow(o.x, u, in.user)
	})
	return in, start, err
}

// errAddressTaken means that the profile's address belongs to a user, but that
// the account must not be linked to them.
var errAddressTaken = errors.New("another user has the address of the profile")

func notLinked(why error) *Error {
	return refuse(codeOAuthAccountNotLinked, "OAuthAccountNotLinked", why,
		"sign in the same way as before, then link the account from there")
}

// linkToSignedIn links the account to the signed-in user.
func (o *byAccount) linkToSignedIn(in signingIn, former *formerSession) (signingIn, func(*exchange, signingIn) error, error) {
	in.user = former.user
	err := o.x.atomically(o.x.ctx, func(u *unit) error {
		if u.atomic && former.key != "" {
			// Check again, now that nobody else can write.
			if _, err := u.GetSession(o.x.ctx, former.key); err != nil {
				return adapterError("reading the session that the account is linked from", err)
			}
		}
		return o.linkAccount(u, in)
	})
	return in, former.keepSession, err
}

// linkByAddress links the account to the user with the profile's address, if the
// provider's configuration allows it.
func (o *byAccount) linkByAddress(in signingIn, existing User) (signingIn, func(*exchange, signingIn) error, error) {
	if !o.linkByEmail {
		return in, nil, notLinked(errAddressTaken)
	}
	if !o.x.cfg.Parity.DangerousUnverifiedEmail {
		if in.user.EmailVerified == nil {
			return in, nil, notLinked(fmt.Errorf("%w, and the provider does not report email_verified", errAddressTaken))
		}
		if existing.EmailVerified == nil {
			return in, nil, notLinked(fmt.Errorf("%w, but never verified it", errAddressTaken))
		}
	}
	o.x.canonical(o.x.ctx, &existing)
	in.user = &existing
	start, err := o.startSession(func(u *unit, n *newSession) error {
		if err := o.linkAccount(u, in); err != nil {
			return err
		}
		return n.createRow(o.x, u, in.user)
	})
	return in, start, err
}

// signUp creates a user with the account.
func (o *byAccount) signUp(in signingIn) (signingIn, func(*exchange, signingIn) error, error) {
	in.isNewUser = true
	start, err := o.startSession(func(u *unit, n *newSession) error {
		created, err := o.createUserWithAccount(u, in)
		if err != nil {
			return err
		}
		in.user = &created
		return n.createRow(o.x, u, in.user)
	})
	return in, start, err
}

// createUserWithAccount combines createUser and linkAccount, in one call if the
// adapter supports it.
func (o *byAccount) createUserWithAccount(u *unit, in signingIn) (User, error) {
	x := o.x
	if u.signUp == nil {
		created, err := o.createUser(u, o.profileUser)
		if err != nil {
			return created, err
		}
		in.user = &created
		// A panic of the adapter must not leave a user without an account either.
		if err := guard(func() error { return o.linkAccount(u, in) }); err != nil {
			return created, o.undoCreate(u, created.ID, err)
		}
		return created, nil
	}
	n, account := o.profileUser, *in.account
	if c := x.cfg.Schema; c != nil {
		n.Extra = x.canonicalExtra(x.ctx, c.User, n.Extra)
	}
	account.UserID = n.ID
	created, linked, err := u.signUp.CreateUserWithAccount(x.ctx, n, account)
	if err != nil {
		return created, adapterError("creating a user with an account", err)
	}
	x.canonical(x.ctx, &created)
	o.userCreated(u, &created)
	o.accountLinked(u, &created, &linked)
	return created, nil
}

// undoCreate removes a user whose account could not be stored because of err,
// unless a transaction does: a user who cannot sign in would block the address.
func (o *byAccount) undoCreate(u *unit, userID string, err error) error {
	if u.atomic {
		return err
	}
	// The removal may outlive the request, but not for long.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.x.ctx), 5*time.Second)
	defer cancel()
	failed := u.DeleteUser(ctx, userID)
	if failed == nil {
		return err
	}
	known := *asError(err, "AdapterError")
	known.Err = fmt.Errorf("%w; removing a user whose account could not be stored: %w", known.Err, failed)
	return &known
}

func (o *byAccount) linkAccount(u *unit, in signingIn) error {
	account := *in.account
	account.UserID = in.user.ID
	linked, err := u.LinkAccount(o.x.ctx, account)
	if err != nil {
		return adapterError("linking an account", err)
	}
	o.accountLinked(u, in.user, &linked)
	return nil
}

func (o *byAccount) accountLinked(u *unit, user *User, linked *Account) {
	if f := o.x.cfg.Events.LinkAccount; f != nil {
		u.after(func() {
			o.x.runEvent("linkAccount", func() error {
				return f(o.x.ctx, &LinkAccountEvent{User: user, Account: linked, Profile: &o.profileUser})
			})
		})
	}
}

// ---- by address: somebody has proven to control it

// byAddress signs in the user with an address that has just been proven.
type byAddress struct {
	linking
	Identity
	stored bool // the candidate is
}

func (o *byAddress) candidate() (signingIn, error) {
	var in signingIn
	user, stored, err := userOfAddress(o.x, o.Email)
	if err != nil {
		return in, err
	}
	o.stored = stored
	if user.EmailVerified == nil && o.losesAddress(*user) {
		former, err := o.findFormer()
		if err != nil {
			return in, err
		}
		if !former.is(*user) { // the signIn callback gets the user to be signed in
			fresh, err := newUser(o.x, o.Email)
			if err != nil {
				return in, err
			}
			user, o.stored = &fresh, false
		}
	}
	in.user = user
	in.account = &Account{Type: o.provider.Type, Provider: o.provider.ID, ProviderAccountID: o.Email, UserID: user.ID}
	return in, nil
}

func (o *byAddress) settle(in signingIn) (signingIn, func(*exchange, signingIn) error, error) {
	out, start, err := o.verifyAddress(in)
	if errors.Is(err, &store.ConflictError{Field: "email"}) { // created concurrently
		out, start, err = o.verifyAddress(in)
	}
	return out, start, err
}

// verifyAddress signs in the user with the address, the stored one or a new one,
// and marks the address as verified.
func (o *byAddress) verifyAddress(in signingIn) (signingIn, func(*exchange, signingIn) error, error) {
	x := o.x
	former, err := o.findFormer()
	if err != nil {
		return in, nil, err
	}
	now := schema.Instant(x.now)
	stored, err := x.adapter.GetUserByEmail(x.ctx, o.Email)
	unproven := err == nil && stored.EmailVerified == nil && !former.is(stored) && !x.cfg.Parity.DangerousUnverifiedEmail
	reclaim := unproven && o.losesAddress(stored)
	if reclaim || errors.Is(err, store.ErrNotFound) {
		return o.signUp(in, stored, reclaim)
	}
	if err != nil {
		return in, nil, adapterError("looking up an address", err)
	}
	start, err := o.startSession(func(u *unit, n *newSession) error {
		if unproven {
			if err := o.dropUnverified(u, stored.ID); err != nil {
				return err
			}
		}
		if former.key != "" && !former.is(stored) {
			if err := u.DeleteSession(x.ctx, former.key); err != nil {
				return adapterError("ending the session of another user", err)
			}
		}
		updated, err := u.UpdateUser(x.ctx, store.UserUpdate{ID: stored.ID, EmailVerified: store.SetTo(now)})
		if err != nil {
			return adapterError("marking an address as verified", err)
		}
		x.canonical(x.ctx, &updated)
		in.user = &updated
		if f := x.cfg.Events.UpdateUser; f != nil {
			u.after(func() { x.runEvent("updateUser", func() error { return f(x.ctx, &updated) }) })
		}
		return n.createRow(x, u, in.user)
	})
	return in, start, err
}

// signUp creates a user with the address. With reclaim, stored loses it.
func (o *byAddress) signUp(in signingIn, stored User, reclaim bool) (signingIn, func(*exchange, signingIn) error, error) {
	x := o.x
	fresh := *in.user
	if o.stored || fresh.ID == stored.ID { // the candidate is there, or has been deleted since
		var err error
		if fresh, err = newUser(x, o.Email); err != nil {
			return in, nil, err
		}
	}
	now := schema.Instant(x.now)
	fresh.EmailVerified = &now
	in.isNewUser = true
	start, err := o.startSession(func(u *unit, n *newSession) error {
		if reclaim {
			if _, err := u.UpdateUser(x.ctx, store.UserUpdate{ID: stored.ID, Email: store.Clear[string]()}); err != nil {
				return adapterError("removing an unverified address from a user", err)
			}
		}
		created, err := o.createUser(u, fresh)
		if err != nil {
			return err
		}
		in.user = &created
		in.account.UserID = created.ID
		return n.createRow(x, u, in.user)
	})
	if err == nil && reclaim {
		x.report(refuse("", "EmailTaken",
			fmt.Errorf("the user %q never verified their address; its owner has now proven it by mail and became a new user", stored.ID),
			"to keep the user, sign in as before, then follow the mail link; set EmailVerified of users that you create yourself"))
	}
	return in, start, err
}

// losesAddress reports whether a user who never proved an address loses it to the
// person who has. Somebody else may have signed up with it, and with StrategyJWT
// their token cannot be revoked. Database sessions can, see dropUnverified.
func (o *byAddress) losesAddress(u User) bool {
	return o.x.strategy == StrategyJWT && u.EmailVerified == nil && !o.x.cfg.Parity.DangerousUnverifiedEmail
}

// dropUnverified removes the accounts and sessions of a user, which may belong to
// somebody who signed up with another person's address.
func (o *byAddress) dropUnverified(u *unit, userID string) error {
	x := o.x
	accounts, err := u.ListAccountsByUserID(x.ctx, userID)
	if err != nil {
		return adapterError("listing the accounts of an unverified address", err)
	}
	for _, account := range accounts {
		if err := u.UnlinkAccount(x.ctx, account.Provider, account.ProviderAccountID); err != nil {
			return adapterError("unlinking an account of an unverified address", err)
		}
		u.after(func() {
			x.report(refuse("", "AccountUnlinked",
				fmt.Errorf("the account at %q came with an unverified address, which its owner has now proven by mail", account.Provider),
				"once signed in, the user can link it again"))
		})
	}
	if err := u.DeleteSessionsByUserID(x.ctx, userID); err != nil {
		return adapterError("ending the sessions of an unverified address", err)
	}
	return nil
}

// ---- by id: the way to sign in has recognised the user

// byID signs in a user by id.
type byID struct {
	linking
	Identity
	stored bool // the user is stored, or need not be
}

func (o *byID) candidate() (signingIn, error) {
	x := o.x
	var err error
	if x.strategy == StrategyDatabase {
		if o.stored, err = o.findStored(); err != nil {
			return signingIn{}, err
		}
	}
	if o.User.ID == "" && !x.cfg.Parity.DangerousProfileIDs {
		if o.User.ID, err = wire.UUID(x.cfg.Rand); err != nil {
			return signingIn{}, err
		}
	}
	in := signingIn{user: &o.User, isNewUser: !o.stored}
	in.account = &Account{Type: o.provider.Type, Provider: o.provider.ID, ProviderAccountID: o.User.ID, UserID: o.User.ID}
	return in, nil
}

func (o *byID) settle(in signingIn) (signingIn, func(*exchange, signingIn) error, error) {
	start, err := o.startOrCreate(&in)
	if errors.Is(err, store.ErrConflict) {
		// The same user was created concurrently, perhaps in another tab.
		if found, _ := o.findStored(); found {
			in.user, in.isNewUser = &o.User, false
			start, err = o.startOrCreate(&in)
		}
	}
	return in, start, err
}

func (o *byID) startOrCreate(in *signingIn) (func(*exchange, signingIn) error, error) {
	if !in.isNewUser { // one write needs no transaction
		n, err := o.x.newSession()
		if err == nil {
			err = n.createRow(o.x, &unit{capabilities: o.x.adapter}, in.user)
		}
		return n.handOver, err
	}
	return o.startSession(func(u *unit, n *newSession) error {
		created, err := o.createUser(u, o.User)
		if err != nil {
			return err
		}
		in.user = &created
		return n.createRow(o.x, u, in.user)
	})
}

// findStored replaces User with the stored user of the same id, which a database
// session needs. It returns false if there is none and one may be created.
func (o *byID) findStored() (bool, error) {
	x, u := o.x, &o.User
	stored, err := User{}, error(store.ErrNotFound)
	if u.ID != "" {
		stored, err = x.adapter.GetUser(x.ctx, u.ID)
	}
	switch {
	case err == nil:
		x.canonical(x.ctx, &stored)
		*u = stored
		return true, nil
	case !errors.Is(err, store.ErrNotFound):
		return false, adapterError("looking up the user of a "+o.provider.Type+" sign-in", err)
	case u.ID == "" && o.CreateUser:
		return false, fail(codeConfiguration, "CallbackRouteError", errors.New("authorize returned a user without an id"),
			"Authorize must return the same ID for the same person at every sign-in")
	case !o.CreateUser:
		return false, fail(codeConfiguration, "CallbackRouteError",
			fmt.Errorf("authorize returned a user with the id %q, which is not stored; a database session needs a stored user", truncate(u.ID)),
			"return the stored user from Authorize, set CreateUsers, or use StrategyJWT")
	}
	return false, nil
}

// newUserID makes the id of a user who signs in for the first time. Without an
// adapter every time is the first: then it is derived from the account, so that
// the same person keeps the same id.
func newUserID(x *exchange, provider, accountID string) (string, error) {
	random := x.cfg.Rand
	if x.adapter.Adapter == nil {
		if x.cfg.Parity.DangerousProfileIDs {
			return accountID, nil
		}
		sum := sha256.Sum256([]byte("user\x00" + provider + "\x00" + accountID))
		random = bytes.NewReader(sum[:])
	}
	return wire.UUID(random)
}
