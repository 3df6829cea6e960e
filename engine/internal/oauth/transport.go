package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxAnswer is the largest answer of a provider that is read, in bytes. It
	// is one less than the megabyte at which x/oauth2 would cut silently.
	maxAnswer      = 1<<20 - 1
	maxRedirects   = 5
	defaultTimeout = 10 * time.Second
)

var errTooLarge = errors.New("the answer is larger than 1 MiB")

// newHTTPClient guards the configured client: bounded answers, https, and no
// redirect that would carry a credential away.
func newHTTPClient(cfg Config) *http.Client {
	var c http.Client
	if cfg.HTTPClient != nil {
		c = *cfg.HTTPClient
	}
	if c.Timeout <= 0 {
		// Keys are fetched outside of any request's context.
		c.Timeout = defaultTimeout
	}
	base, check := c.Transport, c.CheckRedirect
	if base == nil {
		base = http.DefaultTransport
	}
	c.Jar = nil
	c.Transport = &transport{base: base, insecure: cfg.AllowInsecureHTTP}
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if err := checkRedirect(r, via); err != nil || check == nil {
			return err
		}
		return check(r, via)
	}
	return &c
}

// checkRedirect lets discovery and keys move, a request with an access token
// only within its origin, and a token request not at all: repeating it would
// hand the code and the client's secret to whoever the answer names.
func checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case first.Method != http.MethodGet:
		return fmt.Errorf("it redirects to %s, which is not followed", r.URL.Host)
	case first.Header.Get("Authorization") != "" && (first.URL.Scheme != r.URL.Scheme || first.URL.Host != r.URL.Host):
		return fmt.Errorf("it redirects to %s, which must not get the access token", r.URL.Host)
	}
	return nil
}

// answer is what an endpoint answered last.
type answer struct {
	status      int
	contentType string // media type only
	body        []byte
}

type answerKey struct{}

// record returns a context in which answers are kept.
func record(ctx context.Context) (context.Context, *answer) {
	a := new(answer)
	return context.WithValue(ctx, answerKey{}, a), a
}

// String describes the answer without repeating it.
func (a *answer) String() string {
	s := fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
	switch kind, _, ok := strings.Cut(a.contentType, "/"); {
	case len(a.body) == 0:
		s += ", empty"
	case ok && len(a.contentType) <= 64 && kind != "":
		s += ", " + a.contentType
	}
	return strings.TrimSpace(s)
}

// transport reads each answer whole, up to a limit.
type transport struct {
	base     http.RoundTripper
	insecure bool
	life     *background // of requests that outlive their caller; else nil
}

// keysHTTP is the client of go-oidc's key sets, which fetch keys outside of any
// request and do not look at the end of their context.
func (c *Client) keysHTTP() *http.Client {
	h, t := *c.http, *c.http.Transport.(*transport)
	t.life = &c.life
	h.Transport = &t
	return &h
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkScheme(r.URL, t.insecure); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("the URL %w", err)
	}
	if t.life != nil {
		ctx, done, err := t.life.begin(r.Context())
		if err != nil {
			return nil, err
		}
		defer done()
		r = r.WithContext(ctx)
	}
	if r.Method == http.MethodPost || r.Header.Get("Authorization") != "" {
		r = r.Clone(r.Context()) // GitHub answers with a form otherwise
		r.Header.Set("Accept", "application/json")
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, errTooLarge
	}
	if a, ok := r.Context().Value(answerKey{}).(*answer); ok {
		mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		*a = answer{resp.StatusCode, mediaType, body}
	}
	whole := *resp
	whole.Body, whole.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return &whole, nil
}

// object decodes exactly one JSON object. Numbers stay json.Number.
func object(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil || m == nil {
		return nil, errors.New("not a JSON object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than a JSON object")
	}
	return m, nil
}

// host is the host of a URL that has been checked.
func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
