package oauth

import (
	"context"
	"errors"
	"sync"
)

// background tracks work that may outlive its caller, because several callers
// wait for it.
type background struct {
	mu     sync.Mutex
	closed bool
	ctx    context.Context // canceled by close; nil before the first begin
	cancel context.CancelFunc
	work   sync.WaitGroup
}

var errClosed = errors.New("the engine is closed")

// begin returns a context that is also canceled by close. The caller must call
// done at the end of the work.
func (b *background) begin(ctx context.Context) (_ context.Context, done func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, nil, errClosed
	}
	if b.ctx == nil {
		b.ctx, b.cancel = context.WithCancel(context.Background())
	}
	b.work.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(b.ctx, func() { cancel(errClosed) })
	return ctx, func() { stop(); cancel(nil); b.work.Done() }, nil
}

// close cancels the work and waits for it.
func (b *background) close() {
	b.mu.Lock()
	b.closed = true
	if b.cancel != nil {
		b.cancel()
	}
	b.mu.Unlock()
	b.work.Wait()
}
