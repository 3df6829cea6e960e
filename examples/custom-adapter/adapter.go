package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// A row is the JSON of its type in package store, in the bucket of its kind. An
// index is a bucket too; its entries hold the key of a row.
const (
	users, accounts, sessions, tokens, authenticators = "users", "accounts", "sessions", "tokens", "authenticators"

	byEmail  = " by e-mail" // of users: the address
	byUser   = " by user"   // of rows that belong to a user: the key of the user, the key of the row
	byExpiry = " by expiry" // of rows that expire: the time, the key of the row
)

// Store is a store.Adapter in one bbolt file. optional.go has the optional interfaces.
type Store struct {
	calls
	db      *bbolt.DB
	writing chan struct{} // full during a write
}

// Open opens the file at path, creating it if necessary. Only one process at a
// time can open it. s declares the extra fields, as in Config.Schema; nil: none.
func Open(path string, s *schema.Schema) (*Store, error) {
	// NoSync stays off: with it, a power cut would make used mail links valid again.
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("bbolt: opening %s, which only one process at a time can do: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) (err error) {
		for _, name := range []string{users, accounts, sessions, tokens, authenticators, users + byEmail,
			accounts + byUser, sessions + byUser, authenticators + byUser, sessions + byExpiry, tokens + byExpiry} {
			_, failed := tx.CreateBucketIfNotExists([]byte(name))
			err = errors.Join(err, failed)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("bbolt: preparing %s: %w", path, errors.Join(err, db.Close()))
	}
	a := &Store{db: db, writing: make(chan struct{}, 1)}
	view := func(_ context.Context, fn func(txn) error) error {
		return a.db.View(func(tx *bbolt.Tx) error { return fn(txn{tx, s}) }) // does not wait
	}
	a.calls = calls{s, view, a.write}
	return a, nil
}

// Close waits for open transactions: do not call it inside one.
func (a *Store) Close() error { return a.db.Close() }

type txn struct { // an open transaction
	*bbolt.Tx
	schema *schema.Schema
}

func (tx txn) bucket(name string) *bbolt.Bucket { return tx.Bucket([]byte(name)) }

// write runs one fn at a time, so what fn reads is still true at the commit.
// bbolt's own lock would ignore the context.
func (a *Store) write(ctx context.Context, fn func(txn) error) error {
	select {
	case a.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-a.writing }()
	return a.db.Update(func(tx *bbolt.Tx) error {
		return cmp.Or(fn(txn{tx, a.schema}), ctx.Err()) // the last moment to turn back
	})
}

type location struct { // of a row
	bucket, field string // field is what *store.ConflictError names when the key is taken
	key, owner    []byte // owner is the key of the user it belongs to; nil: none
	email         *string
	expires       *time.Time
}

func locationOf(v any) location {
	switch v := v.(type) {
	case store.User:
		return location{users, "id", key(v.ID), nil, v.Email, nil}
	case store.Account:
		return location{accounts, "providerAccountId", key(v.Provider, v.ProviderAccountID), key(v.UserID), nil, nil}
	case store.Session:
		return location{sessions, "sessionToken", key(v.SessionToken), key(v.UserID), nil, &v.Expires}
	case store.VerificationToken:
		return location{tokens, "token", key(v.Identifier, v.Token), nil, nil, &v.Expires}
	case store.Authenticator:
		return location{authenticators, "credentialID", key(v.CredentialID), key(v.UserID), nil, nil}
	}
	panic("not a row")
}

// entries returns all keys of a row, by bucket.
func (p location) entries() map[string][]byte {
	all := map[string][]byte{p.bucket: p.key}
	if p.email != nil {
		all[p.bucket+byEmail] = key(*p.email)
	}
	if p.owner != nil {
		all[p.bucket+byUser] = slices.Concat(p.owner, p.key)
	}
	if p.expires != nil {
		all[p.bucket+byExpiry] = slices.Concat(instant(*p.expires), p.key)
	}
	return all
}

// key joins parts, each after its length: no two lists of parts have the same
// key, and a key is a prefix of another only if its parts are.
func key(parts ...string) (k []byte) {
	for _, part := range parts {
		k = append(binary.AppendUvarint(k, uint64(len(part))), part...)
	}
	return k
}

// instant returns t in milliseconds, so that keys sort by time, also before 1970.
func instant(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(t.UnixMilli())^1<<63)
}

// get returns the row at a key, or store.ErrNotFound.
func get[R any](tx txn, k []byte) (v R, err error) {
	data := tx.bucket(locationOf(v).bucket).Get(k)
	if data == nil {
		return v, store.ErrNotFound
	}
	err = json.Unmarshal(data, &v)
	canonical(tx, &v)
	return v, err
}

// canonical converts values to the form the engine expects: times in UTC with
// milliseconds, extra fields with the types of the schema, which JSON loses.
func canonical(tx txn, v any) {
	switch v := v.(type) {
	case *store.User:
		if v.EmailVerified != nil {
			v.EmailVerified = new(schema.Instant(*v.EmailVerified))
		}
		v.Extra = schema.CanonExtra(v.Extra, tx.schema.UserField)
	case *store.Session:
		v.Expires = schema.Instant(v.Expires)
		v.Extra = schema.CanonExtra(v.Extra, tx.schema.SessionField)
	case *store.VerificationToken:
		v.Expires = schema.Instant(v.Expires)
	}
}

// list returns at most limit rows in the order of an index, starting at an entry
// and while the entries fit.
func list[R any](tx txn, index string, from []byte, limit int, fits func(entry []byte) bool) (all []R, err error) {
	c := tx.bucket(locationOf(*new(R)).bucket + index).Cursor()
	for entry, k := c.Seek(from); entry != nil && fits(entry) && len(all) < limit && err == nil; entry, k = c.Next() {
		var v R
		v, err = get[R](tx, k)
		all = append(all, v)
	}
	return all, err
}

// owned returns the rows of a user, in the order of byUser.
func owned[R any](tx txn, userID string) ([]R, error) {
	owner := key(userID)
	return list[R](tx, byUser, owner, math.MaxInt, func(entry []byte) bool { return bytes.HasPrefix(entry, owner) })
}

// insert stores a new row.
func insert[R any](tx txn, v R) (none R, err error) {
	switch p := locationOf(v); {
	case tx.bucket(p.bucket).Get(p.key) != nil:
		return none, &store.ConflictError{Field: p.field}
	case p.owner != nil && tx.bucket(users).Get(p.owner) == nil:
		return none, store.ErrNotFound
	}
	return replace(tx, nil, v)
}

// replace stores v instead of old, if any, and returns the copy that a reader
// will get. Errors are found before it writes, because Tx cannot undo a part.
func replace[R any](tx txn, old []R, v R) (stored R, err error) {
	canonical(tx, &v)
	data, err := json.Marshal(v)
	err = cmp.Or(err, json.Unmarshal(data, &stored))
	if canonical(tx, &stored); err != nil || !reflect.DeepEqual(stored, v) {
		return stored, invalid(cmp.Or(err, errors.New("some text is not UTF-8")))
	}
	p := locationOf(v)
	for bucket, k := range p.entries() {
		if len(k) > bbolt.MaxKeySize {
			return stored, invalid(fmt.Errorf("a key of %d bytes is too long", len(k)))
		}
		if at := tx.bucket(bucket).Get(k); at != nil && bucket == users+byEmail && !bytes.Equal(at, p.key) {
			return stored, &store.ConflictError{Field: "email"}
		}
	}
	err = remove(tx, old...)
	for bucket, k := range p.entries() {
		err = errors.Join(err, tx.bucket(bucket).Put(k, p.key))
	}
	return stored, errors.Join(err, tx.bucket(p.bucket).Put(p.key, data)) // instead of its key
}

// invalid wraps an error in store.ErrInvalid. It returns nil for nil.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("bbolt: %w: %w", store.ErrInvalid, err)
}

func remove[R any](tx txn, rows ...R) (err error) {
	for _, v := range rows {
		for bucket, k := range locationOf(v).entries() {
			err = errors.Join(err, tx.bucket(bucket).Delete(k))
		}
	}
	return err
}

// take removes and returns a row. A second caller gets store.ErrNotFound, because
// there is one writer at a time.
func take[R any](tx txn, k []byte) (R, error) {
	v, err := get[R](tx, k)
	if err != nil {
		return v, err
	}
	return v, remove(tx, v)
}

func removeAt[R any](tx txn, k []byte) error {
	if _, err := take[R](tx, k); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil // deleting a missing row succeeds
}

func removeOwned[R any](tx txn, userID string) error {
	rows, err := owned[R](tx, userID)
	return errors.Join(err, remove(tx, rows...))
}

// calls implements the methods of store.Adapter in transactions run by view and
// update.
type calls struct {
	schema       *schema.Schema
	view, update transaction
}
type transaction func(ctx context.Context, fn func(txn) error) error

// do runs fn in a transaction; result also returns its value.
func do[A any](ctx context.Context, run transaction, fn func(txn, A) error, arg A) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return run(ctx, func(tx txn) error { return fn(tx, arg) })
}

func result[A, V any](ctx context.Context, run transaction, fn func(txn, A) (V, error), arg A) (v V, err error) {
	err = do(ctx, run, func(tx txn, arg A) (err error) { v, err = fn(tx, arg); return err }, arg)
	return v, err
}

// modify lets fn change a copy of the row at a key, and stores the copy.
func modify[R any](ctx context.Context, c *calls, k []byte, fn func(v *R) error) (R, error) {
	return result(ctx, c.update, func(tx txn, k []byte) (R, error) {
		old, err := get[R](tx, k)
		v := old
		if err = cmp.Or(err, fn(&v)); err != nil {
			return v, err
		}
		return replace(tx, []R{old}, v)
	}, k)
}

func (c *calls) CreateUser(ctx context.Context, u store.User) (_ store.User, err error) {
	if u.Extra, err = schema.MergeExtra(nil, u.Extra, c.schema.UserField); err != nil || u.ID == "" {
		return store.User{}, invalid(cmp.Or(err, errors.New("the id of a user is empty")))
	}
	return result(ctx, c.update, insert, u)
}

func (c *calls) GetUser(ctx context.Context, id string) (store.User, error) {
	return result(ctx, c.view, get[store.User], key(id))
}

func (c *calls) GetUserByEmail(ctx context.Context, email string) (store.User, error) {
	return result(ctx, c.view, func(tx txn, address []byte) (store.User, error) {
		return get[store.User](tx, tx.bucket(users+byEmail).Get(address))
	}, key(email))
}

func (c *calls) UpdateUser(ctx context.Context, up store.UserUpdate) (store.User, error) {
	return modify(ctx, c, key(up.ID), func(u *store.User) (err error) {
		up.Name.Apply(&u.Name)
		up.Email.Apply(&u.Email)
		up.EmailVerified.Apply(&u.EmailVerified)
		up.Image.Apply(&u.Image)
		u.Extra, err = schema.MergeExtra(u.Extra, up.Extra, c.schema.UserField)
		return invalid(err)
	})
}

func (c *calls) DeleteUser(ctx context.Context, id string) error {
	return do(ctx, c.update, func(tx txn, id string) error {
		return errors.Join(removeOwned[store.Account](tx, id), removeOwned[store.Session](tx, id),
			removeOwned[store.Authenticator](tx, id), removeAt[store.User](tx, key(id)))
	}, id)
}

func (c *calls) LinkAccount(ctx context.Context, a store.Account) (store.Account, error) {
	return result(ctx, c.update, insert, a)
}

func (c *calls) UnlinkAccount(ctx context.Context, provider, providerAccountID string) error {
	return do(ctx, c.update, removeAt[store.Account], key(provider, providerAccountID))
}

func (c *calls) GetAccount(ctx context.Context, provider, providerAccountID string) (store.Account, error) {
	return result(ctx, c.view, get[store.Account], key(provider, providerAccountID))
}

func (c *calls) GetUserByAccount(ctx context.Context, provider, providerAccountID string) (store.User, error) {
	a, err := c.GetAccount(ctx, provider, providerAccountID)
	if err != nil {
		return store.User{}, err
	}
	return c.GetUser(ctx, a.UserID) // an account never changes its user
}

func (c *calls) ListAccountsByUserID(ctx context.Context, userID string) ([]store.Account, error) {
	return result(ctx, c.view, owned[store.Account], userID)
}

func (c *calls) CreateSession(ctx context.Context, s store.Session) (_ store.Session, err error) {
	if s.Extra, err = schema.MergeExtra(nil, s.Extra, c.schema.SessionField); err != nil {
		return store.Session{}, invalid(err)
	}
	return result(ctx, c.update, insert, s)
}

func (c *calls) GetSession(ctx context.Context, sessionToken string) (store.Session, error) {
	return result(ctx, c.view, get[store.Session], key(sessionToken))
}

func (c *calls) GetSessionAndUser(ctx context.Context, sessionToken string) (store.Session, store.User, error) {
	var s store.Session
	u, err := result(ctx, c.view, func(tx txn, k []byte) (_ store.User, err error) {
		s, err = get[store.Session](tx, k)
		u, absent := get[store.User](tx, key(s.UserID))
		return u, cmp.Or(err, absent)
	}, key(sessionToken))
	return s, u, err
}

func (c *calls) UpdateSession(ctx context.Context, up store.SessionUpdate) (store.Session, error) {
	return modify(ctx, c, key(up.SessionToken), func(s *store.Session) (err error) {
		if up.Expires != nil {
			s.Expires = *up.Expires
		}
		s.Extra, err = schema.MergeExtra(s.Extra, up.Extra, c.schema.SessionField)
		return invalid(err)
	})
}

func (c *calls) DeleteSession(ctx context.Context, sessionToken string) error {
	return do(ctx, c.update, removeAt[store.Session], key(sessionToken))
}

func (c *calls) DeleteSessionsByUserID(ctx context.Context, userID string) error {
	return do(ctx, c.update, removeOwned[store.Session], userID)
}

func (c *calls) CreateVerificationToken(ctx context.Context, t store.VerificationToken) (store.VerificationToken, error) {
	return result(ctx, c.update, insert, t)
}

func (c *calls) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	return result(ctx, c.update, take[store.VerificationToken], key(identifier, token))
}
