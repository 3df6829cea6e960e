package sqltables_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/adaptertest"
)

var errInjected = errors.New("the wire is cut")

// limits are what the columns of a layout hold, and what it cannot do at all.
func limits(l sqltables.Layout) []adaptertest.Option {
	var options []adaptertest.Option
	for table, t := range map[string]sqltables.Table{"user": l.User, "account": l.Account, "session": l.Session, "verificationToken": l.VerificationToken} {
		for _, c := range t.Columns {
			if c.Max > 0 {
				options = append(options, adaptertest.MaxString(table+"."+c.Field, c.Max))
			}
		}
	}
	if p := l.Session.Column("expires").Precision; p > 0 {
		options = append(options, adaptertest.Precision(p))
	}
	for id, reason := range known(l) {
		options = append(options, adaptertest.Known(id, reason))
	}
	return options
}

// known are the cases that the tables of a layout fail, whoever writes them.
func known(l sqltables.Layout) map[string]string {
	known := map[string]string{}
	add := func(reason string, ids ...string) {
		for _, id := range ids {
			known[id] = reason
		}
	}
	integer := "expires_at is an integer of 32 bits; what is beyond is refused"
	counter := "the counter is an integer of 32 bits, sign included; what is beyond is refused"
	collation := "the default collation takes letter case, accents or blanks at the end for nothing, and its unique keys refuse the second of two keys that differ so; neither finds the other"
	address := "the e-mail address is NOT NULL; a user without one is refused"
	token := "the token of a verification token is unique by itself; a second identifier with the same token is refused"
	switch l.Name {
	case "DrizzlePostgres", "PrismaPostgres":
		add(integer, "account/expires-large")
		add(counter, "authn/counter-range")
	case "DrizzleMySQL", "PrismaMySQL":
		add(integer, "account/expires-large")
		add(counter, "authn/counter-range")
		add(collation, "authn/case", "account/both-keys", "token/case", "token/padding")
	}
	if l.Name == "DrizzleMySQL" {
		add("a timestamp ends in January 2038; what is later is refused", "data/far-future")
	}
	if l.Dialect == dialect.MySQL && l.SharedWithAuthJS {
		add(collation, "user/email-case", "user/email-padding", "session/token-case", "session/token-tail", "data/whitespace")
	}
	if l.Name == "PrismaMySQL" { // its collation is named in its tables
		add(collation, "data/normal-form")
	}
	if l.Name == "KyselyMySQL" {
		add(collation, "token/case", "token/padding")
	}
	if !l.User.Column("email").Null {
		add(address, "user/null-emails", "user/email-empty", "user/email-move")
	}
	if strings.HasPrefix(l.Name, "Kysely") {
		add(token, "token/shared-token", "user/delete-scope", "race/independent")
	}
	return known
}

// TestConformance runs the suite over the tables of every layout.
func TestConformance(t *testing.T) {
	for _, l := range sqltables.Layouts() {
		t.Run(l.Name, func(t *testing.T) {
			t.Parallel()
			h := &lab{t: t, layout: l, places: places{free: map[string][]*place{}}, stores: map[engine.Adapter]*place{}, last: map[string]func(){}}
			features := []adaptertest.Feature{adaptertest.Tx, adaptertest.Purge, adaptertest.Sessions, adaptertest.Closer}
			if l.Authenticator.Name != "" {
				features = append(features, adaptertest.WebAuthn)
			}
			adaptertest.Run(t, h.open, append(append(limits(l), golden(t, l)...),
				adaptertest.Require(features...),
				adaptertest.SQL(func(a engine.Adapter) *sql.DB { return a.(interface{ DB() *sql.DB }).DB() }),
				adaptertest.Reopen(func(ctx context.Context, a engine.Adapter) (engine.Adapter, error) {
					p := h.of(a)
					b, err := p.open(t, quiet(nil))
					if err == nil {
						h.keep(b, p)
					}
					return b, err
				}),
				adaptertest.Broken(func(a engine.Adapter) (heal func()) {
					f := h.of(a).faults
					f.Fail(func(string) error { return errInjected })
					return f.Heal
				}),
				adaptertest.FailAt(func(a engine.Adapter, n int) func() bool {
					// A lock is given back after the COMMIT, when all is done: see
					// TestLockIsNotLeftBehind.
					return h.of(a).faults.FailNth(n, errInjected, "DO RELEASE_LOCK")
				}),
				adaptertest.Statements(func(a engine.Adapter) int { return h.of(a).faults.Statements() }),
			)...)
		})
	}
}

func quiet(s *engine.Schema) sqltables.Options {
	return sqltables.Options{Schema: s, Logger: slog.New(slog.DiscardHandler)}
}

// lab gives the suite its stores and has every hook.
type lab struct {
	t      *testing.T
	layout sqltables.Layout
	places places

	mu     sync.Mutex
	stores map[engine.Adapter]*place
	last   map[string]func() // by case: gives its last store back
}

// open returns an empty store. No case uses a store after it has opened the
// next, so a place is used again then.
func (h *lab) open(t testing.TB, s *engine.Schema) engine.Adapter {
	text := ddl(h.t, h.layout)
	if h.layout.Name == "PrismaMySQL" {
		// With the key that is published a user has one account, and most cases
		// make two: see TestOneAccountPerUser.
		text += ";\nDROP INDEX `Account_userId_key` ON `Account`"
	}
	if s != nil {
		text += extraColumns(h.layout)
	}
	h.mu.Lock()
	before := h.last[t.Name()]
	h.mu.Unlock()
	if before != nil {
		before()
	}
	p := h.places.get(h.t, h.layout, text)
	a, err := p.open(t, quiet(s))
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	giveBack := func() {
		once.Do(func() {
			_ = a.(io.Closer).Close()
			h.places.put(h.t, text, p)
		})
	}
	t.Cleanup(giveBack)
	h.keep(a, p)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last[t.Name()] = giveBack
	return a
}

func (h *lab) keep(a engine.Adapter, p *place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stores[a] = p
}

func (h *lab) of(a engine.Adapter) *place {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stores[a]
}
