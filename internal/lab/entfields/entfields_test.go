package entfields_test

import (
	"database/sql"
	"path/filepath"
	"strconv"
	"testing"

	"entgo.io/ent/dialect"
	_ "github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
	"github.com/sesame-auth/sesame/internal/lab/entfields"
	"github.com/sesame-auth/sesame/internal/lab/entfields/extra"
	"github.com/sesame-auth/sesame/internal/lab/entfields/person"
)

func TestConformance(t *testing.T) {
	for _, target := range conformance.Generated("entfields", extra.Schema(), entfields.OpenAdapter) {
		t.Run(target.Name, func(t *testing.T) {
			open, options := target.SetUp(t)
			adaptertest.Run(t, open, options...)
		})
	}
}

func open(t *testing.T) *entfields.Adapter {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "auth.db")+"?_fk=1&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	a, err := entfields.OpenAdapter(t.Context(), dialect.SQLite, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.(*entfields.Adapter).Close() })
	return a.(*entfields.Adapter)
}

// A null comes back as no entry. The conformance suite cannot hold that: where it
// knows the fields, nil is as good.
func TestNull(t *testing.T) {
	a := open(t)
	made, err := a.CreateUser(t.Context(), store.User{})
	if err != nil {
		t.Fatal(err)
	}
	read, err := a.GetUser(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []store.User{made, read} {
		for _, f := range extra.Schema().User {
			if v, ok := u.Extra[f.Name]; ok && f.Type.Nullable {
				t.Errorf("%s is %v, want no entry", f.Name, v)
			}
		}
		if u.Extra["motto"] != "" || u.Extra["role"] != "member" {
			t.Errorf("got %v, want the defaults of the others", u.Extra)
		}
	}
}

// A stored value that the auth schema no longer allows is left to the engine,
// which reads the default and reports it.
func TestStoredMisfit(t *testing.T) {
	a := open(t)
	row := a.Client().Person.Create().SetTags([]string{}).SetTier(person.TierLead).SaveX(t.Context())
	u, err := a.GetUser(t.Context(), strconv.Itoa(row.ID))
	if err != nil || u.Extra["tier"] == nil {
		t.Fatalf("got %v, %v", u, err)
	}
	f, ok := extra.Schema().UserField("tier")
	if !ok {
		t.Fatal("the schema has no field tier")
	}
	if _, err := f.Canon(u.Extra["tier"]); err == nil {
		t.Error("the value fits")
	}
}
