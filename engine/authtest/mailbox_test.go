package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
)

func TestMailbox(t *testing.T) {
	var box authtest.Mailbox
	ctx := t.Context()
	if m, ok := box.Last(""); ok {
		t.Errorf("an empty mailbox has %+v", m)
	}
	for i, to := range []string{"ada@example.com", "bob@example.com", "ada@example.com"} {
		if err := box.SendVerificationRequest(ctx, engine.VerificationRequest{Identifier: to, Token: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for to, want := range map[string]string{"ada@example.com": "2", "bob@example.com": "1", "": "2"} {
		if m, ok := box.Last(to); !ok || m.Token != want {
			t.Errorf("the last message to %q is %+v, %v; want token %s", to, m, ok, want)
		}
	}
	broken := errors.New("broken")
	box.FailWith(broken)
	if err := box.SendVerificationRequest(ctx, engine.VerificationRequest{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	box.FailWith(nil)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := box.SendVerificationRequest(ended, engine.VerificationRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	got := box.Messages()
	if len(got) != 3 || got[0].Token != "0" {
		t.Errorf("messages %+v", got)
	}
	got[0].Token = "changed"
	if box.Messages()[0].Token != "0" {
		t.Error("Messages gives away the mailbox's own memory")
	}
	box.Clear()
	if got := box.Messages(); len(got) != 0 {
		t.Errorf("messages after Clear: %+v", got)
	}
}

func TestMailboxKeepsTheLast1000(t *testing.T) {
	var box authtest.Mailbox
	for i := range 1001 {
		if err := box.SendVerificationRequest(t.Context(), engine.VerificationRequest{Token: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := box.Messages(); len(got) != 1000 || got[0].Token != "1" || got[999].Token != "1000" {
		t.Errorf("%d messages from %s", len(got), got[0].Token)
	}
}

func TestClock(t *testing.T) {
	c := authtest.NewClock(start)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			c.Advance(time.Second)
			_ = c.Now()
		})
	}
	wg.Wait()
	if got := c.Now(); !got.Equal(start.Add(10 * time.Second)) {
		t.Errorf("the clock shows %s", got)
	}
	c.Set(start)
	if got := c.Now(); !got.Equal(start) {
		t.Errorf("the clock shows %s", got)
	}
}
