package memory_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

func TestContract(t *testing.T) {
	adaptertest.Run(t, func(t testing.TB, s *schema.Schema) store.Adapter {
		a := memory.New(s)
		t.Cleanup(func() { a.Close() })
		return a
	}, adaptertest.Require(adaptertest.WebAuthn, adaptertest.Tx, adaptertest.Purge, adaptertest.Sessions, adaptertest.Closer))
}

var declared = &schema.Schema{
	User: []schema.Field{
		{Name: "id"}, {Name: "name", Client: schema.Write}, {Name: "email"}, {Name: "image"}, // built in, no extra fields
		{Name: "plan"},
		{Name: "seats", Type: schema.Type{Kind: schema.Int, Nullable: true}},
		{Name: "since", Type: schema.Type{Kind: schema.Time}},
		{Name: "tags", Type: schema.Type{List: true}},
		{Name: "address", Type: schema.Type{Kind: schema.Object, Fields: []schema.Field{{Name: "city"}, {Name: "lines", Type: schema.Type{List: true}}}}},
	},
	Session: []schema.Field{{Name: "device", Type: schema.Type{Nullable: true}}, {Name: "seen", Type: schema.Type{List: true}}},
}

func extra() map[string]any {
	return map[string]any{
		"plan": "pro", "seats": int64(3), "since": time.Date(2026, 11, 21, 10, 20, 30, 123e6, time.UTC),
		"tags": []any{"a", "b"}, "address": map[string]any{"city": "Bern", "lines": []any{"1"}},
	}
}

func TestExtraRoundTrip(t *testing.T) {
	ctx, a := t.Context(), memory.New(declared)
	want := store.User{ID: "u1", Extra: extra()}
	got, err := a.CreateUser(ctx, store.User{ID: "u1", Extra: extra()})
	equal(t, got, want, err)
	got, err = a.GetUser(ctx, "u1")
	equal(t, got, want, err)

	got, err = a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Extra: map[string]any{"plan": "free", "seats": nil}})
	want.Extra["plan"] = "free"
	delete(want.Extra, "seats")
	equal(t, got, want, err)
	got, err = a.GetUser(ctx, "u1")
	equal(t, got, want, err)

	session := store.Session{SessionToken: "s1", UserID: "u1", Expires: time.Unix(0, 0).UTC(), Extra: map[string]any{"device": "phone"}}
	s, err := a.CreateSession(ctx, session)
	equal(t, s, session, err)
	s, u, err := a.GetSessionAndUser(ctx, "s1")
	equal(t, s, session, err)
	equal(t, u, want, err)
	s, err = a.UpdateSession(ctx, store.SessionUpdate{SessionToken: "s1", Extra: map[string]any{"device": nil}})
	session.Extra = nil
	equal(t, s, session, err)
}

func TestExtraIsCopiedDeep(t *testing.T) {
	ctx, a := t.Context(), memory.New(declared)
	spoil := func(extra map[string]any) {
		extra["tags"].([]any)[0] = "x"
		extra["address"].(map[string]any)["lines"].([]any)[0] = "x"
		extra["address"].(map[string]any)["city"] = "x"
		extra["plan"] = "x"
	}
	given := extra()
	created, err := a.CreateUser(ctx, store.User{ID: "u1", Extra: given})
	if err != nil {
		t.Fatal(err)
	}
	read, err := a.GetUser(ctx, "u1")
	if err != nil {
		t.Fatal(err)
	}
	changes := extra()
	updated, err := a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Extra: changes})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []map[string]any{given, created.Extra, read.Extra, changes, updated.Extra} {
		spoil(m)
		got, err := a.GetUser(ctx, "u1")
		equal(t, got, store.User{ID: "u1", Extra: extra()}, err)
	}
	// Nor are changes to those of a session.
	seen := func() map[string]any { return map[string]any{"seen": []any{"a"}} }
	want := store.Session{SessionToken: "s1", UserID: "u1", Expires: time.Unix(0, 0).UTC(), Extra: seen()}
	session := want
	session.Extra = seen()
	made, err := a.CreateSession(ctx, session)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []map[string]any{session.Extra, made.Extra} {
		m["seen"].([]any)[0] = "x"
		s, err := a.GetSession(ctx, "s1")
		equal(t, s, want, err)
		s.Extra["seen"].([]any)[0] = "x"
		s, err = a.GetSession(ctx, "s1")
		equal(t, s, want, err)
	}
	// Nor are the changes of a transaction that was rolled back.
	rollback := errors.New("roll back")
	err = a.Tx(ctx, func(tx store.Adapter) error {
		u, err := tx.GetUser(ctx, "u1")
		if err != nil {
			return err
		}
		spoil(u.Extra)
		return rollback
	})
	if err != rollback {
		t.Fatal(err)
	}
	got, err := a.GetUser(ctx, "u1")
	equal(t, got, store.User{ID: "u1", Extra: extra()}, err)
}

func TestExtraRefused(t *testing.T) {
	ctx, a := t.Context(), memory.New(declared)
	for name, bad := range map[string]map[string]any{
		"undeclared":     {"other": "x"},
		"built in":       {"name": "x"},
		"built in id":    {"id": "x"},
		"built in email": {"email": "x"},
		"built in image": {"image": "x"},
		"of the session": {"device": "x"},
		"undeclared nil": {"other": nil},
		"another type":   {"seats": "three"},
		"not UTF-8":      {"plan": "\xff"},
		"a channel":      {"tags": make(chan int)},
		"in a member":    {"address": map[string]any{"lines": []any{map[string]string{}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := a.CreateUser(ctx, store.User{ID: name, Extra: bad}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("create: got %v, want ErrInvalid", err)
			}
			if _, err := a.GetUser(ctx, name); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("afterwards: got %v, want ErrNotFound", err)
			}
			if _, err := a.CreateUser(ctx, store.User{ID: name, Extra: extra()}); err != nil {
				t.Fatal(err)
			}
			changes := maps.Clone(bad)
			changes["plan2"] = "x"
			if _, err := a.UpdateUser(ctx, store.UserUpdate{ID: name, Extra: changes}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("update: got %v, want ErrInvalid", err)
			}
			got, err := a.GetUser(ctx, name)
			equal(t, got, store.User{ID: name, Extra: extra()}, err)
		})
	}
}

// A nested transaction is rolled back alone, or together with the outer one.
func TestTxNested(t *testing.T) {
	ctx, a := t.Context(), memory.New(nil)
	rollback := errors.New("roll back")
	create := func(a store.Adapter, id string) {
		t.Helper()
		if _, err := a.CreateUser(ctx, store.User{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	err := a.Tx(ctx, func(outer store.Adapter) error {
		create(outer, "outer")
		nested := outer.(store.Transactor)
		if err := nested.Tx(ctx, func(inner store.Adapter) error { create(inner, "undone"); return rollback }); err != rollback {
			t.Fatal(err)
		}
		return nested.Tx(ctx, func(inner store.Adapter) error { create(inner, "inner"); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"outer": true, "inner": true, "undone": false} {
		if _, err := a.GetUser(ctx, id); (err == nil) != want {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// A write through the adapter itself waits for the end of the transaction, but no
// longer than its context allows.
func TestTxOuterWriteWaits(t *testing.T) {
	a := memory.New(nil)
	err := a.Tx(t.Context(), func(store.Adapter) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := a.CreateUser(ctx, store.User{ID: "u1"})
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want DeadlineExceeded", err)
	}
}

// The adapter of a transaction fails after its end, whatever the outcome, and no
// transaction begins after Close.
func TestTxEnds(t *testing.T) {
	ctx, a := t.Context(), memory.New(nil)
	for _, end := range []error{nil, errors.New("roll back")} {
		var left store.Adapter
		if err := a.Tx(ctx, func(tx store.Adapter) error { left = tx; return end }); err != end {
			t.Fatal(err)
		}
		if _, err := left.CreateUser(ctx, store.User{ID: "u1"}); err == nil {
			t.Errorf("a write succeeded after the transaction ended with %v", end)
		}
		if _, err := left.GetUser(ctx, "u1"); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("after the transaction ended with %v, a read returned %v", end, err)
		}
	}
	a.Close()
	if err := a.Tx(ctx, func(store.Adapter) error { t.Error("a transaction began after Close"); return nil }); err == nil {
		t.Error("no error after Close")
	}
}

func TestCloseInsideTx(t *testing.T) {
	a := memory.New(nil)
	for _, closed := range []func(tx store.Adapter) error{
		func(tx store.Adapter) error { return tx.(*memory.Adapter).Close() },
		func(store.Adapter) error { return a.Close() },
	} {
		if err := a.Tx(t.Context(), closed); err == nil {
			t.Error("the transaction was committed")
		}
	}
}

func equal[V any](t *testing.T, got, want V, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}
