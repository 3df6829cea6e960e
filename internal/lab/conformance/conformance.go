// Package conformance lists every adapter of this repository on every database
// that it runs on, with all hooks that the conformance suite, engine/adaptertest,
// can use: to make the database fail, to count statements, to open the store once
// more. It has no tests itself. Those of the module's root run the suite on all
// of these targets, and -v prints a table:
//
//	go test -run TestConformance -v .
//
// Packages with a generated ent client run it on [Generated], and gen runs it on
// [Reference]. A target whose database is not installed is skipped.
package conformance

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
)

// A Target is an adapter on a database.
type Target struct {
	Name string
	// SetUp finds the database, or skips the test. It returns what
	// adaptertest.Run takes.
	SetUp func(t *testing.T) (open func(t testing.TB, s *schema.Schema) store.Adapter, options []adaptertest.Option)
}

// Targets returns all of them.
func Targets() []Target {
	return slices.Concat([]Target{memoryTarget(), redisTarget()}, entTargets(), sqltablesTargets())
}

// Reference returns the adapters that take extra fields as they come, with the
// fields of a schema in every store: in memory, in Redis, and in the stock tables
// with the columns that the printed SQL of a dialect adds. Generated clients are
// those of [Generated].
func Reference(fields *schema.Schema, columns func(t testing.TB, dialect string) string) []Target {
	targets := []Target{memoryTarget(), redisTarget()}
	for _, l := range sqltables.Layouts() {
		if l.SharedWithAuthJS {
			continue
		}
		targets = append(targets, Target{"sqltables/" + l.Name, func(t *testing.T) (func(testing.TB, *schema.Schema) store.Adapter, []adaptertest.Option) {
			h := newTablesLab(t, l)
			h.fields, h.columns = fields, columns(t, l.Dialect)
			return h.run()
		}})
	}
	for i, target := range targets {
		targets[i].SetUp = func(t *testing.T) (func(testing.TB, *schema.Schema) store.Adapter, []adaptertest.Option) {
			open, options := target.SetUp(t)
			return open, append(options, adaptertest.Fields(fields))
		}
	}
	return targets
}

// errInjected is what a broken database answers.
var errInjected = errors.New("the database is down")

// opened is what is known of an adapter that was opened.
type opened struct {
	location string // where its database is
	faults   *faultdb.Faults
	db       *sql.DB // nil where there is none
}

// lab opens adapters and remembers where each of them is.
type lab struct {
	// location returns the address of a new, empty database.
	location func(t testing.TB) string
	// open opens the adapter on it. What it opens beside the adapter, it
	// closes by t.Cleanup.
	open func(ctx context.Context, t testing.TB, location string, s *schema.Schema) (store.Adapter, opened, error)

	mu     sync.Mutex
	stores map[store.Adapter]opened
}

// run returns what adaptertest.Run takes.
func (l *lab) run(t *testing.T, more ...adaptertest.Option) (func(t testing.TB, s *schema.Schema) store.Adapter, []adaptertest.Option) {
	l.stores = map[store.Adapter]opened{}
	open := func(t testing.TB, s *schema.Schema) store.Adapter {
		a, err := l.openAt(context.WithoutCancel(t.Context()), t, l.location(t), s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	return open, append([]adaptertest.Option{
		adaptertest.Reopen(func(ctx context.Context, a store.Adapter) (store.Adapter, error) {
			return l.openAt(ctx, t, l.of(a).location, nil)
		}),
		adaptertest.Broken(func(a store.Adapter) func() {
			l.of(a).faults.Fail(func(string) error { return errInjected })
			return l.of(a).faults.Heal
		}),
		adaptertest.FailAt(func(a store.Adapter, n int) func() bool { return l.of(a).faults.FailAt(n, errInjected) }),
		adaptertest.Statements(func(a store.Adapter) int { return l.of(a).faults.Statements() }),
		adaptertest.Require(adaptertest.Sessions, adaptertest.Closer),
	}, more...)
}

// sql adds the cases of a database/sql pool.
func (l *lab) sql() adaptertest.Option {
	return adaptertest.SQL(func(a store.Adapter) *sql.DB { return l.of(a).db })
}

func (l *lab) openAt(ctx context.Context, t testing.TB, location string, s *schema.Schema) (store.Adapter, error) {
	a, st, err := l.open(ctx, t, location, s)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = a.(interface{ Close() error }).Close() })
	st.location = location
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stores[a] = st
	return a, nil
}

func (l *lab) of(a store.Adapter) opened {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stores[a]
}
