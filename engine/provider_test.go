package engine_test

import (
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// A provider without a name is named after its ID or its type.
func TestProviderIsNamedAfterItsIDOrType(t *testing.T) {
	for want, p := range map[engine.ProviderInfo]engine.Provider{
		{ID: "x", Name: "x", Type: "oidc"}:                            &engine.OIDC{ID: "x"},
		{ID: "x", Name: "X", Type: "oidc"}:                            &engine.OIDC{ID: "x", Name: "X"},
		{ID: "x", Name: "x", Type: "oauth"}:                           &engine.OAuth2{ID: "x"},
		{ID: "x", Name: "X", Type: "oauth"}:                           &engine.OAuth2{ID: "x", Name: "X"},
		{ID: "credentials", Name: "Credentials", Type: "credentials"}: &engine.Credentials{},
		{ID: "x", Name: "X", Type: "credentials"}:                     &engine.Credentials{ID: "x", Name: "X"},
		{ID: "email", Name: "Email", Type: "email"}:                   &engine.Email{},
		{ID: "x", Name: "X", Type: "email"}:                           &engine.Email{ID: "x", Name: "X"},
	} {
		if got := p.ProviderInfo(); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestProvidersAreListed(t *testing.T) {
	s := newSite(t, withStore)
	r := s.browser().get("/providers")
	want := `{"oidc":{"id":"oidc","name":"The IdP","type":"oidc","signinUrl":"http://localhost:3000/api/auth/signin/oidc","callbackUrl":"http://localhost:3000/api/auth/callback/oidc"},` +
		`"oauth":{"id":"oauth","name":"The OAuth","type":"oauth","signinUrl":"http://localhost:3000/api/auth/signin/oauth","callbackUrl":"http://localhost:3000/api/auth/callback/oauth"},` +
		`"credentials":{"id":"credentials","name":"Credentials","type":"credentials","signinUrl":"http://localhost:3000/api/auth/signin/credentials","callbackUrl":"http://localhost:3000/api/auth/callback/credentials"},` +
		`"email":{"id":"email","name":"Email","type":"email","signinUrl":"http://localhost:3000/api/auth/signin/email","callbackUrl":"http://localhost:3000/api/auth/callback/email"}}`
	if r.body != want || r.status != 200 || len(r.set) > 0 || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("GET providers: %d %s", r.status, r.body)
	}
	page := s.browser().get("/signin?callbackUrl=/x&error=CredentialsSignin&email=me@example.com").body
	for _, part := range []string{
		`action="/api/auth/signin/oidc"`, `action="/api/auth/signin/oauth"`, `action="/api/auth/callback/credentials"`, `action="/api/auth/signin/email"`,
		`name="username"`, `type="password"`, `value="http://localhost:3000/x"`, `value="me@example.com"`, `name="csrfToken"`, `role="alert"`,
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the sign-in page lacks %s", part)
		}
	}
}
