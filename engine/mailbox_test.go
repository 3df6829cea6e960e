package engine_test

import (
	"context"
	"sync"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// mailbox records the mails that are sent.
type mailbox struct {
	mu   sync.Mutex
	sent []engine.VerificationRequest
	fail error
}

func (m *mailbox) SendVerificationRequest(_ context.Context, r engine.VerificationRequest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.sent = append(m.sent, r)
	return nil
}

func (m *mailbox) last(t testing.TB) engine.VerificationRequest {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.sent) == 0 {
		t.Fatal("no mail was sent")
	}
	return m.sent[len(m.sent)-1]
}
