package redis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/testdb"
)

func ptr[V any](v V) *V { return &v }

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func open(t testing.TB, url string, o redis.Options) *redis.Adapter {
	t.Helper()
	a, err := redis.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// raw connects to the server with go-redis.
func raw(t testing.TB, url string) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	o.ContextTimeoutEnabled = true
	c := goredis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

// fresh opens an adapter with a new prefix, and a plain client for the same server.
func fresh(t testing.TB, o redis.Options) (*redis.Adapter, *goredis.Client, string) {
	t.Helper()
	url, prefix := testdb.Redis(t)
	o.Prefix = prefix
	return open(t, url, o), raw(t, url), prefix
}

func user(t testing.TB, a *redis.Adapter, id string) store.User {
	t.Helper()
	u, err := a.CreateUser(t.Context(), store.User{ID: id, Name: ptr("Name of " + id), Email: ptr(id + "@example.com")})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func session(t testing.TB, a *redis.Adapter, token, userID string, expires time.Time) store.Session {
	t.Helper()
	s, err := a.CreateSession(t.Context(), store.Session{SessionToken: token, UserID: userID, Expires: expires})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func equal[V any](t testing.TB, got, want V, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

// keys returns all keys with a prefix.
func keys(t testing.TB, c *goredis.Client, prefix string) []string {
	t.Helper()
	all, err := c.Keys(t.Context(), "{"+prefix+"}*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range all {
		all[i] = strings.TrimPrefix(key, "{"+prefix+"}:")
	}
	slices.Sort(all)
	return append([]string(nil), all...)
}

// hostile holds strings that have broken some store.
var hostile = []string{
	"", ":", "1:", "3:a:b", "{other}:key", "}", "a\x00b", "\xff\xfe", "*", "?[a-z]", "\r\n$-1\r\n", "'; DROP TABLE users; --",
	`"\`, "2026-11-21T10:20:30.123Z", "null", "false", "0", "-1", "1e5", " padded ", "😀", strings.Repeat("x", 64<<10),
}

func TestHostileStrings(t *testing.T) {
	ctx := t.Context()
	a, _, _ := fresh(t, redis.Options{})
	later := time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
	for i, text := range hostile {
		id := fmt.Sprint(i)
		want := store.User{ID: "u" + text, Name: &text, Email: &text, Image: &text}
		got, err := a.CreateUser(ctx, want)
		equal(t, got, want, err)
		got, err = a.GetUserByEmail(ctx, text)
		equal(t, got, want, err)
		for j, other := range hostile {
			account := store.Account{UserID: want.ID, Type: text, Provider: text, ProviderAccountID: other, AccessToken: &text, ExpiresAt: ptr(int64(i)<<53 + int64(j))}
			_, err := a.LinkAccount(ctx, account)
			linked, _ := a.GetAccount(ctx, text, other)
			equal(t, linked, account, err)
			token := store.VerificationToken{Identifier: text, Token: other, Expires: later}
			stored, err := a.CreateVerificationToken(ctx, token)
			equal(t, stored, token, err)
		}
		s := store.Session{SessionToken: text, UserID: want.ID, Expires: later}
		_, err = a.CreateSession(ctx, s)
		gotSession, owner, _ := a.GetSessionAndUser(ctx, text)
		equal(t, gotSession, s, err)
		equal(t, owner, want, nil)
		credential := store.Authenticator{CredentialID: text, UserID: want.ID, Counter: 1<<32 - 1 - uint32(i), CredentialPublicKey: text, CredentialDeviceType: text, Transports: &text}
		_, err = a.CreateAuthenticator(ctx, credential)
		gotCredential, _ := a.GetAuthenticator(ctx, text)
		equal(t, gotCredential, credential, err)
		if _, err := a.CreateUser(ctx, store.User{ID: id + "-thief", Email: &text}); !errors.Is(err, &store.ConflictError{Field: "email"}) {
			t.Fatalf("%q: %v", text, err)
		}
	}
	for _, text := range hostile {
		for _, other := range hostile {
			got, err := a.UseVerificationToken(ctx, text, other)
			equal(t, got, store.VerificationToken{Identifier: text, Token: other, Expires: later}, err)
		}
		if err := a.DeleteUser(ctx, "u"+text); err != nil {
			t.Fatal(err)
		}
	}
}

// Deleting a user leaves nothing, whatever belonged to it.
func TestDeleteUserLeavesNoKey(t *testing.T) {
	ctx := t.Context()
	a, c, prefix := fresh(t, redis.Options{})
	user(t, a, "other")
	before := keys(t, c, prefix)
	user(t, a, "u1")
	for i := range 300 {
		session(t, a, fmt.Sprint("s", i), "u1", time.Now().Add(time.Hour))
	}
	for _, provider := range []string{"github", "google"} {
		must(a.LinkAccount(ctx, store.Account{UserID: "u1", Provider: provider, ProviderAccountID: "1"}))
		must(a.CreateAuthenticator(ctx, store.Authenticator{UserID: "u1", CredentialID: provider}))
	}
	must(a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Email: store.SetTo("new@example.com")}))
	if err := a.DeleteUser(ctx, "u1"); err != nil {
		t.Fatal(err)
	}
	equal(t, keys(t, c, prefix), before, nil)
}

// Deleting its rows one by one leaves nothing either.
func TestRemovalsLeaveNoKey(t *testing.T) {
	ctx := t.Context()
	a, c, prefix := fresh(t, redis.Options{})
	user(t, a, "u1")
	before := keys(t, c, prefix)
	session(t, a, "s1", "u1", time.Now().Add(time.Hour))
	session(t, a, "s2", "u1", time.Now().Add(time.Hour))
	session(t, a, "s3", "u1", time.Now().Add(time.Hour))
	must(a.LinkAccount(ctx, store.Account{UserID: "u1", Provider: "github", ProviderAccountID: "1"}))
	must(a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Email: store.SetTo("new@example.com")}))
	must(a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Email: store.SetTo("u1@example.com")}))
	for _, err := range []error{
		a.DeleteSession(ctx, "s1"), a.DeleteSessionsByUserID(ctx, "u1"), a.UnlinkAccount(ctx, "github", "1"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	equal(t, keys(t, c, prefix), before, nil)
	session(t, a, "s1", "u1", time.Now().Add(time.Hour))
	if err := a.DeleteSession(ctx, "s1"); err != nil {
		t.Fatal(err)
	}
	equal(t, keys(t, c, prefix), before, nil)
}

var declared = &schema.Schema{
	User: []schema.Field{
		{Name: "name", Client: schema.Write}, // built in, not an extra field
		{Name: "plan", Type: schema.Type{Nullable: true}},
		{Name: "seats", Type: schema.Type{Kind: schema.Int, Nullable: true}},
		{Name: "ratio", Type: schema.Type{Kind: schema.Float, Nullable: true}},
		{Name: "since", Type: schema.Type{Kind: schema.Time, Nullable: true}},
		{Name: "beta", Type: schema.Type{Kind: schema.Bool, Nullable: true}},
		{Name: "tags", Type: schema.Type{List: true}},
		{Name: "address", Type: schema.Type{Kind: schema.Object, Nullable: true, Fields: []schema.Field{{Name: "city"}, {Name: "moved", Type: schema.Type{Kind: schema.Time}}}}},
	},
	Session: []schema.Field{{Name: "device", Type: schema.Type{Nullable: true}}, {Name: "logins", Type: schema.Type{Kind: schema.Int}}},
}

func extra() map[string]any {
	at := time.Date(2026, 11, 21, 10, 20, 30, 123e6, time.UTC)
	return map[string]any{
		"plan": "2026-11-21T10:20:30.123Z", "seats": int64(1<<53 - 1), "ratio": 0.1, "since": at, "beta": false,
		"tags": []any{"a", "", "<b>\u2028"}, "address": map[string]any{"city": "Zürich", "moved": at},
	}
}

func TestExtra(t *testing.T) {
	ctx := t.Context()
	a, _, _ := fresh(t, redis.Options{Schema: declared})
	want := store.User{ID: "u1", Extra: extra()}
	got, err := a.CreateUser(ctx, store.User{ID: "u1", Extra: extra()})
	equal(t, got, want, err)
	got.Extra["tags"].([]any)[0] = "spoiled"
	got, err = a.GetUser(ctx, "u1")
	equal(t, got, want, err)

	got, err = a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Extra: map[string]any{"plan": "", "seats": nil}})
	want.Extra["plan"] = ""
	delete(want.Extra, "seats")
	equal(t, got, want, err)

	s := store.Session{SessionToken: "s1", UserID: "u1", Expires: time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC(), Extra: map[string]any{"device": "phone", "logins": int64(1)}}
	stored, err := a.CreateSession(ctx, s)
	equal(t, stored, s, err)
	stored, got, err = a.GetSessionAndUser(ctx, "s1")
	equal(t, stored, s, err)
	equal(t, got, want, nil)
	stored, err = a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s1", Extra: map[string]any{"device": nil, "logins": int64(2)}})
	s.Extra = map[string]any{"logins": int64(2)}
	equal(t, stored, s, err)
}

func TestExtraRefused(t *testing.T) {
	ctx := t.Context()
	a, c, prefix := fresh(t, redis.Options{Schema: declared})
	for name, bad := range map[string]map[string]any{
		"undeclared": {"other": "x"}, "built in": {"name": "x"}, "of the session": {"device": "x"}, "undeclared nil": {"other": nil},
		"another type": {"seats": "three"}, "not UTF-8": {"plan": "\xff"}, "a channel": {"tags": make(chan int)},
	} {
		_, err := a.CreateUser(ctx, store.User{ID: "u1", Extra: bad})
		is(t, err, store.ErrInvalid)
		_, err = a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Extra: bad})
		is(t, err, store.ErrInvalid)
		if k := keys(t, c, prefix); len(k) > 0 {
			t.Fatalf("%s: left %q", name, k)
		}
	}
	user(t, a, "u1")
	_, err := a.CreateSession(ctx, store.Session{SessionToken: "s1", UserID: "u1", Extra: map[string]any{"plan": "x"}})
	is(t, err, store.ErrInvalid)
	_, err = a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s1", Extra: map[string]any{"plan": "x"}})
	is(t, err, store.ErrInvalid)
}

// A field that is removed from the schema stays stored; one whose type changes is
// returned unchanged.
func TestSchemaChanges(t *testing.T) {
	ctx := t.Context()
	url, prefix := testdb.Redis(t)
	before := open(t, url, redis.Options{Prefix: prefix, Schema: declared})
	must(before.CreateUser(ctx, store.User{ID: "u1", Extra: map[string]any{"plan": "pro", "seats": int64(3)}}))
	after := open(t, url, redis.Options{Prefix: prefix, Schema: &schema.Schema{User: []schema.Field{{Name: "plan", Type: schema.Type{Kind: schema.Int}}}}})
	u, err := after.GetUser(ctx, "u1")
	equal(t, u, store.User{ID: "u1", Extra: map[string]any{"plan": "pro"}}, err)
	must(after.UpdateUser(ctx, store.UserUpdate{ID: "u1", Name: store.SetTo("New")}))
	u, err = before.GetUser(ctx, "u1")
	equal(t, u, store.User{ID: "u1", Name: ptr("New"), Extra: map[string]any{"plan": "pro", "seats": int64(3)}}, err)
}

func TestUsersElsewhere(t *testing.T) {
	ctx := t.Context()
	a, c, prefix := fresh(t, redis.Options{UsersElsewhere: true})
	want := session(t, a, "s1", "u1", time.Now().Add(time.Hour))
	got, err := a.GetSession(ctx, "s1")
	equal(t, got, want, err)
	_, _, err = a.GetSessionAndUser(ctx, "s1")
	is(t, err, store.ErrNotFound)
	if err := a.DeleteUser(ctx, "u1"); err != nil {
		t.Fatal(err)
	}
	equal(t, keys(t, c, prefix), nil, nil)
}

func TestPrefixesAreApart(t *testing.T) {
	ctx := t.Context()
	a, _, _ := fresh(t, redis.Options{})
	b, _, _ := fresh(t, redis.Options{})
	user(t, a, "u1")
	_, err := b.GetUser(ctx, "u1")
	is(t, err, store.ErrNotFound)
	user(t, b, "u1")
	if err := a.DeleteUser(ctx, "u1"); err != nil {
		t.Fatal(err)
	}
	must(b.GetUser(ctx, "u1"))
}

func TestNew(t *testing.T) {
	deaf := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1"})
	good := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	cluster := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, ContextTimeoutEnabled: true, RouteRandomly: true})
	for _, c := range []interface{ Close() error }{deaf, good, cluster} {
		defer c.Close()
	}
	for want, err := range map[string]error{
		"ContextTimeoutEnabled: true": second(redis.New(deaf, redis.Options{})),
		"without ReadOnly":            second(redis.New(cluster, redis.Options{})),
		"the client is nil":           second(redis.New(nil, redis.Options{})),
		"contains a brace":            second(redis.New(good, redis.Options{Prefix: "{a}"})),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := redis.New(good, redis.Options{}); err != nil {
		t.Error(err)
	}
}

func second(_ *redis.Adapter, err error) error { return err }

// The errors of Open do not contain the password.
func TestOpenRefuses(t *testing.T) {
	for _, bad := range []string{
		"redis://user:geheim@127.0.0.1:6379/\x7f", "http://user:geheim@127.0.0.1:6379", "redis://user:geheim@127.0.0.1:1",
		"redis://user:geheim@127.0.0.1:6379/words", "redis://:geheim@h:1?addr=h:2&nothing=1", "::geheim",
		// The password is not escaped.
		"redis://:geheim#@127.0.0.1:1", "redis://user:geheim/@127.0.0.1:1", "redis://user:1/geheim@127.0.0.1:1", "redis://user:geheim?@127.0.0.1:1",
		"redis://user:%geheim@127.0.0.1:1", "redis:/user:geheim@127.0.0.1:1/0",
	} {
		_, err := redis.Open(t.Context(), bad, redis.Options{})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Redis expires rows itself, so a purge sends it no command.
func TestNothingToPurge(t *testing.T) {
	c := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true}) // nothing listens there
	defer c.Close()
	a := must(redis.New(c, redis.Options{}))
	if _, ok := any(a).(store.Purger); ok {
		t.Error("the adapter is a Purger")
	}
	eng := must(engine.New(engine.Config{Secrets: []string{strings.Repeat("secret ", 6)}, Adapter: a, Getenv: func(string) string { return "" }}))
	defer eng.Close()
	if n, err := eng.Purge(t.Context()); n != 0 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
}

// Close leaves a client passed to New open.
func TestCloseLeavesTheCallersClient(t *testing.T) {
	url, prefix := testdb.Redis(t)
	c := raw(t, url)
	a := must(redis.New(c, redis.Options{Prefix: prefix}))
	user(t, a, "u1")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.GetUser(t.Context(), "u1"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Fatalf("after Close: %v", err)
	}
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

// together calls f n times concurrently.
func together(n int, f func(i int) error) []error {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

// 64 goroutines create, change, link, sign in and delete four users: in any order,
// the indexes agree with the rows, and nothing is left at the end.
func TestScriptsAreAtomic(t *testing.T) {
	ctx := t.Context()
	a, c, prefix := fresh(t, redis.Options{})
	later := time.Now().Add(time.Hour)
	for round := range 10 {
		for _, err := range together(64, func(i int) (err error) {
			id := fmt.Sprint("u", i%4)
			email := fmt.Sprintf("%d@example.com", i%3)
			switch i / 4 % 8 {
			case 0:
				_, err = a.CreateUser(ctx, store.User{ID: id, Email: &email})
			case 1:
				_, _, err = a.CreateUserWithAccount(ctx, store.User{ID: id, Email: &email}, store.Account{Provider: "github", ProviderAccountID: fmt.Sprint(i % 5)})
			case 2:
				_, err = a.UpdateUser(ctx, store.UserUpdate{ID: id, Email: store.SetTo(email)})
			case 3:
				_, err = a.UpdateUser(ctx, store.UserUpdate{ID: id, Email: store.Clear[string]()})
			case 4:
				_, err = a.LinkAccount(ctx, store.Account{UserID: id, Provider: "github", ProviderAccountID: fmt.Sprint(i % 5)})
			case 5:
				_, err = a.CreateSession(ctx, store.Session{SessionToken: fmt.Sprint(i % 6), UserID: id, Expires: later})
			case 6:
				_, err = a.CreateAuthenticator(ctx, store.Authenticator{UserID: id, CredentialID: fmt.Sprint(i % 5)})
			case 7:
				if round%2 == 0 {
					err = a.DeleteUser(ctx, id)
				} else {
					err = a.UnlinkAccount(ctx, "github", fmt.Sprint(i%5))
				}
			}
			return err
		}) {
			if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
				t.Fatal(err)
			}
		}
		agree(t, a, c, prefix)
	}
	for i := range 4 {
		if err := a.DeleteUser(ctx, fmt.Sprint("u", i)); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, keys(t, c, prefix), nil, nil)
}

// A user and an account are both created, or neither is.
func TestCreateUserWithAccount(t *testing.T) {
	for name, url := range map[string]string{"server": testdb.NewRedisServer(t).URL, "cluster": testdb.NewRedisCluster(t).URL} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			a := open(t, url, redis.Options{Schema: &schema.Schema{User: []schema.Field{{Name: "role"}}}})
			u := store.User{ID: "u1", Name: ptr("Ada"), Email: ptr("u1@example.com"), Extra: map[string]any{"role": "admin"},
				EmailVerified: ptr(time.Date(2026, 11, 21, 10, 20, 30, 123e6, time.UTC))}
			n := store.Account{Type: "oidc", Provider: "github", ProviderAccountID: "1", AccessToken: ptr("at"), ExpiresAt: ptr(int64(7))}
			want := n
			want.UserID = "u1"
			gotUser, gotAccount, err := a.CreateUserWithAccount(ctx, u, n)
			equal(t, gotUser, u, err)
			equal(t, gotAccount, want, nil)
			gotUser, err = a.GetUserByAccount(ctx, "github", "1")
			equal(t, gotUser, u, err)
			gotUser, err = a.GetUserByEmail(ctx, "u1@example.com")
			equal(t, gotUser, u, err)
			accounts, err := a.ListAccountsByUserID(ctx, "u1")
			equal(t, accounts, []store.Account{want}, err)

			for _, c := range []struct {
				user store.User
				id   string // of the account
				want error
			}{
				{store.User{ID: "u1"}, "2", &store.ConflictError{Field: "id"}},
				{store.User{ID: "u2", Email: ptr("u1@example.com")}, "2", &store.ConflictError{Field: "email"}},
				{store.User{ID: "u2", Email: ptr("u2@example.com")}, "1", &store.ConflictError{Field: "providerAccountId"}},
				{store.User{}, "2", store.ErrInvalid},
				{store.User{ID: "u2", Extra: map[string]any{"nope": "x"}}, "2", store.ErrInvalid},
			} {
				_, _, err := a.CreateUserWithAccount(ctx, c.user, store.Account{Provider: "github", ProviderAccountID: c.id})
				is(t, err, c.want)
				_, err = a.GetUser(ctx, "u2")
				is(t, err, store.ErrNotFound)
				_, err = a.GetUserByEmail(ctx, "u2@example.com")
				is(t, err, store.ErrNotFound)
				_, err = a.GetAccount(ctx, "github", "2")
				is(t, err, store.ErrNotFound)
			}
			gotUser, err = a.GetUser(ctx, "u1")
			equal(t, gotUser, u, err)
		})
	}
}

// agree wants every index entry to refer to a row, and every row to have one.
func agree(t *testing.T, a *redis.Adapter, c *goredis.Client, prefix string) {
	t.Helper()
	ctx := t.Context()
	var want []string
	for i := range 4 {
		id := fmt.Sprint("u", i)
		if u, err := a.GetUser(ctx, id); err == nil {
			want = append(want, "user:"+id)
			if u.Email != nil {
				want = append(want, "email:"+*u.Email)
				owner, err := a.GetUserByEmail(ctx, *u.Email)
				equal(t, owner, u, err)
			}
		} else {
			is(t, err, store.ErrNotFound)
		}
		accounts := must(a.ListAccountsByUserID(ctx, id))
		for _, v := range accounts {
			want = append(want, fmt.Sprintf("account:%d:%s:%s", len(v.Provider), v.Provider, v.ProviderAccountID))
		}
		sessions := must(a.ListSessionsByUserID(ctx, id))
		for _, v := range sessions {
			want = append(want, "session:"+v.SessionToken)
		}
		authenticators := must(a.ListAuthenticatorsByUserID(ctx, id))
		for _, v := range authenticators {
			want = append(want, "authenticator:"+v.CredentialID)
		}
		for kind, n := range map[string]int{"accounts": len(accounts), "sessions": len(sessions), "authenticators": len(authenticators)} {
			if n > 0 {
				want = append(want, kind+":"+id)
			}
		}
	}
	slices.Sort(want)
	equal(t, keys(t, c, prefix), want, nil)
}

// Scripts are sent again whenever the server has lost them.
func TestScriptsAreLoadedWhenNeeded(t *testing.T) {
	s := testdb.NewRedisServer(t)
	a, c := open(t, s.URL, redis.Options{}), raw(t, s.URL)
	for i := range 3 {
		if err := c.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint("u", i)
		equal(t, must(a.GetUser(t.Context(), user(t, a, id).ID)).ID, id, nil)
	}
}

// Only commands on one row, one index or one script are sent: keys are never
// scanned, and a session with its user takes one round trip.
func TestCommands(t *testing.T) {
	ctx := context.Background()
	s := testdb.NewRedisServer(t)
	c := raw(t, s.URL)
	var sent []string
	c.AddHook(hook(func(cmd goredis.Cmder) { sent = append(sent, cmd.Name()) }))
	a := must(redis.New(c, redis.Options{}))
	life := func() {
		user(t, a, "u1")
		session(t, a, "s1", "u1", time.Now().Add(time.Hour))
		must(a.CreateVerificationToken(ctx, store.VerificationToken{Identifier: "a", Token: "t", Expires: time.Now().Add(time.Hour)}))
		must(a.UseVerificationToken(ctx, "a", "t"))
		if err := a.DeleteUser(ctx, "u1"); err != nil {
			t.Fatal(err)
		}
	}
	life()
	user(t, a, "u1")
	session(t, a, "s1", "u1", time.Now().Add(time.Hour))
	_, _, err := a.GetSessionAndUser(ctx, "s1")
	if err != nil {
		t.Fatal(err)
	}
	sent = nil
	_, _, err = a.GetSessionAndUser(ctx, "s1")
	equal(t, sent, []string{"evalsha"}, err)
	if err := a.DeleteUser(ctx, "u1"); err != nil {
		t.Fatal(err)
	}
	sent = nil
	life()
	equal(t, sent, []string{"evalsha", "evalsha", "set", "getdel", "evalsha"}, nil)
}

// hook sees every command before it is sent.
type hook func(goredis.Cmder)

func (h hook) DialHook(next goredis.DialHook) goredis.DialHook { return next }
func (h hook) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		h(cmd)
		return next(ctx, cmd)
	}
}
func (h hook) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}
