package adaptertest

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// An Option describes the store to the suite, or gives the suite a hook into it.
type Option func(*suite)

// A Feature is an optional interface of an adapter, for [Require].
type Feature string

// The features, by the name of the interface.
const (
	WebAuthn Feature = "store.AuthenticatorAdapter"
	Tx       Feature = "store.Transactor"
	SignUp   Feature = "store.SignUpAdapter"
	Purge    Feature = "store.Purger"
	Sessions Feature = "store.SessionLister"
	Closer   Feature = "io.Closer"
)

// Require makes the cases of the features fail if the adapter does not implement
// them, instead of counting them as not offered. It catches an adapter that no
// longer implements an interface because the signature of a method changed.
func Require(features ...Feature) Option {
	return func(s *suite) { s.required = append(s.required, features...) }
}

// NativeTTL declares that the store removes expired rows itself, so that an
// expired row may be absent (R9).
func NativeTTL() Option { return func(s *suite) { s.nativeTTL = true } }

// Precision declares that the store keeps instants only to multiples of d. The
// default and the minimum is a millisecond (R6).
func Precision(d time.Duration) Option {
	return func(s *suite) { s.precision = max(d, time.Millisecond) }
}

// MaxString declares that a column holds at most n characters; the adapter must
// refuse longer strings with store.ErrInvalid (R5). The column is named as in
// Auth.js, with its table: "account.access_token", "session.sessionToken".
func MaxString(column string, n int) Option {
	return func(s *suite) { s.maxString[column] = n }
}

// Fields declares that every store has columns for exactly the extra fields of s,
// as the store of a generated adapter has. Every call of open receives s, and
// the case data/extra stores a value of each field. In all other cases a field
// that was not set may be returned as its default (schema.Field.Zero), which is
// how the engine reads it.
func Fields(s *schema.Schema) Option { return func(o *suite) { o.fields = s } }

// Reopen enables the cases of durability and of two processes. The function open
// opens one more handle on the store of a, which may be in use or closed.
func Reopen(open func(ctx context.Context, a store.Adapter) (store.Adapter, error)) Option {
	return func(s *suite) { s.reopen = open }
}

// Broken enables the cases of a broken store. The function breakIt makes the
// store behind a fail every call, as if the database were down, until heal is
// called.
func Broken(breakIt func(a store.Adapter) (heal func())) Option {
	return func(s *suite) { s.broken = breakIt }
}

// FailAt enables the cases of atomicity. The function fail makes the n-th
// statement that a sends to its store from now on fail, and no other; n starts at
// 1, and BEGIN and COMMIT count. The function heal undoes this and reports
// whether that statement was reached.
func FailAt(fail func(a store.Adapter, n int) (heal func() bool)) Option {
	return func(s *suite) { s.failAt = fail }
}

// Statements enables session/one-query. The function count returns the number of
// statements that a has sent to its store so far.
func Statements(count func(a store.Adapter) int) Option {
	return func(s *suite) { s.statements = count }
}

// SQL enables the sql/ cases. The function db returns the connection pool of a.
func SQL(db func(a store.Adapter) *sql.DB) Option {
	return func(s *suite) { s.db = db }
}

// A Fixture holds rows that Auth.js wrote into the tables that the adapter shares
// with it: as entities of the contract and as SQL.
type Fixture struct {
	User          store.User
	Account       store.Account
	Session       store.Session
	Token         store.VerificationToken
	Authenticator *store.Authenticator // nil: the layout has none
	// Insert holds the recorded statements that write these rows.
	Insert []string
	// Dump holds queries whose results must be the same for rows written by
	// Auth.js and by the adapter: values and their types.
	Dump []string
}

// Golden enables the sql/golden cases with a fixture. It needs [SQL].
func Golden(f Fixture) Option { return func(s *suite) { s.fixture = &f } }

// Known declares that a case is expected to fail, and why; the reason must not be
// empty. The case fails the run once it passes.
func Known(caseID, reason string) Option {
	return func(s *suite) { s.known[caseID] = reason }
}

// Seed sets the seed of the random data, to repeat a run that printed it. The
// default is a random seed.
func Seed(seed uint64) Option { return func(s *suite) { s.seed = seed } }

// only selects cases; stopping ends Check at the first failure; hangAfter sets
// the time after which a case counts as hanging.
func only(ids ...string) Option        { return func(s *suite) { s.only = ids } }
func stopping() Option                 { return func(s *suite) { s.stopAtFailure = true } }
func hangAfter(d time.Duration) Option { return func(s *suite) { s.hang = d } }

type suite struct {
	seed       uint64
	base       time.Time
	required   []Feature
	nativeTTL  bool
	precision  time.Duration
	maxString  map[string]int
	fields     *schema.Schema
	reopen     func(context.Context, store.Adapter) (store.Adapter, error)
	broken     func(store.Adapter) func()
	failAt     func(store.Adapter, int) func() bool
	statements func(store.Adapter) int
	db         func(store.Adapter) *sql.DB
	fixture    *Fixture
	known      map[string]string

	only          []string
	stopAtFailure bool
	hang          time.Duration
}

// check refuses options that cannot be intended.
func (s *suite) check() error {
	ids := CaseIDs()
	for id, reason := range s.known {
		if !slices.Contains(ids, id) {
			return fmt.Errorf("adaptertest: Known(%q): no such case; CaseIDs lists them", id)
		}
		if reason == "" {
			return fmt.Errorf("adaptertest: Known(%q): the reason is empty", id)
		}
	}
	return nil
}

// need is a requirement of a case.
type need struct {
	feature Feature // an interface, or ""
	option  string  // a hook, or ""
}

var (
	needAuthn      = need{feature: WebAuthn}
	needTx         = need{feature: Tx}
	needSignUp     = need{feature: SignUp}
	needPurge      = need{feature: Purge}
	needSessions   = need{feature: Sessions}
	needClose      = need{feature: Closer}
	needReopen     = need{option: "Reopen"}
	needBroken     = need{option: "Broken"}
	needFailAt     = need{option: "FailAt"}
	needStatements = need{option: "Statements"}
	needSQL        = need{option: "SQL"}
	needGolden     = need{option: "Golden"}
	needEngineIDs  = need{option: "engine ids"}
	needExtra      = need{option: "extra fields"}
)

// lacks returns the reason why a does not meet n, or "".
func (s *suite) lacks(n need, a store.Adapter) string {
	var ok bool
	switch n {
	case needAuthn:
		_, ok = a.(store.AuthenticatorAdapter)
	case needTx:
		_, ok = a.(store.Transactor)
	case needSignUp:
		_, ok = a.(store.SignUpAdapter)
	case needPurge:
		_, ok = a.(store.Purger)
	case needSessions:
		_, ok = a.(store.SessionLister)
	case needClose:
		_, ok = a.(io.Closer)
	case needReopen:
		ok = s.reopen != nil
	case needBroken:
		ok = s.broken != nil
	case needFailAt:
		ok = s.failAt != nil
	case needStatements:
		ok = s.statements != nil
	case needSQL:
		ok = s.db != nil
	case needGolden:
		ok = s.fixture != nil
	case needEngineIDs:
		if s.storeAssigns(a) {
			return "the store assigns the ids of users"
		}
		ok = true
	case needExtra:
		ok = true
	}
	switch {
	case ok:
		return ""
	case n.feature != "":
		return "no " + string(n.feature)
	}
	return "no adaptertest." + n.option + " hook"
}

func (s *suite) storeAssigns(a store.Adapter) bool {
	d, ok := a.(store.TraitsDeclarer)
	return ok && d.Traits().AssignsIDs
}
