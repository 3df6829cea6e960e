package authruntime

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Locks repeats calls that the database has rejected because another process holds
// SQLite's write lock, or because of a deadlock on a server. For SQLite it also
// queues the writers of this process. Every wait ends with the context. A nil
// Locks neither queues nor repeats.
type Locks struct {
	patience  time.Duration
	retryable func(error) bool
	reason    string
	writing   chan struct{} // full while a writer of this process is running; nil: no queue
}

// NewLocks returns locks that wait up to patience. retryable reports whether the
// database has rejected a call, and reason describes this. With queue the writers
// of this process wait for each other.
func NewLocks(patience time.Duration, queue bool, retryable func(error) bool, reason string) *Locks {
	l := &Locks{patience: patience, retryable: retryable, reason: reason}
	if queue {
		l.writing = make(chan struct{}, 1)
	}
	return l
}

// Acquire waits for the other writers of this process. The caller must call
// release after its write.
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
		return nil, fmt.Errorf("the database is locked: a transaction of this process has been open for %v (a Tx function must use only the adapter passed to it)", l.patience)
	}
}

// Wait repeats the call until the database accepts it. The call must be one
// statement or one whole transaction. After the patience of l, Wait returns an
// error that wraps that of the last call.
func (l *Locks) Wait(ctx context.Context, call func() error) error {
	err := call()
	if l == nil || !l.retryable(err) {
		return err
	}
	timeout := time.NewTimer(l.patience)
	defer timeout.Stop()
	for l.retryable(err) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return fmt.Errorf("%s for %v: %w", l.reason, l.patience, err)
		case <-time.After(time.Millisecond + rand.N(10*time.Millisecond)):
		}
		err = call()
	}
	return err
}

// commitGrace is how long a running COMMIT may continue after the context has
// ended. Interrupting it would leave its outcome unknown.
const commitGrace = 5 * time.Second

// BeginDetached begins a transaction on a server. ctx ends only the wait for a
// connection; it is not the context of the transaction, because it would interrupt
// a COMMIT. Unless there is an error, the caller must call end.
func BeginDetached[T any](ctx context.Context, begin func(context.Context) (T, error)) (t T, end func(), err error) {
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	t, err = begin(detached)
	stop()
	if err != nil {
		cancel()
		return t, nil, err
	}
	stop = context.AfterFunc(ctx, func() { time.AfterFunc(commitGrace, cancel) })
	return t, func() { stop(); cancel() }, nil
}
