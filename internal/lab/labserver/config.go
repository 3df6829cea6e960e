package labserver

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// config is the configuration of v5.mjs or v4.mjs, with every parity switch on.
func (s *Server) config(f flags) engine.Config {
	trust := !f.Untrusted
	c := engine.Config{
		Dialect:          s.profile.Dialect,
		Secrets:          []string{Secret},
		BasePath:         "/api/auth",
		TrustHost:        &trust,
		UseSecureCookies: f.Config.UseSecureCookies,
		SessionStrategy:  s.profile.Strategy,
		SessionMaxAge:    time.Duration(f.Session.MaxAge) * time.Second,
		SessionUpdateAge: time.Duration(f.Session.UpdateAge) * time.Second,
		JWTMaxAge:        time.Duration(f.Config.JWT.MaxAge) * time.Second,
		Pages:            s.profile.Pages,
		Providers:        s.providers(f),
		Callbacks:        s.callbacks(f),
		Events:           s.events(f),
		Logger:           s.options.Logger,
		Getenv:           func(string) string { return "" },

		Parity: engine.Parity{
			ReissueOnEveryRead:           true,
			SingleCheckCookies:           true,
			KeepCSRFToken:                true,
			CompatiblePages:              true,
			DangerousUpdateData:          true,
			DangerousMailLinkOnGET:       true,
			DangerousAuthorizationParams: true,
			DangerousForeignOrigin:       true,
			DangerousKeepChecks:          true,
			DangerousUnverifiedEmail:     true,
			DangerousErrorMessages:       true,
			// v5 does neither.
			DangerousProfileIDs:      s.profile.Dialect == engine.DialectV4,
			DangerousSignInRedirects: s.profile.Dialect == engine.DialectV4,
		},
	}
	switch {
	case s.profile.Adapter && s.options.Adapter != nil:
		c.Adapter = s.options.Adapter
	case s.profile.Adapter:
		c.Adapter = &adapter{s: s, throws: f.AdapterThrows}
	}
	if s.options.Configure != nil {
		s.options.Configure(&c)
	}
	return c
}

func (s *Server) providers(f flags) []engine.Provider {
	client := engine.OAuthConfig{ClientID: "lab-client", ClientSecret: "lab-client-secret"}
	oidc := func(id string, link bool) engine.Provider {
		p := &engine.OIDC{ID: id, Name: "Lab OIDC", Issuer: s.options.OIDC, OAuthConfig: client}
		p.Checks = []string{"pkce", "state", "nonce"}
		if f.Checks != nil {
			p.Checks = f.Checks
		}
		if f.DeadIDP {
			p.Issuer = "http://127.0.0.1:9" // the discard port: nothing listens
		}
		if f.ProfileThrows {
			p.Profile = func(context.Context, engine.ProfileParams) (engine.User, error) {
				return engine.User{}, errors.New("profile boom")
			}
		}
		p.AllowDangerousEmailAccountLinking = link
		return p
	}
	oauth := func(id string, link bool) engine.Provider {
		p := &engine.OAuth2{
			ID:               id,
			Name:             "Lab OAuth",
			AuthorizationURL: s.options.OAuth + "/authorize",
			TokenURL:         s.options.OAuth + "/token",
			UserInfoURL:      s.options.OAuth + "/userinfo",
			OAuthConfig:      client,
		}
		// The defaults of Auth.js.
		p.Checks = []string{"pkce"}
		if s.profile.Dialect == engine.DialectV4 {
			p.Checks = []string{"state"}
			p.Scopes = []string{"openid"}
		}
		p.AllowDangerousEmailAccountLinking = link
		return p
	}
	all := []engine.Provider{
		&engine.Credentials{
			Inputs: []engine.Input{
				{Name: "username", Label: "User"},
				{Name: "password", Label: "Password", Type: "password"},
			},
			Authorize: s.authorize,
		},
		oidc("lab-oidc", false), oidc("lab-oidc-link", true),
		oauth("lab-oauth", false), oauth("lab-oauth-link", true),
	}
	if s.profile.Adapter {
		sender := s.send
		if s.options.Mail != nil {
			sender = s.options.Mail
		}
		all = append(all, &engine.Email{
			ID:                      "lab-email",
			Name:                    "Email",
			MaxAge:                  24 * time.Hour,
			SendVerificationRequest: sender,
		})
	}
	return all
}

// people are the users that the credentials provider knows. Their password is
// "pw".
func people(name string) engine.User {
	text := func(s string) *string { return &s }
	switch name {
	case "alice":
		return engine.User{ID: "alice-id", Name: text("Alice"), Email: text("alice@example.com"), Image: text("https://img.example.com/alice.png")}
	case "noid":
		return engine.User{Name: text("No Id"), Email: text("noid@example.com")}
	case "bare":
		return engine.User{ID: "bare-id"}
	case "nulls": // null members in Auth.js; a User has one kind of "none", see the jwt callback
		return engine.User{ID: "nulls-id"}
	case "numeric":
		return engine.User{ID: "42", Name: text("Num")}
	}
	return engine.User{}
}

func (s *Server) authorize(_ context.Context, values map[string]string, r *http.Request) (*engine.User, error) {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	s.record(entry{Authorize: names, Request: &requestLine{Method: r.Method, Path: r.URL.Path}})
	switch values["username"] {
	case "throw":
		return nil, errors.New("boom")
	case "code":
		return nil, &engine.CredentialsError{Code: "custom_code"}
	}
	if values["password"] != "pw" {
		return nil, nil
	}
	u := people(values["username"])
	return &u, nil
}

func (s *Server) send(_ context.Context, m engine.VerificationRequest) error {
	if strings.HasPrefix(m.Identifier, "mailfail") {
		return errors.New("smtp down")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail = append(s.mail, mail{m.Identifier, m.URL, m.Token, date(m.Expires).String()})
	return nil
}

func (s *Server) callbacks(f flags) engine.Callbacks {
	c := engine.Callbacks{
		SignIn: func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
			s.record(entry{Callback: "signIn", Args: signInArgs(p)})
			if p.User != nil && p.User.Email != nil && strings.HasPrefix(*p.User.Email, "deny") {
				return engine.Deny(), nil
			}
			switch f.SignIn {
			case "false":
				return engine.Deny(), nil
			case "string":
				return engine.RedirectTo("/blocked?x=1"), nil
			case "foreign":
				return engine.RedirectTo("https://evil.example/x"), nil
			case "throw":
				return engine.Deny(), errors.New("signin boom")
			}
			return engine.Allow(), nil
		},
		JWT: func(_ context.Context, p *engine.JWTParams) error {
			s.record(entry{Callback: "jwt", Args: jwtArgs(p)})
			if p.User != nil && p.User.ID == "nulls-id" { // its members are null, not absent
				for _, claim := range []string{"name", "email", "picture"} {
					p.Token.SetNull(claim, true)
				}
			}
			if f.JWTNull {
				p.Token = nil
				return nil
			}
			if data, ok := p.Update.(map[string]any); ok {
				if name, ok := data["name"].(string); ok && name != "" {
					p.Token.Name = &name
				}
			}
			if f.Pad != nil {
				if p.Token.Extra == nil {
					p.Token.Extra = make(map[string]any)
				}
				p.Token.Extra["pad"] = strings.Repeat("x", *f.Pad)
			}
			return nil
		},
		Redirect: func(_ context.Context, p engine.RedirectParams) (string, error) {
			s.record(entry{Callback: "redirect", Args: map[string]any{"url": p.URL, "baseUrl": p.BaseURL}})
			if strings.HasPrefix(p.URL, "/") {
				return p.BaseURL + p.URL, nil
			}
			u, err := url.Parse(p.URL)
			if err != nil || u.Scheme == "" {
				return "", errors.New("not a URL")
			}
			if u.Scheme+"://"+strings.ToLower(u.Host) == p.BaseURL {
				return p.URL, nil
			}
			return p.BaseURL, nil
		},
	}
	if f.SessionCallback {
		c.Session = func(_ context.Context, p *engine.SessionParams) error {
			s.record(entry{Callback: "session", Args: sessionArgs(p.Session, p.Trigger, p.Update)})
			return nil
		}
	}
	if f.SessionThrows {
		c.Session = func(context.Context, *engine.SessionParams) error { return errors.New("session boom") }
	}
	return c
}

func (s *Server) events(f flags) engine.Events {
	told := func(name string, args map[string]any) error {
		s.record(entry{Event: name, Args: args})
		if f.EventThrows == name {
			return errors.New("event boom")
		}
		return nil
	}
	return engine.Events{
		SignIn: func(_ context.Context, e *engine.SignInEvent) error {
			return told("signIn", without(map[string]any{"user": plainUser(e.User), "account": plainAccount(e.Account), "profile": plainProfile(e.Profile), "isNewUser": e.IsNewUser}))
		},
		SignOut: func(_ context.Context, e *engine.SignOutEvent) error {
			if e.Token != nil {
				return told("signOut", map[string]any{"token": plainToken(e.Token)})
			}
			return told("signOut", map[string]any{"session": plainSession(e.Session)})
		},
		CreateUser: func(_ context.Context, u *engine.User) error {
			return told("createUser", map[string]any{"user": plainUser(u)})
		},
		UpdateUser: func(_ context.Context, u *engine.User) error {
			return told("updateUser", map[string]any{"user": plainUser(u)})
		},
		LinkAccount: func(_ context.Context, e *engine.LinkAccountEvent) error {
			return told("linkAccount", map[string]any{"user": plainUser(e.User), "account": plainAccount(e.Account), "profile": plainUser(e.Profile)})
		},
		Session: func(_ context.Context, s *engine.Session) error {
			return told("session", sessionArgs(s, "", nil))
		},
	}
}
