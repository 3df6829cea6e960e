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
	// purgeBatch is how many rows are removed at a time: few enough not to block a
	// store that locks, or its replication.
	purgeBatch = 1000
	// purgeGrace is how long an expired row is kept. No clock is that wrong, even
	// with the wrong time zone, so rows are removed only once they have expired for
	// every replica; and the log can tell old mail links from forged ones.
	purgeGrace = 24 * time.Hour
	// purgeTimeout is the time limit of a batch in the background.
	purgeTimeout = 30 * time.Second
	// purgeInterval is the default of Config.PurgeInterval.
	purgeInterval = time.Hour
)

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
	hint := "expired rows remain until the next time, and do no harm; check that the database is reachable and writable"
	var panicked *Error
	switch {
	case errors.Is(err, context.Canceled):
		hint = "it continues next time"
	case errors.Is(err, context.DeadlineExceeded):
		hint = "it continues next time; check that the column expires of sessions and tokens has an index"
	case errors.As(err, &panicked):
		hint = "the adapter panicked"
	}
	failed := fail("", "PurgeError", fmt.Errorf("removing expired rows: %w", err), hint)
	if panicked != nil {
		failed.stack = panicked.stack
	}
	return removed, failed
}

// purging removes expired rows in the background, one batch at a time.
type purging struct {
	*core
	mu      sync.Mutex
	closed  bool
	start   time.Time          // of the first interval; zero before New
	due     time.Time          // of the next batch; zero before the first draw
	cancel  context.CancelFunc // of the batch in progress; may be nil
	running sync.WaitGroup
}

// purgeSoon removes a batch in the background if one is due. It is called after
// requests that add rows, so that a store is cleaned as it fills.
func (q *purging) purgeSoon(now time.Time) {
	p := q.adapter.purger
	if p == nil || q.cfg.PurgeInterval < 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.cancel != nil {
		return
	}
	if q.due.IsZero() {
		// Anywhere in the first interval, so that short-lived programs take part,
		// together once per interval.
		q.due = q.start.Add(q.randomPart(q.cfg.PurgeInterval))
	}
	if now.Before(q.due) {
		return
	}
	// Between half an interval and one and a half, to spread replicas that were
	// started together.
	q.due = now.Add(q.cfg.PurgeInterval/2 + q.randomPart(q.cfg.PurgeInterval))
	ctx, cancel := context.WithTimeout(context.Background(), purgeTimeout)
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
			q.reportPurge(ctx, err)
		}
	})
}

// randomPart returns a random part of d, or 0 if Config.Rand fails.
func (q *purging) randomPart(d time.Duration) time.Duration {
	var b [1]byte
	if _, err := io.ReadFull(q.cfg.Rand, b[:]); err != nil {
		return 0
	}
	return d / 256 * time.Duration(b[0])
}

func (q *purging) reportPurge(ctx context.Context, err error) {
	failed := asError(err, "PurgeError")
	attrs := []slog.Attr{slog.String("cause", failed.Err.Error()), slog.String("hint", failed.Hint)}
	if failed.stack != "" {
		attrs = append(attrs, slog.String("stack", failed.stack))
	}
	q.cfg.Logger.LogAttrs(ctx, slog.LevelError, "auth: "+failed.Type, attrs...)
}

func (p *purging) stop() {
	p.mu.Lock()
	p.closed = true
	if p.cancel != nil {
		p.cancel()
	}
	p.mu.Unlock()
	p.running.Wait()
}
