package adaptertest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
)

var errInjected = errors.New("the wire is cut")

// lab opens entclient, each time on a new SQLite file, and has every hook of the
// suite.
type lab struct {
	dir string
	// ddl runs on a new file after the migration.
	ddl []string
	// setUp prepares the n-th connection of a pool, from 1.
	setUp func(n int, c *sqlite3.SQLiteConn) error
	// wrap returns the adapter that the suite tests.
	wrap func(*entclient.Adapter, *pool) store.Adapter
	// reopened runs when a store is reopened.
	reopened func(db *sql.DB) error

	mu    sync.Mutex
	files int
	pools map[store.Adapter]*pool
}

// pool is a SQLite file whose statements can be made to fail.
type pool struct {
	*faultdb.Connector
	path string
	db   *sql.DB
}

func (l *lab) open(ctx context.Context, s *schema.Schema) (store.Adapter, func(), error) {
	l.mu.Lock()
	l.files++
	path := filepath.Join(l.dir, fmt.Sprintf("auth-%d.db", l.files))
	l.mu.Unlock()
	a, err := l.openAt(ctx, path, s, l.ddl)
	if err != nil {
		return nil, nil, err
	}
	return a, func() {
		_ = a.(interface{ Close() error }).Close()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(path + suffix)
		}
	}, nil
}

func (l *lab) openAt(ctx context.Context, path string, s *schema.Schema, ddl []string) (store.Adapter, error) {
	p := &pool{faultdb.SQLite("file:"+path+"?_fk=1&_txlock=immediate&_busy_timeout=20&_journal_mode=WAL&_synchronous=OFF", l.setUp), path, nil}
	p.db = sql.OpenDB(p)
	p.db.SetMaxOpenConns(8)
	p.db.SetMaxIdleConns(8)
	a, err := entclient.New(ctx, dialect.SQLite, p.db, entclient.Options{Schema: s})
	if err != nil {
		p.db.Close()
		return nil, err
	}
	for _, statement := range ddl {
		if _, err := p.db.ExecContext(ctx, statement); err != nil {
			a.Close()
			return nil, err
		}
	}
	seen := store.Adapter(a)
	if l.wrap != nil {
		seen = l.wrap(a, p)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pools == nil {
		l.pools = map[store.Adapter]*pool{}
	}
	l.pools[seen] = p
	return seen, nil
}

func (l *lab) of(a store.Adapter) *pool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pools[a]
}

func (l *lab) options() []adaptertest.Option {
	return []adaptertest.Option{
		adaptertest.Reopen(func(ctx context.Context, a store.Adapter) (store.Adapter, error) {
			b, err := l.openAt(ctx, l.of(a).path, nil, nil)
			if err == nil && l.reopened != nil {
				err = l.reopened(l.of(b).db)
			}
			return b, err
		}),
		adaptertest.Broken(func(a store.Adapter) func() {
			l.of(a).Fail(func(string) error { return errInjected })
			return l.of(a).Heal
		}),
		adaptertest.FailAt(func(a store.Adapter, n int) func() bool { return l.of(a).FailAt(n, errInjected) }),
		adaptertest.Statements(func(a store.Adapter) int { return l.of(a).Statements() }),
		adaptertest.SQL(func(a store.Adapter) *sql.DB { return l.of(a).db }),
		adaptertest.Golden(golden),
		adaptertest.Fields(&schema.Schema{}), // entclient has no columns for extra fields
		adaptertest.Require(adaptertest.WebAuthn, adaptertest.Tx, adaptertest.Purge, adaptertest.Sessions, adaptertest.Closer),
	}
}

func ptr[V any](v V) *V { return &v }

// golden holds one row per table with the storage classes of Drizzle's SQLite
// layout: instants as integer milliseconds, expires_at as integer seconds,
// booleans as 0 and 1.
var golden = adaptertest.Fixture{
	User: store.User{ID: "0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f", Name: ptr("Zoë 😀"), Email: ptr("zoe@example.com"),
		EmailVerified: ptr(time.UnixMilli(1795256430123).UTC()), Image: ptr("https://example.com/zoe.png")},
	Account: store.Account{UserID: "0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f", Type: "oidc", Provider: "google", ProviderAccountID: "113",
		AccessToken: ptr("ya29.a0"), ExpiresAt: ptr(int64(1795256430)), TokenType: ptr("bearer"), Scope: ptr("openid email"), IDToken: ptr("e30.e30.e30")},
	Session: store.Session{SessionToken: "3a5e1c0e-8f5e-4c63-9d8e-5f3c2b1a0987", UserID: "0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f", Expires: time.UnixMilli(1797848430123).UTC()},
	Token:   store.VerificationToken{Identifier: "zoe@example.com", Token: "c0ffee", Expires: time.UnixMilli(1795342830123).UTC()},
	Authenticator: &store.Authenticator{CredentialID: "aGVsbG8=", UserID: "0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f", ProviderAccountID: "aGVsbG8=",
		CredentialPublicKey: "cHVibGlj", Counter: 4294967295, CredentialDeviceType: "singleDevice", Transports: ptr("usb")},
	Insert: []string{
		`INSERT INTO "user" ("id","name","email","emailVerified","image") VALUES ('0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f','Zoë 😀','zoe@example.com',1795256430123,'https://example.com/zoe.png')`,
		`INSERT INTO "account" ("userId","type","provider","providerAccountId","refresh_token","access_token","expires_at","token_type","scope","id_token","session_state") VALUES ('0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f','oidc','google','113',NULL,'ya29.a0',1795256430,'bearer','openid email','e30.e30.e30',NULL)`,
		`INSERT INTO "session" ("sessionToken","userId","expires") VALUES ('3a5e1c0e-8f5e-4c63-9d8e-5f3c2b1a0987','0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f',1797848430123)`,
		`INSERT INTO "verificationToken" ("identifier","token","expires") VALUES ('zoe@example.com','c0ffee',1795342830123)`,
		`INSERT INTO "authenticator" ("credentialID","userId","providerAccountId","credentialPublicKey","counter","credentialDeviceType","credentialBackedUp","transports") VALUES ('aGVsbG8=','0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f','aGVsbG8=','cHVibGlj',4294967295,'singleDevice',0,'usb')`,
	},
	Dump: []string{
		`SELECT "id","name","email",typeof("emailVerified"),"emailVerified","image" FROM "user"`,
		`SELECT "userId","type","provider","providerAccountId","refresh_token","access_token",typeof("expires_at"),"expires_at","token_type","scope","id_token","session_state" FROM "account"`,
		`SELECT "sessionToken","userId",typeof("expires"),"expires" FROM "session"`,
		`SELECT "identifier","token",typeof("expires"),"expires" FROM "verificationToken"`,
		`SELECT "credentialID","userId","providerAccountId","credentialPublicKey",typeof("counter"),"counter","credentialDeviceType",typeof("credentialBackedUp"),"credentialBackedUp","transports" FROM "authenticator"`,
	},
}
