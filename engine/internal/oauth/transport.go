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
	// maxAnswer is the maximum size of a response, in bytes. It is one less than
	// the limit at which x/oauth2 would truncate it silently.
	maxAnswer      = 1<<20 - 1
	maxRedirects   = 5
	defaultTimeout = 10 * time.Second
)

var errTooLarge = errors.New("the response is larger than 1 MiB")

// newHTTPClient returns a client that limits the size of responses, requires
// https, and does not follow redirects that would disclose credentials. It is
// based on custom, which may be nil.
func newHTTPClient(custom *http.Client, insecure bool) *http.Client {
	var c http.Client
	if custom != nil {
		c = *custom
	}
	if c.Timeout <= 0 {
		// Keys are fetched without the context of a request.
		c.Timeout = defaultTimeout
	}
	base, check := c.Transport, c.CheckRedirect
	if base == nil {
		base = http.DefaultTransport
	}
	c.Jar = nil
	c.Transport = &transport{base: base, insecure: insecure}
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if err := checkRedirect(r, via); err != nil || check == nil {
			return err
		}
		return check(r, via)
	}
	return &c
}

// checkRedirect allows all redirects of requests for metadata and keys, those of
// requests with an access token within their origin, and none of token requests:
// repeating one would disclose the code and the client secret to the target.
func checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case first.Method != http.MethodGet:
		return fmt.Errorf("it redirects to %s, which is not followed", r.URL.Host)
	case first.Header.Get("Authorization") != "" && (first.URL.Scheme != r.URL.Scheme || first.URL.Host != r.URL.Host):
		return fmt.Errorf("it redirects to %s, which must not receive the access token", r.URL.Host)
	}
	return nil
}

// answer is the last response of an endpoint.
type answer struct {
	status      int
	contentType string // media type only
	body        []byte
}

type answerKey struct{}

// record returns a context in which transport keeps the last response.
func record(ctx context.Context) (context.Context, *answer) {
	a := new(answer)
	return context.WithValue(ctx, answerKey{}, a), a
}

// String describes the response without its body.
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

// transport reads whole responses, up to a limit.
type transport struct {
	base     http.RoundTripper
	insecure bool
	life     *background // for requests that may outlive their caller; otherwise nil
}

// outliving returns a copy of h for requests that may outlive their caller. They
// end with life.
func outliving(h *http.Client, life *background) *http.Client {
	c, t := *h, *h.Transport.(*transport)
	t.life = life
	c.Transport = &t
	return &c
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
		r = r.Clone(r.Context()) // otherwise GitHub responds with a form
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

// object decodes exactly one JSON object, with numbers as json.Number.
func object(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil || m == nil {
		return nil, errors.New("not a JSON object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("data after the JSON object")
	}
	return m, nil
}

// hostOf returns the host of a URL that was checked before.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
