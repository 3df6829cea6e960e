package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/sesame-auth/sesame/engine"
)

// This example prints the diagnosis of a configuration when a flag asks for it.
func ExampleDiagnose() {
	doctor := new(true) // in production: flag.Bool("doctor", false, "say what is wrong with the configuration")
	ctx := context.Background()
	cfg := engine.Config{
		Secrets: []string{"a secret of at least 32 characters"}, // in production: AUTH_SECRET
		URL:     "https://app.example.com",                      // in production: AUTH_URL
		Providers: []engine.Provider{&engine.Credentials{
			Authorize: func(context.Context, map[string]string, *http.Request) (*engine.User, error) { return nil, nil },
		}},
	}

	if *doctor {
		report := engine.Diagnose(ctx, cfg)
		fmt.Print(report)
		if !report.OK() {
			os.Exit(1)
		}
		return
	}
	// Output:
	// ok    secret                  34 characters, from Secrets[0]
	// ok    dialect                 v5, for clients and servers of next-auth 5 (Auth.js)
	// ok    public URL              https://app.example.com, from Config.URL
	// ok    base path               /api/auth, the default: mount the engine at /api/auth/
	// ok    cookies                 secure, because the public URL is https://app.example.com: __Secure-authjs.session-token, __Host-authjs.csrf-token, __Secure-authjs.callback-url, __Secure-authjs.state, __Secure-authjs.pkce.code_verifier, __Secure-authjs.nonce
	// ok    sessions                strategy jwt, from the default without an Adapter; they live for 720h0m0s, and are extended every 24h0m0s
	// ok    adapter                 none: nothing is stored
	// ok    provider "credentials"  credentials, checked by the application
	// 0 problems, 0 warnings
}
