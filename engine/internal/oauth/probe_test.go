package oauth_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine/internal/oauth"
)

func writes(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Responses of providers to a probe, and what they mean.
func TestProbe(t *testing.T) {
	const asJSON = "application/json"
	for _, c := range []struct {
		what    string
		path    string
		reply   http.HandlerFunc
		problem string // "" if there is no problem
		hint    string
		knows   bool
		plain   bool
	}{
		{what: "the usual answer", path: "/token", reply: writes(400, asJSON, `{"error":"invalid_grant"}`), knows: true},
		{what: "GitHub's", path: "/token", reply: writes(200, asJSON, `{"error":"bad_verification_code"}`), knows: true, plain: true},
		{what: "one that does not check the client first", path: "/token", reply: writes(400, asJSON, `{"error":"invalid_request"}`)},
		{what: "one that is strict about redirect URIs", path: "/token", reply: writes(400, asJSON, `{"error":"redirect_uri_mismatch"}`)},
		{what: "one without a code", path: "/token", reply: writes(400, "text/html", `nope`)},
		{what: "a token for anybody", path: "/token"},
		{what: "a wrong client", path: "/token", reply: writes(401, asJSON, `{"error":"invalid_client","error_description":"`+clientSecret+`"}`), problem: "invalid_client", hint: "client id and secret"},
		{what: "a wrong client at GitHub", path: "/token", reply: writes(200, asJSON, `{"error":"incorrect_client_credentials"}`), problem: "incorrect_client", hint: "client id and secret", plain: true},
		{what: "a client that may not", path: "/token", reply: writes(400, asJSON, `{"error":"unauthorized_client"}`), problem: "unauthorized_client", hint: "client id and secret"},
		{what: "401 and nothing else", path: "/token", reply: writes(401, "text/html", `x`), problem: "401", hint: "client id and secret"},
		{what: "no token endpoint", path: "/token", reply: writes(404, "text/html", `x`), problem: "404", hint: "URL of the token endpoint", plain: true},
		{what: "a page for a token endpoint", path: "/token", reply: writes(200, "text/html", `<html>`), problem: "is not a JSON object", hint: "URL of the token endpoint", plain: true},
		{what: "a token endpoint that hangs up", path: "/token", reply: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, problem: "failed: ", hint: "reach the provider", plain: true},
		{what: "no metadata", path: "/openid-configuration", reply: writes(500, "text/html", "canary"), problem: "500", hint: "issuer"},
		{what: "no keys", path: "/jwks", reply: writes(200, asJSON, `{"keys":[]}`), problem: "does not answer with keys", hint: "keys"},
		{what: "keys that are not a JWK set", path: "/jwks", reply: writes(200, asJSON, `[]`), problem: "does not answer with keys", hint: "keys"},
		{what: "keys that hang up", path: "/jwks", reply: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, problem: "cannot be fetched", hint: "keys"},
	} {
		f := newFake(t)
		if c.reply != nil {
			f.handlers[c.path] = c.reply
		}
		client := f.oidc()
		if c.plain {
			client = f.plain()
		}
		r := client.Probe(t.Context(), redirectURI)
		switch {
		case c.problem == "" && len(r.Problems) > 0, c.problem != "" && len(r.Problems) != 1:
			t.Errorf("%s: the problems are %v", c.what, r.Problems)
		case c.problem != "":
			p := r.Problems[0]
			if !strings.Contains(p.Error(), c.problem) || !strings.Contains(p.Hint, c.hint) || strings.Contains(p.Error()+p.Hint, "canary") {
				t.Errorf("%s: %v (%s)", c.what, p, p.Hint)
			}
		}
		if r.KnowsClient != c.knows {
			t.Errorf("%s: KnowsClient is %v", c.what, r.KnowsClient)
		}
		if f.form.Get("code") == code || f.form.Has("code") && f.form.Get("redirect_uri") != redirectURI {
			t.Errorf("%s: the token endpoint was asked %v", c.what, f.form)
		}
		// The client is unchanged: the next sign-in fetches the metadata.
		if c.problem == "" && !c.plain {
			asked := f.called("/openid-configuration")
			if err := authorize(t, client); err != nil || f.called("/openid-configuration") != asked+1 {
				t.Errorf("%s: afterwards: %v", c.what, err)
			}
		}
		client.Close()
	}
}

func TestProbeReadsTheClock(t *testing.T) {
	for _, c := range []struct {
		date, age string
		late      time.Duration // of this clock
		want      time.Duration
		none      bool
	}{
		{date: start.Format(http.TimeFormat)},
		{date: start.Format(http.TimeFormat), late: time.Second - 1}, // in the same second
		{date: start.Format(http.TimeFormat), late: time.Second, want: -time.Second},
		{date: start.Add(2 * time.Minute).Format(http.TimeFormat), want: 2 * time.Minute},
		{date: start.Add(-time.Hour).Format(http.TimeFormat), want: -time.Hour},
		{date: start.Add(-time.Hour).Format(http.TimeFormat), age: "3600"}, // from a cache
		{date: start.Format(http.TimeFormat), age: "-5"},
		{date: start.Format(http.TimeFormat), age: "soon"},
		{date: "yesterday", none: true},
	} {
		f := newFake(t)
		f.clock.Advance(c.late)
		stamped := func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", c.date)
			w.Header().Set("Age", c.age)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		}
		f.handlers["/token"] = stamped
		r := f.plain().Probe(t.Context(), redirectURI)
		if r.HasClock == c.none || r.Skew != c.want {
			t.Errorf("Date %s, Age %s: %v, %v", c.date, c.age, r.Skew, r.HasClock)
		}
	}
	f := newFake(t)
	client := f.oidc()
	f.Close()
	if r := client.Probe(t.Context(), redirectURI); r.HasClock || len(r.Problems) != 1 || r.Problems[0].Kind != oauth.Discovery {
		t.Errorf("of a provider that is down: %+v", r)
	}
}
