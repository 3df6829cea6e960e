package adaptercases

import (
	"errors"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// texts wants every string to come back as it is from a value, and to be a key
// that finds its own row only.
func (t *T) texts(list ...string) {
	t.Helper()
	t.user("owner")
	for _, s := range list {
		u := engine.User{ID: "id" + s, Name: &s, Email: &s, Image: &s}
		t.equal(ok(t.a.CreateUser(t.ctx, u))(t), u)
		t.session("session"+s, u.ID)
		t.account(u.ID, "provider"+s, "account"+s)
		t.token(s, s)
	}
	for _, s := range list {
		u := engine.User{ID: "id" + s, Name: &s, Email: &s, Image: &s}
		t.wantUser(u)
		t.equal(ok(t.a.GetUserByEmail(t.ctx, s))(t), u)
		t.equal(ok(t.a.GetSession(t.ctx, "session"+s))(t).UserID, u.ID)
		t.wantOwner("provider"+s, "account"+s, u.ID)
		t.equal(t.use(s, s), engine.VerificationToken{Identifier: s, Token: s, Expires: now.Add(time.Hour)})
		t.equal(ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "owner", Name: engine.SetTo(s)}))(t).Name, &s)
	}
}

// instants wants every time column to give the instant back.
func (t *T) instants(at, want time.Time) {
	t.Helper()
	u := engine.User{ID: at.String(), EmailVerified: &at}
	for _, got := range []engine.User{ok(t.a.CreateUser(t.ctx, u))(t), ok(t.a.GetUser(t.ctx, u.ID))(t)} {
		t.equal(*got.EmailVerified, want)
		t.utc(*got.EmailVerified)
	}
	s := engine.AdapterSession{SessionToken: u.ID, UserID: u.ID, Expires: at}
	for _, got := range []engine.AdapterSession{ok(t.a.CreateSession(t.ctx, s))(t), ok(t.a.GetSession(t.ctx, u.ID))(t)} {
		t.equal(got.Expires, want)
		t.utc(got.Expires)
	}
	v := engine.VerificationToken{Identifier: u.ID, Token: "t", Expires: at}
	for _, got := range []engine.VerificationToken{ok(t.a.CreateVerificationToken(t.ctx, v))(t), t.use(u.ID, "t")} {
		t.equal(got.Expires, want)
		t.utc(got.Expires)
	}
	updated := ok(t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: u.ID, EmailVerified: engine.SetTo(at)}))(t)
	t.equal(*updated.EmailVerified, want)
	extended := ok(t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: u.ID, Expires: &at}))(t)
	t.equal(extended.Expires, want)
	t.utc(extended.Expires)
}

var data = []testCase{
	{"data/millis", func(t *T) {
		t.instants(now, now)
		t.instants(now.Add(999999*time.Nanosecond), now)
		t.instants(now.Add(-time.Millisecond), now.Add(-time.Millisecond))
	}},
	{"data/zone", func(t *T) {
		t.instants(now.In(time.FixedZone("", 19800)), now)
		t.instants(now.In(time.FixedZone("", -18000)), now)
	}},
	{"data/far-future", func(t *T) {
		for _, at := range []time.Time{
			time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 1e6, time.UTC),
			time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC), time.Date(1969, 7, 20, 20, 17, 40, 500e6, time.UTC), {},
		} {
			t.instants(at, at)
		}
	}},
	{"data/nil-time", func(t *T) {
		t.equal(ok(t.a.CreateUser(t.ctx, engine.User{ID: "u1"}))(t).EmailVerified, (*time.Time)(nil))
		t.equal(ok(t.a.GetUser(t.ctx, "u1"))(t).EmailVerified, (*time.Time)(nil))
	}},
	{"data/utf8mb4", func(t *T) { t.texts("😀 𝒜 한글", "𠜎𠜱", "\u200fעברית\u200f") }},
	{"data/normal-form", func(t *T) { t.texts("caf\u00e9", "cafe\u0301") }},
	{"data/whitespace", func(t *T) { t.texts("a", " a", "a ", "\ta\n", "a\u00a0") }},
	{"data/empty", func(t *T) { t.texts("") }},
	{"data/hostile-sql", func(t *T) {
		t.texts(`'; DROP TABLE "user"; --`, `" OR 1=1 --`, `\' OR ''='`, `%`, `_`, `?`, `$1`, `:a`, `/* */`, "`", `{"a":1}`)
	}},
	{"data/dateish", func(t *T) {
		t.texts("2024-01-02T03:04:05.000Z", "1700000000000", "0x10", "1e3", "007", "true", "null", "NULL")
	}},
	{"data/limits", func(t *T) {
		for _, n := range []int{191, 255, 256, 1024, 4096} {
			s := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
			u, err := t.a.CreateUser(t.ctx, engine.User{ID: s, Name: &s, Email: &s})
			if errors.Is(err, engine.ErrInvalid) {
				_, err := t.a.GetUser(t.ctx, s)
				t.is(err, engine.ErrNotFound)
				continue
			}
			t.ok(err)
			t.equal(u, engine.User{ID: s, Name: &s, Email: &s})
			t.wantUser(u)
		}
	}},
	{"data/raw-bytes", func(t *T) {
		t.user("u1")
		for _, s := range []string{"\x00", "u1\x00", "\xff\xfe", "a\xc3", strings.Repeat("x", 64<<10)} {
			absent := func(err error) {
				t.Helper()
				if !errors.Is(err, engine.ErrNotFound) && !errors.Is(err, engine.ErrInvalid) {
					t.Fatalf("%.20q: got %v, want ErrNotFound or ErrInvalid", s, err)
				}
			}
			gone := func(err error) {
				t.Helper()
				if err != nil && !errors.Is(err, engine.ErrInvalid) {
					t.Fatalf("%.20q: got %v, want nil or ErrInvalid", s, err)
				}
			}
			_, err := t.a.GetUser(t.ctx, s)
			absent(err)
			_, err = t.a.GetUserByEmail(t.ctx, s)
			absent(err)
			_, err = t.a.GetAccount(t.ctx, s, s)
			absent(err)
			_, err = t.a.GetUserByAccount(t.ctx, s, s)
			absent(err)
			_, err = t.a.GetSession(t.ctx, s)
			absent(err)
			_, _, err = t.a.GetSessionAndUser(t.ctx, s)
			absent(err)
			_, err = t.a.UseVerificationToken(t.ctx, s, s)
			absent(err)
			_, err = t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: s, Name: engine.SetTo("x")})
			absent(err)
			_, err = t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: s, Expires: &now})
			absent(err)
			_, err = t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: s})
			absent(err)
			_, err = authn(t).GetAuthenticator(t.ctx, s)
			absent(err)
			_, err = authn(t).UpdateAuthenticatorCounter(t.ctx, s, 1)
			absent(err)
			gone(t.a.DeleteUser(t.ctx, s))
			gone(t.a.UnlinkAccount(t.ctx, s, s))
			gone(t.a.DeleteSession(t.ctx, s))
			gone(t.a.DeleteSessionsByUserID(t.ctx, s))
			_, err = t.a.ListAccountsByUserID(t.ctx, s)
			gone(err)
			_, err = authn(t).ListAuthenticatorsByUserID(t.ctx, s)
			gone(err)
			_, err = optional[engine.SessionLister](t).ListSessionsByUserID(t.ctx, s)
			gone(err)

			// As a value: stored whole, or refused and nothing stored.
			if u, err := t.a.CreateUser(t.ctx, engine.User{ID: "new", Name: &s}); err == nil {
				t.equal(u.Name, &s)
				t.wantUser(u)
				t.ok(t.a.DeleteUser(t.ctx, "new"))
			} else {
				t.is(err, engine.ErrInvalid)
				t.noUser("new")
			}
		}
		t.wantUser(fullUser("u1"))
	}},
	{"data/extra-undeclared", func(t *T) {
		u := t.user("u1")
		s := t.session("s1", "u1")
		names := func(err error) {
			t.Helper()
			t.is(err, engine.ErrInvalid)
			if !strings.Contains(err.Error(), `"plan"`) {
				t.Fatalf("%q does not name the field", err)
			}
		}
		extra := map[string]any{"plan": "pro"}
		_, err := t.a.CreateUser(t.ctx, engine.User{ID: "u2", Extra: extra})
		names(err)
		t.noUser("u2")
		_, err = t.a.UpdateUser(t.ctx, engine.UserUpdate{ID: "u1", Name: engine.SetTo("x"), Extra: extra})
		names(err)
		t.wantUser(u)
		_, err = t.a.CreateSession(t.ctx, engine.AdapterSession{SessionToken: "s2", UserID: "u1", Expires: now, Extra: extra})
		names(err)
		_, err = t.a.GetSession(t.ctx, "s2")
		t.is(err, engine.ErrNotFound)
		for _, expires := range []*time.Time{nil, &now} {
			_, err = t.a.UpdateSession(t.ctx, engine.SessionUpdate{SessionToken: "s1", Expires: expires, Extra: extra})
			names(err)
		}
		t.wantSession(s)
		// No extra field is no reason to refuse.
		ok(t.a.CreateUser(t.ctx, engine.User{ID: "u3", Extra: map[string]any{}}))(t)
	}},
}
