package replicas

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
)

// world is what the people see: the proxy, the identity provider, their mail.
type world struct {
	t         *testing.T
	url       string // of the proxy
	desk      string // URL, for the replicas
	balancer  *balancer
	transport *http.Transport
	idp       *authtest.IdP
	mail      authtest.Mailbox
	ledger    ledger

	signIns atomic.Int64 // that were answered
	enough  chan struct{}
	held    chan string   // points at which a victim is held
	killed  chan struct{} // closed when the replica is gone
}

// killAfter is how many sign-ins are answered before a replica is killed, of
// the three hundred or so that there are.
const killAfter = 100

func newWorld(t *testing.T, addresses []string) *world {
	w := &world{
		t: t, balancer: newBalancer(), transport: &http.Transport{MaxIdleConnsPerHost: 256},
		enough: make(chan struct{}), held: make(chan string, 8), killed: make(chan struct{}),
	}
	t.Cleanup(w.transport.CloseIdleConnections)
	proxy := httptest.NewServer(w.balancer.handler())
	t.Cleanup(proxy.Close)
	w.url = proxy.URL
	desk := http.NewServeMux()
	desk.HandleFunc("POST "+deskMail, func(rw http.ResponseWriter, r *http.Request) {
		var l letter
		err := json.NewDecoder(r.Body).Decode(&l)
		if err == nil {
			err = w.mail.SendVerificationRequest(r.Context(), engine.VerificationRequest{Identifier: l.Identifier, URL: l.URL, Token: l.Token})
		}
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		rw.WriteHeader(http.StatusNoContent)
	})
	desk.HandleFunc("POST "+deskHold, func(_ http.ResponseWriter, r *http.Request) {
		var point string
		if err := json.NewDecoder(r.Body).Decode(&point); err != nil {
			t.Error(err)
		}
		w.held <- point
		<-r.Context().Done() // the replica is gone
	})
	deskServer := httptest.NewServer(desk)
	t.Cleanup(deskServer.Close)
	w.desk = deskServer.URL
	var users []authtest.User
	for _, address := range addresses {
		users = append(users, authtest.User{Subject: address, Email: address, EmailVerified: true})
	}
	var err error
	w.idp, err = authtest.StartIdP(authtest.IdPConfig{
		Users: users, Algorithm: "ES256",
		Clients: []authtest.Client{{ID: "lab-client", Secret: "lab-client-secret", RedirectURIs: []string{w.url + base + "/callback/lab-oidc"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.idp.Close() })
	return w
}

// signedIn counts a sign-in that was answered.
func (w *world) signedIn() {
	if w.signIns.Add(1) == killAfter {
		close(w.enough)
	}
}

// ledger is what the people were told.
type ledger struct {
	mu       sync.Mutex
	sessions map[string]*session // by the cookie
	links    map[string]*use     // by the token
	problems []error
}

type session struct {
	who   string
	state state
}

type state int

const (
	in    state = iota
	going       // the sign-out was not answered, or not yet
	out
)

type use struct {
	link
	signedIn int // answers that signed somebody in
	lost     int // answers that nobody got
}

// begun notes that a cookie was handed out.
func (l *ledger) begun(cookie, who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sessions == nil {
		l.sessions = make(map[string]*session)
	}
	s, ok := l.sessions[cookie]
	switch {
	case !ok:
		l.sessions[cookie] = &session{who: who}
	case s.who != who:
		l.problems = append(l.problems, fmt.Errorf("%s and %s were given the same session", s.who, who))
	}
}

func (l *ledger) leaving(cookie string) { l.move(cookie, going) }
func (l *ledger) ended(cookie string)   { l.move(cookie, out) }

func (l *ledger) move(cookie string, to state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sessions[cookie]; s != nil {
		s.state = to
	}
}

// clicked notes what came of the button behind a link.
func (l *ledger) clicked(of link, signedIn bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.links == nil {
		l.links = make(map[string]*use)
	}
	u := l.links[of.token]
	if u == nil {
		u = &use{link: of}
		l.links[of.token] = u
	}
	switch {
	case signedIn:
		u.signedIn++
	case errors.Is(err, errLost):
		u.lost++
	}
}

// together calls fn n times at the same moment and waits for all.
func together(n int, fn func(i int) error) error {
	ready, errs := make(chan struct{}), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-ready
			errs[i] = fn(i)
		})
	}
	close(ready)
	all.Wait()
	return errors.Join(errs...)
}
