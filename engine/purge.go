package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

const (
	// purgeBatch is how many rows are removed at a time: few enough for a store
	// that locks, or a log that replicas follow.
	purgeBatch = 1000
	// purgeGrace is how long a row is kept after it has expired. No clock is
	// wrong by so much, not even one in another time zone, so what is removed
	// has expired for every replica; and somebody who follows an old mail link is
	// told apart in the log from somebody who made one up.
	purgeGrace = 24 * time.Hour
	// purgePatience ends a batch that nobody waits for.
	purgePatience = 30 * time.Second
	// purgeInterval is the default of Config.PurgeInterval.
	purgeInterval = time.Hour
)

// Purge removes the sessions and e-mail tokens that expired more than 24 hours
// ago (the store's clock does not count, Config.Now does), in batches of 1000,
// until none is left or ctx ends, and returns how many it removed, also beside
// an error. Several replicas may do so at once.
//
// Sign-ins cause the same now and then, see Config.PurgeInterval. Purge is for
// programs that would rather choose the time.
//
// Without an Adapter, and with one that is no [Purger] because its store
// removes expired rows itself (Redis), there is nothing to do: 0 and no error.
// An error is an [*Error] that wraps the adapter's, or that of ctx.
func (e *Engine) Purge(ctx context.Context) (removed int, err error) {
	p, ok := e.adapter.(store.Purger)
	if !ok {
		return 0, nil
	}
	before := e.cfg.Now().Add(-purgeGrace) // fixed, so that there is an end
	for {
		n, err := purgeOnce(ctx, p, before)
		removed += n
		if err != nil || n == 0 {
			return removed, err
		}
	}
}

// purgeOnce removes one batch.
func purgeOnce(ctx context.Context, p store.Purger, before time.Time) (removed int, err error) {
	if err = ctx.Err(); err == nil {
		err = guard(func() (err error) {
			removed, err = p.PurgeExpired(ctx, before, purgeBatch)
			return err
		})
	}
	removed = max(removed, 0)
	if err == nil {
		return removed, nil
	}
	hint := "expired rows stay until the next time, and are in nobody's way; is the database reachable and writable?"
	var panicked *Error
	switch {
	case errors.Is(err, context.Canceled):
		hint = "it goes on the next time"
	case errors.Is(err, context.DeadlineExceeded):
		hint = "it goes on the next time; is there an index on the column expires of sessions and tokens?"
	case errors.As(err, &panicked):
		hint = "the adapter panicked"
	}
	failed := fail("", "PurgeError", fmt.Errorf("removing what has expired: %w", err), hint)
	if panicked != nil {
		failed.stack = panicked.stack
	}
	return removed, failed
}

// Close ends what the engine does in the background: it interrupts a batch of
// expired rows that is being removed and a request to an identity provider that
// nobody waits for any more, and returns when they have ended. Call it when the
// server has shut down, and close the Adapter afterwards, which Close does not.
//
// A second Close does nothing. The endpoints and Session still answer
// afterwards, but nothing is removed any more, and a sign-in that would have to
// fetch the metadata or the keys of its provider fails. The error is always
// nil.
func (e *Engine) Close() error {
	e.purging.close()
	for _, p := range e.providers {
		if p.flow != nil {
			p.flow.client.Close()
		}
	}
	if e.ownHTTP {
		e.cfg.HTTPClient.CloseIdleConnections()
	}
	return nil
}

// purging is the removal of expired rows in the background: at most one batch
// at a time.
type purging struct {
	mu      sync.Mutex
	closed  bool
	from    time.Time          // of the first interval; zero before New
	due     time.Time          // of the next batch; zero before the first draw
	cancel  context.CancelFunc // of the batch under way; nil when there is none
	running sync.WaitGroup
}

// purgeSoon removes a batch in the background when it is time to. It is called
// when a request that adds rows has been answered, so that a store which is
// written to is also cleaned.
func (e *Engine) purgeSoon(now time.Time) {
	p, ok := e.adapter.(store.Purger)
	if !ok || e.cfg.PurgeInterval < 0 {
		return
	}
	q := &e.purging
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.cancel != nil {
		return
	}
	if q.due.IsZero() {
		// Anywhere in the first interval: programs that live shorter than that
		// do it too then, once per interval taken together.
		q.due = q.from.Add(e.share(e.cfg.PurgeInterval))
	}
	if now.Before(q.due) {
		return
	}
	// Between half an interval and one and a half, or replicas that were started
	// together would do it together for ever.
	q.due = now.Add(e.cfg.PurgeInterval/2 + e.share(e.cfg.PurgeInterval))
	ctx, cancel := context.WithTimeout(context.Background(), purgePatience)
	q.cancel = cancel
	q.running.Go(func() {
		defer cancel()
		removed, err := purgeOnce(ctx, p, now.Add(-purgeGrace))
		q.mu.Lock()
		closed := q.closed
		q.cancel = nil
		if err == nil && removed >= purgeBatch {
			q.due = now // there is more
		}
		q.mu.Unlock()
		if err != nil && !closed {
			e.reportPurge(ctx, err)
		}
	})
}

// share returns a random part of d. Without randomness it is nothing.
func (e *Engine) share(d time.Duration) time.Duration {
	var b [1]byte
	if _, err := io.ReadFull(e.cfg.Rand, b[:]); err != nil {
		return 0
	}
	return d / 256 * time.Duration(b[0])
}

func (e *Engine) reportPurge(ctx context.Context, err error) {
	failed := asError(err, "PurgeError")
	attrs := []slog.Attr{slog.String("cause", failed.Err.Error()), slog.String("hint", failed.Hint)}
	if failed.stack != "" {
		attrs = append(attrs, slog.String("stack", failed.stack))
	}
	e.cfg.Logger.LogAttrs(ctx, slog.LevelError, "auth: "+failed.Type, attrs...)
}

func (p *purging) close() {
	p.mu.Lock()
	p.closed = true
	if p.cancel != nil {
		p.cancel()
	}
	p.mu.Unlock()
	p.running.Wait()
}
