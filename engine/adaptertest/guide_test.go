package adaptertest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// This file holds the Go code of docs/adapters.md, so that it compiles and runs.

// Store is the part of an adapter that the guide shows.
type Store struct {
	store.Adapter // the rest
	db            *sql.DB
	mu            sync.Mutex
	tokens        map[[2]string]store.VerificationToken
}

func (s *Store) GetUser(ctx context.Context, id string) (store.User, error) {
	var u store.User
	row := s.db.QueryRowContext(ctx, `SELECT id, name, email, image FROM users WHERE id = ?`, id)
	err := row.Scan(&u.ID, &u.Name, &u.Email, &u.Image)
	if errors.Is(err, sql.ErrNoRows) {
		return store.User{}, store.ErrNotFound
	}
	if err != nil {
		return store.User{}, fmt.Errorf("mystore: get a user: %w", err)
	}
	return u, nil
}

func (s *Store) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	if err := ctx.Err(); err != nil {
		return store.VerificationToken{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{identifier, token}
	t, ok := s.tokens[key]
	if !ok {
		return store.VerificationToken{}, store.ErrNotFound
	}
	delete(s.tokens, key)
	return t, nil
}

func (s *Store) CreateVerificationToken(ctx context.Context, t store.VerificationToken) (store.VerificationToken, error) {
	if err := ctx.Err(); err != nil {
		return store.VerificationToken{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{t.Identifier, t.Token}
	if _, taken := s.tokens[key]; taken {
		return store.VerificationToken{}, &store.ConflictError{Field: "token"}
	}
	t.Expires = t.Expires.UTC().Truncate(1e6) // R6: UTC, milliseconds
	s.tokens[key] = t
	return t, nil
}

func change(columns []string, args []any, u store.UserUpdate) ([]string, []any) {
	if u.Name.Set {
		columns, args = append(columns, "name = ?"), append(args, u.Name.Value) // nil clears
	}
	return columns, args
}

func TestGuideStore(t *testing.T) {
	l := &lab{dir: t.TempDir()}
	a, closeStore, err := l.open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore()
	db := l.of(a).db
	if _, err := db.Exec(`CREATE TABLE users (id text PRIMARY KEY, name text, email text, image text); INSERT INTO users (id) VALUES ('u1')`); err != nil {
		t.Fatal(err)
	}
	s := &Store{db: db}
	if u, err := s.GetUser(t.Context(), "u1"); err != nil || u.ID != "u1" {
		t.Error(u, err)
	}
	if _, err := s.GetUser(t.Context(), "u2"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if columns, args := change(nil, nil, store.UserUpdate{Name: store.Clear[string]()}); len(columns) != 1 || args[0] != (*string)(nil) {
		t.Error(columns, args)
	}
	open := func(_ context.Context, s *schema.Schema) (store.Adapter, func(), error) {
		return &Store{Adapter: memory.New(s), tokens: map[[2]string]store.VerificationToken{}}, nil, nil
	}
	var tokens []string
	for _, id := range adaptertest.CaseIDs() {
		if strings.HasPrefix(id, "token/") || id == "race/consume-64" {
			tokens = append(tokens, id)
		}
	}
	report := adaptertest.Check(t.Context(), open, adaptertest.Only(tokens...))
	if err := report.Err(); err != nil {
		t.Error(err)
	}
}

func ExampleCheck() {
	open := func(ctx context.Context, s *schema.Schema) (store.Adapter, func(), error) {
		return memory.New(s), nil, nil
	}
	report := adaptertest.Check(context.Background(), open, adaptertest.Seed(7))
	if err := report.Err(); err != nil {
		fmt.Println(err) // every failure, explained
	}
	fmt.Println(len(report.Results), "cases")
	// Output: 119 cases
}

func TestGuideOptions(t *testing.T) {
	opts := []adaptertest.Option{
		adaptertest.Require(adaptertest.Tx, adaptertest.Purge),
		adaptertest.Known("data/limits", "the column is varchar(191), https://example.com/issues/1"),
		adaptertest.MaxString("user.name", 191),
	}
	if len(opts) != 3 {
		t.Error(opts)
	}
}

// Every block of Go in the guide occurs in this file, in outsider_test.go or in
// the worked example.
func TestGuideIsCompiled(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "adapters.md"))
	if err != nil {
		t.Fatal(err)
	}
	var source []string
	example := filepath.Join("..", "..", "examples", "custom-adapter")
	for _, file := range []string{"guide_test.go", "outsider_test.go", filepath.Join(example, "adapter.go"), filepath.Join(example, "optional.go")} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, flat(string(text)))
	}
	blocks := 0
	for _, rest := range strings.Split(string(guide), "```go\n")[1:] {
		block, _, _ := strings.Cut(rest, "```")
		blocks++
		want := flat(block)
		if !slices.ContainsFunc(source, func(text string) bool { return strings.Contains(text, want) }) {
			t.Errorf("the guide shows code that no test compiles:\n%s", block)
		}
	}
	if blocks < 5 {
		t.Errorf("%d blocks of Go in the guide", blocks)
	}
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestOutsiderIsShort(t *testing.T) {
	text, err := os.ReadFile("outsider_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 15 {
		t.Errorf("%d lines, want at most 15", n)
	}
}
