package adaptertest_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine/store"
)

func dataMutants() []mutant {
	return []mutant{
		{id: "M49", what: "instants are truncated to seconds", inject: "E", fits: []string{"session/roundtrip", "data/millis"}, memory: func(p *patch, in full) {
			writing(p, in, sameText, func(t time.Time) time.Time { return t.Truncate(time.Second) })
		}},
		{id: "M50", what: "instants are shifted by an offset", inject: "E", fits: []string{"session/roundtrip", "data/zone", "sql/golden-read"}, memory: func(p *patch, in full) {
			writing(p, in, sameText, func(t time.Time) time.Time { return t.Add(5 * time.Hour) })
		}},
		{id: "M51", what: "characters of four bytes become ????", inject: "E", fits: []string{"data/utf8mb4"}, memory: func(p *patch, in full) {
			writing(p, in, func(s string) string {
				var b strings.Builder
				for _, r := range s {
					if r > 0xffff {
						b.WriteString("????")
					} else {
						b.WriteRune(r)
					}
				}
				return b.String()
			}, sameInstant)
		}},
		{id: "M52", what: "SQL is built from strings", inject: "W", fits: []string{"data/hostile-sql"}, memory: func(p *patch, in full) {
			p.createUser = func(ctx context.Context, u user) (user, error) {
				if u.Name != nil && strings.ContainsAny(*u.Name, `'\`) {
					return user{}, errors.New("near \"DROP\": syntax error")
				}
				return in.CreateUser(ctx, u)
			}
		}},
		{id: "M53", what: "\"not found\" is reported as an untyped error", inject: "W", fits: []string{"user/not-found", "session/not-found", "authn/list-empty"}, memory: func(p *patch, in full) {
			p.getUser = func(ctx context.Context, id string) (user, error) {
				u, err := in.GetUser(ctx, id)
				return u, untyped(err)
			}
			p.getSession = func(ctx context.Context, token string) (sess, error) {
				s, err := in.GetSession(ctx, token)
				return s, untyped(err)
			}
		}},
		{id: "M56", what: "text that looks like a date becomes one", inject: "E", fits: []string{"data/dateish"}, memory: func(p *patch, in full) {
			writing(p, in, func(s string) string {
				if at, err := time.Parse(time.RFC3339, s); err == nil {
					return at.Format(time.RFC3339)
				}
				return s
			}, sameInstant)
		}},
		{id: "M61", what: "createUser returns its input instead of the stored user", inject: "W", fits: []string{"user/create-returned-is-stored"}, memory: func(p *patch, in full) {
			p.createUser = func(ctx context.Context, u user) (user, error) {
				_, err := in.CreateUser(ctx, u)
				if err != nil {
					return user{}, err
				}
				if u.EmailVerified != nil {
					u.EmailVerified = ptr(u.EmailVerified.UTC())
				}
				return u, nil
			}
		}},
		{id: "M63", what: "the wall clock time of another time zone is stored as UTC", inject: "W", fits: []string{"data/zone"}, memory: func(p *patch, in full) {
			writing(p, in, sameText, func(t time.Time) time.Time {
				_, offset := t.Zone()
				return t.Add(time.Duration(offset) * time.Second).UTC()
			})
		}},
		{id: "M70", what: "malformed bytes cause a panic", inject: "W", fits: []string{"data/raw-bytes"}, child: true, memory: func(p *patch, in full) {
			p.getUserByEmail = func(ctx context.Context, s string) (user, error) {
				if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
					panic("invalid byte sequence for encoding \"UTF8\"")
				}
				return in.GetUserByEmail(ctx, s)
			}
		}},
		{id: "M71", what: "purge deletes live rows", inject: "W", fits: []string{"purge/boundary"}, memory: func(p *patch, in full) {
			p.purge = func(ctx context.Context, before time.Time, limit int) (int, error) {
				return in.PurgeExpired(ctx, before.Add(time.Hour), limit)
			}
		}},
		{id: "M72", what: "purge counts and deletes nothing", inject: "W", fits: []string{"purge/boundary"}, memory: func(p *patch, in full) {
			p.purge = func(context.Context, time.Time, int) (int, error) { return 4, nil }
		}},
		{id: "M73", what: "instants have a different storage class than in Auth.js", inject: "W", fits: []string{"sql/golden-read", "sql/golden-write"}, sqlite: func(l *lab) {
			l.wrap = func(a *entclient.Adapter, in *pool) store.Adapter {
				p := &patch{full: a}
				p.createSession = func(ctx context.Context, s sess) (sess, error) {
					made, err := a.CreateSession(ctx, s)
					if err == nil {
						_, err = in.db.ExecContext(ctx, `UPDATE "session" SET "expires" = ? WHERE "sessionToken" = ?`, s.Expires.Format(time.DateTime), s.SessionToken)
					}
					return made, err
				}
				return p
			}
		}},
		{id: "M74", what: "the migration alters foreign tables", inject: "D", fits: []string{"sql/migrate-twice"}, sqlite: func(l *lab) {
			l.reopened = func(db *sql.DB) error {
				_, err := db.Exec(`UPDATE adaptertest_foreign SET happened = datetime(happened, '+5 hours')`)
				return err
			}
		}},
	}
}

func faultMutants() []mutant {
	return []mutant{
		{id: "M54", what: "a failed backend is reported as \"not found\"", inject: "W, C", fits: []string{"fault/read-never-absent", "fault/closed"}, sqlite: func(l *lab) {
			wrapped(l, func(p *patch, in full) {
				p.getUser = func(ctx context.Context, id string) (user, error) {
					u, err := in.GetUser(ctx, id)
					if err != nil {
						err = store.ErrNotFound
					}
					return u, err
				}
			})
		}},
		{id: "M55", what: "a failed write is swallowed", inject: "W, C", fits: []string{"token/dup-pair", "fault/write-error"}, sqlite: func(l *lab) {
			wrapped(l, func(p *patch, in full) {
				p.createToken = func(ctx context.Context, t vtoken) (vtoken, error) {
					_, _ = in.CreateVerificationToken(ctx, t)
					return t, nil
				}
				p.link = func(ctx context.Context, a acct) (acct, error) {
					v, err := in.LinkAccount(ctx, a)
					if err != nil && !isStoreError(err) {
						return a, nil
					}
					return v, err
				}
			})
		}},
		{id: "M57", what: "a unique violation is reported as an untyped error", inject: "W", fits: []string{"user/dup-id", "user/dup-email", "fault/errors-is"}, memory: func(p *patch, in full) {
			p.createUser = func(ctx context.Context, u user) (user, error) {
				u, err := in.CreateUser(ctx, u)
				return u, untyped(err)
			}
		}},
		{id: "M58", what: "deleteUser stops halfway", inject: "W, C", fits: []string{"race/delete-user-vs-login", "fault/delete-user-atomic"}, sqlite: func(l *lab) {
			wrapped(l, func(p *patch, in full) {
				p.deleteUser = func(ctx context.Context, id string) error {
					if err := in.DeleteSessionsByUserID(ctx, id); err != nil {
						return err
					}
					return in.DeleteUser(ctx, id)
				}
			})
		}},
		{id: "M59", what: "the context is ignored", inject: "W", fits: []string{"fault/cancelled", "fault/deadline"}, memory: func(p *patch, in full) {
			p.getUser = func(_ context.Context, id string) (user, error) { return in.GetUser(context.Background(), id) }
			p.createUser = func(_ context.Context, u user) (user, error) { return in.CreateUser(context.Background(), u) }
		}},
		{id: "M60", what: "the context's error is returned and the write lands later", inject: "W", fits: []string{"fault/cancelled", "fault/late-effect"}, memory: func(p *patch, in full) {
			p.createUser = func(ctx context.Context, u user) (user, error) {
				type result struct {
					u   user
					err error
				}
				done := make(chan result, 1)
				go func() {
					if ctx.Err() != nil {
						time.Sleep(5 * time.Millisecond) // a slow server
					}
					u, err := in.CreateUser(context.WithoutCancel(ctx), u)
					done <- result{u, err}
				}()
				select {
				case r := <-done:
					return r.u, r.err
				case <-ctx.Done():
					return user{}, ctx.Err()
				}
			}
		}},
		{id: "M64", what: "shared state has no lock", inject: "W", fits: []string{"race/independent"}, child: true, memory: func(p *patch, in full) {
			m, names := &meeting{}, map[string]string{}
			p.createUser = func(ctx context.Context, u user) (user, error) {
				before := len(names)
				m.wait()
				if u.Name != nil {
					names[u.ID] = *u.Name
				}
				if len(names) != before+1 {
					u.Name = ptr("somebody else")
				}
				u, err := in.CreateUser(ctx, u)
				return u, err
			}
			p.getSession = func(ctx context.Context, token string) (sess, error) {
				s, err := in.GetSession(ctx, token)
				if _, ok := names[s.UserID]; !ok {
					return sess{}, store.ErrNotFound
				}
				return s, err
			}
			p.updateSession = func(ctx context.Context, u store.SessionUpdate) (sess, error) {
				s, err := in.UpdateSession(ctx, u)
				n := len(names)
				names[s.SessionToken] = "x"
				m.wait()
				if len(names) > n+1 {
					return sess{}, errors.New("the map was changed concurrently")
				}
				return s, err
			}
		}},
		{id: "M65", what: "errors lose their identity", inject: "W", fits: []string{"fault/errors-is"}, memory: func(p *patch, in full) {
			p.link = func(ctx context.Context, a acct) (acct, error) {
				a, err := in.LinkAccount(ctx, a)
				return a, untyped(err)
			}
			p.getAccount = func(ctx context.Context, provider, id string) (acct, error) {
				a, err := in.GetAccount(ctx, provider, id)
				return a, untyped(err)
			}
		}},
		{id: "M66", what: "calls after Close hang", inject: "W", fits: []string{"fault/closed"}, child: true, memory: func(p *patch, in full) {
			p.getUser = func(ctx context.Context, id string) (user, error) {
				u, err := in.GetUser(ctx, id)
				if err != nil && !isStoreError(err) && ctx.Err() == nil {
					select {}
				}
				return u, err
			}
		}},
		{id: "M67", what: "foreign keys are enforced on one connection of the pool only", inject: "C", fits: []string{"user/recreate-same-id", "sql/pool-cascade"}, sqlite: func(l *lab) {
			l.setUp = func(n int, c *sqlite3.SQLiteConn) error {
				if n == 1 {
					return nil
				}
				_, err := c.Exec(`PRAGMA foreign_keys = OFF`, nil)
				return err
			}
		}},
		{id: "M68", what: "a token is handed out before its removal is durable", inject: "W", fits: []string{"fault/consume-durable", "fault/reopen"}, sqlite: func(l *lab) {
			wrapped(l, func(p *patch, in full) {
				var used sync.Map
				p.useToken = func(ctx context.Context, identifier, token string) (t vtoken, err error) {
					key := [2]string{identifier, token}
					if _, ok := used.Load(key); ok {
						return vtoken{}, store.ErrNotFound
					}
					_ = in.Tx(ctx, func(a store.Adapter) error {
						t, err = a.UseVerificationToken(ctx, identifier, token)
						return errInjected // the commit fails
					})
					if err == nil {
						used.Store(key, true)
					}
					return t, err
				}
			})
		}},
		{id: "M69", what: "Tx runs fn on the outer handle", inject: "W", fits: []string{"tx/rollback", "tx/isolation"}, memory: func(p *patch, in full) {
			p.tx = func(_ context.Context, fn func(store.Adapter) error) error { return fn(in) }
		}},
	}
}
