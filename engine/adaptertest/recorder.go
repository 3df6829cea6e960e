package adaptertest

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

// callLog keeps the calls of a case, for the report.
type callLog struct {
	muted atomic.Bool // while calls race, because its lock would order them
	mu    sync.Mutex
	lines []string
	n     int
}

const logged = 12 // the number of last lines that a log keeps

func (l *callLog) add(format string, args ...any) {
	if l.muted.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
	if len(l.lines) > logged {
		l.lines = l.lines[1:]
	}
}

func (l *callLog) did() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	if l.n > len(l.lines) {
		out = append(out, fmt.Sprintf("… %d earlier calls", l.n-len(l.lines)))
	}
	return append(out, l.lines...)
}

// recorder is the adapter that cases call. It has every optional method; a case
// must call only those that the adapter under test has.
type recorder struct {
	a   store.Adapter
	log *callLog
}

func (r *recorder) logCall(method string, args []any, got any, err error) {
	if r.log.muted.Load() {
		return
	}
	shown := make([]string, 0, len(args))
	for _, a := range args {
		shown = append(shown, show(a))
	}
	switch {
	case err != nil:
		r.log.add("%s(%s): %v", method, strings.Join(shown, ", "), err)
	case got == nil:
		r.log.add("%s(%s)", method, strings.Join(shown, ", "))
	default:
		r.log.add("%s(%s) = %s", method, strings.Join(shown, ", "), show(got))
	}
}

func (r *recorder) CreateUser(ctx context.Context, u store.User) (store.User, error) {
	in := show(u)
	v, err := r.a.CreateUser(ctx, u)
	r.logCall("CreateUser", []any{raw(in)}, v, err)
	return v, err
}
func (r *recorder) GetUser(ctx context.Context, id string) (store.User, error) {
	v, err := r.a.GetUser(ctx, id)
	r.logCall("GetUser", []any{id}, v, err)
	return v, err
}
func (r *recorder) GetUserByEmail(ctx context.Context, email string) (store.User, error) {
	v, err := r.a.GetUserByEmail(ctx, email)
	r.logCall("GetUserByEmail", []any{email}, v, err)
	return v, err
}
func (r *recorder) UpdateUser(ctx context.Context, u store.UserUpdate) (store.User, error) {
	in := show(u)
	v, err := r.a.UpdateUser(ctx, u)
	r.logCall("UpdateUser", []any{raw(in)}, v, err)
	return v, err
}
func (r *recorder) DeleteUser(ctx context.Context, id string) error {
	err := r.a.DeleteUser(ctx, id)
	r.logCall("DeleteUser", []any{id}, nil, err)
	return err
}
func (r *recorder) LinkAccount(ctx context.Context, a store.Account) (store.Account, error) {
	in := show(a)
	v, err := r.a.LinkAccount(ctx, a)
	r.logCall("LinkAccount", []any{raw(in)}, v, err)
	return v, err
}
func (r *recorder) UnlinkAccount(ctx context.Context, provider, id string) error {
	err := r.a.UnlinkAccount(ctx, provider, id)
	r.logCall("UnlinkAccount", []any{provider, id}, nil, err)
	return err
}
func (r *recorder) GetAccount(ctx context.Context, provider, id string) (store.Account, error) {
	v, err := r.a.GetAccount(ctx, provider, id)
	r.logCall("GetAccount", []any{provider, id}, v, err)
	return v, err
}
func (r *recorder) GetUserByAccount(ctx context.Context, provider, id string) (store.User, error) {
	v, err := r.a.GetUserByAccount(ctx, provider, id)
	r.logCall("GetUserByAccount", []any{provider, id}, v, err)
	return v, err
}
func (r *recorder) ListAccountsByUserID(ctx context.Context, id string) ([]store.Account, error) {
	v, err := r.a.ListAccountsByUserID(ctx, id)
	r.logCall("ListAccountsByUserID", []any{id}, v, err)
	return v, err
}
func (r *recorder) CreateUserWithAccount(ctx context.Context, u store.User, a store.Account) (store.User, store.Account, error) {
	in, with := show(u), show(a)
	v, n, err := r.a.(store.SignUpAdapter).CreateUserWithAccount(ctx, u, a)
	r.logCall("CreateUserWithAccount", []any{raw(in), raw(with)}, []any{v, n}, err)
	return v, n, err
}
func (r *recorder) CreateSession(ctx context.Context, s store.Session) (store.Session, error) {
	v, err := r.a.CreateSession(ctx, s)
	r.logCall("CreateSession", []any{s}, v, err)
	return v, err
}
func (r *recorder) GetSession(ctx context.Context, token string) (store.Session, error) {
	v, err := r.a.GetSession(ctx, token)
	r.logCall("GetSession", []any{token}, v, err)
	return v, err
}
func (r *recorder) GetSessionAndUser(ctx context.Context, token string) (store.Session, store.User, error) {
	s, u, err := r.a.GetSessionAndUser(ctx, token)
	r.logCall("GetSessionAndUser", []any{token}, []any{s, u}, err)
	return s, u, err
}
func (r *recorder) UpdateSession(ctx context.Context, s store.SessionUpdate) (store.Session, error) {
	v, err := r.a.UpdateSession(ctx, s)
	r.logCall("UpdateSession", []any{s}, v, err)
	return v, err
}
func (r *recorder) DeleteSession(ctx context.Context, token string) error {
	err := r.a.DeleteSession(ctx, token)
	r.logCall("DeleteSession", []any{token}, nil, err)
	return err
}
func (r *recorder) DeleteSessionsByUserID(ctx context.Context, id string) error {
	err := r.a.DeleteSessionsByUserID(ctx, id)
	r.logCall("DeleteSessionsByUserID", []any{id}, nil, err)
	return err
}
func (r *recorder) CreateVerificationToken(ctx context.Context, t store.VerificationToken) (store.VerificationToken, error) {
	v, err := r.a.CreateVerificationToken(ctx, t)
	r.logCall("CreateVerificationToken", []any{t}, v, err)
	return v, err
}
func (r *recorder) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	v, err := r.a.UseVerificationToken(ctx, identifier, token)
	r.logCall("UseVerificationToken", []any{identifier, token}, v, err)
	return v, err
}
func (r *recorder) CreateAuthenticator(ctx context.Context, a store.Authenticator) (store.Authenticator, error) {
	in := show(a)
	v, err := r.a.(store.AuthenticatorAdapter).CreateAuthenticator(ctx, a)
	r.logCall("CreateAuthenticator", []any{raw(in)}, v, err)
	return v, err
}
func (r *recorder) GetAuthenticator(ctx context.Context, id string) (store.Authenticator, error) {
	v, err := r.a.(store.AuthenticatorAdapter).GetAuthenticator(ctx, id)
	r.logCall("GetAuthenticator", []any{id}, v, err)
	return v, err
}
func (r *recorder) ListAuthenticatorsByUserID(ctx context.Context, id string) ([]store.Authenticator, error) {
	v, err := r.a.(store.AuthenticatorAdapter).ListAuthenticatorsByUserID(ctx, id)
	r.logCall("ListAuthenticatorsByUserID", []any{id}, v, err)
	return v, err
}
func (r *recorder) UpdateAuthenticatorCounter(ctx context.Context, id string, n uint32) (store.Authenticator, error) {
	v, err := r.a.(store.AuthenticatorAdapter).UpdateAuthenticatorCounter(ctx, id, n)
	r.logCall("UpdateAuthenticatorCounter", []any{id, n}, v, err)
	return v, err
}
func (r *recorder) PurgeExpired(ctx context.Context, before time.Time, limit int) (int, error) {
	v, err := r.a.(store.Purger).PurgeExpired(ctx, before, limit)
	r.logCall("PurgeExpired", []any{before, limit}, v, err)
	return v, err
}
func (r *recorder) ListSessionsByUserID(ctx context.Context, id string) ([]store.Session, error) {
	v, err := r.a.(store.SessionLister).ListSessionsByUserID(ctx, id)
	r.logCall("ListSessionsByUserID", []any{id}, v, err)
	return v, err
}
func (r *recorder) Tx(ctx context.Context, fn func(store.Adapter) error) error {
	r.log.add("Tx: fn starts")
	err := r.a.(store.Transactor).Tx(ctx, func(a store.Adapter) error { return fn(&recorder{a: a, log: r.log}) })
	if err == nil {
		r.log.add("Tx: committed")
	} else {
		r.log.add("Tx: %v", err)
	}
	return err
}
func (r *recorder) Close() error {
	err := r.a.(io.Closer).Close()
	r.logCall("Close", nil, nil, err)
	return err
}

type raw string

// show formats a value of the contract: only fields that are set, pointers
// followed, long strings truncated.
func show(v any) string {
	switch v := v.(type) {
	case raw:
		return string(v)
	case time.Time:
		return v.Format("2006-01-02T15:04:05.999999999Z07:00")
	}
	return shown(reflect.ValueOf(v))
}

func shown(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Invalid:
		return "nil"
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "nil"
		}
		return shown(v.Elem())
	case reflect.String:
		if s := v.String(); len(s) > 70 {
			return fmt.Sprintf("%.32q… (%d bytes)", s, len(s))
		}
		return fmt.Sprintf("%q", v.String())
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return show(t)
		}
		var fields []string
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				fields = append(fields, v.Type().Field(i).Name+":"+shown(v.Field(i)))
			}
		}
		return "{" + strings.Join(fields, " ") + "}"
	case reflect.Slice:
		var items []string
		for i := range min(v.Len(), 4) {
			items = append(items, shown(v.Index(i)))
		}
		if v.Len() > 4 {
			items = append(items, fmt.Sprintf("… %d in all", v.Len()))
		}
		return "[" + strings.Join(items, " ") + "]"
	}
	return fmt.Sprint(v.Interface())
}
