package replicas

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// doomedName is the replica that is killed.
const doomedName = "A"

// patience is how long a story may take before it counts as a hang.
const patience = 3 * time.Minute

// TestReplicas has two hundred people sign in, out and follow mail links at
// once through two replicas, kills one of them in the middle, and looks at what
// is left: no token was used twice, no user is there twice, no session is lost
// that was answered with a cookie.
func TestReplicas(t *testing.T) {
	for _, c := range []struct {
		name string
		open func(testing.TB) stores
	}{
		{"postgres", func(t testing.TB) stores { return stores{Postgres: testdb.Postgres(t)} }},
		{"mariadb", func(t testing.TB) stores { return stores{MySQL: testdb.MySQL(t)} }},
		{"postgres+redis", func(t testing.TB) stores {
			url, prefix := testdb.Redis(t)
			return stores{Postgres: testdb.Postgres(t), Redis: url, Prefix: prefix}
		}},
	} {
		t.Run(c.name, func(t *testing.T) { run(t, c.open(t)) })
	}
}

func run(t *testing.T, s stores) {
	stories := people()
	var addresses []string
	for _, story := range stories {
		addresses = append(addresses, story.people...)
	}
	if len(addresses) != 200 {
		t.Fatalf("%d people", len(addresses))
	}
	accounts := slices.Clone(addresses)
	for i := range 5 {
		accounts = append(accounts, prize(i))
	}
	w := newWorld(t, accounts)
	a := start(t, doomedName, setup{stores: s, Issuer: w.idp.Issuer(), Test: w.desk, Doomed: true})
	b := start(t, "B", setup{stores: s, Issuer: w.idp.Issuer(), Test: w.desk})
	w.balancer.use(a, b)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var everybody sync.WaitGroup
	open := make(chan struct{})
	for _, story := range stories {
		everybody.Go(func() {
			<-open
			if err := story.run(ctx, w); err != nil {
				t.Errorf("%s: %v", story.name, err)
			}
		})
	}
	close(open)
	if err := killInTheMiddle(ctx, w, a); err != nil {
		t.Error(err)
		cancel()
	}
	everybody.Wait()
	if t.Failed() {
		return
	}
	answered, lost := w.balancer.counts()
	t.Logf("%d sign-ins, %d requests answered by A and %d by B, %d lost", w.signIns.Load(), answered["A"], answered["B"], lost)
	if answered["A"] == 0 || lost < victims {
		t.Errorf("A has answered %d requests, %d were lost: it was not killed in the middle", answered["A"], lost)
	}

	// One that takes the place of A finds everything, without having seen it.
	third := start(t, "C", setup{stores: s, Issuer: w.idp.Issuer(), Test: w.desk})
	w.balancer.use(b, third)
	w.checkSessions(ctx)
	w.checkLinks(ctx)
	w.checkStores(ctx, s, stories)
	for _, r := range []*replica{b, third} {
		if err := r.stop(); err != nil {
			t.Errorf("replica %s: %v", r.name, err)
		}
	}
}

// killInTheMiddle kills a replica when enough sign-ins were answered and all
// victims are where they are to be cut off.
func killInTheMiddle(ctx context.Context, w *world, r *replica) error {
	for range victims {
		select {
		case <-w.held:
		case <-ctx.Done():
			return errors.New("the victims do not get to where they are cut off")
		}
	}
	select {
	case <-w.enough:
	case <-ctx.Done():
		return fmt.Errorf("only %d sign-ins were answered", w.signIns.Load())
	}
	if err := r.kill(); err != nil {
		return fmt.Errorf("killing replica %s: %w", r.name, err)
	}
	close(w.killed)
	return nil
}

// checkSessions reads every session that anybody was given, through each
// replica.
func (w *world) checkSessions(ctx context.Context) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	for _, err := range w.ledger.problems {
		w.t.Error(err)
	}
	for _, via := range []string{"B", "C"} {
		limit := make(chan struct{}, 8)
		var all sync.WaitGroup
		for cookie, s := range w.ledger.sessions {
			all.Go(func() {
				limit <- struct{}{}
				defer func() { <-limit }()
				who, err := w.readCookie(ctx, via, cookie)
				switch {
				case err != nil:
					w.t.Errorf("a session of %s: %v", s.who, err)
				case s.state == in && who != s.who:
					w.t.Errorf("replica %s: a session that %s was given is that of %q", via, s.who, who)
				case s.state == out && who != "":
					w.t.Errorf("replica %s: a session that %s has ended is that of %q", via, s.who, who)
				}
			})
		}
		all.Wait()
	}
}

// readCookie is who the session of a cookie belongs to.
func (w *world) readCookie(ctx context.Context, via, cookie string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+base+"/session", nil)
	if err != nil {
		return "", err
	}
	r.Header.Set(viaHeader, via)
	r.Header.Set("Cookie", sessionCookie+"="+cookie)
	res, err := w.transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s", res.Status, body)
	}
	return emailOf(string(body))
}

// checkLinks follows every link again.
func (w *world) checkLinks(ctx context.Context) {
	w.ledger.mu.Lock()
	var uses []*use
	for _, u := range w.ledger.links {
		uses = append(uses, u)
	}
	w.ledger.mu.Unlock()
	for _, u := range uses {
		for range 2 {
			was := *u
			r, err := w.browser(u.address).follow(ctx, u.link)
			switch {
			case err != nil:
				w.t.Errorf("a link of %s, again: %v", u.address, err)
			case r.session == "" && r.failed() != "Verification":
				w.t.Errorf("a link of %s, again: %d %q", u.address, r.status, r.location)
			case r.session != "" && (was.signedIn > 0 || was.lost == 0):
				w.t.Errorf("a link of %s has signed in twice", u.address)
			}
		}
	}
}

// checkStores looks at what is stored.
func (w *world) checkStores(ctx context.Context, s stores, stories []story) {
	users, err := usersOf(ctx, s)
	if err != nil {
		w.t.Error(err)
		return
	}
	expected := make(map[string]bool) // users
	owners := make(map[string]string) // of accounts, who can be only one
	for _, story := range stories {
		for _, who := range story.people {
			expected[who] = true
			kind, domain, _ := strings.Cut(who, "@")
			kind, _, _ = strings.Cut(kind, "-")
			if slices.Contains([]string{"provider", "tabs", "devices", "linking"}, kind) || domain == "provider.example" {
				owners[who] = who
			}
		}
	}
	byID, byAddress := make(map[string]string), make(map[string]string)
	for _, u := range users {
		if byAddress[u.email] != "" {
			w.t.Errorf("%q is there twice", u.email)
		}
		if !expected[u.email] {
			w.t.Errorf("there is a user %s %q whom nobody has made", u.id, u.email)
		}
		byID[u.id], byAddress[u.email] = u.email, u.id
	}
	for who := range expected {
		if byAddress[who] == "" {
			w.t.Errorf("there is no user %s", who)
		}
	}
	accounts, err := accountsOf(ctx, s)
	if err != nil {
		w.t.Error(err)
		return
	}
	seen := make(map[string]bool)
	for _, a := range accounts {
		owner := byID[a.userID]
		switch {
		case seen[a.id]:
			w.t.Errorf("the account %s is there twice", a.id)
		case owners[a.id] != "" && owner != owners[a.id]:
			w.t.Errorf("the account %s belongs to %q", a.id, owner)
		case owners[a.id] == "" && !(strings.HasPrefix(a.id, "prize-") && strings.HasPrefix(owner, "rival-"+a.id[6:7])):
			w.t.Errorf("the account %s of %q should not be there", a.id, owner)
		}
		seen[a.id] = true
	}
	if want := len(owners) + 5; len(seen) != want {
		w.t.Errorf("%d accounts, want %d", len(seen), want)
	}

	adapter, err := open(ctx, s, nil)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer adapter.(io.Closer).Close()
	for cookie, given := range w.ledger.sessions {
		sum := sha256.Sum256([]byte(cookie))
		row, err := adapter.GetSession(ctx, hex.EncodeToString(sum[:]))
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			w.t.Error(err)
		case given.state == in && byID[row.UserID] != given.who:
			w.t.Errorf("the row of a session of %s: %+v, %v", given.who, row, err)
		case given.state == out && err == nil:
			w.t.Errorf("the row of a session that %s has ended is there", given.who)
		}
	}
	// Each session of these people came by a link, also one whose answer was
	// lost, and none was ended.
	links := make(map[string]int)
	for _, u := range w.ledger.links {
		links[u.address]++
	}
	for who := range expected {
		if !strings.HasPrefix(who, "contested-") {
			continue
		}
		rows, err := adapter.(store.SessionLister).ListSessionsByUserID(ctx, byAddress[who])
		if err != nil || len(rows) == 0 || len(rows) > links[who] {
			w.t.Errorf("%s has %d sessions by %d links, %v", who, len(rows), links[who], err)
		}
	}
}

type userRow struct{ id, email string }

func usersOf(ctx context.Context, s stores) ([]userRow, error) {
	return query(ctx, s, `SELECT "id", COALESCE("email", '') FROM "user"`, func(r *sql.Rows) (u userRow, err error) {
		return u, r.Scan(&u.id, &u.email)
	})
}

type accountRow struct{ userID, id string }

func accountsOf(ctx context.Context, s stores) ([]accountRow, error) {
	return query(ctx, s, `SELECT "userId", "providerAccountId" FROM "account"`, func(r *sql.Rows) (a accountRow, err error) {
		return a, r.Scan(&a.userID, &a.id)
	})
}

// query asks the database itself.
func query[V any](ctx context.Context, s stores, text string, scan func(*sql.Rows) (V, error)) ([]V, error) {
	driver, dsn := "pgx", s.Postgres
	if s.MySQL != "" {
		driver, dsn = "mysql", s.MySQL
		text = strings.ReplaceAll(text, `"`, "`")
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []V
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
