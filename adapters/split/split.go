// Package split combines two adapters into one: users and accounts are kept in
// one store, sessions and verification tokens in another, such as PostgreSQL and
// Redis.
//
//	users, err := entclient.OpenSQLite(ctx, "auth.db", entclient.Options{})
//	sessions, err := redis.Open(ctx, url, redis.Options{UsersElsewhere: true})
//	adapter, err := split.New(users, sessions)
//
// # Limits of two stores
//
// Nothing is atomic across two stores. The combined adapter is therefore not a
// store.Transactor, and it keeps rule R8 of store.Adapter in this form: a
// session without its user is never returned, even if its store still holds it.
//
//   - Every read of a session also reads its user from the store of the users.
//     This costs GetSessionAndUser a second round trip. If the user is gone, the
//     session is deleted.
//   - CreateSession checks that the user exists before it stores the session and
//     again afterwards; if the user has been deleted in between, it deletes the
//     session.
//   - DeleteUser removes the sessions, then the user, then the sessions that
//     began in between. If the first step fails, nothing has changed. If the
//     second fails, the user is signed out everywhere and otherwise intact. If a
//     store fails or the process exits after that, the remaining rows cannot be
//     used, and deleting the user again removes them.
//
// Operations on users alone are as atomic as their store: a user and an account
// are created in one step (store.SignUpAdapter) if the store of the users is a
// store.Transactor or a store.SignUpAdapter, and one after the other otherwise.
//
// An id must not be reused for a second user (the engine never does): that user
// would inherit any sessions left by a failed DeleteUser.
//
// # Moving sessions out of a store
//
// Sessions and tokens that the store of the users still holds from earlier are
// ignored, and are not purged with the others. Once they have expired, the
// PurgeExpired method of that store removes them.
package split

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

// Users is the store of the users. If it is also a store.AuthenticatorAdapter,
// so is the combined adapter.
type Users interface {
	store.UserAdapter
	store.AccountAdapter
}

// Sessions is the store of the sessions. If it is also a store.SessionLister or
// a store.Purger, so is the combined adapter.
//
// If its CreateSession requires the user to exist (it returns ErrNotFound) and
// it is a store.UserAdapter, as every complete adapter is, a stand-in with only
// the id of the user is created in it. It must not hold other users: deleting a
// user deletes the user with that id from both stores. adapters/redis needs no
// stand-ins with Options.UsersElsewhere.
type Sessions interface {
	store.SessionAdapter
	store.VerificationTokenAdapter
}

// New returns an adapter that combines both stores. It implements io.Closer;
// Close closes each of the two that is an io.Closer.
//
// New fails if an argument is nil, if an Auth.js app shares only one of the
// stores (see store.Traits), because it needs users and sessions in the same
// database, and if the store of the sessions assigns the ids of users.
func New(users Users, sessions Sessions) (store.Adapter, error) {
	if users == nil || sessions == nil {
		return nil, errors.New("split: an adapter is nil")
	}
	ours, theirs := traits(users), traits(sessions)
	if ours.SharedWithAuthJS != theirs.SharedWithAuthJS {
		return nil, fmt.Errorf("split: cannot combine %T and %T: an Auth.js app shares the tables of only one of them, "+
			"so it would find either the users or their sessions; share both or neither", users, sessions)
	}
	if theirs.AssignsIDs {
		return nil, fmt.Errorf("split: %T makes the ids of users itself, so it cannot keep the sessions of users whose ids another store makes", sessions)
	}
	a := &adapter{users: users, sessions: sessions, traits: ours}
	a.Users, a.VerificationTokenAdapter = users, sessions
	a.standIns, _ = sessions.(store.UserAdapter)
	credentials, _ := users.(store.AuthenticatorAdapter)
	sessionLister, _ := sessions.(store.SessionLister)
	purger, _ := sessions.(store.Purger)
	l := lister{a, sessionLister}
	switch c, s, p := credentials != nil, sessionLister != nil, purger != nil; {
	case c && s && p:
		return struct {
			*adapter
			store.AuthenticatorAdapter
			lister
			store.Purger
		}{a, credentials, l, purger}, nil
	case c && s:
		return struct {
			*adapter
			store.AuthenticatorAdapter
			lister
		}{a, credentials, l}, nil
	case c && p:
		return struct {
			*adapter
			store.AuthenticatorAdapter
			store.Purger
		}{a, credentials, purger}, nil
	case s && p:
		return struct {
			*adapter
			lister
			store.Purger
		}{a, l, purger}, nil
	case c:
		return struct {
			*adapter
			store.AuthenticatorAdapter
		}{a, credentials}, nil
	case s:
		return struct {
			*adapter
			lister
		}{a, l}, nil
	case p:
		return struct {
			*adapter
			store.Purger
		}{a, purger}, nil
	}
	return a, nil
}

func traits(v any) store.Traits {
	if d, ok := v.(store.TraitsDeclarer); ok {
		return d.Traits()
	}
	return store.Traits{}
}

// adapter has the methods of every combination. Methods that it does not define
// are those of the users and, for verification tokens, of the sessions.
type adapter struct {
	Users
	store.VerificationTokenAdapter

	users    Users
	sessions Sessions
	standIns store.UserAdapter // nil: sessions is not a UserAdapter
	traits   store.Traits
}

var (
	_ store.Adapter        = (*adapter)(nil)
	_ store.SignUpAdapter  = (*adapter)(nil)
	_ store.TraitsDeclarer = (*adapter)(nil)
)

// Traits implements store.TraitsDeclarer.
func (a *adapter) Traits() store.Traits { return a.traits }

// Close closes each of the two stores that is an io.Closer, and returns their
// errors, joined.
func (a *adapter) Close() error {
	var errs []error
	for _, part := range []any{a.users, a.sessions} {
		if c, ok := part.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// CreateUserWithAccount implements store.SignUpAdapter, in one step if the store
// of the users allows it.
func (a *adapter) CreateUserWithAccount(ctx context.Context, u store.User, n store.Account) (created store.User, linked store.Account, err error) {
	switch users := a.users.(type) {
	case store.SignUpAdapter:
		return users.CreateUserWithAccount(ctx, u, n)
	case store.Transactor:
		err = users.Tx(ctx, func(in store.Adapter) (err error) {
			if created, err = in.CreateUser(ctx, u); err == nil {
				n.UserID = created.ID
				linked, err = in.LinkAccount(ctx, n)
			}
			return err
		})
	default:
		if created, err = users.CreateUser(ctx, u); err != nil {
			break
		}
		n.UserID = created.ID
		if linked, err = users.LinkAccount(ctx, n); err != nil {
			ctx, cancel := detached(ctx)
			defer cancel()
			err = errors.Join(err, users.DeleteUser(ctx, created.ID))
		}
	}
	if err != nil {
		return store.User{}, store.Account{}, err
	}
	return created, linked, nil
}

// DeleteUser implements store.UserAdapter. The package comment describes what a
// failure leaves behind.
func (a *adapter) DeleteUser(ctx context.Context, id string) error {
	if err := a.deleteSessions(ctx, id); err != nil {
		return err
	}
	if err := a.users.DeleteUser(ctx, id); err != nil {
		return err
	}
	return a.deleteSessions(ctx, id)
}

// deleteSessions removes the sessions of a user and its stand-in.
func (a *adapter) deleteSessions(ctx context.Context, userID string) error {
	if a.standIns != nil {
		if err := a.standIns.DeleteUser(ctx, userID); err != nil {
			return err
		}
	}
	return a.sessions.DeleteSessionsByUserID(ctx, userID)
}

// CreateSession implements store.SessionAdapter.
func (a *adapter) CreateSession(ctx context.Context, s store.Session) (store.Session, error) {
	if _, err := a.users.GetUser(ctx, s.UserID); err != nil {
		return store.Session{}, err
	}
	stored, err := a.sessions.CreateSession(ctx, s)
	if errors.Is(err, store.ErrNotFound) && a.standIns != nil {
		_, err = a.standIns.CreateUser(ctx, store.User{ID: s.UserID})
		if err == nil || errors.Is(err, &store.ConflictError{Field: "id"}) {
			stored, err = a.sessions.CreateSession(ctx, s)
		}
	}
	if err != nil {
		return store.Session{}, err
	}
	if _, err := a.users.GetUser(ctx, s.UserID); err != nil {
		return store.Session{}, errors.Join(err, a.undoCreateSession(ctx, s, errors.Is(err, store.ErrNotFound)))
	}
	return stored, nil
}

// undoCreateSession removes a session that has just been stored, even if ctx has
// ended. With userGone it also removes the stand-in.
func (a *adapter) undoCreateSession(ctx context.Context, s store.Session, userGone bool) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	if userGone {
		return a.deleteSessions(ctx, s.UserID)
	}
	return a.sessions.DeleteSession(ctx, s.SessionToken)
}

// detached returns a context for undoing a write, which ctx does not cancel but a
// short timeout does.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}

// GetSession implements store.SessionAdapter.
func (a *adapter) GetSession(ctx context.Context, sessionToken string) (store.Session, error) {
	s, _, err := a.GetSessionAndUser(ctx, sessionToken)
	return s, err
}

// GetSessionAndUser implements store.SessionAdapter, in two round trips.
func (a *adapter) GetSessionAndUser(ctx context.Context, sessionToken string) (store.Session, store.User, error) {
	s, err := a.sessions.GetSession(ctx, sessionToken)
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	u, err := a.owner(ctx, s)
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	return s, u, nil
}

// owner returns the user of a session. It removes a session whose user is gone; if
// that fails, the next read tries again.
func (a *adapter) owner(ctx context.Context, s store.Session) (store.User, error) {
	u, err := a.users.GetUser(ctx, s.UserID)
	if errors.Is(err, store.ErrNotFound) {
		_ = a.sessions.DeleteSession(ctx, s.SessionToken)
	}
	return u, err
}

// UpdateSession implements store.SessionAdapter.
func (a *adapter) UpdateSession(ctx context.Context, up store.SessionUpdate) (store.Session, error) {
	s, err := a.sessions.UpdateSession(ctx, up)
	if err != nil {
		return store.Session{}, err
	}
	if _, err := a.owner(ctx, s); err != nil {
		return store.Session{}, err
	}
	return s, nil
}

// DeleteSession implements store.SessionAdapter.
func (a *adapter) DeleteSession(ctx context.Context, sessionToken string) error {
	return a.sessions.DeleteSession(ctx, sessionToken)
}

// DeleteSessionsByUserID implements store.SessionAdapter.
func (a *adapter) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	return a.sessions.DeleteSessionsByUserID(ctx, userID)
}

// lister lists the sessions of users that exist.
type lister struct {
	a        *adapter
	sessions store.SessionLister
}

// ListSessionsByUserID implements store.SessionLister.
func (l lister) ListSessionsByUserID(ctx context.Context, userID string) ([]store.Session, error) {
	all, err := l.sessions.ListSessionsByUserID(ctx, userID)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if _, err := l.a.users.GetUser(ctx, userID); errors.Is(err, store.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return all, nil
}
