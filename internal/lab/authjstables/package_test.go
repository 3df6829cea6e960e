package authjstables_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/npm"
)

// folder has the scripts and the lock file of the packages.
const folder = "testdata/npm"

// patience is how long a call may take before its process is ended. It is wide:
// nothing is measured by it.
const patience = 2 * time.Minute

// object is an object of JavaScript; see date.
type object map[string]any

// null is JavaScript's null, and what an adapter answers with for an absent
// row.
var null = json.RawMessage("null")

// authjs is an adapter of Auth.js on a database.
type authjs struct {
	name string
	node *node
}

// node is a process that runs serve.mjs. It is asked one thing at a time.
type node struct {
	kill   func() error
	lines  *json.Encoder
	output *bufio.Reader
	err    bytes.Buffer // complete once the process has ended
}

// start opens a package on a database. zone is the time zone of its process.
func start(t *testing.T, name, dialect, zone string, database object) *authjs {
	t.Helper()
	cmd := exec.Command("node", "serve.mjs")
	cmd.Dir = npm.Install(t, folder)
	// Not in production TypeORM changes the tables that it finds.
	cmd.Env = append(os.Environ(), "NODE_ENV=production", "TZ="+zone)
	n := new(node)
	cmd.Stderr = &n.err
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.kill = cmd.Process.Kill
	n.lines, n.output = json.NewEncoder(stdin), bufio.NewReader(stdout)
	t.Cleanup(func() {
		stdin.Close() // which ends it
		late := time.AfterFunc(patience, func() { n.kill() })
		err := cmd.Wait()
		late.Stop()
		if err != nil || n.err.Len() > 0 {
			t.Logf("node ended (%v) and said:\n%s", err, n.err.String())
		}
	})
	if _, err := n.ask(object{"package": name, "dialect": dialect, "database": database}); err != nil {
		t.Fatalf("%s on %s: %v", name, dialect, err)
	}
	return &authjs{name: name, node: n}
}

// ask sends a line and returns the result of the answer.
func (n *node) ask(question object) (json.RawMessage, error) {
	late := time.AfterFunc(patience, func() { n.kill() })
	defer late.Stop()
	if err := n.lines.Encode(question); err != nil {
		return nil, err
	}
	line, err := n.output.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("node gives no answer: %w", err)
	}
	var answer struct {
		Result json.RawMessage
		Error  string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, fmt.Errorf("%w in %s", err, line)
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	return answer.Result, nil
}

// refuses calls a method that must fail, and returns how it fails.
func (a *authjs) refuses(t *testing.T, method string, args ...any) string {
	t.Helper()
	got, err := a.node.ask(object{"method": method, "args": args})
	if err == nil {
		t.Errorf("%s.%s%s: got %s, want an error", a.name, method, show(args), got)
		return ""
	}
	return err.Error()
}

// call calls a method that must work, and returns what it does.
func (a *authjs) call(t *testing.T, method string, args ...any) json.RawMessage {
	t.Helper()
	got, err := a.node.ask(object{"method": method, "args": args})
	if err != nil {
		t.Fatalf("%s.%s%s: %v", a.name, method, show(args), err)
	}
	return got
}

func show(args []any) string {
	text, _ := json.Marshal(args)
	return "(" + strings.Trim(string(text), "[]") + ")"
}

// date is a Date as serve.mjs has it.
type date struct {
	Instant time.Time `json:"$date"`
}

func dateOf(at *time.Time) any {
	if at == nil {
		return nil
	}
	return date{at.UTC()}
}

// id is the id of a row, a string or a number in JavaScript.
type id string

func (i *id) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] != '"' {
		*i = id(text)
		return nil
	}
	return json.Unmarshal(text, (*string)(i))
}

// The rows of Auth.js. What a package adds to them, such as ids of sessions, is
// passed over.
type (
	userRow struct {
		ID                 id
		Name, Email, Image *string
		EmailVerified      *date
	}
	accountRow struct {
		UserID            id
		Type, Provider    string
		ProviderAccountID string
		RefreshToken      *string `json:"refresh_token"`
		AccessToken       *string `json:"access_token"`
		ExpiresAt         *int64  `json:"expires_at"`
		TokenType         *string `json:"token_type"`
		Scope             *string
		IDToken           *string `json:"id_token"`
		SessionState      *string `json:"session_state"`
	}
	sessionRow struct {
		SessionToken string
		UserID       id
		Expires      date
	}
	tokenRow struct {
		Identifier, Token string
		Expires           date
	}
	authenticatorRow struct {
		CredentialID         string
		UserID               id
		ProviderAccountID    string
		CredentialPublicKey  string
		Counter              uint32
		CredentialDeviceType string
		CredentialBackedUp   bool
		Transports           *string
	}
)

// read reads a row, which must be there.
func read[R any](t *testing.T, from json.RawMessage) R {
	t.Helper()
	var r R
	if bytes.Equal(from, null) {
		t.Errorf("got null, want %T", r)
		return r
	}
	if err := json.Unmarshal(from, &r); err != nil {
		t.Fatalf("%v in %s", err, from)
	}
	return r
}

func (r userRow) user() store.User {
	u := store.User{ID: string(r.ID), Name: r.Name, Email: r.Email, Image: r.Image}
	if r.EmailVerified != nil {
		u.EmailVerified = &r.EmailVerified.Instant
	}
	return u
}

func (r accountRow) account() store.Account {
	return store.Account{
		UserID: string(r.UserID), Type: r.Type, Provider: r.Provider, ProviderAccountID: r.ProviderAccountID,
		RefreshToken: r.RefreshToken, AccessToken: r.AccessToken, ExpiresAt: r.ExpiresAt, TokenType: r.TokenType,
		Scope: r.Scope, IDToken: r.IDToken, SessionState: r.SessionState,
	}
}

func (r sessionRow) session() store.Session {
	return store.Session{SessionToken: r.SessionToken, UserID: string(r.UserID), Expires: r.Expires.Instant}
}

func (r tokenRow) token() store.VerificationToken {
	return store.VerificationToken{Identifier: r.Identifier, Token: r.Token, Expires: r.Expires.Instant}
}

func (r authenticatorRow) authenticator() store.Authenticator {
	return store.Authenticator{
		CredentialID: r.CredentialID, UserID: string(r.UserID), ProviderAccountID: r.ProviderAccountID,
		CredentialPublicKey: r.CredentialPublicKey, Counter: r.Counter, CredentialDeviceType: r.CredentialDeviceType,
		CredentialBackedUp: r.CredentialBackedUp, Transports: r.Transports,
	}
}

// What the core of Auth.js passes for the entities.

func userArg(u store.User) object {
	return object{"id": u.ID, "name": u.Name, "email": u.Email, "emailVerified": dateOf(u.EmailVerified), "image": u.Image}
}

// accountArg leaves out what a provider did not send, as Auth.js does.
func accountArg(a store.Account) object {
	o := object{"userId": a.UserID, "type": a.Type, "provider": a.Provider, "providerAccountId": a.ProviderAccountID}
	for name, value := range map[string]*string{
		"refresh_token": a.RefreshToken, "access_token": a.AccessToken, "token_type": a.TokenType,
		"scope": a.Scope, "id_token": a.IDToken, "session_state": a.SessionState,
	} {
		if value != nil {
			o[name] = *value
		}
	}
	if a.ExpiresAt != nil {
		o["expires_at"] = *a.ExpiresAt
	}
	return o
}

func sessionArg(s store.Session) object {
	return object{"sessionToken": s.SessionToken, "userId": s.UserID, "expires": dateOf(&s.Expires)}
}

func tokenArg(v store.VerificationToken) object {
	return object{"identifier": v.Identifier, "token": v.Token, "expires": dateOf(&v.Expires)}
}

func authenticatorArg(a store.Authenticator) object {
	return object{
		"credentialID": a.CredentialID, "userId": a.UserID, "providerAccountId": a.ProviderAccountID,
		"credentialPublicKey": a.CredentialPublicKey, "counter": a.Counter, "credentialDeviceType": a.CredentialDeviceType,
		"credentialBackedUp": a.CredentialBackedUp, "transports": a.Transports,
	}
}
