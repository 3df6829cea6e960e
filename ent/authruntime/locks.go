package authruntime

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Locks makes calls again that the database has turned away: because another
// process holds SQLite's one write lock, or because of a deadlock on a server.
// For SQLite the writers of this process queue up in order. Every wait ends
// with the context. A nil Locks does not wait.
type Locks struct {
	patience time.Duration
	again    func(error) bool
	because  string
	writing  chan struct{} // full while a writer of this process is at work; nil: they need not queue up
}

// NewLocks returns locks that wait as long as patience. again reports whether
// the database has turned a call away, which because says in words. queue makes
// the writers of this process queue up.
func NewLocks(patience time.Duration, queue bool, again func(error) bool, because string) *Locks {
	l := &Locks{patience: patience, again: again, because: because}
	if queue {
		l.writing = make(chan struct{}, 1)
	}
	return l
}

// Acquire waits for the other writers of this process. The returned function
// lets the next one in.
func (l *Locks) Acquire(ctx context.Context) (release func(), err error) {
	if l == nil || l.writing == nil {
		return func() {}, nil
	}
	release = func() { <-l.writing }
	select {
	case l.writing <- struct{}{}:
		return release, nil
	default:
	}
	timeout := time.NewTimer(l.patience)
	defer timeout.Stop()
	select {
	case l.writing <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timeout.C:
		return nil, fmt.Errorf("the database is locked: a transaction of this process has been open for %v (a Tx function must use the adapter it is given)", l.patience)
	}
}

// Wait makes the call until it is not turned away. The call must be
// one statement or one whole transaction.
func (l *Locks) Wait(ctx context.Context, call func() error) error {
	err := call()
	if l == nil || !l.again(err) {
		return err
	}
	timeout := time.NewTimer(l.patience)
	defer timeout.Stop()
	for l.again(err) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return fmt.Errorf("%s for %v: %w", l.because, l.patience, err)
		case <-time.After(time.Millisecond + rand.N(10*time.Millisecond)):
		}
		err = call()
	}
	return err
}

// commitGrace is how long a COMMIT under way may go on after the context has
// ended. Cutting it short would leave open whether it was done.
const commitGrace = 5 * time.Second

// Lasting begins a transaction on a server. The context ends the wait for a
// connection, and is that of the statements, but not that of the transaction,
// whose COMMIT it would cut short. The returned end must be called, unless
// there is an error.
func Lasting[T any](ctx context.Context, begin func(context.Context) (T, error)) (t T, end func(), err error) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	t, err = begin(lasting)
	stop()
	if err != nil {
		cancel()
		return t, nil, err
	}
	stop = context.AfterFunc(ctx, func() { time.AfterFunc(commitGrace, cancel) })
	return t, func() { stop(); cancel() }, nil
}
