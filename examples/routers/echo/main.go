// Command echo is a site with the router echo:
//
//	cd examples/routers/echo && AUTH_SECRET=$(openssl rand -base64 33) go run .
//
// Sign in at http://localhost:8080/account/profile as ada with the password
// lovelace.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/sesame-auth/sesame/engine"
)

func main() {
	eng, err := engine.New(engine.Config{ // and AUTH_SECRET
		Providers: []engine.Provider{&engine.Credentials{
			Inputs: []engine.Input{{Name: "username"}, {Name: "password", Type: "password"}},
			Authorize: func(_ context.Context, values map[string]string, _ *http.Request) (*engine.User, error) {
				if values["username"] != "ada" || values["password"] != "lovelace" {
					return nil, nil // wrong credentials
				}
				return &engine.User{ID: "ada"}, nil
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	site, err := newSite(eng)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8080", site))
}

func newSite(eng *engine.Engine) (http.Handler, error) {
	protect, err := eng.Protect("/account/", "/api/orders")
	if err != nil {
		return nil, err
	}

	e := echo.New()
	e.Use(echo.WrapMiddleware(protect)) // or, for a group of routes, echo.WrapMiddleware(eng.Require)
	e.Any("/api/auth/*", echo.WrapHandler(eng))

	e.GET("/", func(c echo.Context) error {
		name := "stranger"
		if session, err := eng.Session(c.Response(), c.Request()); err == nil && session != nil {
			name = session.User.ID
		}
		return c.String(http.StatusOK, "Hello, "+name+"!")
	})
	e.GET("/account/:section", func(c echo.Context) error {
		session, _ := engine.SessionFrom(c.Request().Context())
		return c.String(http.StatusOK, c.Param("section")+" of "+session.User.ID)
	})
	e.GET("/api/orders", func(c echo.Context) error {
		session, _ := engine.SessionFrom(c.Request().Context())
		return c.JSON(http.StatusOK, map[string]any{"customer": session.User.ID})
	})
	return e, nil
}
