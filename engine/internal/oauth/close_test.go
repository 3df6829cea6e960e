package oauth_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine/internal/oauth"
)

// Keys are fetched for all callers that wait for them. Close cancels a download
// for which nobody waits any longer. Requests that need no download still work.
func TestCloseEndsADownloadOfKeys(t *testing.T) {
	f := newFake(t)
	asked, ended := make(chan struct{}), make(chan struct{})
	f.handlers["/jwks"] = func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(ended)
	}
	c := f.oidc()
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := c.Exchange(ctx, callback())
		gone <- err
	}()
	<-asked
	leave()
	mustFail(t, "gone", <-gone, oauth.IDToken)
	c.Close()
	c.Close()
	<-ended
	if err := authorize(t, c); err != nil {
		t.Errorf("with known metadata: %v", err)
	}
	_, err := c.Exchange(t.Context(), callback())
	if err == nil || !strings.Contains(err.Error(), "the engine is closed") {
		t.Errorf("with unknown keys: %v", err)
	}
}

func TestCloseBeforeTheFirstUse(t *testing.T) {
	f := newFake(t)
	c := f.oidc()
	c.Close()
	mustFail(t, "closed", authorize(t, c), oauth.Discovery, "the engine is closed")
	if n := len(f.calls); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}
