package gen_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/gen/authtypes"
	"github.com/sesame-auth/sesame/gen/authtypes/authtypestest"
)

var at = time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)

// full is a session with something in every field.
func full() *authtypes.Session {
	return &authtypes.Session{
		User: authtypes.SessionUser{
			ID: "ann-id", Name: new("Ann <b>"), Email: new("ann@example.com"), Image: nil,
			Role: authtypes.RoleEditor, OrgID: new("acme"), Permissions: []string{"read", "wri\"te"}, Teams: []authtypes.Role{authtypes.RoleAdmin, authtypes.RoleMember},
			Mfa: true, TrialEndsAt: new(at), Address: &authtypes.Address{Street: "1 Way", City: "Köln", Zip: new("50667"), Country: "DE", Geo: &authtypes.Geo{Lat: 50.9, Lon: 1e-7}},
			Offices: []authtypes.Address{{City: "Bonn"}, {}}, Locale: "de", Credits: 1 << 53, Score: -0.25,
		},
		Expires: at, Theme: authtypes.ThemeDark, Plan: authtypes.PlanEnterprise2026, SeatsLeft: new(int64(3)),
	}
}

type computed struct {
	plan authtypes.Plan
	err  error
}

func (c computed) Plan(context.Context, *authtypes.Session) (authtypes.Plan, error) {
	return c.plan, c.err
}
func (computed) SeatsLeft(_ context.Context, s *authtypes.Session) (*int64, error) {
	return new(s.User.Credits / 2), nil
}

// engineOf is an engine over a store with ann in it, who has secrets.
func engineOf(t testing.TB, strategy engine.Strategy, c authtypes.Callbacks, source authtypes.Computed) (*engine.Engine, engine.Adapter) {
	t.Helper()
	store := memory.New(authtypes.Schema())
	ann := engine.User{ID: "ann-id", Name: new("Ann"), Email: new("ann@example.com"), Extra: map[string]any{
		"role": "editor", "credits": int64(8), "loginCount": int64(424242), "riskLevel": int64(313131), "stripeCustomerId": "hidden-stripe",
	}}
	if _, err := store.CreateUser(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{
		Secrets: []string{strings.Repeat("s", 40)}, URL: "http://localhost", Adapter: store, SessionStrategy: strategy, Schema: authtypes.Schema(),
		Callbacks: c.Engine(source), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Getenv: func(string) string { return "" },
		Providers: []engine.Provider{&engine.Credentials{Authorize: func(ctx context.Context, _ map[string]string, _ *http.Request) (*engine.User, error) {
			u, err := store.GetUser(ctx, "ann-id")
			return &u, err
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, store
}

// browser signs in and keeps cookies.
type browser struct {
	t    testing.TB
	h    http.Handler
	jar  *cookiejar.Jar
	home *url.URL
}

func signIn(t testing.TB, h http.Handler) *browser {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	home, _ := url.Parse("http://localhost/")
	b := &browser{t, h, jar, home}
	b.do("POST", "/api/auth/callback/credentials", "application/x-www-form-urlencoded", url.Values{"csrfToken": {b.csrf()}}.Encode())
	return b
}

func (b *browser) do(method, path, contentType, body string) *http.Response {
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	r.Header.Set("Origin", "http://localhost")
	r.Header.Set("Content-Type", contentType)
	for _, c := range b.jar.Cookies(b.home) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	b.jar.SetCookies(b.home, w.Result().Cookies())
	return w.Result()
}

func (b *browser) csrf() string {
	var v struct{ CSRFToken string }
	if err := json.NewDecoder(b.do("GET", "/api/auth/csrf", "", "").Body).Decode(&v); err != nil {
		b.t.Fatal(err)
	}
	return v.CSRFToken
}

func (b *browser) session() string {
	body, err := io.ReadAll(b.do("GET", "/api/auth/session", "", "").Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(body)
}

func (b *browser) update(data string) (int, string) {
	r := b.do("POST", "/api/auth/session", "application/json", `{"csrfToken":"`+b.csrf()+`","data":`+data+`}`)
	body, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(body)
}

var both = []engine.Strategy{engine.StrategyJWT, engine.StrategyDatabase}

// The whole way: the store's role is the browser's, without a callback; hidden
// fields are not; update() changes what it may; the generated encoder prints
// what the engine prints.
func TestRoundTrip(t *testing.T) {
	for _, strategy := range both {
		e, store := engineOf(t, strategy, authtypes.Callbacks{}, computed{plan: authtypes.PlanPro})
		var seen *authtypes.Session
		var hidden *authtypes.ServerSide
		mux := http.NewServeMux()
		mux.Handle("/api/auth/", e)
		mux.Handle("/app", e.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen, _ = authtypes.SessionFrom(r.Context())
			hidden, _ = authtypes.ServerSideFrom(r.Context())
		})))
		b := signIn(t, mux)
		body := b.session()
		want := `{"user":{"name":"Ann","email":"ann@example.com","id":"ann-id","role":"editor","orgId":null,"permissions":[],"teams":[],"mfa":false,"trialEndsAt":null,` +
			`"address":null,"offices":[],"locale":"en","credits":8,"score":0.5,"beta":false},"expires":"X","theme":"system","plan":"pro","seatsLeft":4}`
		got, err := authtypes.DecodeSession([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		want = strings.Replace(want, "X", string(schema.AppendTime(nil, got.Expires)), 1)
		if strategy == engine.StrategyDatabase {
			want = strings.Replace(want, `"id"`, `"image":null,"id"`, 1)
		}
		if body != want {
			t.Errorf("%s: the body is\n%s, want\n%s", strategy, body, want)
		}
		for _, secret := range []string{"424242", "313131", "hidden-stripe", "tenantKey", "scopes", "impersonated"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s: %s is in %s", strategy, secret, body)
			}
		}
		// Both encoders print the same, where the engine leaves out what the
		// token lacks.
		if own := string(got.AppendJSON(nil)); strings.Replace(own, `"image":null,`, "", 1) != strings.Replace(body, `"image":null,`, "", 1) {
			t.Errorf("%s: the generated encoder prints\n%s, the engine\n%s", strategy, own, body)
		}
		b.do("GET", "/app", "", "")
		if diff := cmp.Diff(got, seen); diff != "" {
			t.Errorf("%s: a handler sees another session:\n%s", strategy, diff)
		}
		if hidden == nil || hidden.RiskLevel == nil || *hidden.RiskLevel != 313131 || hidden.ImpersonatedBy != nil {
			t.Errorf("%s: hidden: %+v", strategy, hidden)
		}
		for data, status := range map[string]int{
			`{"theme":"dark","locale":"fr","name":"Anna"}`: 200, `{"role":"admin"}`: 400, `{"theme":"pink"}`: 400, `{"nope":1}`: 400, `{"__proto__":{}}`: 400,
			`{"plan":"pro"}`: 400, `{"locale":null}`: 400, `{"locale":"` + strings.Repeat("x", 17) + `"}`: 400, `{"id":"root"}`: 400, `{"email":"a@b.c"}`: 400,
			`{"riskLevel":0}`: 400, `{"tenantKey":"x"}`: 400, `{"impersonatedBy":"x"}`: 400, `{"stripeCustomerId":"x"}`: 400,
		} {
			if got, answer := b.update(data); got != status {
				t.Errorf("%s: update(%s) is %d %s, want %d", strategy, data, got, answer, status)
			}
		}
		got, err = authtypes.DecodeSession([]byte(b.session()))
		if err != nil || got.Theme != authtypes.ThemeDark || got.User.Locale != "fr" || *got.User.Name != "Anna" || got.User.Role != authtypes.RoleEditor {
			t.Errorf("%s: after update(): %+v, %v", strategy, got, err)
		}
		u, err := store.GetUser(t.Context(), "ann-id")
		if err != nil || u.Extra["locale"] != "fr" || u.Extra["role"] != "editor" || u.Extra["stripeCustomerId"] != "hidden-stripe" {
			t.Errorf("%s: stored: %+v, %v", strategy, u, err)
		}
	}
}

// What the type system cannot stop is refused when it is written.
func TestRefusedAtRunTime(t *testing.T) {
	for _, c := range []struct {
		name  string
		jwt   func(*authtypes.Token)
		sess  func(*authtypes.Session)
		plan  authtypes.Plan
		fails bool
	}{
		{name: "nothing wrong", jwt: func(k *authtypes.Token) { k.Role = authtypes.RoleAdmin; k.TenantKey = new("t") }, sess: func(s *authtypes.Session) { s.User.Credits = 10 }, plan: "pro"},
		{name: "an untyped constant in a token", jwt: func(k *authtypes.Token) { k.Role = "owner" }, plan: "pro", fails: true},
		{name: "an untyped constant in a session", sess: func(s *authtypes.Session) { s.User.Role = "owner" }, plan: "pro", fails: true},
		{name: "an untyped constant in a list", sess: func(s *authtypes.Session) { s.User.Teams = []authtypes.Role{"owner"} }, plan: "pro", fails: true},
		{name: "an untyped constant that is computed", plan: "gold", fails: true},
		{name: "nothing computed", plan: "", fails: true},
		{name: "a number that is too large", sess: func(s *authtypes.Session) { s.User.Credits = math.MaxInt64 }, plan: "pro", fails: true},
		{name: "a number that is none", sess: func(s *authtypes.Session) { s.User.Score = math.NaN() }, plan: "pro", fails: true},
		{name: "a text that is too long", sess: func(s *authtypes.Session) { s.User.Locale = strings.Repeat("x", 17) }, plan: "pro", fails: true},
		{name: "too long inside an object", sess: func(s *authtypes.Session) { s.User.Address = &authtypes.Address{Street: strings.Repeat("x", 201)} }, plan: "pro", fails: true},
	} {
		callbacks := authtypes.Callbacks{}
		if c.jwt != nil {
			callbacks.JWT = func(_ context.Context, p *authtypes.JWTParams) error { c.jwt(p.Token); return nil }
		}
		if c.sess != nil {
			callbacks.Session = func(_ context.Context, p *authtypes.SessionParams) error { c.sess(p.Session); return nil }
		}
		e, _ := engineOf(t, engine.StrategyJWT, callbacks, computed{plan: c.plan})
		body := signIn(t, e).session()
		if (body == "null") != c.fails {
			t.Errorf("%s: %s", c.name, body)
		}
		if !c.fails && (!strings.Contains(body, `"role":"admin"`) || !strings.Contains(body, `"credits":10`) || !strings.Contains(body, `"seatsLeft":5`)) {
			t.Errorf("%s: %s", c.name, body)
		}
	}
	e, _ := engineOf(t, engine.StrategyJWT, authtypes.Callbacks{}, computed{err: errors.New("billing is down")})
	if body := signIn(t, e).session(); body != "null" {
		t.Errorf("a computed field that fails: %s", body)
	}
	// Nothing is written when something does not fit.
	for _, problem := range []error{
		authtypes.WriteSession(nil, full()), authtypes.WriteToken(&engine.Token{}, nil), authtypes.WriteUser(&engine.User{}, nil),
	} {
		if problem == nil {
			t.Error("nil is written")
		}
	}
	u := engine.User{ID: "x", Extra: map[string]any{"locale": "en"}}
	typed := authtypes.ReadUser(&u)
	typed.Locale, typed.Role, typed.ID = "de", "owner", "y"
	if err := authtypes.WriteUser(&u, typed); err == nil || u.ID != "x" || u.Extra["locale"] != "en" || len(u.Extra) != 1 || !strings.Contains(err.Error(), "role") || strings.Contains(err.Error(), "owner") {
		t.Errorf("%v, %+v", err, u)
	}
	typed.Role = authtypes.RoleAdmin
	if err := authtypes.WriteUser(&u, typed); err != nil || u.ID != "y" || !maps.Equal(u.Extra, map[string]any{"locale": "de", "role": "admin"}) {
		t.Errorf("%v, %+v", err, u)
	}
}

// Typed callbacks see and set what they say.
func TestCallbacks(t *testing.T) {
	var triggers []string
	var user *authtypes.User
	var update *authtypes.Update
	callbacks := authtypes.Callbacks{
		SignIn: func(_ context.Context, p *authtypes.SignInParams) (engine.Decision, error) {
			if p.User.StripeCustomerID == nil || p.Account == nil {
				t.Errorf("sign-in of %+v", p.User)
			}
			return engine.Allow(), nil
		},
		JWT: func(_ context.Context, p *authtypes.JWTParams) error {
			triggers = append(triggers, p.Trigger)
			if p.User != nil {
				user = p.User
				p.Token.Scopes = []string{"a"}
			}
			if p.Update != nil {
				update = p.Update
			}
			if p.Token.Locale == "xx" {
				p.Token = nil
			}
			return nil
		},
		Session: func(_ context.Context, p *authtypes.SessionParams) error {
			if p.Session.Theme == authtypes.ThemeLight {
				p.Session = nil
			}
			return nil
		},
		Authorized: func(_ context.Context, p *authtypes.AuthorizedParams) (engine.Decision, error) {
			if p.Session != nil && p.Session.User.Mfa {
				return engine.Allow(), nil
			}
			return engine.Deny(), nil
		},
	}
	e, _ := engineOf(t, engine.StrategyJWT, callbacks, computed{plan: "free"})
	mux := http.NewServeMux()
	mux.Handle("/api/auth/", e)
	mux.Handle("/mfa", e.Require(http.NotFoundHandler()))
	b := signIn(t, mux)
	if user == nil || user.Role != authtypes.RoleEditor || user.LoginCount != 424242 || !slices.Equal(triggers, []string{"signIn"}) {
		t.Errorf("%v, %+v", triggers, user)
	}
	if r := b.do("GET", "/mfa", "", ""); r.StatusCode != http.StatusForbidden {
		t.Errorf("without mfa: %d", r.StatusCode)
	}
	if code, body := b.update(`{"theme":"dark","image":null,"name":"A"}`); code != 200 || update == nil || *update.Theme != authtypes.ThemeDark || update.Locale != nil ||
		!update.Image.Set || update.Image.Value != nil || *update.Name.Value != "A" {
		t.Errorf("%d %s, %+v", code, body, update)
	}
	if diff := cmp.Diff(map[string]any{"theme": "dark", "image": (*string)(nil), "name": update.Name.Value}, authtypes.UpdateData(update)); diff != "" {
		t.Error(diff)
	}
	if _, body := b.update(`{"theme":"light"}`); body != "null" {
		t.Errorf("the session callback says no: %s", body)
	}
	b = signIn(t, mux)
	if _, body := b.update(`{"locale":"xx"}`); body != "null" {
		t.Errorf("the jwt callback says no: %s", body)
	}
	if u := authtypes.ReadUpdate("junk"); u != nil {
		t.Errorf("%+v", u)
	}
	if u := authtypes.ReadUpdate(map[string]any{"theme": "pink", "role": "admin", "locale": "de"}); u.Theme != nil || *u.Locale != "de" {
		t.Errorf("%+v", u)
	}
}

func TestAuthorized(t *testing.T) {
	e, _ := engineOf(t, engine.StrategyDatabase, authtypes.Callbacks{}, computed{plan: "free"})
	mux := http.NewServeMux()
	mux.Handle("/api/auth/", e)
	role := authtypes.RoleAdmin
	mux.Handle("/admin", authtypes.Authorized(e, func(s *authtypes.Session, r *http.Request) bool { return s.User.Role == role && r.URL.Path == "/admin" },
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })))
	b := signIn(t, mux)
	if r := b.do("GET", "/admin", "", ""); r.StatusCode != http.StatusForbidden {
		t.Errorf("an editor: %d", r.StatusCode)
	}
	role = authtypes.RoleEditor
	if r := b.do("GET", "/admin", "", ""); r.StatusCode != http.StatusTeapot {
		t.Errorf("the editor: %d", r.StatusCode)
	}
}

func TestHelpers(t *testing.T) {
	ctx := authtypestest.SignedIn(t, func(s *authtypes.Session) { s.User.Role, s.Plan = authtypes.RoleAdmin, authtypes.PlanPro })
	s, ok := authtypes.SessionFrom(ctx)
	if !ok || s.User.Role != authtypes.RoleAdmin || s.Plan != authtypes.PlanPro || s.User.Locale != "en" || s.Theme != authtypes.ThemeSystem || s.User.ID == "" {
		t.Errorf("%+v", s)
	}
	if s := authtypestest.Session(); !s.Plan.Valid() || !s.User.Role.Valid() || s.User.Permissions == nil {
		t.Errorf("%+v", s)
	}
	if s, ok := authtypes.SessionFrom(t.Context()); ok || s != nil {
		t.Errorf("%+v", s)
	}
	if s, ok := authtypes.ServerSideFrom(t.Context()); ok || s != nil {
		t.Errorf("%+v", s)
	}
}

func TestEnums(t *testing.T) {
	if r, err := authtypes.ParseRole("admin"); r != authtypes.RoleAdmin || err != nil {
		t.Errorf("%q, %v", r, err)
	}
	if r, err := authtypes.ParseRole("owner"); r != "" || err == nil || r.Valid() {
		t.Errorf("%q, %v", r, err)
	}
}

// Encode and decode again is the same, and the same as the engine prints.
func TestEncoder(t *testing.T) {
	s := full()
	body := s.AppendJSON(nil)
	again, err := authtypes.DecodeSession(body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, again); diff != "" {
		t.Error(diff)
	}
	if marshalled, err := json.Marshal(s); err != nil || !json.Valid(body) || !equalJSON(marshalled, body) {
		t.Errorf("json.Marshal prints %s, %v", marshalled, err)
	}
	// A value that is none of its enum's is never printed.
	s.User.Role, s.User.Teams, s.Plan = "owner", []authtypes.Role{"owner"}, "gold"
	if body := string(s.AppendJSON(nil)); strings.Contains(body, "owner") || strings.Contains(body, "gold") || !strings.Contains(body, `"role":"member"`) {
		t.Error(body)
	}
	buf := make([]byte, 0, 4096)
	s = full()
	if n := testing.AllocsPerRun(100, func() { buf = s.AppendJSON(buf[:0]) }); n != 0 {
		t.Errorf("the encoder allocates %v times", n)
	}
	// What is made into JSON by accident shows what the browser may see.
	u := authtypes.ReadUser(&engine.User{ID: "x", Extra: map[string]any{"stripeCustomerId": "hidden-1", "loginCount": int64(424242)}})
	k := authtypes.ReadToken(&engine.Token{Extra: map[string]any{"tenantKey": "hidden-2", "scopes": []any{"hidden-3"}}})
	for _, v := range []any{u, k} {
		if text, err := json.Marshal(v); err != nil || strings.Contains(string(text), "hidden") || strings.Contains(string(text), "424242") {
			t.Errorf("%s, %v", text, err)
		}
	}
}

func equalJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && cmp.Equal(x, y)
}

// FuzzEncode: whatever a session holds that the schema takes, encode → decode is
// the identity, and the engine's encoder prints the same bytes.
func FuzzEncode(f *testing.F) {
	f.Add("Ann", "acme", "admin", "p", int64(3), 0.5, int64(1798675200000), true, "Köln")
	f.Add("", "\xff", "", "\u2028<\x00", int64(math.MaxInt64), math.Inf(1), int64(-1), false, "\"\\")
	f.Fuzz(func(t *testing.T, name, org, role, permission string, credits int64, score float64, millis int64, null bool, city string) {
		s := full()
		s.User.Name, s.User.OrgID, s.User.Role = new(name), new(org), authtypes.Role(role)
		s.User.Permissions = []string{permission, name}
		s.User.Credits, s.User.Score = credits, score
		s.User.TrialEndsAt = new(time.UnixMilli(millis).UTC())
		s.User.Address.City, s.User.Address.Geo.Lat = city, score
		if null {
			s.User.OrgID, s.User.TrialEndsAt, s.User.Address, s.SeatsLeft = nil, nil, nil, nil
		}
		body := s.AppendJSON(nil)
		if !json.Valid(body) {
			t.Fatalf("no JSON: %s", body)
		}
		raw := &engine.Session{User: engine.User{}, Strategy: engine.StrategyDatabase}
		if authtypes.WriteSession(raw, s) != nil {
			return // refused: it is on no way to a browser
		}
		canonical := authtypes.ReadSession(raw)
		body = canonical.AppendJSON(nil)
		again, err := authtypes.DecodeSession(body)
		if err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		if !strings.Contains(name, "\uFFFD") && strings.ToValidUTF8(name, "") == name {
			if diff := cmp.Diff(canonical, again); diff != "" {
				t.Errorf("%s:\n%s", body, diff)
			}
		}
		if twice := again.AppendJSON(nil); string(twice) != string(body) {
			t.Errorf("%s\n%s", body, twice)
		}
	})
}

// Wrong uses that do not compile.
func TestWrongUsesDoNotCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("builds packages")
	}
	dir, err := os.MkdirTemp(".", "_wrong")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	const head = "package main\n\nimport (\n\t\"context\"\n\t\"github.com/sesame-auth/sesame/engine\"\n\t\"github.com/sesame-auth/sesame/gen/authtypes\"\n)\n\n" +
		"var (\n\t_ context.Context\n\t_ engine.User\n\t_ authtypes.User\n)\n\n"
	write := func(name, code string) {
		if err := os.WriteFile(dir+"/"+name, []byte(head+code), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// All problems of all files, from one run of the compiler.
	compile := func() string {
		out, _ := exec.Command("go", "build", "-gcflags=-e", "-o", os.DevNull, "./"+dir).CombinedOutput()
		return string(out)
	}
	write("main.go", "var (\n\ts *authtypes.Session\n\tk *authtypes.Token\n\tu *authtypes.User\n\tup *authtypes.Update\n)\n\nfunc main() {}\n"+
		"func right() { s.User.Role = authtypes.RoleAdmin; k.TenantKey = new(\"x\"); _ = u.LoginCount; up.Theme = new(authtypes.ThemeDark) }\n")
	if out := compile(); out != "" {
		t.Fatalf("right use is refused: %s", out)
	}
	const half = "type half struct{}\nfunc (half) Plan(context.Context, *authtypes.Session) (authtypes.Plan, error) { return \"\", nil }\n"
	cases := map[string]string{
		"var _ = s.User.StripeCustomerID":                     "undefined (type authtypes.SessionUser has no field or method StripeCustomerID)",
		"var _ = s.User.LoginCount":                           "has no field or method LoginCount",
		"var _ = s.TenantKey":                                 "has no field or method TenantKey",
		"var _ = s.ImpersonatedBy":                            "has no field or method ImpersonatedBy",
		"var _ = k.StripeCustomerID":                          "has no field or method StripeCustomerID",
		"func f() { s.User.Role = 1 }":                        "cannot use 1",
		"func f(r string) { s.User.Role = r }":                "cannot use r",
		"func f() { s.User.Role = authtypes.ThemeDark }":      "cannot use authtypes.ThemeDark",
		"func f() { s.User.Role = authtypes.RoleOwner }":      "undefined: authtypes.RoleOwner",
		"func f() string { return s.User.Role }":              "cannot use s.User.Role",
		"func f() { s.User.OrgID = \"acme\" }":                "cannot use \"acme\"",
		"func f() { up.Role = nil }":                          "up.Role undefined",
		"func f() { s.Plan() }":                               "cannot call",
		"var _ = authtypes.Callbacks{}.Engine()":              "not enough arguments",
		half + "var _ = authtypes.Callbacks{}.Engine(half{})": "missing method SeatsLeft",
		"var _ = authtypes.Callbacks{JWT: func(context.Context, *engine.JWTParams) error { return nil }}": "cannot use func",
		"const _ = engine.GeneratedCodeVersion999":                                                        "undefined: engine.GeneratedCodeVersion999",
	}
	codes := slices.Sorted(maps.Keys(cases))
	for i, code := range codes {
		write(fmt.Sprintf("case%d.go", i), strings.ReplaceAll(code, "func f(", fmt.Sprintf("func f%d(", i)))
	}
	out := compile()
	for i, code := range codes {
		got := ""
		for line := range strings.Lines(out) {
			if strings.Contains(line, fmt.Sprintf("/case%d.go:", i)) {
				got += line
			}
		}
		if !strings.Contains(got, cases[code]) {
			t.Errorf("%s\ngives %q, want %q", code, got, cases[code])
		}
	}
}
