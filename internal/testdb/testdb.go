// Package testdb finds databases for tests, each test's apart from all others.
//
// A database is looked for in this order: the one that a variable names
// (SESAME_REDIS_URL, SESAME_MYSQL_DSN, SESAME_POSTGRES_DSN), the usual local
// port, a server program to start in a temporary folder. Where there is none
// the test is skipped, or fails where SESAME_REQUIRE lists the database
// (SESAME_REQUIRE=mysql,postgres,redis).
//
// A server that was started here ends with the test process, however that
// ends, and its folder is removed.
package testdb

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/need"
)

// patience is how long a server may take to start, or to answer a question of
// this package. It is wide: nothing is measured by it.
const patience = 30 * time.Second

// kind is a kind of database.
type kind struct {
	name     string // in SESAME_REQUIRE
	variable string // with the address of a server; it must work when it is set
	local    string // address of a server at the usual local port
	install  string // what to install when there is none
	works    func(ctx context.Context, address string) error
	start    func() (address string, err error)

	once    sync.Once
	address string
	err     error // of a server that should be there
	missing error // why none could be started
}

// find returns the address of a working server. It looks once per process.
func (k *kind) find(t testing.TB) string {
	t.Helper()
	k.once.Do(k.look)
	switch {
	case k.err != nil:
		t.Fatalf("testdb: %s: %v", k.variable, k.err)
	case k.missing != nil:
		need.Missing(t, k.name, k.install+" ("+k.missing.Error()+")")
	}
	return k.address
}

func (k *kind) look() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if k.address = os.Getenv(k.variable); k.address != "" {
		k.err = k.works(ctx, k.address)
		return
	}
	if k.address = k.local; k.works(ctx, k.address) == nil {
		return
	}
	k.address, k.missing = k.start()
}

// unique returns a name that no other run uses.
func unique() string { return "sesame_" + strings.ToLower(rand.Text()) }

// cleanup returns a context for the end of a test, when the test's own has
// been cancelled.
func cleanup() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
