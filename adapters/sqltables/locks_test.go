package sqltables_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
)

// Without a unique key, writes through two handles, as of two processes, wait for
// each other: only one succeeds.
func TestWithoutUniqueKeys(t *testing.T) {
	for _, l := range []sqltables.Layout{sqltables.PG(), sqltables.TypeORMMySQL(), sqltables.TypeORMSQLite()} {
		t.Run(l.Name, func(t *testing.T) {
			p := conformance.NewDatabase(t, l)
			var handles []store.Adapter
			for range 2 {
				a, err := p.Open(t, quiet(nil))
				if err != nil {
					t.Fatal(err)
				}
				handles = append(handles, a)
			}
			owner, err := handles[0].CreateUser(t.Context(), store.User{ID: "5f8db2b4-327e-4cfd-aaba-89490350923b"})
			if err != nil {
				t.Fatal(err)
			}
			start, errs := make(chan struct{}), make([]error, 32)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					<-start
					_, errs[i] = handles[i%2].LinkAccount(t.Context(), store.Account{UserID: owner.ID, Type: "oauth", Provider: "github", ProviderAccountID: "1"})
				})
			}
			close(start)
			wg.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else if !errors.Is(err, &store.ConflictError{Field: "providerAccountId"}) {
					t.Error(err)
				}
			}
			if won != 1 {
				t.Errorf("%d of 32 calls linked the account, want 1", won)
			}
		})
	}
}

// A lock that cannot be released ends with its connection.
func TestLockIsNotLeftBehind(t *testing.T) {
	p := conformance.NewDatabase(t, sqltables.TypeORMMySQL())
	a, err := p.Open(t, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Open(t, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	token := store.VerificationToken{Identifier: "a", Token: "t"}
	asked := 0
	p.Faults.Fail(func(s string) error {
		if strings.HasPrefix(s, "DO RELEASE_LOCK") {
			asked++
			return errInjected
		}
		return nil
	})
	if _, err := a.CreateVerificationToken(t.Context(), token); err != nil || asked != 1 {
		t.Fatalf("got %v after %d attempts", err, asked)
	}
	p.Faults.Heal()
	if _, err := b.CreateVerificationToken(t.Context(), token); !errors.Is(err, &store.ConflictError{Field: "token"}) {
		t.Errorf("got %v", err)
	}
	if _, err := b.UseVerificationToken(t.Context(), "a", "t"); err != nil {
		t.Error(err)
	}
}

// If a row already exists twice, neither is returned.
func TestDuplicatesFromBefore(t *testing.T) {
	p := conformance.NewDatabase(t, sqltables.PG(), "",
		`INSERT INTO users (name, email) VALUES ('one', 'a@example.com'), ('two', 'a@example.com')`,
		`INSERT INTO accounts ("userId", type, provider, "providerAccountId") VALUES (1, 'oauth', 'github', '1'), (2, 'oauth', 'github', '1')`)
	a, err := p.Open(t, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	for call, err := range map[string]error{
		"GetUserByEmail":   second(a.GetUserByEmail(t.Context(), "a@example.com")),
		"GetUserByAccount": second(a.GetUserByAccount(t.Context(), "github", "1")),
	} {
		if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "2 rows with the same") || strings.Contains(err.Error(), "a@example.com") {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// R11 holds within a transaction too: a call that fails rolls back nothing of a
// concurrent call.
func TestTogetherInOneTx(t *testing.T) {
	for _, l := range []sqltables.Layout{sqltables.DrizzlePostgres(), sqltables.DrizzleMySQL(), sqltables.DrizzleSQLite()} {
		t.Run(l.Name, func(t *testing.T) {
			a, err := conformance.NewDatabase(t, l).Open(t, quiet(nil))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.CreateUser(t.Context(), store.User{ID: "taken"}); err != nil {
				t.Fatal(err)
			}
			errs := make([]error, 32)
			err = asAdapter(a).Tx(t.Context(), func(in store.Adapter) error {
				var wg sync.WaitGroup
				for i := range errs {
					wg.Go(func() {
						id := "taken"
						if i%2 == 0 {
							id = fmt.Sprint("u", i)
						}
						_, errs[i] = in.CreateUser(t.Context(), store.User{ID: id})
						_, _ = in.GetUser(t.Context(), "taken")
					})
				}
				wg.Wait()
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for i, err := range errs {
				if i%2 != 0 {
					if !errors.Is(err, &store.ConflictError{Field: "id"}) {
						t.Error(err)
					}
					continue
				}
				if err != nil {
					t.Error(err)
				} else if _, err := a.GetUser(t.Context(), fmt.Sprint("u", i)); err != nil {
					t.Errorf("u%d was created but is not found: %v", i, err)
				}
			}
		})
	}
}
