// Command gin is a site with the router gin:
//
//	cd examples/routers/gin && AUTH_SECRET=$(openssl rand -base64 33) go run .
//
// Sign in at http://localhost:8080/account/profile as ada with the password
// lovelace.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/gin-gonic/gin"
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

	r := gin.New()
	r.Any("/api/auth/*path", gin.WrapH(eng))

	r.GET("/", func(c *gin.Context) {
		name := "stranger"
		if session, err := eng.Session(c.Writer, c.Request); err == nil && session != nil {
			name = session.User.ID
		}
		c.String(http.StatusOK, "Hello, %s!", name)
	})
	r.GET("/account/:section", func(c *gin.Context) {
		session, _ := engine.SessionFrom(c.Request.Context())
		c.String(http.StatusOK, "%s of %s", c.Param("section"), session.User.ID)
	})
	r.GET("/api/orders", func(c *gin.Context) {
		session, _ := engine.SessionFrom(c.Request.Context())
		c.JSON(http.StatusOK, gin.H{"customer": session.User.ID})
	})
	return protect(r), nil // around the router, because gin's middlewares are not those of net/http
}
