package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
)

// serve stands for http.ListenAndServe in a program of the README: it asks the
// handler what a browser would ask, prints the answers and ends the program.
func serve(address string, handler http.Handler) error {
	for _, request := range []struct{ path, accept, as string }{
		{path: "/api/auth/providers", accept: "application/json"},
		{path: "/api/auth/session", accept: "application/json"},
		{path: "/hello", accept: "text/html"},
		{path: "/hello", accept: "application/json", as: " from a script"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://"+address+request.path, nil)
		r.Header.Set("Accept", request.accept)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Printf("GET %s%s: %d", request.path, request.as, w.Code)
		if location := w.Header().Get("Location"); location != "" {
			fmt.Printf(" %s", location)
		} else if body := strings.TrimSpace(w.Body.String()); body == "null" {
			fmt.Printf(" %s", body)
		}
		fmt.Println()
	}
	os.Exit(0)
	return nil
}
