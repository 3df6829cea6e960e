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

// An Option tells the suite about the store, or gives it a hook.
type Option func(*suite)

// A Feature is an optional part of an adapter.
type Feature string

// The features, each an optional interface of the adapter.
const (
	WebAuthn Feature = "store.AuthenticatorAdapter"
	Tx       Feature = "store.Transactor"
	SignUp   Feature = "store.SignUpAdapter"
	Purge    Feature = "store.Purger"
	Sessions Feature = "store.SessionLister"
	Closer   Feature = "io.Closer"
)

// Require fails the cases of features that the adapter does not offer, which
// are otherwise counted as not offered. It catches a method that lost its
// interface by a changed signature.
func Require(features ...Feature) Option {
	return func(s *suite) { s.required = append(s.required, features...) }
}

// NativeTTL says that the store removes expired rows by itself, so that an
// expired row may be absent (R9).
func NativeTTL() Option { return func(s *suite) { s.nativeTTL = true } }

// Precision says that the store keeps instants to multiples of d only. The
// default is a millisecond (R6).
func Precision(d time.Duration) Option {
	return func(s *suite) { s.precision = max(d, time.Millisecond) }
}

// MaxString says that a column holds at most n characters; the adapter must
// refuse more with store.ErrInvalid (R5). The column is written as Auth.js
// has it, with its table: "account.access_token", "session.sessionToken".
func MaxString(column string, n int) Option {
	return func(s *suite) { s.maxString[column] = n }
}

// AssignsIDs says that the store makes the ids of users (R1), as
// store.Traits.AssignsIDs of the adapter does.
func AssignsIDs() Option { return func(s *suite) { s.assignsIDs = true } }

// Fields says that every store has columns for exactly these extra fields, as an
// adapter that was generated for them has. open gets s each time, and data/extra
// stores a value of each. In all other cases a field that was not set may come
// back as its default (schema.Field.Zero), as the engine reads it.
func Fields(s *schema.Schema) Option { return func(o *suite) { o.fields = s } }

// Reopen opens one more handle on the store that a stores in. a may be in use
// or closed. It switches on the cases of durability and of two processes.
func Reopen(open func(ctx context.Context, a store.Adapter) (store.Adapter, error)) Option {
	return func(s *suite) { s.reopen = open }
}

// Broken makes the store behind a fail every call, as when the database is
// down, until heal is called.
func Broken(breakIt func(a store.Adapter) (heal func())) Option {
	return func(s *suite) { s.broken = breakIt }
}

// FailAt makes the n-th statement from now on (from 1) that a sends to its
// store fail, BEGIN and COMMIT included, and no other. heal ends that and
// reports whether it came so far.
func FailAt(fail func(a store.Adapter, n int) (heal func() bool)) Option {
	return func(s *suite) { s.failAt = fail }
}

// Statements returns how many statements a has sent to its store.
func Statements(count func(a store.Adapter) int) Option {
	return func(s *suite) { s.statements = count }
}

// SQL gives the pool behind a and switches the sql/ cases on.
func SQL(db func(a store.Adapter) *sql.DB) Option {
	return func(s *suite) { s.db = db }
}

// A Fixture is what Auth.js wrote into the tables that the adapter shares with
// it: the rows as SQL and the same rows as the contract has them.
type Fixture struct {
	User          store.User
	Account       store.Account
	Session       store.Session
	Token         store.VerificationToken
	Authenticator *store.Authenticator // nil: the layout has none
	// Insert holds the statements that write these rows, as recorded.
	Insert []string
	// Dump holds queries that print all that must be alike: values, types.
	Dump []string
}

// Golden gives the fixture of the sql/golden cases. It needs [SQL].
func Golden(f Fixture) Option { return func(s *suite) { s.fixture = &f } }

// Known says that a case is expected to fail, and why. It turns red when the
// case starts passing.
func Known(caseID, reason string) Option {
	return func(s *suite) { s.known[caseID] = reason }
}

// Seed repeats the random data of a run that printed it.
func Seed(seed uint64) Option { return func(s *suite) { s.seed = seed } }

// only runs these cases; stopping ends Check at the first failure; hangAfter is
// what counts as a hang.
func only(ids ...string) Option        { return func(s *suite) { s.only = ids } }
func stopping() Option                 { return func(s *suite) { s.stopAtFailure = true } }
func hangAfter(d time.Duration) Option { return func(s *suite) { s.hang = d } }

type suite struct {
	seed       uint64
	base       time.Time
	required   []Feature
	nativeTTL  bool
	assignsIDs bool
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

// check refuses options that cannot be meant.
func (s *suite) check() error {
	ids := CaseIDs()
	for id, reason := range s.known {
		if !slices.Contains(ids, id) {
			return fmt.Errorf("adaptertest: Known(%q): there is no such case", id)
		}
		if reason == "" {
			return fmt.Errorf("adaptertest: Known(%q) gives no reason", id)
		}
	}
	return nil
}

// need is what a case cannot do without.
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

// lacks says why n cannot be had of a, or "".
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
	return s.assignsIDs || ok && d.Traits().AssignsIDs
}
