module github.com/sesame-auth/sesame/examples/routers/chi

go 1.26.0

replace github.com/sesame-auth/sesame => ../../..

require (
	github.com/go-chi/chi/v5 v5.5.0
	github.com/sesame-auth/sesame v0.0.0-00010101000000-000000000000
)

require (
	github.com/coreos/go-oidc/v3 v3.21.0 // indirect
	github.com/go-jose/go-jose/v4 v4.1.8 // indirect
	golang.org/x/oauth2 v0.37.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
