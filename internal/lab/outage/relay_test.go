package outage_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay is the way to a server. While it is cut the server is as good as
// stopped: what was connected is not any more, and connecting is refused.
type relay struct {
	t       testing.TB
	address string // where it listens
	server  string

	mu       sync.Mutex
	listener net.Listener // nil while it is cut
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

func newRelay(t testing.TB, server string) *relay {
	t.Helper()
	r := &relay{t: t, address: "127.0.0.1:0", server: server, conns: map[net.Conn]bool{}}
	r.restore()
	t.Cleanup(r.sever)
	return r
}

func (r *relay) restore() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatalf("the relay: %v", err)
	}
	r.address = l.Addr().String()
	r.mu.Lock()
	r.listener = l
	r.mu.Unlock()
	r.running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			r.running.Go(func() { r.serve(l, client) })
		}
	})
}

func (r *relay) serve(l net.Listener, client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer server.Close()
	r.mu.Lock()
	up := r.listener == l
	if up {
		r.conns[client], r.conns[server] = true, true
	}
	r.mu.Unlock()
	if !up {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		client.Close()
	})
	_, _ = io.Copy(server, client)
	server.Close()
	back.Wait()
	r.mu.Lock()
	delete(r.conns, client)
	delete(r.conns, server)
	r.mu.Unlock()
}

// sever closes the relay and returns when nothing is connected any more.
func (r *relay) sever() {
	r.mu.Lock()
	if r.listener != nil {
		r.listener.Close()
		r.listener = nil
	}
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
}
