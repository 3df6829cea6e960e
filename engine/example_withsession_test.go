package engine_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/sesame-auth/sesame/engine"
)

// This example tests a handler without an engine.
func ExampleWithSession() {
	hello := func(w http.ResponseWriter, r *http.Request) {
		session, ok := engine.SessionFrom(r.Context())
		if !ok {
			fmt.Fprint(w, "Hello, stranger!")
			return
		}
		fmt.Fprintf(w, "Hello, %s!", session.User.ID)
	}

	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/hello", nil)
	ctx := engine.WithSession(r.Context(), &engine.Session{User: engine.User{ID: "ada"}})
	hello(w, r.WithContext(ctx))
	fmt.Println(w.Body)
	// Output: Hello, ada!
}
