package verify_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/internal/wire"
)

// A service of its own beside a Next.js app: the same AUTH_SECRET, and nothing
// else.
func ExampleVerifier_Require() {
	v, err := verify.New(verify.Config{Secrets: []string{"correct-horse-battery-staple-0001"}, Now: exampleClock})
	if err != nil {
		fmt.Println(err)
		return
	}
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := verify.TokenFrom(r.Context())
		fmt.Fprintf(w, "the orders of %s", token.Subject)
	})
	mux := http.NewServeMux()
	mux.Handle("/api/orders", v.Require(orders))

	for _, cookie := range []string{"", exampleCookie(nil)} {
		r := httptest.NewRequest(http.MethodGet, "/api/orders", nil)
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 401 {"message":"Sign in first."}
	// 200 the orders of 42
}

func ExampleVerifier_Token() {
	v, err := verify.New(verify.Config{Secrets: []string{"correct-horse-battery-staple-0001"}, Now: exampleClock})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	_, err = v.Token(r)
	fmt.Println(errors.Is(err, verify.ErrNoSession))

	r.Header.Set("Cookie", exampleCookie(nil))
	token, err := v.Token(r)
	fmt.Println(token.Subject, *token.Name, time.Unix(token.Expires, 0).UTC(), err)
	// Output:
	// true
	// 42 Ada 2026-09-21 15:13:20 +0000 UTC <nil>
}

// Claims that the application adds are read under its Schema, which typegen
// prints: a missing one has its default, an unfit one never arrives.
func ExampleConfig_schema() {
	v, err := verify.New(verify.Config{
		Secrets: []string{"correct-horse-battery-staple-0001"}, Now: exampleClock,
		Schema: &schema.Schema{User: []schema.Field{{
			Name: "role", Type: schema.Type{Kind: schema.Enum, Name: "Role", Enum: []string{"admin", "member"}}, Default: "member", Client: schema.Read,
		}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, claims := range []map[string]any{{"role": "admin"}, {"role": "root"}, nil} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", exampleCookie(claims))
		token, err := v.Token(r)
		fmt.Println(token.Extra["role"], err)
	}
	// Output:
	// admin <nil>
	// member <nil>
	// member <nil>
}

func exampleClock() time.Time { return time.Unix(1790000000, 0) }

// exampleCookie is what a browser sends that has signed in at a Next.js app.
func exampleCookie(extra map[string]any) string {
	name := wire.V5.CookieNames(true).SessionToken
	ada := "Ada"
	claims := &schema.Token{Subject: "42", Name: &ada, Extra: extra}
	token, err := wire.V5.SessionKeys(name, "correct-horse-battery-staple-0001").
		EncodeToken(claims, exampleClock(), time.Hour, bytes.NewReader(make([]byte, 32)))
	if err != nil {
		panic(err)
	}
	return name + "=" + token
}
