package redis

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

func (a *Adapter) key(kind, id string) string { return a.tag + kind + ":" + id }

// pair joins two parts of a key. The length of the first precedes it, so that
// (a:b, c) and (a, b:c) differ.
func pair(first, second string) string {
	return strconv.Itoa(len(first)) + ":" + first + ":" + second
}

// extraPrefix precedes the names of extra fields, whose values are JSON.
const extraPrefix = "extra:"

// fields holds the fields of a row as pairs of name and value. A nil field is left
// out.
type fields []any

func (f *fields) text(name, value string) { *f = append(*f, name, value) }

func (f *fields) optional(name string, value *string) {
	if value != nil {
		f.text(name, *value)
	}
}

func (f *fields) time(name string, value time.Time) {
	f.text(name, strconv.FormatInt(value.UnixMilli(), 10))
}

func userFields(u store.User, extra fields) fields {
	var f fields
	f.text("id", u.ID)
	f.optional("name", u.Name)
	f.optional("email", u.Email)
	f.optional("image", u.Image)
	if u.EmailVerified != nil {
		f.time("emailVerified", *u.EmailVerified)
	}
	return append(f, extra...)
}

func accountFields(a store.Account) fields {
	var f fields
	f.text("userId", a.UserID)
	f.text("type", a.Type)
	f.text("provider", a.Provider)
	f.text("providerAccountId", a.ProviderAccountID)
	f.optional("refresh_token", a.RefreshToken)
	f.optional("access_token", a.AccessToken)
	if a.ExpiresAt != nil {
		f.text("expires_at", strconv.FormatInt(*a.ExpiresAt, 10))
	}
	f.optional("token_type", a.TokenType)
	f.optional("scope", a.Scope)
	f.optional("id_token", a.IDToken)
	f.optional("session_state", a.SessionState)
	return f
}

func sessionFields(s store.Session, extra fields) fields {
	var f fields
	f.text("sessionToken", s.SessionToken)
	f.text("userId", s.UserID)
	f.time("expires", s.Expires)
	return append(f, extra...)
}

func authenticatorFields(a store.Authenticator) fields {
	var f fields
	f.text("credentialID", a.CredentialID)
	f.text("userId", a.UserID)
	f.text("providerAccountId", a.ProviderAccountID)
	f.text("credentialPublicKey", a.CredentialPublicKey)
	f.text("counter", strconv.FormatUint(uint64(a.Counter), 10))
	f.text("credentialDeviceType", a.CredentialDeviceType)
	f.text("credentialBackedUp", strconv.FormatBool(a.CredentialBackedUp))
	f.optional("transports", a.Transports)
	return f
}

// row is a reply of HGETALL.
type row []any

func (r row) all() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := 0; i+1 < len(r); i += 2 {
			name, _ := r[i].(string)
			value, _ := r[i+1].(string)
			if !yield(name, value) {
				return
			}
		}
	}
}

// reader reads the values of a row and keeps the first error.
type reader struct{ err error }

func (r *reader) number(name, value string) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("redis: a stored %s is not a number: %w", name, errors.Unwrap(err))
	}
	return n
}

func (r *reader) time(name, value string) time.Time {
	return time.UnixMilli(r.number(name, value)).UTC()
}

func (a *Adapter) readUser(from row) (store.User, error) {
	var u store.User
	var r reader
	for name, value := range from.all() {
		switch name {
		case "id":
			u.ID = value
		case "name":
			u.Name = &value
		case "email":
			u.Email = &value
		case "image":
			u.Image = &value
		case "emailVerified":
			at := r.time(name, value)
			u.EmailVerified = &at
		default:
			readExtra(&r, a.schema.UserField, &u.Extra, name, value)
		}
	}
	if r.err != nil {
		return store.User{}, r.err
	}
	return u, nil
}

func readAccount(from row) (store.Account, error) {
	var a store.Account
	var r reader
	for name, value := range from.all() {
		switch name {
		case "userId":
			a.UserID = value
		case "type":
			a.Type = value
		case "provider":
			a.Provider = value
		case "providerAccountId":
			a.ProviderAccountID = value
		case "refresh_token":
			a.RefreshToken = &value
		case "access_token":
			a.AccessToken = &value
		case "expires_at":
			at := r.number(name, value)
			a.ExpiresAt = &at
		case "token_type":
			a.TokenType = &value
		case "scope":
			a.Scope = &value
		case "id_token":
			a.IDToken = &value
		case "session_state":
			a.SessionState = &value
		}
	}
	if r.err != nil {
		return store.Account{}, r.err
	}
	return a, nil
}

func (a *Adapter) readSession(from row) (store.Session, error) {
	var s store.Session
	var r reader
	for name, value := range from.all() {
		switch name {
		case "sessionToken":
			s.SessionToken = value
		case "userId":
			s.UserID = value
		case "expires":
			s.Expires = r.time(name, value)
		default:
			readExtra(&r, a.schema.SessionField, &s.Extra, name, value)
		}
	}
	if r.err != nil {
		return store.Session{}, r.err
	}
	return s, nil
}

func readAuthenticator(from row) (store.Authenticator, error) {
	var a store.Authenticator
	var r reader
	for name, value := range from.all() {
		switch name {
		case "credentialID":
			a.CredentialID = value
		case "userId":
			a.UserID = value
		case "providerAccountId":
			a.ProviderAccountID = value
		case "credentialPublicKey":
			a.CredentialPublicKey = value
		case "counter":
			a.Counter = uint32(r.number(name, value))
		case "credentialDeviceType":
			a.CredentialDeviceType = value
		case "credentialBackedUp":
			a.CredentialBackedUp = value == "true"
		case "transports":
			a.Transports = &value
		}
	}
	if r.err != nil {
		return store.Authenticator{}, r.err
	}
	return a, nil
}

// storable refuses instants whose milliseconds exceed 53 bits, which Redis cannot
// sort; they are after the year 280000.
func storable(name string, t time.Time) error {
	const limit = 1 << 53
	if s := t.Unix(); s < -limit/1000 || s > limit/1000 {
		return fmt.Errorf("redis: %w: %s is out of range (year %d)", store.ErrInvalid, name, t.Year())
	}
	return nil
}

// splitExtra returns the extra fields to write and those to clear.
func splitExtra(entity string, declared func(string) (schema.Field, bool), extra map[string]any) (set, clear fields, err error) {
	kept, err := schema.MergeExtra(nil, extra, declared)
	if err != nil {
		return nil, nil, fmt.Errorf("redis: %w: the %s field %w", store.ErrInvalid, entity, err)
	}
	for name := range extra {
		v, ok := kept[name]
		if !ok {
			clear = append(clear, extraPrefix+name)
			continue
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, nil, fmt.Errorf("redis: %w: the %s field %q: %w", store.ErrInvalid, entity, name, err)
		}
		set.text(extraPrefix+name, string(text))
	}
	return set, clear, nil
}

// readExtra reads an extra field into a map. It ignores a field that the schema no
// longer declares, and returns a value that no longer fits its type unchanged,
// for the engine to handle.
func readExtra(r *reader, declared func(string) (schema.Field, bool), into *map[string]any, name, text string) {
	name, ok := strings.CutPrefix(name, extraPrefix)
	if !ok {
		return
	}
	f, ok := declared(name)
	if !ok {
		return
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil { // whole numbers within ±2^53 stay exact
		if r.err == nil {
			r.err = fmt.Errorf("redis: a stored field %q is not JSON: %w", name, err)
		}
		return
	}
	if canonical, err := f.Canon(v); err == nil {
		v = canonical
	}
	if v == nil {
		return
	}
	if *into == nil {
		*into = map[string]any{}
	}
	(*into)[name] = v
}
