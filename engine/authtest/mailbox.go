package authtest

import (
	"context"
	"slices"
	"sync"

	"github.com/sesame-auth/sesame/engine"
)

// maxMails is the maximum number of messages in a Mailbox.
const maxMails = 1000

// Mailbox keeps the last 1000 messages of an e-mail provider instead of sending
// them: its SendVerificationRequest is that of [engine.Email]. The zero value is an empty mailbox. It is safe for concurrent use.
type Mailbox struct {
	mu    sync.Mutex
	mails []engine.VerificationRequest
	err   error
}

// SendVerificationRequest adds m to the mailbox, unless FailWith has set an error
// or ctx is done, in which case it returns that error.
func (b *Mailbox) SendVerificationRequest(ctx context.Context, m engine.VerificationRequest) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(b.mails) == maxMails {
		b.mails = slices.Delete(b.mails, 0, 1)
	}
	b.mails = append(b.mails, m)
	return nil
}

// Messages returns the messages in the mailbox, oldest first.
func (b *Mailbox) Messages() []engine.VerificationRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mails)
}

// Last returns the newest message to the address identifier, or the newest message
// if identifier is "", and whether there is one.
func (b *Mailbox) Last(identifier string) (engine.VerificationRequest, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range slices.Backward(b.mails) {
		if identifier == "" || m.Identifier == identifier {
			return m, true
		}
	}
	return engine.VerificationRequest{}, false
}

// Clear empties the mailbox.
func (b *Mailbox) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails = nil
}

// FailWith makes all further messages fail with err, until it is called with nil.
func (b *Mailbox) FailWith(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}
