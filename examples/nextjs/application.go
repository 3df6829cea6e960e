package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/authtest"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/examples/nextjs/authtypes"
)

// application is the engine and its surroundings.
type application struct {
	eng   *engine.Engine
	store engine.Adapter
	idp   *authtest.IdP
	front string // the URL of the front end
}

// newApplication sets everything up. front is the URL in the browser's address
// bar, self the URL of this server.
func newApplication(front, self string, log *slog.Logger) (*application, error) {
	a := &application{front: front, store: memory.New(authtypes.Schema())}
	if err := a.addAda(context.Background()); err != nil {
		return nil, err
	}
	var err error
	if a.idp, err = identityProvider(front, self); err != nil {
		return nil, err
	}
	a.eng, err = engine.New(engine.Config{
		// Next.js forwards requests to this server without the scheme of the
		// browser's URL (it sets X-Forwarded-Host only). So this is set, as
		// AUTH_URL is for Auth.js: the identity provider redirects to it, and it
		// decides whether cookies have their https names.
		URL:     front,
		Secrets: []string{rand.Text() + rand.Text()}, // users and their sessions end with this process; otherwise use AUTH_SECRET
		Adapter: a.store,
		// Sessions are in the cookie, as in most Next.js applications.
		SessionStrategy: engine.StrategyJWT,
		// The schema alone copies the role from the user into the session.
		Schema:    authtypes.Schema(),
		Callbacks: authtypes.Callbacks{SignIn: a.admit}.Engine(a),
		Providers: []engine.Provider{
			&engine.OIDC{ID: "demo", Name: "Demo provider", Issuer: a.idp.Issuer(),
				OAuthConfig: engine.OAuthConfig{ClientID: clientID, ClientSecret: clientSecret}},
			&engine.Credentials{
				Name: "password",
				Inputs: []engine.Input{
					{Name: "username", Label: "User name", Placeholder: "ada"},
					{Name: "password", Label: "Password", Type: "password", Placeholder: "lovelace"},
				},
				Authorize: a.checkPassword,
			},
		},
		Logger: log,
		Getenv: func(string) string { return "" }, // ignore AUTH_SECRET and the like, which are for other programs
	})
	return a, err
}

func (a *application) close() { _ = a.eng.Close() } // the memory adapter needs no closing

// handler returns the routes. The front end forwards paths below /api/.
func (a *application) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/auth/", a.eng) // the endpoints of Auth.js
	mux.Handle("GET /api/projects", a.eng.Require(http.HandlerFunc(a.projects)))
	mux.Handle("GET /api/billing", authtypes.Authorized(a.eng, isAdmin, http.HandlerFunc(a.billing)))
	mux.Handle("/idp/", a.idp) // in a real application it is elsewhere
	mux.Handle("GET /{$}", http.RedirectHandler(a.front, http.StatusFound))
	return mux
}

// ---- permissions

// organisations are the customers of this application, by the domain of their
// users' addresses.
var organisations = map[string]struct{ id, name string }{
	"acme.example": {"acme", "Acme Corporation"},
}

// admit runs at each sign-in. Its changes to a new user are stored.
func (a *application) admit(_ context.Context, p *authtypes.SignInParams) (engine.Decision, error) {
	u := p.User
	if u.OrgID != nil || u.Email == nil || u.EmailVerified == nil {
		return engine.Allow(), nil // a known user, or an unverified address
	}
	_, domain, _ := strings.Cut(*u.Email, "@")
	if org, ok := organisations[domain]; ok {
		u.OrgID, u.Role, u.StripeCustomerID = &org.id, authtypes.RoleEditor, new("cus_"+rand.Text())
	}
	return engine.Allow(), nil
}

// OrgName supplies the computed field orgName. Without it application would not
// implement authtypes.Computed, and Engine(a) would not compile.
func (a *application) OrgName(_ context.Context, s *authtypes.Session) (*string, error) {
	for _, org := range organisations {
		if s.User.OrgID != nil && *s.User.OrgID == org.id {
			return &org.name, nil
		}
	}
	return nil, nil
}

func isAdmin(s *authtypes.Session, _ *http.Request) bool { return s.User.Role == authtypes.RoleAdmin }

// ---- the API

// project is an element of the answer of GET /api/projects, as in web/lib/api.ts.
type project struct {
	Name    string `json:"name"`
	CanEdit bool   `json:"canEdit"`
}

// projects runs behind Require: there is a session.
func (a *application) projects(w http.ResponseWriter, r *http.Request) {
	session, _ := authtypes.SessionFrom(r.Context())
	list := []project{}
	if session.User.OrgID != nil {
		edits := session.User.Role != authtypes.RoleMember
		list = append(list, project{"Analytical Engine", edits}, project{"Difference Engine", edits})
	}
	writeJSON(w, http.StatusOK, list)
}

// billing runs behind Authorized, so the user is an administrator. It uses a
// field that is not in the session, because the schema keeps it on the server.
func (a *application) billing(w http.ResponseWriter, r *http.Request) {
	session, _ := authtypes.SessionFrom(r.Context())
	stored, err := a.store.GetUser(r.Context(), session.User.ID)
	if err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"message": "Try again later."})
		return
	}
	open := 0
	if user := authtypes.ReadUser(&stored); user.StripeCustomerID != nil {
		open = 2 // from the payment service, in a real application
	}
	writeJSON(w, http.StatusOK, map[string]int{"openInvoices": open})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// ---- in a real application, elsewhere

const adaEmail = "ada@acme.example"

// addAda stores the user who has a password.
func (a *application) addAda(ctx context.Context) error {
	var ada engine.User
	err := authtypes.WriteUser(&ada, &authtypes.User{
		ID: "ada", Name: new("Ada Lovelace"), Email: new(adaEmail),
		Role: authtypes.RoleAdmin, OrgID: new("acme"), Theme: authtypes.ThemeSystem, StripeCustomerID: new("cus_ada"),
	})
	if err == nil {
		_, err = a.store.CreateUser(ctx, ada)
	}
	return err
}

// checkPassword compares two hashes in constant time. That suffices for a
// password that the page shows; store real ones as password hashes, such as
// argon2id.
func (a *application) checkPassword(ctx context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
	got := sha256.Sum256([]byte(values["username"] + "\x00" + values["password"]))
	want := sha256.Sum256([]byte("ada\x00lovelace"))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return nil, nil // refused
	}
	ada, err := a.store.GetUserByEmail(ctx, adaEmail)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &ada, err
}

// This application as a client of its own identity provider.
const (
	clientID     = "nextjs"
	clientSecret = "known-to-this-program-only"
)

// identityProvider returns an OpenID provider that signs in a user at a click on
// their name. It is a separate site, which browsers reach without Next.js.
func identityProvider(front, self string) (*authtest.IdP, error) {
	idp, err := authtest.NewIdP(authtest.IdPConfig{
		Issuer:  self + "/idp",
		Clients: []authtest.Client{{ID: clientID, Secret: clientSecret, RedirectURIs: []string{strings.TrimSuffix(front, "/") + "/api/auth/callback/demo"}}},
		Users: []authtest.User{
			{Subject: "1", Name: "Grace Hopper", Email: "grace@acme.example", EmailVerified: true},
			{Subject: "2", Name: "Alan Turing", Email: "alan@example.com", EmailVerified: true},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("AUTH_URL %q: %w", front, err)
	}
	return idp, nil
}
