package sqlstore

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
	dialect  *Dialect
	writing  chan struct{} // full while a writer of this process is at work; nil: they need not queue up
}

// NewLocks returns the locks of a database. A wait takes patience at most.
func NewLocks(d *Dialect, patience time.Duration) *Locks {
	l := &Locks{patience: patience, dialect: d}
	if !d.Server {
		l.writing = make(chan struct{}, 1)
	}
	return l
}

// acquire waits for the other writers of this process. The returned function
// lets the next one in.
func (l *Locks) acquire(ctx context.Context) (release func(), err error) {
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
	if l == nil || !l.dialect.again(err) {
		return err
	}
	timeout := time.NewTimer(l.patience)
	defer timeout.Stop()
	for l.dialect.again(err) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return fmt.Errorf("%s for %v: %w", l.dialect.turnedAway, l.patience, err)
		case <-time.After(time.Millisecond + rand.N(10*time.Millisecond)):
		}
		err = call()
	}
	return err
}
