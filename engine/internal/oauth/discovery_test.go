package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesame-auth/sesame/engine/internal/oauth"
)

// authorize makes an authorization URL, which needs the metadata.
func authorize(t testing.TB, c *oauth.Client) error {
	t.Helper()
	_, err := c.AuthorizationURL(t.Context(), oauth.AuthorizationRequest{RedirectURI: redirectURI})
	return err
}

func TestMetadataMustNameTheIssuer(t *testing.T) {
	f := newFake(t)
	for name, issuer := range map[string]any{
		"another": "https://other.example", "slash": f.URL + "/", "missing": "", "case": strings.ToUpper(f.URL),
		"hostile": "a\n\x1b[2J" + strings.Repeat("long", 100),
	} {
		f.metadata["issuer"] = issuer
		mustFail(t, name, authorize(t, f.oidc()), oauth.Discovery, "set the issuer to exactly")
		_, err := f.oidc().Exchange(t.Context(), callback())
		mustFail(t, name, err, oauth.Discovery)
	}
	f.metadata["issuer"] = 5
	mustFail(t, "a number", authorize(t, f.oidc()), oauth.Discovery, "not the metadata of a provider")
	if f.called("/token") != 0 {
		t.Error("a code was sent to the wrong issuer")
	}
}

func TestDiscoveryErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		reply http.HandlerFunc
		texts []string
	}{
		{"404", http.NotFound, []string{"404 Not Found", "/.well-known/openid-configuration"}},
		{"500 with secrets", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "canary", 500) }, []string{"500"}},
		{"HTML", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>canary")
		}, []string{"200 OK, text/html"}},
		{"empty", func(http.ResponseWriter, *http.Request) {}, []string{"empty"}},
		{"1 MiB", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat(" ", 1<<20)) }, []string{"larger than 1 MiB"}},
		{"away", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://idp.example/", http.StatusFound)
		},
			[]string{"is http on a host other than"}},
		{"circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, []string{"more than 5 redirects"}},
		{"no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, []string{"cannot be fetched", "can reach"}},
	} {
		f := newFake(t)
		f.handlers["/openid-configuration"] = c.reply
		mustFail(t, c.name, authorize(t, f.oidc()), oauth.Discovery, c.texts...)
		_, err := f.oidc().Exchange(t.Context(), callback())
		mustFail(t, c.name, err, oauth.Discovery, c.texts...)
	}
	f := newFake(t)
	client := f.oidc()
	f.Close()
	mustFail(t, "down", authorize(t, client), oauth.Discovery, "cannot be fetched: dial tcp", "connection refused", "can reach")
}

func TestMetadataEndpoints(t *testing.T) {
	for name, needed := range map[string]bool{
		"authorization_endpoint": true, "token_endpoint": true, "jwks_uri": true, "userinfo_endpoint": false,
	} {
		for _, c := range []struct {
			url  any
			text string
		}{
			{"", "is empty"}, {nil, "is empty"}, {"/relative", "absolute"}, {"http://idp.example/x", "is http"}, {"javascript:alert(1)", "absolute"},
			{"https://u:canary@idp.example", "password"}, {"https://idp.example/#x", "fragment"}, {"%", "not a URL"},
		} {
			f := newFake(t)
			f.metadata[name] = c.url
			mustFail(t, name, authorize(t, f.oidc(func(c *oauth.Config) { c.UserInfo = true })), oauth.Discovery, name, c.text)
			if err := authorize(t, f.oidc()); (err == nil) == needed {
				t.Errorf("%s is %q: %v", name, c.url, err)
			}
		}
		f := newFake(t)
		f.metadata[name] = "http://idp.example/x"
		if err := authorize(t, f.oidc(func(c *oauth.Config) { c.AllowInsecureHTTP = true })); err != nil {
			t.Errorf("%s, http allowed: %v", name, err)
		}
	}
	f := newFake(t)
	f.metadata["authorization_response_iss_parameter_supported"] = "true"
	mustFail(t, "text for a boolean", authorize(t, f.oidc()), oauth.Discovery, "wrong type")
}

func TestDiscoveryIsKeptForAnHour(t *testing.T) {
	f := newFake(t)
	client := f.oidc()
	if f.called("/openid-configuration") != 0 {
		t.Error("New touches the network")
	}
	for _, step := range []struct {
		move  time.Duration
		calls int
	}{{0, 1}, {0, 1}, {time.Hour - 1, 1}, {1, 2}, {time.Minute, 2}, {-2 * time.Hour, 3}} {
		f.clock.Advance(step.move)
		if err := authorize(t, client); err != nil {
			t.Fatal(err)
		}
		if n := f.called("/openid-configuration"); n != step.calls {
			t.Errorf("at %s: %d discoveries, want %d", f.clock.Now(), n, step.calls)
		}
	}
}

func TestDiscoveryFailureIsNotKept(t *testing.T) {
	f := newFake(t)
	client := f.oidc()
	f.handlers["/openid-configuration"] = http.NotFound
	mustFail(t, "down", authorize(t, client), oauth.Discovery)
	delete(f.handlers, "/openid-configuration")
	if err := authorize(t, client); err != nil {
		t.Errorf("up again: %v", err)
	}
	if n := f.called("/openid-configuration"); n != 2 {
		t.Errorf("%d discoveries", n)
	}
}

// While the provider is unreachable, metadata of up to a day is used, however
// often it is needed, and each use tries to fetch it again.
func TestDiscoveryOutlivesTheProvider(t *testing.T) {
	f := newFake(t)
	client := f.oidc()
	if err := authorize(t, client); err != nil {
		t.Fatal(err)
	}
	f.handlers["/openid-configuration"] = http.NotFound
	f.clock.Advance(2 * time.Hour)
	for range 3 {
		if err := authorize(t, client); err != nil {
			t.Errorf("two hours old: %v", err)
		}
	}
	f.clock.Advance(22*time.Hour - 1)
	if err := authorize(t, client); err != nil {
		t.Errorf("a day old, but for a moment: %v", err)
	}
	if n := f.called("/openid-configuration"); n != 5 {
		t.Errorf("asked %d times, want once and four times in vain", n)
	}
	f.clock.Advance(1)
	mustFail(t, "a day old", authorize(t, client), oauth.Discovery, "404")
	delete(f.handlers, "/openid-configuration")
	if err := authorize(t, client); err != nil {
		t.Errorf("up again: %v", err)
	}
}

const metadata = `{"issuer": "https://idp.example", "authorization_endpoint": "https://idp.example/a", "token_endpoint": "https://idp.example/t", "jwks_uri": "https://idp.example/k"}`

// held is a client whose provider waits for the test before it responds.
func held(t *testing.T) (client *oauth.Client, release chan<- *http.Response, calls *atomic.Int32) {
	answers := make(chan *http.Response)
	calls = new(atomic.Int32)
	client = newClient(t, oauth.Config{
		Issuer: "https://idp.example", ClientID: clientID,
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			select {
			case answer := <-answers:
				return answer, nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})},
	}, nil)
	return client, answers, calls
}

func TestDiscoveryIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, release, calls := held(t)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := authorize(t, client); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		release <- response(200, "application/json", metadata)
		wg.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("%d requests for ten callers", n)
		}
	})
}

// A caller that gives up neither waits nor affects the others.
func TestDiscoveryOutlivesACaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, release, calls := held(t)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := client.AuthorizationURL(ctx, oauth.AuthorizationRequest{RedirectURI: redirectURI})
			gone <- err
		}()
		synctest.Wait()
		stays := make(chan error, 1)
		go func() { stays <- authorize(t, client) }()
		synctest.Wait()
		cancel()
		err := <-gone
		mustFail(t, "given up", err, oauth.Discovery)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not context.Canceled", err)
		}
		release <- response(200, "application/json", metadata)
		if err := <-stays; err != nil {
			t.Error(err)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// A request to a provider that never responds fails after ten seconds.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, _ := held(t)
		begin := time.Now()
		err := authorize(t, client)
		mustFail(t, "silence", err, oauth.Discovery, "can reach")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 10*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	})
}

// Requests for metadata and keys carry no credentials and may be redirected, to
// https or loopback.
func TestDiscoveryMayMove(t *testing.T) {
	f := newFake(t)
	moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s came with credentials", r.URL)
		}
		r.Host = ""
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(moved.Close)
	for _, path := range []string{"/openid-configuration", "/jwks"} {
		f.handlers[path] = func(w http.ResponseWriter, r *http.Request) {
			delete(f.handlers, path) // served at the new location
			http.Redirect(w, r, moved.URL+r.URL.Path, http.StatusFound)
		}
	}
	if got, err := f.oidc().Exchange(t.Context(), callback()); err != nil || got.Profile["sub"] != "ada" {
		t.Errorf("%+v, %v", got, err)
	}
}

// The application's own rule for redirects applies too.
func TestOwnRedirectRule(t *testing.T) {
	f := newFake(t)
	f.handlers["/openid-configuration"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }
	client := f.oidc(func(c *oauth.Config) {
		c.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return fmt.Errorf("no redirects here") }}
	})
	mustFail(t, "own rule", authorize(t, client), oauth.Discovery, "no redirects here")
	// It does not replace the rule of the package.
	f.handlers["/token"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusTemporaryRedirect) }
	_, err := f.plain(func(c *oauth.Config) {
		c.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	}).Exchange(t.Context(), callback(noNonce))
	mustFail(t, "a rule that allows all", err, oauth.Token, "not followed")
}
