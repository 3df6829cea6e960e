package adaptertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/store"
)

// mutant is an adapter with one thing broken.
type mutant struct {
	id, what string
	inject   string   // how: W wrapper, E equality or values, D tables, DSN, C connection
	fits     []string // the cases whose rule it breaks; the first that fails kills it
	child    bool     // may crash, race or hang, so it runs in a separate process
	memory   func(p *patch, in full)
	sqlite   func(l *lab)
}

func (m mutant) open(dir string) (opener, []adaptertest.Option) {
	if m.memory != nil {
		return onMemory(m.memory), nil
	}
	l := &lab{dir: dir}
	m.sqlite(l)
	return l.open, l.options()
}

// wrapped breaks the SQLite adapter by a wrapper.
func wrapped(l *lab, breakIt func(p *patch, in full)) {
	l.wrap = func(a *entclient.Adapter, _ *pool) store.Adapter {
		p := &patch{full: a}
		breakIt(p, a)
		return p
	}
}

// withoutForeignKey recreates a table without its reference to the user.
func withoutForeignKey(l *lab, table, columns string) {
	l.ddl = append(l.ddl, `DROP TABLE "`+table+`"`, `CREATE TABLE "`+table+`" (`+columns+`)`)
}

const (
	sessionColumns = `"sessionToken" text NOT NULL PRIMARY KEY, "userId" text NOT NULL, "expires" integer NOT NULL`
	accountColumns = `"id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "userId" text NOT NULL, "type" text NOT NULL, "provider" text NOT NULL, "providerAccountId" text NOT NULL,
		"refresh_token" text, "access_token" text, "expires_at" integer, "token_type" text, "scope" text, "id_token" text, "session_state" text, UNIQUE ("provider", "providerAccountId")`
	authenticatorColumns = `"credentialID" text NOT NULL PRIMARY KEY, "userId" text NOT NULL, "providerAccountId" text NOT NULL, "credentialPublicKey" text NOT NULL,
		"counter" integer NOT NULL, "credentialDeviceType" text NOT NULL, "credentialBackedUp" bool NOT NULL, "transports" text`
)

func isStoreError(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrStaleCounter)
}

// untyped removes the identity of an error.
func untyped(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("adapter: %v", err)
}

func mutants() []mutant {
	list := slices.Concat(tokenMutants(), sessionMutants(), userMutants(), accountMutants(), dataMutants(), faultMutants())
	slices.SortFunc(list, func(a, b mutant) int { return strings.Compare(a.id, b.id) })
	return list
}

func tokenMutants() []mutant {
	return []mutant{
		{id: "M01", what: "consume never deletes the token", inject: "W", fits: []string{"token/once", "token/expired"}, memory: func(p *patch, in full) {
			rows := mirror(p, in)
			p.useToken = func(_ context.Context, identifier, token string) (vtoken, error) {
				if t, ok := rows.find(func(t vtoken) bool { return t.Identifier == identifier && t.Token == token }); ok {
					return t, nil
				}
				return vtoken{}, store.ErrNotFound
			}
		}},
		{id: "M02", what: "consume reads, then deletes", inject: "W", fits: []string{"race/consume-64"}, memory: func(p *patch, in full) {
			rows, m := mirror(p, in), &meeting{}
			p.useToken = func(_ context.Context, identifier, token string) (vtoken, error) {
				match := func(t vtoken) bool { return t.Identifier == identifier && t.Token == token }
				t, ok := rows.find(match)
				if !ok {
					return vtoken{}, store.ErrNotFound
				}
				m.wait()
				rows.remove(match)
				return t, nil
			}
		}},
		{id: "M03", what: "consume ignores the identifier", inject: "W", fits: []string{"token/other-identifier", "token/shared-token"}, memory: func(p *patch, in full) {
			rows := mirror(p, in)
			p.useToken = func(ctx context.Context, identifier, token string) (vtoken, error) {
				t, _ := rows.find(func(t vtoken) bool { return t.Token == token })
				return in.UseVerificationToken(ctx, t.Identifier, token)
			}
		}},
		{id: "M04", what: "consume ignores the token", inject: "W", fits: []string{"token/other-token", "token/miss-burns-nothing"}, memory: func(p *patch, in full) {
			rows := mirror(p, in)
			p.useToken = func(ctx context.Context, identifier, token string) (vtoken, error) {
				t, _ := rows.find(func(t vtoken) bool { return t.Identifier == identifier })
				return in.UseVerificationToken(ctx, identifier, t.Token)
			}
		}},
		{id: "M05", what: "one live token per identifier", inject: "W", fits: []string{"token/siblings", "token/create-returns-own"}, memory: func(p *patch, in full) {
			var last sync.Map
			p.createToken = func(ctx context.Context, t vtoken) (vtoken, error) {
				if old, ok := last.Swap(t.Identifier, t.Token); ok {
					_, _ = in.UseVerificationToken(ctx, t.Identifier, old.(string))
				}
				return in.CreateVerificationToken(ctx, t)
			}
		}},
		{id: "M06", what: "a duplicate pair is accepted", inject: "D", fits: []string{"token/dup-pair"}, sqlite: func(l *lab) {
			l.ddl = []string{`DROP INDEX "verificationtoken_identifier_token"`}
		}},
		{id: "M07", what: "consume hides an expired row and leaves it", inject: "W", fits: []string{"token/expired"}, memory: func(p *patch, in full) {
			rows := mirror(p, in)
			p.useToken = func(ctx context.Context, identifier, token string) (vtoken, error) {
				t, _ := rows.find(func(t vtoken) bool { return t.Identifier == identifier && t.Token == token })
				if t.Expires.Before(time.Now()) {
					return vtoken{}, store.ErrNotFound
				}
				return in.UseVerificationToken(ctx, identifier, token)
			}
		}},
		{id: "M08", what: "consume of an unknown token returns the driver's error", inject: "W", fits: []string{"token/unknown"}, memory: func(p *patch, in full) {
			p.useToken = func(ctx context.Context, identifier, token string) (vtoken, error) {
				t, err := in.UseVerificationToken(ctx, identifier, token)
				return t, untyped(err)
			}
		}},
		{id: "M09", what: "the wrong identifier uses up the token", inject: "W", fits: []string{"token/miss-burns-nothing"}, memory: func(p *patch, in full) {
			rows := mirror(p, in)
			p.useToken = func(ctx context.Context, identifier, token string) (vtoken, error) {
				t, _ := rows.find(func(t vtoken) bool { return t.Token == token })
				used, err := in.UseVerificationToken(ctx, t.Identifier, token)
				if err == nil && t.Identifier != identifier {
					return vtoken{}, store.ErrNotFound
				}
				return used, err
			}
		}},
		{id: "M10", what: "tokens are matched with LIKE", inject: "E", fits: []string{"token/wildcard"}, memory: func(p *patch, in full) {
			comparing(p, in, "token", false, like)
		}},
		{id: "M11", what: "tokens are matched case-insensitively", inject: "E", fits: []string{"token/case"}, memory: func(p *patch, in full) {
			comparing(p, in, "token", true, strings.EqualFold)
		}},
		{id: "M12", what: "trailing spaces are ignored in every key", inject: "E", fits: []string{"user/email-padding", "session/token-tail", "token/padding"}, memory: func(p *patch, in full) {
			comparing(p, in, "email session token", true, func(a, b string) bool { return strings.TrimRight(a, " ") == strings.TrimRight(b, " ") })
		}},
	}
}

func sessionMutants() []mutant {
	return []mutant{
		{id: "M13", what: "createSession overwrites an existing token", inject: "W", fits: []string{"session/dup-token", "race/session-token"}, memory: func(p *patch, in full) {
			p.createSession = func(ctx context.Context, s sess) (sess, error) {
				_ = in.DeleteSession(ctx, s.SessionToken)
				return in.CreateSession(ctx, s)
			}
		}},
		{id: "M14", what: "reading an expired session extends it", inject: "W", fits: []string{"session/get-is-pure"}, memory: func(p *patch, in full) {
			p.getSession = func(ctx context.Context, token string) (sess, error) {
				s, err := in.GetSession(ctx, token)
				if err == nil && s.Expires.Before(time.Now()) {
					_, _ = in.UpdateSession(ctx, store.SessionUpdate{SessionToken: token, Expires: ptr(time.Now().Add(time.Hour))})
				}
				return s, err
			}
		}},
		{id: "M15", what: "updateSession blanks the user id", inject: "W", fits: []string{"session/update-partial"}, memory: func(p *patch, in full) {
			var blank sync.Map
			p.updateSession = func(ctx context.Context, u store.SessionUpdate) (sess, error) {
				s, err := in.UpdateSession(ctx, u)
				blank.Store(u.SessionToken, true)
				s.UserID = ""
				return s, err
			}
			p.getSession = func(ctx context.Context, token string) (sess, error) {
				s, err := in.GetSession(ctx, token)
				if _, ok := blank.Load(token); ok {
					s.UserID = ""
				}
				return s, err
			}
		}},
		{id: "M16", what: "updateSession echoes and writes nothing", inject: "W", fits: []string{"session/update-persists", "session/update-shorten"}, memory: func(p *patch, in full) {
			p.updateSession = func(ctx context.Context, u store.SessionUpdate) (sess, error) {
				s, err := in.GetSession(ctx, u.SessionToken)
				if err == nil && u.Expires != nil {
					s.Expires = *u.Expires
				}
				return s, err
			}
		}},
		{id: "M17", what: "deleteSession signs out every device", inject: "W", fits: []string{"session/delete-scope"}, memory: func(p *patch, in full) {
			p.deleteSession = func(ctx context.Context, token string) error {
				s, _ := in.GetSession(ctx, token)
				return in.DeleteSessionsByUserID(ctx, s.UserID)
			}
		}},
		{id: "M18", what: "deleteSession returns an error for an unknown token", inject: "W", fits: []string{"session/delete-unknown"}, memory: func(p *patch, in full) {
			p.deleteSession = func(ctx context.Context, token string) error {
				if _, err := in.GetSession(ctx, token); err != nil {
					return err
				}
				return in.DeleteSession(ctx, token)
			}
		}},
		{id: "M19", what: "an update brings a deleted session back", inject: "W", fits: []string{"race/update-vs-delete"}, memory: func(p *patch, in full) {
			m := &meeting{}
			p.updateSession = func(ctx context.Context, u store.SessionUpdate) (sess, error) {
				s, err := in.GetSession(ctx, u.SessionToken)
				if err != nil {
					return s, err
				}
				m.wait()
				if s, err := in.UpdateSession(ctx, u); err == nil {
					return s, nil
				}
				if _, err = in.CreateSession(ctx, s); errors.Is(err, store.ErrConflict) {
					err = nil
				}
				return s, err
			}
			p.deleteSession = func(ctx context.Context, token string) error {
				err := in.DeleteSession(ctx, token)
				m.wait()
				return err
			}
		}},
		{id: "M20", what: "session tokens are matched case-insensitively", inject: "E", fits: []string{"session/token-case"}, memory: func(p *patch, in full) {
			comparing(p, in, "session", true, strings.EqualFold)
		}},
	}
}

func userMutants() []mutant {
	return []mutant{
		{id: "M21", what: "a duplicate address is accepted", inject: "D", fits: []string{"user/dup-email", "race/create-email", "sql/second-handle"}, sqlite: func(l *lab) {
			l.ddl = []string{`DROP INDEX "user_email_key"`}
		}},
		{id: "M22", what: "createUser checks for the address, then inserts", inject: "W, D", fits: []string{"race/create-email", "sql/second-handle"}, sqlite: func(l *lab) {
			l.ddl = []string{`DROP INDEX "user_email_key"`}
			wrapped(l, func(p *patch, in full) {
				m := &meeting{}
				p.createUser = func(ctx context.Context, u user) (user, error) {
					if u.Email != nil {
						if _, err := in.GetUserByEmail(ctx, *u.Email); !errors.Is(err, store.ErrNotFound) {
							return user{}, &store.ConflictError{Field: "email"}
						}
						m.wait()
					}
					return in.CreateUser(ctx, u)
				}
			})
		}},
		{id: "M23", what: "createUser returns an id that it did not store", inject: "W", fits: []string{"user/create-returned-is-stored", "user/create-keeps-id"}, memory: func(p *patch, in full) {
			p.createUser = func(ctx context.Context, u user) (user, error) {
				u, err := in.CreateUser(ctx, u)
				u.ID += "1"
				return u, err
			}
		}},
		{id: "M24", what: "createUser drops emailVerified", inject: "W", fits: []string{"user/create-returned-is-stored"}, memory: func(p *patch, in full) {
			p.createUser = func(ctx context.Context, u user) (user, error) {
				given := u
				u.EmailVerified = nil
				u, err := in.CreateUser(ctx, u)
				if given.EmailVerified != nil {
					u.EmailVerified = ptr(given.EmailVerified.UTC())
				}
				return u, err
			}
		}},
		{id: "M25", what: "getUserByEmail folds case", inject: "E", fits: []string{"user/email-case"}, memory: func(p *patch, in full) {
			comparing(p, in, "email", false, strings.EqualFold)
		}},
		{id: "M26", what: "getUserByEmail uses LIKE", inject: "E", fits: []string{"user/email-wildcard"}, memory: func(p *patch, in full) {
			comparing(p, in, "email", false, like)
		}},
		{id: "M27", what: "updateUser nulls omitted fields", inject: "W", fits: []string{"user/update-partial", "race/disjoint-updates"}, memory: func(p *patch, in full) {
			p.updateUser = func(ctx context.Context, u store.UserUpdate) (user, error) {
				u.Name.Set, u.Image.Set, u.EmailVerified.Set = true, true, true
				return in.UpdateUser(ctx, u)
			}
		}},
		{id: "M28", what: "updateUser ignores an explicit clear", inject: "W", fits: []string{"user/update-clear"}, memory: func(p *patch, in full) {
			p.updateUser = func(ctx context.Context, u store.UserUpdate) (user, error) {
				u.Name.Set, u.Image.Set, u.EmailVerified.Set = u.Name.Value != nil, u.Image.Value != nil, u.EmailVerified.Value != nil
				return in.UpdateUser(ctx, u)
			}
		}},
		{id: "M29", what: "updateUser creates a missing user", inject: "W", fits: []string{"user/update-unknown"}, memory: func(p *patch, in full) {
			p.updateUser = func(ctx context.Context, u store.UserUpdate) (user, error) {
				v, err := in.UpdateUser(ctx, u)
				if errors.Is(err, store.ErrNotFound) {
					return in.CreateUser(ctx, user{ID: u.ID, Name: u.Name.Value, Email: u.Email.Value})
				}
				return v, err
			}
		}},
		{id: "M30", what: "the old address keeps resolving after a change", inject: "W", fits: []string{"user/email-move"}, memory: func(p *patch, in full) {
			var old sync.Map
			p.updateUser = func(ctx context.Context, u store.UserUpdate) (user, error) {
				if was, err := in.GetUser(ctx, u.ID); err == nil && was.Email != nil {
					old.Store(*was.Email, u.ID)
				}
				return in.UpdateUser(ctx, u)
			}
			p.getUserByEmail = func(ctx context.Context, s string) (user, error) {
				u, err := in.GetUserByEmail(ctx, s)
				if id, ok := old.Load(s); ok && err != nil {
					return in.GetUser(ctx, id.(string))
				}
				return u, err
			}
		}},
		{id: "M31", what: "deleteUser leaves sessions", inject: "D", fits: []string{"user/delete-sessions", "user/recreate-same-id"}, sqlite: func(l *lab) {
			withoutForeignKey(l, "session", sessionColumns)
		}},
		{id: "M32", what: "deleteUser leaves accounts", inject: "D", fits: []string{"user/delete-accounts", "user/recreate-same-id"}, sqlite: func(l *lab) {
			withoutForeignKey(l, "account", accountColumns)
		}},
		{id: "M33", what: "deleteUser leaves authenticators", inject: "D", fits: []string{"user/delete-authenticators", "user/recreate-same-id"}, sqlite: func(l *lab) {
			withoutForeignKey(l, "authenticator", authenticatorColumns)
		}},
		{id: "M34", what: "deleteUser wipes other users' sessions", inject: "W", fits: []string{"user/delete-scope"}, memory: func(p *patch, in full) {
			var tokens seen[string]
			p.createSession = func(ctx context.Context, s sess) (sess, error) {
				tokens.add(s.SessionToken)
				return in.CreateSession(ctx, s)
			}
			p.deleteUser = func(ctx context.Context, id string) error {
				for _, token := range tokens.rows {
					_ = in.DeleteSession(ctx, token)
				}
				return in.DeleteUser(ctx, id)
			}
		}},
		{id: "M35", what: "deleteUser returns an error for an unknown user", inject: "W", fits: []string{"user/delete-unknown"}, memory: func(p *patch, in full) {
			p.deleteUser = func(ctx context.Context, id string) error {
				if _, err := in.GetUser(ctx, id); err != nil {
					return err
				}
				return in.DeleteUser(ctx, id)
			}
		}},
		{id: "M62", what: "0 affected rows are read as \"not found\"", inject: "W, as MySQL without clientFoundRows", fits: []string{"user/update-same-values"}, memory: func(p *patch, in full) {
			p.updateUser = func(ctx context.Context, u store.UserUpdate) (user, error) {
				before, _ := in.GetUser(ctx, u.ID)
				after, err := in.UpdateUser(ctx, u)
				if err == nil && before.Name != nil && after.Name != nil && *before.Name == *after.Name && *before.Email == *after.Email {
					return user{}, store.ErrNotFound
				}
				return after, err
			}
		}},
	}
}

func accountMutants() []mutant {
	return []mutant{
		{id: "M36", what: "linkAccount moves an account to another user", inject: "W", fits: []string{"account/taken-by-other", "account/taken-by-self", "race/link-two-users"}, memory: func(p *patch, in full) {
			p.link = func(ctx context.Context, a acct) (acct, error) {
				_ = in.UnlinkAccount(ctx, a.Provider, a.ProviderAccountID)
				return in.LinkAccount(ctx, a)
			}
		}},
		{id: "M37", what: "an account is looked up by its id only", inject: "W", fits: []string{"account/both-keys"}, memory: func(p *patch, in full) {
			var rows seen[acct]
			p.link = func(ctx context.Context, a acct) (acct, error) { rows.add(a); return in.LinkAccount(ctx, a) }
			p.userByAccount = func(ctx context.Context, provider, id string) (user, error) {
				a, _ := rows.find(func(a acct) bool { return a.ProviderAccountID == id })
				return in.GetUserByAccount(ctx, a.Provider, id)
			}
		}},
		{id: "M38", what: "an account is looked up by its provider only", inject: "W", fits: []string{"account/both-keys", "account/unlink-scope"}, memory: func(p *patch, in full) {
			var rows seen[acct]
			p.link = func(ctx context.Context, a acct) (acct, error) { rows.add(a); return in.LinkAccount(ctx, a) }
			p.userByAccount = func(ctx context.Context, provider, id string) (user, error) {
				a, _ := rows.find(func(a acct) bool { return a.Provider == provider })
				return in.GetUserByAccount(ctx, provider, a.ProviderAccountID)
			}
		}},
		{id: "M39", what: "provider and id are joined with a colon", inject: "W", fits: []string{"account/separator"}, memory: func(p *patch, in full) {
			p.link = func(ctx context.Context, a acct) (acct, error) {
				joined := a
				joined.Provider, joined.ProviderAccountID = "", a.Provider+":"+a.ProviderAccountID
				_, err := in.LinkAccount(ctx, joined)
				return a, err
			}
			p.userByAccount = func(ctx context.Context, provider, id string) (user, error) {
				return in.GetUserByAccount(ctx, "", provider+":"+id)
			}
		}},
		{id: "M40", what: "tokens are truncated to 255 bytes", inject: "E", fits: []string{"account/long-tokens", "data/limits"}, memory: func(p *patch, in full) {
			writing(p, in, func(s string) string { return s[:min(len(s), 255)] }, sameInstant)
		}},
		{id: "M41", what: "expires_at wraps at 32 bits", inject: "E", fits: []string{"account/expires-large"}, memory: func(p *patch, in full) {
			p.link = func(ctx context.Context, a acct) (acct, error) {
				if a.ExpiresAt != nil {
					a.ExpiresAt = ptr(int64(int32(*a.ExpiresAt)))
				}
				return in.LinkAccount(ctx, a)
			}
		}},
		{id: "M42", what: "accounts and sessions of a missing user are accepted", inject: "DSN", fits: []string{"account/unknown-user", "session/unknown-user", "race/delete-user-vs-login"}, sqlite: func(l *lab) {
			l.setUp = func(n int, c *sqlite3.SQLiteConn) error {
				if n == 1 {
					return nil // opening the store checks this one
				}
				_, err := c.Exec(`PRAGMA foreign_keys = OFF`, nil)
				return err
			}
			l.wrap = func(a *entclient.Adapter, p *pool) store.Adapter {
				_, _ = p.db.Exec(`PRAGMA foreign_keys = OFF`)
				return a
			}
		}},
		{id: "M43", what: "unlinkAccount returns an error for an unknown account", inject: "W", fits: []string{"account/unlink-unknown"}, memory: func(p *patch, in full) {
			p.unlink = func(ctx context.Context, provider, id string) error {
				if _, err := in.GetAccount(ctx, provider, id); err != nil {
					return err
				}
				return in.UnlinkAccount(ctx, provider, id)
			}
		}},
		{id: "M44", what: "a counter may decrease", inject: "W", fits: []string{"authn/counter-set", "authn/counter-back", "race/counter"}, memory: func(p *patch, in full) {
			var counters sync.Map
			p.getAuthn = func(ctx context.Context, id string) (cred, error) {
				a, err := in.GetAuthenticator(ctx, id)
				if n, ok := counters.Load(id); ok {
					a.Counter = n.(uint32)
				}
				return a, err
			}
			p.counter = func(ctx context.Context, id string, n uint32) (cred, error) {
				a, err := in.GetAuthenticator(ctx, id)
				if err == nil {
					a.Counter = n
					counters.Store(id, n)
				}
				return a, err
			}
		}},
		{id: "M45", what: "the counter of an unknown credential is accepted", inject: "W", fits: []string{"authn/counter-unknown"}, memory: func(p *patch, in full) {
			p.counter = func(ctx context.Context, id string, n uint32) (cred, error) {
				a, err := in.UpdateAuthenticatorCounter(ctx, id, n)
				if errors.Is(err, store.ErrNotFound) {
					return cred{CredentialID: id, Counter: n}, nil
				}
				return a, err
			}
		}},
		{id: "M46", what: "a duplicate credential id overwrites", inject: "W", fits: []string{"authn/dup"}, memory: func(p *patch, in full) {
			var over sync.Map
			p.createAuthn = func(ctx context.Context, a cred) (cred, error) {
				v, err := in.CreateAuthenticator(ctx, a)
				if errors.Is(err, store.ErrConflict) {
					over.Store(a.CredentialID, a)
					return a, nil
				}
				return v, err
			}
			p.getAuthn = func(ctx context.Context, id string) (cred, error) {
				if a, ok := over.Load(id); ok {
					return a.(cred), nil
				}
				return in.GetAuthenticator(ctx, id)
			}
		}},
		{id: "M47", what: "the list holds everyone's authenticators", inject: "W", fits: []string{"authn/list-own"}, memory: func(p *patch, in full) {
			var rows seen[cred]
			p.createAuthn = func(ctx context.Context, a cred) (cred, error) { rows.add(a); return in.CreateAuthenticator(ctx, a) }
			p.listAuthn = func(context.Context, string) ([]cred, error) { return slices.Clone(rows.rows), nil }
		}},
		{id: "M48", what: "the backed-up flag is always true", inject: "E", fits: []string{"authn/roundtrip"}, memory: func(p *patch, in full) {
			p.createAuthn = func(ctx context.Context, a cred) (cred, error) {
				a.CredentialBackedUp = true
				return in.CreateAuthenticator(ctx, a)
			}
		}},
	}
}
