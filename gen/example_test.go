package gen_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/gen/authtypes"
	"github.com/sesame-auth/sesame/gen/authtypes/authtypestest"
)

// plans supplies the computed fields of auth.schema.yaml.
type plans struct{}

func (plans) Plan(ctx context.Context, s *authtypes.Session) (authtypes.Plan, error) {
	if s.User.OrgID != nil {
		return authtypes.PlanPro, nil
	}
	return authtypes.PlanFree, nil
}

func (plans) SeatsLeft(ctx context.Context, s *authtypes.Session) (*int64, error) { return nil, nil }

// This example uses the generated types in a callback, in an authorization rule
// and in a handler. A page in TypeScript gets the same types from
// next-auth.d.ts.
func Example() {
	eng, err := engine.New(engine.Config{
		Schema: authtypes.Schema(),
		Callbacks: authtypes.Callbacks{
			JWT: func(ctx context.Context, p *authtypes.JWTParams) error {
				if p.User != nil && p.User.ID == "ada" { // at sign-in
					p.Token.Role = authtypes.RoleAdmin
				}
				return nil
			}, // p.Token.Role, p.User, p.Update
		}.Engine(plans{}), // does not compile while a computed field has no source
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
				u := engine.User{ID: values["username"]}
				return &u, authtypes.WriteUser(&u, &authtypes.User{ID: u.ID, OrgID: new("acme"), Role: authtypes.RoleMember})
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("/api/auth/", eng)
	admin := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, ok := authtypes.SessionFrom(r.Context()) // in a handler: s.User.Role, s.Theme, s.Plan
		fmt.Fprintf(w, "%t %s %s %s", ok, s.User.Role, s.Theme, s.Plan)
	})
	mux.Handle("/admin", authtypes.Authorized(eng, func(s *authtypes.Session, r *http.Request) bool {
		return s.User.Role == authtypes.RoleAdmin
	}, admin))

	for _, name := range []string{"ada", "grace"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/admin", nil)
		if _, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"username": name}}); err != nil {
			log.Fatal(err)
		}
		mux.ServeHTTP(w, r)
		fmt.Println(name, w.Code, w.Body)
	}
	// Output:
	// ada 200 true admin system pro
	// grace 403 {"message":"Not allowed."}
}

// This example reads the claims of a session token in another Go service,
// including those that the browser cannot read.
func Example_verify() {
	eng, err := engine.New(engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Schema:  authtypes.Schema(),
		Callbacks: authtypes.Callbacks{
			JWT: func(ctx context.Context, p *authtypes.JWTParams) error {
				p.Token.TenantKey = new("tenant-7")
				return nil
			},
		}.Engine(plans{}),
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) {
				return &engine.User{ID: "ada"}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	v, err := verify.New(verify.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		Schema:  authtypes.Schema(),
	})
	if err != nil {
		log.Fatal(err)
	}
	orders := v.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, ok := verify.TokenFrom(r.Context())
		token := authtypes.ReadToken(claims) // token.Role, token.TenantKey
		fmt.Println(ok, token.Subject, token.Role, *token.TenantKey)
	}))

	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/orders", nil)
	if _, err := eng.SignIn(w, r, "credentials", engine.SignInOptions{}); err != nil {
		log.Fatal(err)
	}
	for _, cookie := range w.Result().Cookies() {
		r.AddCookie(cookie)
	}
	orders.ServeHTTP(httptest.NewRecorder(), r)
	// Output: true ada member tenant-7
}

// This example encodes a session as the browser receives it.
func Example_json() {
	s := authtypestest.Session(func(s *authtypes.Session) { s.User.Name = new("Ada"); s.User.Role = authtypes.RoleAdmin })
	body, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(body))
	// Output:
	// {
	//   "user": {
	//     "name": "Ada",
	//     "email": null,
	//     "image": null,
	//     "id": "test-user",
	//     "role": "admin",
	//     "orgId": null,
	//     "permissions": [],
	//     "teams": [],
	//     "mfa": false,
	//     "trialEndsAt": null,
	//     "address": null,
	//     "offices": [],
	//     "locale": "en",
	//     "credits": 0,
	//     "score": 0.5,
	//     "beta": false
	//   },
	//   "expires": "2099-12-31T00:00:00.000Z",
	//   "theme": "system",
	//   "plan": "free",
	//   "seatsLeft": null
	// }
}
