package wirereplay_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/internal/lab/labserver"
)

// TestUntrustedHost replays what the driver cannot: its requests go to
// 127.0.0.1, which Sesame answers without a setting (docs/deviations.md,
// untrusted-loopback). For any other host the recording of Auth.js counts.
func TestUntrustedHost(t *testing.T) {
	data, err := os.ReadFile("testdata/v5/misconfiguration.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Steps []struct {
			Request  struct{ Method, Path string }
			Response struct {
				Status  int
				Headers map[string]string
				JSON    any
			}
		}
	}
	if err := json.Unmarshal(data, &recorded); err != nil || len(recorded.Steps) == 0 {
		t.Fatalf("no steps (%v)", err)
	}
	profiles := labserver.Profiles()
	jwt := slices.IndexFunc(profiles, func(p labserver.Profile) bool { return p.Name == "jwt" })
	server, err := labserver.New(profiles[jwt], labserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	order := httptest.NewRecorder()
	server.ServeHTTP(order, httptest.NewRequest(http.MethodPost, "/__lab", strings.NewReader(`{"flags":{"untrusted":true}}`)))
	if order.Code != http.StatusOK {
		t.Fatalf("/__lab: %d %s", order.Code, order.Body)
	}
	for _, step := range recorded.Steps {
		r := httptest.NewRequest(step.Request.Method, step.Request.Path, nil)
		r.Host = "app.example.com"
		if step.Request.Method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		name := step.Request.Method + " " + step.Request.Path
		if w.Code != step.Response.Status {
			t.Errorf("%s: %d, want %d", name, w.Code, step.Response.Status)
		}
		contentType, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
		if contentType != step.Response.Headers["content-type"] {
			t.Errorf("%s: %s, want %s", name, contentType, step.Response.Headers["content-type"])
		}
		if cookies := w.Result().Cookies(); len(cookies) > 0 {
			t.Errorf("%s: sets %v", name, cookies)
		}
		if step.Response.JSON != nil {
			var got any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || !reflect.DeepEqual(got, step.Response.JSON) {
				t.Errorf("%s: %s, want %v", name, w.Body, step.Response.JSON)
			}
		}
	}
}
