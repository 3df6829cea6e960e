package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Report is the result of [Client.Probe].
type Report struct {
	// Problems are the problems that would make a sign-in fail.
	Problems []*Error
	// KnowsClient means that the provider has accepted the client id and
	// secret. Some providers do not check them before the code.
	KnowsClient bool
	// Skew is how far the provider's clock is ahead of the clock of Config.Now,
	// to about a second. It is taken from the Date header and is only known if
	// HasClock is set.
	Skew     time.Duration
	HasClock bool
}

// Probe makes the requests of a sign-in, without signing anybody in: for the
// metadata, the keys, and tokens for an invalid code, which shows whether the
// provider knows the client. It does not change any state of c.
func (c *Client) Probe(ctx context.Context, redirectURI string) (r Report) {
	guarded := *c.http.Transport.(*transport)
	clock := &clockReader{base: guarded.base, now: c.cfg.Now}
	guarded.base = clock
	h := *c.http
	h.Transport = &guarded
	p := newClient(c.cfg, &h)
	defer p.Close()

	r.Problems = p.probe(ctx, redirectURI, &r)
	r.Skew, r.HasClock = clock.read()
	return r
}

func (c *Client) probe(ctx context.Context, redirectURI string, r *Report) (problems []*Error) {
	m := &metadata{authURL: c.cfg.AuthorizationURL, tokenURL: c.cfg.TokenURL, userInfoURL: c.cfg.UserInfoURL}
	if c.cfg.Issuer != "" {
		var err *Error
		if m, err = c.discovery.fetch(ctx); err != nil {
			return []*Error{err}
		}
		if err := c.probeKeys(ctx, m.keysURL); err != nil {
			problems = append(problems, err)
		}
	}
	hidden := secrets{c.cfg.ClientSecret, basic(c.cfg.ClientID, c.cfg.ClientSecret)}
	_, _, err := c.token(ctx, m, Callback{Params: url.Values{"code": {"sesame-probe"}}, RedirectURI: redirectURI}, hidden)
	var refused *Error
	switch {
	case !errors.As(err, &refused):
	case refused.Code == "invalid_grant" || refused.Code == "bad_verification_code":
		r.KnowsClient = true
	case refused.Code == "" && refused.Hint != "", refused.Code == "invalid_client", refused.Code == "unauthorized_client", refused.Code == "incorrect_client_credentials":
		problems = append(problems, refused)
	}
	return problems
}

// probeKeys checks that the provider serves keys.
func (c *Client) probeKeys(ctx context.Context, where string) *Error {
	const hint = "ID tokens cannot be verified without the keys: check that this machine can reach that URL"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return failCause(Discovery, hint, "the keys cannot be fetched", secrets(nil).cause(err))
	}
	recorded, got := record(oidc.ClientContext(ctx, c.http))
	answer, err := c.http.Do(request.WithContext(recorded))
	if err != nil {
		return failCause(Discovery, hint, "the keys at "+where+" cannot be fetched", secrets(nil).cause(err))
	}
	_ = answer.Body.Close()
	var set struct{ Keys []json.RawMessage }
	if answer.StatusCode != http.StatusOK || json.Unmarshal(got.body, &set) != nil || len(set.Keys) == 0 {
		return fail(Discovery, hint, fmt.Sprintf("%s does not answer with keys (%s)", where, got))
	}
	return nil
}

// clockReader reads the clock of the server from its responses.
type clockReader struct {
	base http.RoundTripper
	now  func() time.Time

	mu   sync.Mutex
	skew time.Duration
	has  bool
}

// RoundTrip implements [http.RoundTripper].
func (c *clockReader) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := c.now()
	answer, err := c.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return answer, nil
	}
	if age, err := strconv.Atoi(answer.Header.Get("Age")); err == nil && age > 0 {
		date = date.Add(time.Duration(min(age, 1<<31)) * time.Second) // from a cache
	}
	received := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch { // Date has whole seconds and was written between sent and received
	case date.Before(sent.Truncate(time.Second)):
		c.skew = date.Sub(sent)
	case date.After(received):
		c.skew = date.Sub(received)
	default:
		c.skew = 0
	}
	c.has = true
	return answer, nil
}

func (c *clockReader) read() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew, c.has
}
