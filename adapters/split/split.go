// Package split makes one adapter of two: users and accounts in one store,
// sessions and verification tokens in another, such as PostgreSQL and Redis.
//
//	users, err := entclient.OpenSQLite(ctx, "auth.db", entclient.Options{})
//	sessions, err := redis.Open(ctx, url, redis.Options{UsersElsewhere: true})
//	adapter, err := split.New(users, sessions)
//
// # What two stores cannot do
//
// Nothing is atomic across two stores, so the result is no store.Transactor,
// and rule R8 of store.Adapter holds in this form: a session without its user
// is never handed out, whatever is left of it in its store.
//
//   - Every read of a session asks the store of the users for its user. That
//     is a second round trip for GetSessionAndUser, and when the user is gone
//     the session is removed on the way.
//   - CreateSession looks for the user before it stores the session and once
//     more afterwards; when the user has been deleted meanwhile it takes the
//     session back.
//   - DeleteUser removes the sessions, then the user, then the sessions that
//     began in between. When the store of the sessions fails at first, nothing
//     has changed. When the store of the users fails, the user is signed out
//     everywhere and otherwise intact. When the process ends, or a store fails,
//     after that, what is left cannot be used, and deleting the user again
//     removes it.
//
// What concerns the users alone is as atomic as their store: a user and an
// account are created in one step (store.SignUpAdapter) when the store of the
// users is a store.Transactor or a store.SignUpAdapter, and one after the
// other when it is neither.
//
// An id must not be used for a second user (the engine never does): sessions
// that a failed DeleteUser has left would be theirs.
//
// # Moving sessions out of a store
//
// The sessions and tokens that the store of the users may still hold from
// before are of no use any more, and are not purged with the others. When they
// have all expired, its own PurgeExpired removes them.
package split

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

// Users is what keeps the users. When it is a store.AuthenticatorAdapter too,
// so is the whole.
type Users interface {
	store.UserAdapter
	store.AccountAdapter
}

// Sessions is what keeps the sessions. When it is a store.SessionLister or
// store.Purger too, so is the whole.
//
// When it insists on the user of a session (CreateSession is ErrNotFound) and
// is a store.UserAdapter, as every full adapter is, it gets a stand-in with
// the id of the user and nothing else. It must keep no users of its own:
// deleting a user deletes the one of that id in both stores. adapters/redis
// needs no stand-ins with Options.UsersElsewhere.
type Sessions interface {
	store.SessionAdapter
	store.VerificationTokenAdapter
}

// New returns the adapter over both. The two stay the caller's; the adapter's
// Close (io.Closer) closes those of the two that have one.
//
// It fails when an Auth.js app shares one store and not the other (see
// store.Traits), for it would look for the sessions where it finds the users;
// and when the store of the sessions makes the ids of users, which are made
// elsewhere.
func New(users Users, sessions Sessions) (store.Adapter, error) {
	if users == nil || sessions == nil {
		return nil, errors.New("split: one of the two adapters is nil")
	}
	ours, theirs := traits(users), traits(sessions)
	if ours.SharedWithAuthJS != theirs.SharedWithAuthJS {
		return nil, fmt.Errorf("split: %T and %T do not fit together: an Auth.js app shares the tables of one of them only, "+
			"so it would not find the sessions of the users or the users of the sessions; let it share both or none", users, sessions)
	}
	if theirs.AssignsIDs {
		return nil, fmt.Errorf("split: %T makes the ids of users itself, so it cannot keep the sessions of users that have theirs from elsewhere", sessions)
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

// adapter is what every combination has. What it does not define itself goes to
// the users or, of the verification tokens, to the sessions.
type adapter struct {
	Users
	store.VerificationTokenAdapter

	users    Users
	sessions Sessions
	standIns store.UserAdapter // nil: sessions keeps no users
	traits   store.Traits
}

var (
	_ store.Adapter        = (*adapter)(nil)
	_ store.SignUpAdapter  = (*adapter)(nil)
	_ store.TraitsDeclarer = (*adapter)(nil)
)

// Traits implements store.TraitsDeclarer.
func (a *adapter) Traits() store.Traits { return a.traits }

// Close closes those of the two that have a Close.
func (a *adapter) Close() error {
	var errs []error
	for _, part := range []any{a.users, a.sessions} {
		if c, ok := part.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// CreateUserWithAccount implements store.SignUpAdapter, as well as the store of
// the users lets it.
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

// DeleteUser implements store.UserAdapter. See the package comment for what a
// failure leaves.
func (a *adapter) DeleteUser(ctx context.Context, id string) error {
	if err := a.forget(ctx, id); err != nil {
		return err
	}
	if err := a.users.DeleteUser(ctx, id); err != nil {
		return err
	}
	return a.forget(ctx, id)
}

// forget removes the sessions of a user, and its stand-in.
func (a *adapter) forget(ctx context.Context, userID string) error {
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
		return store.Session{}, errors.Join(err, a.takeBack(ctx, s, errors.Is(err, store.ErrNotFound)))
	}
	return stored, nil
}

// takeBack removes a session that has just been stored, also when the caller
// has gone. userGone: the stand-in goes too.
func (a *adapter) takeBack(ctx context.Context, s store.Session, userGone bool) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	if userGone {
		return a.forget(ctx, s.UserID)
	}
	return a.sessions.DeleteSession(ctx, s.SessionToken)
}

// detached is a context for taking something back: it outlives the caller, but
// not for long.
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

// owner returns the user of a session. A session that has none is removed; when
// that fails it stays for the next time.
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
