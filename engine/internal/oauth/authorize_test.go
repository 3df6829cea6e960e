package oauth_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sesame-auth/sesame/engine/internal/oauth"
)

func TestNew(t *testing.T) {
	oidc := oauth.Config{Issuer: "https://idp.example", ClientID: clientID}
	plain := oauth.Config{
		AuthorizationURL: "https://idp.example/authorize?x=1", TokenURL: "https://idp.example/token", UserInfoURL: "https://idp.example/me", ClientID: clientID,
	}
	for name, cfg := range map[string]oauth.Config{"OpenID Connect": oidc, "OAuth 2.0": plain} {
		if _, err := oauth.New(cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, auth := range []string{"", "client_secret_basic", "client_secret_post", "none"} {
		cfg := oidc
		cfg.ClientAuth = auth
		if _, err := oauth.New(cfg); err != nil {
			t.Errorf("%q: %v", auth, err)
		}
	}
	for _, c := range []struct {
		want   string
		base   oauth.Config
		change func(*oauth.Config)
	}{
		{"ClientID is empty", oidc, func(c *oauth.Config) { c.ClientID = "" }},
		{`ClientAuth is "private_key_jwt"`, oidc, func(c *oauth.Config) { c.ClientAuth = "private_key_jwt" }},
		{"Issuer is not an absolute", oidc, func(c *oauth.Config) { c.Issuer = "idp.example" }},
		{"Issuer is not an absolute", oidc, func(c *oauth.Config) { c.Issuer = "https:///path" }},
		{"Issuer is not an absolute", oidc, func(c *oauth.Config) { c.Issuer = "ftp://idp.example" }},
		{"Issuer is not a URL", oidc, func(c *oauth.Config) { c.Issuer = "https://idp.example/%zz" }},
		{"Issuer has a query", oidc, func(c *oauth.Config) { c.Issuer += "?tenant=1" }},
		{"Issuer has a fragment", oidc, func(c *oauth.Config) { c.Issuer += "#" }},
		{"Issuer contains a user name or password", oidc, func(c *oauth.Config) { c.Issuer = "https://u:canary@idp.example" }},
		{"both set", oidc, func(c *oauth.Config) { c.TokenURL = plain.TokenURL }},
		{"AuthorizationURL is empty", plain, func(c *oauth.Config) { c.AuthorizationURL = "" }},
		{"TokenURL is empty", plain, func(c *oauth.Config) { c.TokenURL = "" }},
		{"UserInfoURL is empty", plain, func(c *oauth.Config) { c.UserInfoURL = "" }},
		{"TokenURL is http", plain, func(c *oauth.Config) { c.TokenURL = "http://idp.example/token" }},
		{"has a malformed query", plain, func(c *oauth.Config) { c.AuthorizationURL = "https://idp.example/?a=%zz" }},
		{"has a malformed query", plain, func(c *oauth.Config) { c.AuthorizationURL = "https://idp.example/?%zz=a" }},
		{"Scopes and Params both set the scope", oidc, func(c *oauth.Config) { c.Scopes, c.Params = []string{"openid"}, map[string]string{"scope": "x"} }},
	} {
		c.change(&c.base)
		_, err := oauth.New(c.base)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
	if _, err := oauth.New(oauth.Config{ClientAuth: "x"}); err == nil || strings.Count(err.Error(), "; ") != 4 {
		t.Errorf("not all problems are listed: %v", err)
	}
}

func TestHTTPOnLoopbackOnly(t *testing.T) {
	for host, ok := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "127.0.0.1": true, "127.8.9.10:1": true, "[::1]": true, "[::1]:80": true,
		"[::ffff:127.0.0.1]": true, "idp.example": false, "localhost.example": false, "127.0.0.1.example": false, "10.0.0.1": false,
		"0.0.0.0": false, "127.1": false, "2130706433": false, "[::2]": false, "xn--localhost": false,
	} {
		_, err := oauth.New(oauth.Config{Issuer: "http://" + host, ClientID: clientID})
		if (err == nil) != ok {
			t.Errorf("http://%s: %v", host, err)
		}
		if !ok && err != nil && !strings.Contains(err.Error(), "AllowInsecureHTTP") {
			t.Errorf("http://%s: no way out in %v", host, err)
		}
		if _, err := oauth.New(oauth.Config{Issuer: "http://" + host, ClientID: clientID, AllowInsecureHTTP: true}); err != nil {
			t.Errorf("http://%s, allowed: %v", host, err)
		}
		if _, err := oauth.New(oauth.Config{Issuer: "https://" + host, ClientID: clientID}); err != nil {
			t.Errorf("https://%s: %v", host, err)
		}
	}
}

func TestAuthorizationURL(t *testing.T) {
	f := newFake(t)
	f.metadata["authorization_endpoint"] = f.URL + "/authorize?tenant=a+b&prompt=login&scope=none"
	base := oauth.Config{
		AuthorizationURL: "https://idp.example/authorize", TokenURL: "https://idp.example/token", UserInfoURL: "https://idp.example/me", ClientID: "lab-client",
	}
	oidc := oauth.Config{Issuer: f.URL, ClientID: "lab-client"}
	bare := newFake(t)
	with := func(cfg oauth.Config, change func(*oauth.Config)) oauth.Config {
		change(&cfg)
		return cfg
	}
	pkce := oauth.AuthorizationRequest{RedirectURI: "https://app.example/cb?x=1", CodeChallenge: "CH"}
	all := oauth.AuthorizationRequest{RedirectURI: "https://app.example/cb", State: "a.b", CodeChallenge: "CH", Nonce: "N"}
	request := func(r oauth.AuthorizationRequest, query string, dangerous bool) oauth.AuthorizationRequest {
		var err error
		if r.Params, err = url.ParseQuery(query); err != nil {
			t.Fatal(err)
		}
		r.DangerousParams = dangerous
		return r
	}
	const ours = "response_type=code&client_id=lab-client&redirect_uri=https%3A%2F%2Fapp.example%2Fcb"
	const checks = "&code_challenge=CH&code_challenge_method=S256"
	for _, c := range []struct {
		name string
		cfg  oauth.Config
		r    oauth.AuthorizationRequest
		want string
	}{
		{"plain OAuth, defaults", base, pkce, "https://idp.example/authorize?scope=openid+profile+email&" + ours + "%3Fx%3D1" + checks},
		{"plain OAuth, no checks", base, oauth.AuthorizationRequest{RedirectURI: "https://app.example/cb"},
			"https://idp.example/authorize?scope=openid+profile+email&" + ours},
		{"plain OAuth, own scopes", with(base, func(c *oauth.Config) { c.Scopes = []string{"read:user", "a b"} }), pkce,
			"https://idp.example/authorize?scope=read%3Auser+a+b&" + ours + "%3Fx%3D1" + checks},
		{"plain OAuth, scope among the params", with(base, func(c *oauth.Config) { c.Params = map[string]string{"scope": "read  user"} }), pkce,
			"https://idp.example/authorize?scope=read+user&" + ours + "%3Fx%3D1" + checks},
		{"plain OAuth, scope in the endpoint's query", with(base, func(c *oauth.Config) { c.AuthorizationURL += "?scope=own&a" }), pkce,
			"https://idp.example/authorize?scope=own&a=&" + ours + "%3Fx%3D1" + checks},
		{"endpoint's query holds a protocol parameter twice", with(base, func(c *oauth.Config) { c.AuthorizationURL += "?client_id=a&b=1&client_id=c" }), all,
			"https://idp.example/authorize?client_id=lab-client&b=1&scope=openid+profile+email&response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=a.b" + checks + "&nonce=N"},
		{"plain OAuth, own scopes over those in the endpoint's query", with(base, func(c *oauth.Config) { c.AuthorizationURL += "?scope=own&a=1"; c.Scopes = []string{"b"} }), pkce,
			"https://idp.example/authorize?scope=b&a=1&" + ours + "%3Fx%3D1" + checks},
		{"OpenID Connect, an endpoint without a query", oauth.Config{Issuer: bare.URL, ClientID: "lab-client"}, all,
			bare.URL + "/authorize?" + ours + "&state=a.b" + checks + "&nonce=N&scope=openid+profile+email"},
		{"OpenID Connect", oidc, all,
			f.URL + "/authorize?tenant=a+b&prompt=login&scope=openid+profile+email&" + ours + "&state=a.b" + checks + "&nonce=N"},
		{"OpenID Connect, own scopes", with(oidc, func(c *oauth.Config) { c.Scopes = []string{"email"} }), all,
			f.URL + "/authorize?tenant=a+b&prompt=login&scope=openid+email&" + ours + "&state=a.b" + checks + "&nonce=N"},
		{"params, then those of the request, of which the last counts",
			with(oidc, func(c *oauth.Config) { c.Params = map[string]string{"prompt": "consent", "access_type": "offline"} }),
			request(all, "ui_locales=de&prompt=a&prompt=none&login_hint=x%26y", false),
			f.URL + "/authorize?tenant=a+b&prompt=none&scope=openid+profile+email&" + ours + "&access_type=offline&login_hint=x%26y&ui_locales=de&state=a.b" + checks + "&nonce=N"},

		// As recorded from @auth/core 0.41.3.
		{"overriding, as Auth.js does", base,
			request(pkce, "client_id=hijack&redirect_uri=https%3A%2F%2Fevil.example&state=mine&response_type=token", true),
			"https://idp.example/authorize?scope=openid+profile+email&response_type=token&client_id=hijack&redirect_uri=https%3A%2F%2Fevil.example&state=mine" + checks},
		{"scope, as Auth.js does", base, request(pkce, "scope=read%3Auser&foo=bar", true),
			"https://idp.example/authorize?scope=read%3Auser&" + ours + "%3Fx%3D1" + "&foo=bar" + checks},
		{"scope of OpenID Connect, as Auth.js does", oidc, request(all, "scope=read", true),
			f.URL + "/authorize?tenant=a+b&prompt=login&scope=read&" + ours + "&state=a.b" + checks + "&nonce=N"},
		{"our checks come last even then", oidc, request(all, "state=x&nonce=x&code_challenge=x&code_challenge_method=plain", true),
			f.URL + "/authorize?tenant=a+b&prompt=login&scope=openid+profile+email&" + ours + checks + "&nonce=N&state=a.b"},
		{"params of the configuration too", with(base, func(c *oauth.Config) { c.Params = map[string]string{"response_mode": "form_post"} }), request(pkce, "", true),
			"https://idp.example/authorize?scope=openid+profile+email&" + ours + "%3Fx%3D1" + "&response_mode=form_post" + checks},
	} {
		client, err := oauth.New(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.AuthorizationURL(t.Context(), c.r)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestChallengeIsAlwaysS256(t *testing.T) {
	f := newFake(t)
	for _, c := range []*oauth.Client{f.oidc(), f.plain(), f.plain(func(c *oauth.Config) {
		c.AuthorizationURL += "?code_challenge_method=plain"
		c.Params = map[string]string{"code_challenge_method": "plain"}
	})} {
		raw, err := c.AuthorizationURL(t.Context(), oauth.AuthorizationRequest{
			RedirectURI: redirectURI, CodeChallenge: "CH", Params: url.Values{"code_challenge_method": {"plain"}}, DangerousParams: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		if q := parse(t, raw); !slices.Equal(q["code_challenge_method"], []string{"S256"}) || !slices.Equal(q["code_challenge"], []string{"CH"}) {
			t.Errorf("%s", raw)
		}
	}
}

func parse(t testing.TB, raw string) url.Values {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// Neither the sign-in request nor Params change protocol parameters.
func TestParamsCannotOverrideTheProtocol(t *testing.T) {
	names := []string{
		"client_id", "redirect_uri", "response_type", "response_mode", "state", "nonce", "code_challenge", "code_challenge_method",
		"code_verifier", "request", "request_uri", "client_secret", "client_assertion", "client_assertion_type", "code",
		"Client_ID", "REDIRECT_URI",
	}
	f := newFake(t)
	for _, r := range []oauth.AuthorizationRequest{
		{RedirectURI: redirectURI, State: "s", CodeChallenge: "c", Nonce: "n"}, {RedirectURI: redirectURI},
	} {
		for _, client := range []func(...func(*oauth.Config)) *oauth.Client{f.oidc, f.plain} {
			want, err := client().AuthorizationURL(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			evil := r
			evil.Params = url.Values{"scope": {"admin"}, "Scope": {"admin"}, "nothing": {}}
			params := map[string]string{}
			for _, name := range names {
				evil.Params[name] = []string{"evil"}
				params[name] = "evil"
			}
			got, err := client(func(c *oauth.Config) { c.Params = params }).AuthorizationURL(t.Context(), evil)
			if err != nil || got != want {
				t.Errorf("got %s, %v\nwant %s", got, err, want)
			}
		}
	}
}

func FuzzAuthorizationURL(f *testing.F) {
	f.Add("tenant=a+b&x", "prompt=login&client_id=evil")
	f.Add("client_id=1&client_id=2&scope=", "redirect_uri=x&a=1&a=2")
	f.Add("%26=%3D&;&&=", "=")
	f.Fuzz(func(t *testing.T, own, query string) {
		params, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		client, err := oauth.New(oauth.Config{
			AuthorizationURL: "https://idp.example/a?" + own, TokenURL: "https://idp.example/t", UserInfoURL: "https://idp.example/u", ClientID: clientID,
		})
		if err != nil {
			return // New rejects it
		}
		r := oauth.AuthorizationRequest{RedirectURI: redirectURI, State: "s", CodeChallenge: "c", Nonce: "n", Params: params}
		raw, err := client.AuthorizationURL(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(raw, "https://idp.example/a?") {
			t.Fatalf("another endpoint: %s", raw)
		}
		got := parse(t, raw)
		for name, want := range map[string]string{
			"client_id": clientID, "redirect_uri": redirectURI, "response_type": "code", "state": "s",
			"code_challenge": "c", "code_challenge_method": "S256", "nonce": "n",
		} {
			if !slices.Equal(got[name], []string{want}) {
				t.Errorf("%s is %q in %s", name, got[name], raw)
			}
		}
		// Parameters that are only in the endpoint's query are kept.
		kept, err := url.ParseQuery(own)
		if err != nil {
			return // a semicolon, which this package reads as browsers do
		}
		for name, values := range kept {
			if _, ours := got[name]; !ours {
				t.Errorf("%q is gone from %s", name, raw)
			}
			set := slices.Contains([]string{"client_id", "redirect_uri", "response_type", "state", "code_challenge", "code_challenge_method", "nonce"}, name)
			if _, replaced := params[name]; !set && !replaced && !slices.Equal(got[name], values) {
				t.Errorf("%q is %q, was %q", name, got[name], values)
			}
		}
	})
}
