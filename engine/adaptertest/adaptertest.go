// Package adaptertest tests whether an adapter keeps the rules R1 to R12 of
// store.Adapter. A failure reports which rule is broken, by which calls, and how
// to fix it. A complete test file needs no more than:
//
//	func TestAdapter(t *testing.T) {
//		adaptertest.Run(t, func(t testing.TB, s *schema.Schema) store.Adapter {
//			return mystore.Open(t.TempDir(), s)
//		})
//	}
//
// There are 119 cases. Their ids ("token/once") are stable and may be used in
// [Known] and in go test -run. Optional interfaces of the adapter are found by
// type assertion; cases that need a hook into the store are enabled by an
// [Option]. A case that cannot run reports why. Run the suite with -race too.
package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// Run runs every case as a subtest named by its id, one after another.
//
// Run calls open at least once per case. Each call must return an empty store
// that shares nothing with earlier ones: a new file, a new schema, a new key
// prefix. The store must hold the extra fields that s declares; s is nil if a
// case needs none. open may fail the test, and should use t.Cleanup to close the
// store: Run closes nothing, except in the cases that test Close.
//
// The last line logged counts the cases that passed, are known to fail or are
// not offered, and gives the seed of the random data. The returned report has
// the result of each case, for instance to compare several adapters.
func Run(t *testing.T, open func(t testing.TB, s *schema.Schema) store.Adapter, opts ...Option) Report {
	t.Helper()
	s := newSuite(opts)
	report := Report{Seed: s.seed}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.selected() {
		t.Run(c.id, func(t *testing.T) {
			t.Helper()
			r := s.run(context.WithoutCancel(t.Context()), c, func(_ context.Context, schema *schema.Schema) (store.Adapter, func(), error) {
				tb := &caseTB{TB: t}
				a := open(tb, schema)
				if err := tb.err(); err != nil {
					return nil, nil, err
				}
				return a, func() {}, nil
			})
			report.Results = append(report.Results, r)
			switch r.Status {
			case Failed:
				t.Errorf("\n%s\nseed %d", r.Failure, s.seed)
			case KnownFailure:
				t.Skipf("known: %s", r.Reason)
			case NotOffered:
				t.Skipf("not offered: %s", r.Reason)
			}
		})
	}
	t.Log(report.String())
	return report
}

// Check is like [Run] but needs no *testing.T, for command-line tools and for
// tests of tests. The function that open returns closes the store; it may be
// nil. An error of open fails the case.
func Check(ctx context.Context, open func(ctx context.Context, s *schema.Schema) (store.Adapter, func(), error), opts ...Option) Report {
	s := newSuite(opts)
	report := Report{Seed: s.seed}
	if err := s.check(); err != nil {
		report.err = err
		return report
	}
	for _, c := range s.selected() {
		r := s.run(ctx, c, open)
		report.Results = append(report.Results, r)
		if s.stopAtFailure && r.Status == Failed {
			break
		}
	}
	return report
}

type openFunc = func(ctx context.Context, s *schema.Schema) (store.Adapter, func(), error)

// testCase is one case of the contract. Each part runs on a separate store.
type testCase struct {
	id     string
	rule   string  // such as "R4"
	why    string  // the property that must hold, in one sentence
	advice *advice // what usually breaks it
	needs  []need
	parts  []part
}

type part struct {
	needs []need
	run   func(t *caseT)
}

func (s *suite) selected() []testCase {
	if s.only == nil {
		return allCases()
	}
	return slices.DeleteFunc(allCases(), func(c testCase) bool { return !slices.Contains(s.only, c.id) })
}

// run runs one case and applies Known to its result.
func (s *suite) run(ctx context.Context, c testCase, open openFunc) Result {
	r := Result{ID: c.id, Status: Passed}
	ran := false
	var missing []string
	for _, p := range c.parts {
		reason, f := s.runPart(ctx, c, p, open)
		if f != nil {
			r.Status, r.Failure = Failed, f
			ran = true
			break
		}
		if reason != "" {
			missing = append(missing, reason)
			continue
		}
		ran = true
	}
	if !ran {
		r.Status, r.Reason = NotOffered, missing[0]
	} else if len(missing) > 0 && r.Status == Passed {
		r.Reason = "in part; not offered: " + missing[0]
	}
	if reason, ok := s.known[c.id]; ok {
		switch r.Status {
		case Failed:
			return Result{ID: c.id, Status: KnownFailure, Reason: reason, Failure: r.Failure}
		case Passed:
			r.Status = Failed
			r.Failure = &Failure{Case: c.id, Rule: c.rule, Why: c.why, Got: "the case passes", Want: "the failure declared by Known: " + reason,
				Cause: "the adapter has been fixed, or the case never failed", Fix: []string{"remove Known(" + fmt.Sprintf("%q", c.id) + ", …)"}}
		}
	}
	return r
}

// runPart runs one part in a new goroutine, which exits at the first failure. It
// returns the reason why the part is not offered, or its failure.
func (s *suite) runPart(ctx context.Context, c testCase, p part, open openFunc) (string, *Failure) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &caseT{suite: s, c: &c, ctx: ctx, open: open, log: &callLog{}, base: s.base, state: &state{ids: map[string]string{}}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.closeAll()
		defer func() {
			if v := recover(); v != nil {
				stack := make([]byte, 4<<10)
				stack = stack[:runtime.Stack(stack, false)]
				t.record(fmt.Sprintf("panic: %v\n%s", v, stack), "no panic, whatever the input")
			}
		}()
		t.start(p)
	}()
	limit := time.NewTimer(s.hang)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		t.record(fmt.Sprintf("the case has not finished after %v", s.hang), "every call to return, at the latest when its context ends")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.notOffered, t.failure
}

// start opens the store and runs the part, unless the store lacks something the
// part needs.
func (t *caseT) start(p part) {
	schema := t.suite.fields
	needs := append(slices.Clone(t.c.needs), p.needs...)
	if slices.Contains(needs, needExtra) {
		schema = t.suite.extraSchema()
	}
	a := t.openStore(schema)
	for _, n := range needs {
		if reason := t.suite.lacks(n, a); reason != "" {
			if slices.Contains(t.suite.required, n.feature) {
				t.fail(fmt.Sprintf("%T: %s", a, reason), fmt.Sprintf("an adapter that implements %s, as Require demands", n.feature))
			}
			t.mu.Lock()
			t.notOffered = reason
			t.mu.Unlock()
			return
		}
	}
	t.bind(a)
	p.run(t)
}

func (t *caseT) openStore(schema *schema.Schema) store.Adapter {
	a, closeStore, err := t.tryOpen(schema)
	if err != nil {
		t.fail("open: error: "+err.Error(), "an empty store")
	}
	if closeStore != nil {
		t.closers = append(t.closers, closeStore)
	}
	return a
}

func (t *caseT) tryOpen(schema *schema.Schema) (_ store.Adapter, _ func(), err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case openFailed:
			err = errors.New(v.text)
		default:
			panic(v)
		}
	}()
	return t.open(t.ctx, schema)
}

func (t *caseT) closeAll() {
	for _, f := range slices.Backward(t.closers) {
		f()
	}
}

// another opens one more handle on the store of the case.
func (t *caseT) another() store.Adapter {
	t.log.add("Reopen")
	a, err := t.suite.reopen(t.ctx, t.raw)
	if err != nil {
		t.fail("Reopen: error: "+err.Error(), "a second handle on the same store")
	}
	if c, ok := a.(io.Closer); ok {
		t.closers = append(t.closers, func() { _ = c.Close() })
	}
	return &recorder{a: a, log: t.log}
}

// caseTB is the testing.TB passed to open. It fails the case, which may be known
// to fail, and not the test.
type caseTB struct {
	testing.TB
	mu     sync.Mutex
	failed string
}

func (t *caseTB) note(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == "" {
		t.failed = s
	}
}

func (t *caseTB) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == "" {
		return nil
	}
	return fmt.Errorf("%s", t.failed)
}

type openFailed struct{ text string }

func (t *caseTB) Error(args ...any)                 { t.note(fmt.Sprintln(args...)) }
func (t *caseTB) Errorf(format string, args ...any) { t.note(fmt.Sprintf(format, args...)) }
func (t *caseTB) Fail()                             { t.note("open failed the test") }
func (t *caseTB) FailNow()                          { t.Fail(); panic(openFailed{t.err().Error()}) }
func (t *caseTB) Fatal(args ...any)                 { t.Error(args...); t.FailNow() }
func (t *caseTB) Fatalf(f string, args ...any)      { t.Errorf(f, args...); t.FailNow() }
func (t *caseTB) Failed() bool                      { return t.err() != nil }
func (t *caseTB) Skip(args ...any)                  { t.Error(args...); t.FailNow() }
func (t *caseTB) Skipf(f string, args ...any)       { t.Errorf(f, args...); t.FailNow() }
func (t *caseTB) SkipNow()                          { t.note("open skipped the test"); t.FailNow() }

func newSuite(opts []Option) *suite {
	s := &suite{seed: rand.Uint64(), precision: time.Millisecond, hang: 2 * time.Minute, known: map[string]string{}, maxString: map[string]int{}}
	for _, o := range opts {
		o(s)
	}
	// In the future, so that a store that removes expired rows itself keeps the
	// rows of the suite, and not a whole second.
	s.base = time.Now().UTC().Truncate(24 * time.Hour).Add(48*time.Hour + 10*time.Hour + 20*time.Minute + 30*time.Second + 123*time.Millisecond)
	return s
}
