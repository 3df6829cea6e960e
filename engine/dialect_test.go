package engine_test

import (
	"testing"
)

// A session of one dialect is invalid in the other, under either cookie name.
func TestDialectsDoNotShareSessions(t *testing.T) {
	v5, v4 := newSite(t), newSite(t, withV4)
	a, b := v5.browser(), v4.browser()
	a.signIn()
	b.signIn()
	a.set(sessionCookieV4, b.cookie(sessionCookieV4))
	b.set(sessionCookie, a.cookie(sessionCookie))
	a.set(sessionCookie, b.cookie(sessionCookieV4))
	b.set(sessionCookieV4, b.cookie(sessionCookie))
	if got := a.get("/session").body; got != "null" {
		t.Errorf("v5 accepts a token of v4: %s", got)
	}
	if got := b.get("/session").body; got != "{}" {
		t.Errorf("v4 accepts a token of v5: %s", got)
	}
}
