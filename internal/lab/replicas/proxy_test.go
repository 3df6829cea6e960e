package replicas

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync"
)

// The headers of the proxy.
const (
	viaHeader  = "X-Via"  // of a request: the replica it prefers
	lostHeader = "X-Lost" // of an answer: the replica that went away with the real one
)

// balancer hands requests to the replicas in turn. One that refuses the
// connection has not seen the request: the next one gets it. One that has taken
// a request and does not answer may have done what it asked: nobody else gets
// it.
type balancer struct {
	transport *http.Transport

	mu       sync.Mutex
	replicas []*replica
	next     int
	answered map[string]int // by the name of the replica
	lost     int
}

func newBalancer() *balancer {
	return &balancer{
		// A connection for each request, so that a refusal is a refusal: what
		// is sent over one that was open before may have arrived.
		transport: &http.Transport{DisableKeepAlives: true},
		answered:  make(map[string]int),
	}
}

func (b *balancer) use(replicas ...*replica) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replicas = replicas
}

// turn lists the replicas in the order to try them.
func (b *balancer) turn(preferred string) []*replica {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	n := b.next % len(b.replicas)
	order := slices.Concat(b.replicas[n:], b.replicas[:n])
	if i := slices.IndexFunc(order, func(r *replica) bool { return r.name == preferred }); i > 0 {
		order[0], order[i] = order[i], order[0]
	}
	return order
}

// counts returns how many requests each replica has answered, and how many
// answers were lost.
func (b *balancer) counts() (answered map[string]int, lost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	answered = make(map[string]int)
	for name, n := range b.answered {
		answered[name] = n
	}
	return answered, b.lost
}

// handler is the proxy.
func (b *balancer) handler() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetXForwarded()
			r.Out.Host = r.In.Host
			r.Out.URL.Scheme = "http"
		},
		Transport: b,
		ErrorLog:  log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			var lost lostError
			if errors.As(err, &lost) {
				b.mu.Lock()
				b.lost++
				b.mu.Unlock()
				w.Header().Set(lostHeader, lost.by.name)
			}
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
}

// lostError: a replica has taken a request and not answered it.
type lostError struct {
	by  *replica
	err error
}

func (e lostError) Error() string { return fmt.Sprintf("replica %s: %v", e.by.name, e.err) }

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	preferred := r.Header.Get(viaHeader)
	r.Header.Del(viaHeader)
	var refused error
	for _, to := range b.turn(preferred) {
		out := r.Clone(r.Context())
		out.URL.Host = to.address
		out.Body = io.NopCloser(bytes.NewReader(body))
		res, err := b.transport.RoundTrip(out)
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			refused = err
			continue
		}
		if err != nil {
			return nil, lostError{to, err}
		}
		// Half an answer is none.
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return nil, lostError{to, err}
		}
		res.Body = io.NopCloser(bytes.NewReader(text))
		b.mu.Lock()
		b.answered[to.name]++
		b.mu.Unlock()
		return res, nil
	}
	return nil, fmt.Errorf("no replica takes connections: %w", refused)
}
