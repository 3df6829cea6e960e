package adaptertest

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// texts wants every string to be stored unchanged as a value, and to find only
// its own row as a key. It leaves out ids of users, which are always UUIDs.
func texts(t *caseT, list ...string) {
	t.user("owner")
	users := map[string]store.User{}
	for i, s := range list {
		u := store.User{ID: t.id(fmt.Sprint("u", i)), Name: &s, Email: &s, Image: &s}
		got := t.create(u)
		u.ID = got.ID
		t.equal(got, u)
		users[s] = u
		t.session("session"+s, u.ID)
		t.account(u.ID, "provider"+s, "account"+s)
		t.token(s, s)
	}
	for _, s := range list {
		u := users[s]
		t.wantUser(u)
		t.equal(ok(t.a.GetUserByEmail(t.ctx, s))(t), u)
		t.equal(ok(t.a.GetSession(t.ctx, "session"+s))(t).UserID, u.ID)
		t.wantOwner("provider"+s, "account"+s, u.ID)
		t.equal(t.take(s, s), store.VerificationToken{Identifier: s, Token: s, Expires: t.base.Add(time.Hour)})
		t.equal(ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: t.id("owner"), Name: store.SetTo(s)}))(t).Name, &s)
		t.equal(ok(t.a.GetUser(t.ctx, t.id("owner")))(t).Name, &s)
	}
}

// instants wants every time column to return the instant as stored.
func instants(t *caseT, name string, at time.Time) {
	u := store.User{ID: t.id(name), Email: ptr(email(name)), EmailVerified: &at}
	u = t.create(u)
	for _, got := range []store.User{u, ok(t.a.GetUser(t.ctx, u.ID))(t)} {
		t.equal(got.EmailVerified, &at)
		t.utc(*got.EmailVerified)
	}
	s := store.Session{SessionToken: name, UserID: u.ID, Expires: at}
	for _, got := range []store.Session{ok(t.a.CreateSession(t.ctx, s))(t), ok(t.a.GetSession(t.ctx, name))(t)} {
		t.equal(got.Expires, at)
		t.utc(got.Expires)
	}
	joined, owner, err := t.a.GetSessionAndUser(t.ctx, name)
	t.ok(err)
	t.equal(joined.Expires, at)
	t.utc(joined.Expires)
	t.utc(*owner.EmailVerified)
	v := store.VerificationToken{Identifier: name, Token: "t", Expires: at}
	for _, got := range []store.VerificationToken{ok(t.a.CreateVerificationToken(t.ctx, v))(t), t.take(name, "t")} {
		t.equal(got.Expires, at)
		t.utc(got.Expires)
	}
	t.equal(ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: u.ID, EmailVerified: store.SetTo(at)}))(t).EmailVerified, &at)
	extended := ok(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: name, Expires: &at}))(t)
	t.equal(extended.Expires, at)
	t.utc(extended.Expires)
	t.equal(ok(t.a.GetSession(t.ctx, name))(t).Expires, at)
	t.equal(ok(t.a.GetUser(t.ctx, u.ID))(t).EmailVerified, &at)
}

func dataMillis(t *caseT) {
	instants(t, "a", t.base)
	instants(t, "b", t.base.Add(-time.Millisecond))
	instants(t, "c", t.base.Truncate(time.Second).Add(999*time.Millisecond))
}

func dataZone(t *caseT) {
	instants(t, "a", t.base.In(time.FixedZone("", 19800)))
	instants(t, "b", t.base.In(time.FixedZone("", -18000)))
}

func dataFarFuture(t *caseT) {
	instants(t, "a", time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC))
	instants(t, "b", time.Date(2100, 1, 1, 0, 0, 0, 1e6, time.UTC))
	instants(t, "c", time.Date(2300, 12, 31, 23, 59, 59, 999e6, time.UTC)) // beyond 64 bits of nanoseconds
}

func dataNilTime(t *caseT) {
	u := t.create(store.User{ID: t.id("u1"), Email: ptr(email("u1"))})
	t.equal(u.EmailVerified, (*time.Time)(nil))
	t.wantUser(u)
}

func dataUtf8mb4(t *caseT)    { texts(t, "😀 𝒜 한글", "𠜎𠜱", "\u200fעברית\u200f") }
func dataNormalForm(t *caseT) { texts(t, "caf\u00e9", "cafe\u0301") }
func dataWhitespace(t *caseT) { texts(t, "a", " a", "a ", "\ta\n", "a\u00a0") }
func dataEmpty(t *caseT)      { texts(t, "") }
func dataHostileSql(t *caseT) {
	texts(t, `'; DROP TABLE "user"; --`, `" OR 1=1 --`, `\' OR ''='`, `'`, `\`, `%`, `_`, `?`, `$1`, `:a`, `/* */`, "`", `{"a":1}`, "*", "[a]", "a\r\nb")
}
func dataDateish(t *caseT) {
	texts(t, "2024-01-02T03:04:05.000Z", "2024-01-02", "1700000000000", "0x10", "1e3", "007", "true", "null")
}

func dataLimits(t *caseT) {
	// One column at a time: stored whole, or refused with nothing stored.
	for _, n := range []int{191, 255, 256, 1024, 4096} {
		s := strings.Repeat("é", n/2) + strings.Repeat("x", n-n/2)
		for i, column := range []string{"user.name", "user.email", "user.image"} {
			u := store.User{ID: t.id(fmt.Sprint(n, column)), Email: ptr(email(fmt.Sprint(n, i)))}
			*[]**string{&u.Name, &u.Email, &u.Image}[i] = &s
			got, err := t.a.CreateUser(t.ctx, u)
			if errors.Is(err, store.ErrInvalid) {
				_, err := t.a.GetUserByEmail(t.ctx, *u.Email)
				t.absent(err)
				continue
			}
			t.ok(err)
			t.check(t.limit(column, n) == n, fmt.Sprintf("%d characters were stored in %s", n, column), fmt.Sprintf("store.ErrInvalid, because of MaxString(%q, %d)", column, t.suite.maxString[column]))
			u.ID = got.ID
			t.equal(got, u)
			t.wantUser(u)
			t.equal(ok(t.a.GetUserByEmail(t.ctx, *u.Email))(t), u)
		}
		_, err := t.a.CreateVerificationToken(t.ctx, store.VerificationToken{Identifier: s, Token: "t", Expires: t.base})
		if !errors.Is(err, store.ErrInvalid) {
			t.ok(err)
			t.equal(t.take(s, "t").Identifier, s)
		}
	}
}

func dataRawBytes(t *caseT) {
	u1 := t.user("u1")
	// Ids of an unexpected form are absent, not a driver's error.
	for _, s := range []string{"1", "u1", "no uuid", "-1", "99999999999999999999", u1.ID + "0", " " + u1.ID, "\x00", u1.ID + "\x00", "\xff\xfe", "a\xc3", strings.Repeat("x", 64<<10)} {
		_, err := t.a.GetUser(t.ctx, s)
		if err != nil || s != "1" && s != "-1" { // a store may have assigned these ids
			t.absent(err)
		}
		t.absent(errOf(t.a.GetUserByEmail(t.ctx, s)))
		t.absent(errOf(t.a.GetAccount(t.ctx, s, s)))
		t.absent(errOf(t.a.GetUserByAccount(t.ctx, s, s)))
		t.absent(errOf(t.a.GetSession(t.ctx, s)))
		_, _, err = t.a.GetSessionAndUser(t.ctx, s)
		t.absent(err)
		t.absent(errOf(t.a.UseVerificationToken(t.ctx, s, s)))
		t.absent(errOf(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: s, Expires: &t.base})))
		t.absent(errOf(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: s})))
		t.okOrInvalid(t.a.UnlinkAccount(t.ctx, s, s))
		t.okOrInvalid(t.a.DeleteSession(t.ctx, s))
		if s != "1" {
			t.absent(errOf(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: s, Name: store.SetTo("x")})))
			t.okOrInvalid(t.a.DeleteUser(t.ctx, s))
			t.okOrInvalid(t.a.DeleteSessionsByUserID(t.ctx, s))
			t.okOrInvalid(errOf(t.a.ListAccountsByUserID(t.ctx, s)))
			t.absent(errOf(t.a.LinkAccount(t.ctx, fullAccount(s, "github", "1"))))
			t.absent(errOf(t.a.CreateSession(t.ctx, store.Session{SessionToken: "s1", UserID: s, Expires: t.base})))
		}
		if t.has(needSessions) && s != "1" {
			t.okOrInvalid(errOf(t.a.ListSessionsByUserID(t.ctx, s)))
		}
		if t.has(needAuthn) {
			t.absent(errOf(t.a.GetAuthenticator(t.ctx, s)))
			t.absent(errOf(t.a.UpdateAuthenticatorCounter(t.ctx, s, 1)))
			if s != "1" {
				t.okOrInvalid(errOf(t.a.ListAuthenticatorsByUserID(t.ctx, s)))
			}
		}

		// As a value: stored whole, or refused with nothing stored.
		address := "new" + show(len(s)) + "@example.com"
		if u, err := t.a.CreateUser(t.ctx, store.User{ID: t.id("new" + s), Name: &s, Email: &address}); err == nil {
			t.equal(u.Name, &s)
			t.wantUser(u)
			t.ok(t.a.DeleteUser(t.ctx, u.ID))
		} else {
			t.is(err, store.ErrInvalid)
			_, err := t.a.GetUserByEmail(t.ctx, address)
			t.notFound(err)
		}
	}
	t.wantUser(u1)
}

func errOf[V any](_ V, err error) error { return err }

// okOrInvalid wants no error from deleting or listing rows that cannot exist.
func (t *caseT) okOrInvalid(err error) {
	if err != nil && !errors.Is(err, store.ErrInvalid) {
		t.fail("error: "+err.Error(), "no error, or store.ErrInvalid")
	}
}

// extraSchema returns the extra fields that a store under test must hold.
func (s *suite) extraSchema() *schema.Schema {
	if s.fields != nil {
		return s.fields
	}
	return &schema.Schema{
		User: []schema.Field{
			{Name: "plan"},
			{Name: "seats", Type: schema.Type{Kind: schema.Int, Nullable: true}},
			{Name: "score", Type: schema.Type{Kind: schema.Float, Nullable: true}},
			{Name: "admin", Type: schema.Type{Kind: schema.Bool, Nullable: true}},
			{Name: "since", Type: schema.Type{Kind: schema.Time, Nullable: true}},
			{Name: "tags", Type: schema.Type{Kind: schema.String, List: true}},
		},
		Session: []schema.Field{{Name: "device", Type: schema.Type{Kind: schema.String, Nullable: true}}},
	}
}

// sample returns values for the fields, different ones for each n.
func (t *caseT) sample(fields []schema.Field, n int) map[string]any {
	var extra map[string]any
	for _, f := range fields {
		if schema.Builtin(f.Name) {
			continue
		}
		if extra == nil {
			extra = map[string]any{}
		}
		extra[f.Name] = t.sampleOf(f, n)
	}
	return extra
}

func (t *caseT) sampleOf(f schema.Field, n int) any {
	if f.Type.List {
		item := schema.Field{Type: f.Type}
		item.Type.List = false
		list := []any{t.sampleOf(item, n), t.sampleOf(item, n+1)}
		if f.Max > 0 {
			list = list[:min(f.Max, 2)]
		}
		return list
	}
	switch f.Type.Kind {
	case schema.Bool:
		return n%2 == 0
	case schema.Int:
		return int64(1<<40 + n)
	case schema.Float:
		return float64(n) + 0.5
	case schema.Time:
		return t.base.Add(time.Duration(n) * time.Hour).Truncate(t.suite.precision)
	case schema.Enum:
		return f.Type.Enum[n%len(f.Type.Enum)]
	case schema.Object:
		return t.sample(f.Type.Fields, n)
	}
	s := fmt.Sprint(n, " pro 😀")
	for f.Max > 0 && len(s) > f.Max {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

func dataExtra(t *caseT) {
	fields := t.suite.extraSchema()
	want := t.fullUser("u1")
	want.Extra = t.sample(fields.User, 0)
	made := t.create(want)
	want.ID = made.ID
	t.equal(made, want)
	t.wantUser(want)
	t.equal(ok(t.a.GetUserByEmail(t.ctx, email("u1")))(t), want)

	// Set one field at a time, then clear one at a time, then change none.
	for name, v := range t.sample(fields.User, 1) {
		want.Extra[name] = v
		t.equal(ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: want.ID, Extra: map[string]any{name: v}}))(t), want)
		t.wantUser(want)
	}
	for _, f := range fields.User {
		if f.Type.Nullable {
			delete(want.Extra, f.Name)
			t.equal(ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: want.ID, Extra: map[string]any{f.Name: nil}}))(t), want)
			t.wantUser(want)
		}
	}
	want.Name = ptr("New")
	t.equal(ok(t.a.UpdateUser(t.ctx, store.UserUpdate{ID: want.ID, Name: store.SetTo("New")}))(t), want)
	t.wantUser(want)

	s := store.Session{SessionToken: "s1", UserID: want.ID, Expires: t.base, Extra: t.sample(fields.Session, 0)}
	t.equal(ok(t.a.CreateSession(t.ctx, s))(t), s)
	got, owner, err := t.a.GetSessionAndUser(t.ctx, "s1")
	t.ok(err)
	t.equal(got, s)
	t.equal(owner, want)
	s.Expires = t.base.Add(time.Hour)
	t.equal(ok(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1", Expires: &s.Expires}))(t), s)
	s.Extra = t.sample(fields.Session, 1)
	t.equal(ok(t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1", Extra: maps.Clone(s.Extra)}))(t), s)
	t.wantSession(s)

	update := t.sample(fields.User, 0)
	if update == nil {
		update = map[string]any{}
	}
	update["other"] = "x"
	_, err = t.a.UpdateUser(t.ctx, store.UserUpdate{ID: want.ID, Extra: update})
	t.names(err, "other")
	t.wantUser(want)
}

// names wants an ErrInvalid that names the field.
func (t *caseT) names(err error, field string) {
	t.is(err, store.ErrInvalid)
	t.check(strings.Contains(err.Error(), field), "error: "+err.Error(), fmt.Sprintf("an error that names the field %q", field))
}

func dataExtraUndeclared(t *caseT) {
	u := t.user("u1")
	s := t.session("s1", u.ID)
	extra := map[string]any{"undeclared": "pro"}
	_, err := t.a.CreateUser(t.ctx, store.User{ID: t.id("u2"), Email: ptr(email("u2")), Extra: extra})
	t.names(err, "undeclared")
	_, err = t.a.GetUserByEmail(t.ctx, email("u2"))
	t.notFound(err)
	_, err = t.a.UpdateUser(t.ctx, store.UserUpdate{ID: u.ID, Name: store.SetTo("x"), Extra: extra})
	t.names(err, "undeclared")
	t.wantUser(u)
	_, err = t.a.CreateSession(t.ctx, store.Session{SessionToken: "s2", UserID: u.ID, Expires: t.base, Extra: extra})
	t.names(err, "undeclared")
	_, err = t.a.GetSession(t.ctx, "s2")
	t.notFound(err)
	for _, expires := range []*time.Time{nil, &t.base} {
		_, err = t.a.UpdateSession(t.ctx, store.SessionUpdate{SessionToken: "s1", Expires: expires, Extra: extra})
		t.names(err, "undeclared")
	}
	t.wantSession(s)
	// An empty map declares nothing and must be accepted.
	t.create(store.User{ID: t.id("u3"), Email: ptr(email("u3")), Extra: map[string]any{}})
}
