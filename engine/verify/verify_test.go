package verify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/internal/wire"
)

const (
	secret    = "correct-horse-battery-staple-0001"
	oldSecret = "an-older-secret-that-was-rotated-out-2"
)

var epoch = time.Unix(1790000000, 0)

// newVerifier returns a verifier with the secret and a stopped clock.
func newVerifier(t testing.TB, cfg verify.Config) *verify.Verifier {
	t.Helper()
	if cfg.Secrets == nil {
		cfg.Secrets = []string{secret}
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return epoch }
	}
	if cfg.Getenv == nil {
		cfg.Getenv = func(string) string { return "" }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	v, err := verify.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// seal returns a token that is valid for an hour.
func seal(t testing.TB, d wire.Dialect, cookie, secret string, claims *schema.Token) string {
	t.Helper()
	token, err := d.SessionKeys(cookie, secret).EncodeToken(claims, epoch, time.Hour, bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

var (
	v5Name, v5Plain = wire.V5.CookieNames(true).SessionToken, wire.V5.CookieNames(false).SessionToken
	v4Name, v4Plain = wire.V4.CookieNames(true).SessionToken, wire.V4.CookieNames(false).SessionToken
)

func with1(cookie string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	return r
}

func off() *bool { return new(bool) }

type secretList []string

func (l *secretList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = secretList{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// All recorded session tokens are accepted or rejected as by the real packages.
func TestVectors(t *testing.T) {
	for d, file := range map[wire.Dialect]string{wire.V5: "session-jwe-v5.json", wire.V4: "session-jwe-v4.json"} {
		data, err := os.ReadFile("../../internal/wire/testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var vectors struct {
			Vectors []struct {
				Name   string
				Encode struct {
					Secret secretList
					Salt   string
				}
				Plaintext string `json:"plaintext_json"`
				Token     string
				Decode    []struct {
					Label, Token, Salt, Result, Error string
					Secret                            secretList
					Now                               int64
				}
			}
		}
		if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Vectors) == 0 {
			t.Fatalf("%s: no vectors (%v)", file, err)
		}
		read := 0
		for _, vector := range vectors.Vectors {
			for _, c := range vector.Decode {
				if (c.Salt == "") != (d == wire.V4) {
					continue // for a check cookie or a cookie without a name, which are not sessions
				}
				name := c.Salt
				if name == "" {
					name = v4Name
				}
				if c.Token == "" {
					c.Token = vector.Token
				}
				v := newVerifier(t, verify.Config{Secrets: c.Secret, CookieName: name, Dialects: []verify.Dialect{d}, Now: func() time.Time { return time.Unix(c.Now, 0) }})
				token, err := v.Token(with1(name + "=" + c.Token))
				want := verify.ErrInvalid
				switch {
				case c.Result == "ok":
					want = nil
				case c.Error == "ERR_JWT_EXPIRED":
					want = verify.ErrExpired
				case c.Error == "ERR_JWT_CLAIM_VALIDATION_FAILED" && strings.Contains(vector.Plaintext, `"nbf"`):
					want = verify.ErrNotYet
				}
				if !errors.Is(err, want) || (err == nil) != (token != nil) {
					t.Errorf("%s, %s: %v, want %v", vector.Name, c.Label, err, want)
				}
				if err == nil {
					read++
				}
			}
		}
		if read == 0 {
			t.Errorf("%s: nothing was read", file)
		}
	}
}

func TestWhereTheTokenIs(t *testing.T) {
	ada := &schema.Token{Subject: "ada"}
	v5, v4 := seal(t, wire.V5, v5Name, secret, ada), seal(t, wire.V4, v4Name, secret, ada)
	custom5, custom4 := seal(t, wire.V5, "app.session", secret, ada), seal(t, wire.V4, "app.session", secret, ada)
	chunks := func(d wire.Dialect, name string) string {
		long := seal(t, d, name, secret, &schema.Token{Subject: "ada", Extra: map[string]any{"pad": strings.Repeat("x", 9000)}})
		set, err := d.SetSessionCookie(nil, nil, wire.SetCookie{Name: name, Expires: epoch, Secure: true}, long)
		if err != nil || len(set) < 3 {
			t.Fatalf("%d chunks, %v", len(set), err)
		}
		var pairs []string
		for _, c := range set {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
		return strings.Join(pairs, "; ")
	}
	both := verify.Config{}
	for _, c := range []struct {
		name           string
		cfg            verify.Config
		cookie, bearer string
		want           error
	}{
		{"nothing", both, "", "", verify.ErrNoSession},
		{"other cookies", both, "a=b; authjs.csrf-token=x", "", verify.ErrNoSession},
		{"v5", both, v5Name + "=" + v5, "", nil},
		{"v4", both, v4Name + "=" + v4, "", nil},
		{"v5 in chunks", both, chunks(wire.V5, v5Name), "", nil},
		{"v4 in chunks", both, chunks(wire.V4, v4Name), "", nil},
		{"a chunk is missing", both, strings.Replace(chunks(wire.V5, v5Name), ".1=", ".9=", 1), "", verify.ErrNoSession},
		{"v5 percent-encoded", both, v5Name + "=" + strings.ReplaceAll(v5, ".", "%2E"), "", nil},
		{"only v5 is read", verify.Config{Dialects: []verify.Dialect{verify.DialectV5}}, v4Name + "=" + v4, "", verify.ErrNoSession},
		{"only v4 is read", verify.Config{Dialects: []verify.Dialect{verify.DialectV4}}, v5Name + "=" + v5, "", verify.ErrNoSession},
		{"v4 under the name of v5", both, v5Name + "=" + v4, "", verify.ErrInvalid},
		{"v5 under the name of v4", both, v4Name + "=" + v5, "", verify.ErrInvalid},
		{"a stale one of v5 beside one of v4", both, v5Name + "=stale; " + v4Name + "=" + v4, "", nil},
		{"a stale one of v4 beside one of v5", both, v4Name + "=stale; " + v5Name + "=" + v5, "", nil},
		{"two stale ones", both, v4Name + "=stale; " + v5Name + "=stale", "", verify.ErrInvalid},
		{"an expired one of v5 beside a stale one of v4", verify.Config{Now: func() time.Time { return epoch.Add(2 * time.Hour) }}, v5Name + "=" + v5 + "; " + v4Name + "=stale", "", verify.ErrExpired},

		{"http", verify.Config{UseSecureCookies: off()}, v5Plain + "=" + seal(t, wire.V5, v5Plain, secret, ada), "", nil},
		{"http, v4", verify.Config{UseSecureCookies: off()}, v4Plain + "=" + v4, "", nil},
		{"http at a verifier for https", both, v5Plain + "=" + seal(t, wire.V5, v5Plain, secret, ada), "", verify.ErrNoSession},
		{"https at a verifier for http", verify.Config{UseSecureCookies: off()}, v5Name + "=" + v5, "", verify.ErrNoSession},
		{"the token of http under the name of https", both, v5Name + "=" + seal(t, wire.V5, v5Plain, secret, ada), "", verify.ErrInvalid},

		{"a custom name, v5", verify.Config{CookieName: "app.session"}, "app.session=" + custom5, "", nil},
		{"a custom name, v4", verify.Config{CookieName: "app.session"}, "app.session=" + custom4, "", nil},
		{"a custom name, in chunks", verify.Config{CookieName: "app.session"}, chunks(wire.V4, "app.session"), "", nil},
		{"a custom name with a prefix", verify.Config{CookieName: "__Secure-app.session"}, "__Secure-app.session=" + seal(t, wire.V5, "__Secure-app.session", secret, ada), "", nil},
		{"a custom name with a prefix, http", verify.Config{CookieName: "__Secure-app.session", UseSecureCookies: off()}, "app.session=" + custom5, "", nil},
		{"the usual name beside a custom one", verify.Config{CookieName: "app.session"}, v5Name + "=" + v5, "", verify.ErrNoSession},

		{"bearer v5", both, "", "Bearer " + v5, nil},
		{"bearer v4", both, "", "bearer " + v4, nil},
		{"bearer with spaces", both, "", "Bearer   " + v5 + " ", nil},
		{"bearer beside other cookies", both, "a=b", "Bearer " + v5, nil},
		{"bearer beside a cookie of http", both, v5Plain + "=x", "Bearer " + v5, nil},
		{"bearer beside an invalid cookie", both, v5Name + "=stale", "Bearer " + v5, verify.ErrInvalid},
		{"bearer, another scheme", both, "", "Basic " + v5, verify.ErrNoSession},
		{"bearer, empty", both, "", "Bearer ", verify.ErrNoSession},
		{"bearer, forged", both, "", "Bearer " + v5[:len(v5)-1], verify.ErrInvalid},
		{"bearer, a custom name", verify.Config{CookieName: "app.session"}, "", "Bearer " + custom5, nil},

		{"a database session", both, v5Name + "=3851854c-ec97-4bb2-a857-22ef7592a0e2", "", verify.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := with1(c.cookie)
			if c.bearer != "" {
				r.Header.Set("Authorization", c.bearer)
			}
			token, err := newVerifier(t, c.cfg).Token(r)
			if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && token.Subject != "ada" || err != nil && token != nil {
				t.Errorf("got %+v", token)
			}
		})
	}
	r := with1("")
	r.Header["Authorization"] = []string{"Bearer " + v5, "Bearer " + v4}
	if _, err := newVerifier(t, both).Token(r); err != verify.ErrNoSession {
		t.Errorf("two Authorization headers: %v", err)
	}
	if _, err := newVerifier(t, both).Decode(""); err != verify.ErrNoSession {
		t.Errorf("Decode of nothing: %v", err)
	}
}

// A token is accepted at exp+14 s and rejected at exp+15 s, in any time zone.
// TestVectors covers what Auth.js does.
func TestClock(t *testing.T) {
	for _, d := range []wire.Dialect{wire.V5, wire.V4} {
		name := d.CookieNames(true).SessionToken
		token := seal(t, d, name, secret, &schema.Token{Subject: "ada"})
		later := seal(t, d, name, secret, &schema.Token{Subject: "ada", NotBefore: epoch.Unix() + 100})
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("east", 14*3600), time.FixedZone("west", -12*3600), time.FixedZone("odd", 20700)} {
			for _, c := range []struct {
				token string
				after time.Duration
				want  error
			}{
				{token, time.Hour - time.Second, nil},
				{token, time.Hour + 14*time.Second, nil},
				{token, time.Hour + 14*time.Second + 999*time.Millisecond, nil},
				{token, time.Hour + 15*time.Second, verify.ErrExpired},
				{token, 100 * 365 * 24 * time.Hour, verify.ErrExpired},
				{token, -time.Hour, nil},
				{later, 85 * time.Second, nil},
				{later, 84 * time.Second, verify.ErrNotYet},
			} {
				v := newVerifier(t, verify.Config{Now: func() time.Time { return epoch.Add(c.after).In(zone) }})
				if _, err := v.Token(with1(name + "=" + c.token)); err != c.want {
					t.Errorf("%s, %v after, %s: %v, want %v", d, c.after, zone, err, c.want)
				}
			}
		}
	}
}

func TestSecretRotation(t *testing.T) {
	for _, d := range []wire.Dialect{wire.V5, wire.V4} {
		name := d.CookieNames(true).SessionToken
		for _, c := range []struct {
			made    string
			secrets []string
			want    error
		}{
			{secret, []string{secret}, nil},
			{oldSecret, []string{secret, oldSecret}, nil},
			{secret, []string{secret, oldSecret}, nil},
			{secret, []string{oldSecret, "third", secret}, nil},
			{oldSecret, []string{secret}, verify.ErrInvalid},
			{secret + "," + oldSecret, []string{secret, oldSecret}, verify.ErrInvalid}, // secrets are joined only in hashes
		} {
			token := seal(t, d, name, c.made, &schema.Token{Subject: "ada"})
			if _, err := newVerifier(t, verify.Config{Secrets: c.secrets}).Token(with1(name + "=" + token)); !errors.Is(err, c.want) {
				t.Errorf("%s, made with %s, secrets %v: %v, want %v", d, c.made, c.secrets, err, c.want)
			}
		}
	}
}

func TestEnvironment(t *testing.T) {
	token := func(secret, name string) string { return name + "=" + seal(t, wire.V5, name, secret, nil) }
	for _, c := range []struct {
		env    map[string]string
		cookie string
		want   error
	}{
		{map[string]string{"AUTH_SECRET": secret}, token(secret, v5Name), nil},
		{map[string]string{"NEXTAUTH_SECRET": secret}, token(secret, v5Name), nil},
		{map[string]string{"AUTH_SECRET": "other", "NEXTAUTH_SECRET": secret}, token(secret, v5Name), nil},
		{map[string]string{"AUTH_SECRET": "other", "AUTH_SECRET_1": secret}, token(secret, v5Name), nil},
		{map[string]string{"AUTH_SECRET_2": secret}, token(secret, v5Name), nil},
		{map[string]string{"AUTH_SECRET_3": secret}, token(secret, v5Name), nil},
		{map[string]string{"AUTH_SECRET": "other"}, token(secret, v5Name), verify.ErrInvalid},
		{map[string]string{"AUTH_SECRET": secret, "AUTH_URL": "http://localhost:3000"}, token(secret, v5Plain), nil},
		{map[string]string{"AUTH_SECRET": secret, "NEXTAUTH_URL": "HTTP://localhost:3000/api/auth"}, token(secret, v5Plain), nil},
		{map[string]string{"AUTH_SECRET": secret, "AUTH_URL": "https://app.example.com", "NEXTAUTH_URL": "http://localhost"}, token(secret, v5Plain), verify.ErrNoSession},
		{map[string]string{"AUTH_SECRET": secret, "AUTH_URL": "https://app.example.com"}, token(secret, v5Name), nil},
	} {
		v, err := verify.New(verify.Config{Now: func() time.Time { return epoch }, Getenv: func(name string) string { return c.env[name] }, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Errorf("%v: %v", c.env, err)
			continue
		}
		if _, err := v.Token(with1(c.cookie)); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.env, err, c.want)
		}
	}
}

func TestNewNamesEveryProblem(t *testing.T) {
	_, err := verify.New(verify.Config{
		Secrets: []string{secret, ""}, Dialects: []verify.Dialect{verify.DialectV5, 9}, CookieName: "a b",
		Schema: &schema.Schema{User: []schema.Field{{Name: "emailVerified"}}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"Secrets[1]", "Dialects[1]", "CookieName", "Schema"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
	_, err = verify.New(verify.Config{Getenv: func(string) string { return "" }})
	if err == nil || !strings.Contains(err.Error(), "AUTH_SECRET") {
		t.Errorf("without a secret: %v", err)
	}
	if _, err := verify.New(verify.Config{Secrets: []string{}}); err == nil {
		t.Error("an empty list of secrets is accepted")
	}
	if strings.Contains(err.Error(), secret) {
		t.Error("the error holds a secret")
	}
}

// The default clock and logger are those of the system.
func TestDefaults(t *testing.T) {
	v, err := verify.New(verify.Config{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		made time.Time
		want error
	}{{time.Now(), nil}, {time.Now().Add(-2 * time.Hour), verify.ErrExpired}} {
		token, err := wire.V5.SessionKeys(v5Name, secret).EncodeToken(nil, c.made, time.Hour, bytes.NewReader(make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Decode(token); err != c.want {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	if _, err := v.Decode(seal(t, wire.V5, v5Name, oldSecret, nil)); !errors.Is(err, verify.ErrInvalid) { // logs to slog.Default()
		t.Error(err)
	}
}

// The schema applies to claims: canonical values, defaults, earlier names.
func TestSchema(t *testing.T) {
	s := &schema.Schema{
		User: []schema.Field{
			{Name: "role", Type: schema.Type{Kind: schema.Enum, Name: "Role", Enum: []string{"admin", "member"}}, Default: "member", Client: schema.Read},
			{Name: "orgId", Type: schema.Type{Nullable: true}, Client: schema.Read, Was: []string{"org"}},
		},
		Token: []schema.Field{{Name: "logins", Type: schema.Type{Kind: schema.Int}}},
	}
	claims := &schema.Token{Subject: "ada", Extra: map[string]any{"role": "owner", "org": "acme", "logins": 3, "else": true}}
	for _, d := range []wire.Dialect{wire.V5, wire.V4} {
		name := d.CookieNames(true).SessionToken
		token, err := newVerifier(t, verify.Config{Schema: s}).Token(with1(name + "=" + seal(t, d, name, secret, claims)))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"role": "member", "orgId": "acme", "logins": int64(3), "else": true}
		if diff := cmp.Diff(want, token.Extra); diff != "" {
			t.Errorf("%s (-want +got):\n%s", d, diff)
		}
	}
}

// The log reports a configuration mistake once, with its fix, and never a token.
func TestWarnings(t *testing.T) {
	var out bytes.Buffer
	v := newVerifier(t, verify.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	plain := seal(t, wire.V5, v5Plain, secret, nil)
	foreign := seal(t, wire.V5, v5Name, oldSecret, nil)
	for range 3 {
		for _, cookie := range []string{v5Plain + "=" + plain, v5Name + "=" + foreign, v5Name + "=3851854c-ec97-4bb2-a857-22ef7592a0e2"} {
			if _, err := v.Token(with1(cookie)); err == nil {
				t.Errorf("accepted %.30s", cookie)
			}
		}
	}
	if got := strings.Count(out.String(), "\n"); got != 3 {
		t.Errorf("%d lines:\n%s", got, &out)
	}
	for _, part := range []string{"UseSecureCookies", "another secret", "database session"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no line contains %q", part)
		}
	}
	if strings.Contains(out.String(), plain[:40]) || strings.Contains(out.String(), foreign[:40]) {
		t.Error("a token is in the log")
	}
	// An expired token is not a configuration mistake.
	out.Reset()
	for _, stale := range []string{"stale", "a-b-c-d-e", strings.Repeat("x", 36)} {
		v := newVerifier(t, verify.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		if _, err := v.Token(with1(v5Name + "=" + stale)); err != verify.ErrInvalid || out.Len() > 0 {
			t.Errorf("%s: %v, %s", stale, err, &out)
		}
	}
	if _, err := v.Token(with1("a=b")); err != verify.ErrNoSession {
		t.Errorf("no session at all: %v", err)
	}
	v = newVerifier(t, verify.Config{CookieName: "__Secure-app.session"})
	if _, err := v.Token(with1("app.session=x")); !errors.Is(err, verify.ErrNoSession) || !strings.Contains(err.Error(), "UseSecureCookies to false") {
		t.Errorf("a custom name, of http: %v", err)
	}
	v = newVerifier(t, verify.Config{UseSecureCookies: off(), Logger: slog.New(slog.NewTextHandler(&out, nil))})
	if _, err := v.Token(with1(v5Name + "=" + foreign)); !errors.Is(err, verify.ErrNoSession) || !strings.Contains(err.Error(), "UseSecureCookies to true") || !strings.Contains(out.String(), "UseSecureCookies to true") {
		t.Errorf("%v: %s", err, &out)
	}
}

func TestMiddleware(t *testing.T) {
	cookie := v5Name + "=" + seal(t, wire.V5, v5Name, secret, &schema.Token{Subject: "ada"})
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token, ok := verify.TokenFrom(r.Context()); ok {
			w.Write([]byte(token.Subject))
			return
		}
		w.Write([]byte("nobody"))
	})
	v := newVerifier(t, verify.Config{})
	other := newVerifier(t, verify.Config{Secrets: []string{oldSecret}})
	teapot := newVerifier(t, verify.Config{Refused: func(w http.ResponseWriter, r *http.Request, err error) {
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte(err.Error()))
	}})
	for _, c := range []struct {
		name    string
		handler http.Handler
		cookie  string
		status  int
		body    string
	}{
		{"Middleware, signed in", v.Middleware(who), cookie, 200, "ada"},
		{"Middleware, signed out", v.Middleware(who), "", 200, "nobody"},
		{"Middleware, forged", v.Middleware(who), cookie[:len(cookie)-1], 200, "nobody"},
		{"Require, signed in", v.Require(who), cookie, 200, "ada"},
		{"Require, signed out", v.Require(who), "", 401, `{"message":"Sign in first."}`},
		{"Require, forged", v.Require(who), cookie[:len(cookie)-1], 401, `{"message":"Sign in first."}`},
		{"Refused", teapot.Require(who), "", 418, verify.ErrNoSession.Error()},
		{"the inner one counts", v.Middleware(other.Middleware(who)), cookie, 200, "nobody"},
		{"the inner one counts, and knows", other.Middleware(v.Middleware(who)), cookie, 200, "ada"},
	} {
		w := httptest.NewRecorder()
		c.handler.ServeHTTP(w, with1(c.cookie))
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s: %d %s, want %d %s", c.name, w.Code, w.Body, c.status, c.body)
		}
		if got := w.Header().Get("Vary"); got != "Cookie, Authorization" {
			t.Errorf("%s: Vary is %q", c.name, got)
		}
		if c.status == 401 && (w.Header().Get("Cache-Control") != "private, no-cache, no-store" || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("WWW-Authenticate") != "Bearer") {
			t.Errorf("%s: %v", c.name, w.Header())
		}
	}
	// A value that a handler adds to a header affects only that response.
	add := v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Add("Vary", "Accept") }))
	for range 2 {
		w := httptest.NewRecorder()
		add.ServeHTTP(w, with1(""))
		if got := w.Header().Values("Vary"); len(got) != 2 {
			t.Errorf("Vary is %q", got)
		}
	}
	// Existing values are kept.
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Accept")
	v.Middleware(who).ServeHTTP(w, with1(""))
	if got := w.Header().Values("Vary"); !slices.Equal(got, []string{"Accept", "Cookie, Authorization"}) {
		t.Errorf("Vary is %q", got)
	}
	if _, ok := verify.TokenFrom(t.Context()); ok {
		t.Error("an empty context has claims")
	}
}

func TestConcurrentUse(t *testing.T) {
	v := newVerifier(t, verify.Config{Secrets: []string{oldSecret, secret}})
	cookies := []string{
		v5Name + "=" + seal(t, wire.V5, v5Name, secret, &schema.Token{Subject: "ada"}),
		v4Name + "=" + seal(t, wire.V4, v4Name, secret, &schema.Token{Subject: "ada"}),
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for range 50 {
				if token, err := v.Token(with1(cookies[worker%2])); err != nil || token.Subject != "ada" {
					t.Errorf("%+v, %v", token, err)
				}
				if _, err := v.Token(with1(cookies[worker%2] + "x")); !errors.Is(err, verify.ErrInvalid) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzToken checks that arbitrary headers yield a token or one of the four errors.
func FuzzToken(f *testing.F) {
	for _, d := range []wire.Dialect{wire.V5, wire.V4} {
		name := d.CookieNames(true).SessionToken
		token := seal(f, d, name, secret, &schema.Token{Subject: "ada"})
		f.Add(name+"="+token, "")
		f.Add(name+".0="+token[:100]+"; "+name+".1="+token[100:], "Bearer "+token)
		f.Add("a=b", "Bearer "+token)
		f.Add(name+"="+token[:100], "bearer x")
	}
	f.Add("", "")
	v := newVerifier(f, verify.Config{Secrets: []string{oldSecret, secret}})
	f.Fuzz(func(t *testing.T, cookie, authorization string) {
		r := &http.Request{Header: http.Header{"Cookie": {cookie}, "Authorization": {authorization}}}
		token, err := v.Token(r)
		if (err == nil) != (token != nil) {
			t.Fatalf("%+v, %v", token, err)
		}
		if err == nil {
			if token.Expires <= epoch.Unix()-15 {
				t.Fatalf("accepted a token that ended at %d", token.Expires)
			}
			return
		}
		for _, known := range []error{verify.ErrNoSession, verify.ErrInvalid, verify.ErrExpired, verify.ErrNotYet} {
			if errors.Is(err, known) {
				return
			}
		}
		t.Fatalf("an error of another kind: %v", err)
	})
}
