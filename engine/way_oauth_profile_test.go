package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// The name is the first of name, nickname and preferred_username that is present.
func TestProfileNameIsTheFirstOfThreeClaims(t *testing.T) {
	s := newSite(t)
	for profile, want := range map[string]string{
		`{"id":1,"name":"N","nickname":"K","preferred_username":"P"}`:  "N",
		`{"id":1,"name":null,"nickname":"K","preferred_username":"P"}`: "K",
		`{"id":1,"preferred_username":"P"}`:                            "P",
	} {
		s.idp.userinfo = profile
		b := s.browser()
		b.oauth("oauth").wantTo(s.origin)
		if got := b.user(); got != want {
			t.Errorf("%s: the name is %q", profile, got)
		}
	}
}

func TestProfileWithoutIDIsRefused(t *testing.T) {
	s := newSite(t, withStore)
	for _, profile := range []string{
		`{"name":"Bob","email":"bob@example.com"}`, `{"id":"","email":"bob@example.com"}`, `{"id":null,"sub":null}`, `{"id":false}`, `{"id":{}}`,
		`{"id":[1]}`, `{"sub":""}`, `{}`, `[]`, `null`, `"bob"`, `1`,
	} {
		s.idp.userinfo = profile
		b := s.browser()
		location := b.startOAuth("oauth")
		s.resetLog()
		entry := s.refusesCallback("userinfo "+profile, b, b.finishOAuth("oauth", location), "Configuration")
		if strings.HasPrefix(profile, "{") && (entry.attrs["hint"] == "" || entry.msg != "auth: OAuthProfileParseError") {
			t.Errorf("%s: no hint, or of another kind: %v", profile, entry)
		}
	}
	// Nor may a profile callback return a user without an ID.
	empty := newSite(t, withStore, func(_ *site, c *engine.Config) {
		c.Providers[0].(*engine.OIDC).Profile = func(context.Context, engine.ProfileParams) (engine.User, error) {
			return engine.User{Name: new("Nobody")}, nil
		}
	})
	b := empty.browser()
	location := b.startOAuth("oidc")
	empty.resetLog()
	empty.refusesCallback("a profile callback without id", b, b.finishOAuth("oidc", location), "Configuration")

	bare := newSite(t)
	bare.idp.userinfo = `{"name":"Bob"}`
	b = bare.browser()
	location = b.startOAuth("oauth")
	bare.resetLog()
	bare.refusesCallback("no adapter", b, b.finishOAuth("oauth", location), "Configuration")
}

func TestNumericIDsKeepAllDigits(t *testing.T) {
	var seen []any
	s := newSite(t, withStore, func(_ *site, c *engine.Config) {
		c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
			seen = append(seen, p.Profile["id"])
			return engine.Allow(), nil
		}
	})
	ids := []string{"1", "0", "9007199254740992", "9007199254740993", "9007199254740994", "18446744073709551616", "123456789012345678901234567890", "-5"}
	users := map[string]string{}
	for i, id := range ids {
		s.idp.userinfo = fmt.Sprintf(`{"id":%s,"name":"User %d","email":"user%d@example.com"}`, id, i, i)
		b := s.browser()
		b.oauth("oauth").wantTo(s.origin)
		account, err := s.store.inner.GetAccount(context.Background(), "oauth", id)
		if err != nil {
			t.Errorf("no account has the ID %s: %v", id, err)
			continue
		}
		if other, taken := users[account.UserID]; taken {
			t.Errorf("the IDs %s and %s have the same user", id, other)
		}
		users[account.UserID] = id
		if seen[len(seen)-1] != json.Number(id) {
			t.Errorf("the callback got %T %v for the ID %s", seen[len(seen)-1], seen[len(seen)-1], id)
		}
		if got := b.user(); got != fmt.Sprintf("user%d@example.com", i) {
			t.Errorf("with the ID %s, signed in as %q", id, got)
		}
	}
	// A string of the same digits is the same ID.
	s.idp.userinfo = `{"id":"9007199254740993","name":"x"}`
	b := s.browser()
	b.oauth("oauth").wantTo(s.origin)
	if got := b.user(); got != "user3@example.com" {
		t.Errorf("the second time, signed in as %q", got)
	}
}

// Without an adapter each account has its own ID, which does not change.
func TestIDWithoutAnAdapterIsStableAndUnique(t *testing.T) {
	ids := map[string]string{}
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = &engine.Schema{User: []schema.Field{{Name: "id", Client: schema.Read}}}
		c.Providers = append(c.Providers, &engine.OIDC{ID: "second", Issuer: issuer, OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}})
	})
	for range 2 {
		for _, provider := range []string{"oidc", "second"} {
			for _, sub := range []string{"bob", "ann"} {
				s.idp.user = map[string]any{"sub": sub}
				b := s.browser()
				b.oauth(provider).wantTo(s.origin)
				id, _ := decode(t, b.session())["user"].(map[string]any)["id"].(string)
				who := provider + " " + sub
				if known, ok := ids[who]; id == "" || ok && known != id {
					t.Errorf("%s has the ID %q, before %q", who, id, known)
				}
				for other, known := range ids {
					if other != who && known == id {
						t.Errorf("%s and %s have the same ID", who, other)
					}
				}
				ids[who] = id
			}
		}
	}
}

// The address of a profile is normalized like that of a mail link. An invalid one
// is omitted.
func TestProfileAddressIsNormalized(t *testing.T) {
	for raw, want := range map[string]string{
		" Ann@Example.COM ": "ann@example.com", "ａnn@example.com": "ann@example.com", "ann@example.com": "ann@example.com",
		"ann@example.com,evil@example.com": "", "\"ann\"@example.com": "", "ann": "", "a@b@c": "", "ann@example.com\r\nBcc: x": "", "": "",
	} {
		s := newSite(t, withStore)
		s.idp.user = map[string]any{"sub": "ann", "name": "Ann", "email": raw, "email_verified": true}
		b := s.browser()
		s.resetLog()
		b.oauth("oidc").wantTo(s.origin)
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "ann")
		got := ""
		if u.Email != nil {
			got = *u.Email
		}
		// The provider verified the address as it wrote it.
		verified := want != "" && strings.EqualFold(strings.TrimSpace(raw), want)
		if err != nil || got != want || (u.EmailVerified != nil) != verified {
			t.Errorf("the address %q is stored as %q, verified %v: %v", raw, got, u.EmailVerified, err)
		}
		lines := s.logs.problems()
		if warned := len(lines) == 1 && lines[0].attrs["cause"] != ""; warned != (want == "" && raw != "") || len(lines) > 1 {
			t.Errorf("the address %q: log %v", raw, lines)
		}
	}
}

// A profile sets only declared fields, from the declared claims.
func TestProfileSetsDeclaredFieldsOnly(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, func(_ *site, c *engine.Config) {
			c.Schema = &engine.Schema{User: []schema.Field{
				{Name: "locale", Client: schema.Read, Profile: map[string]string{"oidc": "locale"}},
				{Name: "level", Type: schema.Type{Kind: schema.Int}, Client: schema.Read, Default: int64(1), Profile: map[string]string{"oidc": "lvl"}},
				{Name: "role", Client: schema.Read, Default: "user"},
			}}
		}, withStore, func(_ *site, c *engine.Config) { c.SessionStrategy = strategy })
		s.idp.user = map[string]any{"sub": "b", "email": "bob@example.com", "locale": "de", "lvl": 3, "role": "admin", "plan": "pro"}
		b := s.browser()
		b.oauth("oidc").wantTo(s.origin)
		if got := b.session(); !strings.Contains(got, `"locale":"de","level":3,"role":"user"`) {
			t.Errorf("%s: the session is %s", strategy, got)
		}
		// For a claim that does not fit the field has its default, which is logged.
		s.idp.user = map[string]any{"sub": "c", "email": "c@example.com", "lvl": "high"}
		b = s.browser()
		s.resetLog()
		b.oauth("oidc").wantTo(s.origin)
		if got := b.session(); !strings.Contains(got, `"locale":"","level":1,"role":"user"`) {
			t.Errorf("%s: the session is %s", strategy, got)
		}
		if lines := s.logs.problems(); len(lines) != 1 || lines[0].attrs["field"] != "level" || strings.Contains(lines[0].String(), "c@example.com") {
			t.Errorf("%s: log %v", strategy, lines)
		}
		// A profile callback cannot set undeclared fields.
		s = newSite(t, func(_ *site, c *engine.Config) {
			c.Providers[0].(*engine.OIDC).Profile = func(context.Context, engine.ProfileParams) (engine.User, error) {
				return engine.User{ID: "x", Extra: map[string]any{"undeclared": "x"}}, nil
			}
		}, withStore)
		b = s.browser()
		location := b.startOAuth("oidc")
		s.resetLog()
		s.refusesCallback("an undeclared field", b, b.finishOAuth("oidc", location), "Configuration")
		if calls := s.store.called(); len(calls) > 0 {
			t.Errorf("an undeclared field: adapter calls %v", calls)
		}
	}
}
