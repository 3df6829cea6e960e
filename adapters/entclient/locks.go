package entclient

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// locks waits for the one write lock that SQLite has: writers of this process
// queue up in order, and calls that another process's lock turned away are
// made again. Both end with the context. A nil locks does not wait.
type locks struct {
	patience time.Duration
	writing  chan struct{} // full while a writer of this process is at work
}

func newLocks(patience time.Duration) *locks {
	return &locks{patience: patience, writing: make(chan struct{}, 1)}
}

// acquire waits for the other writers of this process. The returned function
// lets the next one in.
func (l *locks) acquire(ctx context.Context) (release func(), err error) {
	if l == nil {
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

// wait makes the call until it is not turned away by a lock. The call must be
// one statement or one whole transaction.
func (l *locks) wait(ctx context.Context, call func() error) error {
	err := call()
	if l == nil || !isLocked(err) {
		return err
	}
	timeout := time.NewTimer(l.patience)
	defer timeout.Stop()
	for isLocked(err) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return fmt.Errorf("another process has held the database locked for %v: %w", l.patience, err)
		case <-time.After(time.Millisecond + rand.N(10*time.Millisecond)):
		}
		err = call()
	}
	return err
}
