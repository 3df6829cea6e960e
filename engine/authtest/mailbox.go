package authtest

import (
	"context"
	"slices"
	"sync"

	"github.com/sesame-auth/sesame/engine"
)

// maxMails is how many messages a Mailbox keeps.
const maxMails = 1000

// Mailbox is an [engine.MailSender] that keeps the messages instead of sending
// them: the last 1000. The zero value is an empty mailbox. It is safe for
// concurrent use.
type Mailbox struct {
	mu    sync.Mutex
	mails []engine.VerificationRequest
	err   error
}

var _ engine.MailSender = (*Mailbox)(nil)

// SendVerificationRequest keeps m. It returns the error of FailWith, if there is
// one, or that of ctx, and keeps nothing then.
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

// Messages returns the messages, oldest first.
func (b *Mailbox) Messages() []engine.VerificationRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mails)
}

// Last returns the newest message to an address, or the newest of all when
// identifier is "". It is false when there is none.
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

// FailWith makes every further message fail with err; nil ends that.
func (b *Mailbox) FailWith(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}
