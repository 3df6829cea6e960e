package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/internal/wire"
)

func TestBodies(t *testing.T) {
	at := time.Date(2026, 12, 21, 2, 57, 43, 330_999_999, time.UTC)
	name := "Zoë <b>&\"'</b>\u2028\x01\n"
	empty := ""
	for _, c := range []struct{ got, want string }{
		{string(wire.V5.AppendSession(nil, nil)), `null`},
		{string(wire.V4.AppendSession(nil, nil)), `{}`},
		{string(wire.V4.AppendSession(nil, &wire.Body{Expires: at})), `{"user":{},"expires":"2026-12-21T02:57:43.330Z"}`},
		{string(wire.V5.AppendSession(nil, &wire.Body{Expires: at})), `{"user":{},"expires":"2026-12-21T02:57:43.330Z"}`},
		{
			string(wire.V5.AppendSession(nil, &wire.Body{Name: wire.Text{Value: &name}, Email: wire.Text{Null: true}, Image: wire.Text{Value: &empty}, Expires: at})),
			`{"user":{"name":"Zoë <b>&\"'</b>` + "\u2028" + `\u0001\n","email":null,"image":""},"expires":"2026-12-21T02:57:43.330Z"}`,
		},
		{
			string(wire.V5.AppendSession([]byte("> "), &wire.Body{
				Image: wire.Text{Value: &empty, Null: true}, Expires: at.In(time.FixedZone("", -7200)),
				User:    []wire.Member{{Name: "id", Value: "1"}, {Name: "role", Value: nil}, {Name: "tags", Value: []any{"a", int64(1), true}}},
				Session: []wire.Member{{Name: "theme", Value: "dark"}, {Name: "at", Value: at}, {Name: "deep", Value: map[string]any{"b": 1.5, "a": []any{}}}},
			})),
			`> {"user":{"image":"","id":"1","role":null,"tags":["a",1,true]},"expires":"2026-12-21T02:57:43.330Z","theme":"dark","at":"2026-12-21T02:57:43.330Z","deep":{"a":[],"b":1.5}}`,
		},
		{string(wire.AppendCSRF(nil, "00ff")), `{"csrfToken":"00ff"}`},
		{string(wire.AppendURL([]byte("> "), `https://a.test/?x="&y=<`)), `> {"url":"https://a.test/?x=\"&y=<"}`},
		{string(wire.AppendProviders(nil, nil)), `{}`},
		{
			string(wire.AppendProviders(nil, []wire.ProviderBody{
				{ID: "github", Name: "GitHub", Type: "oauth", SignInURL: "https://a.test/api/auth/signin/github", CallbackURL: "https://a.test/api/auth/callback/github"},
				{ID: "credentials", Name: `"Pass"`, Type: "credentials", SignInURL: "s", CallbackURL: "c"},
			})),
			`{"github":{"id":"github","name":"GitHub","type":"oauth","signinUrl":"https://a.test/api/auth/signin/github","callbackUrl":"https://a.test/api/auth/callback/github"},` +
				`"credentials":{"id":"credentials","name":"\"Pass\"","type":"credentials","signinUrl":"s","callbackUrl":"c"}}`,
		},
	} {
		if c.got != c.want {
			t.Errorf("\n got %s\nwant %s", c.got, c.want)
		}
		if c.got[0] != '>' && !json.Valid([]byte(c.got)) {
			t.Errorf("not JSON: %s", c.got)
		}
	}
}
